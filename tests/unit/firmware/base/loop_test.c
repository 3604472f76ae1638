/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/loop.h"
#include "tests/fakes/fake_clock.h"

struct peer {
    struct gw_loop *loop;
    int ours, theirs;
    unsigned calls;
    unsigned last_events;
    int last_fd;
    struct peer *unwatches; /* in the callback */
    struct peer *replaces;  /* in the callback: watched with GW_LOOP_WRITE */
};

static struct gw_fake_clock fake;
static struct gw_clock clock_;

static struct gw_loop *open_loop(size_t max_fds) {
    struct gw_loop *loop = NULL;
    clock_ = gw_fake_clock_init(&fake);
    assert_int_equal(gw_loop_open(max_fds, &loop), GW_OK);
    assert_non_null(loop);
    return loop;
}

static void open_peer(struct peer *peer, struct gw_loop *loop) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                     0);
    *peer = (struct peer){.loop = loop, .ours = fds[0], .theirs = fds[1], .last_fd = -1};
}

static void close_peer(struct peer *peer) {
    close(peer->ours);
    close(peer->theirs);
}

static void on_ready(void *context, int fd, unsigned events) {
    struct peer *peer = context;
    peer->calls++;
    peer->last_fd = fd;
    peer->last_events = events;
    if (peer->unwatches) {
        gw_loop_unwatch(peer->loop, peer->unwatches->ours);
    }
    if (peer->replaces) {
        assert_int_equal(gw_loop_watch(peer->loop, peer->replaces->ours, GW_LOOP_WRITE,
                                       on_ready, peer->replaces),
                         GW_OK);
    }
}

static void watch(struct peer *peer, unsigned events) {
    assert_int_equal(gw_loop_watch(peer->loop, peer->ours, events, on_ready, peer), GW_OK);
}

static void send_byte(struct peer *peer) {
    assert_int_equal(write(peer->theirs, "x", 1), 1);
}

static void wait_past_deadline(struct gw_loop *loop) {
    assert_int_equal(gw_loop_wait(loop, &clock_, GW_FAKE_CLOCK_MONO_MS), GW_OK);
}

static void readiness_is_reported_until_it_is_read(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(4);
    struct peer peer;
    open_peer(&peer, loop);
    watch(&peer, GW_LOOP_READ);
    wait_past_deadline(loop);
    assert_int_equal(peer.calls, 0);
    send_byte(&peer);
    wait_past_deadline(loop);
    wait_past_deadline(loop);
    assert_int_equal(peer.calls, 2);
    assert_int_equal(peer.last_fd, peer.ours);
    assert_int_equal(peer.last_events, GW_LOOP_READ);
    char c;
    assert_int_equal(read(peer.ours, &c, 1), 1);
    wait_past_deadline(loop);
    assert_int_equal(peer.calls, 2);
    close_peer(&peer);
    gw_loop_close(loop);
}

static void a_second_watch_replaces_the_first(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    struct peer first, second;
    open_peer(&first, loop);
    second = first;
    watch(&first, GW_LOOP_READ);
    send_byte(&first);
    assert_int_equal(gw_loop_watch(loop, first.ours, GW_LOOP_WRITE, on_ready, &second), GW_OK);
    wait_past_deadline(loop);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.last_events, GW_LOOP_WRITE);
    assert_int_equal(
        gw_loop_watch(loop, first.ours, GW_LOOP_READ | GW_LOOP_WRITE, on_ready, &second),
        GW_OK);
    wait_past_deadline(loop);
    assert_int_equal(second.last_events, GW_LOOP_READ | GW_LOOP_WRITE);
    assert_int_equal(gw_loop_watch(loop, first.ours, 0, on_ready, &second), GW_OK);
    wait_past_deadline(loop);
    assert_int_equal(second.calls, 2);
    close_peer(&first);
    gw_loop_close(loop);
}

/* Both are ready in one round; whichever is called first takes the other away. */
static void unwatch_during_a_round_silences_the_other_at_once(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(4);
    struct peer a, b;
    open_peer(&a, loop);
    open_peer(&b, loop);
    a.unwatches = &b;
    b.unwatches = &a;
    watch(&a, GW_LOOP_READ);
    watch(&b, GW_LOOP_READ);
    send_byte(&a);
    send_byte(&b);
    wait_past_deadline(loop);
    assert_int_equal(a.calls + b.calls, 1);
    close_peer(&a);
    close_peer(&b);
    gw_loop_close(loop);
}

