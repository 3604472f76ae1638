/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"

#define WORDS_MAX 32

/* Parse a line split at spaces; the words live in `storage`. */
static enum gw_err parse(const char *line, char storage[static 512], struct gw_buf *reason,
                         const struct gw_gwctl_command **ret_command,
                         struct gw_gwctl_arguments *ret_arguments) {
    char *argv[WORDS_MAX];
    int argc = 0;
    (void) gw_str_copy(gw_str_from_cstr(line), storage, 512);
    argv[argc++] = storage;
    for (char *at = storage; *at; at++) {
        if (*at == ' ') {
            *at = '\0';
            argv[argc++] = at + 1;
        }
    }
    return gw_gwctl_parse_arguments(argc, argv, reason, ret_command, ret_arguments);
}

static void each_command_is_found_and_has_help_of_its_own(void **state) {
    (void) state;
    const struct gw_gwctl_command *command;
    size_t count = 0;
    for (; (command = gw_gwctl_command_at(count)) != NULL; count++) {
        assert_non_null(command->run);
        assert_true(command->positions_max <= GW_GWCTL_POSITIONS_MAX);
        assert_int_equal(command->positions[0] != '\0', command->positions_max > 0);
        assert_int_equal(command->help[strlen(command->help) - 1], '.');
        char line[128];
        struct gw_buf text;
        gw_buf_init(&text, line, sizeof line);
        (void) gw_buf_printf(&text, "gwctl %s%s%s --help%c",
                             command->group ? command->group : "", command->group ? " " : "",
                             command->verb, '\0');
        char storage[512];
        char why[256];
        struct gw_buf reason;
        gw_buf_init(&reason, why, sizeof why);
        const struct gw_gwctl_command *found = NULL;
        struct gw_gwctl_arguments arguments;
        assert_int_equal(parse(line, storage, &reason, &found, &arguments), GW_OK);
        assert_ptr_equal(found, command);
        assert_true(arguments.help);

        static char page[16384];
        struct gw_buf help;
        gw_buf_init(&help, page, sizeof page - 1);
        gw_gwctl_put_help(command, &help);
        assert_false(gw_buf_failed(&help));
        page[help.len] = '\0';
        assert_non_null(strstr(page, command->help));
        assert_non_null(strstr(page, "--config FILE"));
    }
    assert_true(count >= 27);
}

static void the_version_is_told_without_a_command_or_a_configuration(void **state) {
    (void) state;
    char *argv[] = {"gwctl", "--version", "--config", "/nowhere"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_int_equal(gw_gwctl_run(4, argv, out, out), GW_EXIT_DONE);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "gwctl " GW_VERSION "\n");
    free(text);
}

static void help_of_the_program_lists_every_command(void **state) {
    (void) state;
    static char page[16384];
    struct gw_buf help;
    gw_buf_init(&help, page, sizeof page - 1);
    gw_gwctl_put_help(NULL, &help);
    assert_false(gw_buf_failed(&help));
    page[help.len] = '\0';
    const struct gw_gwctl_command *command;
    for (size_t i = 0; (command = gw_gwctl_command_at(i)) != NULL; i++) {
        assert_non_null(strstr(page, command->verb));
        assert_true(!command->group || strstr(page, command->group));
    }
}

