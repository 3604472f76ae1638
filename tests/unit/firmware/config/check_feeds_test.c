/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "tests/unit/firmware/config/config_fixture.h"

#define SINKS "\"sinks\":[" SMALL_SINK "]"
#define FEED(id, rest) "{\"id\":\"" id "\",\"profile\":\"scanner-cr\"," rest "}"
#define SERIAL(rest) FEED("f", "\"transport\":\"serial\"" rest)
#define HID(rest) FEED("f", "\"transport\":\"hid\"" rest)
#define SERVER(id, rest)                                                                       \
    FEED(id, "\"transport\":\"tcp_server\",\"address\":\"0.0.0.0\",\"port\":4001" rest)

struct row {
    const char *feeds;
    const char *finding; /* the start of the only line, NULL = none */
};

static const struct row rows[] = {
    {SERIAL(",\"path\":\"/dev/ttyS0\""), NULL},
    {SERIAL(",\"usb_path\":\"1-1.4\",\"usb_product\":\"0403:6001\""), NULL},
    {SERIAL(""), "feeds[0].path: found nothing: say which device it is"},
    {SERIAL(",\"path\":\"/dev/ttyS0\",\"usb_path\":\"1-1\""),
     "feeds[0].path: found beside usb_...: give one or the other"},
    {SERIAL(",\"path\":\"/dev/ttyS0\",\"baud\":9601"),
     "feeds[0].baud: no serial line has this speed"},
    {SERIAL(",\"path\":\"/dev/ttyS0\",\"line\":\"7E1\",\"flow\":\"rts_cts\",\"baud\":1200"),
     NULL},
    {SERIAL(",\"path\":\"/dev/ttyS0\",\"line\":\"5N1\""), "feeds[0].line: found text \"5N1\""},
    {SERIAL(",\"path\":\"/dev/ttyS0\",\"port\":4001"),
     "feeds[0].port: has no effect with this transport"},
    {SERIAL(",\"usb_path\":\"1-1\",\"usb_name\":\"x\""), "feeds[0].usb_name: has no effect"},
    {SERIAL(",\"path\":\"tty\""), "feeds[0].path: found text \"tty\""},
    {SERIAL(",\"path\":\"/dev/ttyS0\"") "," FEED(
         "g", "\"transport\":\"serial\",\"path\":\"/dev/ttyS0\""),
     "feeds[1].path: is the line or keyboard of another feed already"},
    {HID(",\"usb_serial\":\"A1\""), NULL},
    {HID(",\"usb_product\":\"05E0:1200\""), "feeds[0].usb_product: found text \"05E0:1200\""},
    {HID(",\"usb_path\":\"1-1\",\"baud\":9600"), "feeds[0].baud: has no effect"},
    {SERVER("f", ""), NULL},
    {SERVER("f", ",\"peers\":[\"192.0.2.1\"]"), NULL},
    {SERVER("f", ",\"peers\":[\"scanner.local\"]"),
     "feeds[0].peers[0]: found text \"scanner.local\""},
    {SERVER("f", ",\"path\":\"/dev/ttyS0\""), "feeds[0].path: has no effect"},
    {SERVER("f", "") "," SERVER("g", ""),
     "feeds[1].peers: found nothing, and another feed takes everybody on this port already"},
    {SERVER("f", "") "," SERVER("g", ",\"peers\":[\"192.0.2.1\"]"), NULL},
    {FEED("f", "\"transport\":\"tcp_client\",\"port\":1"), "feeds[0].address: found nothing"},
    {FEED("f", "\"transport\":\"tcp_client\",\"address\":\"192.0.2.1\""),
     "feeds[0].port: found nothing"},
    {FEED("f", "\"transport\":\"tcp_client\",\"address\":\"192.0.2.1\",\"port\":1,\"peers\":["
               "\"192.0.2.1\"]"),
     "feeds[0].peers: has no effect"},
    {FEED("f", "\"transport\":\"carrier pigeon\""),
     "feeds[0].transport: found text \"carrier pigeon\""},
    {SERVER("d", ""), "feeds[0].id: is the name of another device"},
    {SERVER("gateway", ""), "feeds[0].id: is the name of another device"},
    {SERVER("f", "") "," SERVER("f", ",\"peers\":[\"192.0.2.1\"]"),
     "feeds[1].id: is the name of another device"},
};

