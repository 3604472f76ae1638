/* SPDX-License-Identifier: Apache-2.0 */
/* What the centre says it holds: its word, not ours. */
#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/show.h"

#define TIMEOUT_MS 60000
#define RANGES_SHOWN 20

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, doc_closep)

static void show_ranges(FILE *out, const char *word, const struct gw_json *ranges) {
    const struct gw_json *range = ranges ? gw_json_first(ranges) : NULL;
    size_t shown = 0;
    if (range) {
        (void) fprintf(out, "    %s", word);
    }
    for (; range && shown < RANGES_SHOWN; range = gw_json_next(range)) {
        int64_t first = 0;
        int64_t last = 0;
        const struct gw_json *end = gw_json_first(range);
        if (gw_json_get_i64(end, &first) || gw_json_get_i64(gw_json_next(end), &last)) {
            continue;
        }
        (void) fprintf(out, " %lld..%lld", (long long) first, (long long) last);
        shown++;
    }
    if (shown > 0 || range) {
        (void) fputs(range ? " ...\n" : "\n", out);
    }
}

static void show_class(FILE *out, const struct gw_json *class) {
    (void) fputs("  ", out);
    gw_gwctl_show_text(out, gw_json_name(class));
    (void) fputs(": ", out);
    gw_gwctl_show_text(out, gw_gwctl_text_of(class, "verdict"));
    (void) fprintf(out, ", head %llu", (unsigned long long) gw_gwctl_number_of(class, "head"));
    struct gw_str since = gw_gwctl_text_of(class, "tail_unknown_since");
    if (since.len > 0) {
        (void) fputs(", tail unknown since ", out);
        gw_gwctl_show_text(out, since);
    }
    uint64_t conflicts = gw_gwctl_number_of(class, "conflicts");
    if (conflicts > 0) {
        (void) fprintf(out, ", %llu conflicts", (unsigned long long) conflicts);
    }
    (void) fputc('\n', out);
    show_ranges(out, "missing", gw_json_member(class, "missing"));
    show_ranges(out, "rejected", gw_json_member(class, "rejected"));
}

/* True if the centre can vouch for everything of the epoch. */
static bool show_epoch(struct gw_gwctl *ctl, const struct gw_json *epoch) {
    struct gw_str verdict = gw_gwctl_text_of(epoch, "verdict");
    if (!ctl->arguments.json) {
        (void) fputs("epoch ", ctl->out);
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(epoch, "epoch"));
        (void) fputs(": ", ctl->out);
        gw_gwctl_show_text(ctl->out, verdict);
        (void) fputc('\n', ctl->out);
        const struct gw_json *class = gw_json_first(gw_json_member(epoch, "classes"));
        for (; class; class = gw_json_next(class)) {
            show_class(ctl->out, class);
        }
    }
    return gw_str_eq(verdict, GW_STR("complete"));
}

int gw_gwctl_completeness(struct gw_gwctl *ctl) {
    char storage[1024];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    if (ctl->arguments.sink) {
        gw_gwctl_put_text_member(&body, "sink", ctl->arguments.sink);
    }
    const struct gw_gwctl_question question = {GW_DAEMON_LINKD, GW_IPC_COMPLETENESS,
                                               gw_gwctl_end_body(&body), TIMEOUT_MS};
    GW_CLEANUP(doc_closep) struct gw_json_doc *doc = NULL;
    if (gw_gwctl_ask(ctl, &question, &doc)) {
        return GW_EXIT_FAILED;
    }
    const struct gw_json *root = gw_json_root(doc);
    if (!gw_gwctl_show_json(ctl)) {
        (void) fputs("the centre behind ", ctl->out);
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(root, "sink"));
        (void) fputs(" says at ", ctl->out);
        gw_gwctl_show_text(ctl->out, gw_gwctl_text_of(root, "asked"));
        (void) fputs(":\n", ctl->out);
    }
    const struct gw_json *epochs = gw_json_pointer(root, GW_STR("/answer/epochs"));
    if (!epochs) {
        return gw_gwctl_fail(ctl, "the answer of the centre holds no epochs");
    }
    bool is_good = true;
    const struct gw_json *epoch = gw_json_first(epochs);
    for (; epoch; epoch = gw_json_next(epoch)) {
        is_good &= show_epoch(ctl, epoch);
    }
    return is_good ? GW_EXIT_DONE
                   : gw_gwctl_fail(ctl, "the centre cannot vouch for everything");
}
