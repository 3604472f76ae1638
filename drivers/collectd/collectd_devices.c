/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about devices of the front door. Each is in the audit chain before it is
 * done; a secret is in the answer and nowhere else. */
#include <string.h>

#include "drivers/collectd/collectd_internal.h"

/* The device of the request, audited; else the request is refused. */
static enum gw_err begin(const struct gw_collectd_request *request, struct gw_str action,
                         struct gw_str *ret_device) {
    struct gw_collectd *collectd = request->collectd;
    enum gw_err err = gw_collectd_get_text(request, "device", ret_device);
    if (err) {
        gw_collectd_refuse(request, err, "device: allowed: the id of a configured device");
        return err;
    }
    if (!collectd->ingress) {
        gw_collectd_refuse(request, GW_ERR_NOENT,
                           "there is no front door: the configuration has no "
                           "ingress.listeners");
        return GW_ERR_NOENT;
    }
    struct gw_collectd_audit audit = {.actor = gw_collectd_get_actor(request),
                                      .action = action,
                                      .target = *ret_device,
                                      .outcome = GW_STR("ok")};
    err = gw_collectd_audit(collectd, &audit, NULL);
    if (err) {
        gw_collectd_refuse(request, err, "not done, as it could not be audited: %s",
                           gw_err_name(err));
    }
    return err;
}

static void refuse(const struct gw_collectd_request *request, struct gw_str device,
                   enum gw_err err) {
    const char *why = err == GW_ERR_NOENT       ? "there is no such device, or it has no secret"
                      : err == GW_ERR_DUPLICATE ? "it has a secret already: rotate it"
                      : err == GW_ERR_CORRUPT   ? "the file of the secrets cannot be used"
                                                : "the file of the secrets cannot be written";
    gw_collectd_refuse(request, err, "device \"%.*s\": %s", GW_STR_ARG(device), why);
}

static void answer(const struct gw_collectd_request *request, struct gw_str device,
                   const char *secret) {
    struct gw_buf *answer = &request->collectd->answer;
    gw_buf_put_str(answer, GW_STR("{\"device\":"));
    gw_buf_put_json_str(answer, device);
    if (secret) {
        gw_buf_printf(answer, ",\"secret\":\"%s\"", secret);
    }
    gw_buf_put_char(answer, '}');
    gw_collectd_answer(request);
    if (secret) {
        explicit_bzero(answer->data, answer->len);
    }
}

typedef enum gw_err make_secret(struct gw_ingress *ingress, struct gw_str device,
                                char ret_secret[static GW_INGRESS_SECRET_LEN + 1]);

static void give_secret(const struct gw_collectd_request *request, struct gw_str action,
                        make_secret *make) {
    struct gw_str device;
    char secret[GW_INGRESS_SECRET_LEN + 1];
    if (begin(request, action, &device)) {
        return;
    }
    enum gw_err err = make(request->collectd->ingress, device, secret);
    if (err) {
        refuse(request, device, err);
        return;
    }
    answer(request, device, secret);
    explicit_bzero(secret, sizeof secret);
}

void gw_collectd_verb_device_add(const struct gw_collectd_request *request) {
    give_secret(request, GW_STR("device.add"), gw_ingress_add_device);
}

void gw_collectd_verb_device_rotate(const struct gw_collectd_request *request) {
    give_secret(request, GW_STR("device.rotate"), gw_ingress_rotate_device);
}

void gw_collectd_verb_device_revoke(const struct gw_collectd_request *request) {
    struct gw_str device;
    if (begin(request, GW_STR("device.revoke"), &device)) {
        return;
    }
    enum gw_err err = gw_ingress_revoke_device(request->collectd->ingress, device);
    if (err) {
        refuse(request, device, err);
        return;
    }
    answer(request, device, NULL);
}

void gw_collectd_verb_device_command(const struct gw_collectd_request *request) {
    struct gw_str device, text;
    size_t count = 0;
    enum gw_err err = gw_collectd_get_text(request, "text", &text);
    if (err) {
        gw_collectd_refuse(request, err, "text: allowed: 1 to %d bytes",
                           GW_INGRESS_COMMAND_MAX_BYTES);
        return;
    }
    if (begin(request, GW_STR("device.command"), &device)) {
        return;
    }
    err = gw_ingress_command_device(request->collectd->ingress, device, text, &count);
    if (err) {
        gw_collectd_refuse(request, err, "device \"%.*s\": %s", GW_STR_ARG(device),
                           err == GW_ERR_NOENT   ? "no connection of it is subscribed to its "
                                                   "command topic"
                           : err == GW_ERR_RANGE ? "text: allowed: up to 1024 bytes"
                                                 : "it does not read");
        return;
    }
    struct gw_buf *buf = &request->collectd->answer;
    gw_buf_put_str(buf, GW_STR("{\"device\":"));
    gw_buf_put_json_str(buf, device);
    gw_buf_printf(buf, ",\"connections\":%zu}", count);
    gw_collectd_answer(request);
}
