/* SPDX-License-Identifier: Apache-2.0 */
/* The control sockets: a table of verbs. Who may ask what was decided before
 * (policy/verb.h, asked by the server). */
#include "drivers/collectd/collectd_internal.h"

#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"
#include "firmware/json/json.h"
#include "firmware/policy/verb.h"

#define CONNECTIONS_PER_SOCKET 8

/* ---- answering ---- */

void gw_collectd_answer(const struct gw_collectd_request *request) {
    struct gw_buf *answer = &request->collectd->answer;
    if (gw_buf_failed(answer)) {
        gw_collectd_refuse(request, GW_ERR_FULL, "the answer is too long");
        return;
    }
    /* NOCONN and FULL: the asker is gone or does not read; nobody to tell. */
    (void) !gw_ipc_answer(&request->reply_to, GW_OK, 0, gw_buf_str(answer));
}

void gw_collectd_refuse(const struct gw_collectd_request *request, enum gw_err err,
                        const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    gw_log_info(GW_COLLECTD_ROOM, "request refused peer=%s verb=%d err=%s", request->peer,
                (int) request->reply_to.verb, gw_err_name(err));
    (void) !gw_ipc_answer_error(&request->reply_to, err, "%s", text);
}

/* ---- reading the body ---- */

enum gw_err gw_collectd_get_text(const struct gw_collectd_request *request, const char *name,
                                 struct gw_str *ret_text) {
    const struct gw_json *member = gw_json_member(request->body, name);
    return member ? gw_json_get_str(member, ret_text) : GW_ERR_NOENT;
}

enum gw_err gw_collectd_get_number(const struct gw_collectd_request *request, const char *name,
                                   uint64_t max, uint64_t *ret_number) {
    const struct gw_json *member = gw_json_member(request->body, name);
    if (!member) {
        return GW_ERR_NOENT;
    }
    int64_t number = 0;
    enum gw_err err = gw_json_get_i64(member, &number);
    if (err) {
        return err;
    }
    if (number < 0 || (uint64_t) number > max) {
        return GW_ERR_RANGE;
    }
    *ret_number = (uint64_t) number;
    return GW_OK;
}

struct gw_str gw_collectd_get_actor(const struct gw_collectd_request *request) {
    struct gw_str actor = {0};
    enum gw_err err = gw_collectd_get_text(request, "actor", &actor);
    return err || actor.len == 0 ? gw_str_from_cstr(request->peer) : actor;
}

/* ---- small verbs ---- */

static void verb_hello(const struct gw_collectd_request *request) {
    gw_buf_printf(&request->collectd->answer,
                  "{\"program\":\"gw-collectd\",\"version\":\"%s\",\"protocol\":%d}",
                  GW_VERSION, GW_IPC_VERSION);
    gw_collectd_answer(request);
}

static void verb_status(const struct gw_collectd_request *request) {
    enum gw_err err = gw_collectd_put_status(request->collectd, &request->collectd->answer);
    if (err) {
        gw_collectd_refuse(request, err, "the status does not fit into one answer");
        return;
    }
    gw_collectd_answer(request);
}

static void put_parts(struct gw_buf *buf, unsigned parts) {
    const char *comma = "";
    for (unsigned part = 1; part < GW_PART_END; part <<= 1) {
        if (parts & part) {
            gw_buf_printf(buf, "%s\"%s\"", comma, gw_config_part_name(part));
            comma = ",";
        }
    }
}

/* Buses that are still ending what they had under way. */
static void put_stopping(const struct gw_collectd *collectd, struct gw_buf *buf) {
    const char *comma = "";
    struct gw_bus_view bus;
    for (size_t i = 0; gw_bus_set_look(collectd->buses, i, &bus); i++) {
        if (bus.state == GW_BUS_STOPPING) {
            gw_buf_printf(buf, "%s\"%s\"", comma, bus.name);
            comma = ",";
        }
    }
}

static void verb_reload(const struct gw_collectd_request *request) {
    struct gw_collectd *collectd = request->collectd;
    gw_buf_clear(&collectd->scratch);
    unsigned changed = 0;
    enum gw_err err = gw_collectd_reload_parts(collectd, &collectd->scratch, &changed);
    struct gw_collectd_audit audit = {
        .actor = gw_collectd_get_actor(request),
        .action = GW_STR("reload"),
        .target = GW_STR("configuration"),
        .outcome = err ? gw_str_from_cstr(gw_err_name(err)) : GW_STR("ok"),
        .detail = gw_str_from_cstr(collectd->config->hash),
    };
    (void) !gw_collectd_audit(collectd, &audit, NULL);
    if (err) {
        gw_collectd_refuse(request, err, "%.*s", GW_STR_ARG(gw_buf_str(&collectd->scratch)));
        return;
    }
    /* Closing sources completed requests, whose answers were made in the same place. */
    gw_buf_clear(&collectd->answer);
    gw_buf_printf(&collectd->answer, "{\"revision\":%llu,\"hash\":\"%s\",\"changed\":[",
                  (unsigned long long) collectd->config->revision, collectd->config->hash);
    put_parts(&collectd->answer, changed);
    gw_buf_put_str(&collectd->answer, GW_STR("],\"stopping\":["));
    put_stopping(collectd, &collectd->answer);
    gw_buf_put_str(&collectd->answer, GW_STR("]}"));
    gw_collectd_answer(request);
}

