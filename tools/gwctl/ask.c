/* SPDX-License-Identifier: Apache-2.0 */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define TIMEOUT_MS 10000
#define ANSWER_DEPTH 32

const char *gw_gwctl_daemon_name(enum gw_gwctl_daemon daemon) {
    return daemon == GW_DAEMON_COLLECTD ? "gw-collectd" : "gw-linkd";
}

static enum gw_err connect_daemon(struct gw_gwctl *ctl, enum gw_gwctl_daemon daemon,
                                  int *ret_fd) {
    const struct gw_config *config = gw_gwctl_config(ctl);
    if (!config) {
        return GW_ERR_SCHEMA;
    }
    char path[256];
    (void) snprintf(path, sizeof path, "%s/%s/control.sock", config->paths.run,
                    daemon == GW_DAEMON_COLLECTD ? "collectd" : "linkd");
    return gw_ipc_connect(path, ret_fd);
}

/* Why a daemon cannot be asked, in words for who may do something about it. */
static const char *explain_silence(enum gw_err err) {
    switch (err) {
    case GW_ERR_NOENT:
        return "is not running (its control socket is not there)";
    case GW_ERR_NOCONN:
        return "is not running, or has closed the connection";
    case GW_ERR_DENIED:
        return "may not be asked by this user: call gwctl as root or as a member of its group";
    case GW_ERR_TIMEOUT:
    case GW_ERR_RETRY:
        return "does not answer in time";
    case GW_ERR_SCHEMA:
        return "speaks another version of the control protocol";
    default:
        return "cannot be asked";
    }
}

static enum gw_err explain_refusal(const struct gw_gwctl_question *question,
                                   const struct gw_ipc_frame *reply, struct gw_buf *reason) {
    const struct gw_json_limits limits = {GW_IPC_BODY_MAX, ANSWER_DEPTH, GW_JSON_OBJECT};
    struct gw_json_doc *doc = NULL;
    struct gw_str error = GW_STR("");
    if (!gw_json_parse(reply->body, &limits, NULL, &doc)) {
        error = gw_gwctl_text_of(gw_json_root(doc), "error");
    }
    (void) gw_buf_printf(reason, "%s refuses (%s)%s%.*s",
                         gw_gwctl_daemon_name(question->daemon), gw_err_name(reply->status),
                         error.len > 0 ? ": " : "", GW_STR_ARG(error));
    gw_json_close(doc);
    return reply->status;
}

static enum gw_err call_daemon(struct gw_gwctl *ctl, const struct gw_gwctl_question *question,
                               struct gw_ipc_frame *ret_reply) {
    if (!ctl->reply.data) {
        enum gw_err err = gw_buf_open(&ctl->reply, GW_IPC_FRAME_MAX);
        if (err) {
            return err;
        }
    }
    GW_CLEANUP(gw_closep) int fd = -1;
    enum gw_err err = connect_daemon(ctl, question->daemon, &fd);
    if (err) {
        return err;
    }
    return gw_ipc_call(fd, question->verb, question->body,
                       question->timeout_ms > 0 ? question->timeout_ms : TIMEOUT_MS,
                       &ctl->reply, ret_reply);
}

enum gw_err gw_gwctl_ask_quietly(struct gw_gwctl *ctl, const struct gw_gwctl_question *question,
                                 struct gw_buf *reason, struct gw_json_doc **ret_doc) {
    if (!question->body.ptr) {
        (void) gw_buf_put_str(reason, GW_STR("an argument is too long"));
        return GW_ERR_RANGE;
    }
    struct gw_ipc_frame reply;
    enum gw_err err = call_daemon(ctl, question, &reply);
    if (err) {
        (void) gw_buf_printf(reason, "%s %s", gw_gwctl_daemon_name(question->daemon),
                             explain_silence(err));
        return err;
    }
    if (reply.status) {
        return explain_refusal(question, &reply, reason);
    }
    const struct gw_json_limits limits = {GW_IPC_BODY_MAX, ANSWER_DEPTH, GW_JSON_OBJECT};
    err = gw_json_parse(reply.body, &limits, NULL, ret_doc);
    if (err) {
        (void) gw_buf_printf(reason, "%s answers with something that is no JSON object",
                             gw_gwctl_daemon_name(question->daemon));
        return err;
    }
    ctl->answer = reply.body;
    return GW_OK;
}

enum gw_err gw_gwctl_ask(struct gw_gwctl *ctl, const struct gw_gwctl_question *question,
                         struct gw_json_doc **ret_doc) {
    if (!gw_gwctl_config(ctl)) {
        return GW_ERR_SCHEMA; /* told already */
    }
    char storage[2048];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    enum gw_err err = gw_gwctl_ask_quietly(ctl, question, &reason, ret_doc);
    if (err) {
        (void) gw_gwctl_fail(ctl, "%.*s", GW_STR_ARG(gw_buf_str(&reason)));
    }
    return err;
}

bool gw_gwctl_show_json(struct gw_gwctl *ctl) {
    if (ctl->arguments.json) {
        (void) fwrite(ctl->answer.ptr, 1, ctl->answer.len, ctl->out);
        (void) fputc('\n', ctl->out);
    }
    return ctl->arguments.json;
}

/* ---- request bodies ---- */

static void put_member_name(struct gw_buf *body, const char *name) {
    if (body->len == 0) {
        (void) gw_buf_put_char(body, '{');
    }
    (void) gw_buf_put_json_str(body, gw_str_from_cstr(name));
    (void) gw_buf_put_char(body, ':');
}

void gw_gwctl_put_text_member(struct gw_buf *body, const char *name, const char *text) {
    put_member_name(body, name);
    (void) gw_buf_put_json_str(body, gw_str_from_cstr(text));
    (void) gw_buf_put_char(body, ',');
}

void gw_gwctl_put_number_member(struct gw_buf *body, const char *name, uint64_t number) {
    put_member_name(body, name);
    (void) gw_buf_put_u64(body, number);
    (void) gw_buf_put_char(body, ',');
}

static bool is_user_name(const char *name) {
    size_t len = strlen(name);
    return len > 0 && len <= 32
           && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
                  == len;
}

void gw_gwctl_put_actor(struct gw_buf *body) {
    const struct passwd *user = getpwuid(getuid());
    const char *caller = getenv("SUDO_USER");
    char actor[96];
    if (user && is_user_name(user->pw_name)) {
        (void) snprintf(actor, sizeof actor, "gwctl:%s", user->pw_name);
    } else {
        (void) snprintf(actor, sizeof actor, "gwctl:%u", (unsigned) getuid());
    }
    if (caller && is_user_name(caller)) {
        size_t len = strlen(actor);
        (void) snprintf(actor + len, sizeof actor - len, " for %s", caller);
    }
    gw_gwctl_put_text_member(body, "actor", actor);
}

struct gw_str gw_gwctl_end_body(struct gw_buf *body) {
    if (gw_buf_failed(body)) {
        return (struct gw_str){NULL, 0};
    }
    if (body->len == 0) {
        return GW_STR("{}");
    }
    body->data[body->len - 1] = '}';
    return gw_buf_str(body);
}
