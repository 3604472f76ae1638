/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/handover.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "firmware/base/cleanup.h"

struct waiting_slot {
    bool is_set;
    struct gw_modbus_reading reading;
};

struct point_words {
    uint16_t words[GW_MODBUS_NUMBER_WORDS];
};

struct gw_handover {
    pthread_mutex_t lock;
    int fd;
    size_t points, units, capacity;
    struct gw_modbus_reading *ring;
    size_t head, used;
    struct waiting_slot *waiting; /* one per point */
    size_t waiting_count;
    size_t next_waiting; /* where the search for a set slot goes on: fair */
    struct gw_modbus_unit_condition *unit_conditions;
    unsigned *point_exceptions;
    struct point_words *point_words;
    struct gw_modbus_bus_condition bus;
    struct gw_modbus_holes holes;
    bool has_holes; /* that were not taken yet */
    bool resync;
};

GW_DEFINE_CLEANUP(struct gw_handover *, gw_handover_close, closep)

static void unlockp(pthread_mutex_t **lock) {
    (void) pthread_mutex_unlock(*lock);
}

/* Until the end of the scope. */
#define LOCK(handover)                                                                         \
    (void) pthread_mutex_lock(&(handover)->lock);                                              \
    GW_CLEANUP(unlockp)                                                                        \
    pthread_mutex_t *held_ __attribute__((unused)) = &(handover)->lock

enum gw_err gw_handover_open(size_t points, size_t units, size_t capacity,
                             struct gw_handover **ret_handover) {
    GW_CLEANUP(closep) struct gw_handover *handover = calloc(1, sizeof *handover);
    if (!handover) {
        return GW_ERR_NOMEM;
    }
    (void) pthread_mutex_init(&handover->lock, NULL);
    handover->points = points;
    handover->units = units;
    handover->capacity = capacity;
    handover->ring = calloc(capacity, sizeof *handover->ring);
    handover->waiting = calloc(points, sizeof *handover->waiting);
    handover->unit_conditions = calloc(units, sizeof *handover->unit_conditions);
    handover->point_exceptions = calloc(points, sizeof *handover->point_exceptions);
    handover->point_words = calloc(points, sizeof *handover->point_words);
    handover->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!handover->ring || !handover->waiting || !handover->unit_conditions
        || !handover->point_exceptions || !handover->point_words) {
        return GW_ERR_NOMEM;
    }
    if (handover->fd < 0) {
        return GW_ERR_IO;
    }
    *ret_handover = GW_TAKE(handover);
    return GW_OK;
}

void gw_handover_close(struct gw_handover *handover) {
    if (!handover) {
        return;
    }
    gw_closep(&handover->fd);
    free(handover->ring);
    free(handover->waiting);
    free(handover->unit_conditions);
    free(handover->point_exceptions);
    free(handover->point_words);
    (void) pthread_mutex_destroy(&handover->lock);
    free(handover);
}

int gw_handover_fd(const struct gw_handover *handover) {
    return handover->fd;
}

static void ring_bell(struct gw_handover *handover) {
    /* EAGAIN: the counter is at its maximum, so the descriptor is readable. */
    (void) !eventfd_write(handover->fd, 1);
}

/* ---- worker ---- */

static void put_waiting(struct gw_handover *handover, const struct gw_modbus_reading *reading) {
    struct waiting_slot *slot = &handover->waiting[reading->point];
    uint32_t replaced = reading->replaced;
    if (slot->is_set) {
        replaced += slot->reading.replaced + 1;
    } else {
        handover->waiting_count++;
    }
    slot->is_set = true;
    slot->reading = *reading;
    slot->reading.replaced = replaced;
}

void gw_handover_put(struct gw_handover *handover, const struct gw_modbus_reading *reading) {
    LOCK(handover);
    if (handover->used == handover->capacity || handover->waiting[reading->point].is_set) {
        put_waiting(handover, reading);
    } else {
        handover->ring[(handover->head + handover->used) % handover->capacity] = *reading;
        handover->used++;
    }
    ring_bell(handover);
}

bool gw_modbus_unit_fails_otherwise(const struct gw_modbus_unit_condition *before,
                                    const struct gw_modbus_unit_condition *now) {
    return before->err != now->err || before->exception != now->exception
           || before->was_closed != now->was_closed || before->wrong.kind != now->wrong.kind
           || before->wrong.found != now->wrong.found;
}

