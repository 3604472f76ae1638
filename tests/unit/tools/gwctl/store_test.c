/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gwctl reads from a store itself. A store may be opened once per process,
 * so a child writes it and is gone before gwctl reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/health/health.h"
#include "firmware/queue/queue.h"
#include "tools/gwctl/gwctl.h"

struct fixture {
    char folder[32];
    char config[64];
    char store[64];
    char *out, *err;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    (void) snprintf(f->folder, sizeof f->folder, "/tmp/gw-test-XXXXXX");
    if (!f || !mkdtemp(f->folder)) {
        return -1;
    }
    (void) snprintf(f->config, sizeof f->config, "%s/config.json", f->folder);
    (void) snprintf(f->store, sizeof f->store, "%s/queue", f->folder);
    char text[256];
    (void) snprintf(text, sizeof text,
                    "{\"gateway\":{\"serial\":\"GW-1\",\"site\":\"dock\"},\"paths\":"
                    "{\"collect_state\":\"%s\"}}",
                    f->folder);
    return (int) gw_file_replace_volatile(f->config, gw_bytes_from_str(gw_str_from_cstr(text)),
                                          0600);
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk) {
    (void) found;
    (void) kind;
    (void) walk;
    return remove(path);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    int left = nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f->out);
    free(f->err);
    free(f);
    return left;
}

static int run(struct fixture *f, const char *line) {
    char words[256];
    char *argv[16] = {"gwctl", "--config", f->config};
    int argc = 3;
    (void) snprintf(words, sizeof words, "%s", line);
    argv[argc++] = words;
    for (char *at = words; *at; at++) {
        if (*at == ' ') {
            *at = '\0';
            argv[argc++] = at + 1;
        }
    }
    free(f->out);
    free(f->err);
    size_t len = 0;
    FILE *out = open_memstream(&f->out, &len);
    FILE *err = open_memstream(&f->err, &len);
    int status = gw_gwctl_run(argc, argv, out, err);
    (void) fclose(out);
    (void) fclose(err);
    return status;
}

/* ---- the child that writes ---- */

typedef bool store_writer(const struct gw_intake *intake, const void *what);

