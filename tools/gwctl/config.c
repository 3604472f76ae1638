/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "drivers/profile/profile.h"
#include "firmware/base/cleanup.h"
#include "tools/gwctl/config_places.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define DOCUMENT_BYTES (1u << 18)
#define RELOAD_TIMEOUT_MS 30000

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)
GW_DEFINE_CLEANUP(struct gw_config *, gw_config_close, config_closep)

/* The configuration of `path`, NULL after every finding on ctl->err. */
static struct gw_config *load_checked(struct gw_gwctl *ctl, const char *path) {
    GW_CLEANUP(gw_buf_close) struct gw_buf errors = {0};
    struct gw_config *config = NULL;
    if (gw_buf_open(&errors, DOCUMENT_BYTES)) {
        (void) gw_gwctl_fail(ctl, "out of memory");
        return NULL;
    }
    if (gw_config_load(path, &errors, &config)) {
        (void) gw_gwctl_fail(ctl, "%s has faults", path);
        gw_gwctl_show_lines(ctl->err, gw_buf_str(&errors));
        return NULL;
    }
    return config;
}

/* No error: the file may be meant for another gateway. */
static void note_profiles(struct gw_gwctl *ctl, const struct gw_config *config) {
    struct gw_installed folder = gw_profile_folder();
    for (size_t i = 0; i < config->feed_count; i++) {
        char path[1024];
        const char *name = config->feeds[i].profile;
        (void) snprintf(path, sizeof path, "%s/%s.json", folder.path, name);
        if (name[0] != '\0' && strchr(name, '/') == NULL && access(path, F_OK) != 0) {
            (void) fprintf(ctl->err,
                           "note: feeds[%zu].profile: there is no \"%s\" in %s here\n", i, name,
                           folder.path);
        }
    }
}

int gw_gwctl_config_check(struct gw_gwctl *ctl) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    const char *path =
        arguments->position_count > 0 ? arguments->positions[0] : arguments->config_path;
    GW_CLEANUP(config_closep) struct gw_config *config = load_checked(ctl, path);
    if (!config) {
        return GW_EXIT_FAILED;
    }
    note_profiles(ctl, config);
    gw_gwctl_note_addresses(ctl, path, config);
    if (arguments->json) {
        (void) fprintf(ctl->out, "{\"revision\":%llu,\"hash\":\"%s\"",
                       (unsigned long long) config->revision, config->hash);
        if (arguments->all) {
            (void) fputs(",\"places\":[", ctl->out);
            gw_gwctl_put_places(ctl, config);
            (void) fputc(']', ctl->out);
        }
        (void) fputs("}\n", ctl->out);
    } else {
        if (arguments->all) {
            gw_gwctl_show_places(ctl, config);
        }
        (void) fprintf(ctl->out, "%s is good: revision %llu, sha256 %s\n", path,
                       (unsigned long long) config->revision, config->hash);
    }
    return GW_EXIT_DONE;
}

/* Print what `put` writes. */
static int print_document(struct gw_gwctl *ctl, enum gw_err (*put)(struct gw_buf *buf)) {
    GW_CLEANUP(gw_buf_close) struct gw_buf document = {0};
    if (gw_buf_open(&document, DOCUMENT_BYTES) || put(&document)) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    (void) fwrite(document.data, 1, document.len, ctl->out);
    return GW_EXIT_DONE;
}

int gw_gwctl_config_schema(struct gw_gwctl *ctl) {
    return print_document(ctl, gw_config_schema);
}

int gw_gwctl_config_defaults(struct gw_gwctl *ctl) {
    return print_document(ctl, gw_config_defaults);
}

int gw_gwctl_config_explain(struct gw_gwctl *ctl) {
    const char *key = ctl->arguments.position_count > 0 ? ctl->arguments.positions[0] : "";
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    if (gw_buf_open(&text, DOCUMENT_BYTES)) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    if (gw_config_explain(gw_str_from_cstr(key), &text)) {
        return gw_gwctl_fail(ctl, "there is no key \"%s\"; `gwctl config explain` lists all",
                             key);
    }
    (void) fwrite(text.data, 1, text.len, ctl->out);
    return GW_EXIT_DONE;
}

int gw_gwctl_config_diff(struct gw_gwctl *ctl) {
    GW_CLEANUP(config_closep)
    struct gw_config *before = load_checked(ctl, ctl->arguments.positions[0]);
    GW_CLEANUP(config_closep)
    struct gw_config *after = load_checked(ctl, ctl->arguments.positions[1]);
    if (!before || !after) {
        return GW_EXIT_FAILED;
    }
    unsigned changed = gw_config_diff(before, after);
    for (unsigned part = 1; part < GW_PART_END; part <<= 1) {
        if (changed & part) {
            (void) fprintf(ctl->out, "%s\n", gw_config_part_name(part));
        }
    }
    return GW_EXIT_DONE;
}

/* Buses that still end what they have under way: nobody waited for them. */
static void show_stopping(const struct gw_json *answer, FILE *out) {
    const struct gw_json *bus = gw_json_first(gw_json_member(answer, "stopping"));
    for (; bus; bus = gw_json_next(bus)) {
        struct gw_str name = {0};
        (void) !gw_json_get_str(bus, &name);
        (void) fputs("  bus ", out);
        gw_gwctl_show_text(out, name);
        (void) fputs(" is stopping; `gwctl status` shows when it is through\n", out);
    }
}

static int reload_daemon(struct gw_gwctl *ctl, enum gw_gwctl_daemon daemon) {
    char storage[256];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_actor(&body);
    const struct gw_gwctl_question question = {daemon, GW_IPC_RELOAD, gw_gwctl_end_body(&body),
                                               RELOAD_TIMEOUT_MS};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return GW_EXIT_FAILED;
    }
    if (!gw_gwctl_show_json(ctl)) {
        const struct gw_json *root = gw_json_root(doc);
        (void) fprintf(ctl->out, "%s runs revision %llu, sha256 ", gw_gwctl_daemon_name(daemon),
                       (unsigned long long) gw_gwctl_number_of(root, "revision"));
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(root, "hash"));
        (void) fputc('\n', ctl->out);
        show_stopping(root, ctl->out);
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_config_reload(struct gw_gwctl *ctl) {
    int collectd = reload_daemon(ctl, GW_DAEMON_COLLECTD);
    int linkd = reload_daemon(ctl, GW_DAEMON_LINKD);
    return collectd == GW_EXIT_DONE ? linkd : collectd;
}
