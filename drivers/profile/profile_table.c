/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of a profile: kind(struct, member, limits, ...), default, help. */
#include "drivers/profile/profile_table.h"

#include "drivers/profile/feed.h"
#include "drivers/profile/threshold.h"
#include "firmware/base/cleanup.h"
#include "firmware/config/rule.h"
#include "firmware/config/speed.h"

/* clang-format off */
#define MEMBER(type, member) .name = #member, .offset = offsetof(type, member), \
    .size = sizeof(((type *) 0)->member)
#define BOOL(type, member, yes_or_no) MEMBER(type, member), .kind = GW_KIND_BOOL, \
    .initial = (yes_or_no)
#define NUMBER(type, member, lowest, highest, default) MEMBER(type, member), \
    .kind = GW_KIND_NUMBER, .min = (lowest), .max = (highest), .initial = (default)
#define TEXT(type, member, shortest, longest, its_rule) MEMBER(type, member), \
    .kind = GW_KIND_TEXT, .min = (shortest), .max = (longest), .rule = &(its_rule)
#define CHOICE(type, member, names) MEMBER(type, member), .kind = GW_KIND_CHOICE, \
    .choices = (names), .choice_count = GW_ARRAY_LEN(names)
#define TEXTS(type, member, counter, fewest, most, its_rule) MEMBER(type, member), \
    .kind = GW_KIND_TEXTS, .count_offset = offsetof(type, counter), .min = (fewest), \
    .max = (most), .rule = &(its_rule)
#define LIST(type, member, counter, most, its_group) MEMBER(type, member), \
    .kind = GW_KIND_LIST, .count_offset = offsetof(type, counter), .min = 0, \
    .max = (most), .group = &(its_group)
#define GROUP(type, member, its_group) MEMBER(type, member), .kind = GW_KIND_GROUP, \
    .group = &(its_group)
#define GROUP_OF(table, type) {table, GW_ARRAY_LEN(table), sizeof(type)}
/* clang-format on */

static bool fits_anything(struct gw_str text) {
    (void) text;
    return true;
}

/* JSON has checked the UTF-8, and NUL is refused for every text. */
static const struct gw_config_rule any_text = {
    fits_anything, "any characters but NUL, control characters as \\u0000 escapes", NULL};

static bool fits_threshold(struct gw_str text) {
    struct gw_threshold parsed;
    return gw_threshold_parse(text, &parsed) == GW_OK;
}

static const struct gw_config_rule threshold = {
    fits_threshold,
    "a decimal number without sign such as \"0.5\", or scale divisions from \"1d\" to "
    "\"9999d\"",
    NULL};

/* ---- framing ---- */

#define F struct gw_profile_framing
static const struct gw_config_choice framings[] = {
    {"line", GW_FRAMING_LINE}, {"cr", GW_FRAMING_CR},   {"lf", GW_FRAMING_LF},
    {"crlf", GW_FRAMING_CRLF}, {"tab", GW_FRAMING_TAB}, {"stx_etx", GW_FRAMING_STX_ETX},
    {"idle", GW_FRAMING_IDLE},
};
static const struct gw_config_row framing_rows[] = {
    {CHOICE(F, mode, framings), .initial = "line",
     .help = "What ends a code or message. line: CR, LF or CRLF, whichever comes."},
    {NUMBER(F, idle_ms, 0, 60000, "0"),
     .help = "Silence of this many ms ends a frame whose terminator was lost (the event says "
             "so; of a scale and with stx_etx, the frame is refused). 0 = wait on, and glue "
             "what comes to it."},
    {NUMBER(F, max_bytes, 16, GW_PROFILE_FRAME_MAX_BYTES, "4096"),
     .help = "Longer frames are refused; the device counts as babbling."},
};
static const struct gw_config_group framing_group = GROUP_OF(framing_rows, F);

/* ---- scan ---- */

