/* SPDX-License-Identifier: Apache-2.0 */
/* Scales behind Modbus, the worker's side and the loop's played in one thread. */
#include "drivers/modbus/scales.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "firmware/base/loop.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/temp_folder.h"

#define PROFILES GW_SOURCE_DIR "/drivers/profile/profiles"
#define STABLE 2 /* bits of modbus-dgt4x-multi */
#define OVER 8
#define NEGATIVE 1

enum { STATUS, GROSS, OTHER, STATUS_2, GROSS_2, POINTS };

struct rig {
    struct gw_fake_intake *intake;
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_config_point points[POINTS];
    struct gw_config_scale config[2];
    struct gw_config_bus bus;
    struct gw_modbus_scales *scales;
    uint64_t refused[3];
};

static struct rig rig;

static void count_refused(void *context, struct gw_str device, enum gw_flow_class class,
                          enum gw_modbus_refusal why, uint64_t count) {
    struct rig *self = context;
    (void) device;
    assert_int_equal(class, GW_CLASS_BUSINESS);
    self->refused[why] += count;
}

static struct gw_config_point point_of(const char *name, enum gw_point_type type,
                                       const char *scale) {
    return (struct gw_config_point){.name = name,
                                    .area = GW_AREA_INPUT_REGISTER,
                                    .type = type,
                                    .bit = GW_POINT_ALL_BITS,
                                    .scale = scale,
                                    .offset = "0",
                                    .dead_band = "0"};
}

static int set_up(void **state) {
    (void) state;
    rig = (struct rig){.intake = gw_fake_intake_open()};
    rig.intake->accept = -1;
    rig.clock = gw_fake_clock_init(&rig.fake);
    assert_int_equal(gw_loop_open(8, &rig.loop), GW_OK);
    assert_int_equal(gw_health_open(&rig.clock, GW_STR("test"), 16, 16, &rig.health), GW_OK);
    rig.points[STATUS] = point_of("status", GW_POINT_UINT16, "1");
    rig.points[GROSS] = point_of("gross", GW_POINT_UINT32, "0.001");
    rig.points[OTHER] = point_of("other", GW_POINT_UINT16, "1");
    rig.points[STATUS_2] = point_of("s2.status", GW_POINT_UINT16, "1");
    rig.points[GROSS_2] = point_of("s2.gross", GW_POINT_UINT32, "0.1");
    rig.config[0] = (struct gw_config_scale){.id = "scale-1",
                                             .profile = "modbus-dgt4x-multi",
                                             .points_prefix = "",
                                             .class = GW_CLASS_BUSINESS};
    rig.config[1] = rig.config[0];
    rig.config[1].id = "scale-2";
    rig.config[1].points_prefix = "s2.";
    rig.bus = (struct gw_config_bus){
        .points = rig.points, .point_count = POINTS, .scales = rig.config, .scale_count = 1};
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    gw_modbus_scales_close(rig.scales);
    gw_health_close(rig.health);
    gw_loop_close(rig.loop);
    gw_fake_intake_close(rig.intake);
    return 0;
}

static void open_scales(void) {
    const struct gw_modbus_scales_options options = {
        .config = &rig.bus,
        .points = rig.points,
        .bus_name = GW_STR("plc1"),
        .profile_folder = PROFILES,
        .intake = gw_fake_intake(rig.intake),
        .loop = rig.loop,
        .clock = &rig.clock,
        .health = rig.health,
        .refused = count_refused,
        .refused_context = &rig,
    };
    assert_int_equal(gw_modbus_scales_open(&options, &rig.scales), GW_OK);
}

static void take(size_t point, uint32_t value) {
    const uint16_t words[2] = {
        rig.points[point].type == GW_POINT_UINT32 ? (uint16_t) (value >> 16) : (uint16_t) value,
        (uint16_t) value};
    gw_modbus_scales_take(rig.scales, point, words);
}

/* One poll of the first scale, in one block. */
static void poll_once(uint16_t status, uint32_t gross) {
    gw_fake_clock_advance(&rig.fake, 100);
    take(STATUS, status);
    take(GROSS, gross);
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
}

