/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints for the windows of this room: 64 bits, eight bytes at a time. Good against
 * accident, not against a forger: a device that makes two of its own messages
 * collide harms nobody but itself, since topic and packet id must agree too. */
#ifndef GW_MQTT_FINGERPRINT_H
#define GW_MQTT_FINGERPRINT_H

#include "firmware/base/str.h"

#define GW_FINGERPRINT_START UINT64_C(0xcbf29ce484222325)

/* Fingerprint of `bytes`, continuing from `seed` (GW_FINGERPRINT_START, or the
 * fingerprint of what stood before). */
uint64_t gw_fingerprint(uint64_t seed, struct gw_bytes bytes);

#endif
