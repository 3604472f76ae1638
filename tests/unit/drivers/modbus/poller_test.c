/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_bus.h"

#define POINTS_MAX 64

struct rig {
    struct gw_fake_bus bus;
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_config_point points[POINTS_MAX];
    size_t count;
    struct gw_modbus_holes holes; /* known beforehand */
    uint32_t max_gap, dead_share_percent;
    struct gw_handover *handover;
    struct gw_poller *poller;
};

static struct gw_config_point point_at(uint8_t unit_id, uint16_t address) {
    return (struct gw_config_point){.name = "p",
                                    .unit_id = unit_id,
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .address = address,
                                    .type = GW_POINT_UINT16,
                                    .bit = GW_POINT_ALL_BITS,
                                    .scale = "1",
                                    .offset = "0",
                                    .dead_band = "0",
                                    .period_ms = 100};
}

static void close_poller(struct rig *rig) {
    gw_poller_close(rig->poller);
    gw_handover_close(rig->handover);
    rig->poller = NULL;
    rig->handover = NULL;
}

/* With the points as they are now. */
static void open_poller(struct rig *rig) {
    close_poller(rig);
    struct gw_poller_options options = {
        .points = rig->points,
        .count = rig->count,
        .max_gap = rig->max_gap,
        .dead_share_percent = rig->dead_share_percent,
        .holes = &rig->holes,
        .transport = gw_fake_bus_transport(&rig->bus),
        .clock = &rig->clock,
    };
    uint8_t ids[256];
    size_t units = gw_modbus_list_units(rig->points, rig->count, ids);
    assert_int_equal(gw_handover_open(rig->count, units, 256, &rig->handover), GW_OK);
    options.handover = rig->handover;
    assert_int_equal(gw_poller_open(&options, &rig->poller), GW_OK);
}

/* Points: unit 1 at 0, 1 and 3 (one block), unit 2 at 0. */
static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake);
    rig->points[0] = point_at(1, 0);
    rig->points[1] = point_at(1, 1);
    rig->points[2] = point_at(1, 3);
    rig->points[3] = point_at(2, 0);
    rig->count = 4;
    rig->max_gap = 4;
    open_poller(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    close_poller(rig);
    free(rig);
    return 0;
}

/* From now on what happens on the bus takes time. */
static void let_time_count(struct rig *rig) {
    rig->bus.clock = &rig->fake;
    rig->bus.answer_ms = 2;
    rig->bus.timeout_ms = 1000;
}

/* Let the clock go from one step to the next, as the worker does. */
static void live_for(struct rig *rig, int64_t ms) {
    int64_t end_mono_ms = rig->fake.mono_ms + ms;
    while (rig->fake.mono_ms < end_mono_ms) {
        int64_t due_mono_ms = gw_poller_step(rig->poller);
        if (due_mono_ms > rig->fake.mono_ms) {
            int64_t sleep_ms = due_mono_ms - rig->fake.mono_ms;
            gw_fake_clock_advance(&rig->fake, sleep_ms > 1000 ? 1000 : sleep_ms);
        }
    }
}

/* Step until nothing is due any more. */
static void settle(struct rig *rig) {
    for (int i = 0; i < 5000; i++) {
        if (gw_poller_step(rig->poller) > rig->fake.mono_ms) {
            return;
        }
    }
    fail_msg("the poller is never done");
}

static void run_for(struct rig *rig, int64_t ms, int64_t step_ms) {
    for (int64_t passed = 0; passed < ms; passed += step_ms) {
        gw_fake_clock_advance(&rig->fake, step_ms);
        settle(rig);
    }
}

static unsigned take_all(struct rig *rig, struct gw_modbus_reading *last) {
    unsigned count = 0;
    while (gw_handover_take(rig->handover, last)) {
        count++;
    }
    return count;
}

static unsigned count_of(struct rig *rig) {
    struct gw_modbus_reading ignored;
    return take_all(rig, &ignored);
}

static bool unit_is_down(struct rig *rig, size_t unit) {
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, unit, &condition);
    return condition.is_down;
}

/* ---- tests ---- */

static void every_point_is_reported_once_and_then_by_change(void **state) {
    struct rig *rig = *state;
    settle(rig);
    assert_int_equal(rig->bus.reads, 2);
    assert_int_equal(count_of(rig), 4);
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads, 22);
    assert_int_equal(count_of(rig), 0);
    rig->bus.registers[1][3] = 77;
    run_for(rig, 100, 100);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 2);
    assert_true(last.value.good);
    assert_true(last.time_wall_ms == rig->fake.wall_ms);
}

