/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in a fixed number of buckets, for the programs of this folder. */
#ifndef GW_TESTS_BENCH_HISTOGRAM_H
#define GW_TESTS_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds, 32 steps per power of two: 3 % resolution. */
#define GW_HISTOGRAM_STEPS 32U
#define GW_HISTOGRAM_BUCKETS (64U + 58U * GW_HISTOGRAM_STEPS)

struct gw_histogram {
    uint64_t total;
    uint64_t buckets[GW_HISTOGRAM_BUCKETS];
};

static inline size_t gw_histogram_bucket(uint64_t us) {
    if (us < 64) {
        return us;
    }
    unsigned exponent = 63U - (unsigned) __builtin_clzll(us);
    return 64 + (exponent - 6) * GW_HISTOGRAM_STEPS
           + (us >> (exponent - 5) & (GW_HISTOGRAM_STEPS - 1));
}

static inline uint64_t gw_histogram_floor(size_t bucket) {
    if (bucket < 64) {
        return bucket;
    }
    size_t exponent = (bucket - 64) / GW_HISTOGRAM_STEPS + 6;
    return (UINT64_C(1) << exponent)
           + ((uint64_t) (bucket - 64) % GW_HISTOGRAM_STEPS << (exponent - 5));
}

static inline void gw_histogram_add(struct gw_histogram *histogram, uint64_t us) {
    histogram->buckets[gw_histogram_bucket(us)]++;
    histogram->total++;
}

/* Lower end of the bucket that holds the value at `per_thousand`; 0 if empty. */
static inline uint64_t gw_histogram_percentile(const struct gw_histogram *histogram,
                                               uint64_t per_thousand) {
    uint64_t wanted = histogram->total * per_thousand / 1000;
    uint64_t seen = 0;
    for (size_t i = 0; i < GW_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted) {
            return gw_histogram_floor(i);
        }
    }
    return 0;
}

#endif
