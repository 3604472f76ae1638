/* SPDX-License-Identifier: Apache-2.0 */
/* Times of a serial line: MODBUS over Serial Line V1.02, 2.5.1.1. */
#include "drivers/modbus/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

static struct gw_config_bus line_of(uint32_t baud, enum gw_bus_parity parity,
                                    uint32_t stop_bits) {
    return (struct gw_config_bus){
        .transport = GW_BUS_RTU, .baud = baud, .parity = parity, .stop_bits = stop_bits};
}

static void a_character_has_all_its_bits(void **state) {
    (void) state;
    static const struct {
        uint32_t baud;
        enum gw_bus_parity parity;
        uint32_t stop_bits;
        int64_t us;
    } cases[] = {
        {9600, GW_BUS_PARITY_EVEN, 1, 1146}, /* 11 bits */
        {9600, GW_BUS_PARITY_NONE, 1, 1042}, {9600, GW_BUS_PARITY_NONE, 2, 1146},
        {300, GW_BUS_PARITY_ODD, 2, 40000},  {921600, GW_BUS_PARITY_NONE, 1, 11},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        struct gw_config_bus line = line_of(cases[i].baud, cases[i].parity, cases[i].stop_bits);
        assert_int_equal(gw_modbus_character_us(&line), cases[i].us);
    }
}

static void frames_are_apart_by_three_and_a_half_characters_or_1750_us(void **state) {
    (void) state;
    static const struct {
        uint32_t baud;
        int64_t us;
    } cases[] = {{9600, 4011}, {19200, 2006}, {38400, 1750}, {115200, 1750}, {300, 128335}};
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        struct gw_config_bus line = line_of(cases[i].baud, GW_BUS_PARITY_EVEN, 1);
        assert_int_equal(gw_modbus_silence_us(&line), cases[i].us);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_has_all_its_bits),
        cmocka_unit_test(frames_are_apart_by_three_and_a_half_characters_or_1750_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
