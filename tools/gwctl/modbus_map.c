/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device maps: what a device's manual says of its registers, as data.
 *
 * A map is a JSON object: name, title, sources [{document, revision, section}], notes and
 * max_registers (both may be absent), and points. A point has the members of a point of the
 * configuration but unit_id, and some for people: unit, help, zero and one (what the two
 * values of a bit mean) and example {words, value} from the manual.
 *
 * A map becomes points by `expand`, which prints them to be pasted: the configuration stays
 * one document that says everything and whose hash covers everything. The rules for points
 * are those of the configuration, since the check puts them into one.
 */
#include <dirent.h>
#include <string.h>

#include "drivers/modbus/place.h"
#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define MAP_MAX_BYTES 262144
#define MAP_DEPTH 8
#define MAPS_MAX 256
#define NAME_BYTES 64
#define EXAMPLE_WORDS 32

GW_DEFINE_CLEANUP(struct gw_config *, gw_config_close, config_closep)

struct map {
    struct gw_json_doc *doc;
    const struct gw_json *root, *points;
    struct gw_str name, title;
};

/* What the points of an expansion are like. */
struct expansion {
    uint64_t unit;
    struct gw_str prefix;
    struct gw_str chosen; /* names with commas between; empty = all */
};

/* All points, by the names of the map. */
static const struct expansion of_itself = {.unit = 1};

static void close_mapp(struct map *map) {
    gw_json_close(map->doc);
}

/* ---- reading ---- */

static bool is_of(const char *const *names, size_t count, struct gw_str name) {
    for (size_t i = 0; i < count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(names[i]))) {
            return true;
        }
    }
    return false;
}

