/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/read.h"

#include <string.h>

/* Arena allocations are aligned for any type: this much may be lost to each. */
#define ALIGNMENT_LOSS 16

typedef bool row_reader(struct gw_config_reading *reading, const struct gw_config_row *row,
                        const struct gw_json *value, void *base);

const char *gw_config_keep_text(struct gw_config_reading *reading, struct gw_str text) {
    struct gw_buf *texts = &reading->texts;
    const char *kept = (const char *) texts->data + texts->len;
    if (gw_buf_space(texts) < text.len + 1) {
        return "";
    }
    (void) gw_buf_put_str(texts, text);
    (void) gw_buf_put_char(texts, '\0');
    return kept;
}

static void put_unsigned(const struct gw_config_row *row, void *base, uint64_t value) {
    void *member = (char *) base + row->offset;
    uint8_t u8 = (uint8_t) value;
    uint16_t u16 = (uint16_t) value;
    uint32_t u32 = (uint32_t) value;
    const void *source = row->size == 1   ? (void *) &u8
                         : row->size == 2 ? (void *) &u16
                         : row->size == 4 ? (void *) &u32
                                          : (void *) &value;
    memcpy(member, source, row->size);
}

static void put_pointer(const struct gw_config_row *row, void *base, const void *pointer) {
    memcpy((char *) base + row->offset, &pointer, sizeof pointer);
}

static void put_count(const struct gw_config_row *row, void *base, size_t count) {
    memcpy((char *) base + row->count_offset, &count, sizeof count);
}

static bool read_bool(struct gw_config_reading *reading, const struct gw_config_row *row,
                      const struct gw_json *value, void *base) {
    (void) reading;
    bool flag = false;
    if (gw_json_get_bool(value, &flag)) {
        return false;
    }
    memcpy((char *) base + row->offset, &flag, sizeof flag);
    return true;
}

static bool read_number(struct gw_config_reading *reading, const struct gw_config_row *row,
                        const struct gw_json *value, void *base) {
    (void) reading;
    int64_t number = 0;
    if (gw_json_get_i64(value, &number) || number < 0 || (uint64_t) number < row->min
        || (uint64_t) number > row->max) {
        return false;
    }
    put_unsigned(row, base, (uint64_t) number);
    return true;
}

static bool fits(const struct gw_config_row *row, struct gw_str text) {
    return memchr(text.ptr, 0, text.len) == NULL && row->rule->fits(text);
}

static bool read_text(struct gw_config_reading *reading, const struct gw_config_row *row,
                      const struct gw_json *value, void *base) {
    struct gw_str text;
    if (gw_json_get_str(value, &text) || text.len < row->min || text.len > row->max
        || !fits(row, text)) {
        return false;
    }
    put_pointer(row, base, gw_config_keep_text(reading, text));
    return true;
}

static bool find_choice(const struct gw_config_row *row, struct gw_str name,
                        unsigned *ret_value) {
    for (size_t i = 0; i < row->choice_count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(row->choices[i].name))) {
            *ret_value = row->choices[i].value;
            return true;
        }
    }
    return false;
}

static bool read_choice(struct gw_config_reading *reading, const struct gw_config_row *row,
                        const struct gw_json *value, void *base) {
    (void) reading;
    struct gw_str name;
    unsigned chosen = 0;
    if (gw_json_get_str(value, &name) || !find_choice(row, name, &chosen)) {
        return false;
    }
    put_unsigned(row, base, chosen);
    return true;
}

static bool is_repeated(const char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], texts[count]) == 0) {
            return true;
        }
    }
    return false;
}

/* Entry `index`; its own finding names it. */
static void read_entry(struct gw_config_reading *reading, const struct gw_config_row *row,
                       const struct gw_json *value, const char **texts, size_t index) {
    struct gw_str text;
    texts[index] = "";
    bool is_good = !gw_json_get_str(value, &text) && text.len > 0
                   && text.len <= GW_TEXTS_ENTRY_MAX && fits(row, text);
    if (is_good) {
        texts[index] = gw_config_keep_text(reading, text);
        is_good = !is_repeated(texts, index);
    }
    if (!is_good) {
        size_t mark = gw_config_enter_index(&reading->report, index);
        gw_config_report_value(&reading->report, row, value);
        gw_config_leave(&reading->report, mark);
    }
}

