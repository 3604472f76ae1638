/* SPDX-License-Identifier: Apache-2.0 */
/* What the checker of profiles calls good can be opened: every member of the tables with
 * the values at its edges, every choice, and texts of all sorts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drivers/profile/feed.h"
#include "drivers/profile/profile_table.h"
#include "drivers/serial/transport.h"
#include "firmware/config/speed.h"

#define HEAD "\"name\":\"t\",\"title\":\"t\",\"sources\":[\"t\"],"
#define SCANNER HEAD "\"kind\":\"scanner\",\"decode\":"
#define SCALE HEAD "\"kind\":\"scale\",\"decode\":"

static const char *const documents[] = {
    SCANNER "\"text\"",
    SCANNER "\"json\",\"json\":{\"code\":\"/c\"}",
    SCALE
    "\"json\",\"json\":{\"weight\":\"/w\",\"unit\":\"/u\"},\"weight\":{\"report\":\"all\"}",
    SCALE "\"mt_sics\"",
    SCALE "\"sma\"",
    SCALE "\"nci\"",
    SCALE "\"toledo_8217\",\"weight\":{\"unit\":\"kg\"}",
    SCALE "\"toledo_continuous\"",
    SCALE "\"sartorius_sbi\"",
    SCALE "\"modbus\",\"weight\":{\"unit\":\"kg\"},\"modbus\":{\"weight\":\"w\",\"bits\":[{"
          "\"point\":\"s\",\"meaning\":\"stable\"}]}",
};

static const char *const texts[] = {
    "\"\"",       "\"0\"",       "\"1\"",
    "\"0.5\"",    "\"2%\"",      "\"-1\"",
    "\"20d\"",    "\"0d\"",      "\"9999d\"",
    "\"1.5d\"",   "\"d\"",       "\"20 d\"",
    "\"00.050\"", "\"kg\"",      "\"/a\"",
    "\"1e3\"",    "\"\\r\"",     "\"\\n\"",
    "\"\\r\\n\"", "\"\\u0002\"", "\"\\t\"",
    "\"A\\r\"",   "\".5\"",      "\"5.\"",
    "\"%\"",      "\"\\u00b2\"", "\"99999999999999999999\"",
};

static bool take_anything(void *context, const struct gw_observed_item *item) {
    (void) context;
    (void) item;
    return true;
}

static void open_feed(const struct gw_profile *profile, const char *document) {
    const struct gw_feed_options options = {.profile = profile, .sink = take_anything};
    struct gw_feed *feed = NULL;
    if (gw_feed_open(&options, &feed) != GW_OK) {
        fail_msg("no feed can be opened with %s", document);
    }
    gw_feed_close(feed);
}

static void open_line(const struct gw_profile *profile, const char *document) {
    const struct gw_config_feed config = {
        .id = "t", .path = "/dev/none", .usb_path = "", .usb_serial = "", .usb_product = ""};
    const struct gw_transport_options options = {
        .config = &config, .line = profile->serial, .sys_root = "/", .dev_root = "/"};
    struct gw_transport transport = {0};
    if (gw_transport_open_serial(&options, &transport) != GW_OK) {
        fail_msg("no line can be set as %s says", document);
    }
    transport.ops->close(transport.self);
}

/* Whether the checker took it; then it was opened. */
static bool try_document(const char *document) {
    char storage[8192];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_profile *profile = NULL;
    if (gw_profile_parse(gw_str_from_cstr(document), &errors, &profile)) {
        return false;
    }
    open_feed(profile, document);
    open_line(profile, document);
    gw_profile_close(profile);
    return true;
}

/* The base with one member more, or in place of what it says. */
static unsigned try_value(const char *base, const char *group, const char *member,
                          const char *value) {
    char document[1024];
    char key[64];
    (void) snprintf(key, sizeof key, "\"%s\":{", group);
    const char *there = strstr(base, key);
    if (!there) {
        (void) snprintf(document, sizeof document, "{%s,\"%s\":{\"%s\":%s}}", base, group,
                        member, value);
    } else {
        size_t head = (size_t) (there - base) + strlen(key);
        (void) snprintf(document, sizeof document, "{%.*s\"%s\":%s,%s}", (int) head, base,
                        member, value, base + head);
    }
    return try_document(document) ? 1 : 0;
}

static unsigned try_number(const char *base, const char *group,
                           const struct gw_config_row *row) {
    const uint64_t numbers[] = {row->min,     row->min + 1, (row->min + row->max) / 2,
                                row->max - 1, row->max,     row->max + 1};
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char value[24];
        (void) snprintf(value, sizeof value, "%llu", (unsigned long long) numbers[i]);
        taken += try_value(base, group, row->name, value);
    }
    return taken;
}

static unsigned try_texts(const char *base, const char *group, const struct gw_config_row *row,
                          bool is_list) {
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char value[64];
        (void) snprintf(value, sizeof value, "%s%s%s", is_list ? "[" : "", texts[i],
                        is_list ? "]" : "");
        taken += try_value(base, group, row->name, value);
    }
    return taken;
}

static unsigned try_row(const char *base, const char *group, const struct gw_config_row *row) {
    unsigned taken = 0;
    switch (row->kind) {
    case GW_KIND_NUMBER:
        return try_number(base, group, row);
    case GW_KIND_TEXT:
    case GW_KIND_TEXTS:
        return try_texts(base, group, row, row->kind == GW_KIND_TEXTS);
    case GW_KIND_BOOL:
        return try_value(base, group, row->name, "true")
               + try_value(base, group, row->name, "false");
    case GW_KIND_CHOICE:
        for (size_t i = 0; i < row->choice_count; i++) {
            char value[64];
            (void) snprintf(value, sizeof value, "\"%s\"", row->choices[i].name);
            taken += try_value(base, group, row->name, value);
        }
        return taken;
    default:
        return 0;
    }
}

static void what_the_checker_takes_can_be_opened(void **state) {
    (void) state;
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        char plain[1024];
        (void) snprintf(plain, sizeof plain, "{%s}", documents[i]);
        assert_true(try_document(plain));
        for (size_t j = 0; j < gw_profile_top.row_count; j++) {
            const struct gw_config_row *row = &gw_profile_top.rows[j];
            for (size_t k = 0; row->kind == GW_KIND_GROUP && k < row->group->row_count; k++) {
                taken += try_row(documents[i], row->name, &row->group->rows[k]);
            }
        }
    }
    assert_true(taken > 1000);
}

static void every_speed_of_the_list_and_no_other_can_be_set(void **state) {
    (void) state;
    unsigned taken = 0;
    for (unsigned baud = 0; baud <= GW_CONFIG_SPEED_MAX + 100; baud += 100) {
        char value[24];
        (void) snprintf(value, sizeof value, "%u", baud);
        unsigned is_taken = try_value(documents[0], "serial", "baud", value);
        assert_int_equal(is_taken, gw_config_is_speed(baud) ? 1 : 0);
        taken += is_taken;
    }
    assert_int_equal(taken, 15);
    assert_int_equal(try_value(documents[0], "serial", "baud", "14400"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_checker_takes_can_be_opened),
        cmocka_unit_test(every_speed_of_the_list_and_no_other_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
