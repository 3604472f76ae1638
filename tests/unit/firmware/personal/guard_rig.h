/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard without a key, so that what is personal becomes "withheld:<rule>", and all
 * that it lets through as one text:
 *
 *     struct gw_guard_rig rig;
 *     gw_guard_rig_open(&rig, rules, 2);
 *     const char *stored = gw_guard_rig_scan(&rig, "gate", GW_STR("EMP\x00""12345"));
 */
#ifndef GW_TESTS_UNIT_PERSONAL_GUARD_RIG_H
#define GW_TESTS_UNIT_PERSONAL_GUARD_RIG_H

#include "firmware/personal/guard.h"
#include "tests/fakes/fake_clock.h"

#define GW_GUARD_RIG_BYTES 8192

struct gw_guard_rig {
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_health *health;
    struct gw_config_personal config;
    struct gw_personal *personal;
    struct gw_intake intake;
    /* Of the last unit: "subject|partition key|correlation id|data" of each event,
     * "reason|topic|raw" of each quarantined entry. NUL-terminated. */
    char stored[GW_GUARD_RIG_BYTES];
    struct gw_buf buf;
};

/* `rules` must outlive the rig, which is closed with _close. */
void gw_guard_rig_open(struct gw_guard_rig *rig, const struct gw_config_personal_rule *rules,
                       size_t count);
void gw_guard_rig_close(struct gw_guard_rig *rig);
/* Submit, and what was stored; until the next call. */
const char *gw_guard_rig_event(struct gw_guard_rig *rig, const struct gw_event_draft *draft);
const char *gw_guard_rig_entry(struct gw_guard_rig *rig,
                               const struct gw_quarantine_entry *entry);
/* A scan of these bytes, told as drivers/profile tells bytes. */
const char *gw_guard_rig_scan(struct gw_guard_rig *rig, const char *device,
                              struct gw_str bytes);
/* An event with this text as a member, ready for the data of a draft. */
void gw_guard_rig_put_member(struct gw_buf *data, const char *name, struct gw_str bytes);

#endif
