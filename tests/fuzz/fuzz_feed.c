/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a device. The first byte chooses the profile, the second whether every
 * frame is reported; the rest is the stream, in which a byte FE is followed by a
 * pause. The stream goes through two feeds, one piece between pauses at a time and
 * byte by byte with needless ticks: both must say the same, and each thing said
 * must be a valid event, or undecodable with a reason that is one line of UTF-8.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAUSE_BYTE 0xfe
#define PAUSE_MS 600
#define HEAD(kind, decode)                                                                     \
    "{\"name\":\"f\",\"title\":\"f\",\"sources\":[\"f\"],\"kind\":\"" kind                     \
    "\",\"decode\":\"" decode "\","
#define SMALL "\"max_bytes\":64"

static const char *const documents[] = {
    HEAD("scanner", "text") "\"framing\":{\"mode\":\"line\"," SMALL
                            "},\"scan\":{\"repeat_ms\":1000,\"no_read\":[\"NR\"]}}",
    HEAD("scanner", "text") "\"framing\":{\"mode\":\"crlf\",\"idle_ms\":500," SMALL
                            "},\"scan\":{\"prefix\":\"<\",\"suffix\":\">\",\"aim\":\"on\","
                            "\"code_separator\":\";\",\"gs_substitutes\":[\"{GS}\",\"{\"]}}",
    HEAD("scanner", "text") "\"framing\":{\"mode\":\"stx_etx\",\"idle_ms\":500," SMALL "}}",
    HEAD("scanner", "text") "\"framing\":{\"mode\":\"idle\",\"idle_ms\":500," SMALL "}}",
    HEAD("scanner",
         "json") "\"framing\":{\"mode\":\"lf\",\"max_bytes\":512},\"json\":{"
                 "\"records\":\"/d\",\"type\":\"/k\",\"types\":[\"s\"],\"code\":\"/c\","
                 "\"symbology\":\"/y\",\"time\":\"/t\",\"event_id\":\"/i\"}}",
    HEAD("scale",
         "json") "\"framing\":{\"mode\":\"lf\",\"max_bytes\":512},\"json\":{\"weight\":"
                 "\"/w\",\"unit\":\"/u\",\"state\":\"/s\",\"words\":[{\"word\":\"ok\","
                 "\"state\":\"stable\"},{\"word\":\"hi\",\"state\":\"over\"}]},\"weight\":{"
                 "\"rearm_below\":\"0.5\"}}",
    HEAD("scale",
         "mt_sics") "\"framing\":{\"idle_ms\":500," SMALL
                    "},\"weight\":{\"settle_ms\":500},\"poll\":{\"request\":\"SI\\r\\n\","
                    "\"silent_after_ms\":2000}}",
    HEAD("scale", "sma") "\"framing\":{" SMALL "},\"weight\":{\"report\":\"settle\"}}",
    HEAD("scale", "nci") "\"framing\":{\"idle_ms\":500," SMALL "}}",
    HEAD("scale", "toledo_8217") "\"framing\":{" SMALL "},\"weight\":{\"unit\":\"lb\","
                                 "\"rearm_below\":\"0.05\"}}",
    HEAD("scale", "toledo_continuous") "\"weight\":{\"checksum\":true}}",
    HEAD("scale", "toledo_continuous") "\"weight\":{\"tare_field\":false}}",
    HEAD("scale", "sartorius_sbi") "\"framing\":{" SMALL "}}",
    HEAD("scale", "modbus") "\"weight\":{\"unit\":\"kg\"},\"modbus\":{\"status\":\"s\","
                            "\"weight\":\"w\",\"tare\":\"t\",\"bits\":[{\"bit\":1,"
                            "\"meaning\":\"stable\"},{\"bit\":0,\"meaning\":\"negative\"},"
                            "{\"bit\":3,\"meaning\":\"over\"},{\"point\":\"v\",\"meaning\":"
                            "\"valid\",\"active\":false}]}}",
};
#define PROFILE_COUNT (sizeof documents / sizeof documents[0])

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

struct transcript {
    uint64_t hash;
    size_t count;
};

