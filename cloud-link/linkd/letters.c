/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters over the control socket. */
#include "cloud-link/linkd/state.h"
#include "cloud-link/uplink/letter_codec.h"

#define LIST_DEFAULT 50
#define LIST_MAX 200
/* Room an answer keeps for its end. */
#define ANSWER_END_BYTES 1200

static void put_letter(const struct gw_letter_key *key, const struct gw_letter *letter,
                       struct gw_buf *buf) {
    char epoch[GW_EPOCH_TEXT_LEN + 1], id[GW_EVENT_ID_TEXT_LEN + 1];
    gw_epoch_format(key->epoch, epoch);
    gw_event_id_format(gw_event_id_make(key->class, key->sequence, key->epoch), id);
    gw_buf_put_str(buf, GW_STR("{\"sink\":"));
    gw_buf_put_json_str(buf, key->sink);
    gw_buf_printf(buf, ",\"epoch\":\"%s\",\"class\":\"%s\",\"sequence\":%llu,\"id\":\"%s\"",
                  epoch, gw_flow_class_name(key->class), (unsigned long long) key->sequence,
                  id);
    gw_buf_put_str(buf, GW_STR(",\"type\":"));
    gw_buf_put_json_str(buf, letter->type);
    gw_buf_put_str(buf, GW_STR(",\"time\":\""));
    gw_time_put(buf, letter->time_wall_ms);
    gw_buf_printf(buf, "\",\"verdict\":\"%s\"", gw_letter_verdict_name(letter->verdict));
    gw_buf_put_str(buf, GW_STR(",\"code\":"));
    gw_buf_put_json_str(buf, letter->code);
    gw_buf_put_str(buf, GW_STR(",\"detail\":"));
    gw_buf_put_json_str(buf, letter->detail);
    gw_buf_printf(buf, ",\"retry_due\":%s", letter->retry_due ? "true" : "false");
}

/* ---- list ---- */

struct listing {
    struct gw_buf *buf;
    int64_t left;
    bool is_first;
    bool has_next;
    struct gw_letter_key next;
};

static bool list_one(void *context, const struct gw_letter_key *key,
                     const struct gw_letter *letter) {
    struct listing *listing = context;
    size_t before = listing->buf->len;
    if (listing->left > 0 && gw_buf_space(listing->buf) > ANSWER_END_BYTES) {
        if (!listing->is_first) {
            gw_buf_put_char(listing->buf, ',');
        }
        put_letter(key, letter, listing->buf);
        gw_buf_put_char(listing->buf, '}');
        if (!gw_buf_failed(listing->buf) && gw_buf_space(listing->buf) > ANSWER_END_BYTES) {
            listing->left--;
            listing->is_first = false;
            return true;
        }
        gw_buf_rewind(listing->buf, before);
    }
    listing->has_next = true;
    listing->next = *key;
    gw_buf_put_str(listing->buf, GW_STR("],\"next\":\""));
    gw_letter_key_put_text(key, listing->buf); /* the key's name is a view: now or never */
    return false;
}

static bool parse_page(const struct gw_linkd_request *request, struct gw_linkd_sink *sink,
                       uint8_t storage[static GW_LETTER_KEY_MAX],
                       struct gw_letter_key *ret_from, int64_t *ret_max) {
    const struct gw_json *from = gw_json_member(request->body, "from");
    const struct gw_json *max = gw_json_member(request->body, "max");
    struct gw_str text = {0};
    *ret_from = (struct gw_letter_key){.sink = gw_uplink_name(sink->uplink)};
    *ret_max = LIST_DEFAULT;
    if (max && (gw_json_get_i64(max, ret_max) || *ret_max < 1 || *ret_max > LIST_MAX)) {
        gw_linkd_refuse(request, GW_ERR_RANGE, "max: allowed: 1 to %d", LIST_MAX);
        return false;
    }
    if (from && gw_json_get_str(from, &text)) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA, "from: allowed: text of an answer's next");
        return false;
    }
    if (text.len > 0
        && (gw_letter_key_parse_text(text, storage, ret_from)
            || !gw_str_eq(ret_from->sink, gw_uplink_name(sink->uplink)))) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA, "from: allowed: text of an answer's next");
        return false;
    }
    return true;
}

