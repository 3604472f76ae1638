/* SPDX-License-Identifier: Apache-2.0 */
/* The rows themselves. Private to this room. */
#ifndef GW_GS1_TABLE_H
#define GW_GS1_TABLE_H

#include "firmware/gs1/ai.h"

extern const struct gw_gs1_ai gw_gs1_table[];
extern const size_t gw_gs1_table_len;

#endif
