/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding. The layout is drawn in record.h; each part is copied once, straight
 * into the caller's (usually the store's own) memory. */
#include "firmware/event/record.h"

#include "firmware/base/crc32c.h"
#include "firmware/base/random.h"
#include "firmware/event/render.h"
#include "firmware/event/wire.h"

#define KIND_EVENT 1
#define KIND_TOMBSTONE 2
/* No place on earth is further from UTC; keeps the rendered "+HH:MM" whole. */
#define ZONE_OFFSET_MAX_MIN (24 * 60 - 1)

static bool is_zero(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

/* W3C trace context forbids all-zero ids, so zero means "none yet". */
static void complete_trace(struct gw_trace *trace) {
    if (is_zero(trace->trace_id, sizeof(trace->trace_id))) {
        gw_random_bytes(trace, sizeof(*trace));
    } else if (is_zero(trace->span_id, sizeof(trace->span_id))) {
        gw_random_bytes(trace->span_id, sizeof(trace->span_id));
    }
}
_Static_assert(sizeof(struct gw_trace) == 24, "a trace has no padding");

static size_t encoded_len(const struct gw_record *record) {
    return GW_RECORD_HEADER_BYTES + record->device.len + record->subject.len
           + record->partition_key.len + record->correlation_id.len + record->origin.len
           + record->data.len;
}

static void write_header(const struct gw_record *record, uint8_t *dst) {
    dst[4] = GW_RECORD_FORMAT_VERSION;
    dst[5] = record->is_tombstone ? KIND_TOMBSTONE : KIND_EVENT;
    gw_le_put_u16(dst + 6, record->renderer_version);
    memcpy(dst + 8, record->id.bytes, 16);
    gw_le_put_u64(dst + 24, (uint64_t) record->time_wall_ms);
    gw_le_put_u64(dst + 32, (uint64_t) record->recorded_wall_ms);
    gw_le_put_u64(dst + 40, record->is_tombstone ? record->last_sequence
                                                 : (uint64_t) record->expiry_wall_ms);
    memcpy(dst + 48, record->digest, GW_DIGEST_BYTES);
    memcpy(dst + 64, record->trace.trace_id, 16);
    memcpy(dst + 80, record->trace.span_id, 8);
    gw_le_put_u32(dst + 88, record->context_number);
    gw_le_put_u16(dst + 92, (uint16_t) record->type);
    gw_le_put_u16(dst + 94, (uint16_t) record->flags);
    gw_le_put_u16(dst + 96, (uint16_t) record->zone_offset_min);
    dst[98] = (uint8_t) record->clock_quality;
    dst[99] = (uint8_t) record->origin.len;
    gw_le_put_u16(dst + 100, (uint16_t) record->device.len);
    gw_le_put_u16(dst + 102, (uint16_t) record->subject.len);
    gw_le_put_u16(dst + 104, (uint16_t) record->partition_key.len);
    gw_le_put_u16(dst + 106, (uint16_t) record->correlation_id.len);
    gw_le_put_u32(dst + 108, (uint32_t) record->data.len);
}

static uint8_t *append(uint8_t *dst, const void *src, size_t len) {
    gw_wire_copy(dst, src, len);
    return dst + len;
}

static enum gw_err write_record(const struct gw_record *record, uint8_t *dst, size_t dst_cap,
                                size_t *ret_len) {
    size_t len = encoded_len(record);
    if (len > dst_cap) {
        return GW_ERR_FULL;
    }
    write_header(record, dst);
    uint8_t *at = dst + GW_RECORD_HEADER_BYTES;
    at = append(at, record->device.ptr, record->device.len);
    at = append(at, record->subject.ptr, record->subject.len);
    at = append(at, record->partition_key.ptr, record->partition_key.len);
    at = append(at, record->correlation_id.ptr, record->correlation_id.len);
    at = append(at, record->origin.ptr, record->origin.len);
    append(at, record->data.ptr, record->data.len);
    gw_le_put_u32(dst, gw_crc32c(0, (struct gw_bytes){dst + 4, len - 4}));
    *ret_len = len;
    return GW_OK;
}

/* What event and tombstone share. */
static enum gw_err start_record(const struct gw_record_stamp *stamp, struct gw_record *record) {
    if (stamp->zone_offset_min < -ZONE_OFFSET_MAX_MIN
        || stamp->zone_offset_min > ZONE_OFFSET_MAX_MIN) {
        return GW_ERR_RANGE;
    }
    *record = (struct gw_record){
        .renderer_version = GW_RENDERER_VERSION,
        .id = stamp->id,
        .recorded_wall_ms = stamp->recorded_wall_ms,
        .context_number = stamp->context_number,
        .zone_offset_min = stamp->zone_offset_min,
        .clock_quality = stamp->clock_quality,
    };
    return GW_OK;
}

enum gw_err gw_record_encode(const struct gw_event_draft *draft,
                             const struct gw_record_stamp *stamp, uint8_t *dst, size_t dst_cap,
                             size_t *ret_len) {
    struct gw_record record;
    enum gw_err err = start_record(stamp, &record);
    if (err) {
        return err;
    }
    record.time_wall_ms = draft->time_wall_ms;
    record.expiry_wall_ms = draft->expiry_wall_ms;
    record.trace = draft->trace;
    record.type = draft->type;
    record.flags = draft->flags;
    record.device = draft->device;
    record.subject = draft->subject;
    if (!gw_str_eq(draft->partition_key, draft->device)) {
        record.partition_key = draft->partition_key;
    }
    record.correlation_id = draft->correlation_id;
    record.origin = draft->origin;
    record.data = draft->data;
    if (encoded_len(&record) > dst_cap) {
        return GW_ERR_FULL; /* before the costly digest */
    }
    complete_trace(&record.trace);
    gw_event_digest(&record, stamp->context, record.digest);
    return write_record(&record, dst, dst_cap, ret_len);
}

/* ---- tombstones ---- */

static bool is_tombstone_reason(struct gw_str reason) {
    static const char *const reasons[] = {"evicted", "expired", "dead_letter", "corrupt",
                                          "capacity"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (gw_str_eq(reason, gw_str_from_cstr(reasons[i]))) {
            return true;
        }
    }
    return false;
}

static void put_tombstone_data(struct gw_buf *buf, uint64_t count, uint64_t first,
                               uint64_t last, struct gw_str reason) {
    gw_buf_put_str(buf, GW_STR("{\"count\":"));
    gw_buf_put_u64(buf, count);
    gw_buf_put_str(buf, GW_STR(",\"first\":"));
    gw_buf_put_u64(buf, first);
    gw_buf_put_str(buf, GW_STR(",\"last\":"));
    gw_buf_put_u64(buf, last);
    gw_buf_put_str(buf, GW_STR(",\"reason\":"));
    gw_buf_put_json_str(buf, reason);
    gw_buf_put_char(buf, '}');
}

enum gw_err gw_record_encode_tombstone(const struct gw_record_stamp *stamp, uint64_t last,
                                       uint64_t count, struct gw_str reason, uint8_t *dst,
                                       size_t dst_cap, size_t *ret_len) {
    struct gw_record record;
    enum gw_err err = start_record(stamp, &record);
    if (err) {
        return err;
    }
    err = gw_event_id_split(stamp->id, &record.class, &record.sequence, &record.epoch);
    if (err) {
        return GW_ERR_INVALID;
    }
    if (last < record.sequence || last > GW_SEQUENCE_MAX || count == 0
        || count > last - record.sequence + 1 || !is_tombstone_reason(reason)) {
        return GW_ERR_INVALID;
    }
    uint8_t storage[160];
    struct gw_buf data;
    gw_buf_init(&data, storage, sizeof(storage));
    put_tombstone_data(&data, count, record.sequence, last, reason);
    record.is_tombstone = true;
    record.type = GW_EVENT_TOMBSTONE;
    record.last_sequence = last;
    record.time_wall_ms = stamp->recorded_wall_ms;
    record.device = GW_STR("gateway");
    record.data = gw_buf_str(&data);
    complete_trace(&record.trace);
    gw_event_digest(&record, stamp->context, record.digest);
    return write_record(&record, dst, dst_cap, ret_len);
}
