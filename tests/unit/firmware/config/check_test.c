/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that need several keys, and the rules of single texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/rule.h"
#include "tests/unit/firmware/config/config_fixture.h"

struct finding {
    const char *old, *new;
    const char *start; /* of the only line; NULL = accepted */
};

#define POINT(members) "{\"name\":\"p\"," members "}"
#define HOLDING "\"area\":\"holding_register\","
#define STRING HOLDING "\"address\":0,\"type\":\"string\",\"length\":4"

static const struct finding findings[] = {
    {SMALL_BROKER, SMALL_BROKER "," SMALL_BROKER,
     "brokers[1].name: found \"b\" which is entry 0 already"},
    {SMALL_DEVICE, SMALL_DEVICE ",{\"id\":\"d\",\"kind\":\"scanner\",\"topic\":\"floor/e\"}",
     "devices[1].id: found \"d\" which is entry 0 already"},
    {SMALL_DEVICE, SMALL_DEVICE ",{\"id\":\"e\",\"kind\":\"scanner\",\"topic\":\"floor/d\"}",
     "devices[1].topic: found \"floor/d\" which is entry 0 already"},
    {SMALL_BUS, SMALL_BUS "," SMALL_BUS, "buses[1].name: "},
    {SMALL_POINT, SMALL_POINT "," SMALL_POINT, "buses[0].points[1].name: "},
    {SMALL_SINK, SMALL_SINK "," SMALL_SINK, "sinks[1].name: "},
    {"\"id\":\"d\"", "\"id\":\"u.p\"", "devices[0].id: is the name of a point"},
    {"\"id\":\"d\"", "\"id\":\"u.q\"", NULL},
    {"\"id\":\"d\"", "\"id\":\"gateway\"", "devices[0].id: found \"gateway\""},
    {"\"size_mb\":64", "\"size_mb\":64,\"ring_percent\":60,\"high_water_percent\":60",
     "store: ring_percent 60 is not below high_water_percent 60"},
    {"\"size_mb\":64", "\"size_mb\":64,\"quarantine_mb\":33",
     "store: quarantine_mb 33 is more"},
    {"\"classes\":{}", "\"classes\":{\"state\":{\"link_floor_percent\":36}}",
     "classes: link_floor_percent of all classes is 101 together"},
    {"\"classes\":{}", "\"classes\":{\"state\":{\"link_floor_percent\":35}}", NULL},
    {"\"host\":\"127.0.0.1\",\"topics\"", "\"host\":\"127.0.0.2\",\"topics\"",
     "brokers[0].ca_file: found nothing, but plain TCP"},
    {"\"host\":\"127.0.0.1\",\"topics\"", "\"host\":\"127.0.0.1.example.com\",\"topics\"",
     "brokers[0].ca_file: found nothing, but plain TCP"},
    {"\"host\":\"127.0.0.1\",\"topics\"", "\"host\":\"::1\",\"topics\"", NULL},
    {"\"host\":\"127.0.0.1\",\"topics\"", "\"host\":\"localhost\",\"topics\"", NULL},
    {"\"host\":\"127.0.0.1\",\"topics\"", "\"host\":\"b.lan\",\"ca_file\":\"/ca\",\"topics\"",
     NULL},
    {"\"name\":\"b\"", "\"name\":\"b\",\"ca_file\":\"/ca\",\"cert_file\":\"/c\"",
     "brokers[0].key_file: cert_file and key_file belong together"},
    {"\"name\":\"b\"", "\"name\":\"b\",\"cert_file\":\"/c\",\"key_file\":\"/k\"",
     "brokers[0].cert_file: has no effect without ca_file"},
    {"\"name\":\"b\"", "\"name\":\"b\",\"password_file\":\"/p\"",
     "brokers[0].username: found nothing"},
    {"\"kind\":\"scanner\"", "\"kind\":\"scanner\",\"payload\":\"json\"",
     "devices[0].code_pointer: found nothing"},
    {"\"kind\":\"scanner\"", "\"kind\":\"scale\",\"payload\":\"json\"",
     "devices[0].weight_pointer: found nothing"},
    {"\"kind\":\"scanner\"",
     "\"kind\":\"scale\",\"payload\":\"json\",\"weight_pointer\":\"/w\"",
     "devices[0].unit_pointer: found nothing, but a number without a unit is no weight"},
    {"\"kind\":\"scanner\"", "\"kind\":\"plc\",\"payload\":\"json\",\"weight_pointer\":\"/w\"",
     NULL},
    {"\"kind\":\"scanner\"", "\"kind\":\"scale\"", "devices[0].payload: found \"text\""},
    {"\"kind\":\"scanner\"", "\"kind\":\"plc\"", NULL},
    {"\"kind\":\"scanner\"", "\"kind\":\"scanner\",\"code_pointer\":\"/a\"",
     "devices[0].code_pointer: has no effect"},
    {"\"kind\":\"scanner\"",
     "\"kind\":\"scale\",\"payload\":\"json\",\"weight_pointer\":\"/w\",\"unit_pointer\":\"/"
     "u\","
     "\"stable_word\":\"S\"",
     "devices[0].stable_word: has no effect"},
    {"\"kind\":\"scanner\"", "\"kind\":\"scale\",\"profile\":\"mt-sics\"", NULL},
    {"\"points\":[", "\"scales\":[{\"id\":\"w\",\"profile\":\"p\"}],\"points\":[", NULL},
    {"\"points\":[", "\"scales\":[{\"id\":\"d\",\"profile\":\"p\"}],\"points\":[",
     "buses[0].scales[0].id: is the name of a device"},
    {"\"points\":[", "\"scales\":[{\"id\":\"u.p\",\"profile\":\"p\"}],\"points\":[",
     "buses[0].scales[0].id: is the name of a device, a point"},
    {"\"points\":[",
     "\"scales\":[{\"id\":\"w\",\"profile\":\"p\"},{\"id\":\"w\",\"profile\":\"q\"}],"
     "\"points\":[",
     "buses[0].scales[1].id: found \"w\" which is entry 0 already"},
    {"\"kind\":\"scanner\"",
     "\"kind\":\"scanner\",\"profile\":\"proglove-mqtt\",\"code_pointer\":\"/a\"",
     "devices[0].code_pointer: has no effect with a profile"},
    {"\"topic\":\"floor/d\"", "\"topic\":\"roof/d\"",
     "devices[0].topic: no broker's topics cover it"},
    {"\"brokers\":[" SMALL_BROKER "],", "", "devices[0].topic: no broker's topics cover it"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"type\":\"uint16\""),
     "buses[0].points[0].type: found \"uint16\", but a coil or discrete input is one bit"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"report\":\"counter\""),
     "buses[0].points[0].report: found \"counter\""},
    {SMALL_POINT, POINT("\"area\":\"holding_register\",\"address\":65535,\"type\":\"float32\""),
     "buses[0].points[0].address: found 65535, but the value takes 2 registers, allowed: up to "
     "65534"},
    {SMALL_POINT, POINT("\"area\":\"holding_register\",\"address\":65534,\"type\":\"float32\""),
     NULL},
    {SMALL_POINT, POINT("\"area\":\"holding_register\",\"address\":65535"), NULL},
    {SMALL_POINT, POINT(HOLDING "\"type\":\"uint64\",\"address\":65533"),
     "buses[0].points[0].address: found 65533, but the value takes 4 registers, allowed: up to "
     "65532"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"bit\":3"),
     "buses[0].points[0].bit: found 3, but a coil or discrete input is one bit already"},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"bit\":0"), NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"bit\":15,\"type\":\"bool\""), NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"bit\":16"),
     "buses[0].points[0].bit: found number 16, allowed: a whole number from 0 to 15"},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"bit\":3,\"type\":\"uint16\""),
     "buses[0].points[0].bit: found 3, but type is \"uint16\": leave bit out, or set type to "
     "\"bool\""},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"string\""),
     "buses[0].points[0].length: found nothing, but type \"string\" needs it, allowed: 1 to "
     "64"},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"string\",\"length\":64"), NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"string\",\"length\":65"),
     "buses[0].points[0].length: found number 65, allowed: "},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"strng\",\"length\":5"),
     "buses[0].points[0].type: found text \"strng\", allowed: "},
    {SMALL_POINT,
     POINT("\"area\":\"input\",\"address\":0,\"type\":\"uint32\",\"order\":\"CDAB\""),
     "buses[0].points[0].area: found text \"input\", allowed: "},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"length\":4"),
     "buses[0].points[0].length: found 4, but type \"uint16\" has a length of its own"},
    {SMALL_POINT, POINT(STRING ",\"order\":\"CDAB\""),
     "buses[0].points[0].order: found \"CDAB\", allowed for a string: \"ABCD\", \"BADC\""},
    {SMALL_POINT, POINT(STRING ",\"order\":\"BADC\""), NULL},
    {SMALL_POINT, POINT(STRING ",\"scale\":\"0.1\""),
     "buses[0].points[0].scale: found \"0.1\", but a string is no number"},
    {SMALL_POINT, POINT(STRING ",\"report\":\"metric\""),
     "buses[0].points[0].report: found \"metric\", but a string is no number, allowed: "
     "\"signal\""},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"order\":\"DCBA\""),
     "buses[0].points[0].order: found \"DCBA\", but a bool has no order"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"dead_band\":\"1\""),
     "buses[0].points[0].dead_band: found \"1\", but a bool is no number"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"offset\":\"-1\""),
     "buses[0].points[0].offset: found \"-1\", but a bool is no number"},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"float32\",\"order\":\"EFGHABCD\""),
     "buses[0].points[0].order: found \"EFGHABCD\", an order of four registers, but type "
     "\"float32\" takes 2"},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"type\":\"float64\",\"order\":\"EFGHABCD\""),
     NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"dead_band\":\"2.5%\""), NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"dead_band\":\"%\""),
     "buses[0].points[0].dead_band: found text \"%\", allowed: "},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"invalid\":\"0x8000,0xFFFF\""), NULL},
    {SMALL_POINT, POINT(HOLDING "\"address\":0,\"invalid\":\"0x7fffffff\""),
     "buses[0].points[0].invalid: found \"0x7fffffff\", allowed for type \"uint16\": 0x and 4 "
     "digits"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"invalid\":\"0x0001\""),
     "buses[0].points[0].invalid: found \"0x0001\", but a bool is no number"},
    {SMALL_POINT,
     POINT(HOLDING "\"address\":0,\"max_silence_ms\":2000,\"min_interval_ms\":2001"),
     "buses[0].points[0].min_interval_ms: found 2001, allowed: not longer than "
     "max_silence_ms, which is 2000"},
    {"{\"name\":\"u\",", "{\"name\":\"u\",\"max_registers\":0,",
     "buses[0].max_registers: found number 0, allowed: a whole number from 1 to 125"},
    {SMALL_BUS,
     "{\"name\":\"u\",\"host\":\"127.0.0.1\",\"max_registers\":2,\"points\":[" POINT(
         HOLDING "\"address\":0,\"type\":\"uint64\"") "]}",
     "buses[0].points[0].type: the value takes 4 registers, but max_registers of the bus is "
     "2"},
    {SMALL_POINT, POINT("\"area\":\"coil\",\"address\":0,\"max_silence_ms\":999"),
     "buses[0].points[0].max_silence_ms: is shorter"},
    {"\"name\":\"s\"", "\"name\":\"s\",\"batch_events\":101,\"batch_events_max\":100",
     "sinks[0].batch_events: "},
    {"\"name\":\"s\"", "\"name\":\"s\",\"batch_kib\":101,\"batch_kib_max\":100",
     "sinks[0].batch_kib: "},
    {"\"name\":\"s\"", "\"name\":\"s\",\"no_progress_s\":30", "sinks[0].no_progress_s: "},
};

