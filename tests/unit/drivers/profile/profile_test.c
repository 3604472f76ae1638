/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "tests/fakes/temp_folder.h"

#define SCANNER                                                                                \
    "\"name\":\"t\",\"title\":\"t\",\"kind\":\"scanner\",\"sources\":[\"t\"],\"decode\":"
#define SCALE                                                                                  \
    "\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\",\"sources\":[\"t\"],\"decode\":"

static char errors_text[8192];

static enum gw_err parse(const char *document, struct gw_profile **ret_profile) {
    struct gw_buf errors;
    gw_buf_init(&errors, errors_text, sizeof errors_text - 1);
    enum gw_err err = gw_profile_parse(gw_str_from_cstr(document), &errors, ret_profile);
    errors_text[errors.len] = '\0';
    return err;
}

static void a_small_profile_gets_every_default(void **state) {
    (void) state;
    struct gw_profile *profile = NULL;
    assert_int_equal(parse("{" SCANNER "\"text\"}", &profile), GW_OK);
    assert_string_equal(profile->name, "t");
    assert_int_equal(profile->framing.mode, GW_FRAMING_LINE);
    assert_int_equal(profile->framing.max_bytes, 4096);
    assert_int_equal(profile->scan.aim, GW_AIM_AUTO);
    assert_int_equal(profile->scan.no_read_count, 0);
    assert_string_equal(profile->scan.prefix, "");
    assert_string_equal(profile->weight.rearm_below, "20d");
    assert_string_equal(profile->commands.tare, "");
    assert_int_equal(profile->serial.baud, 9600);
    assert_int_equal(profile->keyboard.layout, GW_LAYOUT_NONE);
    gw_profile_close(profile);
}

static void control_characters_and_lists_are_kept(void **state) {
    (void) state;
    struct gw_profile *profile = NULL;
    assert_int_equal(
        parse("{ // a comment\n" SCANNER
              "\"text\",\"scan\":{\"prefix\":\"\\u0002\",\"gs_substitutes\":"
              "[\"{GS}\",\"~\"]},\"keyboard\":{\"layout\":\"de\",\"keys\":[{\"key\":66,"
              "\"text\":\"\\u001d\"}]}}",
              &profile),
        GW_OK);
    assert_string_equal(profile->scan.prefix, "\x02");
    assert_int_equal(profile->scan.gs_substitute_count, 2);
    assert_string_equal(profile->scan.gs_substitutes[1], "~");
    assert_int_equal(profile->keyboard.keys[0].key, 66);
    assert_string_equal(profile->keyboard.keys[0].text, "\x1d");
    gw_profile_close(profile);
}

