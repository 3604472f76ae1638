/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream side of a feed: bytes, frames, time. What a frame says is elsewhere.
 *
 * Why every split gives the same: the framer takes single bytes and knows no
 * pushes, and time moves only at the start of a push. A push that comes after an
 * idle gap first ends the frame the gap has ended, so a tick that is a little late
 * changes nothing either.
 */
#include <stdlib.h>

#include "drivers/profile/feed_internal.h"
#include "firmware/base/cleanup.h"

#define TRAILER_MAX 8

static struct gw_frame_rule scanner_rule(enum gw_framing mode) {
    static const struct gw_frame_rule rules[GW_FRAMING_COUNT] = {
        [GW_FRAMING_LINE] = {.ends = GW_END_LINE},
        [GW_FRAMING_CR] = {.ends = GW_END_BYTE, .end = '\r'},
        [GW_FRAMING_LF] = {.ends = GW_END_BYTE, .end = '\n'},
        [GW_FRAMING_CRLF] = {.ends = GW_END_PAIR},
        [GW_FRAMING_TAB] = {.ends = GW_END_BYTE, .end = '\t'},
        [GW_FRAMING_STX_ETX] = {.has_start = true,
                                .start = '\x02',
                                .ends = GW_END_BYTE,
                                .end = '\x03'},
        [GW_FRAMING_IDLE] = {.ends = GW_END_GAP},
    };
    return rules[mode];
}

static void start_polling(struct gw_feed *feed, int64_t now_mono_ms) {
    feed->polling = (struct gw_polling){
        .due_mono_ms = now_mono_ms,
        .deadline_mono_ms = INT64_MAX,
        .heard_mono_ms = now_mono_ms,
    };
}

enum gw_err gw_feed_open(const struct gw_feed_options *options, struct gw_feed **ret_feed) {
    const struct gw_profile *profile = options->profile;
    if (!options->sink) {
        return GW_ERR_INVALID;
    }
    size_t cap = profile->framing.max_bytes;
    struct gw_feed *feed = calloc(1, sizeof *feed + 3 * cap + TRAILER_MAX);
    if (!feed) {
        return GW_ERR_NOMEM;
    }
    feed->options = *options;
    feed->protocol = gw_protocol_find(profile->decode);
    struct gw_frame_rule rule = scanner_rule(profile->framing.mode);
    if (feed->protocol) {
        feed->protocol->rule(profile, &rule);
    }
    char *bytes = (char *) (feed + 1);
    gw_framer_init(&feed->framer, &rule, bytes, cap);
    gw_buf_init(&feed->text, bytes + cap + TRAILER_MAX, 2 * cap);
    for (size_t i = 0; i < profile->scan.gs_substitute_count; i++) {
        feed->begins_substitute[(unsigned char) profile->scan.gs_substitutes[i][0]] = true;
    }
    feed->now_mono_ms = options->now_mono_ms;
    start_polling(feed, options->now_mono_ms);
    enum gw_err err = gw_feed_weighing_start(feed);
    if (err) {
        free(feed);
        return err;
    }
    *ret_feed = feed;
    return GW_OK;
}

void gw_feed_close(struct gw_feed *feed) {
    free(feed);
}

/* ---- out ---- */

void gw_feed_emit(struct gw_feed *feed, const struct gw_observed_item *item) {
    if (!feed->options.sink(feed->options.sink_context, item)) {
        feed->must_stop = true;
    }
}

void gw_feed_refuse(struct gw_feed *feed, struct gw_str raw, const char *reason) {
    const struct gw_observed_item item = {
        .kind = GW_UNDECODABLE,
        .raw = gw_bytes_from_str(raw),
        .detail = gw_str_from_cstr(reason),
    };
    gw_feed_emit(feed, &item);
}

void gw_feed_tell(struct gw_feed *feed, const char *condition, struct gw_str raw,
                  struct gw_str detail) {
    const struct gw_observed_item item = {
        .kind = GW_OBSERVED_CONDITION,
        .raw = gw_bytes_from_str(raw),
        .condition = gw_str_from_cstr(condition),
        .detail = detail,
    };
    gw_feed_emit(feed, &item);
}

/* ---- frames ---- */

