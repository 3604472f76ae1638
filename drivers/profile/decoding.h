/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of this room share while one payload is taken apart. Of
 * this room only. */
#ifndef GW_PROFILE_DECODING_H
#define GW_PROFILE_DECODING_H

#include "drivers/profile/observe.h"

/* Longest texts of a payload that become members beside `raw`, as sent. */
#define GW_DECODING_TEXT_MAX_BYTES 128
/* Longest `raw` as a JSON string: what the other members may need stays free. */
#define GW_DECODING_RAW_MAX_BYTES (GW_EVENT_DATA_MAX_BYTES - 4096)

struct gw_decoding {
    const struct gw_observe_input *input;
    struct gw_str text; /* the payload without one trailing terminator, UTF-8 */
    struct gw_buf *storage;
    struct gw_buf *reason;
    /* filled by the decoder */
    enum gw_event_type type;
    int64_t time_wall_ms;
    struct gw_str device_event_id; /* unescaped, in `storage` */
    size_t data_from;              /* `data` is the storage from here on */
};

/* A member by pointer. `raw` is JSON text, empty if the pointer is empty, the
 * member is absent or null. */
struct gw_member {
    const char *pointer;
    struct gw_str raw;
};

/* Find the member; never fails. */
struct gw_member gw_decoding_find(const struct gw_decoding *decoding, const char *pointer);
/* Member that must be there and not null. SCHEMA with a reason. */
enum gw_err gw_decoding_require(struct gw_decoding *decoding, const char *pointer,
                                struct gw_member *ret_member);
/* Append the member's text (a string's content, or a number as written) to the
 * storage and view it. An absent member is the empty view. SCHEMA for other
 * kinds, for more than `max` bytes and for NUL, with a reason; FULL. */
enum gw_err gw_decoding_text(struct gw_decoding *decoding, const struct gw_member *member,
                             size_t max, struct gw_str *ret_text);
/* Device event id and time by the device's pointers, where it has them. */
enum gw_err gw_decoding_identity(struct gw_decoding *decoding);

/* `{"name":` or `,"name":` at the end of the storage; then the text as a JSON
 * string. Names come in sorted order. */
void gw_decoding_put_text(struct gw_decoding *decoding, const char *name, struct gw_str text);
/* The same, left out if the text is empty. */
void gw_decoding_put_optional(struct gw_decoding *decoding, const char *name,
                              struct gw_str text);
/* RANGE with a reason if `raw` would be too large as a JSON string. */
enum gw_err gw_decoding_check_raw(struct gw_decoding *decoding, struct gw_str raw);
/* Begin the data here. */
void gw_decoding_start_data(struct gw_decoding *decoding);

/* Append one line to the reason: "<what>: found <raw>, allowed: <allowed>",
 * with at most 64 bytes of `raw`. Returns SCHEMA. */
enum gw_err gw_decoding_refuse(struct gw_decoding *decoding, const char *what,
                               struct gw_str found, const char *allowed);

/* A payload by the input's profile (observe_profile.c). As gw_observe_payload. */
enum gw_err gw_observe_by_profile(struct gw_decoding *decoding,
                                  struct gw_observation *ret_observation);

/* The decoders (observe_scan.c, observe_weight.c, observe_sample.c). */
enum gw_err gw_decode_scan_text(struct gw_decoding *decoding);
enum gw_err gw_decode_scan_json(struct gw_decoding *decoding);
enum gw_err gw_decode_weight_text(struct gw_decoding *decoding);
enum gw_err gw_decode_weight_json(struct gw_decoding *decoding);
enum gw_err gw_decode_sample_text(struct gw_decoding *decoding);
enum gw_err gw_decode_sample_json(struct gw_decoding *decoding);

#endif
