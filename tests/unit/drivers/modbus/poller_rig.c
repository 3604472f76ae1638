/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct gw_config_point poller_point_at(uint8_t unit_id, uint16_t address) {
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

static void close_poller(struct poller_rig *rig) {
    gw_poller_close(rig->poller);
    gw_handover_close(rig->handover);
    rig->poller = NULL;
    rig->handover = NULL;
}

void poller_rig_open(struct poller_rig *rig) {
    close_poller(rig);
    struct gw_poller_options options = {
        .points = rig->points,
        .count = rig->count,
        .max_gap = rig->max_gap,
        .dead_share_percent = rig->dead_share_percent,
        .probe_max_ms = rig->probe_max_ms,
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

int poller_rig_setup(void **state) {
    struct poller_rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake);
    rig->points[0] = poller_point_at(1, 0);
    rig->points[1] = poller_point_at(1, 1);
    rig->points[2] = poller_point_at(1, 3);
    rig->points[3] = poller_point_at(2, 0);
    rig->count = 4;
    rig->max_gap = 4;
    poller_rig_open(rig);
    *state = rig;
    return 0;
}

int poller_rig_teardown(void **state) {
    struct poller_rig *rig = *state;
    close_poller(rig);
    free(rig);
    return 0;
}

void poller_let_time_count(struct poller_rig *rig) {
    rig->bus.clock = &rig->fake;
    rig->bus.answer_ms = 2;
    rig->bus.timeout_ms = 1000;
}

void poller_live_for(struct poller_rig *rig, int64_t ms) {
    int64_t end_mono_ms = rig->fake.mono_ms + ms;
    while (rig->fake.mono_ms < end_mono_ms) {
        int64_t due_mono_ms = gw_poller_step(rig->poller);
        if (due_mono_ms > rig->fake.mono_ms) {
            int64_t sleep_ms = due_mono_ms - rig->fake.mono_ms;
            gw_fake_clock_advance(&rig->fake, sleep_ms > 1000 ? 1000 : sleep_ms);
        }
    }
}

void poller_settle(struct poller_rig *rig) {
    for (int i = 0; i < 5000; i++) {
        if (gw_poller_step(rig->poller) > rig->fake.mono_ms) {
            return;
        }
    }
    fail_msg("the poller is never done");
}

void poller_run_for(struct poller_rig *rig, int64_t ms, int64_t step_ms) {
    for (int64_t passed = 0; passed < ms; passed += step_ms) {
        gw_fake_clock_advance(&rig->fake, step_ms);
        poller_settle(rig);
    }
}

unsigned poller_take_all(struct poller_rig *rig, struct gw_modbus_reading *last) {
    unsigned count = 0;
    while (gw_handover_take(rig->handover, last)) {
        count++;
    }
    return count;
}

unsigned poller_take_count(struct poller_rig *rig) {
    struct gw_modbus_reading ignored;
    return poller_take_all(rig, &ignored);
}

bool poller_unit_is_down(struct poller_rig *rig, size_t unit) {
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, unit, &condition);
    return condition.is_down;
}
