/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/link_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cloud-link/uplink/letter_codec.h"
#include "tests/fakes/temp_folder.h"

#define EPOCH ((struct gw_epoch){2, UINT64_C(0x1234567890abcdef)})

static struct gw_temp_folder folder;
static uint8_t texts[80000];

static struct gw_link_store *open_store(void) {
    char path[GW_TEMP_PATH_BYTES];
    struct gw_link_store *store = NULL;
    assert_int_equal(gw_link_store_open(gw_temp_path(&folder, "link", path), &store), GW_OK);
    return store;
}

static struct gw_letter_key key_of(const char *sink, enum gw_flow_class class,
                                   uint64_t sequence) {
    return (struct gw_letter_key){gw_str_from_cstr(sink), EPOCH, class, sequence};
}

static struct gw_letter a_letter(void) {
    return (struct gw_letter){
        .verdict = GW_LETTER_REFUSED,
        .is_tombstone = true,
        .time_wall_ms = 1795418040123,
        .type = GW_STR("io.gangway.scan.observed.v1"),
        .code = GW_STR("schema"),
        .detail = GW_STR("data: missing"),
        .event = GW_STR("{\"data\":{}}"),
    };
}

static void put(struct gw_link_store *store, const struct gw_letter_key *key,
                const struct gw_letter *letter) {
    assert_int_equal(gw_link_store_begin(store), GW_OK);
    assert_int_equal(gw_link_store_put_letter(store, key, letter), GW_OK);
    assert_int_equal(gw_link_store_commit(store), GW_OK);
}

static enum gw_err get(struct gw_link_store *store, const struct gw_letter_key *key,
                       struct gw_letter *ret_letter) {
    struct gw_buf storage;
    gw_buf_init(&storage, texts, sizeof(texts));
    return gw_link_store_get_letter(store, key, &storage, ret_letter);
}

static int open_folder(void **state) {
    (void) state;
    gw_temp_folder_open(&folder);
    return 0;
}

static int close_folder(void **state) {
    (void) state;
    gw_temp_folder_close(&folder);
    return 0;
}

static void cursors_outlive_the_process_per_sink_epoch_and_class(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    assert_true(gw_link_store_is_new(store));
    struct gw_letter_key key = key_of("main", GW_CLASS_STATE, 0);
    uint64_t cursor = 7;
    assert_int_equal(gw_link_store_get_cursor(store, &key, &cursor), GW_ERR_NOENT);
    assert_int_equal(cursor, 7);
    assert_int_equal(gw_link_store_begin(store), GW_OK);
    assert_int_equal(gw_link_store_put_cursor(store, &key, 41), GW_OK);
    assert_int_equal(gw_link_store_put_cursor(store, &key, 42), GW_OK);
    assert_int_equal(gw_link_store_commit(store), GW_OK);
    gw_link_store_close(store);
    store = open_store();
    assert_false(gw_link_store_is_new(store));
    assert_int_equal(gw_link_store_get_cursor(store, &key, &cursor), GW_OK);
    assert_int_equal(cursor, 42);
    struct gw_letter_key others[] = {key, key, key};
    others[0].class = GW_CLASS_BUSINESS;
    others[1].epoch.high = 1;
    others[2].sink = GW_STR("mai");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gw_link_store_get_cursor(store, &others[i], &cursor), GW_ERR_NOENT);
    }
    gw_link_store_close(store);
}

static void an_aborted_change_leaves_nothing(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    struct gw_letter_key key = key_of("main", GW_CLASS_STATE, 1);
    struct gw_letter letter = a_letter(), found;
    assert_int_equal(gw_link_store_put_letter(store, &key, &letter), GW_ERR_INVALID);
    assert_int_equal(gw_link_store_begin(store), GW_OK);
    assert_int_equal(gw_link_store_begin(store), GW_ERR_INVALID);
    assert_int_equal(gw_link_store_put_letter(store, &key, &letter), GW_OK);
    assert_int_equal(get(store, &key, &found), GW_OK); /* seen inside the change */
    gw_link_store_abort(store);
    assert_int_equal(get(store, &key, &found), GW_ERR_NOENT);
    assert_int_equal(gw_link_store_commit(store), GW_ERR_INVALID);
    gw_link_store_close(store);
}