static void take_frame(struct gw_feed *feed, unsigned remarks) {
    const struct gw_framer *framer = &feed->framer;
    const struct gw_frame frame = {
        .content = {framer->bytes, framer->content_len},
        .trailer = {framer->bytes + framer->content_len, framer->len - framer->content_len},
        .remarks = remarks,
    };
    gw_buf_clear(&feed->text);
    if (feed->protocol) {
        gw_feed_take_reading(feed, &frame);
    } else if (feed->options.profile->decode == GW_DECODE_JSON) {
        gw_feed_take_json(feed, &frame);
    } else {
        gw_feed_take_text(feed, &frame);
    }
}

/* A frame of any kind is an answer, to the oldest request that has none. */
static void hear(struct gw_feed *feed) {
    struct gw_polling *polling = &feed->polling;
    polling->heard_mono_ms = feed->now_mono_ms;
    feed->is_frame_late =
        feed->is_late || polling->owed > 1 || feed->now_mono_ms > polling->deadline_mono_ms;
    polling->owed -= polling->owed > 0 ? 1 : 0;
    polling->quiet_mono_ms =
        feed->now_mono_ms + (int64_t) 2 * feed->options.profile->poll.timeout_ms;
    if (polling->owed == 0) {
        polling->deadline_mono_ms = INT64_MAX;
        polling->quiet_mono_ms = 0;
    }
    if (polling->is_silent) {
        polling->is_silent = false;
        gw_feed_tell(feed, "answering", (struct gw_str){0}, (struct gw_str){0});
    }
}

static void refuse_overflow(struct gw_feed *feed) {
    const struct gw_framer *framer = &feed->framer;
    const struct gw_observed_item item = {
        .kind = GW_UNDECODABLE,
        .raw = {(const uint8_t *) framer->bytes, framer->content_len},
        .detail = GW_STR("longer than framing.max_bytes"),
        .dropped_bytes = framer->dropped,
    };
    gw_feed_emit(feed, &item);
}

static struct gw_str content_of(const struct gw_framer *framer) {
    return (struct gw_str){framer->bytes, framer->content_len};
}

static void take_framed(struct gw_feed *feed, enum gw_framed framed, const char *why_cut) {
    switch (framed) {
    case GW_FRAMED_NOTHING:
        if (gw_framer_has_burst(&feed->framer)) {
            gw_feed_tell(feed, "babbling", (struct gw_str){0},
                         GW_STR("more bytes than framing.max_bytes without an end of frame"));
        }
        break;
    case GW_FRAMED_FRAME:
        hear(feed);
        take_frame(feed, 0);
        break;
    case GW_FRAMED_NOISE:
        gw_feed_refuse(feed, content_of(&feed->framer), "bytes outside of a frame");
        break;
    case GW_FRAMED_CUT:
        gw_feed_refuse(feed, content_of(&feed->framer), why_cut);
        break;
    case GW_FRAMED_OVERFLOW:
        refuse_overflow(feed);
        break;
    }
}

static void step(struct gw_feed *feed, char c) {
    struct gw_framer *framer = &feed->framer;
    if (gw_framer_is_restart(framer, c)) {
        take_framed(feed, gw_framer_cut(framer), "a new frame begins inside this one");
    }
    take_framed(feed, gw_framer_step(framer, c), "no end mark behind a frame of full length");
}

/* Silence, or the end of the line, where a frame has not ended. Scanners and JSON
 * are taken at their word, with a remark; half an answer of a scale is none. */
static void end_by_silence(struct gw_feed *feed, bool may_be_whole, const char *why_cut) {
    struct gw_framer *framer = &feed->framer;
    enum gw_framed framed = gw_framer_cut(framer);
    bool is_gap_framed = framer->rule.ends == GW_END_GAP;
    if (framed == GW_FRAMED_CUT && !feed->protocol && may_be_whole && !framer->rule.has_start) {
        hear(feed);
        take_frame(feed, is_gap_framed ? 0 : GW_REMARK_UNTERMINATED);
        return;
    }
    if (framed != GW_FRAMED_NOTHING) {
        take_framed(feed, framed, why_cut);
    }
}

/* While the device is held back, its silence is ours. Where nothing but silence ends a
 * frame, that is still the better guess. */
static int64_t gap_mono_ms(const struct gw_feed *feed) {
    uint32_t idle_ms = feed->options.profile->framing.idle_ms;
    bool is_ours = feed->is_held && feed->framer.rule.ends != GW_END_GAP;
    bool is_due = idle_ms > 0 && !is_ours && gw_framer_is_waiting(&feed->framer);
    return is_due ? feed->last_byte_mono_ms + idle_ms : INT64_MAX;
}

