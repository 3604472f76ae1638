/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct gw_config_point point_of(enum gw_point_type type) {
    return (struct gw_config_point){
        .name = "level",
        .unit_id = 3,
        .area = GW_AREA_HOLDING_REGISTER,
        .address = 107,
        .type = type,
        .scale = "1",
        .dead_band = "0",
        .report = GW_REPORT_SIGNAL,
        .class = GW_CLASS_STATE,
    };
}

static void assert_number(const struct gw_point_value *value, const char *expected) {
    char text[GW_DECIMAL_TEXT_MAX + 1] = {0};
    struct gw_buf buf;
    gw_buf_init(&buf, text, GW_DECIMAL_TEXT_MAX);
    assert_true(value->good);
    assert_true(gw_decimal_put(&buf, &value->number));
    assert_string_equal(text, expected);
}

static struct gw_point_value decoded(const struct gw_config_point *point, uint16_t first,
                                     uint16_t second) {
    const uint16_t words[] = {first, second};
    size_t count =
        gw_point_area_is_bits(point->area) ? 1 : gw_point_register_count(point->type);
    struct gw_point_value value;
    assert_int_equal(gw_point_decode(point, words, count, &value), GW_OK);
    return value;
}

static struct gw_point_value value_of(const char *text) {
    struct gw_point_value value = {.good = true};
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(text), &value.number), GW_OK);
    return value;
}

static void the_four_orders_assemble_the_same_number(void **state) {
    (void) state;
    /* 0x12345678 as bytes on the wire */
    const uint16_t wire[][2] = {[GW_ORDER_ABCD] = {0x1234, 0x5678},
                                [GW_ORDER_CDAB] = {0x5678, 0x1234},
                                [GW_ORDER_BADC] = {0x3412, 0x7856},
                                [GW_ORDER_DCBA] = {0x7856, 0x3412}};
    struct gw_config_point point = point_of(GW_POINT_UINT32);
    for (unsigned order = GW_ORDER_ABCD; order <= GW_ORDER_DCBA; order++) {
        point.order = (enum gw_word_order) order;
        struct gw_point_value value = decoded(&point, wire[order][0], wire[order][1]);
        assert_number(&value, "305419896");
    }
}

static void single_registers_swap_bytes_only(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_UINT16);
    const char *const expected[] = {[GW_ORDER_ABCD] = "4660",
                                    [GW_ORDER_CDAB] = "4660",
                                    [GW_ORDER_BADC] = "13330",
                                    [GW_ORDER_DCBA] = "13330"};
    for (unsigned order = GW_ORDER_ABCD; order <= GW_ORDER_DCBA; order++) {
        point.order = (enum gw_word_order) order;
        struct gw_point_value value = decoded(&point, 0x1234, 0);
        assert_number(&value, expected[order]);
    }
}

static void signs_and_limits_of_each_type_are_exact(void **state) {
    (void) state;
    const struct {
        enum gw_point_type type;
        uint16_t first, second;
        const char *expected;
    } cases[] = {
        {GW_POINT_INT16, 0x8000, 0, "-32768"},
        {GW_POINT_INT16, 0xffff, 0, "-1"},
        {GW_POINT_INT16, 0x7fff, 0, "32767"},
        {GW_POINT_UINT16, 0xffff, 0, "65535"},
        {GW_POINT_INT32, 0x8000, 0, "-2147483648"},
        {GW_POINT_INT32, 0xffff, 0xffff, "-1"},
        {GW_POINT_UINT32, 0xffff, 0xffff, "4294967295"},
        {GW_POINT_BOOL, 0, 0, "0"},
        {GW_POINT_BOOL, 0x0100, 0, "1"},
        {GW_POINT_FLOAT32, 0x3dcc, 0xcccd, "0.1"},
        {GW_POINT_FLOAT32, 0xc145, 0x70a4, "-12.34"},
        {GW_POINT_FLOAT32, 0x8000, 0, "0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_config_point point = point_of(cases[i].type);
        struct gw_point_value value = decoded(&point, cases[i].first, cases[i].second);
        assert_number(&value, cases[i].expected);
    }
}

static void scales_are_exact_and_do_not_touch_bools(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT16);
    point.scale = "0.01";
    struct gw_point_value value = decoded(&point, 123, 0);
    assert_number(&value, "1.23");
    value = decoded(&point, 0xffff, 0);
    assert_number(&value, "-0.01");
    point.type = GW_POINT_FLOAT32;
    value = decoded(&point, 0x3dcc, 0xcccd);
    assert_number(&value, "0.001");
    point.type = GW_POINT_BOOL;
    value = decoded(&point, 1, 0);
    assert_number(&value, "1");
}

static void a_bit_area_is_a_bool_whatever_the_type(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_BOOL);
    point.area = GW_AREA_COIL;
    struct gw_point_value value = decoded(&point, 1, 0);
    assert_number(&value, "1");
    point.area = GW_AREA_DISCRETE_INPUT;
    point.order = GW_ORDER_DCBA;
    value = decoded(&point, 0, 0);
    assert_number(&value, "0");
}

static void what_is_no_number_is_bad_and_has_no_value(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_FLOAT32);
    assert_false(decoded(&point, 0x7fc0, 0).good);
    assert_false(decoded(&point, 0x7f80, 0).good);
    assert_false(decoded(&point, 0xff80, 0).good);
}

static void wrong_counts_and_scales_are_the_callers_fault(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT32);
    const uint16_t words[] = {1, 2, 3};
    struct gw_point_value value = {.good = true};
    assert_int_equal(gw_point_decode(&point, words, 1, &value), GW_ERR_INVALID);
    assert_int_equal(gw_point_decode(&point, words, 3, &value), GW_ERR_INVALID);
    point.scale = "one";
    assert_int_equal(gw_point_decode(&point, words, 2, &value), GW_ERR_INVALID);
    point.scale = "1000000000000000000000000000000000000000000000000000000000000000000000";
    assert_int_equal(gw_point_decode(&point, words, 2, &value), GW_ERR_RANGE);
}

