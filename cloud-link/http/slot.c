/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/http/slot.h"

#include <string.h>

#include "cloud-link/http/fault.h"

#define CONNECT_TIMEOUT_MS 10000L
/* Below this a frame header eats what compression gains. */
#define COMPRESS_FROM_BYTES 256

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    struct gw_http_slot *slot = context;
    size_t len = size * count;
    if (!gw_buf_put(&slot->answer, (struct gw_bytes){(const uint8_t *) bytes, len})) {
        slot->answer_too_large = true;
        return 0;
    }
    return len;
}

static bool is_named(struct gw_str line, const char *name, struct gw_str *ret_value) {
    size_t len = strlen(name);
    if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0) {
        return false;
    }
    *ret_value = gw_str_trim(gw_str_sub(line, len + 1, line.len));
    return true;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    struct gw_http_slot *slot = context;
    struct gw_str line = {bytes, size * count};
    struct gw_str value;
    if (gw_str_starts_with(line, GW_STR("HTTP/"))) {
        slot->retry_after[0] = '\0'; /* headers of an interim answer do not count */
    }
    if (is_named(line, "retry-after", &value)) {
        enum gw_err err = gw_str_copy(value, slot->retry_after, sizeof(slot->retry_after));
        if (err) {
            slot->retry_after[0] = '\0'; /* longer than any date: as good as absent */
        }
    }
    return size * count;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *context) {
    (void) easy;
    return gw_peercheck_attach(context, ssl_ctx) == GW_OK ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* Each setopt counts: an option that was refused must not pass unnoticed. */
#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)

static bool set_trust(CURL *easy, const struct gw_http_options *options,
                      struct gw_peercheck *check) {
    bool failed = SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    failed |= SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    failed |= SET(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    failed |= SET(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    failed |= SET(easy, CURLOPT_SSL_CTX_DATA, check);
    if (options->ca_file && options->ca_file[0]) {
        failed |= SET(easy, CURLOPT_CAINFO, options->ca_file);
        /* Debian builds libcurl with a default folder of anchors beside the
         * file: without this every public CA would be trusted too. */
        failed |= SET(easy, CURLOPT_CAPATH, NULL);
    }
    if (options->cert_file && options->cert_file[0]) {
        failed |= SET(easy, CURLOPT_SSLCERT, options->cert_file);
        failed |= SET(easy, CURLOPT_SSLKEY, options->key_file);
    }
    return failed;
}

static bool set_ways(CURL *easy, const struct gw_http_options *options) {
    bool has_proxy = options->proxy && options->proxy[0];
    bool failed = SET(easy, CURLOPT_PROTOCOLS_STR, "https");
    failed |= SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    failed |= SET(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    /* "" (not NULL) switches off what the environment says */
    failed |= SET(easy, CURLOPT_PROXY, has_proxy ? options->proxy : "");
    failed |= SET(easy, CURLOPT_NOPROXY, "");
    failed |= SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* not the centre's */
    failed |= SET(easy, CURLOPT_NOSIGNAL, 1L);
    /* cancelling must not wait for a name server that does not answer */
    failed |= SET(easy, CURLOPT_QUICK_EXIT, 1L);
    failed |= SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    failed |= SET(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    failed |= SET(easy, CURLOPT_USERAGENT, "gangway/" GW_VERSION);
    return failed;
}

static bool set_callbacks(CURL *easy, struct gw_http_slot *slot) {
    bool failed = SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    failed |= SET(easy, CURLOPT_WRITEDATA, slot);
    failed |= SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    failed |= SET(easy, CURLOPT_HEADERDATA, slot);
    failed |= SET(easy, CURLOPT_ERRORBUFFER, slot->error);
    failed |= SET(easy, CURLOPT_PRIVATE, slot);
    return failed;
}

enum gw_err gw_http_slot_open(struct gw_http_slot *slot, const struct gw_http_options *options,
                              struct gw_peercheck *check) {
    enum gw_err err = gw_buf_open(&slot->body, gw_compressor_bound(options->max_body_bytes));
    if (err) {
        return err;
    }
    err = gw_buf_open(&slot->answer, options->max_answer_bytes);
    if (err) {
        return err;
    }
    err = gw_buf_open(&slot->header_text, GW_SLOT_HEADER_BYTES);
    if (err) {
        return err;
    }
    slot->easy = curl_easy_init();
    if (!slot->easy) {
        return GW_ERR_NOMEM;
    }
    if (set_trust(slot->easy, options, check) || set_ways(slot->easy, options)
        || set_callbacks(slot->easy, slot)) {
        return GW_ERR_FATAL;
    }
    return GW_OK;
}

void gw_http_slot_close(struct gw_http_slot *slot) {
    if (slot->easy) {
        curl_easy_cleanup(slot->easy);
    }
    gw_buf_close(&slot->body);
    gw_buf_close(&slot->answer);
    gw_buf_close(&slot->header_text);
}

/* ---- a request ---- */

static bool has_control(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* libcurl only reads the list, so its nodes are ours and nothing is allocated. */
static enum gw_err add_header(struct gw_http_slot *slot, const char *name,
                              struct gw_str value) {
    if (has_control(value)) {
        return GW_ERR_INVALID;
    }
    if (slot->header_count == GW_SLOT_HEADERS) {
        return GW_ERR_RANGE;
    }
    struct curl_slist *node = &slot->headers[slot->header_count];
    node->data = (char *) slot->header_text.data + slot->header_text.len;
    node->next = NULL;
    gw_buf_printf(&slot->header_text, "%s:%s%.*s", name, value.len ? " " : "",
                  GW_STR_ARG(value));
    if (!gw_buf_put_char(&slot->header_text, '\0')) {
        return GW_ERR_RANGE;
    }
    if (slot->header_count > 0) {
        slot->headers[slot->header_count - 1].next = node;
    }
    slot->header_count++;
    return GW_OK;
}

static enum gw_err load_headers(struct gw_http_slot *slot,
                                const struct gw_http_request *request, bool compressed) {
    gw_buf_clear(&slot->header_text);
    slot->header_count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        enum gw_err err = add_header(slot, request->headers[i].name, request->headers[i].value);
        if (err) {
            return err;
        }
    }
    if (compressed) {
        enum gw_err err = add_header(slot, "Content-Encoding", GW_STR("zstd"));
        if (err) {
            return err;
        }
    }
    /* no value: libcurl then does not wait for "100 Continue" before a large
     * body, which would cost a round trip (or a second, if nobody sends it) */
    return add_header(slot, "Expect", GW_STR(""));
}

static enum gw_err load_body(struct gw_http_slot *slot, const struct gw_http_request *request,
                             struct gw_compressor *compressor, bool *ret_compressed) {
    gw_buf_clear(&slot->body);
    *ret_compressed = request->compress && request->body.len >= COMPRESS_FROM_BYTES;
    if (*ret_compressed) {
        enum gw_err err = gw_compressor_put(compressor, request->body, &slot->body);
        return err ? GW_ERR_RANGE : GW_OK;
    }
    return gw_buf_put(&slot->body, request->body) ? GW_OK : GW_ERR_RANGE;
}

static bool set_request(struct gw_http_slot *slot, const struct gw_http_request *request) {
    CURL *easy = slot->easy;
    bool failed = SET(easy, CURLOPT_URL, slot->url);
    failed |= SET(easy, CURLOPT_HTTPHEADER, slot->headers);
    failed |= SET(easy, CURLOPT_TIMEOUT_MS, (long) request->timeout_ms);
    if (request->method == GW_HTTP_GET) {
        failed |= SET(easy, CURLOPT_HTTPGET, 1L);
    } else {
        failed |= SET(easy, CURLOPT_POST, 1L);
        failed |= SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) slot->body.len);
        failed |= SET(easy, CURLOPT_POSTFIELDS, (const char *) slot->body.data);
    }
    return failed;
}

enum gw_err gw_http_slot_load(struct gw_http_slot *slot, const struct gw_http_request *request,
                              struct gw_compressor *compressor) {
    bool compressed = false;
    enum gw_err err = gw_str_copy(request->url, slot->url, sizeof(slot->url));
    if (err) {
        return GW_ERR_RANGE;
    }
    err = load_body(slot, request, compressor, &compressed);
    if (err) {
        return err;
    }
    err = load_headers(slot, request, compressed);
    if (err) {
        return err;
    }
    gw_buf_clear(&slot->answer);
    slot->retry_after[0] = '\0';
    slot->error[0] = '\0';
    slot->answer_too_large = false;
    slot->done = request->done;
    slot->context = request->context;
    return set_request(slot, request) ? GW_ERR_NOCONN : GW_OK;
}

/* ---- its answer ---- */

static const char *fault_text(struct gw_http_slot *slot, CURLcode code,
                              enum gw_http_fault fault, struct gw_peercheck *check) {
    if (fault == GW_HTTP_PEER_CERTIFICATE && gw_peercheck_reason(check)[0]) {
        return gw_peercheck_reason(check);
    }
    if (slot->answer_too_large) {
        return "the answer is larger than allowed";
    }
    return slot->error[0] ? slot->error : curl_easy_strerror(code);
}

struct gw_http_answer gw_http_slot_answer(struct gw_http_slot *slot, CURLcode code,
                                          struct gw_peercheck *check) {
    enum gw_http_fault fault = gw_http_fault_of(code, slot->error);
    if (fault != GW_HTTP_ANSWERED) {
        return (struct gw_http_answer){.fault = fault,
                                       .text = fault_text(slot, code, fault, check)};
    }
    long status = 0;
    char *content_type = NULL;
    (void) curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_TYPE, &content_type);
    return (struct gw_http_answer){
        .fault = GW_HTTP_ANSWERED,
        .text = "",
        .status = (unsigned) status,
        .content_type = gw_str_from_cstr(content_type),
        .retry_after = gw_str_from_cstr(slot->retry_after),
        .body = gw_buf_str(&slot->answer),
    };
}
