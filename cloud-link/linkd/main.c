/* SPDX-License-Identifier: Apache-2.0 */
/* gw-linkd: arguments, signals, and nothing else. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cloud-link/linkd/linkd.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

#define DEFAULT_CONFIG "/etc/gangway/config.json"
#define ERRORS_BYTES 16384
#define EXIT_USAGE 2

static const char usage[] = "usage: gw-linkd [--config FILE]\n"
                            "Sends what gw-collectd has stored to the configured sinks.\n"
                            "  --config FILE  configuration, default " DEFAULT_CONFIG "\n"
                            "  --debug        log more\n"
                            "  --version      print the version\n";

struct arguments {
    const char *config_path;
    int exit_code; /* -1 = go on */
};

static struct arguments parse(int count, char **values) {
    struct arguments arguments = {DEFAULT_CONFIG, -1};
    for (int i = 1; i < count; i++) {
        if (strcmp(values[i], "--config") == 0 && i + 1 < count) {
            arguments.config_path = values[++i];
        } else if (strcmp(values[i], "--debug") == 0) {
            gw_log_set_level(GW_LOG_DEBUG);
        } else if (strcmp(values[i], "--version") == 0) {
            (void) printf("gw-linkd %s\n", GW_VERSION);
            arguments.exit_code = 0;
        } else {
            (void) fputs(usage, stderr);
            arguments.exit_code = EXIT_USAGE;
            break;
        }
    }
    return arguments;
}

static void log_errors(const struct gw_buf *errors) {
    struct gw_str rest = gw_buf_str(errors);
    struct gw_str line;
    while (gw_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            gw_log_error("linkd", "%.*s", GW_STR_ARG(line));
        }
    }
}

static void reload(struct gw_linkd *linkd) {
    char storage[ERRORS_BYTES];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof(storage));
    enum gw_err err = gw_linkd_reload(linkd, &errors);
    if (err) {
        log_errors(&errors);
    }
}

static void on_signal(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_linkd *linkd = context;
    struct signalfd_siginfo signal_info;
    if (read(fd, &signal_info, sizeof(signal_info)) != (ssize_t) sizeof(signal_info)) {
        return;
    }
    if (signal_info.ssi_signo == SIGHUP) {
        reload(linkd);
    } else {
        gw_loop_stop(gw_linkd_loop(linkd));
    }
}

/* Blocked before any thread exists, so that the resolver's threads inherit it. */
static int open_signals(void) {
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int count, char **values) {
    char storage[ERRORS_BYTES];
    struct gw_buf errors;
    struct gw_linkd *linkd = NULL;
    struct arguments arguments = parse(count, values);
    if (arguments.exit_code >= 0) {
        return arguments.exit_code;
    }
    GW_CLEANUP(gw_closep) int signals = open_signals();
    if (signals < 0) {
        gw_log_error("linkd", "signals cannot be watched: %s", strerror(errno));
        return 1;
    }
    gw_buf_init(&errors, storage, sizeof(storage));
    struct gw_linkd_options options = {.config_path = arguments.config_path};
    enum gw_err err = gw_linkd_open(&options, &errors, &linkd);
    if (!err) {
        err = gw_loop_watch(gw_linkd_loop(linkd), signals, GW_LOOP_READ, on_signal, linkd);
    }
    if (err) {
        log_errors(&errors);
        gw_log_error("linkd", "cannot start: %s", gw_err_name(err));
        gw_linkd_close(linkd);
        return 1;
    }
    int exit_code = gw_linkd_run(linkd);
    gw_linkd_close(linkd);
    return exit_code;
}
