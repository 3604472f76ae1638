/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coupon codes of North America, (8110) and (8112): digits only, fields without
 * separators, some of which begin with a digit that says how long they are. What
 * a field may be stands in a table; a digit in front of a group of fields says that
 * the group is there. (North American Coupon Application Guideline Using GS1 DataBar
 * Expanded Symbols; GS1 AI (8112) Coupon Data Specification.)
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/gs1/check.h"

enum kind {
    ONE_OF,          /* one digit of `allowed` */
    DIGITS,          /* `count` digits */
    COUNTED,         /* a digit n of `allowed`, then n + `count` digits */
    COUNTED_OR_NONE, /* ... or 9, then nothing */
    DATE,            /* YYMMDD */
};

struct field {
    char group; /* digit that begins a group that may be left out, 0 = goes on */
    enum kind kind;
    const char *allowed;
    unsigned count;
};

#define REQUIREMENT "012349"

static const struct field coupon[] = {
    {0, COUNTED, "0123456", 6},  /* company prefix */
    {0, DIGITS, NULL, 6},        /* offer */
    {0, COUNTED, "12345", 0},    /* save value */
    {0, COUNTED, "12345", 0},    /* purchase: how much or many */
    {0, ONE_OF, REQUIREMENT, 0}, /* ... of what kind */
    {0, DIGITS, NULL, 3},        /* ... family of products */
    {'1', ONE_OF, "0123", 0},    /* second purchase: how it goes with the first */
    {0, COUNTED, "12345", 0},    /**/
    {0, ONE_OF, REQUIREMENT, 0}, /**/
    {0, DIGITS, NULL, 3},        /**/
    {0, COUNTED_OR_NONE, "0123456", 6},
    {'2', COUNTED, "12345", 0}, /* third purchase */
    {0, ONE_OF, REQUIREMENT, 0},
    {0, DIGITS, NULL, 3},
    {0, COUNTED_OR_NONE, "0123456", 6},
    {'3', DATE, NULL, 6},            /* expires */
    {'4', DATE, NULL, 6},            /* starts */
    {'5', COUNTED, "0123456789", 6}, /* serial number */
    {'6', COUNTED, "1234567", 6},    /* retailer */
    {'9', ONE_OF, "01256", 0},       /* save value: code */
    {0, ONE_OF, "012", 0},           /* ... applies to which item */
    {0, DIGITS, NULL, 1},            /* store coupon */
    {0, ONE_OF, "01", 0},            /* not to be multiplied */
};

static const struct field offer[] = {
    {0, ONE_OF, "01", 0},          /* format */
    {0, COUNTED, "0123456", 6},    /* funder */
    {0, DIGITS, NULL, 6},          /* offer */
    {0, COUNTED, "0123456789", 6}, /* serial number */
};

/* Length of the field that `text` begins with, 0 if it is not as it must be. */
static size_t field_len(const struct field *field, struct gw_str text) {
    char first = text.len > 0 ? text.ptr[0] : '\0';
    bool allowed = first != '\0' && field->allowed && strchr(field->allowed, first) != NULL;
    size_t len = field->count;
    switch (field->kind) {
    case ONE_OF:
        len = allowed ? 1 : 0;
        break;
    case COUNTED:
    case COUNTED_OR_NONE:
        len = allowed ? 1 + (size_t) (first - '0') + field->count
              : field->kind == COUNTED_OR_NONE && first == '9' ? 1
                                                               : 0;
        break;
    case DATE:
        len = text.len >= len && gw_gs1_check_passes(GW_GS1_CHECK_DATE, text) ? len : 0;
        break;
    case DIGITS:
        break;
    }
    return len <= text.len ? len : 0;
}

/* The dates that (8110) holds are in order: it does not expire before it starts. */
struct dates {
    struct gw_str expires;
    bool out_of_order;
};

static void note_date(const struct field *field, struct gw_str text, struct dates *dates) {
    if (field->group == '3') {
        dates->expires = gw_str_sub(text, 0, field->count);
    } else if (dates->expires.len > 0) {
        dates->out_of_order =
            gw_str_compare(gw_str_sub(text, 0, field->count), dates->expires) > 0;
    }
}

static bool has_fields(const struct field *fields, size_t count, struct gw_str text) {
    struct dates dates = {.out_of_order = false};
    bool in_group = true;
    if (gw_gs1_span(GW_GS1_SET_N, text) < text.len) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].group != 0) {
            in_group = text.len > 0 && text.ptr[0] == fields[i].group;
            text = gw_str_sub(text, in_group ? 1 : 0, text.len);
        }
        if (!in_group) {
            continue;
        }
        size_t len = field_len(&fields[i], text);
        if (len == 0) {
            return false;
        }
        if (fields[i].kind == DATE) {
            note_date(&fields[i], text, &dates);
        }
        text = gw_str_sub(text, len, text.len);
    }
    return text.len == 0 && !dates.out_of_order;
}

bool gw_gs1_is_coupon(struct gw_str text) {
    return has_fields(coupon, GW_ARRAY_LEN(coupon), text);
}

bool gw_gs1_is_coupon_offer(struct gw_str text) {
    return has_fields(offer, GW_ARRAY_LEN(offer), text);
}
