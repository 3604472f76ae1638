/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gwctl status`: the snapshot of each daemon, for people or as JSON. A daemon
 * that does not answer is shown by the last snapshot file it wrote, with the
 * time it wrote it: it writes one whenever something changes, so that is about
 * since when it is silent.
 */
#include <sys/stat.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/clock.h"
#include "firmware/base/file.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define STATUS_TIMEOUT_MS 3000
#define LINE_BYTES 512

/* What is known of one daemon. */
struct daemon_state {
    enum gw_gwctl_daemon daemon;
    bool answers;
    char reason[LINE_BYTES];          /* why it does not */
    char since[GW_TIME_TEXT_LEN + 1]; /* "" = there is no snapshot either */
    struct gw_buf snapshot;
    struct gw_json_doc *doc; /* NULL = nothing is known */
};

static void close_state(struct daemon_state *state) {
    gw_json_close(state->doc);
    gw_buf_close(&state->snapshot);
}

static void read_snapshot_file(const struct gw_config *config, struct daemon_state *state) {
    char path[256];
    (void) snprintf(path, sizeof path, "%s/%s/status.json", config->paths.run,
                    state->daemon == GW_DAEMON_COLLECTD ? "collectd" : "linkd");
    struct stat found;
    if (stat(path, &found) != 0 || gw_file_read(path, &state->snapshot)) {
        return;
    }
    const struct gw_json_limits limits = {GW_IPC_BODY_MAX, 32, GW_JSON_OBJECT};
    if (gw_json_parse(gw_buf_str(&state->snapshot), &limits, NULL, &state->doc)) {
        return;
    }
    struct gw_buf since;
    gw_buf_init(&since, state->since, sizeof state->since - 1);
    (void) gw_time_put(&since,
                       (int64_t) found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000);
    state->since[since.len] = '\0';
}

static enum gw_err read_state(struct gw_gwctl *ctl, const struct gw_config *config,
                              struct daemon_state *state) {
    enum gw_err err = gw_buf_open(&state->snapshot, GW_IPC_BODY_MAX);
    if (err) {
        return err;
    }
    const struct gw_gwctl_question question = {state->daemon, GW_IPC_STATUS, GW_STR("{}"),
                                               STATUS_TIMEOUT_MS};
    struct gw_buf reason;
    gw_buf_init(&reason, state->reason, sizeof state->reason - 1);
    state->answers = !gw_gwctl_ask_quietly(ctl, &question, &reason, &state->doc);
    state->reason[reason.len] = '\0';
    if (state->answers) {
        (void) gw_buf_put_str(&state->snapshot, ctl->answer);
    } else {
        read_snapshot_file(config, state);
    }
    return GW_OK;
}

/* ---- for machines ---- */

static void put_state_json(const struct daemon_state *state, FILE *out) {
    char storage[LINE_BYTES * 6];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    (void) gw_buf_printf(&line, "{\"answers\":%s", state->answers ? "true" : "false");
    if (!state->answers) {
        (void) gw_buf_put_str(&line, GW_STR(",\"error\":"));
        (void) gw_buf_put_json_str(&line, gw_str_from_cstr(state->reason));
    }
    if (state->since[0] != '\0') {
        (void) gw_buf_printf(&line, ",\"since\":\"%s\"", state->since);
    }
    (void) fprintf(out, "%.*s,\"snapshot\":", GW_STR_ARG(gw_buf_str(&line)));
    struct gw_str snapshot = gw_str_trim(gw_buf_str(&state->snapshot));
    if (!state->doc) {
        snapshot = GW_STR("null");
    }
    (void) fwrite(snapshot.ptr, 1, snapshot.len, out);
    (void) fputc('}', out);
}

/* ---- for people ---- */

static void show_member(FILE *out, const char *before, const struct gw_json *object,
                        const char *name, const char *after) {
    (void) fputs(before, out);
    gw_gwctl_show_text(out, gw_gwctl_text_of(object, name));
    (void) fputs(after, out);
}

static const char *duration(struct gw_buf *buf, uint64_t ms) {
    gw_buf_clear(buf);
    (void) gw_gwctl_put_duration(buf, (int64_t) ms);
    (void) gw_buf_put_char(buf, '\0');
    return (const char *) buf->data;
}

static void show_issues(const struct gw_json *snapshot, FILE *out) {
    const struct gw_json *issue = gw_json_first(gw_json_member(snapshot, "issues"));
    for (; issue; issue = gw_json_next(issue)) {
        (void) fprintf(out, "  ! %llu ",
                       (unsigned long long) gw_gwctl_number_of(issue, "code"));
        show_member(out, "", issue, "severity", "");
        if (gw_gwctl_text_of(issue, "subject").len > 0) {
            show_member(out, " (", issue, "subject", ")");
        }
        show_member(out, " since ", issue, "since", "\n");
        show_member(out, "      ", issue, "text", "\n");
        if (gw_gwctl_text_of(issue, "detail").len > 0) {
            show_member(out, "      found: ", issue, "detail", "\n");
        }
        show_member(out, "      next: ", issue, "remedy", "\n");
    }
}

static uint64_t waiting(const struct gw_json *class) {
    uint64_t last = gw_gwctl_number_of(class, "last");
    uint64_t acked = gw_gwctl_number_of(class, "acked");
    return last > acked ? last - acked : 0;
}

static void show_queue(const struct gw_json *queue, FILE *out) {
    char storage[64];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    (void) gw_gwctl_put_bytes(&text, gw_gwctl_number_of(queue, "used_bytes"));
    (void) gw_buf_put_str(&text, GW_STR(" of "));
    (void) gw_gwctl_put_bytes(&text, gw_gwctl_number_of(queue, "map_bytes"));
    (void) fprintf(out, "  store: %.*s used, epoch ", GW_STR_ARG(gw_buf_str(&text)));
    show_member(out, "", queue, "epoch", "\n");
    uint64_t quarantined = gw_gwctl_number_of(gw_json_member(queue, "quarantine"), "count");
    if (quarantined > 0) {
        (void) fprintf(out, "  quarantine: %llu\n", (unsigned long long) quarantined);
    }
    const struct gw_json *class = gw_json_first(gw_json_member(queue, "classes"));
    (void) fprintf(out, "  %-10s %16s %12s %12s\n", "class", "last", "waiting", "oldest");
    for (; class; class = gw_json_next(class)) {
        (void) fprintf(out, "  %-10.*s %16llu %12llu %12s\n",
                       GW_STR_ARG(gw_str_sub(gw_json_name(class), 0, 10)),
                       (unsigned long long) gw_gwctl_number_of(class, "last"),
                       (unsigned long long) waiting(class),
                       duration(&text, gw_gwctl_number_of(class, "oldest_age_ms")));
    }
}

/* Stores that were set aside. */
static void show_asides(const struct gw_json *snapshot, FILE *out) {
    char storage[64];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    const struct gw_json *aside = gw_json_first(gw_json_member(snapshot, "set_aside"));
    for (; aside; aside = gw_json_next(aside)) {
        bool is_salvaged = false;
        (void) !gw_json_get_bool(gw_json_member(aside, "salvaged"), &is_salvaged);
        gw_buf_clear(&text);
        (void) gw_gwctl_put_bytes(&text, gw_gwctl_number_of(aside, "bytes"));
        (void) fprintf(out,
                       "  set aside (%s, %.*s): ", is_salvaged ? "salvaged" : "not salvaged",
                       GW_STR_ARG(gw_buf_str(&text)));
        show_member(out, "", aside, "path", "\n");
    }
}

/* Rows of {"name" or "id", "state", ...}: brokers, buses, devices, sinks. */
static void show_rows(const struct gw_json *snapshot, const char *section, const char *word,
                      FILE *out) {
    const struct gw_json *row = gw_json_first(gw_json_member(snapshot, section));
    for (; row; row = gw_json_next(row)) {
        (void) fprintf(out, "  %s ", word);
        show_member(out, "", row, "name", "");
        show_member(out, "", row, "id", "");
        show_member(out, ": ", row, "state", "");
        if (gw_gwctl_text_of(row, "since").len > 0) {
            show_member(out, " since ", row, "since", "");
        }
        if (gw_gwctl_text_of(row, "last").len > 0) {
            show_member(out, ", last heard ", row, "last", "");
        }
        if (gw_gwctl_text_of(row, "error").len > 0) {
            show_member(out, ", ", row, "error", "");
        }
        if (gw_gwctl_text_of(row, "detail").len > 0) {
            show_member(out, ", ", row, "detail", "");
        }
        (void) fputc('\n', out);
    }
}

/* What a bus's state does not say. */
static void show_bus_figures(const struct gw_json *bus, FILE *out) {
    unsigned long long worst = 0;
    const struct gw_json *unit = gw_json_first(gw_json_member(bus, "unit_states"));
    for (; unit; unit = gw_json_next(unit)) {
        unsigned long long late = (unsigned long long) gw_gwctl_number_of(unit, "late_p99_ms");
        worst = late > worst ? late : worst;
    }
    (void) fprintf(out,
                   "  bus %.*s: %llu of %llu units down, %llu %% of the time in use, reads up "
                   "to %llu ms late (99 %%), %zu holes\n",
                   GW_STR_ARG(gw_gwctl_text_of(bus, "name")),
                   (unsigned long long) gw_gwctl_number_of(bus, "units_down"),
                   (unsigned long long) gw_gwctl_number_of(bus, "units"),
                   (unsigned long long) gw_gwctl_number_of(bus, "load_percent"), worst,
                   gw_json_count(gw_json_member(bus, "holes"))
                       + (size_t) gw_gwctl_number_of(bus, "holes_omitted"));
}

static void show_buses(const struct gw_json *snapshot, FILE *out) {
    show_rows(snapshot, "buses", "bus", out);
    const struct gw_json *bus = gw_json_first(gw_json_member(snapshot, "buses"));
    for (; bus; bus = gw_json_next(bus)) {
        if (!gw_str_eq(gw_gwctl_text_of(bus, "state"), GW_STR("waiting"))) {
            show_bus_figures(bus, out);
        }
    }
}

static void show_front_door(const struct gw_json *snapshot, FILE *out) {
    const struct gw_json *door = gw_json_member(snapshot, "front_door");
    unsigned long long listeners = gw_gwctl_number_of(door, "listeners");
    if (listeners > 0) {
        (void) fprintf(out, "  front door: %llu of %llu listening, %llu connections\n",
                       (unsigned long long) gw_gwctl_number_of(door, "listening"), listeners,
                       (unsigned long long) gw_gwctl_number_of(door, "connections"));
    }
}

static void show_sink_backlog(const struct gw_json *snapshot, FILE *out) {
    char storage[64];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    const struct gw_json *sink = gw_json_first(gw_json_member(snapshot, "sinks"));
    for (; sink; sink = gw_json_next(sink)) {
        show_member(out, "  to ", sink, "name", ":");
        const struct gw_json *class = gw_json_first(gw_json_member(sink, "classes"));
        for (; class; class = gw_json_next(class)) {
            (void) fputc(' ', out);
            gw_gwctl_show_text(out, gw_json_name(class));
            (void) fprintf(out, " %llu waiting (%s),",
                           (unsigned long long) gw_gwctl_number_of(class, "backlog"),
                           duration(&text, gw_gwctl_number_of(class, "oldest_age_ms")));
        }
        (void) fprintf(out, " dead letters %llu\n",
                       (unsigned long long) gw_gwctl_number_of(sink, "dead_letters"));
    }
}

static void show_config(const struct gw_json *snapshot, FILE *out) {
    const struct gw_json *config = gw_json_member(snapshot, "config");
    bool fell_back = false;
    if (!config) {
        return;
    }
    (void) fprintf(out, "  configuration: revision %llu",
                   (unsigned long long) gw_gwctl_number_of(config, "revision"));
    if (!gw_json_get_bool(gw_json_member(config, "fell_back"), &fell_back) && fell_back) {
        (void) fputs(", the last good one: the current one has faults", out);
    }
    (void) fputc('\n', out);
}

static void show_state(const struct daemon_state *state, FILE *out) {
    char storage[64];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    const struct gw_json *snapshot = state->doc ? gw_json_root(state->doc) : NULL;
    (void) fputs(gw_gwctl_daemon_name(state->daemon), out);
    if (!snapshot) {
        (void) fputs(": does not answer and has left no snapshot\n", out);
        return;
    }
    show_member(out, " ", snapshot, "version", "");
    if (state->answers) {
        (void) fprintf(out, ", up %s",
                       duration(&text, gw_gwctl_number_of(snapshot, "uptime_ms")));
        show_member(out, ": ", snapshot, "verdict", "\n");
    } else {
        (void) fprintf(out, ": does not answer; the following is what it said at %s\n",
                       state->since);
    }
    show_issues(snapshot, out);
    show_config(snapshot, out);
    const struct gw_json *queue = gw_json_member(snapshot, "queue");
    if (queue && gw_json_member(queue, "classes")) {
        show_queue(queue, out);
    }
    show_asides(snapshot, out);
    show_front_door(snapshot, out);
    show_rows(snapshot, "brokers", "broker", out);
    show_buses(snapshot, out);
    show_rows(snapshot, "feeds", "feed", out);
    show_rows(snapshot, "devices", "device", out);
    show_rows(snapshot, "sinks", "sink", out);
    show_sink_backlog(snapshot, out);
}

static void show_all(struct gw_gwctl *ctl, const struct gw_config *config,
                     const struct daemon_state *collectd, const struct daemon_state *linkd) {
    if (ctl->arguments.json) {
        (void) fputs("{\"collectd\":", ctl->out);
        put_state_json(collectd, ctl->out);
        (void) fputs(",\"linkd\":", ctl->out);
        put_state_json(linkd, ctl->out);
        (void) fputs("}\n", ctl->out);
        return;
    }
    (void) fprintf(ctl->out, "gateway %s at ", config->gateway.serial);
    gw_gwctl_show_text(ctl->out, gw_str_from_cstr(config->gateway.site));
    (void) fputc('\n', ctl->out);
    show_state(collectd, ctl->out);
    show_state(linkd, ctl->out);
}

int gw_gwctl_status(struct gw_gwctl *ctl) {
    const struct gw_config *config = gw_gwctl_config(ctl);
    if (!config) {
        return GW_EXIT_FAILED;
    }
    GW_CLEANUP(close_state) struct daemon_state collectd = {.daemon = GW_DAEMON_COLLECTD};
    GW_CLEANUP(close_state) struct daemon_state linkd = {.daemon = GW_DAEMON_LINKD};
    if (read_state(ctl, config, &collectd) || read_state(ctl, config, &linkd)) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    show_all(ctl, config, &collectd, &linkd);
    int status = GW_EXIT_DONE;
    const struct daemon_state *const states[] = {&collectd, &linkd};
    for (size_t i = 0; i < GW_ARRAY_LEN(states); i++) {
        if (!states[i]->answers) {
            status = gw_gwctl_fail(ctl, "%s", states[i]->reason);
        }
    }
    return status;
}
