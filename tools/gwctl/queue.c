/* SPDX-License-Identifier: Apache-2.0 */
/* `gwctl queue ...`: listing and showing with a reader of its own, so that they
 * work while a daemon hangs; replay and salvage by asking. */
#include "firmware/queue/queue.h"

#include <limits.h>
#include <stdlib.h>

#include "firmware/base/cleanup.h"
#include "firmware/event/render.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"
#include "tools/gwctl/store_reader.h"

#define DEFAULT_MAX 50
#define READ_EVENTS 64
#define SHOWN_DATA_BYTES 60
#define SALVAGE_TIMEOUT_MS 600000

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* Storage of one read, and of one rendered event. */
struct reading {
    struct gw_queue_reader *reader;
    struct gw_buf records;
    struct gw_buf rendered;
    struct gw_queue_entry entries[READ_EVENTS];
};

static void close_reading(struct reading *reading) {
    gw_queue_reader_close(reading->reader);
    gw_buf_close(&reading->records);
    gw_buf_close(&reading->rendered);
}

static bool open_reading(struct gw_gwctl *ctl, struct reading *reading) {
    reading->reader = gw_gwctl_open_reader(ctl);
    if (!reading->reader) {
        return false;
    }
    if (gw_buf_open(&reading->records, (size_t) READ_EVENTS * GW_RECORD_MAX_BYTES)
        || gw_buf_open(&reading->rendered, GW_EVENT_MAX_BYTES)) {
        (void) gw_gwctl_fail(ctl, "out of memory");
        return false;
    }
    return true;
}

static void show_rendered(struct gw_gwctl *ctl, struct reading *reading,
                          const struct gw_queue_entry *entry) {
    gw_buf_clear(&reading->rendered);
    enum gw_err err = gw_event_render(&entry->record, &entry->context, &reading->rendered);
    if (err) {
        (void) gw_gwctl_fail(ctl, "event %s %llu cannot be rendered: %s",
                             gw_flow_class_name(entry->record.class),
                             (unsigned long long) entry->record.sequence, gw_err_name(err));
        return;
    }
    (void) fwrite(reading->rendered.data, 1, reading->rendered.len, ctl->out);
    (void) fputc('\n', ctl->out);
}

/* "io.gangway.scan.observed.v1" -> "scan.observed". */
static struct gw_str short_type(enum gw_event_type type) {
    const struct gw_event_type_info *info = gw_event_type_find(type);
    struct gw_str name = gw_str_from_cstr(info ? info->name : "unknown");
    struct gw_str prefix = GW_STR("io.gangway.");
    if (gw_str_starts_with(name, prefix) && name.len > prefix.len + 3) {
        name = gw_str_sub(name, prefix.len, name.len - prefix.len - 3);
    }
    return name;
}

static const char *what_is_wrong(const struct gw_queue_entry *entry) {
    return entry->err == GW_ERR_SCHEMA ? "was written by a newer release"
                                       : "does not fit its checksum";
}

static void show_line(struct gw_gwctl *ctl, const struct gw_queue_entry *entry) {
    const struct gw_record *record = &entry->record;
    char storage[64];
    struct gw_buf time;
    gw_buf_init(&time, storage, sizeof storage);
    (void) fprintf(ctl->out, "%-9s %16llu  ", gw_flow_class_name(record->class),
                   (unsigned long long) record->sequence);
    if (entry->err) {
        (void) fprintf(ctl->out, "%s\n", what_is_wrong(entry));
        return;
    }
    (void) gw_time_put(&time, record->time_wall_ms);
    struct gw_str type = short_type(record->type);
    (void) fprintf(ctl->out, "%.*s  %-20.*s ", GW_STR_ARG(gw_buf_str(&time)), GW_STR_ARG(type));
    gw_gwctl_show_text(ctl->out, record->device);
    (void) fputs("  ", ctl->out);
    struct gw_str data = gw_str_sub(record->data, 0, SHOWN_DATA_BYTES);
    while (data.len > 0 && !gw_str_is_utf8(data)) {
        data.len--;
    }
    gw_gwctl_show_text(ctl->out, data);
    (void) fputs(data.len < record->data.len ? "...\n" : "\n", ctl->out);
}

