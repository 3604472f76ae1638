/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/health/health.h"
#include "firmware/json/json.h"

static const uint8_t no_hash[32];

static struct gw_audit_entry sample(void) {
    return (struct gw_audit_entry){
        .number = 1,
        .time_wall_ms = INT64_C(1795418040123),
        .actor = GW_STR("gwctl:root"),
        .action = GW_STR("quarantine_drop"),
        .target = GW_STR("17"),
        .outcome = GW_STR("ok"),
        .detail = GW_STR("\"cut\" \\ \xc3\xa9"),
    };
}

/* Worked out with sha256sum over the text drawn in health.h. */
static void hash_is_that_of_the_documented_text(void **state) {
    (void) state;
    struct gw_audit_entry entry = sample();
    entry.detail = GW_STR("why");
    gw_audit_seal(&entry, no_hash);
    char hex[65];
    gw_hex_format((struct gw_bytes){entry.hash, 32}, hex);
    assert_string_equal(hex,
                        "737cc1b60c587034a14bdc61d66fe67a24ffc967289202c4a7d1c2f27a4d92d0");
}

static void sealed_entry_survives_text_and_back(void **state) {
    (void) state;
    struct gw_audit_entry entry = sample();
    gw_audit_seal(&entry, no_hash);
    char text[2048];
    struct gw_buf json;
    gw_buf_init(&json, text, sizeof text);
    assert_int_equal(gw_audit_format(&entry, &json), GW_OK);
    const struct gw_json_limits limits = {sizeof text, 2, GW_JSON_CANONICAL | GW_JSON_OBJECT};
    assert_int_equal(gw_json_check(gw_buf_str(&json), &limits, NULL), GW_OK);

    char unescaped[512];
    struct gw_buf storage;
    gw_buf_init(&storage, unescaped, sizeof unescaped);
    struct gw_audit_entry back;
    assert_int_equal(gw_audit_parse(gw_buf_str(&json), &storage, &back), GW_OK);
    assert_int_equal(gw_audit_check(&back, no_hash), GW_OK);
    assert_true(gw_str_eq(back.actor, entry.actor));
    assert_true(gw_str_eq(back.detail, entry.detail));
    assert_int_equal(back.number, 1);
    assert_int_equal(back.time_wall_ms, entry.time_wall_ms);
}

static void each_changed_fact_breaks_the_seal(void **state) {
    (void) state;
    struct gw_audit_entry sealed = sample();
    gw_audit_seal(&sealed, no_hash);
    struct gw_audit_entry changed[10];
    for (size_t i = 0; i < GW_ARRAY_LEN(changed); i++) {
        changed[i] = sealed;
    }
    changed[0].number = 2;
    changed[1].time_wall_ms++;
    changed[2].actor = GW_STR("gwctl:anna");
    changed[3].action = GW_STR("quarantine_show");
    changed[4].target = GW_STR("18");
    changed[5].outcome = GW_STR("denied");
    changed[6].detail = GW_STR("");
    changed[7].hash[31] ^= 1;
    changed[8].previous[0] ^= 1;
    /* The border between two fields counts too. */
    changed[9].target = GW_STR("1");
    changed[9].outcome = GW_STR("7ok");
    assert_int_equal(gw_audit_check(&sealed, no_hash), GW_OK);
    for (size_t i = 0; i < GW_ARRAY_LEN(changed); i++) {
        assert_int_equal(gw_audit_check(&changed[i], no_hash), GW_ERR_CORRUPT);
    }
    uint8_t other[32] = {1};
    assert_int_equal(gw_audit_check(&sealed, other), GW_ERR_CORRUPT);
}

static void entry_left_out_or_moved_breaks_the_chain(void **state) {
    (void) state;
    struct gw_audit_entry chain[3];
    uint8_t last[32] = {0};
    for (unsigned i = 0; i < 3; i++) {
        chain[i] = sample();
        chain[i].number = i + 1;
        gw_audit_seal(&chain[i], last);
        memcpy(last, chain[i].hash, sizeof last);
    }
    assert_int_equal(gw_audit_check(&chain[1], chain[0].hash), GW_OK);
    assert_int_equal(gw_audit_check(&chain[2], chain[1].hash), GW_OK);
    assert_int_equal(gw_audit_check(&chain[2], chain[0].hash), GW_ERR_CORRUPT);
    assert_int_equal(gw_audit_check(&chain[1], chain[2].hash), GW_ERR_CORRUPT);
}

