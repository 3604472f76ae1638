/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of each golden answer (tests/contract/v1/answers) lead to the action
 * the contract names. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "firmware/json/json.h"
#include "firmware/policy/backoff.h"
#include "firmware/policy/verdict.h"

#define ANSWERS GW_SOURCE_DIR "/tests/contract/v1/answers"

static struct gw_str text_at(const struct gw_json *golden, const char *pointer) {
    struct gw_str text = {0};
    const struct gw_json *value = gw_json_pointer(golden, gw_str_from_cstr(pointer));
    if (value) {
        assert_int_equal(gw_json_get_str(value, &text), GW_OK);
    }
    return text;
}

static bool flag_at(const struct gw_json *golden, const char *pointer) {
    bool flag;
    assert_int_equal(
        gw_json_get_bool(gw_json_pointer(golden, gw_str_from_cstr(pointer)), &flag), GW_OK);
    return flag;
}

static unsigned word_at(const struct gw_json *golden, const char *pointer,
                        const char *const *words, unsigned count) {
    struct gw_str word = text_at(golden, pointer);
    for (unsigned i = 0; i < count; i++) {
        if (gw_str_eq(word, gw_str_from_cstr(words[i]))) {
            return i;
        }
    }
    fail_msg("%s: unknown word %.*s", pointer, GW_STR_ARG(word));
    return 0;
}

static struct gw_answer read_answer(const struct gw_json *golden) {
    static const char *const contents[] = {[GW_CONTENT_OTHER] = "other",
                                           [GW_CONTENT_CONTRACT] = "contract",
                                           [GW_CONTENT_PROBLEM] = "problem"};
    static const char *const results[] = {
        [GW_RESULTS_NONE] = "none", [GW_RESULTS_SOME] = "some", [GW_RESULTS_ALL] = "all"};
    static const char *const modes[] = {
        [GW_ACK_CONTRACT] = "contract", [GW_ACK_STATUS] = "status"};
    int64_t status;
    assert_int_equal(
        gw_json_get_i64(gw_json_pointer(golden, GW_STR("/answer/status")), &status), GW_OK);
    return (struct gw_answer){
        .http_status = (unsigned) status,
        .content = (enum gw_answer_content) word_at(golden, "/facts/content", contents, 3),
        .echoes = flag_at(golden, "/facts/echoes"),
        .results = (enum gw_answer_results) word_at(golden, "/facts/results", results, 3),
        .already_stored = flag_at(golden, "/facts/already_stored"),
        .ack_mode = (enum gw_ack_mode) word_at(golden, "/ack_mode", modes, 2),
    };
}

static void check_answer(const char *name, const struct gw_json *golden) {
    struct gw_answer answer = read_answer(golden);
    const char *found = gw_sink_action_name(gw_verdict_action(&answer));
    struct gw_str expected = text_at(golden, "/expected/action");
    if (!gw_str_eq(gw_str_from_cstr(found), expected)) {
        fail_msg("%s: found %s, expected %.*s", name, found, GW_STR_ARG(expected));
    }
    struct gw_str retry_after = text_at(golden, "/answer/headers/Retry-After");
    if (retry_after.len > 0) {
        uint64_t ms;
        int64_t expected_ms;
        assert_int_equal(gw_backoff_parse_retry_after(retry_after, 0, &ms), GW_OK);
        assert_int_equal(
            gw_json_get_i64(gw_json_pointer(golden, GW_STR("/expected/retry_after_ms")),
                            &expected_ms),
            GW_OK);
        assert_true(ms == (uint64_t) expected_ms);
    }
}

static void each_golden_answer_has_its_action(void **state) {
    (void) state;
    static const struct gw_json_limits limits = {
        .max_bytes = 1 << 20, .max_depth = 16, .flags = GW_JSON_OBJECT};
    struct dirent **entries = NULL;
    int found = scandir(ANSWERS, &entries, NULL, alphasort);
    unsigned seen[GW_ACTION_COUNT] = {0};
    struct gw_buf file;
    assert_true(found > 0);
    assert_int_equal(gw_buf_open(&file, 1 << 20), GW_OK);
    for (int i = 0; i < found; i++) {
        if (gw_str_ends_with(gw_str_from_cstr(entries[i]->d_name), GW_STR(".json"))) {
            char path[512];
            struct gw_json_doc *doc = NULL;
            snprintf(path, sizeof(path), "%s/%s", ANSWERS, entries[i]->d_name);
            gw_buf_clear(&file);
            assert_int_equal(gw_file_read(path, &file), GW_OK);
            assert_int_equal(gw_json_parse(gw_buf_str(&file), &limits, NULL, &doc), GW_OK);
            struct gw_answer answer = read_answer(gw_json_root(doc));
            check_answer(entries[i]->d_name, gw_json_root(doc));
            seen[gw_verdict_action(&answer)]++;
            gw_json_close(doc);
        }
        free(entries[i]);
    }
    free(entries);
    gw_buf_close(&file);
    for (unsigned i = 0; i < GW_ACTION_COUNT; i++) {
        assert_true(seen[i] > 0); /* no action without a golden answer */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_golden_answer_has_its_action)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
