/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scan.observed event says of a scan, as canonical JSON (sorted members, no
 * white space, integers only).
 *
 *   "digitallink":"https://id.gs1.org/01/09521234543213/10/ABC?17=251231"
 *   "gs1":{"elements":[{"ai":"01","value":"09521234543213"},...],
 *          "kind":"element_string","ok":true}
 *   "gs1":{"elements":[...],"kind":"element_string","ok":false,
 *          "why":{"ai":"10","at":22,"code":"bad_character","text":"(10) holds ..."}}
 *
 * `gs1` is there for every scan that claims to be GS1, right or not; an ordinary
 * code has neither member. `elements` are those of gw_gs1_scan, in the order of the
 * scan; `kind` and `code` are the names of gs1.h; `ai` is left out if no AI is
 * concerned. `at` counts bytes of AIM identifier and code, without prefix, with one
 * byte for each separator. `notes`, names in a list, stands behind `kind` where there
 * are any. Bytes of a value that are no UTF-8 are U+FFFD here, and as they came in
 * `raw`.
 *
 * From a device profile: the code without prefix and suffix, group separators put
 * back, with stated_aim if it came with an AIM identifier. gs1 "by_aim" needs nothing
 * else (no_aim if there is no identifier), "always" has assumed_aim "]C1", "never" is
 * not parsed at all. Scans of labels with several symbols (pallets) want
 * GW_GS1_ACROSS_SCANS.
 *
 * Made for an event: subject, gw_gs1_put_digital_link with GW_GS1_LINK_IDENTITY (the
 * same text for every symbol on the object); partition key, gw_gs1_value_of("00") if
 * it is there; the event's dataschema is scan.observed 1.1.0, since members are only
 * added to 1.0.0.
 */
#ifndef GW_GS1_EVENT_H
#define GW_GS1_EVENT_H

#include "firmware/gs1/gs1.h"

/* Append the members above, each with a comma behind it, nothing for an ordinary
 * code. In sorted order they stand between "deviceeventid" and "raw". FULL, buf
 * as before: an event without them is still an event. */
enum gw_err gw_gs1_put_event_members(const struct gw_gs1_scan *scan, struct gw_buf *buf);

/* Value of the first element with this AI ("00", "3103"), empty if there is none or
 * the scan is not valid. Lives as long as the scan and its text. */
struct gw_str gw_gs1_value_of(const struct gw_gs1_scan *scan, struct gw_str ai);

/* Append any bytes as a JSON string with its quotes; what is no UTF-8 becomes
 * U+FFFD, byte by byte. True if it fitted. */
bool gw_gs1_put_json_text(struct gw_buf *buf, struct gw_str text);

#endif
