/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gwctl/arguments.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/gs1/carrier.h"

#define DEFAULT_CONFIG "/etc/gangway/config.json"
#define HELP_COLUMN 38

struct option {
    const char *name;
    const char *value; /* as in the usage line, NULL = a flag */
    bool (*take)(struct gw_gwctl_arguments *arguments, const char *value);
    const char *allowed;
    const char *help;
};

static bool take_config(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->config_path = value;
    return value[0] != '\0';
}

static bool take_json(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->json = true;
    return true;
}

static bool take_help(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->help = true;
    return true;
}

static bool take_version(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->version = true;
    return true;
}

static bool take_all(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->all = true;
    return true;
}

static bool take_class(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->has_class = !gw_flow_class_parse(gw_str_from_cstr(value), &arguments->class);
    return arguments->has_class;
}

/* Sequences and counts: they travel as JSON numbers, so below 2^53. */
static bool take_number(const char *value, bool *ret_has, uint64_t *ret_number) {
    uint64_t number = 0;
    if (gw_str_to_u64(gw_str_from_cstr(value), UINT64_C(9007199254740991), &number)
        || number == 0) {
        return false;
    }
    *ret_has = true;
    *ret_number = number;
    return true;
}

static bool take_from(struct gw_gwctl_arguments *arguments, const char *value) {
    return take_number(value, &arguments->has_from, &arguments->from);
}

static bool take_to(struct gw_gwctl_arguments *arguments, const char *value) {
    return take_number(value, &arguments->has_to, &arguments->to);
}

static bool take_max(struct gw_gwctl_arguments *arguments, const char *value) {
    return take_number(value, &arguments->has_max, &arguments->max);
}

static bool take_sink(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->sink = value;
    return value[0] != '\0';
}

static bool take_epoch(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->epoch = value;
    return strlen(value) == 17 && strspn(value, "0123456789abcdef") == 17;
}

static bool take_output(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->output = value;
    return value[0] != '\0';
}

static bool take_profiles(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->profiles = value;
    return value[0] != '\0';
}

static bool take_split(struct gw_gwctl_arguments *arguments, const char *value) {
    return take_number(value, &arguments->has_split, &arguments->split);
}

static bool take_timed(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->timed = true;
    return true;
}

static bool take_id(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->id = value;
    return value[0] != '\0';
}

static bool take_expires(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->expires = value;
    return value[0] != '\0';
}

static bool take_maps(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->maps = value;
    return value[0] != '\0';
}

static bool take_prefix(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->prefix = value;
    return true;
}

static bool take_points(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->points = value;
    return value[0] != '\0';
}

static bool take_unit(struct gw_gwctl_arguments *arguments, const char *value) {
    return take_number(value, &arguments->has_unit, &arguments->unit)
           && (arguments->unit <= 247 || arguments->unit == 255);
}

static bool take_aim(struct gw_gwctl_arguments *arguments, const char *value) {
    arguments->aim = value;
    const struct gw_gs1_carrier *carrier = gw_gs1_carrier_find(gw_str_from_cstr(value));
    return strlen(value) == GW_GS1_AIM_BYTES && carrier && carrier->letter != 0;
}

static bool take_across(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->across = true;
    return true;
}

static bool take_events(struct gw_gwctl_arguments *arguments, const char *value) {
    (void) value;
    arguments->events = true;
    return true;
}

static const char a_number[] = "a whole number from 1";

