/* SPDX-License-Identifier: Apache-2.0 */
/* What is read, reported and given up: points, units, the bus, jobs on demand. */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_point_is_reported_once_and_then_by_change(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    assert_int_equal(rig->bus.reads, 2);
    assert_int_equal(poller_take_count(rig), 4);
    poller_run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads, 22);
    assert_int_equal(poller_take_count(rig), 0);
    rig->bus.registers[1][3] = 77;
    poller_run_for(rig, 100, 100);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 2);
    assert_true(last.value.good);
    assert_true(last.time_wall_ms == rig->fake.wall_ms);
}

static void a_late_poller_does_not_burst(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    unsigned before = rig->bus.reads;
    gw_fake_clock_advance(&rig->fake, 5000);
    poller_settle(rig);
    assert_int_equal(rig->bus.reads, before + 2);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_int_equal(bus.overruns, 2);
}

static void an_illegal_address_splits_the_block_and_names_the_point(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.illegal[1] = true;
    poller_settle(rig);
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
    assert_false(poller_unit_is_down(rig, 0));
}

static void a_hole_inside_a_gap_costs_no_point(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.illegal[2] = true;
    poller_settle(rig);
    struct gw_modbus_reading r;
    while (gw_handover_take(rig->handover, &r)) {
        assert_true(r.value.good);
    }
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 1), 0);
}

static void a_refused_point_is_asked_once_a_minute(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.illegal[1] = true;
    poller_settle(rig);
    unsigned before = rig->bus.reads;
    poller_run_for(rig, 50000, 100);
    /* points 0, 2 and 3 each 500 times, point 1 never */
    assert_int_equal(rig->bus.reads - before, 1500);
    rig->bus.illegal[1] = false;
    (void) poller_take_count(rig);
    poller_run_for(rig, 11000, 100);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 1), 0);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 1);
    assert_true(last.value.good);
    /* It is no hole any more: all three are one block again. */
    struct gw_modbus_holes holes;
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 0);
    before = rig->bus.reads;
    poller_run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads - before, 20);
}

static void an_illegal_function_is_not_hammered(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.exception[1] = 1;
    poller_settle(rig);
    unsigned before = rig->bus.reads;
    poller_run_for(rig, 10000, 100);
    assert_int_equal(rig->bus.reads - before, 100); /* unit 2 alone */
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 0), 1);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 2), 1);
}

static void a_time_out_closes_the_connection(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.is_silent[2] = true;
    unsigned connects = rig->bus.connects;
    poller_run_for(rig, 100, 100);
    assert_int_equal(rig->bus.recovers, 1);
    assert_int_equal(rig->bus.connects, connects + 1);
    assert_false(poller_unit_is_down(rig, 1));
}

static void why_a_unit_is_down_is_what_came_instead(void **state) {
    struct poller_rig *rig = *state;
    struct gw_modbus_unit_condition condition;
    rig->bus.answers_wrong = true;
    rig->bus.wrong = (struct gw_modbus_wrong){.kind = GW_WRONG_UNIT, .found = 255};
    poller_settle(rig);
    poller_run_for(rig, 3000, 100);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_true(condition.is_down);
    assert_int_equal(condition.err, GW_ERR_CORRUPT);
    assert_int_equal(condition.wrong.kind, GW_WRONG_UNIT);
    assert_int_equal(condition.wrong.found, 255);
    rig->bus.answers_wrong = false;
    rig->bus.is_silent[1] = true;
    poller_run_for(rig, 120000, 100);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_int_equal(condition.err, GW_ERR_TIMEOUT);
    assert_int_equal(condition.wrong.kind, GW_WRONG_NOTHING);
    rig->bus.is_silent[1] = false;
    rig->bus.closes_for[1] = true;
    poller_run_for(rig, 120000, 100);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_int_equal(condition.err, GW_ERR_NOCONN);
    assert_true(condition.was_closed);
    rig->bus.refuses_connections = true;
    poller_run_for(rig, 120000, 100);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_int_equal(condition.err, GW_ERR_NOCONN);
    assert_false(condition.was_closed);
}

static void a_dead_unit_goes_down_and_costs_the_others_nothing(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.is_silent[2] = true;
    poller_run_for(rig, 200, 100);
    assert_true(poller_unit_is_down(rig, 1));
    assert_false(poller_unit_is_down(rig, 0));
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_false(last.value.good);
    unsigned healthy = rig->bus.reads_of[1], probes = rig->bus.reads_of[2];
    poller_run_for(rig, 60000, 100);
    assert_in_range(rig->bus.reads_of[2] - probes, 2, 20);
    assert_int_equal(rig->bus.reads_of[1] - healthy, 600);
    /* Reopening for its sake reports nothing of the others again. */
    assert_int_equal(poller_take_count(rig), 0);
}

