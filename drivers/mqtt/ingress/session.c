/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Value in the state table, little-endian: u8 format (1), u8 subscriptions,
 * u32 expiry in seconds, u16 count, u16 packet ids.
 */
#include "drivers/mqtt/ingress/session.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/mqtt/fingerprint.h"
#include "firmware/base/clock.h"

#define VALUE_FORMAT 1
#define VALUE_HEAD_BYTES 8

enum gw_err sessions_open(struct sessions *sessions, size_t count, size_t sent_count) {
    sessions->all = calloc(count, sizeof(struct session));
    sessions->sent = calloc(count * sent_count, sizeof(struct session_sent));
    if (!sessions->all || !sessions->sent) {
        return GW_ERR_NOMEM;
    }
    sessions->count = count;
    sessions->sent_mask = (uint16_t) (sent_count - 1);
    for (size_t i = 0; i < count; i++) {
        sessions->all[i].sent = sessions->sent + i * sent_count;
    }
    return GW_OK;
}

void sessions_close(struct sessions *sessions) {
    free(sessions->all);
    free(sessions->sent);
    *sessions = (struct sessions){0};
}

size_t session_make_key(struct gw_str device, struct gw_str client_id,
                        char dst[static SESSION_KEY_MAX_BYTES]) {
    memcpy(dst, device.ptr, device.len);
    dst[device.len] = '\n';
    if (client_id.len > 0) {
        memcpy(dst + device.len + 1, client_id.ptr, client_id.len);
    }
    return device.len + 1 + client_id.len;
}

uint64_t session_fingerprint(struct gw_str key) {
    return gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(key));
}

static struct gw_str key_of(const struct session *session) {
    return (struct gw_str){session->key, session->key_len};
}

struct session *sessions_find(struct sessions *sessions, struct gw_str key) {
    struct session *session = sessions_find_fingerprint(sessions, session_fingerprint(key));
    return session && gw_str_eq(key_of(session), key) ? session : NULL;
}

struct session *sessions_find_fingerprint(struct sessions *sessions, uint64_t fingerprint) {
    for (size_t i = 0; i < sessions->count; i++) {
        struct session *session = &sessions->all[i];
        if (session->fingerprint == fingerprint && session->is_used) {
            return session;
        }
    }
    return NULL;
}

static struct session *find_room(struct sessions *sessions) {
    struct session *oldest = NULL;
    for (size_t i = 0; i < sessions->count; i++) {
        struct session *session = &sessions->all[i];
        if (!session->is_used) {
            return session;
        }
        /* One that is stored cannot go without a commit of its own. */
        bool may_go = session->connection == SESSION_NOBODY && !session->is_stored;
        if (may_go && (!oldest || session->ended_mono_ms < oldest->ended_mono_ms)) {
            oldest = session;
        }
    }
    return oldest;
}

struct session *sessions_make(struct sessions *sessions, struct gw_str key) {
    struct session *session = find_room(sessions);
    if (!session || key.len > SESSION_KEY_MAX_BYTES) {
        return NULL;
    }
    sessions_forget_sent(sessions, session);
    *session = (struct session){.is_used = true,
                                .sent = session->sent,
                                .key_len = (uint8_t) key.len,
                                .device_len = (uint8_t) gw_str_find(key, '\n', 0),
                                .fingerprint = session_fingerprint(key),
                                .connection = SESSION_NOBODY,
                                .will_mono_ms = GW_NEVER_MS};
    memcpy(session->key, key.ptr, key.len);
    return session;
}

struct gw_str session_device(const struct session *session) {
    return (struct gw_str){session->key, session->device_len};
}

struct gw_str session_client_id(const struct session *session) {
    return gw_str_sub(key_of(session), session->device_len + 1u, session->key_len);
}

/* ---- QoS 1 ---- */

/* Ids that count up never meet; of others the older one is forgotten. */
void sessions_note_sent(const struct sessions *sessions, struct session *session,
                        uint16_t packet_id, uint64_t payload) {
    bool counts_up =
        session->last_packet_id != 0
        && packet_id
               == (session->last_packet_id == UINT16_MAX ? 1 : session->last_packet_id + 1);
    session->run = (uint16_t) (counts_up ? session->run + (session->run < UINT16_MAX) : 0);
    session->last_packet_id = packet_id;
    session->sent[packet_id & sessions->sent_mask] =
        (struct session_sent){.payload = payload, .packet_id = packet_id};
}

bool sessions_find_sent(const struct sessions *sessions, const struct session *session,
                        uint16_t packet_id, uint64_t *ret_payload) {
    const struct session_sent *sent = &session->sent[packet_id & sessions->sent_mask];
    if (sent->packet_id != packet_id) {
        return false;
    }
    *ret_payload = sent->payload;
    return true;
}

