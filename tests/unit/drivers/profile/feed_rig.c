/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/profile/feed_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TRANSCRIPT_BYTES (4u << 20)
#define PROFILES GW_SOURCE_DIR "/drivers/profile/profiles"

static void check_draft(const struct gw_observed_item *item) {
    static char storage[1 << 20];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    const struct gw_feed_event event = {
        .device = GW_STR("dock1"), .class = GW_CLASS_BUSINESS, .received_wall_ms = 1};
    struct gw_event_draft draft;
    if (item->kind == GW_UNDECODABLE) {
        assert_int_equal(gw_feed_draft(item, &event, &buf, &draft), GW_ERR_INVALID);
        return;
    }
    assert_int_equal(gw_feed_draft(item, &event, &buf, &draft), GW_OK);
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
}

static bool write_down(void *context, const struct gw_observed_item *item) {
    struct feed_rig *rig = context;
    assert_int_equal(gw_feed_put_json(item, &rig->transcript), GW_OK);
    assert_true(gw_buf_put_char(&rig->transcript, '\n'));
    if (rig->check_drafts) {
        check_draft(item);
    }
    rig->taken++;
    return rig->taken != rig->stop_at;
}

void feed_rig_restart(struct feed_rig *rig) {
    gw_feed_close(rig->feed);
    rig->feed = NULL;
    rig->taken = 0;
    gw_buf_clear(&rig->transcript);
    const struct gw_feed_options options = {.profile = rig->profile,
                                            .sink = write_down,
                                            .sink_context = rig,
                                            .report_all = rig->report_all};
    assert_int_equal(gw_feed_open(&options, &rig->feed), GW_OK);
}

static void start(struct feed_rig *rig) {
    assert_int_equal(gw_buf_open(&rig->transcript, TRANSCRIPT_BYTES), GW_OK);
    feed_rig_restart(rig);
}

void feed_rig_open(struct feed_rig *rig, const char *name) {
    char storage[4096];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage - 1);
    *rig = (struct feed_rig){0};
    enum gw_err err = gw_profile_load(PROFILES, name, &errors, &rig->profile);
    storage[errors.len] = '\0';
    assert_string_equal(storage, "");
    assert_int_equal(err, GW_OK);
    start(rig);
}

void feed_rig_open_text(struct feed_rig *rig, const char *document) {
    char storage[4096];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage - 1);
    *rig = (struct feed_rig){0};
    enum gw_err err = gw_profile_parse(gw_str_from_cstr(document), &errors, &rig->profile);
    storage[errors.len] = '\0';
    assert_string_equal(storage, "");
    assert_int_equal(err, GW_OK);
    start(rig);
}

void feed_rig_close(struct feed_rig *rig) {
    gw_feed_close(rig->feed);
    gw_profile_close(rig->profile);
    gw_buf_close(&rig->transcript);
}

void feed_rig_push(struct feed_rig *rig, const char *text, int64_t now_mono_ms) {
    struct gw_bytes bytes = gw_bytes_from_str(gw_str_from_cstr(text));
    assert_int_equal(gw_feed_push(rig->feed, bytes, now_mono_ms), bytes.len);
}

void feed_rig_expect(struct feed_rig *rig, const char *lines) {
    assert_true(gw_buf_put_char(&rig->transcript, '\0'));
    assert_string_equal((const char *) rig->transcript.data, lines);
    gw_buf_clear(&rig->transcript);
}

size_t feed_rig_count(const struct feed_rig *rig, const char *part) {
    struct gw_str rest = gw_buf_str(&rig->transcript);
    struct gw_str line;
    size_t count = 0;
    while (gw_str_split(&rest, '\n', &line)) {
        count += memmem(line.ptr, line.len, part, strlen(part)) != NULL ? 1 : 0;
    }
    return count;
}
