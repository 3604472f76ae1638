/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys of a bus belong to which transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "tests/unit/firmware/config/config_fixture.h"

#define HOST "\"host\":\"127.0.0.1\""
#define RTU "\"transport\":\"rtu\",\"line\":\"/dev/serial/by-id/usb-x\""
#define OVER_TCP HOST ",\"transport\":\"rtu_over_tcp\""

struct finding {
    const char *bus;   /* instead of its host */
    const char *start; /* of the only line; NULL = accepted */
};

static const struct finding findings[] = {
    {HOST, NULL},
    {RTU, NULL},
    {OVER_TCP ",\"port\":4001", NULL},
    {HOST ",\"transport\":\"udp\"", "buses[0].transport: found text \"udp\""},
    {"\"transport\":\"tcp\"", "buses[0].host: found nothing, but this transport needs it"},
    {"\"host\":5", "buses[0].host: found number 5"},
    {"\"transport\":\"rtu\"", "buses[0].line: found nothing, but transport rtu needs it"},
    {"\"transport\":\"rtu\",\"line\":\"ttyUSB0\"",
     "buses[0].line: found text \"ttyUSB0\", allowed: "},
    {RTU "," HOST, "buses[0].host: belongs to a network"},
    {RTU ",\"port\":502", "buses[0].port: belongs to a network"},
    {"\"host\":\"10.0.0.1:502\"", "buses[0].host: found text \"10.0.0.1:502\", allowed: "},
    {"\"host\":\"plc:502\"", "buses[0].host: found text \"plc:502\""},
    {"\"host\":\"[::1]:502\"", "buses[0].host: found text"},
    {"\"host\":\"::1\"", NULL},
    {"\"host\":\"fd00::10.0.0.1\"", NULL},
    {"\"host\":\"plc-1.hall_2.example\"", NULL},
    {RTU ",\"writes\":[{\"name\":\"w\",\"unit_id\":250,\"area\":\"coil\",\"address\":1}]",
     "buses[0].writes[0].unit_id: found 250, but nobody answers to it on a serial line"},
    {RTU ",\"writes\":[{\"name\":\"w\",\"unit_id\":247,\"area\":\"coil\",\"address\":1}]",
     NULL},
    {HOST ",\"writes\":[{\"name\":\"w\",\"unit_id\":250,\"area\":\"coil\",\"address\":1}]",
     NULL},
    {HOST ",\"line\":\"/dev/ttyUSB0\"", "buses[0].line: belongs to a serial line"},
    {HOST ",\"baud\":9600", "buses[0].baud: belongs to a serial line"},
    {HOST ",\"parity\":\"none\"", "buses[0].parity: belongs to a serial line"},
    {HOST ",\"stop_bits\":1", "buses[0].stop_bits: belongs to a serial line"},
    {HOST ",\"echo\":true", "buses[0].echo: belongs to a serial line"},
    {HOST ",\"baud\":5", "buses[0].baud: found number 5"},
    {OVER_TCP, "buses[0].port: found nothing, but rtu_over_tcp has no port of its own"},
    {OVER_TCP ",\"port\":0", "buses[0].port: found number 0"},
    {OVER_TCP ",\"port\":4001,\"baud\":9600", "buses[0].baud: belongs to a serial line"},
    {RTU ",\"baud\":12345", "buses[0].baud: no serial line has this speed"},
    {RTU ",\"baud\":921600", NULL},
    {RTU ",\"baud\":300", NULL},
    {RTU ",\"stop_bits\":3", "buses[0].stop_bits: found number 3"},
    {RTU ",\"parity\":\"mark\"", "buses[0].parity: found text \"mark\""},
    {RTU ",\"pause_ms\":1000", NULL},
    {RTU ",\"pause_ms\":1001", "buses[0].pause_ms: found number 1001"},
};

