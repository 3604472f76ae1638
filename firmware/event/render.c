/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renderer version 1. Stored events name the version they were stored under and
 * are rendered by it for ever, since a receiver may compare bytes of a resend:
 * never change what this file writes; add a version beside it instead.
 *
 * Hand-written appends, as this runs for every event of a drain: texts that the
 * draft check confines to harmless characters go out unescaped, the others
 * through the JSON escaper.
 */
#include "firmware/event/render.h"

#include "firmware/event/wire.h"

#define PUT(buf, literal) gw_buf_put_str(buf, GW_STR(literal))

static void put_hex(struct gw_buf *buf, const uint8_t *bytes, size_t len) {
    char text[2 * 16 + 1];
    gw_hex_format((struct gw_bytes){bytes, len}, text);
    gw_buf_put_str(buf, (struct gw_str){text, 2 * len});
}

/* 20 digits, zero-padded: the extension compares as text. */
static void put_sequence(struct gw_buf *buf, uint64_t sequence) {
    char text[20];
    for (size_t i = sizeof(text); i > 0; i--) {
        text[i - 1] = (char) ('0' + sequence % 10);
        sequence /= 10;
    }
    gw_buf_put_str(buf, (struct gw_str){text, sizeof(text)});
}

static void put_uuid(struct gw_buf *buf, const uint8_t bytes[static 16]) {
    struct gw_event_id id;
    char text[GW_EVENT_ID_TEXT_LEN + 1];
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    gw_event_id_format(id, text);
    gw_buf_put_str(buf, (struct gw_str){text, GW_EVENT_ID_TEXT_LEN});
}

static void put_two_digits(char *dst, int value) {
    dst[0] = (char) ('0' + value / 10);
    dst[1] = (char) ('0' + value % 10);
}

static void put_offset(struct gw_buf *buf, int offset_min) {
    int minutes = offset_min < 0 ? -offset_min : offset_min;
    char text[6] = {offset_min < 0 ? '-' : '+', '0', '0', ':', '0', '0'};
    put_two_digits(text + 1, minutes / 60);
    put_two_digits(text + 4, minutes % 60);
    gw_buf_put_str(buf, (struct gw_str){text, sizeof(text)});
}

static void put_what(struct gw_buf *buf, const struct gw_record *record,
                     const struct gw_event_context *context,
                     const struct gw_event_type_info *type) {
    PUT(buf, "{\"specversion\":\"1.0\",\"id\":\"");
    put_uuid(buf, record->id.bytes);
    PUT(buf, "\",\"source\":\"");
    gw_event_put_source(buf, record, context);
    PUT(buf, "\",\"type\":\"");
    gw_buf_put_str(buf, gw_str_from_cstr(type->name));
    PUT(buf, "\"");
    if (record->subject.len > 0) {
        PUT(buf, ",\"subject\":");
        gw_buf_put_json_str(buf, record->subject);
    }
    PUT(buf, ",\"time\":\"");
    gw_time_put(buf, record->time_wall_ms);
    PUT(buf, "\",\"datacontenttype\":\"application/json\",\"dataschema\":\"");
    gw_buf_put_str(buf, gw_str_from_cstr(type->schema));
}

static void put_order(struct gw_buf *buf, const struct gw_record *record) {
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(record->epoch, epoch);
    PUT(buf, "\",\"recordedtime\":\"");
    gw_time_put(buf, record->recorded_wall_ms);
    PUT(buf, "\",\"epoch\":\"");
    gw_buf_put_str(buf, (struct gw_str){epoch, GW_EPOCH_TEXT_LEN});
    PUT(buf, "\",\"sequence\":\"");
    put_sequence(buf, record->sequence);
    PUT(buf, "\",\"partitionkey\":");
    gw_buf_put_json_str(buf, gw_event_partition_key(record));
}

static void put_proof(struct gw_buf *buf, const struct gw_record *record,
                      const struct gw_event_context *context) {
    PUT(buf, ",\"traceparent\":\"00-");
    put_hex(buf, record->trace.trace_id, sizeof(record->trace.trace_id));
    PUT(buf, "-");
    put_hex(buf, record->trace.span_id, sizeof(record->trace.span_id));
    PUT(buf, "-01\",\"flowclass\":\"");
    gw_buf_put_str(buf, gw_str_from_cstr(gw_flow_class_name(record->class)));
    PUT(buf, "\",\"bootid\":\"");
    put_uuid(buf, context->boot_id);
    PUT(buf, "\",\"clockquality\":\"");
    gw_buf_put_str(buf, record->clock_quality == GW_CLOCK_SYNCHRONISED
                            ? GW_STR("synchronised")
                            : GW_STR("unsynchronised"));
    PUT(buf, "\",\"digest\":\"");
    put_hex(buf, record->digest, sizeof(record->digest));
}

static void put_where(struct gw_buf *buf, const struct gw_record *record,
                      const struct gw_event_context *context) {
    PUT(buf, "\",\"site\":");
    gw_buf_put_json_str(buf, context->site);
    PUT(buf, ",\"sitezone\":");
    gw_buf_put_json_str(buf, context->zone);
    PUT(buf, ",\"siteoffset\":\"");
    put_offset(buf, record->zone_offset_min);
    PUT(buf, "\"");
    if (context->owner.len > 0) {
        PUT(buf, ",\"owner\":");
        gw_buf_put_json_str(buf, context->owner);
    }
}

static void put_optional(struct gw_buf *buf, const struct gw_record *record) {
    if (record->correlation_id.len > 0) {
        PUT(buf, ",\"correlationid\":");
        gw_buf_put_json_str(buf, record->correlation_id);
    }
    if (record->expiry_wall_ms != 0) {
        PUT(buf, ",\"expirytime\":\"");
        gw_time_put(buf, record->expiry_wall_ms);
        PUT(buf, "\"");
    }
    if (record->flags & GW_EVENT_TEST) {
        PUT(buf, ",\"test\":true");
    }
    if (record->flags & GW_EVENT_POSSIBLE_DUPLICATE) {
        PUT(buf, ",\"possibleduplicate\":true");
    }
    if (record->flags & GW_EVENT_RETAINED) {
        PUT(buf, ",\"retained\":true");
    }
}

enum gw_err gw_event_render(const struct gw_record *record,
                            const struct gw_event_context *context, struct gw_buf *buf) {
    const struct gw_event_type_info *type = gw_event_type_find(record->type);
    if (record->renderer_version != GW_RENDERER_VERSION || !type) {
        return GW_ERR_SCHEMA;
    }
    if (gw_buf_failed(buf)) {
        return GW_ERR_FULL;
    }
    size_t before = buf->len;
    put_what(buf, record, context, type);
    put_order(buf, record);
    put_proof(buf, record, context);
    put_where(buf, record, context);
    put_optional(buf, record);
    PUT(buf, ",\"data\":");
    gw_buf_put_str(buf, record->data);
    PUT(buf, "}");
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
