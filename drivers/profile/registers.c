/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/registers.h"

#include <string.h>

size_t gw_point_register_count(enum gw_point_type type) {
    return type == GW_POINT_INT32 || type == GW_POINT_UINT32 || type == GW_POINT_FLOAT32 ? 2
                                                                                         : 1;
}

bool gw_point_area_is_bits(enum gw_modbus_area area) {
    return area == GW_AREA_COIL || area == GW_AREA_DISCRETE_INPUT;
}

const char *gw_point_area_name(enum gw_modbus_area area) {
    static const char *const names[] = {
        [GW_AREA_COIL] = "coil",
        [GW_AREA_DISCRETE_INPUT] = "discrete_input",
        [GW_AREA_INPUT_REGISTER] = "input_register",
        [GW_AREA_HOLDING_REGISTER] = "holding_register",
    };
    return names[area];
}

/* ---- decoding ---- */

static uint16_t swap_bytes(uint16_t word) {
    return (uint16_t) (word << 8 | word >> 8);
}

static uint32_t assemble(const struct gw_config_point *point, const uint16_t *words) {
    bool bytes_swapped = point->order == GW_ORDER_BADC || point->order == GW_ORDER_DCBA;
    bool words_swapped = point->order == GW_ORDER_CDAB || point->order == GW_ORDER_DCBA;
    uint16_t first = bytes_swapped ? swap_bytes(words[0]) : words[0];
    if (gw_point_register_count(point->type) == 1) {
        return first;
    }
    uint16_t second = bytes_swapped ? swap_bytes(words[1]) : words[1];
    return words_swapped ? (uint32_t) second << 16 | first : (uint32_t) first << 16 | second;
}

/* False for a float that is no number. */
static bool number_of(enum gw_point_type type, uint32_t bits, struct gw_decimal *ret_number) {
    float real;
    switch (type) {
    case GW_POINT_BOOL:
        *ret_number = gw_decimal_from_i64(bits != 0);
        return true;
    case GW_POINT_INT16:
        *ret_number = gw_decimal_from_i64((int16_t) (uint16_t) bits);
        return true;
    case GW_POINT_INT32:
        *ret_number = gw_decimal_from_i64((int32_t) bits);
        return true;
    case GW_POINT_UINT16:
    case GW_POINT_UINT32:
        *ret_number = gw_decimal_from_i64(bits);
        return true;
    case GW_POINT_FLOAT32:
        memcpy(&real, &bits, sizeof(real));
        return gw_decimal_from_float32(real, ret_number) == GW_OK;
    }
    return false;
}

enum gw_err gw_point_decode(const struct gw_config_point *point, const uint16_t *words,
                            size_t count, struct gw_point_value *ret_value) {
    bool is_bit = gw_point_area_is_bits(point->area);
    if (count != (is_bit ? 1 : gw_point_register_count(point->type))) {
        return GW_ERR_INVALID;
    }
    enum gw_point_type type = is_bit ? GW_POINT_BOOL : point->type;
    uint32_t bits = is_bit ? words[0] : assemble(point, words);
    struct gw_point_value value = {0};
    value.good = number_of(type, bits, &value.number);
    if (value.good && type != GW_POINT_BOOL) {
        struct gw_decimal scale;
        if (gw_decimal_parse(gw_str_from_cstr(point->scale), &scale)) {
            return GW_ERR_INVALID;
        }
        enum gw_err err = gw_decimal_multiply(&value.number, &scale, &value.number);
        if (err) {
            return err;
        }
    }
    *ret_value = value;
    return GW_OK;
}

bool gw_point_has_changed(const struct gw_config_point *point,
                          const struct gw_point_value *before,
                          const struct gw_point_value *now) {
    if (before->good != now->good) {
        return true;
    }
    struct gw_decimal band;
    if (gw_decimal_parse(gw_str_from_cstr(point->dead_band), &band)) {
        band = gw_decimal_from_i64(0);
    }
    return now->good && gw_decimal_is_outside(&before->number, &now->number, &band);
}

/* ---- data, members in sorted order ---- */

static void put_name(struct gw_buf *buf, struct gw_str name) {
    gw_buf_put_char(buf, ',');
    gw_buf_put_json_str(buf, name);
    gw_buf_put_char(buf, ':');
}

static void put_number(struct gw_buf *buf, struct gw_str name,
                       const struct gw_decimal *number) {
    put_name(buf, name);
    gw_buf_put_char(buf, '"');
    gw_decimal_put(buf, number);
    gw_buf_put_char(buf, '"');
}

/* Only upwards: a counter that fell was reset or wrapped, nobody knows which. */
static void put_delta(struct gw_buf *buf, const struct gw_point_input *input) {
    struct gw_decimal delta;
    if (gw_decimal_compare(&input->now->number, &input->before->number) >= 0
        && gw_decimal_subtract(&input->now->number, &input->before->number, &delta) == GW_OK) {
        put_number(buf, GW_STR("delta"), &delta);
    }
}

static void put_data(struct gw_buf *buf, const struct gw_point_input *input) {
    const struct gw_config_point *point = input->point;
    bool both_good = input->before && input->before->good && input->now->good;
    bool had_value = input->before && input->before->good;
    gw_buf_put_str(buf, GW_STR("{\"address\":"));
    gw_buf_put_u64(buf, point->address);
    put_name(buf, GW_STR("area"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(gw_point_area_name(point->area)));
    if (point->report == GW_REPORT_COUNTER && both_good) {
        put_delta(buf, input);
    }
    put_name(buf, GW_STR("point"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(point->name));
    if (point->report == GW_REPORT_SIGNAL && had_value) {
        put_number(buf, GW_STR("previous"), &input->before->number);
    }
    put_name(buf, GW_STR("quality"));
    gw_buf_put_json_str(buf, input->now->good ? GW_STR("good") : GW_STR("bad"));
    put_name(buf, GW_STR("unitid"));
    gw_buf_put_u64(buf, point->unit_id);
    if (input->now->good) {
        put_number(buf, GW_STR("value"), &input->now->number);
    }
    gw_buf_put_char(buf, '}');
}

enum gw_err gw_point_observe(const struct gw_point_input *input, struct gw_buf *storage,
                             struct gw_event_draft *ret_draft) {
    static const enum gw_event_type types[] = {
        [GW_REPORT_SIGNAL] = GW_EVENT_PLC_SIGNAL_CHANGED,
        [GW_REPORT_COUNTER] = GW_EVENT_PLC_COUNTED,
        [GW_REPORT_METRIC] = GW_EVENT_METRIC_SAMPLED,
    };
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    size_t before = storage->len;
    put_data(storage, input);
    if (gw_buf_failed(storage)) {
        gw_buf_rewind(storage, before);
        return GW_ERR_FULL;
    }
    *ret_draft = (struct gw_event_draft){
        .type = types[input->point->report],
        .class = input->point->class,
        .time_wall_ms = input->time_wall_ms,
        .device = input->device,
        .data = gw_str_sub(gw_buf_str(storage), before, SIZE_MAX),
    };
    return GW_OK;
}
