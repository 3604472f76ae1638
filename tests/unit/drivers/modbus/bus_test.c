/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus with its worker thread against a Modbus TCP server that runs in a thread of
 * its own. This is what the thread sanitizer looks at.
 */
#include "drivers/modbus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_intake.h"
#include "tests/fakes/fake_plc.h"

/* ---- the rig ---- */

struct rig {
    struct gw_fake_plc plc;
    struct gw_clock clock;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_fake_intake *fake;
    struct gw_config_point points[3];
    struct gw_config_bus config;
    struct gw_modbus_bus *bus;
    uint64_t refused[3]; /* by why */
};

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       enum gw_modbus_refusal why, uint64_t count) {
    (void) device;
    (void) class;
    ((struct rig *) context)->refused[why] += count;
}

static void open_bus(struct rig *rig) {
    struct gw_modbus_bus_options options = {
        .config = &rig->config,
        .intake = gw_fake_intake(rig->fake),
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
        .refused = on_refused,
        .refused_context = rig,
    };
    assert_int_equal(gw_modbus_bus_open(&options, &rig->bus), GW_OK);
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_clock_system();
    gw_fake_plc_open(&rig->plc);
    assert_int_equal(gw_loop_open(8, &rig->loop), GW_OK);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 16, 16, &rig->health), GW_OK);
    rig->fake = gw_fake_intake_open();
    for (uint16_t i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        rig->points[i] = (struct gw_config_point){
            .name = names[i],
            .unit_id = 1,
            .area = GW_AREA_HOLDING_REGISTER,
            .address = i,
            .type = GW_POINT_UINT16,
            .scale = "1",
            .dead_band = "0",
            .period_ms = 10,
            .report = i == 2 ? GW_REPORT_COUNTER : GW_REPORT_SIGNAL,
            .class = GW_CLASS_STATE,
        };
    }
    rig->config = (struct gw_config_bus){.name = "plc",
                                         .host = "127.0.0.1",
                                         .port = rig->plc.port,
                                         .timeout_ms = 200,
                                         .max_gap = 4,
                                         .points = rig->points,
                                         .point_count = 3};
    open_bus(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    gw_fake_plc_close(&rig->plc);
    gw_fake_intake_close(rig->fake);
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    free(rig);
    return 0;
}

/* Loop until `done`, at most ten seconds. */
static void run_until(struct rig *rig, bool (*done)(struct rig *rig)) {
    int64_t end_mono_ms = gw_clock_mono_ms(&rig->clock) + 10000;
    while (!done(rig)) {
        int64_t now_mono_ms = gw_clock_mono_ms(&rig->clock);
        assert_true(now_mono_ms < end_mono_ms);
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, now_mono_ms + 20), GW_OK);
        gw_modbus_bus_tick(rig->bus);
    }
}

static const struct gw_fake_unit *last_of(const struct rig *rig, const char *device) {
    const struct gw_fake_unit *last = NULL;
    for (size_t i = 0; i < rig->fake->committed + rig->fake->pending; i++) {
        if (strcmp(rig->fake->units[i].device, device) == 0) {
            last = &rig->fake->units[i];
        }
    }
    return last;
}

static bool three_pending(struct rig *rig) {
    return rig->fake->pending >= 3;
}

static bool counter_changed(struct rig *rig) {
    const struct gw_fake_unit *unit = last_of(rig, "plc.c");
    return unit && strstr(unit->data, "\"value\":\"47\"") != NULL;
}

static bool is_down(struct rig *rig) {
    return gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_UNIT_DOWN, GW_STR("plc/1"));
}

static bool is_up(struct rig *rig) {
    return !is_down(rig);
}

static bool is_refused_by_plc(struct rig *rig) {
    return gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_CONFIG, GW_STR("plc.b"));
}

static bool is_not_refused_by_plc(struct rig *rig) {
    return !is_refused_by_plc(rig);
}

/* ---- tests ---- */

static void every_point_is_reported_and_then_its_changes(void **state) {
    struct rig *rig = *state;
    atomic_store(&rig->plc.registers[2], 40);
    run_until(rig, three_pending);
    assert_string_equal(last_of(rig, "plc.a")->data,
                        "{\"address\":0,\"area\":\"holding_register\",\"point\":\"a\","
                        "\"quality\":\"good\",\"unitid\":1,\"value\":\"0\"}");
    gw_fake_intake_commit(rig->fake, GW_OK);
    size_t before = rig->fake->committed;
    atomic_store(&rig->plc.registers[2], 47);
    run_until(rig, counter_changed);
    const struct gw_fake_unit *unit = last_of(rig, "plc.c");
    assert_int_equal(unit->type, GW_EVENT_PLC_COUNTED);
    assert_non_null(strstr(unit->data, "\"delta\":"));
    assert_true(rig->fake->committed + rig->fake->pending <= before + 2);
}

