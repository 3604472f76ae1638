/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

static void bracketed_text_can_be_read_back(void **state) {
    (void) state;
    assert_string_equal(elements_of(scan_of("]C1"
                                            "8004"
                                            "9521(A)((B")),
                        "(8004)9521\\(A)\\(\\(B");
    assert_string_equal(elements_of(scan_of("]C0hello")), "");
}

static void an_element_string_has_separators_only_where_they_are_needed(void **state) {
    (void) state;
    assert_string_equal(
        string_of(scan_of("]C1" GS "0109521234543213" GS "10A" GS "17251231" GS "21B" GS)),
        "0109521234543213"
        "10A" GS "17251231"
        "21B");
    assert_string_equal(
        string_of(
            scan_of("]Q1https://example.com/01/09521234543213/10/A%2fB/21/C?3103=000195")),
        "0109521234543213"
        "10A/B" GS "21C" GS "3103000195");
}

static void a_urn_stands_for_every_byte_of_the_code(void **state) {
    (void) state;
    assert_string_equal(urn_of(scan_of("]A0AB-12.3_4~")), "urn:gangway:scan:code39:AB-12.3_4~");
    assert_string_equal(urn_of(scan_of("]C0a b/c:d%\x01\xc3\xa4")),
                        "urn:gangway:scan:code128:a%20b%2Fc%3Ad%25%01%C3%A4");
    assert_string_equal(urn_of(scan_of("plain")), "urn:gangway:scan:unknown:plain");
    assert_string_equal(urn_of(scan_of("")), "urn:gangway:scan:unknown:");
    /* Also of what is GS1, or would be: separators and all. */
    assert_string_equal(urn_of(scan_of("]C110A" GS "99")), "urn:gangway:scan:code128:10A%1D99");
    assert_string_equal(urn_of(scan_of("]j9x")), "urn:gangway:scan:other:x");
}

typedef enum gw_err writer(const struct gw_gs1_scan *scan, struct gw_buf *buf);

static enum gw_err put_full_link(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    return gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, buf);
}

static enum gw_err put_identity(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    return gw_gs1_put_digital_link(scan, GW_GS1_LINK_IDENTITY, buf);
}

/* A buffer that is too small by any number of bytes: FULL, and what stood in it
 * stays; big enough to the byte: all of it. */
static void a_small_buffer_is_left_as_it_was(void **state) {
    (void) state;
    writer *const writers[] = {gw_gs1_put_elements, gw_gs1_put_element_string,
                               gw_gs1_put_urn,      put_full_link,
                               put_identity,        gw_gs1_put_why};
    for (size_t w = 0; w < sizeof(writers) / sizeof(writers[0]); w++) {
        const struct gw_gs1_scan *scan =
            scan_of(writers[w] == gw_gs1_put_why ? "]C10109521234543214"
                                                 : "]d20109521234543213"
                                                   "17251231"
                                                   "10A(+" GS "3922123" GS "3103000195");
        char storage[512];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof(storage));
        assert_int_equal(writers[w](scan, &buf), GW_OK);
        size_t whole = buf.len;
        assert_true(whole > 20);
        for (size_t cap = 0; cap <= whole + 260; cap++) {
            gw_buf_init(&buf, storage, cap + 2);
            assert_true(gw_buf_put_str(&buf, GW_STR("ab")));
            enum gw_err err = writers[w](scan, &buf);
            assert_true(err == GW_OK || (err == GW_ERR_FULL && buf.len == 2));
            assert_true(err == GW_OK || cap < whole + 257);
            assert_true(err != GW_OK || (cap >= whole && buf.len == whole + 2));
            assert_memory_equal(storage, "ab", 2);
            assert_false(gw_buf_failed(&buf));
        }
    }
}

static void every_reason_kind_and_note_has_a_name_of_its_own(void **state) {
    (void) state;
    for (enum gw_gs1_reason a = GW_GS1_VALID; a < GW_GS1_REASON_COUNT_; a++) {
        assert_true(strlen(gw_gs1_reason_name(a)) > 0);
        for (enum gw_gs1_reason b = GW_GS1_VALID; b < a; b++) {
            assert_string_not_equal(gw_gs1_reason_name(a), gw_gs1_reason_name(b));
        }
    }
    assert_string_equal(gw_gs1_kind_name(GW_GS1_OTHER), "other");
    assert_string_equal(gw_gs1_kind_name(GW_GS1_DIGITAL_LINK), "digital_link");
    assert_string_equal(gw_gs1_note_name(GW_GS1_NOTE_LEADING_SEPARATOR), "leading_separator");
    assert_string_equal(gw_gs1_note_name(GW_GS1_NOTE_RESTRICTED | GW_GS1_NOTE_INCOMPLETE),
                        "restricted");
    assert_string_equal(gw_gs1_note_name(GW_GS1_NOTE_INCOMPLETE), "incomplete");
    assert_null(gw_gs1_note_name(0));
    assert_null(gw_gs1_note_name(GW_GS1_NOTE_INCOMPLETE << 1));
}

static void long_texts_are_cut_in_sentences(void **state) {
    (void) state;
    assert_string_equal(why_of(scan_of("]C1"
                                       "4300"
                                       "12345678901234567890123456789012345")),
                        "(4300) needs (00)");
    assert_string_equal(why_of(scan_of("]E0"
                                       "123456789012345678901234567890123456789012345678")),
                        "the code has 48 characters, allowed are exactly 13");
    const char *why = why_of(scan_of("]C10109521234543213"
                                     "4302"
                                     "1234567890123456789012345678901234567890123456789%"));
    assert_string_equal(why, "(4302) holds \"1234567890123456789012345678901234567890...\", "
                             "allowed is % only with two hexadecimal digits behind it");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bracketed_text_can_be_read_back),
        cmocka_unit_test(an_element_string_has_separators_only_where_they_are_needed),
        cmocka_unit_test(a_urn_stands_for_every_byte_of_the_code),
        cmocka_unit_test(a_small_buffer_is_left_as_it_was),
        cmocka_unit_test(every_reason_kind_and_note_has_a_name_of_its_own),
        cmocka_unit_test(long_texts_are_cut_in_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