static void change_is_quality_or_more_than_the_dead_band(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT16);
    struct gw_point_value a = value_of("10.0"), b = value_of("10.5"), bad = {.good = false};
    assert_true(gw_point_has_changed(&point, &a, &b));
    assert_false(gw_point_has_changed(&point, &a, &a));
    point.dead_band = "0.5";
    assert_false(gw_point_has_changed(&point, &a, &b));
    point.dead_band = "0.49";
    assert_true(gw_point_has_changed(&point, &b, &a));
    assert_true(gw_point_has_changed(&point, &a, &bad));
    assert_true(gw_point_has_changed(&point, &bad, &a));
    assert_false(gw_point_has_changed(&point, &bad, &bad));
    point.dead_band = "wide";
    assert_true(gw_point_has_changed(&point, &a, &b));
}

struct expectation {
    enum gw_point_report report;
    const char *before, *now; /* NULL = bad; "" = no reading before */
    enum gw_event_type type;
    const char *data;
};

static const struct expectation expectations[] = {
    {GW_REPORT_SIGNAL, "", "1", GW_EVENT_PLC_SIGNAL_CHANGED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"quality\":\"good\","
     "\"unitid\":3,\"value\":\"1\"}"},
    {GW_REPORT_SIGNAL, "1", "0", GW_EVENT_PLC_SIGNAL_CHANGED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"previous\":\"1\","
     "\"quality\":\"good\",\"unitid\":3,\"value\":\"0\"}"},
    {GW_REPORT_SIGNAL, "1", NULL, GW_EVENT_PLC_SIGNAL_CHANGED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"previous\":\"1\","
     "\"quality\":\"bad\",\"unitid\":3}"},
    {GW_REPORT_SIGNAL, NULL, "1", GW_EVENT_PLC_SIGNAL_CHANGED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"quality\":\"good\","
     "\"unitid\":3,\"value\":\"1\"}"},
    {GW_REPORT_COUNTER, "65530", "65535", GW_EVENT_PLC_COUNTED,
     "{\"address\":107,\"area\":\"holding_register\",\"delta\":\"5\",\"point\":\"level\","
     "\"quality\":\"good\",\"unitid\":3,\"value\":\"65535\"}"},
    {GW_REPORT_COUNTER, "65535", "4", GW_EVENT_PLC_COUNTED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"quality\":\"good\","
     "\"unitid\":3,\"value\":\"4\"}"},
    {GW_REPORT_METRIC, "1.5", "2.5", GW_EVENT_METRIC_SAMPLED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"quality\":\"good\","
     "\"unitid\":3,\"value\":\"2.5\"}"},
    {GW_REPORT_METRIC, "", NULL, GW_EVENT_METRIC_SAMPLED,
     "{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\",\"quality\":\"bad\","
     "\"unitid\":3}"},
};

static void drafts_say_what_was_read_and_what_was_before(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expectation *expected = &expectations[i];
        struct gw_config_point point = point_of(GW_POINT_INT16);
        point.report = expected->report;
        struct gw_point_value before = {.good = false}, now = {.good = false};
        if (expected->before && expected->before[0]) {
            before = value_of(expected->before);
        }
        if (expected->now) {
            now = value_of(expected->now);
        }
        struct gw_point_input input = {
            .point = &point,
            .device = GW_STR("plc1.level"),
            .before = expected->before && !expected->before[0] ? NULL : &before,
            .now = &now,
            .time_wall_ms = 77,
        };
        uint8_t storage[GW_POINT_DATA_MAX_BYTES];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof(storage));
        struct gw_event_draft draft;
        assert_int_equal(gw_point_observe(&input, &buf, &draft), GW_OK);
        assert_true(gw_str_eq(draft.data, gw_str_from_cstr(expected->data)));
        assert_int_equal(draft.type, expected->type);
        assert_int_equal(draft.class, GW_CLASS_STATE);
        assert_int_equal(draft.time_wall_ms, 77);
        assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    }
}

static void every_full_storage_is_said_and_left_as_it_was(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT16);
    struct gw_point_value now = value_of("12.5");
    struct gw_point_input input = {
        .point = &point, .device = GW_STR("plc1.level"), .before = &now, .now = &now};
    uint8_t storage[256];
    struct gw_event_draft draft;
    size_t cap = 0;
    for (; cap < sizeof(storage); cap++) {
        struct gw_buf buf;
        gw_buf_init(&buf, storage, cap);
        enum gw_err err = gw_point_observe(&input, &buf, &draft);
        if (!err) {
            break;
        }
        assert_int_equal(err, GW_ERR_FULL);
        assert_int_equal(buf.len, 0);
        assert_false(gw_buf_failed(&buf));
    }
    assert_in_range(cap, 60, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_orders_assemble_the_same_number),
        cmocka_unit_test(single_registers_swap_bytes_only),
        cmocka_unit_test(signs_and_limits_of_each_type_are_exact),
        cmocka_unit_test(scales_are_exact_and_do_not_touch_bools),
        cmocka_unit_test(a_bit_area_is_a_bool_whatever_the_type),
        cmocka_unit_test(what_is_no_number_is_bad_and_has_no_value),
        cmocka_unit_test(wrong_counts_and_scales_are_the_callers_fault),
        cmocka_unit_test(change_is_quality_or_more_than_the_dead_band),
        cmocka_unit_test(drafts_say_what_was_read_and_what_was_before),
        cmocka_unit_test(every_full_storage_is_said_and_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
