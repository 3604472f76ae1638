/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus for technicians: what may be written, who answers, what a register shows, and one
 * safe write. Everything goes through gw-collectd, between its polls. */
#include <string.h>

#include "drivers/modbus/place.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"
#include "tools/gwctl/modbus.h"
#include "tools/gwctl/show.h"

#define BODY_BYTES 4096
#define SCAN_TIMEOUT_MS 150000
#define READ_TIMEOUT_MS 30000
/* Beside the time the command may wait. */
#define WRITE_EXTRA_MS 30000
#define VALID_S 10
#define VALID_MAX_S 3600
#define UNIT_MAX 247

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* ---- list ---- */

static void show_write(struct gw_gwctl *ctl, const struct gw_json *write) {
    struct gw_str min = gw_gwctl_text_of(write, "min"), max = gw_gwctl_text_of(write, "max");
    (void) fprintf(ctl->out, "  %-24.*s unit %-3llu %s %.*s (wire address %llu)  %.*s",
                   GW_STR_ARG(gw_gwctl_text_of(write, "name")),
                   (unsigned long long) gw_gwctl_number_of(write, "unit"),
                   gw_str_eq(gw_gwctl_text_of(write, "area"), GW_STR("coil")) ? "coil"
                                                                              : "holding",
                   GW_STR_ARG(gw_gwctl_text_of(write, "notation")),
                   (unsigned long long) gw_gwctl_number_of(write, "address"),
                   GW_STR_ARG(gw_gwctl_text_of(write, "type")));
    if (min.len > 0) {
        (void) fprintf(ctl->out, "  %.*s to %.*s", GW_STR_ARG(min), GW_STR_ARG(max));
    }
    const struct gw_json *values = gw_json_member(write, "values");
    const struct gw_json *value = values ? gw_json_first(values) : NULL;
    for (const char *before = "  "; value; value = gw_json_next(value), before = ", ") {
        struct gw_str text;
        if (!gw_json_get_str(value, &text)) {
            (void) fprintf(ctl->out, "%s%.*s", before, GW_STR_ARG(text));
        }
    }
    (void) fputc('\n', ctl->out);
}

int gw_gwctl_modbus_list(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_MODBUS_LIST,
                                               GW_STR("{}"), 0};
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return GW_EXIT_FAILED;
    }
    if (gw_gwctl_show_json(ctl)) {
        return GW_EXIT_DONE;
    }
    const struct gw_json *buses = gw_json_member(gw_json_root(doc), "buses");
    for (const struct gw_json *bus = buses ? gw_json_first(buses) : NULL; bus;
         bus = gw_json_next(bus)) {
        const struct gw_json *writes = gw_json_member(bus, "writes");
        (void) fprintf(ctl->out, "bus %.*s: commands may write %s\n",
                       GW_STR_ARG(gw_gwctl_text_of(bus, "name")),
                       writes && gw_json_count(writes) > 0 ? "" : "nothing");
        for (const struct gw_json *write = writes ? gw_json_first(writes) : NULL; write;
             write = gw_json_next(write)) {
            show_write(ctl, write);
        }
    }
    return GW_EXIT_DONE;
}

/* ---- read ---- */

/* A whole number, or -1. */
static int64_t number_of(const char *text, uint64_t max) {
    uint64_t number = 0;
    return gw_str_to_u64(gw_str_from_cstr(text), max, &number) ? -1 : (int64_t) number;
}

/* False after a sentence. */
static bool take_area(struct gw_gwctl *ctl, const char *text, enum gw_modbus_area *ret_area) {
    if (gw_modbus_parse_area(gw_str_from_cstr(text), ret_area)) {
        (void) gw_gwctl_fail(ctl,
                             "AREA: found \"%s\", allowed: coil, discrete_input, "
                             "input_register, holding_register (coil, discrete, input, "
                             "holding for short)",
                             text);
        return false;
    }
    return true;
}