static const struct option options[] = {
    {"config", "FILE", take_config, "a path", "configuration (" DEFAULT_CONFIG ")"},
    {"json", NULL, take_json, NULL, "machine-readable output"},
    {"help", NULL, take_help, NULL, "this text"},
    {"version", NULL, take_version, NULL, "program and version"},
    {"class", "CLASS", take_class, "business, state, telemetry or audit",
     "flow class: business, state, telemetry or audit"},
    {"from", "N", take_from, a_number, "first number of the range"},
    {"to", "N", take_to, a_number, "last number of the range"},
    {"max", "N", take_max, a_number, "how many at most"},
    {"sink", "NAME", take_sink, "the name of a sink",
     "which sink; may be left out where there is only one"},
    {"epoch", "EPOCH", take_epoch, "17 hexadecimal digits",
     "which epoch; the store's own if left out"},
    {"output", "FILE", take_output, "a path", "write there instead of standard output"},
    {"all", NULL, take_all, NULL, "all of them"},
    {"aim", "ID", take_aim,
     "] with one of ABCDEFGHIJKLMOPQRSTUcdehopz and a modifier (AIM symbology identifier, such "
     "as ]C1, ]d2, ]Q3, ]e0, ]E0)",
     "identifier of scans that come without one"},
    {"across", NULL, take_across, NULL, "what an AI requires may stand in another scan"},
    {"profiles", "FOLDER", take_profiles, "a path",
     "folder of the profiles, if not the installed"},
    {"split", "N", take_split, a_number, "push the bytes in pieces of N"},
    {"timed", NULL, take_timed, NULL, "lines of milliseconds and bytes in hexadecimal"},
    {"events", NULL, take_events, NULL, "the events that would be stored"},
    {"id", "ID", take_id, "text", "id of the command; the same again writes nothing twice"},
    {"expires", "WHEN", take_expires, "seconds or a time",
     "seconds from now, or a time: not written later (10)"},
    {"maps", "FOLDER", take_maps, "a path", "folder of the device maps, if not the installed"},
    {"unit", "N", take_unit, "1 to 247, or 255", "Modbus unit id of the device"},
    {"prefix", "TEXT", take_prefix, "text", "begins the names of the points (u<unit>)"},
    {"points", "LIST", take_points, "names with commas between",
     "only these points; all of the map if left out"},
};

/* Options every command takes. */
#define COMMON_OPTIONS "config json help version"

static bool is_in_list(const char *list, const char *word) {
    struct gw_str rest = gw_str_from_cstr(list);
    struct gw_str part;
    while (gw_str_split(&rest, ' ', &part)) {
        if (gw_str_eq(part, gw_str_from_cstr(word))) {
            return true;
        }
    }
    return false;
}

static const struct option *find_option(struct gw_str name) {
    for (size_t i = 0; i < GW_ARRAY_LEN(options); i++) {
        if (gw_str_eq(name, gw_str_from_cstr(options[i].name))) {
            return &options[i];
        }
    }
    return NULL;
}

struct parsing {
    int argc;
    char **argv;
    int at;
    struct gw_buf *reason;
    struct gw_gwctl_arguments arguments;
    const char *words[3 + GW_GWCTL_POSITIONS_MAX]; /* group, verb, positions */
    size_t word_count;
    const struct option *given[GW_ARRAY_LEN(options)];
    size_t given_count;
};

/* "--name value" or "--name=value". */
static enum gw_err parse_option(struct parsing *parsing, const char *word) {
    struct gw_str text = gw_str_from_cstr(word + 2);
    size_t equals = gw_str_find(text, '=', 0);
    const struct option *option = find_option(gw_str_sub(text, 0, equals));
    if (!option) {
        (void) gw_buf_printf(parsing->reason, "unknown option %s", word);
        return GW_ERR_INVALID;
    }
    const char *value = equals < text.len ? text.ptr + equals + 1 : NULL;
    if (option->value && !value) {
        value = parsing->at < parsing->argc ? parsing->argv[parsing->at++] : NULL;
    }
    if ((option->value != NULL) != (value != NULL)) {
        (void) gw_buf_printf(parsing->reason, "option --%s takes %s", option->name,
                             option->value ? "a value" : "no value");
        return GW_ERR_INVALID;
    }
    if (!option->take(&parsing->arguments, value)) {
        (void) gw_buf_printf(parsing->reason, "option --%s: found \"%s\", allowed: %s",
                             option->name, value, option->allowed);
        return GW_ERR_INVALID;
    }
    if (parsing->given_count < GW_ARRAY_LEN(parsing->given)) {
        parsing->given[parsing->given_count++] = option;
    }
    return GW_OK;
}

