/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter is named EPOCH/CLASS/SEQUENCE, as the list prints it. */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/output.h"
#include "tools/gwctl/show.h"

#define DEFAULT_MAX 50
#define PAGE_MAX 50
/* A retry of all collects the names first, since a retried letter leaves the
 * list; more than this are left for another run. */
#define ALL_MAX 10000
#define NAME_BYTES 64
#define CURSOR_BYTES 256

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* ---- names ---- */

struct letter {
    char epoch[18];
    char class[16];
    uint64_t sequence;
};

static bool parse_name(struct gw_str name, struct letter *ret_letter) {
    struct gw_str part;
    enum gw_flow_class class = GW_CLASS_BUSINESS;
    return gw_str_split(&name, '/', &part) && part.len == sizeof ret_letter->epoch - 1
           && !gw_str_copy(part, ret_letter->epoch, sizeof ret_letter->epoch)
           && gw_str_split(&name, '/', &part) && !gw_flow_class_parse(part, &class)
           && !gw_str_copy(part, ret_letter->class, sizeof ret_letter->class)
           && gw_str_split(&name, '/', &part)
           && !gw_str_to_u64(part, UINT64_C(9007199254740991), &ret_letter->sequence)
           && !gw_str_split(&name, '/', &part);
}

static struct letter letter_of(const struct gw_json *entry) {
    struct letter letter = {.sequence = gw_gwctl_number_of(entry, "sequence")};
    if (gw_str_copy(gw_gwctl_text_of(entry, "epoch"), letter.epoch, sizeof letter.epoch)
        || gw_str_copy(gw_gwctl_text_of(entry, "class"), letter.class, sizeof letter.class)) {
        letter.sequence = 0;
    }
    return letter;
}

/* ---- asking ---- */

static enum gw_err ask_letter(struct gw_gwctl *ctl, enum gw_ipc_verb verb,
                              const struct letter *letter, struct gw_json_doc **ret_doc) {
    char storage[1024];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    if (ctl->arguments.sink) {
        gw_gwctl_put_text_member(&body, "sink", ctl->arguments.sink);
    }
    gw_gwctl_put_text_member(&body, "epoch", letter->epoch);
    gw_gwctl_put_text_member(&body, "class", letter->class);
    gw_gwctl_put_number_member(&body, "sequence", letter->sequence);
    if (verb != GW_IPC_DEAD_LETTER_SHOW) {
        gw_gwctl_put_actor(&body);
    }
    const struct gw_gwctl_question question = {GW_DAEMON_LINKD, verb, gw_gwctl_end_body(&body),
                                               0};
    return gw_gwctl_ask(ctl, &question, ret_doc);
}

static int ask_position(struct gw_gwctl *ctl, enum gw_ipc_verb verb,
                        struct gw_json_doc **ret_doc) {
    struct letter letter;
    if (!parse_name(gw_str_from_cstr(ctl->arguments.positions[0]), &letter)) {
        (void) gw_gwctl_fail(ctl, "found \"%s\", allowed: EPOCH/CLASS/SEQUENCE as in the list",
                             ctl->arguments.positions[0]);
        return GW_EXIT_USAGE;
    }
    return ask_letter(ctl, verb, &letter, ret_doc) ? GW_EXIT_FAILED : GW_EXIT_DONE;
}

/* ---- walking the list ---- */

/* Called per entry; false stops. */
typedef bool letter_each(struct gw_gwctl *ctl, const struct gw_json *entry, void *context);

