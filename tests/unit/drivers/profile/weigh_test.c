/* SPDX-License-Identifier: Apache-2.0 */
/* One load, one event. MT-SICS lines stand for any scale. */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drivers/profile/protocol.h"
#include "firmware/event/decimal.h"
#include "tests/unit/drivers/profile/feed_rig.h"

#define SCALE(weight)                                                                          \
    "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\",\"decode\":\"mt_sics\","               \
    "\"sources\":[\"t\"],\"weight\":{" weight "}}"

static void open_scale(struct feed_rig *rig, const char *document) {
    feed_rig_open_text(rig, document);
    feed_rig_push(rig, "S S 0.000 kg\r\n", 0); /* empty: no remark for the first load */
    assert_int_equal(rig->taken, document && strstr(document, "settle\"") ? 1 : 0);
    gw_buf_clear(&rig->transcript);
    rig->taken = 0;
}

static void a_load_is_one_event_from_settling_to_removal(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "S D 3.100 kg\r\nS D 5.900 kg\r\n", 0);
    assert_int_equal(rig.taken, 0);
    for (unsigned i = 0; i < 10; i++) {
        feed_rig_push(&rig, "S S 5.000 kg\r\n", i);
    }
    feed_rig_push(&rig, "S D 2.000 kg\r\nS S 0.000 kg\r\nS S 0.000 kg\r\n", 20);
    feed_rig_push(&rig, "S S 5.000 kg\r\n", 30);
    feed_rig_expect(&rig, "{\"kind\":\"weight\",\"state\":\"stable\",\"value\":\"5.000\","
                          "\"unit\":\"kg\",\"unitcode\":\"KGM\",\"raw\":\"S S 5.000 kg\"}\n"
                          "{\"kind\":\"weight\",\"state\":\"stable\",\"value\":\"5.000\","
                          "\"unit\":\"kg\",\"unitcode\":\"KGM\",\"raw\":\"S S 5.000 kg\"}\n");
    feed_rig_close(&rig);
}

static void the_threshold_is_exact_and_belongs_to_no_load(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"rearm_below\":\"0.050\""));
    feed_rig_push(&rig, "S S 0.05 kg\r\nS S 0.0500000000000000000000 kg\r\n", 0);
    assert_int_equal(rig.taken, 0);
    feed_rig_push(&rig, "S S 0.0500000000000000000001 kg\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"0.0500000000000000000001\""), 1);
    feed_rig_push(&rig, "S S 0.051 kg\r\nS S 0.050 kg\r\nS S 0.051 kg\r\n", 0);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void a_fast_exchange_is_seen_in_motion(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"rearm_below\":\"0.05\""));
    feed_rig_push(&rig, "S S 5.0 kg\r\nS D 0.04 kg\r\nS D 4.0 kg\r\nS S 7.0 kg\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"7.0\""), 1);
    assert_int_equal(rig.taken, 2);
    feed_rig_push(&rig, "S D 6.0 kg\r\nS S 7.0 kg\r\n", 0); /* only touched */
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void moving_zero_and_minus_one_never_meet(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "S D -1 kg\r\nS S -1 kg\r\nS S 0 kg\r\nS D 0 kg\r\n", 0);
    assert_int_equal(rig.taken, 0);
    feed_rig_close(&rig);
    feed_rig_open_text(&rig, SCALE("\"report\":\"all\""));
    feed_rig_push(&rig, "S D -1 kg\r\nS S -1 kg\r\nS S 0 kg\r\nS D 0 kg\r\n", 0);
    feed_rig_expect(
        &rig, "{\"kind\":\"weight\",\"state\":\"dynamic\",\"raw\":\"S D -1 kg\"}\n"
              "{\"kind\":\"weight\",\"state\":\"stable\",\"value\":\"-1\",\"unit\":\"kg\","
              "\"unitcode\":\"KGM\",\"raw\":\"S S -1 kg\"}\n"
              "{\"kind\":\"weight\",\"state\":\"stable\",\"value\":\"0\",\"unit\":\"kg\","
              "\"unitcode\":\"KGM\",\"raw\":\"S S 0 kg\"}\n"
              "{\"kind\":\"weight\",\"state\":\"dynamic\",\"raw\":\"S D 0 kg\"}\n");
    feed_rig_close(&rig);
}

