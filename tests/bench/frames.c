/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many frames a second one core decodes, by profile: the stream is pushed in
 * pieces of 64 bytes, as a serial line brings them, every frame is reported, and
 * the best of several rounds counts. Then once more with the profile's own report,
 * as it runs in the field.
 *
 *     frames [FOLDER]     of the profiles
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/profile/feed.h"

#define ROUNDS 7
#define FRAMES_A_ROUND 200000
#define PIECE_BYTES 64
#define BLOCK_FRAMES 512

struct subject {
    const char *profile;
    const char *frames[4]; /* a load, taken off again; NULL at the end */
};

static const struct subject subjects[] = {
    {"mt-sics", {"S S       0.00 g\r\n", "S D      61.30 g\r\n", "S S     100.00 g\r\n", NULL}},
    {"sma",
     {"\nZ1G       0.000lb \r", "\n 1GM      4.020lb \r", "\n 1G       5.025lb \r", NULL}},
    {"nci",
     {"\n   0.00lb\r\n20\r\x03", "\n   3.10lb\r\n10\r\x03", "\n   5.02lb\r\n00\r\x03", NULL}},
    {"toledo-8217-kg",
     {"\x02"
      "00.000\r",
      "\x02?A\r",
      "\x02"
      "06.125\r",
      NULL}},
    {"toledo-continuous",
     {"\x02,0      0     0\r", "\x02,8    512     0\r", "\x02,0   1234     0\r", NULL}},
    {"sartorius-sbi",
     {"G#    +     0.00 g  \r\n", "G#    +    99.10    \r\n", "G#    +   123.56 g  \r\n",
      NULL}},
    {"scanner-line",
     {"]C100340123450000000018\r\n",
      "]d2010400638133393110AB\x1d"
      "211\r\n",
      NULL}},
    {"scanner-gs-substitute", {"]C1010400638133393110LOT1{GS}21SER1\r\n", NULL}},
    {"proglove-mqtt",
     {"{\"api_version\":\"1.0\",\"event_type\":\"scan\",\"event_id\":\"02114da8\",\"time_"
      "created\":"
      "1546300800000,\"scan_code\":\"]C100340123450000000018\"}\n",
      NULL}},
};

static bool count_item(void *context, const struct gw_observed_item *item) {
    uint64_t *counts = context;
    counts[item->kind]++;
    return true;
}

static int64_t now_ns(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The frames in turn, BLOCK_FRAMES of them. */
static void fill_block(const struct subject *subject, struct gw_buf *block) {
    size_t next = 0;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        next = subject->frames[next] ? next : 0;
        (void) gw_buf_put_str(block, gw_str_from_cstr(subject->frames[next++]));
    }
}

static double frames_a_second(struct gw_feed *feed, struct gw_str block) {
    int64_t start = now_ns();
    unsigned blocks = FRAMES_A_ROUND / BLOCK_FRAMES;
    for (unsigned i = 0; i < blocks; i++) {
        for (size_t at = 0; at < block.len; at += PIECE_BYTES) {
            struct gw_str piece = gw_str_sub(block, at, PIECE_BYTES);
            (void) gw_feed_push(feed, gw_bytes_from_str(piece), i);
        }
    }
    return (double) blocks * BLOCK_FRAMES * 1e9 / (double) (now_ns() - start);
}

static double best_rate(const struct gw_profile *profile, const struct subject *subject,
                        bool report_all) {
    static char storage[1 << 17];
    struct gw_buf block;
    uint64_t counts[GW_UNDECODABLE + 1] = {0};
    const struct gw_feed_options options = {.profile = profile,
                                            .sink = count_item,
                                            .sink_context = counts,
                                            .report_all = report_all};
    struct gw_feed *feed = NULL;
    gw_buf_init(&block, storage, sizeof storage);
    fill_block(subject, &block);
    if (gw_buf_failed(&block) || gw_feed_open(&options, &feed)) {
        fprintf(stderr, "frames: %s cannot be opened\n", subject->profile);
        exit(1);
    }
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double rate = frames_a_second(feed, gw_buf_str(&block));
        best = rate > best ? rate : best;
    }
    gw_feed_close(feed);
    bool has_all = counts[GW_OBSERVED_SCAN] + counts[GW_OBSERVED_WEIGHT] > 0;
    if (!has_all || counts[GW_UNDECODABLE] > 0) {
        fprintf(stderr, "frames: %s does not understand its own frames\n", subject->profile);
        exit(1);
    }
    return best;
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "drivers/profile/profiles";
    char storage[4096];
    printf("%-24s %16s %16s\n", "profile", "all, frames/s", "own, frames/s");
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct gw_buf errors;
        struct gw_profile *profile = NULL;
        gw_buf_init(&errors, storage, sizeof storage);
        if (gw_profile_load(folder, subjects[i].profile, &errors, &profile)) {
            fprintf(stderr, "frames: %.*s", (int) errors.len, storage);
            return 1;
        }
        printf("%-24s %16.0f %16.0f\n", subjects[i].profile,
               best_rate(profile, &subjects[i], true), best_rate(profile, &subjects[i], false));
        gw_profile_close(profile);
    }
    return 0;
}
