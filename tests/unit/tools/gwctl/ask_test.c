/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole runs of gwctl against two daemons that answer by script: real control
 * sockets, served by a thread. What was asked and what was printed is compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/policy/verb.h"
#include "tools/gwctl/gwctl.h"

#define SCRIPT_MAX 8

struct answer {
    enum gw_err status;
    const char *body;
};

struct fixture {
    char folder[32];
    char config[64];
    char export[64];
    struct gw_loop *loop;
    struct gw_clock clock;
    struct gw_ipc_server *servers[2]; /* collectd, linkd; NULL = down */
    pthread_t thread;
    bool is_serving;
    atomic_bool stop;
    /* Answers in order, whatever is asked; the last one repeats. */
    struct answer script[SCRIPT_MAX];
    size_t script_len;
    size_t asked;
    enum gw_ipc_verb verbs[SCRIPT_MAX];
    char bodies[SCRIPT_MAX][512];
    char *out, *err;
};

static void on_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                       const struct gw_ipc_frame *frame) {
    struct fixture *f = context;
    (void) peer_name;
    size_t at = f->asked < SCRIPT_MAX ? f->asked : SCRIPT_MAX - 1;
    f->verbs[at] = frame->verb;
    (void) snprintf(f->bodies[at], sizeof f->bodies[at], "%.*s", GW_STR_ARG(frame->body));
    const struct answer *answer =
        &f->script[f->asked < f->script_len ? f->asked : f->script_len - 1];
    f->asked++;
    struct gw_ipc_reply_to to = gw_ipc_reply_to(peer, frame);
    (void) !gw_ipc_answer(&to, answer->status, 0, gw_str_from_cstr(answer->body));
}

static void *serve(void *context) {
    struct fixture *f = context;
    while (!atomic_load(&f->stop)) {
        if (gw_loop_wait(f->loop, &f->clock, gw_clock_mono_ms(&f->clock) + 5)) {
            break;
        }
    }
    return NULL;
}

static const char *const daemons[] = {"collectd", "linkd"};

static void start_daemon(struct fixture *f, size_t which) {
    char path[96];
    (void) snprintf(path, sizeof path, "%s/%s/control.sock", f->folder, daemons[which]);
    assert_int_equal(
        gw_ipc_server_open(f->loop, 4, gw_verb_allowed, on_request, f, &f->servers[which]),
        GW_OK);
    assert_int_equal(gw_ipc_server_listen(f->servers[which], path, 0600, "control"), GW_OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    (void) snprintf(f->folder, sizeof f->folder, "/tmp/gw-test-XXXXXX");
    if (!f || !mkdtemp(f->folder)) {
        return -1;
    }
    char text[512];
    (void) snprintf(text, sizeof text,
                    "{\"gateway\":{\"serial\":\"GW-1\",\"site\":\"dock\"},\"paths\":{\"run\":"
                    "\"%s\",\"collect_state\":\"%s/state\"}}",
                    f->folder, f->folder);
    (void) snprintf(f->config, sizeof f->config, "%s/config.json", f->folder);
    (void) snprintf(f->export, sizeof f->export, "%s/export", f->folder);
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        (void) snprintf(path, sizeof path, "%s/%s", f->folder, daemons[i]);
        if (mkdir(path, 0700) != 0) {
            return -1;
        }
    }
    f->clock = gw_clock_system();
    return gw_file_replace_volatile(f->config, gw_bytes_from_str(gw_str_from_cstr(text)), 0600)
           || gw_loop_open(32, &f->loop);
}

static void stop_serving(struct fixture *f) {
    if (f->is_serving) {
        atomic_store(&f->stop, true);
        (void) pthread_join(f->thread, NULL);
        f->is_serving = false;
    }
}

static int teardown(void **state) {
    struct fixture *f = *state;
    stop_serving(f);
    gw_ipc_server_close(f->servers[0]);
    gw_ipc_server_close(f->servers[1]);
    gw_loop_close(f->loop);
    (void) unlink(f->config);
    (void) unlink(f->export);
    for (size_t i = 0; i < 2; i++) {
        char path[96];
        (void) snprintf(path, sizeof path, "%s/%s/status.json", f->folder, daemons[i]);
        (void) unlink(path);
        (void) snprintf(path, sizeof path, "%s/%s", f->folder, daemons[i]);
        (void) rmdir(path);
    }
    int left = rmdir(f->folder);
    free(f->out);
    free(f->err);
    free(f);
    return left;
}

