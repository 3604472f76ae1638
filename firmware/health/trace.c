/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/random.h"
#include "firmware/health/health.h"

/* W3C Trace Context, section 3.2.2: an id of zeros is invalid. */
void gw_trace_draw(struct gw_trace *ret_trace) {
    gw_random_bytes(ret_trace, sizeof *ret_trace);
    ret_trace->trace_id[0] |= 1;
    ret_trace->span_id[0] |= 1;
}
