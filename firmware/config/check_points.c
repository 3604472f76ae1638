/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of one Modbus point that need several of its keys, as a table: which member
 * a finding is of, and a function that writes it, or nothing.
 *
 * A point may be read wrongly for years without anybody noticing, so a key that has
 * no effect is a finding and not ignored.
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/check.h"

struct point_check {
    const struct gw_config_bus *bus;
    const struct gw_config_point *point;
    struct gw_buf *finding; /* stays empty if the point keeps the rule */
};

static bool is_bit_area(const struct gw_config_point *point) {
    return point->area == GW_AREA_COIL || point->area == GW_AREA_DISCRETE_INPUT;
}

/* Name of a value of a key of the points that is a choice. */
static const char *choice_name(struct gw_str key, unsigned value) {
    const struct gw_config_row *row = gw_config_find_row(&gw_config_top, GW_STR("buses"));
    row = row ? gw_config_find_row(row->group, GW_STR("points")) : NULL;
    row = row ? gw_config_find_row(row->group, key) : NULL;
    for (size_t i = 0; row && i < row->choice_count; i++) {
        if (row->choices[i].value == value) {
            return row->choices[i].name;
        }
    }
    return "";
}

static const char *type_name(const struct gw_config_point *point) {
    return choice_name(GW_STR("type"), point->type);
}

static const char *order_name(const struct gw_config_point *point) {
    return choice_name(GW_STR("order"), point->order);
}

static unsigned register_count(const struct gw_config_point *point) {
    static const uint8_t counts[GW_POINT_TYPE_COUNT] = {
        [GW_POINT_BOOL] = 1,    [GW_POINT_INT16] = 1,  [GW_POINT_UINT16] = 1,
        [GW_POINT_FLOAT16] = 1, [GW_POINT_BCD16] = 1,  [GW_POINT_INT32] = 2,
        [GW_POINT_UINT32] = 2,  [GW_POINT_BCD32] = 2,  [GW_POINT_FLOAT32] = 2,
        [GW_POINT_INT64] = 4,   [GW_POINT_UINT64] = 4, [GW_POINT_FLOAT64] = 4,
    };
    if (is_bit_area(point) || point->type >= GW_POINT_TYPE_COUNT) {
        return 1;
    }
    return point->type == GW_POINT_STRING ? (point->length + 1u) / 2 : counts[point->type];
}

static bool is_number(const struct gw_config_point *point) {
    return point->type != GW_POINT_BOOL && point->type != GW_POINT_STRING;
}

/* ---- the rules ---- */

static void type_of_a_bit(const struct point_check *check) {
    if (is_bit_area(check->point) && check->point->type != GW_POINT_BOOL) {
        gw_buf_printf(check->finding,
                      "found \"%s\", but a coil or discrete input is one bit, allowed: "
                      "\"bool\"",
                      type_name(check->point));
    }
}

static void type_of_one_request(const struct point_check *check) {
    unsigned count = register_count(check->point);
    if (check->bus->max_registers > 0 && count > check->bus->max_registers) {
        gw_buf_printf(check->finding,
                      "the value takes %u registers, but max_registers of the bus is %u: it "
                      "could only be read in parts that do not belong together",
                      count, check->bus->max_registers);
    }
}

static void bit_of_a_bool(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    if (point->bit == GW_POINT_ALL_BITS) {
        return;
    }
    if (is_bit_area(point)) {
        gw_buf_printf(check->finding,
                      "found %u, but a coil or discrete input is one bit already: leave it out",
                      (unsigned) point->bit);
    } else if (point->type != GW_POINT_BOOL) {
        gw_buf_printf(check->finding,
                      "found %u, but type is \"%s\": leave bit out, or set type to \"bool\"",
                      (unsigned) point->bit, type_name(point));
    }
}

static void length_of_a_string(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    if (point->type == GW_POINT_STRING && point->length == 0) {
        gw_buf_printf(check->finding,
                      "found nothing, but type \"string\" needs it, allowed: 1 to %d",
                      GW_POINT_TEXT_MAX_BYTES);
    } else if (point->type != GW_POINT_STRING && point->length > 0) {
        gw_buf_printf(check->finding,
                      "found %u, but type \"%s\" has a length of its own: leave length out, or "
                      "set type to \"string\"",
                      (unsigned) point->length, type_name(point));
    }
}

static void order_of_the_type(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    bool is_of_four = point->order >= GW_ORDER_CDABGHEF;
    if (point->order == GW_ORDER_ABCD) {
        return;
    }
    if (point->type == GW_POINT_BOOL) {
        gw_buf_printf(check->finding,
                      "found \"%s\", but a bool has no order: bit says which one it is of the "
                      "register on the wire",
                      order_name(point));
    } else if (point->type == GW_POINT_STRING && point->order != GW_ORDER_BADC) {
        gw_buf_printf(check->finding,
                      "found \"%s\", allowed for a string: \"ABCD\", \"BADC\" (second "
                      "character of each register first)",
                      order_name(point));
    } else if (is_of_four && register_count(point) != 4) {
        gw_buf_printf(check->finding,
                      "found \"%s\", an order of four registers, but type \"%s\" takes %u, "
                      "allowed: \"ABCD\", \"CDAB\", \"BADC\", \"DCBA\"",
                      order_name(point), type_name(point), register_count(point));
    }
}

