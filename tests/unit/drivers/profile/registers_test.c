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
        .bit = GW_POINT_ALL_BITS,
        .scale = "1",
        .offset = "0",
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

static void what_the_device_has_no_value_for_is_bad(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT16);
    point.invalid = "0x8000";
    assert_false(decoded(&point, 0x8000, 0).good);
    struct gw_point_value value = decoded(&point, 0x8001, 0);
    assert_number(&value, "-32767");
    point.type = GW_POINT_UINT16;
    point.scale = "0.1";
    point.invalid = "0xFFFF,0xfffe";
    assert_false(decoded(&point, 0xffff, 0).good);
    assert_false(decoded(&point, 0xfffe, 0).good);
    value = decoded(&point, 0xfffd, 0);
    assert_number(&value, "6553.3");
    point.invalid = "";
    value = decoded(&point, 0xffff, 0);
    assert_number(&value, "6553.5");
}

static void what_means_no_value_is_compared_after_the_order(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT32);
    point.invalid = "0x80000000";
    point.order = GW_ORDER_CDAB;
    assert_false(decoded(&point, 0, 0x8000).good);
    struct gw_point_value value = decoded(&point, 0x8000, 0);
    assert_number(&value, "32768");
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

static void floats_are_rounded_at_the_last_place_and_too_large_ones_refused(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_FLOAT64);
    static const uint16_t least[] = {0, 0, 0, 1}, huge[] = {0x7e37, 0xe43c, 0x8800, 0x759c},
                          tiny[] = {0x337f, 0xbdf2, 0xc798,
                                    0x645c}; /* 1.2345678901234567e-60 */
    static const uint16_t whole[] = {0x43d0, 0, 0, 0};
    struct gw_point_value value;
    char text[40] = {0};
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof text - 1);
    assert_int_equal(gw_point_decode(&point, least, 4, &value), GW_OK);
    assert_number(&value, "0");
    assert_int_equal(gw_point_decode(&point, whole, 4, &value), GW_OK);
    assert_number(&value, "4611686018427387904");
    assert_int_equal(gw_point_decode(&point, huge, 4, &value), GW_ERR_RANGE);
    gw_point_put_unscaled(&point, huge, &buf);
    assert_string_equal(text, "1e+300");
    point.scale = "0.00000000001";
    assert_int_equal(gw_point_decode(&point, tiny, 4, &value), GW_OK);
    assert_number(&value,
                  "0.000000000000000000000000000000000000000000000000000000000000000000000012");
    point = point_of(GW_POINT_FLOAT16);
    value = decoded(&point, 0x7bff, 0);
    assert_number(&value, "65504");
    point = point_of(GW_POINT_FLOAT32);
    value = decoded(&point, 0x4e80, 0);
    assert_number(&value, "1073741824");
}

static struct gw_point_value decoded_words(const struct gw_config_point *point,
                                           const uint16_t *words) {
    struct gw_point_value value;
    assert_int_equal(gw_point_decode(point, words, gw_point_width(point), &value), GW_OK);
    return value;
}

/* Fixed vectors: the bytes A to H are 01 23 45 67 89 AB CD EF, written out as each order
 * has them on the wire. */
static void the_six_orders_of_four_registers(void **state) {
    (void) state;
    static const uint16_t wire[GW_ORDER_COUNT][4] = {
        [GW_ORDER_ABCD] = {0x0123, 0x4567, 0x89ab, 0xcdef},
        [GW_ORDER_CDAB] = {0xcdef, 0x89ab, 0x4567, 0x0123},
        [GW_ORDER_BADC] = {0x2301, 0x6745, 0xab89, 0xefcd},
        [GW_ORDER_DCBA] = {0xefcd, 0xab89, 0x6745, 0x2301},
        [GW_ORDER_CDABGHEF] = {0x4567, 0x0123, 0xcdef, 0x89ab},
        [GW_ORDER_EFGHABCD] = {0x89ab, 0xcdef, 0x0123, 0x4567},
    };
    struct gw_config_point point = point_of(GW_POINT_UINT64);
    for (unsigned order = 0; order < GW_ORDER_COUNT; order++) {
        point.order = (enum gw_word_order) order;
        struct gw_point_value value = decoded_words(&point, wire[order]);
        assert_number(&value, "81985529216486895");
    }
}

