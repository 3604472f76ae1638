/* SPDX-License-Identifier: Apache-2.0 */
/* gw-collectd --config FILE
 *   exit codes: 0 orderly end, 1 could not start or had to stop, 2 wrong usage
 *   SIGTERM, SIGINT: orderly end; SIGHUP: reload the configuration */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "drivers/collectd/collectd.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

#define ROOM "collectd"
#define ERRORS_BYTES 65536

GW_DEFINE_CLEANUP(struct gw_collectd *, gw_collectd_close, closep)

enum { EXIT_USAGE = 2 };

static void on_signal(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_collectd *collectd = context;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t) sizeof info) {
        return;
    }
    if (info.ssi_signo != SIGHUP) {
        gw_log_info(ROOM, "ends on signal signal=%u", info.ssi_signo);
        gw_loop_stop(gw_collectd_loop(collectd));
        return;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf errors = {0};
    if (gw_buf_open(&errors, ERRORS_BYTES)) {
        return;
    }
    /* A rejected configuration is logged, and an issue. */
    (void) !gw_collectd_reload(collectd, &errors);
}

/* Blocked here, before any thread exists, and read from the descriptor. */
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

/* Each device is a descriptor: take as many as we may have. */
static void raise_limits(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int run(const char *config_path) {
    raise_limits();
    /* A broker's name that nobody resolves must not stop the loop for long. */
    (void) setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
    GW_CLEANUP(gw_closep) int signals = open_signals();
    GW_CLEANUP(gw_buf_close) struct gw_buf errors = {0};
    GW_CLEANUP(closep) struct gw_collectd *collectd = NULL;
    if (signals < 0 || gw_buf_open(&errors, ERRORS_BYTES)) {
        gw_log_error(ROOM, "cannot start: no signals or no memory");
        return EXIT_FAILURE;
    }
    struct gw_collectd_options options = {.config_path = config_path};
    enum gw_err err = gw_collectd_open(&options, &errors, &collectd);
    if (!err) {
        err = gw_loop_watch(gw_collectd_loop(collectd), signals, GW_LOOP_READ, on_signal,
                            collectd);
    }
    if (err) {
        (void) fwrite(errors.data, 1, errors.len, stderr);
        gw_log_error(ROOM, "cannot start: %s", gw_err_name(err));
        return EXIT_FAILURE;
    }
    return gw_collectd_run(collectd) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_usage(FILE *stream) {
    (void) fputs("usage: gw-collectd [--config FILE] [--debug] [--version] [--help]\n"
                 "  --config FILE  default /etc/gangway/config.json\n"
                 "  --debug        log more\n",
                 stream);
}

int main(int argc, char **argv) {
    static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                          {"debug", no_argument, NULL, 'd'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *config_path = "/etc/gangway/config.json";
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:dvh", table, NULL)) != -1) {
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case 'd':
            gw_log_set_level(GW_LOG_DEBUG);
            break;
        case 'v':
            (void) puts("gw-collectd " GW_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            print_usage(stdout);
            return EXIT_SUCCESS;
        default:
            print_usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return run(config_path);
}
