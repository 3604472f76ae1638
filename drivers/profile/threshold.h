/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weight.rearm_below: at or below it, nothing lies on the scale. A number in the unit
 * the scale sends ("0.5"), or scale divisions ("20d"), a division being one of the last
 * digit it sends: of 12.34, 20d are 0.20. So one default fits a letter scale and a
 * weighbridge. Of this room only.
 */
#ifndef GW_PROFILE_THRESHOLD_H
#define GW_PROFILE_THRESHOLD_H

#include "firmware/event/decimal.h"

struct gw_threshold {
    struct gw_decimal number; /* of divisions or of units */
    bool is_in_divisions;
};

/* PARSE for anything but the two forms; divisions are 1 to 9999. */
enum gw_err gw_threshold_parse(struct gw_str text, struct gw_threshold *ret_threshold);
/* In the unit of `value`, whose digits say what a division is. */
struct gw_decimal gw_threshold_for(const struct gw_threshold *threshold,
                                   const struct gw_decimal *value);

#endif
