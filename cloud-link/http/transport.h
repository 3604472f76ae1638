/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between those who speak HTTP and the library that does it.
 * Production: gw_http_transport(). Tests: tests/fakes/fake_transport.h.
 */
#ifndef GW_CLOUD_LINK_TRANSPORT_H
#define GW_CLOUD_LINK_TRANSPORT_H

#include "firmware/base/str.h"

enum gw_http_method { GW_HTTP_GET, GW_HTTP_POST };

/* Why there is no answer. The remedy differs, so the kinds do. */
enum gw_http_fault {
    GW_HTTP_ANSWERED,         /* no fault: an HTTP answer came whole */
    GW_HTTP_UNREACHABLE,      /* name, route, refused, reset, cut in the middle */
    GW_HTTP_TIMED_OUT,        /* nothing for the time allowed */
    GW_HTTP_PEER_CERTIFICATE, /* we refused theirs: no byte of the request left */
    GW_HTTP_OWN_CERTIFICATE,  /* ours cannot be used, or they refused it */
    GW_HTTP_TLS,              /* another failure of the handshake */
    GW_HTTP_BAD_ANSWER,       /* no HTTP, or larger than allowed */
    GW_HTTP_FAULT_COUNT
};
/* "answered", "unreachable", ... Static storage. */
const char *gw_http_fault_name(enum gw_http_fault fault);

/* All views live during the callback only. */
struct gw_http_answer {
    enum gw_http_fault fault;
    const char *text; /* what was found, for a person; "" when answered */
    unsigned status;  /* 0 unless answered */
    struct gw_str content_type;
    struct gw_str retry_after; /* value of the header, empty if absent */
    struct gw_str body;
};

/* Called once for each submitted request that was not cancelled. It may submit,
 * cancel and renew; its own request slot is free only after it returned. */
typedef void gw_http_done(void *context, const struct gw_http_answer *answer);

struct gw_http_header {
    const char *name;
    struct gw_str value; /* no control characters */
};

struct gw_http_request {
    enum gw_http_method method;
    struct gw_str url;
    const struct gw_http_header *headers;
    size_t header_count;
    struct gw_bytes body; /* POST only */
    bool compress;        /* send the body as zstd */
    uint32_t timeout_ms;  /* for the whole exchange */
    gw_http_done *done;
    void *context;
};

struct gw_transport {
    /* Start a request; everything it points to is copied (or compressed) during
     * the call. *ret_ticket names it for `cancel`. BUSY: all request slots are
     * taken; RANGE: body, headers or URL are too large; INVALID: a control
     * character in a header; NOCONN otherwise. On error no callback will come. */
    enum gw_err (*submit)(void *self, const struct gw_http_request *request,
                          uint64_t *ret_ticket);
    /* Give a request up; its callback will not be called. Harmless for a ticket
     * that is done. */
    void (*cancel)(void *self, uint64_t ticket);
    /* Cancel everything and drop all connections, cached addresses and TLS
     * sessions: the next request starts from nothing. */
    void (*renew)(void *self);
    void *self;
};

#endif
