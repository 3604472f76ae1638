/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions to resume, in one table that never grows.
 *
 * Invariant: an entry is written inside a handshake whose client certificate
 * passed all rules (or that resumed such an entry), with the name and the end of
 * validity of that certificate beside it. So whoever proves that it holds the
 * secret of an entry may have its name.
 *
 * TLS 1.2 restores the certificate with the session, TLS 1.3 does not: the name
 * is taken from the entry in both. The callbacks set it on the stream when an
 * entry is offered, before the peer has proved anything; the handshake then
 * either proves the secret (Finished, or the binder in 1.3), fails, or goes on as
 * a full one, in which gw_tls_peer_check sets the name anew. Streams show no
 * name before the handshake is done.
 *
 * An entry answers only to the way and the version it was made for: a 1.3 ticket
 * read as a 1.2 session would be one more thing to reason about.
 */
#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/clock.h"
#include "firmware/base/random.h"
#include "firmware/crypto/tls_internal.h"

#define NAME_BYTES 32
/* About 150 bytes and, in TLS 1.2, the client's certificate: 500 to 700 bytes
 * with P-256, 1,300 with RSA 2048. What is larger is not kept. */
#define STATE_BYTES 2048

enum way { WAY_NONE, WAY_SESSION_ID, WAY_TICKET };

struct entry {
    enum way way;
    int version;
    int64_t end_mono_ms;
    size_t len;
    struct gw_tls_peer peer;
    uint8_t state[STATE_BYTES];
};

struct gw_tls_sessions {
    struct gw_clock clock;
    size_t next;
    /* Apart from the entries, so that a search reads 32 kB and not 2 MB. */
    uint8_t names[GW_TLS_SESSIONS_MAX][NAME_BYTES];
    struct entry entries[GW_TLS_SESSIONS_MAX];
};

enum gw_err gw_tls_sessions_open(struct gw_tls_sessions **ret_sessions) {
    /* Pages nobody writes to cost nothing: calloc takes this from mmap. */
    struct gw_tls_sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions) {
        return GW_ERR_NOMEM;
    }
    sessions->clock = gw_clock_system();
    *ret_sessions = sessions;
    return GW_OK;
}

static void wipe(struct entry *entry) {
    if (entry->way != WAY_NONE) {
        mbedtls_platform_zeroize(entry, sizeof(*entry));
    }
}

void gw_tls_sessions_close(struct gw_tls_sessions *sessions) {
    if (!sessions) {
        return;
    }
    for (size_t i = 0; i < GW_TLS_SESSIONS_MAX; i++) {
        wipe(&sessions->entries[i]);
    }
    free(sessions);
}

static int version_of(const struct gw_tls_stream *stream) {
#if MBEDTLS_VERSION_MAJOR >= 3
    return (int) mbedtls_ssl_get_version_number(&stream->ssl);
#else
    (void) stream;
    return 0x0303;
#endif
}

/* Write the session of the handshake that runs into `slot`. */
static int store(struct gw_tls_server *server, size_t slot, const uint8_t *name, enum way way,
                 const mbedtls_ssl_session *session) {
    struct gw_tls_sessions *sessions = server->sessions;
    struct entry *entry = &sessions->entries[slot];
    wipe(entry);
    int code =
        mbedtls_ssl_session_save(session, entry->state, sizeof(entry->state), &entry->len);
    if (code != 0) {
        mbedtls_platform_zeroize(entry->state, sizeof(entry->state));
        return code;
    }
    memcpy(sessions->names[slot], name, NAME_BYTES);
    entry->way = way;
    entry->version = version_of(server->current);
    entry->peer = server->current->peer;
    entry->end_mono_ms = gw_clock_mono_ms(&sessions->clock) + GW_TLS_SESSION_LIFETIME_MS;
    return 0;
}

static size_t oldest_slot(struct gw_tls_sessions *sessions) {
    size_t slot = sessions->next;
    sessions->next = (slot + 1) % GW_TLS_SESSIONS_MAX;
    return slot;
}

