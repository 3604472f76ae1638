/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Member names of the objects that are open while a text is scanned, so that a
 * repeated one is found without allocating. Private to this room.
 *
 * The names of one object stand together, in order, on top of those of the
 * objects around it: opening an object remembers the height, closing it falls
 * back to that height. Adding a name is one comparison if names come in order
 * and a binary search if not, so a hostile object costs no more than a plain
 * one times the logarithm of its size; there is no hash to attack.
 */
#ifndef GW_JSON_NAMES_H
#define GW_JSON_NAMES_H

#include "firmware/base/str.h"

/* Of all open objects together; one object is limited by GW_JSON_MEMBERS_MAX. */
#define GW_JSON_NAMES_MAX 2048

struct gw_json_name {
    uint64_t key; /* gw_json_text_key, compared first */
    uint32_t offset;
    uint32_t len;
};

/* Set `text`, `end` and `count` = 0; the entries need no initialising. */
struct gw_json_names {
    const char *text; /* where the offsets point into */
    const char *end;  /* of the text */
    uint32_t count;
    struct gw_json_name entries[GW_JSON_NAMES_MAX];
};

/* Add the name to the object that was opened at height `base`. DUPLICATE, FULL. */
enum gw_err gw_json_names_add(struct gw_json_names *names, uint32_t base, struct gw_str inner,
                              bool escaped);

#endif
