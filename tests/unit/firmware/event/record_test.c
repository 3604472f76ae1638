/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/crc32c.h"
#include "firmware/event/render.h"

static const struct gw_epoch epoch = {.high = 1, .low = UINT64_C(0x0123456789abcdef)};

static struct gw_event_context context_of_test(void) {
    return (struct gw_event_context){
        .epoch = epoch,
        .serial = GW_STR("GW-0001"),
        .site = GW_STR("Köln \"Süd\""),
        .owner = GW_STR("acme"),
        .zone = GW_STR("Europe/Berlin"),
        .boot_id = {1, 2, 3},
    };
}

static struct gw_event_draft full_draft(void) {
    static const uint8_t origin[] = {9, 8, 7};
    return (struct gw_event_draft){
        .type = GW_EVENT_METRIC_SAMPLED,
        .class = GW_CLASS_TELEMETRY,
        .flags = GW_EVENT_TEST | GW_EVENT_RETAINED,
        .time_wall_ms = INT64_C(1795418040123),
        .expiry_wall_ms = INT64_C(1795418100123),
        .device = GW_STR("plc1.level"),
        .subject = GW_STR("https://id.gs1.org/8004/4006381333931"),
        .partition_key = GW_STR("T-17"),
        .correlation_id = GW_STR("c-1"),
        .data = GW_STR("{\"point\":\"level\",\"quality\":\"bad\"}"),
        .origin = {origin, sizeof(origin)},
        .trace = {.trace_id = {1}, .span_id = {2}},
    };
}

static struct gw_record_stamp stamp_of(const struct gw_event_context *context,
                                       enum gw_flow_class class, uint64_t sequence) {
    return (struct gw_record_stamp){
        .id = gw_event_id_make(class, sequence, epoch),
        .recorded_wall_ms = INT64_C(1795418040130),
        .zone_offset_min = -90,
        .clock_quality = GW_CLOCK_SYNCHRONISED,
        .context_number = 42,
        .context = context,
    };
}

static size_t encode_full(uint8_t *dst, size_t cap) {
    struct gw_event_context context = context_of_test();
    struct gw_event_draft draft = full_draft();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_TELEMETRY, 77);
    size_t len = 0;
    assert_int_equal(gw_record_encode(&draft, &stamp, dst, cap, &len), GW_OK);
    return len;
}

static void seal(uint8_t *record, size_t len) {
    uint32_t crc = gw_crc32c(0, (struct gw_bytes){record + 4, len - 4});
    for (unsigned i = 0; i < 4; i++) {
        record[i] = (uint8_t) (crc >> (8 * i));
    }
}

static void every_fact_of_a_draft_comes_back(void **state) {
    (void) state;
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(bytes, sizeof(bytes));
    struct gw_event_draft draft = full_draft();
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    assert_false(record.is_tombstone);
    assert_int_equal(record.renderer_version, GW_RENDERER_VERSION);
    assert_int_equal(record.class, GW_CLASS_TELEMETRY);
    assert_int_equal(record.sequence, 77);
    assert_int_equal(record.last_sequence, 77);
    assert_true(gw_epoch_eq(record.epoch, epoch));
    assert_int_equal(record.time_wall_ms, draft.time_wall_ms);
    assert_int_equal(record.recorded_wall_ms, INT64_C(1795418040130));
    assert_int_equal(record.expiry_wall_ms, draft.expiry_wall_ms);
    assert_int_equal(record.context_number, 42);
    assert_int_equal(record.type, draft.type);
    assert_int_equal(record.flags, draft.flags);
    assert_int_equal(record.zone_offset_min, -90);
    assert_int_equal(record.clock_quality, GW_CLOCK_SYNCHRONISED);
    assert_memory_equal(&record.trace, &draft.trace, sizeof(draft.trace));
    assert_true(gw_str_eq(record.device, draft.device));
    assert_true(gw_str_eq(record.subject, draft.subject));
    assert_true(gw_str_eq(record.partition_key, draft.partition_key));
    assert_true(gw_str_eq(record.correlation_id, draft.correlation_id));
    assert_true(gw_str_eq(record.data, draft.data));
    assert_int_equal(record.origin.len, 3);
    assert_memory_equal(record.origin.ptr, draft.origin.ptr, 3);
    /* the layout of the header file, by offset */
    assert_int_equal(bytes[4], 1);
    assert_int_equal(bytes[5], 1);
    assert_int_equal(bytes[88], 42);
    assert_int_equal(bytes[92], GW_EVENT_METRIC_SAMPLED);
    assert_int_equal(bytes[99], 3);
    assert_int_equal(bytes[100], 10);
    assert_memory_equal(bytes + GW_RECORD_HEADER_BYTES, "plc1.level", 10);
}

