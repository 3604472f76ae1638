/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers from getrandom(2), never seeded by hand. Thread-safe. */
#ifndef GW_BASE_RANDOM_H
#define GW_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fill with bytes of the kernel's generator; cannot fail after boot (it blocks
 * until the pool is initialised, as getrandom does). */
void gw_random_bytes(void *dst, size_t len);
/* Uniform in [0, bound); bound > 0. */
uint64_t gw_random_below(uint64_t bound);

#endif