void gw_linkd_on_letter_list(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    struct listing listing = {.buf = &request->linkd->answer, .is_first = true};
    uint8_t storage[GW_LETTER_KEY_MAX];
    struct gw_letter_key from;
    if (!sink || !parse_page(request, sink, storage, &from, &listing.left)) {
        return;
    }
    gw_buf_put_str(listing.buf, GW_STR("{\"entries\":["));
    enum gw_err err =
        gw_link_store_each_letter(request->linkd->store, &from, list_one, &listing);
    if (err) {
        gw_linkd_refuse(request, err, "the link store cannot be read: %s", gw_err_name(err));
        return;
    }
    gw_buf_put_str(listing.buf, listing.has_next ? GW_STR("\"}") : GW_STR("],\"next\":\"\"}"));
    gw_linkd_answer(request);
}

/* ---- one letter ---- */

static bool parse_key(const struct gw_linkd_request *request, struct gw_linkd_sink *sink,
                      struct gw_letter_key *ret_key) {
    struct gw_str epoch = {0}, class = {0};
    int64_t sequence = 0;
    struct gw_letter_key key = {.sink = gw_uplink_name(sink->uplink)};
    if (gw_json_get_str(gw_json_member(request->body, "epoch"), &epoch)
        || gw_json_get_str(gw_json_member(request->body, "class"), &class)
        || gw_json_get_i64(gw_json_member(request->body, "sequence"), &sequence)
        || gw_epoch_parse(epoch, &key.epoch) || gw_flow_class_parse(class, &key.class)
        || sequence < 1) {
        gw_linkd_refuse(
            request, GW_ERR_SCHEMA,
            "allowed: epoch (17 hexadecimal digits), class (a flow class), sequence "
            "(from 1)");
        return false;
    }
    key.sequence = (uint64_t) sequence;
    *ret_key = key;
    return true;
}

enum gw_err gw_linkd_put_letter(struct gw_linkd *linkd, const struct gw_letter_key *key,
                                bool with_event) {
    struct gw_letter letter;
    gw_buf_clear(&linkd->letter);
    enum gw_err err = gw_link_store_get_letter(linkd->store, key, &linkd->letter, &letter);
    if (err) {
        return err;
    }
    gw_buf_clear(&linkd->answer);
    put_letter(key, &letter, &linkd->answer);
    if (with_event) {
        gw_buf_put_str(&linkd->answer, GW_STR(",\"event\":"));
        gw_buf_put_str(&linkd->answer, letter.event.len > 0 ? letter.event : GW_STR("null"));
    }
    gw_buf_put_char(&linkd->answer, '}');
    return GW_OK;
}

static void answer_letter(const struct gw_linkd_request *request,
                          const struct gw_letter_key *key, bool with_event) {
    enum gw_err err = gw_linkd_put_letter(request->linkd, key, with_event);
    if (err) {
        gw_linkd_refuse(request, err, "there is no such dead letter");
        return;
    }
    gw_linkd_answer(request);
}

void gw_linkd_on_letter_show(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    struct gw_letter_key key;
    if (sink && parse_key(request, sink, &key)) {
        answer_letter(request, &key, true);
    }
}

void gw_linkd_on_letter_retry(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    struct gw_letter_key key;
    if (!sink || !parse_key(request, sink, &key)) {
        return;
    }
    enum gw_err err = gw_uplink_letter_retry(sink->uplink, &key);
    if (err) {
        gw_linkd_refuse(request, err, "%s",
                        err == GW_ERR_INVALID ? "its event could not be kept, it cannot be sent"
                                              : "there is no such dead letter");
        return;
    }
    answer_letter(request, &key, false);
}

void gw_linkd_on_letter_drop(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    struct gw_letter_key key;
    struct gw_str actor = {0};
    if (!sink || !parse_key(request, sink, &key)) {
        return;
    }
    if (gw_json_get_str(gw_json_member(request->body, "actor"), &actor) || actor.len == 0) {
        gw_linkd_refuse(request, GW_ERR_SCHEMA, "actor is missing: who drops it?");
        return;
    }
    enum gw_err err = gw_linkd_put_letter(request->linkd, &key, false);
    if (err) {
        gw_linkd_refuse(request, err, "there is no such dead letter");
        return;
    }
    err = gw_linkd_audit_drop(request, sink, &key, actor);
    if (err) {
        gw_linkd_refuse(request, err,
                        err == GW_ERR_BUSY ? "another audited action is under way"
                                           : "gw-collectd cannot record it: refused");
    }
}
