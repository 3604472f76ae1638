/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window: the newest N pairs (key, value) in the order they were added,
 * looked up by key. When it is full the oldest pair makes room.
 *
 * The broker source keeps packet id -> payload (what may be redelivered) and topic ->
 * payload (retained messages that come again with each subscription); both doors keep
 * device event id -> reading (event_ids.h: what a device sends twice).
 *
 * A pair is added when its unit is submitted and taken back when the commit
 * fails, so that between the two a redelivery finds it already.
 * Pure, one allocation at open. Not thread-safe.
 */
#ifndef GW_MQTT_WINDOW_H
#define GW_MQTT_WINDOW_H

#include "firmware/base/str.h"

struct gw_window_pair;

struct gw_window {
    struct gw_window_pair *pairs; /* ring, `cap` of them */
    uint64_t *heads;              /* by key: position of the newest pair, plus 1 */
    uint64_t cap;                 /* power of two */
    uint64_t limit;               /* pairs it answers for, at most cap */
    uint64_t next;                /* position of the next pair; counts up for ever */
};

/* A window of the newest `capacity` pairs, exactly: packet ids come again after
 * 65,535 messages, and a window must not reach so far by rounding. NOMEM. */
enum gw_err gw_window_open(struct gw_window *window, size_t capacity);
/* Release; harmless on a zeroed struct. */
void gw_window_close(struct gw_window *window);

/* Forget everything; positions go on. */
void gw_window_clear(struct gw_window *window);
/* Add a pair as the newest. */
void gw_window_add(struct gw_window *window, uint64_t key, uint64_t value);
/* Newest value of `key`; false if the window holds none. */
bool gw_window_find(const struct gw_window *window, uint64_t key, uint64_t *ret_value);
/* Where the next pair will stand: what gw_window_rollback takes. */
uint64_t gw_window_position(const struct gw_window *window);
/* The next pair stands at `position`, as if others had been added and taken out in
 * between. Never backwards. */
void gw_window_skip(struct gw_window *window, uint64_t position);
/* Forget every pair added at or after `position`. */
void gw_window_rollback(struct gw_window *window, uint64_t position);

#endif