static void a_late_poller_does_not_burst(void **state) {
    struct rig *rig = *state;
    settle(rig);
    unsigned before = rig->bus.reads;
    gw_fake_clock_advance(&rig->fake, 5000);
    settle(rig);
    assert_int_equal(rig->bus.reads, before + 2);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_int_equal(bus.overruns, 2);
}

static void an_illegal_address_splits_the_block_and_names_the_point(void **state) {
    struct rig *rig = *state;
    rig->bus.illegal[1] = true;
    settle(rig);
    struct gw_modbus_reading r;
    unsigned good = 0, bad = 0;
    while (gw_handover_take(rig->handover, &r)) {
        r.value.good ? good++ : bad++;
        assert_true(r.value.good == (r.point != 1));
    }
    assert_int_equal(good, 3);
    assert_int_equal(bad, 1);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 1), 2);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 0), 0);
    assert_false(unit_is_down(rig, 0));
}

static void a_hole_inside_a_gap_costs_no_point(void **state) {
    struct rig *rig = *state;
    rig->bus.illegal[2] = true;
    settle(rig);
    struct gw_modbus_reading r;
    while (gw_handover_take(rig->handover, &r)) {
        assert_true(r.value.good);
    }
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 1), 0);
}

static void a_refused_point_is_asked_once_a_minute(void **state) {
    struct rig *rig = *state;
    rig->bus.illegal[1] = true;
    settle(rig);
    unsigned before = rig->bus.reads;
    run_for(rig, 50000, 100);
    /* points 0, 2 and 3 each 500 times, point 1 never */
    assert_int_equal(rig->bus.reads - before, 1500);
    rig->bus.illegal[1] = false;
    (void) count_of(rig);
    run_for(rig, 11000, 100);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 1), 0);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 1);
    assert_true(last.value.good);
    /* It is no hole any more: all three are one block again. */
    struct gw_modbus_holes holes;
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 0);
    before = rig->bus.reads;
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads - before, 20);
}

static void an_illegal_function_is_not_hammered(void **state) {
    struct rig *rig = *state;
    rig->bus.exception[1] = 1;
    settle(rig);
    unsigned before = rig->bus.reads;
    run_for(rig, 10000, 100);
    assert_int_equal(rig->bus.reads - before, 100); /* unit 2 alone */
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 0), 1);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 2), 1);
}

static void a_time_out_closes_the_connection(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.is_silent[2] = true;
    unsigned connects = rig->bus.connects;
    run_for(rig, 100, 100);
    assert_int_equal(rig->bus.recovers, 1);
    assert_int_equal(rig->bus.connects, connects + 1);
    assert_false(unit_is_down(rig, 1));
}

static void a_dead_unit_goes_down_and_costs_the_others_nothing(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.is_silent[2] = true;
    run_for(rig, 200, 100);
    assert_true(unit_is_down(rig, 1));
    assert_false(unit_is_down(rig, 0));
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_false(last.value.good);
    unsigned healthy = rig->bus.reads_of[1], probes = rig->bus.reads_of[2];
    run_for(rig, 60000, 100);
    assert_in_range(rig->bus.reads_of[2] - probes, 2, 20);
    assert_int_equal(rig->bus.reads_of[1] - healthy, 600);
    /* Reopening for its sake reports nothing of the others again. */
    assert_int_equal(count_of(rig), 0);
}

static void a_unit_that_comes_back_reports_everything(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.is_silent[2] = true;
    run_for(rig, 1000, 100);
    rig->bus.is_silent[2] = false;
    (void) count_of(rig);
    run_for(rig, 40000, 100);
    assert_false(unit_is_down(rig, 1));
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_true(last.value.good);
}

static void a_busy_unit_is_left_alone_for_a_while_and_not_down_at_once(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.exception[2] = 6;
    unsigned before = rig->bus.reads_of[2];
    run_for(rig, 400, 100);
    assert_false(unit_is_down(rig, 1));
    run_for(rig, 40000, 100);
    assert_int_equal(rig->bus.recovers + rig->bus.disconnects, 0);
    assert_true(unit_is_down(rig, 1));
    assert_in_range(rig->bus.reads_of[2] - before, 5, 40);
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.exception, 6);
    rig->bus.exception[2] = 0;
    run_for(rig, 40000, 100);
    assert_false(unit_is_down(rig, 1));
}

static void a_moment_of_business_is_no_news(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.exception[2] = 5;
    run_for(rig, 200, 100);
    rig->bus.exception[2] = 0;
    run_for(rig, 3000, 100);
    assert_false(unit_is_down(rig, 1));
    assert_int_equal(count_of(rig), 0);
}

