/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health: what a daemon can say about itself.
 *
 * One struct gw_health per daemon, owned by its main, passed down. Rooms count
 * and raise issues through it; the daemon writes the snapshot. Loop thread only.
 */
#ifndef GW_HEALTH_HEALTH_H
#define GW_HEALTH_HEALTH_H

#include "firmware/base/clock.h"
#include "firmware/event/event.h"

enum gw_severity { GW_SEVERITY_NOTICE, GW_SEVERITY_WARNING, GW_SEVERITY_CRITICAL };
/* "notice", "warning", "critical"; "ok" for -1, the verdict without issues. */
const char *gw_severity_name(int severity);

/* Every issue the product can raise, with the remedy a technician reads, in one
 * table (health/issue.c). The code's number is read out on the phone. */
enum gw_issue_code {
    GW_ISSUE_NONE = 0,
    GW_ISSUE_STORE_SET_ASIDE = 101,        /* critical */
    GW_ISSUE_STORE_FULL = 102,             /* critical: business is refused */
    GW_ISSUE_STORE_HIGH_WATER = 103,       /* warning */
    GW_ISSUE_STORE_EVICTING = 104,         /* warning */
    GW_ISSUE_STORE_WRITE_FAILED = 105,     /* critical: disk full or I/O error */
    GW_ISSUE_STORE_READER_STUCK = 106,     /* warning */
    GW_ISSUE_STORE_RECORD_CORRUPT = 107,   /* critical */
    GW_ISSUE_STORE_RECORD_NEWER = 108,     /* critical, subject = sink/class: it stands still */
    GW_ISSUE_QUARANTINE = 110,             /* warning: something could not be decoded */
    GW_ISSUE_CAPTURE_REFUSED = 111,        /* critical */
    GW_ISSUE_DEVICE_RATE_LIMITED = 112,    /* warning, subject = device */
    GW_ISSUE_BROKER_DOWN = 201,            /* warning, subject = broker */
    GW_ISSUE_BROKER_REFUSED = 202,         /* critical: credentials, ACL, client id */
    GW_ISSUE_BROKER_SESSION_LOST = 203,    /* warning */
    GW_ISSUE_UNKNOWN_TOPIC = 204,          /* notice, subject = topic */
    GW_ISSUE_INGRESS_DOWN = 205,           /* critical, subject = listener */
    GW_ISSUE_INGRESS_CREDENTIALS = 206,    /* critical: nobody gets in */
    GW_ISSUE_INGRESS_FULL = 207,           /* warning: no connection left */
    GW_ISSUE_DEVICE_REFUSED = 208,         /* warning, subject = listener */
    GW_ISSUE_SOURCE_NOT_OPEN = 209,        /* critical, subject = "broker b", "bus b", ... */
    GW_ISSUE_FEED_DOWN = 221,              /* warning, subject = device: 221 to 228 */
    GW_ISSUE_FEED_DENIED = 222,            /* critical: somebody else has it */
    GW_ISSUE_FEED_AMBIGUOUS = 223,         /* critical: several devices fit */
    GW_ISSUE_FEED_SILENT = 224,            /* warning */
    GW_ISSUE_FEED_BABBLING = 225,          /* warning: what it sends is not understood */
    GW_ISSUE_FEED_TURNED_AWAY = 226,       /* warning: a stranger connected */
    GW_ISSUE_FEED_PROFILE = 227,           /* critical: its profile cannot be used */
    GW_ISSUE_FEED_SHARED = 228,            /* warning: several devices on one feed */
    GW_ISSUE_PERSONAL_KEY = 231,           /* critical: personal codes are blotted out */
    GW_ISSUE_MODBUS_UNIT_DOWN = 301,       /* warning, subject = bus/unit */
    GW_ISSUE_MODBUS_CONFIG = 302,          /* warning: exception 1-3, a value too large */
    GW_ISSUE_MODBUS_DEVICE_FAULT = 303,    /* warning, subject = bus/unit: 4, 8, long 5, 6 */
    GW_ISSUE_MODBUS_SHIFTED = 304,         /* warning, subject = bus */
    GW_ISSUE_MODBUS_WRITE_UNCERTAIN = 320, /* warning, subject = bus.name */
    GW_ISSUE_UPLINK_UNREACHABLE = 401,     /* warning */
    GW_ISSUE_UPLINK_TLS = 402,             /* critical: certificate refused, names why */
    GW_ISSUE_UPLINK_STOPPED = 403,         /* critical: 401/403/404/... */
    GW_ISSUE_UPLINK_CONFIG = 404,          /* critical: a 400 that is not ours */
    GW_ISSUE_UPLINK_NO_PROGRESS = 405,     /* critical */
    GW_ISSUE_UPLINK_CONFLICT = 406,        /* critical: same id, other content */
    GW_ISSUE_DEAD_LETTERS = 407,           /* warning */
    GW_ISSUE_UPLINK_BAD_ANSWER = 408,      /* warning: 2xx without the contract's echo */
    GW_ISSUE_CERTIFICATE_EXPIRES = 409,    /* warning / critical by days left */
    GW_ISSUE_DEAD_LETTERS_FULL = 410,      /* critical: no room, classes stand still */
    GW_ISSUE_CLOCK_UNSYNCHRONISED = 501,   /* notice */
    GW_ISSUE_CLOCK_JUMPED = 502,           /* notice */
    GW_ISSUE_CONFIG_REJECTED = 601,        /* warning: last good one runs */
    GW_ISSUE_AUDIT_CHAIN = 602,            /* critical */
};

