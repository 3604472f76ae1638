/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buses whose configuration changes while they run, with real workers against Modbus TCP
 * servers in threads. Time is the test's: what takes two seconds takes as long as it says,
 * and what is stuck stays stuck. The resolver is the test's too.
 */
#include "drivers/collectd/bus_set.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/fake_plc.h"
#include "tests/fakes/temp_folder.h"

#define TURNS_MAX 1500
#define PLCS 3

/* ---- the resolver: a host that takes its time, and this machine ---- */

static atomic_bool is_resolver_stuck;
static atomic_uint stuck_lookups;

static struct addrinfo *this_machine(const char *service) {
    struct addrinfo *found = calloc(1, sizeof *found + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *) (void *) (found + 1);
    uint64_t port = 0;
    (void) !gw_str_to_u64(gw_str_from_cstr(service), UINT16_MAX, &port);
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t) port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    found->ai_family = AF_INET;
    found->ai_socktype = SOCK_STREAM;
    found->ai_addr = (struct sockaddr *) address;
    found->ai_addrlen = sizeof *address;
    return found;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *wanted,
                struct addrinfo **ret_found) {
    (void) wanted;
    if (strcmp(name, "slow.example") == 0) {
        atomic_fetch_add(&stuck_lookups, 1);
        while (atomic_load(&is_resolver_stuck)) {
            (void) usleep(1000);
        }
    }
    *ret_found = this_machine(service);
    return 0;
}

void freeaddrinfo(struct addrinfo *found) {
    free(found);
}

/* ---- the rig ---- */

static atomic_llong test_mono_ms;

static int64_t read_mono_ms(void *self) {
    (void) self;
    return atomic_load(&test_mono_ms);
}

struct rig {
    struct gw_fake_plc plcs[PLCS];
    struct gw_clock clock;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_fake_intake *fake;
    struct gw_bus_set *set;
    struct gw_config_point points[PLCS];
    struct gw_config_bus buses[PLCS]; /* "a", "b", "c" */
    uint64_t refused;
    /* what was asked for */
    unsigned answers;
    struct gw_modbus_answer last;
};

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       enum gw_modbus_refusal why, uint64_t count) {
    (void) device;
    (void) class;
    (void) why;
    ((struct rig *) context)->refused += count;
}

static enum gw_err commit(void *context) {
    gw_fake_intake_commit(((struct rig *) context)->fake, GW_OK);
    return GW_OK;
}

static int setup(void **state) {
    static const char *const names[PLCS] = {"a", "b", "c"};
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_clock_system();
    atomic_store(&test_mono_ms, 1000000);
    rig->clock.mono_ms = read_mono_ms;
    atomic_store(&is_resolver_stuck, false);
    atomic_store(&stuck_lookups, 0);
    assert_int_equal(gw_loop_open(64, &rig->loop), GW_OK);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 16, 16, &rig->health), GW_OK);
    rig->fake = gw_fake_intake_open();
    for (size_t i = 0; i < PLCS; i++) {
        gw_fake_plc_open(&rig->plcs[i]);
        rig->points[i] = (struct gw_config_point){.name = "x",
                                                  .unit_id = 1,
                                                  .area = GW_AREA_HOLDING_REGISTER,
                                                  .type = GW_POINT_UINT16,
                                                  .scale = "1",
                                                  .offset = "0",
                                                  .dead_band = "0",
                                                  .period_ms = 10,
                                                  .report = GW_REPORT_SIGNAL,
                                                  .class = GW_CLASS_STATE};
        rig->buses[i] = (struct gw_config_bus){.name = names[i],
                                               .host = "127.0.0.1",
                                               .line = "",
                                               .port = rig->plcs[i].port,
                                               .timeout_ms = 60000,
                                               .max_gap = 4,
                                               .points = &rig->points[i],
                                               .point_count = 1};
    }
    const struct gw_bus_set_options options = {
        .intake = gw_fake_intake(rig->fake),
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
        .refused = on_refused,
        .refused_context = rig,
        .commit = commit,
        .commit_context = rig,
    };
    assert_int_equal(gw_bus_set_open(&options, &rig->set), GW_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    atomic_store(&is_resolver_stuck, false);
    gw_bus_set_close(rig->set);
    for (size_t i = 0; i < PLCS; i++) {
        gw_fake_plc_close(&rig->plcs[i]);
    }
    gw_fake_intake_close(rig->fake);
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    free(rig);
    return 0;
}

