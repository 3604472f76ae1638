/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from a socket or a serial line, with deadlines, by one thread that
 * another one can wake for good. The descriptor does not block; times are
 * microseconds of gw_stream_now_us. Every wait is a poll(2): collectd has more
 * descriptors than a select(2) can watch.
 */
#ifndef GW_MODBUS_STREAM_H
#define GW_MODBUS_STREAM_H

#include "firmware/base/str.h"

struct gw_stream {
    int fd;      /* -1 = closed */
    int wake_fd; /* eventfd; readable = give up */
};

/* Runs evenly from an unspecified start. */
int64_t gw_stream_now_us(void);
/* NOCONN: told to give up meanwhile. */
enum gw_err gw_stream_sleep_until(const struct gw_stream *stream, int64_t until_us);
/* Send all of it. TIMEOUT; NOCONN: hung up, or told to give up. */
enum gw_err gw_stream_send(const struct gw_stream *stream, struct gw_bytes bytes,
                           int64_t deadline_us);
/* Wait for bytes and take at most `size`, one at least. TIMEOUT; NOCONN as above. */
enum gw_err gw_stream_receive(const struct gw_stream *stream, uint8_t *bytes, size_t size,
                              int64_t deadline_us, size_t *ret_len);
/* Throw away what comes until nothing came for `quiet_us`. *ret_bytes, which may be
 * NULL, is increased. TIMEOUT: not quiet after `longest_us`; NOCONN. */
enum gw_err gw_stream_drain(const struct gw_stream *stream, int64_t quiet_us,
                            int64_t longest_us, uint64_t *ret_bytes);

#endif
