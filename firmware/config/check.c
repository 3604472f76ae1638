/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that a single row cannot state. Each is a function in the table at the
 * end. They run on documents with findings too, so that one run names
 * everything: a member that was refused is "" or 0 here, and no rule may take
 * that for a fault of its own.
 */
#include "firmware/config/check.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/rule.h"

/* Number of a broker, device, bus... and one of its members in a path. */
static void report_member(struct gw_config_report *report, const char *list, size_t index,
                          const char *member, const char *sentence) {
    size_t mark = gw_config_enter(report, gw_str_from_cstr(list));
    (void) gw_config_enter_index(report, index);
    (void) gw_config_enter(report, gw_str_from_cstr(member));
    gw_config_report_text(report, "%s", sentence);
    gw_config_leave(report, mark);
}

static bool is_set(const char *text) {
    return text[0] != '\0';
}

/* ---- derived values ---- */

static void derive_broker(struct gw_config_reading *reading, const struct gw_config *config,
                          struct gw_config_broker *broker) {
    if (is_set(broker->client_id)) {
        return;
    }
    char storage[96];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    (void) gw_buf_put_str(&text, GW_STR("gw-"));
    (void) gw_buf_put_str(&text, gw_str_from_cstr(config->gateway.serial));
    broker->client_id = gw_config_keep_text(reading, gw_buf_str(&text));
}

static bool is_bit_area(enum gw_modbus_area area) {
    return area == GW_AREA_COIL || area == GW_AREA_DISCRETE_INPUT;
}

static void derive_point(struct gw_config_point *point) {
    if ((unsigned) point->type == GW_CHOICE_NOT_GIVEN) {
        bool is_bool = is_bit_area(point->area) || point->bit != GW_POINT_ALL_BITS;
        point->type = is_bool ? GW_POINT_BOOL : GW_POINT_UINT16;
    }
    if ((unsigned) point->class == GW_CHOICE_NOT_GIVEN) {
        point->class = point->report == GW_REPORT_SIGNAL ? GW_CLASS_STATE : GW_CLASS_TELEMETRY;
    }
}

static void derive_feed(struct gw_config_feed *feed) {
    if ((unsigned) feed->class == GW_CHOICE_NOT_GIVEN) {
        feed->class = GW_CLASS_BUSINESS;
    }
}

static void derive_device(struct gw_config_device *device) {
    if ((unsigned) device->class == GW_CHOICE_NOT_GIVEN) {
        bool is_business = device->kind == GW_DEVICE_SCANNER || device->kind == GW_DEVICE_SCALE;
        device->class = is_business ? GW_CLASS_BUSINESS : GW_CLASS_TELEMETRY;
    }
}

/* The arrays were made by read.c for this document: const is for its users. */
void gw_config_derive(struct gw_config_reading *reading, struct gw_config *config) {
    struct gw_config_broker *brokers = (struct gw_config_broker *) config->brokers;
    for (size_t i = 0; i < config->broker_count; i++) {
        derive_broker(reading, config, &brokers[i]);
    }
    struct gw_config_device *devices = (struct gw_config_device *) config->devices;
    for (size_t i = 0; i < config->device_count; i++) {
        derive_device(&devices[i]);
    }
    struct gw_config_feed *feeds = (struct gw_config_feed *) config->feeds;
    for (size_t i = 0; i < config->feed_count; i++) {
        derive_feed(&feeds[i]);
    }
    struct gw_config_bus *buses = (struct gw_config_bus *) config->buses;
    for (size_t i = 0; i < config->bus_count; i++) {
        gw_config_derive_wire(&buses[i]);
        gw_config_derive_writes(&buses[i]);
        struct gw_config_point *points = (struct gw_config_point *) config->buses[i].points;
        for (size_t j = 0; j < config->buses[i].point_count; j++) {
            derive_point(&points[j]);
        }
    }
}

/* ---- names ---- */

/* Entry `index` of a list of structs whose name is at `name_offset`. */
static const char *name_at(const void *list, size_t bytes, size_t name_offset, size_t index) {
    const char *name = NULL;
    memcpy(&name, (const char *) list + index * bytes + name_offset, sizeof name);
    return name;
}

struct name_list {
    const char *path, *member;
    const void *entries;
    size_t count, bytes, name_offset;
};