/* Up to *left events of one class from `from` on. */
static enum gw_err list_class(struct gw_gwctl *ctl, struct reading *reading,
                              struct gw_queue_read_request *request, uint64_t *left) {
    while (*left > 0) {
        size_t count = 0;
        gw_buf_clear(&reading->records);
        request->max_events = *left < READ_EVENTS ? (size_t) *left : READ_EVENTS;
        enum gw_err err = gw_queue_read(reading->reader, request, &reading->records,
                                        reading->entries, READ_EVENTS, &count);
        if (err || count == 0) {
            return err;
        }
        for (size_t i = 0; i < count; i++) {
            const struct gw_queue_entry *entry = &reading->entries[i];
            if (ctl->arguments.json && !entry->err) {
                show_rendered(ctl, reading, entry);
            } else if (!ctl->arguments.json) {
                show_line(ctl, entry);
            }
            uint64_t last = entry->record.last_sequence;
            request->from = (last > entry->record.sequence ? last : entry->record.sequence) + 1;
        }
        *left -= count;
    }
    return GW_OK;
}

static enum gw_err list_epoch(struct gw_gwctl *ctl, struct reading *reading,
                              const struct gw_queue_epoch_view *view) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(view->epoch, epoch);
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        const struct gw_queue_range *range = &view->ranges[i];
        if ((arguments->has_class && arguments->class != (enum gw_flow_class) i)
            || range->last < range->first) {
            continue;
        }
        if (!arguments->json) {
            (void) fprintf(ctl->out, "epoch %s, %s: %llu to %llu\n", epoch,
                           gw_flow_class_name((enum gw_flow_class) i),
                           (unsigned long long) range->first, (unsigned long long) range->last);
        }
        uint64_t left = arguments->has_max ? arguments->max : DEFAULT_MAX;
        struct gw_queue_read_request request = {
            .epoch_index = view->index,
            .class = (enum gw_flow_class) i,
            .from = arguments->has_from ? arguments->from : range->first,
            .max_bytes = reading->records.cap,
        };
        enum gw_err err = list_class(ctl, reading, &request, &left);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

/* Whether --epoch wants this one; without it a listing wants all. */
static bool is_wanted(const struct gw_gwctl *ctl, const struct gw_queue_epoch_view *view) {
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(view->epoch, epoch);
    return !ctl->arguments.epoch
           || gw_str_eq(gw_str_from_cstr(epoch), gw_str_from_cstr(ctl->arguments.epoch));
}

