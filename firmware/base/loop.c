/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched descriptor has a slot; slots are found by descriptor through a
 * small chained table. What epoll carries is the slot's number and its
 * generation: unwatch raises the generation, so an event of the same round for
 * a slot that was given up, or given to another descriptor, is recognised as
 * stale and dropped.
 */
#include "firmware/base/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"

#define ROUND_EVENTS 128
#define NO_SLOT UINT32_MAX

struct slot {
    int fd; /* -1 = free */
    unsigned events;
    uint32_t generation;
    uint32_t next; /* of the chain, or of the free list */
    gw_loop_callback *callback;
    void *context;
};

struct gw_loop {
    int epoll_fd;
    int stop_fd;
    atomic_bool stopped;
    uint32_t slot_count;
    uint32_t free_head;
    uint32_t bucket_mask;
    uint32_t *buckets;
    struct slot *slots;
};

static void free_loop(struct gw_loop *loop) {
    if (loop->epoll_fd >= 0) {
        (void) close(loop->epoll_fd);
    }
    if (loop->stop_fd >= 0) {
        (void) close(loop->stop_fd);
    }
    free(loop->buckets);
    free(loop->slots);
    free(loop);
}

GW_DEFINE_CLEANUP(struct gw_loop *, free_loop, free_loopp)

static enum gw_err make_tables(struct gw_loop *loop, size_t max_fds) {
    size_t buckets = 16;
    while (buckets < max_fds) {
        buckets *= 2;
    }
    loop->slots = calloc(max_fds, sizeof(*loop->slots));
    loop->buckets = calloc(buckets, sizeof(*loop->buckets));
    if (!loop->slots || !loop->buckets) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < buckets; i++) {
        loop->buckets[i] = NO_SLOT;
    }
    for (size_t i = 0; i < max_fds; i++) {
        loop->slots[i].fd = -1;
        loop->slots[i].next = i + 1 < max_fds ? (uint32_t) (i + 1) : NO_SLOT;
    }
    loop->slot_count = (uint32_t) max_fds;
    loop->bucket_mask = (uint32_t) buckets - 1;
    return GW_OK;
}

static enum gw_err open_descriptors(struct gw_loop *loop) {
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->stop_fd < 0) {
        return gw_err_from_errno(errno);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = NO_SLOT};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->stop_fd, &event) != 0) {
        return gw_err_from_errno(errno);
    }
    return GW_OK;
}

enum gw_err gw_loop_open(size_t max_fds, struct gw_loop **ret_loop) {
    if (max_fds == 0 || max_fds > INT_MAX) {
        return GW_ERR_INVALID;
    }
    GW_CLEANUP(free_loopp) struct gw_loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        return GW_ERR_NOMEM;
    }
    loop->epoll_fd = -1;
    loop->stop_fd = -1;
    enum gw_err err = make_tables(loop, max_fds);
    if (err) {
        return err;
    }
    err = open_descriptors(loop);
    if (err) {
        return err;
    }
    *ret_loop = GW_TAKE(loop);
    return GW_OK;
}

void gw_loop_close(struct gw_loop *loop) {
    if (loop) {
        free_loop(loop);
    }
}

/* The link that holds the slot's number: a bucket or a predecessor's next. */
static uint32_t *find_link(struct gw_loop *loop, int fd) {
    uint32_t *link = &loop->buckets[(uint32_t) fd & loop->bucket_mask];
    while (*link != NO_SLOT && loop->slots[*link].fd != fd) {
        link = &loop->slots[*link].next;
    }
    return link;
}

static uint32_t take_slot(struct gw_loop *loop, int fd) {
    uint32_t index = loop->free_head;
    if (index == NO_SLOT) {
        return NO_SLOT;
    }
    struct slot *slot = &loop->slots[index];
    loop->free_head = slot->next;
    uint32_t *bucket = &loop->buckets[(uint32_t) fd & loop->bucket_mask];
    slot->fd = fd;
    slot->next = *bucket;
    *bucket = index;
    return index;
}

static void release_slot(struct gw_loop *loop, uint32_t *link) {
    uint32_t index = *link;
    struct slot *slot = &loop->slots[index];
    *link = slot->next;
    slot->fd = -1;
    slot->callback = NULL;
    slot->generation++;
    slot->next = loop->free_head;
    loop->free_head = index;
}

/* An fd that was closed without unwatch, and its number given out again, is no
 * longer in the kernel's set: then the change becomes an addition. */
