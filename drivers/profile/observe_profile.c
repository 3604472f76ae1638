/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT payloads by a device profile: a payload is one frame of a feed that remembers
 * nothing. A record that cannot be decoded among others that can does not take them
 * with it into the quarantine: it becomes a condition with its raw text.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/decoding.h"
#include "drivers/profile/feed.h"
#include "firmware/base/cleanup.h"

#define FAULT_BYTES 512

struct collecting {
    struct gw_decoding *decoding;
    struct gw_observation *observation;
    size_t refused;              /* drafts that stand for what could not be decoded */
    struct gw_str first_refusal; /* in the storage */
    enum gw_err err;
};

struct gw_observe_profile {
    struct gw_profile *profile; /* NULL: it cannot be used */
    struct gw_feed *feed;
    struct collecting collecting; /* of the payload that is being decoded */
    char fault[FAULT_BYTES];
};

/* ---- one observation ---- */

static struct gw_str keep(struct gw_buf *storage, struct gw_str text) {
    size_t from = storage->len;
    gw_buf_put_str(storage, text);
    return gw_buf_failed(storage) ? (struct gw_str){0}
                                  : gw_str_sub(gw_buf_str(storage), from, SIZE_MAX);
}

static void take_draft(struct collecting *collecting, const struct gw_observed_item *item) {
    const struct gw_observe_input *input = collecting->decoding->input;
    struct gw_observation *observation = collecting->observation;
    const struct gw_feed_event event = {
        .device = gw_str_from_cstr(input->device->id),
        .class = item->kind == GW_OBSERVED_CONDITION ? GW_CLASS_STATE : input->device->class,
        .received_wall_ms = input->received_wall_ms,
        .flags = input->flags,
    };
    if (observation->count == GW_OBSERVE_DRAFTS_MAX) {
        collecting->err = GW_ERR_RANGE;
        gw_buf_put_str(collecting->decoding->reason, GW_STR("more than 64 events in it"));
        return;
    }
    collecting->err = gw_feed_draft(item, &event, collecting->decoding->storage,
                                    &observation->drafts[observation->count]);
    if (collecting->err == GW_ERR_RANGE) {
        gw_buf_put_str(collecting->decoding->reason, GW_STR("too large for an event"));
    }
    if (!collecting->err) {
        observation->ids[observation->count++] = (struct gw_reading_id){
            .event_id = keep(collecting->decoding->storage, item->event_id),
            .record = item->record,
        };
        collecting->err = gw_buf_failed(collecting->decoding->storage) ? GW_ERR_FULL : GW_OK;
    }
}

static void take_refused(struct collecting *collecting, const struct gw_observed_item *item) {
    const struct gw_observed_item condition = {
        .kind = GW_OBSERVED_CONDITION,
        .raw = item->raw,
        .condition = GW_STR("undecodable"),
        .detail = item->detail,
    };
    if (collecting->refused++ == 0) {
        collecting->first_refusal = keep(collecting->decoding->storage, item->detail);
    }
    take_draft(collecting, &condition);
}

static bool take_item(void *context, const struct gw_observed_item *item) {
    struct gw_observe_profile *profile = context;
    struct collecting *collecting = &profile->collecting;
    if (!collecting->err && item->kind == GW_UNDECODABLE) {
        take_refused(collecting, item);
    } else if (!collecting->err) {
        take_draft(collecting, item);
    }
    return true;
}

/* ---- the payload ---- */

/* A message that says nothing (an empty report, an answer to a command) is told as
 * such, so that it can be acknowledged for something. */
static void take_nothing(struct collecting *collecting) {
    const struct gw_observed_item condition = {
        .kind = GW_OBSERVED_CONDITION,
        .raw = collecting->decoding->input->payload,
        .condition = GW_STR("no_reading"),
    };
    take_draft(collecting, &condition);
}

static enum gw_err finish(struct collecting *collecting) {
    struct gw_observation *observation = collecting->observation;
    if (!collecting->err && observation->count == 0) {
        take_nothing(collecting);
    }
    if (collecting->err) {
        return collecting->err;
    }
    if (collecting->refused == observation->count) {
        gw_buf_put_str(collecting->decoding->reason, collecting->first_refusal);
        return GW_ERR_SCHEMA;
    }
    return GW_OK;
}

enum gw_err gw_observe_by_profile(struct gw_decoding *decoding,
                                  struct gw_observation *ret_observation) {
    struct gw_observe_profile *profile = decoding->input->profile;
    size_t before = decoding->storage->len;
    if (!profile->feed) {
        gw_buf_put_str(decoding->reason, gw_observe_profile_fault(profile));
        return GW_ERR_SCHEMA;
    }
    ret_observation->count = 0;
    profile->collecting =
        (struct collecting){.decoding = decoding, .observation = ret_observation};
    gw_feed_push_frame(profile->feed, decoding->input->payload, 0);
    enum gw_err err = finish(&profile->collecting);
    if (err) {
        gw_buf_rewind(decoding->storage, before);
    }
    return err;
}

/* ---- profiles ---- */

GW_DEFINE_CLEANUP(struct gw_observe_profile *, gw_observe_profile_close, observe_profile_closep)

void gw_observe_profile_close(struct gw_observe_profile *profile) {
    if (profile) {
        gw_feed_close(profile->feed);
        gw_profile_close(profile->profile);
        free(profile);
    }
}

struct gw_str gw_observe_profile_fault(const struct gw_observe_profile *profile) {
    return gw_str_from_cstr(profile->fault);
}

/* The first finding stands for all: `gwctl profile check` names the others. */
static void note_fault(struct gw_observe_profile *profile, const char *name,
                       struct gw_str errors) {
    struct gw_str first = gw_str_sub(errors, 0, gw_str_find(errors, '\n', 0));
    first = gw_str_sub(first, 0, FAULT_BYTES / 2);
    while (!gw_str_is_utf8(first)) {
        first.len--;
    }
    (void) snprintf(profile->fault, sizeof profile->fault,
                    "the profile %.128s cannot be used: %.*s", name, GW_STR_ARG(first));
}

enum gw_err gw_observe_profile_open(const char *folder, const char *name,
                                    struct gw_observe_profile **ret_profile) {
    char storage[4096];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    GW_CLEANUP(observe_profile_closep)
    struct gw_observe_profile *profile = calloc(1, sizeof *profile);
    if (!profile) {
        return GW_ERR_NOMEM;
    }
    enum gw_err err = gw_profile_load(folder, name, &errors, &profile->profile);
    if (!err) {
        const struct gw_feed_options options = {.profile = profile->profile,
                                                .sink = take_item,
                                                .sink_context = profile,
                                                .stateless = true};
        err = gw_feed_open(&options, &profile->feed);
    }
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err) {
        note_fault(profile, name, gw_buf_str(&errors));
    }
    *ret_profile = GW_TAKE(profile);
    return GW_OK;
}