/* The same buses in a document of their own, as a reload has them. */
struct document {
    struct gw_config_point points[PLCS];
    struct gw_config_bus buses[PLCS];
};

static struct document document_of(const struct rig *rig, const char *names) {
    struct document document = {0};
    for (size_t i = 0; names[i] != '\0'; i++) {
        size_t from = (size_t) (names[i] - 'a');
        document.points[i] = rig->points[from];
        document.buses[i] = rig->buses[from];
    }
    return document;
}

static void configure(struct rig *rig, struct document *document, size_t count) {
    for (size_t i = 0; i < count; i++) {
        document->buses[i].points = &document->points[i];
    }
    assert_int_equal(gw_bus_set_configure(rig->set, document->buses, count), GW_OK);
}

static void turn(struct rig *rig) {
    int64_t now_mono_ms = gw_clock_mono_ms(&rig->clock);
    assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, now_mono_ms + 20), GW_OK);
    gw_bus_set_tick(rig->set);
}

static struct gw_modbus_bus *find(const struct rig *rig, const char *name) {
    return gw_bus_set_find(rig->set, gw_str_from_cstr(name));
}

static bool is_at(const struct rig *rig, size_t index, const char *name,
                  enum gw_bus_state state) {
    struct gw_bus_view view;
    return gw_bus_set_look(rig->set, index, &view) && strcmp(view.name, name) == 0
           && view.state == state && (view.bus == NULL) == (state == GW_BUS_WAITING);
}

static size_t count_buses(const struct rig *rig) {
    size_t count = 0;
    struct gw_bus_view view;
    while (gw_bus_set_look(rig->set, count, &view)) {
        count++;
    }
    return count;
}

