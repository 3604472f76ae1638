/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void gw_random_bytes(void *dst, size_t len) {
    unsigned char *p = dst;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR) {
            /* A kernel without getrandom: any identifier made up instead could
             * repeat, which is worse than not starting. */
            abort();
        }
        if (n > 0) {
            p += n;
            len -= (size_t) n;
        }
    }
}

/* The lowest 2^64 mod bound values are thrown away, else the small results
 * would come up more often. */
uint64_t gw_random_below(uint64_t bound) {
    uint64_t unfair = (0 - bound) % bound;
    uint64_t value;
    do {
        gw_random_bytes(&value, sizeof(value));
    } while (value < unfair);
    return value % bound;
}
