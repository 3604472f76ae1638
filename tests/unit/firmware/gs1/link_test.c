/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <stdio.h>
#include <string.h>

#define ID "https://id.gs1.org"

static void links_are_read_behind_any_host_and_stem(void **state) {
    (void) state;
    assert_valid("]Q1" ID "/01/09521234543213", "(01)09521234543213");
    assert_valid("]d1https://example.com/01/09521234543213", "(01)09521234543213");
    assert_valid("]J0HTTP://EXAMPLE.COM/some/stem/01/09521234543213/10/ABC",
                 "(01)09521234543213(10)ABC");
    assert_valid("]Q1https://example.com:8443/414/9521321123458/254/32a%2Fb",
                 "(414)9521321123458(254)32a/b");
    assert_valid("]Q1" ID "/01/09521234543213/22/V/10/L/21/S?17=261231&3103=000195",
                 "(01)09521234543213(22)V(10)L(21)S(17)261231(3103)000195");
    assert_valid("]Q1https://example.com/00/01/09521234543213", "(01)09521234543213");
    assert_valid("]Q1https://example.com/8004/9521A%25B#part", "(8004)9521A%B");
    const struct gw_gs1_scan *scan = scan_of("]Q1https://a.b/x/01/09521234543213?10=A");
    assert_int_equal(scan->why.reason, GW_GS1_BELONGS_IN_PATH);
    assert_int_equal(scan->elements[0].at, 17);
    assert_int_equal(scan->elements[1].at, 35);
    assert_int_equal(scan->path_count, 1);
}

/* The example of the Digital Link standard: URI Syntax, with a right check digit. */
static void the_query_holds_other_ais_and_whatever_else(void **state) {
    (void) state;
    assert_valid("]Q1" ID "/00/106141411234567897?02=00614141123452&37=25&10=ABC123",
                 "(00)106141411234567897(02)00614141123452(37)25(10)ABC123");
    assert_valid("]Q1" ID "/01/09521234543213?utm=x&&s=1&17=261231&flag&=5",
                 "(01)09521234543213(17)261231");
    assert_valid("]Q1" ID "/01/09521234543213?", "(01)09521234543213");
    assert_valid("]Q1" ID "/01/09521234543213?#17=261231", "(01)09521234543213");
    assert_wrong("]Q1" ID "/01/09521234543213?3106=000195", "unknown_ai", 40);
    assert_wrong("]Q1" ID "/01/09521234543213?999=1", "unknown_ai", 40);
    assert_wrong("]Q1" ID "/01/09521234543213?17=", "empty", 43);
    assert_wrong("]Q1" ID "/01/09521234543213?17=261332", "bad_date", 43);
    assert_wrong("]Q1" ID "/01/09521234543213?240=A+B", "bad_character", 45);
    assert_wrong("]Q1" ID "/01/09521234543213?8011=1", "not_an_attribute", 40);
    assert_wrong("]Q1" ID "/01/09521234543213?10=A", "belongs_in_path", 40);
    assert_string_equal(why_of(scan_of("]Q1" ID "/01/09521234543213?10=A")),
                        "(10) is a qualifier of (01): it belongs into the path, not into the "
                        "query");
    /* (10) is no qualifier beside (235). */
    assert_valid("]Q1" ID "/01/09521234543213/235/T?10=A", "(01)09521234543213(235)T(10)A");
    assert_wrong("]Q1" ID "/01/09521234543213?17=261231&17=261231", "repeated", 50);
    assert_wrong("]Q1" ID "/01/09521234543213?01=09521234543213", "repeated", 40);
}

static void qualifiers_stand_in_their_order(void **state) {
    (void) state;
    assert_valid("]Q1" ID "/01/09521234543213/22/V/21/S", "(01)09521234543213(22)V(21)S");
    assert_wrong("]Q1" ID "/01/09521234543213/21/S/10/L", "path_order", 40);
    assert_string_equal(why_of(scan_of("]Q1" ID "/01/09521234543213/21/S/10/L")),
                        "the qualifiers behind (01) are not right; allowed there: (22) (10) "
                        "(21), or (235), in this order");
    assert_wrong("]Q1" ID "/01/09521234543213/10/L/235/T", "path_order", 40);
    assert_wrong("]Q1" ID "/01/09521234543213/10/L/10/L", "path_order", 40);
    assert_wrong("]Q1" ID "/01/09521234543213/17/261231", "path_order", 40);
    assert_wrong("]Q1" ID "/00/106141411234567897/10/L", "path_order", 44);
    assert_string_equal(why_of(scan_of("]Q1" ID "/00/106141411234567897/10/L")),
                        "the qualifiers behind (00) are not right; allowed there: none, in "
                        "this order");
    assert_valid("]Q1" ID "/8010/9521A/8011/12", "(8010)9521A(8011)12");
    assert_valid("]Q1" ID "/415/9521321123458/8020/R1", "(415)9521321123458(8020)R1");
    assert_valid("]Q1" ID "/417/9521321123458/7040/1ABC", "(417)9521321123458(7040)1ABC");
}

