/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device profiles: how a scanner or scale speaks, as data.
 *
 * A profile is a JSON document of at most 64 KiB (comments allowed), one file in
 * drivers/profile/profiles/ or a site's own. Every key is a row of a table
 * (profile_table.c), read by the same machinery as the configuration: unknown
 * keys are errors, every finding names what was found and what is allowed.
 *
 * A profile says what the bytes of a device mean (decoded in feed.h) and, for
 * those who open the transport, how the line is set (`serial`, `keyboard`). It
 * never says where the device is: that is configuration. Texts are
 * NUL-terminated and live as long as the profile.
 */
#ifndef GW_PROFILE_PROFILE_H
#define GW_PROFILE_PROFILE_H

#include "firmware/base/file.h"

#define GW_PROFILE_MAX_BYTES 65536
/* Largest frame a profile may allow, and so the largest buffer of a feed. */
#define GW_PROFILE_FRAME_MAX_BYTES 65536

enum gw_profile_kind { GW_PROFILE_SCANNER, GW_PROFILE_SCALE };

/* How a frame is taken apart. Scales name their protocol; the table of them is
 * drivers/profile/protocol.c. */
enum gw_profile_decode {
    GW_DECODE_TEXT, /* scanner: the frame is the code */
    GW_DECODE_JSON, /* scanner or scale: members by pointer */
    GW_DECODE_MT_SICS,
    GW_DECODE_SMA,
    GW_DECODE_NCI,
    GW_DECODE_TOLEDO_8217,
    GW_DECODE_TOLEDO_CONTINUOUS,
    GW_DECODE_SARTORIUS_SBI,
    GW_DECODE_MODBUS, /* points of a bus as a line: drivers/profile/point_scale.c */
    GW_DECODE_COUNT
};

/* Where a frame ends. Scale protocols have their own and ignore this. */
enum gw_framing {
    GW_FRAMING_LINE, /* CR, LF or CRLF; empty lines are nothing */
    GW_FRAMING_CR,
    GW_FRAMING_LF,
    GW_FRAMING_CRLF,
    GW_FRAMING_TAB,
    GW_FRAMING_STX_ETX,
    GW_FRAMING_IDLE, /* silence of idle_ms, nothing else */
    GW_FRAMING_COUNT
};

struct gw_profile_framing {
    enum gw_framing mode;
    uint32_t idle_ms; /* silence that ends a frame whose terminator was lost; 0 = wait on */
    uint32_t max_bytes;
};

enum gw_aim { GW_AIM_AUTO, GW_AIM_ON, GW_AIM_OFF };
/* Which codes are taken for GS1: those whose AIM identifier says so, all, none. */
enum gw_gs1_policy { GW_GS1_BY_AIM, GW_GS1_ALWAYS, GW_GS1_NEVER };

struct gw_profile_scan {
    const char *prefix, *suffix; /* stripped from the code, kept in raw */
    enum gw_aim aim;
    const char **gs_substitutes; /* texts that stand for the group separator, U+001D */
    size_t gs_substitute_count;
    const char **no_read; /* words that mean "nothing was read" */
    size_t no_read_count;
    const char *code_separator; /* between codes of one trigger, empty = one code */
    uint32_t repeat_ms;         /* the same code again within this is marked, 0 = off */
    enum gw_gs1_policy gs1;
};

/* A word a JSON scale says and the state it means. */
struct gw_profile_word {
    const char *word;
    unsigned state; /* enum gw_weight_state */
};

/* RFC 6901 pointers, relative to the record; empty = not there. */
struct gw_profile_json {
    const char *records; /* a list: each entry is a record; empty = the whole is one */
    const char *type;    /* what kind of record it is, with the words below */
    const char **types;  /* those that are readings; others are conditions */
    size_t type_count;
    const char *code, *symbology, *time, *event_id;
    const char *weight, *unit, *state;
    const struct gw_profile_word *words; /* of the member at `state` */
    size_t word_count;
};

/* Which weights become observations. */
enum gw_weight_report {
    GW_REPORT_CYCLE,  /* one for each load put on and taken off */
    GW_REPORT_SETTLE, /* one each time the scale comes to rest on another value */
    GW_REPORT_ALL,    /* every frame, motion too */
};

struct gw_profile_weight {
    enum gw_weight_report report;
    const char *rearm_below; /* "0.5" in the device's unit or "20d": at or below is no load */
    uint32_t settle_ms;      /* a stable value must stand this long; 0 = one frame is enough */
    const char *unit;        /* as the device is set, where its protocol sends none */
    bool checksum;           /* toledo_continuous: frames end with a checksum */
    bool tare_field;         /* toledo_continuous: six digits of tare follow the weight */
};

struct gw_profile_poll {
    const char *request; /* bytes that ask for a reading, empty = the device sends unasked */
    uint32_t period_ms;
    uint32_t timeout_ms; /* an answer that takes longer is none */
    uint32_t
        silent_after_ms; /* without a frame for this long the device is "silent"; 0 = may be */
};

/* Bytes that change the device, empty = it has no such command. Nobody sends them unless
 * feeds[].commands names them, the role permits it and an audit event is stored. */