static void a_letter_comes_back_whole(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    struct gw_letter_key key = key_of("main", GW_CLASS_AUDIT, GW_SEQUENCE_MAX);
    struct gw_letter letter = a_letter(), found;
    put(store, &key, &letter);
    gw_link_store_close(store);
    store = open_store();
    assert_int_equal(get(store, &key, &found), GW_OK);
    assert_int_equal(found.verdict, GW_LETTER_REFUSED);
    assert_true(found.is_tombstone);
    assert_false(found.retry_due);
    assert_int_equal(found.time_wall_ms, letter.time_wall_ms);
    assert_true(gw_str_eq(found.type, letter.type));
    assert_true(gw_str_eq(found.code, letter.code));
    assert_true(gw_str_eq(found.detail, letter.detail));
    assert_true(gw_str_eq(found.event, letter.event));
    assert_int_equal(gw_link_store_begin(store), GW_OK);
    assert_int_equal(gw_link_store_del_letter(store, &key), GW_OK);
    assert_int_equal(gw_link_store_commit(store), GW_OK);
    assert_int_equal(get(store, &key, &found), GW_ERR_NOENT);
    gw_link_store_close(store);
}

static void texts_of_strangers_are_cut_and_the_largest_event_fits(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    struct gw_letter_key key = key_of("main", GW_CLASS_BUSINESS, 1);
    struct gw_letter letter = a_letter(), found;
    char *large = malloc(GW_EVENT_MAX_BYTES + 1);
    memset(large, 'x', GW_EVENT_MAX_BYTES + 1);
    letter.code = (struct gw_str){large, 5000};
    letter.detail = (struct gw_str){large, 5000};
    letter.event = (struct gw_str){large, GW_EVENT_MAX_BYTES};
    put(store, &key, &letter);
    assert_int_equal(get(store, &key, &found), GW_OK);
    assert_int_equal(found.code.len, GW_LETTER_CODE_MAX);
    assert_int_equal(found.detail.len, GW_LETTER_DETAIL_MAX);
    assert_int_equal(found.event.len, GW_EVENT_MAX_BYTES);
    letter.event.len++;
    put(store, &key, &letter);
    assert_int_equal(get(store, &key, &found), GW_OK);
    assert_int_equal(found.event.len, 0); /* half an event is none */
    struct gw_buf small;
    gw_buf_init(&small, texts, 10);
    assert_int_equal(gw_link_store_get_letter(store, &key, &small, &found), GW_ERR_FULL);
    free(large);
    gw_link_store_close(store);
}

struct walked {
    uint64_t sequences[8];
    size_t count, stop_at;
};

static bool walk(void *context, const struct gw_letter_key *key,
                 const struct gw_letter *letter) {
    (void) letter;
    struct walked *walked = context;
    walked->sequences[walked->count++] = key->sequence;
    return walked->count < walked->stop_at;
}

static void letters_are_walked_in_order_and_only_those_of_the_sink(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    struct gw_letter letter = a_letter();
    static const uint64_t sequences[] = {300, 2, 70000};
    for (size_t i = 0; i < 3; i++) {
        struct gw_letter_key key = key_of("b", GW_CLASS_BUSINESS, sequences[i]);
        put(store, &key, &letter);
    }
    struct gw_letter_key before = key_of("a", GW_CLASS_BUSINESS, 1);
    struct gw_letter_key after = key_of("c", GW_CLASS_BUSINESS, 1);
    struct gw_letter_key longer = key_of("bb", GW_CLASS_BUSINESS, 1);
    put(store, &before, &letter);
    put(store, &after, &letter);
    put(store, &longer, &letter);
    struct walked walked = {.stop_at = 8};
    struct gw_letter_key from = {.sink = GW_STR("b")};
    assert_int_equal(gw_link_store_each_letter(store, &from, walk, &walked), GW_OK);
    assert_int_equal(walked.count, 3);
    assert_int_equal(walked.sequences[0], 2);
    assert_int_equal(walked.sequences[1], 300);
    assert_int_equal(walked.sequences[2], 70000);
    walked = (struct walked){.stop_at = 1};
    from = key_of("b", GW_CLASS_BUSINESS, 3);
    assert_int_equal(gw_link_store_each_letter(store, &from, walk, &walked), GW_OK);
    assert_int_equal(walked.count, 1);
    assert_int_equal(walked.sequences[0], 300);
    gw_link_store_close(store);
}

