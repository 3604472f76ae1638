/* SPDX-License-Identifier: Apache-2.0 */
/* One heap block for the struct, its lists and its texts, as for a configuration. */
#include "drivers/profile/profile.h"

#include <string.h>

#include "drivers/profile/profile_table.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/config/read.h"

#define MAX_DEPTH 8
#define PATH_BYTES 512

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)
GW_DEFINE_CLEANUP(struct gw_profile *, gw_profile_close, profile_closep)

bool gw_profile_command_at(const struct gw_profile *profile, size_t index,
                           struct gw_profile_command *ret_command) {
    const struct gw_profile_command commands[] = {
        {"tare", profile->commands.tare},
        {"zero", profile->commands.zero},
        {"clear_tare", profile->commands.clear_tare},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(commands); i++) {
        if (commands[i].bytes[0] != '\0' && index-- == 0) {
            *ret_command = commands[i];
            return true;
        }
    }
    return false;
}

void gw_profile_close(struct gw_profile *profile) {
    free(profile);
}

struct gw_installed gw_profile_folder(void) {
    return gw_file_installed("profiles");
}

enum gw_err gw_profile_explain(struct gw_str key, struct gw_buf *buf) {
    return gw_config_explain_in(&gw_profile_top, key, buf);
}

static size_t round_up(size_t bytes) {
    return (bytes + 15) / 16 * 16;
}

/* Every text has a NUL behind it, for which its quotes made room. */
static struct gw_profile *open_block(struct gw_config_reading *reading, struct gw_str text,
                                     const struct gw_json *root) {
    size_t head_bytes = round_up(sizeof(struct gw_profile));
    size_t list_bytes = round_up(gw_config_list_bytes(&gw_profile_top, root));
    char *block = calloc(1, head_bytes + list_bytes + text.len);
    if (!block) {
        return NULL;
    }
    gw_arena_init(&reading->lists, block + head_bytes, list_bytes);
    gw_buf_init(&reading->texts, block + head_bytes + list_bytes, text.len);
    return (struct gw_profile *) block;
}

enum gw_err gw_profile_parse(struct gw_str text, struct gw_buf *errors,
                             struct gw_profile **ret_profile) {
    static const struct gw_json_limits limits = {
        .max_bytes = GW_PROFILE_MAX_BYTES,
        .max_depth = MAX_DEPTH,
        .flags = GW_JSON_COMMENTS | GW_JSON_OBJECT,
    };
    struct gw_config_reading reading;
    gw_config_report_init(&reading.report, errors);
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    struct gw_json_error error = {.reason = ""};
    enum gw_err err = gw_json_parse(text, &limits, &error, &doc);
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err) {
        gw_config_report_text(&reading.report, "line %u: %s", error.line, error.reason);
        return GW_ERR_PARSE;
    }
    const struct gw_json *root = gw_json_root(doc);
    GW_CLEANUP(profile_closep) struct gw_profile *profile = open_block(&reading, text, root);
    if (!profile) {
        return GW_ERR_NOMEM;
    }
    gw_config_read_group(&reading, &gw_profile_top, root, profile);
    gw_profile_check(&reading.report, root, profile);
    if (reading.report.findings > 0) {
        return GW_ERR_SCHEMA;
    }
    *ret_profile = GW_TAKE(profile);
    return GW_OK;
}

static enum gw_err read_document(const char *path, struct gw_buf *errors,
                                 struct gw_buf *ret_text) {
    enum gw_err err = gw_file_read(path, ret_text);
    if (err == GW_ERR_FULL) {
        gw_buf_printf(errors, "%s: larger than %d bytes\n", path, GW_PROFILE_MAX_BYTES);
        return GW_ERR_RANGE;
    }
    if (err) {
        gw_buf_printf(errors, "%s: cannot be read: %s\n", path, gw_err_name(err));
    }
    return err;
}

/* A profile that is found by its name must say that name: a copied file that was
 * not renamed inside would be reported under another one. */
static enum gw_err check_name(const struct gw_profile *profile, const char *name,
                              struct gw_buf *errors) {
    if (strcmp(profile->name, name) == 0) {
        return GW_OK;
    }
    gw_buf_printf(errors, "name: found \"%s\", allowed: \"%s\", as the file is called\n",
                  profile->name, name);
    return GW_ERR_SCHEMA;
}

enum gw_err gw_profile_load(const char *folder, const char *name, struct gw_buf *errors,
                            struct gw_profile **ret_profile) {
    char path[PATH_BYTES];
    bool is_path = strchr(name, '/') != NULL;
    int len = is_path ? snprintf(path, sizeof path, "%s", name)
                      : snprintf(path, sizeof path, "%s/%s.json", folder, name);
    if (len < 0 || (size_t) len >= sizeof path) {
        gw_buf_printf(errors, "%.64s...: the path is too long\n", name);
        return GW_ERR_RANGE;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    enum gw_err err = gw_buf_open(&text, GW_PROFILE_MAX_BYTES);
    if (err) {
        return err;
    }
    err = read_document(path, errors, &text);
    if (err) {
        return err;
    }
    GW_CLEANUP(profile_closep) struct gw_profile *profile = NULL;
    err = gw_profile_parse(gw_buf_str(&text), errors, &profile);
    if (!err && !is_path) {
        err = check_name(profile, name, errors);
    }
    if (err) {
        return err;
    }
    *ret_profile = GW_TAKE(profile);
    return GW_OK;
}