struct gw_issue_info {
    enum gw_issue_code code;
    const char *name; /* "store_full" */
    enum gw_severity severity;
    const char *text;   /* what is wrong, one sentence */
    const char *remedy; /* what the person should do next, one sentence */
};
/* NULL for an unknown code. Static storage. */
const struct gw_issue_info *gw_issue_find(enum gw_issue_code code);
/* Row `index` of the table, NULL behind the last. */
const struct gw_issue_info *gw_issue_at(size_t index);

struct gw_health;

/* `max_issues` open at once (more are counted, not kept). NOMEM. */
enum gw_err gw_health_open(const struct gw_clock *clock, struct gw_str program,
                           size_t max_counters, size_t max_issues,
                           struct gw_health **ret_health);
/* Free it; pointers to its counters become invalid. NULL is allowed. */
void gw_health_close(struct gw_health *health);

/* A named counter ("broker.messages_received"); the pointer is stable and may
 * be incremented directly. The same name gives the same counter. When
 * max_counters are used up, a spare one that is shown as "counter_overflow". */
uint64_t *gw_health_counter(struct gw_health *health, const char *name);

/* Raise or refresh the issue (code, subject). `detail` names what was found; it
 * is cut at 255 bytes, the subject at 127, and what is not UTF-8 is shown as
 * '?'. Never put a secret or a payload into either. */
void gw_health_raise(struct gw_health *health, enum gw_issue_code code, struct gw_str subject,
                     const char *detail_format, ...) __attribute__((format(printf, 4, 5)));
/* From now on a detail for which `is_secret` answers true is not kept: the issue says
 * so instead. NULL = every detail is kept. */
void gw_health_set_redactor(struct gw_health *health,
                            bool (*is_secret)(void *self, struct gw_str detail), void *self);
/* What that function says of a text; false without one. For subjects that come from the
 * floor: a subject is what an issue is found by, so it is not exchanged here. */
bool gw_health_is_secret(const struct gw_health *health, struct gw_str text);
/* It is over; harmless if it was not raised. */
void gw_health_clear(struct gw_health *health, enum gw_issue_code code, struct gw_str subject);
bool gw_health_is_raised(const struct gw_health *health, enum gw_issue_code code,
                         struct gw_str subject);
/* An open issue as it stands. */
struct gw_issue_view {
    const struct gw_issue_info *info;
    int64_t since_wall_ms;
    struct gw_str subject, detail;
};
/* Open issue number `index`, in no order; false behind the last. The views live
 * until the next raise or clear. */
bool gw_health_issue_at(const struct gw_health *health, size_t index,
                        struct gw_issue_view *ret_view);
/* Worst open severity: the verdict; -1 if there is no issue. */
int gw_health_verdict(const struct gw_health *health);
/* Changes with every raise of something new and every clear. */
uint64_t gw_health_revision(const struct gw_health *health);

/* Append the snapshot object: {"program","version","time","uptime_ms","verdict",
 * "issues":[{code,name,severity,subject,detail,since,text,remedy}] (worst first),
 * "issues_not_kept","counters":{...},<sections>}. "verdict" is a name of
 * gw_severity_name. `sections` appends further members, each starting with a comma
 * (",\"queue\":{...}"), and may be NULL. FULL. */
enum gw_err gw_health_put_snapshot(const struct gw_health *health, struct gw_buf *buf,
                                   void (*sections)(void *context, struct gw_buf *buf),
                                   void *context);

/* Fill with a new W3C trace and span id. */
void gw_trace_draw(struct gw_trace *ret_trace);

/* ---- audit: a bounded hash chain ---- */

/* One entry; the texts are views. hash = SHA-256 over
 *   previous hash (hex) LF number LF time LF actor LF action LF target LF outcome LF detail */
struct gw_audit_entry {
    uint64_t number; /* from 1, contiguous */
    int64_t time_wall_ms;
    struct gw_str actor;  /* "gwctl:root", "link", "page:anna" */
    struct gw_str action; /* "quarantine.drop" */
    struct gw_str target;
    struct gw_str outcome; /* "ok", "denied: ..." */
    struct gw_str detail;
    uint8_t previous[32];
    uint8_t hash[32];
};
/* Fill entry->previous and entry->hash from the chain's last hash. */
void gw_audit_seal(struct gw_audit_entry *entry, const uint8_t previous[static 32]);
/* CORRUPT if the hash does not fit the entry or `previous`. */
enum gw_err gw_audit_check(const struct gw_audit_entry *entry,
                           const uint8_t previous[static 32]);
/* The entry as canonical JSON: data of an audit.recorded event and value in the
 * state table "audit" (key: u64 big-endian number). SCHEMA if a text holds a
 * control character or is not UTF-8: then two entries could have one hash, so
 * it must not be stored. FULL (buf as before). */
enum gw_err gw_audit_format(const struct gw_audit_entry *entry, struct gw_buf *buf);
/* Views into `json`, which must be what gw_audit_format wrote; strings that
 * needed escapes are unescaped into `storage`. PARSE, SCHEMA. */
enum gw_err gw_audit_parse(struct gw_str json, struct gw_buf *storage,
                           struct gw_audit_entry *ret_entry);

#endif