static void check_source(const struct gw_json *source, size_t index, struct gw_buf *errors) {
    static const struct {
        const char *member, *example;
    } needed[] = {
        {"document", "EM24 communication protocol"},
        {"revision", "3.12, 2019-05"},
        {"section", "table 2"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(needed); i++) {
        if (gw_gwctl_text_of(source, needed[i].member).len == 0) {
            (void) gw_buf_printf(errors,
                                 "sources[%zu].%s: found none, allowed: text that says where "
                                 "the addresses are from, such as \"%s\"\n",
                                 index, needed[i].member, needed[i].example);
        }
    }
}

/* Findings go to `errors`. */
static void check_shape(const struct map *map, struct gw_buf *errors) {
    static const char *const known[] = {"name",  "title",         "sources",
                                        "notes", "max_registers", "points"};
    const struct gw_json *sources = gw_json_member(map->root, "sources");
    size_t index = 0;
    for (const struct gw_json *member = gw_json_first(map->root); member;
         member = gw_json_next(member)) {
        if (!is_of(known, GW_ARRAY_LEN(known), gw_json_name(member))) {
            (void) gw_buf_printf(errors,
                                 "%.*s: unknown, allowed: name, title, sources, notes, "
                                 "max_registers, points\n",
                                 GW_STR_ARG(gw_json_name(member)));
        }
    }
    if (map->name.len == 0 || map->title.len == 0) {
        (void) gw_buf_put_str(errors, GW_STR("name, title: allowed: text\n"));
    }
    if (gw_json_kind(map->points) != GW_JSON_ARRAY || gw_json_count(map->points) == 0) {
        (void) gw_buf_put_str(errors, GW_STR("points: allowed: a list of 1 or more objects\n"));
    }
    if (gw_json_kind(sources) != GW_JSON_ARRAY || gw_json_count(sources) == 0) {
        (void) gw_buf_put_str(errors,
                              GW_STR("sources: allowed: a list of 1 or more documents, so that "
                                     "somebody can check what is said here\n"));
    }
    for (const struct gw_json *source = sources ? gw_json_first(sources) : NULL; source;
         source = gw_json_next(source)) {
        check_source(source, index++, errors);
    }
}

static void check_points(const struct map *map, struct gw_buf *errors);

/* Every fault there is, at once. */
static enum gw_err read_map(const char *path, struct gw_buf *errors, struct map *ret_map) {
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    const struct gw_json_limits limits = {MAP_MAX_BYTES, MAP_DEPTH, GW_JSON_OBJECT};
    struct gw_json_error error = {.reason = "no JSON"};
    enum gw_err err = gw_buf_open(&text, MAP_MAX_BYTES);
    if (!err) {
        err = gw_file_read(path, &text);
    }
    if (err) {
        (void) gw_buf_printf(errors, "%s: cannot be read: %s\n", path, gw_err_name(err));
        return err;
    }
    struct map map = {0};
    err = gw_json_parse(gw_buf_str(&text), &limits, &error, &map.doc);
    if (err) {
        (void) gw_buf_printf(errors, "line %u: %s\n", error.line, error.reason);
        return err;
    }
    map.root = gw_json_root(map.doc);
    map.points = gw_json_member(map.root, "points");
    map.name = gw_gwctl_text_of(map.root, "name");
    map.title = gw_gwctl_text_of(map.root, "title");
    check_shape(&map, errors);
    if (gw_json_kind(map.points) == GW_JSON_ARRAY && gw_json_count(map.points) > 0) {
        check_points(&map, errors);
    }
    *ret_map = map;
    return errors->len > 0 ? GW_ERR_SCHEMA : GW_OK;
}

static struct gw_installed folder_of(const struct gw_gwctl *ctl) {
    struct gw_installed folder = gw_file_installed("modbus");
    if (ctl->arguments.maps) {
        (void) snprintf(folder.path, sizeof folder.path, "%s", ctl->arguments.maps);
    }
    return folder;
}

/* By name in the folder, or the path of a file. False after a sentence. */
static bool load(struct gw_gwctl *ctl, const char *argument, struct map *ret_map) {
    char path[1024], storage[8192];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_installed folder = folder_of(ctl);
    bool is_file = strchr(argument, '/') != NULL
                   || gw_str_ends_with(gw_str_from_cstr(argument), GW_STR(".json"));
    (void) snprintf(path, sizeof path, "%s%s%s%s", is_file ? "" : folder.path,
                    is_file ? "" : "/", argument, is_file ? "" : ".json");
    enum gw_err err = read_map(path, &errors, ret_map);
    if (err == GW_ERR_NOENT && !is_file) {
        (void) gw_gwctl_fail(ctl, "there is no map \"%s\" in %s: see gwctl modbus maps",
                             argument, folder.path);
    } else if (err) {
        (void) gw_gwctl_fail(ctl, "%s has faults", argument);
        gw_gwctl_show_lines(ctl->err, gw_buf_str(&errors));
    }
    return err == GW_OK;
}

/* ---- expanding ---- */

static bool is_chosen(const struct expansion *expansion, struct gw_str name) {
    struct gw_str rest = expansion->chosen, part;
    while (gw_str_split(&rest, ',', &part)) {
        if (gw_str_eq(part, name)) {
            return true;
        }
    }
    return expansion->chosen.len == 0;
}

static void put_point(const struct gw_json *point, const struct expansion *expansion,
                      struct gw_buf *buf) {
    static const char *const of_people[] = {"name", "unit", "help", "zero", "one", "example"};
    struct gw_str name = gw_gwctl_text_of(point, "name");
    char storage[200];
    struct gw_buf full;
    gw_buf_init(&full, storage, sizeof storage);
    (void) gw_buf_put_str(&full, expansion->prefix);
    (void) gw_buf_put_str(&full, expansion->prefix.len > 0 ? GW_STR(".") : GW_STR(""));
    (void) gw_buf_put_str(&full, name);
    (void) gw_buf_put_str(buf, GW_STR("{\"name\": "));
    (void) gw_buf_put_json_str(buf, gw_buf_str(&full));
    (void) gw_buf_printf(buf, ", \"unit_id\": %llu", (unsigned long long) expansion->unit);
    for (const struct gw_json *member = gw_json_first(point); member;
         member = gw_json_next(member)) {
        if (!is_of(of_people, GW_ARRAY_LEN(of_people), gw_json_name(member))) {
            (void) gw_buf_put_str(buf, GW_STR(", "));
            (void) gw_buf_put_json_str(buf, gw_json_name(member));
            (void) gw_buf_put_str(buf, GW_STR(": "));
            (void) !gw_json_put_canonical(member, buf);
        }
    }
    (void) gw_buf_put_char(buf, '}');
}

/* The list of points. */
static void put_points(const struct map *map, const struct expansion *expansion,
                       struct gw_buf *buf) {
    size_t count = 0;
    (void) gw_buf_put_char(buf, '[');
    for (const struct gw_json *point = gw_json_first(map->points); point;
         point = gw_json_next(point)) {
        if (is_chosen(expansion, gw_gwctl_text_of(point, "name"))) {
            (void) gw_buf_put_str(buf, count == 0 ? GW_STR("\n  ") : GW_STR(",\n  "));
            put_point(point, expansion, buf);
            count++;
        }
    }
    (void) gw_buf_put_str(buf, GW_STR("\n]\n"));
}

/* ---- checking ---- */

/* A configuration with the points on a bus. */
static enum gw_err parse_points(const struct map *map, const struct expansion *expansion,
                                struct gw_buf *errors, struct gw_config **ret_config) {
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    const struct gw_json *max_registers = gw_json_member(map->root, "max_registers");
    enum gw_err err = gw_buf_open(&text, 2 * MAP_MAX_BYTES);
    if (err) {
        return err;
    }
    (void) gw_buf_put_str(&text, GW_STR("{\"gateway\":{\"serial\":\"GW-1\",\"site\":\"s\"},"
                                        "\"buses\":[{\"name\":\"b\",\"host\":\"127.0.0.1\","));
    if (max_registers) {
        (void) gw_buf_put_str(&text, GW_STR("\"max_registers\":"));
        (void) !gw_json_put_canonical(max_registers, &text);
        (void) gw_buf_put_char(&text, ',');
    }
    (void) gw_buf_put_str(&text, GW_STR("\"points\":"));
    put_points(map, expansion, &text);
    (void) gw_buf_put_str(&text, GW_STR("}]}"));
    return gw_buf_failed(&text) ? GW_ERR_FULL
                                : gw_config_parse(gw_buf_str(&text), errors, ret_config);
}

static size_t take_words(const struct gw_json *words,
                         uint16_t ret_words[static EXAMPLE_WORDS]) {
    size_t count = 0;
    for (const struct gw_json *word = words ? gw_json_first(words) : NULL;
         word && count < EXAMPLE_WORDS; word = gw_json_next(word)) {
        struct gw_str text = {0};
        if (gw_json_get_str(word, &text)
            || gw_modbus_parse_address(text, GW_AREA_HOLDING_REGISTER, &ret_words[count])) {
            return 0;
        }
        count++;
    }
    return count;
}

/* The example of a point must decode to its value. */
static void check_example(const struct gw_json *json, const struct gw_config_point *point,
                          struct gw_buf *errors) {
    const struct gw_json *example = gw_json_member(json, "example");
    uint16_t words[EXAMPLE_WORDS];
    struct gw_point_value value = {0};
    char storage[GW_DECIMAL_TEXT_MAX + GW_POINT_TEXT_MAX_BYTES];
    struct gw_buf text;
    if (!example) {
        return;
    }
    gw_buf_init(&text, storage, sizeof storage);
    size_t count = take_words(gw_json_member(example, "words"), words);
    if (!gw_point_decode(point, words, count, &value) && value.good) {
        if (value.is_text) {
            (void) gw_buf_put_str(&text, gw_point_value_text(&value));
        } else {
            (void) gw_decimal_put(&text, &value.number);
        }
    }
    struct gw_str wanted = gw_gwctl_text_of(example, "value");
    if (!gw_str_eq(wanted, gw_buf_str(&text))) {
        (void) gw_buf_printf(errors, "%s: the example reads \"%.*s\", its value is \"%.*s\"\n",
                             point->name, GW_STR_ARG(gw_buf_str(&text)), GW_STR_ARG(wanted));
    }
}

static void check_points(const struct map *map, struct gw_buf *errors) {
    GW_CLEANUP(config_closep) struct gw_config *config = NULL;
    enum gw_err err = parse_points(map, &of_itself, errors, &config);
    const struct gw_json *json = gw_json_first(map->points);
    for (size_t i = 0; !err && json && i < config->buses[0].point_count; i++) {
        check_example(json, &config->buses[0].points[i], errors);
        json = gw_json_next(json);
    }
    if (err && errors->len == 0) {
        (void) gw_buf_printf(errors, "points: %s\n", gw_err_name(err));
    }
}

/* ---- verbs ---- */

int gw_gwctl_modbus_map_check(struct gw_gwctl *ctl) {
    const char *path = ctl->arguments.positions[0];
    GW_CLEANUP(close_mapp) struct map map = {0};
    if (!load(ctl, path, &map)) {
        return GW_EXIT_FAILED;
    }
    (void) fprintf(ctl->out, "%s is good: %zu points\n", path, gw_json_count(map.points));
    return GW_EXIT_DONE;
}

static bool has_point(const struct map *map, struct gw_str name) {
    for (const struct gw_json *point = gw_json_first(map->points); point;
         point = gw_json_next(point)) {
        if (gw_str_eq(name, gw_gwctl_text_of(point, "name"))) {
            return true;
        }
    }
    return false;
}

/* Every name of --points must be one of the map. False after a sentence. */
static bool are_chosen_known(struct gw_gwctl *ctl, const struct map *map,
                             const struct expansion *expansion) {
    struct gw_str rest = expansion->chosen, part;
    bool is_good = true;
    while (gw_str_split(&rest, ',', &part)) {
        if (!has_point(map, part)) {
            (void) gw_gwctl_fail(
                ctl,
                "--points: found \"%.*s\", allowed: names of points of the map, "
                "with commas and no spaces between (gwctl modbus map show %s)",
                GW_STR_ARG(part), ctl->arguments.positions[0]);
            is_good = false;
        }
    }
    return is_good;
}

/* What is printed must be what a bus takes. False after a sentence. */
static bool is_expansion_good(struct gw_gwctl *ctl, const struct map *map,
                              const struct expansion *expansion) {
    GW_CLEANUP(config_closep) struct gw_config *config = NULL;
    char storage[8192];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    if (!are_chosen_known(ctl, map, expansion)) {
        return false;
    }
    if (parse_points(map, expansion, &errors, &config)) {
        (void) gw_gwctl_fail(ctl,
                             "with --prefix \"%.*s\" and --unit %llu the configuration would "
                             "refuse these points",
                             GW_STR_ARG(expansion->prefix),
                             (unsigned long long) expansion->unit);
        gw_gwctl_show_lines(ctl->err, gw_buf_str(&errors));
        return false;
    }
    return true;
}

/* The points alone go to ctl->out, so that they can be piped. */
static void note_max_registers(struct gw_gwctl *ctl, const struct map *map) {
    uint64_t count = gw_gwctl_number_of(map->root, "max_registers");
    if (count > 0) {
        (void) fprintf(ctl->err,
                       "note: give the bus \"max_registers\": %llu, the device does not answer "
                       "longer requests\n",
                       (unsigned long long) count);
    }
}

int gw_gwctl_modbus_map_expand(struct gw_gwctl *ctl) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    GW_CLEANUP(close_mapp) struct map map = {0};
    if (!load(ctl, arguments->positions[0], &map)) {
        return GW_EXIT_FAILED;
    }
    char prefix[32];
    (void) snprintf(prefix, sizeof prefix, "u%llu", (unsigned long long) arguments->unit);
    struct expansion expansion = {
        .unit = arguments->unit,
        .prefix = gw_str_from_cstr(arguments->prefix ? arguments->prefix : prefix),
        .chosen = gw_str_from_cstr(arguments->points),
    };
    if (!is_expansion_good(ctl, &map, &expansion)) {
        return GW_EXIT_FAILED;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    if (gw_buf_open(&text, 2 * MAP_MAX_BYTES)) {
        return gw_gwctl_fail(ctl, "no memory");
    }
    put_points(&map, &expansion, &text);
    (void) fwrite(text.data, 1, text.len, ctl->out);
    note_max_registers(ctl, &map);
    return GW_EXIT_DONE;
}

static void show_meaning(struct gw_gwctl *ctl, const struct gw_json *point, const char *name,
                         char bit) {
    struct gw_str text = gw_gwctl_text_of(point, name);
    if (text.len > 0) {
        (void) fprintf(ctl->out, "; %c = ", bit);
        gw_gwctl_show_text(ctl->out, text);
    }
}

static void show_point(struct gw_gwctl *ctl, const struct gw_json *json,
                       const struct gw_config_point *point) {
    char notation[8], type[24];
    struct gw_buf buf;
    gw_buf_init(&buf, notation, sizeof notation);
    gw_modbus_put_notation(&buf, point->area, point->address);
    if (point->bit != GW_POINT_ALL_BITS) {
        (void) snprintf(type, sizeof type, "bit %u", (unsigned) point->bit);
    } else {
        (void) snprintf(type, sizeof type, "%s", gw_modbus_type_name(point->type));
    }
    struct gw_str unit = gw_gwctl_text_of(json, "unit");
    (void) fprintf(ctl->out, "  %-28s %6.*s  wire %5u  %-8s %-9s %-6.*s ", point->name,
                   (int) buf.len, notation, (unsigned) point->address, type,
                   gw_modbus_order_name(point->order), GW_STR_ARG(unit));
    gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(json, "help"));
    show_meaning(ctl, json, "zero", '0');
    show_meaning(ctl, json, "one", '1');
    (void) fputc('\n', ctl->out);
}

