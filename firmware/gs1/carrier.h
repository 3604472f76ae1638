/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers by AIM symbology identifier (ISO/IEC 15424): `]`, a letter for the
 * symbology, a modifier. Which of them mean GS1 is fixed by the GS1 General
 * Specifications, section 5.1.2 (symbology identifiers); FNC1 in first position
 * means the same in the symbologies that GS1 does not use.
 */
#ifndef GW_GS1_CARRIER_H
#define GW_GS1_CARRIER_H

#include "firmware/base/str.h"

/* What a carrier says about its content. */
enum gw_gs1_content {
    GW_GS1_CONTENT_OTHER,    /* nothing */
    GW_GS1_CONTENT_ELEMENTS, /* an element string */
    GW_GS1_CONTENT_EAN_13, /* 13 digits, or as printed: a UPC-A with 12, a UPC-E with 8; perhaps
                              an add-on */
    GW_GS1_CONTENT_EAN_8,  /* 8 digits */
    GW_GS1_CONTENT_ITF_14, /* a GTIN-14 if there are 14 digits, else an ordinary code */
    GW_GS1_CONTENT_TEXT,   /* any text; a Web address may be a Digital Link */
};

struct gw_gs1_carrier {
    char letter;
    char modifier;         /* 0 = all that have no row of their own */
    const char *name;      /* "GS1 DataMatrix" */
    const char *symbology; /* "datamatrix": lower case, digits and hyphens, for URNs */
    enum gw_gs1_content content;
};

/* The carrier of an AIM identifier at the beginning of `text`, NULL if none
 * stands there. An identifier of an unknown letter has a carrier too ("other"). */
const struct gw_gs1_carrier *gw_gs1_carrier_find(struct gw_str text);
/* Row `index` of the table, NULL behind the last. */
const struct gw_gs1_carrier *gw_gs1_carrier_at(size_t index);

#define GW_GS1_AIM_BYTES 3

#endif
