/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/base64.h"
#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/output.h"
#include "tools/gwctl/show.h"

#define DEFAULT_MAX 50
#define PAGE_MAX 50
#define RAW_MAX_BYTES 65536
#define NUMBER_MAX UINT64_C(9007199254740991)

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

/* ---- list ---- */

static void show_entry_line(struct gw_gwctl *ctl, const struct gw_json *entry) {
    (void) fprintf(ctl->out, "%8llu  ",
                   (unsigned long long) gw_gwctl_number_of(entry, "number"));
    static const char *const members[] = {"time", "device", "topic", "reason"};
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        struct gw_str text = gw_gwctl_text_of(entry, members[i]);
        gw_gwctl_show_text(ctl->out, text.len > 0 ? text : GW_STR("-"));
        (void) fputs("  ", ctl->out);
    }
    (void) fprintf(ctl->out, "%llu B\n",
                   (unsigned long long) gw_gwctl_number_of(entry, "bytes"));
}

/* One page; *from becomes the beginning of the next one, 0 at the end. */
static enum gw_err list_page(struct gw_gwctl *ctl, uint64_t *from, uint64_t *left) {
    char storage[128];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_number_member(&body, "from", *from);
    gw_gwctl_put_number_member(&body, "max", *left < PAGE_MAX ? *left : PAGE_MAX);
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, GW_IPC_QUARANTINE_LIST,
                                               gw_gwctl_end_body(&body), 0};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    enum gw_err err = gw_gwctl_ask(ctl, &question, &doc);
    if (err) {
        return err;
    }
    const struct gw_json *root = gw_json_root(doc);
    const struct gw_json *entries = gw_json_member(root, "entries");
    uint64_t count = entries ? gw_json_count(entries) : 0;
    if (!gw_gwctl_show_json(ctl)) {
        const struct gw_json *entry = entries ? gw_json_first(entries) : NULL;
        for (; entry; entry = gw_json_next(entry)) {
            show_entry_line(ctl, entry);
        }
    }
    uint64_t next = gw_gwctl_number_of(root, "next");
    *from = next > *from && count > 0 ? next : 0;
    *left -= count < *left ? count : *left;
    return GW_OK;
}

int gw_gwctl_quarantine_list(struct gw_gwctl *ctl) {
    uint64_t from = ctl->arguments.has_from ? ctl->arguments.from : 1;
    uint64_t wanted = ctl->arguments.has_max ? ctl->arguments.max : DEFAULT_MAX;
    uint64_t left = wanted;
    while (from > 0 && left > 0) {
        if (list_page(ctl, &from, &left)) {
            return GW_EXIT_FAILED;
        }
    }
    if (left == wanted && !ctl->arguments.json) {
        (void) fputs("nothing in quarantine\n", ctl->out);
    }
    return GW_EXIT_DONE;
}

/* ---- one entry ---- */

/* Ask `verb` about the entry of the first argument. */
static int ask_entry(struct gw_gwctl *ctl, enum gw_ipc_verb verb, bool changes,
                     struct gw_json_doc **ret_doc) {
    uint64_t number = 0;
    const char *position = ctl->arguments.positions[0];
    if (gw_str_to_u64(gw_str_from_cstr(position), NUMBER_MAX, &number)) {
        (void) gw_gwctl_fail(ctl, "found number \"%s\", allowed: a whole number", position);
        return GW_EXIT_USAGE;
    }
    char storage[256];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_gwctl_put_number_member(&body, "number", number);
    if (changes) {
        gw_gwctl_put_actor(&body);
    }
    const struct gw_gwctl_question question = {GW_DAEMON_COLLECTD, verb,
                                               gw_gwctl_end_body(&body), 0};
    return gw_gwctl_ask(ctl, &question, ret_doc) ? GW_EXIT_FAILED : GW_EXIT_DONE;
}

/* The kept bytes of an answer to SHOW. */
static enum gw_err decode_raw(const struct gw_json *entry, struct gw_buf *raw) {
    enum gw_err err = gw_buf_open(raw, RAW_MAX_BYTES);
    if (err) {
        return err;
    }
    return gw_base64_parse(gw_gwctl_text_of(entry, "raw"), raw);
}

static void show_entry(struct gw_gwctl *ctl, const struct gw_json *entry, struct gw_str raw) {
    static const char *const members[] = {"time", "device", "topic", "reason"};
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        (void) fprintf(ctl->out, "%-8s ", members[i]);
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(entry, members[i]));
        (void) fputc('\n', ctl->out);
    }
    (void) fprintf(ctl->out, "%-8s %llu, of which %zu were kept\n", "bytes",
                   (unsigned long long) gw_gwctl_number_of(entry, "bytes"), raw.len);
    (void) fprintf(ctl->out, "%-8s ", "raw");
    gw_gwctl_show_text(ctl->out, raw);
    (void) fputc('\n', ctl->out);
}

int gw_gwctl_quarantine_show(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_entry(ctl, GW_IPC_QUARANTINE_SHOW, false, &doc);
    if (status != GW_EXIT_DONE || gw_gwctl_show_json(ctl)) {
        return status;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf raw = {0};
    if (decode_raw(gw_json_root(doc), &raw)) {
        return gw_gwctl_fail(ctl, "gw-collectd answers with bytes that cannot be decoded");
    }
    show_entry(ctl, gw_json_root(doc), gw_buf_str(&raw));
    return GW_EXIT_DONE;
}

int gw_gwctl_quarantine_export(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_entry(ctl, GW_IPC_QUARANTINE_SHOW, false, &doc);
    if (status != GW_EXIT_DONE) {
        return status;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf raw = {0};
    if (decode_raw(gw_json_root(doc), &raw)) {
        return gw_gwctl_fail(ctl, "gw-collectd answers with bytes that cannot be decoded");
    }
    uint64_t bytes = gw_gwctl_number_of(gw_json_root(doc), "bytes");
    if (bytes > raw.len) {
        (void) gw_gwctl_fail(ctl, "only the first %zu of %llu bytes were kept", raw.len,
                             (unsigned long long) bytes);
    }
    return gw_gwctl_write_raw(ctl, gw_buf_bytes(&raw)) ? GW_EXIT_DONE : GW_EXIT_FAILED;
}

int gw_gwctl_quarantine_retry(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_entry(ctl, GW_IPC_QUARANTINE_RETRY, true, &doc);
    if (status == GW_EXIT_DONE && !gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "%s became %llu events\n", ctl->arguments.positions[0],
                       (unsigned long long) gw_gwctl_number_of(gw_json_root(doc), "events"));
    }
    return status;
}

int gw_gwctl_quarantine_drop(struct gw_gwctl *ctl) {
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    int status = ask_entry(ctl, GW_IPC_QUARANTINE_DROP, true, &doc);
    if (status == GW_EXIT_DONE && !gw_gwctl_show_json(ctl)) {
        (void) fprintf(ctl->out, "%s is dropped\n", ctl->arguments.positions[0]);
    }
    return status;
}
