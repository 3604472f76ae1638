/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one JSON document per gateway -> one const struct.
 *
 * Every key is one row of a descriptor table (config/descriptor.h, rows in
 * config/table.c): name, kind, range, default, scope, what a change restarts,
 * help. Parsing, checking, `gwctl config explain`, the JSON Schema and the
 * sample file all come from those rows. Unknown keys are errors. Errors name
 * the path, what was found and what is allowed, and all of them are reported,
 * not only the first.
 *
 * Text members are NUL-terminated and live as long as the struct gw_config.
 */
#ifndef GW_CONFIG_CONFIG_H
#define GW_CONFIG_CONFIG_H

#include "firmware/base/buf.h"
#include "firmware/policy/flow_class.h"

#define GW_CONFIG_MAX_BYTES (1u << 20)

struct gw_config_gateway {
    const char *serial; /* [A-Za-z0-9-]{1,64}; also the client certificate's CN */
    const char *site;
    const char *owner;
    const char *zone; /* IANA zone of the site */
};

struct gw_config_paths {
    const char *collect_state; /* folder of collectd: <it>/queue is the store */
    const char *link_state;    /* folder of linkd: <it>/link, <it>/progress */
    const char *run;           /* sockets, doorbell, snapshots */
};

struct gw_config_store {
    uint64_t size_mb;
    uint32_t high_water_percent;
    uint32_t ring_percent;
    uint32_t ring_hours;
    uint32_t write_budget_mb_per_day; /* 0 = always wait the class's maximum */
    uint32_t quarantine_mb;
};

struct gw_config_class {
    uint32_t commit_wait_ms;
    uint32_t linger_ms;
    uint32_t link_floor_percent;
    enum gw_on_full on_full;
};

struct gw_config_broker {
    const char *name;
    const char *host;
    uint16_t port;
    const char *client_id; /* default: "gw-" + serial */
    const char *username;  /* empty = none */
    const char *password_file;
    const char *ca_file; /* empty = plain TCP, only for 127.0.0.1, ::1 and localhost */
    const char *cert_file, *key_file;
    uint32_t keepalive_s;
    uint32_t receive_maximum; /* in-flight window asked of the broker */
    const char **topics;      /* subscription filters */
    size_t topic_count;
    bool mqtt5;
    bool republish; /* what comes in by the front door is published here too */
};

/* Where devices connect to the gateway itself. */
struct gw_config_listener {
    const char *name;
    const char *address; /* IPv4 or IPv6, as text */
    uint16_t port;
    const char *cert_file, *key_file; /* empty = plain TCP */
    const char *ca_file; /* set: a client certificate from it is required, CN = device */
    bool plain_network;  /* plain TCP for other machines is meant */
};

struct gw_config_ingress {
    const struct gw_config_listener *listeners;
    size_t listener_count;
    uint32_t max_connections;
    uint32_t max_connections_per_device;
    uint16_t receive_maximum; /* messages a connection may have unacknowledged */
    uint32_t max_packet_kib;
};

enum gw_device_kind { GW_DEVICE_SCANNER, GW_DEVICE_SCALE, GW_DEVICE_PLC, GW_DEVICE_OTHER };
enum gw_payload_kind { GW_PAYLOAD_TEXT, GW_PAYLOAD_JSON };

/* A device that speaks MQTT, through a broker or to the front door. */
struct gw_config_device {
    const char *id; /* logical id, the `device` of its events */
    enum gw_device_kind kind;
    const char *topic;   /* filter with + and #; the front door knows gangway/<id>/# too */
    const char *profile; /* name, or path of a file; empty = payload and pointers below */
    enum gw_payload_kind payload;
    /* JSON pointers, empty = not there */
    const char *code_pointer, *symbology_pointer, *time_pointer, *event_id_pointer;
    const char *weight_pointer, *unit_pointer, *state_pointer;
    const char *stable_word; /* value of state_pointer that means stable */
    enum gw_flow_class class;
    uint32_t max_per_second; /* rate limit, 0 = none */
};

