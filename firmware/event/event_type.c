/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/event/event.h"

#define TYPE(number, noun_verb, class)                                                         \
    { number, "io.gangway." noun_verb ".v1", "urn:gangway:schema:" noun_verb ":1.0.0", class }

static const struct gw_event_type_info event_types[] = {
    /* a tombstone lives in the class of the events it replaces */
    TYPE(GW_EVENT_TOMBSTONE, "gateway.tombstone", GW_CLASS_STATE),
    TYPE(GW_EVENT_SCAN_OBSERVED, "scan.observed", GW_CLASS_BUSINESS),
    TYPE(GW_EVENT_WEIGHT_MEASURED, "weight.measured", GW_CLASS_BUSINESS),
    TYPE(GW_EVENT_PLC_SIGNAL_CHANGED, "plc.signal_changed", GW_CLASS_STATE),
    TYPE(GW_EVENT_PLC_COUNTED, "plc.counted", GW_CLASS_TELEMETRY),
    TYPE(GW_EVENT_METRIC_SAMPLED, "metric.sampled", GW_CLASS_TELEMETRY),
    TYPE(GW_EVENT_DEVICE_CONDITION, "device.condition", GW_CLASS_STATE),
    TYPE(GW_EVENT_GATEWAY_HEARTBEAT, "gateway.heartbeat", GW_CLASS_STATE),
    TYPE(GW_EVENT_GATEWAY_STARTED, "gateway.started", GW_CLASS_STATE),
    TYPE(GW_EVENT_GATEWAY_CLOCK_CORRECTED, "gateway.clock_corrected", GW_CLASS_STATE),
    TYPE(GW_EVENT_CAPTURE_REFUSED, "capture.refused", GW_CLASS_STATE),
    TYPE(GW_EVENT_AUDIT_RECORDED, "audit.recorded", GW_CLASS_AUDIT),
    TYPE(GW_EVENT_COMMAND_RESULT, "command.result", GW_CLASS_AUDIT),
};

const struct gw_event_type_info *gw_event_type_at(size_t index) {
    size_t count = sizeof(event_types) / sizeof(event_types[0]);
    return index < count ? &event_types[index] : NULL;
}

const struct gw_event_type_info *gw_event_type_find(enum gw_event_type type) {
    const struct gw_event_type_info *info;
    for (size_t i = 0; (info = gw_event_type_at(i)) != NULL; i++) {
        if (info->type == type) {
            return info;
        }
    }
    return NULL;
}

enum gw_err gw_event_type_parse(struct gw_str name, enum gw_event_type *ret_type) {
    const struct gw_event_type_info *info;
    for (size_t i = 0; (info = gw_event_type_at(i)) != NULL; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(info->name))) {
            *ret_type = info->type;
            return GW_OK;
        }
    }
    return GW_ERR_NOENT;
}
