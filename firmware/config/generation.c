/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two generations: the current document, which anybody may have edited, and the
 * last good one, which only this file writes. The last good one ends with a
 * comment that holds its SHA-256: flash that lost a bit must not become a
 * configuration that still parses.
 */
#include <limits.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/config/config.h"
#include "firmware/crypto/crypto.h"

#define SEAL "\n// sha256 of the above: "
#define SEAL_BYTES (sizeof SEAL - 1 + 2 * GW_SHA256_BYTES + 1)
#define GENERATION_MODE 0640

/* "config.json" -> "config.last-good.json". */
static enum gw_err last_good_path(const char *path, char ret_path[static PATH_MAX]) {
    struct gw_str text = gw_str_from_cstr(path);
    struct gw_str suffix = GW_STR(".json");
    size_t stem_len = gw_str_ends_with(text, suffix) ? text.len - suffix.len : text.len;
    struct gw_buf buf;
    gw_buf_init(&buf, ret_path, PATH_MAX);
    (void) gw_buf_put_str(&buf, gw_str_sub(text, 0, stem_len));
    (void) gw_buf_put_str(&buf, GW_STR(".last-good"));
    (void) gw_buf_put_str(&buf, gw_str_sub(text, stem_len, text.len));
    return gw_buf_put_char(&buf, '\0') ? GW_OK : GW_ERR_RANGE;
}

static void put_seal(struct gw_str document, struct gw_buf *buf) {
    uint8_t digest[GW_SHA256_BYTES];
    char hex[2 * GW_SHA256_BYTES + 1];
    gw_sha256_of(gw_bytes_from_str(document), digest);
    gw_hex_format((struct gw_bytes){digest, sizeof digest}, hex);
    (void) gw_buf_put_str(buf, GW_STR(SEAL));
    (void) gw_buf_put_str(buf, gw_str_from_cstr(hex));
    (void) gw_buf_put_char(buf, '\n');
}

/* The document without its seal. CORRUPT if the seal is missing or wrong. */
static enum gw_err open_seal(struct gw_str sealed, struct gw_str *ret_document) {
    if (sealed.len < SEAL_BYTES) {
        return GW_ERR_CORRUPT;
    }
    struct gw_str document = gw_str_sub(sealed, 0, sealed.len - SEAL_BYTES);
    char storage[SEAL_BYTES];
    struct gw_buf expected;
    gw_buf_init(&expected, storage, sizeof storage);
    put_seal(document, &expected);
    if (!gw_str_ends_with(sealed, gw_buf_str(&expected))) {
        return GW_ERR_CORRUPT;
    }
    *ret_document = document;
    return GW_OK;
}

static enum gw_err load_last_good(const char *path, struct gw_buf *errors,
                                  struct gw_config **ret_config) {
    char good_path[PATH_MAX];
    enum gw_err err = last_good_path(path, good_path);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf sealed = {0};
    err = gw_buf_open(&sealed, GW_CONFIG_MAX_BYTES + SEAL_BYTES);
    if (err) {
        return err;
    }
    err = gw_file_read(good_path, &sealed);
    if (err) {
        (void) gw_buf_printf(errors, "%s: cannot be read: %s\n", good_path, gw_err_name(err));
        return err;
    }
    struct gw_str document;
    err = open_seal(gw_buf_str(&sealed), &document);
    if (err) {
        (void) gw_buf_printf(errors, "%s: does not fit its checksum\n", good_path);
        return err;
    }
    return gw_config_parse(document, errors, ret_config);
}

enum gw_err gw_config_load_generation(const char *path, struct gw_buf *errors,
                                      struct gw_config **ret_config, bool *ret_fell_back) {
    enum gw_err err = gw_config_load(path, errors, ret_config);
    if (!err) {
        *ret_fell_back = false;
        return GW_OK;
    }
    if (load_last_good(path, errors, ret_config)) {
        return err;
    }
    *ret_fell_back = true;
    return GW_OK;
}

static enum gw_err check_document(struct gw_str document) {
    char storage[1024];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_config *config = NULL;
    enum gw_err err = gw_config_parse(document, &errors, &config);
    if (!err) {
        gw_config_close(config);
    }
    return err;
}

enum gw_err gw_config_keep_good(const char *path) {
    char good_path[PATH_MAX];
    enum gw_err err = last_good_path(path, good_path);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf sealed = {0};
    GW_CLEANUP(gw_buf_close) struct gw_buf before = {0};
    err = gw_buf_open(&sealed, GW_CONFIG_MAX_BYTES + SEAL_BYTES);
    if (err) {
        return err;
    }
    err = gw_buf_open(&before, GW_CONFIG_MAX_BYTES + SEAL_BYTES);
    if (err) {
        return err;
    }
    err = gw_file_read(path, &sealed);
    if (err) {
        return err;
    }
    /* Read again, so it may be another one by now: only a good one is kept. */
    err = check_document(gw_buf_str(&sealed));
    if (err) {
        return err;
    }
    put_seal(gw_buf_str(&sealed), &sealed);
    if (gw_buf_failed(&sealed)) {
        return GW_ERR_FULL;
    }
    if (!gw_file_read(good_path, &before)
        && gw_str_eq(gw_buf_str(&before), gw_buf_str(&sealed))) {
        return GW_OK;
    }
    return gw_file_replace(good_path, gw_buf_bytes(&sealed), GENERATION_MODE);
}
