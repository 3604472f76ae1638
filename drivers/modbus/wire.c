/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three transports: they differ in how they are connected (dial.h, line.h), in
 * the frame (frame.h) and in what is done about answers that come late (late.h).
 *
 * Why no late answer is published: on TCP every request has a transaction id of its
 * own and every connection only one request that is not answered; a request given up
 * ends the connection. On RTU the request after one given up is sent only when
 * nothing waits to be read, and when a late answer would fit it, after a fence was
 * answered, or the unit answered something and then owed nothing any more. So whatever
 * fits a request was said after it was asked. What remains on RTU is a unit that answers
 * twice of its own accord, the second time after the next request went out. Nothing in the
 * frame tells that, and on a line that never rests every answer after it would be one too
 * early: such a line is given a rest now and then, in which the one too many shows itself.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "drivers/modbus/assembly.h"
#include "drivers/modbus/dial.h"
#include "drivers/modbus/judge.h"
#include "drivers/modbus/line.h"
#include "drivers/modbus/stream.h"
#include "drivers/modbus/transport.h"
#include "firmware/base/cleanup.h"

#define US_PER_MS 1000
#define DRAIN_MAX_US ((int64_t) GW_MODBUS_DRAIN_MAX_MS * US_PER_MS)
/* Adapters and device servers hand over what they have in pieces, some 16 ms apart. */
#define CALM_MIN_US (20 * (int64_t) US_PER_MS)
/* An answer takes no longer than so many times the slowest one lately. */
#define REST_ANSWERS 2
#define ILLEGAL_DATA_VALUE 3
/* So long what was not the answer is listened to, to find out what it was. */
#define LISTEN_MAX_US (300 * (int64_t) US_PER_MS)
/* A connection on which so many requests in a row were given up is dead. */
#define GIVEN_UP_MAX 2

struct gw_modbus_wire {
    enum gw_bus_transport transport;
    enum gw_frame_kind frame_kind;
    char *host;
    uint16_t port;
    struct gw_modbus_line *line; /* of RTU */
    struct gw_stream stream;
    bool has_echo;
    uint32_t timeout_ms;
    int64_t character_us; /* 0 on a network */
    int64_t silence_us;
    int64_t rest_us;        /* before a request: silence, or the pause if that is longer */
    int64_t calm_us;        /* of a line on which something went wrong */
    int64_t used_us;        /* when it was heard last */
    int64_t first_quiet_us; /* 0 once it was kept */
    int64_t rest_every_us, rested_us; /* since then it has not rested, as far as is known */
    int64_t slowest_us[2];            /* answer since the last rest, and before it */
    uint16_t transaction;
    unsigned given_up_in_a_row;
    struct gw_modbus_wire_figures figures;
    struct gw_late late[GW_RTU_UNIT_MAX + 1];
    uint8_t frame[GW_FRAME_MAX_BYTES];
    struct gw_assembly answer;
    struct gw_modbus_wrong wrong; /* what came instead */
};

GW_DEFINE_CLEANUP(struct gw_modbus_wire *, gw_modbus_wire_close, closep)

/* ---- life ---- */

static void set_times(struct gw_modbus_wire *wire, const struct gw_config_bus *config) {
    if (config->transport == GW_BUS_RTU) {
        wire->character_us = gw_modbus_character_us(config);
        wire->silence_us = gw_modbus_silence_us(config);
    }
    int64_t pause_us = (int64_t) config->pause_ms * US_PER_MS;
    wire->rest_us = pause_us > wire->silence_us ? pause_us : wire->silence_us;
    wire->calm_us = wire->silence_us > CALM_MIN_US ? wire->silence_us : CALM_MIN_US;
}

/* After so long a unit owes nothing any more. */
static int64_t quiet_of(uint32_t timeout_ms) {
    return GW_LATE_QUIET_TIMEOUTS * (int64_t) timeout_ms * US_PER_MS;
}

