/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a device shows in its registers, through every type and order: the first
 * bytes choose the point, the others are two readings of it. A value is exact text or
 * none; what becomes an event is one that the queue takes and a strict reader reads.
 * The holes that a store gives back are bytes as well.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/holes.h"
#include "drivers/profile/registers.h"
#include "firmware/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

static struct gw_config_point point_of(const uint8_t *choices) {
    static const char *const scales[] = {"1", "0.1", "-1000",
                                         "0.000000000000000000000000000001"};
    static const char *const offsets[] = {"0", "-40", "0.5",
                                          "99999999999999999999999999999999"};
    static const char *const bands[] = {"0", "2%", "0.5", "100%"};
    static const char *const invalids[] = {"", "0x8000", "0xffff,0x7fffffff",
                                           "0xffffffffffffffff"};
    struct gw_config_point point = {
        .name = "p",
        .unit_id = choices[6],
        .area = (enum gw_modbus_area)(choices[0] % 4),
        .type = (enum gw_point_type)(choices[1] % GW_POINT_TYPE_COUNT),
        .order = (enum gw_word_order)(choices[2] % GW_ORDER_COUNT),
        .bit = choices[3] % 17 == 16 ? GW_POINT_ALL_BITS : choices[3] % 17,
        .length = (uint8_t) (1 + choices[4] % GW_POINT_TEXT_MAX_BYTES),
        .scale = scales[choices[5] % 4],
        .offset = offsets[choices[5] / 4 % 4],
        .dead_band = bands[choices[5] / 16 % 4],
        .invalid = invalids[choices[6] / 16 % 4],
        .report = (enum gw_point_report)(choices[6] % 3),
        .class = GW_CLASS_STATE,
    };
    return point;
}

/* From bytes, as they are on the wire; what is missing is 0. */
static void fill_words(const uint8_t *data, size_t size, uint16_t *words) {
    for (size_t i = 0; i < GW_POINT_WORDS_MAX; i++) {
        unsigned high = 2 * i < size ? data[2 * i] : 0;
        unsigned low = 2 * i + 1 < size ? data[2 * i + 1] : 0;
        words[i] = (uint16_t) (high << 8 | low);
    }
}

static void check_event(const struct gw_config_point *point,
                        const struct gw_point_value *before, const struct gw_point_value *now) {
    uint8_t storage[GW_POINT_DATA_MAX_BYTES];
    struct gw_buf buf;
    struct gw_event_draft draft;
    struct gw_json_error error;
    const struct gw_json_limits limits = {.max_bytes = sizeof storage, .max_depth = 4};
    gw_buf_init(&buf, storage, sizeof storage);
    struct gw_point_input input = {.point = point,
                                   .device = GW_STR("bus.p"),
                                   .before = before,
                                   .now = now,
                                   .time_wall_ms = INT64_C(1795418040000)};
    require(gw_point_observe(&input, &buf, &draft) == GW_OK);
    require(gw_event_validate_draft(&draft) == GW_OK);
    require(gw_json_check(draft.data, &limits, &error) == GW_OK);
}

static void check_value(const struct gw_point_value *value) {
    if (value->good && value->is_text) {
        require(value->text_len <= GW_POINT_TEXT_MAX_BYTES);
        require(gw_str_is_utf8(gw_point_value_text(value)));
    }
}

static void check_holes(const uint8_t *data, size_t size) {
    static struct gw_modbus_holes holes;
    static const uint8_t fingerprint[32];
    uint8_t again[GW_MODBUS_HOLES_MAX_BYTES];
    struct gw_buf buf;
    if (gw_modbus_holes_decode((struct gw_bytes){data, size}, fingerprint, &holes)) {
        return;
    }
    gw_buf_init(&buf, again, sizeof again);
    require(gw_modbus_holes_encode(&holes, fingerprint, &buf) == GW_OK);
    require(buf.len == size && memcmp(again, data, size) == 0);
}

#define CHOICES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_holes(data, size);
    if (size < CHOICES) {
        return 0;
    }
    struct gw_config_point point = point_of(data);
    struct gw_point_value values[2];
    size_t half = (size - CHOICES) / 2;
    for (size_t i = 0; i < 2; i++) {
        uint16_t words[GW_POINT_WORDS_MAX];
        fill_words(data + CHOICES + i * half, half, words);
        enum gw_err err = gw_point_decode(&point, words, gw_point_width(&point), &values[i]);
        require(!err || err == GW_ERR_RANGE);
        if (err) {
            values[i] = (struct gw_point_value){.good = false};
        }
        check_value(&values[i]);
    }
    require(!gw_point_has_changed(&point, &values[0], &values[0]));
    check_event(&point, NULL, &values[0]);
    check_event(&point, &values[0], &values[1]);
    return 0;
}
