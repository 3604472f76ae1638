/* SPDX-License-Identifier: Apache-2.0 */
/* Framing, scans and time. What the bytes of each protocol mean stands in the
 * captures of tests/contract/feeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/drivers/profile/feed_rig.h"

#define SCANNER(members)                                                                       \
    "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scanner\",\"decode\":\"text\","                \
    "\"sources\":[\"t\"]," members "}"

static void an_idle_gap_ends_a_code_at_the_tick(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-idle");
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), INT64_MAX);
    feed_rig_push(&rig, "ABC", 1000);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 1050);
    gw_feed_tick(rig.feed, 1049);
    feed_rig_expect(&rig, "");
    gw_feed_tick(rig.feed, 1050);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"ABC\",\"raw\":\"ABC\"}\n");
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), INT64_MAX);
    feed_rig_close(&rig);
}

static void a_late_tick_does_not_join_two_codes(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-idle");
    feed_rig_push(&rig, "ABC", 1000);
    feed_rig_push(&rig, "DEF", 1050); /* no tick came in between */
    gw_feed_tick(rig.feed, 1100);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"ABC\",\"raw\":\"ABC\"}\n"
                          "{\"kind\":\"scan\",\"code\":\"DEF\",\"raw\":\"DEF\"}\n");
    feed_rig_close(&rig);
}

static void a_pause_shorter_than_the_gap_does_not_cut_a_code(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-idle");
    feed_rig_push(&rig, "AB", 1000);
    feed_rig_push(&rig, "C", 1049);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 1099);
    gw_feed_tick(rig.feed, 1099);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"ABC\",\"raw\":\"ABC\"}\n");
    feed_rig_close(&rig);
}

static void a_lost_terminator_is_remarked(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "keyboard-us");
    feed_rig_push(&rig, "ABC", 0);
    gw_feed_tick(rig.feed, 500);
    feed_rig_push(&rig, "DEF\r", 600);
    feed_rig_expect(&rig,
                    "{\"kind\":\"scan\",\"code\":\"ABC\",\"remarks\":[\"unterminated\"],"
                    "\"raw\":\"ABC\"}\n{\"kind\":\"scan\",\"code\":\"DEF\",\"raw\":\"DEF\"}\n");
    feed_rig_close(&rig);
}

static void half_a_code_is_no_scan_when_the_line_ends(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr");
    feed_rig_push(&rig, "40063", 0);
    gw_feed_end(rig.feed, 10);
    feed_rig_expect(&rig, "{\"kind\":\"undecodable\",\"reason\":\"the line ended in the middle "
                          "of a frame\",\"raw\":\"40063\"}\n");
    feed_rig_push(&rig, "81333931\r", 20);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"81333931\",\"raw\":\"81333931\"}\n");
    feed_rig_close(&rig);
}

static void where_silence_ends_nothing_a_code_waits_for_its_terminator(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCANNER("\"framing\":{\"mode\":\"cr\"}"));
    feed_rig_push(&rig, "40063", 0);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), INT64_MAX);
    gw_feed_tick(rig.feed, 3600000);
    feed_rig_push(&rig, "81333931\r", 3600000);
    assert_int_equal(feed_rig_count(&rig, "\"raw\":\"4006381333931\""), 1);
    feed_rig_close(&rig);
}

/* "whole" with its terminator lost, then "next": the terminators of each profile. */
static const struct {
    const char *profile, *start, *end;
} line_scanners[] = {
    {"scanner-cr", "", "\r"},
    {"scanner-lf", "", "\n"},
    {"scanner-crlf", "", "\r\n"},
    {"scanner-tab", "", "\t"},
    {"scanner-line", "", "\r"},
    {"scanner-gs-substitute", "", "\n"},
    {"scanner-gs1-no-aim", "", "\r\n"},
    {"scanner-multi-code", "", "\r\n"},
    {"scanner-prefix-suffix", "", "\r"},
    {"scanner-stx-etx", "\x02", "\x03"},
    {"scanner-aim", "\x02", "\x03"},
    {"keyboard-us", "", "\r"},
    {"keyboard-gb", "", "\r"},
    {"keyboard-de", "", "\r"},
    {"keyboard-fr", "", "\r"},
};