enum gw_err gw_modbus_wire_open(const struct gw_modbus_wire_options *options,
                                struct gw_modbus_wire **ret_wire) {
    const struct gw_config_bus *config = options->config;
    GW_CLEANUP(closep) struct gw_modbus_wire *wire = calloc(1, sizeof *wire);
    if (!wire) {
        return GW_ERR_NOMEM;
    }
    wire->transport = config->transport;
    wire->frame_kind = config->transport == GW_BUS_TCP ? GW_FRAME_TCP : GW_FRAME_RTU;
    wire->port = config->port;
    wire->has_echo = config->echo;
    wire->timeout_ms = config->timeout_ms;
    set_times(wire, config);
    wire->first_quiet_us = options->nobody_asked_before ? 0 : quiet_of(config->timeout_ms);
    wire->rest_every_us = (int64_t) options->rest_every_ms * US_PER_MS;
    wire->stream.fd = -1;
    wire->stream.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wire->stream.wake_fd < 0) {
        return GW_ERR_IO;
    }
    if (config->transport == GW_BUS_RTU) {
        enum gw_err err = gw_modbus_line_open(config, &wire->line);
        if (err) {
            return err;
        }
    } else {
        wire->host = strdup(config->host);
        if (!wire->host) {
            return GW_ERR_NOMEM;
        }
    }
    *ret_wire = GW_TAKE(wire);
    return GW_OK;
}

static void disconnect(struct gw_modbus_wire *wire) {
    if (wire->transport == GW_BUS_RTU) {
        gw_modbus_line_detach(wire->line);
    } else {
        gw_closep(&wire->stream.fd);
    }
    wire->stream.fd = -1;
}

void gw_modbus_wire_close(struct gw_modbus_wire *wire) {
    if (!wire) {
        return;
    }
    if (wire->stream.fd >= 0) {
        disconnect(wire);
    }
    gw_modbus_line_close(wire->line);
    gw_closep(&wire->stream.wake_fd);
    free(wire->host);
    free(wire);
}

void gw_modbus_wire_interrupt(struct gw_modbus_wire *wire) {
    if (wire) {
        (void) !eventfd_write(wire->stream.wake_fd, 1);
    }
}

/* ---- connection ---- */

static enum gw_err connect_anew(struct gw_modbus_wire *wire) {
    if (wire->stream.fd >= 0) {
        disconnect(wire);
    }
    bool is_long = wire->timeout_ms > GW_MODBUS_CONNECT_MAX_MS;
    enum gw_err err =
        wire->transport == GW_BUS_RTU
            ? gw_modbus_line_attach(wire->line, &wire->stream.fd)
            : gw_modbus_dial(wire->host, wire->port,
                             is_long ? GW_MODBUS_CONNECT_MAX_MS : wire->timeout_ms,
                             wire->stream.wake_fd, &wire->stream.fd);
    if (!err) {
        wire->figures.connects++;
        wire->given_up_in_a_row = 0;
        wire->used_us = gw_stream_now_us();
    }
    return err;
}

static enum gw_err wire_connect(void *self) {
    return connect_anew(self);
}

static void wire_disconnect(void *self) {
    disconnect(self);
}

/* Until nothing comes any more. TIMEOUT: babbling. */
static enum gw_err drain(struct gw_modbus_wire *wire, int64_t quiet_us) {
    enum gw_err err = gw_stream_drain(&wire->stream, quiet_us, DRAIN_MAX_US + quiet_us,
                                      &wire->figures.stray_bytes);
    wire->used_us = gw_stream_now_us();
    return err;
}

static enum gw_err wire_recover(void *self) {
    struct gw_modbus_wire *wire = self;
    bool is_dead =
        wire->transport == GW_BUS_TCP
        || (wire->transport == GW_BUS_RTU_OVER_TCP && wire->given_up_in_a_row >= GIVEN_UP_MAX);
    enum gw_err err =
        wire->stream.fd < 0 || is_dead ? GW_ERR_NOCONN : drain(wire, wire->calm_us);
    if (err) {
        disconnect(wire);
    }
    return err == GW_ERR_TIMEOUT ? GW_ERR_CORRUPT : err;
}

/* ---- rests of an RTU line ---- */

static void note_rest(struct gw_modbus_wire *wire) {
    wire->rested_us = gw_stream_now_us();
    wire->slowest_us[1] = wire->slowest_us[0];
    wire->slowest_us[0] = 0;
}

