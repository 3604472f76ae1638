/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/framer.h"

void gw_framer_init(struct gw_framer *framer, const struct gw_frame_rule *rule, char *bytes,
                    size_t cap) {
    *framer = (struct gw_framer){
        .rule = *rule,
        .bytes = bytes,
        .cap = cap,
        .in_frame = !rule->has_start,
    };
}

/* Ends of frames that are padded with these are nobody's fault. */
static bool is_blank(char c) {
    return c == '\r' || c == '\n' || c == ' ' || c == '\t' || c == '\0';
}

static bool is_all_blank(const struct gw_framer *framer) {
    for (size_t i = 0; i < framer->len; i++) {
        if (!is_blank(framer->bytes[i])) {
            return false;
        }
    }
    return framer->dropped == 0;
}

static void begin_anew(struct gw_framer *framer) {
    framer->len = 0;
    framer->content_len = 0;
    framer->trailer_left = 0;
    framer->dropped = 0;
    framer->in_frame = !framer->rule.has_start;
    framer->in_trailer = false;
    framer->taken = false;
    framer->last = '\0';
}

static enum gw_framed hand_out(struct gw_framer *framer, enum gw_framed what) {
    if (!framer->in_trailer) {
        framer->content_len = framer->len;
    }
    framer->taken = true;
    return framer->dropped > 0 ? GW_FRAMED_OVERFLOW : what;
}

bool gw_framer_is_waiting(const struct gw_framer *framer) {
    return !framer->taken
           && (framer->len > 0 || framer->dropped > 0
               || (framer->in_frame && framer->rule.has_start));
}

bool gw_framer_has_burst(const struct gw_framer *framer) {
    return !framer->taken && framer->dropped == 2; /* one may be the CR of a pair */
}

bool gw_framer_is_restart(const struct gw_framer *framer, char c) {
    const struct gw_frame_rule *rule = &framer->rule;
    if (!rule->has_start || c != rule->start || framer->taken || framer->in_trailer) {
        return false;
    }
    if (!framer->in_frame) {
        return framer->len > 0;
    }
    bool is_content = framer->len < rule->start_is_content_before
                      || (rule->not_after != '\0' && framer->last == rule->not_after);
    return !is_content;
}

enum gw_framed gw_framer_cut(struct gw_framer *framer) {
    if (!gw_framer_is_waiting(framer)) {
        return GW_FRAMED_NOTHING;
    }
    bool is_nothing =
        framer->in_frame ? framer->len == 0 && framer->dropped == 0 : is_all_blank(framer);
    if (is_nothing) {
        begin_anew(framer);
        return GW_FRAMED_NOTHING;
    }
    return hand_out(framer, framer->in_frame ? GW_FRAMED_CUT : GW_FRAMED_NOISE);
}

static void keep(struct gw_framer *framer, char c) {
    if (framer->len < framer->cap) {
        framer->bytes[framer->len++] = c;
    } else {
        framer->dropped++;
    }
}

/* The end mark was seen; a pair's first half is content no longer. */
static enum gw_framed end_content(struct gw_framer *framer) {
    if (framer->rule.trailer > 0 && framer->dropped == 0) {
        framer->content_len = framer->len;
        framer->in_trailer = true;
        framer->trailer_left = framer->rule.trailer;
        return GW_FRAMED_NOTHING;
    }
    if (framer->len == 0 && framer->dropped == 0 && !framer->rule.has_start) {
        begin_anew(framer); /* an empty line */
        return GW_FRAMED_NOTHING;
    }
    return hand_out(framer, GW_FRAMED_FRAME);
}

static bool is_end(const struct gw_framer *framer, char c) {
    switch (framer->rule.ends) {
    case GW_END_BYTE:
        return c == framer->rule.end;
    case GW_END_PAIR:
        return c == '\n' && framer->last == '\r';
    case GW_END_LINE:
        return c == '\r' || c == '\n';
    case GW_END_LENGTH:
        return framer->len == framer->rule.length && c == framer->rule.end;
    case GW_END_GAP:
        break;
    }
    return false;
}

/* The CR of the pair was kept, or dropped when there was no room. */
static void take_back(struct gw_framer *framer) {
    if (framer->dropped > 0) {
        framer->dropped--;
    } else {
        framer->len--;
    }
}

static enum gw_framed step_trailer(struct gw_framer *framer, char c) {
    framer->bytes[framer->len++] = c;
    framer->trailer_left--;
    return framer->trailer_left == 0 ? hand_out(framer, GW_FRAMED_FRAME) : GW_FRAMED_NOTHING;
}

enum gw_framed gw_framer_step(struct gw_framer *framer, char c) {
    if (framer->taken) {
        begin_anew(framer);
    }
    if (framer->in_trailer) {
        return step_trailer(framer, c);
    }
    if (framer->rule.has_start && !framer->in_frame && c == framer->rule.start) {
        begin_anew(framer); /* blanks between frames */
        framer->in_frame = true;
        framer->last = c;
        return GW_FRAMED_NOTHING;
    }
    if (framer->in_frame && is_end(framer, c)) {
        if (framer->rule.ends == GW_END_PAIR) {
            take_back(framer);
        }
        return end_content(framer);
    }
    bool has_missed_end = framer->in_frame && framer->rule.ends == GW_END_LENGTH
                          && framer->len == framer->rule.length;
    framer->last = c;
    keep(framer, c);
    return has_missed_end ? hand_out(framer, GW_FRAMED_CUT) : GW_FRAMED_NOTHING;
}
