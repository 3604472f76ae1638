/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/write_value.h"

#include <string.h>

#include "drivers/profile/registers.h"
#include "firmware/config/write_value.h"

const struct gw_config_write *gw_modbus_write_named(const struct gw_config_bus *bus,
                                                    struct gw_str name) {
    for (size_t i = 0; i < bus->write_count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(bus->writes[i].name))) {
            return &bus->writes[i];
        }
    }
    return NULL;
}

const struct gw_config_write *gw_modbus_write_at(const struct gw_config_bus *bus,
                                                 uint8_t unit_id, enum gw_modbus_area area,
                                                 uint16_t address) {
    for (size_t i = 0; i < bus->write_count; i++) {
        const struct gw_config_write *write = &bus->writes[i];
        if (write->unit_id == unit_id && write->area == area && write->address == address) {
            return write;
        }
    }
    return NULL;
}

uint16_t gw_modbus_write_width(const struct gw_config_write *write) {
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

/* ---- is it allowed? ---- */

static bool is_in_range(const struct gw_config_write *write, const struct gw_decimal *value) {
    struct gw_decimal min, max;
    return !gw_decimal_parse(gw_str_from_cstr(write->min), &min)
           && !gw_decimal_parse(gw_str_from_cstr(write->max), &max)
           && gw_decimal_compare(value, &min) >= 0 && gw_decimal_compare(value, &max) <= 0;
}

static bool is_in_list(const struct gw_config_write *write, const struct gw_decimal *value) {
    for (size_t i = 0; i < write->value_count; i++) {
        struct gw_decimal allowed;
        if (!gw_decimal_parse(gw_str_from_cstr(write->values[i]), &allowed)
            && gw_decimal_compare(value, &allowed) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_bit(const struct gw_decimal *value) {
    struct gw_decimal zero = gw_decimal_from_i64(0), one = gw_decimal_from_i64(1);
    return gw_decimal_compare(value, &zero) == 0 || gw_decimal_compare(value, &one) == 0;
}

static void put_allowed(const struct gw_config_write *write, struct gw_buf *reason) {
    if (write->type == GW_POINT_BOOL) {
        (void) gw_buf_put_str(reason, GW_STR("0 or 1"));
    } else if (write->value_count == 0) {
        (void) gw_buf_printf(reason, "%s to %s", write->min, write->max);
    }
    for (size_t i = 0; i < write->value_count; i++) {
        (void) gw_buf_printf(reason, "%s%s", i == 0 ? "" : ", ", write->values[i]);
    }
}

static enum gw_err check_allowed(const struct gw_config_write *write, struct gw_str text,
                                 const struct gw_decimal *value, struct gw_buf *reason) {
    bool is_allowed = write->type == GW_POINT_BOOL ? is_bit(value)
                      : write->value_count > 0     ? is_in_list(write, value)
                                                   : is_in_range(write, value);
    if (!is_allowed) {
        (void) gw_buf_printf(reason, "value: found %.*s, allowed: ", GW_STR_ARG(text));
        put_allowed(write, reason);
        return GW_ERR_DENIED;
    }
    return GW_OK;
}

/* ---- to registers ---- */

static uint16_t swap_bytes(uint16_t word) {
    return (uint16_t) (word << 8 | word >> 8);
}

/* Which word of the value, counted from the most significant, is on the wire at `at`. */
static size_t word_at(enum gw_word_order order, size_t count, size_t at) {
    static const uint8_t halves_inside[] = {1, 0, 3, 2}, halves[] = {2, 3, 0, 1};
    switch (order) {
    case GW_ORDER_CDAB:
    case GW_ORDER_DCBA:
        return count - 1 - at;
    case GW_ORDER_CDABGHEF:
        return count == 4 ? halves_inside[at] : at;
    case GW_ORDER_EFGHABCD:
        return count == 4 ? halves[at] : at;
    default:
        return at;
    }
}

static void put_bits(const struct gw_config_write *write, uint64_t bits, uint16_t *ret_words) {
    size_t count = gw_modbus_write_width(write);
    bool is_swapped = write->order == GW_ORDER_BADC || write->order == GW_ORDER_DCBA;
    for (size_t i = 0; i < count; i++) {
        size_t word = word_at(write->order, count, i);
        uint16_t value = (uint16_t) (bits >> (16 * (count - 1 - word)));
        bool is_number = write->type != GW_POINT_BOOL;
        ret_words[i] = is_swapped && is_number ? swap_bytes(value) : value;
    }
}

static struct gw_config_point point_of(const struct gw_config_write *write) {
    bool is_number = write->type != GW_POINT_BOOL;
    return (struct gw_config_point){.name = write->name,
                                    .unit_id = write->unit_id,
                                    .area = write->area,
                                    .address = write->address,
                                    .type = write->type,
                                    .order = is_number ? write->order : GW_ORDER_ABCD,
                                    .bit = GW_POINT_ALL_BITS,
                                    .scale = write->scale,
                                    .offset = "0",
                                    .dead_band = "0"};
}

static bool is_exact(const struct gw_config_write *write, const struct gw_decimal *value,
                     const uint16_t *words) {
    struct gw_config_point point = point_of(write);
    struct gw_point_value decoded;
    return !gw_point_decode(&point, words, gw_modbus_write_width(write), &decoded)
           && decoded.good && gw_decimal_compare(&decoded.number, value) == 0;
}

enum gw_err gw_modbus_write_encode(const struct gw_config_write *write, struct gw_str value,
                                   struct gw_buf *reason,
                                   uint16_t ret_words[static GW_MODBUS_WRITE_WORDS]) {
    struct gw_decimal number;
    if (value.len > GW_MODBUS_VALUE_MAX_BYTES || !gw_decimal_is_text(value)
        || gw_decimal_parse(value, &number)) {
        (void) gw_buf_printf(reason,
                             "value: allowed: a decimal number of up to %d characters such as "
                             "-12.5",
                             GW_MODBUS_VALUE_MAX_BYTES);
        return GW_ERR_PARSE;
    }
    enum gw_err err = check_allowed(write, value, &number, reason);
    if (err) {
        return err;
    }
    uint64_t bits = 0;
    uint16_t words[GW_MODBUS_WRITE_WORDS] = {0};
    bool fits = !gw_config_write_bits(write, value, &bits);
    put_bits(write, bits, words);
    if (!fits || !is_exact(write, &number, words)) {
        (void) gw_buf_printf(
            reason,
            "value: found %.*s, which the type and scale of \"%s\" cannot hold "
            "exactly",
            GW_STR_ARG(value), write->name);
        return GW_ERR_RANGE;
    }
    memcpy(ret_words, words, sizeof words);
    return GW_OK;
}

/* ---- back ---- */

void gw_modbus_put_words(struct gw_buf *buf, const uint16_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void) gw_buf_printf(buf, "%s0x%04x", i == 0 ? "" : " ", (unsigned) words[i]);
    }
}

enum gw_err gw_modbus_write_put_value(const struct gw_config_write *write,
                                      const uint16_t *words, struct gw_buf *buf) {
    struct gw_config_point point = point_of(write);
    struct gw_point_value value;
    if (!gw_point_decode(&point, words, gw_modbus_write_width(write), &value) && value.good) {
        (void) gw_decimal_put(buf, &value.number);
    } else {
        gw_modbus_put_words(buf, words, gw_modbus_write_width(write));
    }
    return gw_buf_failed(buf) ? GW_ERR_FULL : GW_OK;
}