static void show_sources(struct gw_gwctl *ctl, const struct map *map) {
    const struct gw_json *sources = gw_json_member(map->root, "sources");
    for (const struct gw_json *source = sources ? gw_json_first(sources) : NULL; source;
         source = gw_json_next(source)) {
        (void) fprintf(ctl->out, "  from: ");
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(source, "document"));
        (void) fprintf(ctl->out, ", ");
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(source, "revision"));
        (void) fprintf(ctl->out, ", ");
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(source, "section"));
        (void) fputc('\n', ctl->out);
    }
    if (gw_json_member(map->root, "max_registers")) {
        (void) fprintf(ctl->out, "  max_registers: %llu\n",
                       (unsigned long long) gw_gwctl_number_of(map->root, "max_registers"));
    }
    const struct gw_json *notes = gw_json_member(map->root, "notes");
    for (const struct gw_json *note = notes ? gw_json_first(notes) : NULL; note;
         note = gw_json_next(note)) {
        struct gw_str text = {0};
        (void) !gw_json_get_str(note, &text);
        (void) fprintf(ctl->out, "  note: ");
        gw_gwctl_show_text(ctl->out, text);
        (void) fputc('\n', ctl->out);
    }
}

int gw_gwctl_modbus_map_show(struct gw_gwctl *ctl) {
    GW_CLEANUP(close_mapp) struct map map = {0};
    GW_CLEANUP(config_closep) struct gw_config *config = NULL;
    char storage[1024];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    if (!load(ctl, ctl->arguments.positions[0], &map)
        || parse_points(&map, &of_itself, &errors, &config)) {
        return GW_EXIT_FAILED;
    }
    gw_gwctl_show_text(ctl->out, map.title);
    (void) fputc('\n', ctl->out);
    show_sources(ctl, &map);
    const struct gw_json *json = gw_json_first(map.points);
    for (size_t i = 0; json && i < config->buses[0].point_count; i++) {
        show_point(ctl, json, &config->buses[0].points[i]);
        json = gw_json_next(json);
    }
    return GW_EXIT_DONE;
}

