/* SPDX-License-Identifier: Apache-2.0 */
/*
 *  byte 0                               6        8                        15
 *       | sequence, 48 bits, big-endian | 8 | class | e | 10 | epoch, 62 bits |
 *                                        4b  8b     4b  2b
 *
 * where `e` is epoch bits 65..62: the two bits of epoch.high and the upper two
 * of epoch.low.
 */
#include <string.h>

#include "firmware/event/event.h"

#define VERSION_8 0x80u
#define VARIANT_RFC9562 0x80u

struct gw_event_id gw_event_id_make(enum gw_flow_class class, uint64_t sequence,
                                    struct gw_epoch epoch) {
    struct gw_event_id id;
    for (unsigned i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t) (sequence >> (40 - 8 * i));
    }
    unsigned class_bits = (unsigned) class & 0xff;
    unsigned epoch_top = (epoch.high & 3u) << 2 | (unsigned) (epoch.low >> 62);
    id.bytes[6] = (uint8_t) (VERSION_8 | class_bits >> 4);
    id.bytes[7] = (uint8_t) ((class_bits & 15) << 4 | epoch_top);
    for (unsigned i = 0; i < 8; i++) {
        id.bytes[8 + i] = (uint8_t) (epoch.low >> (56 - 8 * i));
    }
    id.bytes[8] = (uint8_t) ((id.bytes[8] & 0x3f) | VARIANT_RFC9562);
    return id;
}

enum gw_err gw_event_id_split(struct gw_event_id id, enum gw_flow_class *ret_class,
                              uint64_t *ret_sequence, struct gw_epoch *ret_epoch) {
    unsigned class_bits = (id.bytes[6] & 15u) << 4 | id.bytes[7] >> 4;
    if ((id.bytes[6] & 0xf0) != VERSION_8 || (id.bytes[8] & 0xc0) != VARIANT_RFC9562
        || class_bits >= GW_CLASS_COUNT) {
        return GW_ERR_CORRUPT;
    }
    uint64_t sequence = 0;
    for (unsigned i = 0; i < 6; i++) {
        sequence = sequence << 8 | id.bytes[i];
    }
    uint64_t low = id.bytes[8] & 0x3f;
    for (unsigned i = 9; i < 16; i++) {
        low = low << 8 | id.bytes[i];
    }
    unsigned epoch_top = id.bytes[7] & 15u;
    *ret_class = (enum gw_flow_class) class_bits;
    *ret_sequence = sequence;
    *ret_epoch = (struct gw_epoch){.high = (uint8_t) (epoch_top >> 2),
                                   .low = (uint64_t) (epoch_top & 3) << 62 | low};
    return GW_OK;
}

/* Bytes per group of the 8-4-4-4-12 text. */
static const uint8_t uuid_groups[] = {4, 2, 2, 2, 6};

void gw_event_id_format(struct gw_event_id id, char dst[static GW_EVENT_ID_TEXT_LEN + 1]) {
    size_t from = 0;
    char *to = dst;
    for (size_t i = 0; i < sizeof(uuid_groups); i++) {
        gw_hex_format((struct gw_bytes){id.bytes + from, uuid_groups[i]}, to);
        from += uuid_groups[i];
        to += 2 * (size_t) uuid_groups[i];
        *to++ = '-';
    }
    dst[GW_EVENT_ID_TEXT_LEN] = '\0';
}

enum gw_err gw_event_id_parse(struct gw_str text, struct gw_event_id *ret_id) {
    if (text.len != GW_EVENT_ID_TEXT_LEN) {
        return GW_ERR_PARSE;
    }
    struct gw_event_id id;
    size_t from = 0;
    size_t to = 0;
    for (size_t i = 0; i < sizeof(uuid_groups); i++) {
        size_t digits = 2 * (size_t) uuid_groups[i];
        if (gw_hex_parse(gw_str_sub(text, from, digits), id.bytes + to, uuid_groups[i])
            || (from + digits < text.len && text.ptr[from + digits] != '-')) {
            return GW_ERR_PARSE;
        }
        from += digits + 1;
        to += uuid_groups[i];
    }
    *ret_id = id;
    return GW_OK;
}
