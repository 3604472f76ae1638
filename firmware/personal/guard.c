/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/personal/guard.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/base/base64.h"
#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"
#include "firmware/personal/key.h"
#include "firmware/personal/pattern.h"
#include "firmware/personal/rules.h"

#define RETRY_MS 10000
#define DAY_MS INT64_C(86400000)
#define TEXT_BYTES GW_EVENT_DATA_MAX_BYTES
/* The bytes of a quarantined entry, or a scan's raw and its code. */
#define MEANT_BYTES ((size_t) 2 * 65536)
/* For the largest unit there can be; what is not written to costs no memory. A hash may
 * be longer than its code. */
#define GROWTH_BYTES 1024
#define DATA_BYTES ((size_t) GW_PERSONAL_EVENTS_MAX * (GW_EVENT_DATA_MAX_BYTES + GROWTH_BYTES))
#define WITHHELD "withheld: it may hold a personal code"
#define WITHHELD_TOPIC "(withheld)"

struct gw_personal {
    struct gw_personal_options options;
    struct gw_personal_key key;
    bool has_key;
    int64_t retry_mono_ms;
    struct gw_buf text;    /* one string, unescaped */
    struct gw_buf meant;   /* what is being looked at, as it may have been meant */
    struct gw_buf decoded; /* from base64 */
    struct gw_buf data;    /* data of the events of one unit, rewritten */
    struct gw_event_draft drafts[GW_PERSONAL_EVENTS_MAX];
    struct gw_quarantine_entry entries[GW_PERSONAL_EVENTS_MAX];
    uint8_t origins[2 * GW_PERSONAL_EVENTS_MAX][GW_EVENT_ORIGIN_MAX_BYTES];
    uint64_t *hashed, *withheld;
};

GW_DEFINE_CLEANUP(struct gw_personal *, gw_personal_close, closep)

/* ---- the key ---- */

static enum gw_err get_key(struct gw_personal *personal) {
    const struct gw_personal_options *options = &personal->options;
    enum gw_err err = gw_personal_key_read(options->key_path, &personal->key);
    if (err == GW_ERR_NOENT) {
        err = gw_personal_key_make(options->key_path, gw_clock_wall_ms(options->clock),
                                   &personal->key);
    }
    return err;
}

static void settle_key(struct gw_personal *personal, enum gw_err err) {
    personal->has_key = err == GW_OK;
    if (!err) {
        gw_health_clear(personal->options.health, GW_ISSUE_PERSONAL_KEY, (struct gw_str){0});
        return;
    }
    personal->retry_mono_ms = gw_clock_mono_ms(personal->options.clock) + RETRY_MS;
    gw_health_raise(personal->options.health, GW_ISSUE_PERSONAL_KEY, (struct gw_str){0},
                    "%s: %s", personal->options.key_path, gw_err_name(err));
}

/* A key that cannot be replaced goes on: codes under an old key are still no codes. */
static void rotate(struct gw_personal *personal) {
    int64_t now_wall_ms = gw_clock_wall_ms(personal->options.clock);
    int64_t life_ms = (int64_t) personal->options.config->rotate_days * DAY_MS;
    if (life_ms == 0 || now_wall_ms - personal->key.made_wall_ms < life_ms
        || gw_clock_mono_ms(personal->options.clock) < personal->retry_mono_ms) {
        return;
    }
    personal->retry_mono_ms = gw_clock_mono_ms(personal->options.clock) + RETRY_MS;
    struct gw_personal_key fresh;
    if (!gw_personal_key_make(personal->options.key_path, now_wall_ms, &fresh)) {
        personal->key = fresh;
        gw_personal_key_wipe(&fresh);
    }
}

void gw_personal_tick(struct gw_personal *personal) {
    if (personal->options.config->rule_count == 0) {
        return;
    }
    if (personal->has_key) {
        rotate(personal);
    } else if (gw_clock_mono_ms(personal->options.clock) >= personal->retry_mono_ms) {
        settle_key(personal, get_key(personal));
    }
}

/* ---- rules ---- */

/* The first rule a text falls under, NULL = none. */
static const struct gw_config_personal_rule *find_rule(const struct gw_personal *personal,
                                                       struct gw_str device,
                                                       const struct gw_reading *reading,
                                                       enum gw_rule_scope scope) {
    const struct gw_config_personal *config = personal->options.config;
    for (size_t i = 0; i < config->rule_count; i++) {
        if (gw_rule_holds_for(&config->rules[i], device)
            && gw_rule_fits(&config->rules[i], reading, scope)) {
            return &config->rules[i];
        }
    }
    return NULL;
}