static void keys_that_do_not_fit_together_are_refused(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(findings); i++) {
        struct attempt attempt;
        attempt_changed(&attempt, SMALL, findings[i].old, findings[i].new);
        if (!findings[i].start) {
            assert_string_equal(attempt.error_storage, "");
            assert_int_equal(attempt.err, GW_OK);
            attempt_done(&attempt);
            continue;
        }
        attempt.error_storage[strlen(findings[i].start)] =
            count_lines(attempt.error_storage) == 1 ? '\0' : '!';
        assert_string_equal(attempt.error_storage, findings[i].start);
        assert_int_equal(attempt.err, GW_ERR_SCHEMA);
    }
}

struct text_case {
    const struct gw_config_rule *rule;
    const char *text;
    bool fits;
};

static const struct text_case texts[] = {
    {&gw_rule_topic_filter, "a/b/c", true},
    {&gw_rule_topic_filter, "#", true},
    {&gw_rule_topic_filter, "+", true},
    {&gw_rule_topic_filter, "a/+/c/#", true},
    {&gw_rule_topic_filter, "/a//b", true},
    {&gw_rule_topic_filter, "a/#/b", false},
    {&gw_rule_topic_filter, "a#", false},
    {&gw_rule_topic_filter, "a/b+", false},
    {&gw_rule_topic_filter, "#/", false},
    {&gw_rule_topic_filter, "$share/g/a", false},
    {&gw_rule_topic_filter, "a\nb", false},
    {&gw_rule_https, "https://host", true},
    {&gw_rule_https, "https://host:8443/a/b", true},
    {&gw_rule_https, "https://[::1]:8443", true},
    {&gw_rule_https, "https://10.0.0.1", true},
    {&gw_rule_https, "http://host", false},
    {&gw_rule_https, "https://", false},
    {&gw_rule_https, "https://host/", false},
    {&gw_rule_https, "https://host:0", false},
    {&gw_rule_https, "https://host:65536", false},
    {&gw_rule_https, "https://host:", false},
    {&gw_rule_https, "https://user@host", false},
    {&gw_rule_https, "https://host?x=1", false},
    {&gw_rule_https, "https://host/a#b", false},
    {&gw_rule_https, "https://[::1", false},
    {&gw_rule_https, "https://[]", false},
    {&gw_rule_https, "https://host /a", false},
    {&gw_rule_optional_proxy, "", true},
    {&gw_rule_optional_proxy, "http://proxy.site.lan:3128", true},
    {&gw_rule_optional_proxy, "http://[::1]:3128", true},
    {&gw_rule_optional_proxy, "http://10.0.0.1:8080", true},
    {&gw_rule_optional_proxy, "http://proxy", false},
    {&gw_rule_optional_proxy, "http://[::1]", false},
    {&gw_rule_optional_proxy, "https://proxy:3128", false},
    {&gw_rule_optional_proxy, "socks5://proxy:1080", false},
    {&gw_rule_optional_proxy, "http://user:word@proxy:3128", false},
    {&gw_rule_optional_proxy, "http://proxy:3128/", false},
    {&gw_rule_optional_proxy, "http://:3128", false},
    {&gw_rule_optional_proxy, "http://proxy:0", false},
    {&gw_rule_optional_pin, "", true},
    {&gw_rule_optional_pin, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
     true},
    {&gw_rule_optional_pin, "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
     false},
    {&gw_rule_optional_pin, "0123456789abcdef", false},
    {&gw_rule_pointer, "", true},
    {&gw_rule_pointer, "/a/0/b~1c~0", true},
    {&gw_rule_pointer, "a", false},
    {&gw_rule_pointer, "/a~2", false},
    {&gw_rule_pointer, "/a~", false},
    {&gw_rule_factor, "1", true},
    {&gw_rule_factor, "-0.001", true},
    {&gw_rule_factor, "0", false},
    {&gw_rule_factor, "0.00", false},
    {&gw_rule_factor, "-", false},
    {&gw_rule_factor, "1e3", false},
    {&gw_rule_factor, ".5", false},
    {&gw_rule_factor, "5.", false},
    {&gw_rule_factor, "+5", false},
    {&gw_rule_factor, "1.2.3", false},
    {&gw_rule_dead_band, "0", true},
    {&gw_rule_dead_band, "0.25", true},
    {&gw_rule_dead_band, "-1", false},
    {&gw_rule_bit_patterns, "", true},
    {&gw_rule_bit_patterns, "0x8000", true},
    {&gw_rule_bit_patterns, "0x8000,0xFFFF,0x0123456789abcdef", true},
    {&gw_rule_bit_patterns, "0x8000,", false},
    {&gw_rule_bit_patterns, ",0x8000", false},
    {&gw_rule_bit_patterns, "0x", false},
    {&gw_rule_bit_patterns, "0x800", false},
    {&gw_rule_bit_patterns, "8000", false},
    {&gw_rule_bit_patterns, "0x80g0", false},
    {&gw_rule_bit_patterns, "0x0123456789abcdef0123", false},
    {&gw_rule_file, "/a/b.pem", true},
    {&gw_rule_file, "a/b.pem", false},
    {&gw_rule_file, "/a/", false},
    {&gw_rule_optional_file, "", true},
    {&gw_rule_zone, "America/Argentina/Buenos_Aires", true},
    {&gw_rule_zone, "Etc/GMT+5", true},
    {&gw_rule_zone, "/etc/passwd", false},
    {&gw_rule_zone, "../x", false},
    {&gw_rule_host, "plc-1.floor.lan", true},
    {&gw_rule_host, "fe80::1", true},
    {&gw_rule_host, "a b", false},
    {&gw_rule_name, "a.B_c-9", true},
    {&gw_rule_name, "a/b", false},
    {&gw_rule_serial, "GW-0001", true},
    {&gw_rule_serial, "GW.1", false},
};

