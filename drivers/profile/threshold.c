/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/threshold.h"

#define DIVISIONS_MAX 9999

enum gw_err gw_threshold_parse(struct gw_str text, struct gw_threshold *ret_threshold) {
    struct gw_threshold threshold = {
        .is_in_divisions = gw_str_ends_with(text, GW_STR("d")),
    };
    uint64_t divisions = 0;
    if (threshold.is_in_divisions) {
        if (gw_str_to_u64(gw_str_sub(text, 0, text.len - 1), DIVISIONS_MAX, &divisions)
            || divisions == 0) {
            return GW_ERR_PARSE;
        }
        threshold.number = gw_decimal_from_u64(divisions);
    } else if (gw_str_starts_with(text, GW_STR("-"))
               || gw_decimal_parse(text, &threshold.number)) {
        return GW_ERR_PARSE;
    }
    *ret_threshold = threshold;
    return GW_OK;
}

/* One of the last digit: 0.01 with two places. */
static struct gw_decimal division_of(const struct gw_decimal *value) {
    char text[GW_DECIMAL_TEXT_MAX];
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof text);
    if (value->places > 0) {
        gw_buf_put_str(&buf, GW_STR("0."));
    }
    for (unsigned i = 1; i < value->places; i++) {
        gw_buf_put_char(&buf, '0');
    }
    gw_buf_put_char(&buf, '1');
    struct gw_decimal division = {0};
    (void) !gw_decimal_parse(gw_buf_str(&buf), &division); /* no more places than a value has */
    return division;
}

struct gw_decimal gw_threshold_for(const struct gw_threshold *threshold,
                                   const struct gw_decimal *value) {
    struct gw_decimal number = threshold->number;
    if (threshold->is_in_divisions) {
        const struct gw_decimal division = division_of(value);
        (void) !gw_decimal_multiply(&threshold->number, &division, &number);
    }
    return number;
}
