/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture has no time in it. So no time passes while it is read, and its end is
 * the end of the line, unless it is a timed one: lines of "<milliseconds> <hex
 * bytes>", the bytes may be missing.
 */
#include "tools/gwctl/profile_feed.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/clock.h"
#include "tools/gwctl/gwctl.h"

#define CHUNK_BYTES 4096
#define LINE_BYTES 8192

GW_DEFINE_CLEANUP(struct gw_feed *, gw_feed_close, feed_closep)

struct printing {
    FILE *out;
    bool as_events;
    struct gw_buf line;
    bool has_failed;
};

static void put_text(struct gw_buf *line, const char *name, struct gw_str text) {
    if (text.len > 0) {
        gw_buf_printf(line, ",\"%s\":", name);
        gw_buf_put_json_str(line, text);
    }
}

/* Without what the gateway adds: ids, numbers, its clock. What is not an event goes to the
 * quarantine, and is shown as it is. */
static enum gw_err put_event(const struct gw_observed_item *item, struct gw_buf *line) {
    const struct gw_feed_event event = {.device = GW_STR("device"), .class = GW_CLASS_BUSINESS};
    struct gw_event_draft draft;
    enum gw_err err = gw_feed_draft(item, &event, line, &draft);
    if (err) {
        return gw_feed_put_json(item, line);
    }
    const char *type = gw_event_type_find(draft.type)->name;
    size_t from = line->len; /* the draft is a view of what stands before */
    gw_buf_printf(line, "{\"type\":\"%s\"", type);
    put_text(line, "subject", draft.subject);
    put_text(line, "partitionkey", draft.partition_key);
    if (draft.time_wall_ms != 0) {
        gw_buf_put_str(line, GW_STR(",\"time\":\""));
        gw_time_put(line, draft.time_wall_ms);
        gw_buf_put_char(line, '"');
    }
    gw_buf_put_str(line, GW_STR(",\"data\":"));
    gw_buf_put_str(line, draft.data);
    gw_buf_put_char(line, '}');
    if (gw_buf_failed(line)) {
        return GW_ERR_FULL;
    }
    size_t len = line->len - from;
    memmove(line->data, line->data + from, len);
    gw_buf_rewind(line, len);
    return GW_OK;
}

static bool print_item(void *context, const struct gw_observed_item *item) {
    struct printing *printing = context;
    gw_buf_clear(&printing->line);
    enum gw_err err = printing->as_events ? put_event(item, &printing->line)
                                          : gw_feed_put_json(item, &printing->line);
    if (err) {
        printing->has_failed = true;
        return true;
    }
    (void) fwrite(printing->line.data, 1, printing->line.len, printing->out);
    (void) fputc('\n', printing->out);
    (void) fflush(printing->out); /* a technician watches a pipe */
    return true;
}

static void feed_plain(const struct gw_gwctl *ctl, struct gw_feed *feed, FILE *in) {
    uint8_t chunk[CHUNK_BYTES];
    size_t most = sizeof chunk;
    if (ctl->arguments.has_split && ctl->arguments.split < most) {
        most = (size_t) ctl->arguments.split;
    }
    ssize_t len;
    /* As it comes: the other end of the pipe may be a device. */
    while ((len = read(fileno(in), chunk, most)) > 0) {
        (void) gw_feed_push(feed, (struct gw_bytes){chunk, (size_t) len}, 0);
    }
    gw_feed_end(feed, 0);
}

/* One line of a timed capture. */
static bool feed_line(struct gw_feed *feed, struct gw_str line, int64_t *now_mono_ms) {
    uint8_t bytes[LINE_BYTES / 2];
    struct gw_str rest = gw_str_trim(line);
    struct gw_str time;
    int64_t at = 0;
    if (rest.len == 0 || rest.ptr[0] == '#') {
        return true;
    }
    if (!gw_str_split(&rest, ' ', &time) || gw_str_to_i64(time, *now_mono_ms, INT32_MAX, &at)) {
        return false;
    }
    struct gw_str hex = gw_str_trim(rest);
    if (hex.len % 2 != 0 || gw_hex_parse(hex, bytes, hex.len / 2)) {
        return false;
    }
    while (gw_feed_next_mono_ms(feed) < at) {
        struct gw_bytes request;
        int64_t due = gw_feed_next_mono_ms(feed);
        gw_feed_tick(feed, due);
        (void) gw_feed_request(feed, due, &request);
    }
    *now_mono_ms = at;
    gw_feed_tick(feed, at);
    (void) gw_feed_push(feed, (struct gw_bytes){bytes, hex.len / 2}, at);
    return true;
}

static int feed_timed(struct gw_gwctl *ctl, struct gw_feed *feed, FILE *in) {
    char line[LINE_BYTES];
    int64_t now_mono_ms = 0;
    unsigned number = 0;
    while (fgets(line, sizeof line, in)) {
        number++;
        if (!feed_line(feed, gw_str_from_cstr(line), &now_mono_ms)) {
            return gw_gwctl_fail(ctl,
                                 "line %u: allowed: milliseconds, not falling, then bytes in "
                                 "hexadecimal",
                                 number);
        }
    }
    gw_feed_end(feed, now_mono_ms);
    return GW_EXIT_DONE;
}

int gw_gwctl_feed_stream(struct gw_gwctl *ctl, const struct gw_profile *profile, FILE *in) {
    GW_CLEANUP(gw_buf_close) struct gw_buf line = {0};
    if (gw_buf_open(&line, 2 * GW_FEED_DATA_BYTES(profile->framing.max_bytes))) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    struct printing printing = {
        .out = ctl->out, .line = line, .as_events = ctl->arguments.events};
    const struct gw_feed_options options = {
        .profile = profile,
        .sink = print_item,
        .sink_context = &printing,
        .report_all = ctl->arguments.all,
    };
    GW_CLEANUP(feed_closep) struct gw_feed *feed = NULL;
    enum gw_err err = gw_feed_open(&options, &feed);
    if (err) {
        return gw_gwctl_fail(ctl, "a feed with the profile %s cannot be opened: %s",
                             profile->name, gw_err_name(err));
    }
    int status = GW_EXIT_DONE;
    if (ctl->arguments.timed) {
        status = feed_timed(ctl, feed, in);
    } else {
        feed_plain(ctl, feed, in);
    }
    return printing.has_failed ? gw_gwctl_fail(ctl, "an observation was too large") : status;
}