static void a_unit_that_comes_back_reports_everything(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.is_silent[2] = true;
    poller_run_for(rig, 1000, 100);
    rig->bus.is_silent[2] = false;
    (void) poller_take_count(rig);
    poller_run_for(rig, 40000, 100);
    assert_false(poller_unit_is_down(rig, 1));
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_true(last.value.good);
}

static void a_unit_out_of_reach_is_left_alone_for_a_while_and_not_down_at_once(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.exception[2] = 11;
    unsigned before = rig->bus.reads_of[2];
    poller_run_for(rig, 400, 100);
    assert_false(poller_unit_is_down(rig, 1));
    poller_run_for(rig, 40000, 100);
    assert_int_equal(rig->bus.recovers + rig->bus.disconnects, 0);
    assert_true(poller_unit_is_down(rig, 1));
    assert_in_range(rig->bus.reads_of[2] - before, 5, 40);
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.exception, 11);
    rig->bus.exception[2] = 0;
    poller_run_for(rig, 40000, 100);
    assert_false(poller_unit_is_down(rig, 1));
}

static void a_moment_of_business_is_no_news(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.exception[2] = 5;
    poller_run_for(rig, 200, 100);
    rig->bus.exception[2] = 0;
    poller_run_for(rig, 3000, 100);
    assert_false(poller_unit_is_down(rig, 1));
    assert_int_equal(poller_take_count(rig), 0);
}

static void a_fault_of_the_device_is_its_points_alone(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.exception[2] = 4;
    unsigned before = rig->bus.reads_of[2], healthy = rig->bus.reads_of[1];
    poller_run_for(rig, 60000, 100);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 3);
    assert_false(last.value.good);
    assert_false(poller_unit_is_down(rig, 1));
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.fault, 4);
    assert_int_equal(condition.fault_area, GW_AREA_HOLDING_REGISTER);
    assert_in_range(rig->bus.reads_of[2] - before, 2, 30);
    assert_int_equal(rig->bus.reads_of[1] - healthy, 600);
    rig->bus.exception[2] = 0;
    poller_run_for(rig, 61000, 100);
    gw_handover_get_unit(rig->handover, 1, &condition);
    assert_int_equal(condition.fault, 0);
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_true(last.value.good);
}

static void an_unreachable_bus_is_tried_with_growing_delay(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.refuses_connections = true;
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 0);
    poller_run_for(rig, 120000, 100);
    assert_in_range(rig->bus.connects, 5, 60);
    assert_true(poller_unit_is_down(rig, 0));
    assert_true(poller_unit_is_down(rig, 1));
    assert_int_equal(poller_take_count(rig), 4);
    rig->bus.refuses_connections = false;
    poller_run_for(rig, 40000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    assert_int_equal(poller_take_count(rig), 4);
}

static void after_a_lost_connection_every_point_is_reported(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.closes_on_read = true;
    poller_run_for(rig, 100, 100);
    rig->bus.closes_on_read = false;
    poller_run_for(rig, 2000, 100);
    assert_int_equal(poller_take_count(rig), 4);
}

static void a_resync_reports_everything_again(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    gw_handover_ask_resync(rig->handover);
    poller_run_for(rig, 100, 100);
    assert_int_equal(poller_take_count(rig), 4);
}

/* ---- what a point wants ---- */

static void a_change_inside_the_interval_is_reported_at_its_end(void **state) {
    struct poller_rig *rig = *state;
    rig->points[0].period_ms = 800;
    rig->points[0].min_interval_ms = 1000;
    rig->count = 1;
    poller_rig_open(rig);
    poller_settle(rig); /* 0 at 0 ms */
    assert_int_equal(poller_take_count(rig), 1);
    rig->bus.registers[1][0] = 5;
    int64_t began_mono_ms = rig->fake.mono_ms;
    int64_t began_wall_ms = rig->fake.wall_ms;
    while (poller_take_count(rig) == 0) {
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
    struct poller_rig *rig = *state;
    rig->points[0].period_ms = 10000;
    rig->points[0].max_silence_ms = 15000;
    rig->count = 1;
    poller_rig_open(rig);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 1);
    poller_run_for(rig, 14900, 100);
    assert_int_equal(rig->bus.reads, 2);
    rig->bus.registers[1][0] = 7;
    poller_run_for(rig, 100, 100);
    assert_int_equal(rig->bus.reads, 3);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    struct gw_decimal seven = gw_decimal_from_i64(7);
    assert_int_equal(gw_decimal_compare(&last.value.number, &seven), 0);
    poller_run_for(rig, 5000, 100); /* and the period goes on as before */
    assert_int_equal(rig->bus.reads, 4);
}

