/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/random.h"
#include "firmware/event/event.h"

bool gw_epoch_eq(struct gw_epoch a, struct gw_epoch b) {
    return a.high == b.high && a.low == b.low;
}

struct gw_epoch gw_epoch_draw(void) {
    struct gw_epoch epoch;
    gw_random_bytes(&epoch.high, sizeof(epoch.high));
    gw_random_bytes(&epoch.low, sizeof(epoch.low));
    epoch.high &= 3;
    return epoch;
}

void gw_epoch_format(struct gw_epoch epoch, char dst[static GW_EPOCH_TEXT_LEN + 1]) {
    static const char digits[] = "0123456789abcdef";
    dst[0] = digits[epoch.high & 3];
    for (unsigned i = 0; i < 16; i++) {
        dst[1 + i] = digits[epoch.low >> (60 - 4 * i) & 15];
    }
    dst[GW_EPOCH_TEXT_LEN] = '\0';
}

enum gw_err gw_epoch_parse(struct gw_str text, struct gw_epoch *ret_epoch) {
    uint8_t bytes[8];
    if (text.len != GW_EPOCH_TEXT_LEN || text.ptr[0] < '0' || text.ptr[0] > '3'
        || gw_hex_parse(gw_str_sub(text, 1, 16), bytes, sizeof(bytes))) {
        return GW_ERR_PARSE;
    }
    uint64_t low = 0;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        low = low << 8 | bytes[i];
    }
    *ret_epoch = (struct gw_epoch){.high = (uint8_t) (text.ptr[0] - '0'), .low = low};
    return GW_OK;
}