static bool is_list_of(const struct gw_config_row *row, const struct gw_json *value) {
    return gw_json_kind(value) == GW_JSON_ARRAY && gw_json_count(value) >= row->min
           && gw_json_count(value) <= row->max;
}

static bool read_texts(struct gw_config_reading *reading, const struct gw_config_row *row,
                       const struct gw_json *value, void *base) {
    if (!is_list_of(row, value)) {
        return false;
    }
    size_t count = gw_json_count(value);
    const char **texts = gw_arena_alloc(&reading->lists, count * sizeof *texts);
    if (!texts) {
        return false;
    }
    size_t index = 0;
    for (const struct gw_json *entry = gw_json_first(value); entry;
         entry = gw_json_next(entry)) {
        read_entry(reading, row, entry, texts, index);
        index++;
    }
    put_pointer(row, base, texts);
    put_count(row, base, count);
    return true;
}

/* Of an object that was refused: for the rules to come, without more findings. */
static void read_defaults(struct gw_config_reading *reading,
                          const struct gw_config_group *group, void *base) {
    bool was_muted = reading->report.is_muted;
    reading->report.is_muted = true;
    gw_config_read_group(reading, group, NULL, base);
    reading->report.is_muted = was_muted;
}

static bool read_list(struct gw_config_reading *reading, const struct gw_config_row *row,
                      const struct gw_json *value, void *base) {
    if (!is_list_of(row, value)) {
        return false;
    }
    size_t count = gw_json_count(value);
    char *entries =
        count > 0 ? gw_arena_alloc(&reading->lists, count * row->group->bytes) : NULL;
    if (count > 0 && !entries) {
        return false;
    }
    size_t index = 0;
    for (const struct gw_json *entry = gw_json_first(value); entry;
         entry = gw_json_next(entry)) {
        size_t mark = gw_config_enter_index(&reading->report, index);
        if (gw_json_kind(entry) == GW_JSON_OBJECT_KIND) {
            gw_config_read_group(reading, row->group, entry,
                                 entries + index * row->group->bytes);
        } else {
            gw_config_report_value(&reading->report,
                                   &(struct gw_config_row){.kind = GW_KIND_GROUP}, entry);
            read_defaults(reading, row->group, entries + index * row->group->bytes);
        }
        gw_config_leave(&reading->report, mark);
        index++;
    }
    put_pointer(row, base, entries);
    put_count(row, base, count);
    return true;
}

static bool read_object(struct gw_config_reading *reading, const struct gw_config_row *row,
                        const struct gw_json *value, void *base) {
    if (gw_json_kind(value) != GW_JSON_OBJECT_KIND) {
        return false;
    }
    gw_config_read_group(reading, row->group, value, (char *) base + row->offset);
    return true;
}

/* "40001" and "400001" notation: area digit, then the register counted from 1. */
static bool parse_notation(struct gw_str text, enum gw_modbus_area area, uint64_t *ret_wire) {
    static const char digit_of_area[] = {
        [GW_AREA_COIL] = '0',
        [GW_AREA_DISCRETE_INPUT] = '1',
        [GW_AREA_INPUT_REGISTER] = '3',
        [GW_AREA_HOLDING_REGISTER] = '4',
    };
    uint64_t number = 0;
    if ((text.len != 5 && text.len != 6) || text.ptr[0] != digit_of_area[area]
        || gw_str_to_u64(gw_str_sub(text, 1, text.len), 65536, &number) || number == 0) {
        return false;
    }
    *ret_wire = number - 1;
    return true;
}

/* The row of the area stands before that of the address, so it is read. */
static bool read_address(struct gw_config_reading *reading, const struct gw_config_row *row,
                         const struct gw_json *value, void *base) {
    (void) reading;
    enum gw_modbus_area area = GW_AREA_COIL;
    memcpy(&area, (const char *) base + row->area_offset, sizeof area);
    struct gw_str text;
    int64_t number = 0;
    uint64_t wire = 0;
    if (!gw_json_get_str(value, &text)) {
        if (!parse_notation(text, area, &wire)) {
            return false;
        }
    } else if (gw_json_get_i64(value, &number) || number < 0 || number > 65535) {
        return false;
    } else {
        wire = (uint64_t) number;
    }
    put_unsigned(row, base, wire);
    return true;
}