static void check_name_list(struct gw_config_report *report, const struct name_list *list) {
    for (size_t i = 1; i < list->count; i++) {
        const char *name = name_at(list->entries, list->bytes, list->name_offset, i);
        for (size_t j = 0; j < i && is_set(name); j++) {
            if (strcmp(name, name_at(list->entries, list->bytes, list->name_offset, j)) == 0) {
                char sentence[256];
                (void) snprintf(sentence, sizeof sentence,
                                "found \"%s\" which is entry %zu already, allowed: a name of "
                                "its own",
                                name, j);
                report_member(report, list->path, i, list->member, sentence);
                break;
            }
        }
    }
}

static void check_names(struct gw_config_report *report, const struct gw_config *config) {
    const struct name_list lists[] = {
        {"brokers", "name", config->brokers, config->broker_count,
         sizeof(struct gw_config_broker), offsetof(struct gw_config_broker, name)},
        {"devices", "id", config->devices, config->device_count,
         sizeof(struct gw_config_device), offsetof(struct gw_config_device, id)},
        {"buses", "name", config->buses, config->bus_count, sizeof(struct gw_config_bus),
         offsetof(struct gw_config_bus, name)},
        {"ingress.listeners", "name", config->ingress.listeners, config->ingress.listener_count,
         sizeof(struct gw_config_listener), offsetof(struct gw_config_listener, name)},
        {"personal.rules", "name", config->personal.rules, config->personal.rule_count,
         sizeof(struct gw_config_personal_rule),
         offsetof(struct gw_config_personal_rule, name)},
        {"sinks", "name", config->sinks, config->sink_count, sizeof(struct gw_config_sink),
         offsetof(struct gw_config_sink, name)},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(lists); i++) {
        check_name_list(report, &lists[i]);
    }
}

static bool is_point_of(struct gw_str device, const struct gw_config_bus *bus) {
    struct gw_str name = gw_str_from_cstr(bus->name);
    if (name.len == 0 || device.len <= name.len || !gw_str_starts_with(device, name)
        || device.ptr[name.len] != '.') {
        return false;
    }
    struct gw_str rest = gw_str_sub(device, name.len + 1, device.len);
    for (size_t i = 0; i < bus->point_count; i++) {
        if (gw_str_eq(rest, gw_str_from_cstr(bus->points[i].name))) {
            return true;
        }
    }
    return false;
}

/* Devices, points and the gateway itself share the `source` of events. */
static void check_sources(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->device_count; i++) {
        struct gw_str id = gw_str_from_cstr(config->devices[i].id);
        if (gw_str_eq(id, GW_STR("gateway"))) {
            report_member(report, "devices", i, "id",
                          "found \"gateway\", which is the gateway itself, allowed: another "
                          "name");
        }
        for (size_t j = 0; j < config->bus_count; j++) {
            if (is_point_of(id, &config->buses[j])) {
                report_member(report, "devices", i, "id",
                              "is the name of a point of a bus as well, allowed: a name of "
                              "its own");
            }
        }
    }
}

/* ---- store and classes ---- */

static void check_store(struct gw_config_report *report, const struct gw_config *config) {
    const struct gw_config_store *store = &config->store;
    size_t mark = gw_config_enter(report, GW_STR("store"));
    if (store->ring_percent >= store->high_water_percent && store->high_water_percent > 0) {
        gw_config_report_text(report,
                              "ring_percent %u is not below high_water_percent %u: what is "
                              "kept for replays would fill the store",
                              store->ring_percent, store->high_water_percent);
    }
    if (store->size_mb > 0 && store->quarantine_mb > store->size_mb / 2) {
        gw_config_report_text(report, "quarantine_mb %u is more than half of size_mb %llu",
                              store->quarantine_mb, (unsigned long long) store->size_mb);
    }
    gw_config_leave(report, mark);
}

static void check_floors(struct gw_config_report *report, const struct gw_config *config) {
    unsigned sum = 0;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        sum += config->classes[i].link_floor_percent;
    }
    if (sum > 100) {
        size_t mark = gw_config_enter(report, GW_STR("classes"));
        gw_config_report_text(
            report, "link_floor_percent of all classes is %u together, allowed: up to 100",
            sum);
        gw_config_leave(report, mark);
    }
}

/* ---- brokers ---- */

static bool is_this_machine(const char *host) {
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0
           || strcmp(host, "localhost") == 0;
}

