/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb that tares and zeroes scales. It is answered when the command was refused, or
 * sent and, where the device tells, done; each is an entry of the audit chain, and nothing
 * is sent before its entry is on flash. An entry "sent" whose bytes the device then did not
 * take, or which it refused, is followed by one that says "failed".
 */
#include <stdlib.h>

#include "drivers/collectd/collectd_internal.h"

#define ASKERS 8
#define TEXT_BYTES 129
#define REASON_BYTES 400

/* One command that waits for its turn. */
struct asker {
    bool is_used;
    struct gw_collectd *collectd;
    struct gw_ipc_reply_to reply_to;
    const char *peer;
    char actor[TEXT_BYTES], device[TEXT_BYTES], name[TEXT_BYTES];
};

struct gw_collectd_feed_commands {
    struct asker askers[ASKERS];
};

static enum gw_err audit(const struct asker *asker, struct gw_str outcome,
                         struct gw_str reason) {
    char storage[REASON_BYTES + 2 * TEXT_BYTES];
    struct gw_buf detail;
    gw_buf_init(&detail, storage, sizeof storage);
    (void) gw_buf_printf(&detail, "%s via %s%s%.*s", asker->name, asker->peer,
                         reason.len > 0 ? ": " : "", GW_STR_ARG(reason));
    struct gw_collectd_audit entry = {.actor = gw_str_from_cstr(asker->actor),
                                      .action = GW_STR("feed.command"),
                                      .target = gw_str_from_cstr(asker->device),
                                      .outcome = outcome,
                                      .detail = gw_buf_str(&detail)};
    return gw_collectd_audit(asker->collectd, &entry, NULL);
}

static enum gw_err record(void *context) {
    return audit(context, GW_STR("sent"), (struct gw_str){0});
}

static void refuse(struct asker *asker, enum gw_feed_outcome outcome, enum gw_err err,
                   struct gw_str reason) {
    static const char *const words[] = {
        [GW_FEED_COMMAND_NOT_SENT] = "not sent: ",
        [GW_FEED_COMMAND_FAILED] = "",
        [GW_FEED_COMMAND_REFUSED] = "the device refuses it: ",
    };
    char storage[REASON_BYTES];
    struct gw_buf text;
    const struct gw_collectd_request request = {
        .collectd = asker->collectd, .peer = asker->peer, .reply_to = asker->reply_to};
    gw_buf_init(&text, storage, sizeof storage);
    (void) gw_buf_printf(&text, "%s%.*s", words[outcome],
                         GW_STR_ARG(gw_str_sub(reason, 0, REASON_BYTES - 32)));
    /* That it is not on record changes nothing for who asked. */
    (void) !audit(asker,
                  outcome == GW_FEED_COMMAND_NOT_SENT ? GW_STR("refused") : GW_STR("failed"),
                  gw_buf_str(&text));
    asker->is_used = false;
    gw_collectd_refuse(&request, err, "device \"%s\": %.*s", asker->device,
                       GW_STR_ARG(gw_buf_str(&text)));
}

static void done(void *context, enum gw_feed_outcome outcome, enum gw_err err,
                 struct gw_str reason) {
    struct asker *asker = context;
    if (err) {
        refuse(asker, outcome, err, reason);
        return;
    }
    const struct gw_collectd_request request = {
        .collectd = asker->collectd, .peer = asker->peer, .reply_to = asker->reply_to};
    struct gw_buf *buf = &asker->collectd->answer;
    asker->is_used = false;
    gw_buf_clear(buf);
    (void) gw_buf_put_str(buf, GW_STR("{\"device\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(asker->device));
    (void) gw_buf_put_str(buf, GW_STR(",\"command\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(asker->name));
    (void) gw_buf_printf(buf, ",\"outcome\":\"%s\"}",
                         outcome == GW_FEED_COMMAND_DONE ? "done" : "sent");
    gw_collectd_answer(&request);
}

static struct asker *find_place(const struct gw_collectd_request *request) {
    struct gw_collectd_feed_commands *commands = request->collectd->feed_commands;
    for (size_t i = 0; i < ASKERS; i++) {
        if (!commands->askers[i].is_used) {
            commands->askers[i] = (struct asker){.collectd = request->collectd,
                                                 .reply_to = request->reply_to,
                                                 .peer = request->peer};
            return &commands->askers[i];
        }
    }
    gw_collectd_refuse(request, GW_ERR_BUSY, "%d commands wait for their turn: ask again",
                       ASKERS);
    return NULL;
}

static bool get_texts(const struct gw_collectd_request *request, struct asker *asker) {
    const struct {
        const char *member;
        char *text;
    } texts[] = {{"device", asker->device}, {"command", asker->name}};
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        struct gw_str text;
        if (gw_collectd_get_text(request, texts[i].member, &text) || text.len == 0
            || gw_str_copy(text, texts[i].text, TEXT_BYTES)) {
            gw_collectd_refuse(request, GW_ERR_SCHEMA, "%s: allowed: text of 1 to %d bytes",
                               texts[i].member, TEXT_BYTES - 1);
            return false;
        }
    }
    if (gw_str_copy(gw_collectd_get_actor(request), asker->actor, TEXT_BYTES)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "actor: allowed: text of up to %d bytes",
                           TEXT_BYTES - 1);
        return false;
    }
    return true;
}

static enum gw_err submit(struct asker *asker, struct gw_buf *reason) {
    struct gw_feeds *feeds = asker->collectd->feeds;
    if (!feeds) {
        (void) gw_buf_put_str(reason, GW_STR("no feed is open"));
        return GW_ERR_NOENT;
    }
    const struct gw_feed_command command = {.device = gw_str_from_cstr(asker->device),
                                            .name = gw_str_from_cstr(asker->name),
                                            .record = record,
                                            .done = done,
                                            .context = asker};
    return gw_feeds_command(feeds, &command, reason);
}

void gw_collectd_verb_feed_command(const struct gw_collectd_request *request) {
    struct asker *asker = find_place(request);
    if (!asker || !get_texts(request, asker)) {
        return;
    }
    asker->is_used = true;
    char storage[REASON_BYTES];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    enum gw_err err = submit(asker, &reason);
    if (err) {
        done(asker, GW_FEED_COMMAND_NOT_SENT, err, gw_buf_str(&reason));
    }
}

enum gw_err gw_collectd_open_feed_commands(struct gw_collectd *collectd) {
    collectd->feed_commands = calloc(1, sizeof *collectd->feed_commands);
    return collectd->feed_commands ? GW_OK : GW_ERR_NOMEM;
}

void gw_collectd_close_feed_commands(struct gw_collectd *collectd) {
    free(collectd->feed_commands);
    collectd->feed_commands = NULL;
}
