/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is checked here is never checked again: rendering and digest rely on it.
 * Texts must not hold control characters, which CloudEvents forbids and which
 * would make the line-based digest ambiguous.
 */
#include "firmware/event/event.h"
#include "firmware/json/json.h"

/* Far above any data the house writes; bounds the scanner's work. */
#define DATA_MAX_DEPTH 32

/* A rendered event fits GW_EVENT_MAX_BYTES: of the attributes only text can
 * grow in rendering, at most twofold ('"' and '\'), as control characters are
 * refused; 2,048 covers every fixed text of render.c, with a context record
 * (at most 512 bytes, doubled). */
_Static_assert(GW_EVENT_DATA_MAX_BYTES + 2 * GW_EVENT_SUBJECT_MAX_BYTES
                       + 5 * GW_EVENT_NAME_MAX_BYTES + 2 * 512 + 2048
                   <= GW_EVENT_MAX_BYTES,
               "every valid draft can be rendered");

static bool is_device_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-';
}

static enum gw_err check_device(struct gw_str device) {
    if (device.len == 0 || device.len > GW_EVENT_NAME_MAX_BYTES) {
        return GW_ERR_RANGE;
    }
    for (size_t i = 0; i < device.len; i++) {
        if (!is_device_char(device.ptr[i])) {
            return GW_ERR_SCHEMA;
        }
    }
    return GW_OK;
}

/* C0, DEL and C1 (U+0080 to U+009F is C2 80 to C2 9F). */
static bool has_control_char(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
        if (c == 0xc2 && i + 1 < text.len && (unsigned char) text.ptr[i + 1] < 0xa0) {
            return true;
        }
    }
    return false;
}

static enum gw_err check_text(struct gw_str text, size_t max) {
    if (text.len > max) {
        return GW_ERR_RANGE;
    }
    return gw_str_is_utf8(text) && !has_control_char(text) ? GW_OK : GW_ERR_SCHEMA;
}

static enum gw_err check_texts(const struct gw_event_draft *draft) {
    enum gw_err err = check_device(draft->device);
    if (err) {
        return err;
    }
    err = check_text(draft->subject, GW_EVENT_SUBJECT_MAX_BYTES);
    if (err) {
        return err;
    }
    err = check_text(draft->partition_key, GW_EVENT_NAME_MAX_BYTES);
    if (err) {
        return err;
    }
    return check_text(draft->correlation_id, GW_EVENT_NAME_MAX_BYTES);
}

/* Years 0000 to 9999, what RFC 3339 can write; gw_time_put would clamp. */
static bool is_writable_time(int64_t wall_ms) {
    return wall_ms >= -INT64_C(62167219200000) && wall_ms <= INT64_C(253402300799999);
}

static enum gw_err check_facts(const struct gw_event_draft *draft) {
    const unsigned known = GW_EVENT_POSSIBLE_DUPLICATE | GW_EVENT_TEST | GW_EVENT_RETAINED;
    if (draft->type == GW_EVENT_TOMBSTONE || !gw_event_type_find(draft->type)
        || (unsigned) draft->class >= GW_CLASS_COUNT || (draft->flags & ~known)) {
        return GW_ERR_SCHEMA;
    }
    if (draft->expiry_wall_ms != 0 && draft->class != GW_CLASS_TELEMETRY) {
        return GW_ERR_SCHEMA;
    }
    if (!is_writable_time(draft->time_wall_ms) || !is_writable_time(draft->expiry_wall_ms)
        || draft->origin.len > GW_EVENT_ORIGIN_MAX_BYTES) {
        return GW_ERR_RANGE;
    }
    return GW_OK;
}

enum gw_err gw_event_validate_draft(const struct gw_event_draft *draft) {
    static const struct gw_json_limits data_limits = {
        .max_bytes = GW_EVENT_DATA_MAX_BYTES,
        .max_depth = DATA_MAX_DEPTH,
        .flags = GW_JSON_CANONICAL | GW_JSON_OBJECT,
    };
    enum gw_err err = check_facts(draft);
    if (err) {
        return err;
    }
    err = check_texts(draft);
    if (err) {
        return err;
    }
    return gw_json_check(draft->data, &data_limits, NULL);
}