/* ---- the table ---- */

static const struct {
    enum gw_ipc_verb verb;
    void (*handle)(const struct gw_collectd_request *request);
} verbs[] = {
    {GW_IPC_HELLO, verb_hello},
    {GW_IPC_STATUS, verb_status},
    {GW_IPC_SUBMIT, gw_collectd_verb_submit},
    {GW_IPC_RELOAD, verb_reload},
    {GW_IPC_QUARANTINE_LIST, gw_collectd_verb_quarantine_list},
    {GW_IPC_QUARANTINE_SHOW, gw_collectd_verb_quarantine_show},
    {GW_IPC_QUARANTINE_RETRY, gw_collectd_verb_quarantine_retry},
    {GW_IPC_QUARANTINE_DROP, gw_collectd_verb_quarantine_drop},
    {GW_IPC_QUEUE_SALVAGE, gw_collectd_verb_salvage},
    {GW_IPC_DEVICE_ADD, gw_collectd_verb_device_add},
    {GW_IPC_DEVICE_ROTATE, gw_collectd_verb_device_rotate},
    {GW_IPC_DEVICE_REVOKE, gw_collectd_verb_device_revoke},
    {GW_IPC_DEVICE_COMMAND, gw_collectd_verb_device_command},
    {GW_IPC_FEED_COMMAND, gw_collectd_verb_feed_command},
    {GW_IPC_MODBUS_LIST, gw_collectd_verb_modbus_list},
    {GW_IPC_MODBUS_READ, gw_collectd_verb_modbus_read},
    {GW_IPC_MODBUS_SCAN, gw_collectd_verb_modbus_scan},
    {GW_IPC_MODBUS_WRITE, gw_collectd_verb_modbus_write},
};

static void close_docp(struct gw_json_doc **doc) {
    if (*doc) {
        gw_json_close(*doc);
    }
}

static void handle(struct gw_collectd_request *request, struct gw_str body) {
    static const struct gw_json_limits limits = {
        .max_bytes = GW_IPC_BODY_MAX, .max_depth = 32, .flags = GW_JSON_OBJECT};
    struct gw_json_error error = {0};
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = NULL;
    enum gw_err err = gw_json_parse(body.len > 0 ? body : GW_STR("{}"), &limits, &error, &doc);
    if (err) {
        gw_collectd_refuse(request, err, "body: byte %zu: %s", error.offset,
                           error.reason ? error.reason : gw_err_name(err));
        return;
    }
    request->body = gw_json_root(doc);
    gw_buf_clear(&request->collectd->answer);
    for (size_t i = 0; i < GW_ARRAY_LEN(verbs); i++) {
        if (verbs[i].verb == request->reply_to.verb) {
            verbs[i].handle(request);
            return;
        }
    }
    gw_collectd_refuse(request, GW_ERR_SCHEMA, "gw-collectd has no such verb");
}

static void on_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                       const struct gw_ipc_frame *frame) {
    struct gw_collectd_request request = {
        .collectd = context, .peer = peer_name, .reply_to = gw_ipc_reply_to(peer, frame)};
    handle(&request, frame->body);
}

enum gw_err gw_collectd_open_control(struct gw_collectd *collectd, struct gw_buf *errors) {
    enum gw_err err =
        gw_ipc_server_open(collectd->loop, CONNECTIONS_PER_SOCKET, gw_verb_allowed, on_request,
                           collectd, &collectd->server);
    if (err) {
        return err;
    }
    const struct {
        const char *path, *peer;
    } sockets[] = {
        {collectd->paths.link_socket, "link"},
        {collectd->paths.status_socket, "status"},
        {collectd->paths.control_socket, "control"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(sockets); i++) {
        err = gw_ipc_server_listen(collectd->server, sockets[i].path, 0660, sockets[i].peer);
        if (err) {
            gw_buf_printf(errors, "%s: cannot listen: %s\n", sockets[i].path, gw_err_name(err));
            return err;
        }
    }
    return GW_OK;
}