/* Run `line` (split at spaces) with the configuration of the fixture. */
static int run(struct fixture *f, const char *line) {
    char words[512];
    char *argv[16] = {"gwctl", "--config", f->config};
    int argc = 3;
    (void) snprintf(words, sizeof words, "%s", line);
    argv[argc++] = words;
    for (char *at = words; *at; at++) {
        if (*at == ' ') {
            *at = '\0';
            argv[argc++] = at + 1;
        }
    }
    if (!f->is_serving && (f->servers[0] || f->servers[1])) {
        assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
        f->is_serving = true;
    }
    free(f->out);
    free(f->err);
    size_t len = 0;
    FILE *out = open_memstream(&f->out, &len);
    FILE *err = open_memstream(&f->err, &len);
    int status = gw_gwctl_run(argc, argv, out, err);
    (void) fclose(out);
    (void) fclose(err);
    return status;
}

static void say(struct fixture *f, enum gw_err status, const char *body) {
    assert_true(f->script_len < SCRIPT_MAX);
    f->script[f->script_len++] = (struct answer){status, body};
}

/* The body without the actor, which depends on who runs the test. */
static const char *body_without_actor(struct fixture *f, size_t at) {
    char *actor = strstr(f->bodies[at], ",\"actor\":\"gwctl:");
    if (actor) {
        char *end = strchr(actor + strlen(",\"actor\":\""), '"');
        memmove(actor, end + 1, strlen(end + 1) + 1);
    }
    return f->bodies[at];
}

static bool names_actor(const struct fixture *f, size_t at) {
    return strstr(f->bodies[at], ",\"actor\":\"gwctl:") != NULL;
}

#define COLLECTD_STATUS                                                                        \
    "{\"program\":\"gw-collectd\",\"version\":\"0.1.0\",\"time\":\"2026-11-23T07:14:00."       \
    "000Z\","                                                                                  \
    "\"uptime_ms\":65000,\"verdict\":\"warning\",\"issues\":[{\"code\":201,\"name\":"          \
    "\"broker_down\",\"severity\":\"warning\",\"subject\":\"floor\\u001b[31m\",\"detail\":"    \
    "\"refused\",\"since\":\"2026-11-23T07:13:00.000Z\",\"text\":\"No connection.\","          \
    "\"remedy\":\"Check "                                                                      \
    "it.\"}],\"counters\":{},\"config\":{\"revision\":7,\"fell_back\":true},"                  \
    "\"queue\":{\"epoch\":\"0123456789abcdef0\",\"map_bytes\":1073741824,\"used_bytes\":"      \
    "10485760,\"quarantine\":{\"count\":3},\"classes\":{\"business\":{\"first\":1,\"last\":"   \
    "500,\"acked\":480,\"oldest_age_ms\":61000}}},\"brokers\":[{\"name\":\"floor\",\"state\":" \
    "\"connecting\",\"since\":\"2026-11-23T07:13:00.000Z\"}]}"
#define LINKD_STATUS                                                                           \
    "{\"program\":\"gw-linkd\",\"version\":\"0.1.0\",\"uptime_ms\":1000,\"verdict\":\"ok\","   \
    "\"issues\":[],\"queue\":{\"epoch\":\"0\"},\"sinks\":[{\"name\":\"centre\",\"state\":"     \
    "\"up\",\"dead_letters\":2,"                                                               \
    "\"classes\":{\"business\":{\"backlog\":20,\"oldest_age_ms\":500}}}]}"

static void status_shows_both_daemons(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK, COLLECTD_STATUS);
    say(f, GW_OK, LINKD_STATUS);
    assert_int_equal(run(f, "status"), GW_EXIT_DONE);
    assert_string_equal(f->err, "");
    assert_string_equal(f->out,
                        "gateway GW-1 at dock\n"
                        "gw-collectd 0.1.0, up 1 min 5 s: warning\n"
                        "  ! 201 warning (floor\\x1b[31m) since 2026-11-23T07:13:00.000Z\n"
                        "      No connection.\n"
                        "      found: refused\n"
                        "      next: Check it.\n"
                        "  configuration: revision 7, the last good one: the current one has "
                        "faults\n"
                        "  store: 10 MiB of 1 GiB used, epoch 0123456789abcdef0\n"
                        "  quarantine: 3\n"
                        "  class                  last      waiting       oldest\n"
                        "  business                500           20    1 min 1 s\n"
                        "  broker floor: connecting since 2026-11-23T07:13:00.000Z\n"
                        "gw-linkd 0.1.0, up 1 s: ok\n"
                        "  sink centre: up\n"
                        "  to centre: business 20 waiting (500 ms), dead letters 2\n");
    assert_int_equal(f->verbs[0], GW_IPC_STATUS);
    assert_string_equal(f->bodies[0], "{}");
}

