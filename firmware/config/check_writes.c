/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of what commands may write. The list is a permission, so it has no generous
 * reading: a register without a range or a list of values is a finding, not "anything".
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/check.h"
#include "firmware/config/write_value.h"
#include "firmware/event/decimal.h"

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

static void type_of_the_area(const struct gw_config_write *write, struct gw_buf *finding) {
    if (write->area == GW_AREA_COIL && write->type != GW_POINT_BOOL) {
        (void) gw_buf_put_str(finding, GW_STR("a coil is one bit, allowed: \"bool\""));
    }
}

static void order_of_the_type(const struct gw_config_write *write, struct gw_buf *finding) {
    if (write->order > GW_ORDER_DCBA && register_count(write) != 4) {
        (void) gw_buf_put_str(finding,
                              GW_STR("is an order of four registers, allowed: \"ABCD\", "
                                     "\"CDAB\", \"BADC\", \"DCBA\""));
    }
}

static void scale_of_the_type(const struct gw_config_write *write, struct gw_buf *finding) {
    bool may_scale = write->type != GW_POINT_BOOL && !is_float(write->type);
    if (!may_scale && is_set(write->scale) && strcmp(write->scale, "1") != 0) {
        (void) gw_buf_put_str(finding,
                              GW_STR("a bool or a float is written as it is: leave it out"));
    }
}

static void range_is_said(const struct gw_config_write *write, struct gw_buf *finding) {
    bool has_range = is_set(write->min) && is_set(write->max);
    if (is_set(write->min) != is_set(write->max)) {
        (void) gw_buf_put_str(finding,
                              GW_STR("min and max belong together: give both or none"));
    } else if (write->type == GW_POINT_BOOL && (has_range || write->value_count > 0)) {
        (void) gw_buf_put_str(finding,
                              GW_STR("a bool is 0 or 1: leave min, max and values out"));
    } else if (has_range && write->value_count > 0) {
        (void) gw_buf_put_str(finding,
                              GW_STR("has no effect beside values: leave one of the two out"));
    } else if (write->type != GW_POINT_BOOL && !has_range && write->value_count == 0) {
        (void) gw_buf_put_str(finding,
                              GW_STR("found nothing: what may be written must be said, by min "
                                     "and max or by values"));
    }
}

static void range_has_values(const struct gw_config_write *write, struct gw_buf *finding) {
    struct gw_decimal min, max;
    if (!gw_decimal_parse(gw_str_from_cstr(write->min), &min)
        && !gw_decimal_parse(gw_str_from_cstr(write->max), &max)
        && gw_decimal_compare(&min, &max) > 0) {
        (void) gw_buf_printf(finding, "found \"%s\", allowed: not above max, which is \"%s\"",
                             write->min, write->max);
    }
}

/* What is allowed must be possible: by the arithmetic of the write itself. */
static void fits_the_type(const struct gw_config_write *write, const char *text,
                          struct gw_buf *finding) {
    struct gw_str value = gw_str_from_cstr(text);
    uint64_t bits = 0;
    if (value.len == 0 || write->type == GW_POINT_BOOL
        || !gw_config_write_bits(write, value, &bits)) {
        return;
    }
    (void) gw_buf_printf(
        finding, "found \"%s\", which the type%s cannot hold exactly, allowed: ", text,
        is_float(write->type) || strcmp(write->scale, "1") == 0 ? "" : " and scale");
    size_t before = finding->len;
    gw_config_write_put_held(write, value, finding);
    if (finding->len == before) {
        (void) gw_buf_put_str(finding, GW_STR("what it can hold"));
    }
}

static void min_fits(const struct gw_config_write *write, struct gw_buf *finding) {
    fits_the_type(write, write->min, finding);
}

static void max_fits(const struct gw_config_write *write, struct gw_buf *finding) {
    fits_the_type(write, write->max, finding);
}

static void address_of_the_end(const struct gw_config_write *write, struct gw_buf *finding) {
    unsigned count = register_count(write);
    if (write->address + count > 65536) {
        (void) gw_buf_printf(finding,
                             "found %u, but the value reaches beyond address 65535, allowed: "
                             "up to %u",
                             (unsigned) write->address, 65536 - count);
    }
}