static void each_transport_has_its_own_keys(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(findings); i++) {
        struct attempt attempt;
        char bus[512];
        (void) snprintf(bus, sizeof bus, "\"buses\":[{\"name\":\"u\",%s", findings[i].bus);
        attempt_changed(&attempt, SMALL, "\"buses\":[{\"name\":\"u\",\"host\":\"127.0.0.1\"",
                        bus);
        if (!findings[i].start) {
            assert_string_equal(attempt.error_storage, "");
            assert_int_equal(attempt.err, GW_OK);
        } else {
            if (strstr(attempt.error_storage, findings[i].start) != attempt.error_storage) {
                fail_msg("%s: %s", findings[i].bus, attempt.error_storage);
            }
            assert_int_equal(count_lines(attempt.error_storage), 1);
        }
        attempt_done(&attempt);
    }
}

static const struct gw_config_bus *only_bus(struct attempt *attempt, const char *members) {
    char bus[512];
    (void) snprintf(bus, sizeof bus, "\"buses\":[{\"name\":\"u\",%s", members);
    attempt_changed(attempt, SMALL, "\"buses\":[{\"name\":\"u\",\"host\":\"127.0.0.1\"", bus);
    assert_int_equal(attempt->err, GW_OK);
    return &attempt->config->buses[0];
}

static void what_is_not_given_is_what_the_standard_says(void **state) {
    (void) state;
    struct attempt attempt;
    const struct gw_config_bus *bus = only_bus(&attempt, HOST);
    assert_int_equal(bus->transport, GW_BUS_TCP);
    assert_int_equal(bus->port, 502);
    assert_int_equal(bus->baud, 0);
    attempt_done(&attempt);
    bus = only_bus(&attempt, RTU);
    assert_int_equal(bus->transport, GW_BUS_RTU);
    assert_int_equal(bus->port, 0);
    assert_int_equal(bus->baud, 19200);
    assert_int_equal(bus->parity, GW_BUS_PARITY_EVEN);
    assert_int_equal(bus->stop_bits, 1);
    assert_false(bus->echo);
    attempt_done(&attempt);
    bus = only_bus(&attempt, RTU ",\"baud\":9600,\"parity\":\"none\",\"stop_bits\":2");
    assert_int_equal(bus->baud, 9600);
    assert_int_equal(bus->parity, GW_BUS_PARITY_NONE);
    assert_int_equal(bus->stop_bits, 2);
    attempt_done(&attempt);
}

static void units_that_no_line_has_are_refused_on_lines(void **state) {
    (void) state;
    static const struct {
        const char *bus, *unit;
        bool is_good;
    } cases[] = {
        {HOST, "0", true},   {HOST, "255", true}, {RTU, "0", false},
        {RTU, "248", false}, {RTU, "247", true},  {OVER_TCP ",\"port\":1", "0", false},
        {RTU, "1", true},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        char document[4096], point[128];
        (void) snprintf(point, sizeof point,
                        "{\"name\":\"p\",\"area\":\"coil\",\"address\":0,\"unit_id\":%s}",
                        cases[i].unit);
        (void) snprintf(
            document, sizeof document,
            "{" SMALL_GATEWAY ",\"brokers\":[" SMALL_BROKER
            "],\"buses\":[{\"name\":\"u\",%s,\"points\":[%s]}],\"sinks\":[" SMALL_SINK "]}",
            cases[i].bus, point);
        struct attempt attempt;
        attempt_text(&attempt, document);
        assert_int_equal(attempt.err == GW_OK, cases[i].is_good);
        if (!cases[i].is_good) {
            assert_non_null(
                strstr(attempt.error_storage, "buses[0].points[0].unit_id: found "));
        }
        attempt_done(&attempt);
    }
}

static void two_buses_do_not_share_a_line(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, SMALL_BUS,
                    "{\"name\":\"u\"," RTU ",\"points\":[" SMALL_POINT "]},"
                    "{\"name\":\"v\"," RTU ",\"points\":[" SMALL_POINT "]}");
    assert_non_null(
        strstr(attempt.error_storage, "buses[1].line: is the line of entry 0 already"));
    assert_int_equal(count_lines(attempt.error_storage), 1);
    attempt_done(&attempt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_transport_has_its_own_keys),
        cmocka_unit_test(what_is_not_given_is_what_the_standard_says),
        cmocka_unit_test(units_that_no_line_has_are_refused_on_lines),
        cmocka_unit_test(two_buses_do_not_share_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