/* The same of bytes nobody took apart. */
static const struct gw_config_personal_rule *
find_rule_in_bytes(const struct gw_personal *personal, struct gw_str device,
                   const struct gw_reading *reading) {
    const struct gw_config_personal *config = personal->options.config;
    for (size_t i = 0; i < config->rule_count; i++) {
        if (gw_rule_holds_for(&config->rules[i], device)
            && gw_rule_may_be_in(&config->rules[i], reading)) {
            return &config->rules[i];
        }
    }
    return NULL;
}

/* What was meant is in personal->meant until the next one, with `is_more` also what was
 * there before. What finds no room there is longer than anything that is stored. */
static struct gw_reading read_text(struct gw_personal *personal, struct gw_str text,
                                   bool is_more) {
    struct gw_reading reading = {.text = text};
    if (!is_more) {
        gw_buf_clear(&personal->meant);
    }
    (void) !gw_reading_make(text, &personal->meant, &reading);
    return reading;
}

static struct gw_reading read_bytes(struct gw_personal *personal, struct gw_bytes bytes) {
    return read_text(personal, gw_str_from_bytes(bytes), false);
}

/* Details are our own words: a pattern without a head must be seen in them. */
static bool is_secret_detail(const struct gw_config_personal_rule *rule,
                             const struct gw_reading *detail) {
    bool has_head = gw_pattern_has_head(gw_str_from_cstr(rule->pattern));
    return has_head ? gw_rule_may_be_in(rule, detail)
                    : gw_rule_fits(rule, detail, GW_RULE_PIECES);
}

bool gw_personal_is_secret(void *self, struct gw_str text) {
    struct gw_personal *personal = self;
    const struct gw_config_personal *config = personal->options.config;
    if (config->rule_count == 0 || text.len == 0) {
        return false;
    }
    struct gw_reading reading = read_text(personal, text, false);
    for (size_t i = 0; i < config->rule_count; i++) {
        if (is_secret_detail(&config->rules[i], &reading)) {
            return true;
        }
    }
    /* Reasons have blanks for control characters. */
    for (size_t i = 0; i < personal->meant.len; i++) {
        uint8_t *byte = &personal->meant.data[i];
        *byte = *byte == ' ' ? (uint8_t) GW_PATTERN_BLANK : *byte;
    }
    reading.is_changed = true;
    for (size_t i = 0; i < config->rule_count; i++) {
        if (gw_rule_fits(&config->rules[i], &reading, GW_RULE_PIECES)) {
            return true;
        }
    }
    return false;
}

/* ---- the rule of a member ---- */

/* What was read cannot be told from what stands around it: bytes that arrived damaged,
 * or a profile's prefix or suffix that was not there. */
static bool is_doubtful(const struct gw_event_draft *draft, const struct gw_reading *raw) {
    struct gw_str value;
    return raw->is_damaged
           || (!gw_json_find_raw(draft->data, GW_STR("/remarks"), &value)
               && memmem(value.ptr, value.len, "fix_missing", 11));
}

/* Of a scan: what was sent, its code, and in case of doubt any piece of what was sent. */
static const struct gw_config_personal_rule *
find_rule_of_raw(struct gw_personal *personal, const struct gw_event_draft *draft,
                 struct gw_str text) {
    struct gw_reading raw = read_text(personal, text, false);
    struct gw_reading code = read_text(personal, draft->code, true);
    const struct gw_config_personal_rule *rule =
        find_rule(personal, draft->device, &raw, GW_RULE_WHOLE);
    if (!rule) {
        rule = find_rule(personal, draft->device, &code, GW_RULE_WHOLE);
    }
    if (!rule && is_doubtful(draft, &raw)) {
        rule = find_rule(personal, draft->device, &raw, GW_RULE_PIECES);
    }
    return rule;
}

