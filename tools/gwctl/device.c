/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of the front door: their secrets, and commands to them and to feeds. */
#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define TIMEOUT_MS 10000

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* The answer to `verb` about the device of the first argument, with `text` as `member` (NULL =
 * without); NULL after a failure
 * that was told. */
static struct gw_json_doc *ask(struct gw_gwctl *ctl, enum gw_ipc_verb verb, const char *member,
                               const char *text) {
    char storage[4096];
    struct gw_buf body;
    struct gw_json_doc *doc = NULL;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_text_member(&body, "device", ctl->arguments.positions[0]);
    if (text) {
        gw_gwctl_put_text_member(&body, member, text);
    }
    gw_gwctl_put_actor(&body);
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, verb,
                                               gw_gwctl_end_body(&body), TIMEOUT_MS};
    return gw_gwctl_ask(ctl, &question, &doc) ? NULL : doc;
}

/* The secret and nothing else, so that it can be handed on by a pipe. */
static int show_secret(struct gw_gwctl *ctl, enum gw_ipc_verb verb) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = ask(ctl, verb, NULL, NULL);
    if (!doc) {
        return GW_EXIT_FAILED;
    }
    if (!gw_gwctl_show_json(ctl)) {
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(gw_json_root(doc), "secret"));
        (void) fputc('\n', ctl->out);
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_device_add(struct gw_gwctl *ctl) {
    return show_secret(ctl, GW_IPC_DEVICE_ADD);
}

int gw_gwctl_device_rotate(struct gw_gwctl *ctl) {
    return show_secret(ctl, GW_IPC_DEVICE_ROTATE);
}

int gw_gwctl_device_revoke(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = ask(ctl, GW_IPC_DEVICE_REVOKE, NULL, NULL);
    if (!doc) {
        return GW_EXIT_FAILED;
    }
    if (!gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "revoked, its connections are closed\n");
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_device_command(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep)
    struct gw_json_doc *doc =
        ask(ctl, GW_IPC_DEVICE_COMMAND, "text", ctl->arguments.positions[1]);
    if (!doc) {
        return GW_EXIT_FAILED;
    }
    if (!gw_gwctl_show_json(ctl)) {
        (void) fprintf(
            ctl->out, "sent on %llu connections\n",
            (unsigned long long) gw_gwctl_number_of(gw_json_root(doc), "connections"));
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_feed_command(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep)
    struct gw_json_doc *doc =
        ask(ctl, GW_IPC_FEED_COMMAND, "command", ctl->arguments.positions[1]);
    if (!doc) {
        return GW_EXIT_FAILED;
    }
    if (!gw_gwctl_show_json(ctl)) {
        struct gw_str outcome = gw_gwctl_text_of(gw_json_root(doc), "outcome");
        (void) fprintf(ctl->out, "%.*s\n", GW_STR_ARG(outcome));
    }
    return GW_EXIT_DONE;
}