static void commit(enum gw_err err) {
    gw_fake_intake_commit(rig.intake, err);
}

static size_t submitted(void) {
    return rig.intake->committed + rig.intake->pending;
}

static void a_load_is_one_weight_however_often_it_is_read(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    poll_once(0, 7215);
    for (unsigned i = 0; i < 5; i++) {
        poll_once(STABLE, 12340);
    }
    poll_once(STABLE, 0);
    commit(GW_OK);
    assert_int_equal(submitted(), 1);
    assert_string_equal(rig.intake->units[0].device, "scale-1");
    assert_int_equal(rig.intake->units[0].type, GW_EVENT_WEIGHT_MEASURED);
    assert_string_equal(
        rig.intake->units[0].data,
        "{\"mode\":\"gross\",\"raw\":\"status=2 gross=12.340\",\"state\":\"stable\","
        "\"unit\":\"kg\",\"unitcode\":\"KGM\",\"value\":\"12.340\"}");
    poll_once(STABLE, 500);
    assert_int_equal(submitted(), 2);
}

static void a_weight_whose_commit_failed_is_submitted_again(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    poll_once(STABLE, 12340);
    commit(GW_ERR_IO);
    assert_int_equal(submitted(), 0);
    gw_modbus_scales_tick(rig.scales);
    assert_int_equal(submitted(), 0); /* not at once */
    gw_fake_clock_advance(&rig.fake, 200);
    assert_true(gw_modbus_scales_next_mono_ms(rig.scales) <= rig.fake.mono_ms);
    gw_modbus_scales_tick(rig.scales);
    commit(GW_OK);
    assert_int_equal(submitted(), 1);
    assert_non_null(strstr(rig.intake->units[0].data, "\"value\":\"12.340\""));
    gw_modbus_scales_tick(rig.scales);
    assert_int_equal(submitted(), 1);
    assert_int_equal(gw_modbus_scales_next_mono_ms(rig.scales), INT64_MAX);
}

static void weights_wait_in_order_while_the_queue_is_full(void **state) {
    (void) state;
    open_scales();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    for (uint32_t i = 1; i <= 3; i++) {
        poll_once(STABLE, 0);
        poll_once(STABLE, i * 1000);
    }
    rig.intake->accept = -1;
    for (unsigned i = 0; i < 3; i++) {
        gw_fake_clock_advance(&rig.fake, 200);
        gw_modbus_scales_tick(rig.scales);
        commit(GW_OK);
    }
    assert_int_equal(rig.intake->committed, 3);
    assert_non_null(strstr(rig.intake->units[0].data, "\"value\":\"1.000\""));
    assert_non_null(strstr(rig.intake->units[2].data, "\"value\":\"3.000\""));
}

static void at_the_end_all_weights_that_wait_are_stored(void **state) {
    (void) state;
    open_scales();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    for (uint32_t i = 1; i <= GW_SCALES_LINES; i++) {
        poll_once(STABLE, 0);
        poll_once(STABLE, i * 1000);
    }
    rig.intake->accept = -1;
    unsigned turns = 0;
    while (gw_modbus_scales_submit_rest(rig.scales) && turns <= GW_SCALES_LINES) {
        commit(GW_OK);
        turns++;
    }
    assert_int_equal(turns, GW_SCALES_LINES);
    assert_int_equal(rig.intake->committed, GW_SCALES_LINES);
    gw_modbus_scales_close(rig.scales);
    rig.scales = NULL;
    assert_int_equal(rig.refused[GW_MODBUS_REFUSED_STOPPED], 0);
    assert_false(gw_modbus_scales_submit_rest(NULL));
}

static void what_has_no_room_and_what_is_left_at_the_end_is_told(void **state) {
    (void) state;
    open_scales();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    for (uint32_t i = 1; i <= GW_SCALES_LINES + 5; i++) {
        poll_once(STABLE, 0);
        poll_once(STABLE, i * 1000);
    }
    assert_int_equal(rig.refused[GW_MODBUS_REFUSED_FULL], 5);
    gw_modbus_scales_close(rig.scales);
    rig.scales = NULL;
    assert_int_equal(rig.refused[GW_MODBUS_REFUSED_STOPPED], GW_SCALES_LINES);
}

