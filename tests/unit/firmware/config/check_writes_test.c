/* SPDX-License-Identifier: Apache-2.0 */
/* What commands may write: a permission that must be said in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "tests/unit/firmware/config/config_fixture.h"

#define COIL "\"name\":\"a\",\"area\":\"coil\",\"address\":1"
#define HOLDING "\"name\":\"a\",\"area\":\"holding_register\",\"address\":1"
#define RANGE "\"min\":\"0\",\"max\":\"10\""

static void attempt_writes(struct attempt *attempt, const char *writes) {
    char bus[2048];
    (void) snprintf(bus, sizeof bus, "\"writes\":[%s],\"points\":[" SMALL_POINT "]}", writes);
    attempt_changed(attempt, SMALL, "\"points\":[" SMALL_POINT "]}", bus);
}

struct finding {
    const char *write;
    const char *start; /* of the first finding; NULL = accepted */
};

static const struct finding findings[] = {
    {COIL, NULL},
    {HOLDING "," RANGE, NULL},
    {HOLDING ",\"values\":[\"1\",\"-2.5\"],\"type\":\"int16\",\"scale\":\"0.5\"", NULL},
    {HOLDING ",\"type\":\"bool\"", NULL},
    {HOLDING ",\"type\":\"float64\",\"order\":\"EFGHABCD\"," RANGE, NULL},
    {HOLDING, "buses[0].writes[0].min: found nothing: what may be written must be said"},
    {HOLDING ",\"min\":\"0\"", "buses[0].writes[0].min: min and max belong together"},
    {HOLDING "," RANGE ",\"values\":[\"1\"]", "buses[0].writes[0].min: has no effect beside"},
    {HOLDING ",\"values\":[]", "buses[0].writes[0].values: found"},
    {HOLDING ",\"values\":[\"a\"]", "buses[0].writes[0].values[0]: found"},
    {HOLDING ",\"min\":\"x\",\"max\":\"1\"", "buses[0].writes[0].min: found text \"x\""},
    {COIL "," RANGE, "buses[0].writes[0].min: a bool is 0 or 1"},
    {COIL ",\"type\":\"uint16\"," RANGE, "buses[0].writes[0].type: a coil is one bit"},
    {COIL ",\"scale\":\"2\"", "buses[0].writes[0].scale: a bool or a float"},
    {HOLDING ",\"type\":\"float32\",\"scale\":\"0.1\"," RANGE,
     "buses[0].writes[0].scale: a bool or a float"},
    {HOLDING ",\"type\":\"uint32\",\"order\":\"CDABGHEF\"," RANGE,
     "buses[0].writes[0].order: is an order of four"},
    {HOLDING ",\"type\":\"string\"," RANGE, "buses[0].writes[0].type: found text \"string\""},
    {"\"name\":\"a\",\"area\":\"input_register\",\"address\":1," RANGE,
     "buses[0].writes[0].area: found text \"input_register\""},
    {"\"name\":\"a\",\"area\":\"holding_register\",\"address\":65534,\"type\":"
     "\"uint64\"," RANGE,
     "buses[0].writes[0].address: found 65534, but the value reaches beyond"},
    {"\"name\":\"a\",\"area\":\"holding_register\",\"address\":\"30001\"," RANGE,
     "buses[0].writes[0].address: found text \"30001\""},
    {COIL ",\"unit_id\":0", "buses[0].writes[0].unit_id: found number 0"},
    {COIL "},{\"name\":\"a\",\"area\":\"coil\",\"address\":2",
     "buses[0].writes[1].name: found \"a\", the name of entry 0"},
    {COIL "},{\"name\":\"b\",\"area\":\"coil\",\"address\":1",
     "buses[0].writes[1].address: found 1, which is in entry 0"},
    {COIL "},{\"name\":\"b\",\"area\":\"coil\",\"address\":1,\"unit_id\":2", NULL},
    {HOLDING ",\"type\":\"uint32\"," RANGE
             "},{\"name\":\"b\",\"area\":\"holding_register\",\"address\":2," RANGE,
     "buses[0].writes[1].address: found 2, which is in entry 0"},
    /* what can never work */
    {HOLDING ",\"min\":\"10\",\"max\":\"1\"",
     "buses[0].writes[0].min: found \"10\", allowed: not above max, which is \"1\"\n"},
    {HOLDING ",\"min\":\"1.0\",\"max\":\"1\"", NULL},
    {HOLDING ",\"min\":\"0\",\"max\":\"70000\"",
     "buses[0].writes[0].max: found \"70000\", which the type cannot hold exactly, allowed: 0 "
     "to 65535 in steps of 1\n"},
    {HOLDING ",\"min\":\"-5\",\"max\":\"7\"",
     "buses[0].writes[0].min: found \"-5\", which the type"},
    {HOLDING ",\"type\":\"int16\",\"scale\":\"0.1\",\"min\":\"0\",\"max\":\"5000\"",
     "buses[0].writes[0].max: found \"5000\", which the type and scale cannot hold exactly, "
     "allowed: -3276.8 to 3276.7 in steps of 0.1\n"},
    {HOLDING ",\"type\":\"int16\",\"scale\":\"-0.1\",\"min\":\"-3276.7\",\"max\":\"3276.8\"",
     NULL},
    {HOLDING ",\"type\":\"int16\",\"scale\":\"-0.1\",\"min\":\"-3276.8\",\"max\":\"0\"",
     "buses[0].writes[0].min: found \"-3276.8\", which the type and scale cannot hold exactly, "
     "allowed: -3276.7 to 3276.8 in steps of 0.1\n"},
    {HOLDING ",\"scale\":\"0.1\",\"values\":[\"0.1\",\"0.05\"]",
     "buses[0].writes[0].values[1]: found \"0.05\", which the type and scale"},
    {HOLDING ",\"values\":[\"1.5\"]", "buses[0].writes[0].values[0]: found \"1.5\""},
    {HOLDING ",\"type\":\"uint64\",\"values\":[\"18446744073709551616\"]",
     "buses[0].writes[0].values[0]: found"},
    {HOLDING ",\"type\":\"uint64\",\"values\":[\"18446744073709551615\"]", NULL},
    {HOLDING ",\"type\":\"float32\",\"values\":[\"0.1\",\"16777216\"]", NULL},
    {HOLDING ",\"type\":\"float32\",\"values\":[\"0.123456789\"]",
     "buses[0].writes[0].values[0]: found \"0.123456789\", which the type cannot hold exactly, "
     "allowed: 0.12345679\n"},
    /* one finding for one fault */
    {"\"name\":\"a\",\"area\":\"coils\",\"address\":1," RANGE,
     "buses[0].writes[0].area: found text \"coils\""},
    {HOLDING ",\"type\":\"uint8\"," RANGE, "buses[0].writes[0].type: found text \"uint8\""},
    {HOLDING ",\"scale\":0.1,\"min\":\"0.5\",\"max\":\"1\"", "buses[0].writes[0].scale: found"},
};