#define S struct gw_profile_scan
static const struct gw_config_choice aims[] = {
    {"auto", GW_AIM_AUTO},
    {"on", GW_AIM_ON},
    {"off", GW_AIM_OFF},
};
static const struct gw_config_choice gs1_policies[] = {
    {"by_aim", GW_GS1_BY_AIM},
    {"always", GW_GS1_ALWAYS},
    {"never", GW_GS1_NEVER},
};
static const struct gw_config_row scan_rows[] = {
    {TEXT(S, prefix, 0, 32, any_text), .initial = "",
     .help = "What the scanner puts before each frame; stripped from the code, kept in raw."},
    {TEXT(S, suffix, 0, 32, any_text), .initial = "",
     .help = "What it puts behind, before the terminator."},
    {CHOICE(S, aim, aims), .initial = "auto",
     .help =
         "AIM symbology identifiers (]C1, ]d2, ...): on = each code has one and its lack is "
         "remarked, off = codes may begin with ] by chance, auto = taken where seen."},
    {TEXTS(S, gs_substitutes, gs_substitute_count, 1, 8, any_text), .initial = "",
     .help = "Texts the scanner sends for the group separator (U+001D), such as {GS}. They "
             "become the separator in the code, never in raw. Choose what no code holds."},
    {TEXTS(S, no_read, no_read_count, 1, 16, any_text), .initial = "",
     .help = "What the scanner sends when it read nothing: a condition, no scan."},
    {TEXT(S, code_separator, 0, 16, any_text), .initial = "",
     .help = "What stands between several codes of one trigger. Empty = one code a frame."},
    {NUMBER(S, repeat_ms, 0, 60000, "0"),
     .help = "A code read again within this many ms is marked with a repeat count. It is an "
             "observation like any other: nothing is swallowed. 0 = never marked."},
    {CHOICE(S, gs1, gs1_policies), .initial = "by_aim",
     .help = "Which codes are taken apart as GS1: those whose AIM identifier says so, all (a "
             "scanner that cannot send AIM identifiers), none."},
};
static const struct gw_config_group scan_group = GROUP_OF(scan_rows, S);

/* ---- json ---- */

#define W struct gw_profile_word
static const struct gw_config_choice states[] = {
    {"stable", GW_WEIGHT_STABLE}, {"dynamic", GW_WEIGHT_DYNAMIC}, {"over", GW_WEIGHT_OVER},
    {"under", GW_WEIGHT_UNDER},   {"error", GW_WEIGHT_ERROR},
};
static const struct gw_config_row word_rows[] = {
    {TEXT(W, word, 1, 64, any_text), .example = "OK", .help = "What the device says."},
    {CHOICE(W, state, states), .example = "stable", .help = "What it means."},
};
static const struct gw_config_group word_group = GROUP_OF(word_rows, W);

#define J struct gw_profile_json
#define POINTER(member, text)                                                                  \
    { TEXT(J, member, 0, 128, gw_rule_pointer), .initial = "", .help = (text) }
static const struct gw_config_row json_rows[] = {
    POINTER(records, "Where a list of records is. Empty = the message is one record; the other "
                     "pointers start at the record."),
    POINTER(type, "Where the record says what it is."),
    {TEXTS(J, types, type_count, 1, 16, any_text), .initial = "",
     .help = "Values at type that are readings. Records with another one become conditions."},
    POINTER(code, "Where the scanned code is."),
    POINTER(symbology, "Where the name of the symbology is."),
    POINTER(time, "Where the device says when it happened: RFC 3339 text, or milliseconds or "
                  "seconds since 1970."),
    POINTER(event_id, "Where the device's own id of the reading is; for de-duplication."),
    POINTER(weight, "Where the weight is: a number or decimal text."),
    POINTER(unit, "Where its unit is. Empty = weight.unit says it; a weight that comes without "
                  "any is an error, not a number."),
    POINTER(state, "Where the scale says its state. Empty = it sends stable weights only."),
    {LIST(J, words, word_count, 16, word_group),
     .help = "Words at state. Those not listed mean dynamic: never a weight."},
};
static const struct gw_config_group json_group = GROUP_OF(json_rows, J);

/* ---- weight ---- */

#define G struct gw_profile_weight
static const struct gw_config_choice weight_reports[] = {
    {"cycle", GW_REPORT_CYCLE},
    {"settle", GW_REPORT_SETTLE},
    {"all", GW_REPORT_ALL},
};
static const struct gw_config_row weight_rows[] = {
    {CHOICE(G, report, weight_reports), .initial = "cycle",
     .help = "cycle: one weight for each load put on and taken off. settle: one each time the "
             "scale comes to rest on another value. all: every frame."},
    {TEXT(G, rearm_below, 1, 32, threshold), .initial = "20d",
     .help = "At or below this nothing lies on it: the next load is a new one. In divisions "
             "(20d: of a scale that sends 12.34, 0.20), or a number in the unit the scale "
             "sends. 20d is the least that a scale of class III may weigh."},
    {NUMBER(G, settle_ms, 0, 60000, "0"),
     .help = "A stable value must stand for this many ms. 0 = one stable frame is enough."},
    {TEXT(G, unit, 0, 16, gw_rule_utf8), .initial = "",
     .help = "Unit the scale is set to, where its protocol does not send one."},
    {BOOL(G, checksum, "false"), .help = "toledo_continuous: each frame ends with a checksum."},
    {BOOL(G, tare_field, "true"),
     .help = "toledo_continuous: six digits of tare follow the weight (false: short format)."},
};
static const struct gw_config_group weight_group = GROUP_OF(weight_rows, G);

/* ---- poll, commands ---- */

