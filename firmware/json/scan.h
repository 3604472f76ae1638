/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner behind gw_json_check. Private to this room. */
#ifndef GW_JSON_SCAN_H
#define GW_JSON_SCAN_H

#include "firmware/json/json.h"

/* Beyond enum gw_json_flags: refuse \u0000 in values too, for texts that go on
 * to cJSON, whose strings end at the first NUL. */
#define GW_JSON_NO_NUL 0x100U
/* Longest number: cJSON copies numbers into 64 bytes and fails beyond. */
#define GW_JSON_NUMBER_MAX 63

/* As gw_json_check, with GW_JSON_NO_NUL. */
enum gw_err gw_json_scan(struct gw_str text, const struct gw_json_limits *limits,
                         struct gw_json_error *ret_error);

#endif