static void turn_until_runs(struct rig *rig, const char *name) {
    for (int turns = 0; !find(rig, name); turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
}

static unsigned count_events(const struct rig *rig, const char *device) {
    unsigned count = 0;
    for (size_t i = 0; i < rig->fake->committed + rig->fake->pending; i++) {
        count += strcmp(rig->fake->units[i].device, device) == 0;
    }
    return count;
}

/* Until its first value was read. */
static void turn_until_read(struct rig *rig, const char *device, unsigned events) {
    for (int turns = 0; count_events(rig, device) < events; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
}

static void start(struct rig *rig, const char *names) {
    static const char *const devices[] = {"a.x", "b.x", "c.x"};
    struct document document = document_of(rig, names);
    configure(rig, &document, strlen(names));
    for (size_t i = 0; names[i] != '\0'; i++) {
        turn_until_read(rig, devices[names[i] - 'a'], 1);
    }
}

static void on_answer(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct rig *rig = context;
    (void) token;
    rig->answers++;
    rig->last = *answer;
}

/* A write that `plc` has and does not answer. */
static void begin_write(struct rig *rig, const char *name, struct gw_fake_plc *plc) {
    const struct gw_modbus_job job = {
        .request = {.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 5, .count = 1},
        .is_write = true,
        .words = {1}};
    atomic_store(&plc->swallows_writes, true);
    assert_int_equal(gw_modbus_bus_ask(find(rig, name), &job, GW_NEVER_MS, on_answer, rig, 0),
                     GW_OK);
    for (int turns = 0; atomic_load(&plc->swallowed) == 0; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
}

/* ---- what stays ---- */

static void a_bus_that_is_configured_the_same_goes_on_wherever_it_stands(void **state) {
    struct rig *rig = *state;
    start(rig, "ab");
    struct gw_modbus_bus *kept = find(rig, "b");
    struct document document = document_of(rig, "ba");
    document.points[1].period_ms = 20;
    configure(rig, &document, 2);
    assert_ptr_equal(find(rig, "b"), kept);
    assert_true(is_at(rig, 0, "b", GW_BUS_RUNS));
    assert_true(is_at(rig, 1, "a", GW_BUS_STOPPING));
    assert_null(find(rig, "a"));
    turn_until_runs(rig, "a");
    turn_until_read(rig, "a.x", 2);
    assert_true(is_at(rig, 1, "a", GW_BUS_RUNS));
    assert_ptr_equal(find(rig, "b"), kept);
    assert_int_equal(count_events(rig, "b.x"), 1);
    assert_int_equal(atomic_load(&rig->plcs[1].accepted), 1);
    assert_int_equal(atomic_load(&rig->plcs[0].accepted), 2);
    assert_int_equal(rig->refused, 0);
}

static void the_same_again_and_again_changes_nothing(void **state) {
    struct rig *rig = *state;
    start(rig, "ab");
    for (int i = 0; i < 5; i++) {
        struct document document = document_of(rig, "ab");
        configure(rig, &document, 2);
        turn(rig);
    }
    assert_int_equal(count_events(rig, "a.x") + count_events(rig, "b.x"), 2);
    assert_int_equal(atomic_load(&rig->plcs[0].accepted), 1);
}

/* ---- what leaves ---- */

static void a_write_under_way_ends_while_the_others_go_on(void **state) {
    struct rig *rig = *state;
    start(rig, "ab");
    begin_write(rig, "a", &rig->plcs[0]);
    struct document document = document_of(rig, "ab");
    document.buses[0].max_gap = 5;
    configure(rig, &document, 2);
    atomic_store(&rig->plcs[1].registers[0], 47);
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS - 1);
    turn_until_read(rig, "b.x", 2);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    assert_int_equal(rig->answers, 0);
    atomic_fetch_add(&test_mono_ms, 1);
    turn_until_runs(rig, "a");
    assert_int_equal(rig->answers, 1);
    assert_true(rig->last.was_sent);
    assert_int_equal(atomic_load(&rig->plcs[0].written), 1);
    turn_until_read(rig, "a.x", 2);
}

static void a_bus_that_is_gone_is_shown_until_it_has_left(void **state) {
    struct rig *rig = *state;
    start(rig, "abc");
    begin_write(rig, "b", &rig->plcs[1]);
    struct document document = document_of(rig, "ac");
    configure(rig, &document, 2);
    turn(rig);
    assert_int_equal(count_buses(rig), 3);
    assert_true(is_at(rig, 0, "a", GW_BUS_RUNS));
    assert_true(is_at(rig, 1, "c", GW_BUS_RUNS));
    assert_true(is_at(rig, 2, "b", GW_BUS_STOPPING));
    assert_null(find(rig, "b"));
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS);
    for (int turns = 0; count_buses(rig) > 2; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
    assert_int_equal(rig->answers, 1);
    assert_int_equal(gw_bus_set_next_mono_ms(rig->set), GW_NEVER_MS);
    assert_int_equal(count_events(rig, "a.x"), 1);
}

/* Its first value was read, and the queue refused it. */
static void read_and_refuse(struct rig *rig, struct document *document) {
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    configure(rig, document, 1);
    struct gw_modbus_bus_figures figures = {0};
    for (int turns = 0; figures.polls == 0; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
        gw_modbus_bus_get_figures(find(rig, "a"), &figures);
    }
    turn(rig);
    rig->fake->accept = -1;
}

static void a_bus_that_runs_gets_its_turns(void **state) {
    struct rig *rig = *state;
    struct document document = document_of(rig, "a");
    read_and_refuse(rig, &document);
    assert_int_equal(count_events(rig, "a.x"), 0);
    assert_true(gw_bus_set_next_mono_ms(rig->set) < GW_NEVER_MS);
    atomic_store(&test_mono_ms, gw_bus_set_next_mono_ms(rig->set));
    gw_bus_set_tick(rig->set);
    assert_int_equal(count_events(rig, "a.x"), 1);
}

static void what_it_still_had_is_committed(void **state) {
    struct rig *rig = *state;
    struct document document = document_of(rig, "a");
    read_and_refuse(rig, &document);
    configure(rig, &document, 0);
    for (int turns = 0; count_buses(rig) > 0; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
    assert_int_equal(count_events(rig, "a.x"), 1);
    assert_int_equal(rig->fake->pending, 0);
    assert_int_equal(rig->refused, 0);
}

/* It is not the wire that holds it up: the write's two seconds are over as well. */
static void a_host_that_is_being_looked_up_holds_nobody_up(void **state) {
    struct rig *rig = *state;
    atomic_store(&is_resolver_stuck, true);
    struct document slow = document_of(rig, "ab");
    slow.buses[0].host = "slow.example";
    configure(rig, &slow, 2);
    turn_until_read(rig, "b.x", 1);
    for (int turns = 0; atomic_load(&stuck_lookups) == 0; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
    }
    struct document document = document_of(rig, "ab");
    configure(rig, &document, 2);
    atomic_fetch_add(&test_mono_ms, 10 * GW_MODBUS_STOP_WAIT_MS);
    atomic_store(&rig->plcs[1].registers[0], 47);
    turn_until_read(rig, "b.x", 2);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    assert_int_equal(gw_bus_set_next_mono_ms(rig->set), GW_NEVER_MS);
    assert_int_equal(atomic_load(&rig->plcs[0].accepted), 0);
    atomic_store(&is_resolver_stuck, false);
    turn_until_runs(rig, "a");
    turn_until_read(rig, "a.x", 1);
    assert_int_equal(atomic_load(&rig->plcs[0].accepted), 1);
}

/* ---- what comes ---- */

static void one_wire_is_never_spoken_on_by_two(void **state) {
    struct rig *rig = *state;
    start(rig, "a");
    begin_write(rig, "a", &rig->plcs[0]);
    struct document document = document_of(rig, "cb");
    document.buses[0].port = rig->plcs[0].port;
    configure(rig, &document, 2);
    assert_non_null(find(rig, "b")); /* it has nothing to wait for */
    turn(rig);
    assert_true(is_at(rig, 0, "c", GW_BUS_WAITING));
    assert_true(is_at(rig, 1, "b", GW_BUS_RUNS));
    assert_true(is_at(rig, 2, "a", GW_BUS_STOPPING));
    struct gw_bus_view view;
    assert_true(gw_bus_set_look(rig->set, 0, &view));
    assert_string_equal(view.waits_for, "a");
    struct document again = document;
    configure(rig, &again, 2);
    memset(&document, 0, sizeof document); /* as a document that is not current any more */
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS);
    turn_until_runs(rig, "c");
    assert_int_equal(count_buses(rig), 2);
    turn_until_read(rig, "c.x", 1);
}

static void one_line_is_one_line_whatever_it_is_called(void **state) {
    struct rig *rig = *state;
    struct gw_temp_folder folder;
    char other_name[GW_TEMP_PATH_BYTES];
    gw_temp_folder_open(&folder);
    assert_int_equal(symlink("/dev/null", gw_temp_path(&folder, "adapter", other_name)), 0);
    struct document document = document_of(rig, "a");
    document.buses[0].transport = GW_BUS_RTU;
    document.buses[0].host = "";
    document.buses[0].line = "/dev/null";
    document.buses[0].baud = 9600;
    document.buses[0].stop_bits = 1;
    configure(rig, &document, 1);
    assert_non_null(find(rig, "a"));
    document.buses[0].name = "c";
    document.buses[0].line = other_name;
    configure(rig, &document, 1);
    assert_true(is_at(rig, 0, "c", GW_BUS_WAITING));
    turn_until_runs(rig, "c");
    document.buses[0].name = "b";
    document.buses[0].line = "/dev/zero";
    configure(rig, &document, 1);
    assert_true(is_at(rig, 0, "b", GW_BUS_RUNS));
    gw_temp_folder_close(&folder);
}

static void the_newest_configuration_wins(void **state) {
    struct rig *rig = *state;
    start(rig, "a");
    begin_write(rig, "a", &rig->plcs[0]);
    struct document second = document_of(rig, "a"), third = document_of(rig, "a");
    second.buses[0].port = rig->plcs[1].port;
    third.buses[0].port = rig->plcs[2].port;
    configure(rig, &second, 1);
    turn(rig);
    configure(rig, &third, 1);
    turn(rig);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    assert_int_equal(count_buses(rig), 1);
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS);
    turn_until_runs(rig, "a");
    turn_until_read(rig, "a.x", 2);
    assert_int_equal(atomic_load(&rig->plcs[1].accepted), 0);
    assert_int_equal(atomic_load(&rig->plcs[2].accepted), 1);
    assert_int_equal(rig->answers, 1);
}

static void back_to_what_it_was_before_opens_it_anew(void **state) {
    struct rig *rig = *state;
    start(rig, "a");
    begin_write(rig, "a", &rig->plcs[0]);
    struct document other = document_of(rig, "a"), same = document_of(rig, "a");
    other.buses[0].max_gap = 9;
    configure(rig, &other, 1);
    configure(rig, &same, 1);
    turn(rig);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS);
    turn_until_runs(rig, "a");
    turn_until_read(rig, "a.x", 2);
    assert_int_equal(atomic_load(&rig->plcs[0].accepted), 2);
}