static void a_fault_of_the_device_is_its_points_alone(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.exception[2] = 4;
    unsigned before = rig->bus.reads_of[2], healthy = rig->bus.reads_of[1];
    run_for(rig, 60000, 100);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_false(last.value.good);
    assert_false(unit_is_down(rig, 1));
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.fault, 4);
    assert_int_equal(condition.fault_area, GW_AREA_HOLDING_REGISTER);
    assert_in_range(rig->bus.reads_of[2] - before, 2, 30);
    assert_int_equal(rig->bus.reads_of[1] - healthy, 600);
    rig->bus.exception[2] = 0;
    run_for(rig, 61000, 100);
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.fault, 0);
    assert_int_equal(take_all(rig, &last), 1);
    assert_true(last.value.good);
}

static void an_unreachable_bus_is_tried_with_growing_delay(void **state) {
    struct rig *rig = *state;
    rig->bus.refuses_connections = true;
    settle(rig);
    assert_int_equal(count_of(rig), 0);
    run_for(rig, 120000, 100);
    assert_in_range(rig->bus.connects, 5, 60);
    assert_true(unit_is_down(rig, 0));
    assert_true(unit_is_down(rig, 1));
    assert_int_equal(count_of(rig), 4);
    rig->bus.refuses_connections = false;
    run_for(rig, 40000, 100);
    assert_false(unit_is_down(rig, 0));
    assert_int_equal(count_of(rig), 4);
}

static void after_a_lost_connection_every_point_is_reported(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.closes_on_read = true;
    run_for(rig, 100, 100);
    rig->bus.closes_on_read = false;
    run_for(rig, 2000, 100);
    assert_int_equal(count_of(rig), 4);
}

static void a_resync_reports_everything_again(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    gw_handover_ask_resync(rig->handover);
    run_for(rig, 100, 100);
    assert_int_equal(count_of(rig), 4);
}

/* ---- what time tells ---- */

static unsigned count_good(struct rig *rig, size_t point) {
    struct gw_modbus_reading reading;
    unsigned count = 0;
    while (gw_handover_take(rig->handover, &reading)) {
        count += reading.point == point && reading.value.good;
    }
    return count;
}

static void a_unit_that_never_answered_is_down_after_one_time_out(void **state) {
    struct rig *rig = *state;
    rig->bus.is_silent[2] = true;
    settle(rig);
    assert_int_equal(rig->bus.reads_of[2], 1);
    assert_true(unit_is_down(rig, 1));
}

/* Ten minutes; a dead unit costs a second each time it is asked. */
static void dead_units_take_their_share_of_the_bus_and_no_more(void **state) {
    struct rig *rig = *state;
    for (uint8_t i = 0; i < 6; i++) {
        rig->points[i] = point_at((uint8_t) (10 + i), 0);
        rig->bus.is_silent[10 + i] = i > 0;
    }
    rig->count = 6;
    let_time_count(rig);
    open_poller(rig);
    live_for(rig, 10000);
    unsigned probes = 0;
    unsigned before[256];
    memcpy(before, rig->bus.reads_of, sizeof before);
    int64_t began_mono_ms = rig->fake.mono_ms;
    live_for(rig, 600000);
    for (unsigned i = 11; i < 16; i++) {
        unsigned of_unit = rig->bus.reads_of[i] - before[i];
        assert_in_range(of_unit, 4, 8); /* each has its turn */
        probes += of_unit;
    }
    int64_t passed_ms = rig->fake.mono_ms - began_mono_ms;
    assert_true(probes * 1000 <= passed_ms * 5 / 100 + 1000);
    assert_true(probes * 1000 >= passed_ms * 4 / 100);
    /* What is left is the living one's: one read each 100 ms. */
    unsigned healthy = rig->bus.reads_of[10] - before[10];
    assert_true(healthy >= (unsigned) (passed_ms / 100) * 94 / 100);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_in_range(bus.load_percent, 2, 15);
}

/* Two living units are read each ten seconds: a probe of a second fits in between. */
static void a_slow_bus_is_probed_between_its_reads(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < 3; i++) {
        rig->points[i] = point_at((uint8_t) (1 + i), 0);
        rig->points[i].period_ms = 10000;
    }
    rig->count = 3;
    let_time_count(rig);
    open_poller(rig);
    live_for(rig, 60000);
    rig->bus.is_silent[3] = true;
    live_for(rig, 60000); /* until it is down: that took two time-outs */
    unsigned before = rig->bus.reads_of[3];
    live_for(rig, 40000000); /* until what was late then is forgotten */
    assert_true(rig->bus.reads_of[3] - before > 1000);
    for (size_t i = 0; i < 2; i++) {
        struct gw_modbus_unit_condition condition;
        gw_handover_get_unit(rig->handover, i, &condition);
        assert_true(condition.lateness.max_ms <= 2);
    }
}

