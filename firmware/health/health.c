/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/health/health.h"

#include <string.h>

#include "firmware/base/cleanup.h"

#define NAME_BYTES 64
#define SUBJECT_BYTES 128
#define DETAIL_BYTES 256

struct counter {
    char name[NAME_BYTES];
    uint64_t value;
};

struct issue {
    const struct gw_issue_info *info; /* NULL = free */
    int64_t since_wall_ms;
    char subject[SUBJECT_BYTES];
    char detail[DETAIL_BYTES];
};

struct gw_health {
    struct gw_clock clock;
    char program[NAME_BYTES];
    int64_t opened_mono_ms;
    uint64_t revision;
    struct counter *counters;
    size_t counter_count;
    size_t max_counters;
    uint64_t counter_overflow;
    struct issue *issues;
    size_t max_issues;
    uint64_t issues_not_kept;
    bool (*is_secret)(void *self, struct gw_str detail);
    void *redactor;
};

GW_DEFINE_CLEANUP(struct gw_health *, gw_health_close, health_closep)

void gw_health_close(struct gw_health *health) {
    if (health) {
        free(health->counters);
        free(health->issues);
        free(health);
    }
}

/* Room for `text` in a fixed field: cut between characters, and what is not
 * UTF-8 or would disturb a terminal becomes '?'. The same text always gives the
 * same field, so a cut subject is found again. */
static void put_field(struct gw_str text, char *field, size_t field_bytes) {
    text = gw_str_sub(text, 0, field_bytes - 1);
    size_t whole = text.len;
    while (whole > 0 && whole + 4 > text.len && !gw_str_is_utf8(gw_str_sub(text, 0, whole))) {
        whole--;
    }
    bool is_utf8 = gw_str_is_utf8(gw_str_sub(text, 0, whole));
    size_t len = is_utf8 ? whole : text.len;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        bool is_shown = c >= 0x20 && c != 0x7f && (c < 0x80 || is_utf8);
        field[i] = is_shown ? text.ptr[i] : '?';
    }
    field[len] = '\0';
}

enum gw_err gw_health_open(const struct gw_clock *clock, struct gw_str program,
                           size_t max_counters, size_t max_issues,
                           struct gw_health **ret_health) {
    GW_CLEANUP(health_closep) struct gw_health *health = calloc(1, sizeof *health);
    if (!health) {
        return GW_ERR_NOMEM;
    }
    health->clock = *clock;
    health->opened_mono_ms = gw_clock_mono_ms(clock);
    health->max_counters = max_counters;
    health->max_issues = max_issues;
    put_field(program, health->program, sizeof health->program);
    health->counters = calloc(max_counters + 1, sizeof *health->counters);
    health->issues = calloc(max_issues + 1, sizeof *health->issues);
    if (!health->counters || !health->issues) {
        return GW_ERR_NOMEM;
    }
    *ret_health = GW_TAKE(health);
    return GW_OK;
}

/* ---- counters ---- */

uint64_t *gw_health_counter(struct gw_health *health, const char *name) {
    char field[NAME_BYTES];
    put_field(gw_str_from_cstr(name), field, sizeof field);
    for (size_t i = 0; i < health->counter_count; i++) {
        if (strcmp(health->counters[i].name, field) == 0) {
            return &health->counters[i].value;
        }
    }
    if (health->counter_count == health->max_counters) {
        return &health->counter_overflow;
    }
    struct counter *counter = &health->counters[health->counter_count++];
    memcpy(counter->name, field, sizeof field);
    return &counter->value;
}

/* ---- issues ---- */

static struct issue *find_issue(const struct gw_health *health, enum gw_issue_code code,
                                struct gw_str subject) {
    char field[SUBJECT_BYTES];
    put_field(subject, field, sizeof field);
    for (size_t i = 0; i < health->max_issues; i++) {
        struct issue *issue = &health->issues[i];
        if (issue->info && issue->info->code == code && strcmp(issue->subject, field) == 0) {
            return issue;
        }
    }
    return NULL;
}

/* A free place, else the least severe and oldest issue, if that is less severe: many
 * small complaints must not hide a great one. */
static struct issue *find_place(struct gw_health *health, enum gw_severity severity) {
    struct issue *least = NULL;
    for (size_t i = 0; i < health->max_issues; i++) {
        struct issue *issue = &health->issues[i];
        if (!issue->info) {
            return issue;
        }
        if (!least || issue->info->severity < least->info->severity
            || (issue->info->severity == least->info->severity
                && issue->since_wall_ms < least->since_wall_ms)) {
            least = issue;
        }
    }
    return least && least->info->severity < severity ? least : NULL;
}

static struct issue *take_issue(struct gw_health *health, enum gw_issue_code code,
                                struct gw_str subject) {
    const struct gw_issue_info *info = gw_issue_find(code);
    struct issue *issue = info ? find_place(health, info->severity) : NULL;
    if (!issue) {
        return NULL;
    }
    health->issues_not_kept += issue->info != NULL;
    issue->info = info;
    issue->since_wall_ms = gw_clock_wall_ms(&health->clock);
    put_field(subject, issue->subject, sizeof issue->subject);
    health->revision++;
    return issue;
}

void gw_health_raise(struct gw_health *health, enum gw_issue_code code, struct gw_str subject,
                     const char *detail_format, ...) {
    struct issue *issue = find_issue(health, code, subject);
    if (!issue) {
        issue = take_issue(health, code, subject);
    }
    if (!issue) {
        health->issues_not_kept++;
        return;
    }
    char detail[DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, detail_format);
    int len = vsnprintf(detail, sizeof detail, detail_format, arguments);
    va_end(arguments);
    struct gw_str shown = len < 0 ? GW_STR("") : gw_str_from_cstr(detail);
    if (gw_health_is_secret(health, shown)) {
        shown = GW_STR("(withheld: it may hold a personal code)");
    }
    put_field(shown, issue->detail, sizeof issue->detail);
}

