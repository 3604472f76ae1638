/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus on demand: the verbs that read, scan and write, and the safe writes behind them
 * (drivers/modbus/write.h). What takes time is answered later; each request under way has a
 * place here, so that as many as there are places and no more can be.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/collectd/collectd_internal.h"
#include "drivers/modbus/place.h"
#include "drivers/modbus/write.h"
#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"
#include "firmware/json/json.h"

#define ASKERS 16
#define READ_MS 10000
/* One answer of a scan covers so many unit ids, and begins none after so long. */
#define SCAN_UNITS 32
#define SCAN_MS 5000
#define SCAN_PAUSE_MIN_MS 20
#define UNIT_MAX 247

struct found {
    uint8_t unit_id;
    enum gw_err err;
    unsigned exception;
    struct gw_modbus_wrong wrong;
    int64_t took_ms;
};

/* One request that is answered later. */
struct asker {
    bool is_used, is_scan;
    bool is_of_dead; /* a read of a unit that does not answer polls */
    struct gw_collectd *collectd;
    struct gw_ipc_reply_to reply_to;
    const char *peer;
    char bus[64];
    struct gw_modbus_request request;
    uint8_t last_unit; /* of a scan */
    int64_t began_mono_ms, next_mono_ms;
    struct found found[SCAN_UNITS];
    size_t found_count;
};

struct gw_collectd_modbus {
    struct gw_modbus_writes *writes;
    struct asker askers[ASKERS];
};

static struct gw_collectd_request request_of(const struct asker *asker) {
    gw_buf_clear(&asker->collectd->answer);
    return (struct gw_collectd_request){
        .collectd = asker->collectd, .peer = asker->peer, .reply_to = asker->reply_to};
}

static struct asker *find_place(const struct gw_collectd_request *request) {
    struct gw_collectd_modbus *modbus = request->collectd->modbus;
    for (size_t i = 0; i < ASKERS; i++) {
        if (!modbus->askers[i].is_used) {
            modbus->askers[i] = (struct asker){.is_used = true,
                                               .collectd = request->collectd,
                                               .reply_to = request->reply_to,
                                               .peer = request->peer,
                                               .next_mono_ms = GW_NEVER_MS};
            return &modbus->askers[i];
        }
    }
    gw_collectd_refuse(request, GW_ERR_BUSY, "%d Modbus requests are under way: ask again",
                       ASKERS);
    return NULL;
}

/* ---- members of requests ---- */

static void put_bus_names(const struct gw_collectd *collectd, struct gw_buf *buf) {
    for (size_t i = 0; i < collectd->config->bus_count; i++) {
        (void) gw_buf_printf(buf, "%s%s", i == 0 ? "" : ", ", collectd->config->buses[i].name);
    }
    if (collectd->config->bus_count == 0) {
        (void) gw_buf_put_str(buf, GW_STR("none: the configuration has no buses"));
    }
}

static struct gw_modbus_bus *find_bus(const struct gw_collectd *collectd, const char *name) {
    return gw_bus_set_find(collectd->buses, gw_str_from_cstr(name));
}

static bool is_configured(const struct gw_config *config, struct gw_str name) {
    for (size_t i = 0; i < config->bus_count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(config->buses[i].name))) {
            return true;
        }
    }
    return false;
}

/* No bus of that name runs now. */
static void refuse_bus(const struct gw_collectd_request *request, struct gw_str name) {
    const struct gw_collectd *collectd = request->collectd;
    if (is_configured(collectd->config, name)) {
        gw_collectd_refuse(request, GW_ERR_BUSY, "bus %.*s is being %s: ask again",
                           GW_STR_ARG(name), collectd->buses ? "reopened" : "opened");
        return;
    }
    char storage[400];
    struct gw_buf names;
    gw_buf_init(&names, storage, sizeof storage);
    put_bus_names(collectd, &names);
    gw_collectd_refuse(request, GW_ERR_NOENT, "bus: found \"%.*s\", there is: %.*s",
                       GW_STR_ARG(gw_str_sub(name, 0, 64)), GW_STR_ARG(gw_buf_str(&names)));
}

/* Name of the bus of the request, if it runs; else that is refused. */
static bool get_bus(const struct gw_collectd_request *request, struct gw_str *ret_name) {
    struct gw_str name = {0};
    (void) !gw_collectd_get_text(request, "bus", &name);
    if (!gw_bus_set_find(request->collectd->buses, name)) {
        refuse_bus(request, name);
        return false;
    }
    *ret_name = name;
    return true;
}