/* ---- the folder ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp((const char *) a, (const char *) b);
}

static size_t list_names(const char *folder, char (*names)[NAME_BYTES]) {
    DIR *dir = opendir(folder);
    size_t count = 0;
    const struct dirent *entry;
    while (dir && count < MAPS_MAX && (entry = readdir(dir)) != NULL) {
        struct gw_str name = gw_str_from_cstr(entry->d_name);
        if (gw_str_ends_with(name, GW_STR(".json"))
            && !gw_str_copy(gw_str_sub(name, 0, name.len - 5), names[count], NAME_BYTES)) {
            count++;
        }
    }
    if (dir) {
        (void) closedir(dir);
    }
    qsort(names, count, NAME_BYTES, compare_names);
    return count;
}

int gw_gwctl_modbus_maps(struct gw_gwctl *ctl) {
    struct gw_installed folder = folder_of(ctl);
    char names[MAPS_MAX][NAME_BYTES];
    size_t count = list_names(folder.path, names);
    int status = GW_EXIT_DONE;
    if (count == 0) {
        return gw_gwctl_fail(ctl, "there are no maps in %s", folder.path);
    }
    for (size_t i = 0; i < count; i++) {
        GW_CLEANUP(close_mapp) struct map map = {0};
        if (!load(ctl, names[i], &map)) {
            status = GW_EXIT_FAILED;
            continue;
        }
        (void) fprintf(ctl->out, "%-24s %3zu points  ", names[i], gw_json_count(map.points));
        gw_gwctl_show_text(ctl->out, map.title);
        (void) fputc('\n', ctl->out);
    }
    return status;
}
