/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GS1: what a scanned code says, exactly.
 *
 * One call takes a scan as the reader sent it (AIM symbology identifier in
 * front, if the reader puts it there) and says what it is: an element string, a
 * plain GTIN, a GS1 Digital Link, or none of them. It then checks everything
 * that can be checked without asking anybody: lengths, characters, separators,
 * check digits, dates, code lists, and which elements need or exclude which.
 * A scan that is not right is never dropped by this room and never changed: the
 * answer names what was found, where, and what is allowed, and the caller keeps
 * the raw text.
 *
 * Nothing is guessed. A scan is GS1 because its AIM identifier says so, or
 * because the caller says which identifier the scans of a device stand under
 * (gw_gs1_options.assumed_aim). Digits alone prove nothing: 4006381333931 is an
 * EAN-13, and would be a fine order number (400) as well.
 *
 * The application identifiers (AIs) are those of the GS1 General Specifications
 * Release 26.0 (ratified January 2026), GW_GS1_RELEASE; the facts of ai_table.c
 * were compared with the GS1 Barcode Syntax Dictionary, release 2026-01-27.
 * Digital Links are those of the GS1 Digital Link standard: URI Syntax.
 *
 * Not checked, because it needs lists that only GS1 has: whether a GS1 Company
 * Prefix was ever issued (only that the four digits with which each must begin are
 * digits). A key is not split at its prefix.
 * A year has two digits: 29 February counts as a date in every fourth of them,
 * which is right from 1901 to 2099.
 *
 * Pure functions of their arguments: no allocation, no state, any thread. The
 * time of a call is bounded by the length of the scan, which is at most
 * GW_GS1_SCAN_BYTES_MAX.
 */
#ifndef GW_GS1_GS1_H
#define GW_GS1_GS1_H

#include "firmware/base/buf.h"
#include "firmware/gs1/ai.h"
#include "firmware/gs1/carrier.h"

/* A longer scan is refused as GW_GS1_TOO_LONG. The largest symbol in use, QR
 * Code 40-L, holds 7,089 digits. */
#define GW_GS1_SCAN_BYTES_MAX 8192
/* More elements than any symbol on a label has; more are GW_GS1_TOO_MANY. */
#define GW_GS1_ELEMENTS_MAX 64
/* A Digital Link longer than this is refused as GW_GS1_TOO_LONG. */
#define GW_GS1_LINK_BYTES_MAX 2048

/* What the scan claims to be, whether it is right or not. */
enum gw_gs1_kind {
    GW_GS1_OTHER,          /* makes no GS1 claim: an ordinary code */
    GW_GS1_ELEMENT_STRING, /* AIs and values, separated by GS */
    GW_GS1_GTIN,           /* a bare GTIN-8, -12, -13 or -14: EAN, UPC, ITF-14 */
    GW_GS1_DIGITAL_LINK,   /* a Web address with a GS1 key in its path */
};

/* Why a scan is not valid GS1. The names that gw_gs1_reason_name gives are part
 * of the events' contract: values are added, never renamed. */