/* False after a sentence. */
static bool take_address(struct gw_gwctl *ctl, const char *text, enum gw_modbus_area area,
                         uint16_t *ret_address) {
    char storage[256];
    struct gw_buf finding;
    gw_buf_init(&finding, storage, sizeof storage);
    if (gw_modbus_parse_address(gw_str_from_cstr(text), area, ret_address)) {
        gw_modbus_put_address_finding(&finding, gw_str_from_cstr(text), area);
        (void) gw_gwctl_fail(ctl, "ADDRESS: %.*s", (int) finding.len, storage);
        return false;
    }
    return true;
}

/* Members of the place at `positions`: unit, area, address. False after a sentence. */
static bool put_place(struct gw_gwctl *ctl, struct gw_buf *body, const char *const *positions) {
    enum gw_modbus_area area;
    uint16_t address = 0;
    int64_t unit = number_of(positions[0], 255);
    if (unit < 0) {
        (void) gw_gwctl_fail(ctl, "UNIT: found \"%s\", allowed: 0 to 247, or 255",
                             positions[0]);
        return false;
    }
    if (!take_area(ctl, positions[1], &area)) {
        return false;
    }
    if (!take_address(ctl, positions[2], area, &address)) {
        return false;
    }
    gw_gwctl_put_number_member(body, "unit", (uint64_t) unit);
    gw_gwctl_put_text_member(body, "area", positions[1]);
    gw_gwctl_put_number_member(body, "address", address);
    return true;
}

struct gw_json_doc *gw_gwctl_modbus_ask_read(struct gw_gwctl *ctl, uint64_t otherwise) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    char storage[BODY_BYTES];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_text_member(&body, "bus", arguments->positions[0]);
    if (!put_place(ctl, &body, arguments->positions + 1)) {
        return NULL;
    }
    int64_t count = arguments->position_count > 4 ? number_of(arguments->positions[4], 125)
                                                  : (int64_t) otherwise;
    if (count < 1) {
        (void) gw_gwctl_fail(ctl, "COUNT: found \"%s\", allowed: 1 to 125",
                             arguments->positions[4]);
        return NULL;
    }
    gw_gwctl_put_number_member(&body, "count", (uint64_t) count);
    struct gw_json_doc *doc = NULL;
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_MODBUS_READ,
                                               gw_gwctl_end_body(&body), READ_TIMEOUT_MS};
    return gw_gwctl_ask(ctl, &question, &doc) ? NULL : doc;
}

void gw_gwctl_modbus_show_place(struct gw_gwctl *ctl, const struct gw_json *answer) {
    (void) fprintf(ctl->out, "bus %.*s, unit %llu, %.*s %.*s (wire address %llu), %llu ms\n",
                   GW_STR_ARG(gw_gwctl_text_of(answer, "bus")),
                   (unsigned long long) gw_gwctl_number_of(answer, "unit"),
                   GW_STR_ARG(gw_gwctl_text_of(answer, "area")),
                   GW_STR_ARG(gw_gwctl_text_of(answer, "notation")),
                   (unsigned long long) gw_gwctl_number_of(answer, "address"),
                   (unsigned long long) gw_gwctl_number_of(answer, "took_ms"));
}

int gw_gwctl_modbus_read(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = gw_gwctl_modbus_ask_read(ctl, 1);
    if (!doc) {
        return GW_EXIT_FAILED;
    }
    if (gw_gwctl_show_json(ctl)) {
        return GW_EXIT_DONE;
    }
    const struct gw_json *root = gw_json_root(doc);
    enum gw_modbus_area area = GW_AREA_HOLDING_REGISTER;
    (void) !gw_modbus_parse_area(gw_gwctl_text_of(root, "area"), &area);
    bool is_bits = area == GW_AREA_COIL || area == GW_AREA_DISCRETE_INPUT;
    uint64_t address = gw_gwctl_number_of(root, "address");
    gw_gwctl_modbus_show_place(ctl, root);
    const struct gw_json *words = gw_json_member(root, "words");
    for (const struct gw_json *word = words ? gw_json_first(words) : NULL; word;
         word = gw_json_next(word)) {
        int64_t value = 0;
        char notation[8];
        struct gw_buf buf;
        gw_buf_init(&buf, notation, sizeof notation);
        (void) !gw_json_get_i64(word, &value);
        gw_modbus_put_notation(&buf, area, (uint16_t) address);
        (void) fprintf(ctl->out, "  %6.*s  wire %5llu  ", (int) buf.len, notation,
                       (unsigned long long) address);
        if (is_bits) {
            (void) fprintf(ctl->out, "%lld\n", (long long) value);
        } else {
            (void) fprintf(ctl->out, "0x%04llx  %5lld\n", (unsigned long long) value,
                           (long long) value);
        }
        address++;
    }
    return GW_EXIT_DONE;
}