static void the_smallest_record_has_a_device_and_data(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_event_draft draft = {.type = GW_EVENT_SCAN_OBSERVED,
                                   .device = GW_STR("d"),
                                   .partition_key = GW_STR("d"),
                                   .data = GW_STR("{}")};
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_BUSINESS, 1);
    uint8_t bytes[GW_RECORD_HEADER_BYTES + 3];
    size_t len = 0;
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len), GW_OK);
    assert_int_equal(len, sizeof(bytes));
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    /* the device as partition key is not stored twice */
    assert_int_equal(record.partition_key.len, 0);
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes) - 1, &len),
                     GW_ERR_FULL);
}

static void the_largest_record_fits_its_promise_and_renders(void **state) {
    (void) state;
    static char text[GW_EVENT_DATA_MAX_BYTES];
    static uint8_t bytes[GW_RECORD_MAX_BYTES], rendered[GW_EVENT_MAX_BYTES];
    static char quotes[GW_EVENT_SUBJECT_MAX_BYTES];
    memset(quotes, '"', sizeof(quotes));
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + sizeof(text) - 2, "\"}", 2);
    char serial[64];
    memset(serial, 'S', sizeof(serial));
    struct gw_str name = {text + 6, GW_EVENT_NAME_MAX_BYTES};
    struct gw_str worst = {quotes, GW_EVENT_NAME_MAX_BYTES};
    struct gw_event_context context = {.epoch = epoch,
                                       .serial = {serial, sizeof(serial)},
                                       .site = worst,
                                       .owner = worst,
                                       .zone = worst};
    uint8_t context_bytes[GW_CONTEXT_MAX_BYTES];
    size_t len = 0;
    assert_int_equal(gw_context_encode(&context, context_bytes, sizeof(context_bytes), &len),
                     GW_OK);
    uint8_t origin[GW_EVENT_ORIGIN_MAX_BYTES] = {0};
    struct gw_event_draft draft = {.type = GW_EVENT_GATEWAY_CLOCK_CORRECTED,
                                   .class = GW_CLASS_TELEMETRY,
                                   .flags = 7,
                                   .expiry_wall_ms = 1,
                                   .device = name,
                                   .subject = {quotes, sizeof(quotes)},
                                   .partition_key = worst,
                                   .correlation_id = worst,
                                   .data = {text, sizeof(text)},
                                   .origin = {origin, sizeof(origin)}};
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_TELEMETRY, GW_SEQUENCE_MAX);
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len), GW_OK);
    assert_int_equal(len, GW_RECORD_MAX_BYTES);
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    struct gw_buf buf;
    gw_buf_init(&buf, rendered, sizeof(rendered));
    assert_int_equal(gw_event_render(&record, &context, &buf), GW_OK);
}

static void no_changed_byte_of_a_record_goes_unseen(void **state) {
    (void) state;
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(bytes, sizeof(bytes));
    struct gw_record record;
    for (size_t i = 0; i < len; i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] ^= (uint8_t) change;
            assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record),
                             GW_ERR_CORRUPT);
            bytes[i] ^= (uint8_t) change;
        }
    }
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
}