enum gw_gs1_reason {
    GW_GS1_VALID,
    GW_GS1_NOT_GS1,             /* kind OTHER */
    GW_GS1_EMPTY,               /* nothing behind the AIM identifier, or an AI without value */
    GW_GS1_UNKNOWN_AI,          /* not in the table of the release */
    GW_GS1_TOO_SHORT,           /* the value ends before its shortest length */
    GW_GS1_TOO_LONG,            /* the value, or the whole scan, is longer than allowed */
    GW_GS1_SEPARATOR_MISSING,   /* no separator where one must stand at the latest */
    GW_GS1_BAD_CHARACTER,       /* outside the character set of the value */
    GW_GS1_CHECK_DIGIT,         /* wrong check digit */
    GW_GS1_CHECK_PAIR,          /* wrong check character pair */
    GW_GS1_BAD_DATE,            /* no such day, hour or minute */
    GW_GS1_BAD_VALUE,           /* no such country, currency, ...: see gw_gs1_put_why */
    GW_GS1_ASSOCIATION_MISSING, /* the AI stands without one that it needs */
    GW_GS1_ASSOCIATION_INVALID, /* two AIs that exclude each other */
    GW_GS1_REPEATED,            /* an AI twice with different values (in a link: twice) */
    GW_GS1_TOO_MANY,            /* more than GW_GS1_ELEMENTS_MAX elements */
    GW_GS1_BAD_URI,             /* not a URI of RFC 3986, or a bad percent escape */
    GW_GS1_NO_KEY,              /* a link on id.gs1.org without a primary key in its path */
    GW_GS1_COMPRESSED,          /* looks like a compressed Digital Link, which is not read */
    GW_GS1_PATH_ORDER,       /* key qualifiers that do not belong together, or out of order */
    GW_GS1_BELONGS_IN_PATH,  /* a key qualifier in the query */
    GW_GS1_NOT_AN_ATTRIBUTE, /* an AI that may not stand in the query */
    GW_GS1_REASON_COUNT_
};

/* Things worth knowing about a scan that is right all the same; a bit set. */
enum gw_gs1_note {
    GW_GS1_NOTE_LEADING_SEPARATOR = 1,  /* the FNC1 of the start was sent as GS */
    GW_GS1_NOTE_NEEDLESS_SEPARATOR = 2, /* GS behind a value of predefined length */
    GW_GS1_NOTE_TRAILING_SEPARATOR = 4, /* GS at the very end */
    GW_GS1_NOTE_REPEATED = 8,           /* an AI twice with the same value */
    GW_GS1_NOTE_ASSUMED = 16,           /* the carrier is the caller's word */
    GW_GS1_NOTE_ADD_ON = 32,            /* 2 or 5 digits behind an EAN/UPC: not read */
    GW_GS1_NOTE_RESTRICTED = 64,        /* a restricted circulation number (in-store weight or
                                           price label): unique in its shop only, so it has no
                                           Digital Link */
    GW_GS1_NOTE_INCOMPLETE = 128,       /* an AI needs another that is not in this scan; only
                                           with GW_GS1_ACROSS_SCANS, else it is a reason */
};

/* One AI with its value. */
struct gw_gs1_element {
    const struct gw_gs1_ai *ai; /* row of the table */
    uint16_t number;            /* the AI itself, such as 3103 in the row 3100 to 3105 */
    uint16_t at;                /* byte offset of the AI, as in the finding */
    struct gw_str value;        /* into the scan, or into `decoded` */
};

/* The first thing that is wrong. */
struct gw_gs1_finding {
    enum gw_gs1_reason reason;
    uint8_t check;         /* enum gw_gs1_check that failed, NONE if it was none */
    char ai[5];            /* the AI concerned, "" if none */
    char other[5];         /* the AI it collides with */
    uint16_t min, max;     /* how many characters, elements or bytes are allowed */
    size_t at;             /* byte offset in the scan, AIM identifier included */
    struct gw_str found;   /* what stands there, may be empty */
    const char *needs;     /* AIs that are needed, in the notation of ai.h */
    const char *character; /* name of the character set */
};

/* Which AIs must stand together is a rule about the item, not about one symbol:
 * on a pallet label the content (02)(37) often stands in one bar code and the
 * SSCC (00) it needs in the next. */
enum gw_gs1_association {
    GW_GS1_WITHIN_SCAN,  /* each scan is judged alone */
    GW_GS1_ACROSS_SCANS, /* a missing partner is a note */
};

struct gw_gs1_options {
    /* AIM identifier such as "]C1" for scans that come without one; empty: a scan
     * without identifier is GW_GS1_OTHER. With that of an element string a Web address
     * that claims to be a Digital Link is read as one all the same. */
    struct gw_str assumed_aim;
    /* The device never sends AIM identifiers: a scan that begins with ']' is data. */
    bool no_aim;
    enum gw_gs1_association association;
};

