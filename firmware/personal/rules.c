/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/personal/rules.h"

#include <string.h>

#include "firmware/personal/pattern.h"

bool gw_rule_holds_for(const struct gw_config_personal_rule *rule, struct gw_str device) {
    for (size_t i = 0; i < rule->device_count; i++) {
        if (gw_str_eq(device, gw_str_from_cstr(rule->devices[i]))) {
            return true;
        }
    }
    return rule->device_count == 0 || device.len == 0;
}

struct gw_str gw_rule_without_aim(struct gw_str text) {
    bool has_aim = text.len > 3 && text.ptr[0] == ']';
    return has_aim ? gw_str_sub(text, 3, SIZE_MAX) : text;
}

/* ---- the text as it is ---- */

static bool begins(struct gw_str pattern, struct gw_str text) {
    struct gw_str code = gw_rule_without_aim(text);
    return code.len >= GW_PATTERN_HEAD_MIN && gw_pattern_begins(pattern, code);
}

static bool fits_text(struct gw_str pattern, struct gw_str text, enum gw_rule_scope scope) {
    if (gw_pattern_has_head(pattern)) {
        return gw_pattern_occurs(pattern, text) || begins(pattern, text);
    }
    return (scope == GW_RULE_PIECES && gw_pattern_occurs(pattern, text))
           || (scope == GW_RULE_WHOLE
               && (gw_pattern_fits(pattern, gw_rule_without_aim(text))
                   || gw_pattern_fits(pattern, text)));
}

/* ---- the text as it may have been meant ---- */

static bool may_begin(struct gw_str pattern, struct gw_str meant) {
    return gw_pattern_may_fit(pattern, gw_rule_without_aim(meant), GW_PATTERN_BEGINNING);
}

static bool fits_meant(struct gw_str pattern, struct gw_str meant, enum gw_rule_scope scope) {
    if (gw_pattern_has_head(pattern)) {
        return gw_pattern_may_fit(pattern, meant, GW_PATTERN_PIECE)
               || may_begin(pattern, meant);
    }
    return (scope == GW_RULE_PIECES && gw_pattern_may_fit(pattern, meant, GW_PATTERN_PIECE))
           || (scope == GW_RULE_WHOLE
               && (gw_pattern_may_fit(pattern, gw_rule_without_aim(meant), GW_PATTERN_WHOLE)
                   || gw_pattern_may_fit(pattern, meant, GW_PATTERN_WHOLE)));
}

bool gw_rule_fits(const struct gw_config_personal_rule *rule, const struct gw_reading *reading,
                  enum gw_rule_scope scope) {
    struct gw_str pattern = gw_str_from_cstr(rule->pattern);
    return reading->text.len > 0
           && (fits_text(pattern, reading->text, scope)
               || (reading->is_changed && fits_meant(pattern, reading->meant, scope)));
}

bool gw_rule_fits_topic(const struct gw_config_personal_rule *rule,
                        const struct gw_reading *reading) {
    struct gw_str pattern = gw_str_from_cstr(rule->pattern);
    if (gw_rule_fits(rule, reading, GW_RULE_PIECES)) {
        return true;
    }
    struct gw_str rest = reading->meant, level;
    while (gw_pattern_has_head(pattern) && gw_str_split(&rest, '/', &level)) {
        if (may_begin(pattern, level)) {
            return true;
        }
    }
    return false;
}

/* ---- bytes nobody took apart ---- */

/* Every character of the head as itself. */
static struct gw_str put_literal(struct gw_str pattern,
                                 char storage[static 2 * GW_PATTERN_HEAD_MAX]) {
    char head[GW_PATTERN_HEAD_MAX];
    size_t len = gw_pattern_head(pattern, head);
    for (size_t i = 0; i < len; i++) {
        storage[2 * i] = '\\';
        storage[2 * i + 1] = head[i];
    }
    return (struct gw_str){storage, 2 * len};
}

bool gw_rule_may_be_in(const struct gw_config_personal_rule *rule,
                       const struct gw_reading *reading) {
    struct gw_str pattern = gw_str_from_cstr(rule->pattern);
    if (reading->text.len == 0) {
        return false;
    }
    if (!gw_pattern_has_head(pattern)) {
        return true;
    }
    char storage[2 * GW_PATTERN_HEAD_MAX];
    struct gw_str head = put_literal(pattern, storage);
    return gw_pattern_occurs(head, reading->text)
           || (reading->is_changed
               && (gw_pattern_may_fit(head, reading->meant, GW_PATTERN_PIECE)
                   || gw_pattern_may_fit(pattern, reading->meant, GW_PATTERN_PIECE)));
}
