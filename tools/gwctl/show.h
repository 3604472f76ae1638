/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and foreign text for people. */
#ifndef GW_GWCTL_SHOW_H
#define GW_GWCTL_SHOW_H

#include <stdio.h>

#include "firmware/json/json.h"

/* `text` on one line, safe for a terminal: control characters and bytes that are
 * not UTF-8 are shown as \xNN, a backslash as \\. */
void gw_gwctl_show_text(FILE *out, struct gw_str text);
/* Lines of our own making, each indented by two. */
void gw_gwctl_show_lines(FILE *out, struct gw_str lines);

/* "850 ms", "12 s", "3 min 20 s", "5 h 3 min", "12 d 4 h". */
bool gw_gwctl_put_duration(struct gw_buf *buf, int64_t ms);
/* "512 B", "1.5 KiB", "20 MiB", cut, not rounded. */
bool gw_gwctl_put_bytes(struct gw_buf *buf, uint64_t bytes);

/* Members of an answer as they are shown: "" or 0 when absent or of another
 * kind, since an older or newer daemon may not have them. */
struct gw_str gw_gwctl_text_of(const struct gw_json *object, const char *name);
uint64_t gw_gwctl_number_of(const struct gw_json *object, const char *name);

#endif