/* A number, or text as in place.h. */
static enum gw_err get_address(const struct gw_collectd_request *request,
                               enum gw_modbus_area area, uint16_t *ret_address) {
    struct gw_str text;
    if (!gw_collectd_get_text(request, "address", &text)) {
        return gw_modbus_parse_address(text, area, ret_address);
    }
    uint64_t number = 0;
    enum gw_err err = gw_collectd_get_number(request, "address", 65535, &number);
    if (!err) {
        *ret_address = (uint16_t) number;
    }
    return err;
}

static bool get_place(const struct gw_collectd_request *request, enum gw_modbus_area *ret_area,
                      uint16_t *ret_address) {
    struct gw_str name = {0};
    enum gw_modbus_area area = GW_AREA_HOLDING_REGISTER;
    if (gw_collectd_get_text(request, "area", &name) || gw_modbus_parse_area(name, &area)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "area: found \"%.*s\", allowed: coil, discrete_input, "
                           "input_register, holding_register",
                           GW_STR_ARG(gw_str_sub(name, 0, 64)));
        return false;
    }
    if (get_address(request, area, ret_address)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "address: allowed: 0 to 65535 on the wire, 0x0000 to 0xffff, or the "
                           "manual's number with its area digit such as 40001");
        return false;
    }
    *ret_area = area;
    return true;
}

static bool get_unit(const struct gw_collectd_request *request, const char *name,
                     uint64_t otherwise, uint64_t min, uint8_t *ret_unit) {
    uint64_t unit = otherwise;
    enum gw_err err = gw_collectd_get_number(request, name, 255, &unit);
    if ((err && err != GW_ERR_NOENT) || unit < min || unit > 255
        || (unit > UNIT_MAX && unit != 255)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "%s: allowed: %llu to 247, or 255 (a unit that is the address of "
                           "its own)",
                           name, (unsigned long long) min);
        return false;
    }
    *ret_unit = (uint8_t) unit;
    return true;
}

/* ---- read ---- */

static const char *explain(const struct gw_modbus_answer *answer) {
    switch (answer->err) {
    case GW_ERR_TIMEOUT:
        return answer->was_sent ? "does not answer in time"
                                : "was not asked: the bus was busy for too long";
    case GW_ERR_NOCONN:
        return answer->was_sent ? "closed the connection"
                                : "cannot be asked: there is no connection to the bus";
    case GW_ERR_CORRUPT:
        return "answers something that does not fit the request";
    default:
        return "cannot be asked";
    }
}

static const char *exception_name(unsigned exception) {
    static const char *const names[] = {"",
                                        "illegal function",
                                        "illegal data address",
                                        "illegal data value",
                                        "device failure",
                                        "acknowledge: still at it",
                                        "busy",
                                        "",
                                        "memory parity error",
                                        "",
                                        "gateway path unavailable",
                                        "gateway target does not respond"};
    return exception < GW_ARRAY_LEN(names) && names[exception][0] ? names[exception]
                                                                  : "unknown";
}

static void refuse_read(const struct gw_collectd_request *request, const struct asker *asker,
                        const struct gw_modbus_answer *answer) {
    unsigned unit = asker->request.unit_id;
    if (answer->err == GW_ERR_NOCONN && !find_bus(asker->collectd, asker->bus)) {
        refuse_bus(request, gw_str_from_cstr(asker->bus));
        return;
    }
    if (answer->exception != 0) {
        gw_collectd_refuse(request, GW_ERR_INVALID,
                           "unit %u refuses %s %u (%u of them): exception %u, %s", unit,
                           gw_point_area_name(asker->request.area),
                           (unsigned) asker->request.address, (unsigned) asker->request.count,
                           answer->exception, exception_name(answer->exception));
        return;
    }
    char storage[200];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    gw_modbus_wrong_put(&answer->wrong, &text);
    if (text.len == 0) {
        (void) gw_buf_put_str(&text, gw_str_from_cstr(explain(answer)));
    }
    gw_collectd_refuse(request, answer->err, "bus %s: unit %u %.*s", asker->bus, unit,
                       GW_STR_ARG(gw_buf_str(&text)));
}

static void put_place(struct gw_buf *buf, const struct gw_modbus_request *place) {
    (void) gw_buf_printf(buf, "\"unit\":%u,\"area\":\"%s\",\"address\":%u,\"notation\":\"",
                         (unsigned) place->unit_id, gw_point_area_name(place->area),
                         (unsigned) place->address);
    gw_modbus_put_notation(buf, place->area, place->address);
    (void) gw_buf_put_char(buf, '"');
}

