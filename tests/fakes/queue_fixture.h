/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue in a folder of its own, on a fake clock, with events that say which they
 * are: the data of event n is {"n":"<n>"} and filling.
 */
#ifndef GW_TESTS_FAKES_QUEUE_FIXTURE_H
#define GW_TESTS_FAKES_QUEUE_FIXTURE_H

#include "firmware/queue/queue.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_folder.h"

#define GW_FIXTURE_MAX_TOLD 200000

struct gw_queue_fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_queue_options options;
    struct gw_queue_opening opening; /* of the last open */
    struct gw_queue_witness witness; /* for the next open */
    struct gw_queue_writer *writer;
    struct gw_intake intake;
    /* Completions in the order they came: token and error. */
    uint64_t told_count;
    uint64_t *told_tokens;
    enum gw_err *told_errs;
    uint64_t next_token;
    uint64_t rings;
    size_t filling_bytes; /* of the next events' data */
};

/* Options as production's defaults but for a small map; the store is not opened. */
void gw_queue_fixture_init(struct gw_queue_fixture *f, uint64_t map_bytes);
/* Open (again); the fixture's writer is closed first if it is open. */
enum gw_err gw_queue_fixture_open(struct gw_queue_fixture *f);
/* Close in order. Harmless if it is not open. */
void gw_queue_fixture_close(struct gw_queue_fixture *f);
/* Close and remove the folder. */
void gw_queue_fixture_done(struct gw_queue_fixture *f);

/* Draft of event `n`; its texts live in `storage`. */
struct gw_event_draft gw_queue_fixture_draft(enum gw_flow_class class, uint64_t n,
                                             size_t filling_bytes, struct gw_buf *storage);
/* Submit one event as a unit with the next token. */
enum gw_err gw_queue_fixture_submit(struct gw_queue_fixture *f, enum gw_flow_class class,
                                    uint64_t n);
/* Submit `count` events n, n+1, ... in one commit; fails the test on errors. */
void gw_queue_fixture_append(struct gw_queue_fixture *f, enum gw_flow_class class, uint64_t n,
                             uint64_t count);
/* Number that the data of a record carries, UINT64_MAX if it is not one of ours. */
uint64_t gw_queue_fixture_number(const struct gw_record *record);
struct gw_queue_figures gw_queue_fixture_figures(struct gw_queue_fixture *f);
/* Progress of the own epoch as it is now: all zero but heads. */
struct gw_queue_progress gw_queue_fixture_progress(struct gw_queue_fixture *f);
/* Tell that all of every class up to the head is acknowledged. */
void gw_queue_fixture_ack_all(struct gw_queue_fixture *f);

#endif
