/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker found of the bus, its units and its points, as issues. */
#include "drivers/modbus/bus_internal.h"

#include "firmware/base/cleanup.h"

#define SLIP_SHOWN_MS 600000

/* MODBUS Application Protocol V1.1b3, section 7. */
static const char *exception_name(unsigned exception) {
    static const char *const names[] = {
        [1] = "illegal function",
        [2] = "illegal data address",
        [3] = "illegal data value",
        [4] = "server device failure",
        [5] = "acknowledge",
        [6] = "server device busy",
        [8] = "memory parity error",
        [10] = "gateway path unavailable",
        [11] = "gateway target device failed to respond",
    };
    return exception < GW_ARRAY_LEN(names) && names[exception] ? names[exception] : "unknown";
}

/* Why a serial line cannot be opened. */
static const char *what_failed_on_line(enum gw_err err) {
    switch (err) {
    case GW_ERR_NOENT:
        return "the serial line is not there";
    case GW_ERR_BUSY:
        return "another bus or program has the serial line";
    case GW_ERR_DENIED:
        return "the serial line may not be opened: no right to";
    case GW_ERR_INVALID:
        return "what is called the serial line is none";
    case GW_ERR_NOCONN:
        return "the serial line hung up";
    default:
        return "the serial line cannot be opened";
    }
}

static const char *what_failed(const struct gw_modbus_bus *bus,
                               const struct gw_modbus_unit_condition *condition) {
    switch (condition->err) {
    case GW_ERR_TIMEOUT:
        return "no answer in time";
    case GW_ERR_CORRUPT:
        return "an answer that does not fit the request";
    default:
        break;
    }
    if (bus->is_line) {
        return what_failed_on_line(condition->err);
    }
    if (condition->err == GW_ERR_NOENT) {
        return "the name of the host is not known";
    }
    return condition->was_closed
               ? "closed the connection when it was asked"
               : "no connection: it is refused, or there is no way to the host";
}

void gw_modbus_bus_put_failure(const struct gw_modbus_bus *bus,
                               const struct gw_modbus_unit_condition *condition,
                               struct gw_buf *buf) {
    if (condition->exception != 0) {
        (void) gw_buf_printf(buf, "exception %u, %s", condition->exception,
                             exception_name(condition->exception));
    } else if (condition->wrong.kind != GW_WRONG_NOTHING) {
        gw_modbus_wrong_put(&condition->wrong, buf);
    } else {
        (void) gw_buf_printf(buf, "%s", what_failed(bus, condition));
    }
}

static void settle_down(struct gw_modbus_bus *bus, struct gw_str subject,
                        const struct gw_modbus_unit_condition *condition) {
    struct gw_health *health = bus->options.health;
    if (!condition->is_down) {
        gw_health_clear(health, GW_ISSUE_MODBUS_UNIT_DOWN, subject);
        return;
    }
    char storage[GW_MODBUS_FAILURE_MAX_BYTES];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    gw_modbus_bus_put_failure(bus, condition, &text);
    gw_health_raise(health, GW_ISSUE_MODBUS_UNIT_DOWN, subject, "%.*s",
                    GW_STR_ARG(gw_buf_str(&text)));
}

static void settle_fault(struct gw_modbus_bus *bus, struct gw_str subject,
                         const struct gw_modbus_unit_condition *condition) {
    struct gw_health *health = bus->options.health;
    if (condition->fault == 0) {
        gw_health_clear(health, GW_ISSUE_MODBUS_DEVICE_FAULT, subject);
    } else {
        gw_health_raise(health, GW_ISSUE_MODBUS_DEVICE_FAULT, subject,
                        "%s from wire address %u on: exception %u, %s",
                        gw_point_area_name(condition->fault_area),
                        (unsigned) condition->fault_address, condition->fault,
                        exception_name(condition->fault));
    }
}

