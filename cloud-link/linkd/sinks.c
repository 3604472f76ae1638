/* SPDX-License-Identifier: Apache-2.0 */
/* A sink of the configuration: its connection, its uplink, its certificate. */
#include <string.h>

#include "cloud-link/linkd/state.h"
#include "cloud-link/peercheck/peercheck.h"
#include "firmware/base/file.h"
#include "firmware/base/log.h"
#include "firmware/base/random.h"
#include "firmware/crypto/crypto.h"

#define ROOM "linkd"
#define DAY_MS 86400000
#define WARN_DAYS 30

static uint64_t draw(void *self) {
    (void) self;
    uint64_t number;
    gw_random_bytes(&number, sizeof(number));
    return number;
}

static enum gw_err read_token(struct gw_linkd_sink *sink, struct gw_str *ret_token) {
    struct gw_buf buf;
    *ret_token = (struct gw_str){0};
    if (!sink->config->token_file[0]) {
        return GW_OK;
    }
    gw_buf_init(&buf, sink->token, sizeof(sink->token));
    enum gw_err err = gw_file_read(sink->config->token_file, &buf);
    if (err) {
        return err;
    }
    *ret_token = gw_str_trim(gw_buf_str(&buf));
    return GW_OK;
}

static enum gw_err open_http(struct gw_linkd_sink *sink, struct gw_buf *errors) {
    const struct gw_config_sink *config = sink->config;
    size_t max_answer = gw_uplink_max_answer_bytes(config);
    uint8_t pin[GW_PEERCHECK_PIN_BYTES];
    bool has_pin = config->pin[0] != '\0';
    enum gw_err err =
        has_pin ? gw_hex_parse(gw_str_from_cstr(config->pin), pin, sizeof(pin)) : GW_OK;
    if (err) {
        return err;
    }
    struct gw_http_options options = {
        .loop = sink->linkd->loop,
        .clock = sink->linkd->clock,
        .url = config->url,
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .proxy = config->proxy,
        .pin = {pin, has_pin ? sizeof(pin) : 0},
        .max_requests = GW_UPLINK_REQUESTS + 1, /* and a question */
        .max_body_bytes = gw_uplink_max_body_bytes(config),
        .max_answer_bytes = max_answer > GW_IPC_BODY_MAX ? max_answer : GW_IPC_BODY_MAX,
    };
    err = gw_http_open(&options, errors, &sink->http);
    if (err) {
        return err;
    }
    sink->transport = gw_http_transport(sink->http);
    return GW_OK;
}

static enum gw_err open_uplink(struct gw_linkd_sink *sink) {
    struct gw_linkd *linkd = sink->linkd;
    struct gw_uplink_options options = {
        .sink = sink->config,
        .classes = linkd->config->classes,
        .serial = gw_str_from_cstr(linkd->config->gateway.serial),
        .ack_mode = GW_ACK_CONTRACT,
        .context = &linkd->context,
        .clock = linkd->clock,
        .transport = sink->transport,
        .source = gw_linkd_source(linkd),
        .store = linkd->store,
        .health = linkd->health,
        .starts_at_once = linkd->is_reload,
        .random = draw,
    };
    /* A sink that a reload brings in has acknowledged nothing yet. */
    if (gw_link_store_is_new(linkd->store) && !linkd->is_reload) {
        options.known = linkd->progress;
        options.known_count = linkd->progress_count;
    }
    enum gw_err err = read_token(sink, &options.token);
    if (err) {
        return err;
    }
    return gw_uplink_open(&options, &sink->uplink);
}

static void close_sink(struct gw_linkd_sink *sink) {
    if (sink->question.is_asked) {
        sink->question.is_asked = false;
        (void) !gw_ipc_answer_error(&sink->question.reply_to, GW_ERR_RETRY,
                                    "the sink was closed while the centre was asked");
    }
    gw_uplink_close(sink->uplink);
    gw_http_close(sink->http);
    *sink = (struct gw_linkd_sink){0};
}

