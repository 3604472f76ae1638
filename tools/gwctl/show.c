/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gwctl/show.h"

/* Length of the well-formed UTF-8 character at `at`, 0 if there is none. */
static size_t character_len(struct gw_str text, size_t at) {
    for (size_t len = 1; len <= 4 && at + len <= text.len; len++) {
        if (gw_str_is_utf8(gw_str_sub(text, at, len))) {
            return len;
        }
    }
    return 0;
}

/* C0 and C1 controls and DEL: what a terminal may act on. */
static bool is_control(struct gw_str character) {
    unsigned char first = (unsigned char) character.ptr[0];
    unsigned char second = character.len > 1 ? (unsigned char) character.ptr[1] : 0;
    return first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

void gw_gwctl_show_text(FILE *out, struct gw_str text) {
    size_t at = 0;
    while (at < text.len) {
        size_t len = character_len(text, at);
        struct gw_str character = gw_str_sub(text, at, len > 0 ? len : 1);
        at += character.len;
        if (len > 0 && !is_control(character)) {
            if (character.ptr[0] == '\\') {
                (void) fputc('\\', out);
            }
            (void) fwrite(character.ptr, 1, character.len, out);
            continue;
        }
        for (size_t i = 0; i < character.len; i++) {
            (void) fprintf(out, "\\x%02x", (unsigned char) character.ptr[i]);
        }
    }
}

void gw_gwctl_show_lines(FILE *out, struct gw_str lines) {
    struct gw_str line;
    while (gw_str_split(&lines, '\n', &line)) {
        if (line.len > 0) {
            (void) fputs("  ", out);
            gw_gwctl_show_text(out, line);
            (void) fputc('\n', out);
        }
    }
}

bool gw_gwctl_put_duration(struct gw_buf *buf, int64_t ms) {
    long long s = (long long) (ms / 1000);
    if (ms < 1000) {
        return gw_buf_printf(buf, "%lld ms", (long long) (ms < 0 ? 0 : ms));
    }
    if (s < 60) {
        return gw_buf_printf(buf, "%lld s", s);
    }
    if (s < 3600) {
        return gw_buf_printf(buf, "%lld min %lld s", s / 60, s % 60);
    }
    if (s < 86400) {
        return gw_buf_printf(buf, "%lld h %lld min", s / 3600, s % 3600 / 60);
    }
    return gw_buf_printf(buf, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

bool gw_gwctl_put_bytes(struct gw_buf *buf, uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    uint64_t tenths = bytes * 10;
    if (bytes > UINT64_MAX / 10) {
        return gw_buf_put_u64(buf, bytes) && gw_buf_put_str(buf, GW_STR(" B"));
    }
    while (tenths >= 10240 && unit < 4) {
        tenths /= 1024;
        unit++;
    }
    bool has_tenths = unit > 0 && tenths < 100 && tenths % 10 > 0;
    if (has_tenths) {
        return gw_buf_printf(buf, "%llu.%llu %s", (unsigned long long) tenths / 10,
                             (unsigned long long) tenths % 10, units[unit]);
    }
    return gw_buf_printf(buf, "%llu %s", (unsigned long long) tenths / 10, units[unit]);
}

struct gw_str gw_gwctl_text_of(const struct gw_json *object, const char *name) {
    struct gw_str text = GW_STR("");
    const struct gw_json *value = object ? gw_json_member(object, name) : NULL;
    if (!value || gw_json_get_str(value, &text)) {
        return GW_STR("");
    }
    return text;
}

uint64_t gw_gwctl_number_of(const struct gw_json *object, const char *name) {
    int64_t number = 0;
    const struct gw_json *value = object ? gw_json_member(object, name) : NULL;
    if (!value || gw_json_get_i64(value, &number) || number < 0) {
        return 0;
    }
    return (uint64_t) number;
}