static int64_t rest_of(const struct gw_modbus_wire *wire) {
    int64_t slowest_us =
        wire->slowest_us[0] > wire->slowest_us[1] ? wire->slowest_us[0] : wire->slowest_us[1];
    int64_t most_us = (int64_t) wire->timeout_ms * US_PER_MS;
    int64_t rest_us = REST_ANSWERS * slowest_us;
    rest_us = rest_us > most_us ? most_us : rest_us;
    return rest_us > wire->calm_us ? rest_us : wire->calm_us;
}

/* Nobody knows what the units owe to whom. */
static void doubt_all(struct gw_modbus_wire *wire) {
    for (size_t i = 0; i < GW_ARRAY_LEN(wire->late); i++) {
        wire->late[i].has_more = true;
    }
}

/* Before the first request: what the units owe to whoever asked before. */
static enum gw_err keep_first_quiet(struct gw_modbus_wire *wire) {
    uint64_t stray_bytes = wire->figures.stray_bytes;
    enum gw_err err = drain(wire, wire->first_quiet_us);
    if (err) {
        return err;
    }
    if (wire->figures.stray_bytes != stray_bytes) {
        doubt_all(wire);
    }
    wire->first_quiet_us = 0;
    note_rest(wire);
    return GW_OK;
}

/* The line has just been found empty. Was that a rest, or does it need one? */
static enum gw_err keep_rest(struct gw_modbus_wire *wire) {
    int64_t now_us = gw_stream_now_us();
    if (now_us - wire->used_us >= rest_of(wire)) {
        note_rest(wire);
        return GW_OK;
    }
    if (now_us - wire->rested_us < wire->rest_every_us) {
        return GW_OK;
    }
    uint64_t stray_bytes = wire->figures.stray_bytes;
    enum gw_err err = drain(wire, rest_of(wire));
    wire->figures.slips += wire->figures.stray_bytes != stray_bytes;
    note_rest(wire);
    return err;
}

/* ---- before a request ---- */

/* Nothing unasked may be waiting. The peer may also have closed a connection that was
 * idle; nothing was asked yet, so it is simply made anew. */
static enum gw_err make_ready(struct gw_modbus_wire *wire) {
    if (wire->stream.fd < 0) {
        return GW_ERR_NOCONN;
    }
    enum gw_err err = gw_stream_sleep_until(&wire->stream, wire->used_us + wire->rest_us);
    if (err) {
        return err;
    }
    bool is_rtu = wire->frame_kind == GW_FRAME_RTU;
    uint64_t stray_bytes = wire->figures.stray_bytes;
    err = gw_stream_drain(&wire->stream, 0, DRAIN_MAX_US, &wire->figures.stray_bytes);
    bool is_clean = wire->figures.stray_bytes == stray_bytes;
    if (!err && !is_clean && is_rtu) {
        err = drain(wire, wire->calm_us);
        is_clean = true;
    }
    if (!err && is_rtu) {
        err = wire->first_quiet_us > 0 ? keep_first_quiet(wire) : keep_rest(wire);
    }
    if (!err && is_clean) {
        return GW_OK;
    }
    if (wire->transport == GW_BUS_RTU) {
        disconnect(wire);
        return GW_ERR_NOCONN;
    }
    return connect_anew(wire);
}

/* ---- one request ---- */

static struct gw_bytes answer_of(const struct gw_modbus_wire *wire) {
    return (struct gw_bytes){wire->answer.bytes, wire->answer.len};
}

/* On a serial line an answer ends with silence; on a network what was received with it
 * was looked at, and what comes later make_ready finds. */
static enum gw_err await_silence(struct gw_modbus_wire *wire) {
    if (wire->transport != GW_BUS_RTU) {
        return GW_OK;
    }
    uint8_t byte = 0;
    size_t got = 0;
    enum gw_err err =
        gw_stream_receive(&wire->stream, &byte, 1, gw_stream_now_us() + wire->silence_us, &got);
    wire->figures.stray_bytes += got;
    if (got > 0 && wire->answer.len < sizeof wire->answer.bytes) {
        wire->answer.bytes[wire->answer.len++] = byte;
    }
    return err == GW_ERR_TIMEOUT ? GW_OK : err ? err : GW_ERR_CORRUPT;
}

