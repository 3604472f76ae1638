/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classic mistake with Modbus: the manual says 40001, the configuration says 40001 without
 * quotation marks, and what is read is the register forty thousand further on. It may be meant
 * (some devices do have such addresses), so it is a note and no finding.
 */
#include "tools/gwctl/config_places.h"

#include "drivers/modbus/place.h"
#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"

#define MAX_DEPTH 8
/* Of each list; a device whose addresses really are like that has hundreds. */
#define NOTES_MAX 8

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* A point or an entry of `writes`. */
struct place {
    const char *list, *name;
    unsigned unit_id;
    enum gw_modbus_area area;
    uint16_t address;
    const char *type;
};

static struct place point_at(const struct gw_config_bus *bus, size_t index) {
    const struct gw_config_point *point = &bus->points[index];
    return (struct place){.list = "points",
                          .name = point->name,
                          .unit_id = point->unit_id,
                          .area = point->area,
                          .address = point->address,
                          .type = gw_modbus_type_name(point->type)};
}

static struct place write_at(const struct gw_config_bus *bus, size_t index) {
    const struct gw_config_write *write = &bus->writes[index];
    return (struct place){.list = "writes",
                          .name = write->name,
                          .unit_id = write->unit_id,
                          .area = write->area,
                          .address = write->address,
                          .type = gw_modbus_type_name(write->type)};
}

static struct place place_at(const struct gw_config_bus *bus, size_t index) {
    return index < bus->point_count ? point_at(bus, index)
                                    : write_at(bus, index - bus->point_count);
}

static size_t place_count(const struct gw_config_bus *bus) {
    return bus->point_count + bus->write_count;
}

/* ---- notes ---- */

/* The number as a manual would mean it; false if it does not look like that. */
static bool looks_like_notation(uint16_t number, enum gw_modbus_area *ret_area,
                                uint16_t *ret_wire) {
    char text[8];
    (void) snprintf(text, sizeof text, "%u", (unsigned) number);
    return number >= 10000 && gw_modbus_is_notation(gw_str_from_cstr(text), ret_area)
           && !gw_modbus_parse_address(gw_str_from_cstr(text), *ret_area, ret_wire);
}

static const struct gw_json *entry_at(const struct gw_json *list, size_t index) {
    const struct gw_json *entry =
        gw_json_kind(list) == GW_JSON_ARRAY ? gw_json_first(list) : NULL;
    for (size_t i = 0; entry && i < index; i++) {
        entry = gw_json_next(entry);
    }
    return entry;
}

static const struct gw_json *member_of(const struct gw_json *object, const char *name) {
    return object ? gw_json_member(object, name) : NULL;
}

static bool note_place(struct gw_gwctl *ctl, size_t bus, size_t index,
                       const struct place *place, bool is_shown) {
    enum gw_modbus_area meant;
    uint16_t wire = 0;
    if (!looks_like_notation(place->address, &meant, &wire)) {
        return false;
    }
    if (!is_shown) {
        return true;
    }
    (void) fprintf(ctl->err, "note: buses[%zu].%s[%zu].address: wire address %u of %s; ", bus,
                   place->list, index, (unsigned) place->address,
                   gw_point_area_name(place->area));
    if (meant == place->area) {
        (void) fprintf(ctl->err,
                       "if the manual means %u, write it as text: \"%u\" is wire address %u\n",
                       (unsigned) place->address, (unsigned) place->address, (unsigned) wire);
    } else {
        (void) fprintf(ctl->err,
                       "if the manual means %u, the area is %s and the address the text "
                       "\"%u\": wire address %u\n",
                       (unsigned) place->address, gw_point_area_name(meant),
                       (unsigned) place->address, (unsigned) wire);
    }
    return true;
}

