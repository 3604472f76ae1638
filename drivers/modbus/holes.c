/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/holes.h"

#include <string.h>

#define VERSION 1
#define FINGERPRINT_BYTES 32
#define HEAD_BYTES (1 + FINGERPRINT_BYTES)
#define ENTRY_BYTES 6
#define GAP_BIT 0x80

static bool is_same_place(const struct gw_modbus_hole *a, const struct gw_modbus_hole *b) {
    return a->unit_id == b->unit_id && a->area == b->area;
}

static uint32_t end_of(const struct gw_modbus_hole *range) {
    return (uint32_t) range->address + range->count;
}

static bool overlap(const struct gw_modbus_hole *a, const struct gw_modbus_hole *b) {
    return is_same_place(a, b) && a->address < end_of(b) && b->address < end_of(a);
}

static bool is_known(const struct gw_modbus_holes *holes, const struct gw_modbus_hole *hole) {
    for (size_t i = 0; i < holes->count; i++) {
        const struct gw_modbus_hole *entry = &holes->entries[i];
        bool is_same = entry->address == hole->address && entry->count == hole->count;
        if (is_same_place(entry, hole) && (is_same || entry->count == GW_MODBUS_HOLE_AREA)) {
            return true;
        }
    }
    return false;
}

static void remove_at(struct gw_modbus_holes *holes, size_t index) {
    holes->entries[index] = holes->entries[--holes->count];
}

/* One hole for all that is known of the place. There is room then, if there are any. */
static void collapse(struct gw_modbus_holes *holes, const struct gw_modbus_hole *place) {
    for (size_t i = holes->count; i > 0; i--) {
        if (is_same_place(&holes->entries[i - 1], place)) {
            remove_at(holes, i - 1);
        }
    }
    if (holes->count < GW_MODBUS_HOLES_MAX) {
        holes->entries[holes->count++] = (struct gw_modbus_hole){
            .unit_id = place->unit_id, .area = place->area, .count = GW_MODBUS_HOLE_AREA};
    }
}

/* The place that takes most room, for one that has none. */
static struct gw_modbus_hole most_crowded(const struct gw_modbus_holes *holes) {
    struct gw_modbus_hole found = holes->entries[0];
    size_t most = 0;
    for (size_t i = 0; i < holes->count; i++) {
        size_t entries = 0;
        for (size_t j = 0; j < holes->count; j++) {
            entries += is_same_place(&holes->entries[i], &holes->entries[j]);
        }
        if (entries > most) {
            most = entries;
            found = holes->entries[i];
        }
    }
    return found;
}

bool gw_modbus_holes_add(struct gw_modbus_holes *holes, const struct gw_modbus_hole *hole) {
    if (is_known(holes, hole)) {
        return false;
    }
    if (holes->count == GW_MODBUS_HOLES_MAX) {
        struct gw_modbus_hole crowded = most_crowded(holes);
        collapse(holes, &crowded);
        if (is_known(holes, hole)) {
            return true;
        }
    }
    if (holes->count == GW_MODBUS_HOLES_MAX) {
        return false; /* as many places as entries: each is one whole area */
    }
    holes->entries[holes->count++] = *hole;
    return true;
}

/* What is left of the hole on both sides of what was read. */
static void keep_rest(struct gw_modbus_holes *holes, const struct gw_modbus_hole *hole,
                      const struct gw_modbus_hole *read) {
    struct gw_modbus_hole before = *hole, behind = *hole, seam = *hole;
    bool has_rest = false;
    if (read->address > hole->address) {
        before.count = (uint16_t) (read->address - hole->address);
        has_rest |= gw_modbus_holes_add(holes, &before);
    }
    if (end_of(read) < end_of(hole)) {
        behind.address = (uint16_t) end_of(read);
        behind.count = (uint16_t) (end_of(hole) - end_of(read));
        has_rest |= gw_modbus_holes_add(holes, &behind);
    }
    if (hole->is_gap && !has_rest) {
        seam.count = 0;
        (void) gw_modbus_holes_add(holes, &seam);
    }
}

