/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 16384

const struct gw_gs1_scan *scan_with(const char *text, const struct gw_gs1_options *options) {
    /* A copy of the exact size on the heap, so that the address sanitizer sees a read
     * behind the end; the one before is kept until now. */
    static char *copy;
    static struct gw_gs1_scan scan;
    struct gw_str view = gw_str_from_cstr(text);
    free(copy);
    copy = malloc(view.len > 0 ? view.len : 1);
    assert_non_null(copy);
    memcpy(copy, text, view.len);
    memset(&scan, 0x5a, sizeof(scan));
    gw_gs1_parse((struct gw_str){copy, view.len}, options, &scan);
    return &scan;
}

const struct gw_gs1_scan *scan_of(const char *text) {
    return scan_with(text, NULL);
}

struct texts {
    char elements[TEXT_BYTES], link[TEXT_BYTES], identity[TEXT_BYTES], string[TEXT_BYTES],
        urn[TEXT_BYTES], why[TEXT_BYTES];
};
static struct texts texts;

static const char *finish(struct gw_buf *buf, enum gw_err err) {
    if (err == GW_ERR_NOENT) {
        assert_int_equal(buf->len, 0);
        return "none";
    }
    assert_int_equal(err, GW_OK);
    buf->data[buf->len] = '\0';
    return (const char *) buf->data;
}

const char *elements_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.elements, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_elements(scan, &buf));
}

const char *link_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.link, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, &buf));
}

const char *identity_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.identity, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_digital_link(scan, GW_GS1_LINK_IDENTITY, &buf));
}

const char *string_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.string, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_element_string(scan, &buf));
}

const char *urn_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.urn, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_urn(scan, &buf));
}

const char *why_of(const struct gw_gs1_scan *scan) {
    struct gw_buf buf;
    gw_buf_init(&buf, texts.why, TEXT_BYTES - 1);
    return finish(&buf, gw_gs1_put_why(scan, &buf));
}

void assert_valid(const char *text, const char *elements) {
    const struct gw_gs1_scan *scan = scan_of(text);
    assert_string_equal(why_of(scan), "");
    assert_true(scan->ok);
    assert_string_equal(elements_of(scan), elements);
}

void assert_wrong(const char *text, const char *reason, size_t at) {
    const struct gw_gs1_scan *scan = scan_of(text);
    assert_false(scan->ok);
    assert_string_equal(gw_gs1_reason_name(scan->why.reason), reason);
    assert_int_equal(scan->why.at, at);
    assert_true(strlen(why_of(scan)) > 0);
}