static void on_read(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    (void) token;
    struct asker *asker = context;
    struct gw_collectd_request request = request_of(asker);
    asker->is_used = false;
    if (answer->err) {
        refuse_read(&request, asker, answer);
        return;
    }
    struct gw_buf *buf = &asker->collectd->answer;
    (void) gw_buf_put_str(buf, GW_STR("{\"bus\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(asker->bus));
    (void) gw_buf_put_char(buf, ',');
    put_place(buf, &asker->request);
    (void) gw_buf_put_str(buf, GW_STR(",\"words\":["));
    for (size_t i = 0; i < asker->request.count; i++) {
        (void) gw_buf_printf(buf, "%s%u", i == 0 ? "" : ",", (unsigned) answer->words[i]);
    }
    (void) gw_buf_printf(buf, "],\"took_ms\":%lld}", (long long) answer->took_ms);
    gw_collectd_answer(&request);
}

/* Post one read for `asker`, who is refused and gone if the bus takes none. */
static void post_read(struct asker *asker, gw_modbus_job_done *done) {
    struct gw_collectd *collectd = asker->collectd;
    struct gw_modbus_job job = {.request = asker->request, .asks_dead_units = true};
    struct gw_modbus_bus *bus = find_bus(collectd, asker->bus);
    enum gw_err err =
        bus ? gw_modbus_bus_ask(bus, &job, gw_clock_mono_ms(&collectd->clock) + READ_MS, done,
                                asker, 0)
            : GW_ERR_NOCONN;
    if (!err) {
        return;
    }
    struct gw_collectd_request request = request_of(asker);
    asker->is_used = false;
    if (bus) {
        gw_collectd_refuse(&request, err,
                           err == GW_ERR_BUSY ? "too many requests wait for this bus: ask again"
                                              : "the bus takes no requests now");
    } else {
        refuse_bus(&request, gw_str_from_cstr(asker->bus));
    }
}

static bool is_down(struct gw_modbus_bus *bus, uint8_t unit_id) {
    struct gw_modbus_unit_condition unit;
    for (size_t i = 0; bus && gw_modbus_bus_unit_figures(bus, i, &unit); i++) {
        if (unit.unit_id == unit_id) {
            return unit.is_down;
        }
    }
    return false;
}

/* Who asks a unit that is down wants to know now; but it costs everybody else a time-out, so
 * there is one at a time. Refused if there is. */
static bool may_ask_dead(const struct gw_collectd_request *request, struct gw_str bus) {
    const struct gw_collectd_modbus *modbus = request->collectd->modbus;
    for (size_t i = 0; i < ASKERS; i++) {
        const struct asker *other = &modbus->askers[i];
        if (other->is_used && other->is_of_dead
            && gw_str_eq(bus, gw_str_from_cstr(other->bus))) {
            gw_collectd_refuse(request, GW_ERR_BUSY,
                               "a unit that does not answer is being asked on this bus: ask "
                               "again");
            return false;
        }
    }
    return true;
}

void gw_collectd_verb_modbus_read(const struct gw_collectd_request *request) {
    struct gw_str bus = {0};
    uint64_t count = 1;
    struct gw_modbus_request place = {0};
    if (!get_bus(request, &bus) || !get_unit(request, "unit", 256, 0, &place.unit_id)
        || !get_place(request, &place.area, &place.address)) {
        return;
    }
    enum gw_err err = gw_collectd_get_number(request, "count", GW_MODBUS_JOB_WORDS, &count);
    if ((err && err != GW_ERR_NOENT) || count == 0 || place.address + count > 65536) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "count: allowed: 1 to %d, none beyond address 65535",
                           GW_MODBUS_JOB_WORDS);
        return;
    }
    place.count = (uint16_t) count;
    bool is_of_dead = is_down(gw_bus_set_find(request->collectd->buses, bus), place.unit_id);
    struct asker *asker =
        is_of_dead && !may_ask_dead(request, bus) ? NULL : find_place(request);
    if (!asker) {
        return;
    }
    asker->is_of_dead = is_of_dead;
    asker->request = place;
    (void) !gw_str_copy(bus, asker->bus, sizeof asker->bus);
    post_read(asker, on_read);
}

/* ---- scan ---- */

