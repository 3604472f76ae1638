/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gwctl audit verify`: the chain as the store keeps it. The oldest entries are
 * dropped when the trail is full, so the chain may begin anywhere; from its first
 * entry on, each number follows the one before and each hash covers it. Entry 1
 * has no predecessor: its previous hash is zeros. The table also holds the
 * chain's head, so entries cut off at the end are noticed as well.
 *
 * Keys: u64 big-endian (so their first byte is 0) are entries, "head" is number
 * and hash of the newest; others belong to what was recorded.
 */
#include "firmware/base/cleanup.h"
#include "firmware/health/health.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"
#include "tools/gwctl/store_reader.h"

#include <string.h>

#define KEY_BYTES 8
#define HEAD_BYTES (KEY_BYTES + 32)
#define TEXT_BYTES 8192

GW_DEFINE_CLEANUP(struct gw_queue_reader *, gw_queue_reader_close, reader_closep)

struct walk {
    uint64_t count;
    uint64_t first;
    uint64_t last;
    uint8_t last_hash[32];
    uint64_t broken_at; /* 0 = whole so far */
    const char *reason;
    bool has_head;
    uint64_t head;
    uint8_t head_hash[32];
    char text[TEXT_BYTES];
};

static uint64_t decode_number(const uint8_t bytes[static KEY_BYTES]) {
    uint64_t number = 0;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static bool break_off(struct walk *walk, uint64_t number, const char *reason) {
    walk->broken_at = number;
    walk->reason = reason;
    return false;
}

static bool verify_entry(struct walk *walk, uint64_t number, struct gw_bytes value) {
    static const uint8_t none[32];
    struct gw_buf texts;
    gw_buf_init(&texts, walk->text, sizeof walk->text);
    struct gw_audit_entry entry;
    if (gw_audit_parse(gw_str_from_bytes(value), &texts, &entry) || entry.number != number) {
        return break_off(walk, number, "it is no audit entry of its number");
    }
    if (walk->count > 0 && number != walk->last + 1) {
        return break_off(walk, walk->last + 1, "it is missing");
    }
    const uint8_t *previous = walk->count > 0 ? walk->last_hash
                              : number == 1   ? none
                                              : entry.previous;
    if (gw_audit_check(&entry, previous)) {
        return break_off(walk, number, "it does not fit its hash or the entry before it");
    }
    walk->first = walk->count > 0 ? walk->first : number;
    walk->count++;
    walk->last = number;
    memcpy(walk->last_hash, entry.hash, sizeof walk->last_hash);
    return true;
}

static bool take_row(void *context, struct gw_bytes key, struct gw_bytes value) {
    struct walk *walk = context;
    if (key.len == KEY_BYTES && key.ptr[0] == 0) {
        return verify_entry(walk, decode_number(key.ptr), value);
    }
    if (gw_str_eq(gw_str_from_bytes(key), GW_STR("head")) && value.len == HEAD_BYTES) {
        walk->has_head = true;
        walk->head = decode_number(value.ptr);
        memcpy(walk->head_hash, value.ptr + KEY_BYTES, sizeof walk->head_hash);
    }
    return true;
}

static void verify_head(struct walk *walk) {
    if (walk->broken_at > 0) {
        return;
    }
    if (walk->count > 0 && !walk->has_head) {
        (void) break_off(walk, walk->last, "the head of the trail is missing");
    } else if (walk->has_head && walk->head != walk->last) {
        (void) break_off(walk, walk->last + 1, "it is missing");
    } else if (walk->has_head
               && memcmp(walk->head_hash, walk->last_hash, sizeof walk->head_hash) != 0) {
        (void) break_off(walk, walk->last, "it is not the one the head of the trail names");
    }
}

static int report(struct gw_gwctl *ctl, const struct walk *walk) {
    char hash[65] = "";
    if (walk->broken_at > 0) {
        return gw_gwctl_fail(ctl, "the audit trail is broken at entry %llu: %s",
                             (unsigned long long) walk->broken_at, walk->reason);
    }
    if (walk->count > 0) {
        gw_hex_format((struct gw_bytes){walk->last_hash, sizeof walk->last_hash}, hash);
    }
    if (ctl->arguments.json) {
        (void) fprintf(ctl->out,
                       "{\"entries\":%llu,\"first\":%llu,\"last\":%llu,\"hash\":\"%s\"}\n",
                       (unsigned long long) walk->count, (unsigned long long) walk->first,
                       (unsigned long long) walk->last, hash);
    } else if (walk->count == 0) {
        (void) fputs("the audit trail is empty\n", ctl->out);
    } else {
        (void) fprintf(ctl->out,
                       "the audit trail is whole: entries %llu to %llu, last hash %s\n",
                       (unsigned long long) walk->first, (unsigned long long) walk->last, hash);
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_audit_verify(struct gw_gwctl *ctl) {
    GW_CLEANUP(reader_closep) struct gw_queue_reader *reader = gw_gwctl_open_reader(ctl);
    if (!reader) {
        return GW_EXIT_FAILED;
    }
    struct walk walk = {0};
    enum gw_err err = gw_queue_reader_state_each(reader, GW_STR("audit"), take_row, &walk);
    if (err && err != GW_ERR_NOENT) {
        return gw_gwctl_fail(ctl, "the audit trail cannot be read: %s", gw_err_name(err));
    }
    verify_head(&walk);
    return report(ctl, &walk);
}