static void no_truncated_or_lengthened_record_decodes(void **state) {
    (void) state;
    uint8_t bytes[GW_RECORD_MAX_BYTES] = {0};
    size_t full = encode_full(bytes, sizeof(bytes));
    for (size_t len = 0; len <= full + 40; len++) {
        /* an exact allocation lets the address sanitizer see a read beyond */
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, bytes, len);
        struct gw_record record;
        enum gw_err err = gw_record_decode((struct gw_bytes){copy + 1, len}, &record);
        assert_int_equal(err, len == full ? GW_OK : GW_ERR_CORRUPT);
        free(copy);
    }
}

/* Behind a right checksum: what a broken encoder or a forger could write. */
static void lengths_and_kinds_that_do_not_add_up_are_corrupt(void **state) {
    (void) state;
    uint8_t good[GW_RECORD_MAX_BYTES], bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(good, sizeof(good));
    const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {4, 0},     {5, 0},    {5, 3},     {5, 2},      {14, 0x40}, {15, 0xff},
        {16, 0x00}, {92, 0},   {97, 0x7f}, {98, 2},     {99, 4},    {99, 33},
        {100, 0},   {100, 11}, {101, 1},   {103, 255},  {104, 5},   {105, 1},
        {107, 2},   {108, 0},  {110, 1},   {111, 0xff},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memcpy(bytes, good, len);
        bytes[changes[i].at] = changes[i].value;
        seal(bytes, len);
        struct gw_record record = {.sequence = 5};
        if (gw_record_decode((struct gw_bytes){bytes, len}, &record) != GW_ERR_CORRUPT) {
            fail_msg("byte %zu = %u passed", changes[i].at, changes[i].value);
        }
        assert_int_equal(record.sequence, 5);
    }
}

/* A whole record whose parts add up, but one is longer than any source may make. */
static void a_part_beyond_its_limit_is_corrupt(void **state) {
    (void) state;
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(bytes, sizeof(bytes));
    size_t longer = GW_EVENT_NAME_MAX_BYTES + 1 - 10;
    uint8_t *name_end = bytes + GW_RECORD_HEADER_BYTES + 10;
    struct gw_record record;
    for (size_t more = longer - 1; more <= longer; more++) {
        len = encode_full(bytes, sizeof(bytes));
        memmove(name_end + more, name_end, len - GW_RECORD_HEADER_BYTES - 10);
        memset(name_end, 'x', more);
        bytes[100] = (uint8_t) (10 + more);
        len += more;
        seal(bytes, len);
        enum gw_err err = gw_record_decode((struct gw_bytes){bytes, len}, &record);
        assert_int_equal(err, more < longer ? GW_OK : GW_ERR_CORRUPT);
    }
}

static void a_record_of_a_newer_format_says_so(void **state) {
    (void) state;
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(bytes, sizeof(bytes));
    bytes[4] = GW_RECORD_FORMAT_VERSION + 1;
    seal(bytes, len);
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_ERR_SCHEMA);
}

static void a_record_that_does_not_fit_leaves_no_trace_beyond(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_event_draft draft = full_draft();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_TELEMETRY, 77);
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t full = encode_full(bytes, sizeof(bytes));
    for (size_t cap = 0; cap <= full; cap++) {
        memset(bytes, 0x5a, sizeof(bytes));
        size_t len = 99;
        enum gw_err err = gw_record_encode(&draft, &stamp, bytes, cap, &len);
        assert_int_equal(err, cap < full ? GW_ERR_FULL : GW_OK);
        assert_int_equal(len, cap < full ? 99 : full);
        assert_int_equal(bytes[cap], 0x5a);
    }
}

static void a_zone_offset_of_a_day_is_out_of_range(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_event_draft draft = full_draft();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_TELEMETRY, 77);
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = 0;
    stamp.zone_offset_min = 1440;
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len),
                     GW_ERR_RANGE);
    stamp.zone_offset_min = -1440;
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len),
                     GW_ERR_RANGE);
}