/* ---- scan ---- */

struct tally {
    unsigned asked, answered, refused, absent, closing, wrong;
};

static void show_found(struct gw_gwctl *ctl, const struct gw_json *units, struct tally *tally) {
    for (const struct gw_json *unit = units ? gw_json_first(units) : NULL; unit;
         unit = gw_json_next(unit)) {
        struct gw_str state = gw_gwctl_text_of(unit, "state");
        bool answers = gw_str_eq(state, GW_STR("answers"));
        bool refuses = gw_str_eq(state, GW_STR("exception"));
        bool is_wrong = gw_str_eq(state, GW_STR("wrong_answer"));
        tally->absent += gw_str_eq(state, GW_STR("absent"));
        tally->closing += gw_str_eq(state, GW_STR("closes"));
        tally->wrong += is_wrong;
        tally->asked++;
        tally->answered += answers;
        tally->refused += refuses;
        if (!answers && !refuses && !is_wrong) {
            continue;
        }
        (void) fprintf(ctl->out, "  unit %3llu  ",
                       (unsigned long long) gw_gwctl_number_of(unit, "unit"));
        if (refuses) {
            (void) fprintf(ctl->out, "is there, but refuses this address: exception %llu",
                           (unsigned long long) gw_gwctl_number_of(unit, "exception"));
        } else if (is_wrong) {
            (void) fprintf(ctl->out, "wrong answer: ");
            gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(unit, "detail"));
        } else {
            (void) fprintf(ctl->out, "answers");
        }
        (void) fprintf(ctl->out, "  (%llu ms)\n",
                       (unsigned long long) gw_gwctl_number_of(unit, "took_ms"));
    }
    (void) fflush(ctl->out);
}

static void say_before(struct gw_gwctl *ctl, uint64_t from, uint64_t to) {
    const struct gw_config *config = gw_gwctl_config(ctl);
    for (size_t i = 0; config && i < config->bus_count; i++) {
        const struct gw_config_bus *bus = &config->buses[i];
        if (strcmp(bus->name, ctl->arguments.positions[0]) == 0 && !ctl->arguments.json) {
            /* A silent unit costs the time-out, and as long a pause. */
            uint64_t longest_s = (to - from + 1) * 2 * bus->timeout_ms / 1000;
            (void) fprintf(ctl->out,
                           "asks units %llu to %llu one after the other, with a pause after "
                           "each: half of the time on the bus at most, %llu min %llu s if "
                           "nobody answers\n",
                           (unsigned long long) from, (unsigned long long) to,
                           (unsigned long long) longest_s / 60,
                           (unsigned long long) longest_s % 60);
            (void) fflush(ctl->out);
        }
    }
}

