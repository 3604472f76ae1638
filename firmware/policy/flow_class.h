/* SPDX-License-Identifier: Apache-2.0 */
/* The four flow classes and what each promises. Numbers: design of the event
 * plan; each may be overridden in configuration. Pure tables, no I/O. */
#ifndef GW_POLICY_FLOW_CLASS_H
#define GW_POLICY_FLOW_CLASS_H

#include "firmware/base/str.h"

/* The values are stored on disk and in event ids: never renumber. */
enum gw_flow_class {
    GW_CLASS_BUSINESS = 0,
    GW_CLASS_STATE = 1,
    GW_CLASS_TELEMETRY = 2,
    GW_CLASS_AUDIT = 3,
    GW_CLASS_COUNT
};

enum gw_on_full {
    GW_ON_FULL_REFUSE, /* back-pressure to the source */
    GW_ON_FULL_EVICT,  /* oldest goes, a tombstone stays */
};

struct gw_flow_class_rules {
    const char *name;        /* "business", ... as in events and configuration */
    uint32_t commit_wait_ms; /* longest wait of a commit group */
    uint32_t linger_ms;      /* longest wait of a batch, only while a request of
                                the class is in flight */
    enum gw_on_full on_full;
    uint32_t link_floor_percent; /* guaranteed share of the link */
};

/* Defaults of a class; static storage. `class` must be < GW_CLASS_COUNT. */
const struct gw_flow_class_rules *gw_flow_class_defaults(enum gw_flow_class class);
/* Class by name. NOENT. */
enum gw_err gw_flow_class_parse(struct gw_str name, enum gw_flow_class *ret_class);
/* Its name; static storage. `class` must be < GW_CLASS_COUNT. */
const char *gw_flow_class_name(enum gw_flow_class class);

#endif
