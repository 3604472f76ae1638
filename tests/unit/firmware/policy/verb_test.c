/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/ipc/ipc.h"

/* The whole matrix once more, from the protocol's side: who may do what is
 * written down twice on purpose. L = link, S = status, C = control. */
static const struct {
    enum gw_ipc_verb verb;
    const char *name;
    const char *peers;
} matrix[] = {
    {GW_IPC_HELLO, "hello", "LSC"},
    {GW_IPC_STATUS, "status", "LSC"},
    {GW_IPC_SUBMIT, "submit", "L"},
    {GW_IPC_RELOAD, "reload", "C"},
    {GW_IPC_QUARANTINE_LIST, "quarantine_list", "SC"},
    {GW_IPC_QUARANTINE_SHOW, "quarantine_show", "SC"},
    {GW_IPC_QUARANTINE_RETRY, "quarantine_retry", "C"},
    {GW_IPC_QUARANTINE_DROP, "quarantine_drop", "C"},
    {GW_IPC_QUEUE_SALVAGE, "queue_salvage", "C"},
    {GW_IPC_DEVICE_ADD, "device_add", "C"},
    {GW_IPC_DEVICE_ROTATE, "device_rotate", "C"},
    {GW_IPC_DEVICE_REVOKE, "device_revoke", "C"},
    {GW_IPC_DEVICE_COMMAND, "device_command", "C"},
    {GW_IPC_FEED_COMMAND, "feed_command", "C"},
    {GW_IPC_DEAD_LETTER_LIST, "dead_letter_list", "SC"},
    {GW_IPC_DEAD_LETTER_SHOW, "dead_letter_show", "SC"},
    {GW_IPC_DEAD_LETTER_RETRY, "dead_letter_retry", "C"},
    {GW_IPC_DEAD_LETTER_DROP, "dead_letter_drop", "C"},
    {GW_IPC_REPLAY, "replay", "C"},
    {GW_IPC_COMPLETENESS, "completeness", "SC"},
    {GW_IPC_MODBUS_LIST, "modbus_list", "SC"},
    {GW_IPC_MODBUS_READ, "modbus_read", "SC"},
    {GW_IPC_MODBUS_SCAN, "modbus_scan", "SC"},
    {GW_IPC_MODBUS_WRITE, "modbus_write", "LSC"},
};

static bool has(const char *peers, char peer) {
    return gw_str_find(gw_str_from_cstr(peers), peer, 0) < gw_str_from_cstr(peers).len;
}

static void the_table_is_the_protocols_and_complete(void **state) {
    (void) state;
    size_t count = 0;
    while (gw_verb_at(count)) {
        count++;
    }
    assert_int_equal(count, sizeof(matrix) / sizeof(matrix[0]));
    for (size_t i = 0; i < count; i++) {
        const struct gw_verb_rules *rules = gw_verb_find((unsigned) matrix[i].verb);
        assert_non_null(rules);
        assert_string_equal(rules->name, matrix[i].name);
    }
}

static void each_peer_may_do_exactly_what_the_matrix_says(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
        unsigned verb = (unsigned) matrix[i].verb;
        assert_int_equal(gw_verb_allowed(GW_STR("link"), verb), has(matrix[i].peers, 'L'));
        assert_int_equal(gw_verb_allowed(GW_STR("status"), verb), has(matrix[i].peers, 'S'));
        assert_int_equal(gw_verb_allowed(GW_STR("control"), verb), has(matrix[i].peers, 'C'));
        assert_false(gw_verb_allowed(GW_STR(""), verb));
        assert_false(gw_verb_allowed(GW_STR("Control"), verb));
        assert_false(gw_verb_allowed(GW_STR("controls"), verb));
    }
}

static void an_unknown_verb_is_refused_to_everybody(void **state) {
    (void) state;
    for (unsigned verb = 0; verb < 300; verb++) {
        if (!gw_verb_find(verb)) {
            assert_false(gw_verb_allowed(GW_STR("control"), verb));
        }
    }
    assert_null(gw_verb_find(0));
    assert_null(gw_verb_find(5));
}

static void what_destroys_something_is_audited(void **state) {
    (void) state;
    assert_true(gw_verb_find(GW_IPC_QUARANTINE_DROP)->is_audited);
    assert_true(gw_verb_find(GW_IPC_DEAD_LETTER_DROP)->is_audited);
    assert_true(gw_verb_find(GW_IPC_QUEUE_SALVAGE)->is_audited);
    assert_true(gw_verb_find(GW_IPC_MODBUS_WRITE)->is_audited);
    assert_false(gw_verb_find(GW_IPC_STATUS)->is_audited);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_protocols_and_complete),
        cmocka_unit_test(each_peer_may_do_exactly_what_the_matrix_says),
        cmocka_unit_test(an_unknown_verb_is_refused_to_everybody),
        cmocka_unit_test(what_destroys_something_is_audited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