/* A will that is no UTF-8 is told in base64. */
static const struct gw_config_personal_rule *
find_rule_in_base64(struct gw_personal *personal, const struct gw_event_draft *draft,
                    struct gw_str text) {
    static const char word[] = "base64 ";
    const char *at = memmem(text.ptr, text.len, word, strlen(word));
    if (!at) {
        return NULL;
    }
    struct gw_buf *decoded = &personal->decoded;
    gw_buf_clear(decoded);
    struct gw_str rest = gw_str_sub(text, (size_t) (at - text.ptr) + strlen(word), SIZE_MAX);
    if (gw_base64_parse(rest, decoded)) {
        return NULL;
    }
    struct gw_reading reading = read_bytes(personal, gw_buf_bytes(decoded));
    return find_rule_in_bytes(personal, draft->device, &reading);
}

/* Of an event that is no reading: its raw and detail may hold a code anywhere, other
 * texts are of many kinds. */
static const struct gw_config_personal_rule *
find_rule_of_text(struct gw_personal *personal, const struct gw_event_draft *draft,
                  struct gw_str text, bool is_unread) {
    struct gw_reading reading = read_text(personal, text, false);
    const struct gw_config_personal_rule *rule = find_rule(
        personal, draft->device, &reading, is_unread ? GW_RULE_PIECES : GW_RULE_HEADS);
    return rule || !is_unread ? rule : find_rule_in_base64(personal, draft, text);
}

/* The JSON string `string`, unescaped, in personal->text; empty if it is none. */
static struct gw_str unescape(struct gw_personal *personal, struct gw_str string) {
    gw_buf_clear(&personal->text);
    return gw_json_unescape(string, &personal->text) ? (struct gw_str){0}
                                                     : gw_buf_str(&personal->text);
}

/* What a device sent that is no reading may hold a code anywhere. */
static bool is_unread(const struct gw_event_draft *draft, struct gw_str string) {
    struct gw_str before = gw_str_sub(draft->data, 0, (size_t) (string.ptr - draft->data.ptr));
    return draft->type == GW_EVENT_DEVICE_CONDITION
           && (gw_str_ends_with(before, GW_STR("\"raw\":"))
               || gw_str_ends_with(before, GW_STR("\"detail\":")));
}

/* What the gateway says of itself holds no codes, and the audit trail is chained by its
 * words. */
static bool is_of_the_floor(const struct gw_event_draft *draft) {
    return draft->type > GW_EVENT_TOMBSTONE && draft->type < GW_EVENT_GATEWAY_HEARTBEAT;
}

/* The rule of a scan's member that is a JSON string, NULL = none. What describes a scan,
 * or what the device counts its readings by, is no code unless it looks like one beyond
 * doubt. Its text is in personal->text. */
static const struct gw_config_personal_rule *
find_rule_of_member(struct gw_personal *personal, const struct gw_event_draft *draft,
                    const char *name, struct gw_str value) {
    struct gw_str text = unescape(personal, value);
    return strcmp(name, "raw") == 0 ? find_rule_of_raw(personal, draft, text)
                                    : find_rule_of_text(personal, draft, text, false);
}

/* The rule of a string in the data of another event; its text is in personal->text. */
static const struct gw_config_personal_rule *
find_rule_of_string(struct gw_personal *personal, const struct gw_event_draft *draft,
                    struct gw_str string) {
    struct gw_str text = unescape(personal, string);
    return find_rule_of_text(personal, draft, text, is_unread(draft, string));
}

/* ---- texts ---- */

static void put_hash(struct gw_personal *personal, const struct gw_config_personal_rule *rule,
                     struct gw_str text) {
    ++*personal->hashed;
    if (!personal->has_key) {
        gw_buf_printf(&personal->data, "\"withheld:%s\"", rule->name);
        return;
    }
    uint8_t digest[GW_SHA256_BYTES];
    char hex[2 * GW_SHA256_BYTES + 1];
    gw_hmac_sha256((struct gw_bytes){personal->key.secret, sizeof personal->key.secret},
                   gw_bytes_from_str(gw_rule_without_aim(text)), digest);
    gw_hex_format((struct gw_bytes){digest, sizeof digest}, hex);
    gw_buf_printf(&personal->data, "\"hmac-sha256:%s:%s:%s\"", rule->name, personal->key.id,
                  hex);
}

/* Length of the JSON string `data` begins with, quotes included. */
static size_t string_len(struct gw_str data) {
    size_t at = 1;
    while (at < data.len && data.ptr[at] != '"') {
        at += data.ptr[at] == '\\' ? 2 : 1;
    }
    return at < data.len ? at + 1 : data.len;
}

