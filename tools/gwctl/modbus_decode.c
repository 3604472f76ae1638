/* SPDX-License-Identifier: Apache-2.0 */
/* What registers can mean: every type in every order, side by side, so that the one that
 * makes sense can be seen. */
#include <string.h>

#include "drivers/modbus/place.h"
#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"
#include "tools/gwctl/modbus.h"
#include "tools/gwctl/show.h"

#define WORDS_MAX 16
#define CELL_BYTES (GW_DECIMAL_TEXT_MAX + 2)
#define CELL_MIN 8
/* Digits of a 64-bit integer with its sign. */
#define CELL_LONG 20

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* Types in the order of the table. */
static const enum gw_point_type shown_types[] = {
    GW_POINT_UINT16, GW_POINT_INT16, GW_POINT_FLOAT16, GW_POINT_BCD16,
    GW_POINT_UINT32, GW_POINT_INT32, GW_POINT_FLOAT32, GW_POINT_BCD32,
    GW_POINT_UINT64, GW_POINT_INT64, GW_POINT_FLOAT64,
};

/* Orders in that of the columns: those of one register first. */
static const enum gw_word_order shown_orders[GW_ORDER_COUNT] = {
    GW_ORDER_ABCD, GW_ORDER_BADC,     GW_ORDER_CDAB,
    GW_ORDER_DCBA, GW_ORDER_CDABGHEF, GW_ORDER_EFGHABCD,
};

/* Whether the order says anything for so many registers: one has two, four have six. */
static bool is_order_of(enum gw_word_order order, size_t width) {
    switch (order) {
    case GW_ORDER_ABCD:
    case GW_ORDER_BADC:
        return true;
    case GW_ORDER_CDAB:
    case GW_ORDER_DCBA:
        return width > 1;
    default:
        return width == 4;
    }
}

/* A long number as "~-4.95020e32": it is here to be recognised as nonsense. */
static void shorten(char text[static CELL_BYTES]) {
    char digits[8] = "";
    size_t count = 0, len = strlen(text), point = strcspn(text, ".");
    size_t first = strcspn(text, "123456789");
    for (size_t i = first; i < len && count < 6; i++) {
        if (text[i] != '.') {
            digits[count++] = text[i];
        }
    }
    int exponent = first < point ? (int) (point - first) - 1 : (int) point - (int) first;
    (void) snprintf(text, CELL_BYTES, "~%s%c%s%se%d", text[0] == '-' ? "-" : "", digits[0],
                    count > 1 ? "." : "", digits + 1, exponent);
}

/* The value as text, "" where it is none of this type and order. */
static void decode(enum gw_point_type type, enum gw_word_order order, const uint16_t *words,
                   size_t count, char dst[static CELL_BYTES]) {
    size_t width = gw_point_register_count(type);
    struct gw_config_point point = {.area = GW_AREA_HOLDING_REGISTER,
                                    .type = type,
                                    .order = order,
                                    .bit = GW_POINT_ALL_BITS,
                                    .scale = "1",
                                    .offset = "0",
                                    .dead_band = "0"};
    struct gw_point_value value;
    struct gw_buf cell;
    gw_buf_init(&cell, dst, CELL_BYTES - 1);
    if (width <= count && is_order_of(order, width)
        && !gw_point_decode(&point, words, width, &value)) {
        if (value.good) {
            (void) gw_decimal_put(&cell, &value.number);
        } else {
            (void) gw_buf_put_str(&cell, GW_STR("no number"));
        }
        if (gw_buf_failed(&cell)) {
            gw_buf_clear(&cell);
            (void) gw_buf_put_str(&cell, GW_STR("too long"));
        }
    }
    dst[cell.len] = '\0';
    if (cell.len > CELL_LONG) {
        shorten(dst);
    }
}

/* ---- as a table ---- */

typedef char cell_row[GW_ORDER_COUNT][CELL_BYTES];

static void decode_row(enum gw_point_type type, const uint16_t *words, size_t count,
                       cell_row ret_row) {
    for (size_t i = 0; i < GW_ORDER_COUNT; i++) {
        decode(type, shown_orders[i], words, count, ret_row[i]);
    }
}

