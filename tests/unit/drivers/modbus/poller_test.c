/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_clock.h"

/* ---- a bus that is a table of registers and misbehaves by script ---- */

struct fake_bus {
    uint16_t registers[256][64];
    bool illegal[64];        /* addresses no read may touch */
    unsigned exception[256]; /* of a unit, 0 = none */
    bool is_silent[256];     /* the unit never answers */
    bool refuses_connections;
    bool closes_on_read;
    unsigned connects, disconnects, reads;
    struct gw_modbus_request last;
};

static enum gw_err fake_connect(void *self) {
    struct fake_bus *bus = self;
    bus->connects++;
    return bus->refuses_connections ? GW_ERR_NOCONN : GW_OK;
}

static void fake_disconnect(void *self) {
    ((struct fake_bus *) self)->disconnects++;
}

static enum gw_err fake_read(void *self, const struct gw_modbus_request *request,
                             uint16_t *words, unsigned *ret_exception) {
    struct fake_bus *bus = self;
    bus->reads++;
    bus->last = *request;
    if (bus->closes_on_read) {
        return GW_ERR_NOCONN;
    }
    if (bus->is_silent[request->unit_id]) {
        return GW_ERR_TIMEOUT;
    }
    if (bus->exception[request->unit_id] != 0) {
        *ret_exception = bus->exception[request->unit_id];
        return GW_ERR_INVALID;
    }
    for (size_t i = 0; i < request->count; i++) {
        if (bus->illegal[request->address + i]) {
            *ret_exception = 2;
            return GW_ERR_INVALID;
        }
        words[i] = bus->registers[request->unit_id][request->address + i];
    }
    return GW_OK;
}

/* ---- the poller around it ---- */

struct rig {
    struct fake_bus bus;
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_config_point points[4];
    struct gw_handover *handover;
    struct gw_poller *poller;
};

static struct gw_config_point point_at(uint8_t unit_id, uint16_t address) {
    return (struct gw_config_point){.name = "p",
                                    .unit_id = unit_id,
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .address = address,
                                    .type = GW_POINT_UINT16,
                                    .scale = "1",
                                    .dead_band = "0",
                                    .period_ms = 100};
}

/* Points: unit 1 at 0, 1 and 3 (one block), unit 2 at 0. */
static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake);
    rig->points[0] = point_at(1, 0);
    rig->points[1] = point_at(1, 1);
    rig->points[2] = point_at(1, 3);
    rig->points[3] = point_at(2, 0);
    struct gw_poller_options options = {
        .points = rig->points,
        .count = 4,
        .max_gap = 4,
        .transport = {.connect = fake_connect,
                      .disconnect = fake_disconnect,
                      .read = fake_read,
                      .self = &rig->bus},
        .clock = &rig->clock,
    };
    if (gw_handover_open(4, 2, 64, &rig->handover)) {
        return -1;
    }
    options.handover = rig->handover;
    *state = rig;
    return gw_poller_open(&options, &rig->poller) == GW_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_poller_close(rig->poller);
    gw_handover_close(rig->handover);
    free(rig);
    return 0;
}

/* Step until nothing is due any more. */
static void settle(struct rig *rig) {
    for (int i = 0; i < 100; i++) {
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
    assert_int_equal(rig->bus.disconnects, 1);
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
    unsigned reads = rig->bus.reads, disconnects = rig->bus.disconnects;
    run_for(rig, 60000, 100);
    unsigned probes = rig->bus.disconnects - disconnects;
    assert_in_range(probes, 2, 20);
    assert_int_equal(rig->bus.reads - reads - probes, 600);
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
    run_for(rig, 31000, 100);
    assert_false(unit_is_down(rig, 1));
    struct gw_modbus_reading last;
    assert_int_equal(take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_true(last.value.good);
}

static void a_busy_unit_keeps_the_connection(void **state) {
    struct rig *rig = *state;
    settle(rig);
    rig->bus.exception[2] = 6;
    run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.disconnects, 0);
    assert_true(unit_is_down(rig, 1));
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.exception, 6);
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
    run_for(rig, 31000, 100);
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
        RIG_TEST(a_busy_unit_keeps_the_connection),
        RIG_TEST(an_unreachable_bus_is_tried_with_growing_delay),
        RIG_TEST(after_a_lost_connection_every_point_is_reported),
        RIG_TEST(a_resync_reports_everything_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