#define P struct gw_profile_poll
static const struct gw_config_row poll_rows[] = {
    {TEXT(P, request, 0, 64, any_text), .initial = "",
     .help = "Bytes that ask for a reading. Empty = the device sends by itself."},
    {NUMBER(P, period_ms, 20, 3600000, "250"), .help = "From one request to the next."},
    {NUMBER(P, timeout_ms, 20, 60000, "1000"),
     .help = "An answer that takes longer is none; the next request goes out then."},
    {NUMBER(P, silent_after_ms, 0, 86400000, "0"),
     .help = "Without a frame for this long the device is reported silent. 0 = silence is "
             "ordinary (a scanner at night)."},
};
static const struct gw_config_group poll_group = GROUP_OF(poll_rows, P);

#define C struct gw_profile_commands
static const struct gw_config_row commands_rows[] = {
    {TEXT(C, tare, 0, 64, any_text), .initial = "", .help = "Bytes that tare."},
    {TEXT(C, zero, 0, 64, any_text), .initial = "", .help = "Bytes that set zero."},
    {TEXT(C, clear_tare, 0, 64, any_text), .initial = "", .help = "Bytes that clear the tare."},
};
static const struct gw_config_group commands_group = GROUP_OF(commands_rows, C);

/* ---- lines ---- */

#define L struct gw_profile_serial
static const struct gw_config_choice parities[] = {
    {"none", GW_PARITY_NONE},
    {"even", GW_PARITY_EVEN},
    {"odd", GW_PARITY_ODD},
};
static const struct gw_config_choice flow_controls[] = {
    {"none", GW_FLOW_NONE},
    {"rts_cts", GW_FLOW_RTS_CTS},
    {"xon_xoff", GW_FLOW_XON_XOFF},
};
static const struct gw_config_row serial_rows[] = {
    {NUMBER(L, baud, GW_CONFIG_SPEED_MIN, GW_CONFIG_SPEED_MAX, "9600"),
     .help = "Bits a second: " GW_CONFIG_SPEEDS_TEXT "."},
    {NUMBER(L, data_bits, 7, 8, "8"), .help = "Data bits."},
    {NUMBER(L, stop_bits, 1, 2, "1"), .help = "Stop bits."},
    {CHOICE(L, parity, parities), .initial = "none", .help = "Parity."},
    {CHOICE(L, flow, flow_controls), .initial = "none", .help = "Handshake."},
};
static const struct gw_config_group serial_group = GROUP_OF(serial_rows, L);

#define Y struct gw_profile_key
static const struct gw_config_row key_rows[] = {
    {NUMBER(Y, key, 1, 767, NULL), .example = "66",
     .help = "Linux key code (linux/input-event-codes.h); F8 is 66."},
    {TEXT(Y, text, 1, 16, any_text), .example = "\\u001d", .help = "What the key stands for."},
};
static const struct gw_config_group key_group = GROUP_OF(key_rows, Y);

#define K struct gw_profile_keyboard
static const struct gw_config_choice layouts[] = {
    {"none", GW_LAYOUT_NONE}, {"us", GW_LAYOUT_US}, {"gb", GW_LAYOUT_GB},
    {"de", GW_LAYOUT_DE},     {"fr", GW_LAYOUT_FR},
};
static const struct gw_config_row keyboard_rows[] = {
    {CHOICE(K, layout, layouts), .initial = "none",
     .help = "Layout the scanner is set to type in; none = the profile is not for keyboards."},
    {BOOL(K, alt_codes, "false"),
     .help = "The scanner types characters as Alt and digits on the keypad."},
    {LIST(K, keys, key_count, 32, key_group),
     .help = "Keys that stand for a text, such as F8 for the group separator."},
};
static const struct gw_config_group keyboard_group = GROUP_OF(keyboard_rows, K);

/* ---- modbus ---- */

#define B struct gw_profile_bit
static const struct gw_config_choice meanings[] = {
    {"stable", GW_BIT_STABLE},
    {"motion", GW_BIT_MOTION},
    {"over", GW_BIT_OVER},
    {"under", GW_BIT_UNDER},
    {"error", GW_BIT_ERROR},
    {"valid", GW_BIT_VALID},
    {"net", GW_BIT_NET},
    {"tared", GW_BIT_TARED},
    {"preset_tare", GW_BIT_PRESET_TARE},
    {"zero", GW_BIT_ZERO},
    {"negative", GW_BIT_NEGATIVE},
};
static const struct gw_config_choice modes[] = {
    {"unknown", GW_MODE_UNKNOWN},
    {"gross", GW_MODE_GROSS},
    {"net", GW_MODE_NET},
};
static const struct gw_config_row bit_rows[] = {
    {TEXT(B, point, 0, 63, gw_rule_name), .initial = "",
     .help = "Point that is this bit by itself (a discrete input). Empty = bit of status."},
    {NUMBER(B, bit, 0, 15, "0"), .help = "Number of the bit, 0 = the least."},
    {CHOICE(B, meaning, meanings), .example = "motion",
     .help = "What it says. valid: while it is not active, no reading counts."},
    {BOOL(B, active, "true"), .help = "The value of the bit that says it: true = 1."},
};
static const struct gw_config_group bit_group = GROUP_OF(bit_rows, B);

