/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum gw_err parse(const char *text, enum gw_modbus_area area, uint16_t *ret_address) {
    return gw_modbus_parse_address(gw_str_from_cstr(text), area, ret_address);
}

static void both_notations_reach_the_same_register(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum gw_modbus_area area;
        uint16_t wire;
    } rows[] = {
        {"0", GW_AREA_HOLDING_REGISTER, 0},
        {"40001", GW_AREA_HOLDING_REGISTER, 0},
        {"400001", GW_AREA_HOLDING_REGISTER, 0},
        {"465536", GW_AREA_HOLDING_REGISTER, 65535},
        {"49999", GW_AREA_HOLDING_REGISTER, 9998},
        {"30001", GW_AREA_INPUT_REGISTER, 0},
        {"20001", GW_AREA_HOLDING_REGISTER, 20001},
        {"0x7531", GW_AREA_HOLDING_REGISTER, 30001},
        {"10003", GW_AREA_DISCRETE_INPUT, 2},
        {"00005", GW_AREA_COIL, 4},
        {"000005", GW_AREA_COIL, 4},
        {"5", GW_AREA_COIL, 5},
        {"0x9c41", GW_AREA_HOLDING_REGISTER, 40001},
        {"0x5B00", GW_AREA_HOLDING_REGISTER, 0x5b00},
        {"0x7", GW_AREA_COIL, 7},
        {"65535", GW_AREA_HOLDING_REGISTER, 65535},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t wire = 1234;
        assert_int_equal(parse(rows[i].text, rows[i].area, &wire), GW_OK);
        assert_int_equal(wire, rows[i].wire);
    }
}

static void what_is_no_address_is_refused(void **state) {
    (void) state;
    static const char *const texts[] = {"",       "x",  "-1",      "65536", "40000", "400000",
                                        "465537", "0x", "0x10000", "0xg",   "1.5",   "4 001"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint16_t wire = 77;
        assert_int_not_equal(parse(texts[i], GW_AREA_HOLDING_REGISTER, &wire), GW_OK);
        assert_int_equal(wire, 77);
    }
}

static void the_number_of_another_area_is_refused_with_what_it_means(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum gw_modbus_area area;
        const char *finding;
    } rows[] = {
        {"30001", GW_AREA_HOLDING_REGISTER,
         "found \"30001\", which is how manuals number the area input_register, not "
         "holding_register, allowed: that area with this number, or 0x7531 for wire address "
         "30001"},
        {"40001", GW_AREA_INPUT_REGISTER, "holding_register, not input_register"},
        {"400001", GW_AREA_INPUT_REGISTER, "allowed: that area with this number"},
        {"00001", GW_AREA_HOLDING_REGISTER, "the area coil, not holding_register"},
        {"10001", GW_AREA_COIL, "the area discrete_input, not coil"},
        {"70000", GW_AREA_INPUT_REGISTER, "the manual's number of that area such as 30001"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t wire = 77;
        char storage[256];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof storage - 1);
        assert_int_equal(parse(rows[i].text, rows[i].area, &wire),
                         i == 5 ? GW_ERR_RANGE : GW_ERR_DENIED);
        assert_int_equal(wire, 77);
        gw_modbus_put_address_finding(&buf, gw_str_from_cstr(rows[i].text), rows[i].area);
        storage[buf.len] = '\0';
        assert_non_null(strstr(storage, rows[i].finding));
    }
}

static void the_notation_is_written_as_it_is_read(void **state) {
    (void) state;
    for (unsigned area = 0; area < 4; area++) {
        for (uint32_t wire = 0; wire < 65536; wire += 7) {
            char text[8];
            struct gw_buf buf;
            uint16_t again = 0;
            gw_buf_init(&buf, text, sizeof text);
            gw_modbus_put_notation(&buf, (enum gw_modbus_area) area, (uint16_t) wire);
            assert_int_equal(
                gw_modbus_parse_address(gw_buf_str(&buf), (enum gw_modbus_area) area, &again),
                GW_OK);
            assert_int_equal(again, wire);
        }
    }
}

static void areas_have_a_short_and_a_long_name(void **state) {
    (void) state;
    enum gw_modbus_area area;
    assert_int_equal(gw_modbus_parse_area(GW_STR("holding"), &area), GW_OK);
    assert_int_equal(area, GW_AREA_HOLDING_REGISTER);
    assert_int_equal(gw_modbus_parse_area(GW_STR("discrete_input"), &area), GW_OK);
    assert_int_equal(area, GW_AREA_DISCRETE_INPUT);
    assert_int_equal(gw_modbus_parse_area(GW_STR("register"), &area), GW_ERR_NOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_notations_reach_the_same_register),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_number_of_another_area_is_refused_with_what_it_means),
        cmocka_unit_test(the_notation_is_written_as_it_is_read),
        cmocka_unit_test(areas_have_a_short_and_a_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