static void rules_of_texts_tell_good_from_bad(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        if (texts[i].rule->fits(gw_str_from_cstr(texts[i].text)) != texts[i].fits) {
            fail_msg("\"%s\" should %sbe allowed as %s", texts[i].text,
                     texts[i].fits ? "" : "not ", texts[i].rule->allowed);
        }
    }
}

struct cover_case {
    const char *outer, *inner;
    bool covers;
};

static void filters_cover_what_they_match(void **state) {
    (void) state;
    static const struct cover_case cases[] = {
        {"#", "a/b", true},      {"a/#", "a/b/c", true},     {"a/#", "a", true},
        {"a/#", "a/+/#", true},  {"a/+", "a/b", true},       {"a/+", "a/+", true},
        {"a/b", "a/b", true},    {"a/b", "a/+", false},      {"a/+", "a/#", false},
        {"a/+", "a/b/c", false}, {"a/b/c", "a/b", false},    {"+/b", "a/b", true},
        {"#", "$SYS/x", false},  {"$SYS/#", "$SYS/x", true}, {"+/#", "#", false},
        {"a/b", "a/c", false},   {"a", "b/#", false},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        assert_int_equal(gw_config_filter_covers(gw_str_from_cstr(cases[i].outer),
                                                 gw_str_from_cstr(cases[i].inner)),
                         cases[i].covers);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_do_not_fit_together_are_refused),
        cmocka_unit_test(rules_of_texts_tell_good_from_bad),
        cmocka_unit_test(filters_cover_what_they_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
