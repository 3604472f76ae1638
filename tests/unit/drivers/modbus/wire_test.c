/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three transports over real sockets and a pseudo terminal. Time-outs that must
 * come are short, those that must not are long, so that a busy machine changes nothing.
 */
#include "drivers/modbus/transport.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/modbus/stream.h"
#include "firmware/base/cleanup.h"
#include "tests/fakes/temp_folder.h"
#include "tests/unit/drivers/modbus/peer_rig.h"

#define LONG_MS 20000
#define SHORT_MS 80
/* Where the line has to be quiet for a multiple of it. */
#define QUIET_MS 800

struct rig {
    struct peer peer;
    struct gw_config_bus config;
    struct gw_modbus_wire *wire;
    struct gw_modbus_transport transport;
    uint16_t words[GW_MODBUS_MAX_BITS];
    unsigned exception;
};

enum medium { TCP, LINE, RTU_OVER_TCP };

#define EVERY_MEDIUM(medium) for (enum medium medium = TCP; medium <= RTU_OVER_TCP; medium++)

static struct gw_modbus_wire *wire_of(const struct gw_config_bus *config) {
    const struct gw_modbus_wire_options options = {.config = config,
                                                   .rest_every_ms = GW_MODBUS_REST_EVERY_MS,
                                                   .nobody_asked_before = true};
    struct gw_modbus_wire *wire = NULL;
    assert_int_equal(gw_modbus_wire_open(&options, &wire), GW_OK);
    return wire;
}

static void open_wire(struct rig *rig) {
    rig->wire = wire_of(&rig->config);
    rig->transport = gw_modbus_wire_transport(rig->wire);
    assert_int_equal(rig->transport.connect(rig->transport.self), GW_OK);
}

static void start(struct rig *rig, enum medium medium, const enum peer_act *script,
                  size_t count) {
    rig->config.timeout_ms = LONG_MS;
    rig->peer.hears_itself = rig->config.echo;
    if (medium == LINE) {
        peer_start_line(&rig->peer, script, count);
        rig->config.transport = GW_BUS_RTU;
        rig->config.line = rig->peer.line;
        rig->config.baud = 115200;
        rig->config.parity = GW_BUS_PARITY_NONE;
        rig->config.stop_bits = 1;
    } else {
        peer_start_tcp(&rig->peer, medium == TCP ? GW_FRAME_TCP : GW_FRAME_RTU, script, count);
        rig->config.transport = medium == TCP ? GW_BUS_TCP : GW_BUS_RTU_OVER_TCP;
        rig->config.host = "127.0.0.1";
        rig->config.port = rig->peer.port;
    }
    open_wire(rig);
}

static void stop(struct rig *rig) {
    gw_modbus_wire_close(rig->wire);
    peer_stop(&rig->peer);
}

static struct gw_modbus_wire_figures figures_of(const struct rig *rig) {
    struct gw_modbus_wire_figures figures;
    rig->transport.figures(rig->transport.self, &figures);
    return figures;
}

static enum gw_err read_from(struct rig *rig, uint8_t unit_id, uint16_t address, uint16_t count,
                             uint32_t timeout_ms) {
    const struct gw_modbus_request request = {.unit_id = unit_id,
                                              .area = GW_AREA_HOLDING_REGISTER,
                                              .address = address,
                                              .count = count,
                                              .timeout_ms = timeout_ms};
    return rig->transport.read(rig->transport.self, &request, rig->words, &rig->exception);
}

static void assert_values(const struct rig *rig, uint8_t unit_id, uint16_t address,
                          uint16_t count) {
    unsigned generation = atomic_load(&rig->peer.generation);
    for (uint16_t i = 0; i < count; i++) {
        assert_int_equal(rig->words[i],
                         peer_value(unit_id, (uint16_t) (address + i), generation));
    }
}