static void show_row(FILE *out, const char *name, cell_row row,
                     const size_t widths[static GW_ORDER_COUNT]) {
    int last = -1;
    for (int order = 0; order < GW_ORDER_COUNT; order++) {
        last = row[order][0] != '\0' ? order : last;
    }
    (void) fprintf(out, "  %-8s", name);
    for (int order = 0; order <= last; order++) {
        (void) fprintf(out, "  %*s", (int) widths[order], row[order]);
    }
    (void) fputc('\n', out);
}

static void show_bits(FILE *out, uint16_t word) {
    (void) fprintf(out, "  bits 15..0  ");
    for (int bit = 15; bit >= 0; bit--) {
        (void) fprintf(out, "%d%s", word >> bit & 1, bit % 4 == 0 && bit > 0 ? " " : "");
    }
    (void) fputc('\n', out);
}

/* What begins at words[0]. */
static void show_table(FILE *out, const uint16_t *words, size_t count) {
    cell_row rows[GW_ARRAY_LEN(shown_types)];
    cell_row heads;
    size_t widths[GW_ORDER_COUNT], shown = 0;
    for (unsigned order = 0; order < GW_ORDER_COUNT; order++) {
        (void) snprintf(heads[order], CELL_BYTES, "%s",
                        !is_order_of(shown_orders[order], count < 4 ? count : 4)
                            ? ""
                            : gw_modbus_order_name(shown_orders[order]));
        widths[order] = CELL_MIN;
    }
    while (shown < GW_ARRAY_LEN(shown_types)
           && gw_point_register_count(shown_types[shown]) <= count) {
        decode_row(shown_types[shown], words, count, rows[shown]);
        for (unsigned order = 0; order < GW_ORDER_COUNT; order++) {
            size_t len = strlen(rows[shown][order]);
            widths[order] = len > widths[order] ? len : widths[order];
        }
        shown++;
    }
    show_row(out, "", heads, widths);
    for (size_t i = 0; i < shown; i++) {
        show_row(out, gw_modbus_type_name(shown_types[i]), rows[i], widths);
    }
}

static void show_text(FILE *out, const uint16_t *words, size_t count, bool is_swapped) {
    char text[2 * WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        char high = (char) (words[i] >> 8), low = (char) (words[i] & 0xff);
        text[2 * i] = is_swapped ? low : high;
        text[2 * i + 1] = is_swapped ? high : low;
    }
    (void) fprintf(out, "  string %s  \"", is_swapped ? "BADC" : "ABCD");
    gw_gwctl_show_text(out, (struct gw_str){text, 2 * count});
    (void) fprintf(out, "\"\n");
}

static void show_all(struct gw_gwctl *ctl, const uint16_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void) fprintf(ctl->out, "register +%zu: 0x%04x\n", i, (unsigned) words[i]);
        show_bits(ctl->out, words[i]);
        show_table(ctl->out, words + i, count - i);
    }
    (void) fprintf(ctl->out, "all of them as text\n");
    show_text(ctl->out, words, count, false);
    show_text(ctl->out, words, count, true);
}

/* ---- as JSON ---- */

static void put_values(FILE *out, const uint16_t *words, size_t count, size_t at,
                       const char **comma) {
    for (size_t i = 0; i < GW_ARRAY_LEN(shown_types); i++) {
        for (unsigned order = 0; order < GW_ORDER_COUNT; order++) {
            char cell[CELL_BYTES];
            decode(shown_types[i], (enum gw_word_order) order, words + at, count - at, cell);
            if (cell[0] != '\0') {
                (void) fprintf(
                    out, "%s{\"at\":%zu,\"type\":\"%s\",\"order\":\"%s\",\"value\":\"%s\"}",
                    *comma, at, gw_modbus_type_name(shown_types[i]),
                    gw_modbus_order_name((enum gw_word_order) order), cell);
                *comma = ",";
            }
        }
    }
}

static void show_json(struct gw_gwctl *ctl, const uint16_t *words, size_t count) {
    const char *comma = "";
    (void) fprintf(ctl->out, "{\"words\":[");
    for (size_t i = 0; i < count; i++) {
        (void) fprintf(ctl->out, "%s%u", i == 0 ? "" : ",", (unsigned) words[i]);
    }
    (void) fprintf(ctl->out, "],\"values\":[");
    for (size_t i = 0; i < count; i++) {
        put_values(ctl->out, words, count, i, &comma);
    }
    (void) fprintf(ctl->out, "]}\n");
}

