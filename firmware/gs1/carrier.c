/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/gs1/carrier.h"

#include "firmware/base/cleanup.h"

#define OTHER GW_GS1_CONTENT_OTHER
#define ELEMENTS GW_GS1_CONTENT_ELEMENTS
#define TEXT GW_GS1_CONTENT_TEXT

/* A modifier 0 stands behind all rows of its letter; the last row is for letters
 * that have none. */
static const struct gw_gs1_carrier carriers[] = {
    {'C', '1', "GS1-128", "code128", ELEMENTS},
    {'C', 0, "Code 128", "code128", OTHER},
    {'E', '0', "EAN-13 or UPC", "ean-upc", GW_GS1_CONTENT_EAN_13},
    {'E', '3', "EAN-13 or UPC with add-on", "ean-upc", GW_GS1_CONTENT_EAN_13},
    {'E', '4', "EAN-8", "ean-upc", GW_GS1_CONTENT_EAN_8},
    {'E', 0, "EAN/UPC add-on alone", "ean-upc", OTHER},
    {'I', '1', "ITF with check digit", "itf", GW_GS1_CONTENT_ITF_14},
    {'I', 0, "ITF", "itf", OTHER},
    {'d', '1', "Data Matrix", "datamatrix", TEXT},
    {'d', '2', "GS1 DataMatrix", "datamatrix", ELEMENTS},
    {'d', '4', "Data Matrix with ECI", "datamatrix", TEXT},
    {'d', '5', "GS1 DataMatrix with ECI", "datamatrix", ELEMENTS},
    {'d', 0, "Data Matrix", "datamatrix", OTHER},
    {'Q', '0', "QR Code model 1", "qrcode", TEXT},
    {'Q', '1', "QR Code", "qrcode", TEXT},
    {'Q', '2', "QR Code with ECI", "qrcode", TEXT},
    {'Q', '3', "GS1 QR Code", "qrcode", ELEMENTS},
    {'Q', '4', "GS1 QR Code with ECI", "qrcode", ELEMENTS},
    {'Q', 0, "QR Code", "qrcode", OTHER},
    /* ]e1 and ]e2 begin behind a separator or an escape in a composite component;
     * ]e3 is the same with ECI. */
    {'e', '0', "GS1 DataBar or GS1 Composite", "databar", ELEMENTS},
    {'e', 0, "GS1 Composite, other data", "databar", OTHER},
    {'J', '0', "DotCode", "dotcode", TEXT},
    {'J', '1', "GS1 DotCode", "dotcode", ELEMENTS},
    {'J', '3', "DotCode with ECI", "dotcode", TEXT},
    {'J', '4', "GS1 DotCode with ECI", "dotcode", ELEMENTS},
    {'J', 0, "DotCode", "dotcode", OTHER},
    {'z', '1', "Aztec Code with FNC1 first", "aztec", ELEMENTS},
    {'z', '4', "Aztec Code with FNC1 first and ECI", "aztec", ELEMENTS},
    {'z', 0, "Aztec Code", "aztec", OTHER},
    {'L', '3', "MicroPDF417 with FNC1 first", "pdf417", ELEMENTS},
    {'L', 0, "PDF417", "pdf417", OTHER},
    {'O', '5', "Codablock F with FNC1 first", "codablock", ELEMENTS},
    {'O', 0, "Codablock", "codablock", OTHER},
    {'A', 0, "Code 39", "code39", OTHER},
    {'B', 0, "Telepen", "telepen", OTHER},
    {'D', 0, "Code One", "codeone", OTHER},
    {'F', 0, "Codabar", "codabar", OTHER},
    {'G', 0, "Code 93", "code93", OTHER},
    {'H', 0, "Code 11", "code11", OTHER},
    {'K', 0, "Code 16K", "code16k", OTHER},
    {'M', 0, "MSI", "msi", OTHER},
    {'P', 0, "Plessey", "plessey", OTHER},
    {'R', 0, "Straight 2 of 5", "straight2of5", OTHER},
    {'S', 0, "Straight 2 of 5", "straight2of5", OTHER},
    {'T', 0, "Code 49", "code49", OTHER},
    {'U', 0, "MaxiCode", "maxicode", OTHER},
    {'c', 0, "Channel Code", "channelcode", OTHER},
    {'h', 0, "Han Xin Code", "hanxin", OTHER},
    {'o', 0, "OCR", "ocr", OTHER},
    {'p', 0, "PosiCode", "posicode", OTHER},
    {0, 0, "another symbology", "other", OTHER},
};

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

const struct gw_gs1_carrier *gw_gs1_carrier_find(struct gw_str text) {
    if (text.len < GW_GS1_AIM_BYTES || text.ptr[0] != ']' || !is_letter(text.ptr[1])
        || !(is_letter(text.ptr[2]) || (text.ptr[2] >= '0' && text.ptr[2] <= '9'))) {
        return NULL;
    }
    size_t i = 0;
    while (carriers[i].letter != 0
           && (carriers[i].letter != text.ptr[1]
               || (carriers[i].modifier != 0 && carriers[i].modifier != text.ptr[2]))) {
        i++;
    }
    return &carriers[i];
}

const struct gw_gs1_carrier *gw_gs1_carrier_at(size_t index) {
    return index < GW_ARRAY_LEN(carriers) ? &carriers[index] : NULL;
}
