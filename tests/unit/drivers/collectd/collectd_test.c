/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon in this process, on a fake clock, asked through its real sockets. Its
 * broker is never there; what comes from the floor is tested elsewhere. */
#include "drivers/collectd/collectd_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "firmware/json/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/temp_folder.h"

struct rig {
    struct gw_temp_folder folder;
    char config_path[GW_TEMP_PATH_BYTES];
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_collectd *collectd;
    char errors_storage[4096];
    struct gw_buf errors;
    uint8_t reply_storage[GW_IPC_FRAME_MAX];
    struct gw_buf reply;
    struct gw_ipc_frame frame;
};

static void write_config(struct rig *rig, const char *serial, const char *site,
                         const char *extra) {
    char text[4096];
    int len = snprintf(
        text, sizeof text,
        "{\"revision\":3,\"gateway\":{\"serial\":\"%s\",\"site\":\"%s\","
        "\"zone\":\"Europe/Berlin\"},\"paths\":{\"collect_state\":\"%s/collectd\","
        "\"link_state\":\"%s/linkd\",\"run\":\"%s/run\"},\"store\":{\"size_mb\":64},"
        "\"brokers\":[{\"name\":\"floor\",\"host\":\"127.0.0.1\",\"port\":1,"
        "\"topics\":[\"floor/#\"]}],\"devices\":[{\"id\":\"s1\",\"kind\":\"scanner\","
        "\"topic\":\"floor/s1\"}],\"sinks\":[{\"name\":\"c\",\"url\":\"https://localhost:1\","
        "\"ca_file\":\"/a\",\"cert_file\":\"/b\",\"key_file\":\"/c\"}]%s}",
        serial, site, rig->folder.path, rig->folder.path, rig->folder.path, extra);
    assert_true(len > 0 && (size_t) len < sizeof text);
    assert_int_equal(gw_file_replace(rig->config_path,
                                     (struct gw_bytes){(uint8_t *) text, (size_t) len}, 0644),
                     GW_OK);
}

static void start(struct rig *rig) {
    struct gw_collectd_options options = {.config_path = rig->config_path,
                                          .clock = &rig->clock};
    gw_buf_clear(&rig->errors);
    enum gw_err err = gw_collectd_open(&options, &rig->errors, &rig->collectd);
    if (err) {
        print_error("%.*s\n", GW_STR_ARG(gw_buf_str(&rig->errors)));
    }
    assert_int_equal(err, GW_OK);
}

static void turn(struct rig *rig, int rounds) {
    for (int i = 0; i < rounds; i++) {
        assert_int_equal(gw_collectd_round(rig->collectd, rig->fake.mono_ms), GW_OK);
    }
}

/* Time passes second by second. */
static void pass_seconds(struct rig *rig, int seconds) {
    for (int i = 0; i < seconds; i++) {
        gw_fake_clock_advance(&rig->fake, 1000);
        turn(rig, 3);
    }
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    gw_temp_folder_open(&rig->folder);
    gw_temp_path(&rig->folder, "config.json", rig->config_path);
    rig->clock = gw_fake_clock_init(&rig->fake);
    gw_buf_init(&rig->errors, rig->errors_storage, sizeof rig->errors_storage);
    gw_buf_init(&rig->reply, rig->reply_storage, sizeof rig->reply_storage);
    write_config(rig, "GW-1", "site-a", "");
    start(rig);
    turn(rig, 5);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_collectd_close(rig->collectd);
    gw_temp_folder_close(&rig->folder);
    free(rig);
    return 0;
}

/* ---- asking ---- */

/* The answer's status; its body is in rig->frame. */
static enum gw_err ask(struct rig *rig, const char *socket_path, enum gw_ipc_verb verb,
                       const char *body) {
    int fd = -1;
    assert_int_equal(gw_ipc_connect(socket_path, &fd), GW_OK);
    struct gw_ipc_frame request = {
        .verb = verb, .request_id = 5, .body = gw_str_from_cstr(body)};
    assert_int_equal(gw_ipc_send(fd, &request, &rig->reply), GW_OK);
    enum gw_err err = GW_ERR_RETRY;
    for (int i = 0; i < 50 && err == GW_ERR_RETRY; i++) {
        turn(rig, 1);
        err = gw_ipc_receive(fd, &rig->reply, &rig->frame);
    }
    assert_int_equal(err, GW_OK);
    assert_int_equal(rig->frame.request_id, 5);
    (void) close(fd);
    return rig->frame.status;
}

