/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses status and content type of an answer of the centre, the
 * rest is its body. Properties: an answer that acknowledges names the epoch of
 * the batch (or, with results for all, each of its ids); what is named is in the
 * batch; whatever else comes acknowledges nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloud-link/uplink/answer.h"

#define EPOCH_TEXT "111223344556677ff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static enum gw_err count_result(void *context, const struct gw_result *result) {
    size_t *count = context;
    (*count)++;
    return result->slot < 3 ? GW_OK : GW_ERR_RANGE;
}

static size_t count_named(const struct gw_batch *batch) {
    size_t named = 0;
    for (size_t i = 0; i < batch->count; i++) {
        named += batch->slots[i].verdict != GW_SLOT_UNNAMED;
        require(batch->slots[i].verdict == GW_SLOT_UNNAMED
                || batch->slots[i].verdict < GW_DISPOSITION_COUNT);
    }
    return named;
}

static bool holds(struct gw_str body, const char *part) {
    return memmem(body.ptr, body.len, part, strlen(part)) != NULL;
}

static void check(const struct gw_reply *reply, const struct gw_batch *batch,
                  struct gw_str body) {
    enum gw_sink_action action = gw_verdict_action(&reply->facts);
    size_t named = count_named(batch);
    bool is_whole = action == GW_ACTION_ACCEPT || action == GW_ACTION_ALREADY_STORED;
    require(!is_whole || (reply->facts.echoes && holds(body, "1122334455667")));
    require(action != GW_ACTION_PER_EVENT || named > 0);
    require(action != GW_ACTION_PER_EVENT || reply->facts.echoes || named == batch->count);
    if (reply->facts.content == GW_CONTENT_CONTRACT) {
        size_t count = 0;
        require(gw_reply_each_result(reply, batch, count_result, &count) == GW_OK);
        require(count == named);
    } else {
        require(named == 0 && action != GW_ACTION_ACCEPT);
    }
    require(reply->credit.pause_ms <= 3600000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned statuses[] = {200, 200, 200, 409, 400, 422, 500, 204};
    static const char *const types[] = {"application/json", "application/problem+json",
                                        "Application/JSON; charset=utf-8", "text/html"};
    if (size == 0) {
        return 0;
    }
    struct gw_slot slots[] = {{.sequence = 1, .span = 1},
                              {.sequence = 2, .span = 1},
                              {.sequence = 3, .span = 3, .is_tombstone = true}};
    struct gw_batch batch = {.slots = slots, .slot_max = 3, .count = 3, .first = 1, .last = 5};
    struct gw_http_answer answer = {
        .fault = GW_HTTP_ANSWERED,
        .text = "",
        .status = statuses[data[0] % 8],
        .content_type = gw_str_from_cstr(types[data[0] / 8 % 4]),
        .body = {(const char *) data + 1, size - 1},
    };
    struct gw_epoch epoch;
    struct gw_reply reply;
    require(gw_epoch_parse(GW_STR(EPOCH_TEXT), &epoch) == GW_OK);
    gw_reply_parse(&answer, GW_ACK_CONTRACT, epoch, GW_CLASS_BUSINESS, &batch, &reply);
    check(&reply, &batch, answer.body);
    gw_reply_close(&reply);
    return 0;
}
