/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl tells which sockets matter (on_socket) and when it wants to be called
 * (on_timer); the daemon's loop calls back. Finished requests are collected
 * outside libcurl's callbacks, so a callback of ours may submit, cancel and
 * renew freely.
 */
#include "cloud-link/http/http.h"

#include <string.h>

#include "cloud-link/http/slot.h"
#include "firmware/base/cleanup.h"

struct gw_http {
    struct gw_loop *loop;
    const struct gw_clock *clock;
    CURLM *multi;
    struct gw_peercheck *check;
    struct gw_compressor *compressor;
    struct gw_http_slot *slots;
    unsigned slot_count;
    int64_t next_mono_ms;
    struct gw_http_figures figures;
};

/* ---- sockets and time ---- */

static void collect(struct gw_http *http);

static void on_ready(void *context, int fd, unsigned events) {
    struct gw_http *http = context;
    int mask = (events & GW_LOOP_READ ? CURL_CSELECT_IN : 0)
               | (events & GW_LOOP_WRITE ? CURL_CSELECT_OUT : 0)
               | (events & GW_LOOP_HANGUP ? CURL_CSELECT_IN | CURL_CSELECT_ERR : 0);
    int running;
    (void) curl_multi_socket_action(http->multi, fd, mask, &running);
    collect(http);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context,
                     void *socket_context) {
    (void) easy;
    (void) socket_context;
    struct gw_http *http = context;
    if (what == CURL_POLL_REMOVE) {
        gw_loop_unwatch(http->loop, fd);
        return 0;
    }
    unsigned events = (what & CURL_POLL_IN ? (unsigned) GW_LOOP_READ : 0)
                      | (what & CURL_POLL_OUT ? (unsigned) GW_LOOP_WRITE : 0);
    enum gw_err err = gw_loop_watch(http->loop, fd, events, on_ready, http);
    return err ? -1 : 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context) {
    (void) multi;
    struct gw_http *http = context;
    http->next_mono_ms =
        timeout_ms < 0 ? GW_NEVER_MS : gw_clock_mono_ms(http->clock) + timeout_ms;
    return 0;
}

static int on_close(void *context, curl_socket_t fd) {
    struct gw_http *http = context;
    gw_loop_unwatch(http->loop, fd);
    return close(fd);
}

/* ---- open and close ---- */

static enum gw_err open_multi(struct gw_http *http) {
    http->multi = curl_multi_init();
    if (!http->multi) {
        return GW_ERR_NOMEM;
    }
    long connections = (long) http->slot_count;
    bool failed = curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    failed |= curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    failed |= curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    failed |= curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    failed |= curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
    failed |= curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    http->next_mono_ms = GW_NEVER_MS;
    return failed ? GW_ERR_FATAL : GW_OK;
}

static enum gw_err require_openssl(struct gw_buf *errors) {
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    struct gw_str backend = gw_str_from_cstr(version->ssl_version);
    if (gw_str_starts_with(backend, GW_STR("OpenSSL/"))) {
        return GW_OK;
    }
    if (errors) {
        gw_buf_printf(errors,
                      "libcurl's TLS is \"%.*s\": only OpenSSL lets the certificate "
                      "rules run inside the handshake\n",
                      GW_STR_ARG(backend));
    }
    return GW_ERR_FATAL;
}

static void free_url(CURLU **url) {
    curl_url_cleanup(*url);
}

static void free_curl(char **text) {
    curl_free(*text);
}

/* Host of an https URL, without the brackets of an IPv6 address. */
static enum gw_err open_check(struct gw_http *http, const struct gw_http_options *options) {
    GW_CLEANUP(free_url) CURLU *url = curl_url();
    GW_CLEANUP(free_curl) char *scheme = NULL;
    GW_CLEANUP(free_curl) char *host = NULL;
    if (!url) {
        return GW_ERR_NOMEM;
    }
    if (curl_url_set(url, CURLUPART_URL, options->url, 0) != CURLUE_OK
        || curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK
        || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK
        || strcmp(scheme, "https") != 0) {
        return GW_ERR_INVALID;
    }
    struct gw_str name = gw_str_from_cstr(host);
    if (gw_str_starts_with(name, GW_STR("[")) && gw_str_ends_with(name, GW_STR("]"))) {
        name = gw_str_sub(name, 1, name.len - 2);
    }
    struct gw_peercheck_options check = {.host = name, .pin = options->pin};
    return gw_peercheck_open(&check, &http->check);
}

static enum gw_err open_slots(struct gw_http *http, const struct gw_http_options *options) {
    http->slots = calloc(options->max_requests, sizeof(*http->slots));
    if (!http->slots) {
        return GW_ERR_NOMEM;
    }
    http->slot_count = options->max_requests;
    for (unsigned i = 0; i < http->slot_count; i++) {
        enum gw_err err = gw_http_slot_open(&http->slots[i], options, http->check);
        if (err) {
            return err;
        }
        bool failed =
            curl_easy_setopt(http->slots[i].easy, CURLOPT_CLOSESOCKETFUNCTION, on_close)
            != CURLE_OK;
        failed |=
            curl_easy_setopt(http->slots[i].easy, CURLOPT_CLOSESOCKETDATA, http) != CURLE_OK;
        if (failed) {
            return GW_ERR_FATAL;
        }
    }
    return GW_OK;
}

