/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with several records at the front door: each is known by its own event id. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define PROFILES GW_SOURCE_DIR "/drivers/profile/profiles"
#define ID GW_STR("id")
#define TAG(number, epc) "{\"data\":{\"eventNum\":" number ",\"idHex\":\"" epc "\"}}"
#define TAGS(list) "{\"tags\":[" list "]}"

struct bench {
    struct door_rig *rig;
    struct gw_observe_profile *profile;
    struct door_client client;
    uint16_t packet_id;
};

static int set_up(void **state) {
    static struct bench bench;
    void *rig = NULL;
    bench = (struct bench){0};
    if (door_setup(&rig) != 0) {
        return -1;
    }
    bench.rig = rig;
    assert_int_equal(gw_observe_profile_open(PROFILES, "rfid-reader", &bench.profile), GW_OK);
    bench.rig->activities[1].profile = bench.profile;
    bench.rig->devices[1].class = GW_CLASS_BUSINESS;
    door_connect(bench.rig, &bench.client, ID, DOOR_S2 | DOOR_KEPT);
    *state = &bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    void *rig = bench->rig;
    door_close_client(&bench->client);
    gw_observe_profile_close(bench->profile);
    return door_teardown(&rig);
}

/* Publish, commit, PUBACK: how many events it added. */
static size_t stored_by(struct bench *bench, bool dup, const char *payload) {
    struct gw_bytes bytes = {(const uint8_t *) payload, strlen(payload)};
    size_t before = door_stored_events(bench->rig);
    uint16_t packet_id = dup ? bench->packet_id : ++bench->packet_id;
    door_publish_to(&bench->client, "floor/s2", dup ? 0x3a : 0x32, packet_id, bytes);
    door_turn(bench->rig);
    door_commit(bench->rig, GW_OK);
    assert_int_equal(door_expect(&bench->client, PACKET_PUBACK), packet_id);
    return door_stored_events(bench->rig) - before;
}

static bool newest_is(const struct bench *bench, const char *epc, bool marked) {
    const struct gw_fake_unit *newest = door_newest(bench->rig);
    return strstr(newest->data, epc) != NULL
           && ((newest->flags & GW_EVENT_POSSIBLE_DUPLICATE) != 0) == marked;
}

static void restart(struct bench *bench) {
    door_close_client(&bench->client);
    door_restart(bench->rig);
    door_connect(bench->rig, &bench->client, ID, DOOR_S2 | DOOR_KEPT);
}

static void a_repeated_message_of_several_records_is_known(void **state) {
    struct bench *bench = *state;
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 2);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 0);
    assert_int_equal(door_count(bench->rig, "device_duplicates"), 2);
    assert_int_equal(door_count(bench->rig, "stored"), 1);
}

static void of_a_message_that_is_known_in_part_the_rest_is_stored(void **state) {
    struct bench *bench = *state;
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 2);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("6", "CC") "," TAG("7", "DD"))), 1);
    assert_true(newest_is(bench, "DD", false));
    assert_int_equal(stored_by(bench, false, TAGS(TAG("7", "DD"))), 0);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("8", "EE") "," TAG("7", "FF"))), 2);
    assert_true(newest_is(bench, "FF", true));
    assert_int_equal(door_count(bench->rig, "possible_duplicates"), 1);
}

static void records_are_known_after_a_restart(void **state) {
    struct bench *bench = *state;
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 2);
    restart(bench);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("7", "DD") "," TAG("6", "CC"))), 1);
    assert_true(newest_is(bench, "DD", false));
    assert_int_equal(stored_by(bench, false, TAGS(TAG("6", "XX"))), 1);
    assert_true(newest_is(bench, "XX", true));
}

/* Its PUBACK was lost in the restart: the client sends it again with DUP. */
static void a_redelivery_after_a_restart_is_known_by_its_records(void **state) {
    struct bench *bench = *state;
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 2);
    restart(bench);
    assert_int_equal(stored_by(bench, true, TAGS(TAG("5", "BB") "," TAG("6", "CC"))), 0);
}

static void records_of_a_group_that_failed_are_not_known(void **state) {
    struct bench *bench = *state;
    const char *tags = TAGS(TAG("5", "BB") "," TAG("6", "CC"));
    struct gw_bytes bytes = {(const uint8_t *) tags, strlen(tags)};
    assert_int_equal(stored_by(bench, false, TAGS(TAG("4", "AA"))), 1);
    door_publish_to(&bench->client, "floor/s2", 0x32, 9, bytes);
    door_turn(bench->rig);
    door_commit(bench->rig, GW_ERR_IO);
    door_expect_end(&bench->client);
    door_connect(bench->rig, &bench->client, ID, DOOR_S2 | DOOR_KEPT);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("4", "AA") "," TAG("5", "BB"))), 1);
    assert_true(newest_is(bench, "BB", false));
}

/* Beside what is known nobody can know of it. */
static void what_cannot_be_decoded_is_told_again_and_marked(void **state) {
    struct bench *bench = *state;
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") ",{\"x\":1}")), 2);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("5", "BB") ",{\"x\":1}")), 1);
    assert_int_equal(door_newest(bench->rig)->type, GW_EVENT_DEVICE_CONDITION);
    assert_true(newest_is(bench, "undecodable", true));
}

/* One record, as if it came back from the quarantine with that origin. */
static size_t known_of_retried(struct bench *bench, enum gw_mqtt_door door, const char *id,
                               bool is_stored) {
    const struct gw_mqtt_origin own = {.door = door, .packet_id = 4};
    uint8_t origin[GW_MQTT_ORIGIN_MAX_BYTES];
    size_t len = gw_mqtt_origin_encode(&own, origin);
    struct gw_broker_retried retried;
    struct gw_observation observation = {
        .draft.device = GW_STR("s2"),
        .ids[0] = {gw_str_from_cstr(id), GW_STR("record")},
        .count = 1,
    };
    gw_broker_begin_retried(GW_STR("floor/s2"), (struct gw_bytes){origin, len}, &retried);
    size_t known = gw_ingress_sift_retried(bench->rig->ingress, &retried, &observation);
    assert_int_equal(observation.count, 1 - known);
    if (is_stored) {
        gw_ingress_note_retried(bench->rig->ingress, &retried, &observation);
    }
    return known;
}

static void what_came_back_from_the_quarantine_is_known(void **state) {
    struct bench *bench = *state;
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_FRONT, "5", true), 0);
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_FRONT, "5", false), 1);
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_FRONT, "6", false), 0);
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_BROKER, "5", true), 0);
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_BROKER, "5", false), 0);
    assert_int_equal(stored_by(bench, false, TAGS(TAG("7", "DD"))), 1);
    assert_int_equal(known_of_retried(bench, GW_MQTT_DOOR_FRONT, "5", false), 1);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_repeated_message_of_several_records_is_known),
        RIG_TEST(of_a_message_that_is_known_in_part_the_rest_is_stored),
        RIG_TEST(records_are_known_after_a_restart),
        RIG_TEST(a_redelivery_after_a_restart_is_known_by_its_records),
        RIG_TEST(records_of_a_group_that_failed_are_not_known),
        RIG_TEST(what_cannot_be_decoded_is_told_again_and_marked),
        RIG_TEST(what_came_back_from_the_quarantine_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
