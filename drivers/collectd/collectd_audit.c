/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit chain: each entry is an audit.recorded event and a row of the state
 * table "audit", in one commit, with the chain's head.
 *
 *   key  u64 big-endian number   value  the entry as JSON (newest ENTRIES_MAX)
 *   key  "head"                  value  u64 big-endian number, 32 bytes hash
 *   longer keys                  what must change together with an entry: the ids
 *                                of submitted entries (collectd_submit.c), retried
 *                                quarantine entries (collectd_quarantine.c)
 *
 * The head in memory moves only after the commit, so a commit that failed leaves
 * no gap: the number is used again by the next entry. Entries are rare, each is a
 * commit of its own.
 */
#include "drivers/collectd/collectd_internal.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

#define HEAD_KEY GW_STR("head")
#define HEAD_BYTES (8 + GW_SHA256_BYTES)
#define ENTRIES_MAX 10000
/* So that ENTRIES_MAX of them stay below the quota of the state table (16 MiB). */
#define ENTRY_MAX_BYTES 1500

enum gw_err gw_collectd_load_chain(struct gw_collectd *collectd) {
    uint8_t storage[HEAD_BYTES];
    struct gw_buf head;
    gw_buf_init(&head, storage, sizeof storage);
    enum gw_err err = collectd->intake.state_get(collectd->intake.self, GW_COLLECTD_TABLE,
                                                 gw_bytes_from_str(HEAD_KEY), &head);
    collectd->chain = (struct gw_collectd_chain){0};
    if (err == GW_ERR_NOENT) {
        return GW_OK;
    }
    if (err || head.len != HEAD_BYTES) {
        /* A chain that cannot go on begins again, for everybody to see. */
        gw_health_raise(collectd->health, GW_ISSUE_AUDIT_CHAIN, (struct gw_str){0},
                        "the chain's head cannot be read (%s); a new chain begins",
                        gw_err_name(err));
        return err == GW_ERR_IO ? err : GW_OK;
    }
    collectd->chain.number = gw_collectd_decode_number(storage);
    memcpy(collectd->chain.hash, storage + 8, GW_SHA256_BYTES);
    return GW_OK;
}

/* Everything of one entry that the unit's views point to. */
struct pending_entry {
    struct gw_audit_entry entry;
    uint8_t key[8], old_key[8], head[HEAD_BYTES];
    uint8_t json[ENTRY_MAX_BYTES];
    size_t json_len;
};

static enum gw_err seal(struct gw_collectd *collectd, const struct gw_collectd_audit *audit,
                        struct pending_entry *pending) {
    pending->entry = (struct gw_audit_entry){
        .number = collectd->chain.number + 1,
        .time_wall_ms = gw_clock_wall_ms(&collectd->clock),
        .actor = audit->actor,
        .action = audit->action,
        .target = audit->target,
        .outcome = audit->outcome,
        .detail = audit->detail,
    };
    gw_audit_seal(&pending->entry, collectd->chain.hash);
    struct gw_buf json;
    gw_buf_init(&json, pending->json, sizeof pending->json);
    enum gw_err err = gw_audit_format(&pending->entry, &json);
    if (err) {
        return err == GW_ERR_FULL ? GW_ERR_RANGE : err;
    }
    pending->json_len = json.len;
    gw_collectd_encode_number(pending->key, pending->entry.number);
    gw_collectd_encode_number(pending->head, pending->entry.number);
    memcpy(pending->head + 8, pending->entry.hash, GW_SHA256_BYTES);
    if (pending->entry.number > ENTRIES_MAX) {
        gw_collectd_encode_number(pending->old_key, pending->entry.number - ENTRIES_MAX);
    }
    return GW_OK;
}

static enum gw_err commit_entry(struct gw_collectd *collectd,
                                const struct pending_entry *pending,
                                const struct gw_unit *with) {
    struct gw_bytes json = {pending->json, pending->json_len};
    struct gw_event_draft events[GW_COLLECTD_WITH_EVENTS_MAX + 1];
    struct gw_state_change changes[GW_COLLECTD_WITH_CHANGES_MAX + 3];
    struct gw_unit whole = {
        .state_table = GW_COLLECTD_TABLE, .events = events, .changes = changes};
    if (with) {
        whole.second_table = with->second_table;
        whole.second_changes = with->second_changes;
        whole.second_change_count = with->second_change_count;
    }
    for (size_t i = 0; with && i < with->event_count; i++) {
        events[whole.event_count++] = with->events[i];
    }
    for (size_t i = 0; with && i < with->change_count; i++) {
        changes[whole.change_count++] = with->changes[i];
    }
    events[whole.event_count++] = (struct gw_event_draft){
        .type = GW_EVENT_AUDIT_RECORDED,
        .class = GW_CLASS_AUDIT,
        .time_wall_ms = pending->entry.time_wall_ms,
        .device = GW_STR("gateway"),
        .data = gw_str_from_bytes(json),
    };
    changes[whole.change_count++] =
        (struct gw_state_change){.key = {pending->key, 8}, .value = json};
    changes[whole.change_count++] = (struct gw_state_change){
        .key = gw_bytes_from_str(HEAD_KEY), .value = {pending->head, HEAD_BYTES}};
    if (pending->entry.number > ENTRIES_MAX) {
        changes[whole.change_count++] = (struct gw_state_change){.key = {pending->old_key, 8}};
    }
    return gw_collectd_commit_unit(collectd, &whole);
}

enum gw_err gw_collectd_audit(struct gw_collectd *collectd,
                              const struct gw_collectd_audit *audit,
                              const struct gw_unit *with) {
    if (with
        && (with->event_count > GW_COLLECTD_WITH_EVENTS_MAX
            || with->change_count > GW_COLLECTD_WITH_CHANGES_MAX)) {
        return GW_ERR_RANGE;
    }
    struct pending_entry pending = {0};
    enum gw_err err = seal(collectd, audit, &pending);
    if (!err) {
        err = commit_entry(collectd, &pending, with);
    }
    if (err) {
        gw_log_warning(GW_COLLECTD_ROOM, "audit entry not stored action=%.*s err=%s",
                       GW_STR_ARG(audit->action), gw_err_name(err));
        return err;
    }
    collectd->chain.number = pending.entry.number;
    memcpy(collectd->chain.hash, pending.entry.hash, GW_SHA256_BYTES);
    return GW_OK;
}
