/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/descriptor.h"

#include "firmware/base/cleanup.h"

const char *gw_config_scope_name(enum gw_config_scope scope) {
    static const char *const names[] = {
        [GW_SCOPE_CENTRAL] = "central",
        [GW_SCOPE_LOCAL] = "local",
        [GW_SCOPE_SHARED] = "shared",
    };
    return names[scope];
}

const char *gw_config_restart_name(enum gw_config_restart restart) {
    static const char *const names[GW_RESTART_COUNT] = {
        [GW_RESTART_NOTHING] = "nothing",
        [GW_RESTART_BROKER] = "the connection to that broker",
        [GW_RESTART_INGRESS] = "the front door: devices connect again",
        [GW_RESTART_BUS] = "the polling of that bus",
        [GW_RESTART_FEED] = "that feed",
        [GW_RESTART_SINK] = "that sink",
        [GW_RESTART_COLLECTD] = "gw-collectd",
        [GW_RESTART_LINKD] = "gw-linkd",
        [GW_RESTART_ALL] = "gw-collectd and gw-linkd",
    };
    return names[restart];
}

const struct gw_config_row *gw_config_find_row(const struct gw_config_group *group,
                                               struct gw_str name) {
    for (size_t i = 0; i < group->row_count; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(group->rows[i].name))) {
            return &group->rows[i];
        }
    }
    return NULL;
}

static void put_range(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_u64(buf, row->min);
    if (row->max != row->min) {
        (void) gw_buf_put_str(buf, GW_STR(" to "));
        (void) gw_buf_put_u64(buf, row->max);
    }
}

static void put_number(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("a whole number from "));
    put_range(buf, row);
}

static void put_text(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("text of "));
    put_range(buf, row);
    (void) gw_buf_printf(buf, " bytes, %s", row->rule->allowed);
}

static void put_texts(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("a list of "));
    put_range(buf, row);
    (void) gw_buf_printf(buf, " different texts of 1 to %u bytes, each %s",
                         (unsigned) GW_TEXTS_ENTRY_MAX, row->rule->allowed);
}

static void put_choice(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, row->choice_count > 1 ? GW_STR("one of ") : GW_STR("only "));
    for (size_t i = 0; i < row->choice_count; i++) {
        (void) gw_buf_printf(buf, "%s\"%s\"", i == 0 ? "" : ", ", row->choices[i].name);
    }
}

static void put_list(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("a list of "));
    put_range(buf, row);
    (void) gw_buf_put_str(buf, GW_STR(" objects"));
}

static void put_bool(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) row;
    (void) gw_buf_put_str(buf, GW_STR("true or false"));
}

static void put_address(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) row;
    (void) gw_buf_put_str(buf, GW_STR("a wire address from 0 to 65535, or text such as "
                                      "\"40001\" whose first digit agrees with the area"));
}

static void put_group(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) row;
    (void) gw_buf_put_str(buf, GW_STR("an object"));
}

void gw_config_put_allowed(const struct gw_config_row *row, struct gw_buf *buf) {
    static void (*const put[GW_KIND_COUNT])(struct gw_buf *, const struct gw_config_row *) = {
        [GW_KIND_BOOL] = put_bool,   [GW_KIND_NUMBER] = put_number,
        [GW_KIND_TEXT] = put_text,   [GW_KIND_CHOICE] = put_choice,
        [GW_KIND_TEXTS] = put_texts, [GW_KIND_ADDRESS] = put_address,
        [GW_KIND_GROUP] = put_group, [GW_KIND_LIST] = put_list,
    };
    put[row->kind](buf, row);
}
