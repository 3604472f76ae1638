/* SPDX-License-Identifier: Apache-2.0 */
/* One request slot: a libcurl easy handle with its buffers, used again and
 * again. Inside of the http room only. */
#ifndef GW_CLOUD_LINK_SLOT_H
#define GW_CLOUD_LINK_SLOT_H

#include <curl/curl.h>

#include "cloud-link/http/compress.h"
#include "cloud-link/http/http.h"
#include "cloud-link/peercheck/peercheck.h"

#define GW_SLOT_HEADERS 20
#define GW_SLOT_HEADER_BYTES 4096
#define GW_SLOT_URL_BYTES 1024

struct gw_http_slot {
    CURL *easy;
    bool busy;
    bool is_answering; /* its callback runs: the answer's views are in here */
    uint32_t generation;
    gw_http_done *done;
    void *context;
    struct gw_buf body;   /* as it is sent */
    struct gw_buf answer; /* body of the answer */
    struct gw_buf header_text;
    struct curl_slist headers[GW_SLOT_HEADERS];
    size_t header_count;
    char url[GW_SLOT_URL_BYTES];
    char retry_after[64];
    char error[CURL_ERROR_SIZE];
    bool answer_too_large;
};

/* Buffers and the easy handle with everything that never changes. NOMEM, FATAL. */
enum gw_err gw_http_slot_open(struct gw_http_slot *slot, const struct gw_http_options *options,
                              struct gw_peercheck *check);
/* Harmless on a zeroed or half opened slot; it must not be in a multi handle. */
void gw_http_slot_close(struct gw_http_slot *slot);
/* Copy the request in. RANGE, INVALID. */
enum gw_err gw_http_slot_load(struct gw_http_slot *slot, const struct gw_http_request *request,
                              struct gw_compressor *compressor);
/* What came of it; views into the slot. */
struct gw_http_answer gw_http_slot_answer(struct gw_http_slot *slot, CURLcode code,
                                          struct gw_peercheck *check);

#endif
