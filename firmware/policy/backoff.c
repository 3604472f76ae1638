/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/backoff.h"

#include "firmware/base/clock.h"

struct gw_backoff_limits gw_backoff_limits_default(void) {
    return (struct gw_backoff_limits){GW_BACKOFF_BASE_MS, GW_BACKOFF_CAP_MS};
}

struct gw_backoff_limits gw_backoff_limits_probe(void) {
    return (struct gw_backoff_limits){GW_BACKOFF_PROBE_BASE_MS, GW_BACKOFF_PROBE_CAP_MS};
}

/* Uniform in [low, high]; spans here are < 2^32, so the upper half of the random
 * number decides and the bias is below 2^-32 per value. */
static uint64_t uniform(uint64_t low, uint64_t high, uint64_t random) {
    uint64_t span = high - low + 1;
    return low + (((random >> 32) * span) >> 32);
}

uint32_t gw_backoff_next(const struct gw_backoff_limits *limits, uint32_t previous_ms,
                         uint64_t random) {
    uint64_t previous = previous_ms < limits->base_ms ? limits->base_ms : previous_ms;
    uint64_t high = previous * 3;
    if (high > limits->cap_ms) {
        high = limits->cap_ms;
    }
    return (uint32_t) uniform(limits->base_ms, high, random);
}

uint32_t gw_backoff_first(uint32_t window_ms, uint64_t random) {
    return (uint32_t) uniform(0, window_ms, random);
}

uint32_t gw_backoff_with_retry_after(uint64_t retry_after_ms, uint32_t own_delay_ms) {
    uint64_t asked = retry_after_ms < GW_BACKOFF_RETRY_AFTER_CAP_MS
                         ? retry_after_ms
                         : GW_BACKOFF_RETRY_AFTER_CAP_MS;
    uint64_t delay = asked + own_delay_ms;
    return delay < UINT32_MAX ? (uint32_t) delay : UINT32_MAX;
}

/* ---- IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT" ---- */

#define IMF_LEN 29

static unsigned month_number(struct gw_str name) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++) {
        if (gw_str_eq(name, (struct gw_str){names + i * 3, 3})) {
            return i + 1;
        }
    }
    return 0;
}

/* Re-written as RFC 3339, whose parser the house has already. */
static enum gw_err parse_imf_date(struct gw_str text, int64_t *ret_wall_ms) {
    if (text.len != IMF_LEN || !gw_str_ends_with(text, GW_STR(" GMT"))
        || !gw_str_eq(gw_str_sub(text, 3, 2), GW_STR(", "))) {
        return GW_ERR_PARSE;
    }
    unsigned month = month_number(gw_str_sub(text, 8, 3));
    if (month == 0 || text.ptr[7] != ' ' || text.ptr[11] != ' ' || text.ptr[16] != ' ') {
        return GW_ERR_PARSE;
    }
    uint8_t storage[GW_TIME_TEXT_LEN];
    struct gw_buf date;
    gw_buf_init(&date, storage, sizeof(storage));
    gw_buf_put_str(&date, gw_str_sub(text, 12, 4));
    gw_buf_put_char(&date, '-');
    gw_buf_put_char(&date, (char) ('0' + month / 10));
    gw_buf_put_char(&date, (char) ('0' + month % 10));
    gw_buf_put_char(&date, '-');
    gw_buf_put_str(&date, gw_str_sub(text, 5, 2));
    gw_buf_put_char(&date, 'T');
    gw_buf_put_str(&date, gw_str_sub(text, 17, 8));
    gw_buf_put_char(&date, 'Z');
    return gw_time_parse(gw_buf_str(&date), ret_wall_ms) == GW_OK ? GW_OK : GW_ERR_PARSE;
}

enum gw_err gw_backoff_parse_retry_after(struct gw_str value, int64_t now_wall_ms,
                                         uint64_t *ret_ms) {
    struct gw_str text = gw_str_trim(value);
    if (text.len == 0) {
        return GW_ERR_PARSE;
    }
    if (text.ptr[0] >= '0' && text.ptr[0] <= '9') {
        uint64_t seconds;
        enum gw_err err = gw_str_to_u64(text, UINT64_MAX / 1000, &seconds);
        if (err) {
            return GW_ERR_PARSE;
        }
        *ret_ms = seconds * 1000;
        return GW_OK;
    }
    int64_t wall_ms;
    enum gw_err err = parse_imf_date(text, &wall_ms);
    if (err) {
        return err;
    }
    *ret_ms = wall_ms > now_wall_ms ? (uint64_t) (wall_ms - now_wall_ms) : 0;
    return GW_OK;
}