static enum gw_err ask_link(struct rig *rig, enum gw_ipc_verb verb, const char *body) {
    return ask(rig, rig->collectd->paths.link_socket, verb, body);
}

static enum gw_err ask_control(struct rig *rig, enum gw_ipc_verb verb, const char *body) {
    return ask(rig, rig->collectd->paths.control_socket, verb, body);
}

static bool answer_has(const struct rig *rig, const char *text) {
    return memmem(rig->frame.body.ptr, rig->frame.body.len, text, strlen(text)) != NULL;
}

/* ---- looking into the queue ---- */

static uint64_t head_of(struct rig *rig, enum gw_flow_class class) {
    struct gw_queue_figures figures;
    gw_queue_get_figures(rig->collectd->queue, &figures);
    return figures.classes[class].range.last;
}

/* Record `sequence` of a class, its data in rig->errors. */
static struct gw_record read_record(struct rig *rig, enum gw_flow_class class,
                                    uint64_t sequence) {
    struct gw_queue_read_request request = {.epoch_index = GW_EPOCH_INDEX_OWN,
                                            .class = class,
                                            .from = sequence,
                                            .max_events = 1,
                                            .max_bytes = 4096};
    struct gw_queue_entry entry;
    size_t count = 0;
    gw_buf_clear(&rig->errors);
    assert_int_equal(
        gw_queue_read(rig->collectd->reader, &request, &rig->errors, &entry, 1, &count), GW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(entry.err, GW_OK);
    assert_int_equal(entry.record.sequence, sequence);
    return entry.record;
}

static bool data_has(const struct gw_record *record, const char *text) {
    return memmem(record->data.ptr, record->data.len, text, strlen(text)) != NULL;
}

/* Events of `type` among the state class. */
static unsigned count_events(struct rig *rig, enum gw_event_type type) {
    unsigned count = 0;
    uint64_t head = head_of(rig, GW_CLASS_STATE);
    for (uint64_t sequence = 1; sequence <= head; sequence++) {
        count += read_record(rig, GW_CLASS_STATE, sequence).type == type;
    }
    return count;
}

/* ---- starting ---- */

static void gateway_started_is_the_first_event(void **state) {
    struct rig *rig = *state;
    struct gw_record record = read_record(rig, GW_CLASS_STATE, 1);
    assert_int_equal(record.type, GW_EVENT_GATEWAY_STARTED);
    assert_true(data_has(&record, "\"storeorigin\":\"created\""));
    assert_true(data_has(&record, "\"configrevision\":3"));
    assert_false(data_has(&record, "previousepoch"));
}

static void a_restart_goes_on_in_the_same_epoch(void **state) {
    struct rig *rig = *state;
    struct gw_epoch epoch = rig->collectd->figures.epoch;
    uint64_t head = head_of(rig, GW_CLASS_STATE);
    gw_collectd_close(rig->collectd);
    start(rig);
    turn(rig, 5);
    assert_true(gw_epoch_eq(rig->collectd->figures.epoch, epoch));
    struct gw_record record = read_record(rig, GW_CLASS_STATE, head + 1);
    assert_int_equal(record.type, GW_EVENT_GATEWAY_STARTED);
    assert_true(data_has(&record, "\"storeorigin\":\"reopened\""));
}

static void a_store_that_vanished_names_its_predecessor(void **state) {
    struct rig *rig = *state;
    struct gw_queue_progress progress = {.epoch = rig->collectd->figures.epoch};
    progress.heads[GW_CLASS_BUSINESS] = 41;
    char folder[GW_TEMP_PATH_BYTES], path[GW_TEMP_PATH_BYTES], store[GW_TEMP_PATH_BYTES];
    assert_int_equal(gw_file_make_folder(gw_temp_path(&rig->folder, "linkd", folder), 0755),
                     GW_OK);
    assert_int_equal(gw_queue_progress_write(gw_temp_path(&rig->folder, "linkd/progress", path),
                                             &progress, 1),
                     GW_OK);
    gw_collectd_close(rig->collectd);
    assert_int_equal(unlink(gw_temp_path(&rig->folder, "collectd/queue/data.mdb", store)), 0);
    start(rig);
    turn(rig, 5);
    struct gw_record record = read_record(rig, GW_CLASS_STATE, 1);
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(progress.epoch, epoch);
    assert_true(data_has(&record, epoch));
    assert_true(data_has(&record, "\"previousexact\":false"));
    assert_true(data_has(&record, "\"business\":\"41\""));
}

static void two_daemons_live_in_one_process(void **state) {
    struct rig *rig = *state;
    struct rig *other = NULL;
    assert_int_equal(setup((void **) &other), 0);
    turn(rig, 3);
    turn(other, 3);
    assert_false(gw_epoch_eq(rig->collectd->figures.epoch, other->collectd->figures.epoch));
    assert_int_equal(ask_control(other, GW_IPC_HELLO, "{}"), GW_OK);
    assert_int_equal(teardown((void **) &other), 0);
    assert_int_equal(ask_control(rig, GW_IPC_HELLO, "{}"), GW_OK);
    assert_true(answer_has(rig, "\"program\":\"gw-collectd\""));
}

static void a_second_daemon_on_the_same_store_does_not_start(void **state) {
    struct rig *rig = *state;
    struct gw_collectd_options options = {.config_path = rig->config_path,
                                          .clock = &rig->clock};
    struct gw_collectd *second = NULL;
    gw_buf_clear(&rig->errors);
    assert_int_equal(gw_collectd_open(&options, &rig->errors, &second), GW_ERR_BUSY);
    assert_null(second);
    assert_true(rig->errors.len > 0);
}

/* ---- heartbeat and clock ---- */

static void a_heartbeat_comes_each_minute_and_when_the_verdict_changes(void **state) {
    struct rig *rig = *state;
    pass_seconds(rig, 5);
    unsigned before = count_events(rig, GW_EVENT_GATEWAY_HEARTBEAT);
    pass_seconds(rig, 50);
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_HEARTBEAT), before);
    pass_seconds(rig, 15);
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_HEARTBEAT), before + 1);
    gw_health_raise(rig->collectd->health, GW_ISSUE_AUDIT_CHAIN, GW_STR("x"), "test");
    pass_seconds(rig, 1);
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_HEARTBEAT), before + 2);
    pass_seconds(rig, 2); /* its commit */
    struct gw_record record = read_record(rig, GW_CLASS_STATE, head_of(rig, GW_CLASS_STATE));
    assert_true(data_has(&record, "\"verdict\":\"critical\""));
    assert_true(data_has(&record, "\"name\":\"audit_chain\""));
    assert_true(data_has(&record, "\"heads\":{\"audit\":\"0\""));
}