/* What a member is that the document does not have, or has wrongly. */
static void put_initial(const struct gw_config_row *row, void *base) {
    struct gw_str initial = gw_str_from_cstr(row->initial);
    uint64_t number = 0;
    unsigned chosen = GW_CHOICE_NOT_GIVEN;
    switch (row->kind) {
    case GW_KIND_BOOL:
        number = gw_str_eq(initial, GW_STR("true")) ? 1 : 0;
        memcpy((char *) base + row->offset, &(bool){number == 1}, sizeof(bool));
        break;
    case GW_KIND_NUMBER:
        number = row->derived && row->min == 0 ? GW_NUMBER_NOT_GIVEN : 0;
        (void) !gw_str_to_u64(initial, UINT64_MAX, &number);
        put_unsigned(row, base, number);
        break;
    case GW_KIND_TEXT:
        put_pointer(row, base, row->initial ? row->initial : "");
        break;
    case GW_KIND_CHOICE:
        put_unsigned(row, base,
                     find_choice(row, initial, &chosen) || row->derived ? chosen : 0);
        break;
    default: /* zeroed already */
        break;
    }
}

static bool may_be_absent(const struct gw_config_row *row) {
    return row->initial || row->derived || row->kind == GW_KIND_GROUP
           || (row->kind == GW_KIND_LIST && row->min == 0);
}

static void read_row(struct gw_config_reading *reading, const struct gw_config_row *row,
                     const struct gw_json *value, void *base) {
    static row_reader *const readers[GW_KIND_COUNT] = {
        [GW_KIND_BOOL] = read_bool,    [GW_KIND_NUMBER] = read_number,
        [GW_KIND_TEXT] = read_text,    [GW_KIND_CHOICE] = read_choice,
        [GW_KIND_TEXTS] = read_texts,  [GW_KIND_ADDRESS] = read_address,
        [GW_KIND_GROUP] = read_object, [GW_KIND_LIST] = read_list,
    };
    size_t mark = gw_config_enter(&reading->report, gw_str_from_cstr(row->name));
    if (!value) {
        put_initial(row, base);
    }
    if (!value && row->kind == GW_KIND_GROUP) {
        gw_config_read_group(reading, row->group, NULL, (char *) base + row->offset);
    }
    bool is_good = value ? readers[row->kind](reading, row, value, base) : may_be_absent(row);
    if (!is_good) {
        put_initial(row, base);
        gw_config_report_value(&reading->report, row, value);
    }
    if (!is_good && row->kind == GW_KIND_GROUP) {
        read_defaults(reading, row->group, (char *) base + row->offset);
    }
    gw_config_leave(&reading->report, mark);
}

void gw_config_read_group(struct gw_config_reading *reading,
                          const struct gw_config_group *group, const struct gw_json *object,
                          void *base) {
    for (size_t i = 0; i < group->row_count; i++) {
        const struct gw_config_row *row = &group->rows[i];
        read_row(reading, row, object ? gw_json_member(object, row->name) : NULL, base);
    }
    const struct gw_json *child = object ? gw_json_first(object) : NULL;
    for (; child; child = gw_json_next(child)) {
        if (!gw_config_find_row(group, gw_json_name(child))) {
            size_t mark = gw_config_enter(&reading->report, gw_json_name(child));
            gw_config_report_unknown(&reading->report, group);
            gw_config_leave(&reading->report, mark);
        }
    }
}

size_t gw_config_list_bytes(const struct gw_config_group *group, const struct gw_json *object) {
    size_t bytes = 0;
    for (size_t i = 0; i < group->row_count; i++) {
        const struct gw_config_row *row = &group->rows[i];
        const struct gw_json *value = gw_json_member(object, row->name);
        size_t count = value ? gw_json_count(value) : 0;
        if (row->kind == GW_KIND_GROUP && value) {
            bytes += gw_config_list_bytes(row->group, value);
        } else if (row->kind == GW_KIND_TEXTS && count <= row->max) {
            bytes += count * sizeof(char *) + ALIGNMENT_LOSS;
        } else if (row->kind == GW_KIND_LIST && count <= row->max) {
            bytes += count * row->group->bytes + ALIGNMENT_LOSS;
            const struct gw_json *entry = value ? gw_json_first(value) : NULL;
            for (; entry; entry = gw_json_next(entry)) {
                bytes += gw_config_list_bytes(row->group, entry);
            }
        }
    }
    return bytes;
}
