/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct gw_fake_intake *gw_fake_intake_open(void) {
    struct gw_fake_intake *fake = calloc(1, sizeof *fake);
    assert_non_null(fake);
    fake->accept = -1;
    return fake;
}

void gw_fake_intake_close(struct gw_fake_intake *fake) {
    free(fake);
}

static void copy_text(char *dst, size_t dst_size, struct gw_str text) {
    (void) snprintf(dst, dst_size, "%.*s", GW_STR_ARG(text));
}

static void copy_origin(struct gw_fake_unit *unit, struct gw_bytes origin) {
    assert_true(origin.len <= sizeof unit->origin);
    unit->origin_len = origin.len;
    if (origin.len > 0) {
        memcpy(unit->origin, origin.ptr, origin.len);
    }
}

static void copy_unit(struct gw_fake_unit *copy, const struct gw_unit *unit, size_t index) {
    *copy = (struct gw_fake_unit){.urgent = unit->urgent};
    if (unit->event_count > 0) {
        const struct gw_event_draft *event = &unit->events[index];
        copy->has_event = true;
        copy->type = event->type;
        copy->class = event->class;
        copy->flags = event->flags;
        copy->expiry_wall_ms = event->expiry_wall_ms;
        copy->trace = event->trace;
        copy_text(copy->device, sizeof copy->device, event->device);
        copy_text(copy->correlation, sizeof copy->correlation, event->correlation_id);
        copy_text(copy->data, sizeof copy->data, event->data);
        copy_origin(copy, event->origin);
    }
    if (unit->quarantine_count > 0) {
        copy->has_quarantine = true;
        copy_text(copy->device, sizeof copy->device, unit->quarantine[0].device);
        copy_text(copy->reason, sizeof copy->reason, unit->quarantine[0].reason);
        copy->raw_len = unit->quarantine[0].raw_len;
        copy_origin(copy, unit->quarantine[0].origin);
    }
}

/* "<table>/<key>" */
static void state_name(char dst[static 300], struct gw_str table, struct gw_bytes key) {
    (void) snprintf(dst, 300, "%.*s/%.*s", GW_STR_ARG(table), (int) key.len,
                    (const char *) key.ptr);
}

static void put_state(struct gw_fake_intake *fake, struct gw_str table,
                      const struct gw_state_change *change) {
    char name[300];
    state_name(name, table, change->key);
    size_t index = 0;
    while (index < fake->state_count && strcmp(fake->states[index].key, name) != 0) {
        index++;
    }
    assert_true(index < GW_FAKE_INTAKE_STATES && change->value.len <= 4096);
    if (index == fake->state_count) {
        fake->state_count++;
    }
    memcpy(fake->states[index].key, name, sizeof name);
    if (change->value.len > 0) {
        memcpy(fake->states[index].value, change->value.ptr, change->value.len);
    }
    fake->states[index].len = change->value.len;
}

static enum gw_err submit(void *self, const struct gw_unit *unit) {
    struct gw_fake_intake *fake = self;
    fake->submits++;
    if (fake->ends_group) {
        fake->ends_group = false;
        gw_fake_intake_commit(fake, fake->group_err);
    }
    if (fake->accept == 0) {
        return fake->submit_err;
    }
    fake->accept -= fake->accept > 0;
    for (size_t i = 0; i == 0 || i < unit->event_count; i++) {
        size_t index = fake->committed + fake->pending++;
        assert_true(index < GW_FAKE_INTAKE_UNITS);
        copy_unit(&fake->units[index], unit, i);
    }
    for (size_t i = 0; i < unit->change_count; i++) {
        put_state(fake, unit->state_table, &unit->changes[i]);
    }
    for (size_t i = 0; i < unit->second_change_count; i++) {
        put_state(fake, unit->second_table, &unit->second_changes[i]);
    }
    size_t completion = fake->completion_count++;
    fake->completions[completion].completed = unit->completed;
    fake->completions[completion].context = unit->context;
    fake->completions[completion].token = unit->token;
    return GW_OK;
}

static void settle_states(struct gw_fake_intake *fake, enum gw_err err) {
    if (err) {
        memcpy(fake->states, fake->kept, sizeof fake->states);
        fake->state_count = fake->kept_count;
    } else {
        memcpy(fake->kept, fake->states, sizeof fake->kept);
        fake->kept_count = fake->state_count;
    }
}

void gw_fake_intake_commit(struct gw_fake_intake *fake, enum gw_err err) {
    settle_states(fake, err);
    size_t count = fake->completion_count;
    fake->completion_count = 0;
    fake->committed += err ? 0 : fake->pending;
    fake->pending = 0;
    for (size_t i = 0; i < count; i++) {
        if (fake->completions[i].completed) {
            fake->completions[i].completed(fake->completions[i].context,
                                           fake->completions[i].token, err);
        }
    }
}

static enum gw_err state_get(void *self, struct gw_str table, struct gw_bytes key,
                             struct gw_buf *buf) {
    struct gw_fake_intake *fake = self;
    char name[300];
    state_name(name, table, key);
    for (size_t i = 0; i < fake->kept_count; i++) {
        if (strcmp(fake->kept[i].key, name) == 0 && fake->kept[i].len > 0) {
            struct gw_bytes value = {fake->kept[i].value, fake->kept[i].len};
            return gw_buf_put(buf, value) ? GW_OK : GW_ERR_FULL;
        }
    }
    return GW_ERR_NOENT;
}

static enum gw_err state_each(void *self, struct gw_str table, gw_intake_state *each,
                              void *context) {
    struct gw_fake_intake *fake = self;
    char prefix[300];
    state_name(prefix, table, (struct gw_bytes){(const uint8_t *) "", 0});
    size_t prefix_len = strlen(prefix);
    for (size_t i = 0; i < fake->kept_count; i++) {
        const char *key = fake->kept[i].key;
        struct gw_bytes name = {(const uint8_t *) key + prefix_len, strlen(key) - prefix_len};
        if (strncmp(key, prefix, prefix_len) == 0 && fake->kept[i].len > 0
            && !each(context, name,
                     (struct gw_bytes){fake->kept[i].value, fake->kept[i].len})) {
            break;
        }
    }
    return GW_OK;
}

static enum gw_err tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                        void *context) {
    struct gw_fake_intake *fake = self;
    size_t from = fake->committed > count ? fake->committed - count : 0;
    for (size_t i = from; i < fake->committed; i++) {
        const struct gw_fake_unit *unit = &fake->units[i];
        if ((unit->has_event || unit->has_quarantine) && unit->origin_len >= prefix.len
            && memcmp(unit->origin, prefix.ptr, prefix.len) == 0) {
            each(context, (struct gw_bytes){unit->origin, unit->origin_len},
                 unit->has_event ? unit->class : GW_CLASS_COUNT, i + 1);
        }
    }
    return GW_OK;
}

struct gw_intake gw_fake_intake(struct gw_fake_intake *fake) {
    return (struct gw_intake){.submit = submit,
                              .state_get = state_get,
                              .state_each = state_each,
                              .tail = tail,
                              .self = fake};
}
