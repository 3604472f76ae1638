/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers. A connection has a ring of them in the order in which the packets came
 * that they answer: [answered, ready) may be written, [ready, asked) waits for
 * commits. Units complete in submit order, so one counter per connection is
 * enough: the completion of a unit with an answer moves `ready` by one.
 *
 * A token names the connection by its place and the generation of that place, so
 * a completion that comes after the connection has gone finds a stranger there.
 */
#include <string.h>

#include "drivers/mqtt/ingress/ingress_internal.h"

/* token: flags 2, event ids 8, place 17, generation of the place 16, device of the
 * configuration 21 */
#define INDEX_SHIFT (TOKEN_EVENT_IDS_SHIFT + GW_EVENT_IDS_TOKEN_BITS)
#define GENERATION_SHIFT 27
#define DEVICE_SHIFT 43
#define NO_INDEX ((UINT32_C(1) << (GENERATION_SHIFT - INDEX_SHIFT)) - 1)

/* ---- tokens ---- */

static uint64_t make_token(const struct ingress_connection *connection, unsigned token) {
    uint64_t index = connection ? connection->index : NO_INDEX;
    uint64_t generation = connection ? (uint16_t) connection->generation : 0;
    uint64_t device = connection ? connection->device : 0;
    return device << DEVICE_SHIFT | generation << GENERATION_SHIFT | index << INDEX_SHIFT
           | token;
}

static struct ingress_connection *connection_of(struct gw_ingress *ingress, uint64_t token) {
    uint32_t index = (uint32_t) (token >> INDEX_SHIFT) & NO_INDEX;
    if (index >= ingress->connection_count) {
        return NULL;
    }
    struct ingress_connection *connection = &ingress->connections[index];
    return (uint16_t) connection->generation == (uint16_t) (token >> GENERATION_SHIFT)
               ? connection
               : NULL;
}

/* ---- completions ---- */

/* Nothing of the group is stored: what is in memory about it is taken back. What
 * was remembered of packet ids goes with it: then a redelivery proves nothing and is
 * stored and marked. */
static void undo(struct gw_ingress *ingress) {
    ingress->failures++;
    gw_event_ids_rollback(&ingress->event_ids);
    for (size_t i = 0; i < ingress->sessions.count; i++) {
        struct session *session = &ingress->sessions.all[i];
        if (session->is_used) {
            session->must_reload = true;
            sessions_forget_sent(&ingress->sessions, session);
        }
    }
}

/* QoS 0 does not come again. */
static void tell_lost(const struct gw_ingress *ingress, uint64_t token) {
    const struct gw_ingress_options *options = &ingress->options;
    const struct gw_config_device *device =
        ingress_device(ingress, (uint32_t) (token >> DEVICE_SHIFT));
    if ((token & TOKEN_QOS0) && options->commit_failed && device) {
        options->commit_failed(options->refused_context, gw_str_from_cstr(device->id),
                               device->class, 1);
    }
}

/* May run inside the submit of a later unit. */
static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_ingress *ingress = context;
    struct ingress_connection *connection = connection_of(ingress, token);
    ingress->uncommitted--;
    if (err) {
        undo(ingress);
        tell_lost(ingress, token);
    } else {
        gw_event_ids_committed(&ingress->event_ids, token >> TOKEN_EVENT_IDS_SHIFT);
    }
    if (!connection || connection->phase == PHASE_CLOSING) {
        return;
    }
    if (err) {
        /* What was read must never be acknowledged here: the device sends it again. */
        ++*ingress->counters.withheld;
        connection->phase = PHASE_CLOSING;
        ingress_mark_ready(connection);
    } else if (token & TOKEN_ANSWER) {
        connection->ready++;
        ingress_mark_ready(connection);
    }
}

struct gw_unit ingress_begin_unit(struct gw_ingress *ingress,
                                  const struct ingress_connection *connection, unsigned token) {
    ingress->uncommitted++;
    return (struct gw_unit){
        .completed = completed, .context = ingress, .token = make_token(connection, token)};
}

static struct ingress_answer *answer_at(const struct ingress_connection *connection,
                                        uint32_t number) {
    return &connection->answers[number & connection->ingress->answer_mask];
}

bool ingress_may_ask(const struct ingress_connection *connection) {
    return connection->asked - connection->answered <= connection->ingress->answer_mask;
}

static void ask(struct ingress_connection *connection, struct ingress_answer answer) {
    *answer_at(connection, connection->asked++) = answer;
    connection->in_flight += answer.type == PACKET_PUBACK || answer.type == PACKET_PUBREC;
    struct session *session = connection->session;
    if (session && connection->in_flight > session->most_in_flight) {
        session->most_in_flight = (uint16_t) connection->in_flight;
    }
}

enum gw_err ingress_submit(struct ingress_connection *connection, const struct gw_unit *unit,
                           struct ingress_answer answer) {
    struct gw_ingress *ingress = connection->ingress;
    bool has_answer = (unit->token & TOKEN_ANSWER) != 0;
    if (has_answer) {
        ask(connection, answer);
    }
    enum gw_err err = gw_intake_submit(&ingress->options.intake, unit);
    if (err) {
        ingress->uncommitted--;
    }
    if (err && has_answer) {
        connection->asked--;
        connection->in_flight -= answer.type == PACKET_PUBACK || answer.type == PACKET_PUBREC;
    }
    return err;
}

/* The group before it failed inside the submit of this unit. */
static void end_failed(struct ingress_connection *connection) {
    connection->phase = PHASE_CLOSING;
    ingress_mark_ready(connection);
}

/*
 * The value of a session names all its packet ids of QoS 2. If the group before failed
 * inside this submit, the value names ids whose events were in that group: taken for
 * known they would be lost. So the value is made anew, of what the table holds and what
 * this unit itself stores. If that cannot be kept either, the session is given up, and
 * its client sends everything again.
 */
