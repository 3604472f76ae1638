/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep_good CONFIG: for each line on standard input, does what gw-collectd does 30 s
 * after it took a configuration (gw_config_keep_good), and answers with the name of the
 * error. "ok" is a promise: that generation survives a power cut from now on. A power-cut
 * test cannot wait 30 s for each.
 */
#include <stdio.h>

#include "firmware/config/config.h"

int main(int argc, char **argv) {
    char line[64];
    if (argc != 2) {
        fputs("usage: keep_good CONFIG\n", stderr);
        return 2;
    }
    while (fgets(line, sizeof(line), stdin)) {
        printf("%s\n", gw_err_name(gw_config_keep_good(argv[1])));
        fflush(stdout);
    }
    return 0;
}
