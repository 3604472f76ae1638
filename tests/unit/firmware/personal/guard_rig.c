/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/personal/guard_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum gw_err store(void *self, const struct gw_unit *unit) {
    struct gw_buf *buf = &((struct gw_guard_rig *) self)->buf;
    for (size_t i = 0; i < unit->event_count; i++) {
        const struct gw_event_draft *draft = &unit->events[i];
        gw_buf_printf(buf, "%.*s|%.*s|%.*s|%.*s\n", GW_STR_ARG(draft->subject),
                      GW_STR_ARG(draft->partition_key), GW_STR_ARG(draft->correlation_id),
                      GW_STR_ARG(draft->data));
    }
    for (size_t i = 0; i < unit->quarantine_count; i++) {
        const struct gw_quarantine_entry *entry = &unit->quarantine[i];
        gw_buf_printf(buf, "%.*s|%.*s|", GW_STR_ARG(entry->reason), GW_STR_ARG(entry->topic));
        gw_buf_put(buf, entry->raw);
        gw_buf_put_char(buf, '\n');
    }
    assert_false(gw_buf_failed(buf));
    return GW_OK;
}

void gw_guard_rig_open(struct gw_guard_rig *rig, const struct gw_config_personal_rule *rules,
                       size_t count) {
    memset(rig, 0, sizeof *rig);
    gw_buf_init(&rig->buf, rig->stored, sizeof rig->stored - 1);
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    rig->config = (struct gw_config_personal){rules, count, 90};
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 8, 8, &rig->health), GW_OK);
    const struct gw_personal_options options = {
        .config = &rig->config,
        .intake = {.submit = store, .self = rig},
        .clock = &rig->clock,
        .health = rig->health,
        .key_path = "/proc/no such folder/personal.key",
    };
    assert_int_equal(gw_personal_open(&options, &rig->personal), GW_OK);
    rig->intake = gw_personal_intake(rig->personal);
    gw_health_set_redactor(rig->health, gw_personal_is_secret, rig->personal);
}

void gw_guard_rig_close(struct gw_guard_rig *rig) {
    gw_personal_close(rig->personal);
    gw_health_close(rig->health);
}

static const char *submit(struct gw_guard_rig *rig, const struct gw_unit *unit) {
    gw_buf_clear(&rig->buf);
    memset(rig->stored, 0, sizeof rig->stored);
    assert_int_equal(gw_intake_submit(&rig->intake, unit), GW_OK);
    return rig->stored;
}

const char *gw_guard_rig_event(struct gw_guard_rig *rig, const struct gw_event_draft *draft) {
    const struct gw_unit unit = {.events = draft, .event_count = 1};
    return submit(rig, &unit);
}

const char *gw_guard_rig_entry(struct gw_guard_rig *rig,
                               const struct gw_quarantine_entry *entry) {
    const struct gw_unit unit = {.quarantine = entry, .quarantine_count = 1};
    return submit(rig, &unit);
}

void gw_guard_rig_put_member(struct gw_buf *data, const char *name, struct gw_str bytes) {
    char storage[1024];
    struct gw_buf shown;
    gw_buf_init(&shown, storage, sizeof storage);
    bool is_verbatim = gw_str_is_utf8(bytes) && gw_str_find(bytes, '\0', 0) == bytes.len;
    for (size_t at = 0; at < bytes.len;) {
        struct gw_str rest = gw_str_sub(bytes, at, SIZE_MAX);
        size_t len = gw_str_utf8_len(rest);
        bool is_damage = len == 0 || rest.ptr[0] == '\0';
        if (is_damage) {
            gw_buf_printf(&shown, "\\x%02x", (unsigned) (unsigned char) rest.ptr[0]);
        } else {
            bool is_doubled = !is_verbatim && rest.ptr[0] == '\\';
            gw_buf_put_str(&shown, is_doubled ? GW_STR("\\\\") : gw_str_sub(rest, 0, len));
        }
        at += is_damage ? 1 : len;
    }
    gw_buf_printf(data, "\"%s\":", name);
    gw_buf_put_json_str(data, gw_buf_str(&shown));
    if (!is_verbatim) {
        gw_buf_printf(data, ",\"%sencoding\":\"escaped\"", name);
    }
    assert_false(gw_buf_failed(data) || gw_buf_failed(&shown));
}

const char *gw_guard_rig_scan(struct gw_guard_rig *rig, const char *device,
                              struct gw_str bytes) {
    char storage[2048];
    struct gw_buf data;
    gw_buf_init(&data, storage, sizeof storage);
    gw_buf_put_char(&data, '{');
    gw_guard_rig_put_member(&data, "raw", bytes);
    gw_buf_put_char(&data, '}');
    const struct gw_event_draft draft = {.type = GW_EVENT_SCAN_OBSERVED,
                                         .class = GW_CLASS_BUSINESS,
                                         .device = gw_str_from_cstr(device),
                                         .subject = GW_STR("subject"),
                                         .data = gw_buf_str(&data)};
    return gw_guard_rig_event(rig, &draft);
}
