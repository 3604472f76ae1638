/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with the standard alphabet and padding (RFC 4648 section 4). */
#ifndef GW_BASE_BASE64_H
#define GW_BASE_BASE64_H

#include "firmware/base/buf.h"

/* Append `bytes` as base64 text, all or nothing; false when `buf` is full. */
bool gw_base64_put(struct gw_buf *buf, struct gw_bytes bytes);
/* Append the bytes that `text` stands for. PARSE (alphabet, length, padding or
 * left-over bits that are not zero), FULL; buf unchanged on errors. */
enum gw_err gw_base64_parse(struct gw_str text, struct gw_buf *buf);

#endif
