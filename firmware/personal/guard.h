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
 *   place                        what becomes of it
 *   text of an event             "hmac-sha256:<rule>:<key id>:<64 hexadecimal digits>" in
 *   that is personal             its place: HMAC-SHA-256 (RFC 2104) of the code without
 *                                prefix, suffix and AIM identifier, under the site key
 *                                (key.h)
 *   members of that scan which   left out
 *   were derived from the code
 *   subject, partition key       left out of an event that holds a code
 *   correlation id               left out if it is one
 *   origin of that event         without what tells of the payload
 *   quarantined bytes that may   left out, with their reason; their length stays
 *   hold a code in any form
 *   topic of quarantined bytes   left out if it holds a code, and the bytes with it
 *   details of issues, topics    left out (gw_personal_is_secret)
 *   that issues are about
 *
 * A text is personal when a rule's pattern fits it as a whole; where the pattern
 * begins with two or more literal characters (its head) also when it occurs in the text
 * or when the text is a beginning of it, as with two codes run together or one cut off.
 * Without a head nothing but the whole can be told from other codes: of a scan, the whole
 * of what was sent or of the code in it (draft->code). Where a scan's raw is damaged, or
 * lacks the prefix or suffix its profile names, the whole is in doubt: then such a
 * pattern needs only to occur in it, as in what a device sent that is no reading (raw and
 * detail of a condition).
 *
 * Escapes. Every text is looked at as it is and as it may have been meant, with the
 * escapes of JSON (\uXXXX, \/, ...) and of raw texts (\xNN) resolved however often they
 * were escaped (reading.h): a raw record of JSON hides no code.
 *
 * Damage. A byte that arrived damaged (NUL, a byte that is no UTF-8, U+FFFD, a control
 * character that is no separator) stands for none to three characters of any kind. A
 * text with damage is personal when a pattern fits it so, at least half of the pattern's
 * signs are seen, and of its head at least one character. Separators (TAB, LF, CR; EOT,
 * FS, GS, RS, US of GS1 and ISO/IEC 15434) are part of good codes: for a pattern with a
 * head they stand for one character at most, without one they are what they are. A rule
 * alone never withholds a damaged code: a text in another character set than UTF-8 is
 * full of such bytes.
 *
 * What is left, because nothing tells it from other codes: digits of a code whose head is
 * lost altogether; less than half of a code; a code that lost more than three characters
 * in one place, or some without a mark; one of which a character became another printable
 * one; of a pattern without a head what stands in a weight, a name (event id, correlation
 * id) or in the raw of a scan that is not in doubt; other encodings (percent, XML, base64
 * but for wills).
 *
 * What this does not reach: a broker the device publishes to, what `republish` sends
 * there, and names a device goes by (client identifiers, user names).
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
 * known that something came, not what. Not `is_own`: of an event that came with the one that
 * is personal in one message, and itself is not. */
typedef void gw_personal_scrub(uint8_t *origin, size_t len, bool is_own);

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
