/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/test_pki.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static enum gw_err run(char *const arguments[]) {
    pid_t child;
    int status;
    if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) != 0
        || waitpid(child, &status, 0) != child || !WIFEXITED(status)
        || WEXITSTATUS(status) != 0) {
        return GW_ERR_IO;
    }
    return GW_OK;
}

enum gw_err gw_test_pki_open(struct gw_test_pki *pki, const char *source_dir) {
    char script[512];
    memset(pki, 0, sizeof(*pki));
    (void) snprintf(pki->folder, sizeof(pki->folder), "/tmp/gw-test-XXXXXX");
    if (!mkdtemp(pki->folder)) {
        return GW_ERR_IO;
    }
    (void) snprintf(script, sizeof(script), "%s/tools/pki/make-test-pki", source_dir);
    return run((char *[]){"bash", script, pki->folder, "GW-TEST-1", NULL});
}

void gw_test_pki_close(struct gw_test_pki *pki) {
    enum gw_err err = run((char *[]){"rm", "-rf", pki->folder, NULL});
    if (err) {
        fprintf(stderr, "test_pki: %s is left behind\n", pki->folder);
    }
}

const char *gw_test_pki_path(struct gw_test_pki *pki, const char *name) {
    char *path = pki->path[pki->next++ % 8];
    /* A copy, since gcc 12 at -O2 believes that two members of pki overlap. */
    struct gw_test_pki copy = *pki;
    (void) snprintf(path, sizeof(pki->path[0]), "%s/%s", copy.folder, name);
    return path;
}
