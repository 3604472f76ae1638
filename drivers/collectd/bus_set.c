/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/bus_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers/modbus/scales.h"
#include "firmware/base/log.h"

#define ROOM "collectd"
#define RETRY_MS 1000
/* Of the configuration, with NUL (firmware/config/table.c). */
#define NAME_BYTES 64
#define HOST_BYTES 256
#define LINE_BYTES 256

/* A bus of the configuration, or one that leaves: that has no `config` any more. */
struct entry {
    struct entry *next; /* of those that leave */
    const struct gw_config_bus *config;
    struct gw_modbus_bus *bus; /* NULL: it waits */
    uint8_t fingerprint[32];
    char name[NAME_BYTES], host[HOST_BYTES], line[LINE_BYTES];
    uint16_t port;
    int64_t since_wall_ms;
    bool is_drained;
    unsigned commits;
    enum gw_err opening; /* why it could not be opened last time */
};

struct gw_bus_set {
    struct gw_bus_set_options options;
    struct entry **entries; /* in the order of the configuration */
    size_t count;
    struct entry *leaving;
    bool is_opening_due;
    int64_t retry_mono_ms; /* what could not be opened; GW_NEVER_MS = nothing */
};

/* ---- opening ---- */

static bool is_name(const struct entry *entry, struct gw_str name) {
    return gw_str_eq(gw_str_from_cstr(entry->name), name);
}

/* One line may have many names. */
static bool is_same_line(const char *a, const char *b) {
    struct stat of_a, of_b;
    if (a[0] == '\0' || b[0] == '\0') {
        return false;
    }
    return strcmp(a, b) == 0
           || (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && S_ISCHR(of_a.st_mode)
               && S_ISCHR(of_b.st_mode) && of_a.st_rdev == of_b.st_rdev);
}

static bool is_same_host(const struct entry *a, const struct entry *b) {
    return a->host[0] != '\0' && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

/* A scale may move from one bus to another. */
static bool has_scale_of(const struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    struct gw_modbus_point_figures device;
    for (size_t i = 0; config->scale_count > 0 && gw_modbus_bus_point_figures(bus, i, &device);
         i++) {
        for (size_t j = 0; j < config->scale_count; j++) {
            if (gw_str_eq(device.device, gw_str_from_cstr(config->scales[j].id))) {
                return true;
            }
        }
    }
    return false;
}

static const struct entry *find_obstacle(const struct gw_bus_set *set,
                                         const struct entry *entry) {
    for (const struct entry *other = set->leaving; other; other = other->next) {
        if (is_name(other, gw_str_from_cstr(entry->name)) || is_same_host(other, entry)
            || is_same_line(other->line, entry->line)
            || has_scale_of(other->bus, entry->config)) {
            return other;
        }
    }
    return NULL;
}

static struct gw_str subject_of(const struct entry *entry, char storage[NAME_BYTES + 8]) {
    int len = snprintf(storage, NAME_BYTES + 8, "bus %s", entry->name);
    return (struct gw_str){storage, (size_t) len};
}

static void open_entry(struct gw_bus_set *set, struct entry *entry) {
    const struct gw_modbus_bus_options options = {
        .config = entry->config,
        .intake = set->options.intake,
        .loop = set->options.loop,
        .clock = set->options.clock,
        .health = set->options.health,
        .refused = set->options.refused,
        .refused_context = set->options.refused_context,
    };
    enum gw_err err = gw_modbus_bus_open(&options, &entry->bus);
    if (!err) {
        entry->since_wall_ms = gw_clock_wall_ms(set->options.clock);
    } else {
        set->retry_mono_ms = gw_clock_mono_ms(set->options.clock) + RETRY_MS;
    }
    if (err && err != entry->opening) {
        gw_log_error(ROOM, "bus cannot be opened, trying again bus=%s err=%s", entry->name,
                     gw_err_name(err));
    }
    entry->opening = err;
    char storage[NAME_BYTES + 8];
    struct gw_str subject = subject_of(entry, storage);
    if (err) {
        gw_health_raise(set->options.health, GW_ISSUE_SOURCE_NOT_OPEN, subject,
                        "it cannot be opened: %s", gw_err_name(err));
    } else {
        gw_health_clear(set->options.health, GW_ISSUE_SOURCE_NOT_OPEN, subject);
    }
}

static void open_waiting(struct gw_bus_set *set) {
    set->is_opening_due = false;
    set->retry_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < set->count; i++) {
        struct entry *entry = set->entries[i];
        const struct entry *obstacle = entry->bus ? NULL : find_obstacle(set, entry);
        if (obstacle) {
            gw_log_debug(ROOM, "bus waits bus=%s for=%s", entry->name, obstacle->name);
        } else if (!entry->bus) {
            open_entry(set, entry);
        }
    }
}

