/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a JSON object, one after another. The names come in the order in which
 * they shall stand. Of this room only. */
#ifndef GW_PROFILE_FEED_MEMBERS_H
#define GW_PROFILE_FEED_MEMBERS_H

#include "drivers/profile/feed.h"

struct gw_members {
    struct gw_buf *buf;
    bool has_any;
};

/* `{"name":` or `,"name":`; the value is the caller's. */
void gw_members_put_name(struct gw_members *members, const char *name);
/* UTF-8 without NUL; left out if empty. */
void gw_members_put_text(struct gw_members *members, const char *name, struct gw_str text);
void gw_members_put_number(struct gw_members *members, const char *name, uint64_t number);
/* "remarks":["repeated",...], left out if there are none. */
void gw_members_put_remarks(struct gw_members *members, unsigned remarks);

/* What a device sent, whatever bytes it is made of: verbatim if it is UTF-8 without
 * NUL, else escaped as feed.h says. Left out if empty. */
void gw_members_put_sent(struct gw_members *members, const char *name, struct gw_str text);
/* "<name>":"escaped" if gw_members_put_sent had to. */
void gw_members_put_encoding(struct gw_members *members, const char *name, struct gw_str text);
/* Both, one behind the other. */
void gw_members_put_both(struct gw_members *members, const char *name, const char *encoding,
                         struct gw_str text);

/* ---- scans as GS1 (feed_gs1.c) ---- */

struct gw_gs1_scan;

/* Read the scan of an item as GS1, as its profile says. The text that is read is put
 * at the end of `buf`, where it must stay as long as `ret_scan` is used. False if it
 * makes no claim to be GS1 (then `buf` is as before), or there is no room. */
bool gw_feed_read_gs1(const struct gw_observed_item *item, struct gw_buf *buf,
                      struct gw_gs1_scan *ret_scan);
/* "digitallink", left out if there is none. */
void gw_feed_put_link(struct gw_members *members, const struct gw_gs1_scan *scan);
/* "gs1":{"elements":[{"ai","value"}],"kind","notes","ok","reason","why"}. */
void gw_feed_put_gs1(struct gw_members *members, const struct gw_gs1_scan *scan);

#endif
