/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that need several keys, each a function of the table at the end. They run
 * on profiles with findings too: a member that was refused is "" or 0 here, and no
 * rule may take that for a fault of its own. Without kind and decode there is
 * nothing to ask. */
#include <string.h>

#include "drivers/profile/profile_table.h"
#include "drivers/profile/protocol.h"
#include "firmware/base/cleanup.h"
#include "firmware/config/speed.h"

struct checking {
    struct gw_config_report *report;
    const struct gw_json *root;
    const struct gw_profile *profile;
};

static bool is_set(const char *text) {
    return text[0] != '\0';
}

/* Finding at "<group>.<member>", or at the group when `member` is NULL. */
static void find_fault(const struct checking *checking, const char *group, const char *member,
                       const char *sentence) {
    size_t mark = gw_config_enter(checking->report, gw_str_from_cstr(group));
    if (member) {
        (void) gw_config_enter(checking->report, gw_str_from_cstr(member));
    }
    gw_config_report_text(checking->report, "%s", sentence);
    gw_config_leave(checking->report, mark);
}

static bool is_written(const struct checking *checking, const char *group, const char *member) {
    const struct gw_json *object = gw_json_member(checking->root, group);
    return (member ? gw_json_member(object, member) : object) != NULL;
}

static bool is_spelled(const struct checking *checking, const char *name, const char *value) {
    struct gw_str text;
    return gw_json_get_str(gw_json_member(checking->root, name), &text) == GW_OK
           && gw_str_eq(text, gw_str_from_cstr(value));
}

/* A kind or decode that was refused reads as the first of its kind. */
static bool is_understood(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    return (profile->kind != GW_PROFILE_SCANNER || is_spelled(checking, "kind", "scanner"))
           && (profile->decode != GW_DECODE_TEXT || is_spelled(checking, "decode", "text"));
}

static bool is_protocol(enum gw_profile_decode decode) {
    return decode >= GW_DECODE_MT_SICS && decode <= GW_DECODE_SARTORIUS_SBI;
}

static void check_decode(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    if (profile->kind == GW_PROFILE_SCANNER && profile->decode > GW_DECODE_JSON) {
        find_fault(checking, "decode", NULL,
                   "found the protocol of a scale, allowed for a scanner: \"text\", \"json\"");
    }
    if (profile->kind == GW_PROFILE_SCALE && profile->decode == GW_DECODE_TEXT) {
        find_fault(checking, "decode", NULL,
                   "found \"text\", allowed for a scale: \"json\", \"modbus\" or its protocol");
    }
}

/* Which groups say something under which decode. */
static void check_groups(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    bool is_scanner = profile->kind == GW_PROFILE_SCANNER;
    bool has_bytes = profile->decode != GW_DECODE_MODBUS;
    const struct {
        const char *name;
        bool is_of_use;
    } groups[] = {
        {"framing", has_bytes},
        {"scan", is_scanner},
        {"json", profile->decode == GW_DECODE_JSON},
        {"weight", !is_scanner},
        {"poll", has_bytes},
        {"commands", !is_scanner},
        {"serial", has_bytes},
        {"keyboard", is_scanner && profile->decode == GW_DECODE_TEXT},
        {"modbus", !has_bytes},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(groups); i++) {
        if (!groups[i].is_of_use && is_written(checking, groups[i].name, NULL)) {
            find_fault(checking, groups[i].name, NULL,
                       "has no effect with this kind and decode: leave it out");
        }
    }
}

static void check_framing(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    if (is_protocol(profile->decode) && is_written(checking, "framing", "mode")) {
        find_fault(checking, "framing", "mode",
                   "the protocol says where its frames end: leave it out");
    }
    const struct gw_protocol *protocol = gw_protocol_find(profile->decode);
    if (protocol && profile->framing.max_bytes > 0
        && profile->framing.max_bytes < protocol->frame_bytes) {
        char sentence[128];
        (void) snprintf(sentence, sizeof sentence,
                        "found %u, but a frame of this protocol has %zu bytes, allowed: at "
                        "least that many",
                        profile->framing.max_bytes, protocol->frame_bytes);
        find_fault(checking, "framing", "max_bytes", sentence);
    }
    if (profile->framing.mode == GW_FRAMING_IDLE && profile->framing.idle_ms == 0) {
        find_fault(checking, "framing", "idle_ms",
                   "found 0, allowed with mode \"idle\": from 1");
    }
    if (profile->framing.mode == GW_FRAMING_IDLE && profile->decode == GW_DECODE_JSON) {
        find_fault(checking, "framing", "mode",
                   "found \"idle\", but a pause inside a JSON message would cut it");
    }
}