static bool is_usable(const struct gw_tls_server *server, const struct entry *entry,
                      enum way way) {
    return entry->way == way && entry->version == version_of(server->current)
           && gw_clock_mono_ms(&server->sessions->clock) < entry->end_mono_ms
           && !(server->asks_certificate && mbedtls_x509_time_is_past(&entry->peer.valid_to));
}

static int restore(struct gw_tls_server *server, struct gw_bytes name, enum way way,
                   mbedtls_ssl_session *session) {
    struct gw_tls_sessions *sessions = server->sessions;
    for (size_t i = 0; name.len == NAME_BYTES && i < GW_TLS_SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (memcmp(sessions->names[i], name.ptr, NAME_BYTES) != 0
            || !is_usable(server, entry, way)) {
            continue;
        }
        int code = mbedtls_ssl_session_load(session, entry->state, entry->len);
        if (code == 0) {
            server->current->peer = entry->peer;
            server->current->slot = i;
            server->current->resumed = true;
        }
        return code;
    }
    return MBEDTLS_ERR_SSL_INVALID_MAC; /* how mbedTLS says: not one of mine */
}

/* ---- what mbedTLS calls ------------------------------------------------- */

#if MBEDTLS_VERSION_MAJOR >= 3

static int get_by_id(void *self, const unsigned char *id, size_t id_len,
                     mbedtls_ssl_session *session) {
    return restore(self, (struct gw_bytes){id, id_len}, WAY_SESSION_ID, session);
}

static int set_by_id(void *self, const unsigned char *id, size_t id_len,
                     const mbedtls_ssl_session *session) {
    struct gw_tls_server *server = self;
    return id_len == NAME_BYTES
               ? store(server, oldest_slot(server->sessions), id, WAY_SESSION_ID, session)
               : MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
}

/* A ticket that follows a resumption takes the place of the one it was resumed
 * by: a device that flaps does not push the others out. */
static int write_ticket(void *self, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *ret_len, uint32_t *ret_lifetime_s) {
    struct gw_tls_server *server = self;
    uint8_t name[NAME_BYTES];
    if ((size_t) (end - start) < sizeof(name)) {
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    }
    bool again = server->current->resumed && server->current->slot != GW_TLS_NO_SLOT;
    size_t slot = again ? server->current->slot : oldest_slot(server->sessions);
    gw_random_bytes(name, sizeof(name));
    int code = store(server, slot, name, WAY_TICKET, session);
    if (code == 0) {
        memcpy(start, name, sizeof(name));
        *ret_len = sizeof(name);
        *ret_lifetime_s = (uint32_t) (GW_TLS_SESSION_LIFETIME_MS / 1000);
    }
    return code;
}

static int parse_ticket(void *self, mbedtls_ssl_session *session, unsigned char *ticket,
                        size_t len) {
    return restore(self, (struct gw_bytes){ticket, len}, WAY_TICKET, session);
}

void gw_tls_sessions_attach(struct gw_tls_server *server) {
    mbedtls_ssl_conf_session_cache(&server->config, server, get_by_id, set_by_id);
    mbedtls_ssl_conf_session_tickets_cb(&server->config, write_ticket, parse_ticket, server);
}

#else

static int get_by_id(void *self, mbedtls_ssl_session *session) {
    uint8_t id[NAME_BYTES];
    memcpy(id, session->id, sizeof(id));
    return restore(self, (struct gw_bytes){id, session->id_len}, WAY_SESSION_ID, session);
}

static int set_by_id(void *self, const mbedtls_ssl_session *session) {
    struct gw_tls_server *server = self;
    return session->id_len == NAME_BYTES ? store(server, oldest_slot(server->sessions),
                                                 session->id, WAY_SESSION_ID, session)
                                         : MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
}

/* Clients that offer a ticket of TLS 1.2 get a session id instead. */
void gw_tls_sessions_attach(struct gw_tls_server *server) {
    mbedtls_ssl_conf_session_cache(&server->config, server, get_by_id, set_by_id);
}

#endif
