/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door with nothing real around it: a fake intake that commits when the
 * test says so, a fake clock, no listener. A client is one end of a socket pair; the
 * other end is handed to the door as if it had been accepted.
 *
 *     struct door_client client;
 *     door_connect(rig, &client, GW_STR("id"), DOOR_KEPT);
 *     door_publish(&client, 1, 7, false, "a");
 *     door_turn(rig);              ... read and submitted
 *     door_commit(rig, GW_OK);     ... committed and answered
 *     assert_int_equal(door_expect(&client, PACKET_PUBACK), 7);
 */
#ifndef GW_TESTS_INGRESS_DOOR_RIG_H
#define GW_TESTS_INGRESS_DOOR_RIG_H

#include "drivers/mqtt/ingress/ingress_internal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/temp_folder.h"

/* s1 scans text, class business; s2 sends JSON with an event id, class telemetry,
 * ten messages a second. */
#define DOOR_DEVICES 2
#define DOOR_RECEIVE_MAXIMUM 40

struct door_rig {
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_fake_intake *fake;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_temp_folder folder;
    char credentials_path[GW_TEMP_PATH_BYTES];
    struct gw_config_ingress config;
    struct gw_config_listener listener_config;
    struct gw_config_device devices[DOOR_DEVICES];
    struct gw_device_activity activities[DOOR_DEVICES];
    char secrets[DOOR_DEVICES][GW_INGRESS_SECRET_LEN + 1];
    struct ingress_listener listener;
    struct gw_ingress *ingress;
    uint64_t refused; /* messages of QoS 0 told as lost */
};

struct door_client {
    int fd; /* -1 = closed */
    uint8_t version;
    uint8_t in[65536];
    size_t in_len;
};

/* A packet the server wrote. */
struct door_packet {
    uint8_t type;
    uint8_t flags;
    uint16_t packet_id;
    uint8_t reason; /* of acknowledgement, CONNACK, DISCONNECT; 0 if it says none */
    bool session_present;
    uint8_t body[4096];
    size_t body_len;
};

/* For cmocka: make the rig with s1 and s2 known and their secrets; take it away. */
int door_setup(void **state);
int door_teardown(void **state);
/* The process ends (what is uncommitted is lost) and starts again on what is stored. */
void door_restart(struct door_rig *rig);

/* Some rounds of reading and writing, without a commit. */
void door_turn(struct door_rig *rig);
/* End the group, then a turn. */
void door_commit(struct door_rig *rig, enum gw_err err);
/* Let time pass in steps of a quarter of a second. */
void door_pass(struct door_rig *rig, int64_t ms);
/* A counter of the room, without its "front.". */
uint64_t door_count(struct door_rig *rig, const char *name);
/* Committed events whose data is that of the text `raw`. */
size_t door_stored(const struct door_rig *rig, const char *raw);
size_t door_stored_events(const struct door_rig *rig);
/* The newest committed unit. */
const struct gw_fake_unit *door_newest(const struct door_rig *rig);
size_t door_open_descriptors(void);

/* ---- a client ---- */

/* Flags of CONNECT as the tests need them; without any: version 4, clean session. */
enum door_flags {
    DOOR_CLEAN = 0,
    DOOR_V5 = 1,
    DOOR_KEPT = 2,       /* version 4: no clean session; version 5: expiry of an hour */
    DOOR_WILL = 4,       /* "gangway/s1/will": "gone" */
    DOOR_WILL_DELAY = 8, /* ... a minute later */
    DOOR_S2 = 16,        /* as device s2 */
    DOOR_START = 32,     /* version 5: clean start */
    DOOR_KEEP_ALIVE = 64 /* 10 s */
};

/* A connection without CONNECT. */
void door_open_client(struct door_rig *rig, struct door_client *client);
void door_close_client(struct door_client *client);
void door_send(struct door_client *client, struct gw_bytes bytes);
/* CONNECT alone. */
void door_send_connect(struct door_rig *rig, struct door_client *client,
                       struct gw_str client_id, unsigned flags);
/* A new connection with a CONNECT that is accepted, committed; is the session present? */
bool door_connect(struct door_rig *rig, struct door_client *client, struct gw_str client_id,
                  unsigned flags);
/* To the device's own topic "floor/s1" (s2: "floor/s2"). */
void door_publish(struct door_client *client, uint8_t qos, uint16_t packet_id, bool dup,
                  const char *payload);
void door_publish_to(struct door_client *client, const char *topic, uint8_t first,
                     uint16_t packet_id, struct gw_bytes payload);
/* PUBREL and the like: two bytes of body. */
void door_send_ack(struct door_client *client, uint8_t first, uint16_t packet_id);
void door_subscribe(struct door_client *client, uint16_t packet_id, const char *filter);
void door_ping(struct door_client *client);

/* The next packet, if a whole one is there. */
bool door_next(struct door_client *client, struct door_packet *ret_packet);
/* The next packet is of this type; its id. */
uint16_t door_expect(struct door_client *client, enum packet_type type);
/* The same; its reason. */
uint8_t door_expect_reason(struct door_client *client, enum packet_type type);
/* Nothing came, and the connection is there. */
void door_expect_silence(struct door_client *client);
/* No packet is left and the connection was closed; closes this end. */
void door_expect_end(struct door_client *client);
bool door_is_ended(struct door_client *client);

#endif