static void options_of_a_command_are_taken_in_both_spellings(void **state) {
    (void) state;
    char storage[512];
    char why[256];
    struct gw_buf reason;
    gw_buf_init(&reason, why, sizeof why);
    const struct gw_gwctl_command *command = NULL;
    struct gw_gwctl_arguments arguments;
    assert_int_equal(parse("gwctl --config=/c queue list --class audit --max 3 --from=00042 "
                           "--epoch 0123456789abcdef0 --json",
                           storage, &reason, &command, &arguments),
                     GW_OK);
    assert_string_equal(command->verb, "list");
    assert_string_equal(arguments.config_path, "/c");
    assert_true(arguments.has_class);
    assert_int_equal(arguments.class, GW_CLASS_AUDIT);
    assert_int_equal(arguments.max, 3);
    assert_int_equal(arguments.from, 42);
    assert_false(arguments.has_to);
    assert_string_equal(arguments.epoch, "0123456789abcdef0");
    assert_true(arguments.json);

    assert_int_equal(
        parse("gwctl queue show business 7", storage, &reason, &command, &arguments), GW_OK);
    assert_string_equal(arguments.config_path, "/etc/gangway/config.json");
    assert_int_equal(arguments.position_count, 2);
    assert_string_equal(arguments.positions[0], "business");
    assert_string_equal(arguments.positions[1], "7");
}

struct refusal {
    const char *line, *reason;
};

static void wrong_lines_are_refused_with_a_reason(void **state) {
    (void) state;
    static const struct refusal refusals[] = {
        {"gwctl", "what to do is missing: see gwctl --help"},
        {"gwctl fly", "unknown command fly: see gwctl --help"},
        {"gwctl queue", "unknown command queue: see gwctl --help"},
        {"gwctl queue fly", "unknown command queue fly: see gwctl --help"},
        {"gwctl list queue", "unknown command list queue: see gwctl --help"},
        {"gwctl status now", "found 1 arguments, allowed: none"},
        {"gwctl queue show business", "found 1 arguments, allowed: CLASS SEQUENCE"},
        {"gwctl queue show a b c", "found 3 arguments, allowed: CLASS SEQUENCE"},
        {"gwctl modbus decode 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
         "\"18\" is one word too many"},
        {"gwctl modbus map", "unknown command modbus map: see gwctl --help"},
        {"gwctl modbus map expand x", "option --unit must be given"},
        {"gwctl modbus map expand x --unit 248",
         "option --unit: found \"248\", allowed: 1 to 247, or 255"},
        {"gwctl config check a b", "found 2 arguments, allowed: [FILE]"},
        {"gwctl status --sink a", "option --sink has no meaning here"},
        {"gwctl status --colour", "unknown option --colour"},
        {"gwctl status --config", "option --config takes a value"},
        {"gwctl status --json=yes", "option --json takes no value"},
        {"gwctl queue list --class cargo",
         "option --class: found \"cargo\", allowed: business, state, telemetry or audit"},
        {"gwctl queue list --max 0",
         "option --max: found \"0\", allowed: a whole number from 1"},
        {"gwctl queue list --max -1",
         "option --max: found \"-1\", allowed: a whole number from 1"},
        {"gwctl queue list --max 9007199254740992",
         "option --max: found \"9007199254740992\", allowed: a whole number from 1"},
        {"gwctl queue list --epoch 12",
         "option --epoch: found \"12\", allowed: 17 hexadecimal digits"},
        {"gwctl queue replay --class business --from 1", "option --to must be given"},
        {"gwctl queue replay --from 1 --to 2", "option --class must be given"},
        {"gwctl quarantine drop", "found 0 arguments, allowed: NUMBER"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(refusals); i++) {
        char storage[512];
        char why[256];
        struct gw_buf reason;
        gw_buf_init(&reason, why, sizeof why - 1);
        const struct gw_gwctl_command *command = NULL;
        struct gw_gwctl_arguments arguments = {.max = 77};
        assert_int_equal(parse(refusals[i].line, storage, &reason, &command, &arguments),
                         GW_ERR_INVALID);
        why[reason.len] = '\0';
        assert_string_equal(why, refusals[i].reason);
        assert_null(command);
        assert_int_equal(arguments.max, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_is_found_and_has_help_of_its_own),
        cmocka_unit_test(the_version_is_told_without_a_command_or_a_configuration),
        cmocka_unit_test(help_of_the_program_lists_every_command),
        cmocka_unit_test(options_of_a_command_are_taken_in_both_spellings),
        cmocka_unit_test(wrong_lines_are_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