/* By exceptions 10 and 11 a gateway says that nobody answers it behind that unit id. */
static const char *state_name(const struct found *found) {
    if (found->err == GW_OK) {
        return "answers";
    }
    if (found->err == GW_ERR_NOCONN) {
        return "closes";
    }
    if (found->err != GW_ERR_INVALID) {
        return found->wrong.kind != GW_WRONG_NOTHING ? "wrong_answer" : "silent";
    }
    return found->exception == 10 || found->exception == 11 ? "absent" : "exception";
}

static void put_found(struct gw_buf *buf, const struct found *found) {
    (void) gw_buf_printf(buf, "{\"unit\":%u,\"state\":\"%s\"", (unsigned) found->unit_id,
                         state_name(found));
    if (found->err == GW_ERR_INVALID) {
        (void) gw_buf_printf(buf, ",\"exception\":%u", found->exception);
    }
    if (found->wrong.kind != GW_WRONG_NOTHING) {
        (void) gw_buf_put_str(buf, GW_STR(",\"detail\":\""));
        gw_modbus_wrong_put(&found->wrong, buf);
        (void) gw_buf_put_char(buf, '"');
    }
    (void) gw_buf_printf(buf, ",\"took_ms\":%lld}", (long long) found->took_ms);
}

static void end_scan(struct asker *asker) {
    struct gw_collectd_request request = request_of(asker);
    struct gw_buf *buf = &asker->collectd->answer;
    bool is_all = asker->request.unit_id >= asker->last_unit;
    asker->is_used = false;
    (void) gw_buf_put_str(buf, GW_STR("{\"bus\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(asker->bus));
    (void) gw_buf_put_str(buf, GW_STR(",\"units\":["));
    for (size_t i = 0; i < asker->found_count; i++) {
        (void) gw_buf_put_str(buf, i == 0 ? GW_STR("") : GW_STR(","));
        put_found(buf, &asker->found[i]);
    }
    (void) gw_buf_printf(buf, "],\"next\":%u}", is_all ? 0 : asker->request.unit_id + 1u);
    gw_collectd_answer(&request);
}

static void on_scanned(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    (void) token;
    struct asker *asker = context;
    int64_t now_mono_ms = gw_clock_mono_ms(&asker->collectd->clock);
    if (answer->err && !answer->was_sent) {
        struct gw_collectd_request request = request_of(asker);
        asker->is_used = false;
        refuse_read(&request, asker, answer);
        return;
    }
    asker->found[asker->found_count++] = (struct found){
        asker->request.unit_id, answer->err, answer->exception, answer->wrong, answer->took_ms};
    if (asker->request.unit_id >= asker->last_unit || asker->found_count == SCAN_UNITS
        || now_mono_ms - asker->began_mono_ms >= SCAN_MS) {
        end_scan(asker);
        return;
    }
    /* Half of the time on the bus at most: the polls have the rest. */
    int64_t pause_ms =
        answer->took_ms > SCAN_PAUSE_MIN_MS ? answer->took_ms : SCAN_PAUSE_MIN_MS;
    asker->request.unit_id++;
    asker->next_mono_ms = now_mono_ms + pause_ms;
}

static void scan_next(struct asker *asker) {
    asker->next_mono_ms = GW_NEVER_MS;
    post_read(asker, on_scanned);
}

void gw_collectd_verb_modbus_scan(const struct gw_collectd_request *request) {
    struct gw_str bus = {0};
    uint8_t from = 1, to = UNIT_MAX;
    struct gw_modbus_request place = {.area = GW_AREA_HOLDING_REGISTER, .count = 1};
    bool has_place = gw_json_member(request->body, "area") != NULL
                     || gw_json_member(request->body, "address") != NULL;
    if (!get_bus(request, &bus) || !get_unit(request, "from", 1, 1, &from)
        || !get_unit(request, "to", UNIT_MAX, 1, &to)
        || (has_place && !get_place(request, &place.area, &place.address))) {
        return;
    }
    if (from > to || (to > UNIT_MAX && from != to)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "from and to: allowed: 1 to 247, from first");
        return;
    }
    struct asker *asker = find_place(request);
    if (!asker) {
        return;
    }
    asker->is_scan = true;
    asker->request = place;
    asker->request.unit_id = from;
    asker->last_unit = to;
    asker->began_mono_ms = gw_clock_mono_ms(&request->collectd->clock);
    (void) !gw_str_copy(bus, asker->bus, sizeof asker->bus);
    scan_next(asker);
}

/* ---- list ---- */

static void put_write(struct gw_buf *buf, const struct gw_config_write *write) {
    struct gw_modbus_request place = {
        .unit_id = write->unit_id, .area = write->area, .address = write->address};
    (void) gw_buf_printf(buf, "{\"name\":\"%s\",", write->name);
    put_place(buf, &place);
    (void) gw_buf_printf(buf, ",\"type\":\"%s\"", gw_modbus_type_name(write->type));
    if (write->min[0] != '\0') {
        (void) gw_buf_printf(buf, ",\"min\":\"%s\",\"max\":\"%s\"", write->min, write->max);
    }
    for (size_t i = 0; i < write->value_count; i++) {
        (void) gw_buf_printf(buf, "%s\"%s\"", i == 0 ? ",\"values\":[" : ",", write->values[i]);
    }
    (void) gw_buf_put_str(buf, write->value_count > 0 ? GW_STR("]}") : GW_STR("}"));
}

void gw_collectd_verb_modbus_list(const struct gw_collectd_request *request) {
    const struct gw_config *config = request->collectd->config;
    struct gw_buf *buf = &request->collectd->answer;
    (void) gw_buf_put_str(buf, GW_STR("{\"buses\":["));
    for (size_t i = 0; i < config->bus_count; i++) {
        (void) gw_buf_printf(buf, "%s{\"name\":\"%s\",\"writes\":[", i == 0 ? "" : ",",
                             config->buses[i].name);
        for (size_t j = 0; j < config->buses[i].write_count; j++) {
            (void) gw_buf_put_str(buf, j == 0 ? GW_STR("") : GW_STR(","));
            put_write(buf, &config->buses[i].writes[j]);
        }
        (void) gw_buf_put_str(buf, GW_STR("]}"));
    }
    (void) gw_buf_put_str(buf, GW_STR("]}"));
    gw_collectd_answer(request);
}

/* ---- write ---- */

static void on_written(void *context, uint64_t token,
                       const struct gw_modbus_write_result *result) {
    (void) token;
    struct asker *asker = context;
    struct gw_collectd_request request = request_of(asker);
    struct gw_buf *buf = &asker->collectd->answer;
    asker->is_used = false;
    gw_log_info(GW_COLLECTD_ROOM, "modbus write answered outcome=%s repeated=%d stored=%d",
                gw_modbus_outcome_name(result->outcome), result->is_repeated,
                result->is_stored);
    (void) gw_buf_printf(buf, "{\"repeated\":%s,\"stored\":%s,\"result\":",
                         result->is_repeated ? "true" : "false",
                         result->is_stored ? "true" : "false");
    (void) gw_buf_put_str(buf, result->data);
    (void) gw_buf_put_char(buf, '}');
    gw_collectd_answer(&request);
}

/* Text members, absent ones stay empty; false if one is no text. */
static bool get_texts(const struct gw_collectd_request *request,
                      struct gw_modbus_command *command, struct gw_str *expires) {
    const struct {
        const char *name;
        struct gw_str *text;
    } members[] = {
        {"id", &command->id},       {"bus", &command->bus},     {"name", &command->name},
        {"value", &command->value}, {"actor", &command->actor}, {"expires", expires},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        enum gw_err err = gw_collectd_get_text(request, members[i].name, members[i].text);
        if (err && err != GW_ERR_NOENT) {
            gw_collectd_refuse(request, GW_ERR_SCHEMA, "%s: allowed: text", members[i].name);
            return false;
        }
    }
    return true;
}

static bool get_times(const struct gw_collectd_request *request, struct gw_str expires,
                      struct gw_modbus_command *command) {
    uint64_t valid_ms = 0;
    enum gw_err err =
        gw_collectd_get_number(request, "valid_ms", GW_MODBUS_VALID_MAX_MS, &valid_ms);
    if (err && err != GW_ERR_NOENT) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "valid_ms: allowed: 1 to %d",
                           GW_MODBUS_VALID_MAX_MS);
        return false;
    }
    command->valid_ms = (int64_t) valid_ms;
    if (expires.len > 0
        && (gw_time_parse(expires, &command->expires_wall_ms)
            || command->expires_wall_ms == 0)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "expires: allowed: a time such as 2026-11-23T07:14:00Z (RFC 3339)");
        return false;
    }
    return true;
}

