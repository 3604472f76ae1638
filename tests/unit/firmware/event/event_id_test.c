/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/event/event.h"

static const struct gw_epoch full_epoch = {.high = 3, .low = UINT64_MAX};
static const struct gw_epoch some_epoch = {.high = 2, .low = UINT64_C(0x8123456789abcdef)};

static void the_layout_is_sequence_version_class_epoch(void **state) {
    (void) state;
    const struct {
        enum gw_flow_class class;
        uint64_t sequence;
        struct gw_epoch epoch;
        const char *expected;
    } cases[] = {
        {GW_CLASS_BUSINESS, 1, {0, 0}, "00000000-0001-8000-8000-000000000000"},
        {GW_CLASS_AUDIT, GW_SEQUENCE_MAX, full_epoch, "ffffffff-ffff-803f-bfff-ffffffffffff"},
        /* bits 65..62 are 10 10: 0xa; the rest is 0x0123456789abcdef, variant 10 */
        {GW_CLASS_STATE, 0x123456789abc, some_epoch, "12345678-9abc-801a-8123-456789abcdef"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[GW_EVENT_ID_TEXT_LEN + 1];
        gw_event_id_format(gw_event_id_make(cases[i].class, cases[i].sequence, cases[i].epoch),
                           text);
        assert_string_equal(text, cases[i].expected);
    }
}

static void every_bit_of_an_id_comes_back(void **state) {
    (void) state;
    for (unsigned bit = 0; bit < 66; bit++) {
        struct gw_epoch epoch = {.high = (uint8_t) (bit < 64 ? 0u : 1u << (bit - 64)),
                                 .low = bit < 64 ? UINT64_C(1) << bit : 0};
        enum gw_flow_class class = (enum gw_flow_class)(bit % GW_CLASS_COUNT), got_class;
        uint64_t sequence = UINT64_C(1) << (bit % 48), got_sequence;
        struct gw_epoch got_epoch;
        struct gw_event_id id = gw_event_id_make(class, sequence, epoch), parsed;
        assert_int_equal(gw_event_id_split(id, &got_class, &got_sequence, &got_epoch), GW_OK);
        assert_int_equal(got_class, class);
        assert_true(got_sequence == sequence);
        assert_true(gw_epoch_eq(got_epoch, epoch));
        char text[GW_EVENT_ID_TEXT_LEN + 1];
        gw_event_id_format(id, text);
        assert_int_equal(gw_event_id_parse(gw_str_from_cstr(text), &parsed), GW_OK);
        assert_memory_equal(&parsed, &id, sizeof(id));
    }
}

static void ids_that_are_not_ours_are_corrupt(void **state) {
    (void) state;
    const char *const foreign[] = {
        "00000000-0001-4000-8000-000000000000", /* version 4 */
        "00000000-0001-8000-c000-000000000000", /* another variant */
        "00000000-0001-8000-0000-000000000000", /* another variant */
        "00000000-0001-8040-8000-000000000000", /* class 4 */
        "00000000-0001-8ff0-8000-000000000000", /* class 255 */
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        struct gw_event_id id;
        enum gw_flow_class class = GW_CLASS_AUDIT;
        uint64_t sequence = 77;
        struct gw_epoch epoch = full_epoch;
        assert_int_equal(gw_event_id_parse(gw_str_from_cstr(foreign[i]), &id), GW_OK);
        assert_int_equal(gw_event_id_split(id, &class, &sequence, &epoch), GW_ERR_CORRUPT);
        assert_true(class == GW_CLASS_AUDIT && sequence == 77
                    && gw_epoch_eq(epoch, full_epoch));
    }
}

static void id_text_has_one_form(void **state) {
    (void) state;
    const char *const bad[] = {"",
                               "00000000-0001-8000-8000-00000000000",
                               "00000000-0001-8000-8000-0000000000000",
                               "00000000+0001-8000-8000-000000000000",
                               "000000000001-8000-8000-000000000000-",
                               "g0000000-0001-8000-8000-000000000000",
                               "{0000000-0001-8000-8000-00000000000}"};
    struct gw_event_id untouched = {.bytes = {7}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gw_event_id_parse(gw_str_from_cstr(bad[i]), &untouched), GW_ERR_PARSE);
    }
    assert_int_equal(untouched.bytes[0], 7);
}

static void epoch_text_is_seventeen_digits_of_66_bits(void **state) {
    (void) state;
    char text[GW_EPOCH_TEXT_LEN + 1];
    struct gw_epoch parsed;
    gw_epoch_format(some_epoch, text);
    assert_string_equal(text, "28123456789abcdef");
    assert_int_equal(gw_epoch_parse(gw_str_from_cstr(text), &parsed), GW_OK);
    assert_true(gw_epoch_eq(parsed, some_epoch));
    const char *const bad[] = {"",
                               "48123456789abcdef",
                               "2812345678 abcdef",
                               "8123456789abcdef",
                               "28123456789abcdef0",
                               "/8123456789abcdef"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gw_epoch_parse(gw_str_from_cstr(bad[i]), &parsed), GW_ERR_PARSE);
    }
    assert_true(gw_epoch_eq(parsed, some_epoch));
}

static void drawn_epochs_differ_and_stay_within_66_bits(void **state) {
    (void) state;
    bool high_seen[4] = {false};
    struct gw_epoch last = gw_epoch_draw();
    for (unsigned i = 0; i < 200; i++) {
        struct gw_epoch epoch = gw_epoch_draw();
        assert_true(epoch.high <= 3);
        assert_false(gw_epoch_eq(epoch, last));
        high_seen[epoch.high] = true;
        last = epoch;
    }
    assert_true(high_seen[0] && high_seen[1] && high_seen[2] && high_seen[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_sequence_version_class_epoch),
        cmocka_unit_test(every_bit_of_an_id_comes_back),
        cmocka_unit_test(ids_that_are_not_ours_are_corrupt),
        cmocka_unit_test(id_text_has_one_form),
        cmocka_unit_test(epoch_text_is_seventeen_digits_of_66_bits),
        cmocka_unit_test(drawn_epochs_differ_and_stay_within_66_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