struct gw_profile_commands {
    const char *tare, *zero, *clear_tare;
};

enum gw_parity { GW_PARITY_NONE, GW_PARITY_EVEN, GW_PARITY_ODD };
enum gw_flow_control { GW_FLOW_NONE, GW_FLOW_RTS_CTS, GW_FLOW_XON_XOFF };

/* The line as the profile's page sets the device; configuration may differ. */
struct gw_profile_serial {
    uint32_t baud;
    uint8_t data_bits, stop_bits;
    enum gw_parity parity;
    enum gw_flow_control flow;
};

/* Key that a keyboard scanner presses for a text, e.g. F8 for U+001D. */
struct gw_profile_key {
    uint32_t key; /* Linux key code (KEY_F8 = 66) */
    const char *text;
};

enum gw_keyboard_layout {
    GW_LAYOUT_NONE, /* the profile is not for keyboards */
    GW_LAYOUT_US,
    GW_LAYOUT_GB,
    GW_LAYOUT_DE,
    GW_LAYOUT_FR,
};

/* USB HID keyboards: from keys to the bytes a feed takes. Ctrl with a letter or
 * one of [ \ ] ^ _ is its control character, always. */
struct gw_profile_keyboard {
    enum gw_keyboard_layout layout;
    bool alt_codes; /* Alt held, digits on the keypad: the character of that number */
    const struct gw_profile_key *keys;
    size_t key_count;
};

/* What one bit of a status word means when it is in its active state. */
enum gw_bit_meaning {
    GW_BIT_STABLE,
    GW_BIT_MOTION,
    GW_BIT_OVER,
    GW_BIT_UNDER,
    GW_BIT_ERROR,
    GW_BIT_VALID, /* not active: the reading means nothing */
    GW_BIT_NET,
    GW_BIT_TARED,
    GW_BIT_PRESET_TARE,
    GW_BIT_ZERO,
    GW_BIT_NEGATIVE, /* sign of a weight point that holds the absolute value */
};

struct gw_profile_bit {
    const char *point; /* a point that is one bit by itself; empty = bit of the status point */
    uint8_t bit;       /* 0 = least significant */
    enum gw_bit_meaning meaning;
    bool active; /* value of the bit that means it: one vendor's motion is another's
                    stable, inverted */
};

struct gw_profile_unit {
    uint16_t value; /* of the unit point under unit_mask, shifted down */
    const char *unit;
};

/* Scales behind Modbus: names of points of the bus. A feed takes one line for each
 * reading, see point_scale.c. */
struct gw_profile_points {
    const char *status, *weight, *unit, *tare; /* empty = no such point */
    unsigned mode; /* enum gw_weight_mode of the weight point, where no bit says it */
    const struct gw_profile_bit *bits;
    size_t bit_count;
    const struct gw_profile_unit *units;
    size_t unit_count;
    uint16_t unit_mask;
    uint32_t fresh_ms; /* points read further apart than this give no weight */
};

struct gw_profile {
    const char *name;  /* [A-Za-z0-9._-]{1,63} */
    const char *title; /* make and model, or what it fits */
    enum gw_profile_kind kind;
    enum gw_profile_decode decode;
    const char **sources; /* public documents the facts come from, and what was only recalled */
    size_t source_count;
    struct gw_profile_framing framing;
    struct gw_profile_scan scan;
    struct gw_profile_json json;
    struct gw_profile_weight weight;
    struct gw_profile_poll poll;
    struct gw_profile_commands commands;
    struct gw_profile_serial serial;
    struct gw_profile_keyboard keyboard;
    struct gw_profile_points modbus;
};

/* Parse and check a document. On errors: PARSE or SCHEMA, one line per finding
 * appended to `errors` as gw_config_parse does; NOMEM. One heap block, freed by
 * gw_profile_close. */
enum gw_err gw_profile_parse(struct gw_str text, struct gw_buf *errors,
                             struct gw_profile **ret_profile);
/* Read the file, then gw_profile_parse. `name` with a '/' is a path, else the
 * profile <folder>/<name>.json. NOENT, DENIED, RANGE too (named in errors). */
enum gw_err gw_profile_load(const char *folder, const char *name, struct gw_buf *errors,
                            struct gw_profile **ret_profile);
/* Name and bytes of one command. */
struct gw_profile_command {
    const char *name;  /* "tare", "zero", "clear_tare"; static storage */
    const char *bytes; /* of the profile, never empty */
};
/* Command number `index` of those the profile has; false behind the last. */
bool gw_profile_command_at(const struct gw_profile *profile, size_t index,
                           struct gw_profile_command *ret_command);
/* Free it with everything its members point to. NULL is allowed. */
void gw_profile_close(struct gw_profile *profile);

/* Help for one key ("weight.rearm_below") or all when `key` is empty. NOENT, FULL. */
enum gw_err gw_profile_explain(struct gw_str key, struct gw_buf *buf);

/* Where the profiles that come with the programs are installed. */
struct gw_installed gw_profile_folder(void);

#endif
