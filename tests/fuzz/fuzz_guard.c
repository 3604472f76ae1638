/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A personal code, damaged and escaped, in any place a device's text can stand in:
 * nothing that the guard lets through holds it, nor any other text a rule fits.
 *
 * Input: pattern, place, escaping, number of damages (0 to 3), three bytes of each
 * (where, what, how many characters are lost), eight bytes the code is made of, then
 * the text around it, half before and half behind. The code is only damaged so far
 * that the guard says it finds it (guard.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/json/json.h"
#include "firmware/personal/guard.h"
#include "firmware/personal/pattern.h"
#include "tests/fakes/fake_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DAMAGES_MAX 3
#define SEED_BYTES 8
#define AROUND_MAX 64
#define TEXT_BYTES 4096
#define LOST_MAX 4
#define CODE_BYTES 64

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

/* No two of them fit the same text. */
static const struct {
    const char *pattern;
    size_t head;
} patterns[] = {
    {"EMP#######", 3},  {"QX@@@@####", 2}, {"ZY-?#?#?#", 3},
    {"P\\#W*##*##", 3}, {"########", 0},   {"@@@@####", 0},
};

enum place {
    SCAN_RAW,
    CONDITION_RAW,
    CONDITION_DETAIL,
    QUARANTINE_RAW, /* up to here also patterns without a head */
    SCAN_EVENT_ID,
    SCAN_SYMBOLOGY,
    WEIGHT_RAW,
    WEIGHT_DETAIL,
    POINT,
    QUARANTINE_REASON,
    QUARANTINE_TOPIC,
    SUBJECT,
    PARTITION_KEY,
    CORRELATION,
    PLACE_COUNT
};

static const struct {
    enum gw_event_type type;
    const char *member;
} members[PLACE_COUNT] = {
    [SCAN_RAW] = {GW_EVENT_SCAN_OBSERVED, "raw"},
    [CONDITION_RAW] = {GW_EVENT_DEVICE_CONDITION, "raw"},
    [CONDITION_DETAIL] = {GW_EVENT_DEVICE_CONDITION, "detail"},
    [SCAN_EVENT_ID] = {GW_EVENT_SCAN_OBSERVED, "deviceeventid"},
    [SCAN_SYMBOLOGY] = {GW_EVENT_SCAN_OBSERVED, "symbology"},
    [WEIGHT_RAW] = {GW_EVENT_WEIGHT_MEASURED, "raw"},
    [WEIGHT_DETAIL] = {GW_EVENT_WEIGHT_MEASURED, "detail"},
    [POINT] = {GW_EVENT_METRIC_SAMPLED, "point"},
};

/* ---- the code ---- */

struct made {
    char code[CODE_BYTES]; /* as it should have been */
    size_t len;
    struct gw_buf sent;
    char storage[TEXT_BYTES];
    bool is_seen[CODE_BYTES]; /* not lost */
    bool is_damaged;
};

static void make_code(struct made *made, const char *pattern, const uint8_t *seed) {
    size_t count = 0;
    for (const char *sign = pattern; *sign != '\0'; sign++, count++) {
        uint8_t byte = (uint8_t) (seed[count % SEED_BYTES] + count);
        char c = *sign;
        if (c == '\\') {
            c = *++sign;
        } else if (c == '#' || c == '?') {
            c = (char) ('0' + byte % 10);
        } else if (c == '@') {
            c = (char) ('A' + byte % 26);
        } else if (c == '*') {
            continue;
        }
        made->code[made->len++] = c;
    }
}

/* A character in one of three ways: as itself, escaped for JSON, and that once more. */
static void put_character(struct made *made, unsigned escaping, char c) {
    if (escaping == 0) {
        gw_buf_put_char(&made->sent, c);
    } else {
        gw_buf_printf(&made->sent, "%s%04x", escaping == 1 ? "\\u" : "\\\\u",
                      (unsigned) (unsigned char) c);
    }
}

static void put_damage(struct made *made, unsigned escaping, uint8_t kind) {
    static const struct gw_str bytes[] = {{"\0", 1},   {"\xff", 1}, {"\xef\xbf\xbd", 3},
                                          {"\x01", 1}, {"\x7f", 1}, {"\xfe\xff", 2}};
    static const char *const escapes[] = {"\\u0000", "\\ufffd", "\\ud800", "\\u0007"};
    if (escaping == 0) {
        gw_buf_put_str(&made->sent, bytes[kind % 6]);
    } else {
        gw_buf_put_str(&made->sent, gw_str_from_cstr(escaping == 1 ? "" : "\\"));
        gw_buf_put_str(&made->sent, gw_str_from_cstr(escapes[kind % 4]));
    }
    made->is_damaged = true;
}

/* The code with its damages, behind what stands in `sent` already. */
static void put_code(struct made *made, unsigned escaping, const uint8_t *damages,
                     size_t count) {
    for (size_t at = 0; at <= made->len;) {
        size_t lost = 0;
        for (size_t i = 0; i < count; i++) {
            const uint8_t *damage = damages + 3 * i;
            if (damage[0] % (made->len + 1) == at && lost == 0) {
                put_damage(made, escaping, damage[1]);
                lost = damage[2] % LOST_MAX;
            }
        }
        if (lost == 0 && at < made->len) {
            made->is_seen[at] = true;
            put_character(made, escaping, made->code[at]);
        }
        at += lost > 0 ? lost : 1;
    }
}

static bool is_enough(const struct made *made, size_t head) {
    size_t seen = 0, seen_of_head = 0;
    for (size_t i = 0; i < made->len; i++) {
        seen += made->is_seen[i];
        seen_of_head += made->is_seen[i] && i < head;
    }
    return 2 * seen >= made->len && (head == 0 || seen_of_head > 0);
}

/* ---- the guard ---- */

static struct {
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_health *health;
    struct gw_config_personal_rule rule;
    struct gw_config_personal config;
    struct gw_personal *personal;
    struct gw_intake intake;
    char storage[4 * TEXT_BYTES];
    struct gw_buf out;
    struct gw_str data; /* of the event, in `out` */
} guard;

static enum gw_err store(void *self, const struct gw_unit *unit) {
    (void) self;
    guard.data = (struct gw_str){0};
    for (size_t i = 0; i < unit->event_count; i++) {
        const struct gw_event_draft *draft = &unit->events[i];
        size_t from = guard.out.len;
        gw_buf_put_str(&guard.out, draft->data);
        guard.data = gw_str_sub(gw_buf_str(&guard.out), from, SIZE_MAX);
        gw_buf_put_str(&guard.out, draft->subject);
        gw_buf_put_str(&guard.out, draft->partition_key);
        gw_buf_put_str(&guard.out, draft->correlation_id);
    }
    for (size_t i = 0; i < unit->quarantine_count; i++) {
        gw_buf_put_str(&guard.out, unit->quarantine[i].reason);
        gw_buf_put_str(&guard.out, unit->quarantine[i].topic);
        gw_buf_put(&guard.out, unit->quarantine[i].raw);
    }
    require(!gw_buf_failed(&guard.out));
    return GW_OK;
}

static void open_guard(const char *pattern) {
    guard.rule = (struct gw_config_personal_rule){.name = "r", .pattern = pattern};
    gw_buf_clear(&guard.out);
    if (guard.personal) {
        return;
    }
    gw_buf_init(&guard.out, guard.storage, sizeof guard.storage);
    guard.clock = gw_fake_clock_init(&guard.fake_clock);
    guard.config = (struct gw_config_personal){&guard.rule, 1, 0};
    require(!gw_health_open(&guard.clock, GW_STR("fuzz"), 4, 4, &guard.health));
    /* without a key: nothing is hashed, what is personal is said to be withheld */
    const struct gw_personal_options options = {.config = &guard.config,
                                                .intake = {.submit = store},
                                                .clock = &guard.clock,
                                                .health = guard.health,
                                                .key_path = "/proc/no such folder/key"};
    require(!gw_personal_open(&options, &guard.personal));
    guard.intake = gw_personal_intake(guard.personal);
}

/* As drivers/profile tells bytes that are no text. */
static void put_bytes(struct gw_buf *buf, struct gw_str bytes) {
    for (size_t at = 0; at < bytes.len;) {
        struct gw_str rest = gw_str_sub(bytes, at, SIZE_MAX);
        size_t len = gw_str_utf8_len(rest);
        if (len == 0 || rest.ptr[0] == '\0') {
            gw_buf_printf(buf, "\\x%02x", (unsigned) (unsigned char) rest.ptr[0]);
            len = 1;
        } else {
            gw_buf_put_str(buf, gw_str_sub(rest, 0, len));
        }
        at += len;
    }
}

/* What is stored of `text` in this place, as it was handed over in *ret_given. */
static void submit(enum place place, struct gw_str text, struct gw_buf *given) {
    struct gw_event_draft draft = {.type = GW_EVENT_SCAN_OBSERVED,
                                   .device = GW_STR("d"),
                                   .data = GW_STR("{\"raw\":\"?\"}"),
                                   .subject = place == SUBJECT ? text : GW_STR(""),
                                   .partition_key = place == PARTITION_KEY ? text : GW_STR(""),
                                   .correlation_id = place == CORRELATION ? text : GW_STR("")};
    const struct gw_quarantine_entry entry = {
        .device = GW_STR("d"),
        .reason = place == QUARANTINE_REASON ? text : GW_STR("?"),
        .topic = place == QUARANTINE_TOPIC ? text : GW_STR("?"),
        .raw = gw_bytes_from_str(place == QUARANTINE_RAW ? text : GW_STR("?"))};
    bool is_entry =
        place == QUARANTINE_RAW || place == QUARANTINE_REASON || place == QUARANTINE_TOPIC;
    char storage[2 * TEXT_BYTES], shown_storage[2 * TEXT_BYTES];
    struct gw_buf data, shown;
    gw_buf_init(&data, storage, sizeof storage);
    gw_buf_init(&shown, shown_storage, sizeof shown_storage);
    gw_buf_put_str(given, text);
    if (members[place].member) {
        put_bytes(&shown, text);
        gw_buf_clear(given);
        gw_buf_put_json_str(given, gw_buf_str(&shown));
        gw_buf_printf(&data, "{\"%s\":", members[place].member);
        gw_buf_put_str(&data, gw_buf_str(given));
        gw_buf_put_char(&data, '}');
        draft.type = members[place].type;
        draft.data = gw_buf_str(&data);
    }
    require(!gw_buf_failed(&data) && !gw_buf_failed(given));
    const struct gw_unit unit = {.events = &draft,
                                 .event_count = is_entry ? 0 : 1,
                                 .quarantine = &entry,
                                 .quarantine_count = is_entry ? 1 : 0};
    require(!gw_intake_submit(&guard.intake, &unit));
}

/* ---- what must hold ---- */

/* Also what a member is to whoever takes it for the inside of a JSON string, and that
 * again. */
static void require_no_match(const char *pattern, enum place place) {
    char pointer[32], storage[2][4 * TEXT_BYTES];
    struct gw_str string;
    require(!gw_pattern_occurs(gw_str_from_cstr(pattern), gw_buf_str(&guard.out)));
    (void) snprintf(pointer, sizeof pointer, "/%s",
                    members[place].member ? members[place].member : "raw");
    for (int level = 0; level < 4; level++) {
        struct gw_buf text, quoted;
        gw_buf_init(&text, storage[0], sizeof storage[0]);
        if ((level == 0 && gw_json_find_raw(guard.data, gw_str_from_cstr(pointer), &string))
            || gw_json_unescape(string, &text)) {
            return;
        }
        require(!gw_pattern_occurs(gw_str_from_cstr(pattern), gw_buf_str(&text)));
        gw_buf_init(&quoted, storage[1], sizeof storage[1]);
        gw_buf_put_char(&quoted, '"');
        gw_buf_put_str(&quoted, gw_buf_str(&text));
        gw_buf_put_char(&quoted, '"');
        string = gw_buf_str(&quoted);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4 || data[3] > DAMAGES_MAX || size < 4 + 3U * data[3] + SEED_BYTES) {
        return 0;
    }
    size_t which = data[0] % (sizeof patterns / sizeof patterns[0]);
    size_t head = patterns[which].head;
    enum place place = data[1] % (head > 0 ? PLACE_COUNT : QUARANTINE_RAW + 1);
    const uint8_t *seed = data + 4 + 3 * data[3];
    struct gw_str around = {(const char *) seed + SEED_BYTES,
                            size - (size_t) (seed + SEED_BYTES - data)};
    struct made made = {0};
    gw_buf_init(&made.sent, made.storage, sizeof made.storage);
    make_code(&made, patterns[which].pattern, seed);
    /* a backslash before the code would make an escape of it */
    if (around.len > AROUND_MAX || gw_str_find(around, '\\', 0) < around.len) {
        return 0;
    }
    bool is_alone = head == 0 && place == SCAN_RAW && data[3] == 0;
    gw_buf_put_str(&made.sent, gw_str_sub(around, 0, is_alone ? 0 : around.len / 2));
    put_code(&made, data[2] % 3, data + 4, data[3]);
    gw_buf_put_str(&made.sent,
                   gw_str_sub(around, is_alone ? SIZE_MAX : around.len / 2, SIZE_MAX));
    if (!is_enough(&made, head)) {
        return 0;
    }
    char storage[2 * TEXT_BYTES];
    struct gw_buf given;
    gw_buf_init(&given, storage, sizeof storage);
    open_guard(patterns[which].pattern);
    submit(place, gw_buf_str(&made.sent), &given);
    require(!memmem(guard.out.data, guard.out.len, given.data, given.len));
    require_no_match(patterns[which].pattern, place);
    return 0;
}