/* The string at `at` in `json`: empty where none begins. Names of members are ours. */
static struct gw_str string_at(struct gw_str json, size_t at, bool *ret_is_name) {
    if (json.ptr[at] != '"') {
        return (struct gw_str){0};
    }
    struct gw_str string = gw_str_sub(json, at, string_len(gw_str_sub(json, at, SIZE_MAX)));
    size_t behind = at + string.len;
    *ret_is_name = behind < json.len && json.ptr[behind] == ':';
    return string;
}

/* Members of a scan that stay when its code is personal. */
static const char *const kept[] = {"aim", "deviceeventid", "part",      "parts",
                                   "raw", "remarks",       "symbology", "trigger"};

static bool find_member(const struct gw_event_draft *draft, const char *name,
                        struct gw_str *ret_value) {
    char pointer[32];
    (void) snprintf(pointer, sizeof pointer, "/%s", name);
    return !gw_json_find_raw(draft->data, gw_str_from_cstr(pointer), ret_value);
}

static bool is_personal_scan(struct gw_personal *personal, const struct gw_event_draft *draft) {
    for (size_t i = 0; i < GW_ARRAY_LEN(kept); i++) {
        struct gw_str value;
        if (find_member(draft, kept[i], &value) && value.ptr[0] == '"'
            && find_rule_of_member(personal, draft, kept[i], value)) {
            return true;
        }
    }
    return false;
}

/* Subject, keys: names that a device or its codes gave. */
static bool is_secret_name(struct gw_personal *personal, const struct gw_event_draft *draft,
                           struct gw_str name) {
    return name.len > 0 && find_rule_of_text(personal, draft, name, false);
}

static bool is_personal_data(struct gw_personal *personal, const struct gw_event_draft *draft) {
    for (size_t at = 0; at < draft->data.len; at++) {
        bool is_name = false;
        struct gw_str string = string_at(draft->data, at, &is_name);
        if (string.len > 0 && !is_name && find_rule_of_string(personal, draft, string)) {
            return true;
        }
        at += string.len > 0 ? string.len - 1 : 0;
    }
    return false;
}

static bool is_personal(struct gw_personal *personal, const struct gw_event_draft *draft) {
    if (!is_of_the_floor(draft)) {
        return false;
    }
    return is_secret_name(personal, draft, draft->subject)
           || is_secret_name(personal, draft, draft->partition_key)
           || is_secret_name(personal, draft, draft->correlation_id)
           || (draft->type == GW_EVENT_SCAN_OBSERVED ? is_personal_scan(personal, draft)
                                                     : is_personal_data(personal, draft));
}

/* Canonical JSON with every string replaced that is personal: the order of members
 * does not depend on their values, so it stays canonical. */
static void put_replaced(struct gw_personal *personal, const struct gw_event_draft *draft,
                         struct gw_str json) {
    for (size_t at = 0; at < json.len;) {
        bool is_name = false;
        struct gw_str string = string_at(json, at, &is_name);
        if (string.len == 0) {
            gw_buf_put_char(&personal->data, json.ptr[at++]);
            continue;
        }
        const struct gw_config_personal_rule *rule =
            is_name ? NULL : find_rule_of_string(personal, draft, string);
        if (rule) {
            put_hash(personal, rule, gw_buf_str(&personal->text));
        } else {
            gw_buf_put_str(&personal->data, string);
        }
        at += string.len;
    }
}

/* ---- events ---- */

static void put_member(struct gw_personal *personal, const struct gw_event_draft *draft,
                       const char *name, struct gw_str value) {
    const struct gw_config_personal_rule *rule =
        value.ptr[0] == '"' ? find_rule_of_member(personal, draft, name, value) : NULL;
    if (!rule) {
        gw_buf_put_str(&personal->data, value);
    } else if (strcmp(name, "raw") == 0 && draft->code.len > 0) {
        put_hash(personal, rule, draft->code);
    } else {
        put_hash(personal, rule, gw_buf_str(&personal->text));
    }
}

static void put_members(struct gw_personal *personal, const struct gw_event_draft *draft,
                        const char *const *names, size_t count) {
    char before = '{';
    for (size_t i = 0; i < count; i++) {
        struct gw_str value;
        if (find_member(draft, names[i], &value)) {
            gw_buf_put_char(&personal->data, before);
            gw_buf_printf(&personal->data, "\"%s\":", names[i]);
            put_member(personal, draft, names[i], value);
            before = ',';
        }
    }
    gw_buf_put_char(&personal->data, '}');
}

