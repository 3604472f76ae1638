/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests to one centre over mutual TLS, on libcurl's multi interface:
 * HTTP/1.1 with keep-alive, several requests at once on as many connections.
 * The only room that includes libcurl and libzstd.
 *
 * One gw_http per sink: it holds that sink's anchor, client certificate and
 * connections. Sockets are watched by the daemon's gw_loop; time comes from the
 * daemon calling gw_http_tick at gw_http_next_mono_ms.
 *
 * Not followed: redirects (an answer like any other). Not used: proxies of the
 * environment, nor its exceptions to them, ~/.netrc, the system's anchors (unless
 * no ca_file is given), any scheme but https. The certificate rules are those of
 * peercheck. All buffers are allocated at open. Loop thread only.
 */
#ifndef GW_CLOUD_LINK_HTTP_H
#define GW_CLOUD_LINK_HTTP_H

#include "cloud-link/http/transport.h"
#include "firmware/base/loop.h"

struct gw_http;

struct gw_http_options {
    struct gw_loop *loop;
    const struct gw_clock *clock;
    const char *url;     /* of the centre; its host is the one that must match */
    const char *ca_file; /* empty = the system's anchors */
    const char *cert_file, *key_file;
    const char *proxy;     /* "http://host:port" for CONNECT; empty = none */
    struct gw_bytes pin;   /* see peercheck.h; empty = none */
    unsigned max_requests; /* at once, also the number of connections */
    size_t max_body_bytes; /* before compression */
    size_t max_answer_bytes;
};

/* FATAL if libcurl's TLS is not OpenSSL (the certificate rules could not be
 * applied), with the reason in `errors`; INVALID for a URL that is not https;
 * NOMEM. `errors` may be NULL. */
enum gw_err gw_http_open(const struct gw_http_options *options, struct gw_buf *errors,
                         struct gw_http **ret_http);
/* Requests under way are cancelled. NULL is allowed. */
void gw_http_close(struct gw_http *http);

/* The seam; valid as long as `http`. */
struct gw_transport gw_http_transport(struct gw_http *http);

/* When gw_http_tick wants to run next; GW_NEVER_MS if only sockets matter. */
int64_t gw_http_next_mono_ms(const struct gw_http *http);
/* Let time-outs happen; callbacks of finished requests run in here. */
void gw_http_tick(struct gw_http *http);

struct gw_http_figures {
    uint64_t requests;
    uint64_t connections; /* opened so far */
    uint64_t body_bytes;  /* before compression */
    uint64_t sent_bytes;  /* bodies as sent */
};
/* Counts since open. */
struct gw_http_figures gw_http_get_figures(const struct gw_http *http);

#endif