/* ---- bits ---- */

/* Coils and discrete inputs are no registers: all they can mean is 0 or 1. */
static void show_coils(struct gw_gwctl *ctl, const uint16_t *bits, size_t count) {
    const char *comma = "";
    if (!ctl->arguments.json) {
        for (size_t i = 0; i < count; i++) {
            (void) fprintf(ctl->out, "bit +%zu: %d\n", i, bits[i] != 0);
        }
        return;
    }
    (void) fprintf(ctl->out, "{\"bits\":[");
    for (size_t i = 0; i < count; i++) {
        (void) fprintf(ctl->out, "%s%d", i == 0 ? "" : ",", bits[i] != 0);
    }
    (void) fprintf(ctl->out, "],\"values\":[");
    for (size_t i = 0; i < count; i++, comma = ",") {
        (void) fprintf(ctl->out, "%s{\"at\":%zu,\"type\":\"bool\",\"value\":\"%d\"}", comma, i,
                       bits[i] != 0);
    }
    (void) fprintf(ctl->out, "]}\n");
}

/* ---- the verb ---- */

/* Words of the command line, "0x4048"; 0 after a sentence. */
static size_t take_words(struct gw_gwctl *ctl, uint16_t words[static WORDS_MAX]) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    if (arguments->position_count > WORDS_MAX) {
        (void) gw_gwctl_fail(ctl, "allowed: up to %d registers", WORDS_MAX);
        return 0;
    }
    for (size_t i = 0; i < arguments->position_count; i++) {
        struct gw_str text = gw_str_from_cstr(arguments->positions[i]);
        if (!gw_str_starts_with(text, GW_STR("0x"))
            || gw_modbus_parse_address(text, GW_AREA_HOLDING_REGISTER, &words[i])) {
            (void) gw_gwctl_fail(ctl, "found \"%s\", allowed: registers such as 0x4048",
                                 arguments->positions[i]);
            return 0;
        }
    }
    return arguments->position_count;
}

/* Words the unit shows now, or bits; 0 after a sentence. */
static size_t read_words(struct gw_gwctl *ctl, uint16_t words[static WORDS_MAX],
                         bool *ret_is_bits) {
    if (ctl->arguments.position_count < 4 || ctl->arguments.position_count > 5) {
        (void) gw_gwctl_fail(
            ctl, "allowed: registers such as 0x4048 0xf5c3, or BUS UNIT AREA ADDRESS [COUNT]");
        return 0;
    }
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = gw_gwctl_modbus_ask_read(ctl, 4);
    size_t count = 0;
    if (!doc) {
        return 0;
    }
    const struct gw_json *list = gw_json_member(gw_json_root(doc), "words");
    for (const struct gw_json *word = list ? gw_json_first(list) : NULL;
         word && count < WORDS_MAX; word = gw_json_next(word)) {
        int64_t value = 0;
        (void) !gw_json_get_i64(word, &value);
        words[count++] = (uint16_t) value;
    }
    if (!ctl->arguments.json) {
        gw_gwctl_modbus_show_place(ctl, gw_json_root(doc));
    }
    enum gw_modbus_area area = GW_AREA_HOLDING_REGISTER;
    (void) !gw_modbus_parse_area(gw_gwctl_text_of(gw_json_root(doc), "area"), &area);
    *ret_is_bits = gw_point_area_is_bits(area);
    return count;
}

int gw_gwctl_modbus_decode(struct gw_gwctl *ctl) {
    uint16_t words[WORDS_MAX];
    bool is_offline =
        gw_str_starts_with(gw_str_from_cstr(ctl->arguments.positions[0]), GW_STR("0x"));
    bool is_bits = false;
    size_t count = is_offline ? take_words(ctl, words) : read_words(ctl, words, &is_bits);
    if (count == 0) {
        return GW_EXIT_FAILED;
    }
    if (is_bits) {
        show_coils(ctl, words, count);
    } else if (ctl->arguments.json) {
        show_json(ctl, words, count);
    } else {
        show_all(ctl, words, count);
    }
    return GW_EXIT_DONE;
}
