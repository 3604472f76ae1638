/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/flow_class.h"

/* Link floors add up to less than 100: what is left goes to business first. */
static const struct gw_flow_class_rules flow_class_rules[GW_CLASS_COUNT] = {
    [GW_CLASS_BUSINESS] = {.name = "business",
                           .commit_wait_ms = 10,
                           .linger_ms = 20,
                           .on_full = GW_ON_FULL_REFUSE,
                           .link_floor_percent = 50},
    [GW_CLASS_STATE] = {.name = "state",
                        .commit_wait_ms = 100,
                        .linger_ms = 500,
                        .on_full = GW_ON_FULL_EVICT,
                        .link_floor_percent = 10},
    [GW_CLASS_TELEMETRY] = {.name = "telemetry",
                            .commit_wait_ms = 2000,
                            .linger_ms = 30000,
                            .on_full = GW_ON_FULL_EVICT,
                            .link_floor_percent = 10},
    [GW_CLASS_AUDIT] = {.name = "audit",
                        .commit_wait_ms = 10,
                        .linger_ms = 5000,
                        .on_full = GW_ON_FULL_REFUSE,
                        .link_floor_percent = 5},
};

const struct gw_flow_class_rules *gw_flow_class_defaults(enum gw_flow_class class) {
    return &flow_class_rules[class];
}

enum gw_err gw_flow_class_parse(struct gw_str name, enum gw_flow_class *ret_class) {
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(flow_class_rules[i].name))) {
            *ret_class = (enum gw_flow_class) i;
            return GW_OK;
        }
    }
    return GW_ERR_NOENT;
}

const char *gw_flow_class_name(enum gw_flow_class class) {
    return flow_class_rules[class].name;
}
