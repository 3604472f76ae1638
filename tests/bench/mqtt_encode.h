/* SPDX-License-Identifier: Apache-2.0 */
/* The three encodings every MQTT 3.1.1 packet is made of (OASIS, 1.5 and 2.2.3).
 * Kept apart from the product's own, so that the two check each other. */
#ifndef GW_TESTS_BENCH_MQTT_ENCODE_H
#define GW_TESTS_BENCH_MQTT_ENCODE_H

#include "firmware/base/buf.h"

static inline void gw_mqtt_put_u16(struct gw_buf *buf, size_t value) {
    gw_buf_put_char(buf, (char) (value >> 8 & 255));
    gw_buf_put_char(buf, (char) (value & 255));
}

static inline void gw_mqtt_put_text(struct gw_buf *buf, struct gw_str text) {
    gw_mqtt_put_u16(buf, text.len);
    gw_buf_put_str(buf, text);
}

static inline void gw_mqtt_put_remaining_length(struct gw_buf *buf, size_t len) {
    do {
        size_t low = len & 127;
        len >>= 7;
        gw_buf_put_char(buf, (char) (low | (len > 0 ? 128U : 0U)));
    } while (len > 0);
}

#endif