static void a_bus_that_cannot_be_opened_costs_no_other_and_is_tried_again(void **state) {
    struct rig *rig = *state;
    char long_name[GW_EVENT_NAME_MAX_BYTES + 1];
    memset(long_name, 'y', GW_EVENT_NAME_MAX_BYTES);
    long_name[GW_EVENT_NAME_MAX_BYTES] = '\0';
    struct document document = document_of(rig, "ab");
    document.points[0].name = long_name;
    configure(rig, &document, 2);
    assert_true(is_at(rig, 0, "a", GW_BUS_WAITING));
    turn_until_read(rig, "b.x", 1);
    assert_int_equal(gw_bus_set_next_mono_ms(rig->set), gw_clock_mono_ms(&rig->clock) + 1000);
    struct gw_bus_view view;
    assert_true(gw_bus_set_look(rig->set, 0, &view));
    assert_int_equal(view.opening, GW_ERR_INVALID);
    document.points[0].name = "x"; /* what was in its way is gone */
    turn(rig);
    assert_true(is_at(rig, 0, "a", GW_BUS_WAITING));
    atomic_fetch_add(&test_mono_ms, 1000);
    turn(rig);
    assert_true(is_at(rig, 0, "a", GW_BUS_RUNS));
}

/* ---- scales ---- */

