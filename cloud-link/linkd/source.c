/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as linkd sees it: perhaps not there, perhaps another one today. */
#include "cloud-link/linkd/state.h"
#include "firmware/base/log.h"

#define ROOM "linkd"

static void drop_reader(struct gw_linkd *linkd) {
    gw_queue_reader_close(linkd->reader);
    linkd->reader = NULL;
}

static enum gw_err open_reader(struct gw_linkd *linkd) {
    if (linkd->reader) {
        return GW_OK;
    }
    enum gw_err err = gw_queue_reader_open(linkd->queue_path, &linkd->reader);
    if (!err) {
        gw_log_info(ROOM, "queue is open path=%s", linkd->queue_path);
    }
    return err;
}

static enum gw_err read_epochs(struct gw_linkd *linkd) {
    enum gw_err err = open_reader(linkd);
    if (err) {
        return err;
    }
    err = gw_queue_reader_epochs(linkd->reader, linkd->epochs, &linkd->epoch_count);
    if (err) {
        gw_log_debug(ROOM, "queue is opened again error=%s", gw_err_name(err));
        drop_reader(linkd);
    }
    return err;
}

void gw_linkd_look(struct gw_linkd *linkd) {
    linkd->is_rung = false;
    enum gw_err err = read_epochs(linkd);
    if (err) {
        if (err != GW_ERR_NOENT && err != GW_ERR_RETRY && err != GW_ERR_BUSY) {
            gw_health_raise(linkd->health, GW_ISSUE_STORE_READER_STUCK, GW_STR("queue"),
                            "the queue cannot be read: %s", gw_err_name(err));
        }
        return;
    }
    gw_health_clear(linkd->health, GW_ISSUE_STORE_READER_STUCK, GW_STR("queue"));
    for (size_t i = 0; i < linkd->sink_count; i++) {
        err = gw_uplink_set_epochs(linkd->sinks[i].uplink, linkd->epochs, linkd->epoch_count);
        if (err) {
            gw_log_error(ROOM, "sink cannot follow the queue, tried again sink=%s error=%s",
                         linkd->sinks[i].config->name, gw_err_name(err));
        }
    }
}

static enum gw_err read_records(void *self, const struct gw_queue_read_request *request,
                                struct gw_buf *storage, struct gw_queue_entry *entries,
                                size_t max_entries, size_t *ret_count) {
    struct gw_linkd *linkd = self;
    if (!linkd->reader) {
        return GW_ERR_NOENT;
    }
    enum gw_err err =
        gw_queue_read(linkd->reader, request, storage, entries, max_entries, ret_count);
    if (err == GW_ERR_RETRY || err == GW_ERR_CORRUPT || err == GW_ERR_IO) {
        drop_reader(linkd);
        linkd->is_rung = true;
        return GW_ERR_BUSY; /* a sink takes RETRY for a gap in the records */
    }
    return err;
}

struct gw_uplink_source gw_linkd_source(struct gw_linkd *linkd) {
    return (struct gw_uplink_source){read_records, linkd};
}
