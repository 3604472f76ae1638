/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored record, or a context record, as salvage may find it. The first four
 * bytes are replaced by the right checksum, or nothing would get past it. What
 * decodes must be whole: its parts lie inside the input, encoding them again
 * gives the same bytes, and it renders or is refused, never more.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/base/crc32c.h"
#include "firmware/event/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

static void check_inside(struct gw_str part, const uint8_t *bytes, size_t size) {
    const uint8_t *from = (const uint8_t *) part.ptr;
    require(part.len == 0 || (from >= bytes && part.len <= (size_t) (bytes + size - from)));
}

static void check_parts(const struct gw_record *record, const uint8_t *bytes, size_t size) {
    check_inside(record->device, bytes, size);
    check_inside(record->subject, bytes, size);
    check_inside(record->partition_key, bytes, size);
    check_inside(record->correlation_id, bytes, size);
    check_inside(record->data, bytes, size);
    check_inside(gw_str_from_bytes(record->origin), bytes, size);
    require(record->last_sequence >= record->sequence);
    require(GW_RECORD_HEADER_BYTES + record->device.len + record->subject.len
                + record->partition_key.len + record->correlation_id.len + record->origin.len
                + record->data.len
            == size);
}

/* A record whose facts are valid came from an encoder: it must come back. */
static void check_round_trip(const struct gw_record *record, const uint8_t *bytes,
                             size_t size) {
    static uint8_t again[GW_RECORD_MAX_BYTES];
    const struct gw_event_context context = {.epoch = record->epoch, .serial = GW_STR("GW-1")};
    const struct gw_event_draft draft = {
        .type = record->type,
        .class = record->class,
        .flags = record->flags,
        .time_wall_ms = record->time_wall_ms,
        .expiry_wall_ms = record->expiry_wall_ms,
        .device = record->device,
        .subject = record->subject,
        .partition_key = record->partition_key,
        .correlation_id = record->correlation_id,
        .data = record->data,
        .origin = record->origin,
        .trace = record->trace,
    };
    const struct gw_record_stamp stamp = {
        .id = record->id,
        .recorded_wall_ms = record->recorded_wall_ms,
        .zone_offset_min = record->zone_offset_min,
        .clock_quality = record->clock_quality,
        .context_number = record->context_number,
        .context = &context,
    };
    static const uint8_t no_id[16];
    bool drawn = memcmp(record->trace.trace_id, no_id, 16) == 0
                 || memcmp(record->trace.span_id, no_id, 8) == 0;
    if (record->is_tombstone || drawn || record->renderer_version != GW_RENDERER_VERSION
        || gw_str_eq(record->partition_key, record->device)
        || gw_event_validate_draft(&draft)) {
        return;
    }
    size_t len = 0;
    require(gw_record_encode(&draft, &stamp, again, sizeof(again), &len) == GW_OK);
    require(len == size);
    /* the digest is of another serial; all else behind the checksum is the same */
    require(memcmp(again + 4, bytes + 4, 44) == 0);
    require(memcmp(again + 64, bytes + 64, size - 64) == 0);
}

static void check_rendering(const struct gw_record *record) {
    static uint8_t text[8 * GW_EVENT_MAX_BYTES];
    const struct gw_event_context context = {.epoch = record->epoch, .serial = GW_STR("GW-1")};
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof(text));
    enum gw_err err = gw_event_render(record, &context, &buf);
    require(err == GW_OK || err == GW_ERR_SCHEMA);
}

static void check_record(const uint8_t *bytes, size_t size) {
    struct gw_record record;
    if (gw_record_decode((struct gw_bytes){bytes, size}, &record)) {
        return;
    }
    check_parts(&record, bytes, size);
    check_round_trip(&record, bytes, size);
    check_rendering(&record);
}

static void check_context(const uint8_t *bytes, size_t size) {
    struct gw_event_context context;
    if (gw_context_decode((struct gw_bytes){bytes, size}, &context)) {
        return;
    }
    uint8_t again[GW_CONTEXT_MAX_BYTES];
    size_t len = 0;
    enum gw_err err = gw_context_encode(&context, again, sizeof(again), &len);
    require(err == GW_OK || err == GW_ERR_INVALID);
    require(err || (len == size && memcmp(again, bytes, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4 || size > GW_RECORD_MAX_BYTES + 1) {
        struct gw_record record;
        require(gw_record_decode((struct gw_bytes){data, size}, &record) == GW_ERR_CORRUPT);
        return 0;
    }
    uint8_t *bytes = malloc(size); /* of the exact size, for the address sanitizer */
    if (!bytes) {
        return 0;
    }
    memcpy(bytes, data, size);
    uint32_t crc = gw_crc32c(0, (struct gw_bytes){bytes + 4, size - 4});
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t) (crc >> (8 * i));
    }
    check_record(bytes, size);
    check_context(bytes, size);
    free(bytes);
    return 0;
}