static void status_of_a_silent_daemon_is_its_last_snapshot_with_its_time(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK, LINKD_STATUS);
    char path[96];
    (void) snprintf(path, sizeof path, "%s/collectd/status.json", f->folder);
    assert_int_equal(
        gw_file_replace_volatile(path, gw_bytes_from_str(GW_STR(COLLECTD_STATUS "\n")), 0640),
        GW_OK);
    const struct timespec times[2] = {{.tv_sec = 1795418040}, {.tv_sec = 1795418040}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(run(f, "status"), GW_EXIT_FAILED);
    assert_non_null(strstr(f->out,
                           "gw-collectd 0.1.0: does not answer; the following is what it "
                           "said at 2026-11-23T07:14:00.000Z\n"));
    assert_non_null(strstr(f->out, "  store: 10 MiB of 1 GiB used"));
    assert_non_null(strstr(f->out, "gw-linkd 0.1.0, up 1 s: ok\n"));
    assert_string_equal(f->err, "gwctl: gw-collectd is not running (its control socket is not "
                                "there)\n");

    assert_int_equal(run(f, "status --json"), GW_EXIT_FAILED);
    assert_string_equal(
        f->out, "{\"collectd\":{\"answers\":false,\"error\":\"gw-collectd is not running "
                "(its control socket is not there)\",\"since\":"
                "\"2026-11-23T07:14:00.000Z\",\"snapshot\":" COLLECTD_STATUS
                "},\"linkd\":{\"answers\":true,\"snapshot\":" LINKD_STATUS "}}\n");
}

static void status_without_anything_says_so(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "status"), GW_EXIT_FAILED);
    assert_string_equal(f->out, "gateway GW-1 at dock\n"
                                "gw-collectd: does not answer and has left no snapshot\n"
                                "gw-linkd: does not answer and has left no snapshot\n");
    assert_int_equal(run(f, "status --json"), GW_EXIT_FAILED);
    assert_non_null(strstr(f->out, "\"snapshot\":null},\"linkd\":{"));
}

static void refusal_of_a_daemon_is_one_clear_sentence(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    say(f, GW_ERR_NOENT, "{\"error\":\"found number 9, allowed: 1 to 5\\n\"}");
    assert_int_equal(run(f, "quarantine show 9"), GW_EXIT_FAILED);
    assert_string_equal(f->out, "");
    assert_string_equal(f->err,
                        "gwctl: gw-collectd refuses (noent): found number 9, allowed: 1 "
                        "to 5\\x0a\n");
    f->script[0] = (struct answer){GW_ERR_FULL, "no JSON"};
    assert_int_equal(run(f, "quarantine show 9"), GW_EXIT_FAILED);
    assert_string_equal(f->err, "gwctl: gw-collectd refuses (full)\n");
    f->script[0] = (struct answer){GW_OK, "[]"};
    assert_int_equal(run(f, "quarantine show 9"), GW_EXIT_FAILED);
    assert_string_equal(f->err,
                        "gwctl: gw-collectd answers with something that is no JSON object\n");
}