static void an_old_status_never_meets_a_new_weight(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    take(GROSS, 5000); /* its own block: the status of before does not speak for it */
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
    assert_int_equal(submitted(), 0);
    gw_fake_clock_advance(&rig.fake, 501); /* fresh_ms is 500 */
    take(STATUS, STABLE);
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
    commit(GW_OK);
    assert_int_equal(submitted(), 1);
    assert_non_null(strstr(rig.intake->units[0].data, "points read too far apart"));
    take(STATUS, STABLE);
    gw_fake_clock_advance(&rig.fake, 20);
    take(GROSS, 5000);
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
    assert_int_equal(submitted(), 2);
    assert_non_null(strstr(rig.intake->units[1].data, "status=2 gross=5.000 age=20"));
}

static void a_read_that_failed_is_an_error_told_once(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    for (unsigned i = 0; i < 3; i++) {
        gw_modbus_scales_take_bad(rig.scales, STATUS);
        gw_modbus_scales_take_bad(rig.scales, GROSS);
        gw_modbus_scales_settle(rig.scales);
        gw_modbus_scales_tick(rig.scales);
        commit(GW_OK);
    }
    assert_int_equal(submitted(), 1);
    assert_non_null(strstr(rig.intake->units[0].data, "\"state\":\"error\""));
}

static void two_scales_of_one_bus_keep_apart(void **state) {
    (void) state;
    rig.bus.scale_count = 2;
    open_scales();
    poll_once(STABLE, 1000);
    commit(GW_OK);
    take(OTHER, 77);
    take(STATUS_2, STABLE);
    take(GROSS_2, 25);
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
    commit(GW_OK);
    assert_int_equal(rig.intake->committed, 2);
    assert_string_equal(rig.intake->units[1].device, "scale-2");
    assert_non_null(strstr(rig.intake->units[1].data, "\"value\":\"2.5\""));
    /* what lay there at the start may have been reported before */
    assert_non_null(strstr(rig.intake->units[1].data, "\"remarks\":[\"after_start\"]"));
    struct gw_modbus_point_figures figures;
    assert_true(gw_modbus_scales_figures(rig.scales, 1, &figures));
    assert_true(gw_str_eq(figures.device, GW_STR("scale-2")));
    assert_int_equal(figures.events, 1);
    assert_false(gw_modbus_scales_figures(rig.scales, 2, &figures));
}

static void a_sign_in_a_bit_is_part_of_the_value(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    poll_once(STABLE | NEGATIVE, 4000); /* no load: below zero */
    poll_once(STABLE | OVER, 99999);
    commit(GW_OK);
    assert_int_equal(submitted(), 1);
    assert_non_null(strstr(rig.intake->units[0].data, "\"state\":\"over\""));
}

