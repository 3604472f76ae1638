/* SPDX-License-Identifier: Apache-2.0 */
/* From the carrier to the parser that reads its content. */
#include "firmware/gs1/check.h"
#include "firmware/gs1/parse.h"

#define GTIN_DIGITS 14
#define ECI_BYTES 7 /* a backslash and six digits */

/* ---- bare GTINs ---- */

/* How many digits a carrier has. */
struct gtin_form {
    uint8_t digits;
    uint8_t shorter; /* also allowed: a UPC-A whose leading zero the reader left out */
    bool add_on;     /* 2 or 5 more may follow */
};

static struct gtin_form form_of(const struct gw_gs1_carrier *carrier) {
    switch (carrier->content) {
    case GW_GS1_CONTENT_EAN_8:
        return (struct gtin_form){8, 8, false};
    case GW_GS1_CONTENT_ITF_14:
        return (struct gtin_form){GTIN_DIGITS, GTIN_DIGITS, false};
    default:
        return (struct gtin_form){13, 12, carrier->modifier == '3'};
    }
}

#define UPC_E_DIGITS 8
#define UPC_A_DIGITS 12

/* A UPC-E that the reader sends as it is printed, with the zeros left out that it
 * stands for (ISO/IEC 15420, zero suppression), as a UPC-A. */
static void expand_upc_e(struct gw_str upc_e, char ret_upc_a[UPC_A_DIGITS]) {
    /* Which digit of the UPC-E stands where, by its last digit but one; '-' is 0. */
    static const char *const forms[] = {"0126----3457", "0126----3457", "0126----3457",
                                        "0123-----457", "01234-----57", "012345----67"};
    unsigned last = (unsigned) (upc_e.ptr[6] - '0');
    const char *form = forms[last < 5 ? last : 5];
    for (size_t i = 0; i < UPC_A_DIGITS; i++) {
        ret_upc_a[i] = form[i] == '-' ? '0' : upc_e.ptr[form[i] - '0'];
    }
}

static bool is_upc_e(const struct gw_gs1_carrier *carrier, struct gw_str text) {
    return carrier->content == GW_GS1_CONTENT_EAN_13 && carrier->modifier == '0'
           && text.len == UPC_E_DIGITS && text.ptr[0] <= '1';
}

/* Digits of the GTIN at the beginning of a code of `len` digits, 0 if a code of
 * this form cannot be so long. */
static size_t gtin_digits(const struct gtin_form *form, size_t len) {
    const uint8_t sizes[] = {form->digits, form->shorter};
    for (size_t i = 0; i < sizeof(sizes); i++) {
        size_t extra = len - sizes[i];
        if (extra == 0 || (form->add_on && (extra == 2 || extra == 5))) {
            return sizes[i];
        }
    }
    return 0;
}

/* Numbers that a shop gives out itself (General Specifications, 1.4: GS1
 * Prefixes 02, 04 and 20 to 29, GS1-8 Prefixes 0 and 2). `gtin` has 14 digits. */
static bool is_restricted(struct gw_str gtin, size_t digits) {
    char first = gtin.ptr[GTIN_DIGITS - 13];
    char second = gtin.ptr[GTIN_DIGITS - 12];
    if (digits == 8) {
        first = gtin.ptr[GTIN_DIGITS - 8];
        return first == '0' || first == '2';
    }
    return digits < GTIN_DIGITS
           && (first == '2' || (first == '0' && (second == '2' || second == '4')));
}

static void add_gtin(struct gw_str digits, size_t at, struct gw_gs1_scan *scan) {
    for (size_t i = 0; i < GTIN_DIGITS; i++) {
        size_t pad = GTIN_DIGITS - digits.len;
        scan->decoded[i] = i < pad ? '0' : digits.ptr[i - pad];
    }
    scan->decoded_len = GTIN_DIGITS;
    struct gw_gs1_element element = {.at = (uint16_t) at};
    element.ai = gw_gs1_ai_named(GW_STR("01"), &element.number);
    element.value = (struct gw_str){scan->decoded, GTIN_DIGITS};
    scan->elements[scan->element_count++] = element;
    if (is_restricted(element.value, digits.len)) {
        scan->notes |= GW_GS1_NOTE_RESTRICTED;
    }
}

/* The digits of the GTIN in a code of digits; empty if it has a wrong length. */
static struct gw_str take_digits(struct gw_str text, const struct gtin_form *form,
                                 struct gw_gs1_scan *scan) {
    if (!is_upc_e(scan->carrier, text)) {
        size_t len = gtin_digits(form, text.len);
        scan->notes |= len > 0 && len < text.len ? GW_GS1_NOTE_ADD_ON : 0U;
        return gw_str_sub(text, 0, len);
    }
    /* Behind the place of the GTIN itself. */
    char *upc_a = scan->decoded + GTIN_DIGITS;
    expand_upc_e(text, upc_a);
    scan->decoded_len = GTIN_DIGITS + UPC_A_DIGITS;
    return (struct gw_str){upc_a, UPC_A_DIGITS};
}