static void quarantine_list_walks_all_pages(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    say(f, GW_OK,
        "{\"entries\":[{\"number\":3,\"time\":\"T\",\"reason\":\"bad\\u0007\",\"topic\":\"a/"
        "b\","
        "\"device\":\"d\",\"bytes\":5},{\"number\":4,\"time\":\"T\",\"reason\":\"r\",\"topic\":"
        "\"t\",\"device\":\"\",\"bytes\":6}],\"next\":9}");
    say(f, GW_OK,
        "{\"entries\":[{\"number\":9,\"time\":\"T\",\"reason\":\"r\",\"topic\":\"t\","
        "\"device\":\"d\",\"bytes\":7}],\"next\":0}");
    assert_int_equal(run(f, "quarantine list --from 2"), GW_EXIT_DONE);
    assert_string_equal(f->out, "       3  T  d  a/b  bad\\x07  5 B\n"
                                "       4  T  -  t  r  6 B\n"
                                "       9  T  d  t  r  7 B\n");
    assert_int_equal(f->asked, 2);
    assert_string_equal(f->bodies[0], "{\"from\":2,\"max\":50}");
    assert_string_equal(f->bodies[1], "{\"from\":9,\"max\":48}");
}

static void empty_lists_say_so(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK, "{\"entries\":[],\"next\":0}");
    assert_int_equal(run(f, "quarantine list"), GW_EXIT_DONE);
    assert_string_equal(f->out, "nothing in quarantine\n");
    assert_int_equal(run(f, "quarantine list --json"), GW_EXIT_DONE);
    assert_string_equal(f->out, "{\"entries\":[],\"next\":0}\n");
    f->script[0].body = "{\"entries\":[],\"next\":\"\"}";
    assert_int_equal(run(f, "dead-letter list"), GW_EXIT_DONE);
    assert_string_equal(f->out, "no dead letters\n");
    assert_int_equal(run(f, "dead-letter list --json"), GW_EXIT_DONE);
    assert_string_equal(f->out, "");
}

static void list_that_leads_back_ends(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK, "{\"entries\":[{\"number\":3}],\"next\":3,\"ignored\":1}");
    assert_int_equal(run(f, "quarantine list --from 3 --max 1000"), GW_EXIT_DONE);
    assert_int_equal(f->asked, 1);
    f->script[0].body = "{\"entries\":[{\"sequence\":1}],\"next\":\"x\"}";
    f->asked = 0;
    assert_int_equal(run(f, "dead-letter list --max 1000"), GW_EXIT_DONE);
    assert_int_equal(f->asked, 2);
}

static void quarantine_entry_is_shown_and_exported_byte_for_byte(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    say(f, GW_OK,
        "{\"number\":5,\"time\":\"T\",\"reason\":\"invalid JSON\",\"topic\":\"a\","
        "\"device\":\"d\",\"bytes\":9,\"raw\":\"AP9hCg==\"}");
    assert_int_equal(run(f, "quarantine show 5"), GW_EXIT_DONE);
    assert_string_equal(f->out,
                        "time     T\ndevice   d\ntopic    a\nreason   invalid JSON\n"
                        "bytes    9, of which 4 were kept\nraw      \\x00\\xffa\\x0a\n");
    assert_string_equal(f->bodies[0], "{\"number\":5}");

    char line[128];
    (void) snprintf(line, sizeof line, "quarantine export 5 --output %s", f->export);
    assert_int_equal(run(f, line), GW_EXIT_DONE);
    char content[16];
    struct gw_buf file;
    gw_buf_init(&file, content, sizeof content);
    assert_int_equal(gw_file_read(f->export, &file), GW_OK);
    assert_int_equal(file.len, 4);
    assert_memory_equal(file.data,
                        "\0\xff"
                        "a\n",
                        4);
    struct stat found;
    assert_int_equal(stat(f->export, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_string_equal(f->err, "gwctl: only the first 4 of 9 bytes were kept\n");
    assert_int_equal(run(f, line), GW_EXIT_FAILED); /* never over an existing file */

    f->script[0].body = "{\"number\":5,\"bytes\":4,\"raw\":\"A\"}";
    assert_int_equal(run(f, "quarantine export 5"), GW_EXIT_FAILED);
    assert_string_equal(f->out, "");
}

static void changes_name_who_asked_for_them(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK, "{\"number\":5,\"events\":1}");
    static const struct {
        const char *line;
        enum gw_ipc_verb verb;
        const char *body, *out;
    } cases[] = {
        {"quarantine drop 5", GW_IPC_QUARANTINE_DROP, "{\"number\":5}", "5 is dropped\n"},
        {"quarantine retry 5", GW_IPC_QUARANTINE_RETRY, "{\"number\":5}",
         "5 became 1 events\n"},
        {"dead-letter drop 0123456789abcdef0/audit/17 --sink s", GW_IPC_DEAD_LETTER_DROP,
         "{\"sink\":\"s\",\"epoch\":\"0123456789abcdef0\",\"class\":\"audit\",\"sequence\":17}",
         "0123456789abcdef0/audit/17 is dropped\n"},
        {"dead-letter retry 0123456789abcdef0/business/1", GW_IPC_DEAD_LETTER_RETRY,
         "{\"epoch\":\"0123456789abcdef0\",\"class\":\"business\",\"sequence\":1}",
         "0123456789abcdef0/business/1 will be sent again\n"},
        {"queue replay --class state --from 3 --to 9", GW_IPC_REPLAY,
         "{\"class\":\"state\",\"from\":3,\"to\":9}", NULL},
        {"queue salvage /tmp", GW_IPC_QUEUE_SALVAGE, "{\"path\":\"/tmp\"}", NULL},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        f->asked = 0;
        assert_int_equal(run(f, cases[i].line), GW_EXIT_DONE);
        assert_int_equal(f->verbs[0], cases[i].verb);
        assert_true(names_actor(f, 0));
        assert_string_equal(body_without_actor(f, 0), cases[i].body);
        if (cases[i].out) {
            assert_string_equal(f->out, cases[i].out);
        }
    }
}

static void wrong_names_are_usage_errors_and_ask_nobody(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK, "{}");
    static const char *const lines[] = {
        "quarantine show x",
        "quarantine show -1",
        "dead-letter show 17",
        "dead-letter show 0123456789abcdef0/cargo/17",
        "dead-letter show 0123456789abcdef0/audit/x",
        "dead-letter show 0123456789abcdef/audit/1",
        "dead-letter show 0123456789abcdef0/audit/1/2",
        "dead-letter retry",
        "dead-letter retry 0123456789abcdef0/audit/1 --all",
        "queue replay --class state --from 9 --to 3",
        "queue show cargo 1",
        "queue show audit 0",
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(lines); i++) {
        assert_int_equal(run(f, lines[i]), GW_EXIT_USAGE);
        assert_true(strlen(f->err) > 10);
        assert_string_equal(f->out, "");
    }
    assert_int_equal(f->asked, 0);
}

