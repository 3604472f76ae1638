/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of devices: 128 random bits each, told once, kept as SHA-256 digests in
 * one small file (not in the event store: a store that is set aside must not lock
 * every device out). A digest without salt or stretching is right for a secret
 * that a machine drew: there is nothing to guess.
 *
 * The file: a head line, a line "<device> <digest> [<digest of the next secret>]"
 * for each, a checksum line; replaced atomically. Loop thread only.
 */
#ifndef GW_MQTT_INGRESS_CREDENTIALS_H
#define GW_MQTT_INGRESS_CREDENTIALS_H

#include "firmware/base/buf.h"

#define CREDENTIALS_SECRET_LEN 32

struct credentials;

/* Read the file; a missing one is an empty one. `path` is kept and must outlive it.
 * CORRUPT (checksum or form: nothing is read, nobody gets in), DENIED, IO, NOMEM. */
enum gw_err credentials_open(const char *path, struct credentials **ret_credentials);
/* Digests are wiped. NULL is allowed. */
void credentials_close(struct credentials *credentials);

/* A new secret for a device that has none. DUPLICATE, FULL, IO. */
enum gw_err credentials_add(struct credentials *credentials, struct gw_str device,
                            char ret_secret[static CREDENTIALS_SECRET_LEN + 1]);
/* A next secret; the first is good until the next one is used. NOENT, IO. */
enum gw_err credentials_rotate(struct credentials *credentials, struct gw_str device,
                               char ret_secret[static CREDENTIALS_SECRET_LEN + 1]);
/* NOENT, IO. */
enum gw_err credentials_revoke(struct credentials *credentials, struct gw_str device);
/* OK or DENIED, in the same time whatever is wrong with the secret. The first use of
 * a next secret ends the old one (a write of the file; if that fails both stay). */
enum gw_err credentials_check(struct credentials *credentials, struct gw_str device,
                              struct gw_bytes secret);

#endif