static enum gw_err parse_words(struct parsing *parsing) {
    while (parsing->at < parsing->argc) {
        const char *word = parsing->argv[parsing->at++];
        if (strncmp(word, "--", 2) == 0) {
            enum gw_err err = parse_option(parsing, word);
            if (err) {
                return err;
            }
        } else if (parsing->word_count == GW_ARRAY_LEN(parsing->words)) {
            (void) gw_buf_printf(parsing->reason, "\"%s\" is one word too many", word);
            return GW_ERR_INVALID;
        } else {
            parsing->words[parsing->word_count++] = word;
        }
    }
    return GW_OK;
}

#define NOT_OF_GROUP SIZE_MAX

/* How many words name the group; NOT_OF_GROUP if they name another one. */
static size_t group_words(const struct parsing *parsing, const char *group) {
    struct gw_str rest = gw_str_from_cstr(group), word;
    size_t count = 0;
    while (group && gw_str_split(&rest, ' ', &word)) {
        if (count >= parsing->word_count
            || !gw_str_eq(word, gw_str_from_cstr(parsing->words[count]))) {
            return NOT_OF_GROUP;
        }
        count++;
    }
    return count;
}

static const struct gw_gwctl_command *find_command(struct parsing *parsing,
                                                   size_t *ret_words_used) {
    const struct gw_gwctl_command *command;
    for (size_t i = 0; (command = gw_gwctl_command_at(i)) != NULL; i++) {
        size_t used = group_words(parsing, command->group);
        if (used < parsing->word_count && used != NOT_OF_GROUP
            && strcmp(command->verb, parsing->words[used++]) == 0) {
            *ret_words_used = used;
            return command;
        }
    }
    return NULL;
}

static enum gw_err check_options(const struct parsing *parsing,
                                 const struct gw_gwctl_command *command) {
    for (size_t i = 0; i < parsing->given_count; i++) {
        const char *name = parsing->given[i]->name;
        if (!is_in_list(command->options, name) && !is_in_list(COMMON_OPTIONS, name)) {
            (void) gw_buf_printf(parsing->reason, "option --%s has no meaning here", name);
            return GW_ERR_INVALID;
        }
    }
    struct gw_str rest = gw_str_from_cstr(command->needs);
    struct gw_str need;
    while (gw_str_split(&rest, ' ', &need)) {
        bool is_given = need.len == 0;
        for (size_t i = 0; i < parsing->given_count; i++) {
            is_given |= gw_str_eq(need, gw_str_from_cstr(parsing->given[i]->name));
        }
        if (!is_given) {
            (void) gw_buf_printf(parsing->reason, "option --%.*s must be given",
                                 GW_STR_ARG(need));
            return GW_ERR_INVALID;
        }
    }
    return GW_OK;
}

static enum gw_err take_positions(struct parsing *parsing,
                                  const struct gw_gwctl_command *command, size_t words_used) {
    size_t count = parsing->word_count - words_used;
    if (count < command->positions_min || count > command->positions_max) {
        (void) gw_buf_printf(parsing->reason, "found %zu arguments, allowed: %s", count,
                             command->positions[0] ? command->positions : "none");
        return GW_ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        parsing->arguments.positions[i] = parsing->words[words_used + i];
    }
    parsing->arguments.position_count = count;
    return GW_OK;
}

static enum gw_err explain_unknown(const struct parsing *parsing) {
    (void) gw_buf_put_str(parsing->reason, parsing->word_count == 0
                                               ? GW_STR("what to do is missing")
                                               : GW_STR("unknown command"));
    for (size_t i = 0; i < parsing->word_count && i < 2; i++) {
        (void) gw_buf_printf(parsing->reason, " %s", parsing->words[i]);
    }
    (void) gw_buf_put_str(parsing->reason, GW_STR(": see gwctl --help"));
    return GW_ERR_INVALID;
}