static void marks_are_kept_per_sink(void **state) {
    (void) state;
    struct gw_link_store *store = open_store();
    uint64_t value = 0;
    assert_int_equal(gw_link_store_begin(store), GW_OK);
    assert_int_equal(gw_link_store_put_mark(store, GW_STR("a"), GW_STR("restarted"), 1), GW_OK);
    assert_int_equal(gw_link_store_commit(store), GW_OK);
    assert_int_equal(gw_link_store_get_mark(store, GW_STR("a"), GW_STR("restarted"), &value),
                     GW_OK);
    assert_int_equal(value, 1);
    assert_int_equal(gw_link_store_get_mark(store, GW_STR("b"), GW_STR("restarted"), &value),
                     GW_ERR_NOENT);
    gw_link_store_close(store);
}

/* ---- codec ---- */

static void a_key_survives_its_text(void **state) {
    (void) state;
    uint8_t bytes[200], storage[GW_LETTER_KEY_MAX];
    struct gw_buf buf;
    struct gw_letter_key key = key_of("main", GW_CLASS_TELEMETRY, 77), found;
    gw_buf_init(&buf, bytes, sizeof(bytes));
    assert_true(gw_letter_key_put_text(&key, &buf));
    assert_int_equal(gw_letter_key_parse_text(gw_buf_str(&buf), storage, &found), GW_OK);
    assert_true(gw_str_eq(found.sink, key.sink));
    assert_true(gw_epoch_eq(found.epoch, key.epoch));
    assert_int_equal(found.class, GW_CLASS_TELEMETRY);
    assert_int_equal(found.sequence, 77);
    static const char *const wrong[] = {"", "0", "zz", "00", "04aabb", "ff"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gw_letter_key_parse_text(gw_str_from_cstr(wrong[i]), storage, &found),
                         GW_ERR_PARSE);
    }
}

static void a_damaged_value_is_corrupt_and_never_read_beyond(void **state) {
    (void) state;
    uint8_t *value = malloc(GW_LETTER_VALUE_MAX);
    struct gw_letter letter = a_letter(), found;
    size_t len = gw_letter_encode(&letter, value);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that a read beyond is noticed */
        memcpy(copy, value, cut);
        assert_int_equal(gw_letter_decode((struct gw_bytes){copy, cut}, &found),
                         GW_ERR_CORRUPT);
        free(copy);
    }
    value[0] = 2;
    assert_int_equal(gw_letter_decode((struct gw_bytes){value, len}, &found), GW_ERR_SCHEMA);
    value[0] = 1;
    value[1] = 99;
    assert_int_equal(gw_letter_decode((struct gw_bytes){value, len}, &found), GW_ERR_CORRUPT);
    free(value);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(cursors_outlive_the_process_per_sink_epoch_and_class),
        CASE(an_aborted_change_leaves_nothing),
        CASE(a_letter_comes_back_whole),
        CASE(texts_of_strangers_are_cut_and_the_largest_event_fits),
        CASE(letters_are_walked_in_order_and_only_those_of_the_sink),
        CASE(marks_are_kept_per_sink),
        cmocka_unit_test(a_key_survives_its_text),
        cmocka_unit_test(a_damaged_value_is_corrupt_and_never_read_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
