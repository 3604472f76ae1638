/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_queue.h"

#include <stdio.h>
#include <string.h>

void gw_fake_queue_init(struct gw_fake_queue *fake, int64_t recorded_wall_ms) {
    memset(fake, 0, sizeof(*fake));
    fake->recorded_wall_ms = recorded_wall_ms;
    fake->context = (struct gw_event_context){
        .serial = GW_STR("GW-TEST-1"),
        .site = GW_STR("site-1"),
        .zone = GW_STR("Europe/Berlin"),
    };
    (void) gw_fake_queue_epoch(fake, GW_EPOCH_INDEX_OWN);
}

struct gw_queue_epoch_view *gw_fake_queue_epoch(struct gw_fake_queue *fake, uint8_t index) {
    size_t at = 0;
    while (at < fake->epoch_count && fake->epochs[at].index < index) {
        at++;
    }
    if (at == fake->epoch_count || fake->epochs[at].index != index) {
        memmove(&fake->epochs[at + 1], &fake->epochs[at],
                (fake->epoch_count - at) * sizeof(fake->epochs[0]));
        fake->epoch_count++;
        fake->epochs[at] = (struct gw_queue_epoch_view){
            .index = index, .epoch = {1, UINT64_C(0x1122334455667700) + index}};
        for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
            fake->epochs[at].ranges[class] = (struct gw_queue_range){1, 0};
        }
    }
    return &fake->epochs[at];
}

void gw_fake_queue_set_head(struct gw_fake_queue *fake, enum gw_flow_class class,
                            uint64_t last) {
    gw_fake_queue_epoch(fake, GW_EPOCH_INDEX_OWN)->ranges[class].last = last;
}

void gw_fake_queue_add_spot(struct gw_fake_queue *fake, enum gw_fake_spot_kind kind,
                            enum gw_flow_class class, uint64_t first, uint64_t last) {
    fake->spots[fake->spot_count++] =
        (struct gw_fake_spot){kind, GW_EPOCH_INDEX_OWN, class, first, last};
}

static const struct gw_fake_spot *find_spot(const struct gw_fake_queue *fake,
                                            const struct gw_queue_read_request *request,
                                            uint64_t sequence) {
    for (size_t i = 0; i < fake->spot_count; i++) {
        const struct gw_fake_spot *spot = &fake->spots[i];
        uint64_t last = spot->kind >= GW_FAKE_LARGE ? spot->first : spot->last;
        if (spot->epoch_index == request->epoch_index
            && spot->class == request->class && sequence >= spot->first && sequence <= last) {
            return spot;
        }
    }
    return NULL;
}

static enum gw_err encode(const struct gw_fake_queue *fake, const struct gw_record_stamp *stamp,
                          const struct gw_fake_spot *spot, uint64_t sequence,
                          struct gw_buf *storage, size_t *ret_len) {
    static char data[GW_EVENT_DATA_MAX_BYTES];
    uint8_t *dst = storage->data + storage->len;
    if (spot && spot->kind == GW_FAKE_TOMBSTONE) {
        return gw_record_encode_tombstone(stamp, spot->last, spot->last - spot->first + 1,
                                          GW_STR("evicted"), dst, gw_buf_space(storage),
                                          ret_len);
    }
    size_t filler = spot && spot->kind == GW_FAKE_LARGE ? spot->last : 0;
    int n = snprintf(data, sizeof(data), "{\"raw\":\"code %llu %0*d\"}",
                     (unsigned long long) sequence, (int) filler + 1, 0);
    struct gw_event_draft draft = {
        .type = GW_EVENT_SCAN_OBSERVED,
        .time_wall_ms = fake->recorded_wall_ms,
        .device = GW_STR("scanner-1"),
        .data = {data, (size_t) n},
        .trace = {{1, 2, 3}, {4, 5, 6}},
    };
    return gw_record_encode(&draft, stamp, dst, gw_buf_space(storage), ret_len);
}

/* The record at or behind *sequence, which is moved there. */
static enum gw_err put_entry(const struct gw_fake_queue *fake,
                             const struct gw_queue_read_request *request,
                             const struct gw_queue_epoch_view *view, uint64_t *sequence,
                             struct gw_buf *storage, struct gw_queue_entry *entry) {
    const struct gw_fake_spot *spot = find_spot(fake, request, *sequence);
    if (spot && spot->kind == GW_FAKE_HOLE) {
        *sequence = spot->last + 1;
        spot = find_spot(fake, request, *sequence);
    }
    if (spot && spot->kind == GW_FAKE_TOMBSTONE) {
        *sequence = spot->first;
    }
    memset(entry, 0, sizeof(*entry));
    entry->context = fake->context;
    entry->context.epoch = view->epoch;
    struct gw_record_stamp stamp = {
        .id = gw_event_id_make(request->class, *sequence, view->epoch),
        .recorded_wall_ms = fake->recorded_wall_ms,
        .clock_quality = GW_CLOCK_SYNCHRONISED,
        .context = &entry->context,
    };
    bool is_newer = spot && spot->kind == GW_FAKE_NEWER;
    if (is_newer || (spot && spot->kind == GW_FAKE_CORRUPT)) {
        entry->err = is_newer ? GW_ERR_SCHEMA : GW_ERR_CORRUPT;
        entry->newer_format = is_newer ? (uint8_t) spot->last : 0;
        entry->record.class = request->class;
        entry->record.sequence = *sequence;
        entry->record.epoch = view->epoch;
        return GW_OK;
    }
    size_t len;
    enum gw_err err = encode(fake, &stamp, spot, *sequence, storage, &len);
    if (err) {
        return err;
    }
    struct gw_bytes bytes = {storage->data + storage->len, len};
    storage->len += len;
    err = gw_record_decode(bytes, &entry->record);
    if (spot && spot->kind == GW_FAKE_RENDERER) {
        entry->record.renderer_version = (uint16_t) spot->last;
    } else if (spot && spot->kind == GW_FAKE_TYPE) {
        entry->record.type = (enum gw_event_type) spot->last;
    }
    return err;
}

enum gw_err gw_fake_queue_read(void *self, const struct gw_queue_read_request *request,
                               struct gw_buf *storage, struct gw_queue_entry *entries,
                               size_t max_entries, size_t *ret_count) {
    struct gw_fake_queue *fake = self;
    const struct gw_queue_epoch_view *view = gw_fake_queue_epoch(fake, request->epoch_index);
    const struct gw_queue_range *range = &view->ranges[request->class];
    size_t limit = request->max_events < max_entries ? request->max_events : max_entries;
    uint64_t sequence = request->from > range->first ? request->from : range->first;
    size_t count = 0;
    fake->reads++;
    if (fake->fail_with) {
        return fake->fail_with;
    }
    while (count < limit && sequence <= range->last) {
        enum gw_err err = put_entry(fake, request, view, &sequence, storage, &entries[count]);
        if (err == GW_ERR_FULL && count > 0) {
            break;
        }
        if (err) {
            return err;
        }
        const struct gw_queue_entry *entry = &entries[count++];
        sequence = (entry->err ? sequence : entry->record.last_sequence) + 1;
    }
    *ret_count = count;
    return GW_OK;
}