static void entry_may_be_sealed_with_its_own_old_hash(void **state) {
    (void) state;
    struct gw_audit_entry entry = sample();
    gw_audit_seal(&entry, no_hash);
    uint8_t first[32];
    memcpy(first, entry.hash, sizeof first);
    entry.number = 2;
    gw_audit_seal(&entry, entry.hash);
    assert_int_equal(gw_audit_check(&entry, first), GW_OK);
}

static void texts_that_would_be_ambiguous_are_not_written(void **state) {
    (void) state;
    static const struct gw_str bad[] = {GW_STR("a\nb"), GW_STR("\x1b[0m"), GW_STR("\xff"),
                                        GW_STR("a\x7f")};
    for (size_t i = 0; i < GW_ARRAY_LEN(bad); i++) {
        struct gw_audit_entry entry = sample();
        entry.target = bad[i];
        gw_audit_seal(&entry, no_hash);
        char text[2048];
        struct gw_buf json;
        gw_buf_init(&json, text, sizeof text);
        assert_int_equal(gw_audit_format(&entry, &json), GW_ERR_SCHEMA);
        assert_int_equal(json.len, 0);
    }
}

static void full_buffers_are_left_as_they_were(void **state) {
    (void) state;
    struct gw_audit_entry entry = sample();
    gw_audit_seal(&entry, no_hash);
    char text[300];
    struct gw_buf json;
    gw_buf_init(&json, text, sizeof text);
    (void) gw_buf_put_char(&json, 'x');
    assert_int_equal(gw_audit_format(&entry, &json), GW_ERR_FULL);
    assert_int_equal(json.len, 1);

    char large[1024];
    gw_buf_init(&json, large, sizeof large);
    assert_int_equal(gw_audit_format(&entry, &json), GW_OK);
    char small[3];
    struct gw_buf storage;
    gw_buf_init(&storage, small, sizeof small);
    struct gw_audit_entry back = {.number = 77};
    assert_int_equal(gw_audit_parse(gw_buf_str(&json), &storage, &back), GW_ERR_FULL);
    assert_int_equal(back.number, 77);
}

#define HEX64 "0000000000000000000000000000000000000000000000000000000000000000"
#define GOOD                                                                                   \
    "{\"action\":\"a\",\"actor\":\"b\",\"detail\":\"\",\"hash\":\"" HEX64                      \
    "\",\"number\":1,\"outcome\":\"ok\",\"previous\":\"" HEX64                                 \
    "\",\"target\":\"t\",\"time\":\"2026-11-23T07:14:00.123Z\"}"

struct change {
    const char *old, *new;
    enum gw_err err;
};

static void text_of_another_shape_is_refused(void **state) {
    (void) state;
    static const struct change changes[] = {
        {"{", "{", GW_OK},
        {"{", "{ ", GW_ERR_PARSE},
        {"\"action\"", "\"zaction\"", GW_ERR_PARSE}, /* not sorted any more */
        {"\"action\":\"a\",", "", GW_ERR_SCHEMA},
        {"\"actor\":\"b\"", "\"actor\":5", GW_ERR_SCHEMA},
        {"\"actor\":\"b\"", "\"actor\":\"\\n\"", GW_ERR_SCHEMA},
        {"\"number\":1", "\"number\":-1", GW_ERR_SCHEMA},
        {"\"number\":1", "\"number\":\"1\"", GW_ERR_SCHEMA},
        {"\"hash\":\"0", "\"hash\":\"", GW_ERR_SCHEMA},
        {"\"hash\":\"0", "\"hash\":\"g", GW_ERR_SCHEMA},
        {".123Z", "Z", GW_ERR_SCHEMA},
        {"-11-", "-13-", GW_ERR_SCHEMA},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(changes); i++) {
        char text[1024];
        const char *at = strstr(GOOD, changes[i].old);
        assert_non_null(at);
        (void) snprintf(text, sizeof text, "%.*s%s%s", (int) (at - GOOD), GOOD, changes[i].new,
                        at + strlen(changes[i].old));
        char unescaped[64];
        struct gw_buf storage;
        gw_buf_init(&storage, unescaped, sizeof unescaped);
        struct gw_audit_entry entry;
        assert_int_equal(gw_audit_parse(gw_str_from_cstr(text), &storage, &entry),
                         changes[i].err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_that_of_the_documented_text),
        cmocka_unit_test(sealed_entry_survives_text_and_back),
        cmocka_unit_test(each_changed_fact_breaks_the_seal),
        cmocka_unit_test(entry_left_out_or_moved_breaks_the_chain),
        cmocka_unit_test(entry_may_be_sealed_with_its_own_old_hash),
        cmocka_unit_test(texts_that_would_be_ambiguous_are_not_written),
        cmocka_unit_test(full_buffers_are_left_as_they_were),
        cmocka_unit_test(text_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