static void unwatch_of_oneself_during_the_callback(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(4);
    struct peer peer;
    open_peer(&peer, loop);
    peer.unwatches = &peer;
    watch(&peer, GW_LOOP_READ);
    send_byte(&peer);
    wait_past_deadline(loop);
    wait_past_deadline(loop);
    assert_int_equal(peer.calls, 1);
    gw_loop_unwatch(loop, peer.ours);
    gw_loop_unwatch(loop, -1);
    gw_loop_unwatch(loop, 100000);
    close_peer(&peer);
    gw_loop_close(loop);
}

/* The place of an unwatched descriptor is taken by another one within the same
 * round: the event that was meant for the old one must not reach the new one. */
static struct peer *victim_, *newcomer_;

static void swap_victim_for_newcomer(void *context, int fd, unsigned events) {
    (void) fd;
    (void) events;
    struct peer *self = context;
    self->calls++;
    gw_loop_unwatch(self->loop, victim_->ours);
    assert_int_equal(
        gw_loop_watch(self->loop, newcomer_->ours, GW_LOOP_READ, on_ready, newcomer_), GW_OK);
}

static void an_event_for_a_former_watcher_does_not_reach_its_successor(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(2);
    struct peer first, second, newcomer;
    open_peer(&first, loop);
    open_peer(&second, loop);
    open_peer(&newcomer, loop);
    /* epoll reports in the order of becoming ready. */
    victim_ = &second;
    newcomer_ = &newcomer;
    assert_int_equal(
        gw_loop_watch(loop, first.ours, GW_LOOP_READ, swap_victim_for_newcomer, &first), GW_OK);
    watch(&second, GW_LOOP_READ);
    send_byte(&first);
    send_byte(&second);
    wait_past_deadline(loop);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    assert_int_equal(newcomer.calls, 0);
    close_peer(&first);
    close_peer(&second);
    close_peer(&newcomer);
    gw_loop_close(loop);
}

static void interest_dropped_during_a_round_counts_in_that_round(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(2);
    struct peer first, second;
    open_peer(&first, loop);
    open_peer(&second, loop);
    first.replaces = &second;
    watch(&first, GW_LOOP_READ);
    watch(&second, GW_LOOP_READ);
    send_byte(&first);
    send_byte(&second);
    wait_past_deadline(loop);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    wait_past_deadline(loop);
    assert_int_equal(second.last_events, GW_LOOP_WRITE);
    close_peer(&first);
    close_peer(&second);
    gw_loop_close(loop);
}

static void hangup_is_reported_unasked(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(2);
    struct peer peer;
    open_peer(&peer, loop);
    watch(&peer, 0);
    close(peer.theirs);
    wait_past_deadline(loop);
    assert_int_equal(peer.last_events, GW_LOOP_HANGUP);
    gw_loop_unwatch(loop, peer.ours);
    close(peer.ours);
    gw_loop_close(loop);
}

static void the_limit_of_descriptors_is_kept_and_places_come_back(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(3);
    struct peer peers[4];
    for (int i = 0; i < 4; i++) {
        open_peer(&peers[i], loop);
    }
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 3; i++) {
            watch(&peers[(round + i) % 4], GW_LOOP_READ);
        }
        struct peer *left_out = &peers[(round + 3) % 4];
        assert_int_equal(gw_loop_watch(loop, left_out->ours, GW_LOOP_READ, on_ready, left_out),
                         GW_ERR_FULL);
        for (int i = 0; i < 3; i++) {
            gw_loop_unwatch(loop, peers[(round + 2 * i) % 4].ours);
            gw_loop_unwatch(loop, peers[(round + 2 * i + 1) % 4].ours);
        }
    }
    for (int i = 0; i < 4; i++) {
        close_peer(&peers[i]);
    }
    gw_loop_close(loop);
}

static void many_descriptors_find_their_own_context(void **state) {
    (void) state;
    enum { COUNT = 150 };
    struct gw_loop *loop = open_loop(COUNT);
    static struct peer peers[COUNT];
    for (int i = 0; i < COUNT; i++) {
        open_peer(&peers[i], loop);
        watch(&peers[i], GW_LOOP_READ);
    }
    for (int i = 0; i < COUNT; i += 3) {
        send_byte(&peers[i]);
    }
    for (int i = 1; i < COUNT; i += 3) {
        gw_loop_unwatch(loop, peers[i].ours);
        send_byte(&peers[i]);
    }
    wait_past_deadline(loop);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(peers[i].calls, i % 3 == 0);
        assert_true(i % 3 != 0 || peers[i].last_fd == peers[i].ours);
        close_peer(&peers[i]);
    }
    gw_loop_close(loop);
}

