/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link store: what gw-linkd must not forget, in a store of its own.
 *
 * Tables
 *   cursor  sink, epoch, class -> u64 last settled sequence. Written lazily: a
 *           crash only sends again what the centre then calls a duplicate.
 *   letter  sink, epoch, class, sequence (big-endian) -> a letter
 *   mark    sink, name -> u64
 * Keys begin with the length of the sink's name (u8) and the name; an epoch is
 * its 2 upper bits (u8) and 64 lower ones (big-endian); a class is a u8.
 *
 * A letter is what became of an event that was not simply accepted: rejected,
 * refused, in conflict, unreadable. It is committed before the cursor passes
 * its event, with the event's text, since the queue may trim the event after.
 *
 * The store is small (32 MiB) and shared by the sinks. New letters are refused before
 * it is full: what must always work (cursors, marks, a change to a letter, dropping
 * one) needs pages of its own.
 *
 * One process, one thread. Changes are made between begin and commit.
 */
#ifndef GW_CLOUD_LINK_LINK_STORE_H
#define GW_CLOUD_LINK_LINK_STORE_H

#include "firmware/event/event.h"
#include "firmware/store/store.h"

#define GW_LETTER_CODE_MAX 64
#define GW_LETTER_DETAIL_MAX 512
#define GW_LETTER_TYPE_MAX 64

/* Stored: never renumber. */
enum gw_letter_verdict {
    GW_LETTER_REJECTED = 1,     /* the centre said so of this event */
    GW_LETTER_REFUSED = 2,      /* alone it makes the centre refuse the request */
    GW_LETTER_SERVER_FAULT = 3, /* alone it makes the centre fail */
    GW_LETTER_CONFLICT = 4,     /* the centre holds other content under this id */
    GW_LETTER_CORRUPT = 5,      /* the stored record cannot be read */
};

struct gw_letter_key {
    struct gw_str sink;
    struct gw_epoch epoch;
    enum gw_flow_class class;
    uint64_t sequence;
};

struct gw_letter {
    enum gw_letter_verdict verdict;
    bool is_tombstone; /* the slot goes out as a tombstone: the centre does not
                          know of this event by any other way */
    bool retry_due;    /* a person asked to send it again */
    int64_t time_wall_ms;
    struct gw_str type; /* CloudEvents type, empty if unreadable */
    struct gw_str code;
    struct gw_str detail;
    struct gw_str event; /* rendered, empty if it could not be */
};

struct gw_link_store;

/* Folder created 0750 if missing. As gw_store_open; SCHEMA for a newer format. */
enum gw_err gw_link_store_open(const char *path, struct gw_link_store **ret_store);
/* The same on a store whose steps fail when the probe says so; for tests. */
enum gw_err gw_link_store_open_probed(const char *path, const struct gw_store_probe *probe,
                                      struct gw_link_store **ret_store);
/* An open change is given up. NULL is allowed. */
void gw_link_store_close(struct gw_link_store *store);
/* True if this open created it: nothing is remembered. */
bool gw_link_store_is_new(const struct gw_link_store *store);

/* Begin a change; INVALID if one is open. */
enum gw_err gw_link_store_begin(struct gw_link_store *store);
/* Durable or, on error, none of it. */
enum gw_err gw_link_store_commit(struct gw_link_store *store);
/* Give the open change up; harmless if there is none. */
void gw_link_store_abort(struct gw_link_store *store);

/* The rest works inside an open change or, for reading, on its own. */

/* key->sequence is not looked at. NOENT, CORRUPT, IO. */
enum gw_err gw_link_store_get_cursor(struct gw_link_store *store,
                                     const struct gw_letter_key *key, uint64_t *ret_cursor);
enum gw_err gw_link_store_put_cursor(struct gw_link_store *store,
                                     const struct gw_letter_key *key, uint64_t cursor);
enum gw_err gw_link_store_get_mark(struct gw_link_store *store, struct gw_str sink,
                                   struct gw_str name, uint64_t *ret_value);
enum gw_err gw_link_store_put_mark(struct gw_link_store *store, struct gw_str sink,
                                   struct gw_str name, uint64_t value);

/* Put or replace. Texts are cut at their maximum. FULL, IO; a new one is FULL when
 * there is no room for letters any more: then the change goes on as it was. */
enum gw_err gw_link_store_put_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key,
                                     const struct gw_letter *letter);
/* Would a letter of any size be taken? False inside a change. */
bool gw_link_store_has_room(struct gw_link_store *store);
/* Texts are copied into `storage` (appended). NOENT, FULL, CORRUPT, IO. */
enum gw_err gw_link_store_get_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key, struct gw_buf *storage,
                                     struct gw_letter *ret_letter);
enum gw_err gw_link_store_del_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key);

/* Views live during the callback, which must not change the store. Returns
 * false to stop. */
typedef bool gw_letter_each(void *context, const struct gw_letter_key *key,
                            const struct gw_letter *letter);
/* Letters of from->sink in key order, beginning at `from`. */
enum gw_err gw_link_store_each_letter(struct gw_link_store *store,
                                      const struct gw_letter_key *from, gw_letter_each *each,
                                      void *context);

#endif
