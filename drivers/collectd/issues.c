/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/issues.h"

#include "firmware/base/log.h"

#define ROOM "collectd"

static const enum gw_log_level levels[] = {[GW_SEVERITY_NOTICE] = GW_LOG_INFO,
                                           [GW_SEVERITY_WARNING] = GW_LOG_WARNING,
                                           [GW_SEVERITY_CRITICAL] = GW_LOG_ERROR};

static struct gw_logged_issue *find(struct gw_issue_log *log,
                                    const struct gw_issue_view *view) {
    for (size_t i = 0; i < log->count; i++) {
        struct gw_logged_issue *issue = &log->issues[i];
        if (issue->code == view->info->code
            && gw_str_eq(gw_str_from_cstr(issue->subject), view->subject)) {
            return issue;
        }
    }
    return NULL;
}

static void note_open(struct gw_issue_log *log, const struct gw_issue_view *view) {
    struct gw_logged_issue *issue = find(log, view);
    if (issue) {
        issue->is_open = true;
        return;
    }
    if (log->count == GW_ISSUES_LOGGED_MAX) {
        return;
    }
    issue = &log->issues[log->count];
    if (gw_str_copy(view->subject, issue->subject, sizeof issue->subject)) {
        return;
    }
    issue->code = view->info->code;
    issue->is_open = true;
    log->count++;
    gw_log(levels[view->info->severity], ROOM,
           "issue begins: %s code=%d subject=%s detail=\"%.*s\"", view->info->name,
           (int) view->info->code, issue->subject, GW_STR_ARG(view->detail));
}

static void drop_ended(struct gw_issue_log *log) {
    size_t kept = 0;
    for (size_t i = 0; i < log->count; i++) {
        struct gw_logged_issue *issue = &log->issues[i];
        if (issue->is_open) {
            issue->is_open = false;
            log->issues[kept++] = *issue;
            continue;
        }
        const struct gw_issue_info *info = gw_issue_find(issue->code);
        gw_log_info(ROOM, "issue ends: %s code=%d subject=%s", info ? info->name : "?",
                    (int) issue->code, issue->subject);
    }
    log->count = kept;
}

void gw_issue_log_update(struct gw_issue_log *log, const struct gw_health *health) {
    uint64_t revision = gw_health_revision(health);
    if (revision == log->revision) {
        return;
    }
    log->revision = revision;
    struct gw_issue_view view;
    for (size_t i = 0; gw_health_issue_at(health, i, &view); i++) {
        note_open(log, &view);
    }
    drop_ended(log);
}