/* The number of a descriptor closed too early is soon given out again. */
static void a_reused_number_is_watched_anew(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    struct peer old, new;
    open_peer(&old, loop);
    watch(&old, GW_LOOP_READ);
    close_peer(&old);
    open_peer(&new, loop);
    assert_int_equal(new.ours, old.ours);
    watch(&new, GW_LOOP_READ);
    send_byte(&new);
    wait_past_deadline(loop);
    assert_int_equal(new.calls, 1);
    assert_int_equal(old.calls, 0);
    close_peer(&new);
    gw_loop_close(loop);
}

static void what_epoll_cannot_watch_is_refused_and_takes_no_place(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    GW_CLEANUP(gw_fclosep) FILE *file = tmpfile();
    assert_non_null(file);
    struct peer peer;
    open_peer(&peer, loop);
    assert_int_equal(gw_loop_watch(loop, fileno(file), GW_LOOP_READ, on_ready, &peer),
                     GW_ERR_DENIED);
    assert_int_equal(gw_loop_watch(loop, -1, GW_LOOP_READ, on_ready, &peer), GW_ERR_INVALID);
    assert_int_equal(gw_loop_watch(loop, 100000, GW_LOOP_READ, on_ready, &peer),
                     GW_ERR_INVALID);
    assert_int_equal(gw_loop_watch(loop, peer.ours, GW_LOOP_READ, NULL, &peer), GW_ERR_INVALID);
    watch(&peer, GW_LOOP_READ);
    close_peer(&peer);
    gw_loop_close(loop);
}

static void stop_ends_one_wait_without_a_deadline(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    assert_false(gw_loop_stopped(loop));
    gw_loop_stop(loop);
    gw_loop_stop(loop);
    assert_true(gw_loop_stopped(loop));
    assert_int_equal(gw_loop_wait(loop, &clock_, GW_NEVER_MS), GW_OK);
    assert_true(gw_loop_stopped(loop));
    gw_loop_close(loop);
    gw_loop_close(NULL);
}

static struct gw_loop *loop_of_handler;

static void stop_from_handler(int number) {
    (void) number;
    gw_loop_stop(loop_of_handler);
}

static void a_signal_handler_may_stop_the_loop(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    loop_of_handler = loop;
    struct sigaction action = {.sa_handler = stop_from_handler}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    struct itimerval timer = {.it_value.tv_usec = 20000};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    while (!gw_loop_stopped(loop)) {
        assert_int_equal(gw_loop_wait(loop, &clock_, GW_NEVER_MS), GW_OK);
    }
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    gw_loop_close(loop);
}

static void a_deadline_in_the_future_is_waited_for(void **state) {
    (void) state;
    struct gw_loop *loop = open_loop(1);
    struct gw_clock system = gw_clock_system();
    int64_t start = gw_clock_mono_ms(&system);
    assert_int_equal(gw_loop_wait(loop, &system, start + 30), GW_OK);
    assert_true(gw_clock_mono_ms(&system) >= start + 29);
    assert_int_equal(gw_loop_wait(loop, &system, INT64_MIN), GW_OK);
    gw_loop_close(loop);
}

static void a_loop_without_places_is_refused(void **state) {
    (void) state;
    struct gw_loop *loop = NULL;
    assert_int_equal(gw_loop_open(0, &loop), GW_ERR_INVALID);
    assert_int_equal(gw_loop_open(SIZE_MAX, &loop), GW_ERR_INVALID);
    assert_null(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_is_reported_until_it_is_read),
        cmocka_unit_test(a_second_watch_replaces_the_first),
        cmocka_unit_test(unwatch_during_a_round_silences_the_other_at_once),
        cmocka_unit_test(unwatch_of_oneself_during_the_callback),
        cmocka_unit_test(an_event_for_a_former_watcher_does_not_reach_its_successor),
        cmocka_unit_test(interest_dropped_during_a_round_counts_in_that_round),
        cmocka_unit_test(hangup_is_reported_unasked),
        cmocka_unit_test(the_limit_of_descriptors_is_kept_and_places_come_back),
        cmocka_unit_test(many_descriptors_find_their_own_context),
        cmocka_unit_test(a_reused_number_is_watched_anew),
        cmocka_unit_test(what_epoll_cannot_watch_is_refused_and_takes_no_place),
        cmocka_unit_test(stop_ends_one_wait_without_a_deadline),
        cmocka_unit_test(a_signal_handler_may_stop_the_loop),
        cmocka_unit_test(a_deadline_in_the_future_is_waited_for),
        cmocka_unit_test(a_loop_without_places_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