/* What ends the frame in this framing is never seen inside of one. */
static bool ends_frame(enum gw_framing mode, const char *text) {
    static const char *const ends[GW_FRAMING_COUNT] = {
        [GW_FRAMING_LINE] = "\r\n",        [GW_FRAMING_CR] = "\r", [GW_FRAMING_LF] = "\n",
        [GW_FRAMING_TAB] = "\t",           [GW_FRAMING_CRLF] = "", [GW_FRAMING_IDLE] = "",
        [GW_FRAMING_STX_ETX] = "\x02\x03",
    };
    return mode == GW_FRAMING_CRLF ? strstr(text, "\r\n") != NULL
                                   : strpbrk(text, ends[mode]) != NULL;
}

/* Texts that are looked for in a frame. */
static void check_scan_text(const struct checking *checking, const char *name,
                            const char *text) {
    const struct gw_profile *profile = checking->profile;
    if (profile->decode == GW_DECODE_TEXT && ends_frame(profile->framing.mode, text)) {
        find_fault(checking, "scan", name,
                   "holds what ends a frame in this framing, allowed: other characters");
    }
}

/* Those of a list are looked for in one code: the separator was taken away before. */
static void check_scan_list(const struct checking *checking, const char *name,
                            const char *const *texts, size_t count) {
    const char *separator = checking->profile->scan.code_separator;
    for (size_t i = 0; i < count; i++) {
        check_scan_text(checking, name, texts[i]);
        if (is_set(separator) && strstr(texts[i], separator)) {
            find_fault(checking, "scan", name,
                       "holds the code_separator, allowed: texts without it");
        }
    }
}

static void check_scan(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    const struct gw_profile_scan *scan = &profile->scan;
    check_scan_text(checking, "prefix", scan->prefix);
    check_scan_text(checking, "suffix", scan->suffix);
    check_scan_text(checking, "code_separator", scan->code_separator);
    check_scan_list(checking, "gs_substitutes", scan->gs_substitutes,
                    scan->gs_substitute_count);
    check_scan_list(checking, "no_read", scan->no_read, scan->no_read_count);
    if (profile->decode == GW_DECODE_JSON && is_set(scan->code_separator)) {
        find_fault(checking, "scan", "code_separator",
                   "has no effect with decode \"json\", allowed: one code in each record");
    }
    size_t around = strlen(scan->prefix) + strlen(scan->suffix);
    if (profile->framing.max_bytes > 0 && around >= profile->framing.max_bytes) {
        find_fault(checking, "framing", "max_bytes",
                   "leaves no room for a code, allowed: more than prefix and suffix have");
    }
}

static void check_json(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    const struct gw_profile_json *json = &profile->json;
    if (profile->decode != GW_DECODE_JSON) {
        return;
    }
    if (profile->kind == GW_PROFILE_SCANNER && !is_set(json->code)) {
        find_fault(checking, "json", "code", "found nothing, but a scanner needs it");
    }
    if (profile->kind == GW_PROFILE_SCALE && !is_set(json->weight)) {
        find_fault(checking, "json", "weight", "found nothing, but a scale needs it");
    }
    if (profile->kind == GW_PROFILE_SCALE && !is_set(json->unit)
        && !is_set(profile->weight.unit)) {
        find_fault(checking, "json", "unit",
                   "found nothing: name the member that says the unit, or in weight.unit the "
                   "unit the scale is set to");
    }
    if (json->type_count > 0 && !is_set(json->type)) {
        find_fault(checking, "json", "types", "has no effect without type");
    }
    if (json->type_count == 0 && is_set(json->type)) {
        find_fault(checking, "json", "type", "has no effect without types");
    }
    if ((json->word_count > 0) != is_set(json->state)) {
        find_fault(checking, "json", "words",
                   "state and words belong together: give both or none");
    }
}

static void check_weight(const struct checking *checking) {
    const struct gw_profile *profile = checking->profile;
    if (profile->decode == GW_DECODE_JSON && profile->kind == GW_PROFILE_SCALE
        && profile->weight.report == GW_REPORT_CYCLE
        && gw_str_ends_with(gw_str_from_cstr(profile->weight.rearm_below), GW_STR("d"))) {
        find_fault(checking, "weight", "rearm_below",
                   "is in divisions, but JSON writes 5.00 as 5: found no number, allowed with "
                   "report \"cycle\": a number in the unit the scale sends");
    }
    bool is_continuous = profile->decode == GW_DECODE_TOLEDO_CONTINUOUS;
    if (profile->decode == GW_DECODE_TOLEDO_8217 && !is_set(profile->weight.unit)) {
        find_fault(checking, "weight", "unit",
                   "found nothing, but this protocol sends no unit: say how the scale is set");
    }
    if (!is_continuous
        && (is_written(checking, "weight", "checksum")
            || is_written(checking, "weight", "tare_field"))) {
        find_fault(checking, "weight", NULL,
                   "checksum and tare_field have no effect but with decode "
                   "\"toledo_continuous\": leave them out");
    }
}

