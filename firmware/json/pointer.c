/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/json/pointer.h"

#include <string.h>

#include "firmware/json/text.h"

enum gw_err gw_json_pointer_take(struct gw_str *pointer, struct gw_str *ret_token) {
    if (pointer->len == 0) {
        return GW_ERR_NOENT;
    }
    if (pointer->ptr[0] != '/') {
        return GW_ERR_PARSE;
    }
    size_t end = gw_str_find(*pointer, '/', 1);
    *ret_token = gw_str_sub(*pointer, 1, end - 1);
    *pointer = gw_str_sub(*pointer, end, SIZE_MAX);
    return GW_OK;
}

/* Next decoded byte of a token, -1 at its end; a '~' before anything but 0 and
 * 1 is an error in RFC 6901 and matches nothing here. */
static int next_token_byte(struct gw_str *token) {
    if (token->len == 0) {
        return -1;
    }
    char c = token->ptr[0];
    size_t used = 1;
    if (c == '~') {
        char code = token->len > 1 ? token->ptr[1] : 'x';
        if (code != '0' && code != '1') {
            return -2;
        }
        c = code == '0' ? '~' : '/';
        used = 2;
    }
    *token = gw_str_sub(*token, used, SIZE_MAX);
    return (unsigned char) c;
}

static bool contains(struct gw_str s, char c) {
    return gw_str_find(s, c, 0) < s.len;
}

bool gw_json_token_names(struct gw_str token, struct gw_str inner) {
    if (!contains(inner, '\\')) {
        return gw_json_token_names_plain(token, inner);
    }
    struct gw_json_text text;
    gw_json_text_start(&text, inner);
    for (;;) {
        int x = next_token_byte(&token);
        int y = gw_json_text_next(&text);
        if (x != y) {
            return false;
        }
        if (x < 0) {
            return true;
        }
    }
}

bool gw_json_token_names_plain(struct gw_str token, struct gw_str name) {
    if (!contains(token, '~')) {
        return gw_str_eq(token, name);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (next_token_byte(&token) != (unsigned char) name.ptr[i]) {
            return false;
        }
    }
    return token.len == 0;
}

enum gw_err gw_json_token_index(struct gw_str token, uint64_t *ret_index) {
    if (token.len > 1 && token.ptr[0] == '0') {
        return GW_ERR_PARSE;
    }
    return gw_str_to_u64(token, UINT64_MAX, ret_index);
}
