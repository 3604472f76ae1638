/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a library: opening, the control socket, two of them in one
 * process. What it does with queues and centres: tests/system/test_uplink.py. */
#include "cloud-link/linkd/linkd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/ipc/ipc.h"
#include "tests/fakes/temp_folder.h"

#define ROUND_MS 20

struct daemon {
    struct gw_temp_folder folder;
    struct gw_clock clock;
    char config_path[GW_TEMP_PATH_BYTES];
    char text[2048];
    struct gw_buf errors;
    struct gw_linkd *linkd;
};

/* `more` are further members of the one sink, each with a comma in front. */
static void write_config(struct daemon *daemon, const char *serial, const char *more) {
    FILE *file = fopen(gw_temp_path(&daemon->folder, "config.json", daemon->config_path), "w");
    const char *folder = daemon->folder.path;
    assert_non_null(file);
    fprintf(file,
            "{\"revision\":3,\"gateway\":{\"serial\":\"%s\",\"site\":\"s\",\"zone\":\"UTC\"},"
            "\"paths\":{\"collect_state\":\"%s/collectd\",\"link_state\":\"%s/linkd\","
            "\"run\":\"%s/run\"},\"sinks\":[{\"name\":\"centre\","
            "\"url\":\"https://localhost:1\",\"ca_file\":\"%s/ca\",\"cert_file\":\"%s/cert\","
            "\"key_file\":\"%s/key\"%s}]}",
            serial, folder, folder, folder, folder, folder, folder, more);
    assert_int_equal(fclose(file), 0);
}

static enum gw_err try_open(struct daemon *daemon) {
    struct gw_linkd_options options = {.config_path = daemon->config_path};
    gw_buf_init(&daemon->errors, daemon->text, sizeof(daemon->text) - 1);
    enum gw_err err = gw_linkd_open(&options, &daemon->errors, &daemon->linkd);
    daemon->text[daemon->errors.len] = '\0';
    return err;
}

static void prepare(struct daemon *daemon) {
    memset(daemon, 0, sizeof(*daemon));
    daemon->clock = gw_clock_system();
    gw_temp_folder_open(&daemon->folder);
}

static void open_daemon(struct daemon *daemon, const char *serial) {
    prepare(daemon);
    write_config(daemon, serial, "");
    if (try_open(daemon)) {
        fail_msg("%s", daemon->text);
    }
}

static void close_daemon(struct daemon *daemon) {
    gw_linkd_close(daemon->linkd);
    gw_temp_folder_close(&daemon->folder);
}

/* Ask over the socket while the daemon turns its rounds; the body, NUL-terminated,
 * until the next call. */
static const char *ask(struct daemon *daemon, enum gw_ipc_verb verb, const char *body,
                       enum gw_err *ret_status) {
    static uint8_t bytes[GW_IPC_FRAME_MAX + 1], scratch[GW_IPC_FRAME_MAX];
    char path[GW_TEMP_PATH_BYTES];
    struct gw_buf storage, out;
    struct gw_ipc_frame reply;
    int fd;
    gw_buf_init(&storage, bytes, GW_IPC_FRAME_MAX);
    gw_buf_init(&out, scratch, sizeof(scratch));
    struct gw_ipc_frame frame = {.verb = verb, .request_id = 9, .body = gw_str_from_cstr(body)};
    gw_temp_path(&daemon->folder, "run/linkd/control.sock", path);
    assert_int_equal(gw_ipc_connect(path, &fd), GW_OK);
    assert_int_equal(gw_ipc_send(fd, &frame, &out), GW_OK);
    enum gw_err err = GW_ERR_RETRY;
    for (int i = 0; i < 500 && err == GW_ERR_RETRY; i++) {
        assert_int_equal(
            gw_linkd_round(daemon->linkd, gw_clock_mono_ms(&daemon->clock) + ROUND_MS), GW_OK);
        err = gw_ipc_receive(fd, &storage, &reply);
    }
    assert_int_equal(err, GW_OK);
    assert_int_equal(reply.request_id, 9);
    (void) close(fd);
    *ret_status = reply.status;
    char *text = (char *) (uintptr_t) reply.body.ptr;
    text[reply.body.len] = '\0';
    return text;
}

static void says(struct daemon *daemon, enum gw_ipc_verb verb, const char *body,
                 enum gw_err expected, const char *part) {
    enum gw_err status;
    const char *text = ask(daemon, verb, body, &status);
    if (status != expected || !strstr(text, part)) {
        fail_msg("%s: %s", gw_err_name(status), text);
    }
}

static void two_daemons_live_in_one_process(void **state) {
    (void) state;
    struct daemon a, b;
    open_daemon(&a, "GW-A");
    open_daemon(&b, "GW-B");
    says(&a, GW_IPC_HELLO, "", GW_OK, "\"program\":\"gw-linkd\"");
    says(&b, GW_IPC_STATUS, "{}", GW_OK, "\"sinks\":[{\"name\":\"centre\"");
    says(&a, GW_IPC_STATUS, "{}", GW_OK, "\"queue\":{\"open\":false");
    close_daemon(&a);
    says(&b, GW_IPC_HELLO, "", GW_OK, "gw-linkd");
    close_daemon(&b);
}

static void a_second_one_on_the_same_folder_is_refused(void **state) {
    (void) state;
    struct daemon a, second;
    open_daemon(&a, "GW-A");
    second = a;
    second.linkd = NULL;
    assert_int_equal(try_open(&second), GW_ERR_BUSY);
    assert_null(second.linkd);
    says(&a, GW_IPC_HELLO, "", GW_OK, "gw-linkd"); /* its socket is still there */
    close_daemon(&a);
}