static void no_scanner_glues_two_codes_when_a_terminator_is_lost(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof line_scanners / sizeof line_scanners[0]; i++) {
        struct feed_rig rig;
        char text[32];
        feed_rig_open(&rig, line_scanners[i].profile);
        (void) snprintf(text, sizeof text, "%s40063813", line_scanners[i].start);
        feed_rig_push(&rig, text, 1000);
        assert_int_equal(gw_feed_next_mono_ms(rig.feed), 1500);
        gw_feed_tick(rig.feed, 1500);
        bool is_framed = line_scanners[i].start[0] != '\0';
        assert_int_equal(rig.taken, 1);
        assert_int_equal(feed_rig_count(&rig, "\"unterminated\""), is_framed ? 0 : 1);
        assert_int_equal(feed_rig_count(&rig, "\"kind\":\"undecodable\""), is_framed ? 1 : 0);
        (void) snprintf(text, sizeof text, "%sNEXT%s", line_scanners[i].start,
                        line_scanners[i].end);
        feed_rig_push(&rig, text, 2000);
        assert_int_equal(feed_rig_count(&rig, "\"raw\":\"NEXT\""), 1);
        assert_int_equal(rig.taken, 2);
        feed_rig_close(&rig);
    }
}

static void silence_while_nobody_reads_ends_no_code(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr");
    feed_rig_push(&rig, "40063", 1000);
    gw_feed_hold(rig.feed, true, 1000);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), INT64_MAX);
    gw_feed_tick(rig.feed, 60000);
    gw_feed_hold(rig.feed, false, 60000);
    gw_feed_tick(rig.feed, 60001);
    feed_rig_push(&rig, "81333931\r", 60400);
    feed_rig_expect(
        &rig, "{\"kind\":\"scan\",\"code\":\"4006381333931\",\"raw\":\"4006381333931\"}\n");
    feed_rig_push(&rig, "A", 61000);
    gw_feed_hold(rig.feed, true, 61000);
    gw_feed_hold(rig.feed, false, 62000);
    gw_feed_tick(rig.feed, 62500); /* it was the device's silence after all */
    assert_int_equal(feed_rig_count(&rig, "\"unterminated\""), 1);
    feed_rig_close(&rig);
}

static void silence_that_nobody_could_hear_ends_no_code(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr");
    feed_rig_push(&rig, "40063", 1000);
    feed_rig_push(&rig, "81333931\r", 1751); /* the loop hung for longer than the gap */
    assert_int_equal(feed_rig_count(&rig, "\"raw\":\"4006381333931\""), 1);
    feed_rig_push(&rig, "40063", 3000);
    gw_feed_tick(rig.feed, 9000);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 9500);
    feed_rig_push(&rig, "81333931\r", 9001);
    assert_int_equal(feed_rig_count(&rig, "\"raw\":\"4006381333931\""), 2);
    feed_rig_push(&rig, "40063", 10000);
    feed_rig_push(&rig, "81333931\r", 10750); /* a little late is late, no more */
    assert_int_equal(feed_rig_count(&rig, "\"raw\":\"40063\""), 1);
    feed_rig_close(&rig);
}

static void repeats_are_counted_within_a_sliding_window_and_never_swallowed(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr"); /* 500 ms */
    feed_rig_push(&rig, "A\r", 0);
    feed_rig_push(&rig, "A\r", 400);
    feed_rig_push(&rig, "A\r", 899);
    feed_rig_push(&rig, "A\r", 1399); /* 500 after the last: a new reading */
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"A\",\"raw\":\"A\"}\n"
                          "{\"kind\":\"scan\",\"code\":\"A\",\"repeat\":1,"
                          "\"remarks\":[\"repeated\"],\"raw\":\"A\"}\n"
                          "{\"kind\":\"scan\",\"code\":\"A\",\"repeat\":2,"
                          "\"remarks\":[\"repeated\"],\"raw\":\"A\"}\n"
                          "{\"kind\":\"scan\",\"code\":\"A\",\"raw\":\"A\"}\n");
    feed_rig_close(&rig);
}

