/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: bytes that change a device (tare, zero). One goes out between two polls, never
 * while an answer is awaited, and only after it is on record that it does. What the scale
 * answers comes in like everything it says, is decoded by the profile and an event of its
 * own; where devices of the profile do answer, who asked is told when they have.
 */
#include <string.h>

#include "drivers/serial/source_internal.h"

/* Longer than the answers of scales take; who asked still waits then. */
#define COMMAND_WAIT_MS 5000

enum gw_err source_allow_commands(struct source *source, const struct gw_config_feed *config) {
    for (size_t i = 0; i < config->command_count && i < GW_CONFIG_FEED_COMMANDS_MAX; i++) {
        if (gw_str_copy(gw_str_from_cstr(config->commands[i]), source->allowed[i],
                        sizeof source->allowed[i])) {
            return GW_ERR_INVALID;
        }
        source->allowed_count++;
    }
    return GW_OK;
}

/* ---- may it be sent? ---- */

static bool is_allowed(const struct source *source, struct gw_str name) {
    for (size_t i = 0; i < source->allowed_count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(source->allowed[i]))) {
            return true;
        }
    }
    return false;
}

static enum gw_err refuse_forbidden(const struct source *source, struct gw_str name,
                                    struct gw_buf *reason) {
    (void) gw_buf_printf(reason, "command: found \"%.*s\", allowed by feeds[].commands: ",
                         GW_STR_ARG(gw_str_sub(name, 0, 64)));
    for (size_t i = 0; i < source->allowed_count; i++) {
        (void) gw_buf_printf(reason, "%s%s", i == 0 ? "" : ", ", source->allowed[i]);
    }
    if (source->allowed_count == 0) {
        (void) gw_buf_put_str(reason, GW_STR("none"));
    }
    return GW_ERR_DENIED;
}

static enum gw_err find_bytes(const struct source *source, struct gw_str name,
                              struct gw_buf *reason, const char **ret_bytes) {
    struct gw_profile_command command;
    for (size_t i = 0; gw_profile_command_at(source->profile, i, &command); i++) {
        if (gw_str_eq(name, gw_str_from_cstr(command.name))) {
            *ret_bytes = command.bytes;
            return GW_OK;
        }
    }
    (void) gw_buf_printf(reason,
                         "command: found \"%.*s\", the profile \"%s\" has: ", GW_STR_ARG(name),
                         source->profile->name);
    for (size_t i = 0; gw_profile_command_at(source->profile, i, &command); i++) {
        (void) gw_buf_printf(reason, "%s%s", i == 0 ? "" : ", ", command.name);
    }
    if (!gw_profile_command_at(source->profile, 0, &command)) {
        (void) gw_buf_put_str(reason, GW_STR("none"));
    }
    return GW_ERR_NOENT;
}

static bool is_waiting(const struct source *source) {
    return source->command.asked.done != NULL;
}

enum gw_err source_command(struct source *source, const struct gw_feed_command *command,
                           struct gw_buf *reason) {
    if (strcmp(source->transport_name, "hid") == 0) {
        (void) gw_buf_put_str(reason, GW_STR("transport: found hid, which can be told nothing; "
                                             "allowed: serial, tcp_client, tcp_server"));
        return GW_ERR_INVALID;
    }
    if (!is_allowed(source, command->name)) {
        return refuse_forbidden(source, command->name, reason);
    }
    if (!source->profile || !source->is_open) {
        (void) gw_buf_printf(reason, "the device is not open: %s", source->detail);
        return GW_ERR_NOCONN;
    }
    const char *bytes = NULL;
    enum gw_err err = find_bytes(source, command->name, reason, &bytes);
    if (err) {
        return err;
    }
    if (is_waiting(source)) {
        (void) gw_buf_put_str(reason, GW_STR("another command waits for its turn: ask again"));
        return GW_ERR_BUSY;
    }
    int64_t now_mono_ms = gw_clock_mono_ms(source->feeds->options.clock);
    source->command = (struct source_command){
        .asked = *command, .bytes = bytes, .deadline_mono_ms = now_mono_ms + COMMAND_WAIT_MS};
    return GW_OK;
}

/* ---- its turn ---- */

static void tell(struct source *source, enum gw_feed_outcome outcome, enum gw_err err,
                 struct gw_str reason) {
    struct gw_feed_command asked = source->command.asked;
    source->command = (struct source_command){0};
    asked.done(asked.context, outcome, err, reason);
}

/* Not sent at all; or sent, and nobody says any more what became of it. */
static void give_up(struct source *source, enum gw_err err, const char *reason) {
    if (source->command.is_sent) {
        tell(source, GW_FEED_COMMAND_SENT, GW_OK, (struct gw_str){0});
    } else {
        tell(source, GW_FEED_COMMAND_NOT_SENT, err, gw_str_from_cstr(reason));
    }
}

static void send_command(struct source *source, int64_t now_mono_ms) {
    struct source_command *command = &source->command;
    enum gw_err err = command->asked.record(command->asked.context);
    if (err) {
        give_up(source, err, "it could not be audited");
        return;
    }
    struct gw_bytes bytes = gw_bytes_from_str(gw_str_from_cstr(command->bytes));
    err = source->transport.ops->write(source->transport.self, bytes);
    if (err) {
        tell(source, GW_FEED_COMMAND_FAILED, err, GW_STR("the device did not take it whole"));
        return;
    }
    command->is_sent = true;
    command->deadline_mono_ms = gw_feed_note_command(source->feed, now_mono_ms);
    if (command->deadline_mono_ms <= now_mono_ms) {
        tell(source, GW_FEED_COMMAND_SENT, GW_OK, (struct gw_str){0});
    }
}

void source_note_answer(struct source *source, const struct gw_observed_item *item) {
    if (!source->command.is_sent || item->kind != GW_OBSERVED_CONDITION) {
        return;
    }
    if (gw_str_eq(item->condition, GW_STR("command_done"))) {
        tell(source, GW_FEED_COMMAND_DONE, GW_OK, (struct gw_str){0});
    } else if (gw_str_eq(item->condition, GW_STR("command_refused"))) {
        tell(source, GW_FEED_COMMAND_REFUSED, GW_ERR_DENIED, item->detail);
    }
}

void source_tick_command(struct source *source, int64_t now_mono_ms) {
    const struct source_command *command = &source->command;
    if (!is_waiting(source)) {
        return;
    }
    if (command->is_cut_off || !source->is_open) {
        give_up(source, GW_ERR_NOCONN, "the device was closed before its turn came");
    } else if (!command->is_sent && gw_feed_free_mono_ms(source->feed) <= now_mono_ms) {
        send_command(source, now_mono_ms);
    } else if (now_mono_ms >= command->deadline_mono_ms) {
        give_up(source, GW_ERR_TIMEOUT,
                "the device was in the middle of an answer all the time");
    }
}

int64_t source_command_next_mono_ms(const struct source *source) {
    const struct source_command *command = &source->command;
    if (!is_waiting(source)) {
        return GW_NEVER_MS;
    }
    if (command->is_cut_off || !source->is_open) {
        return 0;
    }
    int64_t free_mono_ms = command->is_sent ? GW_NEVER_MS : gw_feed_free_mono_ms(source->feed);
    return free_mono_ms < command->deadline_mono_ms ? free_mono_ms : command->deadline_mono_ms;
}

void source_drop_command(struct source *source) {
    if (is_waiting(source)) {
        give_up(source, GW_ERR_NOCONN, "the feed was closed before its turn came");
    }
}