/* The budget is for the living: where there are none, only the growing delay counts. */
static void a_bus_of_the_dead_is_probed_by_delay_alone(void **state) {
    struct rig *rig = *state;
    rig->points[0] = point_at(2, 0);
    rig->count = 1;
    rig->bus.is_silent[2] = true;
    let_time_count(rig);
    rig->bus.timeout_ms = 5000;
    open_poller(rig);
    live_for(rig, 600000);
    assert_in_range(rig->bus.reads_of[2], 14, 60);
}

static void a_share_can_be_smaller(void **state) {
    struct rig *rig = *state;
    rig->bus.is_silent[2] = true;
    rig->dead_share_percent = 1;
    let_time_count(rig);
    open_poller(rig);
    live_for(rig, 1000000);
    assert_in_range(rig->bus.reads_of[2], 8, 11);
}

static void a_unit_that_loses_every_second_frame_is_down(void **state) {
    struct rig *rig = *state;
    let_time_count(rig);
    live_for(rig, 1000);
    rig->bus.loses[2] = 2;
    live_for(rig, 60000);
    unsigned before = rig->bus.reads_of[2];
    live_for(rig, 600000);
    assert_true((rig->bus.reads_of[2] - before) * 500 < 60000);
    unsigned healthy = rig->bus.reads_of[1];
    live_for(rig, 100000);
    assert_true(rig->bus.reads_of[1] - healthy > 900);
}

static void a_block_without_answer_does_not_take_its_unit_along(void **state) {
    struct rig *rig = *state;
    rig->points[2].address = 40;
    let_time_count(rig);
    open_poller(rig);
    live_for(rig, 1000);
    (void) count_good(rig, 0);
    rig->bus.silent_at[40] = true;
    unsigned before = rig->bus.reads;
    live_for(rig, 600000);
    assert_false(unit_is_down(rig, 0));
    /* Points 0 and 3 as before; the silent one within its share. */
    assert_true(rig->bus.reads - before > 11000);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 2);
    assert_false(last.value.good);
    rig->bus.silent_at[40] = false;
    live_for(rig, 90000);
    assert_int_equal(count_good(rig, 2), 1);
}

/* Some gateways close the connection when a unit behind them is not there. */
static void a_unit_that_ends_the_connection_costs_the_others_nothing(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.closes_for[2] = true;
    run_for(rig, 10000, 100);
    assert_true(unit_is_down(rig, 1));
    assert_false(unit_is_down(rig, 0));
    (void) count_of(rig);
    unsigned healthy = rig->bus.reads_of[1], probes = rig->bus.reads_of[2];
    run_for(rig, 120000, 100);
    assert_in_range(rig->bus.reads_of[2] - probes, 3, 60);
    assert_true(rig->bus.reads_of[1] - healthy >= 1199);
    assert_int_equal(count_of(rig), 0);
    rig->bus.closes_for[2] = false;
    run_for(rig, 40000, 100);
    assert_false(unit_is_down(rig, 1));
}

static void a_line_that_was_drained_needs_no_new_connection(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.keeps_line = true;
    rig->bus.is_silent[2] = true;
    unsigned connects = rig->bus.connects;
    run_for(rig, 60000, 100);
    assert_true(rig->bus.recovers > 2);
    assert_int_equal(rig->bus.connects, connects);
    assert_int_equal(rig->bus.disconnects, 0);
}

static void a_line_that_cannot_be_drained_is_connected_anew_later(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.keeps_line = true;
    rig->bus.recover_err = GW_ERR_IO;
    rig->bus.answers_wrong = true;
    unsigned reads = rig->bus.reads;
    run_for(rig, 10000, 100);
    assert_in_range(rig->bus.reads - reads, 3, 40);
    rig->bus.answers_wrong = false;
    run_for(rig, 60000, 100);
    assert_false(unit_is_down(rig, 0));
    assert_false(unit_is_down(rig, 1));
}

static void a_wrong_answer_is_never_published(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.answers_wrong = true;
    rig->bus.registers[1][0] = 9;
    run_for(rig, 5000, 100);
    struct gw_modbus_reading reading;
    while (gw_handover_take(rig->handover, &reading)) {
        assert_false(reading.value.good);
    }
    assert_true(rig->bus.recovers >= 2);
}

