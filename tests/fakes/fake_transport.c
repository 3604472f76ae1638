/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum gw_err submit(void *self, const struct gw_http_request *request,
                          uint64_t *ret_ticket) {
    struct gw_fake_transport *fake = self;
    if (fake->refuse_with) {
        return fake->refuse_with;
    }
    if (fake->pending_count == GW_FAKE_TRANSPORT_PENDING
        || request->header_count > GW_FAKE_TRANSPORT_HEADERS) {
        return GW_ERR_BUSY;
    }
    struct gw_fake_request *kept = &fake->pending[fake->pending_count++];
    memset(kept, 0, sizeof(*kept));
    kept->ticket = ++fake->submitted;
    kept->method = request->method;
    (void) snprintf(kept->url, sizeof(kept->url), "%.*s", GW_STR_ARG(request->url));
    for (size_t i = 0; i < request->header_count; i++) {
        (void) snprintf(kept->names[i], sizeof(kept->names[i]), "%s", request->headers[i].name);
        (void) snprintf(kept->values[i], sizeof(kept->values[i]), "%.*s",
                        GW_STR_ARG(request->headers[i].value));
    }
    kept->header_count = request->header_count;
    kept->body = malloc(request->body.len + 1);
    if (request->body.len > 0) {
        memcpy(kept->body, request->body.ptr, request->body.len);
    }
    kept->body[request->body.len] = '\0';
    kept->body_len = request->body.len;
    kept->compress = request->compress;
    kept->timeout_ms = request->timeout_ms;
    kept->done = request->done;
    kept->context = request->context;
    *ret_ticket = kept->ticket;
    return GW_OK;
}

static void forget(struct gw_fake_transport *fake, size_t index) {
    free(fake->pending[index].body);
    fake->pending_count--;
    memmove(&fake->pending[index], &fake->pending[index + 1],
            (fake->pending_count - index) * sizeof(fake->pending[0]));
}

static void cancel(void *self, uint64_t ticket) {
    struct gw_fake_transport *fake = self;
    for (size_t i = 0; i < fake->pending_count; i++) {
        if (fake->pending[i].ticket == ticket) {
            fake->cancelled++;
            forget(fake, i);
            return;
        }
    }
}

static void renew(void *self) {
    struct gw_fake_transport *fake = self;
    while (fake->pending_count > 0) {
        forget(fake, 0);
    }
    fake->renewed++;
}

struct gw_transport gw_fake_transport_init(struct gw_fake_transport *fake) {
    memset(fake, 0, sizeof(*fake));
    return (struct gw_transport){submit, cancel, renew, fake};
}

void gw_fake_transport_done(struct gw_fake_transport *fake) {
    while (fake->pending_count > 0) {
        forget(fake, 0);
    }
}

const char *gw_fake_transport_header(const struct gw_fake_transport *fake, size_t index,
                                     const char *name) {
    const struct gw_fake_request *request = &fake->pending[index];
    for (size_t i = 0; index < fake->pending_count && i < request->header_count; i++) {
        if (strcmp(request->names[i], name) == 0) {
            return request->values[i];
        }
    }
    return "";
}

void gw_fake_transport_answer(struct gw_fake_transport *fake, size_t index,
                              const struct gw_http_answer *answer) {
    gw_http_done *done = fake->pending[index].done;
    void *context = fake->pending[index].context;
    forget(fake, index);
    done(context, answer);
}