static void a_step_of_wall_time_is_an_event_and_a_slow_drift_is_none(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 100; i++) {
        rig->fake.wall_ms += 5;
        pass_seconds(rig, 1);
    }
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_CLOCK_CORRECTED), 0);
    rig->fake.wall_ms -= 90000;
    pass_seconds(rig, 2);
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_CLOCK_CORRECTED), 1);
    assert_true(
        gw_health_is_raised(rig->collectd->health, GW_ISSUE_CLOCK_JUMPED, (struct gw_str){0}));
    uint64_t head = head_of(rig, GW_CLASS_STATE);
    bool found = false;
    for (uint64_t sequence = 1; sequence <= head; sequence++) {
        struct gw_record record = read_record(rig, GW_CLASS_STATE, sequence);
        found = found || data_has(&record, "\"offsetms\":-90000}");
    }
    assert_true(found);
}

static void an_unsynchronised_clock_is_a_notice(void **state) {
    struct rig *rig = *state;
    struct gw_str nothing = {0};
    pass_seconds(rig, 1);
    assert_false(
        gw_health_is_raised(rig->collectd->health, GW_ISSUE_CLOCK_UNSYNCHRONISED, nothing));
    rig->fake.quality = GW_CLOCK_UNSYNCHRONISED;
    pass_seconds(rig, 1);
    assert_true(
        gw_health_is_raised(rig->collectd->health, GW_ISSUE_CLOCK_UNSYNCHRONISED, nothing));
}

/* ---- submit ---- */

#define HEARTBEAT                                                                              \
    "{\"type\":\"io.gangway.gateway.heartbeat.v1\",\"data\":{\"program\":\"gw-linkd\"}}"

