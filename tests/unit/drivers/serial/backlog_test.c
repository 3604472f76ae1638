/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/serial/backlog.h"
#include "drivers/serial/pace.h"

static enum gw_err push(struct gw_backlog *backlog, const char *text, size_t raw_len) {
    static uint8_t raw[4096];
    memset(raw, text[0], sizeof raw);
    const struct gw_backlog_entry entry = {
        .is_event = true, .text = gw_str_from_cstr(text), .raw = {raw, raw_len}};
    return gw_backlog_push(backlog, &entry);
}

static void expect_next(struct gw_backlog *backlog, const char *text) {
    const struct gw_backlog_entry *entry = gw_backlog_next(backlog);
    assert_non_null(entry);
    assert_true(gw_str_eq(entry->text, gw_str_from_cstr(text)));
    for (size_t i = 0; i < entry->raw.len; i++) {
        assert_int_equal(entry->raw.ptr[i], text[0]);
    }
}

static void submit_next(struct gw_backlog *backlog, const char *text) {
    expect_next(backlog, text);
    gw_backlog_submitted(backlog);
}

static void entries_stay_until_their_commit(void **state) {
    (void) state;
    struct gw_backlog backlog;
    assert_int_equal(gw_backlog_open(&backlog, 4, 64), GW_OK);
    assert_int_equal(push(&backlog, "a", 3), GW_OK);
    assert_int_equal(push(&backlog, "b", 0), GW_OK);
    submit_next(&backlog, "a");
    submit_next(&backlog, "b");
    assert_null(gw_backlog_next(&backlog));
    assert_int_equal(gw_backlog_count(&backlog), 2);
    gw_backlog_completed(&backlog, GW_OK);
    gw_backlog_completed(&backlog, GW_OK);
    assert_int_equal(gw_backlog_count(&backlog), 0);
    gw_backlog_close(&backlog);
}

static void a_failed_group_is_handed_out_again_in_order(void **state) {
    (void) state;
    struct gw_backlog backlog;
    assert_int_equal(gw_backlog_open(&backlog, 4, 64), GW_OK);
    assert_int_equal(push(&backlog, "a", 1), GW_OK);
    assert_int_equal(push(&backlog, "b", 1), GW_OK);
    assert_int_equal(push(&backlog, "c", 1), GW_OK);
    submit_next(&backlog, "a");
    submit_next(&backlog, "b");
    gw_backlog_completed(&backlog, GW_ERR_IO);
    gw_backlog_completed(&backlog, GW_ERR_IO);
    submit_next(&backlog, "a");
    submit_next(&backlog, "b");
    submit_next(&backlog, "c");
    gw_backlog_close(&backlog);
}

/* The group of "a" fails inside the submit of "b", which begins the next one. */
static void a_group_may_fail_inside_a_submit(void **state) {
    (void) state;
    struct gw_backlog backlog;
    assert_int_equal(gw_backlog_open(&backlog, 4, 64), GW_OK);
    assert_int_equal(push(&backlog, "a", 5), GW_OK);
    assert_int_equal(push(&backlog, "b", 7), GW_OK);
    submit_next(&backlog, "a");
    expect_next(&backlog, "b");
    gw_backlog_completed(&backlog, GW_ERR_IO);
    gw_backlog_submitted(&backlog);
    submit_next(&backlog, "a");
    gw_backlog_completed(&backlog, GW_OK); /* b */
    assert_int_equal(gw_backlog_count(&backlog), 1);
    assert_int_equal(push(&backlog, "c", 9), GW_OK); /* not over the bytes of a */
    gw_backlog_completed(&backlog, GW_ERR_IO);
    submit_next(&backlog, "a");
    submit_next(&backlog, "c");
    gw_backlog_close(&backlog);
}