/* ---- leaving ---- */

static void leave(struct gw_bus_set *set, struct entry *entry) {
    if (!entry->bus) {
        char storage[NAME_BYTES + 8];
        gw_health_clear(set->options.health, GW_ISSUE_SOURCE_NOT_OPEN,
                        subject_of(entry, storage));
        free(entry);
        return;
    }
    gw_modbus_bus_stop(entry->bus);
    gw_log_info(ROOM, "bus stops bus=%s", entry->name);
    entry->config = NULL;
    entry->since_wall_ms = gw_clock_wall_ms(set->options.clock);
    entry->next = set->leaving;
    set->leaving = entry;
}

/* One commit in a round of the loop. True if nothing of it is left. */
static bool has_left(struct gw_bus_set *set, struct entry *entry) {
    if (!gw_modbus_bus_has_ended(entry->bus)) {
        gw_modbus_bus_tick(entry->bus);
        return false;
    }
    if (!entry->is_drained) {
        entry->is_drained = true;
        gw_modbus_bus_drain(entry->bus);
    }
    enum gw_err err = set->options.commit(set->options.commit_context);
    bool has_rest = !err && gw_modbus_bus_submit_rest(entry->bus);
    if (has_rest && ++entry->commits <= GW_SCALES_LINES) {
        return false;
    }
    if (has_rest) {
        (void) !set->options.commit(set->options.commit_context);
    }
    gw_modbus_bus_close(entry->bus);
    gw_log_info(ROOM, "bus has stopped bus=%s", entry->name);
    return true;
}

static void tick_leaving(struct gw_bus_set *set) {
    struct entry **link = &set->leaving;
    while (*link) {
        struct entry *entry = *link;
        if (has_left(set, entry)) {
            *link = entry->next;
            free(entry);
            set->is_opening_due = true;
        } else {
            link = &entry->next;
        }
    }
}

/* ---- configuring ---- */

static void free_entries(struct entry **entries, size_t count) {
    for (size_t i = 0; entries && i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

static struct entry *make_entry(const struct gw_bus_set *set,
                                const struct gw_config_bus *config) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->config = config;
        entry->port = config->port;
        entry->since_wall_ms = gw_clock_wall_ms(set->options.clock);
        gw_config_bus_fingerprint(config, entry->fingerprint);
        /* The configuration was checked: they fit. */
        (void) !gw_str_copy(gw_str_from_cstr(config->name), entry->name, NAME_BYTES);
        (void) !gw_str_copy(gw_str_from_cstr(config->host), entry->host, HOST_BYTES);
        (void) !gw_str_copy(gw_str_from_cstr(config->line), entry->line, LINE_BYTES);
    }
    return entry;
}

static struct entry **make_entries(const struct gw_bus_set *set,
                                   const struct gw_config_bus *buses, size_t count) {
    struct entry **entries = calloc(count + 1, sizeof *entries);
    for (size_t i = 0; entries && i < count; i++) {
        entries[i] = make_entry(set, &buses[i]);
        if (!entries[i]) {
            free_entries(entries, i);
            return NULL;
        }
    }
    return entries;
}

/* Put the entry that is there already into the place of one that says the same. */
static void keep_same(struct gw_bus_set *set, struct entry **place) {
    struct entry *fresh = *place;
    for (size_t i = 0; i < set->count; i++) {
        struct entry *old = set->entries[i];
        if (old && memcmp(old->fingerprint, fresh->fingerprint, sizeof old->fingerprint) == 0
            && !(old->bus && gw_modbus_bus_profiles_have_changed(old->bus))) {
            old->config = fresh->config;
            free(fresh);
            *place = old;
            set->entries[i] = NULL;
            return;
        }
    }
}

enum gw_err gw_bus_set_configure(struct gw_bus_set *set, const struct gw_config_bus *buses,
                                 size_t count) {
    struct entry **fresh = make_entries(set, buses, count);
    if (!fresh) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        keep_same(set, &fresh[i]);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i]) {
            leave(set, set->entries[i]);
        }
    }
    free(set->entries);
    set->entries = fresh;
    set->count = count;
    open_waiting(set);
    return GW_OK;
}

bool gw_bus_set_profiles_have_changed(const struct gw_bus_set *set) {
    for (size_t i = 0; set && i < set->count; i++) {
        const struct gw_modbus_bus *bus = set->entries[i]->bus;
        if (bus && gw_modbus_bus_profiles_have_changed(bus)) {
            return true;
        }
    }
    return false;
}

/* ---- running ---- */

static int64_t earlier(int64_t a_mono_ms, int64_t b_mono_ms) {
    return a_mono_ms < b_mono_ms ? a_mono_ms : b_mono_ms;
}

