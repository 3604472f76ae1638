/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/verdict.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum gw_sink_action action_of(unsigned status, enum gw_answer_content content,
                                     bool echoes, enum gw_answer_results results) {
    struct gw_answer answer = {.http_status = status,
                               .content = content,
                               .echoes = echoes,
                               .results = results,
                               .ack_mode = GW_ACK_CONTRACT};
    return gw_verdict_action(&answer);
}

static void only_the_echo_or_a_full_list_is_an_acknowledgement(void **state) {
    (void) state;
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, true, GW_RESULTS_NONE),
                     GW_ACTION_ACCEPT);
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, true, GW_RESULTS_SOME),
                     GW_ACTION_PER_EVENT);
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, true, GW_RESULTS_ALL),
                     GW_ACTION_PER_EVENT);
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, false, GW_RESULTS_ALL),
                     GW_ACTION_PER_EVENT);
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, false, GW_RESULTS_SOME),
                     GW_ACTION_NO_ACK);
    assert_int_equal(action_of(200, GW_CONTENT_CONTRACT, false, GW_RESULTS_NONE),
                     GW_ACTION_NO_ACK);
    /* an echo that is not in the contract's JSON is somebody else's word */
    assert_int_equal(action_of(200, GW_CONTENT_OTHER, true, GW_RESULTS_ALL), GW_ACTION_NO_ACK);
    assert_int_equal(action_of(202, GW_CONTENT_CONTRACT, true, GW_RESULTS_NONE),
                     GW_ACTION_NO_ACK);
    assert_int_equal(action_of(204, GW_CONTENT_OTHER, false, GW_RESULTS_NONE),
                     GW_ACTION_NO_ACK);
    assert_int_equal(action_of(302, GW_CONTENT_OTHER, false, GW_RESULTS_NONE),
                     GW_ACTION_NO_ACK);
}

/* The whole space: nothing but the few combinations above may succeed. */
static void no_other_answer_ever_acknowledges(void **state) {
    (void) state;
    unsigned successes = 0;
    for (unsigned status = 0; status < 700; status++) {
        for (unsigned bits = 0; bits < 3 * 3 * 2 * 2; bits++) {
            struct gw_answer answer = {.http_status = status,
                                       .content = (enum gw_answer_content)(bits % 3),
                                       .results = (enum gw_answer_results)(bits / 3 % 3),
                                       .echoes = bits / 9 % 2,
                                       .already_stored = bits / 18,
                                       .ack_mode = GW_ACK_CONTRACT};
            enum gw_sink_action action = gw_verdict_action(&answer);
            bool success = action == GW_ACTION_ACCEPT || action == GW_ACTION_PER_EVENT
                           || action == GW_ACTION_ALREADY_STORED;
            successes += success;
            if (success) {
                assert_true(answer.content == GW_CONTENT_CONTRACT
                            || (status == 409 && answer.content == GW_CONTENT_PROBLEM));
                assert_true(answer.echoes || answer.results == GW_RESULTS_ALL);
                assert_true(status == 200 || (status == 409 && answer.already_stored));
            }
            if (action == GW_ACTION_BISECT) {
                assert_int_equal(answer.content, GW_CONTENT_PROBLEM);
            }
        }
    }
    /* 200: echo x 3 results x stored, no echo x all x stored; 409: 2 contents x
     * 3 results */
    assert_int_equal(successes, 3 * 2 + 2 + 2 * 3);
}

static void a_bare_2xx_counts_only_where_the_sink_is_configured_so(void **state) {
    (void) state;
    for (unsigned status = 200; status < 300; status++) {
        struct gw_answer answer = {.http_status = status, .ack_mode = GW_ACK_STATUS};
        assert_int_equal(gw_verdict_action(&answer), GW_ACTION_ACCEPT);
        answer.ack_mode = GW_ACK_CONTRACT;
        assert_int_equal(gw_verdict_action(&answer), GW_ACTION_NO_ACK);
    }
    struct gw_answer redirect = {.http_status = 301, .ack_mode = GW_ACK_STATUS};
    assert_int_equal(gw_verdict_action(&redirect), GW_ACTION_NO_ACK);
}

static void conflict_status_is_success_only_with_code_and_echo(void **state) {
    (void) state;
    struct gw_answer answer = {.http_status = 409,
                               .content = GW_CONTENT_CONTRACT,
                               .echoes = true,
                               .already_stored = true};
    assert_int_equal(gw_verdict_action(&answer), GW_ACTION_ALREADY_STORED);
    answer.echoes = false;
    assert_int_equal(gw_verdict_action(&answer), GW_ACTION_RETRY);
    answer.echoes = true;
    answer.already_stored = false;
    assert_int_equal(gw_verdict_action(&answer), GW_ACTION_RETRY);
    answer.already_stored = true;
    answer.content = GW_CONTENT_PROBLEM;
    assert_int_equal(gw_verdict_action(&answer), GW_ACTION_ALREADY_STORED);
    answer.content = GW_CONTENT_OTHER;
    assert_int_equal(gw_verdict_action(&answer), GW_ACTION_RETRY);
}

static void refusals_bisect_only_with_our_problem_document(void **state) {
    (void) state;
    assert_int_equal(action_of(400, GW_CONTENT_PROBLEM, false, 0), GW_ACTION_BISECT);
    assert_int_equal(action_of(422, GW_CONTENT_PROBLEM, false, 0), GW_ACTION_BISECT);
    assert_int_equal(action_of(400, GW_CONTENT_OTHER, false, 0), GW_ACTION_CONFIG_FAULT);
    assert_int_equal(action_of(400, GW_CONTENT_CONTRACT, true, 0), GW_ACTION_CONFIG_FAULT);
    assert_int_equal(action_of(422, GW_CONTENT_OTHER, false, 0), GW_ACTION_CONFIG_FAULT);
}