/* What a scan says. Large (5 KiB), part of it unset: see each member. Not to be
 * copied: elements may point into `decoded`. */
struct gw_gs1_scan {
    bool ok; /* valid GS1: why.reason is GW_GS1_VALID */
    enum gw_gs1_kind kind;
    unsigned notes;                       /* enum gw_gs1_note */
    const struct gw_gs1_carrier *carrier; /* NULL: no identifier and none assumed */
    struct gw_str aim;                    /* the identifier, empty without one */
    struct gw_str code;                   /* the scan behind the identifier */
    struct gw_gs1_finding why;
    /* Elements found, in the order of the scan; of a scan that is not right those before
     * the place where its structure is lost. */
    size_t element_count;
    struct gw_gs1_element elements[GW_GS1_ELEMENTS_MAX];
    size_t path_count; /* of a Digital Link: how many of them stand in the path */
    size_t decoded_len;
    char decoded[GW_GS1_LINK_BYTES_MAX];
};

/* Read a scan. `options` may be NULL: AIM identifiers decide, each scan alone.
 * The result holds views into `scan`, which must outlive it. It always is a
 * result: there is no scan for which this fails. */
void gw_gs1_parse(struct gw_str scan, const struct gw_gs1_options *options,
                  struct gw_gs1_scan *ret_scan);

/* "valid", "check_digit", "separator_missing", ...; static storage. */
const char *gw_gs1_reason_name(enum gw_gs1_reason reason);
/* "other", "element_string", "gtin", "digital_link"; static storage. */
const char *gw_gs1_kind_name(enum gw_gs1_kind kind);
/* Name of the lowest note in `notes`, NULL if there is none; static storage. */
const char *gw_gs1_note_name(unsigned notes);

/* Append a sentence that names what was found and what is allowed; for a valid
 * scan nothing. Text of the scan is shown with everything but printable ASCII
 * as <hex>, and at most 40 characters of it. FULL. */
enum gw_err gw_gs1_put_why(const struct gw_gs1_scan *scan, struct gw_buf *buf);

/* Append the elements as bracketed text, "(01)09521234543213(10)ABC123". A "("
 * within a value is written "\(", so that the text can be read back. FULL. */
enum gw_err gw_gs1_put_elements(const struct gw_gs1_scan *scan, struct gw_buf *buf);

/* Append the elements as an element string without AIM identifier: GS behind
 * each value that needs a separator and is not the last. FULL. */
enum gw_err gw_gs1_put_element_string(const struct gw_gs1_scan *scan, struct gw_buf *buf);

enum gw_gs1_link_form {
    GW_GS1_LINK_FULL,     /* key, qualifiers, and all else as the query */
    GW_GS1_LINK_IDENTITY, /* key and qualifiers: the same text for every symbol that
                             names this object, for subjects and keys */
};

/* Append the canonical Digital Link of a valid scan: https://id.gs1.org, the
 * first primary key among the elements, its qualifiers in their order, then
 * (form FULL) the other elements as the query, those of predefined length first
 * and otherwise as scanned; everything but unreserved characters (RFC 3986,
 * 2.3) percent-encoded with capital hex digits. NOENT if there is no such link:
 * the scan is not valid, restricted (see note), without a primary key, or (form
 * FULL) holds an AI that a link cannot carry. FULL. buf as before on an error. */
enum gw_err gw_gs1_put_digital_link(const struct gw_gs1_scan *scan, enum gw_gs1_link_form form,
                                    struct gw_buf *buf);

/* Append a URN for any scan, GS1 or not: urn:gangway:scan:<symbology>:<code>,
 * the symbology as in struct gw_gs1_carrier ("unknown" without one), the code
 * without AIM identifier, byte for byte, percent-encoded as above. FULL. */
enum gw_err gw_gs1_put_urn(const struct gw_gs1_scan *scan, struct gw_buf *buf);

#endif
