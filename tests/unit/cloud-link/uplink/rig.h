/* SPDX-License-Identifier: Apache-2.0 */
/* An uplink between a made-up queue and a scripted centre, on a fake clock.
 * Included once by each test of the uplink. */
#ifndef GW_TESTS_UPLINK_RIG_H
#define GW_TESTS_UPLINK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud-link/uplink/uplink.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/loop.h"
#include "firmware/json/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_queue.h"
#include "tests/fakes/fake_transport.h"
#include "tests/fakes/temp_folder.h"

#define UNUSED __attribute__((unused))

struct rig {
    struct gw_temp_folder folder;
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_fake_queue queue;
    struct gw_fake_transport transport;
    struct gw_link_store *store;
    struct gw_health *health;
    struct gw_config_sink sink;
    struct gw_config_class classes[GW_CLASS_COUNT];
    struct gw_uplink_options options;
    struct gw_uplink *uplink;
    uint64_t random;
    struct gw_store_probe probe;
    bool is_failing; /* the link store, at `fails_at` */
    enum gw_store_step fails_at;
};

static enum gw_err rig_before_step(void *self, enum gw_store_step step) {
    const struct rig *rig = self;
    return rig->is_failing && step == rig->fails_at ? GW_ERR_IO : GW_OK;
}

static uint64_t rig_random(void *self) {
    struct rig *rig = self;
    return rig->random;
}

static void rig_look(struct rig *rig) {
    assert_int_equal(
        gw_uplink_set_epochs(rig->uplink, rig->queue.epochs, rig->queue.epoch_count), GW_OK);
    gw_uplink_tick(rig->uplink);
}

static void rig_open_uplink(struct rig *rig) {
    assert_int_equal(gw_uplink_open(&rig->options, &rig->uplink), GW_OK);
}

static void rig_open_store(struct rig *rig) {
    char path[GW_TEMP_PATH_BYTES];
    rig->probe = (struct gw_store_probe){rig_before_step, rig};
    assert_int_equal(gw_link_store_open_probed(gw_temp_path(&rig->folder, "link", path),
                                               &rig->probe, &rig->store),
                     GW_OK);
    rig->options.store = rig->store;
}

/* Everything but the uplink itself, so that a test can change the options. */
static void rig_prepare(struct rig *rig) {
    memset(rig, 0, sizeof(*rig));
    gw_temp_folder_open(&rig->folder);
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    gw_fake_queue_init(&rig->queue, rig->fake_clock.wall_ms - 5);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 32, 32, &rig->health), GW_OK);
    rig->sink = (struct gw_config_sink){
        .name = "main",
        .url = "https://centre.example/base/",
        .required = true,
        .batch_events = 500,
        .batch_events_max = 10000,
        .batch_kib = 256,
        .batch_kib_max = 4096,
        .request_timeout_ms = 30000,
        .retry_max_ms = 60000,
        .no_progress_s = 300,
        .dead_letters_per_hour = 100,
    };
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        const struct gw_flow_class_rules *rules =
            gw_flow_class_defaults((enum gw_flow_class) class);
        rig->classes[class] = (struct gw_config_class){
            .linger_ms = rules->linger_ms, .link_floor_percent = rules->link_floor_percent};
    }
    rig->options = (struct gw_uplink_options){
        .sink = &rig->sink,
        .classes = rig->classes,
        .serial = GW_STR("GW-TEST-1"),
        .context = &rig->queue.context,
        .clock = &rig->clock,
        .transport = gw_fake_transport_init(&rig->transport),
        .source = {gw_fake_queue_read, &rig->queue},
        .health = rig->health,
        .random = rig_random,
        .random_self = rig,
    };
    rig_open_store(rig);
}

static UNUSED void rig_open(struct rig *rig) {
    rig_prepare(rig);
    rig_open_uplink(rig);
    rig_look(rig);
}

static void rig_close(struct rig *rig) {
    gw_uplink_close(rig->uplink);
    gw_link_store_close(rig->store);
    gw_health_close(rig->health);
    gw_fake_transport_done(&rig->transport);
    gw_temp_folder_close(&rig->folder);
}

