/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define REASON_BYTES 8192
#define HELP_BYTES 16384

static const struct gw_gwctl_command commands[] = {
    {NULL, "status", gw_gwctl_status, "", 0, 0, "", "",
     "Show how the gateway does. Asks both daemons; of one that does not answer, what it "
     "last said and since when it is silent."},
    {NULL, "completeness", gw_gwctl_completeness, "", 0, 0, "sink", "",
     "Ask the centre what it holds of this gateway. Exit status 1 unless it is complete."},
    {"queue", "list", gw_gwctl_queue_list, "", 0, 0, "class epoch from max", "",
     "List stored events. Shows 50 of each class unless --max says otherwise; with --json "
     "one event a line as it is sent."},
    {"queue", "show", gw_gwctl_queue_show, "CLASS SEQUENCE", 2, 2, "epoch", "",
     "Show one event as it is sent."},
    {"queue", "replay", gw_gwctl_queue_replay, "", 0, 0, "class from to sink", "class from to",
     "Send stored events again, marked as replay. Only what is still stored can be sent."},
    {"queue", "salvage", gw_gwctl_queue_salvage, "PATH", 1, 1, "", "",
     "Take over what is readable of a store that was set aside. The events keep their ids."},
    {"dead-letter", "list", gw_gwctl_dead_letter_list, "", 0, 0, "sink max", "",
     "List what the centre has rejected."},
    {"dead-letter", "show", gw_gwctl_dead_letter_show, "LETTER", 1, 1, "sink", "",
     "Show a dead letter with its event. LETTER is EPOCH/CLASS/SEQUENCE as in the list."},
    {"dead-letter", "retry", gw_gwctl_dead_letter_retry, "[LETTER]", 0, 1, "sink all", "",
     "Send a dead letter again, or with --all every one. LETTER is EPOCH/CLASS/SEQUENCE as "
     "in the list."},
    {"dead-letter", "export", gw_gwctl_dead_letter_export, "[LETTER]", 0, 1, "sink output", "",
     "Write dead letters with their events, one JSON object a line. All of them without "
     "LETTER."},
    {"dead-letter", "drop", gw_gwctl_dead_letter_drop, "LETTER", 1, 1, "sink", "",
     "Give a dead letter up for good. The audit trail records who did."},
    {"quarantine", "list", gw_gwctl_quarantine_list, "", 0, 0, "from max", "",
     "List what could not be understood."},
    {"quarantine", "show", gw_gwctl_quarantine_show, "NUMBER", 1, 1, "", "",
     "Show an entry with its bytes."},
    {"quarantine", "retry", gw_gwctl_quarantine_retry, "NUMBER", 1, 1, "", "",
     "Decode an entry again. After a correction of the device's configuration, for example."},
    {"quarantine", "export", gw_gwctl_quarantine_export, "NUMBER", 1, 1, "output", "",
     "Write the raw bytes of an entry."},
    {"quarantine", "drop", gw_gwctl_quarantine_drop, "NUMBER", 1, 1, "", "",
     "Remove an entry for good. The audit trail records who did."},
    {"device", "add", gw_gwctl_device_add, "DEVICE", 1, 1, "", "",
     "Make the secret with which a device comes to the front door. It is printed once and "
     "kept as a digest only; the user name is the id of the device."},
    {"device", "rotate", gw_gwctl_device_rotate, "DEVICE", 1, 1, "", "",
     "Make a new secret. The old one ends when the device first uses the new one."},
    {"device", "revoke", gw_gwctl_device_revoke, "DEVICE", 1, 1, "", "",
     "Take the secret of a device away and close its connections."},
    {"device", "command", gw_gwctl_device_command, "DEVICE TEXT", 2, 2, "", "",
     "Send a text to the command topic of a device that is connected and subscribed."},
    {"feed", "command", gw_gwctl_feed_command, "DEVICE NAME", 2, 2, "", "",
     "Send a command to a scale: tare, zero or clear_tare. Only those that feeds[].commands "
     "names and the profile has; each is audited before it is sent. \"done\" is what the scale "
     "says. \"sent\" says that it left the gateway: look at the scale for what it made of it."},
    {"audit", "verify", gw_gwctl_audit_verify, "", 0, 0, "", "",
     "Check the hash chain of the audit trail."},
    {"profile", "list", gw_gwctl_profile_list, "", 0, 0, "profiles", "",
     "List the device profiles. They say how scanners and scales speak."},
    {"profile", "explain", gw_gwctl_profile_explain, "[KEY]", 0, 1, "", "",
     "Explain a key of device profiles such as weight.rearm_below, or all."},
    {"profile", "check", gw_gwctl_profile_check, "FILE", 1, 1, "", "",
     "Check a device profile. Names everything that is wrong, not only the first."},
    {"profile", "feed", gw_gwctl_profile_feed, "PROFILE", 1, 1,
     "profiles split timed all events", "",
     "Decode raw bytes from standard input. Prints one observation a line as JSON; the end of "
     "the input is the end of the line. PROFILE is a name from the list or a file. With --all "
     "every frame of a scale, motion too. With --timed the input is lines of milliseconds and "
     "bytes in hexadecimal; else no time passes. With --events what would be stored: type, "
     "subject and data. Bytes that are no text are written \\xHH, "
     "a backslash then \\\\, and an encoding member says so."},
    {"modbus", "list", gw_gwctl_modbus_list, "", 0, 0, "", "",
     "List the buses and what commands may write on them."},
    {"modbus", "scan", gw_gwctl_modbus_scan, "BUS [AREA ADDRESS]", 1, 3, "from to", "",
     "Ask which units of a bus answer. Reads one register of each unit id (holding register 0 "
     "unless another place is given) between two polls, one after the other, with pauses. "
     "--from and --to are unit ids, 1 to 247."},
    {"modbus", "read", gw_gwctl_modbus_read, "BUS UNIT AREA ADDRESS [COUNT]", 4, 5, "", "",
     "Read registers or bits of a unit now. AREA: coil, discrete, input or holding. ADDRESS: "
     "as on the wire from 0, or the number in the manual such as 40001; a wire address that "
     "looks like one is written in hexadecimal."},
    {"modbus", "decode", gw_gwctl_modbus_decode, "REGISTER... | BUS UNIT AREA ADDRESS [COUNT]",
     1, GW_GWCTL_POSITIONS_MAX, "", "",
     "Show registers in every type and order, side by side. REGISTER: such as 0x4048 0xf5c3; "
     "else they are read now, as by gwctl modbus read."},
    {"modbus", "write", gw_gwctl_modbus_write, "BUS NAME VALUE | BUS UNIT AREA ADDRESS VALUE",
     3, 5, "id expires", "",
     "Write one value that the configuration allows (see gwctl modbus list). Written at most "
     "once, read back, recorded; the same --id again tells what became of it. Exit status 0 "
     "only when it is done."},
    {"modbus", "maps", gw_gwctl_modbus_maps, "", 0, 0, "maps", "", "List the device maps."},
    {"modbus map", "show", gw_gwctl_modbus_map_show, "MAP", 1, 1, "maps", "",
     "Show a device map: its points, what their bits mean, and where it is from. MAP is a name "
     "from the list or a file."},
    {"modbus map", "expand", gw_gwctl_modbus_map_expand, "MAP", 1, 1, "maps unit prefix points",
     "unit",
     "Print the points of a device map for the configuration. They go into the points of a "
     "bus."},
    {"modbus map", "check", gw_gwctl_modbus_map_check, "FILE", 1, 1, "maps", "",
     "Check a device map. Its points, and that its examples decode to their values."},
    {"config", "check", gw_gwctl_config_check, "[FILE]", 0, 1, "all", "",
     "Check a configuration. Names everything that is wrong, not only the first; --all lists "
     "the Modbus places too, as the manual numbers them and as they go over the wire."},
    {"config", "explain", gw_gwctl_config_explain, "[KEY]", 0, 1, "", "",
     "Explain a key such as brokers.port, or all."},
    {"config", "schema", gw_gwctl_config_schema, "", 0, 0, "", "",
     "Print the JSON Schema of the configuration."},
    {"config", "defaults", gw_gwctl_config_defaults, "", 0, 0, "", "",
     "Print a configuration with every default."},
    {"config", "diff", gw_gwctl_config_diff, "FILE FILE", 2, 2, "", "",
     "Name the parts in which two configurations differ."},
    {"config", "reload", gw_gwctl_config_reload, "", 0, 0, "", "",
     "Let the daemons load the configuration. On an error the old one runs on."},
    {"gs1", "ai", gw_gwctl_gs1_ai, "", 0, 0, "", "",
     "List every GS1 application identifier. With its title, format, whether a separator must "
     "follow, what it is in a Digital Link and which others it requires or excludes; with "
     "--json one object a line: ai, title, format, min, max, separator, key, qualifier, "
     "attribute, qualifiers, requires, excludes."},
    {"gs1", "parse", gw_gwctl_gs1_parse, "", 0, 0, "aim across", "",
     "Say what scans mean. Reads one scan a line from standard input, as a JSON string so that "
     "the group separator can be written (\"]C10109521234543213\\u001d10A\"), and prints one "
     "JSON object for each line, whatever it holds: ok; why, why_text, why_ai and why_at "
     "(code, sentence, application "
     "identifier and byte of the first fault, null if ok); kind (element_string, gtin, "
     "digital_link, other); carrier; aim; elements (\"(01)...(10)...\"); digital_link "
     "(canonical, or null); identity (the same without attributes); urn (where there is no "
     "digital_link); notes. A line that is no JSON string (why: not_json) or longer than "
     "65,536 "
     "bytes (why: too_long) has ok, why and why_text alone, and the status is 1 at the end."},
};