static void parse_gtin(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    struct gtin_form form = form_of(scan->carrier);
    size_t good = gw_gs1_span(GW_GS1_SET_N, text);
    struct gw_gs1_finding why = {.found = text, .at = at};
    if (good < text.len) {
        why.reason = GW_GS1_BAD_CHARACTER;
        why.character = gw_gs1_set_name(GW_GS1_SET_N);
        why.found = gw_str_sub(text, good, 1);
        why.at = at + good;
        gw_gs1_report(scan, &why);
        return;
    }
    struct gw_str digits = take_digits(text, &form, scan);
    if (digits.len == 0) {
        why.reason = text.len < form.digits ? GW_GS1_TOO_SHORT : GW_GS1_TOO_LONG;
        why.min = form.digits;
        why.max = form.digits;
    } else if (!gw_gs1_check_passes(GW_GS1_CHECK_MOD_10, digits)) {
        why.reason = GW_GS1_CHECK_DIGIT;
        why.check = GW_GS1_CHECK_MOD_10;
        why.found = digits;
    } else {
        add_gtin(digits, at, scan);
        return;
    }
    gw_gs1_report(scan, &why);
}

/* ---- any scan ---- */

/* An ECI says in which character set the text behind it is written; all that GS1
 * allows is ASCII. */
static struct gw_str skip_eci(struct gw_str code) {
    bool is_eci =
        code.len >= ECI_BYTES && code.ptr[0] == '\\'
        && gw_gs1_span(GW_GS1_SET_N, gw_str_sub(code, 1, ECI_BYTES - 1)) == ECI_BYTES - 1;
    return is_eci ? gw_str_sub(code, ECI_BYTES, code.len) : code;
}

/* An assumed carrier is the caller's word for all codes of a reader, and a Web
 * address cannot be an element string. */
static enum gw_gs1_kind kind_of(const struct gw_gs1_scan *scan, struct gw_str code) {
    switch (scan->carrier ? scan->carrier->content : GW_GS1_CONTENT_OTHER) {
    case GW_GS1_CONTENT_ELEMENTS:
        return (scan->notes & GW_GS1_NOTE_ASSUMED) && gw_gs1_is_link(code)
                   ? GW_GS1_DIGITAL_LINK
                   : GW_GS1_ELEMENT_STRING;
    case GW_GS1_CONTENT_EAN_13:
    case GW_GS1_CONTENT_EAN_8:
        return GW_GS1_GTIN;
    case GW_GS1_CONTENT_ITF_14:
        return code.len == GTIN_DIGITS ? GW_GS1_GTIN : GW_GS1_OTHER;
    case GW_GS1_CONTENT_TEXT:
        return gw_gs1_is_link(code) ? GW_GS1_DIGITAL_LINK : GW_GS1_OTHER;
    default:
        return GW_GS1_OTHER;
    }
}

static void find_carrier(struct gw_str text, const struct gw_gs1_options *options,
                         struct gw_gs1_scan *scan) {
    scan->carrier = options->no_aim ? NULL : gw_gs1_carrier_find(text);
    scan->aim = gw_str_sub(text, 0, scan->carrier ? GW_GS1_AIM_BYTES : 0);
    scan->code = gw_str_sub(text, scan->aim.len, text.len);
    if (!scan->carrier && options->assumed_aim.len > 0) {
        scan->carrier = gw_gs1_carrier_find(options->assumed_aim);
        scan->notes |= scan->carrier ? GW_GS1_NOTE_ASSUMED : 0U;
    }
}

static void parse_other(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    struct gw_gs1_finding why = {.reason = GW_GS1_NOT_GS1, .at = at, .found = text};
    gw_gs1_report(scan, &why);
}

void gw_gs1_parse(struct gw_str text, const struct gw_gs1_options *options,
                  struct gw_gs1_scan *ret_scan) {
    static void (*const parsers[])(struct gw_str, size_t, struct gw_gs1_scan *) = {
        [GW_GS1_OTHER] = parse_other,
        [GW_GS1_ELEMENT_STRING] = gw_gs1_parse_elements,
        [GW_GS1_GTIN] = parse_gtin,
        [GW_GS1_DIGITAL_LINK] = gw_gs1_parse_link,
    };
    static const struct gw_gs1_options by_aim = {.no_aim = false};
    struct gw_gs1_scan *scan = ret_scan;
    scan->notes = 0;
    scan->element_count = 0;
    scan->path_count = 0;
    scan->decoded_len = 0;
    scan->why = (struct gw_gs1_finding){.reason = GW_GS1_VALID};
    options = options ? options : &by_aim;
    find_carrier(text, options, scan);
    struct gw_str code = skip_eci(scan->code);
    scan->kind = kind_of(scan, code);
    if (text.len > GW_GS1_SCAN_BYTES_MAX) {
        scan->why = (struct gw_gs1_finding){.reason = GW_GS1_TOO_LONG,
                                            .max = GW_GS1_SCAN_BYTES_MAX,
                                            .found = scan->code,
                                            .at = GW_GS1_SCAN_BYTES_MAX};
    } else {
        parsers[scan->kind](code, text.len - code.len, scan);
    }
    if (scan->why.reason == GW_GS1_VALID) {
        gw_gs1_check_associations(options, scan);
    }
    scan->ok = scan->why.reason == GW_GS1_VALID;
}
