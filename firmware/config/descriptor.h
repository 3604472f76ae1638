/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key of the configuration is: one row per key, one table per object of
 * the document (config/table.c). Parsing, explain, schema, defaults and diff
 * walk the same rows, so a key cannot be parsed and not explained, or explained
 * and not checked. Rules that need several keys are functions in check.c.
 */
#ifndef GW_CONFIG_DESCRIPTOR_H
#define GW_CONFIG_DESCRIPTOR_H

#include "firmware/config/config.h"

enum gw_config_kind {
    GW_KIND_BOOL,
    GW_KIND_NUMBER,  /* whole number in [min, max] */
    GW_KIND_TEXT,    /* [min, max] bytes, fitting `rule` */
    GW_KIND_CHOICE,  /* one of `choices` */
    GW_KIND_TEXTS,   /* list of [min, max] texts fitting `rule` */
    GW_KIND_ADDRESS, /* Modbus address; the area is the member at `area_offset` */
    GW_KIND_GROUP,   /* object, `group` at `offset` */
    GW_KIND_LIST,    /* list of [min, max] objects, pointer at `offset` */
    GW_KIND_COUNT
};

/* Who decides the value: central IT's signed document, the person at the rack
 * (kept across revisions), or both (a local value wins and shows as drift). */
enum gw_config_scope { GW_SCOPE_CENTRAL, GW_SCOPE_LOCAL, GW_SCOPE_SHARED };

/* What has to start again before a changed value holds. */
enum gw_config_restart {
    GW_RESTART_NOTHING,
    GW_RESTART_BROKER,
    GW_RESTART_INGRESS,
    GW_RESTART_BUS,
    GW_RESTART_FEED,
    GW_RESTART_SINK,
    GW_RESTART_COLLECTD,
    GW_RESTART_LINKD,
    GW_RESTART_ALL,
    GW_RESTART_COUNT
};

struct gw_config_choice {
    const char *name;
    unsigned value;
};

/* A check of one text. */
struct gw_config_rule {
    bool (*fits)(struct gw_str text);
    const char *allowed; /* "letters, digits, '.', '_' and '-'" */
    const char *pattern; /* the same for the JSON Schema, NULL = cannot be said */
};

struct gw_config_row {
    const char *name;
    const char *help; /* one or two sentences */
    enum gw_config_kind kind;
    enum gw_config_scope scope;
    enum gw_config_restart restart;
    unsigned part;       /* enum gw_config_part, in the top table only */
    size_t offset;       /* of the member in its struct */
    size_t size;         /* of the member */
    size_t count_offset; /* LIST and TEXTS: of the size_t with the count */
    size_t area_offset;  /* ADDRESS: of the enum gw_modbus_area, whose row stands before */
    uint64_t min, max;
    const char *initial; /* default as text; NULL = must be given, or derived */
    const char *derived; /* how the default follows from other keys */
    const char *example; /* for a key that must be given */
    const struct gw_config_rule *rule;
    const struct gw_config_choice *choices;
    size_t choice_count;
    const struct gw_config_group *group;
};

/* An object of the document and the struct it becomes. */
struct gw_config_group {
    const struct gw_config_row *rows;
    size_t row_count;
    size_t bytes;
};

/* Longest entry of a TEXTS list. */
#define GW_TEXTS_ENTRY_MAX 256

/* Value of a CHOICE that was not given and follows from other keys. */
#define GW_CHOICE_NOT_GIVEN UINT32_MAX
/* Same for a NUMBER that may be 0, cut to the size of its member; others are 0 then. */
#define GW_NUMBER_NOT_GIVEN UINT64_MAX

/* The document itself. */
extern const struct gw_config_group gw_config_top;

/* "central", "local", "shared". Static storage. */
const char *gw_config_scope_name(enum gw_config_scope scope);
/* "nothing", "that sink", ...: completes "a change restarts: ". Static storage. */
const char *gw_config_restart_name(enum gw_config_restart restart);

/* "a whole number from 1 to 65535": what a row allows, appended to `buf`. */
void gw_config_put_allowed(const struct gw_config_row *row, struct gw_buf *buf);

/* gw_config_explain for the rows of any document. NOENT, FULL. */
enum gw_err gw_config_explain_in(const struct gw_config_group *top, struct gw_str key,
                                 struct gw_buf *buf);

/* Row of the name in a group, NULL if there is none. */
const struct gw_config_row *gw_config_find_row(const struct gw_config_group *group,
                                               struct gw_str name);

#endif
