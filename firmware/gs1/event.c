/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/gs1/event.h"

#include <string.h>

#define WHY_BYTES_MAX 512

/* One piece of a JSON string, without quotes of its own. */
static void put_piece(struct gw_buf *buf, struct gw_str text) {
    size_t at = buf->len;
    if (gw_buf_put_json_str(buf, text)) {
        memmove(buf->data + at, buf->data + at + 1, buf->len - at - 2);
        buf->len -= 2;
    }
}

bool gw_gs1_put_json_text(struct gw_buf *buf, struct gw_str text) {
    if (gw_str_is_utf8(text)) {
        return gw_buf_put_json_str(buf, text);
    }
    (void) gw_buf_put_char(buf, '"');
    while (text.len > 0) {
        size_t len = gw_str_utf8_len(text);
        put_piece(buf, len > 0 ? gw_str_sub(text, 0, len) : GW_STR("\xef\xbf\xbd"));
        text = gw_str_sub(text, len > 0 ? len : 1, text.len);
    }
    return gw_buf_put_char(buf, '"');
}

static enum gw_err put_link(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    size_t start = buf->len;
    (void) gw_buf_put_str(buf, GW_STR("\"digitallink\":\""));
    /* A link is of characters that JSON writes as they are. */
    enum gw_err err = gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, buf);
    if (err) {
        gw_buf_rewind(buf, start);
        return err == GW_ERR_NOENT ? GW_OK : err;
    }
    (void) gw_buf_put_str(buf, GW_STR("\","));
    return GW_OK;
}

static void put_element_list(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, GW_STR("\"elements\":["));
    for (size_t i = 0; i < scan->element_count; i++) {
        char ai[5];
        gw_gs1_ai_format(scan->elements[i].ai, scan->elements[i].number, ai);
        (void) gw_buf_printf(buf, "%s{\"ai\":\"%s\",\"value\":", i > 0 ? "," : "", ai);
        (void) gw_gs1_put_json_text(buf, scan->elements[i].value);
        (void) gw_buf_put_char(buf, '}');
    }
    (void) gw_buf_put_char(buf, ']');
}

static void put_notes(unsigned notes, struct gw_buf *buf) {
    if (notes == 0) {
        return;
    }
    (void) gw_buf_put_str(buf, GW_STR(",\"notes\":["));
    for (const char *comma = ""; notes != 0; notes &= notes - 1, comma = ",") {
        (void) gw_buf_printf(buf, "%s\"%s\"", comma, gw_gs1_note_name(notes));
    }
    (void) gw_buf_put_char(buf, ']');
}

static void put_why(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    char storage[WHY_BYTES_MAX];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof(storage));
    if (gw_gs1_put_why(scan, &text)) {
        gw_buf_clear(&text);
    }
    (void) gw_buf_put_str(buf, GW_STR(",\"why\":{"));
    if (scan->why.ai[0] != '\0') {
        (void) gw_buf_printf(buf, "\"ai\":\"%s\",", scan->why.ai);
    }
    (void) gw_buf_printf(buf, "\"at\":%zu,\"code\":\"%s\",\"text\":", scan->why.at,
                         gw_gs1_reason_name(scan->why.reason));
    (void) gw_buf_put_json_str(buf, gw_buf_str(&text));
    (void) gw_buf_put_char(buf, '}');
}

enum gw_err gw_gs1_put_event_members(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    if (scan->kind == GW_GS1_OTHER) {
        return GW_OK;
    }
    size_t start = buf->len;
    enum gw_err err = put_link(scan, buf);
    if (err) {
        return err;
    }
    (void) gw_buf_put_str(buf, GW_STR("\"gs1\":{"));
    put_element_list(scan, buf);
    (void) gw_buf_printf(buf, ",\"kind\":\"%s\"", gw_gs1_kind_name(scan->kind));
    put_notes(scan->notes, buf);
    (void) gw_buf_printf(buf, ",\"ok\":%s", scan->ok ? "true" : "false");
    if (!scan->ok) {
        put_why(scan, buf);
    }
    (void) gw_buf_put_str(buf, GW_STR("},"));
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

struct gw_str gw_gs1_value_of(const struct gw_gs1_scan *scan, struct gw_str ai) {
    uint16_t number;
    const struct gw_gs1_ai *row = gw_gs1_ai_named(ai, &number);
    for (size_t i = 0; row && scan->ok && i < scan->element_count; i++) {
        if (scan->elements[i].number == number) {
            return scan->elements[i].value;
        }
    }
    return (struct gw_str){NULL, 0};
}