enum gw_modbus_area {
    GW_AREA_COIL,
    GW_AREA_DISCRETE_INPUT,
    GW_AREA_INPUT_REGISTER,
    GW_AREA_HOLDING_REGISTER
};
enum gw_point_type {
    GW_POINT_BOOL,
    GW_POINT_INT16,
    GW_POINT_UINT16,
    GW_POINT_INT32,
    GW_POINT_UINT32,
    GW_POINT_FLOAT32,
    GW_POINT_INT64,
    GW_POINT_UINT64,
    GW_POINT_FLOAT16,
    GW_POINT_FLOAT64,
    GW_POINT_BCD16,
    GW_POINT_BCD32,
    GW_POINT_STRING,
    GW_POINT_TYPE_COUNT
};
/* Where the bytes of a value are on the wire, A being the most significant. Of two
 * registers and of four (A to H):
 *
 *   ABCD  AB CD   AB CD EF GH   the words and the bytes as the standard says
 *   CDAB  CD AB   GH EF CD AB   words reversed
 *   BADC  BA DC   BA DC FE HG   the bytes of each word swapped
 *   DCBA  DC BA   HG FE DC BA   both
 *
 * and of four alone CDABGHEF (the words of each half swapped) and EFGHABCD (the
 * halves swapped). One register: BADC and DCBA swap its bytes. */
enum gw_word_order {
    GW_ORDER_ABCD,
    GW_ORDER_CDAB,
    GW_ORDER_BADC,
    GW_ORDER_DCBA,
    GW_ORDER_CDABGHEF,
    GW_ORDER_EFGHABCD,
    GW_ORDER_COUNT
};
/* gw_config_point.bit: the whole register, true unless 0. */
#define GW_POINT_ALL_BITS UINT8_MAX
/* Longest text of a point. */
#define GW_POINT_TEXT_MAX_BYTES 64
enum gw_point_report { GW_REPORT_SIGNAL, GW_REPORT_COUNTER, GW_REPORT_METRIC };

struct gw_config_point {
    const char *name;
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address; /* wire address */
    enum gw_point_type type;
    enum gw_word_order order;
    uint8_t bit;        /* of a bool in a register, 0 = least significant; GW_POINT_ALL_BITS */
    uint8_t length;     /* of a string, in characters of one byte */
    const char *scale;  /* exact decimal factor, "1" */
    const char *offset; /* exact decimal, added after the scale, "0" */
    const char *dead_band; /* decimal, "0"; "2%" = of the last reported value */
    const char *invalid;   /* bits that mean "no value": "0x8000,0xffff"; empty = none */
    uint32_t period_ms;
    uint32_t min_interval_ms;    /* between two reports, 0 = none */
    uint32_t max_silence_ms;     /* 0 = only on change */
    enum gw_point_report report; /* which event type it becomes */
    enum gw_flow_class class;
};

enum gw_bus_transport { GW_BUS_TCP, GW_BUS_RTU, GW_BUS_RTU_OVER_TCP };
enum gw_bus_parity { GW_BUS_PARITY_NONE, GW_BUS_PARITY_EVEN, GW_BUS_PARITY_ODD };

/* One thing that commands may write, and which values. */
struct gw_config_write {
    const char *name; /* what a command calls it; the device of its results is "<bus>.<name>" */
    uint8_t unit_id;
    enum gw_modbus_area area; /* coil or holding register */
    uint16_t address;         /* wire address */
    enum gw_point_type type;
    enum gw_word_order order;
    const char *scale;
    const char *min, *max; /* decimal, after scaling; empty = the values alone count */
    const char **values;   /* decimal */
    size_t value_count;
    uint32_t min_interval_ms;
    bool multiple;  /* always by function 15 or 16 */
    bool read_back; /* the value can be read where it was written */
};

/* Points of a bus that together are a scale. */
struct gw_config_scale {
    const char *id;            /* logical id, the `device` of its weights */
    const char *profile;       /* name, or path of a file; decode "modbus" */
    const char *points_prefix; /* before the names of points that the profile has */
    enum gw_flow_class class;
};