static void repair_session(struct ingress_connection *connection,
                           const struct ingress_answer *answer) {
    struct gw_ingress *ingress = connection->ingress;
    struct session *session = connection->session;
    session->is_doubtful = true;
    end_failed(connection);
    if (session_reload(session, &ingress->options.intake)) {
        return;
    }
    if (answer->type == PACKET_PUBREC) {
        (void) session_add_qos2(session, answer->packet_id);
    }
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_state_change change = session_save(session, storage);
    struct gw_unit unit = ingress_begin_unit(ingress, NULL, 0);
    unit.state_table = SESSION_TABLE;
    unit.changes = &change;
    unit.change_count = 1;
    if (gw_intake_submit(&ingress->options.intake, &unit)) {
        ingress->uncommitted--;
        return;
    }
    session->is_stored = true;
    session->is_doubtful = false;
}

enum gw_err ingress_submit_session(struct ingress_connection *connection,
                                   const struct gw_unit *unit, struct ingress_answer answer) {
    const struct gw_ingress *ingress = connection->ingress;
    uint64_t failures = ingress->failures;
    /* What failed earlier was not this connection's, else it would be over. */
    connection->session->must_reload = false;
    enum gw_err err = ingress_submit(connection, unit, answer);
    if (!err && failures != ingress->failures && unit->change_count > 0) {
        repair_session(connection, &answer);
    }
    return err;
}

void ingress_answer_known(struct ingress_connection *connection, struct ingress_answer answer) {
    const struct gw_ingress *ingress = connection->ingress;
    if (ingress->uncommitted > 0) {
        uint64_t failures = ingress->failures;
        struct gw_unit unit = ingress_begin_unit(connection->ingress, connection, TOKEN_ANSWER);
        if (ingress_submit(connection, &unit, answer)) {
            ingress_withhold(connection);
        } else if (failures != ingress->failures) {
            end_failed(connection); /* what it is known by may have been in that group */
        }
        return;
    }
    ask(connection, answer);
    connection->ready++;
    ingress_mark_ready(connection);
}

void ingress_withhold(struct ingress_connection *connection) {
    ++*connection->ingress->counters.withheld;
    if (!connection->is_withheld) {
        connection->is_withheld = true;
        connection->deadline_mono_ms =
            gw_clock_mono_ms(connection->ingress->options.clock) + INGRESS_WITHHELD_MS;
    }
}

void ingress_mark_ready(struct ingress_connection *connection) {
    if (!connection->in_ready) {
        connection->in_ready = true;
        connection->next_ready = connection->ingress->ready_head;
        connection->ingress->ready_head = connection->index;
    }
}

/* ---- writing ---- */

/* Advice, QoS 0: left out when there is no room for it. */
static void put_receipt(struct ingress_connection *connection,
                        const struct ingress_answer *answer) {
    static const char *const outcomes[] = {[OUTCOME_STORED] = "stored",
                                           [OUTCOME_QUARANTINED] = "quarantined",
                                           [OUTCOME_KNOWN] = "known"};
    uint8_t topic_bytes[GW_EVENT_NAME_MAX_BYTES + 32], payload_bytes[96];
    struct gw_buf topic, payload;
    gw_buf_init(&topic, topic_bytes, sizeof(topic_bytes));
    gw_buf_init(&payload, payload_bytes, sizeof(payload_bytes));
    gw_buf_printf(&topic, "gangway/%.*s/receipt",
                  GW_STR_ARG(session_device(connection->session)));
    gw_buf_printf(&payload, "{\"packetid\":%u,\"result\":\"%s\"}", (unsigned) answer->packet_id,
                  outcomes[answer->outcome]);
    size_t before = connection->out.len;
    if (encode_publish(&connection->out, connection->version, gw_buf_str(&topic),
                       gw_buf_bytes(&payload))) {
        if (connection->out.len - before > connection->client_maximum_packet) {
            gw_buf_rewind(&connection->out, before);
            return;
        }
        ++*connection->ingress->counters.receipts;
    }
}

static bool put_suback(struct ingress_connection *connection,
                       const struct ingress_answer *answer) {
    struct gw_bytes codes = {connection->suback_codes, connection->suback_count};
    if (!encode_suback(&connection->out, connection->version, (enum packet_type) answer->type,
                       answer->packet_id, codes)) {
        return false;
    }
    connection->suback_count = 0;
    return true;
}

static bool put_answer(struct ingress_connection *connection,
                       const struct ingress_answer *answer) {
    switch (answer->type) {
    case 0:
        return true;
    case PACKET_CONNACK:
        ingress_connected(connection);
        return true;
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        return put_suback(connection, answer);
    default:
        return encode_ack(&connection->out, connection->version,
                          (enum packet_type) answer->type, answer->packet_id, answer->reason);
    }
}

/* The packet that the newest answer is about may still be coming in. */
static bool may_answer(const struct ingress_connection *connection) {
    return connection->answered != connection->ready
           && !(connection->skip_len > 0 && connection->answered + 1 == connection->asked);
}

void ingress_put_answers(struct ingress_connection *connection) {
    while (may_answer(connection)) {
        const struct ingress_answer *answer = answer_at(connection, connection->answered);
        if (!put_answer(connection, answer)) {
            return;
        }
        bool is_publish = answer->type == PACKET_PUBACK || answer->type == PACKET_PUBREC;
        connection->in_flight -= is_publish;
        if ((is_publish || answer->type == 0) && connection->session
            && (connection->session->subscriptions & SESSION_RECEIPTS)) {
            put_receipt(connection, answer);
        }
        connection->answered++;
    }
}
