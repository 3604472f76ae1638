/* SPDX-License-Identifier: Apache-2.0 */
/* Our client against the server of libmodbus: somebody else's idea of every frame. */
#include <modbus.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/modbus/transport.h"
#include "firmware/base/cleanup.h"

#define UNIT 5
#define ADDRESSES 3000

struct server {
    modbus_t *modbus;
    modbus_mapping_t *mapping;
    int listener; /* -1 on a line */
    int slave;
    pthread_t thread;
    struct gw_config_bus config;
    char line[64];
};

/* Until the client hangs up. */
static void *serve(void *argument) {
    struct server *server = argument;
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    int listener = server->listener;
    if (listener >= 0 && modbus_tcp_accept(server->modbus, &listener) < 0) {
        return NULL;
    }
    int len = 0;
    while (len >= 0) {
        len = modbus_receive(server->modbus, request);
        if (len > 0) {
            (void) modbus_reply(server->modbus, request, len, server->mapping);
        }
    }
    return NULL;
}

static void start_tcp(struct server *server) {
    server->modbus = modbus_new_tcp("127.0.0.1", 0);
    assert_non_null(server->modbus);
    server->listener = modbus_tcp_listen(server->modbus, 1);
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(server->listener, (struct sockaddr *) &address, &size), 0);
    server->config.host = "127.0.0.1";
    server->config.port = ntohs(address.sin_port);
}

static void start_line(struct server *server) {
    int master = -1;
    struct termios raw = {0};
    cfmakeraw(&raw);
    assert_int_equal(openpty(&master, &server->slave, server->line, &raw, NULL), 0);
    server->modbus = modbus_new_rtu("/dev/null", 115200, 'N', 8, 1);
    assert_non_null(server->modbus);
    assert_int_equal(modbus_set_socket(server->modbus, master), 0);
    server->listener = -1;
    server->config.transport = GW_BUS_RTU;
    server->config.line = server->line;
    server->config.baud = 115200;
    server->config.stop_bits = 1;
}

static struct gw_modbus_wire *start(struct server *server, bool is_line) {
    server->slave = -1;
    server->config.timeout_ms = 20000;
    if (is_line) {
        start_line(server);
    } else {
        start_tcp(server);
    }
    assert_int_equal(modbus_set_slave(server->modbus, UNIT), 0);
    server->mapping = modbus_mapping_new(ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES);
    assert_non_null(server->mapping);
    for (int i = 0; i < ADDRESSES; i++) {
        server->mapping->tab_bits[i] = i % 3 == 0;
        server->mapping->tab_input_bits[i] = i % 5 == 0;
        server->mapping->tab_registers[i] = (uint16_t) (i * 7);
        server->mapping->tab_input_registers[i] = (uint16_t) (i * 11);
    }
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    struct gw_modbus_wire *wire = NULL;
    assert_int_equal(
        gw_modbus_wire_open(
            &(struct gw_modbus_wire_options){.config = &server->config,
                                             .nobody_asked_before = true,
                                             .rest_every_ms = GW_MODBUS_REST_EVERY_MS},
            &wire),
        GW_OK);
    struct gw_modbus_transport transport = gw_modbus_wire_transport(wire);
    assert_int_equal(transport.connect(transport.self), GW_OK);
    if (is_line) {
        (void) close(server->slave); /* so that the server sees us hang up */
    }
    return wire;
}

static void stop(struct server *server, struct gw_modbus_wire *wire) {
    gw_modbus_wire_close(wire);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    modbus_mapping_free(server->mapping);
    modbus_close(server->modbus);
    modbus_free(server->modbus);
    if (server->listener >= 0) {
        (void) close(server->listener);
    }
}

static uint16_t value_at(const struct server *server, enum gw_modbus_area area, size_t at) {
    switch (area) {
    case GW_AREA_COIL:
        return server->mapping->tab_bits[at];
    case GW_AREA_DISCRETE_INPUT:
        return server->mapping->tab_input_bits[at];
    case GW_AREA_INPUT_REGISTER:
        return server->mapping->tab_input_registers[at];
    default:
        return server->mapping->tab_registers[at];
    }
}

static void read_area(const struct server *server, struct gw_modbus_wire *wire,
                      enum gw_modbus_area area, uint16_t count) {
    struct gw_modbus_transport transport = gw_modbus_wire_transport(wire);
    uint16_t words[GW_MODBUS_MAX_BITS];
    unsigned exception = 0;
    const struct gw_modbus_request request = {
        .unit_id = UNIT, .area = area, .address = 17, .count = count};
    assert_int_equal(transport.read(transport.self, &request, words, &exception), GW_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(words[i], value_at(server, area, 17 + i));
    }
}

static void write_area(const struct server *server, struct gw_modbus_wire *wire,
                       enum gw_modbus_area area, uint16_t count, bool is_multiple) {
    struct gw_modbus_transport transport = gw_modbus_wire_transport(wire);
    uint16_t words[GW_MODBUS_MAX_WRITE_BITS];
    for (size_t i = 0; i < count; i++) {
        words[i] = area == GW_AREA_COIL ? i % 2 == 0 : (uint16_t) (60000 - i);
    }
    unsigned exception = 0;
    const struct gw_modbus_write write = {.unit_id = UNIT,
                                          .area = area,
                                          .address = 40,
                                          .count = count,
                                          .words = words,
                                          .is_multiple = is_multiple};
    assert_int_equal(transport.write(transport.self, &write, &exception), GW_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(value_at(server, area, 40 + i), words[i]);
    }
}

static void the_server_of_libmodbus_is_read_and_written(void **state) {
    (void) state;
    for (int is_line = 0; is_line <= 1; is_line++) {
        struct server server = {0};
        struct gw_modbus_wire *wire = start(&server, is_line);
        for (enum gw_modbus_area area = GW_AREA_COIL; area <= GW_AREA_HOLDING_REGISTER;
             area++) {
            read_area(&server, wire, area, 1);
            read_area(&server, wire, area, gw_point_area_is_bits(area) ? 2000 : 125);
        }
        write_area(&server, wire, GW_AREA_COIL, 1, false);
        write_area(&server, wire, GW_AREA_COIL, 1, true);
        write_area(&server, wire, GW_AREA_COIL, 1968, false);
        write_area(&server, wire, GW_AREA_HOLDING_REGISTER, 1, false);
        write_area(&server, wire, GW_AREA_HOLDING_REGISTER, 1, true);
        write_area(&server, wire, GW_AREA_HOLDING_REGISTER, 123, false);
        stop(&server, wire);
    }
}

static void its_exceptions_are_ours(void **state) {
    (void) state;
    for (int is_line = 0; is_line <= 1; is_line++) {
        struct server server = {0};
        struct gw_modbus_wire *wire = start(&server, is_line);
        struct gw_modbus_transport transport = gw_modbus_wire_transport(wire);
        uint16_t words[2];
        unsigned exception = 0;
        const struct gw_modbus_request request = {.unit_id = UNIT,
                                                  .area = GW_AREA_INPUT_REGISTER,
                                                  .address = ADDRESSES - 1,
                                                  .count = 2};
        assert_int_equal(transport.read(transport.self, &request, words, &exception),
                         GW_ERR_INVALID);
        assert_int_equal(exception, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
        read_area(&server, wire, GW_AREA_INPUT_REGISTER, 2);
        stop(&server, wire);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_of_libmodbus_is_read_and_written),
        cmocka_unit_test(its_exceptions_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
