/* SPDX-License-Identifier: Apache-2.0 */
/* What a scanner with a talkative firmware sends: eleven members. */
#ifndef GW_TESTS_BENCH_SCAN_PAYLOAD_H
#define GW_TESTS_BENCH_SCAN_PAYLOAD_H

#include "firmware/base/buf.h"

struct gw_scan_payload {
    struct gw_str run; /* part of the id */
    unsigned client;
    uint64_t counter;
    int64_t sent_wall_ns;
    size_t wanted_bytes; /* the last member fills up to this size */
};

/* "<run>-<client>-<counter>" */
static inline void gw_scan_put_id(const struct gw_scan_payload *payload, struct gw_buf *buf) {
    gw_buf_put_str(buf, payload->run);
    gw_buf_put_char(buf, '-');
    gw_buf_put_u64(buf, payload->client);
    gw_buf_put_char(buf, '-');
    gw_buf_put_u64(buf, payload->counter);
}

/* The same bytes for the same numbers; `buf` should be empty. */
static inline void gw_scan_put_payload(const struct gw_scan_payload *payload,
                                       struct gw_buf *buf) {
    static const char filler[] = "pick and pack zone, dock door, conveyor segment; ";
    gw_buf_put_str(buf, GW_STR("{\"id\":\""));
    gw_scan_put_id(payload, buf);
    gw_buf_put_str(buf, GW_STR("\",\"client\":"));
    gw_buf_put_u64(buf, payload->client);
    gw_buf_put_str(buf, GW_STR(",\"counter\":"));
    gw_buf_put_u64(buf, payload->counter);
    gw_buf_put_str(buf, GW_STR(",\"sent_ns\":"));
    gw_buf_put_i64(buf, payload->sent_wall_ns);
    gw_buf_put_str(buf, GW_STR(",\"code\":\"00340123450"));
    gw_buf_put_u64(buf, 100000000 + payload->counter % 100000000);
    gw_buf_put_str(buf,
                   GW_STR("\",\"aim\":\"]C1\",\"sym\":\"GS1-128\",\"lane\":4,\"quality\":97"
                          ",\"good\":true,\"note\":\""));
    while (buf->len + 2 < payload->wanted_bytes && !gw_buf_failed(buf)) {
        size_t gap = payload->wanted_bytes - 2 - buf->len;
        size_t piece = gap < sizeof(filler) - 1 ? gap : sizeof(filler) - 1;
        gw_buf_put_str(buf, (struct gw_str){filler, piece});
    }
    gw_buf_put_str(buf, GW_STR("\"}"));
}

#endif
