/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: a table of verbs. */
#include <stdarg.h>
#include <stdio.h>

#include "cloud-link/linkd/state.h"
#include "firmware/base/cleanup.h"
#include "firmware/policy/verb.h"

#define MAX_CONNECTIONS 8
#define BODY_DEPTH 8

void gw_linkd_refuse(const struct gw_linkd_request *request, enum gw_err err,
                     const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* a peer that is gone needs no answer */
    (void) !gw_ipc_answer_error(&request->reply_to, err, "%s", text);
}

void gw_linkd_answer(const struct gw_linkd_request *request) {
    struct gw_buf *answer = &request->linkd->answer;
    if (gw_buf_failed(answer)) {
        gw_linkd_refuse(request, GW_ERR_FULL, "the answer is larger than a frame");
        return;
    }
    (void) !gw_ipc_answer(&request->reply_to, GW_OK, 0, gw_buf_str(answer));
}

struct gw_linkd_sink *gw_linkd_request_sink(const struct gw_linkd_request *request) {
    struct gw_str name = {0};
    const struct gw_json *member = gw_json_member(request->body, "sink");
    if (member && gw_json_get_str(member, &name) != GW_OK) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA, "sink: found %s, allowed: text",
                        gw_json_kind_name(gw_json_kind(member)));
        return NULL;
    }
    struct gw_linkd_sink *sink = gw_linkd_find_sink(request->linkd, name);
    if (!sink && name.len == 0) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA, "sink is missing: %zu sinks are configured",
                        request->linkd->sink_count);
    } else if (!sink) {
        gw_linkd_refuse(request, GW_ERR_NOENT, "no sink is called \"%.*s\"", GW_STR_ARG(name));
    }
    return sink;
}

/* ---- verbs ---- */

static void on_hello(const struct gw_linkd_request *request) {
    gw_buf_printf(&request->linkd->answer,
                  "{\"program\":\"gw-linkd\",\"version\":\"%s\",\"protocol\":%d}", GW_VERSION,
                  GW_IPC_VERSION);
    gw_linkd_answer(request);
}

static void on_status(const struct gw_linkd_request *request) {
    enum gw_err err = gw_linkd_put_status(request->linkd, &request->linkd->answer);
    if (err) {
        gw_linkd_refuse(request, err, "the status is larger than a frame");
        return;
    }
    gw_linkd_answer(request);
}

static void on_reload(const struct gw_linkd_request *request) {
    struct gw_linkd *linkd = request->linkd;
    char text[900];
    struct gw_buf errors;
    unsigned changed = 0;
    bool is_first = true;
    gw_buf_init(&errors, text, sizeof(text));
    enum gw_err err = gw_linkd_reload_changed(linkd, &errors, &changed);
    if (err) {
        gw_linkd_refuse(request, err, "%.*s", GW_STR_ARG(gw_str_trim(gw_buf_str(&errors))));
        return;
    }
    gw_buf_printf(&linkd->answer, "{\"revision\":%llu,\"hash\":\"%s\",\"changed\":[",
                  (unsigned long long) linkd->config->revision, linkd->config->hash);
    for (unsigned part = 1; part < GW_PART_END; part <<= 1) {
        if (changed & part) {
            gw_buf_printf(&linkd->answer, "%s\"%s\"", is_first ? "" : ",",
                          gw_config_part_name(part));
            is_first = false;
        }
    }
    gw_buf_put_str(&linkd->answer, GW_STR("]}"));
    gw_linkd_answer(request);
}

