/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gwctl audit verify`: the chain as the store keeps it. The oldest entries are
 * dropped when the trail is full, so the chain may begin anywhere; from its first
 * entry on, each number follows the one before and each hash covers it. Entry 1
 * has no predecessor: its previous hash is zeros.
 */
#include "firmware/base/cleanup.h"
#include "firmware/health/health.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"
#include "tools/gwctl/store_reader.h"

#include <string.h>

#define KEY_BYTES 8
#define TEXT_BYTES 8192

GW_DEFINE_CLEANUP(struct gw_queue_reader *, gw_queue_reader_close, reader_closep)

struct walk {
    uint64_t count;
    uint64_t first;
    uint64_t last;
    uint8_t last_hash[32];
    uint64_t broken_at; /* 0 = whole so far */
    const char *reason;
    char text[TEXT_BYTES];
};

static uint64_t key_number(struct gw_bytes key) {
    uint64_t number = 0;
    for (size_t i = 0; i < key.len && i < KEY_BYTES; i++) {
        number = number << 8 | key.ptr[i];
    }
    return number;
}

static bool break_off(struct walk *walk, uint64_t number, const char *reason) {
    walk->broken_at = number;
    walk->reason = reason;
    return false;
}

static bool verify_entry(void *context, struct gw_bytes key, struct gw_bytes value) {
    struct walk *walk = context;
    if (key.len != KEY_BYTES) {
        return true; /* the chain's head and the like */
    }
    static const uint8_t none[32];
    uint64_t number = key_number(key);
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
    enum gw_err err = gw_queue_reader_state_each(reader, GW_STR("audit"), verify_entry, &walk);
    if (err && err != GW_ERR_NOENT) {
        return gw_gwctl_fail(ctl, "the audit trail cannot be read: %s", gw_err_name(err));
    }
    return report(ctl, &walk);
}