bool gw_modbus_holes_subtract(struct gw_modbus_holes *holes,
                              const struct gw_modbus_hole *read) {
    bool has_changed = false;
    for (size_t i = holes->count; i > 0; i--) {
        struct gw_modbus_hole hole = holes->entries[i - 1];
        if (i > holes->count) {
            continue; /* what was left found no room and made some */
        }
        if (hole.count == 0 || hole.count == GW_MODBUS_HOLE_AREA || !overlap(&hole, read)) {
            continue;
        }
        remove_at(holes, i - 1);
        keep_rest(holes, &hole, read);
        has_changed = true;
    }
    return has_changed;
}

bool gw_modbus_holes_touch(const struct gw_modbus_holes *holes,
                           const struct gw_modbus_hole *range) {
    for (size_t i = 0; i < holes->count; i++) {
        const struct gw_modbus_hole *hole = &holes->entries[i];
        bool crosses = hole->count == 0 && is_same_place(hole, range)
                       && hole->address > range->address && hole->address < end_of(range);
        if (crosses || (hole->count > 0 && overlap(hole, range))) {
            return true;
        }
    }
    return false;
}

static void put16(struct gw_buf *buf, uint16_t value) {
    gw_buf_put_char(buf, (char) (unsigned char) (value >> 8));
    gw_buf_put_char(buf, (char) (unsigned char) value);
}

enum gw_err gw_modbus_holes_encode(const struct gw_modbus_holes *holes,
                                   const uint8_t fingerprint[static 32], struct gw_buf *buf) {
    size_t before = buf->len;
    gw_buf_put_char(buf, VERSION);
    gw_buf_put(buf, (struct gw_bytes){fingerprint, FINGERPRINT_BYTES});
    for (size_t i = 0; i < holes->count; i++) {
        const struct gw_modbus_hole *hole = &holes->entries[i];
        gw_buf_put_char(buf, (char) hole->unit_id);
        gw_buf_put_char(buf, (char) (hole->area | (hole->is_gap ? GAP_BIT : 0)));
        put16(buf, hole->address);
        put16(buf, hole->count);
    }
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

static uint16_t get16(const uint8_t *src) {
    return (uint16_t) (src[0] << 8 | src[1]);
}

enum gw_err gw_modbus_holes_decode(struct gw_bytes bytes, const uint8_t fingerprint[static 32],
                                   struct gw_modbus_holes *ret_holes) {
    if (bytes.len < HEAD_BYTES || bytes.ptr[0] != VERSION
        || (bytes.len - HEAD_BYTES) % ENTRY_BYTES != 0
        || (bytes.len - HEAD_BYTES) / ENTRY_BYTES > GW_MODBUS_HOLES_MAX) {
        return GW_ERR_CORRUPT;
    }
    if (memcmp(bytes.ptr + 1, fingerprint, FINGERPRINT_BYTES) != 0) {
        return GW_ERR_NOENT;
    }
    size_t count = (bytes.len - HEAD_BYTES) / ENTRY_BYTES;
    for (size_t i = 0; i < count; i++) {
        unsigned area = bytes.ptr[HEAD_BYTES + i * ENTRY_BYTES + 1] & ~(unsigned) GAP_BIT;
        if (area > GW_AREA_HOLDING_REGISTER) {
            return GW_ERR_CORRUPT;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *src = bytes.ptr + HEAD_BYTES + i * ENTRY_BYTES;
        ret_holes->entries[i] = (struct gw_modbus_hole){.unit_id = src[0],
                                                        .area = (uint8_t) (src[1] & ~GAP_BIT),
                                                        .is_gap = (src[1] & GAP_BIT) != 0,
                                                        .address = get16(src + 2),
                                                        .count = get16(src + 4)};
    }
    ret_holes->count = count;
    return GW_OK;
}
