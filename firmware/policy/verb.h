/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask what: peers x verbs of the submit/control protocol.
 *
 * A peer is the socket a request came in on ("link", "status", "control"), not
 * what it claims. Everything not listed is refused. The verb numbers are those
 * of firmware/ipc/ipc.h, which policy may not include; a unit test compares.
 */
#ifndef GW_POLICY_VERB_H
#define GW_POLICY_VERB_H

#include "firmware/base/str.h"

/* May the peer called `peer_name` use `verb`? False for unknown names and verbs. */
bool gw_verb_allowed(struct gw_str peer_name, unsigned verb);

struct gw_verb_rules {
    unsigned verb;
    const char *name; /* "hello", "quarantine_list", ... as in logs and audit entries */
    bool link, status, control;
    bool is_audited; /* done only together with an audit entry that names an actor */
};

/* Rules of a verb, NULL if unknown. Static storage. */
const struct gw_verb_rules *gw_verb_find(unsigned verb);
/* Entry `index` of the table, NULL behind the last: for listings and tests. */
const struct gw_verb_rules *gw_verb_at(size_t index);

#endif
