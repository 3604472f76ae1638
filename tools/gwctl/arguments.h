/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: verbs, options and positions, from tables. */
#ifndef GW_GWCTL_ARGUMENTS_H
#define GW_GWCTL_ARGUMENTS_H

#include "firmware/base/buf.h"
#include "firmware/policy/flow_class.h"

#define GW_GWCTL_POSITIONS_MAX 16

struct gw_gwctl;

/* What was given. Texts are those of argv. */
struct gw_gwctl_arguments {
    const char *config_path;
    bool json;
    bool help;
    bool version;
    bool all;
    bool has_class;
    enum gw_flow_class class;
    bool has_from, has_to, has_max;
    uint64_t from, to, max;
    const char *sink;     /* NULL = not given */
    const char *epoch;    /* NULL = not given */
    const char *output;   /* NULL = standard output */
    const char *profiles; /* NULL = the installed ones */
    bool has_split;
    uint64_t split;
    bool timed;
    bool events;
    const char *aim; /* NULL = not given */
    bool across;
    const char *id, *expires; /* NULL = not given */
    const char *maps;         /* NULL = the installed ones */
    const char *prefix, *points;
    bool has_unit;
    uint64_t unit;
    const char *positions[GW_GWCTL_POSITIONS_MAX];
    size_t position_count;
};

/* One verb of the program. */
struct gw_gwctl_command {
    const char *group; /* "queue", "modbus map", or NULL for verbs of one word */
    const char *verb;
    int (*run)(struct gw_gwctl *ctl);
    const char *positions; /* "CLASS SEQUENCE" as in the usage line */
    size_t positions_min, positions_max;
    const char *options; /* names without dashes, one space between */
    const char *needs;   /* those of them that must be given */
    const char *help;
};

/* Row `index` of the table, NULL behind the last. */
const struct gw_gwctl_command *gw_gwctl_command_at(size_t index);

/* Find the command and fill *ret_arguments. On errors INVALID with a sentence
 * appended to `reason`. *ret_command is NULL for a bare --help, and `help` set
 * when a help text is wanted. */
enum gw_err gw_gwctl_parse_arguments(int argc, char **argv, struct gw_buf *reason,
                                     const struct gw_gwctl_command **ret_command,
                                     struct gw_gwctl_arguments *ret_arguments);

/* Usage of one command, or the list of all for NULL. */
void gw_gwctl_put_help(const struct gw_gwctl_command *command, struct gw_buf *buf);

#endif