static int tell_kernel(struct gw_loop *loop, bool known, int fd, struct epoll_event *event) {
    if (known) {
        int answer = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, event);
        if (answer == 0 || errno != ENOENT) {
            return answer;
        }
    }
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, event);
}

enum gw_err gw_loop_watch(struct gw_loop *loop, int fd, unsigned events,
                          gw_loop_callback *callback, void *context) {
    if (fd < 0 || !callback) {
        return GW_ERR_INVALID;
    }
    uint32_t index = *find_link(loop, fd);
    bool known = index != NO_SLOT;
    if (!known) {
        index = take_slot(loop, fd);
        if (index == NO_SLOT) {
            return GW_ERR_FULL;
        }
    }
    struct slot *slot = &loop->slots[index];
    struct epoll_event event = {
        .events = (events & GW_LOOP_READ ? (uint32_t) EPOLLIN : 0)
                  | (events & GW_LOOP_WRITE ? (uint32_t) EPOLLOUT : 0),
        .data.u64 = (uint64_t) slot->generation << 32 | index,
    };
    if (tell_kernel(loop, known, fd, &event) != 0) {
        enum gw_err err = gw_err_from_errno(errno);
        release_slot(loop, find_link(loop, fd));
        return err;
    }
    slot->events = events;
    slot->callback = callback;
    slot->context = context;
    return GW_OK;
}

void gw_loop_unwatch(struct gw_loop *loop, int fd) {
    uint32_t *link = find_link(loop, fd);
    if (fd < 0 || *link == NO_SLOT) {
        return;
    }
    /* Fails if the fd was closed first; the kernel has forgotten it then. */
    (void) epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    release_slot(loop, link);
}

static int timeout_ms(const struct gw_clock *clock, int64_t deadline_mono_ms) {
    if (deadline_mono_ms == GW_NEVER_MS) {
        return -1;
    }
    int64_t now = gw_clock_mono_ms(clock);
    if (deadline_mono_ms <= now) {
        return 0;
    }
    int64_t left;
    if (__builtin_sub_overflow(deadline_mono_ms, now, &left) || left > INT_MAX) {
        return INT_MAX;
    }
    return (int) left;
}

static void dispatch(struct gw_loop *loop, const struct epoll_event *event) {
    uint32_t index = (uint32_t) event->data.u64;
    if (index == NO_SLOT) {
        uint64_t count;
        ssize_t n = read(loop->stop_fd, &count, sizeof(count));
        (void) n;
        return;
    }
    const struct slot *slot = &loop->slots[index];
    if (slot->fd < 0 || slot->generation != event->data.u64 >> 32) {
        return;
    }
    /* Interest may have changed earlier in this round. */
    unsigned ready = (event->events & EPOLLIN ? slot->events & GW_LOOP_READ : 0)
                     | (event->events & EPOLLOUT ? slot->events & GW_LOOP_WRITE : 0)
                     | (event->events & (EPOLLHUP | EPOLLERR) ? (unsigned) GW_LOOP_HANGUP : 0);
    if (ready) {
        slot->callback(slot->context, slot->fd, ready);
    }
}

enum gw_err gw_loop_wait(struct gw_loop *loop, const struct gw_clock *clock,
                         int64_t deadline_mono_ms) {
    struct epoll_event round[ROUND_EVENTS];
    int n =
        epoll_wait(loop->epoll_fd, round, ROUND_EVENTS, timeout_ms(clock, deadline_mono_ms));
    if (n < 0) {
        return errno == EINTR ? GW_OK : gw_err_from_errno(errno);
    }
    for (int i = 0; i < n; i++) {
        dispatch(loop, &round[i]);
    }
    return GW_OK;
}

void gw_loop_rest(struct gw_loop *loop, const struct gw_clock *clock,
                  int64_t deadline_mono_ms) {
    struct pollfd stop = {.fd = loop->stop_fd, .events = POLLIN};
    (void) poll(&stop, 1, timeout_ms(clock, deadline_mono_ms));
}

void gw_loop_stop(struct gw_loop *loop) {
    int saved = errno;
    atomic_store(&loop->stopped, true);
    uint64_t one = 1;
    ssize_t n = write(loop->stop_fd, &one, sizeof(one));
    (void) n;
    errno = saved;
}

bool gw_loop_stopped(const struct gw_loop *loop) {
    return atomic_load(&loop->stopped);
}
