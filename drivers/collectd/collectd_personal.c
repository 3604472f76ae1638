/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of personal codes, between all sources and the queue. */
#include "drivers/collectd/collectd_internal.h"

#include <string.h>

#include "drivers/mqtt/origin.h"

/* The fingerprints of a payload that is a badge or holds one, and of an event id that
 * does, can be found by trying all badges. What comes again after a restart is marked
 * possibleduplicate without them. A record of a list has a fingerprint of itself alone. */
static void scrub(uint8_t *origin, size_t len, bool is_own) {
    struct gw_mqtt_origin decoded;
    if (gw_mqtt_origin_decode((struct gw_bytes){origin, len}, &decoded)) {
        memset(origin, 0, len);
        return;
    }
    if (is_own || !decoded.is_record) {
        decoded.payload = 0;
    }
    if (is_own) {
        decoded.event_id = 0;
    }
    gw_mqtt_origin_encode(&decoded, origin);
}

enum gw_err gw_collectd_open_personal(struct gw_collectd *collectd) {
    const struct gw_personal_options options = {
        .config = &collectd->config->personal,
        .intake = gw_queue_intake(collectd->queue),
        .clock = &collectd->clock,
        .health = collectd->health,
        .key_path = collectd->paths.personal_key,
        .scrub = scrub,
    };
    enum gw_err err = gw_personal_open(&options, &collectd->personal);
    if (err) {
        return err;
    }
    collectd->intake = gw_personal_intake(collectd->personal);
    gw_health_set_redactor(collectd->health, gw_personal_is_secret, collectd->personal);
    return GW_OK;
}

void gw_collectd_close_personal(struct gw_collectd *collectd) {
    if (collectd->personal) {
        gw_health_set_redactor(collectd->health, NULL, NULL);
    }
    gw_personal_close(collectd->personal);
    collectd->personal = NULL;
}
