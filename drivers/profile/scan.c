/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frame of a scanner to its codes. `raw` is never touched; `code` is what is
 * left without prefix, suffix and AIM identifier, with the group separators put
 * back. A repeat within the window is marked, not swallowed: whoever books scans
 * decides what a second reading means.
 */
#include <string.h>

#include "drivers/profile/feed_internal.h"
#include "drivers/profile/observe.h"

#define GROUP_SEPARATOR '\x1d'

static struct gw_str strip_around(const struct gw_profile_scan *scan, struct gw_str text,
                                  unsigned *remarks) {
    struct gw_str prefix = gw_str_from_cstr(scan->prefix);
    struct gw_str suffix = gw_str_from_cstr(scan->suffix);
    if (gw_str_starts_with(text, prefix)) {
        text = gw_str_sub(text, prefix.len, text.len);
    } else {
        *remarks |= GW_REMARK_PREFIX_MISSING;
    }
    if (gw_str_ends_with(text, suffix)) {
        text = gw_str_sub(text, 0, text.len - suffix.len);
    } else {
        *remarks |= GW_REMARK_SUFFIX_MISSING;
    }
    return text;
}

static bool is_no_read(const struct gw_profile_scan *scan, struct gw_str code) {
    for (size_t i = 0; i < scan->no_read_count; i++) {
        if (gw_str_eq(code, gw_str_from_cstr(scan->no_read[i]))) {
            return true;
        }
    }
    return false;
}

/* The AIM identifier is in front; without one, and where one must be, a remark. */
static struct gw_str take_aim(const struct gw_profile_scan *scan, struct gw_str code,
                              struct gw_observed_item *item) {
    size_t aim_len = scan->aim == GW_AIM_OFF ? 0 : gw_observe_aim_len(code);
    if (aim_len == 0 && scan->aim == GW_AIM_ON) {
        item->remarks |= GW_REMARK_AIM_MISSING;
    }
    item->aim = gw_str_sub(code, 0, aim_len);
    return gw_str_sub(code, aim_len, code.len);
}

/* Length of the substitute that `text` begins with, the longest if several do. */
static size_t substitute_len(const struct gw_profile_scan *scan, struct gw_str text) {
    size_t longest = 0;
    for (size_t i = 0; i < scan->gs_substitute_count; i++) {
        struct gw_str substitute = gw_str_from_cstr(scan->gs_substitutes[i]);
        if (substitute.len > longest && gw_str_starts_with(text, substitute)) {
            longest = substitute.len;
        }
    }
    return longest;
}

/* Where the next substitute may begin: most codes have few such characters. */
static size_t skip_plain(const struct gw_feed *feed, struct gw_str code, size_t from) {
    size_t at = from;
    while (at < code.len && !feed->begins_substitute[(unsigned char) code.ptr[at]]) {
        at++;
    }
    return at;
}

/* A separator is one byte and no substitute is shorter: the copy always fits. */
static struct gw_str restore_separators(struct gw_feed *feed, struct gw_str code,
                                        struct gw_observed_item *item) {
    const struct gw_profile_scan *scan = &feed->options.profile->scan;
    if (scan->gs_substitute_count == 0) {
        return code;
    }
    size_t from = feed->text.len;
    bool has_replaced = false;
    for (size_t at = 0; at < code.len;) {
        size_t plain_end = skip_plain(feed, code, at);
        gw_buf_put_str(&feed->text, gw_str_sub(code, at, plain_end - at));
        at = plain_end;
        size_t len = substitute_len(scan, gw_str_sub(code, at, code.len));
        if (at < code.len) {
            gw_buf_put_char(&feed->text, len > 0 ? GROUP_SEPARATOR : code.ptr[at]);
            has_replaced |= len > 0;
            at += len > 0 ? len : 1;
        }
    }
    if (!has_replaced || gw_buf_failed(&feed->text)) {
        gw_buf_rewind(&feed->text, from);
        return code;
    }
    item->remarks |= GW_REMARK_GS_REPLACED;
    return gw_str_sub(gw_buf_str(&feed->text), from, SIZE_MAX);
}

/* ---- repeats ---- */

/* FNV-1a, 64 bits. It only marks, so a made collision does no harm. */
static uint64_t hash_of(struct gw_bytes bytes) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * UINT64_C(1099511628211);
    }
    return hash | 1;
}

static int64_t last_use(const struct gw_recent_code *entry) {
    return entry->hash == 0 ? INT64_MIN : entry->seen_mono_ms;
}

/* The entry of the code, else the one to use for it. */
static struct gw_recent_code *find_recent(struct gw_feed *feed, uint64_t hash) {
    struct gw_recent_code *oldest = &feed->recent[0];
    for (size_t i = 0; i < GW_RECENT_CODES; i++) {
        struct gw_recent_code *entry = &feed->recent[i];
        if (entry->hash == hash) {
            return entry;
        }
        oldest = last_use(entry) < last_use(oldest) ? entry : oldest;
    }
    return oldest;
}

