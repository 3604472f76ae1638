/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/execute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_clock.h"

/* A wire whose answers are a script, and which notes in letters what was asked of it:
 * W write, R read, v recover, D disconnect, C connect. */
struct wire {
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_modbus_transport transport;
    enum gw_err write_err, read_err, recover_err, connect_err;
    unsigned write_exception, read_exception;
    bool keeps;            /* what is written is read back */
    bool sends_nothing;    /* the write fails before it goes out */
    int64_t ready_ms;      /* what making the line ready takes */
    int64_t began_mono_ms; /* 0 = when the clock says */
    uint16_t memory[4];
    char calls[32];
    struct gw_modbus_write last;
};

static void note(struct wire *wire, char call) {
    size_t len = strlen(wire->calls);
    assert_true(len + 1 < sizeof wire->calls);
    wire->calls[len] = call;
    gw_fake_clock_advance(&wire->fake, 10);
}

static enum gw_err fake_connect(void *self) {
    struct wire *wire = self;
    note(wire, 'C');
    return wire->connect_err;
}

static void fake_disconnect(void *self) {
    note(self, 'D');
}

static enum gw_err fake_read(void *self, const struct gw_modbus_request *request,
                             uint16_t *words, unsigned *ret_exception) {
    struct wire *wire = self;
    note(wire, 'R');
    if (wire->read_err) {
        *ret_exception = wire->read_exception;
        return wire->read_err;
    }
    memcpy(words, wire->memory, request->count * sizeof *words);
    return GW_OK;
}

static enum gw_err fake_write(void *self, const struct gw_modbus_write *write,
                              unsigned *ret_exception) {
    struct wire *wire = self;
    note(wire, 'W');
    wire->last = *write;
    gw_fake_clock_advance(&wire->fake, wire->ready_ms);
    bool is_late = write->send_within_ms > 0 && wire->ready_ms >= write->send_within_ms;
    bool is_bad = wire->write_err == GW_ERR_INVALID && wire->write_exception == 0;
    if (is_late) {
        return GW_ERR_TIMEOUT;
    }
    *write->was_sent = !wire->sends_nothing && !is_bad;
    if (wire->keeps) {
        memcpy(wire->memory, write->words, write->count * sizeof(uint16_t));
    }
    *ret_exception = wire->write_exception;
    return wire->write_err;
}

static enum gw_err fake_recover(void *self) {
    struct wire *wire = self;
    note(wire, 'v');
    return wire->recover_err;
}

static struct wire make_wire(void) {
    return (struct wire){.keeps = true, .recover_err = GW_ERR_NOCONN};
}

static struct gw_modbus_answer execute(struct wire *wire, const struct gw_modbus_job *job,
                                       bool *ret_is_connected) {
    struct gw_modbus_answer answer;
    wire->clock = gw_fake_clock_init(&wire->fake);
    if (wire->began_mono_ms > 0) {
        wire->fake.mono_ms = wire->began_mono_ms;
    }
    wire->transport = (struct gw_modbus_transport){.connect = fake_connect,
                                                   .disconnect = fake_disconnect,
                                                   .read = fake_read,
                                                   .write = fake_write,
                                                   .recover = fake_recover,
                                                   .self = wire};
    *ret_is_connected = gw_modbus_execute(&wire->transport, &wire->clock, job, &answer);
    return answer;
}

static struct gw_modbus_job write_job(bool reads_back) {
    return (struct gw_modbus_job){
        .request = {.unit_id = 2, .area = GW_AREA_HOLDING_REGISTER, .address = 9, .count = 2},
        .is_write = true,
        .reads_back = reads_back,
        .words = {7, 8}};
}

static void a_write_is_sent_once_and_read_back(void **state) {
    (void) state;
    struct wire wire = make_wire();
    struct gw_modbus_job job = write_job(true);
    bool is_connected = false;
    struct gw_modbus_answer answer = execute(&wire, &job, &is_connected);
    assert_string_equal(wire.calls, "WR");
    assert_true(is_connected && answer.was_sent);
    assert_int_equal(answer.err, GW_OK);
    assert_int_equal(answer.read_err, GW_OK);
    assert_memory_equal(answer.words, job.words, 4);
    assert_int_equal(answer.took_ms, 20);
    assert_int_equal(wire.last.unit_id, 2);
    assert_int_equal(wire.last.address, 9);
    assert_int_equal(wire.last.count, 2);
}

struct course {
    struct wire wire;
    bool reads_back;
    const char *calls;
    bool is_connected, was_sent;
    enum gw_err read_err;
};

