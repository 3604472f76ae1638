/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of each command that was taken, in the state table "modbus.writes":
 *
 *   "c:" id          -> the record, as lines of text (write_log.c)
 *   "o:" u64 ordinal -> id, so that the oldest can be found
 *   "n"              -> u64 ordinal of the newest
 *
 * A record begins as an intent, before anything is written on the wire, and becomes a
 * result. The newest GW_MODBUS_WRITES_KEPT are kept.
 */
#ifndef GW_MODBUS_WRITE_LOG_H
#define GW_MODBUS_WRITE_LOG_H

#include "drivers/modbus/write_value.h"
#include "firmware/intake/intake.h"

#define GW_MODBUS_WRITES_TABLE GW_STR("modbus.writes")
#define GW_MODBUS_WRITES_KEPT 4096
#define GW_MODBUS_COMMAND_ID_MAX 64
#define GW_MODBUS_ACTOR_MAX 128
#define GW_MODBUS_RESULT_MAX_BYTES 2048
#define GW_MODBUS_RECORD_MAX_BYTES (GW_MODBUS_RESULT_MAX_BYTES + 1024)

enum gw_modbus_outcome {
    GW_MODBUS_WRITE_DONE,        /* confirmed, and reads back as written */
    GW_MODBUS_WRITE_REFUSED,     /* not allowed: nothing was sent */
    GW_MODBUS_WRITE_EXPIRED,     /* its time ran out before it was sent */
    GW_MODBUS_WRITE_FAILED,      /* the unit did not do it, or was not reached */
    GW_MODBUS_WRITE_UNKNOWN,     /* sent; whether it took effect is not certain */
    GW_MODBUS_WRITE_INTERRUPTED, /* the gateway ended in between: not repeated */
    GW_MODBUS_WRITE_OUTCOMES
};
/* "done", "refused", ... Static storage. */
const char *gw_modbus_outcome_name(enum gw_modbus_outcome outcome);

/* A command as it is remembered. Texts are NUL-terminated. */
struct gw_modbus_record {
    uint64_t ordinal; /* 0 = not stored yet */
    char id[GW_MODBUS_COMMAND_ID_MAX + 1];
    char bus[64], name[64];
    bool has_place; /* unit, area and address are known */
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address;
    char value[GW_MODBUS_VALUE_MAX_BYTES + 1];
    uint16_t word_count; /* what was to be written; 0 = it did not come to that */
    uint16_t words[GW_MODBUS_WRITE_WORDS];
    char actor[GW_MODBUS_ACTOR_MAX + 1], via[32];
    int64_t time_wall_ms; /* when it was taken */
    bool has_result;
    enum gw_modbus_outcome outcome;
    char result[GW_MODBUS_RESULT_MAX_BYTES]; /* data of its command.result event */
};

/* Do both want the same value at the same place? */
bool gw_modbus_record_is_same(const struct gw_modbus_record *a,
                              const struct gw_modbus_record *b);
/* Append the value of the record's entry. FULL. */
enum gw_err gw_modbus_record_format(const struct gw_modbus_record *record, struct gw_buf *buf);
/* What gw_modbus_record_format wrote, of the command `id`. CORRUPT. */
enum gw_err gw_modbus_record_parse(struct gw_str id, struct gw_str text,
                                   struct gw_modbus_record *ret_record);

/* The record of `id` as of the last commit. NOENT, CORRUPT, IO. */
enum gw_err gw_modbus_record_get(const struct gw_intake *intake, struct gw_str id,
                                 struct gw_modbus_record *ret_record);
/* Ordinal of the newest, 0 if there is none. IO. */
enum gw_err gw_modbus_record_newest(const struct gw_intake *intake, uint64_t *ret_ordinal);
/* Every record, in no order, until `each` says false. IO; damaged records are passed over. */
typedef bool gw_modbus_record_taker(void *context, const struct gw_modbus_record *record);
enum gw_err gw_modbus_record_each(const struct gw_intake *intake, gw_modbus_record_taker *each,
                                  void *context);
/* The first record that has no result and that `skip` does not want skipped. NOENT, IO;
 * damaged records are passed over. */
typedef bool gw_modbus_record_skip(void *context, struct gw_str id);
enum gw_err gw_modbus_record_find_intent(const struct gw_intake *intake,
                                         gw_modbus_record_skip *skip, void *context,
                                         struct gw_modbus_record *ret_record);

/* The changes that store a record, with all that their views point to. */
#define GW_MODBUS_RECORD_CHANGES 5
struct gw_modbus_record_changes {
    struct gw_state_change changes[GW_MODBUS_RECORD_CHANGES];
    size_t count;
    char key[2 + GW_MODBUS_COMMAND_ID_MAX], old_key[2 + GW_MODBUS_COMMAND_ID_MAX];
    char old_id[GW_MODBUS_COMMAND_ID_MAX];
    uint8_t order_key[10], old_order_key[10], newest[8];
    uint8_t value[GW_MODBUS_RECORD_MAX_BYTES];
};
/* Fill it. A record whose ordinal is newer than `newest` becomes the newest and pushes
 * the oldest out. FULL. */
enum gw_err gw_modbus_record_store(const struct gw_intake *intake,
                                   const struct gw_modbus_record *record, uint64_t newest,
                                   struct gw_modbus_record_changes *ret_changes);

#endif