static void values_in_a_link_are_checked_as_elsewhere(void **state) {
    (void) state;
    assert_wrong("]Q1" ID "/01/09521234543214", "check_digit", 25);
    assert_wrong("]Q1" ID "/01/9521234543213", "too_short", 38);
    assert_wrong("]Q1" ID "/01/09521234543213/10/ABCDEFGHIJKLMNOPQRSTU", "too_long", 63);
    assert_wrong("]Q1" ID "/01/09521234543213/10/A%20B", "bad_character", 44);
    assert_wrong("]Q1" ID "/01/09521234543213/10/A%00", "bad_character", 44);
    assert_wrong("]Q1" ID "/01/09521234543213/10/", "empty", 43);
    assert_wrong("]Q1" ID "/415/9521321123458", "association_missing", 22);
}

static void what_no_uri_may_hold_is_refused(void **state) {
    (void) state;
    assert_wrong("]Q1" ID "/01/09521234543213/10/A B", "bad_uri", 44);
    assert_wrong("]Q1" ID "/01/09521234543213/10/A%2", "bad_uri", 44);
    assert_string_equal(why_of(scan_of("]Q1" ID "/01/09521234543213/10/A%G1")),
                        "found \"%G1\", which may not stand there in a Web address");
    assert_wrong("]Q1" ID "/01/09521234543213/10/\xc3\xa4", "bad_uri", 43);
    assert_wrong("]Q1" ID "/01/09521234543213?x=<", "bad_uri", 42);
    assert_wrong("]Q1https://me@example.com/01/09521234543213", "bad_uri", 13);
    assert_wrong("]Q1https://a_b.com/01/09521234543213", "bad_uri", 12);
    assert_valid("]Q1https://[2001:db8::1]:443/01/09521234543213", "(01)09521234543213");
}

static void a_web_address_without_a_key_is_an_ordinary_code(void **state) {
    (void) state;
    static const char *const others[] = {
        "]Q1https://example.com",
        "]Q1https://example.com/",
        "]Q1https://example.com/path/to/page?01=09521234543213",
        "]Q1https://example.com/01/index.html",
        "]Q1https://example.com/01/2026",
        "]Q1https://example.com/01",
        "]Q1https://example.com/01/09521234543213/",
        "]Q1https://example.com/gtin/09521234543213",
        "]Q1https:///01/09521234543213",
        "]Q1https://",
        "]Q1ftp://example.com/01/09521234543213",
        "]Q1id.gs1.org/01/09521234543213",
        "]Q1WIFI:S:net;;",
        "]Q1",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct gw_gs1_scan *scan = scan_of(others[i]);
        assert_int_equal(scan->kind, GW_GS1_OTHER);
        assert_int_equal(scan->why.reason, GW_GS1_NOT_GS1);
    }
    assert_string_equal(urn_of(scan_of("]Q1https://example.com/a?b=c d")),
                        "urn:gangway:scan:qrcode:https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%20d");
}

static void on_the_host_of_gs1_every_address_must_be_a_link(void **state) {
    (void) state;
    assert_wrong("]Q1" ID, "no_key", 21);
    assert_wrong("]Q1" ID "/", "no_key", 21);
    assert_wrong("]Q1" ID "/about", "no_key", 21);
    assert_wrong("]Q1" ID "/gtin/09521234543213", "no_key", 21);
    assert_wrong("]Q1HTTPS://ID.GS1.ORG/12/1", "no_key", 21);
    assert_wrong("]Q1" ID "/AQEfiPaSP5ZgzsA_KA", "compressed", 21);
    assert_string_equal(why_of(scan_of("]Q1" ID "/AQEfiPaSP5ZgzsA_KA")),
                        "this looks like a compressed Digital Link, which is not read");
}

