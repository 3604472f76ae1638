/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file:
 *
 *   gangway-personal-key 1
 *   id k0a1b2c3d
 *   made 2026-11-23T07:14:00.123Z
 *   secret <64 hexadecimal digits>
 *   crc32c <8 digits>
 */
#include "firmware/personal/key.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/base/random.h"

#define FILE_MAX_BYTES 512
#define HEAD_LINE "gangway-personal-key 1"
#define KEY_MODE 0600

/* The rest of the next line, which must begin with `word` and a blank. */
static bool take_line(struct gw_str *rest, struct gw_str word, struct gw_str *ret_value) {
    struct gw_str line;
    if (!gw_str_split(rest, '\n', &line) || !gw_str_starts_with(line, word)
        || line.len <= word.len || line.ptr[word.len] != ' ') {
        return false;
    }
    *ret_value = gw_str_sub(line, word.len + 1, SIZE_MAX);
    return true;
}

static enum gw_err parse(struct gw_str text, struct gw_personal_key *key) {
    struct gw_str body, line, id, made, secret;
    enum gw_err err = gw_file_check_checksum(text, &body);
    if (err) {
        return err;
    }
    bool is_whole = gw_str_split(&body, '\n', &line) && gw_str_eq(line, GW_STR(HEAD_LINE))
                    && take_line(&body, GW_STR("id"), &id)
                    && take_line(&body, GW_STR("made"), &made)
                    && take_line(&body, GW_STR("secret"), &secret);
    if (!is_whole || id.len != GW_PERSONAL_KEY_ID_LEN
        || gw_str_copy(id, key->id, sizeof key->id) || gw_time_parse(made, &key->made_wall_ms)
        || gw_hex_parse(secret, key->secret, sizeof key->secret)) {
        return GW_ERR_CORRUPT;
    }
    return GW_OK;
}

enum gw_err gw_personal_key_read(const char *path, struct gw_personal_key *ret_key) {
    char storage[FILE_MAX_BYTES];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    struct gw_personal_key key = {0};
    enum gw_err err = gw_file_read(path, &text);
    if (!err) {
        err = parse(gw_buf_str(&text), &key);
    } else if (err == GW_ERR_FULL) {
        err = GW_ERR_CORRUPT;
    }
    explicit_bzero(storage, sizeof storage);
    if (!err) {
        *ret_key = key;
    }
    gw_personal_key_wipe(&key);
    return err;
}

static enum gw_err write_key(const char *path, const struct gw_personal_key *key) {
    char storage[FILE_MAX_BYTES], secret[2 * GW_SHA256_BYTES + 1];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    gw_hex_format((struct gw_bytes){key->secret, sizeof key->secret}, secret);
    gw_buf_printf(&text, HEAD_LINE "\nid %s\nmade ", key->id);
    gw_time_put(&text, key->made_wall_ms);
    gw_buf_printf(&text, "\nsecret %s\n", secret);
    enum gw_err err = GW_ERR_FULL;
    if (gw_file_put_checksum(&text)) {
        err = gw_file_replace(path, gw_buf_bytes(&text), KEY_MODE);
    }
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(storage, sizeof storage);
    return err;
}

enum gw_err gw_personal_key_make(const char *path, int64_t now_wall_ms,
                                 struct gw_personal_key *ret_key) {
    struct gw_personal_key key = {.made_wall_ms = now_wall_ms};
    uint8_t id[4];
    gw_random_bytes(id, sizeof id);
    gw_random_bytes(key.secret, sizeof key.secret);
    key.id[0] = 'k';
    gw_hex_format((struct gw_bytes){id, sizeof id}, key.id + 1);
    enum gw_err err = write_key(path, &key);
    if (!err) {
        *ret_key = key;
    }
    gw_personal_key_wipe(&key);
    return err;
}

void gw_personal_key_wipe(struct gw_personal_key *key) {
    explicit_bzero(key, sizeof *key);
}