/* The process dies: nothing is saved, then starts again. */
static UNUSED void rig_crash(struct rig *rig) {
    char path[GW_TEMP_PATH_BYTES], copy[GW_TEMP_PATH_BYTES];
    gw_temp_copy(gw_temp_path(&rig->folder, "link", path),
                 gw_temp_path(&rig->folder, "as-it-was", copy));
    gw_uplink_close(rig->uplink);
    gw_link_store_close(rig->store);
    gw_fake_transport_done(&rig->transport);
    char command[512];
    (void) snprintf(command, sizeof(command), "rm -rf %s && mv %s %s", path, copy, path);
    assert_int_equal(system(command), 0);
    rig_open_store(rig);
    rig_open_uplink(rig);
    rig_look(rig);
}

static UNUSED void rig_restart(struct rig *rig) {
    gw_uplink_close(rig->uplink);
    rig_open_uplink(rig);
    rig_look(rig);
}

static void rig_advance(struct rig *rig, int64_t ms) {
    gw_fake_clock_advance(&rig->fake_clock, ms);
    gw_uplink_tick(rig->uplink);
}

/* Go to the next thing the uplink wants to do by itself. */
static UNUSED void rig_wait(struct rig *rig) {
    int64_t next = gw_uplink_next_mono_ms(rig->uplink);
    assert_true(next < GW_NEVER_MS);
    rig_advance(rig, next > rig->fake_clock.mono_ms ? next - rig->fake_clock.mono_ms : 0);
}

/* Wait until a request is pending; fails after `within_ms`. */
static UNUSED void rig_wait_for_request(struct rig *rig, int64_t within_ms) {
    int64_t end = rig->fake_clock.mono_ms + within_ms;
    while (rig->transport.pending_count == 0) {
        assert_true(rig->fake_clock.mono_ms <= end);
        rig_wait(rig);
    }
}

static UNUSED void set_head(struct rig *rig, enum gw_flow_class class, uint64_t last) {
    gw_fake_queue_set_head(&rig->queue, class, last);
    rig_look(rig);
}

/* ---- what the centre sees ---- */

static const char *header(const struct rig *rig, size_t index, const char *name) {
    return gw_fake_transport_header(&rig->transport, index, name);
}

static uint64_t header_number(const struct rig *rig, size_t index, const char *name) {
    uint64_t number = 0;
    assert_int_equal(
        gw_str_to_u64(gw_str_from_cstr(header(rig, index, name)), UINT64_MAX, &number), GW_OK);
    return number;
}

static UNUSED void pending_is(const struct rig *rig, size_t index, const char *class,
                              uint64_t first, uint64_t last) {
    if (index >= rig->transport.pending_count) {
        fail_msg("request %zu of %s %llu..%llu was not sent", index, class,
                 (unsigned long long) first, (unsigned long long) last);
    }
    assert_string_equal(header(rig, index, "Gangway-Class"), class);
    assert_int_equal(header_number(rig, index, "Gangway-First"), first);
    assert_int_equal(header_number(rig, index, "Gangway-Last"), last);
}

static UNUSED void nothing_pending(const struct rig *rig) {
    if (rig->transport.pending_count > 0) {
        fail_msg("%s %s..%s is in flight", header(rig, 0, "Gangway-Class"),
                 header(rig, 0, "Gangway-First"), header(rig, 0, "Gangway-Last"));
    }
}

static UNUSED bool body_holds(const struct rig *rig, size_t index, const char *part) {
    return strstr(rig->transport.pending[index].body, part) != NULL;
}

/* ---- what the centre says ---- */

static void answer_with(struct rig *rig, size_t index, unsigned status, const char *type,
                        const char *body) {
    struct gw_http_answer answer = {
        .fault = GW_HTTP_ANSWERED,
        .text = "",
        .status = status,
        .content_type = gw_str_from_cstr(type),
        .body = gw_str_from_cstr(body),
    };
    gw_fake_transport_answer(&rig->transport, index, &answer);
    gw_uplink_tick(rig->uplink);
}