/* As the poller does: recover, connect if that closed it. */
static void recover(struct rig *rig) {
    enum gw_err err = rig->transport.recover(rig->transport.self);
    if (err) {
        assert_int_equal(err, GW_ERR_NOCONN);
        assert_int_equal(rig->transport.connect(rig->transport.self), GW_OK);
    }
}

static void read_within(struct rig *rig, uint8_t unit_id, uint16_t address, uint16_t count,
                        uint32_t timeout_ms) {
    memset(rig->words, 0xEE, sizeof rig->words);
    assert_int_equal(read_from(rig, unit_id, address, count, timeout_ms), GW_OK);
    assert_values(rig, unit_id, address, count);
}

static void read_well(struct rig *rig, uint8_t unit_id, uint16_t address, uint16_t count) {
    read_within(rig, unit_id, address, count, 0);
}

static void values_of_every_area_are_read(void **state) {
    (void) state;
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, NULL, 0);
        read_well(&rig, 1, 0, 1);
        read_well(&rig, 2, 60000, 125);
        for (enum gw_modbus_area area = GW_AREA_COIL; area <= GW_AREA_DISCRETE_INPUT; area++) {
            const struct gw_modbus_request bits = {
                .unit_id = 3, .area = area, .address = 5, .count = 2000};
            assert_int_equal(
                rig.transport.read(rig.transport.self, &bits, rig.words, &rig.exception),
                GW_OK);
            for (uint16_t i = 0; i < 2000; i++) {
                assert_int_equal(rig.words[i], peer_value(3, (uint16_t) (5 + i), 0) & 1);
            }
        }
        assert_int_equal(figures_of(&rig).connects, 1);
        stop(&rig);
    }
}

static void writes_are_confirmed(void **state) {
    (void) state;
    static const uint16_t words[] = {7, 8};
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, NULL, 0);
        for (uint16_t count = 1; count <= 2; count++) {
            const struct gw_modbus_write write = {.unit_id = 1,
                                                  .area = GW_AREA_HOLDING_REGISTER,
                                                  .address = 3,
                                                  .count = count,
                                                  .words = words};
            assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                             GW_OK);
        }
        const struct gw_modbus_write none = {.unit_id = 0, .count = 1, .words = words};
        rig.exception = 9;
        assert_int_equal(rig.transport.write(rig.transport.self, &none, &rig.exception),
                         GW_ERR_INVALID);
        assert_int_equal(rig.exception, 0);
        assert_int_equal(atomic_load(&rig.peer.requests), 2);
        stop(&rig);
    }
}

/* A late answer and the right one in one piece are thrown away together. */
static void read_in_the_end(struct rig *rig, uint8_t unit_id, uint16_t address,
                            uint16_t count) {
    enum gw_err err = GW_ERR_CORRUPT;
    for (int i = 0; i < 3 && err == GW_ERR_CORRUPT; i++) {
        err = read_from(rig, unit_id, address, count, QUIET_MS);
        if (err) {
            recover(rig);
        }
    }
    assert_int_equal(err, GW_OK);
    assert_values(rig, unit_id, address, count);
}

struct fault {
    enum peer_act act;
    bool on_tcp, on_rtu;
    enum gw_err err;
    enum gw_modbus_wrong_kind wrong;
    uint16_t found;
};

