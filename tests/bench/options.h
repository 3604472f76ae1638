/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines of the programs here as a table, one row an option:
 *
 *     static const struct gw_option_row rows[] = {
 *         {"port", GW_OPTION_NUMBER, offsetof(struct options, port), 65535, "[1883]"},
 *         {"again", GW_OPTION_FLAG, offsetof(struct options, again), 0, "do it again"},
 *     };
 *
 * The field of a text is a `const char *`, of a number a uint64_t, of a flag a bool.
 */
#ifndef GW_TESTS_BENCH_OPTIONS_H
#define GW_TESTS_BENCH_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/str.h"

#define GW_OPTION_ROWS_MAX 32

enum gw_option_type { GW_OPTION_TEXT, GW_OPTION_NUMBER, GW_OPTION_FLAG };

struct gw_option_row {
    const char *name;
    enum gw_option_type type;
    size_t offset; /* of the field in the struct of the program */
    uint64_t max;  /* of a number */
    const char *help;
};

static inline bool gw_option_set(const struct gw_option_row *row, const char *text,
                                 void *options) {
    char *field = (char *) options + row->offset;
    const bool yes = true;
    uint64_t number = 0;
    switch (row->type) {
    case GW_OPTION_TEXT:
        memcpy(field, &text, sizeof text);
        return true;
    case GW_OPTION_FLAG:
        memcpy(field, &yes, sizeof yes);
        return true;
    default:
        if (gw_str_to_u64(gw_str_from_cstr(text), row->max, &number) != GW_OK) {
            return false;
        }
        memcpy(field, &number, sizeof number);
        return true;
    }
}

/* Fill in what the command line says; what it does not name stays. False for an unknown
 * option, a number that is none or too large, and for a word that is no option. At most
 * GW_OPTION_ROWS_MAX rows. */
static inline bool gw_options_parse(const struct gw_option_row *rows, size_t count, int argc,
                                    char **argv, void *options) {
    struct option longs[GW_OPTION_ROWS_MAX + 1] = {0};
    for (size_t i = 0; i < count && i < GW_OPTION_ROWS_MAX; i++) {
        int argument = rows[i].type == GW_OPTION_FLAG ? no_argument : required_argument;
        longs[i] = (struct option){rows[i].name, argument, NULL, (int) i};
    }
    int chosen = 0;
    while ((chosen = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (chosen >= (int) count || !gw_option_set(&rows[chosen], optarg, options)) {
            return false;
        }
    }
    return optind == argc;
}

/* What is wrong and what there is, on standard error. */
static inline void gw_options_complain(const char *program, const struct gw_option_row *rows,
                                       size_t count) {
    fprintf(stderr, "%s: bad option\noptions:\n", program);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "  --%-16s %s\n", rows[i].name, rows[i].help);
    }
}

#endif
