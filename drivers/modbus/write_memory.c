/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process must know of the writes before it: when each place was written last, and
 * which places nobody is sure of. Both are in the records; here they are taken out of them,
 * so that a restart neither lets two writes follow each other too fast nor takes back a
 * warning.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/write_internal.h"
#include "firmware/base/cleanup.h"

#define PLACES_AT_FIRST 64

/* ---- the newest of each place ---- */

struct place {
    char bus[64], name[64];
    uint64_t sent_ordinal; /* 0 = none */
    int64_t sent_wall_ms;
    uint64_t settled_ordinal; /* of the newest that is done or uncertain */
    struct write_doubt doubt; /* what is uncertain; id "" = nothing */
};

struct places {
    struct place *all;
    size_t count, room;
    enum gw_err err;
};

static void free_places(struct places *places) {
    free(places->all);
}

static struct place *find_place(struct places *places, const struct gw_modbus_record *record) {
    for (size_t i = 0; i < places->count; i++) {
        struct place *place = &places->all[i];
        if (strcmp(place->bus, record->bus) == 0 && strcmp(place->name, record->name) == 0) {
            return place;
        }
    }
    if (places->count == places->room) {
        size_t room = places->room == 0 ? PLACES_AT_FIRST : 2 * places->room;
        struct place *all = realloc(places->all, room * sizeof *all);
        if (!all) {
            return NULL;
        }
        places->all = all;
        places->room = room;
    }
    struct place *place = &places->all[places->count++];
    *place = (struct place){0};
    memcpy(place->bus, record->bus, sizeof place->bus);
    memcpy(place->name, record->name, sizeof place->name);
    return place;
}

static bool is_uncertain(const struct gw_modbus_record *record) {
    return record->has_result
           && (record->outcome == GW_MODBUS_WRITE_UNKNOWN
               || record->outcome == GW_MODBUS_WRITE_INTERRUPTED);
}

/* Refused and expired ones were never on the wire: they cost no interval. */
static bool may_be_sent(const struct gw_modbus_record *record) {
    return !record->has_result
           || (record->outcome != GW_MODBUS_WRITE_REFUSED
               && record->outcome != GW_MODBUS_WRITE_EXPIRED);
}

struct write_doubt writes_doubt_of(const struct gw_modbus_record *record) {
    struct write_doubt doubt = {.outcome = record->outcome};
    memcpy(doubt.bus, record->bus, sizeof doubt.bus);
    memcpy(doubt.name, record->name, sizeof doubt.name);
    memcpy(doubt.id, record->id, sizeof doubt.id);
    memcpy(doubt.value, record->value, sizeof doubt.value);
    return doubt;
}

static bool take_record(void *context, const struct gw_modbus_record *record) {
    struct places *places = context;
    struct place *place = record->has_place ? find_place(places, record) : NULL;
    if (!place) {
        places->err = record->has_place ? GW_ERR_NOMEM : GW_OK;
        return !record->has_place;
    }
    if (may_be_sent(record) && record->ordinal > place->sent_ordinal) {
        place->sent_ordinal = record->ordinal;
        place->sent_wall_ms = record->time_wall_ms;
    }
    bool settles = record->has_result && record->outcome == GW_MODBUS_WRITE_DONE;
    if ((settles || is_uncertain(record)) && record->ordinal > place->settled_ordinal) {
        place->settled_ordinal = record->ordinal;
        place->doubt = settles ? (struct write_doubt){0} : writes_doubt_of(record);
    }
    return true;
}

/* ---- pace ---- */

static struct write_pace *find_pace(struct gw_modbus_writes *writes, const char *bus,
                                    const char *name) {
    for (size_t i = 0; i < writes->pace_count; i++) {
        struct write_pace *pace = &writes->paces[i];
        if (strcmp(pace->bus, bus) == 0 && strcmp(pace->name, name) == 0) {
            return pace;
        }
    }
    return NULL;
}

