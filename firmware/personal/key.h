/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site key: what personal codes are hashed with. One file of its own, mode 0600,
 * made when it is first needed and replaced after its time; the old key is gone then,
 * and with it whatever could tie hashes to people. It is never logged, shown or sent.
 */
#ifndef GW_PERSONAL_KEY_H
#define GW_PERSONAL_KEY_H

#include "firmware/base/clock.h"
#include "firmware/crypto/crypto.h"

#define GW_PERSONAL_KEY_ID_LEN 9 /* "k" and 8 hexadecimal digits */

struct gw_personal_key {
    char id[GW_PERSONAL_KEY_ID_LEN + 1];
    uint8_t secret[GW_SHA256_BYTES];
    int64_t made_wall_ms;
};

/* Read it. NOENT; CORRUPT when it is not what was written; DENIED, IO. */
enum gw_err gw_personal_key_read(const char *path, struct gw_personal_key *ret_key);
/* Draw a new one and write it in place of the old one. FULL, DENIED, NOENT, IO:
 * ret_key is untouched, for a key that may not survive must not be used. */
enum gw_err gw_personal_key_make(const char *path, int64_t now_wall_ms,
                                 struct gw_personal_key *ret_key);
/* Overwrite it. */
void gw_personal_key_wipe(struct gw_personal_key *key);

#endif