static void what_is_read_on_time_is_not_late(void **state) {
    struct rig *rig = *state;
    let_time_count(rig);
    live_for(rig, 60000);
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_true(condition.lateness.p99_ms <= 2);
    rig->bus.answer_ms = 70;
    live_for(rig, 60000);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_true(condition.lateness.p99_ms >= 30);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_true(bus.load_percent > 60);
}

/* ---- what a point wants ---- */

static void a_change_inside_the_interval_is_reported_at_its_end(void **state) {
    struct rig *rig = *state;
    rig->points[0].period_ms = 800;
    rig->points[0].min_interval_ms = 1000;
    rig->count = 1;
    open_poller(rig);
    settle(rig); /* 0 at 0 ms */
    assert_int_equal(count_of(rig), 1);
    rig->bus.registers[1][0] = 5;
    int64_t began_mono_ms = rig->fake.mono_ms;
    int64_t began_wall_ms = rig->fake.wall_ms;
    while (count_of(rig) == 0) {
        assert_true(rig->fake.mono_ms < began_mono_ms + 5000);
        int64_t due_mono_ms = gw_poller_step(rig->poller);
        rig->fake.wall_ms += due_mono_ms - rig->fake.mono_ms;
        rig->fake.mono_ms = due_mono_ms;
        struct gw_modbus_reading reading;
        (void) gw_poller_step(rig->poller);
        if (gw_handover_take(rig->handover, &reading)) {
            assert_int_equal(rig->fake.mono_ms - began_mono_ms, 1000);
            assert_int_equal(reading.time_wall_ms - began_wall_ms, 800);
            return;
        }
    }
    fail_msg("it was reported otherwise");
}

static void silence_is_ended_by_a_read_out_of_turn(void **state) {
    struct rig *rig = *state;
    rig->points[0].period_ms = 10000;
    rig->points[0].max_silence_ms = 15000;
    rig->count = 1;
    open_poller(rig);
    settle(rig);
    assert_int_equal(count_of(rig), 1);
    run_for(rig, 14900, 100);
    assert_int_equal(rig->bus.reads, 2);
    rig->bus.registers[1][0] = 7;
    run_for(rig, 100, 100);
    assert_int_equal(rig->bus.reads, 3);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    struct gw_decimal seven = gw_decimal_from_i64(7);
    assert_int_equal(gw_decimal_compare(&last.value.number, &seven), 0);
    run_for(rig, 5000, 100); /* and the period goes on as before */
    assert_int_equal(rig->bus.reads, 4);
}

static void what_the_wire_repeats_is_silent_but_not_for_ever(void **state) {
    struct rig *rig = *state;
    rig->points[0].max_silence_ms = 1000;
    rig->count = 1;
    open_poller(rig);
    settle(rig);
    run_for(rig, 10000, 100);
    assert_int_equal(count_of(rig), 11);
}

static void a_nan_is_bad_and_what_follows_is_good(void **state) {
    struct rig *rig = *state;
    rig->points[0].type = GW_POINT_FLOAT32;
    rig->count = 1;
    open_poller(rig);
    rig->bus.registers[1][0] = 0x7fc0;
    settle(rig);
    run_for(rig, 1000, 100);
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_false(last.value.good);
    rig->bus.registers[1][0] = 0x3f80;
    run_for(rig, 100, 100);
    assert_int_equal(take_all(rig, &last), 1);
    assert_true(last.value.good);
}

/* ---- holes ---- */

static void a_hole_is_learned_once_and_known_after_a_restart(void **state) {
    struct rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = point_at(1, (uint16_t) (3 * i));
    }
    rig->count = 20;
    rig->bus.illegal[31] = true; /* between 30 and 33 */
    open_poller(rig);
    settle(rig);
    assert_int_equal(count_of(rig), 20);
    assert_true(gw_handover_take_holes(rig->handover, &rig->holes));
    assert_int_equal(rig->holes.count, 1);
    assert_int_equal(rig->holes.entries[0].address, 31);
    assert_int_equal(rig->holes.entries[0].count, 2);
    unsigned before = rig->bus.reads;
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads - before, 20);
    assert_false(gw_handover_take_holes(rig->handover, &rig->holes));
    unsigned refused = rig->bus.refused;
    open_poller(rig);
    run_for(rig, 10000, 100);
    assert_int_equal(rig->bus.refused, refused);
}

