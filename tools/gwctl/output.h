/* SPDX-License-Identifier: Apache-2.0 */
/* Where an export goes: --output or standard output. */
#ifndef GW_GWCTL_OUTPUT_H
#define GW_GWCTL_OUTPUT_H

#include <stdio.h>

#include "firmware/base/buf.h"

struct gw_gwctl;

/* Write `content` to the file of --output (made with mode 0600, an existing one
 * is not touched), else to standard output. False after a sentence on standard
 * error. Raw bytes do not go to a terminal. */
bool gw_gwctl_write_raw(struct gw_gwctl *ctl, struct gw_bytes content);

/* Stream of --output under the same rules, or ctl->out; NULL after a sentence. */
FILE *gw_gwctl_open_output(struct gw_gwctl *ctl);
/* Flush and, if it is a file of its own, close. False after a sentence. */
bool gw_gwctl_close_output(struct gw_gwctl *ctl, FILE *stream);

#endif