static void on_replay(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    struct gw_str class_name;
    enum gw_flow_class class;
    int64_t from, to;
    uint64_t events = 0;
    if (!sink) {
        return;
    }
    const struct gw_json *body = request->body;
    if (gw_json_get_str(gw_json_member(body, "class"), &class_name)
        || gw_flow_class_parse(class_name, &class)
        || gw_json_get_i64(gw_json_member(body, "from"), &from)
        || gw_json_get_i64(gw_json_member(body, "to"), &to) || from < 1 || to < from) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA,
                        "allowed: class (a flow class), from and to with 1 <= from <= to");
        return;
    }
    enum gw_err err =
        gw_uplink_replay(sink->uplink, class, (uint64_t) from, (uint64_t) to, &events);
    if (err) {
        gw_linkd_refuse(request, err, "%s",
                        err == GW_ERR_BUSY ? "a replay of this class is under way"
                                           : "nothing of the range is stored and acknowledged");
        return;
    }
    struct gw_buf *answer = &request->linkd->answer;
    gw_buf_put_str(answer, GW_STR("{\"sink\":"));
    gw_buf_put_json_str(answer, gw_uplink_name(sink->uplink));
    gw_buf_printf(answer, ",\"class\":\"%s\",\"from\":%lld,\"to\":%lld,\"events\":%llu}",
                  gw_flow_class_name(class), (long long) from, (long long) to,
                  (unsigned long long) events);
    gw_linkd_answer(request);
}

static const struct {
    enum gw_ipc_verb verb;
    void (*handle)(const struct gw_linkd_request *request);
} verbs[] = {
    {GW_IPC_HELLO, on_hello},
    {GW_IPC_STATUS, on_status},
    {GW_IPC_RELOAD, on_reload},
    {GW_IPC_DEAD_LETTER_LIST, gw_linkd_on_letter_list},
    {GW_IPC_DEAD_LETTER_SHOW, gw_linkd_on_letter_show},
    {GW_IPC_DEAD_LETTER_RETRY, gw_linkd_on_letter_retry},
    {GW_IPC_DEAD_LETTER_DROP, gw_linkd_on_letter_drop},
    {GW_IPC_REPLAY, on_replay},
    {GW_IPC_COMPLETENESS, gw_linkd_on_completeness},
};

static void closep(struct gw_json_doc **doc) {
    if (*doc) {
        gw_json_close(*doc);
    }
}

static void dispatch(struct gw_linkd_request *request, enum gw_ipc_verb verb) {
    for (size_t i = 0; i < GW_ARRAY_LEN(verbs); i++) {
        if (verbs[i].verb == verb) {
            gw_buf_clear(&request->linkd->answer);
            verbs[i].handle(request);
            return;
        }
    }
    gw_linkd_refuse(request, GW_ERR_SCHEMA, "verb %u is not one of gw-linkd's",
                    (unsigned) verb);
}

static void on_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                       const struct gw_ipc_frame *frame) {
    (void) peer_name;
    struct gw_linkd_request request = {.linkd = context,
                                       .reply_to = gw_ipc_reply_to(peer, frame)};
    GW_CLEANUP(closep) struct gw_json_doc *doc = NULL;
    struct gw_json_limits limits = {
        .max_bytes = GW_IPC_BODY_MAX, .max_depth = BODY_DEPTH, .flags = GW_JSON_OBJECT};
    struct gw_json_error error = {0};
    enum gw_err err =
        gw_json_parse(frame->body.len > 0 ? frame->body : GW_STR("{}"), &limits, &error, &doc);
    if (err) {
        gw_linkd_refuse(&request, err, "body: byte %zu: %s", error.offset,
                        error.reason ? error.reason : gw_err_name(err));
        return;
    }
    request.body = gw_json_root(doc);
    dispatch(&request, frame->verb);
}

enum gw_err gw_linkd_listen(struct gw_linkd *linkd, struct gw_buf *errors) {
    char path[GW_LINKD_PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/linkd/control.sock", linkd->config->paths.run);
    enum gw_err err = gw_ipc_server_open(linkd->loop, MAX_CONNECTIONS, gw_verb_allowed,
                                         on_request, linkd, &linkd->server);
    if (err) {
        return err;
    }
    err = gw_ipc_server_listen(linkd->server, path, 0660, "control");
    if (err) {
        gw_buf_printf(errors, "%s cannot be listened on: %s\n", path, gw_err_name(err));
    }
    return err;
}
