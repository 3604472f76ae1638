/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is lines, each ended by LF:
 *
 *   "1"  "intent" or an outcome's name  ordinal  bus  name  place  value  words  actor
 *   via  time  result
 *
 * place: "unit/area/address", or "-" where it is not known. words: hexadecimal, four
 * digits each, or "-". result: the JSON text, empty of an intent. None of them can hold a
 * LF: gw_modbus_writes_submit takes no such text, and canonical JSON has none.
 */
#include "drivers/modbus/write_log.h"

#include <string.h>

#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"

#define VERSION GW_STR("1")
#define NOTHING GW_STR("-")
#define AREAS 4

static const char *const outcome_names[GW_MODBUS_WRITE_OUTCOMES] = {
    [GW_MODBUS_WRITE_DONE] = "done",       [GW_MODBUS_WRITE_REFUSED] = "refused",
    [GW_MODBUS_WRITE_EXPIRED] = "expired", [GW_MODBUS_WRITE_FAILED] = "failed",
    [GW_MODBUS_WRITE_UNKNOWN] = "unknown", [GW_MODBUS_WRITE_INTERRUPTED] = "interrupted",
};

const char *gw_modbus_outcome_name(enum gw_modbus_outcome outcome) {
    return outcome < GW_MODBUS_WRITE_OUTCOMES ? outcome_names[outcome] : "?";
}

bool gw_modbus_record_is_same(const struct gw_modbus_record *a,
                              const struct gw_modbus_record *b) {
    bool is_same_place = a->has_place == b->has_place && a->unit_id == b->unit_id
                         && a->area == b->area && a->address == b->address;
    return is_same_place && strcmp(a->bus, b->bus) == 0 && strcmp(a->name, b->name) == 0
           && strcmp(a->value, b->value) == 0;
}

/* ---- the text ---- */

static void put_line(struct gw_buf *buf, const char *text) {
    (void) gw_buf_put_str(buf, gw_str_from_cstr(text));
    (void) gw_buf_put_char(buf, '\n');
}

enum gw_err gw_modbus_record_format(const struct gw_modbus_record *record, struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, VERSION);
    (void) gw_buf_printf(buf, "\n%s\n%llu\n",
                         record->has_result ? gw_modbus_outcome_name(record->outcome)
                                            : "intent",
                         (unsigned long long) record->ordinal);
    put_line(buf, record->bus);
    put_line(buf, record->name);
    if (record->has_place) {
        (void) gw_buf_printf(buf, "%u/%s/%u\n", (unsigned) record->unit_id,
                             gw_point_area_name(record->area), (unsigned) record->address);
    } else {
        put_line(buf, "-");
    }
    put_line(buf, record->value);
    for (size_t i = 0; i < record->word_count; i++) {
        (void) gw_buf_printf(buf, "%04x", (unsigned) record->words[i]);
    }
    put_line(buf, record->word_count == 0 ? "-" : "");
    put_line(buf, record->actor);
    put_line(buf, record->via);
    (void) gw_time_put(buf, record->time_wall_ms);
    (void) gw_buf_put_char(buf, '\n');
    put_line(buf, record->has_result ? record->result : "");
    return gw_buf_failed(buf) ? GW_ERR_FULL : GW_OK;
}

static bool take_text(struct gw_str *rest, char *dst, size_t dst_size) {
    struct gw_str line;
    return gw_str_split(rest, '\n', &line) && !gw_str_copy(line, dst, dst_size);
}

static bool take_number(struct gw_str *rest, char separator, uint64_t max,
                        uint64_t *ret_number) {
    struct gw_str part;
    return gw_str_split(rest, separator, &part) && !gw_str_to_u64(part, max, ret_number);
}

static bool take_state(struct gw_str *rest, struct gw_modbus_record *record) {
    struct gw_str word;
    if (!gw_str_split(rest, '\n', &word)) {
        return false;
    }
    record->has_result = !gw_str_eq(word, GW_STR("intent"));
    for (unsigned i = 0; i < GW_MODBUS_WRITE_OUTCOMES; i++) {
        if (gw_str_eq(word, gw_str_from_cstr(outcome_names[i]))) {
            record->outcome = (enum gw_modbus_outcome) i;
            return true;
        }
    }
    return !record->has_result;
}