/* A scan, without whatever was made of its code; where the hash makes it too large for
 * an event, without what stands beside the code. */
static void put_scan(struct gw_personal *personal, const struct gw_event_draft *draft) {
    static const char *const only[] = {"raw"};
    size_t from = personal->data.len;
    put_members(personal, draft, kept, GW_ARRAY_LEN(kept));
    if (personal->data.len - from > GW_EVENT_DATA_MAX_BYTES) {
        gw_buf_rewind(&personal->data, from);
        put_members(personal, draft, only, GW_ARRAY_LEN(only));
    }
}

static struct gw_bytes scrub(struct gw_personal *personal, struct gw_bytes origin, bool is_own,
                             uint8_t storage[static GW_EVENT_ORIGIN_MAX_BYTES]) {
    if (!personal->options.scrub || origin.len == 0 || origin.len > GW_EVENT_ORIGIN_MAX_BYTES) {
        return (struct gw_bytes){0};
    }
    memcpy(storage, origin.ptr, origin.len);
    personal->options.scrub(storage, origin.len, is_own);
    return (struct gw_bytes){storage, origin.len};
}

static void rewrite(struct gw_personal *personal, size_t index) {
    struct gw_event_draft *draft = &personal->drafts[index];
    size_t before = personal->data.len;
    if (draft->type == GW_EVENT_SCAN_OBSERVED) {
        put_scan(personal, draft);
    } else {
        put_replaced(personal, draft, draft->data);
    }
    draft->data = gw_str_sub(gw_buf_str(&personal->data), before, SIZE_MAX);
    draft->subject = draft->partition_key = draft->code = (struct gw_str){0};
    if (is_secret_name(personal, draft, draft->correlation_id)) {
        draft->correlation_id = (struct gw_str){0};
    }
    draft->origin = scrub(personal, draft->origin, true, personal->origins[index]);
}

/* Events of one message: what the others know of the message they know of the badge. */
static void scrub_neighbours(struct gw_personal *personal, const struct gw_unit *unit) {
    for (size_t i = 0; i < unit->event_count; i++) {
        struct gw_event_draft *draft = &personal->drafts[i];
        if (draft->origin.ptr == unit->events[i].origin.ptr && draft->origin.len > 0) {
            draft->origin = scrub(personal, draft->origin, false, personal->origins[i]);
        }
    }
}

/* RANGE if there are too many, FULL if they are too large. */
static enum gw_err guard_events(struct gw_personal *personal, struct gw_unit *unit) {
    bool is_copied = false;
    gw_buf_clear(&personal->data);
    for (size_t i = 0; i < unit->event_count; i++) {
        if (!is_personal(personal, &unit->events[i])) {
            continue;
        }
        if (unit->event_count > GW_PERSONAL_EVENTS_MAX) {
            return GW_ERR_RANGE;
        }
        if (!is_copied) {
            memcpy(personal->drafts, unit->events, unit->event_count * sizeof *unit->events);
            is_copied = true;
        }
        rewrite(personal, i);
    }
    if (is_copied) {
        scrub_neighbours(personal, unit);
        unit->events = personal->drafts;
    }
    return gw_buf_failed(&personal->data) ? GW_ERR_RANGE : GW_OK;
}

/* ---- the quarantine ---- */

static bool may_hold(struct gw_personal *personal, struct gw_str device,
                     struct gw_bytes bytes) {
    struct gw_reading reading = read_bytes(personal, bytes);
    return find_rule_in_bytes(personal, device, &reading) != NULL;
}

static bool is_secret_topic(struct gw_personal *personal,
                            const struct gw_quarantine_entry *entry) {
    const struct gw_config_personal *config = personal->options.config;
    struct gw_reading reading = read_text(personal, entry->topic, false);
    for (size_t i = 0; i < config->rule_count; i++) {
        if (gw_rule_holds_for(&config->rules[i], entry->device)
            && gw_rule_fits_topic(&config->rules[i], &reading)) {
            return true;
        }
    }
    return false;
}

static bool is_secret_entry(struct gw_personal *personal,
                            const struct gw_quarantine_entry *entry) {
    return may_hold(personal, entry->device, entry->raw)
           || may_hold(personal, entry->device, gw_bytes_from_str(entry->reason))
           || is_secret_topic(personal, entry);
}