static void a_silent_plc_is_down_and_comes_back(void **state) {
    struct rig *rig = *state;
    run_until(rig, three_pending);
    gw_fake_intake_commit(rig->fake, GW_OK);
    atomic_store(&rig->plc.mute, true);
    run_until(rig, is_down);
    assert_non_null(strstr(last_of(rig, "plc.a")->data, "\"quality\":\"bad\""));
    atomic_store(&rig->plc.mute, false);
    run_until(rig, is_up);
    struct gw_modbus_bus_figures figures;
    gw_modbus_bus_get_figures(rig->bus, &figures);
    assert_int_equal(figures.units_down, 0);
    assert_true(figures.is_connected);
    assert_true(figures.polls > 2);
}

static void a_refused_address_names_its_point(void **state) {
    struct rig *rig = *state;
    run_until(rig, three_pending);
    atomic_store(&rig->plc.illegal, 1);
    run_until(rig, is_refused_by_plc);
    assert_false(is_down(rig));
    assert_false(gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_CONFIG, GW_STR("plc.a")));
}

/* Empty if there is none. */
static const char *detail_of(struct rig *rig, enum gw_issue_code code, const char *subject) {
    static char text[300];
    struct gw_issue_view view;
    text[0] = '\0';
    for (size_t i = 0; gw_health_issue_at(rig->health, i, &view); i++) {
        if (view.info->code == code && gw_str_eq(view.subject, gw_str_from_cstr(subject))) {
            assert_int_equal(gw_str_copy(view.detail, text, sizeof text), GW_OK);
        }
    }
    return text;
}

static void what_is_too_large_names_value_and_scale(void **state) {
    struct rig *rig = *state;
    gw_modbus_bus_close(rig->bus);
    rig->points[1].scale =
        "10000000000000000000000000000000000000000000000000000000000000000000000";
    atomic_store(&rig->plc.registers[1], 700);
    open_bus(rig);
    run_until(rig, three_pending);
    run_until(rig, is_refused_by_plc);
    assert_non_null(strstr(last_of(rig, "plc.b")->data, "\"quality\":\"bad\""));
    assert_non_null(strstr(detail_of(rig, GW_ISSUE_MODBUS_CONFIG, "plc.b"),
                           "holding_register 1 of unit 1 shows 700, which has too many digits "
                           "with scale 1000000"));
    atomic_store(&rig->plc.registers[1], 0);
    run_until(rig, is_not_refused_by_plc);
    assert_false(is_down(rig));
}

static bool answers_as_another(struct rig *rig) {
    return strstr(detail_of(rig, GW_ISSUE_MODBUS_UNIT_DOWN, "plc/1"), "answered as unit 255 (")
           != NULL;
}

static bool is_silent(struct rig *rig) {
    return strcmp(detail_of(rig, GW_ISSUE_MODBUS_UNIT_DOWN, "plc/1"), "no answer in time") == 0;
}

static bool closes(struct rig *rig) {
    return strcmp(detail_of(rig, GW_ISSUE_MODBUS_UNIT_DOWN, "plc/1"),
                  "closed the connection when it was asked")
           == 0;
}

static void why_a_unit_is_down_is_told_and_told_anew(void **state) {
    struct rig *rig = *state;
    run_until(rig, three_pending);
    atomic_store(&rig->plc.answers_as, 255);
    run_until(rig, answers_as_another);
    atomic_store(&rig->plc.answers_as, 0);
    atomic_store(&rig->plc.mute, true);
    run_until(rig, is_silent);
    atomic_store(&rig->plc.mute, false);
    atomic_store(&rig->plc.hangs_up, true);
    run_until(rig, closes);
    atomic_store(&rig->plc.hangs_up, false);
    run_until(rig, is_up);
}

static bool counter_moved_on(struct rig *rig) {
    const struct gw_fake_unit *unit = last_of(rig, "plc.c");
    return unit && strstr(unit->data, "\"value\":\"48\"") != NULL;
}

static bool is_retried_and_more(struct rig *rig) {
    const struct gw_fake_unit *unit = last_of(rig, "plc.a");
    return unit && strstr(unit->data, "\"value\":\"1\"") != NULL;
}

