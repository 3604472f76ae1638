/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each entry's hash covers the hash before it, so an entry cannot be changed,
 * left out or put in between without every later hash changing. Whoever holds
 * any later hash (the centre gets each entry as an event) can tell.
 *
 * The hashed text joins the fields by LF; a field with a control character
 * would let one text stand for two entries, so such entries are neither written
 * nor taken.
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/crypto/crypto.h"
#include "firmware/health/health.h"
#include "firmware/json/json.h"

#define MAX_JSON_BYTES 65536

static void update_str(struct gw_sha256 *hash, struct gw_str text) {
    gw_sha256_update(hash, gw_bytes_from_str(text));
}

static void update_bytes_hex(struct gw_sha256 *hash, const uint8_t bytes[static 32]) {
    char hex[65];
    gw_hex_format((struct gw_bytes){bytes, 32}, hex);
    update_str(hash, gw_str_from_cstr(hex));
}

static void hash_entry(const struct gw_audit_entry *entry, const uint8_t previous[static 32],
                       uint8_t ret_hash[static 32]) {
    char storage[64];
    struct gw_buf number_and_time;
    gw_buf_init(&number_and_time, storage, sizeof storage);
    (void) gw_buf_put_char(&number_and_time, '\n');
    (void) gw_buf_put_u64(&number_and_time, entry->number);
    (void) gw_buf_put_char(&number_and_time, '\n');
    (void) gw_time_put(&number_and_time, entry->time_wall_ms);

    struct gw_sha256 hash;
    gw_sha256_start(&hash);
    update_bytes_hex(&hash, previous);
    update_str(&hash, gw_buf_str(&number_and_time));
    const struct gw_str fields[] = {entry->actor, entry->action, entry->target, entry->outcome,
                                    entry->detail};
    for (size_t i = 0; i < GW_ARRAY_LEN(fields); i++) {
        update_str(&hash, GW_STR("\n"));
        update_str(&hash, fields[i]);
    }
    gw_sha256_finish(&hash, ret_hash);
}

void gw_audit_seal(struct gw_audit_entry *entry, const uint8_t previous[static 32]) {
    uint8_t before[32]; /* `previous` may be entry->hash of a reused entry */
    memcpy(before, previous, sizeof before);
    memcpy(entry->previous, before, sizeof before);
    hash_entry(entry, before, entry->hash);
}

enum gw_err gw_audit_check(const struct gw_audit_entry *entry,
                           const uint8_t previous[static 32]) {
    uint8_t expected[32];
    hash_entry(entry, previous, expected);
    bool is_good = memcmp(entry->previous, previous, sizeof entry->previous) == 0
                   && memcmp(entry->hash, expected, sizeof expected) == 0;
    return is_good ? GW_OK : GW_ERR_CORRUPT;
}

static bool is_plain(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return gw_str_is_utf8(text);
}

static bool is_entry_plain(const struct gw_audit_entry *entry) {
    return is_plain(entry->actor) && is_plain(entry->action) && is_plain(entry->target)
           && is_plain(entry->outcome) && is_plain(entry->detail);
}

static void put_member(struct gw_buf *buf, const char *name, struct gw_str text) {
    (void) gw_buf_put_str(buf, gw_str_from_cstr(name));
    (void) gw_buf_put_json_str(buf, text);
}

static void put_hash(struct gw_buf *buf, const char *name, const uint8_t hash[static 32]) {
    char hex[65];
    gw_hex_format((struct gw_bytes){hash, 32}, hex);
    put_member(buf, name, gw_str_from_cstr(hex));
}

