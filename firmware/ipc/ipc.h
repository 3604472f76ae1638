/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The submit/control protocol: frames over SOCK_SEQPACKET sockets.
 *
 * One listening socket per peer, so identity is the socket a request came in
 * on: collectd listens on link.sock, status.sock and control.sock; linkd on
 * control.sock of its own. A daemon opens them itself or takes them from
 * systemd (LISTEN_FDNAMES).
 *
 * One datagram is one frame, little-endian:
 *   0  u32 magic 0x31505747 ("GWP1")
 *   4  u8  protocol version (1)
 *   5  u8  verb
 *   6  u8  status: 0 in a request; gw_err of the answer
 *   7  u8  flags: bit 0 = more answers to this request follow
 *   8  u64 request id, chosen by the asker, repeated in the answer
 *  16      body: JSON object, at most GW_IPC_BODY_MAX bytes; errors carry
 *          {"error":"what was found and what is allowed"}
 * A submitted entry is answered after collectd's commit, and repeating it with
 * the same entry id changes nothing.
 */
#ifndef GW_IPC_IPC_H
#define GW_IPC_IPC_H

#include "firmware/base/loop.h"

#define GW_IPC_MAGIC 0x31505747u
#define GW_IPC_VERSION 1
#define GW_IPC_HEADER_BYTES 16
#define GW_IPC_BODY_MAX 131072

/* On the wire: never renumber. Which peer may use which verb is a table in
 * firmware/policy/verb.h. */
enum gw_ipc_verb {
    GW_IPC_HELLO = 1,              /* -> {"program","version","protocol"} */
    GW_IPC_STATUS = 2,             /* -> the daemon's status snapshot */
    GW_IPC_SUBMIT = 3,             /* {"id","events":[...]} -> {"id","duplicate"} */
    GW_IPC_RELOAD = 4,             /* {} -> {"revision","hash"} or error, old config stands */
    GW_IPC_QUARANTINE_LIST = 10,   /* {"from","max"} -> {"entries":[...],"next"} */
    GW_IPC_QUARANTINE_SHOW = 11,   /* {"number"} -> the entry, raw as base64 and text */
    GW_IPC_QUARANTINE_RETRY = 12,  /* {"number"} -> decoded again, submitted, removed */
    GW_IPC_QUARANTINE_DROP = 13,   /* {"number","actor"}: audited */
    GW_IPC_QUEUE_SALVAGE = 14,     /* {"path","actor"}: audited -> recovered, lost */
    GW_IPC_DEAD_LETTER_LIST = 20,  /* linkd: {"sink","from","max"} */
    GW_IPC_DEAD_LETTER_SHOW = 21,  /* linkd: {"sink","epoch","class","sequence"} */
    GW_IPC_DEAD_LETTER_RETRY = 22, /* linkd: the same; sent again, marked */
    GW_IPC_DEAD_LETTER_DROP = 23,  /* linkd: the same + actor: audited through SUBMIT */
    GW_IPC_REPLAY = 24,            /* linkd: {"sink","class","from","to"} from the ring */
    GW_IPC_COMPLETENESS = 25,      /* linkd: what the centre says it holds */
};

enum gw_ipc_flags { GW_IPC_MORE = 1 };

struct gw_ipc_frame {
    enum gw_ipc_verb verb;
    enum gw_err status;
    unsigned flags;
    uint64_t request_id;
    struct gw_str body; /* view into the receive buffer */
};

/* Encode/decode one datagram. Decode: PARSE (magic, length), SCHEMA (version). */
enum gw_err gw_ipc_encode(const struct gw_ipc_frame *frame, struct gw_buf *buf);
enum gw_err gw_ipc_decode(struct gw_bytes datagram, struct gw_ipc_frame *ret_frame);

/* ---- serving ---- */

struct gw_ipc_server;
struct gw_ipc_peer; /* one connection */

/* A request arrived. Answer now or later with gw_ipc_answer; `frame` lives
 * during the callback. `peer_name` is the name given to gw_ipc_server_listen. */
typedef void gw_ipc_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                            const struct gw_ipc_frame *frame);

enum gw_err gw_ipc_server_open(struct gw_loop *loop, unsigned max_connections,
                               gw_ipc_request *on_request, void *context,
                               struct gw_ipc_server **ret_server);
/* Listen on `path` (replaces a stale socket file; mode e.g. 0660) for peers
 * called `peer_name`. With a descriptor of that name from systemd, use that. */
enum gw_err gw_ipc_server_listen(struct gw_ipc_server *server, const char *path, unsigned mode,
                                 const char *peer_name);
void gw_ipc_server_close(struct gw_ipc_server *server);

/* A token that survives the peer's disconnection: answering a peer that is gone
 * is harmless (NOCONN). */
struct gw_ipc_reply_to {
    struct gw_ipc_server *server;
    unsigned slot;
    uint32_t generation;
    enum gw_ipc_verb verb;
    uint64_t request_id;
};
struct gw_ipc_reply_to gw_ipc_reply_to(struct gw_ipc_peer *peer,
                                       const struct gw_ipc_frame *request);
/* NOCONN, FULL (the peer does not read: it is disconnected). */
enum gw_err gw_ipc_answer(const struct gw_ipc_reply_to *to, enum gw_err status, unsigned flags,
                          struct gw_str body);

/* ---- asking ---- */

/* Connect to `path`: a non-blocking SOCK_SEQPACKET descriptor. NOENT, NOCONN, DENIED. */
enum gw_err gw_ipc_connect(const char *path, int *ret_fd);
/* One request, one answer, blocking up to timeout_ms: for gwctl and tests.
 * The reply's body points into `storage`. TIMEOUT, NOCONN, PARSE; the peer's
 * own refusal is ret_reply->status, not the return value. */
enum gw_err gw_ipc_call(int fd, enum gw_ipc_verb verb, struct gw_str body, int timeout_ms,
                        struct gw_buf *storage, struct gw_ipc_frame *ret_reply);

/* ---- doorbell: "there is something new" ---- */

/* A datagram socket bound at `path`; readable when rung. */
enum gw_err gw_doorbell_open(const char *path, int *ret_fd);
/* Empty it. */
void gw_doorbell_drain(int fd);
/* Ring the bell at `path` from `fd` (any AF_UNIX datagram socket, made by
 * gw_doorbell_ringer); a full or missing bell is no error. */
enum gw_err gw_doorbell_ringer(int *ret_fd);
void gw_doorbell_ring(int fd, const char *path);

#endif