static void under_range_means_that_the_load_is_gone_and_over_does_not(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "S S 5.0 kg\r\nS +\r\nS +\r\nS S 5.0 kg\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "5.0"), 1);
    assert_int_equal(feed_rig_count(&rig, "\"over\""), 1);
    feed_rig_push(&rig, "S -\r\nS S 5.0 kg\r\nS +\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"5.0\""), 2);
    assert_int_equal(feed_rig_count(&rig, "\"over\""), 2); /* a new time over */
    feed_rig_close(&rig);
}

static void a_load_that_lies_there_at_the_start_is_remarked(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "S S 5.0 kg\r\nS S 0.0 kg\r\nS S 6.0 kg\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "after_start"), 1);
    gw_feed_end(rig.feed, 1);
    feed_rig_push(&rig, "S S 6.0 kg\r\n", 2); /* the line came back: the same load? */
    assert_int_equal(feed_rig_count(&rig, "after_start"), 2);
    assert_int_equal(rig.taken, 3);
    feed_rig_close(&rig);
}

static void a_value_must_stand_for_the_settling_time(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"settle_ms\":300"));
    feed_rig_push(&rig, "S S 5.0 kg\r\n", 1000);
    feed_rig_push(&rig, "S S 5.1 kg\r\n", 1200); /* another value: begins again */
    feed_rig_push(&rig, "S S 5.1 kg\r\n", 1499);
    feed_rig_push(&rig, "S D 5.1 kg\r\n", 1500); /* and so does motion */
    feed_rig_push(&rig, "S S 5.1 kg\r\n", 1600);
    feed_rig_push(&rig, "S S 5.10 kg\r\n", 1899);
    assert_int_equal(rig.taken, 0);
    feed_rig_push(&rig, "S S 5.1 kg\r\n", 1900);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.1\""), 1);
    feed_rig_close(&rig);
}

static void by_settling_each_other_value_is_one_event(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"settle\""));
    feed_rig_push(&rig, "S S 5.0 kg\r\nS D 6 kg\r\nS S 7.0 kg\r\nS S 7.00 kg\r\n", 0);
    feed_rig_push(&rig, "S D 3 kg\r\nS S 0.0 kg\r\nS S 0.0 kg\r\nS S 7.0 kg\r\n", 0);
    assert_int_equal(rig.taken, 4); /* 5, 7, 0, 7 */
    feed_rig_close(&rig);
}

static void a_busy_scale_is_told_once_until_it_is_at_rest(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "S I\r\nS I\r\nS D 1 kg\r\nS I\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "busy"), 1);
    feed_rig_push(&rig, "ES\r\nS I\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "device_error"), 1);
    assert_int_equal(feed_rig_count(&rig, "busy"), 2);
    feed_rig_push(&rig, "S S 0 kg\r\nS I\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "busy"), 3);
    feed_rig_close(&rig);
}

static void a_scale_at_the_edge_of_its_range_is_over_once(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    for (unsigned i = 0; i < 20; i++) {
        feed_rig_push(&rig, "S +\r\nS D 59.9 kg\r\n", i);
    }
    assert_int_equal(rig.taken, 1);
    feed_rig_push(&rig, "S S 0 kg\r\nS +\r\n", 30);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void what_a_scale_answers_to_tare_and_zero_is_no_weight(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("\"report\":\"all\""));
    feed_rig_push(&rig,
                  "T S     100.00 kg\r\nT D 1.00 kg\r\nTI S 1.00 kg\r\nZ A\r\nTAC A\r\n"
                  "TA A 100.00 kg\r\n",
                  0);
    assert_int_equal(feed_rig_count(&rig, "command_done"), 6);
    feed_rig_push(&rig, "T I\r\nT +\r\nT -\r\nZ I\r\nZ +\r\nZ -\r\nTA L\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "command_refused"), 7);
    assert_int_equal(rig.taken, 13);
    feed_rig_push(&rig, "I2 A \"X\"\r\nSR A\r\n", 0);
    assert_int_equal(rig.taken, 13);
    feed_rig_close(&rig);
}

static void every_restart_is_told(void **state) {
    (void) state;
    struct feed_rig rig;
    open_scale(&rig, SCALE("\"report\":\"cycle\""));
    feed_rig_push(&rig, "I4 A \"1\"\r\nI4 A \"1\"\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "restarted"), 2);
    feed_rig_close(&rig);
}

static void a_number_without_a_unit_is_an_error_and_no_weight(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig,
                       "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\",\"decode\":"
                       "\"json\",\"sources\":[\"t\"],\"json\":{\"weight\":\"/w\",\"unit\":"
                       "\"/u\"},\"weight\":{\"report\":\"all\"}}");
    feed_rig_push(&rig, "{\"w\":1.50,\"u\":\"kg\"}\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"1.50\""), 1);
    gw_buf_clear(&rig.transcript);
    feed_rig_push(&rig, "{\"w\":1.50}\n{\"w\":1.50,\"u\":\"\"}\n{\"w\":2,\"u\":null}\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"state\":\"error\",\"detail\":\"no unit was sent"),
                     3);
    assert_int_equal(feed_rig_count(&rig, "value\":"), 0);
    feed_rig_close(&rig);
}

#define CONTINUOUS(weight) "\x02,0   " weight "     0\r"

static void a_checksum_that_the_scale_does_not_send_is_told_once_with_the_remedy(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "toledo-continuous-checksum");
    for (unsigned i = 0; i < 20; i++) {
        feed_rig_push(&rig, CONTINUOUS("1234") CONTINUOUS("1234"), i);
    }
    assert_int_equal(feed_rig_count(&rig, "wrong_setup"), 1);
    assert_int_equal(feed_rig_count(&rig, "set weight.checksum of the profile to false"), 1);
    assert_int_equal(feed_rig_count(&rig, "where the checksum should stand"), 20);
    assert_int_equal(feed_rig_count(&rig, "\"kind\":\"weight\""), 0);
    feed_rig_close(&rig);
    feed_rig_open(&rig, "toledo-continuous-checksum");
    feed_rig_push(&rig, CONTINUOUS("1234") "x", 0); /* damaged: no fault of the setting */
    assert_int_equal(feed_rig_count(&rig, "wrong_setup"), 0);
    assert_int_equal(feed_rig_count(&rig, "the checksum is wrong"), 1);
    feed_rig_close(&rig);
}

