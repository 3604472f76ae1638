/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/hotplug.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "firmware/base/cleanup.h"

#define PATH_BYTES 600

struct gw_hotplug {
    struct gw_loop *loop;
    char dev_root[512];
    int fd;
    void (*changed)(void *context);
    void *context;
};

/* A watch that stands already stays; a folder that came since gets one. */
static void watch_folders(struct gw_hotplug *hotplug) {
    static const char *const folders[] = {"", "/input", "/serial", "/serial/by-id",
                                          "/serial/by-path"};
    for (size_t i = 0; i < GW_ARRAY_LEN(folders); i++) {
        char path[PATH_BYTES];
        (void) snprintf(path, sizeof path, "%s%s", hotplug->dev_root, folders[i]);
        (void) inotify_add_watch(hotplug->fd, path,
                                 IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MOVED_TO | IN_ONLYDIR);
    }
}

static void on_ready(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_hotplug *hotplug = context;
    _Alignas(struct inotify_event) char storage[4096];
    if (read(fd, storage, sizeof storage) > 0) {
        watch_folders(hotplug);
        hotplug->changed(hotplug->context);
    }
}

enum gw_err gw_hotplug_open(struct gw_loop *loop, const char *dev_root,
                            void (*changed)(void *context), void *context,
                            struct gw_hotplug **ret_hotplug) {
    GW_CLEANUP(gw_freep) struct gw_hotplug *hotplug = calloc(1, sizeof *hotplug);
    if (!hotplug) {
        return GW_ERR_NOMEM;
    }
    hotplug->loop = loop;
    hotplug->changed = changed;
    hotplug->context = context;
    (void) snprintf(hotplug->dev_root, sizeof hotplug->dev_root, "%s", dev_root);
    hotplug->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (hotplug->fd >= 0) {
        watch_folders(hotplug);
        (void) !gw_loop_watch(loop, hotplug->fd, GW_LOOP_READ, on_ready, hotplug);
    }
    *ret_hotplug = GW_TAKE(hotplug);
    return GW_OK;
}

void gw_hotplug_close(struct gw_hotplug *hotplug) {
    if (!hotplug) {
        return;
    }
    if (hotplug->fd >= 0) {
        gw_loop_unwatch(hotplug->loop, hotplug->fd);
        (void) close(hotplug->fd);
    }
    free(hotplug);
}