static void repeats_are_seen_among_the_codes_of_a_pallet(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr");
    for (unsigned i = 0; i < 16; i++) {
        char code[8];
        (void) snprintf(code, sizeof code, "C%u\r", i);
        feed_rig_push(&rig, code, i);
    }
    assert_int_equal(feed_rig_count(&rig, "repeat"), 0);
    feed_rig_push(&rig, "C0\rC15\r", 20);
    assert_int_equal(feed_rig_count(&rig, "\"repeat\":1"), 2);
    feed_rig_push(&rig, "new\rC1\r", 21); /* the oldest made room for the new one */
    assert_int_equal(feed_rig_count(&rig, "repeat"), 2);
    feed_rig_close(&rig);
}

static void a_reopened_line_knows_no_repeats(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-cr");
    feed_rig_push(&rig, "A\r", 0);
    gw_feed_end(rig.feed, 1);
    feed_rig_push(&rig, "A\r", 2);
    assert_int_equal(feed_rig_count(&rig, "repeat"), 0);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void a_frame_of_the_full_length_is_taken_and_one_byte_more_is_not(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCANNER("\"framing\":{\"mode\":\"crlf\",\"max_bytes\":16}"));
    feed_rig_push(&rig, "0123456789abcdef\r\n", 0);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"0123456789abcdef\",\"raw\":"
                          "\"0123456789abcdef\"}\n");
    feed_rig_push(&rig, "0123456789abcdefg\r\nnext\r\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"droppedbytes\":1,"), 1);
    assert_int_equal(feed_rig_count(&rig, "\"code\":\"next\""), 1);
    feed_rig_close(&rig);
}

static void a_line_feed_behind_an_empty_line_belongs_to_the_next_code(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-crlf");
    feed_rig_push(&rig, "\r\n\nA\r\n", 0);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"\\nA\",\"raw\":\"\\nA\"}\n");
    feed_rig_close(&rig);
}

static void a_babbling_device_is_one_condition_and_one_refusal(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCANNER("\"framing\":{\"mode\":\"cr\",\"max_bytes\":16}"));
    for (unsigned i = 0; i < 1000; i++) {
        feed_rig_push(&rig, "babble ", i);
    }
    assert_int_equal(rig.taken, 1);
    feed_rig_push(&rig, "\rgood\r", 1000);
    feed_rig_expect(
        &rig, "{\"kind\":\"condition\",\"condition\":\"babbling\",\"detail\":\"more bytes than "
              "framing.max_bytes without an end of frame\"}\n"
              "{\"kind\":\"undecodable\",\"reason\":\"longer than framing.max_bytes\","
              "\"droppedbytes\":6984,\"raw\":\"babble babble ba\"}\n"
              "{\"kind\":\"scan\",\"code\":\"good\",\"raw\":\"good\"}\n");
    feed_rig_close(&rig);
}

static void a_message_is_one_frame_whatever_it_holds(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "scanner-line");
    gw_feed_push_frame(rig.feed, gw_bytes_from_str(GW_STR("two\nlines\r\n")), 0);
    gw_feed_push_frame(rig.feed, gw_bytes_from_str(GW_STR("bare")), 0);
    feed_rig_expect(&rig,
                    "{\"kind\":\"scan\",\"code\":\"two\\nlines\",\"raw\":\"two\\nlines\"}\n"
                    "{\"kind\":\"scan\",\"code\":\"bare\",\"raw\":\"bare\"}\n");
    feed_rig_close(&rig);
    feed_rig_open(&rig, "proglove-mqtt");
    gw_feed_push_frame(rig.feed,
                       gw_bytes_from_str(GW_STR("{\n  \"event_type\": \"scan\",\n  "
                                                "\"scan_code\": \"A\"\n}\n")),
                       0);
    feed_rig_expect(&rig, "{\"kind\":\"scan\",\"code\":\"A\",\"raw\":\"A\"}\n");
    feed_rig_close(&rig);
}

