/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gwctl/store_reader.h"

#include "tools/gwctl/gwctl.h"

static const char *explain(enum gw_err err) {
    switch (err) {
    case GW_ERR_NOENT:
        return "there is no store yet";
    case GW_ERR_DENIED:
        return "this user may not read it: call gwctl as root or as a member of its group";
    case GW_ERR_SCHEMA:
        return "it was written by a newer release";
    case GW_ERR_FATAL:
        return "its lock file cannot be written, so its pages could change under the reader";
    default:
        return gw_err_name(err);
    }
}

struct gw_queue_reader *gw_gwctl_open_reader(struct gw_gwctl *ctl) {
    const struct gw_config *config = gw_gwctl_config(ctl);
    if (!config) {
        return NULL;
    }
    char path[256];
    (void) snprintf(path, sizeof path, "%s/queue", config->paths.collect_state);
    struct gw_queue_reader *reader = NULL;
    enum gw_err err = gw_queue_reader_open(path, &reader);
    if (err) {
        (void) gw_gwctl_fail(ctl, "%s: %s", path, explain(err));
        return NULL;
    }
    return reader;
}