static bool take_place(struct gw_str *rest, struct gw_modbus_record *record) {
    struct gw_str line, area;
    uint64_t unit = 0, address = 0;
    if (!gw_str_split(rest, '\n', &line)) {
        return false;
    }
    if (gw_str_eq(line, NOTHING)) {
        return true;
    }
    record->has_place = true;
    if (!take_number(&line, '/', UINT8_MAX, &unit) || !gw_str_split(&line, '/', &area)
        || !take_number(&line, '/', UINT16_MAX, &address)) {
        return false;
    }
    record->unit_id = (uint8_t) unit;
    record->address = (uint16_t) address;
    for (unsigned i = 0; i < AREAS; i++) {
        if (gw_str_eq(area, gw_str_from_cstr(gw_point_area_name((enum gw_modbus_area) i)))) {
            record->area = (enum gw_modbus_area) i;
            return true;
        }
    }
    return false;
}

static bool take_words(struct gw_str *rest, struct gw_modbus_record *record) {
    struct gw_str line;
    uint8_t bytes[2 * GW_MODBUS_WRITE_WORDS];
    if (!gw_str_split(rest, '\n', &line)) {
        return false;
    }
    if (gw_str_eq(line, NOTHING)) {
        return true;
    }
    if (line.len % 4 != 0 || line.len > 2 * sizeof bytes
        || gw_hex_parse(line, bytes, line.len / 2)) {
        return false;
    }
    record->word_count = (uint16_t) (line.len / 4);
    for (size_t i = 0; i < record->word_count; i++) {
        record->words[i] = (uint16_t) (bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    return true;
}

static bool take_time(struct gw_str *rest, struct gw_modbus_record *record) {
    struct gw_str line;
    return gw_str_split(rest, '\n', &line) && !gw_time_parse(line, &record->time_wall_ms);
}

enum gw_err gw_modbus_record_parse(struct gw_str id, struct gw_str text,
                                   struct gw_modbus_record *ret_record) {
    struct gw_modbus_record record = {0};
    struct gw_str rest = text, version;
    bool is_good =
        !gw_str_copy(id, record.id, sizeof record.id) && gw_str_split(&rest, '\n', &version)
        && gw_str_eq(version, VERSION) && take_state(&rest, &record)
        && take_number(&rest, '\n', UINT64_MAX, &record.ordinal)
        && take_text(&rest, record.bus, sizeof record.bus)
        && take_text(&rest, record.name, sizeof record.name) && take_place(&rest, &record)
        && take_text(&rest, record.value, sizeof record.value) && take_words(&rest, &record)
        && take_text(&rest, record.actor, sizeof record.actor)
        && take_text(&rest, record.via, sizeof record.via) && take_time(&rest, &record)
        && take_text(&rest, record.result, sizeof record.result);
    if (!is_good) {
        return GW_ERR_CORRUPT;
    }
    *ret_record = record;
    return GW_OK;
}

/* ---- the table ---- */

static void put_number(uint8_t dst[static 8], uint64_t number) {
    for (int i = 7; i >= 0; i--) {
        dst[i] = (uint8_t) number;
        number >>= 8;
    }
}

static struct gw_bytes put_key(char *storage, struct gw_str id) {
    storage[0] = 'c';
    storage[1] = ':';
    memcpy(storage + 2, id.ptr, id.len);
    return (struct gw_bytes){(const uint8_t *) storage, 2 + id.len};
}

static struct gw_bytes put_order_key(uint8_t storage[static 10], uint64_t ordinal) {
    storage[0] = 'o';
    storage[1] = ':';
    put_number(storage + 2, ordinal);
    return (struct gw_bytes){storage, 10};
}

static enum gw_err get(const struct gw_intake *intake, struct gw_bytes key,
                       struct gw_buf *value) {
    return intake->state_get(intake->self, GW_MODBUS_WRITES_TABLE, key, value);
}

enum gw_err gw_modbus_record_get(const struct gw_intake *intake, struct gw_str id,
                                 struct gw_modbus_record *ret_record) {
    char key[2 + GW_MODBUS_COMMAND_ID_MAX];
    uint8_t storage[GW_MODBUS_RECORD_MAX_BYTES];
    struct gw_buf value;
    gw_buf_init(&value, storage, sizeof storage);
    if (id.len > GW_MODBUS_COMMAND_ID_MAX) {
        return GW_ERR_NOENT;
    }
    enum gw_err err = get(intake, put_key(key, id), &value);
    return err ? err : gw_modbus_record_parse(id, gw_buf_str(&value), ret_record);
}

enum gw_err gw_modbus_record_newest(const struct gw_intake *intake, uint64_t *ret_ordinal) {
    uint8_t storage[8];
    struct gw_buf value;
    gw_buf_init(&value, storage, sizeof storage);
    enum gw_err err = get(intake, gw_bytes_from_str(GW_STR("n")), &value);
    if (err && err != GW_ERR_NOENT && err != GW_ERR_CORRUPT) {
        return err;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < 8 && !err && value.len == 8; i++) {
        number = number << 8 | storage[i];
    }
    *ret_ordinal = number;
    return GW_OK;
}

struct walk {
    gw_modbus_record_taker *each;
    void *context;
};

static bool take_entry(void *context, struct gw_bytes key, struct gw_bytes value) {
    struct walk *walk = context;
    struct gw_str text = gw_str_from_bytes(key);
    struct gw_modbus_record record;
    bool is_record = gw_str_starts_with(text, GW_STR("c:"))
                     && !gw_modbus_record_parse(gw_str_sub(text, 2, text.len),
                                                gw_str_from_bytes(value), &record);
    return !is_record || walk->each(walk->context, &record);
}

enum gw_err gw_modbus_record_each(const struct gw_intake *intake, gw_modbus_record_taker *each,
                                  void *context) {
    struct walk walk = {each, context};
    return intake->state_each(intake->self, GW_MODBUS_WRITES_TABLE, take_entry, &walk);
}

struct search {
    gw_modbus_record_skip *skip;
    void *context;
    bool is_found;
    struct gw_modbus_record record;
};

static bool look(void *context, const struct gw_modbus_record *record) {
    struct search *search = context;
    search->is_found =
        !record->has_result && !search->skip(search->context, gw_str_from_cstr(record->id));
    if (search->is_found) {
        search->record = *record;
    }
    return !search->is_found;
}

enum gw_err gw_modbus_record_find_intent(const struct gw_intake *intake,
                                         gw_modbus_record_skip *skip, void *context,
                                         struct gw_modbus_record *ret_record) {
    struct search search = {.skip = skip, .context = context};
    enum gw_err err = gw_modbus_record_each(intake, look, &search);
    if (!search.is_found) {
        return err ? err : GW_ERR_NOENT;
    }
    *ret_record = search.record;
    return GW_OK;
}

static void add(struct gw_modbus_record_changes *changes, struct gw_bytes key,
                struct gw_bytes value) {
    changes->changes[changes->count++] = (struct gw_state_change){.key = key, .value = value};
}

/* The oldest makes room. */
static void push_out(const struct gw_intake *intake, uint64_t ordinal,
                     struct gw_modbus_record_changes *changes) {
    struct gw_buf id;
    gw_buf_init(&id, changes->old_id, sizeof changes->old_id);
    struct gw_bytes order_key = put_order_key(changes->old_order_key, ordinal);
    if (get(intake, order_key, &id)) {
        return;
    }
    add(changes, order_key, (struct gw_bytes){0});
    add(changes, put_key(changes->old_key, gw_buf_str(&id)), (struct gw_bytes){0});
}

enum gw_err gw_modbus_record_store(const struct gw_intake *intake,
                                   const struct gw_modbus_record *record, uint64_t newest,
                                   struct gw_modbus_record_changes *ret_changes) {
    struct gw_buf value;
    gw_buf_init(&value, ret_changes->value, sizeof ret_changes->value);
    enum gw_err err = gw_modbus_record_format(record, &value);
    if (err) {
        return err;
    }
    ret_changes->count = 0;
    struct gw_str id = gw_str_from_cstr(record->id);
    add(ret_changes, put_key(ret_changes->key, id), gw_buf_bytes(&value));
    if (record->ordinal <= newest) {
        return GW_OK;
    }
    put_number(ret_changes->newest, record->ordinal);
    add(ret_changes, put_order_key(ret_changes->order_key, record->ordinal),
        gw_bytes_from_str(id));
    add(ret_changes, gw_bytes_from_str(GW_STR("n")), (struct gw_bytes){ret_changes->newest, 8});
    if (record->ordinal > GW_MODBUS_WRITES_KEPT) {
        push_out(intake, record->ordinal - GW_MODBUS_WRITES_KEPT, ret_changes);
    }
    return GW_OK;
}
