/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: slots of one (epoch, class) rendered as one CloudEvents JSON array.
 *
 * A slot is one event, or one tombstone with the range it stands for. Slots are
 * contiguous: the range of each begins where the one before it ended. What the
 * store cannot give (a corrupt record, a hole) goes out as a tombstone with
 * reason "corrupt" in its slot, with the time of the letter that records it, so
 * that the same slot renders to the same bytes for ever.
 */
#ifndef GW_CLOUD_LINK_BATCH_H
#define GW_CLOUD_LINK_BATCH_H

#include "cloud-link/uplink/link_store.h"
#include "firmware/policy/verdict.h"
#include "firmware/queue/queue.h"

/* The queue as a seam: gw_queue_read of a reader, or a fake. */
struct gw_uplink_source {
    enum gw_err (*read)(void *self, const struct gw_queue_read_request *request,
                        struct gw_buf *storage, struct gw_queue_entry *entries,
                        size_t max_entries, size_t *ret_count);
    void *self;
};

struct gw_slot {
    uint64_t sequence;
    uint32_t span; /* sequences it stands for */
    bool is_tombstone;
    uint8_t verdict; /* enum gw_disposition, or GW_SLOT_UNNAMED */
};
#define GW_SLOT_UNNAMED 0xff

#define GW_BATCH_UNKNOWN_MAX 128

struct gw_batch {
    struct gw_slot *slots;
    size_t slot_max;
    size_t count;
    uint64_t first, last; /* sequences; last covers the last slot's span */
    uint64_t events;      /* slots that are no tombstones */
    int64_t oldest_recorded_wall_ms;
    bool was_cut; /* a limit ended it: there may be more */
    /* Of the build that answered SCHEMA: what was found and what is allowed. */
    char unknown[GW_BATCH_UNKNOWN_MAX];
};

/* Scratch shared by all batches of a sink: nothing in it outlives a call. */
struct gw_batch_scratch {
    struct gw_buf storage; /* records read */
    struct gw_queue_entry *entries;
    size_t entry_max;
    struct gw_buf record; /* a tombstone made here */
};
/* All of its memory. NOMEM; close it then too. */
enum gw_err gw_batch_scratch_open(struct gw_batch_scratch *scratch);
/* Harmless on a zeroed one. */
void gw_batch_scratch_close(struct gw_batch_scratch *scratch);

struct gw_batch_request {
    const struct gw_uplink_source *source;
    uint8_t epoch_index;
    enum gw_flow_class class;
    struct gw_epoch epoch;
    uint64_t from, to;      /* sequences wanted, at most */
    bool is_hole_confirmed; /* nothing stored at `from` is a loss, not a trim */
    uint64_t max_slots;
    size_t max_bytes; /* of the text; one slot may be larger */
    /* What is known of slots with letters: true if `sequence` goes out as a
     * tombstone, with its reason and time. Asked for sequences up to
     * letters_until, and for every slot that cannot be read; for those it makes
     * the letter if there is none yet. */
    uint64_t letters_until;
    enum gw_err (*tombstone)(void *context, uint64_t sequence, bool is_corrupt,
                             struct gw_str *ret_reason, int64_t *ret_time_wall_ms,
                             bool *ret_is_one);
    void *context;
    const struct gw_event_context *fallback; /* for records without their own */
};

/* Read and render into `text` (cleared first) and fill `batch` (count 0: nothing
 * there yet). RETRY: nothing is stored at `from`, though later records are; and
 * the errors of the source; SCHEMA if the first slot is more than this release
 * understands (a newer one wrote it): what is before such a slot goes first. */
enum gw_err gw_batch_build(struct gw_batch *batch, struct gw_batch_scratch *scratch,
                           const struct gw_batch_request *request, struct gw_buf *text);
/* Index of the slot that starts at `sequence`; NOENT. */
enum gw_err gw_batch_find(const struct gw_batch *batch, uint64_t sequence, size_t *ret_index);

#endif