/* A truncated answer ends in a time-out: its rest may still come. */
static const struct fault faults[] = {
    {PEER_SILENT, true, true, GW_ERR_TIMEOUT, GW_WRONG_NOTHING, 0},
    {PEER_EXCEPTION, true, true, GW_ERR_INVALID, GW_WRONG_NOTHING, 0},
    {PEER_WRONG_TRANSACTION, true, false, GW_ERR_CORRUPT, GW_WRONG_TRANSACTION, 2},
    {PEER_WRONG_PROTOCOL, true, false, GW_ERR_CORRUPT, GW_WRONG_PROTOCOL, 0},
    {PEER_WRONG_LENGTH, true, false, GW_ERR_CORRUPT, GW_WRONG_LENGTH, 0},
    {PEER_WRONG_UNIT, true, true, GW_ERR_CORRUPT, GW_WRONG_UNIT, 2},
    {PEER_WRONG_FUNCTION, true, true, GW_ERR_CORRUPT, GW_WRONG_FUNCTION, 4},
    {PEER_WRONG_COUNT, true, true, GW_ERR_CORRUPT, GW_WRONG_LENGTH, 0},
    {PEER_BAD_CRC, false, true, GW_ERR_CORRUPT, GW_WRONG_CRC, 0},
    {PEER_TRUNCATED, true, true, GW_ERR_TIMEOUT, GW_WRONG_CUT, 0},
    {PEER_EXTRA, true, true, GW_ERR_CORRUPT, GW_WRONG_BEHIND, 0},
    {PEER_PIECES, true, true, GW_OK, GW_WRONG_NOTHING, 0},
    {PEER_HANG_UP, true, false, GW_ERR_NOCONN, GW_WRONG_NOTHING, 0},
};

static void try_fault(const struct fault *fault, enum medium medium) {
    struct rig rig = {0};
    start(&rig, medium, &fault->act, 1);
    uint32_t timeout_ms = fault->err == GW_ERR_TIMEOUT ? SHORT_MS : 0;
    assert_int_equal(read_from(&rig, 1, 10, 3, timeout_ms), fault->err);
    bool is_answered = fault->err == GW_OK || fault->err == GW_ERR_INVALID;
    if (fault->err == GW_ERR_INVALID) {
        assert_int_equal(rig.exception, 4);
    }
    struct gw_modbus_wrong wrong;
    rig.transport.wrong(rig.transport.self, &wrong);
    assert_int_equal(wrong.kind, fault->wrong);
    assert_int_equal(wrong.found, fault->found);
    assert_true((wrong.len > 0) == (fault->wrong != GW_WRONG_NOTHING));
    if (!is_answered) {
        recover(&rig);
    }
    read_well(&rig, 2, 20, 3);
    rig.transport.wrong(rig.transport.self, &wrong);
    assert_int_equal(wrong.kind, GW_WRONG_NOTHING);
    read_well(&rig, 1, 10, 3);
    assert_int_equal(figures_of(&rig).given_up, is_answered ? 0 : 1);
    assert_int_equal(figures_of(&rig).wrong[fault->wrong],
                     !is_answered && fault->err != GW_ERR_NOCONN);
    stop(&rig);
}

static void each_fault_is_known_and_the_next_request_is_answered(void **state) {
    (void) state;
    EVERY_MEDIUM(medium) {
        for (size_t i = 0; i < GW_ARRAY_LEN(faults); i++) {
            if (medium == TCP ? faults[i].on_tcp : faults[i].on_rtu) {
                try_fault(&faults[i], medium);
            }
        }
    }
}

/* The same block once more, so the late answer fits in every way but its time. */
static void a_late_answer_is_never_taken_for_the_next(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE, PEER_SILENT, PEER_LATE, PEER_LATE};
    for (size_t late = 1; late <= GW_ARRAY_LEN(script); late++) {
        EVERY_MEDIUM(medium) {
            struct rig rig = {0};
            start(&rig, medium, script, late);
            for (size_t i = 0; i < late; i++) {
                assert_int_equal(read_from(&rig, 1, 10, 3, SHORT_MS), GW_ERR_TIMEOUT);
                recover(&rig);
                atomic_fetch_add(&rig.peer.generation, 1);
            }
            /* On TCP it comes on the new connection, where only its number tells. */
            if (medium == TCP) {
                assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_CORRUPT);
                recover(&rig);
            }
            read_in_the_end(&rig, 1, 10, 3);
            struct gw_modbus_wire_figures figures = figures_of(&rig);
            if (medium != TCP) {
                assert_true(figures.fences >= 1);
            }
            if (late == 1) {
                assert_int_equal(figures.late, medium != TCP);
                read_well(&rig, 1, 10, 3);
                read_well(&rig, 1, 11, 1);
                assert_int_equal(figures_of(&rig).fences, figures.fences);
            }
            atomic_fetch_add(&rig.peer.generation, 1);
            read_well(&rig, 1, 10, 3);
            stop(&rig);
        }
    }
}

