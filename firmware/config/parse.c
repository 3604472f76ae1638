/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One heap block holds the struct, its arrays and its texts, so that closing
 * is one free(3) and no member can outlive the rest. Its size is worked out
 * from the document first: arrays by their counts, texts by the length of the
 * document, which no unescaped text exceeds.
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/config/check.h"
#include "firmware/crypto/crypto.h"

#define MAX_DEPTH 8
/* Derived texts: a client id for each broker. */
#define DERIVED_TEXT_BYTES 4096

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)
GW_DEFINE_CLEANUP(struct gw_config *, gw_config_close, config_closep)

void gw_config_close(struct gw_config *config) {
    free(config);
}

static size_t round_up(size_t bytes) {
    return (bytes + 15) / 16 * 16;
}

static struct gw_config *open_block(struct gw_config_reading *reading, struct gw_str text,
                                    const struct gw_json *root) {
    size_t head_bytes = round_up(sizeof(struct gw_config));
    size_t list_bytes = round_up(gw_config_list_bytes(&gw_config_top, root));
    size_t text_bytes = text.len + DERIVED_TEXT_BYTES;
    char *block = calloc(1, head_bytes + list_bytes + text_bytes);
    if (!block) {
        return NULL;
    }
    gw_arena_init(&reading->lists, block + head_bytes, list_bytes);
    gw_buf_init(&reading->texts, block + head_bytes + list_bytes, text_bytes);
    return (struct gw_config *) block;
}

static void put_hash(struct gw_str text, char ret_hash[static 65]) {
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256_of(gw_bytes_from_str(text), digest);
    gw_hex_format((struct gw_bytes){digest, sizeof digest}, ret_hash);
}

static enum gw_err parse_document(struct gw_config_reading *reading, struct gw_str text,
                                  struct gw_json_doc **ret_doc) {
    const struct gw_json_limits limits = {
        .max_bytes = GW_CONFIG_MAX_BYTES,
        .max_depth = MAX_DEPTH,
        .flags = GW_JSON_COMMENTS | GW_JSON_OBJECT,
    };
    struct gw_json_error error = {.reason = ""};
    enum gw_err err = gw_json_parse(text, &limits, &error, ret_doc);
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err) {
        gw_config_report_text(&reading->report, "line %u: %s", error.line, error.reason);
        return GW_ERR_PARSE;
    }
    return GW_OK;
}

enum gw_err gw_config_parse(struct gw_str text, struct gw_buf *errors,
                            struct gw_config **ret_config) {
    struct gw_config_reading reading;
    gw_config_report_init(&reading.report, errors);
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    enum gw_err err = parse_document(&reading, text, &doc);
    if (err) {
        return err;
    }
    const struct gw_json *root = gw_json_root(doc);
    GW_CLEANUP(config_closep) struct gw_config *config = open_block(&reading, text, root);
    if (!config) {
        return GW_ERR_NOMEM;
    }
    gw_config_read_group(&reading, &gw_config_top, root, config);
    gw_config_derive(&reading, config);
    gw_config_check(&reading.report, config);
    if (reading.report.findings > 0) {
        return GW_ERR_SCHEMA;
    }
    put_hash(text, config->hash);
    *ret_config = GW_TAKE(config);
    return GW_OK;
}

enum gw_err gw_config_load(const char *path, struct gw_buf *errors,
                           struct gw_config **ret_config) {
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    enum gw_err err = gw_buf_open(&text, GW_CONFIG_MAX_BYTES);
    if (err) {
        return err;
    }
    err = gw_file_read(path, &text);
    if (err == GW_ERR_FULL) {
        err = GW_ERR_RANGE;
        (void) gw_buf_printf(errors, "%s: larger than %u bytes\n", path, GW_CONFIG_MAX_BYTES);
    } else if (err) {
        (void) gw_buf_printf(errors, "%s: cannot be read: %s\n", path, gw_err_name(err));
    }
    if (err) {
        return err;
    }
    return gw_config_parse(gw_buf_str(&text), errors, ret_config);
}