static enum gw_err walk_page(struct gw_gwctl *ctl, char cursor[static CURSOR_BYTES],
                             letter_each *each, void *context) {
    char storage[4096];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    if (ctl->arguments.sink) {
        gw_gwctl_put_text_member(&body, "sink", ctl->arguments.sink);
    }
    if (cursor[0] != '\0') {
        gw_gwctl_put_text_member(&body, "from", cursor);
    }
    gw_gwctl_put_number_member(&body, "max", PAGE_MAX);
    const struct gw_gwctl_question question = {GW_DAEMON_LINKD, GW_IPC_DEAD_LETTER_LIST,
                                               gw_gwctl_end_body(&body), 0};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    enum gw_err err = gw_gwctl_ask(ctl, &question, &doc);
    if (err) {
        return err;
    }
    const struct gw_json *root = gw_json_root(doc);
    struct gw_str next = gw_gwctl_text_of(root, "next");
    if (gw_str_eq(next, gw_str_from_cstr(cursor)) || gw_str_copy(next, cursor, CURSOR_BYTES)) {
        cursor[0] = '\0';
    }
    const struct gw_json *entry = gw_json_first(gw_json_member(root, "entries"));
    for (; entry; entry = gw_json_next(entry)) {
        if (!each(ctl, entry, context)) {
            cursor[0] = '\0';
            break;
        }
    }
    return GW_OK;
}

static enum gw_err walk(struct gw_gwctl *ctl, letter_each *each, void *context) {
    char cursor[CURSOR_BYTES] = "";
    do {
        enum gw_err err = walk_page(ctl, cursor, each, context);
        if (err) {
            return err;
        }
    } while (cursor[0] != '\0');
    return GW_OK;
}

/* ---- list ---- */

static void show_letter_line(struct gw_gwctl *ctl, const struct gw_json *entry) {
    char storage[NAME_BYTES];
    struct gw_buf name;
    struct letter letter = letter_of(entry);
    gw_buf_init(&name, storage, sizeof storage);
    (void) gw_buf_printf(&name, "%s/%s/%llu", letter.epoch, letter.class,
                         (unsigned long long) letter.sequence);
    gw_gwctl_show_text(ctl->out, gw_buf_str(&name));
    static const char *const members[] = {"sink", "time", "type", "code", "detail"};
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        (void) fputs("  ", ctl->out);
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(entry, members[i]));
    }
    (void) fputc('\n', ctl->out);
}

static bool list_entry(struct gw_gwctl *ctl, const struct gw_json *entry, void *context) {
    uint64_t *left = context;
    if (*left == 0) {
        return false;
    }
    show_letter_line(ctl, entry);
    *left -= 1;
    return true;
}

/* Canonical JSON of one entry a line. */
static bool list_entry_json(struct gw_gwctl *ctl, const struct gw_json *entry, void *context) {
    uint64_t *left = context;
    char storage[4096];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    if (*left == 0) {
        return false;
    }
    if (!gw_json_put_canonical(entry, &line)) {
        (void) fprintf(ctl->out, "%.*s\n", GW_STR_ARG(gw_buf_str(&line)));
    }
    *left -= 1;
    return true;
}

int gw_gwctl_dead_letter_list(struct gw_gwctl *ctl) {
    uint64_t wanted = ctl->arguments.has_max ? ctl->arguments.max : DEFAULT_MAX;
    uint64_t left = wanted;
    letter_each *each = ctl->arguments.json ? list_entry_json : list_entry;
    if (walk(ctl, each, &left)) {
        return GW_EXIT_FAILED;
    }
    if (left == wanted && !ctl->arguments.json) {
        (void) fputs("no dead letters\n", ctl->out);
    }
    return GW_EXIT_DONE;
}

/* ---- one letter ---- */

/* The whole answer stands in ctl->answer, which is one line already. */
static void write_answer(const struct gw_gwctl *ctl, FILE *stream) {
    (void) fwrite(ctl->answer.ptr, 1, ctl->answer.len, stream);
    (void) fputc('\n', stream);
}

static void show_letter(struct gw_gwctl *ctl, const struct gw_json *root) {
    show_letter_line(ctl, root);
    const struct gw_json *event = gw_json_member(root, "event");
    if (!event || gw_json_kind(event) != GW_JSON_OBJECT_KIND) {
        (void) fputs("its event is not stored any more\n", ctl->out);
        return;
    }
    struct gw_str raw;
    if (!gw_json_find_raw(ctl->answer, GW_STR("/event"), &raw)) {
        (void) fwrite(raw.ptr, 1, raw.len, ctl->out);
        (void) fputc('\n', ctl->out);
    }
}