static void settle_unit(struct gw_modbus_bus *bus, size_t index) {
    struct bus_unit *unit = &bus->units[index];
    struct gw_modbus_unit_condition before = unit->condition;
    struct gw_str subject = gw_str_from_cstr(unit->subject);
    gw_handover_get_unit(bus->handover, index, &unit->condition);
    bool is_news =
        unit->condition.is_down && gw_modbus_unit_fails_otherwise(&before, &unit->condition);
    if (before.is_down != unit->condition.is_down || is_news) {
        settle_down(bus, subject, &unit->condition);
    }
    bool is_elsewhere = before.fault_area != unit->condition.fault_area
                        || before.fault_address != unit->condition.fault_address;
    if (before.fault != unit->condition.fault || (before.fault != 0 && is_elsewhere)) {
        settle_fault(bus, subject, &unit->condition);
    }
}

static void raise_too_large(struct gw_modbus_bus *bus, size_t index) {
    const struct gw_config_point *config = &bus->configs[index];
    uint16_t words[GW_MODBUS_NUMBER_WORDS];
    char storage[GW_DECIMAL_TEXT_MAX];
    struct gw_buf value;
    gw_buf_init(&value, storage, sizeof storage);
    gw_handover_get_point_words(bus->handover, index, words);
    gw_point_put_unscaled(config, words, &value);
    gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_CONFIG, bus->points[index].device,
                    "%s %u of unit %u shows %.*s, which has too many digits with scale %s and "
                    "offset %s: is the type right?",
                    gw_point_area_name(config->area), (unsigned) config->address,
                    (unsigned) config->unit_id, GW_STR_ARG(gw_buf_str(&value)), config->scale,
                    config->offset ? config->offset : "0");
}

static void settle_point(struct gw_modbus_bus *bus, size_t index) {
    struct bus_point *point = &bus->points[index];
    unsigned exception = gw_handover_get_point_exception(bus->handover, index);
    if (exception == point->exception) {
        return;
    }
    point->exception = exception;
    const struct gw_config_point *config = &bus->configs[index];
    if (exception == 0) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_CONFIG, point->device);
        return;
    }
    if (exception == GW_MODBUS_NO_ANSWER) {
        gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_CONFIG, point->device,
                        "unit %u does not answer when %s %u is read, but otherwise it does",
                        (unsigned) config->unit_id, gw_point_area_name(config->area),
                        (unsigned) config->address);
        return;
    }
    if (exception == GW_MODBUS_TOO_LARGE) {
        raise_too_large(bus, index);
        return;
    }
    gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_CONFIG, point->device,
                    "unit %u refuses %s %u: exception %u, %s", (unsigned) config->unit_id,
                    gw_point_area_name(config->area), (unsigned) config->address, exception,
                    exception_name(exception));
}

static void settle_slips(struct gw_modbus_bus *bus, uint64_t slips) {
    int64_t now_mono_ms = bus_now(bus);
    if (slips != bus->slips) {
        bus->slips = slips;
        bus->slip_mono_ms = now_mono_ms;
        gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_SHIFTED, bus->name,
                        "%llu times since the bus was opened", (unsigned long long) slips);
    } else if (bus->slip_mono_ms != 0 && now_mono_ms - bus->slip_mono_ms > SLIP_SHOWN_MS) {
        bus->slip_mono_ms = 0;
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_SHIFTED, bus->name);
    }
}

void bus_settle_conditions(struct gw_modbus_bus *bus) {
    struct gw_modbus_bus_condition condition;
    gw_handover_get_bus(bus->handover, &condition);
    if (condition.is_connected != bus->was_connected) {
        bus->was_connected = condition.is_connected;
        bus->since_wall_ms = gw_clock_wall_ms(bus->options.clock);
    }
    settle_slips(bus, condition.wire.slips);
    for (size_t i = 0; i < bus->unit_count; i++) {
        settle_unit(bus, i);
    }
    for (size_t i = 0; i < bus->point_count; i++) {
        settle_point(bus, i);
    }
    bus_take_holes(bus);
}

void bus_clear_issues(struct gw_modbus_bus *bus) {
    gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_SHIFTED, bus->name);
    for (size_t i = 0; i < bus->unit_count; i++) {
        struct gw_str subject = gw_str_from_cstr(bus->units[i].subject);
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_UNIT_DOWN, subject);
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_DEVICE_FAULT, subject);
    }
    for (size_t i = 0; i < bus->point_count; i++) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_CONFIG, bus->points[i].device);
    }
}
