/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding trusts nothing but the checksum, and even behind a right checksum no
 * length is believed that does not add up: salvage reads other people's files. */
#include "firmware/base/crc32c.h"
#include "firmware/event/record.h"
#include "firmware/event/wire.h"

#define KIND_EVENT 1
#define KIND_TOMBSTONE 2
#define ZONE_OFFSET_MAX_MIN (24 * 60 - 1)

struct cursor {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static struct gw_str take(struct cursor *cursor, size_t len, size_t max) {
    if (len > max || len > cursor->left) {
        cursor->failed = true;
        return (struct gw_str){0};
    }
    struct gw_str part = {(const char *) cursor->at, len};
    cursor->at += len;
    cursor->left -= len;
    return part;
}

static void read_header(const uint8_t *src, struct gw_record *record) {
    record->is_tombstone = src[5] == KIND_TOMBSTONE;
    record->renderer_version = gw_le_get_u16(src + 6);
    memcpy(record->id.bytes, src + 8, 16);
    record->time_wall_ms = (int64_t) gw_le_get_u64(src + 24);
    record->recorded_wall_ms = (int64_t) gw_le_get_u64(src + 32);
    memcpy(record->digest, src + 48, GW_DIGEST_BYTES);
    memcpy(record->trace.trace_id, src + 64, 16);
    memcpy(record->trace.span_id, src + 80, 8);
    record->context_number = gw_le_get_u32(src + 88);
    record->type = (enum gw_event_type) gw_le_get_u16(src + 92);
    record->flags = gw_le_get_u16(src + 94);
    record->zone_offset_min = (int16_t) gw_le_get_u16(src + 96);
    record->clock_quality = (enum gw_clock_quality) src[98];
}

static bool read_parts(struct gw_bytes bytes, struct gw_record *record) {
    const uint8_t *src = bytes.ptr;
    struct cursor cursor = {src + GW_RECORD_HEADER_BYTES, bytes.len - GW_RECORD_HEADER_BYTES,
                            false};
    record->device = take(&cursor, gw_le_get_u16(src + 100), GW_EVENT_NAME_MAX_BYTES);
    record->subject = take(&cursor, gw_le_get_u16(src + 102), GW_EVENT_SUBJECT_MAX_BYTES);
    record->partition_key = take(&cursor, gw_le_get_u16(src + 104), GW_EVENT_NAME_MAX_BYTES);
    record->correlation_id = take(&cursor, gw_le_get_u16(src + 106), GW_EVENT_NAME_MAX_BYTES);
    record->origin = gw_bytes_from_str(take(&cursor, src[99], GW_EVENT_ORIGIN_MAX_BYTES));
    record->data = take(&cursor, gw_le_get_u32(src + 108), GW_EVENT_DATA_MAX_BYTES);
    return !cursor.failed && cursor.left == 0 && record->device.len > 0;
}

/* The field at 40 is the expiry of an event and the last sequence of a
 * tombstone. */
static bool read_range(const uint8_t *src, struct gw_record *record) {
    uint64_t field = gw_le_get_u64(src + 40);
    if (!record->is_tombstone) {
        record->expiry_wall_ms = (int64_t) field;
        record->last_sequence = record->sequence;
        return true;
    }
    record->expiry_wall_ms = 0;
    record->last_sequence = field;
    return field >= record->sequence && field <= GW_SEQUENCE_MAX;
}

static bool is_consistent(const uint8_t *src, const struct gw_record *record) {
    bool kind_known = src[5] == KIND_EVENT || src[5] == KIND_TOMBSTONE;
    return kind_known && record->is_tombstone == (record->type == GW_EVENT_TOMBSTONE)
           && src[98] <= GW_CLOCK_SYNCHRONISED && record->zone_offset_min <= ZONE_OFFSET_MAX_MIN
           && record->zone_offset_min >= -ZONE_OFFSET_MAX_MIN;
}

enum gw_err gw_record_decode(struct gw_bytes bytes, struct gw_record *ret_record) {
    if (bytes.len < GW_RECORD_HEADER_BYTES || bytes.len > GW_RECORD_MAX_BYTES) {
        return GW_ERR_CORRUPT;
    }
    if (gw_le_get_u32(bytes.ptr)
        != gw_crc32c(0, (struct gw_bytes){bytes.ptr + 4, bytes.len - 4})) {
        return GW_ERR_CORRUPT;
    }
    if (bytes.ptr[4] > GW_RECORD_FORMAT_VERSION) {
        return GW_ERR_SCHEMA;
    }
    struct gw_record record = {0};
    read_header(bytes.ptr, &record);
    if (bytes.ptr[4] == 0 || !is_consistent(bytes.ptr, &record)
        || gw_event_id_split(record.id, &record.class, &record.sequence, &record.epoch)
        || !read_range(bytes.ptr, &record) || !read_parts(bytes, &record)) {
        return GW_ERR_CORRUPT;
    }
    *ret_record = record;
    return GW_OK;
}