static bool three_read(struct rig *rig) {
    struct gw_modbus_bus_figures figures;
    gw_modbus_bus_get_figures(rig->bus, &figures);
    return figures.polls > 2;
}

static bool request_is_swallowed(struct rig *rig) {
    return atomic_load(&rig->plc.swallowed) > 0;
}

/* The 47 cannot be read any more when the commit fails. */
static void what_a_failed_commit_held_is_submitted_again(void **state) {
    struct rig *rig = *state;
    run_until(rig, three_pending);
    gw_fake_intake_commit(rig->fake, GW_OK);
    atomic_store(&rig->plc.registers[2], 47);
    run_until(rig, counter_changed);
    atomic_store(&rig->plc.registers[2], 48);
    run_until(rig, counter_moved_on);
    size_t failed = rig->fake->pending;
    char first[GW_FAKE_INTAKE_DATA_BYTES];
    memcpy(first, rig->fake->units[rig->fake->committed].data, sizeof first);
    assert_non_null(strstr(first, "\"delta\""));
    gw_fake_intake_commit(rig->fake, GW_ERR_IO);
    atomic_store(&rig->plc.registers[0], 1);
    run_until(rig, is_retried_and_more);
    assert_true(rig->fake->pending > failed);
    assert_string_equal(rig->fake->units[rig->fake->committed].data, first);
    assert_non_null(
        strstr(rig->fake->units[rig->fake->committed + failed - 1].data, "\"value\":\"48\""));
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_drain(rig->bus);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->bus = NULL;
    assert_int_equal(rig->refused[GW_MODBUS_REFUSED_STOPPED], 0);
}

static void what_is_left_at_the_end_is_told(void **state) {
    struct rig *rig = *state;
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    run_until(rig, three_read);
    gw_modbus_bus_stop(rig->bus);
    gw_modbus_bus_drain(rig->bus);
    gw_modbus_bus_close(rig->bus);
    rig->bus = NULL;
    assert_int_equal(rig->refused[GW_MODBUS_REFUSED_STOPPED], 3);
}

static void what_waits_at_the_end_is_submitted(void **state) {
    struct rig *rig = *state;
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    run_until(rig, three_read);
    rig->fake->accept = -1;
    gw_modbus_bus_drain(rig->bus);
    assert_int_equal(rig->fake->pending, 3);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->bus = NULL;
    assert_int_equal(rig->refused[GW_MODBUS_REFUSED_STOPPED], 0);
}

/* Its time-out is a minute: only the shut socket ends the read. */
static void a_request_under_way_does_not_hold_up_the_end(void **state) {
    struct rig *rig = *state;
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->config.timeout_ms = 60000;
    open_bus(rig);
    run_until(rig, three_pending);
    atomic_store(&rig->plc.mute, true);
    run_until(rig, request_is_swallowed);
    int64_t began_mono_ms = gw_clock_mono_ms(&rig->clock);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->bus = NULL;
    assert_true(gw_clock_mono_ms(&rig->clock) - began_mono_ms < 30000);
}

static void while_the_queue_is_full_the_newest_value_survives(void **state) {
    struct rig *rig = *state;
    run_until(rig, three_pending);
    gw_fake_intake_commit(rig->fake, GW_OK);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    for (uint16_t value = 1; value <= 47; value++) {
        atomic_store(&rig->plc.registers[2], value);
        assert_int_equal(
            gw_loop_wait(rig->loop, &rig->clock, gw_clock_mono_ms(&rig->clock) + 15), GW_OK);
        gw_modbus_bus_tick(rig->bus);
    }
    rig->fake->accept = -1;
    run_until(rig, counter_changed);
    assert_true(rig->fake->committed + rig->fake->pending >= 4);
}

static size_t holes_known(struct rig *rig) {
    struct gw_modbus_bus_figures figures;
    gw_modbus_bus_get_figures(rig->bus, &figures);
    return figures.holes->count;
}

static bool hole_is_stored(struct rig *rig) {
    return rig->fake->state_count == 1;
}

static void reopen(struct rig *rig) {
    gw_modbus_bus_drain(rig->bus);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    open_bus(rig);
}

static void a_hole_is_kept_for_the_same_configuration(void **state) {
    struct rig *rig = *state;
    atomic_store(&rig->plc.illegal, 1);
    run_until(rig, is_refused_by_plc);
    run_until(rig, hole_is_stored);
    gw_fake_intake_commit(rig->fake, GW_OK);
    reopen(rig);
    assert_int_equal(holes_known(rig), 1);
    assert_true(rig->fake->states[0].len > 0);
    atomic_store(&rig->plc.illegal, 65536);
    rig->points[0].period_ms = 20;
    reopen(rig);
    assert_int_equal(holes_known(rig), 0);
    gw_modbus_bus_drain(rig->bus);
    assert_int_equal(rig->fake->states[0].len, 0);
}