/* One part of the range; the next part's first unit, 0 = all, -1 after a failure. */
static int64_t scan_part(struct gw_gwctl *ctl, uint64_t from, uint64_t to,
                         struct tally *tally) {
    char storage[BODY_BYTES];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_text_member(&body, "bus", ctl->arguments.positions[0]);
    gw_gwctl_put_number_member(&body, "from", from);
    gw_gwctl_put_number_member(&body, "to", to);
    if (ctl->arguments.position_count == 3) {
        gw_gwctl_put_text_member(&body, "area", ctl->arguments.positions[1]);
        gw_gwctl_put_text_member(&body, "address", ctl->arguments.positions[2]);
    }
    gw_gwctl_put_actor(&body);
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_MODBUS_SCAN,
                                               gw_gwctl_end_body(&body), SCAN_TIMEOUT_MS};
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return -1;
    }
    if (!gw_gwctl_show_json(ctl)) {
        show_found(ctl, gw_json_member(gw_json_root(doc), "units"), tally);
    }
    return (int64_t) gw_gwctl_number_of(gw_json_root(doc), "next");
}

int gw_gwctl_modbus_scan(struct gw_gwctl *ctl) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    uint64_t from = arguments->has_from ? arguments->from : 1;
    uint64_t to = arguments->has_to ? arguments->to : UNIT_MAX;
    struct tally tally = {0};
    if (from > to || to > UNIT_MAX) {
        return gw_gwctl_fail(ctl, "--from and --to: allowed: 1 to 247, --from not above --to");
    }
    enum gw_modbus_area area;
    uint16_t address = 0;
    if (arguments->position_count == 2) {
        return gw_gwctl_fail(ctl, "AREA needs an ADDRESS behind it");
    }
    if (arguments->position_count == 3
        && !(take_area(ctl, arguments->positions[1], &area)
             && take_address(ctl, arguments->positions[2], area, &address))) {
        return GW_EXIT_FAILED;
    }
    say_before(ctl, from, to);
    int64_t next = (int64_t) from;
    while (next > 0) {
        next = scan_part(ctl, (uint64_t) next, to, &tally);
    }
    if (next < 0) {
        return GW_EXIT_FAILED;
    }
    if (!arguments->json) {
        unsigned silent = tally.asked - tally.answered - tally.refused - tally.absent
                          - tally.closing - tally.wrong;
        (void) fprintf(ctl->out, "%u asked: %u answer, %u refuse, %u are silent", tally.asked,
                       tally.answered, tally.refused, silent);
        if (tally.wrong > 0) {
            (void) fprintf(ctl->out, ", %u answer what does not fit", tally.wrong);
        }
        if (tally.closing > 0) {
            (void) fprintf(ctl->out,
                           ", %u close the connection (by which some gateways say that a unit "
                           "is not there)",
                           tally.closing);
        }
        if (tally.absent > 0) {
            (void) fprintf(ctl->out, ", %u are not there, says the gateway they are behind",
                           tally.absent);
        }
        (void) fputc('\n', ctl->out);
    }
    return GW_EXIT_DONE;
}

/* ---- write ---- */

/* A UUID of version 4 (RFC 9562, 5.4). */
static void draw_id(char dst[static 37]) {
    uint8_t bytes[16];
    char hex[33];
    gw_random_bytes(bytes, sizeof bytes);
    bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);
    gw_hex_format((struct gw_bytes){bytes, sizeof bytes}, hex);
    (void) snprintf(dst, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                    hex + 20);
}

/* --expires: seconds from now, or a time. How long to wait for the answer; -1 after a
 * sentence. */
static int put_expiry(struct gw_gwctl *ctl, struct gw_buf *body) {
    const char *expires = ctl->arguments.expires;
    int64_t seconds = expires ? number_of(expires, VALID_MAX_S) : VALID_S;
    int64_t wall_ms = 0;
    if (seconds > 0) {
        gw_gwctl_put_number_member(body, "valid_ms", (uint64_t) seconds * 1000);
        return (int) seconds * 1000 + WRITE_EXTRA_MS;
    }
    if (seconds == 0 || gw_time_parse(gw_str_from_cstr(expires), &wall_ms)) {
        (void) gw_gwctl_fail(ctl,
                             "--expires: found \"%s\", allowed: 1 to %d seconds from now, or a "
                             "time such as 2026-11-23T07:14:00Z",
                             expires, VALID_MAX_S);
        return -1;
    }
    gw_gwctl_put_text_member(body, "expires", expires);
    return VALID_MAX_S * 1000 + WRITE_EXTRA_MS;
}