/* Its number alone tells, in whatever way the connections were confused. */
static void an_answer_of_another_connection_is_known_by_its_transaction(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE, PEER_KEPT};
    struct rig rig = {0};
    start(&rig, TCP, script, 2);
    assert_int_equal(read_from(&rig, 1, 10, 3, SHORT_MS), GW_ERR_TIMEOUT);
    recover(&rig);
    assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_CORRUPT);
    recover(&rig);
    read_well(&rig, 1, 10, 3);
    stop(&rig);
}

static void a_late_answer_costs_no_other_unit_anything(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE};
    for (enum medium medium = LINE; medium <= RTU_OVER_TCP; medium++) {
        struct rig rig = {0};
        start(&rig, medium, script, 1);
        assert_int_equal(read_from(&rig, 1, 10, 3, SHORT_MS), GW_ERR_TIMEOUT);
        recover(&rig);
        read_well(&rig, 2, 10, 3);
        assert_int_equal(figures_of(&rig).late, 1);
        stop(&rig);
    }
}

/* The exception of a request given up must not make a hole of what is asked next. */
static void a_late_exception_is_never_taken_for_that_of_the_next(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE_EXCEPTION};
    for (enum medium medium = LINE; medium <= RTU_OVER_TCP; medium++) {
        struct rig rig = {0};
        start(&rig, medium, script, 1);
        assert_int_equal(read_from(&rig, 1, 10, 3, SHORT_MS), GW_ERR_TIMEOUT);
        recover(&rig);
        enum gw_err err = GW_ERR_CORRUPT;
        for (int i = 0; i < 3 && err == GW_ERR_CORRUPT; i++) {
            err = read_from(&rig, 1, 10, 3, 500);
            if (err) {
                recover(&rig);
            }
        }
        assert_int_equal(err, GW_OK);
        assert_values(&rig, 1, 10, 3);
        stop(&rig);
    }
}

/* A register alone, and nothing about those beside it. The request lost is the third. */
static void a_lost_frame_does_not_silence_a_unit_that_is_mute_about_holes(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_RIGHT, PEER_RIGHT, PEER_SILENT};
    for (enum medium medium = LINE; medium <= RTU_OVER_TCP; medium++) {
        struct rig rig = {0};
        start(&rig, medium, script, 3);
        atomic_store(&rig.peer.only_address, 10);
        atomic_store(&rig.peer.only_count, 1);
        read_well(&rig, 1, 10, 1);
        read_well(&rig, 1, 10, 1);
        assert_int_equal(read_from(&rig, 1, 10, 1, SHORT_MS), GW_ERR_TIMEOUT);
        recover(&rig);
        for (int i = 0; i < 5; i++) {
            atomic_fetch_add(&rig.peer.generation, 1);
            read_within(&rig, 1, 10, 1, QUIET_MS);
        }
        assert_int_equal(figures_of(&rig).given_up, 1);
        assert_int_equal(figures_of(&rig).fences, 1);
        stop(&rig);
    }
}

/* As the search for what silences a block does. */
static void a_point_alone_is_read_after_its_block_was_not_answered(void **state) {
    (void) state;
    for (enum medium medium = LINE; medium <= RTU_OVER_TCP; medium++) {
        struct rig rig = {0};
        start(&rig, medium, NULL, 0);
        atomic_store(&rig.peer.only_address, 10);
        atomic_store(&rig.peer.only_count, 1);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(read_from(&rig, 1, 10, 7, SHORT_MS), GW_ERR_TIMEOUT);
            recover(&rig);
            read_within(&rig, 1, 10, 1, QUIET_MS);
        }
        stop(&rig);
    }
}