static bool is_zero(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

static void a_missing_trace_is_drawn_and_a_given_one_kept(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_event_draft draft = full_draft();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_TELEMETRY, 77);
    uint8_t bytes[GW_RECORD_MAX_BYTES], other[GW_RECORD_MAX_BYTES];
    size_t len = 0;
    struct gw_record record, again;
    draft.trace = (struct gw_trace){0};
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len), GW_OK);
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    assert_int_equal(gw_record_encode(&draft, &stamp, other, sizeof(other), &len), GW_OK);
    assert_int_equal(gw_record_decode((struct gw_bytes){other, len}, &again), GW_OK);
    assert_false(is_zero(record.trace.trace_id, 16));
    assert_false(is_zero(record.trace.span_id, 8));
    assert_memory_not_equal(&record.trace, &again.trace, sizeof(record.trace));
    assert_memory_equal(record.digest, again.digest, GW_DIGEST_BYTES);

    draft.trace = (struct gw_trace){.trace_id = {5}};
    assert_int_equal(gw_record_encode(&draft, &stamp, bytes, sizeof(bytes), &len), GW_OK);
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    assert_memory_equal(record.trace.trace_id, draft.trace.trace_id, 16);
    assert_false(is_zero(record.trace.span_id, 8));
}

/* What tells a duplicate from a conflict: every fact, and no circumstance. */
static void the_digest_is_of_the_facts_only(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    uint8_t bytes[GW_RECORD_MAX_BYTES];
    size_t len = encode_full(bytes, sizeof(bytes));
    struct gw_record record;
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
    uint8_t digest[GW_DIGEST_BYTES], other[GW_DIGEST_BYTES];
    gw_event_digest(&record, &context, digest);
    assert_memory_equal(digest, record.digest, sizeof(digest));

    const struct gw_record original = record;
    for (unsigned fact = 0; fact < 8; fact++) {
        struct gw_event_context changed = context;
        record = original;
        switch (fact) {
        case 0:
            record.id = gw_event_id_make(GW_CLASS_TELEMETRY, 78, epoch);
            break;
        case 1:
            record.device = GW_STR("plc1.leve1");
            break;
        case 2:
            record.type = GW_EVENT_PLC_COUNTED;
            break;
        case 3:
            record.time_wall_ms++;
            break;
        case 4:
            record.subject = (struct gw_str){0};
            break;
        case 5:
            record.partition_key = GW_STR("T-18");
            break;
        case 6:
            record.data = GW_STR("{\"point\":\"level\",\"quality\":\"baD\"}");
            break;
        default:
            changed.serial = GW_STR("GW-0002");
            break;
        }
        gw_event_digest(&record, &changed, other);
        assert_memory_not_equal(digest, other, sizeof(digest));
    }
    record = original;
    record.recorded_wall_ms = 0;
    record.flags = 0;
    record.correlation_id = (struct gw_str){0};
    record.trace = (struct gw_trace){0};
    context.site = GW_STR("elsewhere");
    gw_event_digest(&record, &context, other);
    assert_memory_equal(digest, other, sizeof(digest));
}

/* ---- tombstones ---- */

static void a_tombstone_stands_for_its_range(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_STATE, 100);
    const char *const reasons[] = {"evicted", "expired", "dead_letter", "corrupt", "capacity"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        uint8_t bytes[512];
        size_t len = 0;
        assert_int_equal(gw_record_encode_tombstone(&stamp, 199, 100 - i,
                                                    gw_str_from_cstr(reasons[i]), bytes,
                                                    sizeof(bytes), &len),
                         GW_OK);
        struct gw_record record;
        assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_OK);
        assert_true(record.is_tombstone);
        assert_int_equal(record.type, GW_EVENT_TOMBSTONE);
        assert_int_equal(record.sequence, 100);
        assert_int_equal(record.last_sequence, 199);
        assert_int_equal(record.expiry_wall_ms, 0);
        assert_int_equal(record.time_wall_ms, stamp.recorded_wall_ms);
        assert_true(gw_str_eq(record.device, GW_STR("gateway")));
        char data[128];
        struct gw_buf buf;
        gw_buf_init(&buf, data, sizeof(data));
        gw_buf_printf(&buf, "{\"count\":%zu,\"first\":100,\"last\":199,\"reason\":\"%s\"}",
                      100 - i, reasons[i]);
        assert_true(gw_str_eq(record.data, gw_buf_str(&buf)));
    }
}

