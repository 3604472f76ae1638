/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gw-collectd as a library: the sources of the floor, wired to the one queue.
 *
 * One loop thread owns everything; a round is: wait and read -> commit ->
 * acknowledge -> the rest (collectd.c). It is the only writer of the queue and of
 * the audit chain. Two of them fit into one process (tests), on different
 * folders.
 *
 * The first event of each start is gateway.started; no source is opened before
 * it is stored.
 */
#ifndef GW_COLLECTD_COLLECTD_H
#define GW_COLLECTD_COLLECTD_H

#include "firmware/base/buf.h"
#include "firmware/base/loop.h"

struct gw_collectd;

struct gw_collectd_options {
    const char *config_path;      /* must outlive the daemon */
    const struct gw_clock *clock; /* NULL = the machine's; must be thread-safe */
};

/* Load the configuration (else its last good generation), open the queue and the
 * control sockets. On errors one line each is appended to `errors`. NOENT, PARSE,
 * SCHEMA (configuration), BUSY (another one runs), or what the queue or the
 * sockets answer. */
enum gw_err gw_collectd_open(const struct gw_collectd_options *options, struct gw_buf *errors,
                             struct gw_collectd **ret_collectd);
/* Orderly end: commit, acknowledge, end the sources, close the queue. NULL is
 * allowed. */
void gw_collectd_close(struct gw_collectd *collectd);

/* Its loop, for main to watch signals on. */
struct gw_loop *gw_collectd_loop(struct gw_collectd *collectd);
/* Rounds until gw_loop_stop. FATAL when the store cannot be written any more by
 * this process: end it, a new one will set things right. */
enum gw_err gw_collectd_run(struct gw_collectd *collectd);
/* One round; waits at most until `deadline_mono_ms`. */
enum gw_err gw_collectd_round(struct gw_collectd *collectd, int64_t deadline_mono_ms);

/* Read the configuration again and restart what changed; on errors (appended to
 * `errors`) the old one stands and an issue says so. */
enum gw_err gw_collectd_reload(struct gw_collectd *collectd, struct gw_buf *errors);

#endif