static void give_scale(struct document *document, size_t bus, const char *profile) {
    static struct gw_config_scale scale;
    scale = (struct gw_config_scale){
        .id = "scale-1", .profile = profile, .points_prefix = "", .class = GW_CLASS_BUSINESS};
    document->buses[bus].scales = &scale;
    document->buses[bus].scale_count = 1;
}

static void another_profile_of_a_scale_reopens_its_bus_alone(void **state) {
    struct rig *rig = *state;
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_folder_open(&folder);
    gw_temp_path(&folder, "scale.json", path);
    struct document document = document_of(rig, "ab");
    give_scale(&document, 0, path);
    configure(rig, &document, 2);
    struct gw_modbus_bus *kept = find(rig, "b");
    assert_false(gw_bus_set_profiles_have_changed(rig->set));
    assert_int_equal(gw_file_replace(path, gw_bytes_from_str(gw_str_from_cstr("{}")), 0644),
                     GW_OK);
    assert_true(gw_bus_set_profiles_have_changed(rig->set));
    configure(rig, &document, 2);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    assert_ptr_equal(find(rig, "b"), kept);
    turn_until_runs(rig, "a");
    assert_false(gw_bus_set_profiles_have_changed(rig->set));
    gw_temp_folder_close(&folder);
}

static void a_scale_that_moves_to_another_bus_waits_for_the_one_it_leaves(void **state) {
    struct rig *rig = *state;
    struct document document = document_of(rig, "ab");
    give_scale(&document, 0, "/nowhere/scale.json");
    configure(rig, &document, 2);
    struct document moved = document_of(rig, "abc");
    give_scale(&moved, 2, "/nowhere/scale.json");
    configure(rig, &moved, 3);
    assert_true(is_at(rig, 0, "a", GW_BUS_STOPPING));
    assert_true(is_at(rig, 1, "b", GW_BUS_RUNS));
    assert_true(is_at(rig, 2, "c", GW_BUS_WAITING));
    turn_until_runs(rig, "c");
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_FEED_PROFILE, GW_STR("scale-1")));
}

