/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/crc32c.h"
#include "firmware/event/record.h"

static struct gw_event_context good_context(void) {
    return (struct gw_event_context){
        .epoch = {.high = 3, .low = UINT64_C(0xfedcba9876543210)},
        .serial = GW_STR("GW-0001"),
        .site = GW_STR("Köln"),
        .owner = GW_STR("acme"),
        .zone = GW_STR("Europe/Berlin"),
        .boot_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    };
}

static size_t encoded(const struct gw_event_context *context, uint8_t *dst) {
    size_t len = 0;
    assert_int_equal(gw_context_encode(context, dst, GW_CONTEXT_MAX_BYTES, &len), GW_OK);
    return len;
}

static void seal(uint8_t *record, size_t len) {
    uint32_t crc = gw_crc32c(0, (struct gw_bytes){record + 4, len - 4});
    for (unsigned i = 0; i < 4; i++) {
        record[i] = (uint8_t) (crc >> (8 * i));
    }
}

static void every_fact_of_a_context_comes_back(void **state) {
    (void) state;
    struct gw_event_context context = good_context(), back;
    uint8_t bytes[GW_CONTEXT_MAX_BYTES];
    size_t len = encoded(&context, bytes);
    assert_int_equal(gw_context_decode((struct gw_bytes){bytes, len}, &back), GW_OK);
    assert_true(gw_epoch_eq(back.epoch, context.epoch));
    assert_true(gw_str_eq(back.serial, context.serial));
    assert_true(gw_str_eq(back.site, context.site));
    assert_true(gw_str_eq(back.owner, context.owner));
    assert_true(gw_str_eq(back.zone, context.zone));
    assert_memory_equal(back.boot_id, context.boot_id, 16);
}

static void equal_contexts_have_equal_bytes_and_others_do_not(void **state) {
    (void) state;
    struct gw_event_context a = good_context(), b = good_context();
    char copy[] = "GW-0001";
    b.serial.ptr = copy;
    uint8_t a_bytes[GW_CONTEXT_MAX_BYTES], b_bytes[GW_CONTEXT_MAX_BYTES];
    memset(b_bytes, 0x5a, sizeof(b_bytes));
    size_t len = encoded(&a, a_bytes);
    assert_int_equal(encoded(&b, b_bytes), len);
    assert_memory_equal(a_bytes, b_bytes, len);
    /* the same letters, split another way */
    a.site = GW_STR("ab");
    a.owner = GW_STR("c");
    b.site = GW_STR("a");
    b.owner = GW_STR("bc");
    len = encoded(&a, a_bytes);
    assert_int_equal(encoded(&b, b_bytes), len);
    assert_memory_not_equal(a_bytes, b_bytes, len);
}

static void a_context_that_could_not_be_rendered_is_invalid(void **state) {
    (void) state;
    uint8_t bytes[GW_CONTEXT_MAX_BYTES];
    size_t len = 7;
    char text[129];
    memset(text, 'x', sizeof(text));
    struct gw_event_context context = good_context();
    const struct gw_str serials[] = {GW_STR(""), GW_STR("GW 1"), GW_STR("GW:1"), {text, 65}};
    for (size_t i = 0; i < 4; i++) {
        context.serial = serials[i];
        assert_int_equal(gw_context_encode(&context, bytes, sizeof(bytes), &len),
                         GW_ERR_INVALID);
    }
    for (unsigned i = 0; i < 6; i++) {
        context = good_context();
        struct gw_str *members[] = {&context.site, &context.owner, &context.zone};
        *members[i % 3] = i < 3 ? GW_STR("\xff") : (struct gw_str){text, 129};
        assert_int_equal(gw_context_encode(&context, bytes, sizeof(bytes), &len),
                         GW_ERR_INVALID);
    }
    assert_int_equal(len, 7);
}

static void no_changed_byte_and_no_other_length_decodes(void **state) {
    (void) state;
    struct gw_event_context context = good_context(), back;
    uint8_t bytes[GW_CONTEXT_MAX_BYTES];
    size_t len = encoded(&context, bytes);
    for (size_t i = 0; i < len; i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] ^= (uint8_t) change;
            assert_int_equal(gw_context_decode((struct gw_bytes){bytes, len}, &back),
                             GW_ERR_CORRUPT);
            bytes[i] ^= (uint8_t) change;
        }
    }
    for (size_t other = 0; other < GW_CONTEXT_MAX_BYTES; other++) {
        enum gw_err err = gw_context_decode((struct gw_bytes){bytes, other}, &back);
        assert_int_equal(err, other == len ? GW_OK : GW_ERR_CORRUPT);
    }
}

static void lengths_that_do_not_add_up_are_corrupt_and_newer_formats_named(void **state) {
    (void) state;
    struct gw_event_context context = good_context(), back;
    uint8_t good[GW_CONTEXT_MAX_BYTES], bytes[GW_CONTEXT_MAX_BYTES];
    size_t len = encoded(&context, good);
    const struct {
        size_t at;
        uint8_t value;
        enum gw_err err;
    } changes[] = {{4, 0, GW_ERR_CORRUPT},   {4, 2, GW_ERR_SCHEMA},    {5, 4, GW_ERR_CORRUPT},
                   {6, 0, GW_ERR_CORRUPT},   {6, 255, GW_ERR_CORRUPT}, {9, 0, GW_ERR_CORRUPT},
                   {34, ' ', GW_ERR_CORRUPT}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memcpy(bytes, good, len);
        bytes[changes[i].at] = changes[i].value;
        seal(bytes, len);
        assert_int_equal(gw_context_decode((struct gw_bytes){bytes, len}, &back),
                         changes[i].err);
    }
}

static void a_context_that_does_not_fit_says_full(void **state) {
    (void) state;
    struct gw_event_context context = good_context();
    uint8_t bytes[GW_CONTEXT_MAX_BYTES];
    size_t full = encoded(&context, bytes);
    size_t len = 0;
    assert_int_equal(gw_context_encode(&context, bytes, full - 1, &len), GW_ERR_FULL);
    assert_int_equal(gw_context_encode(&context, bytes, full, &len), GW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fact_of_a_context_comes_back),
        cmocka_unit_test(equal_contexts_have_equal_bytes_and_others_do_not),
        cmocka_unit_test(a_context_that_could_not_be_rendered_is_invalid),
        cmocka_unit_test(no_changed_byte_and_no_other_length_decodes),
        cmocka_unit_test(lengths_that_do_not_add_up_are_corrupt_and_newer_formats_named),
        cmocka_unit_test(a_context_that_does_not_fit_says_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
