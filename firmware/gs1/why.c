/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as names and sentences. A sentence is a template; what stands in
 * braces is put in from the finding. */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/gs1/check.h"

#define SHOWN_BYTES_MAX 40

struct reason {
    const char *name;
    const char *sentence;
};

static const struct reason reasons[GW_GS1_REASON_COUNT_] = {
    [GW_GS1_VALID] = {"valid", ""},
    [GW_GS1_NOT_GS1] = {"not_gs1", "{carrier}: nothing here says that it is GS1"},
    [GW_GS1_EMPTY] = {"empty", "{ai} has no value"},
    [GW_GS1_UNKNOWN_AI] = {"unknown_ai", "found \"{found}\" where an application identifier "
                                         "must stand; {release} has none like it"},
    [GW_GS1_TOO_SHORT] = {"too_short", "{ai} has {length} characters, allowed are {range}"},
    [GW_GS1_TOO_LONG] = {"too_long", "{ai} has {length} characters, allowed are {range}"},
    [GW_GS1_SEPARATOR_MISSING] = {"separator_missing",
                                  "{ai} goes on after {max} characters, which is all it may "
                                  "have: the separator (GS) behind it is missing or was lost"},
    [GW_GS1_BAD_CHARACTER] = {"bad_character", "{ai} holds \"{found}\", allowed are {set}"},
    [GW_GS1_CHECK_DIGIT] = {"check_digit",
                            "{ai} holds \"{found}\", whose check digit would be {digit}"},
    [GW_GS1_CHECK_PAIR] = {"check_pair", "{ai} holds \"{found}\", which must end with {pair}"},
    [GW_GS1_BAD_DATE] = {"bad_date", "{ai} holds \"{found}\", allowed is {check}"},
    [GW_GS1_BAD_VALUE] = {"bad_value", "{ai} holds \"{found}\", allowed is {check}"},
    [GW_GS1_ASSOCIATION_MISSING] = {"association_missing", "{ai} needs {needs}"},
    [GW_GS1_ASSOCIATION_INVALID] = {"association_invalid",
                                    "{ai} and {other} exclude each other"},
    [GW_GS1_REPEATED] = {"repeated", "{ai} stands there twice"},
    [GW_GS1_TOO_MANY] = {"too_many", "more than {max} elements"},
    [GW_GS1_BAD_URI] = {"bad_uri",
                        "found \"{found}\", which may not stand there in a Web address"},
    [GW_GS1_NO_KEY] = {"no_key", "the path of this address holds no primary key of GS1"},
    [GW_GS1_COMPRESSED] = {"compressed",
                           "this looks like a compressed Digital Link, which is not read"},
    [GW_GS1_PATH_ORDER] = {"path_order", "the qualifiers behind {other} are not right; allowed "
                                         "there: {needs}, in this order"},
    [GW_GS1_BELONGS_IN_PATH] = {"belongs_in_path",
                                "{ai} is a qualifier of {other}: it belongs into the path, not "
                                "into the query"},
    [GW_GS1_NOT_AN_ATTRIBUTE] = {"not_an_attribute",
                                 "{ai} may not stand in the query of a link"},
};

const char *gw_gs1_reason_name(enum gw_gs1_reason reason) {
    return reasons[reason].name;
}

const char *gw_gs1_kind_name(enum gw_gs1_kind kind) {
    static const char *const names[] = {
        [GW_GS1_OTHER] = "other",
        [GW_GS1_ELEMENT_STRING] = "element_string",
        [GW_GS1_GTIN] = "gtin",
        [GW_GS1_DIGITAL_LINK] = "digital_link",
    };
    return names[kind];
}

const char *gw_gs1_note_name(unsigned notes) {
    static const char *const names[] = {
        "leading_separator",
        "needless_separator",
        "trailing_separator",
        "repeated",
        "assumed",
        "add_on",
        "restricted",
        "incomplete",
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        if (notes >> i & 1) {
            return names[i];
        }
    }
    return NULL;
}

/* ---- what stands in braces ---- */

static void put_shown(struct gw_str text, struct gw_buf *buf) {
    for (size_t i = 0; i < text.len && i < SHOWN_BYTES_MAX; i++) {
        char c = text.ptr[i];
        if (c >= ' ' && c <= '~') {
            (void) gw_buf_put_char(buf, c);
        } else {
            (void) gw_buf_printf(buf, "<%02x>", (unsigned) (uint8_t) c);
        }
    }
    if (text.len > SHOWN_BYTES_MAX) {
        (void) gw_buf_put_str(buf, GW_STR("..."));
    }
}

