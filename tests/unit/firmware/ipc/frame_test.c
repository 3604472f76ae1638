/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "firmware/ipc/ipc.h"
#include "firmware/policy/verb.h"

static void frame_has_the_documented_layout(void **state) {
    (void) state;
    const struct gw_ipc_frame frame = {
        .verb = GW_IPC_QUARANTINE_DROP,
        .status = GW_ERR_NOENT,
        .flags = GW_IPC_MORE,
        .request_id = UINT64_C(0x1122334455667788),
        .body = GW_STR("{}"),
    };
    static const uint8_t expected[] = {'G',          'W',  'P',  '1',  1,    13,
                                       GW_ERR_NOENT, 1,    0x88, 0x77, 0x66, 0x55,
                                       0x44,         0x33, 0x22, 0x11, '{',  '}'};
    char storage[64];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_ipc_encode(&frame, &buf), GW_OK);
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);

    struct gw_ipc_frame back;
    assert_int_equal(gw_ipc_decode(gw_buf_bytes(&buf), &back), GW_OK);
    assert_int_equal(back.verb, GW_IPC_QUARANTINE_DROP);
    assert_int_equal(back.status, GW_ERR_NOENT);
    assert_int_equal(back.flags, GW_IPC_MORE);
    assert_int_equal(back.request_id, frame.request_id);
    assert_true(gw_str_eq(back.body, GW_STR("{}")));
}

static void wrong_datagrams_are_refused_and_leave_the_output(void **state) {
    (void) state;
    uint8_t good[GW_IPC_HEADER_BYTES] = {'G', 'W', 'P', '1', 1, 2};
    struct gw_ipc_frame frame = {.request_id = 7};
    assert_int_equal(gw_ipc_decode((struct gw_bytes){good, 15}, &frame), GW_ERR_PARSE);
    assert_int_equal(gw_ipc_decode((struct gw_bytes){good, 0}, &frame), GW_ERR_PARSE);

    uint8_t bad[GW_IPC_HEADER_BYTES];
    memcpy(bad, good, sizeof bad);
    bad[0] = 'g';
    assert_int_equal(gw_ipc_decode((struct gw_bytes){bad, sizeof bad}, &frame), GW_ERR_PARSE);
    memcpy(bad, good, sizeof bad);
    bad[4] = 2;
    assert_int_equal(gw_ipc_decode((struct gw_bytes){bad, sizeof bad}, &frame), GW_ERR_SCHEMA);
    memcpy(bad, good, sizeof bad);
    bad[6] = GW_ERR_COUNT_;
    assert_int_equal(gw_ipc_decode((struct gw_bytes){bad, sizeof bad}, &frame), GW_ERR_PARSE);
    assert_int_equal(frame.request_id, 7);
    assert_int_equal(gw_ipc_decode((struct gw_bytes){good, sizeof good}, &frame), GW_OK);
    assert_int_equal(frame.request_id, 0);
}

static void body_beyond_the_limit_is_refused(void **state) {
    (void) state;
    struct gw_buf buf = {0};
    assert_int_equal(gw_buf_open(&buf, GW_IPC_FRAME_MAX + 1), GW_OK);
    char *body = test_malloc(GW_IPC_BODY_MAX + 1);
    memset(body, ' ', GW_IPC_BODY_MAX + 1);
    struct gw_ipc_frame frame = {.verb = GW_IPC_STATUS, .body = {body, GW_IPC_BODY_MAX + 1}};
    assert_int_equal(gw_ipc_encode(&frame, &buf), GW_ERR_RANGE);
    assert_int_equal(buf.len, 0);
    frame.body.len = GW_IPC_BODY_MAX;
    assert_int_equal(gw_ipc_encode(&frame, &buf), GW_OK);
    assert_int_equal(gw_ipc_decode(gw_buf_bytes(&buf), &frame), GW_OK);
    (void) gw_buf_put_char(&buf, ' ');
    assert_int_equal(gw_ipc_decode(gw_buf_bytes(&buf), &frame), GW_ERR_PARSE);
    assert_int_equal(gw_ipc_encode(&frame, &buf), GW_ERR_FULL);
    test_free(body);
    gw_buf_close(&buf);
}

/* The table in policy may not include ipc.h; here both are seen. */
static void policy_knows_each_verb_by_its_number(void **state) {
    (void) state;
    static const struct {
        enum gw_ipc_verb verb;
        const char *name;
    } verbs[] = {
        {GW_IPC_HELLO, "hello"},
        {GW_IPC_STATUS, "status"},
        {GW_IPC_SUBMIT, "submit"},
        {GW_IPC_RELOAD, "reload"},
        {GW_IPC_QUARANTINE_LIST, "quarantine_list"},
        {GW_IPC_QUARANTINE_SHOW, "quarantine_show"},
        {GW_IPC_QUARANTINE_RETRY, "quarantine_retry"},
        {GW_IPC_QUARANTINE_DROP, "quarantine_drop"},
        {GW_IPC_QUEUE_SALVAGE, "queue_salvage"},
        {GW_IPC_DEVICE_ADD, "device_add"},
        {GW_IPC_DEVICE_ROTATE, "device_rotate"},
        {GW_IPC_DEVICE_REVOKE, "device_revoke"},
        {GW_IPC_DEVICE_COMMAND, "device_command"},
        {GW_IPC_FEED_COMMAND, "feed_command"},
        {GW_IPC_DEAD_LETTER_LIST, "dead_letter_list"},
        {GW_IPC_DEAD_LETTER_SHOW, "dead_letter_show"},
        {GW_IPC_DEAD_LETTER_RETRY, "dead_letter_retry"},
        {GW_IPC_DEAD_LETTER_DROP, "dead_letter_drop"},
        {GW_IPC_REPLAY, "replay"},
        {GW_IPC_COMPLETENESS, "completeness"},
        {GW_IPC_MODBUS_LIST, "modbus_list"},
        {GW_IPC_MODBUS_READ, "modbus_read"},
        {GW_IPC_MODBUS_SCAN, "modbus_scan"},
        {GW_IPC_MODBUS_WRITE, "modbus_write"},
    };
    size_t count = sizeof verbs / sizeof verbs[0];
    for (size_t i = 0; i < count; i++) {
        const struct gw_verb_rules *rules = gw_verb_find(verbs[i].verb);
        assert_non_null(rules);
        assert_string_equal(rules->name, verbs[i].name);
    }
    assert_null(gw_verb_at(count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_has_the_documented_layout),
        cmocka_unit_test(wrong_datagrams_are_refused_and_leave_the_output),
        cmocka_unit_test(body_beyond_the_limit_is_refused),
        cmocka_unit_test(policy_knows_each_verb_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
