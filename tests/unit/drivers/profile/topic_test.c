/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool matches(const char *filter, const char *topic) {
    return gw_topic_matches(gw_str_from_cstr(filter), gw_str_from_cstr(topic));
}

/* The examples of MQTT 5, 4.7.1 and 4.7.2, and empty levels. */
static void filters_match_as_the_standard_says(void **state) {
    (void) state;
    const char *const yes[][2] = {
        {"sport/tennis/player1/#", "sport/tennis/player1"},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking"},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"},
        {"sport/#", "sport"},
        {"#", "sport"},
        {"#", "/"},
        {"sport/tennis/+", "sport/tennis/player1"},
        {"sport/+", "sport/"},
        {"+/+", "/finance"},
        {"/+", "/finance"},
        {"+/monitor/Clients", "a/monitor/Clients"},
        {"$SYS/#", "$SYS/monitor/Clients"},
        {"$SYS/monitor/+", "$SYS/monitor/Clients"},
        {"a//b", "a//b"},
        {"a/+/b", "a//b"},
        {"a/", "a/"},
        {"+/tennis/#", "sport/tennis"},
        {"a", "a"},
    };
    const char *const no[][2] = {
        {"sport/tennis/+", "sport/tennis/player1/ranking"},
        {"sport/+", "sport"},
        {"+", "/finance"},
        {"#", "$SYS/monitor"},
        {"+/monitor/Clients", "$SYS/monitor/Clients"},
        {"a", "A"},
        {"a", "a/"},
        {"a/", "a"},
        {"a/b", "a"},
        {"a", "ab"},
        {"a/+/b", "a/b"},
        {"sport/#", "sports"},
        {"a/#", "b"},
        {"a/b/#", "a"},
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!matches(yes[i][0], yes[i][1])) {
            fail_msg("%s should match %s", yes[i][0], yes[i][1]);
        }
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (matches(no[i][0], no[i][1])) {
            fail_msg("%s should not match %s", no[i][0], no[i][1]);
        }
    }
}

static void wildcards_stand_alone_and_the_hash_stands_last(void **state) {
    (void) state;
    const char *const good[] = {"#",    "+",     "a/+/b",  "a/#", "/",
                                "a//b", "+/+/#", "$SYS/#", "ä/+"};
    const char *const bad[] = {"", "a#", "a/#/b", "#/a", "a+", "+a/b", "a/b+/c", "a/##", "++"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(gw_topic_filter_is_valid(gw_str_from_cstr(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(gw_topic_filter_is_valid(gw_str_from_cstr(bad[i])));
    }
    assert_false(gw_topic_filter_is_valid(GW_STR("a\0b")));
    assert_false(gw_topic_filter_is_valid(GW_STR("a\xff")));
    static char big[65536];
    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = 'x';
    }
    assert_true(gw_topic_filter_is_valid((struct gw_str){big, 65535}));
    assert_false(gw_topic_filter_is_valid((struct gw_str){big, 65536}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_the_standard_says),
        cmocka_unit_test(wildcards_stand_alone_and_the_hash_stands_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