static void every_fault_is_named_with_what_is_allowed(void **state) {
    (void) state;
    static const struct {
        const char *document, *finding;
    } cases[] = {
        {"{}", "name: found nothing, allowed: text of 1 to 63 bytes"},
        {"[]", "line 1: "},
        {"{" SCANNER "\"text\",\"scan\":{\"aim\":\"yes\"}}",
         "scan.aim: found text \"yes\", allowed: one of \"auto\", \"on\", \"off\""},
        {"{" SCANNER "\"text\",\"framng\":{}}",
         "framng: unknown key, did you mean \"framing\"?"},
        {"{" SCANNER "\"nci\"}", "decode: found the protocol of a scale"},
        {"{" SCALE "\"text\"}", "decode: found \"text\", allowed for a scale"},
        {"{" SCANNER "\"text\",\"weight\":{}}", "weight: has no effect"},
        {"{" SCALE "\"nci\",\"scan\":{}}", "scan: has no effect"},
        {"{" SCALE "\"nci\",\"framing\":{\"mode\":\"cr\"}}", "framing.mode: the protocol says"},
        {"{" SCANNER "\"text\",\"framing\":{\"mode\":\"idle\"}}", "framing.idle_ms: found 0"},
        {"{" SCANNER "\"json\",\"json\":{\"code\":\"/c\"},\"framing\":{\"mode\":\"idle\","
         "\"idle_ms\":5}}",
         "framing.mode: found \"idle\""},
        {"{" SCANNER "\"text\",\"scan\":{\"suffix\":\"\\r\"}}", "scan.suffix: holds what ends"},
        {"{" SCANNER "\"text\",\"scan\":{\"code_separator\":\"|\",\"gs_substitutes\":[\"|\"]}}",
         "scan.gs_substitutes: holds the code_separator"},
        {"{" SCANNER "\"text\",\"scan\":{\"code_separator\":\"|\",\"no_read\":[\"no|read\"]}}",
         "scan.no_read: holds the code_separator, allowed: texts without it"},
        {"{" SCANNER "\"text\",\"framing\":{\"mode\":\"crlf\"},\"scan\":{\"code_separator\":"
         "\"\\r\\n\"}}",
         "scan.code_separator: holds what ends a frame in this framing, allowed: other"},
        {"{" SCANNER "\"text\",\"scan\":{\"gs_substitutes\":[\"\\r\"]}}",
         "scan.gs_substitutes: holds what ends"},
        {"{" SCANNER "\"text\",\"scan\":{\"no_read\":[\"good\",\"NR\\r\"]}}",
         "scan.no_read: holds what ends"},
        {"{" SCANNER "\"text\",\"framing\":{\"mode\":\"stx_etx\"},\"scan\":{\"no_read\":[\""
         "\\u0003\"]}}",
         "scan.no_read: holds what ends"},
        {"{" SCANNER "\"json\",\"json\":{\"code\":\"/c\"},\"scan\":{\"code_separator\":\"|\"}}",
         "scan.code_separator: has no effect with decode \"json\", allowed: one code in each"},
        {"{" SCANNER "\"text\",\"framing\":{\"max_bytes\":16},\"scan\":{\"prefix\":"
         "\"12345678\",\"suffix\":\"12345678\"}}",
         "framing.max_bytes: leaves no room for a code, allowed: more than"},
        {"{" SCALE "\"sma\",\"framing\":{\"max_bytes\":17}}",
         "framing.max_bytes: found 17, but a frame of this protocol has 18 bytes, allowed: at "
         "least that many"},
        {"{" SCALE "\"mt_sics\",\"framing\":{\"max_bytes\":16}}",
         "framing.max_bytes: found 16"},
        {"{" SCALE "\"json\",\"json\":{\"weight\":\"/w\"}}",
         "json.unit: found nothing: name the member"},
        {"{" SCALE "\"json\",\"json\":{\"weight\":\"/w\",\"unit\":\"/u\"}}",
         "weight.rearm_below: is in divisions, but JSON writes 5.00 as 5"},
        {"{" SCANNER "\"json\"}", "json.code: found nothing"},
        {"{" SCALE "\"json\"}", "json.weight: found nothing"},
        {"{" SCANNER "\"json\",\"json\":{\"code\":\"c\"}}", "json.code: found text \"c\""},
        {"{" SCANNER "\"json\",\"json\":{\"code\":\"/c\",\"types\":[\"x\"]}}",
         "json.types: has no"},
        {"{" SCALE "\"json\",\"json\":{\"weight\":\"/w\",\"state\":\"/s\"}}",
         "json.words: state and words"},
        {"{" SCALE "\"toledo_8217\"}", "weight.unit: found nothing"},
        {"{" SCALE "\"nci\",\"weight\":{\"checksum\":true}}",
         "weight: checksum and tare_field"},
        {"{" SCALE "\"nci\",\"weight\":{\"rearm_below\":\"-1\"}}", "weight.rearm_below: found"},
        {"{" SCALE "\"nci\",\"weight\":{\"rearm_below\":\"2%\"}}",
         "weight.rearm_below: found text \"2%\""},
        {"{" SCANNER "\"text\",\"serial\":{\"baud\":14400}}",
         "serial.baud: no serial line has this speed, allowed: 300, 600, 1200, 2400, 4800, "
         "9600, "
         "19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600"},
        {"{" SCANNER "\"text\",\"serial\":{\"baud\":110}}",
         "serial.baud: found number 110, allowed: a whole number from 300 to 921600"},
        {"{" SCALE "\"nci\",\"poll\":{\"period_ms\":100}}", "poll.request: found nothing"},
        {"{" SCALE "\"nci\",\"poll\":{\"request\":\"W\",\"silent_after_ms\":10}}",
         "poll.silent_after_ms: is shorter"},
        {"{" SCANNER "\"text\",\"keyboard\":{\"alt_codes\":true}}", "keyboard.layout: found"},
        {"{" SCANNER "\"text\",\"keyboard\":{\"layout\":\"us\",\"keys\":[{\"key\":66,\"text\":"
         "\"a\"},{\"key\":66,\"text\":\"b\"}]}}",
         "keyboard.keys: the same key"},
        {"{" SCALE
         "\"modbus\",\"modbus\":{\"weight\":\"w\",\"bits\":[{\"meaning\":\"stable\"}]}}",
         "modbus.status: found nothing"},
        {"{" SCALE
         "\"modbus\",\"modbus\":{\"weight\":\"w\",\"status\":\"s\",\"bits\":[{\"bit\":1,"
         "\"meaning\":\"over\"}]}}",
         "modbus.bits: none means"},
        {"{" SCALE "\"modbus\",\"framing\":{}}", "framing: has no effect"},
        {"{" SCANNER "\"text\",\"scan\":{\"prefix\":\"a\\u0000b\"}}", "line 1: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gw_profile *profile = NULL;
        enum gw_err err = parse(cases[i].document, &profile);
        assert_true(err == GW_ERR_SCHEMA || err == GW_ERR_PARSE);
        assert_null(profile);
        if (!strstr(errors_text, cases[i].finding)) {
            fail_msg("%s\ngave\n%snot\n%s", cases[i].document, errors_text, cases[i].finding);
        }
    }
}

static void a_group_that_is_no_object_is_one_finding(void **state) {
    (void) state;
    static const char *const groups[] = {"framing",  "scan",   "json",     "weight", "poll",
                                         "commands", "serial", "keyboard", "modbus"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char document[512];
        char finding[64];
        struct gw_profile *profile = NULL;
        (void) snprintf(document, sizeof document, "{" SCANNER "\"text\",\"%s\":7}", groups[i]);
        (void) snprintf(finding, sizeof finding, "%s: found number 7, allowed: an object",
                        groups[i]);
        assert_int_equal(parse(document, &profile), GW_ERR_SCHEMA);
        assert_non_null(strstr(errors_text, finding));
    }
}

static void a_refused_member_is_one_finding(void **state) {
    (void) state;
    struct gw_profile *profile = NULL;
    assert_int_equal(parse("{" SCALE "\"toledo_8217\",\"weight\":{\"unit\":\"kg\","
                           "\"settle_ms\":-1}}",
                           &profile),
                     GW_ERR_SCHEMA);
    assert_string_equal(errors_text,
                        "weight.settle_ms: found number -1, allowed: a whole number "
                        "from 0 to 60000\n");
}

/* What is not what it looks like at first sight. */
static void what_works_is_no_finding(void **state) {
    (void) state;
    static const char *const good[] = {
        "{" SCALE "\"sma\",\"framing\":{\"max_bytes\":18}}",
        "{" SCALE "\"toledo_8217\",\"framing\":{\"max_bytes\":16},\"weight\":{\"unit\":\"g\"}}",
        "{" SCALE "\"json\",\"json\":{\"weight\":\"/w\"},\"weight\":{\"unit\":\"kg\","
        "\"rearm_below\":\"0.1\"}}",
        "{" SCALE "\"json\",\"json\":{\"weight\":\"/w\",\"unit\":\"/u\"},\"weight\":{"
        "\"report\":\"all\"}}",
        /* one half of the pair ends nothing */
        "{" SCANNER "\"text\",\"framing\":{\"mode\":\"crlf\"},\"scan\":{\"code_separator\":"
        "\"\\n\",\"suffix\":\"\\r\"}}",
        "{" SCANNER "\"text\",\"framing\":{\"mode\":\"stx_etx\"},\"scan\":{\"no_read\":"
        "[\"\\r\\n\"]}}",
        "{" SCANNER "\"text\",\"framing\":{\"mode\":\"idle\",\"idle_ms\":50},\"scan\":{"
        "\"code_separator\":\"\\r\\n\"}}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct gw_profile *profile = NULL;
        if (parse(good[i], &profile)) {
            fail_msg("%s\ngave\n%s", good[i], errors_text);
        }
        gw_profile_close(profile);
    }
}

static void an_empty_substitute_is_one_finding(void **state) {
    (void) state;
    struct gw_profile *profile = NULL;
    assert_int_equal(
        parse("{" SCANNER "\"text\",\"scan\":{\"gs_substitutes\":[\"\"]}}", &profile),
        GW_ERR_SCHEMA);
    assert_ptr_equal(strchr(errors_text, '\n'), errors_text + strlen(errors_text) - 1);
    assert_non_null(strstr(errors_text, "scan.gs_substitutes[0]: found text \"\""));
}

static void write_file(const char *path, const char *text) {
    assert_int_equal(
        gw_file_replace_volatile(path, gw_bytes_from_str(gw_str_from_cstr(text)), 0600), GW_OK);
}

static enum gw_err load(const char *folder, const char *name) {
    struct gw_buf errors;
    gw_buf_init(&errors, errors_text, sizeof errors_text - 1);
    struct gw_profile *profile = NULL;
    enum gw_err err = gw_profile_load(folder, name, &errors, &profile);
    errors_text[errors.len] = '\0';
    gw_profile_close(profile);
    return err;
}

static void a_profile_is_found_by_name_or_path(void **state) {
    (void) state;
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_folder_open(&folder);
    write_file(gw_temp_path(&folder, "t.json", path), "{" SCANNER "\"text\"}");
    assert_int_equal(load(folder.path, "t"), GW_OK);
    assert_int_equal(load("/nowhere", path), GW_OK);
    write_file(gw_temp_path(&folder, "other.json", path), "{" SCANNER "\"text\"}");
    assert_int_equal(load(folder.path, "other"), GW_ERR_SCHEMA);
    assert_string_equal(errors_text,
                        "name: found \"t\", allowed: \"other\", as the file is called\n");
    assert_int_equal(load("/nowhere", path), GW_OK); /* by path, any name will do */
    assert_int_equal(load(folder.path, "missing"), GW_ERR_NOENT);
    assert_non_null(strstr(errors_text, "missing.json: cannot be read"));
    gw_temp_folder_close(&folder);
}

static void a_profile_that_is_too_large_is_refused(void **state) {
    (void) state;
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    static char text[GW_PROFILE_MAX_BYTES + 2];
    memset(text, ' ', sizeof text - 1);
    gw_temp_folder_open(&folder);
    write_file(gw_temp_path(&folder, "t.json", path), text);
    assert_int_equal(load(folder.path, "t"), GW_ERR_RANGE);
    gw_temp_folder_close(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_profile_gets_every_default),
        cmocka_unit_test(control_characters_and_lists_are_kept),
        cmocka_unit_test(every_fault_is_named_with_what_is_allowed),
        cmocka_unit_test(a_group_that_is_no_object_is_one_finding),
        cmocka_unit_test(a_refused_member_is_one_finding),
        cmocka_unit_test(what_works_is_no_finding),
        cmocka_unit_test(an_empty_substitute_is_one_finding),
        cmocka_unit_test(a_profile_is_found_by_name_or_path),
        cmocka_unit_test(a_profile_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
