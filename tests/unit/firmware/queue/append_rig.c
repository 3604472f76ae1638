/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/queue/append_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAP_BYTES (UINT64_C(8) << 20)

static struct gw_queue_fixture fixture;

int append_setup(void **state) {
    gw_queue_fixture_init(&fixture, MAP_BYTES);
    assert_int_equal(gw_queue_fixture_open(&fixture), GW_OK);
    *state = &fixture;
    return 0;
}

int append_teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

struct gw_queue_class_figures append_figures(struct gw_queue_fixture *f,
                                             enum gw_flow_class class) {
    return gw_queue_fixture_figures(f).classes[class];
}

void append_assert_numbers(struct gw_queue_fixture *f, enum gw_flow_class class, uint64_t from,
                           uint64_t count, uint64_t first_number) {
    static uint8_t bytes[1 << 20];
    static struct gw_queue_entry entries[2000];
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_queue_read_request request = {.epoch_index = GW_EPOCH_INDEX_OWN,
                                            .class = class,
                                            .from = from,
                                            .max_events = 2000,
                                            .max_bytes = sizeof(bytes)};
    size_t got = 0;
    assert_int_equal(gw_queue_read(reader, &request, &storage, entries, 2000, &got), GW_OK);
    assert_int_equal(got, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].err, GW_OK);
        assert_int_equal(entries[i].record.sequence, from + i);
        assert_int_equal(gw_queue_fixture_number(&entries[i].record), first_number + i);
        assert_true(gw_str_eq(entries[i].context.serial, GW_STR("GW-0001")));
    }
    gw_queue_reader_close(reader);
}

static enum gw_err fail_after(void *self, enum gw_store_step step) {
    struct append_failing *failing = self;
    if (step != failing->step) {
        return GW_OK;
    }
    if (failing->after > 0) {
        failing->after--;
        return GW_OK;
    }
    return failing->err;
}

void append_open_failing(struct gw_queue_fixture *f, struct append_failing *failing,
                         struct gw_store_probe *probe) {
    *failing = (struct append_failing){GW_STORE_BEGIN, UINT32_MAX, GW_ERR_IO};
    *probe = (struct gw_store_probe){fail_after, failing};
    f->options.probe = probe;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
}

struct gw_bytes append_bytes(const char *s) {
    return gw_bytes_from_str(gw_str_from_cstr(s));
}
