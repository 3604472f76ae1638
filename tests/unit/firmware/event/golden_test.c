/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden messages of tests/contract/v1: what a draft, its stamp and its
 * context render to, byte for byte. They were written by another program; a
 * release that cannot make these bytes any more has broken the contract.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/event/render.h"
#include "firmware/json/json.h"

#define GOLDEN GW_SOURCE_DIR "/tests/contract/v1/"

/* Everything one rendered case needs; large, so there is one for all. */
struct bench {
    uint8_t record[GW_RECORD_MAX_BYTES];
    uint8_t context[GW_CONTEXT_MAX_BYTES];
    struct gw_buf text;
    struct gw_buf file;
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    assert_int_equal(gw_buf_open(&bench->text, 1 << 20), GW_OK);
    assert_int_equal(gw_buf_open(&bench->file, 1 << 20), GW_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    gw_buf_close(&bench->text);
    gw_buf_close(&bench->file);
    free(bench);
    return 0;
}

/* ---- reading a case ---- */

static struct gw_str text_of(const struct gw_json *object, const char *name) {
    const struct gw_json *member = gw_json_member(object, name);
    struct gw_str text = {0};
    if (member) {
        assert_int_equal(gw_json_get_str(member, &text), GW_OK);
    }
    return text;
}

static int64_t number_of(const struct gw_json *object, const char *name) {
    int64_t number;
    assert_int_equal(gw_json_get_i64(gw_json_member(object, name), &number), GW_OK);
    return number;
}

static int64_t time_of(const struct gw_json *object, const char *name) {
    int64_t wall_ms = 0;
    struct gw_str text = text_of(object, name);
    if (text.len > 0) {
        assert_int_equal(gw_time_parse(text, &wall_ms), GW_OK);
    }
    return wall_ms;
}

static struct gw_event_context read_context(const struct gw_json *golden) {
    const struct gw_json *from = gw_json_member(golden, "context");
    struct gw_event_context context = {.serial = text_of(from, "serial"),
                                       .site = text_of(from, "site"),
                                       .owner = text_of(from, "owner"),
                                       .zone = text_of(from, "zone")};
    struct gw_event_id boot;
    assert_int_equal(gw_epoch_parse(text_of(from, "epoch"), &context.epoch), GW_OK);
    assert_int_equal(gw_event_id_parse(text_of(from, "boot_id"), &boot), GW_OK);
    memcpy(context.boot_id, boot.bytes, sizeof(context.boot_id));
    return context;
}

static struct gw_record_stamp read_stamp(const struct gw_json *golden, struct gw_str class_name,
                                         const struct gw_event_context *context) {
    const struct gw_json *from = gw_json_member(golden, "stamp");
    enum gw_flow_class class;
    assert_int_equal(gw_flow_class_parse(class_name, &class), GW_OK);
    return (struct gw_record_stamp){
        .id = gw_event_id_make(class, (uint64_t) number_of(from, "sequence"), context->epoch),
        .recorded_wall_ms = time_of(from, "recorded"),
        .zone_offset_min = (int16_t) number_of(from, "zone_offset_min"),
        .clock_quality = gw_str_eq(text_of(from, "clock_quality"), GW_STR("synchronised"))
                             ? GW_CLOCK_SYNCHRONISED
                             : GW_CLOCK_UNSYNCHRONISED,
        .context = context,
    };
}

static unsigned read_flags(const struct gw_json *from) {
    static const struct {
        const char *name;
        unsigned flag;
    } known[] = {{"test", GW_EVENT_TEST},
                 {"possible_duplicate", GW_EVENT_POSSIBLE_DUPLICATE},
                 {"retained", GW_EVENT_RETAINED}};
    unsigned flags = 0;
    const struct gw_json *list = gw_json_member(from, "flags");
    for (const struct gw_json *item = list ? gw_json_first(list) : NULL; item;
         item = gw_json_next(item)) {
        struct gw_str name;
        assert_int_equal(gw_json_get_str(item, &name), GW_OK);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            flags |= gw_str_eq(name, gw_str_from_cstr(known[i].name)) ? known[i].flag : 0;
        }
    }
    return flags;
}

static struct gw_trace read_trace(const struct gw_json *golden) {
    const struct gw_json *from = gw_json_member(golden, "trace");
    struct gw_trace trace;
    assert_int_equal(gw_hex_parse(text_of(from, "trace_id"), trace.trace_id, 16), GW_OK);
    assert_int_equal(gw_hex_parse(text_of(from, "span_id"), trace.span_id, 8), GW_OK);
    return trace;
}