static const struct finding two_faults[] = {
    {COIL
     ",\"unit_id\":0},{\"name\":\"b\",\"area\":\"coil\",\"address\":\"x\"},{\"name\":\"c\","
     "\"area\":\"coil\",\"address\":0",
     "buses[0].writes[0].unit_id: found number 0"},
    {HOLDING ",\"min\":\"-5\",\"max\":\"70000\"", "buses[0].writes[0].min: found \"-5\""},
    {HOLDING ",\"values\":[\"-1\",\"0.5\",\"7\"]", "buses[0].writes[0].values[0]: found"},
};

/* One fault, one finding. */
static void assert_findings(const struct finding *finding, unsigned faults) {
    struct attempt attempt;
    char write[1024];
    (void) snprintf(write, sizeof write, "{%s}", finding->write);
    attempt_writes(&attempt, write);
    if (!finding->start) {
        assert_string_equal(attempt.error_storage, "");
        assert_int_equal(attempt.err, GW_OK);
    } else {
        assert_int_equal(attempt.err, GW_ERR_SCHEMA);
        if (count_lines(attempt.error_storage) != faults
            || strncmp(attempt.error_storage, finding->start, strlen(finding->start)) != 0) {
            fail_msg("%s: %s", finding->write, attempt.error_storage);
        }
    }
    attempt_done(&attempt);
}

static void a_permission_is_said_in_full_and_once(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(findings); i++) {
        assert_findings(&findings[i], 1);
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(two_faults); i++) {
        assert_findings(&two_faults[i], 2);
    }
}

static void an_entry_is_read_with_its_defaults(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_writes(&attempt, "{\"name\":\"speed\",\"area\":\"holding_register\","
                             "\"address\":\"40011\",\"unit_id\":7,\"values\":[\"1\",\"2\"]}");
    assert_int_equal(attempt.err, GW_OK);
    assert_int_equal(attempt.config->buses[0].write_count, 1);
    const struct gw_config_write *write = &attempt.config->buses[0].writes[0];
    assert_string_equal(write->name, "speed");
    assert_int_equal(write->address, 10);
    assert_int_equal(write->unit_id, 7);
    assert_int_equal(write->type, GW_POINT_UINT16);
    assert_int_equal(write->min_interval_ms, 1000);
    assert_true(write->read_back);
    assert_false(write->multiple);
    assert_int_equal(write->value_count, 2);
    assert_string_equal(write->values[1], "2");
    attempt_done(&attempt);
}

static void without_a_list_nothing_may_be_written(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, SMALL);
    assert_int_equal(attempt.err, GW_OK);
    assert_int_equal(attempt.config->buses[0].write_count, 0);
    attempt_done(&attempt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permission_is_said_in_full_and_once),
        cmocka_unit_test(an_entry_is_read_with_its_defaults),
        cmocka_unit_test(without_a_list_nothing_may_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