enum gw_err gw_gwctl_parse_arguments(int argc, char **argv, struct gw_buf *reason,
                                     const struct gw_gwctl_command **ret_command,
                                     struct gw_gwctl_arguments *ret_arguments) {
    struct parsing parsing = {
        .argc = argc,
        .argv = argv,
        .at = 1,
        .reason = reason,
        .arguments = {.config_path = DEFAULT_CONFIG},
    };
    enum gw_err err = parse_words(&parsing);
    if (err) {
        return err;
    }
    size_t words_used = 0;
    const struct gw_gwctl_command *command = find_command(&parsing, &words_used);
    if (!parsing.arguments.help && !parsing.arguments.version) {
        if (!command) {
            return explain_unknown(&parsing);
        }
        err = check_options(&parsing, command);
        if (err) {
            return err;
        }
        err = take_positions(&parsing, command, words_used);
        if (err) {
            return err;
        }
    }
    *ret_command = command;
    *ret_arguments = parsing.arguments;
    return GW_OK;
}

/* ---- help ---- */

static void put_name(const struct gw_gwctl_command *command, struct gw_buf *buf) {
    if (command->group) {
        (void) gw_buf_printf(buf, "%s ", command->group);
    }
    (void) gw_buf_put_str(buf, gw_str_from_cstr(command->verb));
    if (command->positions[0]) {
        (void) gw_buf_printf(buf, " %s", command->positions);
    }
}

static void put_option(const struct option *option, struct gw_buf *buf) {
    size_t start = buf->len;
    (void) gw_buf_printf(buf, "  --%s%s%s", option->name, option->value ? " " : "",
                         option->value ? option->value : "");
    (void) gw_buf_printf(buf, "%*s%s\n", HELP_COLUMN - (int) (buf->len - start), "",
                         option->help);
}

static void put_all_help(struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, GW_STR("usage: gwctl [--config FILE] COMMAND ...\n\n"));
    const struct gw_gwctl_command *command;
    for (size_t i = 0; (command = gw_gwctl_command_at(i)) != NULL; i++) {
        size_t start = buf->len;
        (void) gw_buf_put_str(buf, GW_STR("  "));
        put_name(command, buf);
        struct gw_str help = gw_str_from_cstr(command->help);
        (void) gw_buf_printf(buf, "%*s %.*s\n", HELP_COLUMN - 1 - (int) (buf->len - start), "",
                             GW_STR_ARG(gw_str_sub(help, 0, gw_str_find(help, '.', 0))));
    }
    (void) gw_buf_put_str(
        buf, GW_STR("\n`gwctl COMMAND --help` says more; `gwctl --version` names this one.\n"));
}

void gw_gwctl_put_help(const struct gw_gwctl_command *command, struct gw_buf *buf) {
    if (!command) {
        put_all_help(buf);
        return;
    }
    (void) gw_buf_put_str(buf, GW_STR("usage: gwctl "));
    put_name(command, buf);
    for (size_t i = 0; i < GW_ARRAY_LEN(options); i++) {
        const char *name = options[i].name;
        if (is_in_list(command->options, name)) {
            bool is_needed = is_in_list(command->needs, name);
            (void) gw_buf_printf(
                buf, " %s--%s%s%s%s", is_needed ? "" : "[", name, options[i].value ? " " : "",
                options[i].value ? options[i].value : "", is_needed ? "" : "]");
        }
    }
    (void) gw_buf_printf(buf, "\n\n%s\n\n", command->help);
    for (size_t i = 0; i < GW_ARRAY_LEN(options); i++) {
        if (is_in_list(command->options, options[i].name)
            || is_in_list(COMMON_OPTIONS, options[i].name)) {
            put_option(&options[i], buf);
        }
    }
}