static void a_submitted_entry_is_stored_once(void **state) {
    struct rig *rig = *state;
    const char *body = "{\"id\":\"hb-1\",\"events\":[" HEARTBEAT "]}";
    uint64_t before = head_of(rig, GW_CLASS_STATE);
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, body), GW_OK);
    assert_true(answer_has(rig, "\"duplicate\":false"));
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, body), GW_OK);
    assert_true(answer_has(rig, "\"duplicate\":true"));
    gw_collectd_close(rig->collectd);
    start(rig);
    turn(rig, 3);
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, body), GW_OK);
    assert_true(answer_has(rig, "\"duplicate\":true"));
    struct gw_record record = read_record(rig, GW_CLASS_STATE, before + 1);
    assert_int_equal(record.type, GW_EVENT_GATEWAY_HEARTBEAT);
    assert_true(data_has(&record, "gw-linkd"));
    assert_int_equal(count_events(rig, GW_EVENT_GATEWAY_STARTED), 2);
}

/* Events of the most that fits, until refused. */
static unsigned flood(struct rig *rig, unsigned from, size_t filling) {
    static char body[40000], text[30000];
    memset(text, 'x', filling);
    text[filling] = '\0';
    for (unsigned n = from; n < from + 5000; n++) {
        (void) snprintf(body, sizeof body,
                        "{\"id\":\"f-%u\",\"events\":[{\"type\":"
                        "\"io.gangway.gateway.heartbeat.v1\",\"data\":{\"x\":\"%s\"}}]}",
                        n, text);
        enum gw_err err = ask_link(rig, GW_IPC_SUBMIT, body);
        if (err) {
            assert_int_equal(err, GW_ERR_BUSY);
            assert_true(answer_has(rig, "too much submitted"));
            return n - from;
        }
    }
    fail();
    return 0;
}

static void a_flood_of_submissions_is_refused(void **state) {
    struct rig *rig = *state;
    uint64_t before = head_of(rig, GW_CLASS_STATE);
    unsigned taken = flood(rig, 0, 10);
    assert_int_equal(taken, 600);
    assert_int_equal(head_of(rig, GW_CLASS_STATE), before + taken);
    /* What is stored already costs nothing. */
    assert_int_equal(
        ask_link(rig, GW_IPC_SUBMIT, "{\"id\":\"f-0\",\"events\":[" HEARTBEAT "]}"), GW_OK);
    gw_fake_clock_advance(&rig->fake, 10000);
    assert_int_equal(flood(rig, 10000, 10), 10);
}

static void a_flood_of_bytes_is_refused(void **state) {
    struct rig *rig = *state;
    unsigned taken = flood(rig, 0, 25000);
    assert_true(taken >= 70 && taken <= 84);
}

static void what_happens_on_the_floor_cannot_be_submitted(void **state) {
    struct rig *rig = *state;
    static const char *const bodies[] = {
        ("{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.scan.observed.v1\","
         "\"data\":{\"raw\":\"x\"}}]}"),
        "{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.audit.recorded.v1\",\"data\":{}}]}",
        "{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.gateway.started.v1\",\"data\":{}}]}",
    };
    uint64_t business = head_of(rig, GW_CLASS_BUSINESS);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, bodies[i]), GW_ERR_DENIED);
    }
    assert_int_equal(head_of(rig, GW_CLASS_BUSINESS), business);
}

static void malformed_submissions_are_refused(void **state) {
    struct rig *rig = *state;
    static const char *const bodies[] = {
        "{}",
        "{\"id\":\"\"}",
        "{\"id\":\"has space\",\"events\":[" HEARTBEAT "]}",
        "{\"id\":\"a\"}",
        "{\"id\":\"a\",\"events\":{}}",
        "{\"id\":\"a\",\"events\":[{}]}",
        "{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.gateway.heartbeat.v1\"}]}",
        ("{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.gateway.heartbeat.v1\","
         "\"data\":{\"x\":1.5}}]}"),
        ("{\"id\":\"a\",\"events\":[{\"type\":\"io.gangway.gateway.heartbeat.v1\","
         "\"class\":\"none\",\"data\":{}}]}"),
        "{\"id\":\"a\",\"audit\":{\"actor\":\"x\"}}",
        "not json",
        "[]",
    };
    uint64_t before = head_of(rig, GW_CLASS_STATE);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        enum gw_err status = ask_link(rig, GW_IPC_SUBMIT, bodies[i]);
        assert_true(status == GW_ERR_SCHEMA || status == GW_ERR_PARSE
                    || status == GW_ERR_RANGE);
    }
    assert_int_equal(head_of(rig, GW_CLASS_STATE), before);
    /* None of them has used the id up. */
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, "{\"id\":\"a\",\"events\":[" HEARTBEAT "]}"),
                     GW_OK);
    assert_true(answer_has(rig, "\"duplicate\":false"));
}

