/* SPDX-License-Identifier: Apache-2.0 */
/* What a Modbus bus runs on: which keys belong to which transport. */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/check.h"
#include "firmware/config/speed.h"

/* MODBUS over Serial Line V1.02, section 2.5.1: 19200 bits a second and even parity
 * are what every device must offer. */
#define BAUD 19200
#define STOP_BITS 1
/* MODBUS Messaging on TCP/IP V1.0b, section 4.3.1. */
#define TCP_PORT 502

void gw_config_derive_wire(struct gw_config_bus *bus) {
    if (bus->transport == GW_BUS_TCP && bus->port == 0) {
        bus->port = TCP_PORT;
    }
    if (bus->transport != GW_BUS_RTU) {
        return;
    }
    bus->baud = bus->baud == 0 ? BAUD : bus->baud;
    bus->stop_bits = bus->stop_bits == 0 ? STOP_BITS : bus->stop_bits;
    if ((unsigned) bus->parity == GW_CHOICE_NOT_GIVEN) {
        bus->parity = GW_BUS_PARITY_EVEN;
    }
}

struct place {
    struct gw_config_report *report;
    size_t index;
};

static void report_key(const struct place *place, const char *key, const char *sentence) {
    size_t mark = gw_config_enter(place->report, GW_STR("buses"));
    (void) gw_config_enter_index(place->report, place->index);
    (void) gw_config_enter(place->report, gw_str_from_cstr(key));
    gw_config_report_text(place->report, "%s", sentence);
    gw_config_leave(place->report, mark);
}

/* Something was said of the bus or of the key already. */
static bool is_reported(const struct place *place, const char *key) {
    size_t mark = gw_config_enter(place->report, GW_STR("buses"));
    (void) gw_config_enter_index(place->report, place->index);
    bool is_said =
        gw_config_is_reported(place->report, "") || gw_config_is_reported(place->report, key);
    gw_config_leave(place->report, mark);
    return is_said;
}

static void report_missing(const struct place *place, const char *key, const char *sentence) {
    if (!is_reported(place, key)) {
        report_key(place, key, sentence);
    }
}

static void check_network(const struct place *place, const struct gw_config_bus *bus) {
    const struct {
        const char *key;
        bool is_given;
    } of_a_line[] = {
        {"line", bus->line[0] != '\0'},
        {"baud", bus->baud != 0},
        {"parity", (unsigned) bus->parity != GW_CHOICE_NOT_GIVEN},
        {"stop_bits", bus->stop_bits != 0},
        {"echo", bus->echo},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(of_a_line); i++) {
        if (of_a_line[i].is_given && !is_reported(place, of_a_line[i].key)) {
            report_key(place, of_a_line[i].key,
                       "belongs to a serial line: leave it out or set transport to \"rtu\"");
        }
    }
    if (bus->host[0] == '\0') {
        report_missing(place, "host", "found nothing, but this transport needs it");
    }
    if (bus->port == 0) {
        report_missing(place, "port",
                       "found nothing, but rtu_over_tcp has no port of its own: give that of "
                       "the serial device server");
    }
}

static void check_unit_id(const struct place *place, const char *list, size_t index,
                          uint8_t unit_id) {
    char key[48];
    char sentence[128];
    (void) snprintf(key, sizeof key, "%s[%zu].unit_id", list, index);
    (void) snprintf(sentence, sizeof sentence,
                    "found %u, but nobody answers to it on a serial line, allowed: a whole "
                    "number from 1 to 247",
                    (unsigned) unit_id);
    if ((unit_id == 0 || unit_id > 247) && !is_reported(place, key)) {
        report_key(place, key, sentence);
    }
}

static void check_unit_ids(const struct place *place, const struct gw_config_bus *bus) {
    for (size_t i = 0; i < bus->point_count; i++) {
        check_unit_id(place, "points", i, bus->points[i].unit_id);
    }
    for (size_t i = 0; i < bus->write_count; i++) {
        check_unit_id(place, "writes", i, bus->writes[i].unit_id);
    }
}

static void check_line(const struct place *place, const struct gw_config_bus *bus) {
    if (bus->line[0] == '\0') {
        report_missing(place, "line",
                       "found nothing, but transport rtu needs it: the path of a serial line "
                       "such as /dev/serial/by-id/...");
    }
    if (bus->host[0] != '\0') {
        report_key(place, "host",
                   "belongs to a network: leave it out or set transport to \"tcp\" or "
                   "\"rtu_over_tcp\"");
    }
    if (bus->port != 0) {
        report_key(place, "port", "belongs to a network, not to a serial line");
    }
    if (!gw_config_is_speed(bus->baud)) {
        report_key(place, "baud",
                   "no serial line has this speed, allowed: " GW_CONFIG_SPEEDS_TEXT);
    }
}

/* That a feed has the line is said of the feed (check_feeds.c). */
static void check_shared_line(const struct place *place, const struct gw_config *config) {
    const char *line = config->buses[place->index].line;
    for (size_t i = 0; i < place->index && line[0] != '\0'; i++) {
        if (strcmp(config->buses[i].line, line) == 0) {
            char sentence[128];
            (void) snprintf(sentence, sizeof sentence,
                            "is the line of entry %zu already: units on one line are points of "
                            "one bus",
                            i);
            report_key(place, "line", sentence);
            return;
        }
    }
}

void gw_config_check_wires(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->bus_count; i++) {
        const struct gw_config_bus *bus = &config->buses[i];
        const struct place place = {report, i};
        if (is_reported(&place, "transport")) {
            continue; /* it only reads as tcp */
        }
        if (bus->transport == GW_BUS_RTU) {
            check_line(&place, bus);
        } else {
            check_network(&place, bus);
        }
        if (bus->transport != GW_BUS_TCP) {
            check_unit_ids(&place, bus);
        }
        check_shared_line(&place, config);
    }
}