static void add(struct transcript *transcript, struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        transcript->hash = (transcript->hash ^ (uint8_t) text.ptr[i]) * UINT64_C(1099511628211);
    }
    transcript->count++;
}

static void check_item(const struct gw_observed_item *item) {
    static uint8_t storage[GW_FEED_DATA_BYTES(65536)];
    struct gw_buf buf;
    struct gw_event_draft draft;
    const struct gw_feed_event event = {
        .device = GW_STR("d"), .class = GW_CLASS_BUSINESS, .received_wall_ms = 1};
    gw_buf_init(&buf, storage, sizeof storage);
    if (item->kind == GW_UNDECODABLE) {
        require(item->detail.len > 0 && gw_str_is_utf8(item->detail));
        require(gw_str_find(item->detail, '\n', 0) == item->detail.len);
        return;
    }
    require(gw_feed_draft(item, &event, &buf, &draft) == GW_OK);
    require(gw_event_validate_draft(&draft) == GW_OK);
    bool has_value = item->value.len > 0;
    require(item->kind != GW_OBSERVED_WEIGHT || has_value == (item->state == GW_WEIGHT_STABLE));
    require(item->kind != GW_OBSERVED_SCAN || item->raw.len > 0);
}

static bool take(void *context, const struct gw_observed_item *item) {
    static uint8_t storage[GW_FEED_DATA_BYTES(65536)];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    check_item(item);
    require(gw_feed_put_json(item, &buf) == GW_OK);
    add(context, gw_buf_str(&buf));
    return true;
}

static struct gw_feed *open_feed(const struct gw_profile *profile, bool report_all,
                                 struct transcript *transcript) {
    struct gw_feed *feed = NULL;
    const struct gw_feed_options options = {
        .profile = profile, .sink = take, .sink_context = transcript, .report_all = report_all};
    require(gw_feed_open(&options, &feed) == GW_OK);
    return feed;
}

static size_t piece_len(const uint8_t *data, size_t size) {
    const uint8_t *pause = memchr(data, PAUSE_BYTE, size);
    return pause ? (size_t) (pause - data) + 1 : size;
}

static void push_pieces(struct gw_feed *feed, const uint8_t *data, size_t size) {
    int64_t now = 0;
    while (size > 0) {
        size_t len = piece_len(data, size);
        require(gw_feed_push(feed, (struct gw_bytes){data, len}, now) == len);
        now += PAUSE_MS;
        gw_feed_tick(feed, now);
        data += len;
        size -= len;
    }
    gw_feed_end(feed, now);
}

static void push_bytes(struct gw_feed *feed, const uint8_t *data, size_t size) {
    int64_t now = 0;
    for (size_t i = 0; i < size; i++) {
        gw_feed_tick(feed, now);
        require(gw_feed_push(feed, (struct gw_bytes){data + i, 1}, now) == 1);
        if (data[i] == PAUSE_BYTE || i + 1 == size) {
            now += PAUSE_MS;
            gw_feed_tick(feed, now);
        }
    }
    gw_feed_end(feed, now);
}

static const struct gw_profile *profile_at(size_t index) {
    static struct gw_profile *profiles[PROFILE_COUNT];
    static uint8_t storage[4096];
    if (!profiles[index]) {
        struct gw_buf errors;
        gw_buf_init(&errors, storage, sizeof storage);
        struct gw_str document = gw_str_from_cstr(documents[index]);
        require(gw_profile_parse(document, &errors, &profiles[index]) == GW_OK);
    }
    return profiles[index];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const struct gw_profile *profile = profile_at(data[0] % PROFILE_COUNT);
    struct transcript whole = {0};
    struct transcript single = {0};
    struct transcript message = {0};
    struct gw_feed *feed = open_feed(profile, data[1] & 1, &whole);
    push_pieces(feed, data + 2, size - 2);
    gw_feed_close(feed);
    feed = open_feed(profile, data[1] & 1, &single);
    push_bytes(feed, data + 2, size - 2);
    gw_feed_close(feed);
    require(whole.hash == single.hash && whole.count == single.count);
    feed = open_feed(profile, data[1] & 1, &message);
    gw_feed_push_frame(feed, (struct gw_bytes){data + 2, size - 2}, 0);
    gw_feed_close(feed);
    return 0;
}