static void check_faulty(void) {
    open_scales();
    assert_true(gw_health_is_raised(rig.health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-1")));
    poll_once(STABLE, 5000);
    assert_int_equal(submitted(), 0);
    gw_modbus_scales_close(rig.scales);
    rig.scales = NULL;
    assert_false(gw_health_is_raised(rig.health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-1")));
}

static void a_scale_that_cannot_be_used_is_an_issue_and_gives_no_weights(void **state) {
    (void) state;
    rig.config[0].profile = "no-such-profile";
    check_faulty();
    rig.config[0].profile = "mt-sics"; /* has bytes, not points */
    check_faulty();
    rig.config[0].profile = "modbus-dgt4x-multi";
    rig.config[0].points_prefix = "s9.";
    check_faulty();
}

/* The document of the first scale's profile with another member of `weight`. */
static void write_profile(const char *path, const char *weight) {
    char document[512];
    (void) snprintf(
        document, sizeof document,
        "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\",\"decode\":\"modbus\","
        "\"sources\":[\"t\"],\"weight\":{\"unit\":\"kg\",%s},\"modbus\":{\"weight\":"
        "\"gross\",\"status\":\"status\",\"bits\":[{\"bit\":1,\"meaning\":"
        "\"stable\"}]}}",
        weight);
    assert_int_equal(
        gw_file_replace_volatile(path, gw_bytes_from_str(gw_str_from_cstr(document)), 0600),
        GW_OK);
}

static void divisions_of_a_float_are_an_issue_and_a_number_is_none(void **state) {
    (void) state;
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_folder_open(&folder);
    rig.points[GROSS].type = GW_POINT_FLOAT32;
    check_faulty();
    write_profile(gw_temp_path(&folder, "t.json", path), "\"rearm_below\":\"0.05\"");
    rig.config[0].profile = path;
    open_scales();
    assert_false(gw_health_is_raised(rig.health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-1")));
    gw_temp_folder_close(&folder);
}

static void a_profile_with_a_bad_threshold_costs_its_scale_only(void **state) {
    (void) state;
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_folder_open(&folder);
    write_profile(gw_temp_path(&folder, "t.json", path), "\"rearm_below\":\"2%\"");
    rig.config[0].profile = path;
    rig.bus.scale_count = 2;
    open_scales();
    assert_true(gw_health_is_raised(rig.health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-1")));
    assert_false(gw_health_is_raised(rig.health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-2")));
    gw_fake_clock_advance(&rig.fake, 100);
    take(STATUS_2, STABLE);
    take(GROSS_2, 5000);
    gw_modbus_scales_settle(rig.scales);
    gw_modbus_scales_tick(rig.scales);
    assert_int_equal(submitted(), 1);
    gw_temp_folder_close(&folder);
}

static void a_load_that_hides_behind_another_is_a_condition_and_no_weight(void **state) {
    (void) state;
    open_scales();
    poll_once(STABLE, 0);
    poll_once(STABLE, 5000);
    commit(GW_OK);
    poll_once(STABLE, 5021); /* 21 divisions: nobody saw the scale empty */
    assert_int_equal(rig.intake->pending, 1);
    assert_non_null(strstr(rig.intake->units[1].data, "\"condition\":\"load_not_removed\""));
    assert_non_null(strstr(rig.intake->units[1].data, "5.021 kg is not reported: it is not"));
    assert_non_null(strstr(rig.intake->units[1].data, "\"raw\":\"status=2 gross=5.021\""));
    commit(GW_OK);
    poll_once(STABLE, 9000);
    assert_int_equal(submitted(), 2); /* told once */
    poll_once(STABLE, 20);
    poll_once(STABLE, 9000);
    assert_int_equal(submitted(), 3);
    assert_non_null(strstr(rig.intake->units[2].data, "\"value\":\"9.000\""));
    commit(GW_OK);
}

static void a_bus_without_scales_has_none(void **state) {
    (void) state;
    rig.bus.scale_count = 0;
    open_scales();
    assert_null(rig.scales);
    gw_modbus_scales_take(NULL, 0, NULL);
    gw_modbus_scales_take_bad(NULL, 0);
    gw_modbus_scales_settle(NULL);
    gw_modbus_scales_tick(NULL);
    assert_int_equal(gw_modbus_scales_next_mono_ms(NULL), INT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_load_is_one_weight_however_often_it_is_read),
        TEST(a_weight_whose_commit_failed_is_submitted_again),
        TEST(weights_wait_in_order_while_the_queue_is_full),
        TEST(at_the_end_all_weights_that_wait_are_stored),
        TEST(what_has_no_room_and_what_is_left_at_the_end_is_told),
        TEST(an_old_status_never_meets_a_new_weight),
        TEST(a_read_that_failed_is_an_error_told_once),
        TEST(two_scales_of_one_bus_keep_apart),
        TEST(a_sign_in_a_bit_is_part_of_the_value),
        TEST(a_scale_that_cannot_be_used_is_an_issue_and_gives_no_weights),
        TEST(divisions_of_a_float_are_an_issue_and_a_number_is_none),
        TEST(a_profile_with_a_bad_threshold_costs_its_scale_only),
        TEST(a_load_that_hides_behind_another_is_a_condition_and_no_weight),
        TEST(a_bus_without_scales_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