static void what_the_wire_repeats_is_silent_but_not_for_ever(void **state) {
    struct poller_rig *rig = *state;
    rig->points[0].max_silence_ms = 1000;
    rig->count = 1;
    poller_rig_open(rig);
    poller_settle(rig);
    poller_run_for(rig, 10000, 100);
    assert_int_equal(poller_take_count(rig), 11);
}

static void a_nan_is_bad_and_what_follows_is_good(void **state) {
    struct poller_rig *rig = *state;
    rig->points[0].type = GW_POINT_FLOAT32;
    rig->count = 1;
    poller_rig_open(rig);
    rig->bus.registers[1][0] = 0x7fc0;
    poller_settle(rig);
    poller_run_for(rig, 1000, 100);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_false(last.value.good);
    rig->bus.registers[1][0] = 0x3f80;
    poller_run_for(rig, 100, 100);
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_true(last.value.good);
}

/* float64. */
static void show_1e300(struct poller_rig *rig, uint16_t first) {
    static const uint16_t words[] = {0x7e37, 0xe43c, 0x8800, 0x759c};
    memcpy(&rig->bus.registers[1][first], words, sizeof words);
}

static void what_is_too_large_is_bad_and_says_so_until_it_is_not(void **state) {
    struct poller_rig *rig = *state;
    rig->points[0].type = GW_POINT_FLOAT64;
    rig->points[0].max_silence_ms = 300; /* decoded again though it is the same */
    rig->count = 1;
    poller_rig_open(rig);
    show_1e300(rig, 0);
    poller_settle(rig);
    poller_run_for(rig, 1000, 100);
    struct gw_modbus_reading last;
    assert_int_not_equal(poller_take_all(rig, &last), 0);
    assert_false(last.value.good);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 0), GW_MODBUS_TOO_LARGE);
    uint16_t words[GW_MODBUS_NUMBER_WORDS];
    gw_handover_get_point_words(rig->handover, 0, words);
    assert_memory_equal(words, &rig->bus.registers[1][0], sizeof words);
    rig->bus.registers[1][0] = 0;
    poller_run_for(rig, 100, 100);
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_true(last.value.good);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 0), 0);
}

/* ---- on demand ---- */

static struct gw_modbus_job read_job(uint8_t unit_id) {
    return (struct gw_modbus_job){
        .request = {.unit_id = unit_id, .area = GW_AREA_HOLDING_REGISTER, .count = 2}};
}

static void a_job_connects_and_reads(void **state) {
    struct poller_rig *rig = *state;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(9);
    rig->bus.wrong.kind = GW_WRONG_CRC; /* which it is not now */
    rig->bus.registers[9][1] = 44;
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_OK);
    assert_true(answer.was_sent);
    assert_int_equal(answer.words[1], 44);
    assert_int_equal(answer.wrong.kind, GW_WRONG_NOTHING);
    assert_int_equal(rig->bus.connects, 1);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 4);
}

static void a_job_that_is_answered_wrong_says_what_came(void **state) {
    struct poller_rig *rig = *state;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(9);
    rig->bus.answers_wrong = true;
    rig->bus.wrong.kind = GW_WRONG_CRC;
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_CORRUPT);
    assert_int_equal(answer.wrong.kind, GW_WRONG_CRC);
}

static void a_job_without_answer_for_a_dead_unit_comes_out_of_its_share(void **state) {
    struct poller_rig *rig = *state;
    poller_let_time_count(rig);
    rig->bus.is_silent[2] = true;
    poller_live_for(rig, 30000);
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(2);
    job.asks_dead_units = true;
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_TIMEOUT);
    assert_true(answer.took_ms > 0);
    unsigned asked = rig->bus.reads_of[2];
    poller_live_for(rig, 18 * answer.took_ms);
    assert_int_equal(rig->bus.reads_of[2], asked);
    poller_live_for(rig, 60000);
    assert_true(rig->bus.reads_of[2] > asked);
}

static void a_job_for_a_dead_unit_is_refused_unless_it_insists(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.is_silent[2] = true;
    poller_settle(rig);
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
    poller_run_for(rig, 100, 100); /* and so it is known to be back */
    assert_false(poller_unit_is_down(rig, 1));
}

static void a_job_without_answer_leaves_a_safe_connection(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.is_silent[9] = true;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = read_job(9);
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_TIMEOUT);
    assert_int_equal(rig->bus.recovers, 1);
    poller_run_for(rig, 100, 100);
    assert_int_equal(rig->bus.connects, 2);
    assert_int_equal(poller_take_count(rig), 0);
    rig->bus.refuses_connections = true;
    rig->bus.closes_on_read = true;
    gw_poller_execute(rig->poller, &job, &answer);
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_ERR_NOCONN);
    assert_false(answer.was_sent);
}