static void a_hole_whose_commit_failed_is_stored_at_the_end(void **state) {
    struct rig *rig = *state;
    atomic_store(&rig->plc.illegal, 1);
    run_until(rig, hole_is_stored);
    gw_fake_intake_commit(rig->fake, GW_ERR_IO);
    assert_int_equal(rig->fake->state_count, 0);
    gw_modbus_bus_drain(rig->bus);
    assert_true(hole_is_stored(rig));
    gw_fake_intake_commit(rig->fake, GW_OK);
}

static void holes_that_are_damaged_are_forgotten(void **state) {
    struct rig *rig = *state;
    atomic_store(&rig->plc.illegal, 1);
    run_until(rig, hole_is_stored);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_drain(rig->bus);
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->fake->states[0].value[0] = 9;
    rig->fake->kept[0].value[0] = 9;
    open_bus(rig);
    assert_int_equal(holes_known(rig), 0);
}

struct asked {
    unsigned answers;
    struct gw_modbus_answer last;
};

static void on_answer(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct asked *asked = context;
    assert_int_equal(token, 7);
    asked->answers++;
    asked->last = *answer;
}

static bool two_polled(struct rig *rig) {
    struct gw_modbus_bus_figures figures;
    gw_modbus_bus_get_figures(rig->bus, &figures);
    return figures.polls > 20;
}

static void a_request_on_demand_is_answered_between_the_polls(void **state) {
    struct rig *rig = *state;
    struct asked asked = {0};
    struct gw_modbus_job job = {
        .request = {.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 5, .count = 1}};
    atomic_store(&rig->plc.registers[5], 99);
    assert_int_equal(gw_modbus_bus_ask(rig->bus, &job, gw_clock_mono_ms(&rig->clock) + 9000,
                                       on_answer, &asked, 7),
                     GW_OK);
    run_until(rig, two_polled);
    assert_int_equal(asked.answers, 1);
    assert_int_equal(asked.last.err, GW_OK);
    assert_int_equal(asked.last.words[0], 99);
    gw_modbus_bus_drain(rig->bus);
    assert_int_equal(gw_modbus_bus_ask(rig->bus, &job, GW_NEVER_MS, on_answer, &asked, 7),
                     GW_ERR_NOCONN);
}

/* Its time-out is a minute: only the wire that is cut ends the wait. */
static void a_write_nobody_confirms_does_not_hold_up_the_end_for_long(void **state) {
    struct rig *rig = *state;
    struct asked asked = {0};
    const struct gw_modbus_job job = {
        .request = {.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 5, .count = 1},
        .is_write = true,
        .reads_back = true,
        .words = {1}};
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    rig->config.timeout_ms = 60000;
    open_bus(rig);
    atomic_store(&rig->plc.swallows_writes, true);
    assert_int_equal(gw_modbus_bus_ask(rig->bus, &job, gw_clock_mono_ms(&rig->clock) + 50000,
                                       on_answer, &asked, 7),
                     GW_OK);
    run_until(rig, request_is_swallowed);
    int64_t began_mono_ms = gw_clock_mono_ms(&rig->clock);
    gw_modbus_bus_drain(rig->bus);
    assert_true(gw_clock_mono_ms(&rig->clock) - began_mono_ms < 30000);
    assert_int_equal(asked.answers, 1);
    assert_true(asked.last.was_sent);
    assert_int_equal(asked.last.err, GW_ERR_NOCONN);
    assert_int_equal(asked.last.read_err, GW_ERR_NOCONN);
    assert_int_equal(atomic_load(&rig->plc.swallowed), 1);
}

/* ---- leaving ---- */

static atomic_llong stopped_clock_mono_ms;

static int64_t read_stopped_clock(void *self) {
    (void) self;
    return atomic_load(&stopped_clock_mono_ms);
}

/* Open the bus again on a clock that only the test moves; a request may take a minute. */
static void stop_the_clock(struct rig *rig) {
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_modbus_bus_close(rig->bus);
    atomic_store(&stopped_clock_mono_ms, gw_clock_mono_ms(&rig->clock));
    rig->clock.mono_ms = read_stopped_clock;
    rig->config.timeout_ms = 60000;
    open_bus(rig);
}

