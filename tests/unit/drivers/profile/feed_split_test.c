/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream means the same however it is cut: every capture, every single
 * cut, byte by byte, and thousands of random ways. Of a timed capture the bytes of each
 * step are cut and keep its time. */
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
#define STEPS 64
#define RANDOM_SPLITS 300

/* Deterministic, so that a failure comes back. */
static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Bytes up to `end` came at that time. */
struct step {
    int64_t at_mono_ms;
    size_t end;
};

struct capture {
    char name[128]; /* of the profile */
    bool is_timed;
    uint8_t bytes[CAPTURE_BYTES];
    size_t len;
    struct step steps[STEPS];
    size_t step_count;
};

static void read_plain(struct gw_bytes file, struct capture *capture) {
    memcpy(capture->bytes, file.ptr, file.len);
    capture->len = file.len;
    capture->steps[0] = (struct step){.end = file.len};
    capture->step_count = 1;
}

/* Lines of "<milliseconds> <hex bytes>", as `gwctl profile feed --timed` takes them. */
static void read_timed(struct gw_bytes file, struct capture *capture) {
    struct gw_str rest = gw_str_from_bytes(file);
    struct gw_str line;
    while (gw_str_split(&rest, '\n', &line)) {
        struct gw_str time;
        int64_t at = 0;
        line = gw_str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        (void) gw_str_split(&line, ' ', &time);
        struct gw_str hex = gw_str_trim(line);
        assert_int_equal(gw_str_to_i64(time, 0, INT32_MAX, &at), GW_OK);
        assert_int_equal(gw_hex_parse(hex, capture->bytes + capture->len, hex.len / 2), GW_OK);
        assert_true(capture->step_count < STEPS);
        capture->len += hex.len / 2;
        capture->steps[capture->step_count++] = (struct step){at, capture->len};
    }
}

static void read_capture(const char *file, struct capture *capture) {
    static uint8_t bytes[CAPTURE_BYTES];
    char path[512];
    struct gw_buf buf;
    *capture = (struct capture){.is_timed =
                                    gw_str_ends_with(gw_str_from_cstr(file), GW_STR(".timed"))};
    (void) snprintf(path, sizeof path, CAPTURES "/%s", file);
    gw_buf_init(&buf, bytes, sizeof bytes);
    assert_int_equal(gw_file_read(path, &buf), GW_OK);
    (capture->is_timed ? read_timed : read_plain)(gw_buf_bytes(&buf), capture);
    (void) snprintf(capture->name, sizeof capture->name, "%.*s", (int) strcspn(file, "."),
                    file);
}

/* ---- cutting ---- */

struct cutting {
    size_t first;     /* cut here, 0 = nowhere */
    uint32_t *seed;   /* pieces of 1 to 7 bytes */
    bool is_single;   /* pieces of one byte */
    bool is_stopping; /* the sink asks to stop after each observation */
    unsigned stops;
};

static size_t piece_of(const struct cutting *cutting, size_t at, size_t end) {
    size_t piece = end - at;
    if (cutting->is_single) {
        piece = 1;
    } else if (cutting->seed) {
        piece = next_random(cutting->seed) % 7 + 1;
    } else if (at < cutting->first) {
        piece = cutting->first - at;
    }
    return piece < end - at ? piece : end - at;
}

/* Exact-size copies, so that reading beyond a piece is found. */
static size_t push(struct feed_rig *rig, struct cutting *cutting, struct gw_bytes piece,
                   int64_t now_mono_ms) {
    uint8_t *copy = malloc(piece.len);
    assert_non_null(copy);
    memcpy(copy, piece.ptr, piece.len);
    rig->stop_at = cutting->is_stopping ? rig->taken + 1 : 0;
    size_t taken = gw_feed_push(rig->feed, (struct gw_bytes){copy, piece.len}, now_mono_ms);
    free(copy);
    assert_true(taken > 0 && (cutting->is_stopping || taken == piece.len));
    cutting->stops += taken < piece.len;
    rig->stop_at = 0;
    return taken;
}

/* As the loop of a daemon does: whatever falls due before. */
static void pass(struct gw_feed *feed, int64_t at_mono_ms) {
    int64_t due;
    while ((due = gw_feed_next_mono_ms(feed)) < at_mono_ms) {
        struct gw_bytes request;
        gw_feed_tick(feed, due);
        (void) gw_feed_request(feed, due, &request);
    }
    gw_feed_tick(feed, at_mono_ms);
}