/* Where no fence is left the answer is the last of several, and of its own time. */
static void a_late_answer_of_one_register_is_not_taken_for_the_next(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE, PEER_KEPT};
    for (enum medium medium = LINE; medium <= RTU_OVER_TCP; medium++) {
        struct rig rig = {0};
        start(&rig, medium, script, 2);
        assert_int_equal(read_from(&rig, 1, 10, 1, SHORT_MS), GW_ERR_TIMEOUT);
        recover(&rig);
        atomic_fetch_add(&rig.peer.generation, 1);
        read_within(&rig, 1, 10, 1, QUIET_MS);
        assert_int_equal(figures_of(&rig).fences, 1);
        stop(&rig);
    }
}

static void a_write_after_a_lost_confirmation_is_fenced_as_well(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_LATE_EXCEPTION};
    static const uint16_t words[] = {7, 8};
    struct rig rig = {0};
    start(&rig, LINE, script, 1);
    struct gw_modbus_write write = {.unit_id = 1,
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .address = 3,
                                    .count = 1,
                                    .words = words};
    gw_modbus_wire_close(rig.wire);
    rig.config.timeout_ms = 1000;
    open_wire(&rig);
    assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                     GW_ERR_TIMEOUT);
    recover(&rig);
    write.words = words + 1;
    assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception), GW_OK);
    assert_int_equal(figures_of(&rig).fences, 1);
    assert_int_equal(figures_of(&rig).late, 1);
    stop(&rig);
}

/* The unit stays silent at the fence before the second write. */
static void a_write_that_did_not_go_out_says_so(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_SILENT, PEER_SILENT};
    static const uint16_t words[] = {7, 8};
    struct rig rig = {0};
    start(&rig, LINE, script, 2);
    bool was_sent = false;
    struct gw_modbus_write write = {.unit_id = 1,
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .address = 3,
                                    .count = 1,
                                    .words = words,
                                    .was_sent = &was_sent};
    gw_modbus_wire_close(rig.wire);
    rig.config.timeout_ms = SHORT_MS;
    open_wire(&rig);
    assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                     GW_ERR_TIMEOUT);
    assert_true(was_sent);
    recover(&rig);
    was_sent = false;
    write.words = words + 1;
    assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                     GW_ERR_TIMEOUT);
    assert_int_equal(figures_of(&rig).fences, 1);
    assert_false(was_sent);
    stop(&rig);
}

/* The pause before a request is longer than the write may wait. */
static void a_write_whose_time_ends_before_it_goes_out_is_not_sent(void **state) {
    (void) state;
    static const uint16_t words[] = {7};
    EVERY_MEDIUM(medium) {
        struct rig rig = {.config.pause_ms = 3 * SHORT_MS};
        start(&rig, medium, NULL, 0);
        bool was_sent = false;
        struct gw_modbus_write write = {.unit_id = 1,
                                        .area = GW_AREA_HOLDING_REGISTER,
                                        .address = 3,
                                        .count = 1,
                                        .words = words,
                                        .send_within_ms = 1,
                                        .was_sent = &was_sent};
        assert_int_equal(read_from(&rig, 1, 3, 1, 0), GW_OK);
        assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                         GW_ERR_TIMEOUT);
        assert_false(was_sent);
        assert_int_equal(atomic_load(&rig.peer.requests), 1);
        write.send_within_ms = LONG_MS;
        assert_int_equal(rig.transport.write(rig.transport.self, &write, &rig.exception),
                         GW_OK);
        assert_true(was_sent);
        stop(&rig);
    }
}

