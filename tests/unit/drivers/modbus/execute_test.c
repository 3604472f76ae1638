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
    bool keeps; /* what is written is read back */
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
        cmocka_unit_test(a_read_is_sent_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