static enum gw_err receive_answer(struct gw_modbus_wire *wire,
                                  const struct gw_frame_request *request, int64_t deadline_us) {
    const struct gw_expectation expected = {wire->frame_kind, request, wire->late};
    struct gw_assembly *answer = &wire->answer;
    answer->len = 0;
    for (;;) {
        enum gw_err err = gw_assembly_look(answer, &expected, &wire->figures.late);
        if (err != GW_ERR_RETRY) {
            return err ? err : await_silence(wire);
        }
        size_t got = 0;
        err = gw_stream_receive(&wire->stream, answer->bytes + answer->len,
                                sizeof answer->bytes - answer->len, deadline_us, &got);
        if (err) {
            return err;
        }
        answer->len += got;
    }
}

/* What we said comes back first. Something else: somebody spoke at the same time. */
static enum gw_err receive_echo(struct gw_modbus_wire *wire, size_t len, int64_t deadline_us) {
    struct gw_assembly *came = &wire->answer;
    while (came->len < len) {
        size_t got = 0;
        enum gw_err err = gw_stream_receive(&wire->stream, came->bytes + came->len,
                                            len - came->len, deadline_us, &got);
        if (err) {
            return err;
        }
        came->len += got;
    }
    return memcmp(wire->answer.bytes, wire->frame, len) == 0 ? GW_OK : GW_ERR_CORRUPT;
}

/* A frame comes in pieces, and only the whole of it tells whose it is. What comes is thrown
 * away besides, before the next request. */
static void listen(struct gw_modbus_wire *wire) {
    struct gw_assembly *came = &wire->answer;
    int64_t end_us = gw_stream_now_us() + LISTEN_MAX_US;
    for (int64_t now_us = gw_stream_now_us(); now_us < end_us && came->len < sizeof came->bytes;
         now_us = gw_stream_now_us()) {
        size_t got = 0;
        if (gw_stream_receive(&wire->stream, came->bytes + came->len,
                              sizeof came->bytes - came->len, now_us + wire->calm_us, &got)) {
            return;
        }
        came->len += got;
        wire->figures.stray_bytes += got;
    }
}

/* Of a request that was given up. */
static void note_wrong(struct gw_modbus_wire *wire, const struct gw_frame_request *request,
                       enum gw_err err, bool is_echo) {
    if (err != GW_ERR_CORRUPT && err != GW_ERR_TIMEOUT) {
        return;
    }
    if (err == GW_ERR_CORRUPT) {
        listen(wire);
    }
    wire->wrong = gw_modbus_judge(wire->frame_kind, request, answer_of(wire));
    if (is_echo) {
        wire->wrong.kind = GW_WRONG_ECHO;
    }
    wire->figures.wrong[wire->wrong.kind]++;
}

static enum gw_err exchange(struct gw_modbus_wire *wire, struct gw_frame_request *request,
                            uint32_t timeout_ms, unsigned *ret_exception) {
    request->transaction = ++wire->transaction;
    size_t len = gw_frame_put(wire->frame_kind, request, wire->frame);
    wire->figures.requests++;
    size_t carried = len + (wire->has_echo ? len : 0) + request->answer_bytes + 3;
    int64_t deadline_us = gw_stream_now_us() + (int64_t) timeout_ms * US_PER_MS
                          + wire->character_us * (int64_t) carried;
    wire->answer.len = 0;
    enum gw_err err =
        gw_stream_send(&wire->stream, (struct gw_bytes){wire->frame, len}, deadline_us);
    if (!err && wire->has_echo) {
        err = receive_echo(wire, len, deadline_us);
    }
    bool is_echo = err && wire->has_echo;
    if (!err) {
        err = receive_answer(wire, request, deadline_us);
    }
    if (!err) {
        err = gw_frame_check(wire->frame_kind, request, answer_of(wire), ret_exception);
    }
    note_wrong(wire, request, err, is_echo);
    wire->used_us = gw_stream_now_us();
    return err;
}