static void refuse_on_no_number(const struct point_check *check, const char *found,
                                const char *neutral) {
    if (!is_number(check->point) && strcmp(found, neutral) != 0 && found[0] != '\0') {
        gw_buf_printf(check->finding, "found \"%s\", but a %s is no number: leave it out",
                      found, type_name(check->point));
    }
}

static void scale_of_a_number(const struct point_check *check) {
    refuse_on_no_number(check, check->point->scale, "1");
}

static void offset_of_a_number(const struct point_check *check) {
    refuse_on_no_number(check, check->point->offset, "0");
}

static void dead_band_of_a_number(const struct point_check *check) {
    refuse_on_no_number(check, check->point->dead_band, "0");
}

/* The rule of the text has seen to it that each is "0x" and digits. */
static void invalid_of_the_type(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    unsigned digits = 4 * register_count(point);
    struct gw_str rest = gw_str_from_cstr(point->invalid), part;
    if (rest.len > 0 && !is_number(point)) {
        gw_buf_printf(check->finding, "found \"%s\", but a %s is no number: leave it out",
                      point->invalid, type_name(point));
        return;
    }
    while (rest.len > 0 && gw_str_split(&rest, ',', &part)) {
        if (part.len != digits + 2) {
            gw_buf_printf(check->finding,
                          "found \"%.*s\", allowed for type \"%s\": 0x and %u digits",
                          GW_STR_ARG(part), type_name(point), digits);
            return;
        }
    }
}

static void report_of_the_type(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    if (point->type == GW_POINT_BOOL && point->report == GW_REPORT_COUNTER) {
        gw_buf_put_str(check->finding,
                       GW_STR("found \"counter\", but one bit does not count, allowed: "
                              "\"signal\", \"metric\""));
    }
    if (point->type == GW_POINT_STRING && point->report != GW_REPORT_SIGNAL) {
        gw_buf_printf(check->finding,
                      "found \"%s\", but a string is no number, allowed: \"signal\"",
                      choice_name(GW_STR("report"), point->report));
    }
}

static void address_of_the_end(const struct point_check *check) {
    unsigned count = register_count(check->point);
    if (check->point->address + count > 65536) {
        gw_buf_printf(check->finding,
                      "found %u, but the value takes %u registers, allowed: up to %u",
                      (unsigned) check->point->address, count, 65536 - count);
    }
}

static void silence_of_the_period(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    if (point->max_silence_ms > 0 && point->max_silence_ms < point->period_ms) {
        gw_buf_put_str(check->finding,
                       GW_STR("is shorter than period_ms, allowed: 0 or at least period_ms"));
    }
}

static void interval_of_the_silence(const struct point_check *check) {
    const struct gw_config_point *point = check->point;
    if (point->max_silence_ms > 0 && point->min_interval_ms > point->max_silence_ms) {
        gw_buf_printf(check->finding,
                      "found %u, allowed: not longer than max_silence_ms, which is %u",
                      point->min_interval_ms, point->max_silence_ms);
    }
}

static const struct {
    const char *member;
    void (*rule)(const struct point_check *check);
} rules[] = {
    {"type", type_of_a_bit},
    {"type", type_of_one_request},
    {"bit", bit_of_a_bool},
    {"length", length_of_a_string},
    {"order", order_of_the_type},
    {"scale", scale_of_a_number},
    {"offset", offset_of_a_number},
    {"dead_band", dead_band_of_a_number},
    {"invalid", invalid_of_the_type},
    {"report", report_of_the_type},
    {"address", address_of_the_end},
    {"max_silence_ms", silence_of_the_period},
    {"min_interval_ms", interval_of_the_silence},
};

/* What was refused reads as its default: rules that look at it would say something about a
 * point that nobody wrote. */
static bool is_settled(const struct gw_config_report *report, const char *member) {
    return !gw_config_is_reported(report, "") && !gw_config_is_reported(report, "type")
           && !gw_config_is_reported(report, "area") && !gw_config_is_reported(report, member);
}

void gw_config_check_point(struct gw_config_report *report, const struct gw_config_bus *bus,
                           size_t index) {
    size_t mark = gw_config_enter(report, GW_STR("points"));
    (void) gw_config_enter_index(report, index);
    for (size_t i = 0; i < GW_ARRAY_LEN(rules); i++) {
        char storage[256];
        struct gw_buf finding;
        gw_buf_init(&finding, storage, sizeof storage);
        struct point_check check = {bus, &bus->points[index], &finding};
        rules[i].rule(&check);
        if (finding.len > 0 && is_settled(report, rules[i].member)) {
            size_t inner = gw_config_enter(report, gw_str_from_cstr(rules[i].member));
            gw_config_report_text(report, "%.*s", (int) finding.len, storage);
            gw_config_leave(report, inner);
        }
    }
    gw_config_leave(report, mark);
}
