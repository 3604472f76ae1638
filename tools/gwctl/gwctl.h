/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gwctl: inspect and repair, for a technician over ssh.
 *
 * It reads the queue store with a reader of its own and asks the daemons over
 * their control sockets for everything that changes something. It never writes
 * a store and never prints a secret. Text that came from the floor or the
 * centre is shown with its control characters escaped.
 *
 * Exit status: 0 done, 1 refused or failed (a sentence on standard error), 2
 * wrong arguments.
 */
#ifndef GW_GWCTL_GWCTL_H
#define GW_GWCTL_GWCTL_H

#include <stdio.h>

#include "firmware/config/config.h"
#include "firmware/ipc/ipc.h"
#include "firmware/json/json.h"
#include "tools/gwctl/arguments.h"

enum gw_gwctl_exit { GW_EXIT_DONE = 0, GW_EXIT_FAILED = 1, GW_EXIT_USAGE = 2 };

/* One run of the program. */
struct gw_gwctl {
    FILE *out;
    FILE *err;
    struct gw_gwctl_arguments arguments;
    struct gw_config *config; /* loaded when first needed */
    struct gw_buf reply;      /* storage of the last answer */
    struct gw_str answer;     /* body of the last answer, a view into it */
};

/* The whole program: argv[0] is its name. Prints to `out` and `err`. */
int gw_gwctl_run(int argc, char **argv, FILE *out, FILE *err);

/* The configuration, loaded once; NULL after a sentence on ctl->err. */
const struct gw_config *gw_gwctl_config(struct gw_gwctl *ctl);