static void keys_belong_to_their_transport(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        char changed[2048];
        (void) snprintf(changed, sizeof changed, "\"feeds\":[%s]," SINKS, rows[i].feeds);
        struct attempt attempt;
        attempt_changed(&attempt, SMALL, SINKS, changed);
        if (!rows[i].finding) {
            assert_string_equal(attempt.error_storage, "");
            assert_int_equal(attempt.err, GW_OK);
        } else if (count_lines(attempt.error_storage) != 1
                   || strncmp(attempt.error_storage, rows[i].finding, strlen(rows[i].finding))
                          != 0) {
            fail_msg("%s: %s, wanted %s", rows[i].feeds, attempt.error_storage,
                     rows[i].finding);
        }
        attempt_done(&attempt);
    }
}

static void a_feed_and_a_bus_cannot_share_a_line(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, "\"buses\":[" SMALL_BUS "]",
                    "\"buses\":[{\"name\":\"u\",\"transport\":\"rtu\",\"line\":\"/dev/ttyS0\","
                    "\"points\":[" SMALL_POINT "]}],"
                    "\"feeds\":[" SERIAL(",\"path\":\"/dev/ttyS0\"") "]");
    assert_string_equal(attempt.error_storage,
                        "feeds[0].path: is the line of a Modbus bus already\n");
    attempt_done(&attempt);
}

static void what_is_not_said_follows_from_the_profile(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, SINKS,
                    "\"feeds\":[" SERIAL(",\"path\":\"/dev/ttyS0\"") "]," SINKS);
    assert_int_equal(attempt.err, GW_OK);
    const struct gw_config_feed *feed = &attempt.config->feeds[0];
    assert_int_equal(attempt.config->feed_count, 1);
    assert_int_equal(feed->class, GW_CLASS_BUSINESS);
    assert_int_equal(feed->baud, 0);
    assert_int_equal(feed->line, GW_FEED_LINE_PROFILE);
    assert_int_equal(feed->flow, GW_FEED_FLOW_PROFILE);
    assert_int_equal(feed->max_per_second, 100);
    assert_string_equal(feed->usb_path, "");
    attempt_done(&attempt);
}

static void personal_rules_have_names_and_patterns(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, SINKS,
                    "\"personal\":{\"rotate_days\":30,\"rules\":[{\"name\":\"badge\","
                    "\"pattern\":\"EMP#####\",\"devices\":[\"d\"]}]}," SINKS);
    assert_string_equal(attempt.error_storage, "");
    const struct gw_config_personal *personal = &attempt.config->personal;
    assert_int_equal(personal->rotate_days, 30);
    assert_int_equal(personal->rule_count, 1);
    assert_string_equal(personal->rules[0].pattern, "EMP#####");
    assert_string_equal(personal->rules[0].devices[0], "d");
    attempt_done(&attempt);
    attempt_text(&attempt, SMALL);
    assert_int_equal(attempt.config->personal.rule_count, 0);
    assert_int_equal(attempt.config->personal.rotate_days, 90);
    attempt_done(&attempt);
    attempt_changed(&attempt, SMALL, SINKS,
                    "\"personal\":{\"rules\":[{\"name\":\"a\",\"pattern\":\"\"}]}," SINKS);
    assert_int_equal(attempt.err, GW_ERR_SCHEMA);
    attempt_done(&attempt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_belong_to_their_transport),
        cmocka_unit_test(a_feed_and_a_bus_cannot_share_a_line),
        cmocka_unit_test(what_is_not_said_follows_from_the_profile),
        cmocka_unit_test(personal_rules_have_names_and_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