static void sink_name_that_does_not_fit_asks_nobody(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK, "{}");
    char *argv[] = {"gwctl",  "--config", f->config, "queue", "replay", "--class", "state",
                    "--from", "1",        "--to",    "2",     "--sink", NULL};
    static char sink[2000];
    memset(sink, 'a', sizeof sink - 1);
    argv[12] = sink;
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    f->is_serving = true;
    size_t len = 0;
    FILE *err = open_memstream(&f->err, &len);
    assert_int_equal(gw_gwctl_run(13, argv, err, err), GW_EXIT_FAILED);
    (void) fclose(err);
    assert_string_equal(f->err, "gwctl: an argument is too long\n");
    assert_int_equal(f->asked, 0);
}

#define LETTER(sequence, end)                                                                  \
    "{\"sink\":\"centre\",\"epoch\":\"0123456789abcdef0\",\"class\":\"business\","             \
    "\"sequence\":" sequence ",\"id\":\"i\",\"type\":\"ty\",\"time\":\"T\",\"code\":\"bad\","  \
    "\"detail\":\"why\"" end "}"

static void dead_letters_are_listed_by_the_name_the_other_verbs_take(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK, "{\"entries\":[" LETTER("1", "") "],\"next\":\"c\\\"1\"}");
    say(f, GW_OK, "{\"entries\":[" LETTER("2", "") "],\"next\":\"\"}");
    assert_int_equal(run(f, "dead-letter list --sink centre"), GW_EXIT_DONE);
    assert_string_equal(f->out, "0123456789abcdef0/business/1  centre  T  ty  bad  why\n"
                                "0123456789abcdef0/business/2  centre  T  ty  bad  why\n");
    assert_string_equal(f->bodies[0], "{\"sink\":\"centre\",\"max\":50}");
    assert_string_equal(f->bodies[1], "{\"sink\":\"centre\",\"from\":\"c\\\"1\",\"max\":50}");

    f->asked = 0;
    assert_int_equal(run(f, "dead-letter list --max 1 --json"), GW_EXIT_DONE);
    assert_string_equal(f->out, "{\"class\":\"business\",\"code\":\"bad\",\"detail\":\"why\","
                                "\"epoch\":\"0123456789abcdef0\",\"id\":\"i\",\"sequence\":1,"
                                "\"sink\":\"centre\",\"time\":\"T\",\"type\":\"ty\"}\n");
}