static void peers_may_ask_what_their_socket_allows(void **state) {
    struct rig *rig = *state;
    assert_int_equal(
        ask_control(rig, GW_IPC_SUBMIT, "{\"id\":\"a\",\"events\":[" HEARTBEAT "]}"),
        GW_ERR_DENIED);
    assert_int_equal(ask_link(rig, GW_IPC_RELOAD, "{}"), GW_ERR_DENIED);
    assert_int_equal(ask(rig, rig->collectd->paths.status_socket, GW_IPC_STATUS, "{}"), GW_OK);
    assert_int_equal(
        ask(rig, rig->collectd->paths.status_socket, GW_IPC_QUARANTINE_DROP, "{\"number\":1}"),
        GW_ERR_DENIED);
}

/* ---- audit ---- */

static void submit_audit(struct rig *rig, const char *id) {
    char body[300];
    (void) snprintf(body, sizeof body,
                    "{\"id\":\"%s\",\"audit\":{\"actor\":\"gwctl:root\",\"action\":\"x\","
                    "\"target\":\"t\",\"outcome\":\"ok\",\"detail\":\"%s\"}}",
                    id, id);
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, body), GW_OK);
}

static void check_chain(struct rig *rig, uint64_t entries) {
    uint8_t previous[32] = {0};
    for (uint64_t number = 1; number <= entries; number++) {
        uint8_t key[8], json[4096], texts[4096];
        struct gw_buf json_buf, texts_buf;
        struct gw_audit_entry entry;
        gw_collectd_encode_number(key, number);
        gw_buf_init(&json_buf, json, sizeof json);
        gw_buf_init(&texts_buf, texts, sizeof texts);
        assert_int_equal(gw_collectd_get_state(
                             rig->collectd, (struct gw_str){(const char *) key, 8}, &json_buf),
                         GW_OK);
        assert_int_equal(gw_audit_parse(gw_buf_str(&json_buf), &texts_buf, &entry), GW_OK);
        assert_int_equal(entry.number, number);
        assert_int_equal(gw_audit_check(&entry, previous), GW_OK);
        memcpy(previous, entry.hash, sizeof previous);
    }
}

static void the_audit_chain_outlives_restarts(void **state) {
    struct rig *rig = *state;
    submit_audit(rig, "one");
    submit_audit(rig, "two");
    gw_collectd_close(rig->collectd);
    start(rig);
    turn(rig, 3);
    submit_audit(rig, "three");
    assert_int_equal(rig->collectd->chain.number, 3);
    check_chain(rig, 3);
    assert_int_equal(head_of(rig, GW_CLASS_AUDIT), 3);
    struct gw_record record = read_record(rig, GW_CLASS_AUDIT, 3);
    assert_int_equal(record.type, GW_EVENT_AUDIT_RECORDED);
    assert_true(data_has(&record, "\"actor\":\"gwctl:root\""));
}

static void an_audit_text_with_control_characters_is_refused(void **state) {
    struct rig *rig = *state;
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT,
                              "{\"id\":\"a\",\"audit\":{\"actor\":\"a\\nb\",\"action\":\"x\","
                              "\"outcome\":\"ok\"}}"),
                     GW_ERR_SCHEMA);
    assert_int_equal(rig->collectd->chain.number, 0);
}

static bool is_new_submission(struct rig *rig, unsigned number) {
    char body[200];
    (void) snprintf(body, sizeof body, "{\"id\":\"n%u\",\"events\":[" HEARTBEAT "]}", number);
    gw_fake_clock_advance(&rig->fake, 1000); /* as fast as it is allowed */
    assert_int_equal(ask_link(rig, GW_IPC_SUBMIT, body), GW_OK);
    return answer_has(rig, "\"duplicate\":false");
}

