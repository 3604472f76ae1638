/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds on a loop with a fake clock and a fake intake, a folder for profiles and
 * device nodes, and the peers of the tests: sockets and pseudo-terminals. */
#ifndef GW_TESTS_FEEDS_RIG_H
#define GW_TESTS_FEEDS_RIG_H

#include "drivers/serial/source.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/temp_folder.h"

#define FEEDS_RIG_MAX 4

struct feeds_rig {
    struct gw_temp_folder folder;
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_fake_intake *intake;
    struct gw_config_feed configs[FEEDS_RIG_MAX];
    size_t count;
    int grab_errno; /* what taking a keyboard answers, 0 = it is ours */
    struct gw_feeds *feeds;
    uint64_t refused[4]; /* by enum gw_feed_refusal */
};

/* Everything but the feeds. */
void feeds_rig_begin(struct feeds_rig *rig);
/* Write a profile into the folder; its name is that of a file there. */
void feeds_rig_profile(struct feeds_rig *rig, const char *name, const char *json);
/* A scanner that ends codes with CR and has a keyboard layout. */
#define FEEDS_RIG_SCANNER "scanner"
/* One more feed, with all texts set and no limits. */
struct gw_config_feed *feeds_rig_add(struct feeds_rig *rig, const char *id,
                                     enum gw_feed_transport transport);
/* Open what was added. */
void feeds_rig_open(struct feeds_rig *rig);
/* Go over to what `configs` and `count` say now. */
enum gw_err feeds_rig_change(struct feeds_rig *rig);
/* Stop, commit, close, whatever was opened. */
void feeds_rig_end(struct feeds_rig *rig);

/* One round: what is ready now, then the tick. */
void feeds_rig_turn(struct feeds_rig *rig);
/* Rounds until `count` units were submitted in all; fails when nothing comes. */
void feeds_rig_wait_units(struct feeds_rig *rig, size_t count);
/* Rounds until the feed has read so many bytes. */
void feeds_rig_wait_bytes(struct feeds_rig *rig, size_t index, uint64_t bytes);
/* Rounds until the feed is in this state. */
void feeds_rig_wait_state(struct feeds_rig *rig, size_t index, const char *state);
struct gw_feed_figures feeds_rig_figures(const struct feeds_rig *rig, size_t index);
/* Whether the unit's data holds this text. */
void feeds_rig_expect(const struct feeds_rig *rig, size_t unit, const char *text);
bool feeds_rig_has_issue(const struct feeds_rig *rig, enum gw_issue_code code,
                         const char *subject);

/* A TCP port of 127.0.0.1 nobody listens on now. */
uint16_t feeds_rig_free_port(void);
/* Listen on 127.0.0.1; the descriptor. accept waits for some milliseconds. */
int feeds_rig_listen(uint16_t port);
/* Rounds until a feed has connected; the device's end. */
int feeds_rig_accept(struct feeds_rig *rig, int listener);
/* Connect to it, from 127.0.0.`from`. */
int feeds_rig_connect(uint16_t port, unsigned from);
/* The descriptor that a feed has for this connection, -1 if it has none (any more). */
int feeds_rig_own_end(int device);
/* The master of a new pseudo-terminal; its slave's path. */
int feeds_rig_open_pty(char path[static 64]);
void feeds_rig_write(int fd, const char *text);

#endif
