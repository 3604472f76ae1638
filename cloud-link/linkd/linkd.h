/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gw-linkd as a library: the queue on one side, the sinks on the other.
 *
 * One loop thread owns everything. A round is: wait -> answers of the centre ->
 * look at the queue if it was rung for (or a second passed) -> each sink does
 * what is due -> report progress, write the snapshot. It holds the only key to
 * the WAN, writes only its own folder, and opens the queue read-only.
 *
 * Nothing stops it but a stop: no queue yet, a queue that was replaced, a centre
 * that is gone or refuses are states it waits in. Two of them fit into one
 * process (tests), on different folders.
 */
#ifndef GW_LINKD_LINKD_H
#define GW_LINKD_LINKD_H

#include "firmware/base/buf.h"
#include "firmware/base/loop.h"

/* Exit code with which systemd starts a new process: there was no progress and a
 * new connection did not help (EX_TEMPFAIL). */
#define GW_LINKD_EXIT_RESTART 75

struct gw_linkd;

struct gw_linkd_options {
    const char *config_path;      /* must outlive the daemon */
    const struct gw_clock *clock; /* NULL = the machine's */
};

/* Load the configuration (else its last good generation), open the link store,
 * the sinks, the doorbell and the control socket. On errors one line each is
 * appended to `errors`. NOENT, PARSE, SCHEMA (configuration), BUSY (another one
 * runs), FATAL (libcurl's TLS is not OpenSSL), or what store and sockets answer. */
enum gw_err gw_linkd_open(const struct gw_linkd_options *options, struct gw_buf *errors,
                          struct gw_linkd **ret_linkd);
/* Orderly end: cursors and progress are saved. NULL is allowed. */
void gw_linkd_close(struct gw_linkd *linkd);

/* Its loop, for main to watch signals on. */
struct gw_loop *gw_linkd_loop(struct gw_linkd *linkd);
/* Rounds until gw_loop_stop: the exit code, 0 or GW_LINKD_EXIT_RESTART. */
int gw_linkd_run(struct gw_linkd *linkd);
/* One round; waits at most until `deadline_mono_ms`. */
enum gw_err gw_linkd_round(struct gw_linkd *linkd, int64_t deadline_mono_ms);
/* A sink asked for a new process. */
bool gw_linkd_wants_restart(const struct gw_linkd *linkd);

/* Read the configuration again and open changed sinks anew; on errors (appended
 * to `errors`) the old one stands and an issue says so. Paths cannot change
 * while it runs: INVALID. */
enum gw_err gw_linkd_reload(struct gw_linkd *linkd, struct gw_buf *errors);

#endif
