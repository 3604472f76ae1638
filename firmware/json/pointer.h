/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6901 pointers, token by token, without decoding into a buffer. Private. */
#ifndef GW_JSON_POINTER_H
#define GW_JSON_POINTER_H

#include "firmware/base/str.h"

/* Take the first "/token" off *pointer; ret_token is still escaped (~0, ~1).
 * NOENT when the pointer is used up, PARSE when it does not begin with '/'. */
enum gw_err gw_json_pointer_take(struct gw_str *pointer, struct gw_str *ret_token);
/* True if `token` names the member whose inner text (JSON escapes) is `inner`. */
bool gw_json_token_names(struct gw_str token, struct gw_str inner);
/* True if `token` names the member with the decoded name `name`. */
bool gw_json_token_names_plain(struct gw_str token, struct gw_str name);
/* The token as an array index: no sign, no leading zero. PARSE, RANGE. */
enum gw_err gw_json_token_index(struct gw_str token, uint64_t *ret_index);

#endif