static void a_device_that_allows_less_is_found_out(void **state) {
    struct rig *rig = *state;
    for (uint16_t i = 0; i < 60; i++) {
        rig->points[i] = point_at(1, i);
    }
    rig->count = 60;
    rig->bus.max_count = 16;
    open_poller(rig);
    run_for(rig, 1000, 100);
    assert_int_equal(count_of(rig), 60);
    unsigned refused = rig->bus.refused, before = rig->bus.reads;
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.refused, refused);
    assert_int_equal(rig->bus.reads - before, 40);
}

static void a_refusal_that_passes_teaches_nothing(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.max_count = 3;
    gw_fake_clock_advance(&rig->fake, 100);
    (void) gw_poller_step(rig->poller);
    rig->bus.max_count = 0;
    run_for(rig, 3000, 100);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    unsigned before = rig->bus.reads_of[1];
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads_of[1] - before, 10);
}

/* A hunt is under way and the unit falls silent: nothing is learned from that. */
static void a_hunt_ends_when_the_unit_falls_silent(void **state) {
    struct rig *rig = *state;
    rig->bus.illegal[2] = true;
    (void) gw_poller_step(rig->poller); /* connect */
    (void) gw_poller_step(rig->poller); /* refused */
    rig->bus.is_silent[1] = true;
    run_for(rig, 1000, 100);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    assert_true(unit_is_down(rig, 0));
    rig->bus.is_silent[1] = false;
    run_for(rig, 40000, 100);
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.entries[0].address, 2);
}

/* It has no word for "illegal data address": it says nothing at all. */
static void a_device_that_is_silent_about_holes_is_searched_too(void **state) {
    struct rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = point_at(1, (uint16_t) (3 * i));
    }
    rig->points[20] = point_at(2, 0);
    rig->count = 21;
    rig->bus.silent_at[31] = true; /* between 30 and 33 */
    rig->bus.silent_at[45] = true; /* a point */
    let_time_count(rig);
    open_poller(rig);
    live_for(rig, 1500000);
    bool is_good[POINTS_MAX] = {false};
    struct gw_modbus_reading reading;
    while (gw_handover_take(rig->handover, &reading)) {
        is_good[reading.point] = reading.value.good;
    }
    for (size_t i = 0; i < 21; i++) {
        assert_int_equal(is_good[i], i != 15);
    }
    assert_false(unit_is_down(rig, 0));
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 15), GW_MODBUS_NO_ANSWER);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 14), 0);
    struct gw_modbus_holes holes;
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 2);
    /* All of that within the share of the dead: the other unit kept its period. */
    assert_true(rig->bus.reads_of[2] > 15000 * 93 / 100);
    unsigned before = rig->bus.reads_of[1];
    live_for(rig, 100000);
    assert_true(rig->bus.reads_of[1] - before > 2 * 900);
}

/* Step until so many reads were answered. */
static void live_for_answers(struct rig *rig, unsigned answers) {
    unsigned until = rig->bus.reads - rig->bus.recovers + answers;
    for (int i = 0; i < 5000 && rig->bus.reads - rig->bus.recovers < until; i++) {
        int64_t due_mono_ms = gw_poller_step(rig->poller);
        if (due_mono_ms > rig->fake.mono_ms) {
            gw_fake_clock_advance(&rig->fake, due_mono_ms - rig->fake.mono_ms);
        }
    }
}

/* The search has begun, then the device is switched off. */
static void an_outage_in_a_search_teaches_nothing_and_is_told(void **state) {
    struct rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = point_at(1, (uint16_t) (3 * i));
    }
    rig->count = 20;
    rig->bus.silent_at[31] = true; /* between 30 and 33 */
    let_time_count(rig);
    struct gw_modbus_holes holes;
    unsigned searches = 0;
    for (unsigned answers = 1; answers <= 8; answers++) {
        rig->bus.is_silent[1] = false;
        open_poller(rig);
        live_for_answers(rig, answers);
        if (gw_handover_take_holes(rig->handover, &holes)) {
            continue; /* it was over by then */
        }
        searches++;
        rig->bus.is_silent[1] = true;
        live_for(rig, 8000);
        assert_true(unit_is_down(rig, 0));
        assert_false(gw_handover_take_holes(rig->handover, &holes));
        struct gw_modbus_reading reading;
        bool is_good[POINTS_MAX] = {false};
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        for (size_t i = 0; i < 20; i++) {
            assert_false(is_good[i]);
        }
        rig->bus.is_silent[1] = false;
        live_for(rig, 1500000);
        assert_true(gw_handover_take_holes(rig->handover, &holes));
        assert_int_equal(holes.count, 1);
        assert_int_equal(holes.entries[0].address, 31);
    }
    assert_true(searches >= 2);
}