/* A sentence "gwctl: ..." on ctl->err; gives GW_EXIT_FAILED. */
int gw_gwctl_fail(struct gw_gwctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- asking a daemon ---- */

enum gw_gwctl_daemon { GW_DAEMON_COLLECTD, GW_DAEMON_LINKD };

struct gw_gwctl_question {
    enum gw_gwctl_daemon daemon;
    enum gw_ipc_verb verb;
    struct gw_str body;
    int timeout_ms; /* 0 = 10 s */
};

/* "gw-collectd", "gw-linkd". */
const char *gw_gwctl_daemon_name(enum gw_gwctl_daemon daemon);
/* Ask and parse the answer, which the caller closes; its text is ctl->answer
 * until the next question. Every error is explained on ctl->err; a refusal gives
 * the status the daemon answered with. */
enum gw_err gw_gwctl_ask(struct gw_gwctl *ctl, const struct gw_gwctl_question *question,
                         struct gw_json_doc **ret_doc);
/* The same without a word on ctl->err: the sentence is appended to `reason`. */
enum gw_err gw_gwctl_ask_quietly(struct gw_gwctl *ctl, const struct gw_gwctl_question *question,
                                 struct gw_buf *reason, struct gw_json_doc **ret_doc);

/* Print the last answer as it came if --json was given, and say whether. */
bool gw_gwctl_show_json(struct gw_gwctl *ctl);

/* Parts of a request body: `{` first, then members, then `}`. */
void gw_gwctl_put_text_member(struct gw_buf *body, const char *name, const char *text);
void gw_gwctl_put_number_member(struct gw_buf *body, const char *name, uint64_t number);
/* "actor":"gwctl:<user>" and, under sudo, who called it. */
void gw_gwctl_put_actor(struct gw_buf *body);
/* Close the object: the comma behind the last member becomes `}`. Without a body
 * (ptr NULL, which asking refuses) if something did not fit. */
struct gw_str gw_gwctl_end_body(struct gw_buf *body);

/* ---- verbs, one function per row of the table in command.c ---- */

/* Snapshots of both daemons; failed unless both answer. */
int gw_gwctl_status(struct gw_gwctl *ctl);
/* The centre's word; failed unless everything is complete. */
int gw_gwctl_completeness(struct gw_gwctl *ctl);
/* Stored events, read from the store. */
int gw_gwctl_queue_list(struct gw_gwctl *ctl);
/* One stored event as it is sent. */
int gw_gwctl_queue_show(struct gw_gwctl *ctl);
/* Asks gw-linkd to send a range again. */
int gw_gwctl_queue_replay(struct gw_gwctl *ctl);
/* Asks gw-collectd to take a set-aside store over. */
int gw_gwctl_queue_salvage(struct gw_gwctl *ctl);
int gw_gwctl_device_add(struct gw_gwctl *ctl);
int gw_gwctl_device_rotate(struct gw_gwctl *ctl);
int gw_gwctl_device_revoke(struct gw_gwctl *ctl);
int gw_gwctl_device_command(struct gw_gwctl *ctl);
/* A command of a feed's profile, such as tare; audited. */
int gw_gwctl_feed_command(struct gw_gwctl *ctl);
/* What the centre rejected, page by page from gw-linkd. */
int gw_gwctl_dead_letter_list(struct gw_gwctl *ctl);
/* One dead letter with its event. */
int gw_gwctl_dead_letter_show(struct gw_gwctl *ctl);
/* Has one sent again, or all one by one. */
int gw_gwctl_dead_letter_retry(struct gw_gwctl *ctl);
/* One or all as JSON lines. */
int gw_gwctl_dead_letter_export(struct gw_gwctl *ctl);
/* Gives one up; audited. */
int gw_gwctl_dead_letter_drop(struct gw_gwctl *ctl);
/* What could not be decoded, page by page from gw-collectd. */
int gw_gwctl_quarantine_list(struct gw_gwctl *ctl);
/* One entry, its bytes escaped. */
int gw_gwctl_quarantine_show(struct gw_gwctl *ctl);
/* Has one decoded again. */
int gw_gwctl_quarantine_retry(struct gw_gwctl *ctl);
/* The raw bytes of one. */
int gw_gwctl_quarantine_export(struct gw_gwctl *ctl);
/* Removes one; audited. */
int gw_gwctl_quarantine_drop(struct gw_gwctl *ctl);
/* Walks the hash chain in the store. */
int gw_gwctl_audit_verify(struct gw_gwctl *ctl);
/* Modbus: what may be written; who answers; what is there; write. */
int gw_gwctl_modbus_list(struct gw_gwctl *ctl);
int gw_gwctl_modbus_scan(struct gw_gwctl *ctl);
int gw_gwctl_modbus_read(struct gw_gwctl *ctl);
int gw_gwctl_modbus_decode(struct gw_gwctl *ctl);
int gw_gwctl_modbus_write(struct gw_gwctl *ctl);
/* Device maps. */
int gw_gwctl_modbus_maps(struct gw_gwctl *ctl);
int gw_gwctl_modbus_map_show(struct gw_gwctl *ctl);
int gw_gwctl_modbus_map_expand(struct gw_gwctl *ctl);
int gw_gwctl_modbus_map_check(struct gw_gwctl *ctl);
/* All findings of a file. */
int gw_gwctl_config_check(struct gw_gwctl *ctl);
/* Help for a key. */
int gw_gwctl_config_explain(struct gw_gwctl *ctl);
/* JSON Schema. */
int gw_gwctl_config_schema(struct gw_gwctl *ctl);
/* A document with every default. */
int gw_gwctl_config_defaults(struct gw_gwctl *ctl);
/* Parts in which two files differ. */
int gw_gwctl_config_diff(struct gw_gwctl *ctl);
/* All findings of a device profile. */
int gw_gwctl_profile_check(struct gw_gwctl *ctl);
/* What a profile makes of the bytes on standard input. */
int gw_gwctl_profile_feed(struct gw_gwctl *ctl);
/* Help for a key of profiles. */
int gw_gwctl_profile_explain(struct gw_gwctl *ctl);
/* The profiles of the folder. */
int gw_gwctl_profile_list(struct gw_gwctl *ctl);
/* Asks both daemons to load the file. */
int gw_gwctl_config_reload(struct gw_gwctl *ctl);
/* Every GS1 application identifier. */
int gw_gwctl_gs1_ai(struct gw_gwctl *ctl);
/* What the scans on standard input say; needs no gateway. */
int gw_gwctl_gs1_parse(struct gw_gwctl *ctl);

#endif