void gw_collectd_verb_modbus_write(const struct gw_collectd_request *request) {
    struct gw_modbus_command command = {.via = gw_str_from_cstr(request->peer)};
    struct gw_str expires = {0};
    if (!get_texts(request, &command, &expires) || !get_times(request, expires, &command)) {
        return;
    }
    command.has_place = gw_json_member(request->body, "unit") != NULL
                        || gw_json_member(request->body, "address") != NULL;
    if (command.has_place
        && (!get_unit(request, "unit", 256, 1, &command.unit_id)
            || !get_place(request, &command.area, &command.address))) {
        return;
    }
    struct asker *asker = find_place(request);
    if (!asker) {
        return;
    }
    char storage[600];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    enum gw_err err = gw_modbus_writes_submit(request->collectd->modbus->writes, &command,
                                              on_written, asker, 0, &reason);
    if (err) {
        asker->is_used = false;
        gw_collectd_refuse(request, err, "%.*s", GW_STR_ARG(gw_buf_str(&reason)));
    }
}

/* ---- what the writes need ---- */

static enum gw_err commit(void *context, const struct gw_modbus_write_audit *audit,
                          struct gw_unit *unit) {
    struct gw_collectd *collectd = context;
    if (!audit) {
        return gw_collectd_commit_unit(collectd, unit);
    }
    /* The first table of an audited unit is that of the chain. */
    struct gw_unit with = {.events = unit->events,
                           .event_count = unit->event_count,
                           .second_table = unit->state_table,
                           .second_changes = unit->changes,
                           .second_change_count = unit->change_count};
    struct gw_collectd_audit entry = {.actor = audit->actor,
                                      .action = GW_STR("modbus.write"),
                                      .target = audit->target,
                                      .outcome = audit->outcome,
                                      .detail = audit->detail};
    return gw_collectd_audit(collectd, &entry, &with);
}