struct gw_config_bus {
    const char *name; /* the device id of its events is "<bus>.<point>" */
    enum gw_bus_transport transport;
    const char *host; /* of TCP and RTU over TCP, else empty */
    uint16_t port;    /* the same, else 0 */
    const char *line; /* path of a serial line for RTU, else empty */
    uint32_t baud;    /* and what follows: of RTU, else 0 */
    enum gw_bus_parity parity;
    uint32_t stop_bits;
    bool echo;         /* the adapter hears what it sends */
    uint32_t pause_ms; /* before each request */
    uint32_t timeout_ms;
    uint32_t max_gap;            /* registers a block read may bridge */
    uint32_t max_registers;      /* of one request */
    uint32_t dead_share_percent; /* of the bus time that units may cost that do not answer */
    const struct gw_config_point *points;
    size_t point_count;
    const struct gw_config_write *writes;
    size_t write_count;
    const struct gw_config_scale *scales;
    size_t scale_count;
};

/* A scanner or scale that speaks bytes: on a serial line, as a keyboard, over TCP. */
enum gw_feed_transport {
    GW_FEED_SERIAL,
    GW_FEED_HID,        /* USB keyboard */
    GW_FEED_TCP_CLIENT, /* we connect to the device */
    GW_FEED_TCP_SERVER, /* the device connects to us */
};
enum gw_feed_line {
    GW_FEED_LINE_PROFILE,
    GW_FEED_LINE_8N1,
    GW_FEED_LINE_8E1,
    GW_FEED_LINE_8O1,
    GW_FEED_LINE_8N2,
    GW_FEED_LINE_7N1,
    GW_FEED_LINE_7E1,
    GW_FEED_LINE_7O1,
    GW_FEED_LINE_7N2,
    GW_FEED_LINE_7E2,
    GW_FEED_LINE_7O2,
};
enum gw_feed_flow {
    GW_FEED_FLOW_PROFILE,
    GW_FEED_FLOW_NONE,
    GW_FEED_FLOW_RTS_CTS,
    GW_FEED_FLOW_XON_XOFF
};

#define GW_CONFIG_FEED_COMMANDS_MAX 8

struct gw_config_feed {
    const char *id;      /* logical id, the `device` of its events */
    const char *profile; /* name, or path of a file */
    enum gw_feed_transport transport;
    /* which device: a path, or what its USB socket or adapter says; empty = any */
    const char *path, *usb_path, *usb_serial, *usb_product, *usb_name;
    uint32_t baud; /* 0 = as the profile says */
    enum gw_feed_line line;
    enum gw_feed_flow flow;
    const char *address; /* of the device, or to listen on */
    uint16_t port;
    const char **peers; /* who may connect; none = everybody */
    size_t peer_count;
    const char **commands; /* of its profile, which may be sent; none = nothing is */
    size_t command_count;
    enum gw_flow_class class;
    uint32_t max_per_second;       /* observations, 0 = no limit */
    uint32_t max_bytes_per_second; /* 0 = no limit */
};

/* Codes that name a person are kept as keyed hashes only. */
struct gw_config_personal_rule {
    const char *name;
    const char *pattern;  /* see firmware/personal/pattern.h */
    const char **devices; /* none = every device */
    size_t device_count;
};

struct gw_config_personal {
    const struct gw_config_personal_rule *rules;
    size_t rule_count;
    uint32_t rotate_days; /* a new key after this long, 0 = never */
};

struct gw_config_sink {
    const char *name;
    const char *url; /* https://host[:port]/base */
    bool required;
    bool compress; /* zstd request bodies */
    const char *ca_file, *cert_file, *key_file;
    const char *token_file; /* bearer token beside mTLS, empty = none */
    const char *proxy;      /* http://host:port asked to CONNECT, empty = none */
    const char *pin;        /* SHA-256 of the server's public key (SPKI) in hex, empty = none */
    uint32_t batch_events;  /* at rest */
    uint32_t batch_events_max; /* while draining */
    uint32_t batch_kib, batch_kib_max;
    uint32_t request_timeout_ms;
    uint32_t first_jitter_ms;       /* full jitter of the first attempt after a long outage */
    uint32_t retry_max_ms;          /* longest wait between attempts while it fails */
    uint32_t max_events_per_second; /* token bucket on the drain, 0 = none */
    uint32_t no_progress_s;         /* new connection, then exit, after this long */
    uint32_t dead_letters_per_hour; /* more stop the sink */
};