static void dead_letter_is_shown_with_its_event(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK, LETTER("1", ",\"event\":{\"id\":\"e\"}"));
    assert_int_equal(run(f, "dead-letter show 0123456789abcdef0/business/1"), GW_EXIT_DONE);
    assert_string_equal(f->out, "0123456789abcdef0/business/1  centre  T  ty  bad  why\n"
                                "{\"id\":\"e\"}\n");
    f->script[0].body = LETTER("1", ",\"event\":null");
    assert_int_equal(run(f, "dead-letter show 0123456789abcdef0/business/1"), GW_EXIT_DONE);
    assert_string_equal(f->out, "0123456789abcdef0/business/1  centre  T  ty  bad  why\n"
                                "its event is not stored any more\n");
}

static void all_dead_letters_are_exported_or_retried_one_by_one(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK, "{\"entries\":[" LETTER("1", "") "," LETTER("2", "") "],\"next\":\"\"}");
    say(f, GW_OK, LETTER("1", ",\"event\":null"));
    say(f, GW_OK, LETTER("2", ",\"event\":null"));
    assert_int_equal(run(f, "dead-letter export"), GW_EXIT_DONE);
    assert_string_equal(
        f->out, LETTER("1", ",\"event\":null") "\n" LETTER("2", ",\"event\":null") "\n");
    f->asked = 0;
    assert_int_equal(run(f, "dead-letter retry --all"), GW_EXIT_DONE);
    assert_string_equal(f->out, "2 of 2 dead letters will be sent again\n");
    assert_int_equal(f->verbs[2], GW_IPC_DEAD_LETTER_RETRY);
    f->asked = 0;
    f->script[2] = (struct answer){GW_ERR_FULL, "{\"error\":\"busy\"}"};
    assert_int_equal(run(f, "dead-letter retry --all"), GW_EXIT_FAILED);
    assert_string_equal(f->out, "1 of 2 dead letters will be sent again\n");
}

static void completeness_is_the_word_of_the_centre(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 1);
    say(f, GW_OK,
        "{\"sink\":\"centre\",\"asked\":\"T\",\"answer\":{\"epochs\":[{\"epoch\":\"E\","
        "\"verdict\":\"complete\",\"classes\":{\"business\":{\"head\":9,\"verdict\":"
        "\"complete\",\"missing\":[]}}}]}}");
    assert_int_equal(run(f, "completeness"), GW_EXIT_DONE);
    assert_string_equal(f->out, "the centre behind centre says at T:\nepoch E: complete\n"
                                "  business: complete, head 9\n");
    f->script[0].body =
        "{\"sink\":\"centre\",\"asked\":\"T\",\"answer\":{\"epochs\":[{\"epoch\":\"E\","
        "\"verdict\":\"missing\",\"classes\":{\"business\":{\"head\":9,\"verdict\":"
        "\"missing\",\"missing\":[[2,3],[5,5]],\"conflicts\":1}}}]}}";
    assert_int_equal(run(f, "completeness"), GW_EXIT_FAILED);
    assert_string_equal(f->out, "the centre behind centre says at T:\nepoch E: missing\n"
                                "  business: missing, head 9, 1 conflicts\n"
                                "    missing 2..3 5..5\n");
    f->script[0].body =
        "{\"sink\":\"centre\",\"asked\":\"T\",\"answer\":{\"epochs\":[{\"epoch\":"
        "\"E\",\"verdict\":\"tail_unknown\"}]}}";
    assert_int_equal(run(f, "completeness --json"), GW_EXIT_FAILED);
    assert_true(f->out[0] == '{');
    f->script[0].body = "{\"sink\":\"centre\"}";
    assert_int_equal(run(f, "completeness"), GW_EXIT_FAILED);
}

static void reload_reaches_both_daemons_even_if_one_refuses(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_ERR_SCHEMA, "{\"error\":\"store.size_mb: found number 0\"}");
    say(f, GW_OK, "{\"revision\":8,\"hash\":\"abc\",\"changed\":[]}");
    assert_int_equal(run(f, "config reload"), GW_EXIT_FAILED);
    assert_int_equal(f->asked, 2);
    assert_string_equal(f->out, "gw-linkd runs revision 8, sha256 abc\n");
    assert_non_null(strstr(f->err, "gw-collectd refuses (schema): store.size_mb"));
}