static void put_ai(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    if (scan->why.ai[0] != '\0') {
        (void) gw_buf_printf(buf, "(%s)", scan->why.ai);
    } else {
        (void) gw_buf_put_str(buf, GW_STR("the code"));
    }
}

static void put_other(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_printf(buf, "(%s)", scan->why.other);
}

static void put_found(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    put_shown(scan->why.found, buf);
}

static void put_length(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_u64(buf, scan->why.found.len);
}

static void put_max(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_u64(buf, scan->why.max);
}

static void put_range(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    unsigned min = scan->why.min;
    unsigned max = scan->why.max;
    if (min == max) {
        (void) gw_buf_printf(buf, "exactly %u", max);
    } else if (min == 0) {
        (void) gw_buf_printf(buf, "at most %u", max);
    } else {
        (void) gw_buf_printf(buf, "%u to %u", min, max);
    }
}

static void put_set(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, gw_str_from_cstr(scan->why.character));
}

static void put_check(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, gw_str_from_cstr(gw_gs1_check_name(scan->why.check)));
}

static void put_digit(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    struct gw_str found = scan->why.found;
    (void) gw_buf_put_char(buf, gw_gs1_mod_10(gw_str_sub(found, 0, found.len - 1)));
}

static void put_pair(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    struct gw_str found = scan->why.found;
    char pair[2];
    gw_gs1_mod_1021(gw_str_sub(found, 0, found.len < 2 ? 0 : found.len - 2), pair);
    (void) gw_buf_put_str(buf, (struct gw_str){pair, sizeof(pair)});
}

static void put_carrier(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) gw_buf_put_str(
        buf, gw_str_from_cstr(scan->carrier ? scan->carrier->name : "no AIM identifier"));
}

static void put_release(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    (void) scan;
    (void) gw_buf_put_str(buf, GW_STR(GW_GS1_RELEASE));
}

/* "01+21,8006" as "(01)+(21) or (8006)". */
static void put_needs(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    static const char *const links[] = {[','] = " or ", [';'] = ", and ", ['|'] = ", or "};
    bool is_path = scan->why.reason == GW_GS1_PATH_ORDER;
    const char *p = scan->why.needs;
    if (*p == '\0') {
        (void) gw_buf_put_str(buf, is_path ? GW_STR("none") : GW_STR("its serial number"));
    }
    while (*p != '\0') {
        size_t len = strspn(p, "0123456789n");
        (void) gw_buf_printf(buf, "(%.*s)", (int) len, p);
        p += len;
        const char *link = *p == '\0' ? "" : *p == '+' ? "+" : links[(uint8_t) *p];
        (void) gw_buf_put_str(buf, is_path && *p == ',' ? GW_STR(" ") : gw_str_from_cstr(link));
        p += *p != '\0';
    }
}

static const struct {
    const char *name;
    void (*put)(const struct gw_gs1_scan *scan, struct gw_buf *buf);
} fields[] = {
    {"ai", put_ai},         {"other", put_other},     {"found", put_found},
    {"length", put_length}, {"max", put_max},         {"range", put_range},
    {"set", put_set},       {"check", put_check},     {"digit", put_digit},
    {"pair", put_pair},     {"carrier", put_carrier}, {"release", put_release},
    {"needs", put_needs},
};

static void put_field(struct gw_str name, const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    for (size_t i = 0; i < GW_ARRAY_LEN(fields); i++) {
        if (gw_str_eq(name, gw_str_from_cstr(fields[i].name))) {
            fields[i].put(scan, buf);
        }
    }
}

enum gw_err gw_gs1_put_why(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    size_t start = buf->len;
    struct gw_str rest = gw_str_from_cstr(reasons[scan->why.reason].sentence);
    while (rest.len > 0) {
        size_t open = gw_str_find(rest, '{', 0);
        size_t close = gw_str_find(rest, '}', open);
        (void) gw_buf_put_str(buf, gw_str_sub(rest, 0, open));
        put_field(gw_str_sub(rest, open + 1, close - open - 1), scan, buf);
        rest = gw_str_sub(rest, close + 1, rest.len);
    }
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
