/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/decoding.h"

#include "firmware/json/json.h"

/* Of found text in a reason; what is left over is said by "...". */
#define FOUND_MAX_BYTES 64

/* ---- reasons ---- */

/* The longest prefix of at most `max` bytes that ends between characters. */
static struct gw_str cut(struct gw_str text, size_t max) {
    if (text.len <= max) {
        return text;
    }
    size_t len = max;
    while (len > 0 && !gw_str_is_utf8(gw_str_sub(text, 0, len))) {
        len--;
    }
    return gw_str_sub(text, 0, len);
}

enum gw_err gw_decoding_refuse(struct gw_decoding *decoding, const char *what,
                               struct gw_str found, const char *allowed) {
    struct gw_str shown = cut(found, FOUND_MAX_BYTES);
    gw_buf_put_str(decoding->reason, gw_str_from_cstr(what));
    gw_buf_put_str(decoding->reason, GW_STR(": found "));
    for (size_t i = 0; i < shown.len; i++) {
        /* raw JSON text may span lines between its tokens */
        bool control = (unsigned char) shown.ptr[i] < 0x20 || shown.ptr[i] == 0x7f;
        gw_buf_put_char(decoding->reason, control ? ' ' : shown.ptr[i]);
    }
    if (shown.len < found.len) {
        gw_buf_put_str(decoding->reason, GW_STR("..."));
    }
    gw_buf_put_str(decoding->reason, GW_STR(", allowed: "));
    gw_buf_put_str(decoding->reason, gw_str_from_cstr(allowed));
    return GW_ERR_SCHEMA;
}

/* ---- members ---- */

struct gw_member gw_decoding_find(const struct gw_decoding *decoding, const char *pointer) {
    struct gw_member member = {.pointer = pointer};
    struct gw_str path = gw_str_from_cstr(pointer);
    if (path.len == 0 || gw_json_find_raw(decoding->text, path, &member.raw)
        || gw_str_eq(member.raw, GW_STR("null"))) {
        member.raw = (struct gw_str){0};
    }
    return member;
}

enum gw_err gw_decoding_require(struct gw_decoding *decoding, const char *pointer,
                                struct gw_member *ret_member) {
    struct gw_member member = gw_decoding_find(decoding, pointer);
    if (member.raw.len == 0) {
        gw_buf_printf(decoding->reason, "no member at %.128s", pointer);
        return GW_ERR_SCHEMA;
    }
    *ret_member = member;
    return GW_OK;
}

static bool is_number(struct gw_str raw) {
    return raw.len > 0 && (raw.ptr[0] == '-' || (raw.ptr[0] >= '0' && raw.ptr[0] <= '9'));
}

enum gw_err gw_decoding_text(struct gw_decoding *decoding, const struct gw_member *member,
                             size_t max, struct gw_str *ret_text) {
    struct gw_buf *storage = decoding->storage;
    size_t from = storage->len;
    if (is_number(member->raw)) {
        gw_buf_put_str(storage, member->raw);
    } else if (member->raw.len > 0 && member->raw.ptr[0] == '"') {
        enum gw_err err = gw_json_unescape(member->raw, storage);
        if (err) {
            return err;
        }
    } else if (member->raw.len > 0) {
        return gw_decoding_refuse(decoding, member->pointer, member->raw, "string or number");
    }
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    struct gw_str text = gw_str_sub(gw_buf_str(storage), from, SIZE_MAX);
    if (text.len > max) {
        gw_buf_printf(decoding->reason, "%.128s: found %zu bytes, allowed: at most %zu",
                      member->pointer, text.len, max);
        return GW_ERR_RANGE;
    }
    if (gw_str_find(text, '\0', 0) < text.len) {
        return gw_decoding_refuse(decoding, member->pointer, member->raw, "text without NUL");
    }
    *ret_text = text;
    return GW_OK;
}

/* Milliseconds or seconds since 1970: 10^11 seconds is the year 5138, 10^11
 * milliseconds is 1973. */
static enum gw_err parse_unix_time(struct gw_str text, int64_t *ret_wall_ms) {
    const int64_t first_ms_value = INT64_C(100000000000);
    int64_t value;
    enum gw_err err = gw_str_to_i64(text, 0, INT64_C(253402300799999), &value);
    if (err) {
        return err;
    }
    *ret_wall_ms = value < first_ms_value ? value * 1000 : value;
    return GW_OK;
}

static enum gw_err decode_time(struct gw_decoding *decoding) {
    struct gw_member member = gw_decoding_find(decoding, decoding->input->device->time_pointer);
    if (member.raw.len == 0) {
        return GW_OK;
    }
    size_t before = decoding->storage->len;
    struct gw_str text;
    enum gw_err err = gw_decoding_text(decoding, &member, GW_DECODING_TEXT_MAX_BYTES, &text);
    if (err) {
        return err;
    }
    if (gw_time_parse(text, &decoding->time_wall_ms)
        && parse_unix_time(text, &decoding->time_wall_ms)) {
        return gw_decoding_refuse(decoding, member.pointer, member.raw,
                                  "RFC 3339 date-time, or milliseconds or seconds since 1970");
    }
    gw_buf_rewind(decoding->storage, before);
    return GW_OK;
}

enum gw_err gw_decoding_identity(struct gw_decoding *decoding) {
    enum gw_err err = decode_time(decoding);
    if (err) {
        return err;
    }
    struct gw_member member =
        gw_decoding_find(decoding, decoding->input->device->event_id_pointer);
    return gw_decoding_text(decoding, &member, GW_DECODING_TEXT_MAX_BYTES,
                            &decoding->device_event_id);
}

/* ---- data ---- */

void gw_decoding_start_data(struct gw_decoding *decoding) {
    decoding->data_from = decoding->storage->len;
}

void gw_decoding_put_text(struct gw_decoding *decoding, const char *name, struct gw_str text) {
    struct gw_buf *storage = decoding->storage;
    gw_buf_put_char(storage, storage->len == decoding->data_from ? '{' : ',');
    gw_buf_put_json_str(storage, gw_str_from_cstr(name));
    gw_buf_put_char(storage, ':');
    gw_buf_put_json_str(storage, text);
}

void gw_decoding_put_optional(struct gw_decoding *decoding, const char *name,
                              struct gw_str text) {
    if (text.len > 0) {
        gw_decoding_put_text(decoding, name, text);
    }
}

static size_t escaped_len(struct gw_str text) {
    size_t len = 2;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        bool is_short = c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v');
        len += is_short ? 2 : c < 0x20 ? 6 : 1;
    }
    return len;
}

enum gw_err gw_decoding_check_raw(struct gw_decoding *decoding, struct gw_str raw) {
    size_t len = escaped_len(raw);
    if (len > GW_DECODING_RAW_MAX_BYTES) {
        gw_buf_printf(decoding->reason,
                      "too large: %zu bytes as a JSON string, allowed: at most %d", len,
                      GW_DECODING_RAW_MAX_BYTES);
        return GW_ERR_RANGE;
    }
    return GW_OK;
}