enum gw_err gw_linkd_open_sinks(struct gw_linkd *linkd, struct gw_buf *errors) {
    linkd->sinks_config = linkd->config;
    for (size_t i = 0; i < linkd->config->sink_count && i < GW_LINKD_SINKS_MAX; i++) {
        struct gw_linkd_sink *sink = &linkd->sinks[i];
        *sink = (struct gw_linkd_sink){.linkd = linkd, .config = &linkd->config->sinks[i]};
        enum gw_err err = open_http(sink, errors);
        if (!err) {
            err = open_uplink(sink);
        }
        if (err) {
            gw_buf_printf(errors, "sink %s cannot be opened: %s\n", sink->config->name,
                          gw_err_name(err));
            close_sink(sink);
            return err;
        }
        linkd->sink_count = i + 1;
    }
    linkd->certificates_mono_ms = 0;
    return GW_OK;
}

void gw_linkd_close_sinks(struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        close_sink(&linkd->sinks[i]);
    }
    linkd->sink_count = 0;
    if (linkd->sinks_config != linkd->config) {
        gw_config_close(linkd->sinks_config);
    }
    linkd->sinks_config = NULL;
}

struct gw_linkd_sink *gw_linkd_find_sink(struct gw_linkd *linkd, struct gw_str name) {
    if (name.len == 0) {
        return linkd->sink_count == 1 ? &linkd->sinks[0] : NULL;
    }
    for (size_t i = 0; i < linkd->sink_count; i++) {
        if (gw_str_eq(gw_uplink_name(linkd->sinks[i].uplink), name)) {
            return &linkd->sinks[i];
        }
    }
    return NULL;
}

void gw_linkd_log_sinks(struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        struct gw_linkd_sink *sink = &linkd->sinks[i];
        const char *error;
        enum gw_sink_state state = gw_uplink_get_state(sink->uplink, &error);
        if (state == sink->logged_state) {
            continue;
        }
        sink->logged_state = state;
        if (state == GW_SINK_UP) {
            gw_log_info(ROOM, "sink is up sink=%s", sink->config->name);
        } else {
            gw_log_warning(ROOM, "sink is %s and is tried again sink=%s error=\"%s\"",
                           gw_sink_state_name(state), sink->config->name, error);
        }
    }
}

/* ---- certificates ---- */

static void check_certificate(struct gw_linkd_sink *sink) {
    struct gw_health *health = sink->linkd->health;
    struct gw_str name = gw_uplink_name(sink->uplink);
    struct gw_certificate_facts facts;
    enum gw_err err = gw_certificate_read(sink->config->cert_file, &facts);
    if (err) {
        sink->certificate.is_known = false;
        gw_health_raise(health, GW_ISSUE_CERTIFICATE_EXPIRES, name, "%s cannot be read: %s",
                        sink->config->cert_file, gw_err_name(err));
        return;
    }
    sink->certificate.is_known = true;
    sink->certificate.not_after_wall_ms = facts.not_after_wall_ms;
    memcpy(sink->certificate.subject_cn, facts.subject_cn, sizeof(facts.subject_cn));
    int64_t left_ms = facts.not_after_wall_ms - gw_clock_wall_ms(sink->linkd->clock);
    if (left_ms >= (int64_t) WARN_DAYS * DAY_MS) {
        gw_health_clear(health, GW_ISSUE_CERTIFICATE_EXPIRES, name);
        return;
    }
    gw_health_raise(health, GW_ISSUE_CERTIFICATE_EXPIRES, name,
                    left_ms < 0 ? "client certificate CN=%s has expired, %lld days ago"
                                : "client certificate CN=%s ends in %lld days",
                    facts.subject_cn,
                    (long long) (left_ms < 0 ? -left_ms / DAY_MS : left_ms / DAY_MS));
}

void gw_linkd_check_certificates(struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        check_certificate(&linkd->sinks[i]);
    }
}