static void a_tombstone_for_nonsense_is_the_callers_fault(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_STATE, 100);
    uint8_t bytes[512];
    size_t len = 7;
    const struct {
        uint64_t last, count;
        const char *reason;
    } bad[] = {{99, 1, "evicted"},    {199, 0, "evicted"},
               {199, 101, "evicted"}, {GW_SEQUENCE_MAX + 1, 1, "evicted"},
               {199, 1, "forgotten"}, {199, 1, ""}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gw_record_encode_tombstone(&stamp, bad[i].last, bad[i].count,
                                                    gw_str_from_cstr(bad[i].reason), bytes,
                                                    sizeof(bytes), &len),
                         GW_ERR_INVALID);
    }
    stamp.id.bytes[6] = 0x40;
    assert_int_equal(gw_record_encode_tombstone(&stamp, 199, 1, GW_STR("evicted"), bytes,
                                                sizeof(bytes), &len),
                     GW_ERR_INVALID);
    assert_int_equal(len, 7);
}

static void a_tombstone_whose_range_runs_backwards_is_corrupt(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_STATE, 100);
    uint8_t bytes[512];
    size_t len = 0;
    assert_int_equal(gw_record_encode_tombstone(&stamp, 199, 100, GW_STR("evicted"), bytes,
                                                sizeof(bytes), &len),
                     GW_OK);
    struct gw_record record;
    bytes[40] = 99;
    seal(bytes, len);
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_ERR_CORRUPT);
    bytes[40] = 100;
    bytes[46] = 1; /* 2^48 */
    seal(bytes, len);
    assert_int_equal(gw_record_decode((struct gw_bytes){bytes, len}, &record), GW_ERR_CORRUPT);
}

static void a_tombstone_that_does_not_fit_says_full(void **state) {
    (void) state;
    struct gw_event_context context = context_of_test();
    struct gw_record_stamp stamp = stamp_of(&context, GW_CLASS_STATE, 100);
    uint8_t bytes[512];
    size_t len = 0;
    assert_int_equal(gw_record_encode_tombstone(&stamp, 199, 100, GW_STR("evicted"), bytes,
                                                sizeof(bytes), &len),
                     GW_OK);
    assert_int_equal(
        gw_record_encode_tombstone(&stamp, 199, 100, GW_STR("evicted"), bytes, len - 1, &len),
        GW_ERR_FULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fact_of_a_draft_comes_back),
        cmocka_unit_test(the_smallest_record_has_a_device_and_data),
        cmocka_unit_test(the_largest_record_fits_its_promise_and_renders),
        cmocka_unit_test(no_changed_byte_of_a_record_goes_unseen),
        cmocka_unit_test(no_truncated_or_lengthened_record_decodes),
        cmocka_unit_test(lengths_and_kinds_that_do_not_add_up_are_corrupt),
        cmocka_unit_test(a_part_beyond_its_limit_is_corrupt),
        cmocka_unit_test(a_record_of_a_newer_format_says_so),
        cmocka_unit_test(a_record_that_does_not_fit_leaves_no_trace_beyond),
        cmocka_unit_test(a_zone_offset_of_a_day_is_out_of_range),
        cmocka_unit_test(a_missing_trace_is_drawn_and_a_given_one_kept),
        cmocka_unit_test(the_digest_is_of_the_facts_only),
        cmocka_unit_test(a_tombstone_stands_for_its_range),
        cmocka_unit_test(a_tombstone_for_nonsense_is_the_callers_fault),
        cmocka_unit_test(a_tombstone_whose_range_runs_backwards_is_corrupt),
        cmocka_unit_test(a_tombstone_that_does_not_fit_says_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
