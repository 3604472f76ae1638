/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The submit/control protocol: frames over SOCK_SEQPACKET sockets.
 *
 * One listening socket per peer, so identity is the socket a request came in
 * on: collectd listens on link.sock ("link"), status.sock ("status") and
 * control.sock ("control"); linkd on a control.sock of its own ("control"). A
 * daemon opens them itself or takes them from systemd (LISTEN_FDNAMES, the
 * names in brackets). What each of them may ask is the table in
 * firmware/policy/verb.h, handed to the server.
 *
 * One datagram is one frame, little-endian:
 *   0  u32 magic 0x31505747 ("GWP1")
 *   4  u8  protocol version (1)
 *   5  u8  verb
 *   6  u8  status: 0 in a request; gw_err of the answer
 *   7  u8  flags: bit 0 = more answers to this request follow
 *   8  u64 request id, chosen by the asker, repeated in the answer
 *  16      body: a JSON object of at most GW_IPC_BODY_MAX bytes; empty = {}
 *
 * Bodies. A member with ? may be absent. Every answer whose status is not 0 is
 * {"error":"what was found and what is allowed"}. Members nobody knows are
 * ignored. Numbers are integers below 2^53; times are RFC 3339 UTC text; classes
 * are their names; an epoch is its 17 hex digits. `actor` is who asked
 * ("gwctl:root", "page:anna"): it goes into the audit trail with the name of the
 * peer's socket; verbs that policy/verb.h calls audited are refused without it.
 *
 * HELLO {} -> {"program":"gw-collectd","version":"0.1.0","protocol":1}
 * STATUS {} -> the object of gw_health_put_snapshot with these sections (each
 *   may be absent, each may gain members):
 *   collectd and linkd: "config":{"revision":N,"hash":"<64 hex>",
 *     "fell_back":bool}
 *   collectd: "queue":{"epoch","origin":"reopened|created|set_aside",
 *     "map_bytes","used_bytes","commits","commit_failures",
 *     "budget_left_bytes","written_bytes","oldest_reader_age_ms",
 *     "quarantine":{"count","bytes","evicted"},
 *     "classes":{"business":{"first","last","acked","bytes","oldest_age_ms",
 *       "appended","refused","evicted","trimmed"},...}}   (oldest_age_ms of the
 *     oldest event that is not acknowledged, 0 = none)
 *   collectd: "brokers":[{"name","state":"connected|connecting|refused"
 *     (connected: our subscriptions are answered too), "since":time,"received":N}],
 *     "buses":[{"name","state":"connected|connecting|stopping|waiting" (stopping: told
 *       to, and still ending a write or a look-up of its host; its figures are those of
 *       before. waiting: to be opened when what stops is off its wire, or again in a
 *       second if it could not be),"detail":text? (of these two),"since",
 *       "polls":N,"overruns":N,"events":N,
 *       "units":N,"units_down":N,"load_percent":N,"dead_percent":N (of the last
 *       ten seconds; dead: spent on units that do not answer),
 *       "wire":{"requests":N,"given_up":N,"fences":N,"late":N (answers that came late
 *         and were thrown away),"stray_bytes":N,"slips":N (rests of a busy RTU line in
 *         which something came: values since the rest before may be those of other
 *         registers),"connects":N,"wrong":{"crc":N,...} (what came instead of answers, by
 *         kind: drivers/modbus/wrong.h; those that there were)},
 *       "unit_states":[{"unit":N,"state":"ok|down|faulty","polls":N,
 *         "failures":N,"late_p50_ms","late_p99_ms","late_max_ms" (how late its
 *         reads begin),"detail":text? (why it is down)}],"unit_states_omitted":N,
 *       "holes":[{"unit":N,"area","first":N,"last":N,"gap":bool} or
 *         {"unit","area","seam_before":N}] (wire addresses that are not read, or
 *         not read across),"holes_omitted":N}],
 *     "devices":[{"id","state":"ok|quiet|offline|faulty|unknown","last":time?,
 *     "events":N}]
 *   linkd: "sinks":[{"name","state":"up|connecting|waiting|stopped",
 *     "since":time,"error":text?,"dead_letters":N,"epoch",
 *     "classes":{"business":{"head","acked","sent","backlog",
 *       "oldest_age_ms"},...}}]
 * SUBMIT {"id","events"?:[EVENT...],"audit"?:{"actor","action","target",
 *   "outcome","detail"}} -> {"id","duplicate":bool}
 *   id: 1 to 64 of [A-Za-z0-9._:-]; at least one of events and audit. Answered
 *   after the commit; the same id again is answered without a second effect.
 *   EVENT is {"type":"io.gangway.gateway.heartbeat.v1","class"?,"time"?,
 *   "device"?,"subject"?,"partitionkey"?,"correlationid"?,"expirytime"?,
 *   "test"?:bool,"data":{...}}; device defaults to "gateway", class to the
 *   type's, time to now. The audit entry is sealed by collectd and becomes an
 *   audit.recorded event.
 * RELOAD {"actor"?} -> {"revision":N,"hash":"<64 hex>","changed":["brokers",
 *   ...],"stopping"?:["<bus>",...]}; on an error the old configuration stands and
 *   runs. The answer says that the document is the one that counts from now on, not
 *   that everything stands as it says: collectd's buses that it changed are told to
 *   stop and reopened when they have, which nobody waits for. `stopping` names them;
 *   "buses" of STATUS shows when they are through.
 *
 * collectd:
 * QUARANTINE_LIST {"from"?:N,"max"?:N} -> {"entries":[{"number","time",
 *   "reason","topic","device","bytes":N}],"next":N}; bytes = original length;
 *   next = the `from` of the next page, 0 = that was all. max: 1 to 200,
 *   default 50; an answer may hold fewer.
 * QUARANTINE_SHOW {"number"} -> {"number","time","reason","topic","device",
 *   "bytes":N,"raw":"<base64 of what was kept, at most 65,536 bytes>"}
 * QUARANTINE_RETRY {"number","actor"} -> {"number","events":N}: decoded again
 *   with today's configuration, stored, then removed. SCHEMA with the reason if
 *   it still cannot be decoded: it stays.
 * QUARANTINE_DROP {"number","actor"} -> {"number"}
 * QUEUE_SALVAGE {"path","actor"} -> {"recovered":{"business":N,...},
 *   "lost":{"business":N,...},"already_acked":N}. path: a set-aside store
 *   beside the live one ("<store>.aside-..."), else DENIED.
 *
 * DEVICE_ADD {"device","actor"} -> {"device","secret"}: a secret for the front
 *   door, told once. NOENT (no such device in the configuration), DUPLICATE.
 * DEVICE_ROTATE the same -> the same; the old secret ends when the new one is
 *   first used.
 * DEVICE_REVOKE {"device","actor"} -> {"device"}; its connections end.
 * DEVICE_COMMAND {"device","text","actor"} -> {"device","connections":N} to which
 *   it was sent. NOENT: none is connected and subscribed.
 * FEED_COMMAND {"device","command","actor"} -> {"device","command","outcome":"sent"}:
 *   a command of the feed's profile, sent between two polls. DENIED (the configuration
 *   does not name it), NOENT, INVALID (a keyboard), NOCONN, BUSY, TIMEOUT.
 *
 * Modbus. area: a name such as "holding_register"; address: a number is the one on the
 * wire, text may be the manual's ("40001"; see drivers/modbus/place.h).
 * MODBUS_LIST {} -> {"buses":[{"name","writes":[{"name","unit":N,"area","address":N,
 *   "notation","type","min"?,"max"?,"values"?:[text]}]}]}: what commands may write.
 * MODBUS_READ {"bus","unit":N,"area","address","count"?:N} -> {"bus","unit","area",
 *   "address":N,"notation","words":[N,...],"took_ms":N}: read now, between two polls. count: 1
 *   (default) to 125. NOENT (no such bus: the answer lists them), TIMEOUT, NOCONN, CORRUPT,
 *   INVALID (the unit's exception, named), BUSY. Also a unit that does not answer polls is
 *   asked; one request to such units at a time on a bus (BUSY).
 * MODBUS_SCAN {"bus","from"?:N,"to"?:N,"area"?,"address"?,"actor"} -> {"bus","units":[{
 *   "unit":N,"state":"answers|exception|absent|closes|wrong_answer|silent",
 *   "exception"?:N,"detail":text? (of a wrong answer),"took_ms":N}],"next":N}:
 * one read of each unit id, one after the other, with a pause as long as each took; absent: a
 * gateway says that it gets no answer (exception 10, 11); closes: it hung up. An answer
 * covers a part of the range; next = the `from` of the next part, 0 = that was all.
 * MODBUS_WRITE
 * {"id","bus","name"?,"unit"?:N,"area"?,"address"?,"value":text,"expires"?:time,
 *   "valid_ms"?:N,"actor"} -> {"repeated":bool,"stored":bool,"result":{data of the
 *   command.result event}}: see drivers/modbus/write.h. Answered when the outcome is known.
 *   Errors mean that nothing was and will be written for it: SCHEMA, RANGE, DUPLICATE (the id
 *   belongs to another command), BUSY, DENIED, FULL, IO.
 *
 * linkd (`sink` may be absent where exactly one sink is configured):
 * DEAD_LETTER_LIST {"sink"?,"from"?:text,"max"?:N} -> {"entries":[LETTER...],
 *   "next":text}; next = the `from` of the next page (opaque), "" = that was
 *   all. LETTER is {"sink","epoch","class","sequence":N,"id","type",
 *   "time":when it was given up,"code","detail"}
 * DEAD_LETTER_SHOW {"sink"?,"epoch","class","sequence"} -> LETTER with
 *   "event":the rendered event, or null when the queue has it no more
 * DEAD_LETTER_RETRY {"sink"?,"epoch","class","sequence","actor"} -> LETTER;
 *   it is sent again, marked as replay.
 * DEAD_LETTER_DROP the same -> LETTER; answered after the audit entry is
 *   committed through SUBMIT.
 * REPLAY {"sink"?,"class","from":N,"to":N,"actor"} -> {"sink","class",
 *   "from":N,"to":N,"events":N}: what of the range is still stored and will be
 *   sent again, marked as replay. NOENT when nothing of it is.
 * COMPLETENESS {"sink"?} -> {"sink","asked":time,"answer":the centre's document}
 */
#ifndef GW_IPC_IPC_H
#define GW_IPC_IPC_H

#include "firmware/base/loop.h"

#define GW_IPC_MAGIC 0x31505747u
#define GW_IPC_VERSION 1
#define GW_IPC_HEADER_BYTES 16
#define GW_IPC_BODY_MAX 131072
#define GW_IPC_FRAME_MAX (GW_IPC_HEADER_BYTES + GW_IPC_BODY_MAX)

/* On the wire: never renumber. Requests and answers are described above. */
enum gw_ipc_verb {
    GW_IPC_HELLO = 1,
    GW_IPC_STATUS = 2,
    GW_IPC_SUBMIT = 3,
    GW_IPC_RELOAD = 4,
    GW_IPC_QUARANTINE_LIST = 10,
    GW_IPC_QUARANTINE_SHOW = 11,
    GW_IPC_QUARANTINE_RETRY = 12,
    GW_IPC_QUARANTINE_DROP = 13,
    GW_IPC_QUEUE_SALVAGE = 14,
    GW_IPC_DEVICE_ADD = 15,
    GW_IPC_DEVICE_ROTATE = 16,
    GW_IPC_DEVICE_REVOKE = 17,
    GW_IPC_DEVICE_COMMAND = 18,
    GW_IPC_FEED_COMMAND = 19,
    GW_IPC_DEAD_LETTER_LIST = 20,
    GW_IPC_DEAD_LETTER_SHOW = 21,
    GW_IPC_DEAD_LETTER_RETRY = 22,
    GW_IPC_DEAD_LETTER_DROP = 23,
    GW_IPC_REPLAY = 24,
    GW_IPC_COMPLETENESS = 25,
    GW_IPC_MODBUS_LIST = 30,
    GW_IPC_MODBUS_READ = 31,
    GW_IPC_MODBUS_SCAN = 32,
    GW_IPC_MODBUS_WRITE = 33,
};

enum gw_ipc_flags { GW_IPC_MORE = 1 };

struct gw_ipc_frame {
    enum gw_ipc_verb verb;
    enum gw_err status;
    unsigned flags;
    uint64_t request_id;
    struct gw_str body; /* view into the receive buffer */
};

/* Encode one datagram: appended to `buf`. RANGE (body too long), FULL. */
enum gw_err gw_ipc_encode(const struct gw_ipc_frame *frame, struct gw_buf *buf);
/* Take one datagram apart; the body stays a view into it. PARSE (magic, length,
 * status outside gw_err), SCHEMA (another protocol version). The verb is not
 * checked: ask gw_ipc_verb_find. */
enum gw_err gw_ipc_decode(struct gw_bytes datagram, struct gw_ipc_frame *ret_frame);

/* ---- serving ---- */

struct gw_ipc_server;
struct gw_ipc_peer; /* one connection */

/* Sockets one server may listen on. */
#define GW_IPC_LISTENERS_MAX 4

/* Whether the peer may ask `verb`: gw_verb_allowed in the daemons. What it
 * refuses is answered with DENIED and does not reach on_request. */
typedef bool gw_ipc_allowed(struct gw_str peer_name, unsigned verb);
/* A request arrived that its peer may ask. Answer now or later with
 * gw_ipc_answer; `frame` lives during the callback. `peer_name` is the name
 * given to gw_ipc_server_listen. */
typedef void gw_ipc_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                            const struct gw_ipc_frame *frame);

/* A server on `loop`, which must outlive it. Each listening socket has
 * `max_connections` connections of its own, so that no peer can starve another;
 * one more is accepted and closed at once. Each connection may have
 * GW_IPC_OUTPUT_MAX bytes of answers waiting; while any wait, no further request
 * of it is read. Allocates here and at listen only. NOMEM. */
#define GW_IPC_OUTPUT_MAX (2 * (GW_IPC_FRAME_MAX + 8))
enum gw_err gw_ipc_server_open(struct gw_loop *loop, unsigned max_connections,
                               gw_ipc_allowed *allowed, gw_ipc_request *on_request,
                               void *context, struct gw_ipc_server **ret_server);
/* Listen on `path` (mode e.g. 0660) for peers called `peer_name` (copied, at
 * most 31 bytes). If systemd handed in a descriptor of that name (LISTEN_PID,
 * LISTEN_FDS, LISTEN_FDNAMES), that one is used and `path` is not touched. Else
 * a stale socket file is replaced: BUSY if somebody answers on it, INVALID if it
 * is no socket. RANGE (name or path too long), FULL (listeners, loop), NOENT
 * (no folder), DENIED, IO, NOMEM. */
enum gw_err gw_ipc_server_listen(struct gw_ipc_server *server, const char *path, unsigned mode,
                                 const char *peer_name);
/* Disconnect everybody, remove the socket files made by listen. NULL allowed. */
void gw_ipc_server_close(struct gw_ipc_server *server);

/* A token that survives the peer's disconnection: answering a peer that is gone
 * is harmless (NOCONN). Not valid after the server was closed. */
struct gw_ipc_reply_to {
    struct gw_ipc_server *server;
    unsigned slot;
    uint32_t generation;
    enum gw_ipc_verb verb;
    uint64_t request_id;
};
/* The token for `request` of `peer`, taken while on_request runs. */
struct gw_ipc_reply_to gw_ipc_reply_to(struct gw_ipc_peer *peer,
                                       const struct gw_ipc_frame *request);
/* Send or queue one answer; may be called inside on_request. RANGE (body too
 * long: nothing sent), NOCONN, FULL (the peer does not read: it is
 * disconnected). */
enum gw_err gw_ipc_answer(const struct gw_ipc_reply_to *to, enum gw_err status, unsigned flags,
                          struct gw_str body);
/* The same with the body {"error":"..."}; the text is cut at 900 bytes and must
 * be UTF-8. `status` must not be GW_OK. */
enum gw_err gw_ipc_answer_error(const struct gw_ipc_reply_to *to, enum gw_err status,
                                const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- asking ---- */

/* Connect to `path`: a non-blocking SOCK_SEQPACKET descriptor the caller closes.
 * NOENT (no such socket), NOCONN (nobody listens), RETRY (its backlog is full),
 * DENIED, RANGE (path too long), IO. */
enum gw_err gw_ipc_connect(const char *path, int *ret_fd);
/* Send one frame without waiting; encoded in `scratch`, which is cleared first
 * and needs GW_IPC_FRAME_MAX bytes for the longest. RETRY (the socket is full:
 * wait until it is writable), NOCONN, FULL (scratch), RANGE, IO. */
enum gw_err gw_ipc_send(int fd, const struct gw_ipc_frame *frame, struct gw_buf *scratch);
/* Receive one frame without waiting into `storage`, which is cleared first and
 * must have a capacity of at least GW_IPC_FRAME_MAX (else INVALID); the body
 * points into it. RETRY (nothing there), NOCONN (closed), PARSE, SCHEMA, IO. */
enum gw_err gw_ipc_receive(int fd, struct gw_buf *storage, struct gw_ipc_frame *ret_frame);
/* One request, one answer, blocking up to timeout_ms: for gwctl and tests.
 * `storage` as for gw_ipc_receive. Answers to other requests are skipped.
 * TIMEOUT, NOCONN, PARSE, SCHEMA; the peer's own refusal is ret_reply->status,
 * not the return value. */
enum gw_err gw_ipc_call(int fd, enum gw_ipc_verb verb, struct gw_str body, int timeout_ms,
                        struct gw_buf *storage, struct gw_ipc_frame *ret_reply);

/* ---- doorbell: "there is something new" ---- */

/* A non-blocking datagram socket bound at `path`, mode 0660, or the descriptor
 * named "doorbell" from systemd; readable when rung. The caller closes it. A
 * stale file is replaced: BUSY if somebody listens there. Errors as listen. */
enum gw_err gw_doorbell_open(const char *path, int *ret_fd);
/* Empty it. */
void gw_doorbell_drain(int fd);
/* A descriptor to ring with; the caller closes it. IO. */
enum gw_err gw_doorbell_ringer(int *ret_fd);
/* Ring the bell at `path` from `fd`; a full or missing bell is no error. */
void gw_doorbell_ring(int fd, const char *path);

#endif