static void a_message_of_a_scale_needs_no_end_mark(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics-print");
    gw_feed_push_frame(rig.feed, gw_bytes_from_str(GW_STR("S S     1.5 kg")), 0);
    gw_feed_push_frame(rig.feed, gw_bytes_from_str(GW_STR("S S     2.5 kg\r\n")), 0);
    assert_int_equal(feed_rig_count(&rig, "\"state\":\"stable\""), 2);
    feed_rig_close(&rig);
}

/* ---- polling ---- */

static bool is_request_due(struct feed_rig *rig, int64_t now_mono_ms) {
    struct gw_bytes request;
    if (!gw_feed_request(rig->feed, now_mono_ms, &request)) {
        return false;
    }
    assert_memory_equal(request.ptr, "SI\r\n", 4);
    assert_int_equal(request.len, 4);
    return true;
}

static void a_scale_is_asked_again_after_its_answer_and_the_period(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics"); /* period 200, time-out 1000 */
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 0);
    assert_true(is_request_due(&rig, 0));
    assert_false(is_request_due(&rig, 500)); /* no answer yet */
    feed_rig_push(&rig, "S S 1.0 kg\r\n", 50);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 200);
    assert_false(is_request_due(&rig, 199));
    assert_true(is_request_due(&rig, 200));
    feed_rig_push(&rig, "S S 1.0 kg\r\n", 900); /* slow, but in time */
    assert_true(is_request_due(&rig, 900));
    feed_rig_close(&rig);
}

static void without_an_answer_the_next_request_waits_for_the_time_out(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    assert_true(is_request_due(&rig, 0));
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 1000);
    assert_false(is_request_due(&rig, 999));
    assert_true(is_request_due(&rig, 1000));
    feed_rig_close(&rig);
}

static const char load[] = "S S 5.0 kg\r\n", empty[] = "S S 0.0 kg\r\n";

static void answer(struct feed_rig *rig, const char *text, int64_t now_mono_ms) {
    assert_true(is_request_due(rig, now_mono_ms));
    feed_rig_push(rig, text, now_mono_ms + 50);
}

static void an_answer_behind_its_time_has_no_number_and_the_next_one_has(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics"); /* period 200, time-out 1000 */
    answer(&rig, empty, 0);
    assert_true(is_request_due(&rig, 200));
    assert_true(is_request_due(&rig, 1200));
    feed_rig_push(&rig, load, 1201); /* of the request at 200 */
    assert_int_equal(feed_rig_count(&rig, "\"value\""), 0);
    assert_int_equal(feed_rig_count(&rig, "\"state\":\"dynamic\""), 1);
    assert_int_equal(feed_rig_count(&rig, "\"remarks\":[\"late\"]"), 1);
    assert_false(is_request_due(&rig, 1400)); /* the one at 1200 has none yet */
    feed_rig_push(&rig, load, 1450);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.0\""), 1);
    assert_int_equal(rig.taken, 2);
    answer(&rig, load, 1450);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void answers_of_a_minute_ago_that_come_at_once_have_no_numbers(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    answer(&rig, empty, 0);
    for (int64_t now = 1000; now <= 60000; now += 1000) {
        assert_true(is_request_due(&rig, now));
    }
    for (unsigned i = 0; i < 59; i++) { /* an adapter had kept them */
        feed_rig_push(&rig, i % 2 == 0 ? load : empty, 60010);
    }
    assert_int_equal(feed_rig_count(&rig, "\"value\""), 0);
    assert_int_equal(feed_rig_count(&rig, "\"late\""), 30);
    feed_rig_push(&rig, empty, 60020);
    answer(&rig, load, 60200);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.0\""), 1);
    feed_rig_close(&rig);
}