const struct gw_gwctl_command *gw_gwctl_command_at(size_t index) {
    return index < GW_ARRAY_LEN(commands) ? &commands[index] : NULL;
}

int gw_gwctl_fail(struct gw_gwctl *ctl, const char *format, ...) {
    char text[REASON_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void) fputs("gwctl: ", ctl->err);
    gw_gwctl_show_text(ctl->err, len < 0 ? GW_STR("failed") : gw_str_from_cstr(text));
    (void) fputc('\n', ctl->err);
    return GW_EXIT_FAILED;
}

const struct gw_config *gw_gwctl_config(struct gw_gwctl *ctl) {
    if (ctl->config) {
        return ctl->config;
    }
    char storage[REASON_BYTES];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    bool fell_back = false;
    if (gw_config_load_generation(ctl->arguments.config_path, &errors, &ctl->config,
                                  &fell_back)) {
        (void) gw_gwctl_fail(ctl, "the configuration cannot be used");
        gw_gwctl_show_lines(ctl->err, gw_buf_str(&errors));
        return NULL;
    }
    if (fell_back) {
        (void) gw_gwctl_fail(ctl, "%s has faults, the last good one is used",
                             ctl->arguments.config_path);
    }
    return ctl->config;
}

static void put_help(struct gw_gwctl *ctl, const struct gw_gwctl_command *command) {
    char storage[HELP_BYTES];
    struct gw_buf help;
    gw_buf_init(&help, storage, sizeof storage);
    gw_gwctl_put_help(command, &help);
    (void) fwrite(help.data, 1, help.len, ctl->out);
}

int gw_gwctl_run(int argc, char **argv, FILE *out, FILE *err) {
    struct gw_gwctl ctl = {.out = out, .err = err};
    const struct gw_gwctl_command *command = NULL;
    char storage[REASON_BYTES];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    if (gw_gwctl_parse_arguments(argc, argv, &reason, &command, &ctl.arguments)) {
        (void) gw_gwctl_fail(&ctl, "%.*s", GW_STR_ARG(gw_buf_str(&reason)));
        return GW_EXIT_USAGE;
    }
    if (ctl.arguments.version) {
        (void) fputs("gwctl " GW_VERSION "\n", ctl.out);
        return GW_EXIT_DONE;
    }
    if (ctl.arguments.help) {
        put_help(&ctl, command);
        return GW_EXIT_DONE;
    }
    int status = command->run(&ctl);
    gw_config_close(ctl.config);
    gw_buf_close(&ctl.reply);
    /* A full disk must not look like success. */
    if (fflush(out) != 0 || ferror(out)) {
        return gw_gwctl_fail(&ctl, "the output could not be written");
    }
    return status;
}