static void what_comes_unasked_is_thrown_away(void **state) {
    (void) state;
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, NULL, 0);
        read_well(&rig, 1, 10, 3);
        peer_say(&rig.peer, "\x01\x03\x06\x11\x11\x22\x22\x33\x33\x01\x02", 11);
        /* It is not known when it arrives; it must be there for the test to say anything. */
        int64_t until_us = gw_stream_now_us() + 50000;
        while (gw_stream_now_us() < until_us) {
        }
        read_well(&rig, 1, 10, 3);
        assert_int_equal(figures_of(&rig).stray_bytes, 11);
        assert_int_equal(figures_of(&rig).given_up, 0);
        stop(&rig);
    }
}

static void an_answer_that_comes_twice_is_used_once(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_TWICE, PEER_TWICE, PEER_TWICE};
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, script, 3);
        for (int i = 0; i < 6; i++) {
            enum gw_err err = read_from(&rig, 1, 10, 3, QUIET_MS);
            if (err) {
                assert_int_equal(err, GW_ERR_CORRUPT);
                recover(&rig);
            } else {
                assert_values(&rig, 1, 10, 3);
            }
            atomic_fetch_add(&rig.peer.generation, 1);
        }
        stop(&rig);
    }
}

static void a_connection_closed_while_idle_is_made_anew(void **state) {
    (void) state;
    struct rig rig = {0};
    start(&rig, TCP, NULL, 0);
    read_well(&rig, 1, 10, 3);
    assert_int_equal(shutdown(rig.peer.connection, SHUT_RDWR), 0);
    read_well(&rig, 1, 10, 3);
    assert_int_equal(figures_of(&rig).connects, 2);
    assert_int_equal(figures_of(&rig).given_up, 0);
    stop(&rig);
}

static void an_echo_is_read_back(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_RIGHT, PEER_SILENT};
    struct rig rig = {.config.echo = true};
    start(&rig, LINE, script, 2);
    read_well(&rig, 1, 10, 3);
    assert_int_equal(read_from(&rig, 1, 10, 3, SHORT_MS), GW_ERR_TIMEOUT);
    assert_int_equal(figures_of(&rig).wrong[GW_WRONG_NOTHING], 1);
    recover(&rig);
    read_well(&rig, 1, 10, 3);
    stop(&rig);
}

static void no_echo_is_a_fault(void **state) {
    (void) state;
    struct rig rig = {.config.echo = true};
    start(&rig, LINE, NULL, 0);
    rig.peer.hears_itself = false;
    assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_CORRUPT);
    assert_int_equal(figures_of(&rig).wrong[GW_WRONG_ECHO], 1);
    stop(&rig);
}

static void an_echo_that_nobody_expects_is_named(void **state) {
    (void) state;
    struct rig rig = {0};
    start(&rig, LINE, NULL, 0);
    rig.peer.hears_itself = true;
    assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_CORRUPT);
    assert_int_equal(figures_of(&rig).wrong[GW_WRONG_REQUEST], 1);
    stop(&rig);
}

static void units_that_nobody_answers_to_are_not_asked_on_a_line(void **state) {
    (void) state;
    static const uint8_t units[] = {0, 248, 255};
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, NULL, 0);
        for (size_t i = 0; i < sizeof units; i++) {
            enum gw_err err = read_from(&rig, units[i], 1, 1, 0);
            assert_int_equal(err, medium == TCP ? GW_OK : GW_ERR_INVALID);
            assert_true(medium == TCP || rig.exception == 3);
        }
        stop(&rig);
    }
}

static void *interrupt_later(void *argument) {
    struct rig *rig = argument;
    while (atomic_load(&rig->peer.requests) == 0) {
        (void) usleep(1000);
    }
    gw_modbus_wire_interrupt(rig->wire);
    return NULL;
}

