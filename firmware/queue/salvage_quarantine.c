/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quarantine of a store that was set aside. Entries get new numbers here, so
 * nothing in them tells whether they were taken over by a call that failed half-way:
 * the root table keeps, for the last store salvaged, up to which of its numbers they
 * were, in the commits that hold them.
 *
 *   salvaged_quarantine -> crc | str epoch of that store | u64 number
 */
#include <string.h>

#include "firmware/queue/pack.h"
#include "firmware/queue/salvage.h"

#define ROOT_KEY "salvaged_quarantine"

static struct gw_str epoch_of(const struct salvage *salvage,
                              char text[static GW_EPOCH_TEXT_LEN + 1]) {
    text[0] = '\0';
    if (salvage->old[0].has_epoch) {
        gw_epoch_format(salvage->old[0].books.epoch, text);
    }
    return gw_str_from_cstr(text);
}

static enum gw_err read_done(struct salvage *salvage) {
    struct gw_queue_writer *writer = salvage->writer;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    struct gw_bytes value;
    salvage->has_quarantine_done = true;
    enum gw_err err =
        gw_store_get(writer->txn, writer->tables.root, queue_root_key(ROOT_KEY), &value);
    if (err) {
        return err == GW_ERR_NOENT ? GW_OK : err;
    }
    struct unpack unpack;
    if (unpack_start(&unpack, value)
        && gw_str_eq(unpack_str(&unpack), epoch_of(salvage, epoch))) {
        salvage->quarantine_done = unpack_u64(&unpack);
    }
    return GW_OK;
}

static enum gw_err write_done(struct salvage *salvage, uint64_t number) {
    struct gw_queue_writer *writer = salvage->writer;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    uint8_t storage[64];
    struct pack pack = pack_start(storage, sizeof(storage));
    pack_str(&pack, epoch_of(salvage, epoch));
    pack_u64(&pack, number);
    return gw_store_put(writer->txn, writer->tables.root, queue_root_key(ROOT_KEY),
                        pack_seal(&pack));
}

enum gw_err salvage_take_quarantined(struct salvage *salvage, uint64_t number,
                                     struct gw_bytes value) {
    struct gw_quarantine_view view;
    if (number == 0) {
        return GW_OK; /* how many it had evicted */
    }
    if (!queue_quarantine_decode(number, value, &view)) {
        salvage->result.quarantine_damaged++;
        return GW_OK;
    }
    salvage->found_any = true;
    enum gw_err err = salvage->has_quarantine_done ? GW_OK : read_done(salvage);
    if (err) {
        return err;
    }
    if (number <= salvage->quarantine_done) {
        salvage->result.quarantine_recovered++;
        return GW_OK;
    }
    uint64_t cost = 0;
    err = queue_quarantine_adopt(salvage->writer, &view, &cost);
    if (err == GW_ERR_FULL && salvage->writer->txn) {
        salvage->result.quarantine_left++;
        return GW_OK;
    }
    if (!err) {
        err = write_done(salvage, number);
    }
    if (err) {
        return err;
    }
    salvage->result.quarantine_recovered++;
    return salvage_next_batch(salvage, cost);
}
