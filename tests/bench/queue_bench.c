/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue can do: append and commit by group size, append with trim, read.
 *
 *     queue_bench [folder]     a scratch store is made and removed there
 *
 * Each event carries 300 bytes of data. Written bytes are the kernel's count for
 * this process (/proc/self/io, write_bytes); memory is what is not mapped file
 * (Anonymous in /proc/self/smaps_rollup).
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "firmware/base/file.h"
#include "firmware/queue/queue.h"

#define DATA_BYTES 300
#define MAP_BYTES (UINT64_C(2) << 30)
#define LATENCIES 4096

struct bench {
    char path[256];
    struct gw_clock clock;
    struct gw_queue_writer *writer;
    struct gw_intake intake;
    uint64_t completed;
    char data[DATA_BYTES + 1];
};

static void must(bool done, const char *what) {
    if (!done) {
        (void) fprintf(stderr, "queue_bench: %s\n", what);
        exit(1);
    }
}

static double now_s(clockid_t id) {
    struct timespec ts;
    (void) clock_gettime(id, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* The number behind `name` in a small file of /proc, 0 if it is not there. */
static uint64_t proc_number(const char *path, const char *name) {
    uint8_t storage[8192];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    if (gw_file_read(path, &buf)) {
        return 0;
    }
    struct gw_str rest = gw_buf_str(&buf), line;
    while (gw_str_split(&rest, '\n', &line)) {
        struct gw_str key = gw_str_from_cstr(name), number = {0};
        if (!gw_str_starts_with(line, key)) {
            continue;
        }
        line = gw_str_trim(gw_str_sub(line, key.len, line.len));
        uint64_t value = 0;
        if (gw_str_split(&line, ' ', &number) && !gw_str_to_u64(number, UINT64_MAX, &value)) {
            return value;
        }
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}

static void open_queue(struct bench *bench) {
    (void) nftw(bench->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    struct gw_queue_options options = gw_queue_options_default();
    options.path = bench->path;
    options.map_bytes = MAP_BYTES;
    options.ring_percent = 0;
    options.ring_ms = 0;
    options.write_budget_bytes_per_day = 0;
    options.group_max_events = 10001;
    options.serial = GW_STR("GW-0001");
    options.site = GW_STR("north");
    options.zone = GW_STR("Europe/Berlin");
    options.clock = &bench->clock;
    struct gw_queue_opening opening;
    must(gw_queue_writer_open(&options, NULL, &opening, &bench->writer) == GW_OK,
         "open failed");
    bench->intake = gw_queue_intake(bench->writer);
}

static void close_queue(struct bench *bench) {
    gw_queue_writer_close(bench->writer);
    bench->writer = NULL;
    (void) nftw(bench->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void completed(void *context, uint64_t token, enum gw_err err) {
    struct bench *bench = context;
    (void) token;
    bench->completed += err == GW_OK;
}

static void submit(struct bench *bench, uint64_t n) {
    char device[16];
    (void) snprintf(device, sizeof(device), "scanner-%02u", (unsigned) (n % 32));
    struct gw_event_draft draft = {
        .type = GW_EVENT_SCAN_OBSERVED,
        .class = GW_CLASS_BUSINESS,
        .time_wall_ms = gw_clock_wall_ms(&bench->clock),
        .device = gw_str_from_cstr(device),
        .data = {bench->data, DATA_BYTES},
    };
    struct gw_unit unit = {.events = &draft,
                           .event_count = 1,
                           .completed = completed,
                           .context = bench,
                           .token = n};
    must(gw_intake_submit(&bench->intake, &unit) == GW_OK, "submit refused");
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static void acknowledge_all(struct bench *bench) {
    struct gw_queue_figures figures;
    gw_queue_get_figures(bench->writer, &figures);
    struct gw_queue_progress progress = {.epoch = figures.epoch};
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        progress.acked[i] = progress.sent[i] = figures.classes[i].range.last;
    }
    gw_queue_set_progress(bench->writer, &progress);
}

struct lap {
    double wall_s, cpu_s;
    uint64_t written;
};

static struct lap lap_start(void) {
    return (struct lap){now_s(CLOCK_MONOTONIC), now_s(CLOCK_PROCESS_CPUTIME_ID),
                        proc_number("/proc/self/io", "write_bytes:")};
}

static struct lap lap_end(struct lap start) {
    struct lap end = lap_start();
    return (struct lap){end.wall_s - start.wall_s, end.cpu_s - start.cpu_s,
                        end.written - start.written};
}

static void bench_append(struct bench *bench, uint64_t group, uint64_t events, bool with_trim) {
    static double latencies[LATENCIES];
    size_t latency_count = 0;
    open_queue(bench);
    bench->completed = 0;
    struct lap start = lap_start();
    for (uint64_t n = 0; n < events;) {
        for (uint64_t i = 0; i < group; i++) {
            submit(bench, n++);
        }
        double before = now_s(CLOCK_MONOTONIC);
        must(gw_queue_commit(bench->writer) == GW_OK, "commit failed");
        if (latency_count < LATENCIES) {
            latencies[latency_count++] = (now_s(CLOCK_MONOTONIC) - before) * 1e3;
        }
        if (with_trim) {
            acknowledge_all(bench);
        }
    }
    struct lap lap = lap_end(start);
    must(bench->completed >= events, "completions are missing");
    qsort(latencies, latency_count, sizeof(*latencies), by_size);
    double million = (double) bench->completed / 1e6;
    (void) printf("%-14s %6llu %10.0f %9.2f %9.2f %8.2f %10.0f\n",
                  with_trim ? "append + trim" : "append", (unsigned long long) group,
                  (double) bench->completed / lap.wall_s, latencies[latency_count / 2],
                  latencies[latency_count * 99 / 100], lap.cpu_s / million,
                  (double) lap.written / (double) bench->completed);
    close_queue(bench);
}

static void bench_read(struct bench *bench, uint64_t events) {
    static struct gw_queue_entry entries[1000];
    open_queue(bench);
    for (uint64_t n = 0; n < events; n++) {
        submit(bench, n);
        must(n % 1000 != 999 || gw_queue_commit(bench->writer) == GW_OK, "commit failed");
    }
    must(gw_queue_commit(bench->writer) == GW_OK, "commit failed");
    struct gw_queue_reader *reader = NULL;
    struct gw_buf storage;
    must(gw_queue_reader_open_beside(bench->writer, &reader) == GW_OK
             && gw_buf_open(&storage, 1 << 20) == GW_OK,
         "reader open failed");
    struct lap start = lap_start();
    uint64_t next = 1;
    size_t count = 1;
    while (count > 0) {
        struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, next,
                                                1000, 1 << 20};
        gw_buf_clear(&storage);
        must(gw_queue_read(reader, &request, &storage, entries, 1000, &count) == GW_OK,
             "read failed");
        next += count;
    }
    struct lap lap = lap_end(start);
    must(next == events + 1, "records are missing");
    (void) printf("%-14s %6d %10.0f %9s %9s %8.2f\n", "read", 1000,
                  (double) events / lap.wall_s, "", "", lap.cpu_s / ((double) events / 1e6));
    (void) printf(
        "\nbacklog of %llu events: anonymous memory %llu KiB, all resident %llu KiB\n",
        (unsigned long long) events,
        (unsigned long long) proc_number("/proc/self/smaps_rollup", "Anonymous:"),
        (unsigned long long) proc_number("/proc/self/smaps_rollup", "Rss:"));
    gw_buf_close(&storage);
    gw_queue_reader_close(reader);
    double before = now_s(CLOCK_MONOTONIC);
    gw_queue_writer_close(bench->writer);
    struct gw_queue_options options = gw_queue_options_default();
    options.path = bench->path;
    options.map_bytes = MAP_BYTES;
    options.serial = GW_STR("GW-0001");
    options.clock = &bench->clock;
    struct gw_queue_opening opening;
    must(gw_queue_writer_open(&options, NULL, &opening, &bench->writer) == GW_OK,
         "open failed");
    (void) printf("open with that backlog (page check included): %.2f s\n",
                  now_s(CLOCK_MONOTONIC) - before);
    close_queue(bench);
}

int main(int argc, char **argv) {
    static struct bench bench;
    const char *folder = argc > 1 ? argv[1] : "/var/tmp";
    (void) snprintf(bench.path, sizeof(bench.path), "%s/queue-bench.%d", folder,
                    (int) getpid());
    bench.clock = gw_clock_system();
    memset(bench.data, 'x', DATA_BYTES);
    memcpy(bench.data, "{\"raw\":\"", 8);
    memcpy(bench.data + DATA_BYTES - 2, "\"}", 2);
    (void) printf("%-14s %6s %10s %9s %9s %8s %10s\n", "", "group", "events/s", "p50 ms",
                  "p99 ms", "CPU s/M", "written/ev");
    static const struct {
        uint64_t group, events;
    } runs[] = {{1, 5000}, {10, 40000}, {100, 300000}, {1000, 1000000}, {10000, 1000000}};
    for (size_t i = 0; i < GW_ARRAY_LEN(runs); i++) {
        bench_append(&bench, runs[i].group, runs[i].events, false);
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(runs); i++) {
        bench_append(&bench, runs[i].group, runs[i].events, true);
    }
    bench_read(&bench, 1000000);
    return 0;
}
