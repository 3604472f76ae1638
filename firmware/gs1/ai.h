/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of GS1 application identifiers (AIs).
 *
 * A row is one AI or a run of AIs that differ in their last digit only, which
 * says where the decimal point stands (3100 to 3105). Rows are sorted as text;
 * no AI is the beginning of another.
 *
 * Which AIs belong together is written as text:
 *   requires  "01,02"    one of these
 *             "01+21,8006+21"   one of these groups, whole
 *             "01;30,31nn"      one of each list
 *   excludes  "255,37"   none of these
 *   path      "22,10,21|235"    of a Digital Link key: which AIs may follow it in
 *             the path, in this order, or those of the other list
 * An n stands for any digit: "31nn". A row never excludes itself.
 */
#ifndef GW_GS1_AI_H
#define GW_GS1_AI_H

#include "firmware/base/buf.h"

/* The release whose complete list of AIs this is. */
#define GW_GS1_RELEASE "GS1 General Specifications Release 26.0"
/* AIs of that release, each of a run counted. */
#define GW_GS1_AI_COUNT 541

/* Character sets of the General Specifications, section 7.11. */
enum gw_gs1_set {
    GW_GS1_SET_N, /* digits */
    GW_GS1_SET_X, /* 82 characters of ISO/IEC 646 */
    GW_GS1_SET_Y, /* 39 characters: digits, capitals, # - / */
    GW_GS1_SET_Z, /* 64 characters of base64url, with = as padding */
};

/* What is checked in a part beside length and character set. */
enum gw_gs1_check {
    GW_GS1_CHECK_NONE,
    GW_GS1_CHECK_MOD_10,          /* check digit, section 7.9 */
    GW_GS1_CHECK_MOD_1021,        /* check character pair, section 7.9.5 */
    GW_GS1_CHECK_PREFIX,          /* a company prefix: four digits at least */
    GW_GS1_CHECK_PREFIX_2,        /* ... from the second character on */
    GW_GS1_CHECK_DATE,            /* YYMMDD */
    GW_GS1_CHECK_MONTH_OR_DATE,   /* YYMMDD, day 00 = not given */
    GW_GS1_CHECK_LONG_DATE,       /* YYYYMMDD */
    GW_GS1_CHECK_HOUR,            /* 00 to 23 */
    GW_GS1_CHECK_SIXTIETH,        /* 00 to 59 */
    GW_GS1_CHECK_HOUR_MINUTE,     /* hhmm */
    GW_GS1_CHECK_COUNTRY,         /* ISO 3166-1 numeric */
    GW_GS1_CHECK_COUNTRY_OR_999,  /* ... or 999 */
    GW_GS1_CHECK_COUNTRY_LETTERS, /* ISO 3166-1 alpha-2 */
    GW_GS1_CHECK_CURRENCY,        /* ISO 4217 numeric */
    GW_GS1_CHECK_IBAN,            /* ISO 13616: country, length, check digits */
    GW_GS1_CHECK_YES_NO,          /* 0 or 1 */
    GW_GS1_CHECK_ZERO,            /* only zeros */
    GW_GS1_CHECK_NOT_ZERO,        /* not only zeros */
    GW_GS1_CHECK_NO_LEADING_ZERO,
    GW_GS1_CHECK_NON_DIGIT,        /* at least one character that is no digit */
    GW_GS1_CHECK_MINUS,            /* a minus sign */
    GW_GS1_CHECK_WINDING,          /* 0, 1 or 9 */
    GW_GS1_CHECK_PIECE_OF_TOTAL,   /* piece number and count, as many digits each */
    GW_GS1_CHECK_POSITION_OF_END,  /* "2/3" */
    GW_GS1_CHECK_LATITUDE,         /* 0 to 180 degrees, in 10^-7 */
    GW_GS1_CHECK_LONGITUDE,        /* 0 to 360 degrees, in 10^-7 */
    GW_GS1_CHECK_IMPORTER_INDEX,   /* a letter, digit, - or _ */
    GW_GS1_CHECK_MEDIA_TYPE,       /* 01 to 10 or 80 to 99 */
    GW_GS1_CHECK_SEX,              /* ISO/IEC 5218: 0, 1, 2 or 9 */
    GW_GS1_CHECK_PERCENT_ENCODING, /* % only with two hex digits */
    GW_GS1_CHECK_PACKAGE_TYPE,     /* UN/ECE Recommendation 21 */
    GW_GS1_CHECK_COUPON,           /* fields of (8110) */
    GW_GS1_CHECK_COUPON_OFFER,     /* fields of (8112) */
    GW_GS1_CHECK_COUNT_
};

#define GW_GS1_CHECKS_MAX 3

/* A piece of a value. */
struct gw_gs1_part {
    uint8_t set; /* enum gw_gs1_set */
    uint8_t min, max;
    bool optional;                     /* may be left out, and then all behind it too */
    uint8_t checks[GW_GS1_CHECKS_MAX]; /* enum gw_gs1_check, made in this order */
};

#define GW_GS1_PARTS_MAX 6

struct gw_gs1_ai {
    uint8_t digits;       /* length of the AI: 2 to 4 */
    uint16_t first, last; /* as numbers; the same for a row of one */
    const char *title;    /* data title of the standard; "" for the two it gives none */
    bool predefined;      /* length known from the first two digits: no separator needed */
    bool attribute;       /* may stand in the query of a Digital Link */
    struct gw_gs1_part parts[GW_GS1_PARTS_MAX]; /* a part with max 0 ends them */
    const char *requires;                       /* NULL: nothing */
    const char *excludes;                       /* NULL: nothing */
    const char *path; /* NULL: no primary key of a Digital Link; "": one without qualifiers */
};

/* Row `index` of the table, NULL behind the last. */
const struct gw_gs1_ai *gw_gs1_ai_at(size_t index);
/* The row of the AI with which `text` begins and that AI as a number; NULL (and
 * *ret_number untouched) if there is none. */
const struct gw_gs1_ai *gw_gs1_ai_find(struct gw_str text, uint16_t *ret_number);
/* The same for an AI that is the whole of `text`. */
const struct gw_gs1_ai *gw_gs1_ai_named(struct gw_str text, uint16_t *ret_number);
/* Length of all AIs that begin with these two digits, by the General
 * Specifications; 0 if there is none. */
unsigned gw_gs1_ai_digits(struct gw_str text);
/* Shortest and longest value. */
unsigned gw_gs1_ai_min(const struct gw_gs1_ai *ai);
unsigned gw_gs1_ai_max(const struct gw_gs1_ai *ai);
/* `number`, an AI of that row, as text: 2 to 4 digits and a NUL. */
void gw_gs1_ai_format(const struct gw_gs1_ai *ai, uint16_t number, char dst[5]);
/* Append the format of a value, "N13[+X..17]", in the notation of the General
 * Specifications. Asks nothing: see gw_buf_failed. */
void gw_gs1_ai_put_format(const struct gw_gs1_ai *ai, struct gw_buf *buf);

/* What a check wants, as a noun: "a date YYMMDD". Static storage. */
const char *gw_gs1_check_name(enum gw_gs1_check check);
/* The characters of a set, for messages: "digits". Static storage. */
const char *gw_gs1_set_name(enum gw_gs1_set set);

#endif