static void an_interrupt_ends_what_is_under_way_and_all_that_follows(void **state) {
    (void) state;
    static const enum peer_act script[] = {PEER_SILENT};
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        start(&rig, medium, script, 1);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &rig), 0);
        int64_t start_us = gw_stream_now_us();
        assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_NOCONN);
        assert_true(gw_stream_now_us() - start_us < (int64_t) LONG_MS * 1000);
        assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_NOCONN);
        assert_int_equal(rig.transport.recover(rig.transport.self), GW_ERR_NOCONN);
        if (medium != LINE) {
            assert_int_equal(rig.transport.connect(rig.transport.self), GW_ERR_NOCONN);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        stop(&rig);
    }
}

struct babbler {
    struct rig *rig;
    atomic_bool is_done;
};

static void *babble(void *argument) {
    struct babbler *babbler = argument;
    struct pollfd out = {.fd = babbler->rig->peer.master, .events = POLLOUT};
    while (!atomic_load(&babbler->is_done)) {
        if (poll(&out, 1, 1) > 0) {
            peer_say(&babbler->rig->peer, "babble", 6);
        }
    }
    return NULL;
}

/* A babbler that is not given the processor is quiet: then it is tried again. */
static void a_line_that_babbles_is_closed(void **state) {
    (void) state;
    struct rig rig = {0};
    start(&rig, LINE, NULL, 0);
    gw_modbus_wire_close(rig.wire);
    rig.config.baud = 300; /* which asks for the longest silence */
    open_wire(&rig);
    struct babbler babbler = {.rig = &rig};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, babble, &babbler), 0);
    enum gw_err err = GW_OK;
    for (int i = 0; i < 20 && !err; i++) {
        err = rig.transport.recover(rig.transport.self);
    }
    atomic_store(&babbler.is_done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(err, GW_ERR_CORRUPT);
    assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_NOCONN);
    stop(&rig);
}

static void a_line_belongs_to_one(void **state) {
    (void) state;
    struct rig rig = {0};
    start(&rig, LINE, NULL, 0);
    struct gw_modbus_wire *second = NULL;
    second = wire_of(&rig.config);
    struct gw_modbus_transport transport = gw_modbus_wire_transport(second);
    assert_int_equal(transport.connect(transport.self), GW_ERR_BUSY);
    read_well(&rig, 1, 10, 3);
    rig.transport.disconnect(rig.transport.self);
    assert_int_equal(transport.connect(transport.self), GW_OK);
    gw_modbus_wire_close(second);
    stop(&rig);
}

static void what_is_no_line_is_named(void **state) {
    (void) state;
    static const struct {
        const char *path;
        enum gw_err err;
    } cases[] = {{"/dev/serial/by-id/none", GW_ERR_NOENT}, {"/dev/null", GW_ERR_INVALID}};
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        const struct gw_config_bus config = {.transport = GW_BUS_RTU,
                                             .line = cases[i].path,
                                             .baud = 9600,
                                             .stop_bits = 1,
                                             .timeout_ms = 100};
        struct gw_modbus_wire *wire = NULL;
        wire = wire_of(&config);
        struct gw_modbus_transport transport = gw_modbus_wire_transport(wire);
        assert_int_equal(transport.connect(transport.self), cases[i].err);
        gw_modbus_wire_close(wire);
    }
}

/* The name stays, what is behind it is another device: as with /dev/serial/by-id. */
static void an_adapter_that_is_unplugged_comes_back(void **state) {
    (void) state;
    struct gw_temp_folder folder;
    gw_temp_folder_open(&folder);
    char link[GW_TEMP_PATH_BYTES];
    (void) gw_temp_path(&folder, "adapter", link);
    struct rig rig = {0};
    start(&rig, LINE, NULL, 0);
    gw_modbus_wire_close(rig.wire);
    rig.config.line = link;
    assert_int_equal(symlink(rig.peer.line, link), 0);
    open_wire(&rig);
    read_well(&rig, 1, 10, 3);
    peer_stop(&rig.peer);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(read_from(&rig, 1, 10, 3, 0), GW_ERR_NOCONN);
    assert_int_equal(rig.transport.connect(rig.transport.self), GW_ERR_NOENT);
    peer_start_line(&rig.peer, NULL, 0);
    assert_int_equal(symlink(rig.peer.line, link), 0);
    assert_int_equal(rig.transport.connect(rig.transport.self), GW_OK);
    read_well(&rig, 1, 10, 3);
    stop(&rig);
    gw_temp_folder_close(&folder);
}

