/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/collectd_internal.h"

static struct gw_event_draft draft_of(const struct gw_collectd *collectd,
                                      const struct gw_collectd_event *event) {
    return (struct gw_event_draft){
        .type = event->type,
        .class = gw_event_type_find(event->type)->default_class,
        .time_wall_ms = gw_clock_wall_ms(&collectd->clock),
        .device = event->device.len > 0 ? event->device : GW_STR("gateway"),
        .data = event->data,
    };
}

enum gw_err gw_collectd_submit_event(struct gw_collectd *collectd,
                                     const struct gw_collectd_event *event) {
    struct gw_event_draft draft = draft_of(collectd, event);
    struct gw_unit unit = {.events = &draft, .event_count = 1, .urgent = event->urgent};
    return gw_intake_submit(&collectd->intake, &unit);
}

struct outcome {
    bool is_known;
    enum gw_err err;
};

static void note_outcome(void *context, uint64_t token, enum gw_err err) {
    (void) token;
    struct outcome *outcome = context;
    outcome->is_known = true;
    outcome->err = err;
}

enum gw_err gw_collectd_commit_unit(struct gw_collectd *collectd, struct gw_unit *unit) {
    struct outcome outcome = {0};
    unit->completed = note_outcome;
    unit->context = &outcome;
    unit->urgent = true;
    enum gw_err err = gw_intake_submit(&collectd->intake, unit);
    if (err) {
        return err;
    }
    /* The outcome's storage must not be left behind in an open group. */
    err = gw_queue_commit(collectd->queue);
    if (outcome.is_known) {
        return outcome.err;
    }
    return err ? err : GW_ERR_FATAL;
}

void gw_collectd_encode_number(uint8_t dst[static 8], uint64_t number) {
    for (int i = 7; i >= 0; i--) {
        dst[i] = (uint8_t) number;
        number >>= 8;
    }
}

uint64_t gw_collectd_decode_number(const uint8_t src[static 8]) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | src[i];
    }
    return number;
}

enum gw_err gw_collectd_get_state(const struct gw_collectd *collectd, struct gw_str key,
                                  struct gw_buf *value) {
    return collectd->intake.state_get(collectd->intake.self, GW_COLLECTD_TABLE,
                                      gw_bytes_from_str(key), value);
}