/* ---- numbers ---- */

static void numbers_keep_their_digits_and_lose_their_padding(void **state) {
    (void) state;
    static const struct {
        const char *sent, *text;
    } cases[] = {
        {"   100.00", "100.00"}, {"-   1.5", "-1.5"},
        {"+  1.50", "1.50"},     {"0012.50", "0012.50"},
        {".5", "0.5"},           {"-.5", "-0.5"},
        {"12.", "12"},           {"12,50", "12.50"},
        {"-0.00", "-0.00"},      {"0", "0"},
        {"\t 7 \r\n", "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gw_scale_number number = {0};
        assert_int_equal(gw_scale_number_parse(gw_str_from_cstr(cases[i].sent), &number),
                         GW_OK);
        number.text[number.len] = '\0';
        assert_string_equal(number.text, cases[i].text);
        assert_true(gw_decimal_is_text(gw_str_from_cstr(number.text)));
    }
}

static void what_is_no_number_is_refused(void **state) {
    (void) state;
    static const char *const cases[] = {"",      " ",   "-",     "+",       ".",  "-.",
                                        "1.2.3", "1 2", "1e3",   "--1",     "1-", "0x10",
                                        "12a",   "NaN", "1,2.3", "\xc2\xb2"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gw_scale_number number = {0};
        assert_int_equal(gw_scale_number_parse(gw_str_from_cstr(cases[i]), &number),
                         GW_ERR_PARSE);
    }
    struct gw_scale_number number = {0};
    assert_int_equal(gw_scale_number_parse(
                         GW_STR("000000000000000000000000000000000000000000000001"), &number),
                     GW_ERR_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_is_one_event_from_settling_to_removal),
        cmocka_unit_test(the_threshold_is_exact_and_belongs_to_no_load),
        cmocka_unit_test(a_fast_exchange_is_seen_in_motion),
        cmocka_unit_test(moving_zero_and_minus_one_never_meet),
        cmocka_unit_test(under_range_means_that_the_load_is_gone_and_over_does_not),
        cmocka_unit_test(a_load_that_lies_there_at_the_start_is_remarked),
        cmocka_unit_test(a_value_must_stand_for_the_settling_time),
        cmocka_unit_test(by_settling_each_other_value_is_one_event),
        cmocka_unit_test(a_busy_scale_is_told_once_until_it_is_at_rest),
        cmocka_unit_test(a_scale_at_the_edge_of_its_range_is_over_once),
        cmocka_unit_test(what_a_scale_answers_to_tare_and_zero_is_no_weight),
        cmocka_unit_test(every_restart_is_told),
        cmocka_unit_test(a_number_without_a_unit_is_an_error_and_no_weight),
        cmocka_unit_test(a_checksum_that_the_scale_does_not_send_is_told_once_with_the_remedy),
        cmocka_unit_test(numbers_keep_their_digits_and_lose_their_padding),
        cmocka_unit_test(what_is_no_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