#define U struct gw_profile_unit
static const struct gw_config_row unit_rows[] = {
    {NUMBER(U, value, 0, 65535, NULL), .example = "0", .help = "Value of the unit's bits."},
    {TEXT(U, unit, 1, 16, gw_rule_utf8), .example = "kg", .help = "The unit it means."},
};
static const struct gw_config_group unit_group = GROUP_OF(unit_rows, U);

#define M struct gw_profile_points
static const struct gw_config_row modbus_rows[] = {
    {TEXT(M, status, 0, 63, gw_rule_name), .initial = "", .help = "Point of the status word."},
    {TEXT(M, weight, 0, 63, gw_rule_name), .initial = "", .help = "Point of the weight."},
    {TEXT(M, unit, 0, 63, gw_rule_name), .initial = "", .help = "Point that says the unit."},
    {TEXT(M, tare, 0, 63, gw_rule_name), .initial = "", .help = "Point of the tare."},
    {CHOICE(M, mode, modes), .initial = "unknown",
     .help = "What the weight point holds, where no bit means net."},
    {LIST(M, bits, bit_count, 16, bit_group), .help = "Bits of the status word."},
    {LIST(M, units, unit_count, 32, unit_group), .help = "Values of the unit's bits."},
    {NUMBER(M, unit_mask, 0, 65535, "65535"),
     .help = "Bits of the unit point that say the unit; they are shifted down."},
    {NUMBER(M, fresh_ms, 10, 60000, "1000"),
     .help = "Status and weight read further apart than this give no weight."},
};
static const struct gw_config_group modbus_group = GROUP_OF(modbus_rows, M);

/* ---- the document ---- */

#define T struct gw_profile
static const struct gw_config_choice kinds[] = {
    {"scanner", GW_PROFILE_SCANNER},
    {"scale", GW_PROFILE_SCALE},
};
static const struct gw_config_choice decodes[] = {
    {"text", GW_DECODE_TEXT},
    {"json", GW_DECODE_JSON},
    {"mt_sics", GW_DECODE_MT_SICS},
    {"sma", GW_DECODE_SMA},
    {"nci", GW_DECODE_NCI},
    {"toledo_8217", GW_DECODE_TOLEDO_8217},
    {"toledo_continuous", GW_DECODE_TOLEDO_CONTINUOUS},
    {"sartorius_sbi", GW_DECODE_SARTORIUS_SBI},
    {"modbus", GW_DECODE_MODBUS},
};
_Static_assert(GW_ARRAY_LEN(decodes) == GW_DECODE_COUNT, "a name for each");

static const struct gw_config_row profile_rows[] = {
    {TEXT(T, name, 1, 63, gw_rule_name), .example = "scanner-cr",
     .help = "Name of the profile, the file's without .json."},
    {TEXT(T, title, 1, 128, gw_rule_utf8), .example = "Scanner, CR", .help = "What it fits."},
    {CHOICE(T, kind, kinds), .example = "scanner", .help = "What the device is."},
    {CHOICE(T, decode, decodes), .example = "text",
     .help = "How frames are taken apart: text (the frame is the code), json (members by "
             "pointer), the protocol of a scale, or modbus (points of a bus)."},
    {MEMBER(T, sources), .kind = GW_KIND_TEXTS, .count_offset = offsetof(T, source_count),
     .min = 1, .max = 8, .rule = &gw_rule_utf8, .example = "manual, section",
     .help = "Public documents the facts come from, and what was only recalled."},
    {GROUP(T, framing, framing_group), .help = "Where a frame ends."},
    {GROUP(T, scan, scan_group), .help = "What a scanner puts around its codes."},
    {GROUP(T, json, json_group), .help = "Where things are in JSON."},
    {GROUP(T, weight, weight_group), .help = "Which weights are reported."},
    {GROUP(T, poll, poll_group), .help = "Asking the device."},
    {GROUP(T, commands, commands_group),
     .help = "Bytes that change the device; sent only where feeds[].commands allows it."},
    {GROUP(T, serial, serial_group), .help = "How a serial line is set."},
    {GROUP(T, keyboard, keyboard_group), .help = "USB HID keyboards."},
    {GROUP(T, modbus, modbus_group), .help = "Points of a scale behind Modbus."},
};
const struct gw_config_group gw_profile_top = GROUP_OF(profile_rows, T);