/* Time that must pass; how much more passes is the machine's affair. */
static void a_slow_line_is_given_its_silence_and_a_slow_device_its_pause(void **state) {
    (void) state;
    EVERY_MEDIUM(medium) {
        struct rig rig = {0};
        rig.config.pause_ms = medium == LINE ? 0 : 120;
        start(&rig, medium, NULL, 0);
        if (medium == LINE) {
            gw_modbus_wire_close(rig.wire);
            rig.config.baud = 300; /* 3.5 characters of 10 bits */
            open_wire(&rig);
        }
        int64_t start_us = gw_stream_now_us();
        read_well(&rig, 1, 10, 1);
        read_well(&rig, 1, 10, 1);
        assert_true(gw_stream_now_us() - start_us
                    >= (medium == LINE ? 2 * 116667 : 2 * 120000));
        stop(&rig);
    }
}

static void nobody_listens(void **state) {
    (void) state;
    struct rig rig = {0};
    start(&rig, TCP, NULL, 0);
    gw_modbus_wire_close(rig.wire);
    peer_stop(&rig.peer);
    rig.wire = wire_of(&rig.config);
    rig.transport = gw_modbus_wire_transport(rig.wire);
    assert_int_equal(rig.transport.connect(rig.transport.self), GW_ERR_NOCONN);
    assert_int_equal(read_from(&rig, 1, 1, 1, 0), GW_ERR_NOCONN);
    gw_modbus_wire_close(rig.wire);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_area_are_read),
        cmocka_unit_test(writes_are_confirmed),
        cmocka_unit_test(each_fault_is_known_and_the_next_request_is_answered),
        cmocka_unit_test(a_late_answer_is_never_taken_for_the_next),
        cmocka_unit_test(an_answer_of_another_connection_is_known_by_its_transaction),
        cmocka_unit_test(a_late_answer_costs_no_other_unit_anything),
        cmocka_unit_test(a_late_exception_is_never_taken_for_that_of_the_next),
        cmocka_unit_test(a_lost_frame_does_not_silence_a_unit_that_is_mute_about_holes),
        cmocka_unit_test(a_point_alone_is_read_after_its_block_was_not_answered),
        cmocka_unit_test(a_late_answer_of_one_register_is_not_taken_for_the_next),
        cmocka_unit_test(a_write_after_a_lost_confirmation_is_fenced_as_well),
        cmocka_unit_test(a_write_that_did_not_go_out_says_so),
        cmocka_unit_test(a_write_whose_time_ends_before_it_goes_out_is_not_sent),
        cmocka_unit_test(what_comes_unasked_is_thrown_away),
        cmocka_unit_test(an_answer_that_comes_twice_is_used_once),
        cmocka_unit_test(a_connection_closed_while_idle_is_made_anew),
        cmocka_unit_test(an_echo_is_read_back),
        cmocka_unit_test(no_echo_is_a_fault),
        cmocka_unit_test(an_echo_that_nobody_expects_is_named),
        cmocka_unit_test(units_that_nobody_answers_to_are_not_asked_on_a_line),
        cmocka_unit_test(an_interrupt_ends_what_is_under_way_and_all_that_follows),
        cmocka_unit_test(a_line_that_babbles_is_closed),
        cmocka_unit_test(a_line_belongs_to_one),
        cmocka_unit_test(what_is_no_line_is_named),
        cmocka_unit_test(an_adapter_that_is_unplugged_comes_back),
        cmocka_unit_test(a_slow_line_is_given_its_silence_and_a_slow_device_its_pause),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