static void the_canonical_link_has_one_form(void **state) {
    (void) state;
    static const char *const same[] = {
        "]Q1https://example.com/stem/01/09521234543213/10/A%2dB/21/S%2B1?17=261231",
        "]Q1http://id.gs1.org/01/09521234543213/10/A-B/21/S+1?17=261231&linkType=all#x",
        "]d2"
        "0109521234543213"
        "17261231"
        "10A-B" GS "21S+1",
        "]C1"
        "10A-B" GS "21S+1" GS "0109521234543213"
        "17261231",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        const struct gw_gs1_scan *scan = scan_of(same[i]);
        assert_string_equal(why_of(scan), "");
        assert_string_equal(link_of(scan), ID "/01/09521234543213/10/A-B/21/S%2B1?17=261231");
        assert_string_equal(identity_of(scan), ID "/01/09521234543213/10/A-B/21/S%2B1");
    }
    /* Predefined lengths first, then as they come. */
    assert_string_equal(link_of(scan_of("]C1"
                                        "00106141411234567897"
                                        "3725" GS "10ABC123" GS "0200614141123452")),
                        ID "/00/106141411234567897?02=00614141123452&37=25&10=ABC123");
    /* A serial number by a third party belongs into the path, and the lot then not. */
    assert_string_equal(link_of(scan_of("]C1"
                                        "0109521234543213"
                                        "10A" GS "235T")),
                        ID "/01/09521234543213/235/T?10=A");
    /* The first primary key is the key. */
    assert_string_equal(link_of(scan_of("]C1"
                                        "8004"
                                        "9521A" GS "4149521321123458"
                                        "254X")),
                        "none");
    assert_string_equal(identity_of(scan_of("]C1"
                                            "8004"
                                            "9521A" GS "4149521321123458"
                                            "254X")),
                        ID "/8004/9521A");
    assert_string_equal(link_of(scan_of("]C1"
                                        "4149521321123458"
                                        "254X" GS "8004"
                                        "9521A")),
                        ID "/414/9521321123458/254/X?8004=9521A");
}

static void every_character_but_the_unreserved_is_encoded(void **state) {
    (void) state;
    assert_string_equal(
        link_of(scan_of("]C1"
                        "8004"
                        "9521!\"%&'()*+,-./09:;<=>?AZ_az")),
        ID "/8004/9521%21%22%25%26%27%28%29%2A%2B%2C-.%2F09%3A%3B%3C%3D%3E%3FAZ_az");
}

static void a_scan_without_key_or_not_valid_has_no_link(void **state) {
    (void) state;
    assert_string_equal(link_of(scan_of("]C1"
                                        "400ORDER")),
                        "none");
    assert_string_equal(link_of(scan_of("]C1"
                                        "0109521234543214")),
                        "none");
    /* (8011) may stand behind (8010) only. */
    assert_string_equal(link_of(scan_of("]C1"
                                        "80109521A" GS "80111")),
                        ID "/8010/9521A/8011/1");
}

static void a_link_of_any_length_is_bounded(void **state) {
    (void) state;
    static char text[GW_GS1_LINK_BYTES_MAX + 64];
    int len = snprintf(text, sizeof(text), "]Q1" ID "/01/09521234543213?");
    memset(text + len, 'x', (size_t) (3 + GW_GS1_LINK_BYTES_MAX - len));
    assert_true(scan_of(text)->ok);
    text[3 + GW_GS1_LINK_BYTES_MAX] = 'x';
    assert_wrong(text, "too_long", 3 + GW_GS1_LINK_BYTES_MAX);
    assert_string_equal(why_of(scan_of(text)),
                        "the code has 2049 characters, allowed are at most 2048");
    /* As many parameters as fit. */
    for (int i = 0; len + 8 < GW_GS1_LINK_BYTES_MAX; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t) len, "&%02d=%%41", 91 + i % 9);
    }
    assert_int_equal(scan_of(text)->why.reason, GW_GS1_TOO_MANY);
    len = snprintf(text, sizeof(text), "]Q1" ID "/01/09521234543213");
    while (len + 8 < GW_GS1_LINK_BYTES_MAX) {
        len += snprintf(text + len, sizeof(text) - (size_t) len, "/10/A");
    }
    assert_int_equal(scan_of(text)->why.reason, GW_GS1_TOO_MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_read_behind_any_host_and_stem),
        cmocka_unit_test(the_query_holds_other_ais_and_whatever_else),
        cmocka_unit_test(qualifiers_stand_in_their_order),
        cmocka_unit_test(values_in_a_link_are_checked_as_elsewhere),
        cmocka_unit_test(what_no_uri_may_hold_is_refused),
        cmocka_unit_test(a_web_address_without_a_key_is_an_ordinary_code),
        cmocka_unit_test(on_the_host_of_gs1_every_address_must_be_a_link),
        cmocka_unit_test(the_canonical_link_has_one_form),
        cmocka_unit_test(every_character_but_the_unreserved_is_encoded),
        cmocka_unit_test(a_scan_without_key_or_not_valid_has_no_link),
        cmocka_unit_test(a_link_of_any_length_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
