/* SPDX-License-Identifier: Apache-2.0 */
/* Scans on a line and what they say. */
#ifndef GW_GWCTL_GS1_H
#define GW_GWCTL_GS1_H

#include <stdio.h>

#include "firmware/gs1/gs1.h"

struct gw_gwctl;

/* Longest line of input, and room for the answer to it. */
#define GW_GWCTL_GS1_LINE_BYTES 65536
#define GW_GWCTL_GS1_ANSWER_BYTES (4 * GW_GWCTL_GS1_LINE_BYTES)

/* Append the answer to one line, a JSON string, as one JSON object without line
 * end; see the help of `gwctl gs1 parse` for its members. `text` is working room
 * of GW_GWCTL_GS1_ANSWER_BYTES. PARSE: the line is no JSON string, which the
 * answer says too. */
enum gw_err gw_gwctl_gs1_answer(struct gw_str line, const struct gw_gs1_options *options,
                                struct gw_buf *text, struct gw_buf *answer);
/* The command with another input: one object on ctl->out for each line, the last with or
 * without its end; memory does not depend on the input. FAILED (gwctl.h) if a line was no
 * JSON string, or too long for one. */
int gw_gwctl_gs1_parse_stream(struct gw_gwctl *ctl, FILE *in);

#endif
