/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of safe writes: addresses as people write them, values, and records as damaged flash
 * may give them back. A value that is accepted must decode to itself and lie in its range; an
 * address and a record that are accepted must come back the same.
 *
 * The first byte says which rule a value is held against.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/place.h"
#include "drivers/modbus/write_log.h"
#include "drivers/profile/registers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void check_address(struct gw_str text, enum gw_modbus_area area) {
    uint16_t address = 0, again = 0;
    char storage[8];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    if (gw_modbus_parse_address(text, area, &address)) {
        return;
    }
    gw_modbus_put_notation(&buf, area, address);
    require(gw_modbus_parse_address(gw_buf_str(&buf), area, &again) == GW_OK);
    require(again == address);
}

static struct gw_config_write rule_of(uint8_t choice) {
    static const enum gw_point_type types[] = {
        GW_POINT_BOOL,  GW_POINT_INT16,  GW_POINT_UINT16,  GW_POINT_INT32,  GW_POINT_UINT32,
        GW_POINT_INT64, GW_POINT_UINT64, GW_POINT_FLOAT32, GW_POINT_FLOAT64};
    static const char *const scales[] = {"1", "0.1", "-0.001", "25", "0.3"};
    size_t kinds = sizeof types / sizeof types[0];
    struct gw_config_write write = {.name = "w",
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .type = types[choice % kinds],
                                    .order = (enum gw_word_order)(choice % GW_ORDER_COUNT),
                                    .scale = scales[choice % 5],
                                    .min = "-99999999999999999999",
                                    .max = "99999999999999999999"};
    if (write.type == GW_POINT_FLOAT32 || write.type == GW_POINT_FLOAT64) {
        write.scale = "1";
    }
    if (gw_modbus_write_width(&write) != 4 && write.order > GW_ORDER_DCBA) {
        write.order = GW_ORDER_ABCD;
    }
    return write;
}

static void check_value(struct gw_str text, uint8_t choice) {
    struct gw_config_write write = rule_of(choice);
    uint16_t words[GW_MODBUS_WRITE_WORDS];
    char storage[400], back_storage[GW_DECIMAL_TEXT_MAX];
    struct gw_buf reason, back;
    struct gw_decimal wanted, got, min, max;
    gw_buf_init(&reason, storage, sizeof storage);
    gw_buf_init(&back, back_storage, sizeof back_storage);
    if (gw_modbus_write_encode(&write, text, &reason, words)) {
        require(reason.len > 0);
        return;
    }
    require(gw_modbus_write_put_value(&write, words, &back) == GW_OK);
    require(gw_decimal_parse(text, &wanted) == GW_OK);
    require(gw_decimal_parse(gw_buf_str(&back), &got) == GW_OK);
    require(gw_decimal_compare(&wanted, &got) == 0);
    require(gw_decimal_parse(gw_str_from_cstr(write.min), &min) == GW_OK);
    require(gw_decimal_parse(gw_str_from_cstr(write.max), &max) == GW_OK);
    require(gw_decimal_compare(&wanted, &min) >= 0 && gw_decimal_compare(&wanted, &max) <= 0);
}

static void check_record(struct gw_str text) {
    static uint8_t storage[GW_MODBUS_RECORD_MAX_BYTES];
    struct gw_modbus_record record, again;
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    if (gw_modbus_record_parse(GW_STR("id"), text, &record)) {
        return;
    }
    require(gw_modbus_record_format(&record, &buf) == GW_OK);
    require(gw_modbus_record_parse(GW_STR("id"), gw_buf_str(&buf), &again) == GW_OK);
    require(gw_modbus_record_is_same(&record, &again));
    require(record.has_result == again.has_result && record.ordinal == again.ordinal);
    require(strcmp(record.result, again.result) == 0 || !record.has_result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct gw_str text = {(const char *) data + 1, size - 1};
    check_address(text, (enum gw_modbus_area)(data[0] % 4));
    check_value(text, data[0]);
    check_record((struct gw_str){(const char *) data, size});
    return 0;
}