static void a_command_that_is_refused_is_audited(void **state) {
    struct rig *rig = *state;
    const char *body = "{\"device\":\"scale-1\",\"command\":\"tare\",\"actor\":\"gwctl:root\"}";
    assert_int_equal(ask_link(rig, GW_IPC_FEED_COMMAND, body), GW_ERR_DENIED);
    assert_int_equal(head_of(rig, GW_CLASS_AUDIT), 0);
    assert_int_equal(ask_control(rig, GW_IPC_FEED_COMMAND, body), GW_ERR_NOENT);
    assert_int_equal(head_of(rig, GW_CLASS_AUDIT), 1);
    struct gw_record record = read_record(rig, GW_CLASS_AUDIT, 1);
    assert_true(data_has(&record, "\"action\":\"feed.command\""));
    assert_true(data_has(&record, "\"outcome\":\"refused\""));
    assert_true(data_has(&record, "\"actor\":\"gwctl:root\""));
    assert_true(data_has(&record, "tare via control: "));
    check_chain(rig, 1);
    assert_int_equal(ask_control(rig, GW_IPC_FEED_COMMAND, "{\"device\":\"scale-1\"}"),
                     GW_ERR_SCHEMA);
    assert_int_equal(head_of(rig, GW_CLASS_AUDIT), 1);
}

static void the_oldest_ids_are_forgotten(void **state) {
    struct rig *rig = *state;
    for (unsigned number = 0; number < 4100; number++) {
        assert_true(is_new_submission(rig, number));
    }
    assert_false(is_new_submission(rig, 4099));
    assert_false(is_new_submission(rig, 4));
    assert_true(is_new_submission(rig, 3));
}

/* ---- reload ---- */

static void a_reload_applies_what_changed(void **state) {
    struct rig *rig = *state;
    write_config(rig, "GW-1", "site-b", "");
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{\"actor\":\"gwctl:root\"}"), GW_OK);
    assert_true(answer_has(rig, "\"changed\":[\"gateway\"]"));
    assert_string_equal(rig->collectd->config->gateway.site, "site-b");
    assert_int_equal(head_of(rig, GW_CLASS_AUDIT), 1);
    pass_seconds(rig, 2);
}

static void a_reload_of_devices_keeps_the_broker(void **state) {
    struct rig *rig = *state;
    struct gw_broker *broker = rig->collectd->brokers[0];
    uint64_t *connects = gw_health_counter(rig->collectd->health, "mqtt.connects");
    uint64_t before = *connects;
    write_config(rig, "GW-1", "site-a", ",\"classes\":{}");
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{}"), GW_OK);
    assert_true(answer_has(rig, "\"changed\":[]"));
    assert_ptr_equal(rig->collectd->brokers[0], broker);
    assert_true(*connects - before <= 1);
    turn(rig, 5);
}

static void a_broken_configuration_changes_nothing(void **state) {
    struct rig *rig = *state;
    write_config(rig, "GW-1", "site-b", ",\"unknown\":1");
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{}"), GW_ERR_SCHEMA);
    assert_true(answer_has(rig, "unknown"));
    assert_string_equal(rig->collectd->config->gateway.site, "site-a");
    assert_true(gw_health_is_raised(rig->collectd->health, GW_ISSUE_CONFIG_REJECTED,
                                    (struct gw_str){0}));
    write_config(rig, "GW-1", "site-a", "");
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{}"), GW_OK);
    assert_false(gw_health_is_raised(rig->collectd->health, GW_ISSUE_CONFIG_REJECTED,
                                     (struct gw_str){0}));
}

static void another_serial_needs_a_restart(void **state) {
    struct rig *rig = *state;
    write_config(rig, "GW-2", "site-a", "");
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{}"), GW_ERR_DENIED);
    assert_string_equal(rig->collectd->config->gateway.serial, "GW-1");
}

static void the_last_good_configuration_starts_when_the_current_is_broken(void **state) {
    struct rig *rig = *state;
    pass_seconds(rig, 35);
    gw_collectd_close(rig->collectd);
    write_config(rig, "GW-1", "site-b", ",\"unknown\":1");
    start(rig);
    turn(rig, 3);
    assert_string_equal(rig->collectd->config->gateway.site, "site-a");
    assert_int_equal(ask_control(rig, GW_IPC_STATUS, "{}"), GW_OK);
    assert_true(answer_has(rig, "\"fell_back\":true"));
}

/* ---- sources that cannot be opened ---- */

/* The queue's intake, which does not read what one broker and the front door left in it. */
struct faulty_intake {
    struct gw_intake real;
    const char *broker; /* NULL = all can be read */
};