/* A weight of each of three scales waits: one comes after the commit of the other. */
static void what_its_scales_still_had_is_committed(void **state) {
    struct rig *rig = *state;
    struct document document = document_of(rig, "a");
    static const char *const ids[] = {"scale-1", "scale-2", "scale-3"};
    struct gw_config_scale scales[3];
    struct gw_config_point points[2] = {document.points[0], document.points[0]};
    points[0].name = "status";
    points[0].bit = GW_POINT_ALL_BITS;
    points[1].name = "gross";
    points[1].address = 1;
    for (size_t i = 0; i < 3; i++) {
        scales[i] = (struct gw_config_scale){
            .id = ids[i],
            .profile = GW_SOURCE_DIR "/drivers/profile/profiles/modbus-dgt4x-multi.json",
            .points_prefix = "",
            .class = GW_CLASS_BUSINESS};
    }
    document.buses[0].points = points;
    document.buses[0].point_count = 2;
    document.buses[0].scales = scales;
    document.buses[0].scale_count = 3;
    atomic_store(&rig->plcs[0].registers[0], 2); /* stable */
    atomic_store(&rig->plcs[0].registers[1], 7215);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    assert_int_equal(gw_bus_set_configure(rig->set, document.buses, 1), GW_OK);
    struct gw_modbus_bus_figures figures = {0};
    for (int turns = 0; figures.polls < 2; turns++) {
        assert_true(turns < TURNS_MAX);
        atomic_fetch_add(&test_mono_ms, 10);
        turn(rig);
        gw_modbus_bus_get_figures(find(rig, "a"), &figures);
    }
    rig->fake->accept = -1;
    assert_int_equal(gw_bus_set_configure(rig->set, NULL, 0), GW_OK);
    for (int turns = 0; count_buses(rig) > 0; turns++) {
        assert_true(turns < TURNS_MAX);
        turn(rig);
        assert_true(rig->fake->pending == 0 || gw_bus_set_next_mono_ms(rig->set) == 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(count_events(rig, ids[i]), 1);
    }
    assert_int_equal(rig->fake->pending, 0);
    assert_int_equal(rig->refused, 0);
}

/* ---- the end ---- */

static void the_end_commits_what_a_bus_still_had(void **state) {
    struct rig *rig = *state;
    struct document document = document_of(rig, "a");
    read_and_refuse(rig, &document);
    gw_bus_set_close(rig->set);
    rig->set = NULL;
    assert_int_equal(count_events(rig, "a.x"), 1);
    assert_int_equal(rig->fake->pending, 0);
    assert_int_equal(rig->refused, 0);
}

static void the_end_waits_for_everybody(void **state) {
    struct rig *rig = *state;
    start(rig, "ab");
    begin_write(rig, "a", &rig->plcs[0]);
    struct document document = document_of(rig, "b");
    configure(rig, &document, 1);
    atomic_fetch_add(&test_mono_ms, GW_MODBUS_STOP_WAIT_MS);
    gw_bus_set_close(rig->set);
    rig->set = NULL;
    assert_int_equal(rig->answers, 1);
    assert_true(rig->last.was_sent);
    assert_int_equal(rig->refused, 0);
    assert_int_equal(gw_bus_set_next_mono_ms(rig->set), GW_NEVER_MS);
    assert_null(find(rig, "b"));
    assert_int_equal(count_buses(rig), 0);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_bus_that_is_configured_the_same_goes_on_wherever_it_stands),
        RIG_TEST(the_same_again_and_again_changes_nothing),
        RIG_TEST(a_write_under_way_ends_while_the_others_go_on),
        RIG_TEST(a_bus_that_is_gone_is_shown_until_it_has_left),
        RIG_TEST(a_bus_that_runs_gets_its_turns),
        RIG_TEST(what_it_still_had_is_committed),
        RIG_TEST(a_host_that_is_being_looked_up_holds_nobody_up),
        RIG_TEST(one_wire_is_never_spoken_on_by_two),
        RIG_TEST(one_line_is_one_line_whatever_it_is_called),
        RIG_TEST(the_newest_configuration_wins),
        RIG_TEST(back_to_what_it_was_before_opens_it_anew),
        RIG_TEST(a_bus_that_cannot_be_opened_costs_no_other_and_is_tried_again),
        RIG_TEST(another_profile_of_a_scale_reopens_its_bus_alone),
        RIG_TEST(a_scale_that_moves_to_another_bus_waits_for_the_one_it_leaves),
        RIG_TEST(what_its_scales_still_had_is_committed),
        RIG_TEST(the_end_commits_what_a_bus_still_had),
        RIG_TEST(the_end_waits_for_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