/* What may come late after that. */
static void note_outcome(struct gw_modbus_wire *wire, const struct gw_frame_request *request,
                         enum gw_err err) {
    struct gw_late *late = &wire->late[request->unit_id];
    if (err && err != GW_ERR_INVALID) {
        gw_late_note(late, request);
    } else if (!late->has_more
               && (err ? !gw_late_needs_fence(late, request)
                       : !gw_late_is_shape(late, request))) {
        gw_late_clear(late);
    }
}

/* Exchange on a wire that is ready, and what follows from how it went. */
static enum gw_err ask_ready(struct gw_modbus_wire *wire, struct gw_frame_request *request,
                             uint32_t timeout_ms, unsigned *ret_exception) {
    int64_t sent_us = gw_stream_now_us();
    enum gw_err err = exchange(wire, request, timeout_ms, ret_exception);
    bool is_answered = !err || err == GW_ERR_INVALID;
    wire->given_up_in_a_row = is_answered ? 0 : wire->given_up_in_a_row + 1;
    wire->figures.given_up += is_answered ? 0 : 1;
    if (wire->frame_kind == GW_FRAME_RTU) {
        note_outcome(wire, request, err);
    }
    if (is_answered) {
        int64_t took_us = gw_stream_now_us() - sent_us;
        wire->slowest_us[0] = took_us > wire->slowest_us[0] ? took_us : wire->slowest_us[0];
    }
    if (err == GW_ERR_NOCONN) {
        disconnect(wire);
    }
    return err;
}

static enum gw_err ask(struct gw_modbus_wire *wire, struct gw_frame_request *request,
                       uint32_t timeout_ms, unsigned *ret_exception) {
    enum gw_err err = make_ready(wire);
    return err ? err : ask_ready(wire, request, timeout_ms, ret_exception);
}

static enum gw_err wait_until_nothing_is_owed(struct gw_modbus_wire *wire, uint8_t unit_id,
                                              uint32_t timeout_ms) {
    if (drain(wire, quiet_of(timeout_ms))) {
        wire->wrong.kind = GW_WRONG_BABBLE;
        return GW_ERR_CORRUPT;
    }
    gw_late_clear(&wire->late[unit_id]);
    note_rest(wire);
    return GW_OK;
}

/* An exception may itself be a late one; then its answer proves nothing yet. */
static enum gw_err ask_fence(struct gw_modbus_wire *wire, const struct gw_modbus_request *fence,
                             bool is_shorter, uint32_t timeout_ms) {
    struct gw_late *late = &wire->late[fence->unit_id];
    struct gw_frame_request request;
    if (gw_frame_ask_read(fence, &request)) {
        return GW_ERR_CORRUPT;
    }
    bool is_ambiguous = gw_late_needs_fence(late, &request);
    unsigned exception = 0;
    wire->figures.fences++;
    uint64_t known_late = wire->figures.late;
    enum gw_err err = ask(wire, &request, timeout_ms, &exception);
    if (err != GW_ERR_INVALID) {
        bool is_deaf = is_shorter && err == GW_ERR_TIMEOUT && wire->figures.late == known_late;
        late->deaf_to_fences =
            (uint8_t) (late->deaf_to_fences + (is_deaf && late->deaf_to_fences < GW_LATE_DEAF));
        late->deaf_to_fences = err ? late->deaf_to_fences : 0;
        return err;
    }
    if (is_ambiguous) {
        return wait_until_nothing_is_owed(wire, fence->unit_id, timeout_ms);
    }
    gw_late_clear(late);
    return GW_OK;
}

/* Where there is no fence: the unit answers, whatever that answers, and then no more. */
static enum gw_err ask_until_quiet(struct gw_modbus_wire *wire,
                                   const struct gw_modbus_request *read, uint32_t timeout_ms) {
    struct gw_frame_request request;
    if (gw_frame_ask_read(read, &request)) {
        return GW_ERR_CORRUPT;
    }
    unsigned exception = 0;
    wire->figures.fences++;
    enum gw_err err = ask(wire, &request, timeout_ms, &exception);
    if (err && err != GW_ERR_INVALID) {
        return err;
    }
    return wait_until_nothing_is_owed(wire, read->unit_id, timeout_ms);
}

/* Make sure that nothing older than what is asked next can be taken for its answer, which
 * is `read` once more, or what is to be written there. */