static struct write_pace *oldest_pace(struct gw_modbus_writes *writes) {
    struct write_pace *oldest = &writes->paces[0];
    for (size_t i = 1; i < writes->pace_count; i++) {
        if (writes->paces[i].last_mono_ms < oldest->last_mono_ms) {
            oldest = &writes->paces[i];
        }
    }
    return oldest;
}

static void set_pace(struct gw_modbus_writes *writes, const char *bus, const char *name,
                     int64_t last_mono_ms) {
    struct write_pace *pace = find_pace(writes, bus, name);
    if (!pace && writes->pace_count < WRITES_PACES) {
        pace = &writes->paces[writes->pace_count++];
    } else if (!pace) {
        pace = oldest_pace(writes);
        if (pace->last_mono_ms > last_mono_ms) {
            return;
        }
    }
    memcpy(pace->bus, bus, sizeof pace->bus);
    memcpy(pace->name, name, sizeof pace->name);
    pace->last_mono_ms = last_mono_ms;
}

void writes_note_pace(struct gw_modbus_writes *writes, const struct gw_modbus_record *record) {
    set_pace(writes, record->bus, record->name, writes_now(writes));
}

bool writes_is_too_early(struct gw_modbus_writes *writes, const struct gw_config_write *write,
                         const struct gw_modbus_record *record) {
    const struct write_pace *pace = find_pace(writes, record->bus, record->name);
    return pace && writes_now(writes) - pace->last_mono_ms < (int64_t) write->min_interval_ms;
}

/* How long ago, as far as somebody vouches for it: a clock that nobody set, or that was put
 * back, makes it "just now", which costs one interval and never lets two writes come too
 * close. */
static int64_t elapsed_ms(const struct gw_modbus_writes *writes, int64_t wall_ms) {
    const struct gw_clock *clock = writes->options.clock;
    int64_t ms = gw_clock_wall_ms(clock) - wall_ms;
    return clock->quality(clock->self) == GW_CLOCK_SYNCHRONISED && ms > 0 ? ms : 0;
}

/* ---- doubt ---- */

static enum gw_err keep_doubts(struct gw_modbus_writes *writes, const struct places *places) {
    size_t count = 0;
    for (size_t i = 0; i < places->count; i++) {
        count += places->all[i].doubt.id[0] != '\0';
    }
    writes->doubts = count > 0 ? calloc(count, sizeof *writes->doubts) : NULL;
    if (count > 0 && !writes->doubts) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < places->count; i++) {
        if (places->all[i].doubt.id[0] != '\0') {
            writes->doubts[writes->doubt_count++] = places->all[i].doubt;
        }
    }
    return GW_OK;
}

void writes_raise_doubts(struct gw_modbus_writes *writes) {
    for (size_t i = 0; i < writes->doubt_count; i++) {
        const struct write_doubt *doubt = &writes->doubts[i];
        const struct gw_config_bus *bus = writes_find_bus(writes, doubt->bus);
        if (bus && gw_modbus_write_named(bus, gw_str_from_cstr(doubt->name))) {
            writes_raise_doubt(writes, doubt);
        }
    }
    free(writes->doubts);
    writes->doubts = NULL;
    writes->doubt_count = 0;
}

/* ---- all of it ---- */

enum gw_err writes_remember(struct gw_modbus_writes *writes) {
    GW_CLEANUP(free_places) struct places places = {0};
    enum gw_err err = gw_modbus_record_each(&writes->options.intake, take_record, &places);
    err = err && err != GW_ERR_CORRUPT ? err : places.err;
    for (size_t i = 0; !err && i < places.count; i++) {
        const struct place *place = &places.all[i];
        if (place->sent_ordinal > 0) {
            set_pace(writes, place->bus, place->name,
                     writes_now(writes) - elapsed_ms(writes, place->sent_wall_ms));
        }
    }
    return err ? err : keep_doubts(writes, &places);
}
