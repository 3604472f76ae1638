/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/place.h"

#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"

static const char area_digits[] = {
    [GW_AREA_COIL] = '0',
    [GW_AREA_DISCRETE_INPUT] = '1',
    [GW_AREA_INPUT_REGISTER] = '3',
    [GW_AREA_HOLDING_REGISTER] = '4',
};

enum gw_err gw_modbus_parse_area(struct gw_str text, enum gw_modbus_area *ret_area) {
    static const struct {
        struct gw_str name;
        enum gw_modbus_area area;
    } names[] = {
        {GW_STR("coil"), GW_AREA_COIL},
        {GW_STR("discrete_input"), GW_AREA_DISCRETE_INPUT},
        {GW_STR("discrete"), GW_AREA_DISCRETE_INPUT},
        {GW_STR("input_register"), GW_AREA_INPUT_REGISTER},
        {GW_STR("input"), GW_AREA_INPUT_REGISTER},
        {GW_STR("holding_register"), GW_AREA_HOLDING_REGISTER},
        {GW_STR("holding"), GW_AREA_HOLDING_REGISTER},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        if (gw_str_eq(text, names[i].name)) {
            *ret_area = names[i].area;
            return GW_OK;
        }
    }
    return GW_ERR_NOENT;
}

const char *gw_modbus_type_name(enum gw_point_type type) {
    static const char *const names[GW_POINT_TYPE_COUNT] = {
        [GW_POINT_BOOL] = "bool",       [GW_POINT_INT16] = "int16",
        [GW_POINT_UINT16] = "uint16",   [GW_POINT_INT32] = "int32",
        [GW_POINT_UINT32] = "uint32",   [GW_POINT_FLOAT32] = "float32",
        [GW_POINT_INT64] = "int64",     [GW_POINT_UINT64] = "uint64",
        [GW_POINT_FLOAT16] = "float16", [GW_POINT_FLOAT64] = "float64",
        [GW_POINT_BCD16] = "bcd16",     [GW_POINT_BCD32] = "bcd32",
        [GW_POINT_STRING] = "string",
    };
    return type < GW_POINT_TYPE_COUNT ? names[type] : "?";
}

const char *gw_modbus_order_name(enum gw_word_order order) {
    static const char *const names[GW_ORDER_COUNT] = {
        [GW_ORDER_ABCD] = "ABCD",         [GW_ORDER_CDAB] = "CDAB",
        [GW_ORDER_BADC] = "BADC",         [GW_ORDER_DCBA] = "DCBA",
        [GW_ORDER_CDABGHEF] = "CDABGHEF", [GW_ORDER_EFGHABCD] = "EFGHABCD",
    };
    return order < GW_ORDER_COUNT ? names[order] : "?";
}

static enum gw_err parse_hex(struct gw_str digits, uint16_t *ret_address) {
    static const char zeros[] = "0000";
    char padded[4];
    uint8_t bytes[2];
    if (digits.len == 0 || digits.len > sizeof padded) {
        return GW_ERR_PARSE;
    }
    struct gw_buf buf;
    gw_buf_init(&buf, padded, sizeof padded);
    (void) gw_buf_put_str(&buf, (struct gw_str){zeros, sizeof padded - digits.len});
    (void) gw_buf_put_str(&buf, digits);
    enum gw_err err = gw_hex_parse(gw_buf_str(&buf), bytes, sizeof bytes);
    if (!err) {
        *ret_address = (uint16_t) (bytes[0] << 8 | bytes[1]);
    }
    return err;
}

bool gw_modbus_is_notation(struct gw_str text, enum gw_modbus_area *ret_area) {
    uint64_t number = 0;
    if ((text.len != 5 && text.len != 6) || gw_str_to_u64(text, UINT64_MAX, &number)) {
        return false;
    }
    for (size_t i = 0; i < sizeof area_digits; i++) {
        if (text.ptr[0] == area_digits[i]) {
            *ret_area = (enum gw_modbus_area) i;
            return true;
        }
    }
    return false;
}

enum gw_err gw_modbus_parse_address(struct gw_str text, enum gw_modbus_area area,
                                    uint16_t *ret_address) {
    if (gw_str_starts_with(text, GW_STR("0x"))) {
        return parse_hex(gw_str_sub(text, 2, text.len), ret_address);
    }
    uint64_t number = 0;
    enum gw_modbus_area meant = area;
    bool is_notation = gw_modbus_is_notation(text, &meant);
    if (meant != area) {
        return GW_ERR_DENIED;
    }
    enum gw_err err = gw_str_to_u64(is_notation ? gw_str_sub(text, 1, text.len) : text,
                                    is_notation ? 65536 : 65535, &number);
    if (err) {
        return err;
    }
    if (is_notation && number == 0) {
        return GW_ERR_RANGE;
    }
    *ret_address = (uint16_t) (is_notation ? number - 1 : number);
    return GW_OK;
}

void gw_modbus_put_address_finding(struct gw_buf *buf, struct gw_str text,
                                   enum gw_modbus_area area) {
    enum gw_modbus_area meant = area;
    uint64_t number = 0;
    (void) gw_buf_printf(buf, "found \"%.*s\", ", GW_STR_ARG(gw_str_sub(text, 0, 64)));
    if (gw_modbus_is_notation(text, &meant) && meant != area) {
        const char *name = gw_point_area_name(meant);
        (void) gw_buf_printf(buf,
                             "which is how manuals number the area %s, not %s, allowed: that "
                             "area with this number",
                             name, gw_point_area_name(area));
        if (!gw_str_to_u64(text, 65535, &number)) {
            (void) gw_buf_printf(buf, ", or 0x%04x for wire address %u", (unsigned) number,
                                 (unsigned) number);
        }
        return;
    }
    (void) gw_buf_printf(
        buf,
        "allowed: 0 to 65535 as on the wire, 0x0000 to 0xffff, or the manual's "
        "number of that area such as %c0001",
        area_digits[area]);
}

void gw_modbus_put_notation(struct gw_buf *buf, enum gw_modbus_area area, uint16_t address) {
    unsigned number = address + 1u;
    (void) gw_buf_printf(buf, number <= 9999 ? "%c%04u" : "%c%05u", area_digits[area], number);
}