static enum gw_err put_fence(struct gw_modbus_wire *wire, const struct gw_modbus_request *read,
                             uint32_t timeout_ms) {
    struct gw_modbus_request fence;
    if (gw_late_fence(&wire->late[read->unit_id], read, &fence)) {
        return ask_fence(wire, &fence, fence.count < read->count, timeout_ms);
    }
    return ask_until_quiet(wire, read, timeout_ms);
}

static bool is_unit(const struct gw_modbus_wire *wire, uint8_t unit_id) {
    return wire->frame_kind == GW_FRAME_TCP || (unit_id >= 1 && unit_id <= GW_RTU_UNIT_MAX);
}

static bool needs_fence(const struct gw_modbus_wire *wire,
                        const struct gw_frame_request *request) {
    return wire->frame_kind == GW_FRAME_RTU
           && gw_late_needs_fence(&wire->late[request->unit_id], request);
}

static enum gw_err wire_read(void *self, const struct gw_modbus_request *read, uint16_t *words,
                             unsigned *ret_exception) {
    struct gw_modbus_wire *wire = self;
    struct gw_frame_request request;
    if (!is_unit(wire, read->unit_id) || gw_frame_ask_read(read, &request)) {
        *ret_exception = ILLEGAL_DATA_VALUE;
        return GW_ERR_INVALID;
    }
    uint32_t timeout_ms = read->timeout_ms > 0 ? read->timeout_ms : wire->timeout_ms;
    wire->wrong = (struct gw_modbus_wrong){0};
    enum gw_err err = needs_fence(wire, &request) ? put_fence(wire, read, timeout_ms) : GW_OK;
    if (!err) {
        err = ask(wire, &request, timeout_ms, ret_exception);
    }
    if (!err) {
        gw_frame_get_words(wire->frame_kind, &request, answer_of(wire), words);
    }
    return err;
}

/* The last moment to let a write be: reaching the unit may have taken long. */
static enum gw_err ask_write(struct gw_modbus_wire *wire, const struct gw_modbus_write *write,
                             int64_t began_us, struct gw_frame_request *request,
                             unsigned *ret_exception) {
    enum gw_err err = make_ready(wire);
    if (err) {
        return err;
    }
    if (write->send_within_ms > 0
        && gw_stream_now_us() - began_us >= write->send_within_ms * US_PER_MS) {
        return GW_ERR_TIMEOUT;
    }
    if (write->was_sent) {
        *write->was_sent = true;
    }
    return ask_ready(wire, request, wire->timeout_ms, ret_exception);
}

static enum gw_err wire_write(void *self, const struct gw_modbus_write *write,
                              unsigned *ret_exception) {
    struct gw_modbus_wire *wire = self;
    int64_t began_us = gw_stream_now_us();
    struct gw_frame_request request;
    if (!is_unit(wire, write->unit_id) || gw_frame_ask_write(write, &request)) {
        *ret_exception = 0;
        return GW_ERR_INVALID;
    }
    wire->wrong = (struct gw_modbus_wrong){0};
    enum gw_err err = GW_OK;
    if (needs_fence(wire, &request)) {
        const struct gw_modbus_request read = {.unit_id = write->unit_id,
                                               .area = write->area,
                                               .address = write->address,
                                               .count = write->count};
        err = put_fence(wire, &read, wire->timeout_ms);
    }
    return err ? err : ask_write(wire, write, began_us, &request, ret_exception);
}

static void wire_wrong(void *self, struct gw_modbus_wrong *ret_wrong) {
    const struct gw_modbus_wire *wire = self;
    *ret_wrong = wire->wrong;
}

static void wire_figures(void *self, struct gw_modbus_wire_figures *ret_figures) {
    const struct gw_modbus_wire *wire = self;
    *ret_figures = wire->figures;
}

struct gw_modbus_transport gw_modbus_wire_transport(struct gw_modbus_wire *wire) {
    return (struct gw_modbus_transport){
        .connect = wire_connect,
        .disconnect = wire_disconnect,
        .read = wire_read,
        .write = wire_write,
        .recover = wire_recover,
        .wrong = wire_wrong,
        .figures = wire_figures,
        .self = wire,
    };
}