/* The contract's answer with the right echo and `more` members (",..."). */
static void answer_contract(struct rig *rig, size_t index, unsigned status, const char *more) {
    static char body[200000];
    (void) snprintf(body, sizeof(body),
                    "{\"contract\":1,\"epoch\":\"%s\",\"class\":\"%s\",\"first\":%s,"
                    "\"last\":%s%s}",
                    header(rig, index, "Gangway-Epoch"), header(rig, index, "Gangway-Class"),
                    header(rig, index, "Gangway-First"), header(rig, index, "Gangway-Last"),
                    more);
    answer_with(rig, index, status, "application/json", body);
}

static void accept(struct rig *rig, size_t index) {
    answer_contract(rig, index, 200, "");
}

static UNUSED void accept_all(struct rig *rig) {
    for (int i = 0; i < 1000 && rig->transport.pending_count > 0; i++) {
        accept(rig, 0);
    }
    nothing_pending(rig);
}

static UNUSED void answer_problem(struct rig *rig, size_t index, unsigned status,
                                  const char *code) {
    char body[256];
    (void) snprintf(body, sizeof(body),
                    "{\"type\":\"urn:gangway:problem:%s\",\"title\":\"t\",\"status\":%u,"
                    "\"code\":\"%s\",\"detail\":\"because\"}",
                    code, status, code);
    answer_with(rig, index, status, "application/problem+json", body);
}

static UNUSED void answer_fault(struct rig *rig, size_t index, enum gw_http_fault fault,
                                const char *text) {
    struct gw_http_answer answer = {.fault = fault, .text = text};
    gw_fake_transport_answer(&rig->transport, index, &answer);
    gw_uplink_tick(rig->uplink);
}

/* {"id":..,"status":..,"code":..} of a sequence of the own epoch. */
static UNUSED const char *result(struct rig *rig, enum gw_flow_class class, uint64_t sequence,
                                 const char *status) {
    static char texts[8][256];
    static unsigned next;
    char id[GW_EVENT_ID_TEXT_LEN + 1];
    char *text = texts[next++ % 8];
    struct gw_epoch epoch = gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->epoch;
    gw_event_id_format(gw_event_id_make(class, sequence, epoch), id);
    (void) snprintf(text, 256,
                    "{\"id\":\"%s\",\"status\":\"%s\",\"code\":\"c\",\"detail\":\"d\"}", id,
                    status);
    return text;
}

/* ---- what became of it ---- */

static UNUSED uint64_t acked(struct rig *rig, enum gw_flow_class class) {
    uint64_t cursors[GW_CLASS_COUNT], sent[GW_CLASS_COUNT];
    struct gw_epoch epoch = gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->epoch;
    assert_true(gw_uplink_get_progress(rig->uplink, epoch, cursors, sent));
    return cursors[class];
}

static UNUSED bool is_raised(const struct rig *rig, enum gw_issue_code code) {
    return gw_health_is_raised(rig->health, code, GW_STR("main"));
}

static UNUSED struct gw_letter_key own_key(struct rig *rig, enum gw_flow_class class,
                                           uint64_t sequence) {
    struct gw_epoch epoch = gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->epoch;
    return (struct gw_letter_key){GW_STR("main"), epoch, class, sequence};
}

/* The letter of business `sequence`; texts live until the next call. */
static UNUSED enum gw_err find_letter(struct rig *rig, uint64_t sequence,
                                      struct gw_letter *ret_letter) {
    static uint8_t bytes[70000];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_letter_key key = own_key(rig, GW_CLASS_BUSINESS, sequence);
    return gw_link_store_get_letter(rig->store, &key, &storage, ret_letter);
}

static UNUSED const char *status_text(struct rig *rig) {
    static char text[8192];
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof(text) - 1);
    gw_uplink_put_status(rig->uplink, &buf);
    assert_false(gw_buf_failed(&buf));
    text[buf.len] = '\0';
    struct gw_json_limits limits = {.max_bytes = sizeof(text), .max_depth = 8};
    assert_int_equal(gw_json_check((struct gw_str){text, buf.len}, &limits, NULL), GW_OK);
    return text;
}

#endif