/* Nothing is said of a member behind something that was said of one it depends on. */
static const struct {
    const char *member;
    void (*rule)(const struct gw_config_write *write, struct gw_buf *finding);
    const char *needs[3];
} rules[] = {
    {"type", type_of_the_area, {NULL}},   {"order", order_of_the_type, {NULL}},
    {"scale", scale_of_the_type, {NULL}}, {"min", range_is_said, {"max", "values"}},
    {"min", range_has_values, {"max"}},   {"min", min_fits, {"scale"}},
    {"max", max_fits, {"scale"}},         {"address", address_of_the_end, {NULL}},
};

static void report_write(struct gw_config_report *report, const char *member,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

static void report_write(struct gw_config_report *report, const char *member,
                         const char *format, ...) {
    char finding[512];
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(finding, sizeof finding, format, arguments);
    va_end(arguments);
    size_t mark = gw_config_enter(report, gw_str_from_cstr(member));
    gw_config_report_text(report, "%s", finding);
    gw_config_leave(report, mark);
}

/* The report stands at the entry. */
static bool is_settled(const struct gw_config_report *report, const char *member,
                       const char *const needs[static 3]) {
    bool is_said = gw_config_is_reported(report, "") || gw_config_is_reported(report, "type")
                   || gw_config_is_reported(report, "area")
                   || gw_config_is_reported(report, member);
    for (size_t i = 0; i < 3 && needs[i]; i++) {
        is_said |= gw_config_is_reported(report, needs[i]);
    }
    return !is_said;
}

static void check_entry(struct gw_config_report *report, const struct gw_config_write *write) {
    char storage[448];
    struct gw_buf finding;
    gw_buf_init(&finding, storage, sizeof storage);
    for (size_t i = 0; i < GW_ARRAY_LEN(rules); i++) {
        gw_buf_clear(&finding);
        rules[i].rule(write, &finding);
        if (finding.len > 0 && is_settled(report, rules[i].member, rules[i].needs)) {
            report_write(report, rules[i].member, "%.*s", (int) finding.len, storage);
        }
    }
    static const char *const of_values[3] = {"scale"};
    bool is_of_values = is_settled(report, "values", of_values);
    for (size_t i = 0; i < write->value_count && is_of_values; i++) {
        char member[32];
        gw_buf_clear(&finding);
        (void) snprintf(member, sizeof member, "values[%zu]", i);
        fits_the_type(write, write->values[i], &finding);
        if (finding.len > 0) {
            report_write(report, member, "%.*s", (int) finding.len, storage);
        }
    }
}

/* Two entries for one address could allow what one of them forbids. */
static bool is_same_place(const struct gw_config_write *a, const struct gw_config_write *b) {
    return a->unit_id == b->unit_id && a->area == b->area
           && a->address < b->address + register_count(b)
           && b->address < a->address + register_count(a);
}

static size_t enter_write(struct gw_config_report *report, size_t index) {
    size_t mark = gw_config_enter(report, GW_STR("writes"));
    (void) gw_config_enter_index(report, index);
    return mark;
}

/* From the bus. */
static bool has_place(struct gw_config_report *report, size_t index) {
    static const char *const of_place[3] = {"unit_id"};
    size_t mark = enter_write(report, index);
    bool is_known = is_settled(report, "address", of_place);
    gw_config_leave(report, mark);
    return is_known;
}

static void check_others(struct gw_config_report *report, const struct gw_config_bus *bus,
                         size_t index) {
    const struct gw_config_write *write = &bus->writes[index];
    for (size_t i = 0; i < index; i++) {
        bool is_twice = is_same_place(write, &bus->writes[i]) && has_place(report, i)
                        && has_place(report, index);
        size_t mark = enter_write(report, index);
        if (is_set(write->name) && strcmp(write->name, bus->writes[i].name) == 0) {
            report_write(report, "name",
                         "found \"%s\", the name of entry %zu, allowed: a name of its own",
                         write->name, i);
        }
        if (is_twice) {
            report_write(report, "address",
                         "found %u, which is in entry %zu already, allowed: each place once",
                         (unsigned) write->address, i);
        }
        gw_config_leave(report, mark);
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
        size_t mark = enter_write(report, i);
        check_entry(report, &bus->writes[i]);
        gw_config_leave(report, mark);
        check_others(report, bus, i);
    }
}
