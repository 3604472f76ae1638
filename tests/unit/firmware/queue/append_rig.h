/* SPDX-License-Identifier: Apache-2.0 */
/* An open queue with a small map, what it holds, and a store that fails on demand. */
#ifndef GW_TESTS_UNIT_FIRMWARE_QUEUE_APPEND_RIG_H
#define GW_TESTS_UNIT_FIRMWARE_QUEUE_APPEND_RIG_H

#include "firmware/store/store.h"
#include "tests/fakes/queue_fixture.h"

/* The state is a struct gw_queue_fixture. */
int append_setup(void **state);
int append_teardown(void **state);

/* Of that class, now. */
struct gw_queue_class_figures append_figures(struct gw_queue_fixture *f,
                                             enum gw_flow_class class);
/* Read `count` entries of a class beside the writer, all sound. */
void append_assert_numbers(struct gw_queue_fixture *f, enum gw_flow_class class, uint64_t from,
                           uint64_t count, uint64_t first_number);

struct append_failing {
    enum gw_store_step step;
    unsigned after; /* this many pass, then all fail */
    enum gw_err err;
};

/* Open again on a store that fails as `failing` says (never, to begin with). Both are asked
 * until the fixture is closed. */
void append_open_failing(struct gw_queue_fixture *f, struct append_failing *failing,
                         struct gw_store_probe *probe);

/* The text without its NUL; as long as the text lives. */
struct gw_bytes append_bytes(const char *s);

#endif