static bool has_ended(struct rig *rig) {
    return gw_modbus_bus_has_ended(rig->bus);
}

static void turn_until(struct rig *rig, bool (*done)(struct rig *rig)) {
    for (int turns = 0; !done(rig); turns++) {
        assert_true(turns < 1500);
        assert_int_equal(
            gw_loop_wait(rig->loop, &rig->clock, gw_clock_mono_ms(&rig->clock) + 20), GW_OK);
        gw_modbus_bus_tick(rig->bus);
    }
}

static void a_bus_that_was_told_to_stop_wakes_the_loop_when_it_has_ended(void **state) {
    struct rig *rig = *state;
    stop_the_clock(rig);
    turn_until(rig, three_pending);
    assert_false(has_ended(rig));
    gw_modbus_bus_stop(rig->bus);
    turn_until(rig, has_ended);
    assert_int_equal(gw_modbus_bus_next_mono_ms(rig->bus), GW_NEVER_MS);
    gw_modbus_bus_drain(rig->bus);
    assert_int_equal(rig->fake->pending, 3);
}

static const struct gw_modbus_job a_write = {
    .request = {.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 5, .count = 1},
    .is_write = true,
    .reads_back = true,
    .words = {1}};

/* Of two writes, the first is on the wire when the bus is told to stop. */
static void the_tick_cuts_a_write_that_nobody_confirms_when_it_had_its_time(void **state) {
    struct rig *rig = *state;
    struct asked asked = {0}, waited = {0};
    stop_the_clock(rig);
    atomic_store(&rig->plc.swallows_writes, true);
    assert_int_equal(gw_modbus_bus_ask(rig->bus, &a_write, GW_NEVER_MS, on_answer, &asked, 7),
                     GW_OK);
    turn_until(rig, request_is_swallowed);
    assert_int_equal(gw_modbus_bus_ask(rig->bus, &a_write, GW_NEVER_MS, on_answer, &waited, 7),
                     GW_OK);
    gw_modbus_bus_stop(rig->bus);
    assert_true(gw_modbus_bus_next_mono_ms(rig->bus) <= gw_clock_mono_ms(&rig->clock));
    gw_modbus_bus_tick(rig->bus);
    assert_int_equal(waited.answers, 1);
    assert_false(waited.last.was_sent);
    int64_t cut_mono_ms = gw_clock_mono_ms(&rig->clock) + GW_MODBUS_STOP_WAIT_MS;
    assert_int_equal(gw_modbus_bus_next_mono_ms(rig->bus), cut_mono_ms);
    atomic_store(&stopped_clock_mono_ms, cut_mono_ms - 1);
    gw_modbus_bus_tick(rig->bus);
    assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, cut_mono_ms + 20), GW_OK);
    assert_false(has_ended(rig));
    assert_int_equal(asked.answers, 0);
    atomic_store(&stopped_clock_mono_ms, cut_mono_ms);
    turn_until(rig, has_ended);
    assert_int_equal(asked.answers, 1);
    assert_true(asked.last.was_sent);
    assert_int_equal(asked.last.err, GW_ERR_NOCONN);
    assert_int_equal(atomic_load(&rig->plc.swallowed), 1);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_point_is_reported_and_then_its_changes),
        RIG_TEST(a_silent_plc_is_down_and_comes_back),
        RIG_TEST(a_refused_address_names_its_point),
        RIG_TEST(what_is_too_large_names_value_and_scale),
        RIG_TEST(why_a_unit_is_down_is_told_and_told_anew),
        RIG_TEST(what_a_failed_commit_held_is_submitted_again),
        RIG_TEST(what_is_left_at_the_end_is_told),
        RIG_TEST(what_waits_at_the_end_is_submitted),
        RIG_TEST(a_request_under_way_does_not_hold_up_the_end),
        RIG_TEST(while_the_queue_is_full_the_newest_value_survives),
        RIG_TEST(a_hole_is_kept_for_the_same_configuration),
        RIG_TEST(a_hole_whose_commit_failed_is_stored_at_the_end),
        RIG_TEST(holes_that_are_damaged_are_forgotten),
        RIG_TEST(a_request_on_demand_is_answered_between_the_polls),
        RIG_TEST(a_write_nobody_confirms_does_not_hold_up_the_end_for_long),
        RIG_TEST(a_bus_that_was_told_to_stop_wakes_the_loop_when_it_has_ended),
        RIG_TEST(the_tick_cuts_a_write_that_nobody_confirms_when_it_had_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