static void the_wide_types_are_exact(void **state) {
    (void) state;
    const struct {
        enum gw_point_type type;
        uint16_t words[4];
        const char *expected;
    } cases[] = {
        {GW_POINT_UINT64, {0xffff, 0xffff, 0xffff, 0xffff}, "18446744073709551615"},
        {GW_POINT_INT64, {0x8000, 0, 0, 0}, "-9223372036854775808"},
        {GW_POINT_INT64, {0xffff, 0xffff, 0xffff, 0xffff}, "-1"},
        {GW_POINT_FLOAT64, {0x3fb9, 0x9999, 0x9999, 0x999a}, "0.1"},
        {GW_POINT_FLOAT64, {0xc0fe, 0x240c, 0x9fbe, 0x76c9}, "-123456.789"},
        {GW_POINT_FLOAT16, {0x3c00}, "1"},
        {GW_POINT_FLOAT16, {0xc248}, "-3.14"},
        {GW_POINT_FLOAT16, {0x7bff}, "65504"},
        {GW_POINT_BCD16, {0x1234}, "1234"},
        {GW_POINT_BCD32, {0x0012, 0x3456}, "123456"},
        {GW_POINT_BCD32, {0x9999, 0x9999}, "99999999"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_config_point point = point_of(cases[i].type);
        struct gw_point_value value = decoded_words(&point, cases[i].words);
        assert_number(&value, cases[i].expected);
    }
}

static void a_bit_is_counted_from_the_least_significant(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_BOOL);
    for (uint8_t bit = 0; bit < 16; bit++) {
        point.bit = bit;
        struct gw_point_value value = decoded(&point, (uint16_t) (1u << bit), 0);
        assert_number(&value, "1");
        value = decoded(&point, (uint16_t) ~(1u << bit), 0);
        assert_number(&value, "0");
    }
}

static void an_offset_is_added_after_the_scale(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_UINT16);
    point.scale = "0.1";
    point.offset = "-40";
    struct gw_point_value value = decoded(&point, 655, 0);
    assert_number(&value, "25.5");
    point.offset = "about";
    assert_int_equal(gw_point_decode(&point, (const uint16_t[]){1}, 1, &value), GW_ERR_INVALID);
}

static void what_is_no_number_in_any_type_is_bad(void **state) {
    (void) state;
    const struct {
        enum gw_point_type type;
        uint16_t words[4];
    } cases[] = {
        {GW_POINT_BCD16, {0x12a4}},
        {GW_POINT_BCD32, {0xf000, 0}},
        {GW_POINT_FLOAT16, {0x7c00}},
        {GW_POINT_FLOAT16, {0x7e00}},
        {GW_POINT_FLOAT64, {0x7ff8, 0, 0, 0}},
        {GW_POINT_FLOAT64, {0xfff0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_config_point point = point_of(cases[i].type);
        assert_false(decoded_words(&point, cases[i].words).good);
    }
}

static void assert_text(const struct gw_config_point *point, const uint16_t *words,
                        const char *expected) {
    struct gw_point_value value = decoded_words(point, words);
    assert_int_equal(value.good, expected != NULL);
    if (expected) {
        assert_true(value.is_text);
        assert_true(gw_str_eq(gw_point_value_text(&value), gw_str_from_cstr(expected)));
    }
}

static void strings_end_at_nul_and_lose_their_padding(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_STRING);
    point.length = 5;
    assert_int_equal(gw_point_width(&point), 3);
    assert_text(&point, (const uint16_t[]){0x4142, 0x4344, 0x4546}, "ABCDE");
    assert_text(&point, (const uint16_t[]){0x4100, 0x4344, 0x4546}, "A");
    assert_text(&point, (const uint16_t[]){0x2041, 0x2042, 0x2020}, " A B");
    assert_text(&point, (const uint16_t[]){0, 0, 0}, "");
    assert_text(&point, (const uint16_t[]){0x2020, 0x2020, 0x2020}, "");
    point.order = GW_ORDER_BADC;
    assert_text(&point, (const uint16_t[]){0x4241, 0x4443, 0x0045}, "ABCDE");
}

static void text_that_cannot_be_printed_is_bad(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_STRING);
    point.length = 4;
    assert_text(&point, (const uint16_t[]){0xc3a4, 0x4142},
                "\xc3\xa4"
                "AB");
    assert_text(&point, (const uint16_t[]){0x41c3, 0x0000}, NULL);
    assert_text(&point, (const uint16_t[]){0xffff, 0xffff}, NULL);
    assert_text(&point, (const uint16_t[]){0x4107, 0x4242}, NULL);
    assert_text(&point, (const uint16_t[]){0x417f, 0x4242}, NULL);
    assert_text(&point, (const uint16_t[]){0xc285, 0x4242}, NULL);
}