int64_t gw_bus_set_next_mono_ms(const struct gw_bus_set *set) {
    int64_t next_mono_ms = set ? set->retry_mono_ms : GW_NEVER_MS;
    for (size_t i = 0; set && i < set->count; i++) {
        const struct gw_modbus_bus *bus = set->entries[i]->bus;
        next_mono_ms =
            earlier(next_mono_ms, bus ? gw_modbus_bus_next_mono_ms(bus) : GW_NEVER_MS);
    }
    for (const struct entry *entry = set ? set->leaving : NULL; entry; entry = entry->next) {
        bool has_ended = gw_modbus_bus_has_ended(entry->bus);
        next_mono_ms =
            earlier(next_mono_ms, has_ended ? 0 : gw_modbus_bus_next_mono_ms(entry->bus));
    }
    return next_mono_ms;
}

void gw_bus_set_tick(struct gw_bus_set *set) {
    if (!set) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i]->bus) {
            gw_modbus_bus_tick(set->entries[i]->bus);
        }
    }
    tick_leaving(set);
    if (set->is_opening_due || gw_clock_mono_ms(set->options.clock) >= set->retry_mono_ms) {
        open_waiting(set);
    }
}

/* ---- looking ---- */

static const struct entry *find_entry(const struct gw_bus_set *set, struct gw_str name) {
    for (size_t i = 0; set && i < set->count; i++) {
        if (is_name(set->entries[i], name)) {
            return set->entries[i];
        }
    }
    return NULL;
}

static const struct entry *find_leaving(const struct gw_bus_set *set, struct gw_str name) {
    const struct entry *entry = set->leaving;
    while (entry && !is_name(entry, name)) {
        entry = entry->next;
    }
    return entry;
}

struct gw_modbus_bus *gw_bus_set_find(const struct gw_bus_set *set, struct gw_str name) {
    const struct entry *entry = find_entry(set, name);
    return entry ? entry->bus : NULL;
}

static void view(const struct gw_bus_set *set, const struct entry *entry,
                 struct gw_bus_view *ret_view) {
    const struct entry *obstacle = entry->bus ? NULL : find_obstacle(set, entry);
    *ret_view = (struct gw_bus_view){
        .name = entry->name,
        .state = !entry->config ? GW_BUS_STOPPING
                 : entry->bus   ? GW_BUS_RUNS
                                : GW_BUS_WAITING,
        .since_wall_ms = entry->since_wall_ms,
        .bus = entry->bus,
        .waits_for = obstacle ? obstacle->name : NULL,
        .opening = entry->opening,
    };
}

bool gw_bus_set_look(const struct gw_bus_set *set, size_t index, struct gw_bus_view *ret_view) {
    if (!set) {
        return false;
    }
    if (index < set->count) {
        const struct entry *entry = set->entries[index];
        const struct entry *before = find_leaving(set, gw_str_from_cstr(entry->name));
        view(set, before ? before : entry, ret_view);
        return true;
    }
    size_t at = set->count;
    for (const struct entry *entry = set->leaving; entry; entry = entry->next) {
        if (!find_entry(set, gw_str_from_cstr(entry->name)) && at++ == index) {
            view(set, entry, ret_view);
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

enum gw_err gw_bus_set_open(const struct gw_bus_set_options *options,
                            struct gw_bus_set **ret_set) {
    struct gw_bus_set *set = calloc(1, sizeof *set);
    if (!set) {
        return GW_ERR_NOMEM;
    }
    set->options = *options;
    set->retry_mono_ms = GW_NEVER_MS;
    *ret_set = set;
    return GW_OK;
}

/* Commit, and what could be submitted only after that. */
static void commit_rest(struct gw_bus_set *set) {
    bool has_rest = true;
    for (size_t turn = 0; turn <= GW_SCALES_LINES && has_rest; turn++) {
        has_rest = false;
        if (set->options.commit(set->options.commit_context)) {
            return;
        }
        for (struct entry *entry = set->leaving; entry; entry = entry->next) {
            has_rest = gw_modbus_bus_submit_rest(entry->bus) || has_rest;
        }
    }
    (void) !set->options.commit(set->options.commit_context);
}

void gw_bus_set_close(struct gw_bus_set *set) {
    if (!set) {
        return;
    }
    /* All are told before the first is waited for. */
    for (size_t i = 0; i < set->count; i++) {
        leave(set, set->entries[i]);
    }
    free(set->entries);
    set->entries = NULL;
    set->count = 0;
    for (struct entry *entry = set->leaving; entry; entry = entry->next) {
        if (!entry->is_drained) {
            gw_modbus_bus_drain(entry->bus);
        }
    }
    commit_rest(set);
    while (set->leaving) {
        struct entry *entry = set->leaving;
        set->leaving = entry->next;
        gw_modbus_bus_close(entry->bus);
        free(entry);
    }
    free(set);
}
