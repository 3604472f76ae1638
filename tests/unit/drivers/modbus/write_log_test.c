/* SPDX-License-Identifier: Apache-2.0 */
/* The records of commands in the state of the store. */
#include "drivers/modbus/write_log.h"

#include "tests/unit/drivers/modbus/write_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void a_record_reads_as_it_was_written(void **state) {
    (void) state;
    struct gw_modbus_record record = {.ordinal = 7,
                                      .id = "a-b",
                                      .bus = "plc1",
                                      .name = "speed",
                                      .has_place = true,
                                      .unit_id = 9,
                                      .area = GW_AREA_COIL,
                                      .address = 65535,
                                      .value = "-1.5",
                                      .word_count = 2,
                                      .words = {0x1234, 0xabcd},
                                      .actor = "page:anna",
                                      .via = "status",
                                      .time_wall_ms = 1795418040123,
                                      .has_result = true,
                                      .outcome = GW_MODBUS_WRITE_UNKNOWN,
                                      .result = "{\"a\":1}"};
    struct gw_modbus_record again = {0};
    char storage[GW_MODBUS_RECORD_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_modbus_record_format(&record, &buf), GW_OK);
    assert_int_equal(gw_modbus_record_parse(GW_STR("a-b"), gw_buf_str(&buf), &again), GW_OK);
    assert_true(gw_modbus_record_is_same(&record, &again));
    assert_int_equal(again.ordinal, 7);
    assert_int_equal(again.word_count, 2);
    assert_memory_equal(again.words, record.words, 4);
    assert_string_equal(again.actor, "page:anna");
    assert_string_equal(again.result, "{\"a\":1}");
    assert_int_equal(again.outcome, GW_MODBUS_WRITE_UNKNOWN);
    assert_int_equal(again.time_wall_ms, 1795418040123);
    for (size_t len = 0; len + 1 < buf.len; len++) {
        struct gw_str cut = gw_str_sub(gw_buf_str(&buf), 0, len);
        assert_true(gw_modbus_record_parse(GW_STR("a-b"), cut, &again) == GW_ERR_CORRUPT
                    || len + 9 > buf.len);
    }
    storage[0] = '2';
    assert_int_equal(gw_modbus_record_parse(GW_STR("a-b"), gw_buf_str(&buf), &again),
                     GW_ERR_CORRUPT);
}

static void the_oldest_record_makes_room(void **state) {
    struct write_rig *rig = *state;
    struct gw_intake intake = gw_fake_intake(rig->intake);
    struct gw_modbus_record record = {.ordinal = 1, .id = "first"};
    struct gw_modbus_record_changes changes;
    assert_int_equal(gw_modbus_record_store(&intake, &record, 0, &changes), GW_OK);
    assert_int_equal(changes.count, 3);
    struct gw_unit unit = {.state_table = GW_MODBUS_WRITES_TABLE,
                           .changes = changes.changes,
                           .change_count = changes.count};
    assert_int_equal(gw_intake_submit(&intake, &unit), GW_OK);
    gw_fake_intake_commit(rig->intake, GW_OK);
    record.ordinal = GW_MODBUS_WRITES_KEPT + 1;
    (void) snprintf(record.id, sizeof record.id, "new");
    assert_int_equal(gw_modbus_record_store(&intake, &record, GW_MODBUS_WRITES_KEPT, &changes),
                     GW_OK);
    assert_int_equal(changes.count, 5);
    assert_null(changes.changes[3].value.ptr);
    assert_null(changes.changes[4].value.ptr);
    assert_true(gw_str_eq(gw_str_from_bytes(changes.changes[4].key), GW_STR("c:first")));
    record.has_result = true;
    assert_int_equal(
        gw_modbus_record_store(&intake, &record, GW_MODBUS_WRITES_KEPT + 1, &changes), GW_OK);
    assert_int_equal(changes.count, 1);
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, write_rig_setup, write_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_record_reads_as_it_was_written),
        RIG_TEST(the_oldest_record_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
