/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/write_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_config_write uint16_rule = {.name = "setpoint",
                                                   .unit_id = 1,
                                                   .area = GW_AREA_HOLDING_REGISTER,
                                                   .address = 10,
                                                   .type = GW_POINT_UINT16,
                                                   .scale = "1",
                                                   .min = "0",
                                                   .max = "65535"};

struct outcome {
    enum gw_err err;
    uint16_t words[GW_MODBUS_WRITE_WORDS];
    char reason[300];
};

static struct outcome encode(const struct gw_config_write *write, const char *value) {
    struct outcome outcome = {0};
    struct gw_buf reason;
    gw_buf_init(&reason, outcome.reason, sizeof outcome.reason - 1);
    outcome.err =
        gw_modbus_write_encode(write, gw_str_from_cstr(value), &reason, outcome.words);
    return outcome;
}

static struct gw_config_write rule(enum gw_point_type type, const char *scale, const char *min,
                                   const char *max) {
    struct gw_config_write write = uint16_rule;
    write.type = type;
    write.scale = scale;
    write.min = min;
    write.max = max;
    return write;
}

static void assert_words(const struct outcome *outcome, size_t count, const uint16_t *words) {
    assert_int_equal(outcome->err, GW_OK);
    assert_memory_equal(outcome->words, words, count * sizeof *words);
}

