/* SPDX-License-Identifier: Apache-2.0 */
/* A reading of a point as the data of an event. */
#include "drivers/profile/registers.h"

/* Members in sorted order. */

static void put_name(struct gw_buf *buf, struct gw_str name) {
    gw_buf_put_char(buf, ',');
    gw_buf_put_json_str(buf, name);
    gw_buf_put_char(buf, ':');
}

static void put_decimal(struct gw_buf *buf, struct gw_str name,
                        const struct gw_decimal *number) {
    put_name(buf, name);
    gw_buf_put_char(buf, '"');
    gw_decimal_put(buf, number);
    gw_buf_put_char(buf, '"');
}

static void put_value(struct gw_buf *buf, struct gw_str name,
                      const struct gw_point_value *value) {
    if (value->is_text) {
        put_name(buf, name);
        gw_buf_put_json_str(buf, gw_point_value_text(value));
    } else {
        put_decimal(buf, name, &value->number);
    }
}

/* Only upwards: a counter that fell was reset or wrapped, nobody knows which. */
static void put_delta(struct gw_buf *buf, const struct gw_point_input *input) {
    struct gw_decimal delta;
    if (gw_decimal_compare(&input->now->number, &input->before->number) >= 0
        && gw_decimal_subtract(&input->now->number, &input->before->number, &delta) == GW_OK) {
        put_decimal(buf, GW_STR("delta"), &delta);
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
    bool are_numbers = both_good && !input->before->is_text && !input->now->is_text;
    if (point->report == GW_REPORT_COUNTER && are_numbers) {
        put_delta(buf, input);
    }
    put_name(buf, GW_STR("point"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(point->name));
    if (point->report == GW_REPORT_SIGNAL && had_value) {
        put_value(buf, GW_STR("previous"), input->before);
    }
    put_name(buf, GW_STR("quality"));
    gw_buf_put_json_str(buf, input->now->good ? GW_STR("good") : GW_STR("bad"));
    put_name(buf, GW_STR("unitid"));
    gw_buf_put_u64(buf, point->unit_id);
    if (input->now->good) {
        put_value(buf, GW_STR("value"), input->now);
    }
    if (point->type == GW_POINT_STRING) {
        put_name(buf, GW_STR("valuetype"));
        gw_buf_put_str(buf, GW_STR("\"text\""));
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
