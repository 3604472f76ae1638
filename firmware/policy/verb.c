/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/verb.h"

/* clang-format off */
static const struct gw_verb_rules verb_rules[] = {
    /* number, name,             link,  status, control, audited */
    { 1, "hello",                true,  true,  true,  false},
    { 2, "status",               true,  true,  true,  false},
    { 3, "submit",               true,  false, false, false},
    { 4, "reload",               false, false, true,  false},
    {10, "quarantine_list",      false, true,  true,  false},
    {11, "quarantine_show",      false, true,  true,  false},
    {12, "quarantine_retry",     false, false, true,  false},
    {13, "quarantine_drop",      false, false, true,  true},
    {14, "queue_salvage",        false, false, true,  true},
    {15, "device_add",           false, false, true,  true},
    {16, "device_rotate",        false, false, true,  true},
    {17, "device_revoke",        false, false, true,  true},
    {18, "device_command",       false, false, true,  true},
    {19, "feed_command",         false, false, true,  true},
    {20, "dead_letter_list",     false, true,  true,  false},
    {21, "dead_letter_show",     false, true,  true,  false},
    {22, "dead_letter_retry",    false, false, true,  false},
    {23, "dead_letter_drop",     false, false, true,  true},
    {24, "replay",               false, false, true,  false},
    {25, "completeness",         false, true,  true,  false},
    {30, "modbus_list",          false, true,  true,  false},
    {31, "modbus_read",          false, true,  true,  false},
    {32, "modbus_scan",          false, true,  true,  false},
    {33, "modbus_write",         true,  true,  true,  true},
};
/* clang-format on */

const struct gw_verb_rules *gw_verb_at(size_t index) {
    size_t count = sizeof(verb_rules) / sizeof(verb_rules[0]);
    return index < count ? &verb_rules[index] : NULL;
}

const struct gw_verb_rules *gw_verb_find(unsigned verb) {
    const struct gw_verb_rules *rules;
    for (size_t i = 0; (rules = gw_verb_at(i)) != NULL; i++) {
        if (rules->verb == verb) {
            return rules;
        }
    }
    return NULL;
}

bool gw_verb_allowed(struct gw_str peer_name, unsigned verb) {
    const struct gw_verb_rules *rules = gw_verb_find(verb);
    if (!rules) {
        return false;
    }
    return (rules->link && gw_str_eq(peer_name, GW_STR("link")))
           || (rules->status && gw_str_eq(peer_name, GW_STR("status")))
           || (rules->control && gw_str_eq(peer_name, GW_STR("control")));
}