static void integers_come_out_as_their_registers(void **state) {
    (void) state;
    static const struct {
        enum gw_point_type type;
        const char *value;
        size_t count;
        uint16_t words[4];
    } rows[] = {
        {GW_POINT_UINT16, "0", 1, {0}},
        {GW_POINT_UINT16, "65535", 1, {0xffff}},
        {GW_POINT_INT16, "-1", 1, {0xffff}},
        {GW_POINT_INT16, "-32768", 1, {0x8000}},
        {GW_POINT_UINT32, "4294967295", 2, {0xffff, 0xffff}},
        {GW_POINT_INT32, "-2", 2, {0xffff, 0xfffe}},
        {GW_POINT_UINT32, "65536.000", 2, {1, 0}},
        {GW_POINT_UINT64, "18446744073709551615", 4, {0xffff, 0xffff, 0xffff, 0xffff}},
        {GW_POINT_INT64, "-9223372036854775808", 4, {0x8000, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gw_config_write write =
            rule(rows[i].type, "1", "-99999999999999999999", "99999999999999999999");
        struct outcome outcome = encode(&write, rows[i].value);
        assert_words(&outcome, rows[i].count, rows[i].words);
        assert_int_equal(gw_modbus_write_width(&write), rows[i].count);
    }
}

static void what_does_not_fit_is_refused_not_cut(void **state) {
    (void) state;
    static const struct {
        enum gw_point_type type;
        const char *value;
    } rows[] = {
        {GW_POINT_UINT16, "65536"},
        {GW_POINT_UINT16, "-1"},
        {GW_POINT_INT16, "32768"},
        {GW_POINT_INT16, "-32769"},
        {GW_POINT_UINT16, "1.5"},
        {GW_POINT_UINT32, "4294967296"},
        {GW_POINT_INT32, "-2147483649"},
        {GW_POINT_UINT64, "18446744073709551616"},
        {GW_POINT_INT64, "9223372036854775808"},
        {GW_POINT_FLOAT32, "16777217"},
        {GW_POINT_FLOAT32, "0.123456789"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gw_config_write write =
            rule(rows[i].type, "1", "-99999999999999999999", "99999999999999999999");
        struct outcome outcome = encode(&write, rows[i].value);
        assert_int_equal(outcome.err, GW_ERR_RANGE);
        assert_non_null(strstr(outcome.reason, "exactly"));
        assert_int_equal(outcome.words[0], 0);
    }
}

static void the_scale_is_undone_exactly(void **state) {
    (void) state;
    struct gw_config_write write = rule(GW_POINT_INT16, "0.1", "-1000", "1000");
    struct outcome outcome = encode(&write, "12.5");
    assert_words(&outcome, 1, (uint16_t[]){125});
    outcome = encode(&write, "-0.1");
    assert_words(&outcome, 1, (uint16_t[]){0xffff});
    assert_int_equal(encode(&write, "12.55").err, GW_ERR_RANGE);
    write = rule(GW_POINT_UINT16, "25", "0", "1000");
    outcome = encode(&write, "100");
    assert_words(&outcome, 1, (uint16_t[]){4});
    assert_int_equal(encode(&write, "110").err, GW_ERR_RANGE);
    write = rule(GW_POINT_INT16, "-1", "-100", "100");
    outcome = encode(&write, "7");
    assert_words(&outcome, 1, (uint16_t[]){0xfff9});
}

static void floats_keep_the_shortest_text(void **state) {
    (void) state;
    struct gw_config_write write = rule(GW_POINT_FLOAT32, "1", "-10", "10");
    struct outcome outcome = encode(&write, "3.14");
    assert_words(&outcome, 2, (uint16_t[]){0x4048, 0xf5c3});
    write = rule(GW_POINT_FLOAT64, "1", "-10", "10");
    outcome = encode(&write, "3.14");
    assert_words(&outcome, 4, (uint16_t[]){0x4009, 0x1eb8, 0x51eb, 0x851f});
}

static void orders_are_those_of_reading(void **state) {
    (void) state;
    static const struct {
        enum gw_word_order order;
        uint16_t two[2], four[4];
    } rows[] = {
        {GW_ORDER_ABCD, {0x0102, 0x0304}, {0x0102, 0x0304, 0x0506, 0x0708}},
        {GW_ORDER_CDAB, {0x0304, 0x0102}, {0x0708, 0x0506, 0x0304, 0x0102}},
        {GW_ORDER_BADC, {0x0201, 0x0403}, {0x0201, 0x0403, 0x0605, 0x0807}},
        {GW_ORDER_DCBA, {0x0403, 0x0201}, {0x0807, 0x0605, 0x0403, 0x0201}},
        {GW_ORDER_CDABGHEF, {0}, {0x0304, 0x0102, 0x0708, 0x0506}},
        {GW_ORDER_EFGHABCD, {0}, {0x0506, 0x0708, 0x0102, 0x0304}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gw_config_write write = rule(GW_POINT_UINT64, "1", "0", "999999999999999999");
        write.order = rows[i].order;
        struct outcome outcome = encode(&write, "72623859790382856");
        assert_words(&outcome, 4, rows[i].four);
        if (rows[i].order <= GW_ORDER_DCBA) {
            write.type = GW_POINT_UINT32;
            outcome = encode(&write, "16909060");
            assert_words(&outcome, 2, rows[i].two);
        }
    }
}

static void a_coil_takes_0_and_1_and_nothing_else(void **state) {
    (void) state;
    struct gw_config_write write = {.name = "lamp",
                                    .area = GW_AREA_COIL,
                                    .type = GW_POINT_BOOL,
                                    .scale = "1",
                                    .min = "",
                                    .max = ""};
    struct outcome outcome = encode(&write, "1");
    assert_words(&outcome, 1, (uint16_t[]){1});
    outcome = encode(&write, "0");
    assert_words(&outcome, 1, (uint16_t[]){0});
    outcome = encode(&write, "2");
    assert_int_equal(outcome.err, GW_ERR_DENIED);
    assert_non_null(strstr(outcome.reason, "0 or 1"));
}

static void the_range_includes_its_ends_and_says_itself(void **state) {
    (void) state;
    struct gw_config_write write = rule(GW_POINT_INT16, "0.1", "-5.0", "20.5");
    assert_int_equal(encode(&write, "-5").err, GW_OK);
    assert_int_equal(encode(&write, "20.50").err, GW_OK);
    assert_int_equal(encode(&write, "20.6").err, GW_ERR_DENIED);
    struct outcome outcome = encode(&write, "-5.1");
    assert_int_equal(outcome.err, GW_ERR_DENIED);
    assert_string_equal(outcome.reason, "value: found -5.1, allowed: -5.0 to 20.5");
}

static void a_list_allows_its_values_alone(void **state) {
    (void) state;
    const char *values[] = {"1", "8", "9"};
    struct gw_config_write write = rule(GW_POINT_UINT16, "1", "", "");
    write.values = values;
    write.value_count = 3;
    assert_int_equal(encode(&write, "8.0").err, GW_OK);
    struct outcome outcome = encode(&write, "2");
    assert_int_equal(outcome.err, GW_ERR_DENIED);
    assert_string_equal(outcome.reason, "value: found 2, allowed: 1, 8, 9");
}

static void nothing_is_allowed_without_range_and_list(void **state) {
    (void) state;
    struct gw_config_write write = rule(GW_POINT_UINT16, "1", "", "");
    assert_int_equal(encode(&write, "1").err, GW_ERR_DENIED);
}

static void what_is_no_decimal_number_is_refused(void **state) {
    (void) state;
    static const char *const texts[] = {
        "",    "x",    "1e3", "+1",  " 1",
        "1 ",  "0x10", "1,5", "NaN", "inf",
        "--1", "1.",   ".5",  "-",   "1234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(encode(&uint16_rule, texts[i]).err, GW_ERR_PARSE);
    }
}

static void rules_are_found_by_name_and_by_place(void **state) {
    (void) state;
    struct gw_config_write writes[2] = {uint16_rule, uint16_rule};
    writes[1].name = "other";
    writes[1].address = 11;
    struct gw_config_bus bus = {.writes = writes, .write_count = 2};
    assert_ptr_equal(gw_modbus_write_named(&bus, GW_STR("other")), &writes[1]);
    assert_null(gw_modbus_write_named(&bus, GW_STR("othe")));
    assert_ptr_equal(gw_modbus_write_at(&bus, 1, GW_AREA_HOLDING_REGISTER, 11), &writes[1]);
    assert_null(gw_modbus_write_at(&bus, 1, GW_AREA_COIL, 11));
    assert_null(gw_modbus_write_at(&bus, 2, GW_AREA_HOLDING_REGISTER, 11));
    assert_null(gw_modbus_write_at(&bus, 1, GW_AREA_HOLDING_REGISTER, 12));
}

static void what_was_read_back_is_shown_as_a_value_or_as_words(void **state) {
    (void) state;
    char text[64];
    struct gw_buf buf;
    struct gw_config_write write = rule(GW_POINT_INT16, "0.1", "0", "1");
    gw_buf_init(&buf, text, sizeof text);
    assert_int_equal(gw_modbus_write_put_value(&write, (uint16_t[]){0xffff}, &buf), GW_OK);
    assert_true(gw_str_eq(gw_buf_str(&buf), GW_STR("-0.1")));
    write = rule(GW_POINT_FLOAT32, "1", "0", "1");
    gw_buf_clear(&buf);
    assert_int_equal(gw_modbus_write_put_value(&write, (uint16_t[]){0x7fc0, 1}, &buf), GW_OK);
    assert_true(gw_str_eq(gw_buf_str(&buf), GW_STR("0x7fc0 0x0001")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_come_out_as_their_registers),
        cmocka_unit_test(what_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(the_scale_is_undone_exactly),
        cmocka_unit_test(floats_keep_the_shortest_text),
        cmocka_unit_test(orders_are_those_of_reading),
        cmocka_unit_test(a_coil_takes_0_and_1_and_nothing_else),
        cmocka_unit_test(the_range_includes_its_ends_and_says_itself),
        cmocka_unit_test(a_list_allows_its_values_alone),
        cmocka_unit_test(nothing_is_allowed_without_range_and_list),
        cmocka_unit_test(what_is_no_decimal_number_is_refused),
        cmocka_unit_test(rules_are_found_by_name_and_by_place),
        cmocka_unit_test(what_was_read_back_is_shown_as_a_value_or_as_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