static void a_share_is_of_the_value_before(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_INT16);
    point.dead_band = "2.5%";
    struct gw_point_value before = value_of("-200"), edge = value_of("-205"),
                          outside = value_of("-205.01"), zero = value_of("0"),
                          little = value_of("0.001");
    assert_false(gw_point_has_changed(&point, &before, &edge));
    assert_true(gw_point_has_changed(&point, &before, &outside));
    assert_false(gw_point_has_changed(&point, &zero, &zero));
    assert_true(gw_point_has_changed(&point, &zero, &little));
}

static void texts_change_by_any_character(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_STRING);
    point.length = 2;
    struct gw_point_value a = decoded_words(&point, (const uint16_t[]){0x4142}),
                          b = decoded_words(&point, (const uint16_t[]){0x4143});
    assert_false(gw_point_has_changed(&point, &a, &a));
    assert_true(gw_point_has_changed(&point, &a, &b));
}

static void a_text_says_that_it_is_one(void **state) {
    (void) state;
    struct gw_config_point point = point_of(GW_POINT_STRING);
    point.length = 4;
    struct gw_point_value before = decoded_words(&point, (const uint16_t[]){0x3031, 0x3200}),
                          now = decoded_words(&point, (const uint16_t[]){0x4122, 0x4200});
    struct gw_point_input input = {
        .point = &point, .device = GW_STR("plc1.level"), .before = &before, .now = &now};
    uint8_t storage[GW_POINT_DATA_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    struct gw_event_draft draft;
    assert_int_equal(gw_point_observe(&input, &buf, &draft), GW_OK);
    assert_true(gw_str_eq(
        draft.data, GW_STR("{\"address\":107,\"area\":\"holding_register\",\"point\":\"level\","
                           "\"previous\":\"012\",\"quality\":\"good\",\"unitid\":3,"
                           "\"value\":\"A\\\"B\",\"valuetype\":\"text\"}")));
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
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
        cmocka_unit_test(what_the_device_has_no_value_for_is_bad),
        cmocka_unit_test(what_means_no_value_is_compared_after_the_order),
        cmocka_unit_test(what_is_no_number_is_bad_and_has_no_value),
        cmocka_unit_test(wrong_counts_and_scales_are_the_callers_fault),
        cmocka_unit_test(floats_are_rounded_at_the_last_place_and_too_large_ones_refused),
        cmocka_unit_test(the_six_orders_of_four_registers),
        cmocka_unit_test(the_wide_types_are_exact),
        cmocka_unit_test(a_bit_is_counted_from_the_least_significant),
        cmocka_unit_test(an_offset_is_added_after_the_scale),
        cmocka_unit_test(what_is_no_number_in_any_type_is_bad),
        cmocka_unit_test(strings_end_at_nul_and_lose_their_padding),
        cmocka_unit_test(text_that_cannot_be_printed_is_bad),
        cmocka_unit_test(change_is_quality_or_more_than_the_dead_band),
        cmocka_unit_test(a_share_is_of_the_value_before),
        cmocka_unit_test(texts_change_by_any_character),
        cmocka_unit_test(a_text_says_that_it_is_one),
        cmocka_unit_test(drafts_say_what_was_read_and_what_was_before),
        cmocka_unit_test(every_full_storage_is_said_and_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