static enum gw_err faulty_get(void *self, struct gw_str table, struct gw_bytes key,
                              struct gw_buf *value) {
    const struct faulty_intake *faulty = self;
    if (faulty->broker && gw_str_eq(gw_str_from_bytes(key), gw_str_from_cstr(faulty->broker))) {
        return GW_ERR_IO;
    }
    return faulty->real.state_get(faulty->real.self, table, key, value);
}

static enum gw_err faulty_each(void *self, struct gw_str table, gw_intake_state *each,
                               void *context) {
    const struct faulty_intake *faulty = self;
    return faulty->broker ? GW_ERR_IO
                          : faulty->real.state_each(faulty->real.self, table, each, context);
}

static enum gw_err faulty_tail(void *self, struct gw_bytes prefix, size_t records,
                               gw_intake_tail *each, void *context) {
    const struct faulty_intake *faulty = self;
    return faulty->real.tail(faulty->real.self, prefix, records, each, context);
}

static enum gw_err faulty_submit(void *self, const struct gw_unit *unit) {
    const struct faulty_intake *faulty = self;
    return faulty->real.submit(faulty->real.self, unit);
}

static bool is_not_open(const struct rig *rig, const char *subject) {
    return gw_health_is_raised(rig->collectd->health, GW_ISSUE_SOURCE_NOT_OPEN,
                               gw_str_from_cstr(subject));
}

#define MANY_SOURCES                                                                           \
    ",\"ingress\":{\"listeners\":[{\"name\":\"front\",\"address\":\"127.0.0.1\",\"port\":1}]}" \
    ","                                                                                        \
    "\"feeds\":[{\"id\":\"f1\",\"profile\":\"scanner-cr\",\"transport\":\"serial\","           \
    "\"path\":\"/nowhere\"}]"

static void what_cannot_be_opened_keeps_nobody_out_and_is_tried_again(void **state) {
    struct rig *rig = *state;
    struct faulty_intake faulty = {.real = rig->collectd->intake, .broker = "floor"};
    gw_collectd_close(rig->collectd);
    write_config(rig, "GW-1", "site-a", MANY_SOURCES);
    start(rig);
    faulty.real = rig->collectd->intake;
    rig->collectd->intake.self = &faulty;
    rig->collectd->intake.state_get = faulty_get;
    rig->collectd->intake.state_each = faulty_each;
    rig->collectd->intake.tail = faulty_tail;
    rig->collectd->intake.submit = faulty_submit;
    pass_seconds(rig, 2);
    assert_true(is_not_open(rig, "broker floor"));
    assert_true(is_not_open(rig, "front door"));
    assert_non_null(rig->collectd->feeds);
    assert_non_null(rig->collectd->buses);
    assert_int_equal(ask_control(rig, GW_IPC_STATUS, "{}"), GW_OK);
    assert_true(answer_has(rig, "\"state\":\"not_open\""));
    struct gw_feeds *feeds = rig->collectd->feeds;
    /* A reload finds one missing, and closes nobody for it. */
    write_config(rig, "GW-1", "site-b", MANY_SOURCES);
    assert_int_equal(ask_control(rig, GW_IPC_RELOAD, "{}"), GW_ERR_IO);
    assert_ptr_equal(rig->collectd->feeds, feeds);
    faulty.broker = NULL;
    pass_seconds(rig, 1);
    assert_non_null(rig->collectd->brokers[0]);
    assert_non_null(rig->collectd->ingress);
    assert_ptr_equal(rig->collectd->feeds, feeds);
    assert_false(is_not_open(rig, "broker floor"));
    assert_false(is_not_open(rig, "front door"));
    gw_collectd_close(rig->collectd);
    start(rig);
}

/* ---- loss records ---- */

static void what_was_refused_becomes_a_loss_record(void **state) {
    struct rig *rig = *state;
    struct gw_refused refused = {GW_STR("s1"), GW_CLASS_BUSINESS, GW_REFUSED_FULL, 4};
    gw_refusals_add(&rig->collectd->refusals, &refused, rig->fake.wall_ms);
    pass_seconds(rig, 2);
    assert_int_equal(count_events(rig, GW_EVENT_CAPTURE_REFUSED), 1);
    assert_int_equal(rig->collectd->refusals.count, 0);
}