static void write_store(const struct fixture *f, store_writer *write, const void *what) {
    pid_t child = fork();
    if (child == 0) {
        struct gw_clock clock = gw_clock_system();
        struct gw_queue_options options = gw_queue_options_default();
        options.path = f->store;
        options.map_bytes = 16u << 20;
        options.serial = GW_STR("GW-1");
        options.site = GW_STR("dock");
        options.zone = GW_STR("UTC");
        options.clock = &clock;
        const struct gw_queue_witness witness = {0};
        struct gw_queue_opening opening;
        struct gw_queue_writer *writer = NULL;
        if (gw_queue_writer_open(&options, &witness, &opening, &writer)) {
            _exit(1);
        }
        struct gw_intake intake = gw_queue_intake(writer);
        bool is_good = write(&intake, what) && !gw_queue_commit(writer);
        gw_queue_writer_close(writer);
        _exit(is_good ? 0 : 2);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static bool write_events(const struct gw_intake *intake, const void *what) {
    unsigned count = *(const unsigned *) what;
    for (unsigned i = 1; i <= count; i++) {
        char data[128];
        int len = snprintf(data, sizeof data, "{\"raw\":\"carton %u\\u001b[31m\"}", i);
        const struct gw_event_draft events[] = {
            {.type = GW_EVENT_SCAN_OBSERVED,
             .class = GW_CLASS_BUSINESS,
             .time_wall_ms = INT64_C(1795418040000) + i,
             .device = GW_STR("scanner-1"),
             .data = {data, (size_t) len}},
            {.type = GW_EVENT_DEVICE_CONDITION,
             .class = GW_CLASS_STATE,
             .time_wall_ms = INT64_C(1795418040000),
             .device = GW_STR("scanner-1"),
             .data = GW_STR("{}")},
        };
        const struct gw_unit unit = {.events = events, .event_count = i == 1 ? 2 : 1};
        if (gw_intake_submit(intake, &unit)) {
            return false;
        }
    }
    return true;
}

static unsigned count_of(const char *text, const char *part) {
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static void queue_list_shows_classes_in_order_and_escapes_what_was_scanned(void **state) {
    struct fixture *f = *state;
    write_store(f, write_events, &(unsigned){150});
    assert_int_equal(run(f, "queue list"), GW_EXIT_DONE);
    assert_string_equal(f->err, "");
    assert_non_null(strstr(f->out, ", business: 1 to 150\n"));
    assert_non_null(strstr(f->out, ", state: 1 to 1\n"));
    assert_non_null(strstr(f->out, "business                 1  2026-11-23T07:14:00.001Z  "
                                   "scan.observed        scanner-1  {\"raw\":\"carton 1"));
    assert_null(strchr(f->out, '\x1b'));
    assert_int_equal(count_of(f->out, "scan.observed"), 50);
    assert_int_equal(count_of(f->out, "device.condition"), 1);

    assert_int_equal(run(f, "queue list --class business --from 149 --max 10"), GW_EXIT_DONE);
    assert_int_equal(count_of(f->out, "scan.observed"), 2);
    assert_non_null(strstr(f->out, "carton 150"));
    assert_null(strstr(f->out, "state"));
    assert_int_equal(run(f, "queue list --class business --max 149"), GW_EXIT_DONE);
    assert_int_equal(count_of(f->out, "scan.observed"), 149);
    assert_int_equal(run(f, "queue list --epoch 0123456789abcdef0"), GW_EXIT_DONE);
    assert_string_equal(f->out, "");
}

static void queue_list_as_json_is_one_event_a_line_as_it_is_sent(void **state) {
    struct fixture *f = *state;
    write_store(f, write_events, &(unsigned){2});
    assert_int_equal(run(f, "queue list --class business --json"), GW_EXIT_DONE);
    assert_int_equal(count_of(f->out, "\n"), 2);
    assert_int_equal(count_of(f->out, "{\"specversion\":\"1.0\",\"id\":\""), 2);
    assert_non_null(strstr(f->out, "\"source\":\"urn:gangway:GW-1:scanner-1\""));
    assert_non_null(strstr(f->out, "\"sequence\":\"00000000000000000002\""));
}

static void queue_show_finds_one_event_or_says_it_is_not_there(void **state) {
    struct fixture *f = *state;
    write_store(f, write_events, &(unsigned){3});
    assert_int_equal(run(f, "queue show business 00000000000000000002"), GW_EXIT_DONE);
    assert_int_equal(count_of(f->out, "\n"), 1);
    assert_non_null(strstr(f->out, "carton 2"));
    assert_int_equal(run(f, "queue show business 4"), GW_EXIT_FAILED);
    assert_string_equal(f->err, "gwctl: business 4 is not stored here\n");
    assert_int_equal(run(f, "queue show audit 1"), GW_EXIT_FAILED);
    assert_int_equal(run(f, "queue show business 1 --epoch 0123456789abcdef0"), GW_EXIT_FAILED);
    assert_string_equal(f->err, "gwctl: epoch 0123456789abcdef0 is not stored here\n");
}

static void missing_store_is_told_with_its_place(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "queue list"), GW_EXIT_FAILED);
    char expected[128];
    (void) snprintf(expected, sizeof expected, "gwctl: %s: there is no store yet\n", f->store);
    assert_string_equal(f->err, expected);
    assert_int_equal(run(f, "audit verify"), GW_EXIT_FAILED);
    assert_string_equal(f->err, expected);
}

/* ---- audit ---- */

/* A chain of `count` entries from `first` on, and one thing done to it. */
struct chain {
    uint64_t first, count;
    enum { WHOLE, NO_HEAD, OTHER_TEXT, OTHER_NUMBER, OTHER_HASH, GONE, NO_JSON } harm;
    uint64_t at;
};

static void put_key(uint8_t key[static 8], uint64_t number) {
    for (unsigned i = 0; i < 8; i++) {
        key[i] = (uint8_t) (number >> (56 - 8 * i));
    }
}

static bool put_row(const struct gw_intake *intake, struct gw_bytes key,
                    struct gw_bytes value) {
    const struct gw_state_change change = {key, value};
    const struct gw_unit unit = {
        .state_table = GW_STR("audit"), .changes = &change, .change_count = 1};
    return !gw_intake_submit(intake, &unit);
}

static bool put_entry(const struct gw_intake *intake, const struct chain *chain,
                      struct gw_audit_entry *entry) {
    uint8_t key[8];
    char text[1024];
    struct gw_buf json;
    gw_buf_init(&json, text, sizeof text);
    put_key(key, entry->number);
    struct gw_audit_entry written = *entry;
    if (entry->number == chain->at) {
        switch (chain->harm) {
        case OTHER_TEXT:
            written.actor = GW_STR("gwctl:nobody");
            break;
        case OTHER_NUMBER:
            written.number++;
            break;
        case OTHER_HASH:
            written.actor = GW_STR("gwctl:nobody");
            gw_audit_seal(&written, entry->previous); /* fits itself, not the next one */
            break;
        case GONE:
            return true;
        default:
            break;
        }
    }
    if (gw_audit_format(&written, &json)) {
        return false;
    }
    struct gw_bytes value = gw_buf_bytes(&json);
    if (entry->number == chain->at && chain->harm == NO_JSON) {
        value.len--;
    }
    return put_row(intake, (struct gw_bytes){key, 8}, value);
}

static bool write_chain(const struct gw_intake *intake, const void *what) {
    const struct chain *chain = what;
    uint8_t head[40] = {0};
    uint8_t last[32] = {0};
    struct gw_audit_entry entry;
    for (uint64_t number = chain->first; number < chain->first + chain->count; number++) {
        entry = (struct gw_audit_entry){
            .number = number,
            .time_wall_ms = INT64_C(1795418040000),
            .actor = GW_STR("gwctl:root"),
            .action = GW_STR("quarantine_drop"),
            .target = GW_STR("\"17\""),
            .outcome = GW_STR("ok"),
            .detail = GW_STR(""),
        };
        gw_audit_seal(&entry, last);
        memcpy(last, entry.hash, sizeof last);
        if (!put_entry(intake, chain, &entry)) {
            return false;
        }
        put_key(head, number);
    }
    memcpy(head + 8, last, sizeof last);
    /* Other keys of the table, one of eight bytes among them. */
    return put_row(intake, gw_bytes_from_str(GW_STR("id:12345")),
                   gw_bytes_from_str(GW_STR("x")))
           && (chain->harm == NO_HEAD
               || put_row(intake, gw_bytes_from_str(GW_STR("head")),
                          (struct gw_bytes){head, sizeof head}));
}

struct verdict {
    struct chain chain;
    const char *err; /* NULL = whole */
};

static void audit_verify_names_the_entry_that_breaks_the_chain(void **state) {
    struct fixture *f = *state;
    static const struct verdict verdicts[] = {
        {{1, 5, WHOLE, 0}, NULL},
        {{7, 300, WHOLE, 0}, NULL}, /* the oldest were dropped; numbers above one byte */
        {{1, 5, OTHER_TEXT, 3},
         "gwctl: the audit trail is broken at entry 3: it does not fit its hash or the entry "
         "before it\n"},
        {{1, 5, OTHER_HASH, 3},
         "gwctl: the audit trail is broken at entry 4: it does not fit its hash or the entry "
         "before it\n"},
        {{1, 5, OTHER_HASH, 5},
         "gwctl: the audit trail is broken at entry 5: it is not the one the head of the trail "
         "names\n"},
        {{1, 5, OTHER_NUMBER, 3},
         "gwctl: the audit trail is broken at entry 3: it is no audit entry of its number\n"},
        {{1, 5, NO_JSON, 3},
         "gwctl: the audit trail is broken at entry 3: it is no audit entry of its number\n"},
        {{1, 5, GONE, 3}, "gwctl: the audit trail is broken at entry 3: it is missing\n"},
        {{1, 5, GONE, 5}, "gwctl: the audit trail is broken at entry 5: it is missing\n"},
        {{1, 1, GONE, 1}, "gwctl: the audit trail is broken at entry 1: it is missing\n"},
        {{1, 5, NO_HEAD, 0},
         "gwctl: the audit trail is broken at entry 5: the head of the trail is missing\n"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(verdicts); i++) {
        write_store(f, write_chain, &verdicts[i].chain);
        int status = run(f, "audit verify");
        assert_string_equal(f->err, verdicts[i].err ? verdicts[i].err : "");
        assert_int_equal(status, verdicts[i].err ? GW_EXIT_FAILED : GW_EXIT_DONE);
        char whole[96];
        uint64_t first = verdicts[i].chain.first;
        (void) snprintf(whole, sizeof whole, "the audit trail is whole: entries %llu to %llu, ",
                        (unsigned long long) first,
                        (unsigned long long) (first + verdicts[i].chain.count - 1));
        assert_int_equal(strncmp(f->out, whole, strlen(whole)) == 0, !verdicts[i].err);
        assert_int_equal(nftw(f->store, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    }
}

static void empty_audit_trail_is_whole(void **state) {
    struct fixture *f = *state;
    write_store(f, write_events, &(unsigned){1});
    assert_int_equal(run(f, "audit verify"), GW_EXIT_DONE);
    assert_string_equal(f->out, "the audit trail is empty\n");
    assert_int_equal(run(f, "audit verify --json"), GW_EXIT_DONE);
    assert_string_equal(f->out, "{\"entries\":0,\"first\":0,\"last\":0,\"hash\":\"\"}\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(queue_list_shows_classes_in_order_and_escapes_what_was_scanned),
        TEST(queue_list_as_json_is_one_event_a_line_as_it_is_sent),
        TEST(queue_show_finds_one_event_or_says_it_is_not_there),
        TEST(missing_store_is_told_with_its_place),
        TEST(audit_verify_names_the_entry_that_breaks_the_chain),
        TEST(empty_audit_trail_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