static void a_unit_that_is_dead_teaches_nothing(void **state) {
    struct rig *rig = *state;
    let_time_count(rig);
    live_for(rig, 10000);
    rig->bus.is_silent[1] = true;
    live_for(rig, 1000000);
    rig->bus.is_silent[1] = false;
    live_for(rig, 100000);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    assert_false(unit_is_down(rig, 0));
    unsigned before = rig->bus.reads_of[1];
    live_for(rig, 10000);
    assert_in_range(rig->bus.reads_of[1] - before, 95, 101);
}

static bool can_be_read(const struct rig *rig, const struct gw_config_point *point) {
    for (unsigned i = 0; i < gw_modbus_point_width(point); i++) {
        if (rig->bus.illegal[point->address + i]) {
            return false;
        }
    }
    return rig->bus.max_count == 0 || gw_modbus_point_width(point) <= rig->bus.max_count;
}

static void draw_rig(struct rig *rig) {
    static const enum gw_point_type types[] = {GW_POINT_BOOL,    GW_POINT_UINT16,
                                               GW_POINT_UINT16,  GW_POINT_FLOAT32,
                                               GW_POINT_FLOAT64, GW_POINT_BCD32};
    rig->count = 1 + (size_t) rand() % POINTS_MAX;
    rig->max_gap = (uint32_t) rand() % 20;
    rig->holes.count = 0;
    memset(rig->bus.illegal, 0, sizeof rig->bus.illegal);
    for (size_t i = 0; i < rig->count; i++) {
        struct gw_config_point point =
            point_at((uint8_t) (1 + rand() % 3), (uint16_t) (rand() % 250));
        point.type = types[rand() % 6];
        point.period_ms = rand() % 2 ? 100 : 500;
        rig->points[i] = point;
    }
    for (int i = rand() % 20; i > 0; i--) {
        rig->bus.illegal[rand() % 260] = true;
    }
    rig->bus.max_count = rand() % 3 ? 0 : 2 + (unsigned) rand() % 40;
}

/* Whatever the table and the device: what can be read is good, what cannot is named,
 * and then nothing is refused any more but one probe a minute of each such point. */
static void every_table_comes_to_rest_on_every_device(void **state) {
    struct rig *rig = *state;
    srand(4);
    for (int round = 0; round < 150; round++) {
        draw_rig(rig);
        open_poller(rig);
        run_for(rig, 20000, 50);
        bool is_good[POINTS_MAX] = {false};
        struct gw_modbus_reading reading;
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        unsigned unreadable = 0;
        for (size_t i = 0; i < rig->count; i++) {
            bool can = can_be_read(rig, &rig->points[i]);
            assert_int_equal(is_good[i], can);
            assert_int_equal(gw_handover_get_point_exception(rig->handover, i) == 0, can);
            unreadable += !can;
        }
        unsigned refused = rig->bus.refused;
        run_for(rig, 60000, 50);
        assert_true(rig->bus.refused - refused <= unreadable);
    }
}

static void every_table_comes_to_rest_on_every_silent_device(void **state) {
    struct rig *rig = *state;
    srand(6);
    for (int round = 0; round < 8; round++) {
        draw_rig(rig);
        rig->bus.max_count = 0;
        open_poller(rig);
        memcpy(rig->bus.silent_at, rig->bus.illegal, sizeof rig->bus.silent_at);
        bool is_readable[POINTS_MAX];
        for (size_t i = 0; i < rig->count; i++) {
            is_readable[i] = can_be_read(rig, &rig->points[i]);
        }
        memset(rig->bus.illegal, 0, sizeof rig->bus.illegal);
        run_for(rig, 3600000, 500);
        bool is_good[POINTS_MAX] = {false};
        struct gw_modbus_reading reading;
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        for (size_t i = 0; i < rig->count; i++) {
            assert_int_equal(is_good[i], is_readable[i]);
        }
    }
    memset(rig->bus.silent_at, 0, sizeof rig->bus.silent_at);
}

/* ---- on demand ---- */

static struct gw_modbus_job read_job(uint8_t unit_id) {
    return (struct gw_modbus_job){
        .request = {.unit_id = unit_id, .area = GW_AREA_HOLDING_REGISTER, .count = 2}};
}

static void a_job_connects_and_reads(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(9);
    rig->bus.registers[9][1] = 44;
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_OK);
    assert_true(answer.was_sent);
    assert_int_equal(answer.words[1], 44);
    assert_int_equal(rig->bus.connects, 1);
    settle(rig);
    assert_int_equal(count_of(rig), 4);
}

