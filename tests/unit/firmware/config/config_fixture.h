/* SPDX-License-Identifier: Apache-2.0 */
/* Documents for the tests of firmware/config: a whole, small one, and changes
 * of single places in it. */
#ifndef GW_TESTS_CONFIG_FIXTURE_H
#define GW_TESTS_CONFIG_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "firmware/config/config.h"

#define SMALL_BROKER "{\"name\":\"b\",\"host\":\"127.0.0.1\",\"topics\":[\"floor/#\"]}"
#define SMALL_DEVICE "{\"id\":\"d\",\"kind\":\"scanner\",\"topic\":\"floor/d\"}"
#define SMALL_POINT "{\"name\":\"p\",\"area\":\"coil\",\"address\":0}"
#define SMALL_BUS "{\"name\":\"u\",\"host\":\"127.0.0.1\",\"points\":[" SMALL_POINT "]}"
#define SMALL_SINK                                                                             \
    "{\"name\":\"s\",\"url\":\"https://h/x\",\"ca_file\":\"/ca\",\"cert_file\":\"/c\","        \
    "\"key_file\":\"/k\"}"
#define SMALL_GATEWAY "\"gateway\":{\"serial\":\"GW-1\",\"site\":\"x\"}"
#define SMALL                                                                                  \
    "{" SMALL_GATEWAY ",\"store\":{\"size_mb\":64},\"classes\":{},\"brokers\":[" SMALL_BROKER  \
    "],\"devices\":[" SMALL_DEVICE "],\"buses\":[" SMALL_BUS "],\"sinks\":[" SMALL_SINK "]}"

/* What one attempt to parse gave. */
struct attempt {
    enum gw_err err;
    struct gw_config *config;
    struct gw_buf errors;
    char error_storage[16384];
};

static inline void attempt_text(struct attempt *attempt, const char *text) {
    attempt->config = NULL;
    gw_buf_init(&attempt->errors, attempt->error_storage, sizeof attempt->error_storage - 1);
    attempt->err = gw_config_parse(gw_str_from_cstr(text), &attempt->errors, &attempt->config);
    attempt->error_storage[attempt->errors.len] = '\0';
}

/* `text` with the first `old` replaced by `new`, parsed. */
static inline void attempt_changed(struct attempt *attempt, const char *text, const char *old,
                                   const char *new) {
    static char changed[65536];
    const char *at = strstr(text, old);
    if (!at) {
        attempt_text(attempt, "the test looks for something that is not there");
        return;
    }
    (void) snprintf(changed, sizeof changed, "%.*s%s%s", (int) (at - text), text, new,
                    at + strlen(old));
    attempt_text(attempt, changed);
}

static inline void attempt_done(struct attempt *attempt) {
    gw_config_close(attempt->config);
    attempt->config = NULL;
}

static inline unsigned count_lines(const char *text) {
    unsigned lines = 0;
    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

#endif