static void after_each_failure_the_line_is_made_safe_and_nothing_is_sent_again(void **state) {
    (void) state;
    struct course courses[] = {
        /* no confirmation on TCP: closed, connected anew, read back */
        {{.write_err = GW_ERR_TIMEOUT, .recover_err = GW_ERR_NOCONN},
         true,
         "WvCR",
         true,
         true,
         GW_OK},
        /* on RTU: drained, read back on the same line */
        {{.write_err = GW_ERR_TIMEOUT, .recover_err = GW_OK}, true, "WvR", true, true, GW_OK},
        {{.write_err = GW_ERR_CORRUPT, .recover_err = GW_ERR_NOCONN},
         true,
         "WvCR",
         true,
         true,
         GW_OK},
        {{.write_err = GW_ERR_NOCONN}, true, "WDCR", true, true, GW_OK},
        {{.write_err = GW_ERR_NOCONN, .connect_err = GW_ERR_NOCONN},
         true,
         "WDC",
         false,
         true,
         GW_ERR_NOCONN},
        {{.write_err = GW_ERR_TIMEOUT,
          .recover_err = GW_ERR_NOCONN,
          .read_err = GW_ERR_TIMEOUT},
         true,
         "WvCRv",
         false,
         true,
         GW_ERR_TIMEOUT},
        /* the unit says no: it need not be asked what it shows */
        {{.write_err = GW_ERR_INVALID, .write_exception = 2},
         true,
         "W",
         true,
         true,
         GW_ERR_NOENT},
        {{.write_err = GW_ERR_INVALID, .write_exception = 6},
         true,
         "W",
         true,
         true,
         GW_ERR_NOENT},
        /* the unit says that it may have done it */
        {{.write_err = GW_ERR_INVALID, .write_exception = 4}, true, "WR", true, true, GW_OK},
        {{.write_err = GW_ERR_INVALID, .write_exception = 5}, true, "WR", true, true, GW_OK},
        {{.write_err = GW_ERR_INVALID, .write_exception = 11}, true, "WR", true, true, GW_OK},
        /* no such request can be made: nothing was sent */
        {{.write_err = GW_ERR_INVALID}, true, "W", true, false, GW_ERR_NOENT},
        /* a command register is not read back, whatever comes */
        {{.write_err = GW_OK}, false, "W", true, true, GW_ERR_NOENT},
        {{.write_err = GW_ERR_TIMEOUT, .recover_err = GW_ERR_NOCONN},
         false,
         "Wv",
         false,
         true,
         GW_ERR_NOENT},
        {{.read_err = GW_ERR_INVALID, .read_exception = 2},
         true,
         "WR",
         true,
         true,
         GW_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++) {
        struct course *course = &courses[i];
        struct gw_modbus_job job = write_job(course->reads_back);
        bool is_connected = false;
        struct gw_modbus_answer answer = execute(&course->wire, &job, &is_connected);
        assert_string_equal(course->wire.calls, course->calls);
        assert_int_equal(answer.err, course->wire.write_err);
        assert_int_equal(answer.exception, course->wire.write_exception);
        assert_int_equal(is_connected, course->is_connected);
        assert_int_equal(answer.was_sent, course->was_sent);
        assert_int_equal(answer.read_err, course->read_err);
    }
}

static void a_write_whose_time_is_over_is_not_sent(void **state) {
    (void) state;
    const struct {
        int64_t deadline_mono_ms, ready_ms;
        const char *calls;
        bool was_sent;
    } cases[] = {
        {1000, 0, "", false},     {500, 0, "", false},          {1100, 0, "WR", true},
        {1100, 150, "Wv", false}, {INT64_MAX, 150, "WR", true}, {0, 150, "WR", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire wire = make_wire();
        struct gw_modbus_job job = write_job(true);
        bool is_connected = false;
        wire.began_mono_ms = 1000;
        wire.ready_ms = cases[i].ready_ms;
        job.deadline_mono_ms = cases[i].deadline_mono_ms;
        struct gw_modbus_answer answer = execute(&wire, &job, &is_connected);
        assert_string_equal(wire.calls, cases[i].calls);
        assert_int_equal(answer.was_sent, cases[i].was_sent);
        assert_int_equal(answer.err, cases[i].was_sent ? GW_OK : GW_ERR_TIMEOUT);
    }
}

/* A fence that was not answered, or a connection lost before: nothing of the write went out,
 * and no time of its own was over. */
static void what_failed_before_the_write_is_told_as_not_sent(void **state) {
    (void) state;
    const struct {
        enum gw_err err, told;
        const char *calls;
    } cases[] = {
        {GW_ERR_TIMEOUT, GW_ERR_CORRUPT, "Wv"},
        {GW_ERR_CORRUPT, GW_ERR_CORRUPT, "Wv"},
        {GW_ERR_NOCONN, GW_ERR_NOCONN, "WD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire wire = make_wire();
        struct gw_modbus_job job = write_job(true);
        bool is_connected = true;
        wire.write_err = cases[i].err;
        wire.sends_nothing = true;
        struct gw_modbus_answer answer = execute(&wire, &job, &is_connected);
        assert_string_equal(wire.calls, cases[i].calls);
        assert_false(answer.was_sent || is_connected);
        assert_int_equal(answer.err, cases[i].told);
    }
}

static void a_read_is_sent_once(void **state) {
    (void) state;
    struct gw_modbus_job job = write_job(true);
    job.is_write = false;
    bool is_connected = false;
    struct wire wire = make_wire();
    struct gw_modbus_answer answer = execute(&wire, &job, &is_connected);
    assert_string_equal(wire.calls, "R");
    assert_true(is_connected && answer.was_sent);
    wire = make_wire();
    wire.read_err = GW_ERR_TIMEOUT;
    answer = execute(&wire, &job, &is_connected);
    assert_string_equal(wire.calls, "Rv");
    assert_false(is_connected);
    assert_int_equal(answer.err, GW_ERR_TIMEOUT);
    wire = make_wire();
    wire.read_err = GW_ERR_INVALID;
    wire.read_exception = 2;
    answer = execute(&wire, &job, &is_connected);
    assert_string_equal(wire.calls, "R");
    assert_true(is_connected);
    assert_int_equal(answer.exception, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_sent_once_and_read_back),
        cmocka_unit_test(after_each_failure_the_line_is_made_safe_and_nothing_is_sent_again),
        cmocka_unit_test(a_write_whose_time_is_over_is_not_sent),
        cmocka_unit_test(what_failed_before_the_write_is_told_as_not_sent),
        cmocka_unit_test(a_read_is_sent_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