static void a_job_for_a_dead_unit_is_refused_unless_it_insists(void **state) {
    struct rig *rig = *state;
    rig->bus.is_silent[2] = true;
    settle(rig);
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(2);
    unsigned before = rig->bus.reads_of[2];
    gw_poller_execute(rig->poller, &job, &answer);
    assert_true(answer.is_known_down);
    assert_false(answer.was_sent);
    assert_int_equal(rig->bus.reads_of[2], before);
    job.asks_dead_units = true;
    rig->bus.is_silent[2] = false;
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_OK);
    run_for(rig, 100, 100); /* and so it is known to be back */
    assert_false(unit_is_down(rig, 1));
}

static void a_job_without_answer_leaves_a_safe_connection(void **state) {
    struct rig *rig = *state;
    settle(rig);
    (void) count_of(rig);
    rig->bus.is_silent[9] = true;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(9);
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_TIMEOUT);
    assert_int_equal(rig->bus.recovers, 1);
    run_for(rig, 100, 100);
    assert_int_equal(rig->bus.connects, 2);
    assert_int_equal(count_of(rig), 0);
    rig->bus.refuses_connections = true;
    rig->bus.closes_on_read = true;
    gw_poller_execute(rig->poller, &job, &answer);
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_NOCONN);
    assert_false(answer.was_sent);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_point_is_reported_once_and_then_by_change),
        RIG_TEST(a_late_poller_does_not_burst),
        RIG_TEST(an_illegal_address_splits_the_block_and_names_the_point),
        RIG_TEST(a_hole_inside_a_gap_costs_no_point),
        RIG_TEST(a_refused_point_is_asked_once_a_minute),
        RIG_TEST(an_illegal_function_is_not_hammered),
        RIG_TEST(a_time_out_closes_the_connection),
        RIG_TEST(a_dead_unit_goes_down_and_costs_the_others_nothing),
        RIG_TEST(a_unit_that_comes_back_reports_everything),
        RIG_TEST(an_unreachable_bus_is_tried_with_growing_delay),
        RIG_TEST(after_a_lost_connection_every_point_is_reported),
        RIG_TEST(a_resync_reports_everything_again),
        RIG_TEST(a_busy_unit_is_left_alone_for_a_while_and_not_down_at_once),
        RIG_TEST(a_moment_of_business_is_no_news),
        RIG_TEST(a_fault_of_the_device_is_its_points_alone),
        RIG_TEST(a_unit_that_never_answered_is_down_after_one_time_out),
        RIG_TEST(dead_units_take_their_share_of_the_bus_and_no_more),
        RIG_TEST(a_slow_bus_is_probed_between_its_reads),
        RIG_TEST(a_bus_of_the_dead_is_probed_by_delay_alone),
        RIG_TEST(a_share_can_be_smaller),
        RIG_TEST(a_unit_that_loses_every_second_frame_is_down),
        RIG_TEST(a_block_without_answer_does_not_take_its_unit_along),
        RIG_TEST(a_unit_that_ends_the_connection_costs_the_others_nothing),
        RIG_TEST(a_line_that_was_drained_needs_no_new_connection),
        RIG_TEST(a_line_that_cannot_be_drained_is_connected_anew_later),
        RIG_TEST(a_wrong_answer_is_never_published),
        RIG_TEST(what_is_read_on_time_is_not_late),
        RIG_TEST(a_change_inside_the_interval_is_reported_at_its_end),
        RIG_TEST(silence_is_ended_by_a_read_out_of_turn),
        RIG_TEST(what_the_wire_repeats_is_silent_but_not_for_ever),
        RIG_TEST(a_nan_is_bad_and_what_follows_is_good),
        RIG_TEST(a_hole_is_learned_once_and_known_after_a_restart),
        RIG_TEST(a_device_that_allows_less_is_found_out),
        RIG_TEST(a_refusal_that_passes_teaches_nothing),
        RIG_TEST(a_hunt_ends_when_the_unit_falls_silent),
        RIG_TEST(a_device_that_is_silent_about_holes_is_searched_too),
        RIG_TEST(an_outage_in_a_search_teaches_nothing_and_is_told),
        RIG_TEST(a_unit_that_is_dead_teaches_nothing),
        RIG_TEST(every_table_comes_to_rest_on_every_device),
        RIG_TEST(every_table_comes_to_rest_on_every_silent_device),
        RIG_TEST(a_job_connects_and_reads),
        RIG_TEST(a_job_for_a_dead_unit_is_refused_unless_it_insists),
        RIG_TEST(a_job_without_answer_leaves_a_safe_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