static void a_wrong_document_is_refused_with_its_findings(void **state) {
    (void) state;
    struct daemon daemon;
    prepare(&daemon);
    write_config(&daemon, "GW A", ",\"speed\":3");
    assert_int_equal(try_open(&daemon), GW_ERR_SCHEMA);
    assert_non_null(strstr(daemon.text, "gateway.serial"));
    assert_non_null(strstr(daemon.text, "sinks[0].speed"));
    gw_temp_path(&daemon.folder, "nowhere.json", daemon.config_path);
    assert_int_equal(try_open(&daemon), GW_ERR_NOENT);
    assert_null(daemon.linkd);
    close_daemon(&daemon);
}

static void a_token_that_cannot_be_read_is_no_start(void **state) {
    (void) state;
    struct daemon daemon;
    prepare(&daemon);
    write_config(&daemon, "GW-A", ",\"token_file\":\"/nowhere/token\"");
    assert_int_equal(try_open(&daemon), GW_ERR_NOENT);
    assert_non_null(strstr(daemon.text, "sink centre cannot be opened"));
    close_daemon(&daemon);
}

static void requests_that_make_no_sense_are_refused_with_what_is_allowed(void **state) {
    (void) state;
    struct daemon daemon;
    open_daemon(&daemon, "GW-A");
    says(&daemon, GW_IPC_STATUS, "[", GW_ERR_PARSE, "error");
    says(&daemon, GW_IPC_DEAD_LETTER_SHOW, "{}", GW_ERR_SCHEMA, "epoch");
    says(&daemon, GW_IPC_DEAD_LETTER_SHOW,
         "{\"epoch\":\"00000000000000000\",\"class\":\"business\",\"sequence\":1}",
         GW_ERR_NOENT, "no such dead letter");
    says(&daemon, GW_IPC_DEAD_LETTER_LIST, "{\"sink\":\"x\"}", GW_ERR_NOENT, "\\\"x\\\"");
    says(&daemon, GW_IPC_DEAD_LETTER_LIST, "{\"sink\":1}", GW_ERR_SCHEMA, "number");
    says(&daemon, GW_IPC_DEAD_LETTER_LIST, "{\"max\":0}", GW_ERR_RANGE, "1 to 200");
    says(&daemon, GW_IPC_DEAD_LETTER_LIST, "{}", GW_OK, "{\"entries\":[],\"next\":\"\"}");
    says(&daemon, GW_IPC_REPLAY, "{\"class\":\"x\",\"from\":1,\"to\":2}", GW_ERR_SCHEMA,
         "class");
    says(&daemon, GW_IPC_REPLAY, "{\"class\":\"state\",\"from\":1,\"to\":2}", GW_ERR_NOENT,
         "nothing");
    says(&daemon, GW_IPC_SUBMIT, "{}", GW_ERR_DENIED, "");
    close_daemon(&daemon);
}

static void completeness_without_a_centre_is_refused_not_waited_for(void **state) {
    (void) state;
    struct daemon daemon;
    open_daemon(&daemon, "GW-A");
    says(&daemon, GW_IPC_COMPLETENESS, "{}", GW_ERR_NOCONN, "did not answer");
    close_daemon(&daemon);
}

static void a_reload_reports_what_changed(void **state) {
    (void) state;
    struct daemon daemon;
    open_daemon(&daemon, "GW-A");
    says(&daemon, GW_IPC_RELOAD, "{}", GW_OK, "\"revision\":3");
    says(&daemon, GW_IPC_RELOAD, "{}", GW_OK, "\"changed\":[]");
    write_config(&daemon, "GW-A", ",\"batch_events\":7");
    says(&daemon, GW_IPC_RELOAD, "{}", GW_OK, "\"changed\":[\"sinks\"]");
    write_config(&daemon, "GW-A", ",\"batch_events\":-7");
    says(&daemon, GW_IPC_RELOAD, "{}", GW_ERR_SCHEMA, "batch_events");
    says(&daemon, GW_IPC_STATUS, "{}", GW_OK, "config_rejected");
    write_config(&daemon, "GW-A", "");
    says(&daemon, GW_IPC_RELOAD, "{}", GW_OK, "\"changed\":[\"sinks\"]");
    says(&daemon, GW_IPC_STATUS, "{}", GW_OK, "\"fell_back\":false");
    close_daemon(&daemon);
}

static void a_certificate_that_cannot_be_read_is_an_issue(void **state) {
    (void) state;
    struct daemon daemon;
    open_daemon(&daemon, "GW-A");
    assert_int_equal(gw_linkd_round(daemon.linkd, 0), GW_OK);
    says(&daemon, GW_IPC_STATUS, "{}", GW_OK, "certificate_expires");
    close_daemon(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_daemons_live_in_one_process),
        cmocka_unit_test(a_second_one_on_the_same_folder_is_refused),
        cmocka_unit_test(a_wrong_document_is_refused_with_its_findings),
        cmocka_unit_test(a_token_that_cannot_be_read_is_no_start),
        cmocka_unit_test(requests_that_make_no_sense_are_refused_with_what_is_allowed),
        cmocka_unit_test(completeness_without_a_centre_is_refused_not_waited_for),
        cmocka_unit_test(a_reload_reports_what_changed),
        cmocka_unit_test(a_certificate_that_cannot_be_read_is_an_issue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
