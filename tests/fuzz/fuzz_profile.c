/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device profile, as a site may write one. What is refused must be refused with at
 * least one whole line; what is accepted must open, and take any bytes.
 */
#include <stdlib.h>

#include "drivers/profile/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

static bool ignore(void *context, const struct gw_observed_item *item) {
    size_t *count = context;
    *count += item->raw.len + 1;
    return true;
}

/* The document itself is as good a stream as any. */
static void use(const struct gw_profile *profile, struct gw_bytes stream) {
    size_t count = 0;
    const struct gw_feed_options options = {
        .profile = profile, .sink = ignore, .sink_context = &count};
    struct gw_feed *feed = NULL;
    struct gw_bytes request;
    require(gw_feed_open(&options, &feed) == GW_OK);
    require(gw_feed_push(feed, stream, 0) == stream.len);
    int64_t due = gw_feed_next_mono_ms(feed);
    if (due != INT64_MAX) {
        gw_feed_tick(feed, due);
        (void) gw_feed_request(feed, due, &request);
        require(gw_feed_next_mono_ms(feed) > due || due == 0);
    }
    gw_feed_push_frame(feed, stream, due == INT64_MAX ? 0 : due);
    gw_feed_end(feed, due == INT64_MAX ? 0 : due);
    gw_feed_close(feed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t storage[1 << 16];
    struct gw_buf errors;
    struct gw_profile *profile = NULL;
    const struct gw_bytes stream = {data, size};
    gw_buf_init(&errors, storage, sizeof storage);
    enum gw_err err = gw_profile_parse(gw_str_from_bytes(stream), &errors, &profile);
    if (err) {
        require(!profile && (errors.len > 0 || gw_buf_failed(&errors)));
        require(gw_buf_failed(&errors) || errors.data[errors.len - 1] == '\n');
        require(gw_str_is_utf8(gw_buf_str(&errors)));
        return 0;
    }
    require(errors.len == 0);
    use(profile, stream);
    gw_profile_close(profile);
    return 0;
}
