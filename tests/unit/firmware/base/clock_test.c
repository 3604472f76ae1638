/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "firmware/base/clock.h"
#include "tests/fakes/fake_clock.h"

static void the_system_clock_reads_the_machine(void **state) {
    (void) state;
    struct gw_clock clock = gw_clock_system();
    int64_t before = (int64_t) time(NULL) * 1000;
    int64_t wall = gw_clock_wall_ms(&clock);
    int64_t after = ((int64_t) time(NULL) + 1) * 1000;
    assert_true(wall >= before - 1000 && wall <= after);
    int64_t first = gw_clock_mono_ms(&clock);
    int64_t second = gw_clock_mono_ms(&clock);
    assert_true(first > 0 && second >= first);
    enum gw_clock_quality quality = clock.quality(clock.self);
    assert_true(quality == GW_CLOCK_SYNCHRONISED || quality == GW_CLOCK_UNSYNCHRONISED);
}

static void the_fake_moves_only_when_told(void **state) {
    (void) state;
    struct gw_fake_clock fake;
    struct gw_clock clock = gw_fake_clock_init(&fake);
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS);
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS);
    assert_true(gw_clock_wall_ms(&clock) == GW_FAKE_CLOCK_WALL_MS);
    assert_int_equal(clock.quality(clock.self), GW_CLOCK_SYNCHRONISED);
    gw_fake_clock_advance(&fake, 250);
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS + 250);
    assert_true(gw_clock_wall_ms(&clock) == GW_FAKE_CLOCK_WALL_MS + 250);
    fake.wall_ms -= 5000;
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS + 250);
    assert_true(gw_clock_wall_ms(&clock) == GW_FAKE_CLOCK_WALL_MS - 4750);
    fake.quality = GW_CLOCK_UNSYNCHRONISED;
    assert_int_equal(clock.quality(clock.self), GW_CLOCK_UNSYNCHRONISED);
}

static void the_fake_steps_by_itself_if_wanted(void **state) {
    (void) state;
    struct gw_fake_clock fake;
    struct gw_clock clock = gw_fake_clock_init(&fake);
    fake.step_ms = 10;
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS);
    assert_true(gw_clock_mono_ms(&clock) == GW_FAKE_CLOCK_MONO_MS + 10);
    assert_true(gw_clock_wall_ms(&clock) == GW_FAKE_CLOCK_WALL_MS + 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_reads_the_machine),
        cmocka_unit_test(the_fake_moves_only_when_told),
        cmocka_unit_test(the_fake_steps_by_itself_if_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
