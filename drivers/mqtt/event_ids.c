/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/event_ids.h"

#include "drivers/mqtt/fingerprint.h"

#define TOKEN_RECORD 0x80u
#define TOKEN_COUNT 0x7fu
_Static_assert(GW_OBSERVE_DRAFTS_MAX <= TOKEN_COUNT, "a token counts them all");

/* What a reading is known by; key 0 = it has no id. */
struct pair {
    uint64_t key, value;
};

static enum gw_event_ids_kind kind_of(const struct gw_reading_id *id) {
    return id->record.len > 0 ? GW_EVENT_IDS_RECORD : GW_EVENT_IDS_SINGLE;
}

static uint64_t key_of(const struct gw_observation *observation, size_t index) {
    const struct gw_reading_id *id = &observation->ids[index];
    if (id->event_id.len == 0) {
        return 0;
    }
    uint64_t device = gw_fingerprint(GW_FINGERPRINT_START,
                                     gw_bytes_from_str(observation->drafts[index].device));
    return gw_fingerprint(device, gw_bytes_from_str(id->event_id));
}

static struct pair pair_of(const struct gw_event_ids_message *message,
                           const struct gw_observation *observation, size_t index) {
    const struct gw_reading_id *id = &observation->ids[index];
    struct pair pair = {.key = key_of(observation, index), .value = message->payload};
    if (kind_of(id) == GW_EVENT_IDS_RECORD) {
        pair.value = gw_fingerprint(message->topic, gw_bytes_from_str(id->record));
    }
    return pair;
}

enum gw_err gw_event_ids_open(struct gw_event_ids *ids, size_t capacity) {
    for (size_t i = 0; i < GW_EVENT_IDS_KINDS; i++) {
        enum gw_err err = gw_window_open(&ids->windows[i], capacity);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

void gw_event_ids_close(struct gw_event_ids *ids) {
    for (size_t i = 0; i < GW_EVENT_IDS_KINDS; i++) {
        gw_window_close(&ids->windows[i]);
    }
}

/* ---- sifting ---- */

enum known { IS_NEW, IS_STORED, IS_DOUBTFUL };

/* Among the records of the message before it, then among what is stored. */
static enum known look_up(const struct gw_event_ids *ids, const struct gw_reading_id *id,
                          const struct pair *pairs, size_t index) {
    const struct pair *pair = &pairs[index];
    if (pair->key == 0) {
        return IS_NEW;
    }
    for (size_t i = index; i-- > 0;) {
        if (pairs[i].key == pair->key) {
            return pairs[i].value == pair->value ? IS_STORED : IS_DOUBTFUL;
        }
    }
    uint64_t stored = 0;
    if (!gw_window_find(&ids->windows[kind_of(id)], pair->key, &stored)) {
        return IS_NEW;
    }
    return stored == pair->value ? IS_STORED : IS_DOUBTFUL;
}

size_t gw_event_ids_sift(const struct gw_event_ids *ids,
                         const struct gw_event_ids_message *message,
                         struct gw_observation *observation) {
    struct pair pairs[GW_OBSERVE_DRAFTS_MAX];
    size_t count = observation->count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        pairs[i] = pair_of(message, observation, i);
        enum known known = look_up(ids, &observation->ids[i], pairs, i);
        if (known == IS_STORED) {
            continue;
        }
        observation->drafts[kept] = observation->drafts[i];
        observation->ids[kept] = observation->ids[i];
        observation->drafts[kept].flags |=
            known == IS_DOUBTFUL ? GW_EVENT_POSSIBLE_DUPLICATE : 0;
        kept++;
    }
    observation->count = kept;
    for (size_t i = 0; i < kept && kept < count; i++) {
        observation->drafts[i].flags |=
            observation->ids[i].event_id.len == 0 ? GW_EVENT_POSSIBLE_DUPLICATE : 0;
    }
    return count - kept;
}

/* ---- origins ---- */

/* One draft carries the packet id: they are stored together or not at all. One without
 * an event id keeps the message's fingerprint beside it. Where each has its own, a redelivery
 * after a restart is known record by record. */
static size_t find_carrier(const struct gw_observation *observation) {
    for (size_t i = 0; i < observation->count; i++) {
        if (observation->ids[i].event_id.len == 0) {
            return i;
        }
    }
    return 0;
}

void gw_event_ids_set_origins(const struct gw_event_ids_message *message,
                              const struct gw_mqtt_origin *origin, gw_event_ids_origins storage,
                              struct gw_observation *observation) {
    size_t carrier = find_carrier(observation);
    for (size_t i = 0; i < observation->count; i++) {
        struct pair pair = pair_of(message, observation, i);
        struct gw_mqtt_origin own = *origin;
        own.packet_id = i == carrier ? origin->packet_id : 0;
        if (pair.key != 0) {
            own.event_id = pair.key;
            own.payload = pair.value;
            own.is_record = kind_of(&observation->ids[i]) == GW_EVENT_IDS_RECORD;
        } else if (i != carrier) {
            continue;
        }
        size_t len = gw_mqtt_origin_encode(&own, storage[i]);
        observation->drafts[i].origin = (struct gw_bytes){storage[i], len};
    }
}

uint64_t gw_event_ids_of_single(const struct gw_observation *observation) {
    bool is_single =
        observation->count == 1 && kind_of(&observation->ids[0]) == GW_EVENT_IDS_SINGLE;
    return is_single ? key_of(observation, 0) : 0;
}

/* ---- the windows ---- */

unsigned gw_event_ids_token(const struct gw_observation *observation) {
    unsigned token = 0;
    for (size_t i = 0; i < observation->count; i++) {
        if (observation->ids[i].event_id.len > 0) {
            bool is_record = kind_of(&observation->ids[i]) == GW_EVENT_IDS_RECORD;
            token = (token + 1) | (is_record ? TOKEN_RECORD : 0);
        }
    }
    return token;
}

void gw_event_ids_note(struct gw_event_ids *ids, const struct gw_event_ids_message *message,
                       const struct gw_observation *observation) {
    for (size_t i = 0; i < observation->count; i++) {
        if (observation->ids[i].event_id.len > 0) {
            struct pair pair = pair_of(message, observation, i);
            gw_window_add(&ids->windows[kind_of(&observation->ids[i])], pair.key, pair.value);
        }
    }
}

void gw_event_ids_committed(struct gw_event_ids *ids, uint64_t token) {
    ids->marks[token & TOKEN_RECORD ? GW_EVENT_IDS_RECORD : GW_EVENT_IDS_SINGLE] +=
        token & TOKEN_COUNT;
}

void gw_event_ids_rollback(struct gw_event_ids *ids) {
    for (size_t i = 0; i < GW_EVENT_IDS_KINDS; i++) {
        gw_window_rollback(&ids->windows[i], ids->marks[i]);
    }
}

void gw_event_ids_remember(struct gw_event_ids *ids, const struct gw_mqtt_origin *origin) {
    if (origin->event_id != 0) {
        gw_window_add(
            &ids->windows[origin->is_record ? GW_EVENT_IDS_RECORD : GW_EVENT_IDS_SINGLE],
            origin->event_id, origin->payload);
    }
}

void gw_event_ids_settle(struct gw_event_ids *ids) {
    for (size_t i = 0; i < GW_EVENT_IDS_KINDS; i++) {
        ids->marks[i] = gw_window_position(&ids->windows[i]);
    }
}