static void a_loss_record_is_told_until_its_commit_succeeds(void **state) {
    struct rig *rig = *state;
    struct gw_collectd *collectd = rig->collectd;
    struct gw_intake real = collectd->intake;
    struct gw_fake_intake *fake = gw_fake_intake_open();
    struct gw_refused refused = {GW_STR("s1"), GW_CLASS_BUSINESS, GW_REFUSED_FULL, 4};
    gw_refusals_add(&collectd->refusals, &refused, rig->fake.wall_ms);
    collectd->intake = gw_fake_intake(fake);
    gw_collectd_flush_refusals(collectd, rig->fake.mono_ms);
    gw_collectd_flush_refusals(collectd, rig->fake.mono_ms);
    assert_int_equal(fake->pending, 1); /* not a second one while one is under way */
    gw_fake_intake_commit(fake, GW_ERR_IO);
    assert_int_equal(collectd->refusals.count, 1);
    assert_int_equal(collectd->refusals.rows[0].count, 4);
    gw_collectd_flush_refusals(collectd, rig->fake.mono_ms);
    assert_int_equal(fake->pending, 1);
    gw_fake_intake_commit(fake, GW_OK);
    assert_int_equal(collectd->refusals.count, 0);
    collectd->intake = real;
    gw_fake_intake_close(fake);
}

/* ---- status ---- */

static void the_snapshot_is_written_and_is_json(void **state) {
    struct rig *rig = *state;
    pass_seconds(rig, 2);
    GW_CLEANUP(gw_buf_close) struct gw_buf buf = {0};
    assert_int_equal(gw_buf_open(&buf, 1u << 20), GW_OK);
    assert_int_equal(gw_file_read(rig->collectd->paths.status, &buf), GW_OK);
    struct gw_json_limits limits = {
        .max_bytes = 1u << 20, .max_depth = 16, .flags = GW_JSON_OBJECT};
    assert_int_equal(gw_json_check(gw_buf_str(&buf), &limits, NULL), GW_OK);
    struct gw_str raw;
    assert_int_equal(
        gw_json_find_raw(gw_buf_str(&buf), GW_STR("/queue/classes/state/last"), &raw), GW_OK);
    assert_int_equal(gw_json_find_raw(gw_buf_str(&buf), GW_STR("/brokers/0/state"), &raw),
                     GW_OK);
    assert_true(gw_str_eq(raw, GW_STR("\"connecting\"")));
    assert_int_equal(gw_json_find_raw(gw_buf_str(&buf), GW_STR("/devices/0/id"), &raw), GW_OK);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(gateway_started_is_the_first_event),
        RIG_TEST(a_restart_goes_on_in_the_same_epoch),
        RIG_TEST(a_store_that_vanished_names_its_predecessor),
        RIG_TEST(two_daemons_live_in_one_process),
        RIG_TEST(a_second_daemon_on_the_same_store_does_not_start),
        RIG_TEST(a_heartbeat_comes_each_minute_and_when_the_verdict_changes),
        RIG_TEST(a_step_of_wall_time_is_an_event_and_a_slow_drift_is_none),
        RIG_TEST(an_unsynchronised_clock_is_a_notice),
        RIG_TEST(a_submitted_entry_is_stored_once),
        RIG_TEST(a_flood_of_submissions_is_refused),
        RIG_TEST(a_flood_of_bytes_is_refused),
        RIG_TEST(what_happens_on_the_floor_cannot_be_submitted),
        RIG_TEST(malformed_submissions_are_refused),
        RIG_TEST(peers_may_ask_what_their_socket_allows),
        RIG_TEST(the_audit_chain_outlives_restarts),
        RIG_TEST(an_audit_text_with_control_characters_is_refused),
        RIG_TEST(a_command_that_is_refused_is_audited),
        RIG_TEST(the_oldest_ids_are_forgotten),
        RIG_TEST(a_reload_applies_what_changed),
        RIG_TEST(a_reload_of_devices_keeps_the_broker),
        RIG_TEST(what_cannot_be_opened_keeps_nobody_out_and_is_tried_again),
        RIG_TEST(a_broken_configuration_changes_nothing),
        RIG_TEST(another_serial_needs_a_restart),
        RIG_TEST(the_last_good_configuration_starts_when_the_current_is_broken),
        RIG_TEST(what_was_refused_becomes_a_loss_record),
        RIG_TEST(a_loss_record_is_told_until_its_commit_succeeds),
        RIG_TEST(the_snapshot_is_written_and_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