/* Who calls so late was busy elsewhere (a flash that would not take a commit), and the
 * rest of the frame may wait in the kernel: then the silence counts from now on. */
static bool is_too_late(const struct gw_feed *feed) {
    return feed->framer.rule.ends != GW_END_GAP
           && feed->now_mono_ms - gap_mono_ms(feed) > GW_FEED_LATE_MS;
}

static void end_gap(struct gw_feed *feed) {
    if (feed->now_mono_ms < gap_mono_ms(feed)) {
        return;
    }
    if (is_too_late(feed)) {
        feed->last_byte_mono_ms = feed->now_mono_ms;
    } else {
        end_by_silence(feed, true, "the device stopped in the middle of a frame");
    }
}

void gw_feed_hold(struct gw_feed *feed, bool is_held, int64_t now_mono_ms) {
    if (feed->is_held && !is_held && feed->framer.rule.ends != GW_END_GAP) {
        feed->last_byte_mono_ms = now_mono_ms;
    }
    if (feed->is_held && !is_held) { /* nor is it "silent" for that */
        feed->polling.heard_mono_ms += now_mono_ms - feed->held_mono_ms;
    }
    feed->held_mono_ms = is_held && !feed->is_held ? now_mono_ms : feed->held_mono_ms;
    feed->is_held = is_held;
}

size_t gw_feed_push(struct gw_feed *feed, struct gw_bytes bytes, int64_t now_mono_ms) {
    if (bytes.len == 0) {
        return 0;
    }
    feed->now_mono_ms = now_mono_ms;
    feed->must_stop = false;
    end_gap(feed);
    size_t taken = 0;
    while (taken < bytes.len && !feed->must_stop) {
        feed->last_byte_mono_ms = now_mono_ms;
        step(feed, (char) bytes.ptr[taken]);
        taken++;
    }
    return taken;
}

/* ---- whole messages ---- */

/* Without one terminator, as the framing has it. */
static struct gw_str strip_frame(enum gw_framing mode, struct gw_str text) {
    if (mode == GW_FRAMING_STX_ETX && gw_str_starts_with(text, GW_STR("\x02"))
        && gw_str_ends_with(text, GW_STR("\x03"))) {
        return gw_str_sub(text, 1, text.len - 2);
    }
    if (mode == GW_FRAMING_TAB && gw_str_ends_with(text, GW_STR("\t"))) {
        return gw_str_sub(text, 0, text.len - 1);
    }
    if (gw_str_ends_with(text, GW_STR("\r\n"))) {
        return gw_str_sub(text, 0, text.len - 2);
    }
    if (gw_str_ends_with(text, GW_STR("\n")) || gw_str_ends_with(text, GW_STR("\r"))) {
        return gw_str_sub(text, 0, text.len - 1);
    }
    return text;
}

/* A scale's message holds one answer or several, framed as ever; the last may
 * come without its end mark. */
static void push_answers(struct gw_feed *feed, struct gw_str message) {
    for (size_t i = 0; i < message.len; i++) {
        step(feed, message.ptr[i]);
    }
    enum gw_framed framed = gw_framer_cut(&feed->framer);
    if (framed == GW_FRAMED_CUT && feed->framer.rule.ends != GW_END_LENGTH) {
        framed = GW_FRAMED_FRAME;
    }
    if (framed != GW_FRAMED_NOTHING) {
        take_framed(feed, framed, "the message ends in the middle of a frame");
    }
}

void gw_feed_push_frame(struct gw_feed *feed, struct gw_bytes frame, int64_t now_mono_ms) {
    feed->now_mono_ms = now_mono_ms;
    feed->must_stop = false;
    if (feed->protocol) {
        push_answers(feed, gw_str_from_bytes(frame));
        return;
    }
    struct gw_str text =
        strip_frame(feed->options.profile->framing.mode, gw_str_from_bytes(frame));
    if (text.len > feed->framer.cap) {
        gw_feed_refuse(feed, gw_str_sub(text, 0, feed->framer.cap),
                       "longer than framing.max_bytes");
        return;
    }
    const struct gw_frame whole = {.content = text};
    gw_buf_clear(&feed->text);
    hear(feed);
    if (feed->options.profile->decode == GW_DECODE_JSON) {
        gw_feed_take_json(feed, &whole);
    } else {
        gw_feed_take_text(feed, &whole);
    }
}