/* Of one list of a bus. */
static void note_list(struct gw_gwctl *ctl, size_t bus_index, const struct gw_config_bus *bus,
                      const struct gw_json *list, bool is_writes) {
    size_t first = is_writes ? bus->point_count : 0, found = 0;
    size_t count = is_writes ? bus->write_count : bus->point_count;
    const struct gw_json *entry = entry_at(list, 0);
    for (size_t i = 0; entry && i < count; i++, entry = gw_json_next(entry)) {
        const struct gw_json *address = member_of(entry, "address");
        struct place place = place_at(bus, first + i);
        bool is_number = address && gw_json_kind(address) == GW_JSON_NUMBER;
        found += is_number && note_place(ctl, bus_index, i, &place, found < NOTES_MAX);
    }
    if (found > NOTES_MAX) {
        (void) fprintf(ctl->err,
                       "note: buses[%zu].%s: so do %zu more; `gwctl config check --all` shows "
                       "every wire address\n",
                       bus_index, is_writes ? "writes" : "points", found - NOTES_MAX);
    }
}

void gw_gwctl_note_addresses(struct gw_gwctl *ctl, const char *path,
                             const struct gw_config *config) {
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    const struct gw_json_limits limits = {GW_CONFIG_MAX_BYTES, MAX_DEPTH,
                                          GW_JSON_COMMENTS | GW_JSON_OBJECT};
    struct gw_json_error error;
    if (gw_buf_open(&text, GW_CONFIG_MAX_BYTES) || gw_file_read(path, &text)
        || gw_json_parse(gw_buf_str(&text), &limits, &error, &doc)) {
        return;
    }
    const struct gw_json *buses = gw_json_member(gw_json_root(doc), "buses");
    for (size_t i = 0; buses && i < config->bus_count; i++) {
        const struct gw_json *bus = entry_at(buses, i);
        const struct gw_json *points = member_of(bus, "points");
        const struct gw_json *writes = member_of(bus, "writes");
        if (points) {
            note_list(ctl, i, &config->buses[i], points, false);
        }
        if (writes) {
            note_list(ctl, i, &config->buses[i], writes, true);
        }
    }
}

/* ---- all of them ---- */

static void put_notation(const struct place *place, char dst[static 8]) {
    struct gw_buf buf;
    gw_buf_init(&buf, dst, 7);
    gw_modbus_put_notation(&buf, place->area, place->address);
    dst[buf.len] = '\0';
}

void gw_gwctl_show_places(struct gw_gwctl *ctl, const struct gw_config *config) {
    for (size_t i = 0; i < config->bus_count; i++) {
        const struct gw_config_bus *bus = &config->buses[i];
        (void) fprintf(ctl->out, "bus %s\n", bus->name);
        for (size_t j = 0; j < place_count(bus); j++) {
            struct place place = place_at(bus, j);
            char notation[8];
            put_notation(&place, notation);
            (void) fprintf(ctl->out, "  %-6s %-28s unit %-3u  %-16s %6s  wire %5u  %s\n",
                           j < bus->point_count ? "reads" : "writes", place.name, place.unit_id,
                           gw_point_area_name(place.area), notation, (unsigned) place.address,
                           place.type);
        }
    }
}

void gw_gwctl_put_places(struct gw_gwctl *ctl, const struct gw_config *config) {
    const char *comma = "";
    for (size_t i = 0; i < config->bus_count; i++) {
        const struct gw_config_bus *bus = &config->buses[i];
        for (size_t j = 0; j < place_count(bus); j++) {
            struct place place = place_at(bus, j);
            char notation[8];
            put_notation(&place, notation);
            /* Names of buses and places have no character that JSON escapes. */
            (void) fprintf(
                ctl->out,
                "%s{\"bus\":\"%s\",\"list\":\"%s\",\"name\":\"%s\",\"unit\":%u,"
                "\"area\":\"%s\",\"address\":%u,\"notation\":\"%s\",\"type\":\"%s\"}",
                comma, bus->name, place.list, place.name, place.unit_id,
                gw_point_area_name(place.area), (unsigned) place.address, notation, place.type);
            comma = ",";
        }
    }
}
