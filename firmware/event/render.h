/* SPDX-License-Identifier: Apache-2.0 */
/* Rendering: the text a sink sends. A pure function of (record, context, the
 * renderer version in the record): the same bytes today and in a year. */
#ifndef GW_EVENT_RENDER_H
#define GW_EVENT_RENDER_H

#include "firmware/event/record.h"

/* Append the CloudEvents 1.0 structured JSON form of `record` to `buf`;
 * `data` is the last member, verbatim. FULL (buf as before), SCHEMA for an
 * unknown renderer version or type. */
enum gw_err gw_event_render(const struct gw_record *record,
                            const struct gw_event_context *context, struct gw_buf *buf);

/* The canonical facts and their digest (first GW_DIGEST_BYTES of SHA-256 over
 *   id LF source LF type LF time LF subject LF partitionkey LF data
 * where each is the text of the rendered member, an absent member is empty,
 * and data is the canonical JSON text). */
void gw_event_digest(const struct gw_record *record, const struct gw_event_context *context,
                     uint8_t ret_digest[static GW_DIGEST_BYTES]);

#endif
