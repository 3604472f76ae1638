/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON values to struct members, row by row. Inside the room. */
#ifndef GW_CONFIG_READ_H
#define GW_CONFIG_READ_H

#include "firmware/base/arena.h"
#include "firmware/config/report.h"

struct gw_config_reading {
    struct gw_config_report report;
    struct gw_arena lists; /* arrays of structs and of text pointers */
    struct gw_buf texts;   /* NUL-terminated texts */
};

/* Bytes of `lists` that `object` of `group` needs below itself. */
size_t gw_config_list_bytes(const struct gw_config_group *group, const struct gw_json *object);
/* Fill the zeroed struct at `base`; object NULL = every default. Findings go to
 * the report; members with findings are left zero, texts "". */
void gw_config_read_group(struct gw_config_reading *reading,
                          const struct gw_config_group *group, const struct gw_json *object,
                          void *base);
/* Copy of `text` with a NUL that lives as long as the configuration; "" when
 * the storage is used up, which its size excludes. */
const char *gw_config_keep_text(struct gw_config_reading *reading, struct gw_str text);

#endif