static void the_other_statuses_follow_the_table_whatever_the_body(void **state) {
    (void) state;
    const struct {
        unsigned status;
        enum gw_sink_action action;
    } cases[] = {
        {0, GW_ACTION_RETRY},          {100, GW_ACTION_RETRY},
        {401, GW_ACTION_STOP_SINK},    {403, GW_ACTION_STOP_SINK},
        {404, GW_ACTION_STOP_SINK},    {405, GW_ACTION_STOP_SINK},
        {410, GW_ACTION_STOP_SINK},    {415, GW_ACTION_STOP_SINK},
        {413, GW_ACTION_HALVE_BATCH},  {408, GW_ACTION_RETRY},
        {425, GW_ACTION_RETRY},        {429, GW_ACTION_RETRY},
        {500, GW_ACTION_RETRY},        {502, GW_ACTION_RETRY},
        {503, GW_ACTION_RETRY},        {504, GW_ACTION_RETRY},
        {599, GW_ACTION_RETRY},        {402, GW_ACTION_CONFIG_FAULT},
        {406, GW_ACTION_CONFIG_FAULT}, {407, GW_ACTION_CONFIG_FAULT},
        {431, GW_ACTION_CONFIG_FAULT}, {999, GW_ACTION_RETRY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned content = 0; content < 3; content++) {
            assert_int_equal(action_of(cases[i].status, (enum gw_answer_content) content, true,
                                       GW_RESULTS_ALL),
                             cases[i].action);
        }
    }
}

static void actions_have_names_that_read_back(void **state) {
    (void) state;
    for (unsigned i = 0; i < GW_ACTION_COUNT; i++) {
        enum gw_sink_action action = GW_ACTION_COUNT;
        const char *name = gw_sink_action_name((enum gw_sink_action) i);
        assert_int_equal(gw_sink_action_parse(gw_str_from_cstr(name), &action), GW_OK);
        assert_int_equal(action, i);
    }
    enum gw_sink_action untouched = GW_ACTION_RETRY;
    assert_int_equal(gw_sink_action_parse(GW_STR("unknown"), &untouched), GW_ERR_NOENT);
    assert_int_equal(untouched, GW_ACTION_RETRY);
    assert_string_equal(gw_sink_action_name(GW_ACTION_COUNT), "unknown");
}

static void a_word_of_the_centre_decides_what_becomes_of_an_event(void **state) {
    (void) state;
    const struct {
        const char *word;
        bool success, advances, kept, issue;
    } cases[] = {
        {"accepted", true, true, false, false}, {"duplicate", true, true, false, false},
        {"conflict", false, true, true, true},  {"rejected", false, true, true, true},
        {"retry", false, false, false, false},
    };
    assert_int_equal(sizeof(cases) / sizeof(cases[0]), GW_DISPOSITION_COUNT);
    for (size_t i = 0; i < GW_DISPOSITION_COUNT; i++) {
        enum gw_disposition disposition;
        assert_int_equal(gw_disposition_parse(gw_str_from_cstr(cases[i].word), &disposition),
                         GW_OK);
        const struct gw_disposition_rules *rules = gw_disposition_find(disposition);
        assert_string_equal(rules->word, cases[i].word);
        assert_int_equal(rules->is_success, cases[i].success);
        assert_int_equal(rules->advances_cursor, cases[i].advances);
        assert_int_equal(rules->is_kept, cases[i].kept);
        assert_int_equal(rules->raises_issue, cases[i].issue);
        /* what is passed without success must be kept, or it is lost */
        assert_true(!rules->advances_cursor || rules->is_success || rules->is_kept);
    }
    enum gw_disposition untouched = GW_DISPOSITION_RETRY;
    assert_int_equal(gw_disposition_parse(GW_STR("ok"), &untouched), GW_ERR_NOENT);
    assert_int_equal(untouched, GW_DISPOSITION_RETRY);
}

static void only_passing_troubles_are_retried(void **state) {
    (void) state;
    const enum gw_err again[] = {GW_ERR_RETRY, GW_ERR_TIMEOUT, GW_ERR_NOCONN, GW_ERR_FULL,
                                 GW_ERR_BUSY};
    unsigned count = 0;
    for (unsigned i = 0; i < GW_ERR_COUNT_; i++) {
        count += gw_err_is_retryable((enum gw_err) i);
    }
    assert_int_equal(count, sizeof(again) / sizeof(again[0]));
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
        assert_true(gw_err_is_retryable(again[i]));
    }
    assert_false(gw_err_is_retryable((enum gw_err) 1000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_echo_or_a_full_list_is_an_acknowledgement),
        cmocka_unit_test(no_other_answer_ever_acknowledges),
        cmocka_unit_test(a_bare_2xx_counts_only_where_the_sink_is_configured_so),
        cmocka_unit_test(conflict_status_is_success_only_with_code_and_echo),
        cmocka_unit_test(refusals_bisect_only_with_our_problem_document),
        cmocka_unit_test(the_other_statuses_follow_the_table_whatever_the_body),
        cmocka_unit_test(actions_have_names_that_read_back),
        cmocka_unit_test(a_word_of_the_centre_decides_what_becomes_of_an_event),
        cmocka_unit_test(only_passing_troubles_are_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