static struct gw_event_draft read_draft(const struct gw_json *golden) {
    const struct gw_json *from = gw_json_member(golden, "draft");
    struct gw_event_draft draft = {
        .flags = read_flags(from),
        .time_wall_ms = time_of(from, "time"),
        .expiry_wall_ms = time_of(from, "expiry"),
        .device = text_of(from, "device"),
        .subject = text_of(from, "subject"),
        .partition_key = text_of(from, "partition_key"),
        .correlation_id = text_of(from, "correlation_id"),
        .data = text_of(from, "data"),
        .trace = read_trace(golden),
    };
    assert_int_equal(gw_event_type_parse(text_of(from, "type"), &draft.type), GW_OK);
    assert_int_equal(gw_flow_class_parse(text_of(from, "class"), &draft.class), GW_OK);
    return draft;
}

/* ---- rendering it ---- */

static size_t encode_event(struct bench *bench, const struct gw_json *golden,
                           const struct gw_event_context *context) {
    struct gw_event_draft draft = read_draft(golden);
    struct gw_str class_name = text_of(gw_json_member(golden, "draft"), "class");
    struct gw_record_stamp stamp = read_stamp(golden, class_name, context);
    size_t len = 0;
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    assert_int_equal(
        gw_record_encode(&draft, &stamp, bench->record, sizeof(bench->record), &len), GW_OK);
    return len;
}

static size_t encode_tombstone(struct bench *bench, const struct gw_json *golden,
                               const struct gw_event_context *context) {
    const struct gw_json *from = gw_json_member(golden, "tombstone");
    struct gw_record_stamp stamp = read_stamp(golden, text_of(golden, "class"), context);
    size_t len = 0;
    assert_int_equal(gw_record_encode_tombstone(&stamp, (uint64_t) number_of(from, "last"),
                                                (uint64_t) number_of(from, "count"),
                                                text_of(from, "reason"), bench->record,
                                                sizeof(bench->record), &len),
                     GW_OK);
    return len;
}

/* Through everything an event goes through on its way: record and context are
 * encoded and decoded again. Appends the text to bench->text. */
static void render_case(struct bench *bench, const struct gw_json *golden) {
    struct gw_event_context context = read_context(golden);
    size_t context_len = 0;
    assert_int_equal(
        gw_context_encode(&context, bench->context, sizeof(bench->context), &context_len),
        GW_OK);
    bool is_tombstone = gw_json_member(golden, "tombstone") != NULL;
    size_t len = is_tombstone ? encode_tombstone(bench, golden, &context)
                              : encode_event(bench, golden, &context);
    struct gw_record record;
    struct gw_event_context stored;
    assert_int_equal(gw_record_decode((struct gw_bytes){bench->record, len}, &record), GW_OK);
    assert_int_equal(gw_context_decode((struct gw_bytes){bench->context, context_len}, &stored),
                     GW_OK);
    if (is_tombstone) {
        record.trace = read_trace(golden); /* a tombstone's is drawn */
    }
    assert_int_equal(gw_event_render(&record, &stored, &bench->text), GW_OK);
}

static void assert_same(const char *name, struct gw_str found, struct gw_str expected) {
    if (!gw_str_eq(found, expected)) {
        fail_msg("%s:\n   found %.*s\nexpected %.*s", name, GW_STR_ARG(found),
                 GW_STR_ARG(expected));
    }
}

/* ---- the folders ---- */

typedef void check_case(struct bench *bench, const char *name, const struct gw_json *golden);

static void check_file(struct bench *bench, const char *folder, const char *name,
                       check_case *check) {
    static const struct gw_json_limits limits = {
        .max_bytes = 1 << 20, .max_depth = 16, .flags = GW_JSON_OBJECT};
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    gw_buf_clear(&bench->file);
    gw_buf_clear(&bench->text);
    struct gw_json_doc *doc = NULL;
    assert_int_equal(gw_file_read(path, &bench->file), GW_OK);
    assert_int_equal(gw_json_parse(gw_buf_str(&bench->file), &limits, NULL, &doc), GW_OK);
    check(bench, name, gw_json_root(doc));
    gw_json_close(doc);
}

