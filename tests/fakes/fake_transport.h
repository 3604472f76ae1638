/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport that answers when and what a test says.
 *
 * Submitted requests are kept, oldest first, until the test answers them or they
 * are cancelled. Counts say what else happened to it.
 */
#ifndef GW_TESTS_FAKES_FAKE_TRANSPORT_H
#define GW_TESTS_FAKES_FAKE_TRANSPORT_H

#include "cloud-link/http/transport.h"

#define GW_FAKE_TRANSPORT_PENDING 8
#define GW_FAKE_TRANSPORT_HEADERS 16

struct gw_fake_request {
    uint64_t ticket;
    enum gw_http_method method;
    char url[512];
    char names[GW_FAKE_TRANSPORT_HEADERS][64];
    char values[GW_FAKE_TRANSPORT_HEADERS][256];
    size_t header_count;
    char *body; /* NUL-terminated copy */
    size_t body_len;
    bool compress;
    uint32_t timeout_ms;
    gw_http_done *done;
    void *context;
};

struct gw_fake_transport {
    struct gw_fake_request pending[GW_FAKE_TRANSPORT_PENDING];
    size_t pending_count;
    uint64_t submitted, cancelled, renewed;
    enum gw_err refuse_with; /* what submit answers instead of taking a request */
};

/* A transport that keeps what it is given until the test answers it. */
struct gw_transport gw_fake_transport_init(struct gw_fake_transport *fake);
/* Free the copies of what is still pending. */
void gw_fake_transport_done(struct gw_fake_transport *fake);
/* Value of a header of pending request `index`, "" if absent. */
const char *gw_fake_transport_header(const struct gw_fake_transport *fake, size_t index,
                                     const char *name);
/* Answer pending request `index`: it is no longer pending. */
void gw_fake_transport_answer(struct gw_fake_transport *fake, size_t index,
                              const struct gw_http_answer *answer);

#endif