/* Many gateways hang up on whoever asks for a unit that is not there. */
static void a_scan_that_is_hung_up_on_costs_the_polled_nothing(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    unsigned before = rig->bus.reads_of[1];
    for (uint8_t unit_id = 10; unit_id < 70; unit_id++) {
        rig->bus.closes_for[unit_id] = true;
        struct gw_modbus_answer answer;
        struct gw_modbus_job job = read_job(unit_id);
        gw_poller_execute(rig->poller, &job, &answer);
        assert_int_equal(answer.err, GW_ERR_NOCONN);
        assert_true(answer.was_sent);
        poller_run_for(rig, 50, 50);
    }
    assert_int_equal(rig->bus.reads_of[1] - before, 30);
    assert_false(poller_unit_is_down(rig, 0));
    assert_false(poller_unit_is_down(rig, 1));
    assert_int_equal(poller_take_count(rig), 0);
}

static void a_peer_that_hangs_up_on_everybody_is_bad_once(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.closes_on_read = true;
    poller_run_for(rig, 300000, 100);
    assert_true(rig->bus.connects > 8);
    assert_true(poller_unit_is_down(rig, 0));
    assert_int_equal(poller_take_count(rig), 4);
    for (int i = 0; i < 40; i++) {
        struct gw_modbus_answer answer;
        struct gw_modbus_job job = read_job(9);
        gw_poller_execute(rig->poller, &job, &answer);
        poller_run_for(rig, 100, 100);
    }
    assert_int_equal(poller_take_count(rig), 0);
    rig->bus.closes_on_read = false;
    poller_run_for(rig, 64000, 100); /* the longest delay of a block, and of a probe */
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 4);
    assert_true(last.value.good);
}

/* Between two attempts of its own, which are further and further apart. */
static void whoever_asks_in_vain_does_not_take_the_bus_down(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.closes_on_read = true;
    poller_run_for(rig, 100, 100);
    rig->bus.closes_on_read = false;
    rig->bus.refuses_connections = true;
    for (int i = 0; i < 10; i++) {
        struct gw_modbus_answer answer;
        struct gw_modbus_job job = read_job(9);
        gw_poller_execute(rig->poller, &job, &answer);
        assert_int_equal(answer.err, GW_ERR_NOCONN);
        assert_false(answer.was_sent);
    }
    rig->bus.refuses_connections = false;
    poller_run_for(rig, 2000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    /* The values after the reconnect and nothing bad. */
    struct gw_modbus_reading reading;
    unsigned count = 0;
    while (gw_handover_take(rig->handover, &reading)) {
        assert_true(reading.value.good);
        count++;
    }
    assert_int_equal(count, 4);
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, poller_rig_setup, poller_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_point_is_reported_once_and_then_by_change),
        RIG_TEST(a_late_poller_does_not_burst),
        RIG_TEST(an_illegal_address_splits_the_block_and_names_the_point),
        RIG_TEST(a_hole_inside_a_gap_costs_no_point),
        RIG_TEST(a_refused_point_is_asked_once_a_minute),
        RIG_TEST(an_illegal_function_is_not_hammered),
        RIG_TEST(a_time_out_closes_the_connection),
        RIG_TEST(why_a_unit_is_down_is_what_came_instead),
        RIG_TEST(a_dead_unit_goes_down_and_costs_the_others_nothing),
        RIG_TEST(a_unit_that_comes_back_reports_everything),
        RIG_TEST(an_unreachable_bus_is_tried_with_growing_delay),
        RIG_TEST(after_a_lost_connection_every_point_is_reported),
        RIG_TEST(a_resync_reports_everything_again),
        RIG_TEST(a_unit_out_of_reach_is_left_alone_for_a_while_and_not_down_at_once),
        RIG_TEST(a_moment_of_business_is_no_news),
        RIG_TEST(a_fault_of_the_device_is_its_points_alone),
        RIG_TEST(a_change_inside_the_interval_is_reported_at_its_end),
        RIG_TEST(silence_is_ended_by_a_read_out_of_turn),
        RIG_TEST(what_the_wire_repeats_is_silent_but_not_for_ever),
        RIG_TEST(a_nan_is_bad_and_what_follows_is_good),
        RIG_TEST(what_is_too_large_is_bad_and_says_so_until_it_is_not),
        RIG_TEST(a_job_connects_and_reads),
        RIG_TEST(a_job_that_is_answered_wrong_says_what_came),
        RIG_TEST(a_job_without_answer_for_a_dead_unit_comes_out_of_its_share),
        RIG_TEST(a_job_for_a_dead_unit_is_refused_unless_it_insists),
        RIG_TEST(a_job_without_answer_leaves_a_safe_connection),
        RIG_TEST(a_scan_that_is_hung_up_on_costs_the_polled_nothing),
        RIG_TEST(a_peer_that_hangs_up_on_everybody_is_bad_once),
        RIG_TEST(whoever_asks_in_vain_does_not_take_the_bus_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
