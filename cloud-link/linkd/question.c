/* SPDX-License-Identifier: Apache-2.0 */
/* What does the centre hold of us? Its answer is handed on as it is. */
#include <stdio.h>

#include "cloud-link/linkd/state.h"

#define DEPTH 12
#define EXTRA_MS 1000

static void refuse(struct gw_linkd_sink *sink, enum gw_err err, const char *what,
                   const char *detail) {
    struct gw_linkd_request request = {.linkd = sink->linkd,
                                       .reply_to = sink->question.reply_to};
    sink->question.is_asked = false;
    gw_linkd_refuse(&request, err, "%s%s%s", what, detail[0] ? ": " : "", detail);
}

static void on_answer(void *context, const struct gw_http_answer *answer) {
    struct gw_linkd_sink *sink = context;
    struct gw_linkd_request request = {.linkd = sink->linkd,
                                       .reply_to = sink->question.reply_to};
    struct gw_buf *body = &sink->linkd->answer;
    struct gw_json_limits limits = {
        .max_bytes = GW_IPC_BODY_MAX, .max_depth = DEPTH, .flags = GW_JSON_OBJECT};
    char status[32];
    if (answer->fault != GW_HTTP_ANSWERED) {
        refuse(sink, GW_ERR_NOCONN, "the centre did not answer", answer->text);
        return;
    }
    if (answer->status != 200) {
        (void) snprintf(status, sizeof(status), "HTTP %u", answer->status);
        refuse(sink, answer->status == 404 ? GW_ERR_NOENT : GW_ERR_DENIED,
               "the centre refused the question", status);
        return;
    }
    if (gw_json_check(answer->body, &limits, NULL)) {
        refuse(sink, GW_ERR_PARSE, "the centre's answer is no JSON object of at most 128 KiB",
               "");
        return;
    }
    sink->question.is_asked = false;
    gw_buf_clear(body);
    gw_buf_put_str(body, GW_STR("{\"sink\":"));
    gw_buf_put_json_str(body, gw_uplink_name(sink->uplink));
    gw_buf_put_str(body, GW_STR(",\"asked\":\""));
    gw_time_put(body, sink->question.asked_wall_ms);
    gw_buf_put_str(body, GW_STR("\",\"answer\":"));
    gw_buf_put_str(body, answer->body);
    gw_buf_put_char(body, '}');
    gw_linkd_answer(&request);
}

static enum gw_err ask(struct gw_linkd_sink *sink) {
    char url[1024], authorization[2100];
    struct gw_str base = gw_str_from_cstr(sink->config->url);
    struct gw_http_header headers[2] = {{"Accept", GW_STR("application/json")}};
    size_t count = 1;
    while (gw_str_ends_with(base, GW_STR("/"))) {
        base.len--;
    }
    (void) snprintf(url, sizeof(url), "%.*s/v1/gateways/%s/completeness", GW_STR_ARG(base),
                    sink->linkd->config->gateway.serial);
    struct gw_str token = gw_str_trim(gw_str_from_cstr(sink->token));
    if (token.len > 0) {
        (void) snprintf(authorization, sizeof(authorization), "Bearer %.*s", GW_STR_ARG(token));
        headers[count++] =
            (struct gw_http_header){"Authorization", gw_str_from_cstr(authorization)};
    }
    struct gw_http_request request = {
        .method = GW_HTTP_GET,
        .url = gw_str_from_cstr(url),
        .headers = headers,
        .header_count = count,
        .timeout_ms = sink->config->request_timeout_ms,
        .done = on_answer,
        .context = sink,
    };
    return sink->transport.submit(sink->transport.self, &request, &sink->question.ticket);
}

void gw_linkd_on_completeness(const struct gw_linkd_request *request) {
    struct gw_linkd_sink *sink = gw_linkd_request_sink(request);
    if (!sink) {
        return;
    }
    if (sink->question.is_asked) {
        gw_linkd_refuse(request, GW_ERR_BUSY, "the centre is being asked already");
        return;
    }
    const struct gw_clock *clock = request->linkd->clock;
    sink->question = (struct gw_linkd_question){
        .is_asked = true,
        .deadline_mono_ms =
            gw_clock_mono_ms(clock) + sink->config->request_timeout_ms + EXTRA_MS,
        .asked_wall_ms = gw_clock_wall_ms(clock),
        .reply_to = request->reply_to,
    };
    enum gw_err err = ask(sink);
    if (err) {
        refuse(sink, err, "the question could not be sent", gw_err_name(err));
    }
}

/* A new connection takes the question with it; the asker must not wait for ever. */
void gw_linkd_expire_questions(struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        struct gw_linkd_sink *sink = &linkd->sinks[i];
        if (sink->question.is_asked
            && gw_clock_mono_ms(linkd->clock) >= sink->question.deadline_mono_ms) {
            sink->transport.cancel(sink->transport.self, sink->question.ticket);
            refuse(sink, GW_ERR_TIMEOUT, "the centre did not answer in time", "");
        }
    }
}