static bool takes_jobs(void *context, const char *bus) {
    return find_bus(context, bus) != NULL;
}

static enum gw_err post(void *context, const char *bus, const struct gw_modbus_job *job,
                        int64_t deadline_mono_ms, gw_modbus_job_done *done, uint64_t token) {
    struct gw_collectd *collectd = context;
    struct gw_modbus_bus *found = find_bus(collectd, bus);
    return found ? gw_modbus_bus_ask(found, job, deadline_mono_ms, done,
                                     collectd->modbus->writes, token)
                 : GW_ERR_NOCONN;
}

/* ---- life ---- */

enum gw_err gw_collectd_open_modbus(struct gw_collectd *collectd) {
    collectd->modbus = calloc(1, sizeof *collectd->modbus);
    if (!collectd->modbus) {
        return GW_ERR_NOMEM;
    }
    struct gw_modbus_writes_options options = {
        .intake = collectd->intake,
        .commit = commit,
        .takes_jobs = takes_jobs,
        .post = post,
        .context = collectd,
        .clock = &collectd->clock,
        .health = collectd->health,
    };
    return gw_modbus_writes_open(&options, &collectd->modbus->writes);
}

void gw_collectd_close_modbus(struct gw_collectd *collectd) {
    if (collectd->modbus) {
        gw_modbus_writes_close(collectd->modbus->writes);
        free(collectd->modbus);
        collectd->modbus = NULL;
    }
}

void gw_collectd_point_writes(struct gw_collectd *collectd) {
    const struct gw_config *config = collectd->config;
    if (collectd->buses) {
        gw_modbus_writes_set_buses(collectd->modbus->writes, config->buses, config->bus_count);
    } else {
        gw_modbus_writes_hold(collectd->modbus->writes);
    }
}

void gw_collectd_hold_writes(struct gw_collectd *collectd) {
    if (collectd->modbus) {
        gw_modbus_writes_hold(collectd->modbus->writes);
    }
}

int64_t gw_collectd_modbus_next_mono_ms(const struct gw_collectd *collectd) {
    int64_t next_mono_ms = gw_modbus_writes_next_mono_ms(collectd->modbus->writes);
    for (size_t i = 0; i < ASKERS; i++) {
        const struct asker *asker = &collectd->modbus->askers[i];
        if (asker->is_used && asker->next_mono_ms < next_mono_ms) {
            next_mono_ms = asker->next_mono_ms;
        }
    }
    return next_mono_ms;
}

void gw_collectd_tick_modbus(struct gw_collectd *collectd) {
    int64_t now_mono_ms = gw_clock_mono_ms(&collectd->clock);
    gw_modbus_writes_tick(collectd->modbus->writes);
    for (size_t i = 0; i < ASKERS; i++) {
        struct asker *asker = &collectd->modbus->askers[i];
        if (asker->is_used && asker->next_mono_ms <= now_mono_ms) {
            scan_next(asker);
        }
    }
}