static void check_broker(struct gw_config_report *report, const struct gw_config_broker *broker,
                         size_t index) {
    if (is_set(broker->host) && !is_set(broker->ca_file) && !is_this_machine(broker->host)) {
        report_member(report, "brokers", index, "ca_file",
                      "found nothing, but plain TCP is allowed to 127.0.0.1, ::1 and localhost "
                      "only: give the CA of the broker");
    }
    if (is_set(broker->cert_file) != is_set(broker->key_file)) {
        report_member(report, "brokers", index, "key_file",
                      "cert_file and key_file belong together: give both or none");
    }
    if (is_set(broker->cert_file) && !is_set(broker->ca_file)) {
        report_member(report, "brokers", index, "cert_file", "has no effect without ca_file");
    }
    if (broker->republish && !broker->mqtt5) {
        report_member(report, "brokers", index, "republish",
                      "found true without mqtt5: what is published would come back to us");
    }
    if (is_set(broker->password_file) && !is_set(broker->username)) {
        report_member(report, "brokers", index, "username",
                      "found nothing, but password_file is given");
    }
}

static void check_listener(struct gw_config_report *report,
                           const struct gw_config_listener *listener, size_t index) {
    bool is_plain = !is_set(listener->cert_file);
    if (is_plain && is_set(listener->address) && !is_this_machine(listener->address)
        && !listener->plain_network) {
        report_member(report, "ingress.listeners", index, "cert_file",
                      "found nothing, but plain TCP on the network can be read and forged by "
                      "everybody there: give a certificate, or set plain_network");
    }
    if (is_plain == is_set(listener->key_file)) {
        report_member(report, "ingress.listeners", index, "key_file",
                      "cert_file and key_file belong together: give both or none");
    }
    if (is_plain && is_set(listener->ca_file)) {
        report_member(report, "ingress.listeners", index, "ca_file",
                      "has no effect without cert_file");
    }
}

static void check_listeners(struct gw_config_report *report, const struct gw_config *config) {
    const struct gw_config_ingress *ingress = &config->ingress;
    for (size_t i = 0; i < ingress->listener_count; i++) {
        check_listener(report, &ingress->listeners[i], i);
    }
}

static void check_brokers(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->broker_count; i++) {
        check_broker(report, &config->brokers[i], i);
    }
}

/* ---- devices ---- */

static void check_json_device(struct gw_config_report *report,
                              const struct gw_config_device *device, size_t index) {
    if (device->kind == GW_DEVICE_SCANNER && !is_set(device->code_pointer)) {
        report_member(report, "devices", index, "code_pointer",
                      "found nothing, but a scanner with payload \"json\" needs it");
    }
    if (device->kind != GW_DEVICE_SCANNER && !is_set(device->weight_pointer)) {
        report_member(report, "devices", index, "weight_pointer",
                      "found nothing, but payload \"json\" needs it for this kind");
    }
    if (device->kind == GW_DEVICE_SCALE && is_set(device->weight_pointer)
        && !is_set(device->unit_pointer)) {
        report_member(
            report, "devices", index, "unit_pointer",
            "found nothing, but a number without a unit is no weight: name the member "
            "that says it, or use a profile with weight.unit");
    }
    if (is_set(device->stable_word) && !is_set(device->state_pointer)) {
        report_member(report, "devices", index, "stable_word",
                      "has no effect without state_pointer");
    }
}

/* What has no effect on a device that does not use it. */
static void check_unused_pointers(struct gw_config_report *report,
                                  const struct gw_config_device *device, size_t index,
                                  const char *sentence) {
    const struct {
        const char *name, *value;
    } members[] = {
        {"code_pointer", device->code_pointer},
        {"symbology_pointer", device->symbology_pointer},
        {"time_pointer", device->time_pointer},
        {"event_id_pointer", device->event_id_pointer},
        {"weight_pointer", device->weight_pointer},
        {"unit_pointer", device->unit_pointer},
        {"state_pointer", device->state_pointer},
        {"stable_word", device->stable_word},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        if (is_set(members[i].value)) {
            report_member(report, "devices", index, members[i].name, sentence);
        }
    }
}

static void check_text_device(struct gw_config_report *report,
                              const struct gw_config_device *device, size_t index) {
    if (device->kind == GW_DEVICE_SCALE) {
        report_member(report, "devices", index, "payload",
                      "found \"text\", allowed for a scale without a profile: \"json\"");
    }
    check_unused_pointers(report, device, index,
                          "has no effect with payload \"text\": leave it out or set payload "
                          "to \"json\"");
}