/* The request, or its answer, was lost: who is asked again is believed one silence later. */
static void a_lost_request_costs_one_reading_and_a_silence(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    answer(&rig, empty, 0);
    assert_true(is_request_due(&rig, 200));
    answer(&rig, load, 1200); /* of which of the two? */
    assert_int_equal(feed_rig_count(&rig, "\"value\""), 0);
    assert_int_equal(gw_feed_next_mono_ms(rig.feed), 3250);
    assert_false(is_request_due(&rig, 3249));
    answer(&rig, load, 3250);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.0\""), 1);
    answer(&rig, empty, 3450);
    answer(&rig, load, 3650);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.0\""), 2);
    feed_rig_close(&rig);
}

static void a_scale_that_always_takes_too_long_has_no_numbers(void **state) {
    (void) state;
    for (int64_t takes_ms = 1010; takes_ms < 2000; takes_ms += 70) {
        struct feed_rig rig;
        feed_rig_open(&rig, "mt-sics");
        answer(&rig, empty, 0);
        int64_t answers[100];
        size_t asked = 0, answered = 0;
        for (int64_t now = 200; now < 60000; now += 10) {
            if (answered < asked && answers[answered] == now) {
                feed_rig_push(&rig, load, now);
                answered++;
            }
            if (is_request_due(&rig, now)) {
                answers[asked++] = now + takes_ms;
            }
        }
        assert_true(answered > 20);
        assert_int_equal(feed_rig_count(&rig, "\"value\""), 0);
        assert_int_equal(feed_rig_count(&rig, "\"late\""), 1);
        feed_rig_close(&rig);
    }
}

static void
what_waited_has_no_number_and_the_same_load_has_one_when_it_is_read_in_time(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\","
                             "\"decode\":\"mt_sics\",\"sources\":[\"t\"],"
                             "\"weight\":{\"report\":\"cycle\"}}");
    feed_rig_push(&rig, empty, 0);
    gw_feed_set_late(rig.feed, true);
    feed_rig_push(&rig, "S S 3.0 kg\r\nS S 3.0 kg\r\nS S 0.0 kg\r\nS S 5.0 kg\r\n", 9000);
    assert_int_equal(feed_rig_count(&rig, "\"late\""), 2);
    assert_int_equal(feed_rig_count(&rig, "\"raw\":\"S S 3.0 kg\""), 1);
    assert_int_equal(feed_rig_count(&rig, "\"value\""), 0);
    gw_feed_set_late(rig.feed, false);
    feed_rig_push(&rig, load, 9100);
    feed_rig_push(&rig, load, 9200);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"5.0\""), 1);
    assert_int_equal(rig.taken, 3);
    feed_rig_close(&rig);
}

static void a_reading_that_says_its_own_time_is_never_late(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\","
                             "\"decode\":\"json\",\"sources\":[\"t\"],"
                             "\"weight\":{\"report\":\"all\"},\"json\":{\"weight\":\"/w\","
                             "\"unit\":\"/u\",\"time\":\"/t\"}}");
    gw_feed_set_late(rig.feed, true);
    feed_rig_push(&rig, "{\"w\":1.5,\"u\":\"kg\"}\n", 0);
    feed_rig_push(&rig, "{\"w\":1.5,\"u\":\"kg\",\"t\":\"2026-11-23T07:14:00Z\"}\n", 0);
    assert_int_equal(feed_rig_count(&rig, "\"late\""), 1);
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"1.5\""), 1);
    feed_rig_close(&rig);
}

static void who_is_held_back_is_not_silent(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics"); /* silent after 5000 */
    answer(&rig, empty, 0);
    gw_feed_hold(rig.feed, true, 100);
    gw_feed_hold(rig.feed, false, 60100);
    gw_feed_tick(rig.feed, 60200);
    assert_int_equal(feed_rig_count(&rig, "silent"), 0);
    gw_feed_tick(rig.feed, 65050);
    assert_int_equal(feed_rig_count(&rig, "silent"), 1);
    feed_rig_close(&rig);
}

