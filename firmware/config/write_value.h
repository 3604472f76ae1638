/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decimal value becomes at a place that may be written: the arithmetic of a write,
 * and of the check that an entry of `writes` allows nothing that cannot be written. Pure.
 */
#ifndef GW_CONFIG_WRITE_VALUE_H
#define GW_CONFIG_WRITE_VALUE_H

#include "firmware/base/buf.h"
#include "firmware/config/config.h"

/* Longest text of a value. */
#define GW_CONFIG_VALUE_MAX_BYTES 48

/* value / scale as bits of the entry's type: two's complement or IEEE 754, a bool as 0 or 1.
 * Nothing is rounded. PARSE (no decimal text, or too long), RANGE (the type and scale cannot
 * hold exactly this). */
enum gw_err gw_config_write_bits(const struct gw_config_write *write, struct gw_str value,
                                 uint64_t *ret_bits);
/* Append what the type and scale can hold: "0 to 65535 in steps of 1", "-3276.8 to 3276.7 in
 * steps of 0.1"; of a float, the number it holds that is nearest to `value`. Nothing if there
 * is none. */
void gw_config_write_put_held(const struct gw_config_write *write, struct gw_str value,
                              struct gw_buf *buf);

#endif