void gw_handover_set_unit(struct gw_handover *handover, size_t unit,
                          const struct gw_modbus_unit_condition *condition) {
    LOCK(handover);
    const struct gw_modbus_unit_condition *before = &handover->unit_conditions[unit];
    bool changed = before->is_down != condition->is_down || before->fault != condition->fault
                   || (condition->is_down && gw_modbus_unit_fails_otherwise(before, condition));
    handover->unit_conditions[unit] = *condition;
    if (changed) {
        ring_bell(handover);
    }
}

void gw_handover_set_bus(struct gw_handover *handover,
                         const struct gw_modbus_bus_condition *condition) {
    LOCK(handover);
    bool changed = handover->bus.is_connected != condition->is_connected;
    handover->bus = *condition;
    if (changed) {
        ring_bell(handover);
    }
}

void gw_handover_set_point_exception(struct gw_handover *handover, size_t point,
                                     unsigned exception) {
    LOCK(handover);
    bool changed = handover->point_exceptions[point] != exception;
    handover->point_exceptions[point] = exception;
    if (changed) {
        ring_bell(handover);
    }
}

void gw_handover_set_point_words(struct gw_handover *handover, size_t point,
                                 const uint16_t *words, size_t count) {
    LOCK(handover);
    memcpy(handover->point_words[point].words, words, count * sizeof *words);
}

void gw_handover_set_holes(struct gw_handover *handover, const struct gw_modbus_holes *holes) {
    LOCK(handover);
    handover->holes = *holes;
    handover->has_holes = true;
    ring_bell(handover);
}

bool gw_handover_take_resync(struct gw_handover *handover) {
    LOCK(handover);
    bool resync = handover->resync;
    handover->resync = false;
    return resync;
}

/* ---- loop ---- */

void gw_handover_drain_fd(struct gw_handover *handover) {
    eventfd_t count = 0;
    (void) !eventfd_read(handover->fd, &count);
}

/* Under the lock. The set slot to take next; only when waiting_count > 0. */
static struct waiting_slot *find_waiting(struct gw_handover *handover) {
    while (!handover->waiting[handover->next_waiting].is_set) {
        handover->next_waiting = (handover->next_waiting + 1) % handover->points;
    }
    return &handover->waiting[handover->next_waiting];
}

bool gw_handover_take(struct gw_handover *handover, struct gw_modbus_reading *ret_reading) {
    LOCK(handover);
    if (handover->used > 0) {
        *ret_reading = handover->ring[handover->head];
        handover->head = (handover->head + 1) % handover->capacity;
        handover->used--;
        return true;
    }
    if (handover->waiting_count > 0) {
        struct waiting_slot *slot = find_waiting(handover);
        *ret_reading = slot->reading;
        slot->is_set = false;
        handover->waiting_count--;
        return true;
    }
    return false;
}

void gw_handover_get_unit(struct gw_handover *handover, size_t unit,
                          struct gw_modbus_unit_condition *ret_condition) {
    LOCK(handover);
    *ret_condition = handover->unit_conditions[unit];
}

void gw_handover_get_bus(struct gw_handover *handover,
                         struct gw_modbus_bus_condition *ret_condition) {
    LOCK(handover);
    *ret_condition = handover->bus;
}

unsigned gw_handover_get_point_exception(struct gw_handover *handover, size_t point) {
    LOCK(handover);
    return handover->point_exceptions[point];
}

void gw_handover_get_point_words(struct gw_handover *handover, size_t point,
                                 uint16_t ret_words[static GW_MODBUS_NUMBER_WORDS]) {
    LOCK(handover);
    memcpy(ret_words, handover->point_words[point].words,
           sizeof handover->point_words[point].words);
}

bool gw_handover_take_holes(struct gw_handover *handover, struct gw_modbus_holes *ret_holes) {
    LOCK(handover);
    if (!handover->has_holes) {
        return false;
    }
    handover->has_holes = false;
    *ret_holes = handover->holes;
    return true;
}

void gw_handover_ask_resync(struct gw_handover *handover) {
    LOCK(handover);
    handover->resync = true;
}