static void check_poll(const struct checking *checking) {
    const struct gw_profile_poll *poll = &checking->profile->poll;
    bool is_timed =
        is_written(checking, "poll", "period_ms") || is_written(checking, "poll", "timeout_ms");
    if (!is_set(poll->request) && is_timed) {
        find_fault(checking, "poll", "request",
                   "found nothing: period_ms and timeout_ms have no effect without it");
    }
    if (is_set(poll->request) && poll->silent_after_ms > 0
        && poll->silent_after_ms < poll->timeout_ms) {
        find_fault(checking, "poll", "silent_after_ms",
                   "is shorter than timeout_ms, allowed: 0 or at least timeout_ms");
    }
}

/* 0: what was written was no number, which was said already. */
static void check_serial(const struct checking *checking) {
    uint32_t baud = checking->profile->serial.baud;
    if (baud != 0 && !gw_config_is_speed(baud)) {
        find_fault(checking, "serial", "baud",
                   "no serial line has this speed, allowed: " GW_CONFIG_SPEEDS_TEXT);
    }
}

static void check_keys(const struct checking *checking) {
    const struct gw_profile_keyboard *keyboard = &checking->profile->keyboard;
    if (keyboard->layout == GW_LAYOUT_NONE && is_written(checking, "keyboard", NULL)) {
        find_fault(checking, "keyboard", "layout",
                   "found \"none\", but the other members need a layout");
    }
    for (size_t i = 0; i < keyboard->key_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (keyboard->keys[i].key == keyboard->keys[j].key && keyboard->keys[i].key != 0) {
                find_fault(checking, "keyboard", "keys", "the same key stands there twice");
            }
        }
    }
}

static bool has_meaning(const struct gw_profile_points *modbus, enum gw_bit_meaning meaning) {
    for (size_t i = 0; i < modbus->bit_count; i++) {
        if (modbus->bits[i].meaning == meaning) {
            return true;
        }
    }
    return false;
}

static bool needs_status(const struct gw_profile_points *modbus) {
    for (size_t i = 0; i < modbus->bit_count; i++) {
        if (!is_set(modbus->bits[i].point)) {
            return true;
        }
    }
    return false;
}

static void check_modbus(const struct checking *checking) {
    const struct gw_profile_points *modbus = &checking->profile->modbus;
    if (checking->profile->decode != GW_DECODE_MODBUS) {
        return;
    }
    if (!is_set(modbus->weight)) {
        find_fault(checking, "modbus", "weight", "found nothing: name the point");
    }
    if (!is_set(modbus->status) && needs_status(modbus)) {
        find_fault(checking, "modbus", "status",
                   "found nothing, but bits are taken from it: name the point");
    }
    if (!has_meaning(modbus, GW_BIT_STABLE) && !has_meaning(modbus, GW_BIT_MOTION)) {
        find_fault(checking, "modbus", "bits",
                   "none means \"stable\" or \"motion\": no weight could ever be told");
    }
    if (is_set(modbus->unit) != (modbus->unit_count > 0)) {
        find_fault(checking, "modbus", "units", "unit and units belong together");
    }
    if (!is_set(modbus->unit) && !is_set(checking->profile->weight.unit)) {
        find_fault(
            checking, "weight", "unit",
            "found nothing: name the unit the scale is set to, or the point that says it");
    }
    if (modbus->unit_mask == 0) {
        find_fault(checking, "modbus", "unit_mask", "found 0, allowed: at least one bit");
    }
}

typedef void profile_rule(const struct checking *checking);

static profile_rule *const rules[] = {
    check_decode, check_groups, check_framing, check_scan, check_json,
    check_weight, check_poll,   check_serial,  check_keys, check_modbus,
};

void gw_profile_check(struct gw_config_report *report, const struct gw_json *root,
                      const struct gw_profile *profile) {
    const struct checking checking = {report, root, profile};
    for (size_t i = 0; i < GW_ARRAY_LEN(rules) && is_understood(&checking); i++) {
        rules[i](&checking);
    }
}
