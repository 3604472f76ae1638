/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events of a generator have arrived, by the ids scan_payload.h makes
 * ("<run>-<client>-<counter>"): one bit for each, so that loss, doubles and order
 * are known for each device and not guessed from totals.
 *
 * A stream is all events of one run of the generator. Of an id that was seen before
 * two things may be true: the centre got the same record again (its sequence is not
 * new: an answer was lost, and the id makes it harmless), or the gateway stored the
 * message twice (a new sequence). The caller knows which.
 */
#ifndef GW_TESTS_BENCH_SINK_IDS_H
#define GW_TESTS_BENCH_SINK_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/histogram.h"

#define GW_SINK_STREAMS 16U
#define GW_SINK_CLIENTS 4096U
#define GW_SINK_COUNTER_MAX (UINT64_C(1) << 27)
#define GW_SINK_RUN_BYTES 32U

struct gw_sink_client {
    uint64_t *seen; /* bit of each counter */
    uint64_t words;
    uint64_t highest;
};

struct gw_sink_stream {
    char run[GW_SINK_RUN_BYTES]; /* "" = free */
    struct gw_sink_client *clients;
    uint64_t unique;       /* different ids */
    uint64_t repeated;     /* the same record again */
    uint64_t stored_twice; /* another record of the same message */
    uint64_t order_errors; /* new, and older than one of its device before it */
    uint64_t highest_sum;  /* of all clients: at least so many were sent */
    struct gw_histogram latency;
    int64_t first_ns, last_ns; /* wall time of arrival, new ids only */
    int64_t level_ns;          /* of the first that was young on arrival; 0 = none */
};

struct gw_sink_ids {
    struct gw_sink_stream streams[GW_SINK_STREAMS];
    uint64_t unreadable; /* ids not of this form, or beyond the limits */
};

struct gw_sink_id {
    const char *run;
    size_t run_len;
    uint64_t client, counter;
};

enum gw_sink_sight { GW_SINK_NEW, GW_SINK_REPEATED, GW_SINK_STORED_TWICE, GW_SINK_UNREADABLE };

/* The number before `end`, and where it begins; NULL if there is none. */
static inline const char *gw_sink_number_before(const char *begin, const char *end,
                                                uint64_t *ret_number) {
    uint64_t number = 0, place = 1;
    const char *at = end;
    while (at > begin && at[-1] >= '0' && at[-1] <= '9' && end - at < 18) {
        number += (uint64_t) (*--at - '0') * place;
        place *= 10;
    }
    *ret_number = number;
    return at < end ? at : NULL;
}

static inline bool gw_sink_read_id(const char *text, size_t len, struct gw_sink_id *ret_id) {
    const char *counter = gw_sink_number_before(text, text + len, &ret_id->counter);
    if (!counter || counter == text || counter[-1] != '-') {
        return false;
    }
    const char *client = gw_sink_number_before(text, counter - 1, &ret_id->client);
    if (!client || client == text || client[-1] != '-') {
        return false;
    }
    ret_id->run = text;
    ret_id->run_len = (size_t) (client - 1 - text);
    return ret_id->run_len > 0 && ret_id->run_len < GW_SINK_RUN_BYTES && ret_id->counter > 0
           && ret_id->counter < GW_SINK_COUNTER_MAX && ret_id->client < GW_SINK_CLIENTS;
}

/* The stream of the run, made if it is new; NULL if there are too many. */
static inline struct gw_sink_stream *gw_sink_stream_of(struct gw_sink_ids *ids,
                                                       const struct gw_sink_id *id) {
    for (unsigned i = 0; i < GW_SINK_STREAMS; i++) {
        struct gw_sink_stream *stream = &ids->streams[i];
        if (!stream->run[0]) {
            memcpy(stream->run, id->run, id->run_len);
            stream->clients = calloc(GW_SINK_CLIENTS, sizeof(*stream->clients));
            return stream->clients ? stream : NULL;
        }
        if (strlen(stream->run) == id->run_len
            && memcmp(stream->run, id->run, id->run_len) == 0) {
            return stream;
        }
    }
    return NULL;
}

static inline bool gw_sink_client_grow(struct gw_sink_client *client, uint64_t counter) {
    uint64_t words = client->words ? client->words : 1024;
    while (words <= counter / 64) {
        words *= 2;
    }
    uint64_t *seen = realloc(client->seen, words * sizeof(*seen));
    if (!seen) {
        return false;
    }
    memset(seen + client->words, 0, (words - client->words) * sizeof(*seen));
    client->seen = seen;
    client->words = words;
    return true;
}

/* An id in the text came with a sequence that is new for its class, or not. */
static inline enum gw_sink_sight gw_sink_see(struct gw_sink_ids *ids, const char *text,
                                             size_t len, bool sequence_is_new,
                                             struct gw_sink_stream **ret_stream) {
    struct gw_sink_id id;
    struct gw_sink_stream *stream =
        gw_sink_read_id(text, len, &id) ? gw_sink_stream_of(ids, &id) : NULL;
    struct gw_sink_client *client = stream ? &stream->clients[id.client] : NULL;
    if (!client
        || (id.counter / 64 >= client->words && !gw_sink_client_grow(client, id.counter))) {
        ids->unreadable++;
        return GW_SINK_UNREADABLE;
    }
    *ret_stream = stream;
    uint64_t bit = UINT64_C(1) << id.counter % 64;
    if (client->seen[id.counter / 64] & bit) {
        *(sequence_is_new ? &stream->stored_twice : &stream->repeated) += 1;
        return sequence_is_new ? GW_SINK_STORED_TWICE : GW_SINK_REPEATED;
    }
    client->seen[id.counter / 64] |= bit;
    stream->unique++;
    if (id.counter < client->highest) {
        stream->order_errors++;
    } else {
        stream->highest_sum += id.counter - client->highest;
        client->highest = id.counter;
    }
    return GW_SINK_NEW;
}

#endif