static void reload_names_the_buses_nobody_waited_for(void **state) {
    struct fixture *f = *state;
    start_daemon(f, 0);
    start_daemon(f, 1);
    say(f, GW_OK,
        "{\"revision\":8,\"hash\":\"abc\",\"changed\":[\"buses\"],"
        "\"stopping\":[\"plc1\",\"press\"]}");
    say(f, GW_OK, "{\"revision\":8,\"hash\":\"abc\",\"changed\":[]}");
    assert_int_equal(run(f, "config reload"), GW_EXIT_DONE);
    assert_string_equal(f->out,
                        "gw-collectd runs revision 8, sha256 abc\n"
                        "  bus plc1 is stopping; `gwctl status` shows when it is through\n"
                        "  bus press is stopping; `gwctl status` shows when it is through\n"
                        "gw-linkd runs revision 8, sha256 abc\n");
}

static void configuration_verbs_need_no_daemon(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "config check"), GW_EXIT_DONE);
    assert_non_null(strstr(f->out, "config.json is good: revision 0, sha256 "));
    assert_int_equal(run(f, "config check /nonexistent"), GW_EXIT_FAILED);
    assert_string_equal(f->err, "gwctl: /nonexistent has faults\n  /nonexistent: cannot be "
                                "read: noent\n");
    assert_int_equal(run(f, "config check " GW_SOURCE_DIR "/firmware/config/example.json"),
                     GW_EXIT_DONE);
    assert_int_equal(run(f, "config explain brokers.port"), GW_EXIT_DONE);
    assert_non_null(strstr(f->out, "default: 1883"));
    assert_int_equal(run(f, "config explain brokers.prot"), GW_EXIT_FAILED);
    assert_int_equal(run(f, "config schema"), GW_EXIT_DONE);
    assert_true(f->out[0] == '{');
    assert_int_equal(run(f, "config defaults"), GW_EXIT_DONE);
    char line[256];
    (void) snprintf(line, sizeof line, "config diff %s %s", f->config,
                    GW_SOURCE_DIR "/firmware/config/example.json");
    assert_int_equal(run(f, line), GW_EXIT_DONE);
    assert_string_equal(
        f->out, "gateway\npaths\nstore\nclasses\nbrokers\ndevices\nbuses\nsinks\nfeeds\n"
                "personal\n");
}

static void broken_configuration_is_told_once_with_its_faults(void **state) {
    struct fixture *f = *state;
    assert_int_equal(gw_file_replace_volatile(f->config, gw_bytes_from_str(GW_STR("{}")), 0600),
                     GW_OK);
    assert_int_equal(run(f, "quarantine list"), GW_EXIT_FAILED);
    assert_true(gw_str_starts_with(
        gw_str_from_cstr(f->err),
        GW_STR("gwctl: the configuration cannot be used\n  gateway.serial: found nothing")));
    assert_null(strstr(f->err, "cannot be asked"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(status_shows_both_daemons),
        TEST(status_of_a_silent_daemon_is_its_last_snapshot_with_its_time),
        TEST(status_without_anything_says_so),
        TEST(refusal_of_a_daemon_is_one_clear_sentence),
        TEST(quarantine_list_walks_all_pages),
        TEST(empty_lists_say_so),
        TEST(list_that_leads_back_ends),
        TEST(quarantine_entry_is_shown_and_exported_byte_for_byte),
        TEST(changes_name_who_asked_for_them),
        TEST(wrong_names_are_usage_errors_and_ask_nobody),
        TEST(sink_name_that_does_not_fit_asks_nobody),
        TEST(dead_letters_are_listed_by_the_name_the_other_verbs_take),
        TEST(dead_letter_is_shown_with_its_event),
        TEST(all_dead_letters_are_exported_or_retried_one_by_one),
        TEST(completeness_is_the_word_of_the_centre),
        TEST(reload_reaches_both_daemons_even_if_one_refuses),
        TEST(reload_names_the_buses_nobody_waited_for),
        TEST(configuration_verbs_need_no_daemon),
        TEST(broken_configuration_is_told_once_with_its_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
