/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/crypto/crypto.h"
#include "firmware/event/render.h"
#include "firmware/event/wire.h"

/* Everything of the digest's text but `data`: id, source, type, time, two texts
 * at their maximum, line feeds. */
#define FACTS_MAX_BYTES                                                                        \
    (GW_EVENT_ID_TEXT_LEN + 256 + 64 + GW_TIME_TEXT_LEN + GW_EVENT_SUBJECT_MAX_BYTES           \
     + GW_EVENT_NAME_MAX_BYTES + 6)

static void put_line(struct gw_buf *buf, struct gw_str text) {
    gw_buf_put_str(buf, text);
    gw_buf_put_char(buf, '\n');
}

void gw_event_digest(const struct gw_record *record, const struct gw_event_context *context,
                     uint8_t ret_digest[static GW_DIGEST_BYTES]) {
    uint8_t storage[FACTS_MAX_BYTES];
    struct gw_buf facts;
    gw_buf_init(&facts, storage, sizeof(storage));

    char id[GW_EVENT_ID_TEXT_LEN + 1];
    gw_event_id_format(record->id, id);
    put_line(&facts, (struct gw_str){id, GW_EVENT_ID_TEXT_LEN});
    gw_event_put_source(&facts, record, context);
    gw_buf_put_char(&facts, '\n');
    const struct gw_event_type_info *type = gw_event_type_find(record->type);
    put_line(&facts, gw_str_from_cstr(type ? type->name : NULL));
    gw_time_put(&facts, record->time_wall_ms);
    gw_buf_put_char(&facts, '\n');
    put_line(&facts, record->subject);
    put_line(&facts, gw_event_partition_key(record));

    struct gw_sha256 hash;
    uint8_t full[GW_SHA256_BYTES];
    gw_sha256_start(&hash);
    gw_sha256_update(&hash, gw_buf_bytes(&facts));
    gw_sha256_update(&hash, gw_bytes_from_str(record->data));
    gw_sha256_finish(&hash, full);
    memcpy(ret_digest, full, GW_DIGEST_BYTES);
}
