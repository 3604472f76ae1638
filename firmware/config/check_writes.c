/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of what commands may write. The list is a permission, so it has no generous
 * reading: a register without a range or a list of values is a finding, not "anything".
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/check.h"

static bool is_set(const char *text) {
    return text[0] != '\0';
}

static bool is_float(enum gw_point_type type) {
    return type == GW_POINT_FLOAT32 || type == GW_POINT_FLOAT64;
}

static unsigned register_count(const struct gw_config_write *write) {
    switch (write->type) {
    case GW_POINT_INT32:
    case GW_POINT_UINT32:
    case GW_POINT_FLOAT32:
        return 2;
    case GW_POINT_INT64:
    case GW_POINT_UINT64:
    case GW_POINT_FLOAT64:
        return 4;
    default:
        return 1;
    }
}

static const char *finding_of_type(const struct gw_config_write *write) {
    return write->area == GW_AREA_COIL && write->type != GW_POINT_BOOL
               ? "a coil is one bit, allowed: \"bool\""
               : NULL;
}

static const char *finding_of_order(const struct gw_config_write *write) {
    return write->order > GW_ORDER_DCBA && register_count(write) != 4
               ? "is an order of four registers, allowed: \"ABCD\", \"CDAB\", \"BADC\", "
                 "\"DCBA\""
               : NULL;
}

static const char *finding_of_scale(const struct gw_config_write *write) {
    bool may_scale = write->type != GW_POINT_BOOL && !is_float(write->type);
    return !may_scale && is_set(write->scale) && strcmp(write->scale, "1") != 0
               ? "a bool or a float is written as it is: leave it out"
               : NULL;
}

static const char *finding_of_range(const struct gw_config_write *write) {
    bool has_range = is_set(write->min) && is_set(write->max);
    if (is_set(write->min) != is_set(write->max)) {
        return "min and max belong together: give both or none";
    }
    if (write->type == GW_POINT_BOOL && (has_range || write->value_count > 0)) {
        return "a bool is 0 or 1: leave min, max and values out";
    }
    if (has_range && write->value_count > 0) {
        return "has no effect beside values: leave one of the two out";
    }
    return write->type != GW_POINT_BOOL && !has_range && write->value_count == 0
               ? "found nothing: what may be written must be said, by min and max or by values"
               : NULL;
}

static const char *finding_of_address(const struct gw_config_write *write) {
    return write->address + register_count(write) > 65536
               ? "the value reaches beyond address 65535"
               : NULL;
}

static const struct {
    const char *member;
    const char *(*finding)(const struct gw_config_write *write);
} rules[] = {
    {"type", finding_of_type}, {"order", finding_of_order},     {"scale", finding_of_scale},
    {"min", finding_of_range}, {"address", finding_of_address},
};

static void report_write(struct gw_config_report *report, size_t index, const char *member,
                         const char *finding) {
    size_t mark = gw_config_enter(report, GW_STR("writes"));
    (void) gw_config_enter_index(report, index);
    (void) gw_config_enter(report, gw_str_from_cstr(member));
    gw_config_report_text(report, "%s", finding);
    gw_config_leave(report, mark);
}

/* Two entries for one address could allow what one of them forbids. */
static bool is_same_place(const struct gw_config_write *a, const struct gw_config_write *b) {
    return a->unit_id == b->unit_id && a->area == b->area
           && a->address < b->address + register_count(b)
           && b->address < a->address + register_count(a);
}

static void check_others(struct gw_config_report *report, const struct gw_config_bus *bus,
                         size_t index) {
    const struct gw_config_write *write = &bus->writes[index];
    for (size_t i = 0; i < index; i++) {
        if (is_set(write->name) && strcmp(write->name, bus->writes[i].name) == 0) {
            report_write(report, index, "name",
                         "is the name of another entry, allowed: a name of its own");
        }
        if (write->unit_id > 0 && is_same_place(write, &bus->writes[i])) {
            report_write(report, index, "address", "is in another entry of writes already");
        }
    }
}

void gw_config_derive_writes(struct gw_config_bus *bus) {
    struct gw_config_write *writes = (struct gw_config_write *) bus->writes;
    for (size_t i = 0; i < bus->write_count; i++) {
        if ((unsigned) writes[i].type == GW_CHOICE_NOT_GIVEN) {
            writes[i].type = writes[i].area == GW_AREA_COIL ? GW_POINT_BOOL : GW_POINT_UINT16;
        }
    }
}

void gw_config_check_writes(struct gw_config_report *report, const struct gw_config_bus *bus) {
    for (size_t i = 0; i < bus->write_count; i++) {
        for (size_t j = 0; j < GW_ARRAY_LEN(rules); j++) {
            const char *finding = rules[j].finding(&bus->writes[i]);
            if (finding) {
                report_write(report, i, rules[j].member, finding);
            }
        }
        check_others(report, bus, i);
    }
}