static void withhold(struct gw_personal *personal, size_t index) {
    struct gw_quarantine_entry *entry = &personal->entries[index];
    ++*personal->withheld;
    entry->raw = (struct gw_bytes){0};
    entry->origin =
        scrub(personal, entry->origin, true, personal->origins[GW_PERSONAL_EVENTS_MAX + index]);
    entry->reason = GW_STR(WITHHELD);
    entry->topic = is_secret_topic(personal, entry) ? GW_STR(WITHHELD_TOPIC) : entry->topic;
}

static enum gw_err guard_quarantine(struct gw_personal *personal, struct gw_unit *unit) {
    bool is_copied = false;
    for (size_t i = 0; i < unit->quarantine_count; i++) {
        if (!is_secret_entry(personal, &unit->quarantine[i])) {
            continue;
        }
        if (unit->quarantine_count > GW_PERSONAL_EVENTS_MAX) {
            return GW_ERR_RANGE;
        }
        if (!is_copied) {
            memcpy(personal->entries, unit->quarantine,
                   unit->quarantine_count * sizeof *unit->quarantine);
            is_copied = true;
        }
        withhold(personal, i);
    }
    if (is_copied) {
        unit->quarantine = personal->entries;
    }
    return GW_OK;
}

/* ---- the seam ---- */

static enum gw_err submit(void *self, const struct gw_unit *unit) {
    struct gw_personal *personal = self;
    if (personal->options.config->rule_count == 0) {
        return gw_intake_submit(&personal->options.intake, unit);
    }
    struct gw_unit guarded = *unit;
    enum gw_err err = guard_events(personal, &guarded);
    if (!err) {
        err = guard_quarantine(personal, &guarded);
    }
    return err ? err : gw_intake_submit(&personal->options.intake, &guarded);
}

static enum gw_err state_get(void *self, struct gw_str table, struct gw_bytes key,
                             struct gw_buf *buf) {
    const struct gw_intake *intake = &((struct gw_personal *) self)->options.intake;
    return intake->state_get(intake->self, table, key, buf);
}

static enum gw_err state_each(void *self, struct gw_str table, gw_intake_state *each,
                              void *context) {
    const struct gw_intake *intake = &((struct gw_personal *) self)->options.intake;
    return intake->state_each(intake->self, table, each, context);
}

static enum gw_err tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                        void *context) {
    const struct gw_intake *intake = &((struct gw_personal *) self)->options.intake;
    return intake->tail(intake->self, prefix, count, each, context);
}

struct gw_intake gw_personal_intake(struct gw_personal *personal) {
    return (struct gw_intake){.submit = submit,
                              .state_get = state_get,
                              .state_each = state_each,
                              .tail = tail,
                              .self = personal};
}

/* ---- life ---- */

void gw_personal_set_config(struct gw_personal *personal,
                            const struct gw_config_personal *config) {
    personal->options.config = config;
    if (config->rule_count > 0 && !personal->has_key) {
        settle_key(personal, get_key(personal));
    }
}

enum gw_err gw_personal_open(const struct gw_personal_options *options,
                             struct gw_personal **ret_personal) {
    GW_CLEANUP(closep) struct gw_personal *personal = calloc(1, sizeof *personal);
    if (!personal) {
        return GW_ERR_NOMEM;
    }
    personal->options = *options;
    personal->hashed = gw_health_counter(options->health, "personal.hashed");
    personal->withheld = gw_health_counter(options->health, "personal.withheld");
    enum gw_err err = gw_buf_open(&personal->text, TEXT_BYTES);
    if (!err) {
        err = gw_buf_open(&personal->meant, MEANT_BYTES);
    }
    if (!err) {
        err = gw_buf_open(&personal->decoded, TEXT_BYTES);
    }
    if (!err) {
        err = gw_buf_open(&personal->data, DATA_BYTES);
    }
    if (err) {
        return err;
    }
    gw_personal_set_config(personal, options->config);
    *ret_personal = GW_TAKE(personal);
    return GW_OK;
}

/* Buffers that held codes are overwritten too. */
static void wipe(struct gw_buf *buf) {
    if (buf->data) {
        explicit_bzero(buf->data, buf->cap);
    }
    gw_buf_close(buf);
}

void gw_personal_close(struct gw_personal *personal) {
    if (!personal) {
        return;
    }
    gw_personal_key_wipe(&personal->key);
    wipe(&personal->text);
    wipe(&personal->meant);
    wipe(&personal->decoded);
    wipe(&personal->data);
    free(personal);
}
