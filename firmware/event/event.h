/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical event: what happened on the floor, once, for ever.
 *
 * Three shapes of the same thing:
 *   draft   what a source submits (views into the source's storage)
 *   record  the stored facts: fixed header + strings + data (event/record.h)
 *   text    the CloudEvents form a sink sends (event/render.h), a pure function
 *           of record and context
 *
 * `data` is always a JSON object in canonical form: members sorted by name,
 * no white space, no numbers but integers within +-(2^53-1); decimal values
 * are strings. That makes the digest checkable by anybody (event/digest.h).
 */
#ifndef GW_EVENT_EVENT_H
#define GW_EVENT_EVENT_H

#include "firmware/base/clock.h"
#include "firmware/policy/flow_class.h"

/* Hard cap of a rendered event (CloudEvents 1.0, size limits: 64 KiB) and of
 * the parts, so that the sum always fits. */
#define GW_EVENT_MAX_BYTES 65536
#define GW_EVENT_DATA_MAX_BYTES 60000
#define GW_EVENT_NAME_MAX_BYTES 128 /* device, partition key, correlation id */
#define GW_EVENT_SUBJECT_MAX_BYTES 512
#define GW_EVENT_ORIGIN_MAX_BYTES 32
/* Most events of one message of a device, which are stored together. */
#define GW_EVENT_TOGETHER_MAX 64

/* Stored on disk: never renumber, never reuse. Names in event_type.c. */
enum gw_event_type {
    GW_EVENT_TOMBSTONE = 0, /* gateway.tombstone: stands for a range, see record.h */
    GW_EVENT_SCAN_OBSERVED = 1,
    GW_EVENT_WEIGHT_MEASURED = 2,
    GW_EVENT_PLC_SIGNAL_CHANGED = 3,
    GW_EVENT_PLC_COUNTED = 4,
    GW_EVENT_METRIC_SAMPLED = 5,
    GW_EVENT_DEVICE_CONDITION = 32,
    GW_EVENT_GATEWAY_HEARTBEAT = 48,
    GW_EVENT_GATEWAY_STARTED = 49,
    GW_EVENT_GATEWAY_CLOCK_CORRECTED = 50,
    GW_EVENT_CAPTURE_REFUSED = 51,
    GW_EVENT_AUDIT_RECORDED = 52,
    GW_EVENT_COMMAND_RESULT = 53,
};

struct gw_event_type_info {
    enum gw_event_type type;
    const char *name;   /* "io.gangway.scan.observed.v1" */
    const char *schema; /* absolute URI with MAJOR.MINOR.PATCH */
    enum gw_flow_class default_class;
};

/* Description of a type, NULL if the number is unknown. Static storage. */
const struct gw_event_type_info *gw_event_type_find(enum gw_event_type type);
/* By full CloudEvents type name. NOENT. */
enum gw_err gw_event_type_parse(struct gw_str name, enum gw_event_type *ret_type);
/* Entry `index` of the table, NULL behind the last: for listings and tests. */
const struct gw_event_type_info *gw_event_type_at(size_t index);

enum gw_event_flags {
    GW_EVENT_POSSIBLE_DUPLICATE = 1, /* redelivered, first copy not provable */
    GW_EVENT_TEST = 2,               /* probe of the gateway itself */
    GW_EVENT_RETAINED = 4,           /* a retained MQTT message: old by nature */
};

/* 66 random bits drawn when a queue store is created. */
struct gw_epoch {
    uint8_t high; /* the upper 2 bits of the 66, value 0..3 */
    uint64_t low; /* the lower 64 bits */
};
#define GW_EPOCH_TEXT_LEN 17 /* hexadecimal digits, lower case */

/* True if all 66 bits are the same. */
bool gw_epoch_eq(struct gw_epoch a, struct gw_epoch b);
/* A new one, from the kernel's random numbers. */
struct gw_epoch gw_epoch_draw(void);
/* GW_EPOCH_TEXT_LEN digits and a NUL. */
void gw_epoch_format(struct gw_epoch epoch, char dst[static GW_EPOCH_TEXT_LEN + 1]);
/* Exactly GW_EPOCH_TEXT_LEN digits, the first 0 to 3. PARSE. */
enum gw_err gw_epoch_parse(struct gw_str text, struct gw_epoch *ret_epoch);

/* RFC 9562 UUID version 8, our layout (bit 0 = most significant):
 *   custom_a 48 bits  sequence
 *   ver       4 bits  8
 *   custom_b 12 bits  flow class (8), epoch bits 65..62 (4)
 *   var       2 bits  10
 *   custom_c 62 bits  epoch bits 61..0
 */
struct gw_event_id {
    uint8_t bytes[16];
};
#define GW_EVENT_ID_TEXT_LEN 36
#define GW_SEQUENCE_MAX ((UINT64_C(1) << 48) - 1)

/* Put together; a sequence above GW_SEQUENCE_MAX loses its upper bits. */
struct gw_event_id gw_event_id_make(enum gw_flow_class class, uint64_t sequence,
                                    struct gw_epoch epoch);
/* Take apart; CORRUPT if version, variant or class is not ours. */
enum gw_err gw_event_id_split(struct gw_event_id id, enum gw_flow_class *ret_class,
                              uint64_t *ret_sequence, struct gw_epoch *ret_epoch);
/* Canonical 8-4-4-4-12 text, GW_EVENT_ID_TEXT_LEN characters and a NUL. */
void gw_event_id_format(struct gw_event_id id, char dst[static GW_EVENT_ID_TEXT_LEN + 1]);
/* Any UUID in canonical form; gw_event_id_split says whether it is ours. PARSE. */
enum gw_err gw_event_id_parse(struct gw_str text, struct gw_event_id *ret_id);

struct gw_trace {
    uint8_t trace_id[16]; /* W3C trace context; all zero = draw one at append */
    uint8_t span_id[8];
};

/* What a source submits. Views must stay valid during the submit call only. */
struct gw_event_draft {
    enum gw_event_type type;
    enum gw_flow_class class;
    unsigned flags;               /* enum gw_event_flags */
    int64_t time_wall_ms;         /* when it happened */
    int64_t expiry_wall_ms;       /* 0 = none; telemetry only */
    struct gw_str device;         /* logical device id, [A-Za-z0-9._-]{1,128} */
    struct gw_str subject;        /* GS1 Digital Link of the object, or empty */
    struct gw_str partition_key;  /* empty = device */
    struct gw_str correlation_id; /* empty = none */
    struct gw_str data;           /* canonical JSON object, see above */
    struct gw_bytes origin;       /* the source's own key for redeliveries, or empty */
    struct gw_trace trace;
    /* Of a scan, what was read, where raw in the data has more around it (a prefix, a
     * suffix, substitutes); empty = raw. For firmware/personal; never stored. */
    struct gw_str code;
};

/* Check lengths, type, class, flags, times, device characters, UTF-8 without
 * control characters, expiry only on telemetry, and that `data` is a JSON object
 * in canonical form (gw_json_check with GW_JSON_CANONICAL).
 * RANGE, SCHEMA, PARSE. */
enum gw_err gw_event_validate_draft(const struct gw_event_draft *draft);

/* Facts common to many events; interned in the store as a context record. */
struct gw_event_context {
    struct gw_epoch epoch;
    struct gw_str serial; /* gateway serial, [A-Za-z0-9-]{1,64} */
    struct gw_str site;
    struct gw_str owner; /* empty = none */
    struct gw_str zone;  /* IANA name of the site's zone */
    uint8_t boot_id[16];
};

#endif
