/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One load, one event, and what can be mistaken for another load.
 *
 * A load that is not seen to go (dust above the threshold, a pallet that stays) would
 * keep every following one from being reported: another value that stands there is told
 * once, with the key that mends it. A load that is tared shows 0 and, when the tare is
 * cleared, its weight again: where the scale says gross and net, that is the same load.
 * So weights are compared by their gross where it is known, and those of different modes
 * or units are not compared at all.
 */
#include "drivers/profile/feed_internal.h"

#define DETAIL_BYTES 512

static struct gw_str text_of(const struct gw_scale_number *number) {
    return (struct gw_str){number->text, number->len};
}

struct gw_weighed gw_feed_weighed(const struct gw_scale_reading *reading,
                                  const struct gw_decimal *value) {
    struct gw_weighed weighed = {.value = *value, .gross = *value, .mode = reading->mode};
    struct gw_decimal tare;
    weighed.has_gross =
        reading->mode == GW_MODE_GROSS
        || (reading->mode == GW_MODE_NET && !gw_decimal_parse(text_of(&reading->tare), &tare)
            && !gw_decimal_add(value, &tare, &weighed.gross));
    (void) !gw_str_copy(gw_str_sub(reading->unit, 0, sizeof weighed.unit - 1), weighed.unit,
                        sizeof weighed.unit);
    return weighed;
}

static bool has_same_unit(const struct gw_weighed *a, const struct gw_weighed *b) {
    return gw_str_eq(gw_str_from_cstr(a->unit), gw_str_from_cstr(b->unit));
}

bool gw_feed_is_same_weight(const struct gw_weighed *a, const struct gw_weighed *b) {
    return a->mode == b->mode && has_same_unit(a, b)
           && gw_decimal_compare(&a->value, &b->value) == 0;
}

static bool has_near_gross(const struct gw_weighed *a, const struct gw_weighed *b,
                           const struct gw_decimal *threshold) {
    return a->has_gross && b->has_gross && has_same_unit(a, b)
           && !gw_decimal_is_outside(&a->gross, &b->gross, threshold);
}

/* ---- nothing lies on it ---- */

void gw_feed_remove_load(struct gw_weighing *weighing) {
    weighing->is_armed = true;
    weighing->has_seen_empty = true;
    weighing->told_late = false;
    weighing->has_tared = false;
    weighing->has_before = false;
}

/* The load itself was tared: net is 0 while gross is what it was. A scale that does not
 * send the tare is believed when it went from gross to net. */
static bool is_tared(const struct gw_weighed *load, const struct gw_weighed *now,
                     const struct gw_decimal *threshold) {
    const struct gw_decimal zero = {0};
    bool is_lifted =
        now->value.negative && gw_decimal_is_outside(&now->value, &zero, threshold);
    if (now->mode != GW_MODE_NET || is_lifted || !load->has_gross) {
        return false;
    }
    return now->has_gross ? has_near_gross(now, load, threshold) : load->mode == GW_MODE_GROSS;
}

bool gw_feed_note_empty(struct gw_weighing *weighing, const struct gw_weighed *now) {
    const struct gw_decimal threshold = gw_threshold_for(&weighing->threshold, &now->value);
    if (gw_decimal_compare(&now->value, &threshold) > 0) {
        return false;
    }
    bool has_load = !weighing->is_armed || weighing->has_tared;
    struct gw_weighed load = weighing->has_tared ? weighing->tared : weighing->lying;
    bool was_tared = has_load && is_tared(&load, now, &threshold);
    gw_feed_remove_load(weighing);
    if (was_tared) {
        weighing->tared = load;
        weighing->has_tared = true;
    }
    return true;
}

/* ---- something lies on it ---- */

static void put_weight(struct gw_buf *buf, const struct gw_weighed *weighed) {
    gw_decimal_put(buf, &weighed->value);
    gw_buf_printf(buf, " %s", weighed->unit);
}

/* The load that was reported did not go, and another value stands there. */
static void tell_left(struct gw_feed *feed, const struct gw_weighed *now,
                      const struct gw_decimal *threshold, struct gw_observed_item *item) {
    char storage[DETAIL_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    put_weight(&buf, now);
    gw_buf_put_str(&buf, GW_STR(" is not reported: it is not the load of "));
    put_weight(&buf, &feed->weighing.lying);
    gw_buf_printf(&buf, ", and nothing at or below weight.rearm_below (%s, here ",
                  feed->options.profile->weight.rearm_below);
    gw_decimal_put(&buf, threshold);
    gw_buf_put_str(&buf, GW_STR(") was seen between them; raise it above what the empty scale "
                                "shows, or report by \"settle\" where loads are added"));
    item->kind = GW_OBSERVED_CONDITION;
    item->condition = GW_STR("load_not_removed");
    item->detail = gw_buf_str(&buf);
    gw_feed_emit(feed, item);
}

static void compare_with_load(struct gw_feed *feed, const struct gw_weighed *now,
                              struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    const struct gw_decimal threshold = gw_threshold_for(&weighing->threshold, &now->value);
    const struct gw_weighed *lying = &weighing->lying;
    bool has_both = now->has_gross && lying->has_gross;
    if (!has_same_unit(now, lying) || (!has_both && now->mode != lying->mode)) {
        weighing->lying = *now; /* the same load, shown in another way */
        return;
    }
    const struct gw_decimal *a = has_both ? &now->gross : &now->value;
    const struct gw_decimal *b = has_both ? &lying->gross : &lying->value;
    if (gw_decimal_is_outside(a, b, &threshold) && !weighing->has_told_left) {
        weighing->has_told_left = true;
        tell_left(feed, now, &threshold, item);
    }
}

bool gw_feed_is_new_load(struct gw_feed *feed, const struct gw_weighed *now,
                         struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    const struct gw_decimal threshold = gw_threshold_for(&weighing->threshold, &now->value);
    if (!weighing->is_armed) {
        compare_with_load(feed, now, item);
        return false;
    }
    weighing->is_armed = false;
    if (weighing->has_tared && has_near_gross(now, &weighing->tared, &threshold)) {
        weighing->lying = *now; /* its tare was cleared */
        weighing->has_tared = false;
        return false;
    }
    weighing->lying = *now;
    weighing->has_tared = false;
    weighing->has_told_left = false;
    return true;
}
