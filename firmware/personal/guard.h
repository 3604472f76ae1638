/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Personal codes: badges, address labels, whatever names a person. Only a keyed hash
 * of them is written, shown or sent; the code itself stays in the memory of the
 * process that read it.
 *
 * The guard stands between the sources and the queue, as an intake that passes units
 * on: whatever door a code comes in by, it is the last thing before the open commit
 * group, so the code is never in the store, not even in a free page of it.
 *
 *   text of an event   "hmac-sha256:<rule>:<key id>:<64 hexadecimal digits>" in its
 *   that is personal   place: HMAC-SHA-256 (RFC 2104) of the code without prefix,
 *                      suffix and AIM identifier, under the site key (key.h). Of a scan,
 * members that were derived from the code are left out, and subject and partition key; of the
 * origin what tells of the payload bytes for the      left out, with their length and the
 * reason: what cannot be quarantine         taken apart may hold the code in any form details
 * of issues  left out (gw_personal_is_secret)
 *
 * A text is personal when a rule's pattern fits it as a whole; where the pattern
 * begins with two or more literal characters also when it occurs in the text or when
 * the text is a beginning of it, as with two codes run together or one cut off.
 * Without such a beginning nothing but the whole can be told from other codes: of a
 * scan, the whole of what was sent or of the code in it (draft->code). Where a scan's
 * raw holds bytes that are no text, or lacks the prefix or suffix its profile names,
 * the whole is in doubt: then such a pattern needs only to occur in it, as in what a
 * device sent that is no reading (raw and detail of a condition).
 *
 * What this does not reach: a broker the device publishes to, and what
 * `republish` sends there.
 *
 * Loop thread only.
 */
#ifndef GW_PERSONAL_GUARD_H
#define GW_PERSONAL_GUARD_H

#include "firmware/config/config.h"
#include "firmware/health/health.h"
#include "firmware/intake/intake.h"

struct gw_personal;

/* Blot out what tells of the payload in a source's origin, so that it can still be
 * known that something came, not what. */
typedef void gw_personal_scrub(uint8_t *origin, size_t len);

struct gw_personal_options {
    const struct gw_config_personal *config; /* see gw_personal_set_config */
    struct gw_intake intake;                 /* where units go */
    const struct gw_clock *clock;
    struct gw_health *health;
    const char *key_path;     /* must outlive the guard */
    gw_personal_scrub *scrub; /* NULL: such origins are left out */
};

/* Without rules no key is made and units pass untouched. A key that cannot be read or
 * made is an issue, and codes are blotted out until it can. NOMEM. */
enum gw_err gw_personal_open(const struct gw_personal_options *options,
                             struct gw_personal **ret_personal);
/* The key is overwritten in memory. NULL is allowed. */
void gw_personal_close(struct gw_personal *personal);
/* Other rules from now on; `config` must live until the next call. */
void gw_personal_set_config(struct gw_personal *personal,
                            const struct gw_config_personal *config);
/* A unit of more events than these that holds a personal code is RANGE: no device's
 * message has more. */
#define GW_PERSONAL_EVENTS_MAX GW_EVENT_TOGETHER_MAX
/* The seam for sources; lives as long as the guard. */
struct gw_intake gw_personal_intake(struct gw_personal *personal);
/* Now and then: a key whose time has come is replaced, one that could not be had is
 * tried again. */
void gw_personal_tick(struct gw_personal *personal);
/* Whether a text from a device may hold a personal code, whole, in part or in another
 * form: then it must not be shown. For gw_health_set_redactor; `self` is the guard. */
bool gw_personal_is_secret(void *self, struct gw_str text);

#endif
