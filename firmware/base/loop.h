/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, many descriptors: epoll(7) with a deadline.
 *
 * The loop knows no timers. Each part of a daemon says when it wants to be
 * called next (a *_mono_ms), the daemon takes the earliest and passes it to
 * gw_loop_wait; that keeps every part testable with a fake clock.
 * Not thread-safe, except gw_loop_stop (async-signal-safe too).
 */
#ifndef GW_BASE_LOOP_H
#define GW_BASE_LOOP_H

#include "firmware/base/clock.h"

/* HANGUP (error or both directions closed) is reported whether or not it was
 * asked for: a callback that gets it must read the error or unwatch, else the
 * loop spins. A half-closed peer shows as READ with end of file. */
enum gw_loop_events { GW_LOOP_READ = 1, GW_LOOP_WRITE = 2, GW_LOOP_HANGUP = 4 };

struct gw_loop;

/* Called with the events that are ready (a set of enum gw_loop_events). */
typedef void gw_loop_callback(void *context, int fd, unsigned events);

/* At most `max_fds` descriptors can be watched at once. NOMEM, IO. */
enum gw_err gw_loop_open(size_t max_fds, struct gw_loop **ret_loop);
/* Free the loop; watched descriptors stay open. NULL is allowed. */
void gw_loop_close(struct gw_loop *loop);

/* Watch `fd` for `events`; a second call for the same fd replaces the first.
 * FULL when max_fds are watched, INVALID or DENIED for an fd that epoll cannot
 * watch. `events` may be 0 (only HANGUP). The loop does not own the fd. */
enum gw_err gw_loop_watch(struct gw_loop *loop, int fd, unsigned events,
                          gw_loop_callback *callback, void *context);
/* Stop watching; harmless for an fd that is not watched. Safe in a callback,
 * also for another fd of the same round. Call it before close(2). */
void gw_loop_unwatch(struct gw_loop *loop, int fd);
/* Wait until something is ready or `clock` reaches deadline_mono_ms, call the
 * callbacks of one round, return. OK also when interrupted by a signal. */
enum gw_err gw_loop_wait(struct gw_loop *loop, const struct gw_clock *clock,
                         int64_t deadline_mono_ms);
/* Wait for nothing but gw_loop_stop until `clock` reaches deadline_mono_ms: what
 * arrives meanwhile is found together by the next gw_loop_wait. */
void gw_loop_rest(struct gw_loop *loop, const struct gw_clock *clock, int64_t deadline_mono_ms);
/* Make the current or next gw_loop_wait return at once (one of them: later ones
 * wait again, so that a daemon can finish its work in order). */
void gw_loop_stop(struct gw_loop *loop);
/* True once gw_loop_stop was called. */
bool gw_loop_stopped(const struct gw_loop *loop);

#endif
