/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: path, what was found, what is allowed. Inside the room. */
#ifndef GW_CONFIG_REPORT_H
#define GW_CONFIG_REPORT_H

#include "firmware/config/descriptor.h"
#include "firmware/json/json.h"

#define GW_CONFIG_PATH_BYTES 256

/* Where in the document we are, and what was wrong so far. */
struct gw_config_report {
    struct gw_buf *errors;
    unsigned findings;
    bool is_muted; /* findings follow from one that is reported already */
    struct gw_buf path;
    char path_storage[GW_CONFIG_PATH_BYTES];
};

/* Findings are appended to `errors`, which must outlive the report. */
void gw_config_report_init(struct gw_config_report *report, struct gw_buf *errors);

/* Go down to member `name` or list entry `index`; leave with the returned mark. */
size_t gw_config_enter(struct gw_config_report *report, struct gw_str name);
size_t gw_config_enter_index(struct gw_config_report *report, size_t index);
void gw_config_leave(struct gw_config_report *report, size_t mark);

/* "<path>: found <value>, allowed: <what the row allows>"; NULL = nothing. */
void gw_config_report_value(struct gw_config_report *report, const struct gw_config_row *row,
                            const struct gw_json *value);
/* "<path>: unknown key, nearest allowed key: ..." */
void gw_config_report_unknown(struct gw_config_report *report,
                              const struct gw_config_group *group);
/* "<path>: <sentence>". */
void gw_config_report_text(struct gw_config_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether something was said already of `member` of where we are, or of what is in it;
 * "" = of where we are itself. What was refused is empty because of that, and no rule may
 * take it for missing. True, too, once there are a thousand findings. */
bool gw_config_is_reported(const struct gw_config_report *report, const char *member);

#endif