/* Members in the order of their names: that is what canonical means. */
enum gw_err gw_audit_format(const struct gw_audit_entry *entry, struct gw_buf *buf) {
    if (!is_entry_plain(entry)) {
        return GW_ERR_SCHEMA;
    }
    size_t start = buf->len;
    put_member(buf, "{\"action\":", entry->action);
    put_member(buf, ",\"actor\":", entry->actor);
    put_member(buf, ",\"detail\":", entry->detail);
    put_hash(buf, ",\"hash\":", entry->hash);
    (void) gw_buf_put_str(buf, GW_STR(",\"number\":"));
    (void) gw_buf_put_u64(buf, entry->number);
    put_member(buf, ",\"outcome\":", entry->outcome);
    put_hash(buf, ",\"previous\":", entry->previous);
    put_member(buf, ",\"target\":", entry->target);
    (void) gw_buf_put_str(buf, GW_STR(",\"time\":\""));
    (void) gw_time_put(buf, entry->time_wall_ms);
    (void) gw_buf_put_str(buf, GW_STR("\"}"));
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

static enum gw_err parse_text(struct gw_str json, struct gw_str pointer, struct gw_buf *storage,
                              struct gw_str *ret_text) {
    struct gw_str raw;
    if (gw_json_find_raw(json, pointer, &raw) || raw.len < 2 || raw.ptr[0] != '"') {
        return GW_ERR_SCHEMA;
    }
    if (gw_str_find(raw, '\\', 0) == raw.len) {
        *ret_text = gw_str_sub(raw, 1, raw.len - 2);
        return GW_OK;
    }
    size_t start = storage->len;
    enum gw_err err = gw_json_unescape(raw, storage);
    if (err) {
        return err;
    }
    *ret_text = gw_str_sub(gw_buf_str(storage), start, storage->len);
    return GW_OK;
}

static enum gw_err parse_hash(struct gw_str json, struct gw_str pointer,
                              uint8_t ret_hash[static 32]) {
    struct gw_str raw;
    if (gw_json_find_raw(json, pointer, &raw) || raw.len != 66
        || gw_hex_parse(gw_str_sub(raw, 1, 64), ret_hash, 32)) {
        return GW_ERR_SCHEMA;
    }
    return GW_OK;
}

static enum gw_err parse_number_and_time(struct gw_str json, struct gw_audit_entry *entry) {
    struct gw_str raw;
    if (gw_json_find_raw(json, GW_STR("/number"), &raw)
        || gw_str_to_u64(raw, UINT64_MAX, &entry->number)) {
        return GW_ERR_SCHEMA;
    }
    if (gw_json_find_raw(json, GW_STR("/time"), &raw) || raw.len != GW_TIME_TEXT_LEN + 2
        || gw_time_parse(gw_str_sub(raw, 1, GW_TIME_TEXT_LEN), &entry->time_wall_ms)) {
        return GW_ERR_SCHEMA;
    }
    return GW_OK;
}

enum gw_err gw_audit_parse(struct gw_str json, struct gw_buf *storage,
                           struct gw_audit_entry *ret_entry) {
    const struct gw_json_limits limits = {MAX_JSON_BYTES, 1,
                                          GW_JSON_CANONICAL | GW_JSON_OBJECT};
    if (gw_json_check(json, &limits, NULL)) {
        return GW_ERR_PARSE;
    }
    struct gw_audit_entry entry;
    enum gw_err err = parse_number_and_time(json, &entry);
    if (err) {
        return err;
    }
    const struct {
        struct gw_str pointer;
        struct gw_str *text;
    } texts[] = {
        {GW_STR("/actor"), &entry.actor},   {GW_STR("/action"), &entry.action},
        {GW_STR("/target"), &entry.target}, {GW_STR("/outcome"), &entry.outcome},
        {GW_STR("/detail"), &entry.detail},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        err = parse_text(json, texts[i].pointer, storage, texts[i].text);
        if (err) {
            return err;
        }
    }
    err = parse_hash(json, GW_STR("/previous"), entry.previous);
    if (err) {
        return err;
    }
    err = parse_hash(json, GW_STR("/hash"), entry.hash);
    if (err) {
        return err;
    }
    if (!is_entry_plain(&entry)) {
        return GW_ERR_SCHEMA;
    }
    *ret_entry = entry;
    return GW_OK;
}