static int check_folder(struct bench *bench, const char *folder, check_case *check) {
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, NULL, alphasort);
    int count = 0;
    assert_true(found >= 0);
    for (int i = 0; i < found; i++) {
        if (gw_str_ends_with(gw_str_from_cstr(entries[i]->d_name), GW_STR(".json"))) {
            check_file(bench, folder, entries[i]->d_name, check);
            count++;
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void check_event(struct bench *bench, const char *name, const struct gw_json *golden) {
    render_case(bench, golden);
    assert_same(name, gw_buf_str(&bench->text), text_of(golden, "rendered"));
}

static void check_request(struct bench *bench, const char *name, const struct gw_json *golden) {
    char separator = '[';
    for (const struct gw_json *item = gw_json_first(gw_json_member(golden, "events")); item;
         item = gw_json_next(item)) {
        gw_buf_put_char(&bench->text, separator);
        render_case(bench, item);
        separator = ',';
    }
    gw_buf_put_char(&bench->text, ']');
    assert_same(name, gw_buf_str(&bench->text), text_of(golden, "body"));
}

static void every_golden_event_renders_to_the_same_bytes(void **state) {
    assert_true(check_folder(*state, GOLDEN "events", check_event) >= 28);
}

static void every_golden_request_has_the_same_body(void **state) {
    assert_true(check_folder(*state, GOLDEN "requests", check_request) >= 4);
}

/* ---- what rendering refuses ---- */

static void check_every_cap(struct bench *bench, const char *name,
                            const struct gw_json *golden) {
    (void) name;
    struct gw_event_context context = read_context(golden);
    size_t len = encode_event(bench, golden, &context);
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bench->record, len}, &record), GW_OK);
    size_t full = text_of(golden, "rendered").len;
    uint8_t *storage = malloc(full + 3);
    assert_non_null(storage);
    for (size_t cap = 2; cap <= full + 2; cap++) {
        struct gw_buf buf;
        gw_buf_init(&buf, storage, cap);
        assert_true(gw_buf_put_str(&buf, GW_STR("ab")));
        enum gw_err err = gw_event_render(&record, &context, &buf);
        assert_int_equal(err, cap < full + 2 ? GW_ERR_FULL : GW_OK);
        assert_int_equal(buf.len, cap < full + 2 ? 2 : full + 2);
        assert_false(gw_buf_failed(&buf));
    }
    free(storage);
}

static void a_buffer_that_is_too_small_is_left_as_it_was(void **state) {
    check_file(*state, GOLDEN "events", "scan-escapes.json", check_every_cap);
    check_file(*state, GOLDEN "events", "metric-expires.json", check_every_cap);
}

static void check_versions(struct bench *bench, const char *name,
                           const struct gw_json *golden) {
    (void) name;
    struct gw_event_context context = read_context(golden);
    size_t len = encode_event(bench, golden, &context);
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bench->record, len}, &record), GW_OK);
    record.renderer_version = GW_RENDERER_VERSION + 1;
    assert_int_equal(gw_event_render(&record, &context, &bench->text), GW_ERR_SCHEMA);
    record.renderer_version = GW_RENDERER_VERSION;
    record.type = (enum gw_event_type) 6;
    assert_int_equal(gw_event_render(&record, &context, &bench->text), GW_ERR_SCHEMA);
    assert_int_equal(bench->text.len, 0);
}

static void unknown_renderer_versions_and_types_are_refused(void **state) {
    check_file(*state, GOLDEN "events", "scan-plain.json", check_versions);
}

static void a_buffer_that_had_failed_before_stays_failed(void **state) {
    struct bench *bench = *state;
    uint8_t storage[1];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_false(gw_buf_put_str(&buf, GW_STR("ab")));
    struct gw_record record = {.renderer_version = GW_RENDERER_VERSION,
                               .type = GW_EVENT_SCAN_OBSERVED};
    struct gw_event_context context = {0};
    assert_int_equal(gw_event_render(&record, &context, &buf), GW_ERR_FULL);
    assert_true(gw_buf_failed(&buf));
    assert_int_equal(bench->text.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(every_golden_event_renders_to_the_same_bytes),
        TEST(every_golden_request_has_the_same_body),
        TEST(a_buffer_that_is_too_small_is_left_as_it_was),
        TEST(unknown_renderer_versions_and_types_are_refused),
        TEST(a_buffer_that_had_failed_before_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