void sessions_forget_sent(const struct sessions *sessions, struct session *session) {
    if (session->last_packet_id != 0) {
        memset(session->sent, 0, (sessions->sent_mask + 1u) * sizeof(struct session_sent));
    }
    session->last_packet_id = 0;
    session->run = 0;
}

/* ---- QoS 2 ---- */

static size_t find_qos2(const struct session *session, uint16_t packet_id) {
    size_t i = 0;
    while (i < session->qos2_count && session->qos2[i] != packet_id) {
        i++;
    }
    return i;
}

bool session_has_qos2(const struct session *session, uint16_t packet_id) {
    return find_qos2(session, packet_id) < session->qos2_count;
}

bool session_add_qos2(struct session *session, uint16_t packet_id) {
    if (session->qos2_count == SESSION_QOS2_MAX) {
        return false;
    }
    session->qos2[session->qos2_count++] = packet_id;
    return true;
}

bool session_drop_qos2(struct session *session, uint16_t packet_id) {
    size_t i = find_qos2(session, packet_id);
    if (i == session->qos2_count) {
        return false;
    }
    session->qos2[i] = session->qos2[--session->qos2_count];
    return true;
}

/* ---- durable ---- */

static void put_le(uint8_t *dst, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        dst[i] = (uint8_t) (value >> (8 * i));
    }
}

static uint32_t get_le(const uint8_t *src, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint32_t) src[i] << (8 * i);
    }
    return value;
}

struct gw_state_change session_save(const struct session *session,
                                    uint8_t storage[static SESSION_VALUE_MAX_BYTES]) {
    storage[0] = VALUE_FORMAT;
    storage[1] = session->subscriptions;
    put_le(storage + 2, session->expiry_s, 4);
    put_le(storage + 6, session->qos2_count, 2);
    for (size_t i = 0; i < session->qos2_count; i++) {
        put_le(storage + VALUE_HEAD_BYTES + 2 * i, session->qos2[i], 2);
    }
    return (struct gw_state_change){
        .key = gw_bytes_from_str(key_of(session)),
        .value = {storage, VALUE_HEAD_BYTES + 2u * session->qos2_count},
    };
}

struct gw_state_change session_forget(const struct session *session) {
    return (struct gw_state_change){.key = gw_bytes_from_str(key_of(session))};
}

/* False if it is no value of this release: then there is no session. */
static bool read_value(struct session *session, struct gw_bytes value) {
    size_t count = value.len >= VALUE_HEAD_BYTES ? get_le(value.ptr + 6, 2) : SIZE_MAX;
    if (count > SESSION_QOS2_MAX || value.len != VALUE_HEAD_BYTES + 2 * count
        || value.ptr[0] != VALUE_FORMAT) {
        return false;
    }
    session->is_stored = true;
    session->subscriptions = value.ptr[1];
    session->expiry_s = get_le(value.ptr + 2, 4);
    session->qos2_count = (uint16_t) count;
    for (size_t i = 0; i < count; i++) {
        session->qos2[i] = (uint16_t) get_le(value.ptr + VALUE_HEAD_BYTES + 2 * i, 2);
    }
    return true;
}

struct loading {
    struct sessions *sessions;
    int64_t now_mono_ms;
};

static bool load_one(void *context, struct gw_bytes key, struct gw_bytes value) {
    const struct loading *loading = context;
    struct gw_str text = gw_str_from_bytes(key);
    if (gw_str_find(text, '\n', 0) >= text.len || text.len > SESSION_KEY_MAX_BYTES) {
        return true;
    }
    struct session *session = sessions_make(loading->sessions, text);
    if (session) {
        session->ended_mono_ms = loading->now_mono_ms;
        session->is_used = read_value(session, value);
    }
    return true;
}

enum gw_err sessions_load(struct sessions *sessions, const struct gw_intake *intake,
                          int64_t now_mono_ms) {
    struct loading loading = {sessions, now_mono_ms};
    return intake->state_each(intake->self, SESSION_TABLE, load_one, &loading);
}

enum gw_err session_reload(struct session *session, const struct gw_intake *intake) {
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_buf value;
    gw_buf_init(&value, storage, sizeof(storage));
    enum gw_err err = intake->state_get(intake->self, SESSION_TABLE,
                                        gw_bytes_from_str(key_of(session)), &value);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    if (err || !read_value(session, gw_buf_bytes(&value))) {
        session->is_stored = false;
        session->subscriptions = 0;
        session->qos2_count = 0;
    }
    session->must_reload = false;
    return GW_OK;
}