static void check_device_decoding(struct gw_config_report *report,
                                  const struct gw_config_device *device, size_t index) {
    if (is_set(device->profile)) {
        check_unused_pointers(report, device, index,
                              "has no effect with a profile: leave it out");
    } else if (device->payload == GW_PAYLOAD_JSON) {
        check_json_device(report, device, index);
    } else {
        check_text_device(report, device, index);
    }
}

static bool is_subscribed(const struct gw_config *config, const char *topic) {
    if (config->ingress.listener_count > 0) {
        return true; /* the device may come to the front door */
    }
    for (size_t i = 0; i < config->broker_count; i++) {
        const struct gw_config_broker *broker = &config->brokers[i];
        if (broker->topic_count == 0) {
            return true; /* they were refused: nobody knows */
        }
        for (size_t j = 0; j < broker->topic_count; j++) {
            if (gw_config_filter_covers(gw_str_from_cstr(broker->topics[j]),
                                        gw_str_from_cstr(topic))) {
                return true;
            }
        }
    }
    return false;
}

static void check_devices(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_config_device *device = &config->devices[i];
        check_device_decoding(report, device, i);
        if (is_set(device->topic) && !is_subscribed(config, device->topic)) {
            report_member(report, "devices", i, "topic",
                          "no broker's topics cover it: it would never hear anything");
        }
    }
}

static void check_device_topics(struct gw_config_report *report,
                                const struct gw_config *config) {
    const struct name_list topics = {"devices",
                                     "topic",
                                     config->devices,
                                     config->device_count,
                                     sizeof(struct gw_config_device),
                                     offsetof(struct gw_config_device, topic)};
    check_name_list(report, &topics);
}

/* ---- buses ---- */

/* Scales, devices and points share the `source` of events. */
static void check_scales(struct gw_config_report *report, const struct gw_config *config,
                         const struct gw_config_bus *bus) {
    const struct name_list names = {"scales",
                                    "id",
                                    bus->scales,
                                    bus->scale_count,
                                    sizeof(struct gw_config_scale),
                                    offsetof(struct gw_config_scale, id)};
    check_name_list(report, &names);
    for (size_t i = 0; i < bus->scale_count; i++) {
        const char *id = bus->scales[i].id;
        bool is_taken = is_point_of(gw_str_from_cstr(id), bus) || strcmp(id, "gateway") == 0;
        for (size_t j = 0; j < config->device_count; j++) {
            is_taken |= is_set(id) && strcmp(config->devices[j].id, id) == 0;
        }
        if (is_taken) {
            report_member(report, "scales", i, "id",
                          "is the name of a device, a point or the gateway as well, allowed: a "
                          "name of its own");
        }
    }
}

static void check_buses(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->bus_count; i++) {
        const struct gw_config_bus *bus = &config->buses[i];
        size_t mark = gw_config_enter(report, GW_STR("buses"));
        (void) gw_config_enter_index(report, i);
        const struct name_list names = {"points",
                                        "name",
                                        bus->points,
                                        bus->point_count,
                                        sizeof(struct gw_config_point),
                                        offsetof(struct gw_config_point, name)};
        check_name_list(report, &names);
        for (size_t j = 0; j < bus->point_count; j++) {
            gw_config_check_point(report, bus, j);
        }
        gw_config_check_writes(report, bus);
        check_scales(report, config, bus);
        gw_config_leave(report, mark);
    }
}

/* ---- sinks ---- */

static void check_sinks(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->sink_count; i++) {
        const struct gw_config_sink *sink = &config->sinks[i];
        if (sink->batch_events > sink->batch_events_max && sink->batch_events_max > 0) {
            report_member(report, "sinks", i, "batch_events", "is more than batch_events_max");
        }
        if (sink->batch_kib > sink->batch_kib_max && sink->batch_kib_max > 0) {
            report_member(report, "sinks", i, "batch_kib", "is more than batch_kib_max");
        }
        if (sink->no_progress_s > 0
            && (uint64_t) sink->no_progress_s * 1000 <= sink->request_timeout_ms) {
            report_member(report, "sinks", i, "no_progress_s",
                          "is not longer than request_timeout_ms: a slow request would count "
                          "as no progress");
        }
    }
}

typedef void config_rule(struct gw_config_report *report, const struct gw_config *config);

static config_rule *const rules[] = {
    check_names,     check_sources, check_store,           check_floors,
    check_listeners, check_brokers, check_devices,         check_device_topics,
    check_buses,     check_sinks,   gw_config_check_wires, gw_config_check_feeds,
};

void gw_config_check(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < GW_ARRAY_LEN(rules); i++) {
        rules[i](report, config);
    }
}
