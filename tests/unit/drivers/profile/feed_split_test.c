/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream means the same however it is cut: every capture, every single
 * cut, byte by byte, and thousands of random ways. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "tests/unit/drivers/profile/feed_rig.h"

#define CAPTURES GW_SOURCE_DIR "/tests/contract/feeds"
#define CAPTURE_BYTES 65536
#define RANDOM_SPLITS 300

/* Deterministic, so that a failure comes back. */
static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

struct capture {
    char name[128]; /* of the profile */
    uint8_t bytes[CAPTURE_BYTES];
    size_t len;
};

static void read_capture(const char *file, struct capture *capture) {
    char path[512];
    struct gw_buf buf;
    (void) snprintf(path, sizeof path, CAPTURES "/%s", file);
    gw_buf_init(&buf, capture->bytes, sizeof capture->bytes);
    assert_int_equal(gw_file_read(path, &buf), GW_OK);
    capture->len = buf.len;
    (void) snprintf(capture->name, sizeof capture->name, "%.*s", (int) strcspn(file, "."),
                    file);
}

/* Push with cuts where `piece` says, then end; the transcript into `text`. */
static void run(struct feed_rig *rig, const struct capture *capture, size_t first,
                uint32_t *seed, char *text, size_t size) {
    feed_rig_restart(rig);
    size_t at = 0;
    while (at < capture->len) {
        size_t piece = seed                   ? next_random(seed) % 7 + 1
                       : at == 0 && first > 0 ? first
                                              : capture->len;
        piece = piece < capture->len - at ? piece : capture->len - at;
        /* exact-size copies, so that reading beyond a piece is found */
        uint8_t *copy = malloc(piece);
        assert_non_null(copy);
        memcpy(copy, capture->bytes + at, piece);
        assert_int_equal(gw_feed_push(rig->feed, (struct gw_bytes){copy, piece}, 0), piece);
        free(copy);
        at += piece;
    }
    gw_feed_end(rig->feed, 0);
    assert_true(rig->transcript.len + 1 < size);
    memcpy(text, rig->transcript.data, rig->transcript.len);
    text[rig->transcript.len] = '\0';
}

static void compare_all_splits(const struct capture *capture, bool report_all) {
    static char whole[1 << 18];
    static char split[1 << 18];
    struct feed_rig rig;
    uint32_t seed = 1;
    feed_rig_open(&rig, capture->name);
    rig.report_all = report_all;
    rig.check_drafts = true;
    run(&rig, capture, 0, NULL, whole, sizeof whole);
    assert_true(rig.taken > 0);
    rig.check_drafts = false;
    for (size_t first = 1; first < capture->len; first++) {
        run(&rig, capture, first, NULL, split, sizeof split);
        assert_string_equal(split, whole);
    }
    for (unsigned i = 0; i < RANDOM_SPLITS; i++) {
        run(&rig, capture, 0, &seed, split, sizeof split);
        assert_string_equal(split, whole);
    }
    feed_rig_close(&rig);
}

static void each_capture(void (*check)(const struct capture *capture)) {
    static struct capture capture;
    DIR *dir = opendir(CAPTURES);
    assert_non_null(dir);
    const struct dirent *entry;
    unsigned count = 0;
    while ((entry = readdir(dir)) != NULL) {
        struct gw_str name = gw_str_from_cstr(entry->d_name);
        if (gw_str_ends_with(name, GW_STR(".in"))) {
            read_capture(entry->d_name, &capture);
            check(&capture);
            count++;
        }
    }
    (void) closedir(dir);
    assert_true(count >= 20);
}

static void check_reported(const struct capture *capture) {
    compare_all_splits(capture, false);
}

static void check_all_frames(const struct capture *capture) {
    compare_all_splits(capture, true);
}

static void every_split_of_every_capture_gives_the_same_observations(void **state) {
    (void) state;
    each_capture(check_reported);
}

static void every_split_gives_the_same_with_every_frame_reported(void **state) {
    (void) state;
    each_capture(check_all_frames);
}

static void check_single_bytes(const struct capture *capture) {
    static char whole[1 << 18];
    struct feed_rig rig;
    feed_rig_open(&rig, capture->name);
    run(&rig, capture, 0, NULL, whole, sizeof whole);
    feed_rig_restart(&rig);
    for (size_t i = 0; i < capture->len; i++) {
        assert_int_equal(gw_feed_push(rig.feed, (struct gw_bytes){capture->bytes + i, 1}, 0),
                         1);
    }
    gw_feed_end(rig.feed, 0);
    feed_rig_expect(&rig, whole);
    feed_rig_close(&rig);
}

static void byte_by_byte_gives_the_same_observations(void **state) {
    (void) state;
    each_capture(check_single_bytes);
}

/* Captures with bytes flipped, doubled and left out: any stream, not only good ones. */
static void check_damaged(const struct capture *capture) {
    static struct capture damaged;
    static char whole[1 << 18];
    static char split[1 << 18];
    struct feed_rig rig;
    uint32_t seed = 7;
    feed_rig_open(&rig, capture->name);
    for (unsigned i = 0; i < 60; i++) {
        damaged.len = 0;
        for (size_t at = 0; at < capture->len && damaged.len + 2 < CAPTURE_BYTES; at++) {
            uint32_t what = next_random(&seed) % 40;
            uint8_t byte = what == 0 ? (uint8_t) next_random(&seed) : capture->bytes[at];
            if (what != 1) {
                damaged.bytes[damaged.len++] = byte;
            }
            if (what == 2) {
                damaged.bytes[damaged.len++] = byte;
            }
        }
        rig.check_drafts = true;
        run(&rig, &damaged, 0, NULL, whole, sizeof whole);
        rig.check_drafts = false;
        for (unsigned j = 0; j < 5; j++) {
            run(&rig, &damaged, 0, &seed, split, sizeof split);
            assert_string_equal(split, whole);
        }
    }
    feed_rig_close(&rig);
}

static void a_damaged_stream_means_the_same_however_it_is_cut(void **state) {
    (void) state;
    each_capture(check_damaged);
}

/* A sink that asks to stop after each observation and goes on with the rest. */
static void check_stopping(const struct capture *capture) {
    static char whole[1 << 18];
    struct feed_rig rig;
    feed_rig_open(&rig, capture->name);
    run(&rig, capture, 0, NULL, whole, sizeof whole);
    feed_rig_restart(&rig);
    size_t at = 0;
    unsigned stops = 0;
    while (at < capture->len) {
        rig.stop_at = rig.taken + 1;
        size_t taken = gw_feed_push(
            rig.feed, (struct gw_bytes){capture->bytes + at, capture->len - at}, 0);
        assert_true(taken > 0);
        stops += taken < capture->len - at ? 1 : 0;
        at += taken;
    }
    rig.stop_at = 0;
    gw_feed_end(rig.feed, 0);
    assert_true(stops > 0);
    feed_rig_expect(&rig, whole);
    feed_rig_close(&rig);
}

static void a_sink_that_stops_after_each_observation_loses_nothing(void **state) {
    (void) state;
    each_capture(check_stopping);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_of_every_capture_gives_the_same_observations),
        cmocka_unit_test(every_split_gives_the_same_with_every_frame_reported),
        cmocka_unit_test(byte_by_byte_gives_the_same_observations),
        cmocka_unit_test(a_damaged_stream_means_the_same_however_it_is_cut),
        cmocka_unit_test(a_sink_that_stops_after_each_observation_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