/* ---- time ---- */

static bool is_polled(const struct gw_feed *feed) {
    return feed->options.profile->poll.request[0] != '\0';
}

static int64_t silence_mono_ms(const struct gw_feed *feed) {
    uint32_t after_ms = feed->options.profile->poll.silent_after_ms;
    bool is_due = after_ms > 0 && !feed->polling.is_silent;
    return is_due ? feed->polling.heard_mono_ms + after_ms : INT64_MAX;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t request_mono_ms(const struct gw_feed *feed) {
    const struct gw_polling *polling = &feed->polling;
    if (!is_polled(feed)) {
        return INT64_MAX;
    }
    if (polling->deadline_mono_ms != INT64_MAX) {
        return later(later(polling->deadline_mono_ms, polling->due_mono_ms),
                     polling->quiet_mono_ms);
    }
    return polling->due_mono_ms;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t gw_feed_next_mono_ms(const struct gw_feed *feed) {
    return earlier(gap_mono_ms(feed), earlier(silence_mono_ms(feed), request_mono_ms(feed)));
}

void gw_feed_tick(struct gw_feed *feed, int64_t now_mono_ms) {
    feed->now_mono_ms = now_mono_ms;
    end_gap(feed);
    if (now_mono_ms >= silence_mono_ms(feed)) {
        feed->polling.is_silent = true;
        gw_feed_tell(feed, "silent", (struct gw_str){0},
                     GW_STR("no frame for longer than poll.silent_after_ms"));
    }
}

void gw_feed_set_late(struct gw_feed *feed, bool is_late) {
    feed->is_late = is_late;
}

bool gw_feed_request(struct gw_feed *feed, int64_t now_mono_ms, struct gw_bytes *ret_bytes) {
    const struct gw_profile_poll *poll = &feed->options.profile->poll;
    if (now_mono_ms < request_mono_ms(feed)) {
        return false;
    }
    struct gw_polling *polling = &feed->polling;
    if (polling->quiet_mono_ms != 0) {
        polling->owed = 0;
    }
    polling->owed += polling->owed < UINT32_MAX ? 1 : 0;
    polling->quiet_mono_ms = 0;
    polling->due_mono_ms = now_mono_ms + poll->period_ms;
    polling->deadline_mono_ms = now_mono_ms + poll->timeout_ms;
    *ret_bytes = gw_bytes_from_str(gw_str_from_cstr(poll->request));
    return true;
}

int64_t gw_feed_free_mono_ms(const struct gw_feed *feed) {
    if (!is_polled(feed)) {
        return gw_framer_is_waiting(&feed->framer) ? INT64_MAX : 0;
    }
    int64_t deadline_mono_ms = feed->polling.deadline_mono_ms;
    return deadline_mono_ms == INT64_MAX ? 0 : deadline_mono_ms;
}

int64_t gw_feed_note_command(struct gw_feed *feed, int64_t now_mono_ms) {
    const struct gw_profile *profile = feed->options.profile;
    const struct gw_protocol *protocol = gw_protocol_find(profile->decode);
    feed->polling.deadline_mono_ms = now_mono_ms + profile->poll.timeout_ms;
    return protocol && protocol->answers_commands ? feed->polling.deadline_mono_ms
                                                  : now_mono_ms;
}

void gw_feed_end(struct gw_feed *feed, int64_t now_mono_ms) {
    feed->now_mono_ms = now_mono_ms;
    const struct gw_profile *profile = feed->options.profile;
    /* Half a code looks like a code; half a JSON text does not. */
    bool may_be_whole = feed->framer.rule.ends == GW_END_GAP
                        || (profile->decode == GW_DECODE_JSON && profile->framing.idle_ms > 0);
    end_by_silence(feed, may_be_whole, "the line ended in the middle of a frame");
    gw_framer_init(&feed->framer, &feed->framer.rule, feed->framer.bytes, feed->framer.cap);
    for (size_t i = 0; i < GW_RECENT_CODES; i++) {
        feed->recent[i] = (struct gw_recent_code){0};
    }
    start_polling(feed, now_mono_ms);
    (void) gw_feed_weighing_start(feed); /* it could at open */
}