static int show_result(struct gw_gwctl *ctl, const struct gw_json *answer) {
    const struct gw_json *result = gw_json_member(answer, "result");
    struct gw_str outcome = gw_gwctl_text_of(result, "outcome");
    bool is_done = gw_str_eq(outcome, GW_STR("done"));
    if (gw_gwctl_show_json(ctl)) {
        return is_done ? GW_EXIT_DONE : GW_EXIT_FAILED;
    }
    bool is_repeated = false, is_stored = true;
    (void) !gw_json_get_bool(gw_json_member(answer, "repeated"), &is_repeated);
    (void) !gw_json_get_bool(gw_json_member(answer, "stored"), &is_stored);
    struct gw_str name = gw_gwctl_text_of(result, "name");
    (void) fprintf(ctl->out, "%.*s: %.*s%s%.*s = %.*s", GW_STR_ARG(outcome),
                   GW_STR_ARG(gw_gwctl_text_of(result, "bus")), name.len > 0 ? "." : "",
                   GW_STR_ARG(name), GW_STR_ARG(gw_gwctl_text_of(result, "value")));
    if (gw_json_member(result, "unitid")) {
        (void) fprintf(ctl->out, " (unit %llu, %.*s, wire address %llu)",
                       (unsigned long long) gw_gwctl_number_of(result, "unitid"),
                       GW_STR_ARG(gw_gwctl_text_of(result, "area")),
                       (unsigned long long) gw_gwctl_number_of(result, "address"));
    }
    (void) fprintf(ctl->out, "\n  ");
    gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(result, "detail"));
    struct gw_str readback = gw_gwctl_text_of(result, "readback");
    if (readback.len > 0) {
        (void) fprintf(ctl->out, "\n  reads back: %.*s", GW_STR_ARG(readback));
    }
    (void) fprintf(ctl->out, "\n  command id: %.*s%s%s\n",
                   GW_STR_ARG(gw_gwctl_text_of(result, "commandid")),
                   is_repeated ? "; answered before, nothing was written now" : "",
                   is_stored ? "" : "; the result could not be stored yet");
    return is_done ? GW_EXIT_DONE : GW_EXIT_FAILED;
}

int gw_gwctl_modbus_write(struct gw_gwctl *ctl) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    bool is_named = arguments->position_count == 3;
    if (!is_named && arguments->position_count != 5) {
        return gw_gwctl_fail(ctl, "allowed: BUS NAME VALUE, or BUS UNIT AREA ADDRESS VALUE");
    }
    char storage[BODY_BYTES], id[37];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    draw_id(id);
    gw_gwctl_put_text_member(&body, "id", arguments->id ? arguments->id : id);
    gw_gwctl_put_text_member(&body, "bus", arguments->positions[0]);
    if (is_named) {
        gw_gwctl_put_text_member(&body, "name", arguments->positions[1]);
    } else if (!put_place(ctl, &body, arguments->positions + 1)) {
        return GW_EXIT_FAILED;
    }
    gw_gwctl_put_text_member(&body, "value",
                             arguments->positions[arguments->position_count - 1]);
    int timeout_ms = put_expiry(ctl, &body);
    if (timeout_ms < 0) {
        return GW_EXIT_FAILED;
    }
    gw_gwctl_put_actor(&body);
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_MODBUS_WRITE,
                                               gw_gwctl_end_body(&body), timeout_ms};
    enum gw_err err = gw_gwctl_ask(ctl, &question, &doc);
    if (err == GW_ERR_TIMEOUT || err == GW_ERR_NOCONN) {
        return gw_gwctl_fail(ctl,
                             "whether it was written is not known here: ask again with --id "
                             "%s, which writes nothing twice",
                             arguments->id ? arguments->id : id);
    }
    return err ? GW_EXIT_FAILED : show_result(ctl, gw_json_root(doc));
}