/* Push with cuts, then end; the transcript stays in the rig. */
static void push_all(struct feed_rig *rig, const struct capture *capture,
                     struct cutting *cutting) {
    feed_rig_restart(rig);
    int64_t now_mono_ms = 0;
    size_t at = 0;
    for (size_t i = 0; i < capture->step_count; i++) {
        now_mono_ms = capture->steps[i].at_mono_ms;
        if (capture->is_timed) {
            pass(rig->feed, now_mono_ms);
        }
        while (at < capture->steps[i].end) {
            size_t piece = piece_of(cutting, at, capture->steps[i].end);
            at +=
                push(rig, cutting, (struct gw_bytes){capture->bytes + at, piece}, now_mono_ms);
        }
    }
    gw_feed_end(rig->feed, now_mono_ms);
}

/* The same with the transcript in `text`. */
static void run(struct feed_rig *rig, const struct capture *capture, struct cutting cutting,
                char *text, size_t size) {
    push_all(rig, capture, &cutting);
    assert_true(rig->transcript.len + 1 < size);
    memcpy(text, rig->transcript.data, rig->transcript.len);
    text[rig->transcript.len] = '\0';
}

#define WHOLE ((struct cutting){0})

static void compare_all_splits(const struct capture *capture, bool report_all) {
    static char whole[1 << 18];
    static char split[1 << 18];
    struct feed_rig rig;
    uint32_t seed = 1;
    feed_rig_open(&rig, capture->name);
    rig.report_all = report_all;
    rig.check_drafts = true;
    run(&rig, capture, WHOLE, whole, sizeof whole);
    assert_true(rig.taken > 0);
    rig.check_drafts = false;
    for (size_t first = 1; first < capture->len; first++) {
        run(&rig, capture, (struct cutting){.first = first}, split, sizeof split);
        assert_string_equal(split, whole);
    }
    for (unsigned i = 0; i < RANDOM_SPLITS; i++) {
        run(&rig, capture, (struct cutting){.seed = &seed}, split, sizeof split);
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
    unsigned timed = 0;
    while ((entry = readdir(dir)) != NULL) {
        struct gw_str name = gw_str_from_cstr(entry->d_name);
        if (gw_str_ends_with(name, GW_STR(".in")) || gw_str_ends_with(name, GW_STR(".timed"))) {
            read_capture(entry->d_name, &capture);
            check(&capture);
            count++;
            timed += capture.is_timed;
        }
    }
    (void) closedir(dir);
    assert_true(count >= 25 && timed >= 5);
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
    run(&rig, capture, WHOLE, whole, sizeof whole);
    push_all(&rig, capture, &(struct cutting){.is_single = true});
    feed_rig_expect(&rig, whole);
    feed_rig_close(&rig);
}

static void byte_by_byte_gives_the_same_observations(void **state) {
    (void) state;
    each_capture(check_single_bytes);
}

/* Captures with bytes flipped, doubled and left out: any stream, not only good ones. */
static void damage(const struct capture *capture, uint32_t *seed, struct capture *damaged) {
    *damaged = *capture;
    damaged->len = 0;
    size_t step = 0;
    for (size_t at = 0; at < capture->len && damaged->len + 2 < CAPTURE_BYTES; at++) {
        for (; capture->steps[step].end <= at; step++) {
            damaged->steps[step].end = damaged->len;
        }
        uint32_t what = next_random(seed) % 40;
        uint8_t byte = what == 0 ? (uint8_t) next_random(seed) : capture->bytes[at];
        if (what != 1) {
            damaged->bytes[damaged->len++] = byte;
        }
        if (what == 2) {
            damaged->bytes[damaged->len++] = byte;
        }
    }
    for (; step < damaged->step_count; step++) {
        damaged->steps[step].end = damaged->len;
    }
}

static void check_damaged(const struct capture *capture) {
    static struct capture damaged;
    static char whole[1 << 18];
    static char split[1 << 18];
    struct feed_rig rig;
    uint32_t seed = 7;
    feed_rig_open(&rig, capture->name);
    for (unsigned i = 0; i < 60; i++) {
        damage(capture, &seed, &damaged);
        rig.check_drafts = true;
        run(&rig, &damaged, WHOLE, whole, sizeof whole);
        rig.check_drafts = false;
        for (unsigned j = 0; j < 5; j++) {
            run(&rig, &damaged, (struct cutting){.seed = &seed}, split, sizeof split);
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
    run(&rig, capture, WHOLE, whole, sizeof whole);
    struct cutting cutting = {.is_stopping = true};
    push_all(&rig, capture, &cutting);
    assert_true(capture->is_timed || cutting.stops > 0);
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