static void a_device_without_frames_is_told_silent_once_and_answering_once(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics"); /* silent after 5000 */
    for (int64_t now = 0; now <= 20000; now += 500) {
        gw_feed_tick(rig.feed, now);
        (void) is_request_due(&rig, now);
    }
    assert_int_equal(feed_rig_count(&rig, "silent"), 1);
    feed_rig_push(&rig, "S D 1.0 kg\r\n", 20100);
    feed_rig_push(&rig, "S D 1.1 kg\r\n", 20200);
    assert_int_equal(feed_rig_count(&rig, "answering"), 1);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void half_an_answer_is_refused_after_the_gap(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics"); /* gap 500 */
    feed_rig_push(&rig, "S S     1", 0);
    feed_rig_push(&rig, "00.00 g\r\n", 600);
    feed_rig_expect(
        &rig, "{\"kind\":\"undecodable\",\"reason\":\"the device stopped in the middle of "
              "a frame\",\"raw\":\"S S     1\"}\n"
              "{\"kind\":\"undecodable\",\"reason\":\"not an answer of MT-SICS\",\"raw\":"
              "\"00.00 g\"}\n");
    feed_rig_close(&rig);
}

static void a_feed_without_a_sink_is_refused(void **state) {
    (void) state;
    const struct gw_profile text = {.decode = GW_DECODE_TEXT};
    const struct gw_feed_options options = {.profile = &text};
    struct gw_feed *feed = NULL;
    assert_int_equal(gw_feed_open(&options, &feed), GW_ERR_INVALID);
    assert_null(feed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_gap_ends_a_code_at_the_tick),
        cmocka_unit_test(a_late_tick_does_not_join_two_codes),
        cmocka_unit_test(a_pause_shorter_than_the_gap_does_not_cut_a_code),
        cmocka_unit_test(a_lost_terminator_is_remarked),
        cmocka_unit_test(half_a_code_is_no_scan_when_the_line_ends),
        cmocka_unit_test(where_silence_ends_nothing_a_code_waits_for_its_terminator),
        cmocka_unit_test(no_scanner_glues_two_codes_when_a_terminator_is_lost),
        cmocka_unit_test(silence_while_nobody_reads_ends_no_code),
        cmocka_unit_test(silence_that_nobody_could_hear_ends_no_code),
        cmocka_unit_test(repeats_are_counted_within_a_sliding_window_and_never_swallowed),
        cmocka_unit_test(repeats_are_seen_among_the_codes_of_a_pallet),
        cmocka_unit_test(a_reopened_line_knows_no_repeats),
        cmocka_unit_test(a_frame_of_the_full_length_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test(a_line_feed_behind_an_empty_line_belongs_to_the_next_code),
        cmocka_unit_test(a_babbling_device_is_one_condition_and_one_refusal),
        cmocka_unit_test(a_message_is_one_frame_whatever_it_holds),
        cmocka_unit_test(a_message_of_a_scale_needs_no_end_mark),
        cmocka_unit_test(a_scale_is_asked_again_after_its_answer_and_the_period),
        cmocka_unit_test(without_an_answer_the_next_request_waits_for_the_time_out),
        cmocka_unit_test(an_answer_behind_its_time_has_no_number_and_the_next_one_has),
        cmocka_unit_test(answers_of_a_minute_ago_that_come_at_once_have_no_numbers),
        cmocka_unit_test(a_lost_request_costs_one_reading_and_a_silence),
        cmocka_unit_test(a_scale_that_always_takes_too_long_has_no_numbers),
        cmocka_unit_test(
            what_waited_has_no_number_and_the_same_load_has_one_when_it_is_read_in_time),
        cmocka_unit_test(a_reading_that_says_its_own_time_is_never_late),
        cmocka_unit_test(who_is_held_back_is_not_silent),
        cmocka_unit_test(a_device_without_frames_is_told_silent_once_and_answering_once),
        cmocka_unit_test(half_an_answer_is_refused_after_the_gap),
        cmocka_unit_test(a_feed_without_a_sink_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
