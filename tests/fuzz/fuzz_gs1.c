/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte of the input chooses the options, the rest is the scan.
 * Properties: every view lies where it may and every place inside the scan; a
 * scan is valid or says why; what is valid stays the same through element string
 * and Digital Link and back; a canonical link is a fixed point; a URN holds
 * nothing but the characters of a URN.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/gs1/check.h"

#define TEXT_BYTES (4 * GW_GS1_SCAN_BYTES_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static bool is_inside(struct gw_str view, const char *start, size_t len) {
    return view.ptr >= start && view.ptr + view.len <= start + len;
}

static void check_elements(struct gw_str text, const struct gw_gs1_scan *scan) {
    require(scan->element_count <= GW_GS1_ELEMENTS_MAX);
    require(scan->decoded_len <= sizeof(scan->decoded));
    for (size_t i = 0; i < scan->element_count; i++) {
        const struct gw_gs1_element *element = &scan->elements[i];
        struct gw_gs1_finding why = {.reason = GW_GS1_VALID};
        require(element->number >= element->ai->first && element->number <= element->ai->last);
        require(element->at < text.len);
        require(is_inside(element->value, text.ptr, text.len)
                || is_inside(element->value, scan->decoded, scan->decoded_len));
        require(!scan->ok || gw_gs1_check_value(element->ai, element->value, &why));
    }
}

static void check_verdict(struct gw_str text, const struct gw_gs1_scan *scan) {
    static char storage[4096];
    struct gw_buf sentence;
    gw_buf_init(&sentence, storage, sizeof(storage));
    require(gw_gs1_put_why(scan, &sentence) == GW_OK);
    require(scan->ok == (scan->why.reason == GW_GS1_VALID));
    require(scan->ok == (sentence.len == 0));
    require(memchr(storage, '{', sentence.len) == NULL || scan->why.found.len > 0);
    require(scan->why.at <= text.len);
    require(scan->why.found.len == 0 || is_inside(scan->why.found, text.ptr, text.len)
            || is_inside(scan->why.found, scan->decoded, scan->decoded_len));
    require(scan->kind != GW_GS1_OTHER || !scan->ok);
    require(scan->aim.len + scan->code.len == text.len);
    require(gw_gs1_reason_name(scan->why.reason) && gw_gs1_kind_name(scan->kind));
}

static void check_urn(const struct gw_gs1_scan *scan) {
    static char storage[TEXT_BYTES];
    struct gw_buf urn;
    gw_buf_init(&urn, storage, sizeof(storage));
    enum gw_err err = gw_gs1_put_urn(scan, &urn);
    require(err == GW_OK || scan->code.len > GW_GS1_SCAN_BYTES_MAX);
    for (size_t i = 0; i < urn.len; i++) {
        require(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%:",
                       storage[i])
                && storage[i] != '\0');
    }
}

static bool has(const struct gw_gs1_scan *scan, const struct gw_gs1_element *element) {
    for (size_t i = 0; i < scan->element_count; i++) {
        if (scan->elements[i].number == element->number
            && gw_str_eq(scan->elements[i].value, element->value)) {
            return true;
        }
    }
    return false;
}

/* Both say the same, in whatever order. */
static void require_same(const struct gw_gs1_scan *a, const struct gw_gs1_scan *b) {
    for (size_t i = 0; i < a->element_count; i++) {
        require(has(b, &a->elements[i]));
    }
    for (size_t i = 0; i < b->element_count; i++) {
        require(has(a, &b->elements[i]));
    }
}

static void check_element_string(const struct gw_gs1_scan *scan,
                                 const struct gw_gs1_options *options) {
    static char storage[TEXT_BYTES];
    static struct gw_gs1_scan again;
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof(storage));
    (void) gw_buf_put_str(&text, GW_STR("]C1"));
    require(gw_gs1_put_element_string(scan, &text) == GW_OK);
    gw_gs1_parse(gw_buf_str(&text), options, &again);
    if (text.len <= GW_GS1_SCAN_BYTES_MAX) {
        require(again.ok && again.element_count == scan->element_count);
        require_same(scan, &again);
    }
}

static void check_link(const struct gw_gs1_scan *scan, const struct gw_gs1_options *options) {
    static char storage[2][TEXT_BYTES];
    static struct gw_gs1_scan again;
    struct gw_buf link;
    struct gw_buf second;
    gw_buf_init(&link, storage[0], TEXT_BYTES);
    gw_buf_init(&second, storage[1], TEXT_BYTES);
    (void) gw_buf_put_str(&link, GW_STR("]Q1"));
    (void) gw_buf_put_str(&second, GW_STR("]Q1"));
    enum gw_err err = gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, &link);
    require(err == GW_OK || err == GW_ERR_NOENT);
    if (err || link.len > GW_GS1_LINK_BYTES_MAX) {
        return;
    }
    gw_gs1_parse(gw_buf_str(&link), options, &again);
    require(again.ok && again.kind == GW_GS1_DIGITAL_LINK);
    require_same(scan, &again);
    require(gw_gs1_put_digital_link(&again, GW_GS1_LINK_FULL, &second) == GW_OK);
    require(gw_str_eq(gw_buf_str(&link), gw_buf_str(&second)));
    gw_buf_rewind(&second, 3);
    require(gw_gs1_put_digital_link(&again, GW_GS1_LINK_IDENTITY, &second) == GW_OK);
    require(gw_str_starts_with(gw_buf_str(&link), gw_buf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct gw_str assumed[] = {{"", 0},    {"]C1", 3}, {"]Q1", 3}, {"]E0", 3},
                                            {"]E3", 3}, {"]E4", 3}, {"]I1", 3}, {"]", 1}};
    static struct gw_gs1_scan scan;
    if (size == 0) {
        return 0;
    }
    struct gw_str text = {(const char *) data + 1, size - 1};
    struct gw_gs1_options options = {
        .assumed_aim = assumed[data[0] & 7],
        .no_aim = (data[0] & 8) != 0,
        .association = (data[0] & 16) ? GW_GS1_ACROSS_SCANS : GW_GS1_WITHIN_SCAN,
    };
    gw_gs1_parse(text, &options, &scan);
    check_verdict(text, &scan);
    check_elements(text, &scan);
    check_urn(&scan);
    if (scan.ok) {
        options = (struct gw_gs1_options){.association = options.association};
        check_element_string(&scan, &options);
        check_link(&scan, &options);
    }
    return 0;
}
