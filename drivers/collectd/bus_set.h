/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Modbus buses of the configuration. A new configuration touches those that differ from
 * it and no others, and nobody waits for it:
 *
 *   runs      as it is configured. A bus that is configured the same in the next document
 *             goes on as if nothing had happened, wherever in the list it stands then
 *   stopping  it is gone from the configuration, or changed: it was told to stop, and
 *             leaves. A write under way may end (GW_MODBUS_STOP_WAIT_MS), a host name that
 *             is being looked up ends when the resolver says so. When its worker has ended,
 *             what it still had is committed and it is closed
 *   waiting   it is to be opened when nothing that stops has its name, its serial line, its
 *             host and port or one of its scales any more: no two of them may speak on one
 *             wire. It also waits, a second at a time, when it could not be opened
 *
 * The newest configuration wins: what waits for one that is not current any more was never
 * opened. Loop thread only.
 */
#ifndef GW_COLLECTD_BUS_SET_H
#define GW_COLLECTD_BUS_SET_H

#include "drivers/modbus/bus.h"

struct gw_bus_set;

struct gw_bus_set_options {
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock; /* thread-safe */
    struct gw_health *health;
    gw_modbus_refused *refused; /* may be NULL */
    void *refused_context;
    /* End the open group of the intake: when it returns, nothing is uncommitted. */
    enum gw_err (*commit)(void *context);
    void *commit_context;
};

/* No buses yet. Everything in `options` but the struct itself must outlive the set. NOMEM. */
enum gw_err gw_bus_set_open(const struct gw_bus_set_options *options,
                            struct gw_bus_set **ret_set);
/* End all, at once for all and waiting for the slowest (gw_modbus_bus_drain). NULL is
 * allowed. */
void gw_bus_set_close(struct gw_bus_set *set);
/* These are the buses from now on; the array must live until the next call or _close. Does
 * not wait. A bus that cannot be opened is named in the log and an issue, and tried again.
 * NOMEM: nothing was changed. */
enum gw_err gw_bus_set_configure(struct gw_bus_set *set, const struct gw_config_bus *buses,
                                 size_t count);
/* Whether a bus would be reopened for the profile of a scale, by the same configuration. NULL
 * is allowed. */
bool gw_bus_set_profiles_have_changed(const struct gw_bus_set *set);

/* When _tick wants to run next. NULL is allowed. */
int64_t gw_bus_set_next_mono_ms(const struct gw_bus_set *set);
/* gw_modbus_bus_tick of each; close what has left, open what waited for it. NULL is allowed. */
void gw_bus_set_tick(struct gw_bus_set *set);

/* The bus of that name if it runs, else NULL; until the next _tick, _configure or _close. NULL
 * is allowed. */
struct gw_modbus_bus *gw_bus_set_find(const struct gw_bus_set *set, struct gw_str name);

enum gw_bus_state { GW_BUS_RUNS, GW_BUS_STOPPING, GW_BUS_WAITING };
struct gw_bus_view {
    const char *name;
    enum gw_bus_state state;
    int64_t since_wall_ms;     /* of the state */
    struct gw_modbus_bus *bus; /* for its figures; NULL while it waits */
    const char *waits_for;     /* name of a bus that stops, else NULL */
    enum gw_err opening;       /* why it could not be opened last time */
};
/* Bus number `index`: those of the configuration in their order, each as the one of its name
 * that is still stopping if there is one, then those that are gone from it. False behind the
 * last. As long as with _find. NULL is allowed. */
bool gw_bus_set_look(const struct gw_bus_set *set, size_t index, struct gw_bus_view *ret_view);

#endif
