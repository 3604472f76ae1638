/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds of the small operations that every event pays for. Each figure is
 * the best of several rounds, which is what the code costs when nobody disturbs
 * it; compare figures of one machine and one build type only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "firmware/base/clock.h"
#include "firmware/base/crc32c.h"
#include "firmware/crypto/crypto.h"
#include "firmware/gs1/gs1.h"
#include "firmware/json/json.h"
#include "tests/bench/scan_payload.h"

#define ROUNDS 9
#define ROUND_NS INT64_C(20000000)

struct fixture {
    struct gw_buf payload;
    uint8_t payload_bytes[512];
    uint8_t block[400];
    struct gw_buf out;
    uint8_t out_bytes[512];
};

static void require(enum gw_err err) {
    if (err) {
        fprintf(stderr, "micro: %s\n", gw_err_name(err));
        exit(1);
    }
}

static void run_json_check(struct fixture *f) {
    static const struct gw_json_limits limits = {65536, 16, GW_JSON_OBJECT};
    require(gw_json_check(gw_buf_str(&f->payload), &limits, NULL));
}

static void run_json_find(struct fixture *f) {
    struct gw_str raw;
    require(gw_json_find_raw(gw_buf_str(&f->payload), GW_STR("/code"), &raw));
}

static void run_json_unescape(struct fixture *f) {
    gw_buf_clear(&f->out);
    require(gw_json_unescape(GW_STR("\"]C10034012345\\u001d100000001\""), &f->out));
}

static void run_json_string(struct fixture *f) {
    gw_buf_clear(&f->out);
    gw_buf_put_json_str(&f->out, GW_STR("]C10034012345\x1d"
                                        "100000001"));
}

static void run_sha256(struct fixture *f) {
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256_of((struct gw_bytes){f->block, 300}, digest);
    f->block[0] = digest[0];
}

static void run_crc32c(struct fixture *f) {
    f->block[0] = (uint8_t) gw_crc32c(0, (struct gw_bytes){f->block, 400});
}

static void run_crc32c_portable(struct fixture *f) {
    f->block[0] = (uint8_t) gw_crc32c_portable(0, (struct gw_bytes){f->block, 400});
}

static void run_time_put(struct fixture *f) {
    gw_buf_clear(&f->out);
    gw_time_put(&f->out, INT64_C(1795418040123) + f->block[0]);
}

static void run_time_parse(struct fixture *f) {
    int64_t wall_ms = 0;
    require(gw_time_parse(GW_STR("2026-11-23T08:14:00.123456+01:00"), &wall_ms));
    f->block[0] = (uint8_t) wall_ms;
}

static void run_clocks(struct fixture *f) {
    struct gw_clock clock = gw_clock_system();
    f->block[0] = (uint8_t) (gw_clock_mono_ms(&clock) + gw_clock_wall_ms(&clock));
}

static void run_clock_quality(struct fixture *f) {
    struct gw_clock clock = gw_clock_system();
    f->block[0] = (uint8_t) clock.quality(clock.self);
}

static void parse_valid(struct gw_str scan) {
    static struct gw_gs1_scan result;
    gw_gs1_parse(scan, NULL, &result);
    require(result.ok ? GW_OK : GW_ERR_SCHEMA);
}

static void run_gs1_sscc(struct fixture *f) {
    (void) f;
    parse_valid(GW_STR("]C100106141411234567897"));
}

static void run_gs1_elements(struct fixture *f) {
    (void) f;
    parse_valid(GW_STR("]d201095212345432131725123110ABC123\x1d"
                       "21SERIAL456"));
}

static void run_gs1_link(struct fixture *f) {
    (void) f;
    parse_valid(GW_STR("]Q1https://example.com/01/09521234543213/10/ABC123/21/"
                       "SERIAL456?17=251231"));
}

static int64_t now_ns(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static double round_ns(void (*run)(struct fixture *), struct fixture *fixture) {
    int64_t start = now_ns();
    int64_t count = 0;
    int64_t spent = 0;
    while (spent < ROUND_NS) {
        for (int i = 0; i < 256; i++) {
            run(fixture);
            /* The work must not be moved out of the loop. */
            __asm__ volatile("" ::: "memory");
        }
        count += 256;
        spent = now_ns() - start;
    }
    return (double) spent / (double) count;
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(struct fixture *);
    } rows[] = {
        {"json check, scan of 200 bytes", run_json_check},
        {"json find, fifth of 11 members", run_json_find},
        {"json unescape, 24 bytes", run_json_unescape},
        {"json string, 24 bytes", run_json_string},
        {"sha-256 of 300 bytes", run_sha256},
        {"crc-32c of 400 bytes", run_crc32c},
        {"crc-32c of 400 bytes, portable", run_crc32c_portable},
        {"time to text", run_time_put},
        {"time from text", run_time_parse},
        {"both clocks", run_clocks},
        {"clock quality", run_clock_quality},
        {"gs1 element string, SSCC", run_gs1_sscc},
        {"gs1 element string, 4 elements", run_gs1_elements},
        {"gs1 digital link, 4 elements", run_gs1_link},
    };
    static struct fixture fixture;
    struct gw_scan_payload scan = {GW_STR("0123456789ab"), 7, 123456, 1795418040123456789, 200};
    gw_buf_init(&fixture.payload, fixture.payload_bytes, sizeof(fixture.payload_bytes));
    gw_buf_init(&fixture.out, fixture.out_bytes, sizeof(fixture.out_bytes));
    gw_scan_put_payload(&scan, &fixture.payload);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double best = round_ns(rows[i].run, &fixture);
        for (int round = 1; round < ROUNDS; round++) {
            double ns = round_ns(rows[i].run, &fixture);
            best = ns < best ? ns : best;
        }
        printf("%-32s %8.1f ns\n", rows[i].name, best);
    }
    return 0;
}
