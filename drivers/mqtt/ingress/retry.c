/* SPDX-License-Identifier: Apache-2.0 */
/* Again, from the quarantine: what this door knows of what its entries become. As in
 * drivers/mqtt/broker_retry.c. */
#include "drivers/mqtt/ingress/ingress_internal.h"

static bool is_own(const struct gw_broker_retried *retried) {
    return retried->has_origin && retried->origin.door == GW_MQTT_DOOR_FRONT;
}

size_t gw_ingress_sift_retried(const struct gw_ingress *ingress,
                               const struct gw_broker_retried *retried,
                               struct gw_observation *observation) {
    return is_own(retried)
               ? gw_event_ids_sift(&ingress->event_ids, &retried->message, observation)
               : 0;
}

void gw_ingress_note_retried(struct gw_ingress *ingress,
                             const struct gw_broker_retried *retried,
                             const struct gw_observation *observation) {
    /* In the middle of uncommitted pairs they could not be told from them. */
    if (ingress->uncommitted == 0 && is_own(retried)) {
        gw_event_ids_note(&ingress->event_ids, &retried->message, observation);
        gw_event_ids_settle(&ingress->event_ids);
    }
}
