/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "firmware/queue/queue_internal.h"

static int16_t offset_at(struct queue_zone *zone, const char *text) {
    int64_t wall_ms = 0;
    assert_int_equal(gw_time_parse(gw_str_from_cstr(text), &wall_ms), GW_OK);
    return queue_zone_offset_min(zone, wall_ms);
}

static void summer_time_begins_and_ends_on_the_second(void **state) {
    (void) state;
    struct queue_zone zone = {0};
    queue_zone_set(&zone, GW_STR("Europe/Berlin"));
    assert_int_equal(offset_at(&zone, "2026-03-29T00:59:59.999Z"), 60);
    assert_int_equal(offset_at(&zone, "2026-03-29T01:00:00Z"), 120);
    assert_int_equal(offset_at(&zone, "2026-10-25T00:59:59Z"), 120);
    assert_int_equal(offset_at(&zone, "2026-10-25T01:00:00Z"), 60);
    /* Back again, although a later time was asked for in between. */
    assert_int_equal(offset_at(&zone, "2026-07-01T00:00:00Z"), 120);
    queue_zone_close(&zone);
}

static void unknown_and_unsafe_names_are_utc(void **state) {
    (void) state;
    static const char *const names[] = {
        "", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "Europe", "UTC"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct queue_zone zone = {0};
        queue_zone_set(&zone, gw_str_from_cstr(names[i]));
        assert_int_equal(offset_at(&zone, "2026-07-01T00:00:00Z"), 0);
        queue_zone_close(&zone);
    }
}

/* libc reads the same files; its zone belongs to the process, a test may set it. */
static void offsets_agree_with_libc_from_1970_to_2100(void **state) {
    (void) state;
    static const char *const names[] = {
        "Europe/Berlin", "America/New_York",  "Australia/Lord_Howe",
        "Asia/Kolkata",  "America/Sao_Paulo", "Pacific/Auckland",
        "Europe/Dublin", "Africa/Casablanca", "Asia/Tokyo"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void) setenv("TZ", names[i], 1);
        tzset();
        struct queue_zone zone = {0};
        queue_zone_set(&zone, gw_str_from_cstr(names[i]));
        assert_non_null(zone.file);
        for (time_t t = 0; t < INT64_C(4102444800); t += 86400 * 5 + 3571) {
            struct tm tm;
            assert_non_null(localtime_r(&t, &tm));
            int16_t got = queue_zone_offset_min(&zone, (int64_t) t * 1000);
            if (got != tm.tm_gmtoff / 60) {
                fail_msg("%s at %lld: %d instead of %ld", names[i], (long long) t, got,
                         tm.tm_gmtoff / 60);
            }
        }
        queue_zone_close(&zone);
    }
}

/* A file cut anywhere, or with any byte changed, gives some offset and no crash. */
static void damaged_zone_files_do_no_harm(void **state) {
    (void) state;
    struct queue_zone zone = {0};
    queue_zone_set(&zone, GW_STR("Europe/Berlin"));
    struct queue_zone whole = zone;
    for (size_t len = 0; len < whole.file_len; len++) {
        struct queue_zone cut = {.file = malloc(len + 1), .file_len = len};
        memcpy(cut.file, whole.file, len);
        (void) queue_zone_offset_min(&cut, 1795418040000);
        if (len > 0) {
            cut.until_wall_ms = 0;
            cut.file[len / 2] ^= 0xff;
            (void) queue_zone_offset_min(&cut, 4095418040000);
        }
        queue_zone_close(&cut);
    }
    for (size_t i = 0; i < whole.file_len; i++) {
        zone.file[i] ^= 0xa5;
        zone.until_wall_ms = zone.from_wall_ms = 0;
        (void) queue_zone_offset_min(&zone, 1795418040000);
        zone.until_wall_ms = zone.from_wall_ms = 0;
        (void) queue_zone_offset_min(&zone, 4095418040000);
        zone.file[i] ^= 0xa5;
    }
    queue_zone_close(&zone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summer_time_begins_and_ends_on_the_second),
        cmocka_unit_test(unknown_and_unsafe_names_are_utc),
        cmocka_unit_test(offsets_agree_with_libc_from_1970_to_2100),
        cmocka_unit_test(damaged_zone_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
