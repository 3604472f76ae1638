/* SPDX-License-Identifier: Apache-2.0 */
/* What a bus or a feed says, as a digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "tests/unit/firmware/config/config_fixture.h"

static void take(const char *old, const char *new, uint8_t digest[static 32]) {
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, old, new);
    assert_string_equal(attempt.error_storage, "");
    gw_config_bus_fingerprint(&attempt.config->buses[0], digest);
    attempt_done(&attempt);
}

#define BUS "{\"name\":\"u\",\"host\":\"127.0.0.1\","
#define POINTS "\"points\":[" SMALL_POINT "]}"

static void documents_that_say_the_same_of_a_bus_have_one_fingerprint(void **state) {
    (void) state;
    static const struct {
        const char *old, *new;
    } same[] = {
        {"\"size_mb\":64", "\"size_mb\":65"},
        {SMALL_BUS, BUS "\"port\":502," POINTS},
        {SMALL_BUS, BUS POINTS ",{\"name\":\"v\",\"host\":\"127.0.0.2\"," POINTS},
        {"\"area\":\"coil\",\"address\":0", "\"area\":\"coil\",\"address\":\"00001\""},
    };
    uint8_t first[32], other[32];
    take("\"size_mb\":64", "\"size_mb\":64", first);
    for (size_t i = 0; i < GW_ARRAY_LEN(same); i++) {
        take(same[i].old, same[i].new, other);
        assert_memory_equal(first, other, sizeof first);
    }
}

static void every_word_about_a_bus_makes_another_fingerprint(void **state) {
    (void) state;
    static const struct {
        const char *old, *new;
    } others[] = {
        {SMALL_BUS, BUS "\"port\":503," POINTS},
        {SMALL_BUS, BUS "\"max_registers\":124," POINTS},
        {"\"host\":\"127.0.0.1\",\"points\"", "\"host\":\"127.0.0.2\",\"points\""},
        {"\"address\":0", "\"address\":1"},
        {"\"name\":\"p\"", "\"name\":\"q\""},
        {"\"address\":0", "\"address\":0,\"period_ms\":999"},
        {SMALL_POINT, SMALL_POINT ",{\"name\":\"q\",\"area\":\"coil\",\"address\":0}"},
        {"\"area\":\"coil\"", "\"area\":\"discrete_input\""},
    };
    uint8_t first[32], other[32];
    take("\"size_mb\":64", "\"size_mb\":64", first);
    for (size_t i = 0; i < GW_ARRAY_LEN(others); i++) {
        take(others[i].old, others[i].new, other);
        assert_memory_not_equal(first, other, sizeof first);
    }
}

static void take_feed(const char *feeds, size_t index, uint8_t digest[static 32]) {
    struct attempt attempt;
    attempt_changed(&attempt, SMALL, "\"store\":", feeds);
    assert_string_equal(attempt.error_storage, "");
    gw_config_feed_fingerprint(&attempt.config->feeds[index], digest);
    attempt_done(&attempt);
}

#define LISTENS                                                                                \
    ",\"profile\":\"p\",\"transport\":\"tcp_server\",\"address\":\"127.0.0.1\",\"port\":"
#define FEEDS(first)                                                                           \
    "\"feeds\":[{\"id\":\"a\"" LISTENS first "},{\"id\":\"b\"" LISTENS "4002}],\"store\":"

static void a_feed_has_a_fingerprint_of_its_own(void **state) {
    (void) state;
    uint8_t a[32], b[32], other_a[32], other_b[32];
    take_feed(FEEDS("4001"), 0, a);
    take_feed(FEEDS("4001"), 1, b);
    take_feed(FEEDS("4003"), 0, other_a);
    take_feed(FEEDS("4003"), 1, other_b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, other_a, sizeof a);
    assert_memory_equal(b, other_b, sizeof b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_that_say_the_same_of_a_bus_have_one_fingerprint),
        cmocka_unit_test(every_word_about_a_bus_makes_another_fingerprint),
        cmocka_unit_test(a_feed_has_a_fingerprint_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