static void what_has_no_room_is_refused_and_nothing_is_harmed(void **state) {
    (void) state;
    struct gw_backlog backlog;
    assert_int_equal(gw_backlog_open(&backlog, 3, 32), GW_OK);
    assert_int_equal(push(&backlog, "x", 40), GW_ERR_FULL);
    assert_int_equal(push(&backlog, "a", 20), GW_OK);
    assert_int_equal(push(&backlog, "b", 20), GW_ERR_FULL);
    assert_int_equal(push(&backlog, "b", 5), GW_OK);
    assert_int_equal(push(&backlog, "c", 0), GW_OK);
    assert_int_equal(push(&backlog, "d", 0), GW_ERR_FULL);
    submit_next(&backlog, "a");
    submit_next(&backlog, "b");
    gw_backlog_drop(&backlog); /* c: nothing can be made of it */
    assert_int_equal(gw_backlog_count(&backlog), 2);
    gw_backlog_completed(&backlog, GW_OK);
    assert_int_equal(push(&backlog, "e", 15), GW_OK); /* where a was */
    submit_next(&backlog, "e");
    gw_backlog_close(&backlog);
}

/* The next one is taken, if there is one; the text it begins with goes to `text`. */
static bool submit_random(struct gw_backlog *backlog, char text[16]) {
    const struct gw_backlog_entry *entry = gw_backlog_next(backlog);
    if (!entry) {
        return false;
    }
    assert_int_equal(gw_str_copy(entry->text, text, 16), GW_OK);
    for (size_t i = 0; i < entry->raw.len; i++) {
        assert_int_equal(entry->raw.ptr[i], entry->text.ptr[0]);
    }
    gw_backlog_submitted(backlog);
    return true;
}

/* Random pushes, submits, commits and failures: in the end everything was committed
 * once, with its bytes as they were. */
static void nothing_is_lost_doubled_or_overwritten(void **state) {
    (void) state;
    unsigned seed = 7;
    struct gw_backlog backlog;
    assert_int_equal(gw_backlog_open(&backlog, 16, 600), GW_OK);
    unsigned pushed = 0, under_way = 0, told = 0;
    char texts[17][16]; /* at most 16 are under way */
    unsigned seen[2000] = {0};
    for (int step = 0; step < 20000; step++) {
        char text[16];
        (void) snprintf(text, sizeof text, "%c%05u", (char) ('a' + pushed % 26), pushed);
        switch (rand_r(&seed) % 4) {
        case 0:
        case 1:
            if (pushed < 2000 && !push(&backlog, text, (size_t) rand_r(&seed) % 60)) {
                pushed++;
            }
            break;
        case 2:
            under_way += submit_random(&backlog, texts[under_way]);
            break;
        default: {
            bool fails = rand_r(&seed) % 3 == 0;
            for (; told < under_way; told++) {
                gw_backlog_completed(&backlog, fails ? GW_ERR_IO : GW_OK);
                uint64_t number;
                struct gw_str digits = gw_str_sub(gw_str_from_cstr(texts[told]), 1, 5);
                assert_int_equal(gw_str_to_u64(digits, 1999, &number), GW_OK);
                seen[number] += !fails;
            }
            told = under_way = 0;
        }
        }
    }
    size_t left = gw_backlog_count(&backlog);
    for (unsigned i = 0; i < pushed - left; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_true(pushed == 2000 && left < 16);
    assert_int_equal(backlog.used == 0, left == 0);
    gw_backlog_close(&backlog);
}

static void a_pace_lets_a_seconds_worth_through_at_once_and_then_its_rate(void **state) {
    (void) state;
    struct gw_pace pace = {.per_second = 10};
    int64_t now = 5000;
    unsigned taken = 0;
    for (; !gw_pace_is_over(&pace, now); taken++) {
        gw_pace_take(&pace, 1, now);
    }
    assert_int_equal(taken, 10);
    assert_int_equal(gw_pace_ready_mono_ms(&pace), now + 500);
    for (int i = 0; i < 100; i++) {
        now += 50;
        if (!gw_pace_is_over(&pace, now)) {
            gw_pace_take(&pace, 1, now);
            taken++;
        }
    }
    assert_int_equal(taken, 60);
    struct gw_pace free = {0};
    gw_pace_take(&free, UINT64_MAX, now);
    assert_false(gw_pace_is_over(&free, now));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_stay_until_their_commit),
        cmocka_unit_test(a_failed_group_is_handed_out_again_in_order),
        cmocka_unit_test(a_group_may_fail_inside_a_submit),
        cmocka_unit_test(what_has_no_room_is_refused_and_nothing_is_harmed),
        cmocka_unit_test(nothing_is_lost_doubled_or_overwritten),
        cmocka_unit_test(a_pace_lets_a_seconds_worth_through_at_once_and_then_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
