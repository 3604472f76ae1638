/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/queue_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool done, const char *what) {
    if (!done) {
        (void) fprintf(stderr, "queue fixture: %s\n", what);
        abort();
    }
}

void gw_queue_fixture_init(struct gw_queue_fixture *f, uint64_t map_bytes) {
    *f = (struct gw_queue_fixture){.next_token = 1};
    gw_temp_folder_open(&f->folder);
    gw_temp_path(&f->folder, "queue", f->path);
    f->clock = gw_fake_clock_init(&f->fake);
    f->options = gw_queue_options_default();
    f->options.path = f->path;
    f->options.map_bytes = map_bytes;
    f->options.quarantine_max_bytes = 200000;
    f->options.write_budget_bytes_per_day = 0;
    f->options.serial = GW_STR("GW-0001");
    f->options.site = GW_STR("north");
    f->options.owner = GW_STR("");
    f->options.zone = GW_STR("Europe/Berlin");
    f->options.clock = &f->clock;
    memset(f->options.boot_id, 0xb0, sizeof(f->options.boot_id));
    f->told_tokens = calloc(GW_FIXTURE_MAX_TOLD, sizeof(*f->told_tokens));
    f->told_errs = calloc(GW_FIXTURE_MAX_TOLD, sizeof(*f->told_errs));
    must(f->told_tokens && f->told_errs, "out of memory");
}

static void ring(void *context) {
    struct gw_queue_fixture *f = context;
    f->rings++;
}

enum gw_err gw_queue_fixture_open(struct gw_queue_fixture *f) {
    gw_queue_fixture_close(f);
    enum gw_err err = gw_queue_writer_open(&f->options, &f->witness, &f->opening, &f->writer);
    if (err) {
        return err;
    }
    f->intake = gw_queue_intake(f->writer);
    gw_queue_on_commit(f->writer, ring, f);
    return GW_OK;
}

void gw_queue_fixture_close(struct gw_queue_fixture *f) {
    gw_queue_writer_close(f->writer);
    f->writer = NULL;
}

void gw_queue_fixture_done(struct gw_queue_fixture *f) {
    gw_queue_fixture_close(f);
    gw_temp_folder_close(&f->folder);
    free(f->told_tokens);
    free(f->told_errs);
}

static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_queue_fixture *f = context;
    must(f->told_count < GW_FIXTURE_MAX_TOLD, "too many completions");
    f->told_tokens[f->told_count] = token;
    f->told_errs[f->told_count++] = err;
}

struct gw_event_draft gw_queue_fixture_draft(enum gw_flow_class class, uint64_t n,
                                             size_t filling_bytes, struct gw_buf *storage) {
    gw_buf_clear(storage);
    gw_buf_put_str(storage, GW_STR("{\"filling\":\""));
    for (size_t i = 0; i < filling_bytes; i++) {
        gw_buf_put_char(storage, (char) ('a' + (n + i) % 26));
    }
    gw_buf_put_str(storage, GW_STR("\",\"n\":\""));
    gw_buf_put_u64(storage, n);
    gw_buf_put_str(storage, GW_STR("\"}"));
    must(!gw_buf_failed(storage), "event too long");
    return (struct gw_event_draft){
        .type = class == GW_CLASS_AUDIT ? GW_EVENT_AUDIT_RECORDED : GW_EVENT_SCAN_OBSERVED,
        .class = class,
        .time_wall_ms = GW_FAKE_CLOCK_WALL_MS,
        .device = GW_STR("scanner-1"),
        .data = gw_buf_str(storage),
    };
}

enum gw_err gw_queue_fixture_submit(struct gw_queue_fixture *f, enum gw_flow_class class,
                                    uint64_t n) {
    uint8_t bytes[4096];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft draft = gw_queue_fixture_draft(class, n, f->filling_bytes, &storage);
    struct gw_unit unit = {.events = &draft,
                           .event_count = 1,
                           .completed = completed,
                           .context = f,
                           .token = f->next_token};
    enum gw_err err = gw_intake_submit(&f->intake, &unit);
    f->next_token += err == GW_OK;
    return err;
}

void gw_queue_fixture_append(struct gw_queue_fixture *f, enum gw_flow_class class, uint64_t n,
                             uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        must(gw_queue_fixture_submit(f, class, n + i) == GW_OK, "submit refused");
    }
    must(gw_queue_commit(f->writer) == GW_OK, "commit failed");
}

uint64_t gw_queue_fixture_number(const struct gw_record *record) {
    struct gw_str data = record->data;
    size_t at = data.len;
    while (at > 6 && !gw_str_starts_with(gw_str_sub(data, at - 6, 6), GW_STR(",\"n\":\""))) {
        at--;
    }
    uint64_t number = UINT64_MAX;
    if (at <= 6 || data.len < at + 2
        || gw_str_to_u64(gw_str_sub(data, at, data.len - at - 2), UINT64_MAX, &number)) {
        return UINT64_MAX;
    }
    return number;
}

struct gw_queue_figures gw_queue_fixture_figures(struct gw_queue_fixture *f) {
    struct gw_queue_figures figures;
    gw_queue_get_figures(f->writer, &figures);
    return figures;
}

struct gw_queue_progress gw_queue_fixture_progress(struct gw_queue_fixture *f) {
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    struct gw_queue_progress progress = {.epoch = figures.epoch};
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        progress.heads[i] = figures.classes[i].range.last;
    }
    return progress;
}

void gw_queue_fixture_ack_all(struct gw_queue_fixture *f) {
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    memcpy(progress.acked, progress.heads, sizeof(progress.acked));
    memcpy(progress.sent, progress.heads, sizeof(progress.sent));
    gw_queue_set_progress(f->writer, &progress);
}