bool gw_health_is_secret(const struct gw_health *health, struct gw_str text) {
    return health->is_secret && health->is_secret(health->redactor, text);
}

void gw_health_set_redactor(struct gw_health *health,
                            bool (*is_secret)(void *self, struct gw_str detail), void *self) {
    health->is_secret = is_secret;
    health->redactor = self;
}

void gw_health_clear(struct gw_health *health, enum gw_issue_code code, struct gw_str subject) {
    struct issue *issue = find_issue(health, code, subject);
    if (issue) {
        issue->info = NULL;
        health->revision++;
    }
}

bool gw_health_is_raised(const struct gw_health *health, enum gw_issue_code code,
                         struct gw_str subject) {
    return find_issue(health, code, subject) != NULL;
}

bool gw_health_issue_at(const struct gw_health *health, size_t index,
                        struct gw_issue_view *ret_view) {
    size_t open = 0;
    for (size_t i = 0; i < health->max_issues; i++) {
        const struct issue *issue = &health->issues[i];
        if (issue->info && open++ == index) {
            *ret_view = (struct gw_issue_view){
                .info = issue->info,
                .since_wall_ms = issue->since_wall_ms,
                .subject = gw_str_from_cstr(issue->subject),
                .detail = gw_str_from_cstr(issue->detail),
            };
            return true;
        }
    }
    return false;
}

int gw_health_verdict(const struct gw_health *health) {
    int worst = -1;
    for (size_t i = 0; i < health->max_issues; i++) {
        const struct gw_issue_info *info = health->issues[i].info;
        if (info && (int) info->severity > worst) {
            worst = (int) info->severity;
        }
    }
    return worst;
}

uint64_t gw_health_revision(const struct gw_health *health) {
    return health->revision;
}

/* ---- snapshot ---- */

const char *gw_severity_name(int severity) {
    static const char *const names[] = {"notice", "warning", "critical"};
    bool is_known = severity >= 0 && (size_t) severity < GW_ARRAY_LEN(names);
    return is_known ? names[severity] : "ok";
}

static void put_text(struct gw_buf *buf, const char *name, const char *text) {
    (void) gw_buf_printf(buf, ",\"%s\":", name);
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(text));
}

static void put_time(struct gw_buf *buf, const char *name, int64_t wall_ms) {
    (void) gw_buf_printf(buf, ",\"%s\":\"", name);
    (void) gw_time_put(buf, wall_ms);
    (void) gw_buf_put_char(buf, '"');
}

static void put_issue(struct gw_buf *buf, const struct issue *issue) {
    (void) gw_buf_printf(buf, "{\"code\":%d", (int) issue->info->code);
    put_text(buf, "name", issue->info->name);
    put_text(buf, "severity", gw_severity_name((int) issue->info->severity));
    put_text(buf, "subject", issue->subject);
    put_text(buf, "detail", issue->detail);
    put_time(buf, "since", issue->since_wall_ms);
    put_text(buf, "text", issue->info->text);
    put_text(buf, "remedy", issue->info->remedy);
    (void) gw_buf_put_char(buf, '}');
}

/* Worst first, then as they stand. */
static void put_issues(struct gw_buf *buf, const struct gw_health *health) {
    (void) gw_buf_put_str(buf, GW_STR(",\"issues\":["));
    const char *comma = "";
    for (int severity = GW_SEVERITY_CRITICAL; severity >= 0; severity--) {
        for (size_t i = 0; i < health->max_issues; i++) {
            const struct issue *issue = &health->issues[i];
            if (issue->info && (int) issue->info->severity == severity) {
                (void) gw_buf_put_str(buf, gw_str_from_cstr(comma));
                put_issue(buf, issue);
                comma = ",";
            }
        }
    }
    (void) gw_buf_put_char(buf, ']');
}

static void put_counters(struct gw_buf *buf, const struct gw_health *health) {
    (void) gw_buf_put_str(buf, GW_STR(",\"counters\":{"));
    const char *comma = "";
    for (size_t i = 0; i < health->counter_count; i++) {
        (void) gw_buf_put_str(buf, gw_str_from_cstr(comma));
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(health->counters[i].name));
        (void) gw_buf_put_char(buf, ':');
        (void) gw_buf_put_u64(buf, health->counters[i].value);
        comma = ",";
    }
    if (health->counter_overflow > 0) {
        (void) gw_buf_printf(buf, "%s\"counter_overflow\":%llu", comma,
                             (unsigned long long) health->counter_overflow);
    }
    (void) gw_buf_put_char(buf, '}');
}

enum gw_err gw_health_put_snapshot(const struct gw_health *health, struct gw_buf *buf,
                                   void (*sections)(void *context, struct gw_buf *buf),
                                   void *context) {
    size_t start = buf->len;
    (void) gw_buf_put_str(buf, GW_STR("{\"program\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(health->program));
    put_text(buf, "version", GW_VERSION);
    put_time(buf, "time", gw_clock_wall_ms(&health->clock));
    (void) gw_buf_put_str(buf, GW_STR(",\"uptime_ms\":"));
    (void) gw_buf_put_i64(buf, gw_clock_mono_ms(&health->clock) - health->opened_mono_ms);
    put_text(buf, "verdict", gw_severity_name(gw_health_verdict(health)));
    put_issues(buf, health);
    (void) gw_buf_put_str(buf, GW_STR(",\"issues_not_kept\":"));
    (void) gw_buf_put_u64(buf, health->issues_not_kept);
    put_counters(buf, health);
    if (sections) {
        sections(context, buf);
    }
    (void) gw_buf_put_char(buf, '}');
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