struct gw_config {
    struct gw_config_gateway gateway;
    struct gw_config_paths paths;
    struct gw_config_store store;
    struct gw_config_class classes[GW_CLASS_COUNT];
    struct gw_config_ingress ingress;
    const struct gw_config_broker *brokers;
    size_t broker_count;
    const struct gw_config_device *devices;
    size_t device_count;
    const struct gw_config_bus *buses;
    size_t bus_count;
    const struct gw_config_feed *feeds;
    size_t feed_count;
    struct gw_config_personal personal;
    const struct gw_config_sink *sinks;
    size_t sink_count;
    uint64_t revision; /* "revision" of the document, 0 if absent */
    char hash[65];     /* SHA-256 of the exact bytes, hex */
};

/* Parse and check `text`. On errors: SCHEMA or PARSE, and one line per finding
 * appended to `errors` ("devices[2].topic: found number 5, allowed: text of 1
 * to 256 bytes"). One heap block, freed by gw_config_close. */
enum gw_err gw_config_parse(struct gw_str text, struct gw_buf *errors,
                            struct gw_config **ret_config);
/* Read the file, then gw_config_parse. NOENT, DENIED too (named in errors). */
enum gw_err gw_config_load(const char *path, struct gw_buf *errors,
                           struct gw_config **ret_config);
/* Free it with everything its members point to. NULL is allowed. */
void gw_config_close(struct gw_config *config);

/* Help for one key ("devices.topic") or all when `key` is empty. NOENT, FULL. */
enum gw_err gw_config_explain(struct gw_str key, struct gw_buf *buf);
/* JSON Schema (2020-12) of the document. FULL. */
enum gw_err gw_config_schema(struct gw_buf *buf);
/* A document with every default written out. FULL. */
enum gw_err gw_config_defaults(struct gw_buf *buf);

/* Which parts differ: what a reload has to restart. */
enum gw_config_part {
    GW_PART_GATEWAY = 1,
    GW_PART_PATHS = 2,
    GW_PART_STORE = 4,
    GW_PART_CLASSES = 8,
    GW_PART_BROKERS = 16,
    GW_PART_DEVICES = 32,
    GW_PART_BUSES = 64,
    GW_PART_SINKS = 128,
    GW_PART_INGRESS = 256,
    GW_PART_FEEDS = 512,
    GW_PART_PERSONAL = 1024,
    GW_PART_END = 2048,
};
/* Key of the one part in the document ("brokers"). Static storage. */
const char *gw_config_part_name(unsigned part);
/* Set of enum gw_config_part; the revision and the hash are no part. */
unsigned gw_config_diff(const struct gw_config *a, const struct gw_config *b);

/* SHA-256 over every value of the bus and its points: the same for two documents that
 * say the same of it, whatever else they say. */
void gw_config_bus_fingerprint(const struct gw_config_bus *bus, uint8_t ret_digest[static 32]);
/* The same over every value of a feed. */
void gw_config_feed_fingerprint(const struct gw_config_feed *feed,
                                uint8_t ret_digest[static 32]);

/* Generations: <folder>/config.json is the current one, config.last-good.json
 * the newest one that ran. Load current, else last good with the errors of the
 * current one in `errors` and *ret_fell_back set. */
enum gw_err gw_config_load_generation(const char *path, struct gw_buf *errors,
                                      struct gw_config **ret_config, bool *ret_fell_back);
/* The running document was good: keep its bytes as the last good generation
 * (no write if it is the same already). */
enum gw_err gw_config_keep_good(const char *path);

#endif