int gw_gwctl_dead_letter_show(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_position(ctl, GW_IPC_DEAD_LETTER_SHOW, &doc);
    if (status == GW_EXIT_DONE && !gw_gwctl_show_json(ctl)) {
        show_letter(ctl, gw_json_root(doc));
    }
    return status;
}

int gw_gwctl_dead_letter_drop(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_position(ctl, GW_IPC_DEAD_LETTER_DROP, &doc);
    if (status == GW_EXIT_DONE && !gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "%s is dropped\n", ctl->arguments.positions[0]);
    }
    return status;
}

/* ---- several letters ---- */

struct collection {
    struct letter *letters;
    size_t count;
};

static bool collect_entry(struct gw_gwctl *ctl, const struct gw_json *entry, void *context) {
    (void) ctl;
    struct collection *collection = context;
    if (collection->count == ALL_MAX) {
        return false;
    }
    struct letter letter = letter_of(entry);
    if (letter.sequence > 0) {
        collection->letters[collection->count++] = letter;
    }
    return true;
}

static enum gw_err collect(struct gw_gwctl *ctl, struct collection *collection) {
    collection->letters = calloc(ALL_MAX, sizeof *collection->letters);
    if (!collection->letters) {
        (void) gw_gwctl_fail(ctl, "out of memory");
        return GW_ERR_NOMEM;
    }
    return walk(ctl, collect_entry, collection);
}

static int retry_all(struct gw_gwctl *ctl) {
    GW_CLEANUP(gw_freep) struct letter *letters = NULL;
    struct collection collection = {0};
    enum gw_err err = collect(ctl, &collection);
    letters = collection.letters;
    if (err) {
        return GW_EXIT_FAILED;
    }
    size_t done = 0;
    for (; done < collection.count; done++) {
        GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
        if (ask_letter(ctl, GW_IPC_DEAD_LETTER_RETRY, &letters[done], &doc)) {
            break;
        }
    }
    (void) fprintf(ctl->out, "%zu of %zu dead letters will be sent again\n", done,
                   collection.count);
    return done == collection.count ? GW_EXIT_DONE : GW_EXIT_FAILED;
}

int gw_gwctl_dead_letter_retry(struct gw_gwctl *ctl) {
    if (ctl->arguments.all == (ctl->arguments.position_count > 0)) {
        (void) gw_gwctl_fail(ctl, "give a LETTER or --all");
        return GW_EXIT_USAGE;
    }
    if (ctl->arguments.all) {
        return retry_all(ctl);
    }
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_position(ctl, GW_IPC_DEAD_LETTER_RETRY, &doc);
    if (status == GW_EXIT_DONE && !gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "%s will be sent again\n", ctl->arguments.positions[0]);
    }
    return status;
}

static int export_all(struct gw_gwctl *ctl, FILE *stream) {
    GW_CLEANUP(gw_freep) struct letter *letters = NULL;
    struct collection collection = {0};
    enum gw_err err = collect(ctl, &collection);
    letters = collection.letters;
    for (size_t i = 0; i < collection.count && !err; i++) {
        GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
        err = ask_letter(ctl, GW_IPC_DEAD_LETTER_SHOW, &letters[i], &doc);
        if (!err) {
            write_answer(ctl, stream);
        }
    }
    return err ? GW_EXIT_FAILED : GW_EXIT_DONE;
}

int gw_gwctl_dead_letter_export(struct gw_gwctl *ctl) {
    FILE *stream = gw_gwctl_open_output(ctl);
    if (!stream) {
        return GW_EXIT_FAILED;
    }
    int status;
    if (ctl->arguments.position_count == 0) {
        status = export_all(ctl, stream);
    } else {
        GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
        status = ask_position(ctl, GW_IPC_DEAD_LETTER_SHOW, &doc);
        if (status == GW_EXIT_DONE) {
            write_answer(ctl, stream);
        }
    }
    return gw_gwctl_close_output(ctl, stream) ? status : GW_EXIT_FAILED;
}
