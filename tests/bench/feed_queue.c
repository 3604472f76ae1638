/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed_queue: stands in for gw-collectd where only the cloud side is looked at.
 * It owns a queue store, appends events as it is told and rings the doorbell.
 *
 *   feed_queue --store FOLDER --doorbell PATH [--progress FILE]
 *
 * Commands on standard input, one a line, each answered by one line:
 *   CLASS COUNT [RATE]   append COUNT events of the class, RATE a second (0 = as
 *                        fast as it goes, in groups): "CLASS LAST"
 *   trim                 apply the progress file: "trimmed ACKED" (business)
 * The end of input ends it. `symbology` of each event is its time of sending in
 * ns, which is what fast_sink measures latency by.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/ipc/ipc.h"
#include "firmware/queue/queue.h"

#define GROUP 1000

struct feeder {
    struct gw_clock clock;
    struct gw_queue_writer *writer;
    struct gw_intake intake;
    int ringer;
    const char *doorbell, *progress;
    uint64_t last[GW_CLASS_COUNT];
    uint64_t number;
};

static void require(enum gw_err err, const char *what) {
    if (err) {
        fprintf(stderr, "feed_queue: %s: %s\n", what, gw_err_name(err));
        exit(1);
    }
}

static const char *option(int count, char **words, const char *name) {
    for (int i = 1; i + 1 < count; i++) {
        if (strcmp(words[i], name) == 0) {
            return words[i + 1];
        }
    }
    return NULL;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static void ring(void *context) {
    const struct feeder *feeder = context;
    gw_doorbell_ring(feeder->ringer, feeder->doorbell);
}

static void open_queue(struct feeder *feeder, const char *store) {
    struct gw_queue_options options = gw_queue_options_default();
    struct gw_queue_witness witness = {0};
    struct gw_queue_opening opening;
    options.path = store;
    options.map_bytes = UINT64_C(1) << 30;
    options.serial = GW_STR("GW-1");
    options.site = GW_STR("test-site");
    options.zone = GW_STR("Europe/Berlin");
    options.clock = &feeder->clock;
    require(gw_queue_writer_open(&options, &witness, &opening, &feeder->writer), "open");
    require(gw_queue_mark_healthy(feeder->writer), "open");
    gw_queue_on_commit(feeder->writer, ring, feeder);
    feeder->intake = gw_queue_intake(feeder->writer);
}

static void append(struct feeder *feeder, enum gw_flow_class class) {
    char data[256];
    int n = snprintf(data, sizeof(data),
                     "{\"raw\":\"4006381333931-%08llu\",\"symbology\":\"%lld\"}",
                     (unsigned long long) ++feeder->number, (long long) now_ns());
    struct gw_event_draft draft = {
        .type = GW_EVENT_SCAN_OBSERVED,
        .class = class,
        .time_wall_ms = gw_clock_wall_ms(&feeder->clock),
        .device = GW_STR("scanner-1"),
        .data = {data, (size_t) n},
    };
    struct gw_unit unit = {.events = &draft, .event_count = 1};
    require(gw_intake_submit(&feeder->intake, &unit), "append");
    feeder->last[class]++;
}

static void wait_until_ns(int64_t when) {
    int64_t left = when - now_ns();
    if (left > 0) {
        struct timespec pause = {left / 1000000000, left % 1000000000};
        nanosleep(&pause, NULL);
    }
}

static void feed(struct feeder *feeder, enum gw_flow_class class, uint64_t count,
                 uint64_t rate) {
    int64_t start = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        if (rate > 0) {
            wait_until_ns(start + (int64_t) (i * 1000000000 / rate));
        }
        append(feeder, class);
        if (rate > 0 || (i + 1) % GROUP == 0 || i + 1 == count) {
            require(gw_queue_commit(feeder->writer), "commit");
        }
    }
    printf("%s %llu\n", gw_flow_class_name(class), (unsigned long long) feeder->last[class]);
}

static void trim(struct feeder *feeder) {
    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    enum gw_err err = gw_queue_progress_read(feeder->progress, progress, &count);
    if (err) {
        printf("trimmed none: %s\n", gw_err_name(err));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        gw_queue_set_progress(feeder->writer, &progress[i]);
    }
    printf("trimmed %llu\n", (unsigned long long) progress[count - 1].acked[0]);
}

static void obey(struct feeder *feeder, struct gw_str line) {
    struct gw_str word = {0}, number = {0}, rate = {0};
    enum gw_flow_class class;
    uint64_t count = 0, per_second = 0;
    (void) gw_str_split(&line, ' ', &word);
    if (gw_str_eq(word, GW_STR("trim")) && feeder->progress) {
        trim(feeder);
        return;
    }
    require(gw_flow_class_parse(word, &class), "unknown command");
    (void) gw_str_split(&line, ' ', &number);
    require(gw_str_to_u64(number, 100000000, &count), "count");
    if (gw_str_split(&line, ' ', &rate)) {
        require(gw_str_to_u64(rate, 1000000, &per_second), "rate");
    }
    feed(feeder, class, count, per_second);
}

int main(int count, char **words) {
    struct feeder feeder = {.clock = gw_clock_system(),
                            .doorbell = option(count, words, "--doorbell"),
                            .progress = option(count, words, "--progress")};
    const char *store = option(count, words, "--store");
    char line[256];
    if (!store || !feeder.doorbell) {
        fprintf(stderr, "usage: feed_queue --store FOLDER --doorbell PATH [--progress FILE]\n");
        return 2;
    }
    require(gw_doorbell_ringer(&feeder.ringer), "ringer");
    open_queue(&feeder, store);
    printf("ready\n");
    (void) fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        obey(&feeder, gw_str_trim(gw_str_from_cstr(line)));
        (void) fflush(stdout);
    }
    gw_queue_writer_close(feeder.writer);
    (void) close(feeder.ringer);
    return 0;
}
