/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading side of a queue, made up on the fly: records of any sequence are
 * the same bytes each time. Spots say where something is wrong.
 */
#ifndef GW_TESTS_FAKES_FAKE_QUEUE_H
#define GW_TESTS_FAKES_FAKE_QUEUE_H

#include "firmware/queue/queue.h"

#define GW_FAKE_QUEUE_SPOTS 16

enum gw_fake_spot_kind {
    GW_FAKE_CORRUPT,   /* the record at `first` fails its checksum */
    GW_FAKE_HOLE,      /* nothing is stored in [first, last] */
    GW_FAKE_TOMBSTONE, /* [first, last], reason "evicted" */
    GW_FAKE_LARGE,     /* the record's data has `last` bytes of text */
    GW_FAKE_NEWER,     /* the record at `first` has the newer format `last` */
    GW_FAKE_RENDERER,  /* the record at `first` has the renderer version `last` */
    GW_FAKE_TYPE,      /* the record at `first` has the event type `last` */
};

struct gw_fake_spot {
    enum gw_fake_spot_kind kind;
    uint8_t epoch_index;
    enum gw_flow_class class;
    uint64_t first, last;
};

struct gw_fake_queue {
    struct gw_queue_epoch_view epochs[GW_QUEUE_MAX_EPOCHS];
    size_t epoch_count;
    struct gw_fake_spot spots[GW_FAKE_QUEUE_SPOTS];
    size_t spot_count;
    int64_t recorded_wall_ms; /* of every record */
    struct gw_event_context context;
    enum gw_err fail_with; /* what reads answer */
    uint64_t reads;
};

/* One own epoch, all classes empty. */
void gw_fake_queue_init(struct gw_fake_queue *fake, int64_t recorded_wall_ms);
/* The view of epoch `index`, added (empty) if it is new; the own one is last. */
struct gw_queue_epoch_view *gw_fake_queue_epoch(struct gw_fake_queue *fake, uint8_t index);
/* The class's last sequence of the own epoch. */
void gw_fake_queue_set_head(struct gw_fake_queue *fake, enum gw_flow_class class,
                            uint64_t last);
/* In the own epoch. */
void gw_fake_queue_add_spot(struct gw_fake_queue *fake, enum gw_fake_spot_kind kind,
                            enum gw_flow_class class, uint64_t first, uint64_t last);
/* As gw_queue_read; `self` is the fake. */
enum gw_err gw_fake_queue_read(void *self, const struct gw_queue_read_request *request,
                               struct gw_buf *storage, struct gw_queue_entry *entries,
                               size_t max_entries, size_t *ret_count);

#endif
