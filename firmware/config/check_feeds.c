/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds: which keys belong to which transport, and who has which name. */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/check.h"
#include "firmware/config/speed.h"

struct place {
    struct gw_config_report *report;
    size_t index;
};

static bool is_set(const char *text) {
    return text[0] != '\0';
}

static void report_key(const struct place *place, const char *key, const char *sentence) {
    size_t mark = gw_config_enter(place->report, GW_STR("feeds"));
    (void) gw_config_enter_index(place->report, place->index);
    (void) gw_config_enter(place->report, gw_str_from_cstr(key));
    gw_config_report_text(place->report, "%s", sentence);
    gw_config_leave(place->report, mark);
}

/* Something was said of the key, or of the feed as a whole, already: it is empty because
 * it was refused, not because it is missing. */
static bool is_reported(const struct place *place, const char *key) {
    char of_feed[40], of_key[64];
    (void) snprintf(of_feed, sizeof of_feed, "feeds[%zu]: ", place->index);
    (void) snprintf(of_key, sizeof of_key, "feeds[%zu].%s: ", place->index, key);
    const struct gw_buf *errors = place->report->errors;
    return memmem(errors->data, errors->len, of_feed, strlen(of_feed))
           || memmem(errors->data, errors->len, of_key, strlen(of_key));
}

static void report_missing(const struct place *place, const char *key, const char *sentence) {
    if (!is_reported(place, key)) {
        report_key(place, key, sentence);
    }
}

/* Keys of a transport. */
enum key_set { OF_SERIAL = 1, OF_HID = 2, OF_TCP = 4, OF_TCP_SERVER = 8 };

static unsigned keys_of(enum gw_feed_transport transport) {
    static const unsigned sets[] = {
        [GW_FEED_SERIAL] = OF_SERIAL,
        [GW_FEED_HID] = OF_HID,
        [GW_FEED_TCP_CLIENT] = OF_TCP,
        [GW_FEED_TCP_SERVER] = (unsigned) OF_TCP | OF_TCP_SERVER,
    };
    return sets[transport];
}

static void check_foreign_keys(const struct place *place, const struct gw_config_feed *feed) {
    const unsigned usb = (unsigned) OF_SERIAL | OF_HID;
    const struct {
        const char *key;
        bool is_given;
        unsigned belongs_to; /* set of enum key_set */
    } table[] = {
        {"path", is_set(feed->path), usb},
        {"usb_path", is_set(feed->usb_path), usb},
        {"usb_serial", is_set(feed->usb_serial), usb},
        {"usb_product", is_set(feed->usb_product), usb},
        {"usb_name", is_set(feed->usb_name), OF_HID},
        {"baud", feed->baud != 0, OF_SERIAL},
        {"line", feed->line != GW_FEED_LINE_PROFILE, OF_SERIAL},
        {"flow", feed->flow != GW_FEED_FLOW_PROFILE, OF_SERIAL},
        {"address", is_set(feed->address), OF_TCP},
        {"port", feed->port != 0, OF_TCP},
        {"peers", feed->peer_count > 0, OF_TCP_SERVER},
    };
    unsigned own = keys_of(feed->transport);
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (table[i].is_given && !(table[i].belongs_to & own)) {
            report_key(place, table[i].key, "has no effect with this transport: leave it out");
        }
    }
}

static void check_binding(const struct place *place, const struct gw_config_feed *feed) {
    static const char *const ways[] = {"usb_path", "usb_serial", "usb_product", "usb_name"};
    bool is_bound = is_set(feed->usb_path) || is_set(feed->usb_serial)
                    || is_set(feed->usb_product) || is_set(feed->usb_name);
    bool is_refused = false;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        is_refused = is_refused || is_reported(place, ways[i]);
    }
    if (is_set(feed->path) && is_bound) {
        report_key(place, "path", "found beside usb_...: give one or the other");
    } else if (!is_set(feed->path) && !is_bound && !is_refused) {
        report_missing(place, "path",
                       "found nothing: say which device it is, by path, usb_path, usb_serial "
                       "or usb_product");
    }
}

static void check_network(const struct place *place, const struct gw_config_feed *feed) {
    if (!is_set(feed->address)) {
        report_missing(place, "address", "found nothing, but this transport needs it");
    }
    if (feed->port == 0) {
        report_missing(place, "port", "found nothing, but this transport needs it");
    }
}

/* Everybody in the document who makes events of the same name. */
static bool is_taken(const struct gw_config *config, size_t index) {
    const char *id = config->feeds[index].id;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->feeds[i].id, id) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < config->device_count; i++) {
        if (strcmp(config->devices[i].id, id) == 0) {
            return true;
        }
    }
    return strcmp(id, "gateway") == 0;
}

static void check_feed(struct gw_config_report *report, const struct gw_config *config,
                       size_t index) {
    const struct gw_config_feed *feed = &config->feeds[index];
    const struct place place = {report, index};
    if (is_set(feed->id) && is_taken(config, index)) {
        report_key(&place, "id", "is the name of another device, allowed: a name of its own");
    }
    if (is_reported(&place, "transport")) {
        return; /* it only reads as serial */
    }
    check_foreign_keys(&place, feed);
    if (feed->transport == GW_FEED_SERIAL || feed->transport == GW_FEED_HID) {
        check_binding(&place, feed);
    } else {
        check_network(&place, feed);
    }
    if (feed->baud != 0 && !gw_config_is_speed(feed->baud)) {
        report_key(&place, "baud",
                   "no serial line has this speed, allowed: " GW_CONFIG_SPEEDS_TEXT);
    }
}

/* Two devices on one port of ours are told apart by their addresses. */
static void check_shared_door(struct gw_config_report *report, const struct gw_config *config,
                              size_t index) {
    const struct gw_config_feed *feed = &config->feeds[index];
    const struct place place = {report, index};
    for (size_t i = 0; i < index && feed->transport == GW_FEED_TCP_SERVER; i++) {
        const struct gw_config_feed *other = &config->feeds[i];
        if (other->transport == GW_FEED_TCP_SERVER && other->port == feed->port
            && strcmp(other->address, feed->address) == 0 && feed->peer_count == 0
            && other->peer_count == 0) {
            report_key(&place, "peers",
                       "found nothing, and another feed takes everybody on this port already: "
                       "name the address of the device");
        }
    }
}

/* Two feeds of one line would take turns at being refused. */
static void check_shared_line(struct gw_config_report *report, const struct gw_config *config,
                              size_t index) {
    const struct gw_config_feed *feed = &config->feeds[index];
    const struct place place = {report, index};
    for (size_t i = 0; i < index && is_set(feed->path); i++) {
        if (strcmp(config->feeds[i].path, feed->path) == 0) {
            report_key(&place, "path", "is the line or keyboard of another feed already");
            return;
        }
    }
    for (size_t i = 0; i < config->bus_count && is_set(feed->path); i++) {
        if (config->buses[i].line && strcmp(config->buses[i].line, feed->path) == 0) {
            report_key(&place, "path", "is the line of a Modbus bus already");
            return;
        }
    }
}

void gw_config_check_feeds(struct gw_config_report *report, const struct gw_config *config) {
    for (size_t i = 0; i < config->feed_count; i++) {
        if (!config->feeds[i].id) {
            continue; /* refused as a whole */
        }
        check_feed(report, config, i);
        check_shared_door(report, config, i);
        check_shared_line(report, config, i);
    }
}
