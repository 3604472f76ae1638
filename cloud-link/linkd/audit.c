/* SPDX-License-Identifier: Apache-2.0 */
/* Audited actions: collectd owns the audit chain, so it is asked first, and what
 * it does not record is not done. */
#include <stdio.h>
#include <unistd.h>

#include "cloud-link/linkd/state.h"
#include "firmware/base/random.h"

#define TIMEOUT_MS 5000

static void end(struct gw_linkd *linkd) {
    struct gw_linkd_audit *audit = &linkd->audit;
    if (audit->fd >= 0) {
        gw_loop_unwatch(linkd->loop, audit->fd);
        (void) close(audit->fd);
        audit->fd = -1;
    }
}

static struct gw_linkd_request request_of(struct gw_linkd *linkd) {
    return (struct gw_linkd_request){.linkd = linkd, .reply_to = linkd->audit.reply_to};
}

static void refuse(struct gw_linkd *linkd, enum gw_err err, const char *why) {
    struct gw_linkd_request request = request_of(linkd);
    end(linkd);
    gw_linkd_refuse(&request, err, "gw-collectd did not record it, refused: %s", why);
}

static void carry_out(struct gw_linkd *linkd) {
    struct gw_linkd_audit *audit = &linkd->audit;
    struct gw_linkd_request request = request_of(linkd);
    end(linkd);
    enum gw_err err = gw_linkd_put_letter(linkd, &audit->letter, false);
    if (!err) {
        err = gw_uplink_letter_drop(audit->sink->uplink, &audit->letter);
    }
    if (err) {
        gw_linkd_refuse(&request, err, "%s",
                        err == GW_ERR_BUSY ? "the centre has not been told of it yet"
                                           : "there is no such dead letter");
        return;
    }
    gw_linkd_answer(&request);
}

static void on_readable(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_linkd *linkd = context;
    struct gw_ipc_frame frame;
    enum gw_err err = gw_ipc_receive(fd, &linkd->frame, &frame);
    if (err == GW_ERR_RETRY) {
        return;
    }
    if (err) {
        refuse(linkd, err, gw_err_name(err));
    } else if (frame.request_id == linkd->audit.request_id) {
        if (frame.status != GW_OK) {
            refuse(linkd, frame.status, gw_err_name(frame.status));
        } else {
            carry_out(linkd);
        }
    }
}

static void put_body(struct gw_buf *buf, const struct gw_linkd_audit *audit,
                     struct gw_str actor) {
    char id[33], epoch[GW_EPOCH_TEXT_LEN + 1];
    uint8_t bytes[16];
    gw_random_bytes(bytes, sizeof(bytes));
    gw_hex_format((struct gw_bytes){bytes, sizeof(bytes)}, id);
    gw_epoch_format(audit->letter.epoch, epoch);
    gw_buf_clear(buf);
    gw_buf_printf(buf, "{\"id\":\"%s\",\"audit\":{\"actor\":", id);
    gw_buf_put_json_str(buf, actor);
    gw_buf_printf(buf,
                  ",\"action\":\"dead_letter.drop\",\"target\":\"%s/%s/%llu\","
                  "\"outcome\":\"ok\",\"detail\":",
                  epoch, gw_flow_class_name(audit->letter.class),
                  (unsigned long long) audit->letter.sequence);
    gw_buf_put_json_str(buf, audit->letter.sink);
    gw_buf_put_str(buf, GW_STR("}}"));
}

static enum gw_err ask(struct gw_linkd *linkd, struct gw_str actor) {
    struct gw_linkd_audit *audit = &linkd->audit;
    char storage[2048];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof(storage));
    put_body(&body, audit, actor);
    if (gw_buf_failed(&body)) {
        return GW_ERR_RANGE;
    }
    struct gw_ipc_frame frame = {
        .verb = GW_IPC_SUBMIT, .request_id = ++audit->request_id, .body = gw_buf_str(&body)};
    enum gw_err err = gw_ipc_send(audit->fd, &frame, &linkd->frame);
    if (err) {
        return err;
    }
    return gw_loop_watch(linkd->loop, audit->fd, GW_LOOP_READ, on_readable, linkd);
}

enum gw_err gw_linkd_audit_drop(const struct gw_linkd_request *request,
                                struct gw_linkd_sink *sink, const struct gw_letter_key *letter,
                                struct gw_str actor) {
    struct gw_linkd *linkd = request->linkd;
    struct gw_linkd_audit *audit = &linkd->audit;
    if (audit->fd >= 0) {
        return GW_ERR_BUSY;
    }
    enum gw_err err = gw_ipc_connect(linkd->collectd_path, &audit->fd);
    if (err) {
        audit->fd = -1;
        return err;
    }
    audit->reply_to = request->reply_to;
    audit->sink = sink;
    audit->letter = *letter;
    audit->deadline_mono_ms = gw_clock_mono_ms(linkd->clock) + TIMEOUT_MS;
    err = ask(linkd, actor);
    if (err) {
        end(linkd);
    }
    return err;
}

void gw_linkd_expire_audit(struct gw_linkd *linkd) {
    if (linkd->audit.fd >= 0
        && gw_clock_mono_ms(linkd->clock) >= linkd->audit.deadline_mono_ms) {
        refuse(linkd, GW_ERR_TIMEOUT, "no answer in time");
    }
}

void gw_linkd_close_audit(struct gw_linkd *linkd) {
    if (linkd->audit.fd >= 0) {
        refuse(linkd, GW_ERR_RETRY, "gw-linkd closes its sinks");
    }
}