static void mark_repeat(struct gw_feed *feed, struct gw_observed_item *item) {
    uint32_t window_ms = feed->options.profile->scan.repeat_ms;
    if (window_ms == 0 || feed->options.stateless) {
        return;
    }
    uint64_t hash = hash_of(item->raw);
    struct gw_recent_code *entry = find_recent(feed, hash);
    bool is_repeat = entry->hash == hash && feed->now_mono_ms - entry->seen_mono_ms < window_ms;
    entry->repeat = is_repeat ? entry->repeat + 1 : 0;
    entry->hash = hash;
    entry->seen_mono_ms = feed->now_mono_ms;
    if (is_repeat) {
        item->repeat = entry->repeat;
        item->remarks |= GW_REMARK_REPEATED;
    }
}

/* ---- codes ---- */

/* `code` is what stands in item->raw without prefix and suffix. */
static void take_stripped(struct gw_feed *feed, struct gw_str code,
                          struct gw_observed_item *item) {
    const struct gw_profile_scan *scan = &feed->options.profile->scan;
    size_t mark = feed->text.len;
    if (is_no_read(scan, code)) {
        item->kind = GW_OBSERVED_CONDITION;
        item->condition = GW_STR("no_read");
        item->remarks = 0;
        gw_feed_emit(feed, item);
        return;
    }
    item->gs1 = scan->gs1;
    item->no_aim = scan->aim == GW_AIM_OFF;
    struct gw_str rest = take_aim(scan, code, item);
    item->code = gw_bytes_from_str(restore_separators(feed, rest, item));
    mark_repeat(feed, item);
    gw_feed_emit(feed, item);
    gw_buf_rewind(&feed->text, mark);
}

void gw_feed_take_code(struct gw_feed *feed, struct gw_observed_item *item) {
    struct gw_str code = strip_around(&feed->options.profile->scan,
                                      gw_str_from_bytes(item->raw), &item->remarks);
    item->part = 1;
    item->parts = 1;
    take_stripped(feed, code, item);
}

/* Position of `word` in `text` at or after `from`, text.len if it is not there. */
static size_t find_text(struct gw_str text, struct gw_str word, size_t from) {
    for (size_t at = from; at + word.len <= text.len; at++) {
        if (memcmp(text.ptr + at, word.ptr, word.len) == 0) {
            return at;
        }
    }
    return text.len;
}

/* Codes of one trigger; empty parts (a separator at the end) are none. */
static uint32_t count_parts(struct gw_str text, struct gw_str separator) {
    uint32_t count = 0;
    for (size_t from = 0; from < text.len;) {
        size_t end = find_text(text, separator, from);
        count += end > from ? 1 : 0;
        from = end + separator.len;
    }
    return count;
}

static void take_parts(struct gw_feed *feed, struct gw_str text, struct gw_str separator,
                       unsigned remarks) {
    uint32_t parts = count_parts(text, separator);
    if (parts == 0 || parts > GW_FEED_BURST_MAX) {
        gw_feed_refuse(feed, text,
                       parts == 0 ? "nothing between the separators"
                                  : "more than 64 codes in one frame");
        return;
    }
    uint32_t part = 0;
    for (size_t from = 0; from < text.len;) {
        size_t end = find_text(text, separator, from);
        if (end > from) {
            struct gw_str code = gw_str_sub(text, from, end - from);
            struct gw_observed_item item = {
                .kind = GW_OBSERVED_SCAN,
                .raw = gw_bytes_from_str(code),
                .remarks = remarks,
                .part = ++part,
                .parts = parts,
            };
            take_stripped(feed, code, &item);
        }
        from = end + separator.len;
    }
}

void gw_feed_take_text(struct gw_feed *feed, const struct gw_frame *frame) {
    const struct gw_profile_scan *scan = &feed->options.profile->scan;
    struct gw_str separator = gw_str_from_cstr(scan->code_separator);
    if (frame->content.len == 0) {
        return;
    }
    unsigned remarks = frame->remarks;
    struct gw_str text = strip_around(scan, frame->content, &remarks);
    if (separator.len > 0 && find_text(text, separator, 0) < text.len) {
        take_parts(feed, text, separator, remarks);
        return;
    }
    if (text.len == 0) {
        gw_feed_refuse(feed, frame->content, "nothing between prefix and suffix");
        return;
    }
    struct gw_observed_item item = {
        .kind = GW_OBSERVED_SCAN,
        .raw = gw_bytes_from_str(frame->content),
        .remarks = remarks,
        .part = 1,
        .parts = 1,
    };
    take_stripped(feed, text, &item);
}