GW_DEFINE_CLEANUP(struct gw_http *, gw_http_close, closep)

enum gw_err gw_http_open(const struct gw_http_options *options, struct gw_buf *errors,
                         struct gw_http **ret_http) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return GW_ERR_FATAL;
    }
    enum gw_err err = require_openssl(errors);
    if (err) {
        return err;
    }
    GW_CLEANUP(closep) struct gw_http *http = calloc(1, sizeof(*http));
    if (!http) {
        return GW_ERR_NOMEM;
    }
    http->loop = options->loop;
    http->clock = options->clock;
    err = open_check(http, options);
    if (err) {
        return err;
    }
    err = gw_compressor_open(&http->compressor);
    if (err) {
        return err;
    }
    err = open_slots(http, options);
    if (err) {
        return err;
    }
    err = open_multi(http);
    if (err) {
        return err;
    }
    *ret_http = GW_TAKE(http);
    return GW_OK;
}

/* A slot whose callback runs is out of the multi handle already, and is freed when the
 * callback returns, whatever that does. */
static void release(struct gw_http *http, struct gw_http_slot *slot) {
    if (slot->busy && !slot->is_answering) {
        (void) curl_multi_remove_handle(http->multi, slot->easy);
        slot->busy = false;
        slot->generation++;
    }
}

static void release_all(struct gw_http *http) {
    for (unsigned i = 0; i < http->slot_count; i++) {
        release(http, &http->slots[i]);
    }
}

void gw_http_close(struct gw_http *http) {
    if (!http) {
        return;
    }
    release_all(http);
    for (unsigned i = 0; i < http->slot_count; i++) {
        gw_http_slot_close(&http->slots[i]);
    }
    if (http->multi) {
        (void) curl_multi_cleanup(http->multi);
    }
    gw_peercheck_close(http->check);
    gw_compressor_close(http->compressor);
    free(http->slots);
    free(http);
}

/* ---- requests ---- */

static uint64_t ticket_of(const struct gw_http *http, const struct gw_http_slot *slot) {
    return (uint64_t) slot->generation << 32 | (uint32_t) (slot - http->slots);
}

static struct gw_http_slot *find_free(struct gw_http *http) {
    for (unsigned i = 0; i < http->slot_count; i++) {
        if (!http->slots[i].busy) {
            return &http->slots[i];
        }
    }
    return NULL;
}

static enum gw_err submit(void *self, const struct gw_http_request *request,
                          uint64_t *ret_ticket) {
    struct gw_http *http = self;
    struct gw_http_slot *slot = http->multi ? find_free(http) : NULL;
    if (!slot) {
        return GW_ERR_BUSY;
    }
    enum gw_err err = gw_http_slot_load(slot, request, http->compressor);
    if (err) {
        return err;
    }
    if (curl_multi_add_handle(http->multi, slot->easy) != CURLM_OK) {
        return GW_ERR_NOCONN;
    }
    slot->busy = true;
    http->figures.requests++;
    http->figures.body_bytes += request->body.len;
    http->figures.sent_bytes += slot->body.len;
    *ret_ticket = ticket_of(http, slot);
    return GW_OK;
}

static void cancel(void *self, uint64_t ticket) {
    struct gw_http *http = self;
    uint32_t index = (uint32_t) ticket;
    if (index < http->slot_count && http->slots[index].busy
        && http->slots[index].generation == ticket >> 32) {
        release(http, &http->slots[index]);
    }
}

static void renew(void *self) {
    struct gw_http *http = self;
    release_all(http);
    if (http->multi) {
        (void) curl_multi_cleanup(http->multi);
        http->multi = NULL;
    }
    enum gw_err err = open_multi(http);
    if (err && http->multi) {
        /* without its callbacks it is of no use; submit answers BUSY */
        (void) curl_multi_cleanup(http->multi);
        http->multi = NULL;
    }
}

struct gw_transport gw_http_transport(struct gw_http *http) {
    return (struct gw_transport){submit, cancel, renew, http};
}

static void finish(struct gw_http *http, struct gw_http_slot *slot, CURLcode code) {
    long connects = 0;
    (void) curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    http->figures.connections += (uint64_t) connects;
    struct gw_http_answer answer = gw_http_slot_answer(slot, code, http->check);
    gw_http_done *done = slot->done;
    void *context = slot->context;
    (void) curl_multi_remove_handle(http->multi, slot->easy);
    slot->generation++;
    slot->is_answering = true;
    done(context, &answer);
    slot->is_answering = false;
    slot->busy = false;
}

static void collect(struct gw_http *http) {
    int left;
    CURLMsg *message;
    while (http->multi && (message = curl_multi_info_read(http->multi, &left))) {
        struct gw_http_slot *slot = NULL;
        if (message->msg == CURLMSG_DONE
            && curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &slot)
                   == CURLE_OK) {
            finish(http, slot, message->data.result);
        }
    }
}

int64_t gw_http_next_mono_ms(const struct gw_http *http) {
    return http->next_mono_ms;
}

void gw_http_tick(struct gw_http *http) {
    int running;
    if (http->multi && http->next_mono_ms != GW_NEVER_MS
        && http->next_mono_ms <= gw_clock_mono_ms(http->clock)) {
        http->next_mono_ms = GW_NEVER_MS;
        (void) curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(http);
}

struct gw_http_figures gw_http_get_figures(const struct gw_http *http) {
    return http->figures;
}
