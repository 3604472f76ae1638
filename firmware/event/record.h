/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of an event. Little-endian, version 1:
 *
 *   0  u32 crc32c of bytes [4, length)
 *   4  u8  format version (1)
 *   5  u8  kind: 1 event, 2 tombstone
 *   6  u16 renderer version
 *   8  16  event id: sequence, class and epoch are inside it
 *  24  i64 time, ms UTC
 *  32  i64 recorded, ms UTC
 *  40  i64 expiry, ms UTC (0 = none)
 *  48  16  digest
 *  64  16  trace id
 *  80   8  span id
 *  88  u32 context number (see gw_event_context)
 *  92  u16 type
 *  94  u16 flags
 *  96  i16 offset of the site's zone at capture, minutes
 *  98  u8  clock quality
 *  99  u8  origin length
 * 100  u16 device length
 * 102  u16 subject length
 * 104  u16 partition key length (0 = same as device)
 * 106  u16 correlation id length
 * 108  u32 data length
 * 112      device, subject, partition key, correlation id, origin, data
 *
 * A tombstone has the same layout with type GW_EVENT_TOMBSTONE; it stands at
 * (class, first) for [first, last] and its data is
 * {"count":N,"first":N,"last":N,"reason":"..."}; gw_record_tombstone_last()
 * reads `last` from the expiry field, which a tombstone uses for that.
 */
#ifndef GW_EVENT_RECORD_H
#define GW_EVENT_RECORD_H

#include "firmware/event/event.h"

#define GW_RECORD_FORMAT_VERSION 1
#define GW_RECORD_HEADER_BYTES 112
/* Header + every part at its maximum. */
#define GW_RECORD_MAX_BYTES                                                                    \
    (GW_RECORD_HEADER_BYTES + 3 * GW_EVENT_NAME_MAX_BYTES + GW_EVENT_SUBJECT_MAX_BYTES         \
     + GW_EVENT_ORIGIN_MAX_BYTES + GW_EVENT_DATA_MAX_BYTES)
#define GW_RENDERER_VERSION 1
#define GW_DIGEST_BYTES 16

/* A record taken apart. The views point into the record's bytes. */
struct gw_record {
    bool is_tombstone;
    uint16_t renderer_version;
    struct gw_event_id id;
    enum gw_flow_class class;
    uint64_t sequence;
    struct gw_epoch epoch;
    uint64_t last_sequence; /* = sequence unless a tombstone */
    int64_t time_wall_ms;
    int64_t recorded_wall_ms;
    int64_t expiry_wall_ms; /* 0 for a tombstone */
    uint8_t digest[GW_DIGEST_BYTES];
    struct gw_trace trace;
    uint32_t context_number;
    enum gw_event_type type;
    unsigned flags;
    int16_t zone_offset_min;
    enum gw_clock_quality clock_quality;
    struct gw_str device;
    struct gw_str subject;
    struct gw_str partition_key;
    struct gw_str correlation_id;
    struct gw_bytes origin;
    struct gw_str data;
};

/* What the queue knows and the source does not. */
struct gw_record_stamp {
    struct gw_event_id id;
    int64_t recorded_wall_ms;
    int16_t zone_offset_min;
    enum gw_clock_quality clock_quality;
    uint32_t context_number;
    const struct gw_event_context *context; /* for the digest */
};

/* Encode a validated draft into dst (at most dst_cap bytes): computes digest
 * and CRC, draws a trace if the draft has none; a partition key equal to the
 * device is not stored. FULL; RANGE for a zone offset of a day or more. */
enum gw_err gw_record_encode(const struct gw_event_draft *draft,
                             const struct gw_record_stamp *stamp, uint8_t *dst, size_t dst_cap,
                             size_t *ret_len);
/* Encode a tombstone for [first, last] (first is in stamp->id). `reason` is
 * one of "evicted", "expired", "dead_letter", "corrupt", "capacity". Its time is
 * the recorded time, its device "gateway". FULL; RANGE as above; INVALID for
 * another reason, a range that runs backwards or a count that does not fit it. */
enum gw_err gw_record_encode_tombstone(const struct gw_record_stamp *stamp, uint64_t last,
                                       uint64_t count, struct gw_str reason, uint8_t *dst,
                                       size_t dst_cap, size_t *ret_len);
/* Take apart and verify CRC, version, lengths. CORRUPT; SCHEMA if the format
 * version is newer than this build knows. A type or renderer version that this
 * build does not know decodes; gw_event_render refuses it. */
enum gw_err gw_record_decode(struct gw_bytes bytes, struct gw_record *ret_record);

/* Context record: encode/decode for the store's context table. Equal contexts
 * encode to equal bytes. Encode: FULL; INVALID for a serial that is none, texts
 * above GW_EVENT_NAME_MAX_BYTES or not UTF-8. Decode: CORRUPT, SCHEMA as above;
 * the views point into `bytes`. */
#define GW_CONTEXT_MAX_BYTES 512
enum gw_err gw_context_encode(const struct gw_event_context *context, uint8_t *dst,
                              size_t dst_cap, size_t *ret_len);
enum gw_err gw_context_decode(struct gw_bytes bytes, struct gw_event_context *ret_context);

#endif