int gw_gwctl_queue_list(struct gw_gwctl *ctl) {
    GW_CLEANUP(close_reading) struct reading reading = {0};
    if (!open_reading(ctl, &reading)) {
        return GW_EXIT_FAILED;
    }
    struct gw_queue_epoch_view views[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    enum gw_err err = gw_queue_reader_epochs(reading.reader, views, &count);
    for (size_t i = 0; i < count && !err; i++) {
        if (is_wanted(ctl, &views[i])) {
            err = list_epoch(ctl, &reading, &views[i]);
        }
    }
    return err ? gw_gwctl_fail(ctl, "the store cannot be read: %s", gw_err_name(err))
               : GW_EXIT_DONE;
}

/* The epoch --epoch names, the store's own without it; NULL if there is none. */
static const struct gw_queue_epoch_view *
find_epoch(struct gw_gwctl *ctl, const struct gw_queue_epoch_view *views, size_t count) {
    for (size_t i = count; i > 0; i--) {
        bool is_own = views[i - 1].index == GW_EPOCH_INDEX_OWN;
        if (ctl->arguments.epoch ? is_wanted(ctl, &views[i - 1]) : is_own) {
            return &views[i - 1];
        }
    }
    return NULL;
}

static int show_event(struct gw_gwctl *ctl, struct reading *reading,
                      const struct gw_queue_read_request *request) {
    size_t count = 0;
    enum gw_err err = gw_queue_read(reading->reader, request, &reading->records,
                                    reading->entries, READ_EVENTS, &count);
    if (err) {
        return gw_gwctl_fail(ctl, "the store cannot be read: %s", gw_err_name(err));
    }
    const struct gw_queue_entry *entry = &reading->entries[0];
    if (count == 0 || entry->record.sequence > request->from) {
        return gw_gwctl_fail(ctl, "%s %llu is not stored here",
                             gw_flow_class_name(request->class),
                             (unsigned long long) request->from);
    }
    if (entry->err) {
        return gw_gwctl_fail(ctl, "%s %llu %s", gw_flow_class_name(request->class),
                             (unsigned long long) request->from, what_is_wrong(entry));
    }
    show_rendered(ctl, reading, entry);
    return GW_EXIT_DONE;
}

int gw_gwctl_queue_show(struct gw_gwctl *ctl) {
    struct gw_queue_read_request request = {.max_events = 1};
    const char *const *positions = ctl->arguments.positions;
    if (gw_flow_class_parse(gw_str_from_cstr(positions[0]), &request.class)) {
        (void) gw_gwctl_fail(ctl,
                             "found class \"%s\", allowed: business, state, telemetry, audit",
                             positions[0]);
        return GW_EXIT_USAGE;
    }
    if (gw_str_to_u64(gw_str_from_cstr(positions[1]), GW_SEQUENCE_MAX, &request.from)
        || request.from == 0) {
        (void) gw_gwctl_fail(ctl, "found sequence \"%s\", allowed: a whole number from 1",
                             positions[1]);
        return GW_EXIT_USAGE;
    }
    GW_CLEANUP(close_reading) struct reading reading = {0};
    if (!open_reading(ctl, &reading)) {
        return GW_EXIT_FAILED;
    }
    struct gw_queue_epoch_view views[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    enum gw_err err = gw_queue_reader_epochs(reading.reader, views, &count);
    if (err) {
        return gw_gwctl_fail(ctl, "the store cannot be read: %s", gw_err_name(err));
    }
    const struct gw_queue_epoch_view *view = find_epoch(ctl, views, count);
    if (!view) {
        return gw_gwctl_fail(ctl, "epoch %s is not stored here",
                             ctl->arguments.epoch ? ctl->arguments.epoch : "(own)");
    }
    request.epoch_index = view->index;
    request.max_bytes = reading.records.cap;
    return show_event(ctl, &reading, &request);
}

int gw_gwctl_queue_replay(struct gw_gwctl *ctl) {
    const struct gw_gwctl_arguments *arguments = &ctl->arguments;
    if (arguments->from > arguments->to) {
        (void) gw_gwctl_fail(ctl, "--from is greater than --to");
        return GW_EXIT_USAGE;
    }
    char storage[1024];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_text_member(&body, "class", gw_flow_class_name(arguments->class));
    gw_gwctl_put_number_member(&body, "from", arguments->from);
    gw_gwctl_put_number_member(&body, "to", arguments->to);
    if (arguments->sink) {
        gw_gwctl_put_text_member(&body, "sink", arguments->sink);
    }
    gw_gwctl_put_actor(&body);
    const struct gw_gwctl_question question = {GW_DAEMON_LINKD, GW_IPC_REPLAY,
                                               gw_gwctl_end_body(&body), 0};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return GW_EXIT_FAILED;
    }
    const struct gw_json *root = gw_json_root(doc);
    if (!gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "%llu events, %llu to %llu, will be sent again to ",
                       (unsigned long long) gw_gwctl_number_of(root, "events"),
                       (unsigned long long) gw_gwctl_number_of(root, "from"),
                       (unsigned long long) gw_gwctl_number_of(root, "to"));
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(root, "sink"));
        (void) fputc('\n', ctl->out);
    }
    return GW_EXIT_DONE;
}

int gw_gwctl_queue_salvage(struct gw_gwctl *ctl) {
    char path[PATH_MAX];
    if (!realpath(ctl->arguments.positions[0], path)) {
        return gw_gwctl_fail(ctl, "%s: no such folder", ctl->arguments.positions[0]);
    }
    char storage[2 * PATH_MAX];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_text_member(&body, "path", path);
    gw_gwctl_put_actor(&body);
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_QUEUE_SALVAGE,
                                               gw_gwctl_end_body(&body), SALVAGE_TIMEOUT_MS};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return GW_EXIT_FAILED;
    }
    const struct gw_json *root = gw_json_root(doc);
    if (gw_gwctl_show_json(ctl)) {
        return GW_EXIT_DONE;
    }
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        const char *name = gw_flow_class_name((enum gw_flow_class) i);
        (void) fprintf(
            ctl->out, "%-9s %llu recovered, %llu lost\n", name,
            (unsigned long long) gw_gwctl_number_of(gw_json_member(root, "recovered"), name),
            (unsigned long long) gw_gwctl_number_of(gw_json_member(root, "lost"), name));
    }
    (void) fprintf(ctl->out, "%llu had been acknowledged by the centre already\n",
                   (unsigned long long) gw_gwctl_number_of(root, "already_acked"));
    const struct gw_json *quarantine = gw_json_member(root, "quarantine");
    (void) fprintf(ctl->out,
                   "quarantine: %llu recovered, %llu left for want of room, %llu damaged\n",
                   (unsigned long long) gw_gwctl_number_of(quarantine, "recovered"),
                   (unsigned long long) gw_gwctl_number_of(quarantine, "left"),
                   (unsigned long long) gw_gwctl_number_of(quarantine, "damaged"));
    (void) fprintf(ctl->out,
                   "%llu entries of the sources' state (sessions, submitted ids, audit chain) "
                   "stay there\n",
                   (unsigned long long) gw_gwctl_number_of(root, "state_left"));
    return GW_EXIT_DONE;
}
