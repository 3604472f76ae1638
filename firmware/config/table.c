/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the document. A row reads: kind(struct, member, limits, ...),
 * then scope, what restarts, default or derivation, and the help a person reads
 * in `gwctl config explain`.
 */
#include "firmware/base/cleanup.h"
#include "firmware/config/rule.h"

/* clang-format off */
#define MEMBER(type, member) .name = #member, .offset = offsetof(type, member), \
    .size = sizeof(((type *) 0)->member)
#define BOOL(type, member) MEMBER(type, member), .kind = GW_KIND_BOOL
#define NUMBER(type, member, lowest, highest) MEMBER(type, member), .kind = GW_KIND_NUMBER, \
    .min = (lowest), .max = (highest)
#define TEXT(type, member, shortest, longest, its_rule) MEMBER(type, member), \
    .kind = GW_KIND_TEXT, .min = (shortest), .max = (longest), .rule = &(its_rule)
#define CHOICE(type, member, names) MEMBER(type, member), .kind = GW_KIND_CHOICE, \
    .choices = (names), .choice_count = GW_ARRAY_LEN(names)
#define TEXTS(type, member, counter, fewest, most, its_rule) MEMBER(type, member), \
    .kind = GW_KIND_TEXTS, .count_offset = offsetof(type, counter), .min = (fewest), \
    .max = (most), .rule = &(its_rule)
#define LIST(type, member, counter, fewest, most, its_group) MEMBER(type, member), \
    .kind = GW_KIND_LIST, .count_offset = offsetof(type, counter), .min = (fewest), \
    .max = (most), .group = &(its_group)
#define GROUP(type, member, its_group) MEMBER(type, member), .kind = GW_KIND_GROUP, \
    .group = &(its_group)
#define CENTRAL .scope = GW_SCOPE_CENTRAL
#define LOCAL .scope = GW_SCOPE_LOCAL
#define SHARED .scope = GW_SCOPE_SHARED
#define RESTARTS(what) .restart = GW_RESTART_##what
#define GROUP_OF(table, type) {table, GW_ARRAY_LEN(table), sizeof(type)}
/* clang-format on */

/* ---- gateway ---- */

#define G struct gw_config_gateway
static const struct gw_config_row gateway_rows[] = {
    {TEXT(G, serial, 1, 64, gw_rule_serial), LOCAL, RESTARTS(ALL), .example = "GW-0001",
     .help = "Serial of this gateway: the common name of its client certificate and part of "
             "the source of every event. Another serial starts a new store."},
    {TEXT(G, site, 1, 128, gw_rule_utf8), CENTRAL, RESTARTS(NOTHING), .example = "site-1",
     .help = "Name or code of the site, carried by every event from then on."},
    {TEXT(G, owner, 0, 128, gw_rule_utf8), CENTRAL, RESTARTS(NOTHING), .initial = "",
     .help = "Whose goods these are, where one site serves several owners."},
    {TEXT(G, zone, 1, 64, gw_rule_zone), CENTRAL, RESTARTS(NOTHING), .initial = "UTC",
     .help = "Time zone of the site. Events carry it with the offset at capture; their own "
             "times are UTC."},
};
static const struct gw_config_group gateway_group = GROUP_OF(gateway_rows, G);

/* ---- paths ---- */

#define P struct gw_config_paths
static const struct gw_config_row paths_rows[] = {
    {TEXT(P, collect_state, 2, 200, gw_rule_folder), LOCAL, RESTARTS(ALL),
     .initial = "/var/lib/gangway/collectd",
     .help = "Folder of gw-collectd; the queue store is the folder queue in it."},
    {TEXT(P, link_state, 2, 200, gw_rule_folder), LOCAL, RESTARTS(ALL),
     .initial = "/var/lib/gangway/linkd",
     .help = "Folder of gw-linkd: its own store and the file in which it publishes what the "
             "centre has acknowledged."},
    /* A socket's path has 108 bytes: room for "/collectd/control.sock.new". */
    {TEXT(P, run, 2, 80, gw_rule_folder), LOCAL, RESTARTS(ALL), .initial = "/run/gangway",
     .help = "Folder of the sockets, the doorbell and the status snapshots."},
};
static const struct gw_config_group paths_group = GROUP_OF(paths_rows, P);

/* ---- store ---- */

#define S struct gw_config_store
static const struct gw_config_row store_rows[] = {
    {NUMBER(S, size_mb, 4, 1048576), LOCAL, RESTARTS(COLLECTD), .initial = "1024",
     .help = "Size of the queue store in MiB, taken from the disk when the store is made. A "
             "million scans take about 700."},
    {NUMBER(S, high_water_percent, 50, 95), CENTRAL, RESTARTS(COLLECTD), .initial = "85",
     .help = "Above this fill the store yields: first what is kept after acknowledgement, "
             "then the oldest telemetry and state, then business events are refused."},
    {NUMBER(S, ring_percent, 0, 80), CENTRAL, RESTARTS(COLLECTD), .initial = "20",
     .help = "Share of the store that may hold acknowledged events for a replay."},
    {NUMBER(S, ring_hours, 0, 8760), CENTRAL, RESTARTS(COLLECTD), .initial = "24",
     .help = "Acknowledged events are kept for a replay this long at most."},
    {NUMBER(S, write_budget_mb_per_day, 0, 4194304), SHARED, RESTARTS(COLLECTD),
     .initial = "8192",
     .help = "MiB a day that may be written to flash for early commits. 0 = never early: "
             "each commit waits for commit_wait_ms of its class."},
    {NUMBER(S, quarantine_mb, 1, 1024), CENTRAL, RESTARTS(COLLECTD), .initial = "16",
     .help = "MiB for raw bytes that could not be decoded; the oldest make room."},
};
static const struct gw_config_group store_group = GROUP_OF(store_rows, S);

/* ---- classes ---- */

#define C struct gw_config_class
static const struct gw_config_choice only_refuse[] = {{"refuse", GW_ON_FULL_REFUSE}};
static const struct gw_config_choice only_evict[] = {{"evict", GW_ON_FULL_EVICT}};

/* The defaults are those of gw_flow_class_defaults; a test compares them. */
#define CLASS_ROWS(commit_wait, linger, floor, names, on_full_name)                            \
    {                                                                                          \
        {NUMBER(C, commit_wait_ms, 0, 60000), CENTRAL, RESTARTS(COLLECTD),                     \
         .initial = commit_wait,                                                               \
         .help = "Longest time in ms an event waits for others to share its flash write."},    \
            {NUMBER(C, linger_ms, 0, 3600000), CENTRAL, RESTARTS(LINKD), .initial = linger,    \
             .help = "Longest time in ms a request waits for more events while another "       \
                     "request of "                                                             \
                     "the class is under way."},                                               \
            {NUMBER(C, link_floor_percent, 0, 100), CENTRAL, RESTARTS(LINKD),                  \
             .initial = floor,                                                                 \
             .help = "Share of the link the class gets even when others have a backlog."},     \
        {                                                                                      \
            CHOICE(C, on_full, names), CENTRAL, RESTARTS(COLLECTD),                            \
                .initial = on_full_name,                                                       \
                .help = "What happens when the store is full. Business and audit events are "  \
                        "never "                                                               \
                        "evicted, state and telemetry never refused."                          \
        }                                                                                      \
    }

static const struct gw_config_row business_rows[] =
    CLASS_ROWS("10", "20", "50", only_refuse, "refuse");
static const struct gw_config_row state_rows[] =
    CLASS_ROWS("100", "500", "10", only_evict, "evict");
static const struct gw_config_row telemetry_rows[] =
    CLASS_ROWS("2000", "30000", "10", only_evict, "evict");
static const struct gw_config_row audit_rows[] =
    CLASS_ROWS("10", "5000", "5", only_refuse, "refuse");
static const struct gw_config_group business_group = GROUP_OF(business_rows, C);
static const struct gw_config_group state_group = GROUP_OF(state_rows, C);
static const struct gw_config_group telemetry_group = GROUP_OF(telemetry_rows, C);
static const struct gw_config_group audit_group = GROUP_OF(audit_rows, C);

#define CLASS(class_name, class_index, its_group)                                              \
    {                                                                                          \
        .name = class_name, .kind = GW_KIND_GROUP, .offset = (class_index) * sizeof(C),        \
        .size = sizeof(C), .group = &(its_group), CENTRAL, RESTARTS(COLLECTD),                 \
        .help = "Flow class " class_name "."                                                   \
    }
static const struct gw_config_row classes_rows[] = {
    CLASS("business", GW_CLASS_BUSINESS, business_group),
    CLASS("state", GW_CLASS_STATE, state_group),
    CLASS("telemetry", GW_CLASS_TELEMETRY, telemetry_group),
    CLASS("audit", GW_CLASS_AUDIT, audit_group),
};
static const struct gw_config_group classes_group = {classes_rows, GW_ARRAY_LEN(classes_rows),
                                                     sizeof(C[GW_CLASS_COUNT])};

/* ---- brokers ---- */

#define B struct gw_config_broker
static const struct gw_config_row broker_rows[] = {
    {TEXT(B, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(BROKER), .example = "floor",
     .help = "Name of the broker in status, issues and logs."},
    {TEXT(B, host, 1, 253, gw_rule_host), LOCAL, RESTARTS(BROKER), .example = "127.0.0.1",
     .help = "Where the broker is."},
    {NUMBER(B, port, 1, 65535), LOCAL, RESTARTS(BROKER), .initial = "1883",
     .help = "TCP port of the broker; TLS brokers usually have 8883."},
    {TEXT(B, client_id, 1, 128, gw_rule_name), CENTRAL, RESTARTS(BROKER),
     .derived = "\"gw-\" and the serial of the gateway",
     .help = "MQTT client id. The broker keeps the session under it: another id loses what "
             "waits in the old session."},
    {TEXT(B, username, 0, 128, gw_rule_utf8), SHARED, RESTARTS(BROKER), .initial = "",
     .help = "User name at the broker, empty for none."},
    {TEXT(B, password_file, 0, 255, gw_rule_optional_file), SHARED, RESTARTS(BROKER),
     .initial = "", .help = "File that holds the password and nothing else."},
    {TEXT(B, ca_file, 0, 255, gw_rule_optional_file), SHARED, RESTARTS(BROKER), .initial = "",
     .help = "CA certificates the broker's certificate must come from. Empty = plain TCP, "
             "which is allowed on this machine only."},
    {TEXT(B, cert_file, 0, 255, gw_rule_optional_file), SHARED, RESTARTS(BROKER), .initial = "",
     .help = "Client certificate for the broker, if it asks for one."},
    {TEXT(B, key_file, 0, 255, gw_rule_optional_file), SHARED, RESTARTS(BROKER), .initial = "",
     .help = "Key of cert_file."},
    {NUMBER(B, keepalive_s, 5, 3600), CENTRAL, RESTARTS(BROKER), .initial = "30",
     .help = "A broker that is silent for about this many seconds counts as gone."},
    {NUMBER(B, receive_maximum, 1, 65535), CENTRAL, RESTARTS(BROKER), .initial = "5000",
     .help = "Messages the broker may have under way to us: the largest group one flash "
             "write can serve (MQTT 5; with MQTT 3.1.1 the broker's own setting holds)."},
    {TEXTS(B, topics, topic_count, 1, 64, gw_rule_topic_filter), SHARED, RESTARTS(BROKER),
     .example = "floor/#", .help = "Topic filters to subscribe to, with QoS 1."},
    {BOOL(B, mqtt5), CENTRAL, RESTARTS(BROKER), .initial = "true",
     .help = "Speak MQTT 5; false = MQTT 3.1.1."},
    {BOOL(B, republish), CENTRAL, RESTARTS(BROKER), .initial = "false",
     .help =
         "Publish here what devices send to the front door, on the same topics with QoS 0, for "
         "flows that exist. Needs mqtt5, so that it does not come back to us."},
};
static const struct gw_config_group broker_group = GROUP_OF(broker_rows, B);

/* ---- the front door ---- */

#define L struct gw_config_listener
static const struct gw_config_row listener_rows[] = {
    {TEXT(L, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(INGRESS), .example = "floor",
     .help = "Name of the listener in status, issues and logs."},
    {TEXT(L, address, 2, 45, gw_rule_address), LOCAL, RESTARTS(INGRESS), .initial = "127.0.0.1",
     .help = "Address to listen on; 0.0.0.0 or :: for all of them."},
    {NUMBER(L, port, 1, 65535), LOCAL, RESTARTS(INGRESS), .initial = "8883",
     .help = "TCP port: 8883 with TLS, 1883 without. A Mosquitto on the same box needs another "
             "one."},
    {TEXT(L, cert_file, 0, 255, gw_rule_optional_file), LOCAL, RESTARTS(INGRESS), .initial = "",
     .help = "Certificate shown to devices, then its issuers. Empty = plain TCP."},
    {TEXT(L, key_file, 0, 255, gw_rule_optional_file), LOCAL, RESTARTS(INGRESS), .initial = "",
     .help = "Key of cert_file."},
    {TEXT(L, ca_file, 0, 255, gw_rule_optional_file), SHARED, RESTARTS(INGRESS), .initial = "",
     .help = "When given, devices must show a certificate from this CA whose common name is "
             "their id. Empty = user name (the id) and the secret of `gwctl device add`."},
    {BOOL(L, plain_network), SHARED, RESTARTS(INGRESS), .initial = "false",
     .help = "Plain TCP for devices on the network, which can be read and forged there: for a "
             "separate network of devices that cannot do TLS."},
};
static const struct gw_config_group listener_group = GROUP_OF(listener_rows, L);

#define I struct gw_config_ingress
static const struct gw_config_row ingress_rows[] = {
    {LIST(I, listeners, listener_count, 0, 8, listener_group), CENTRAL, RESTARTS(INGRESS),
     .help = "Where devices connect to the gateway itself: their PUBACK means on flash."},
    {NUMBER(I, max_connections, 1, 20000), CENTRAL, RESTARTS(INGRESS), .initial = "1000",
     .help = "Connections at once; each takes about 16 KiB, with TLS about 60."},
    {NUMBER(I, max_connections_per_device, 1, 20000), CENTRAL, RESTARTS(INGRESS),
     .initial = "4",
     .help = "Connections of one device at once, each with a client id of its "
             "own."},
    {NUMBER(I, receive_maximum, 1, 4096), CENTRAL, RESTARTS(INGRESS), .initial = "512",
     .help = "Messages a connection may have under way before the first is on flash."},
    {NUMBER(I, max_packet_kib, 4, 65536), CENTRAL, RESTARTS(INGRESS), .initial = "1024",
     .help = "Larger packets end the connection. What is above 64 KiB of payload and below "
             "this goes into the quarantine, its first 64 KiB kept."},
};
static const struct gw_config_group ingress_group = GROUP_OF(ingress_rows, I);

/* ---- devices ---- */

#define D struct gw_config_device
static const struct gw_config_choice device_kinds[] = {
    {"scanner", GW_DEVICE_SCANNER},
    {"scale", GW_DEVICE_SCALE},
    {"plc", GW_DEVICE_PLC},
    {"other", GW_DEVICE_OTHER},
};
static const struct gw_config_choice payload_kinds[] = {
    {"text", GW_PAYLOAD_TEXT},
    {"json", GW_PAYLOAD_JSON},
};
/* Audit events are made by the gateway alone. */
static const struct gw_config_choice source_classes[] = {
    {"business", GW_CLASS_BUSINESS},
    {"state", GW_CLASS_STATE},
    {"telemetry", GW_CLASS_TELEMETRY},
};
#define POINTER(member, text)                                                                  \
    {                                                                                          \
        TEXT(D, member, 0, 255, gw_rule_pointer), CENTRAL, RESTARTS(NOTHING), .initial = "",   \
                                                                              .help = text     \
    }
static const struct gw_config_row device_rows[] = {
    {TEXT(D, id, 1, 128, gw_rule_name), CENTRAL, RESTARTS(NOTHING), .example = "scanner-1",
     .help = "Logical name of the device: it stays when the device is replaced."},
    {CHOICE(D, kind, device_kinds), CENTRAL, RESTARTS(NOTHING), .example = "scanner",
     .help = "What the device is; decides which events its messages become."},
    {TEXT(D, topic, 1, 256, gw_rule_topic_filter), SHARED, RESTARTS(NOTHING),
     .example = "floor/scanner-1",
     .help = "Topic filter of its messages. Behind a broker, where several devices match, the "
             "first one in the list has the message; at the front door a device may publish "
             "to this and below gangway/<id>/."},
    {TEXT(D, profile, 0, 255, gw_rule_utf8), CENTRAL, RESTARTS(NOTHING), .initial = "",
     .help = "What its messages mean: name of a device profile, or the path of a file of your "
             "own; `gwctl profile list` names those that come with the program. Empty = as "
             "payload and the pointers say."},
    {CHOICE(D, payload, payload_kinds), CENTRAL, RESTARTS(NOTHING), .initial = "text",
     .help = "text: the whole payload is the reading; json: the pointers say where it is."},
    POINTER(code_pointer, "Where the scanned code is, for example /data/scan_code."),
    POINTER(symbology_pointer, "Where the name of the bar code symbology is."),
    POINTER(time_pointer, "Where the device says when it happened (RFC 3339 text). Without "
                          "it, the time of arrival counts."),
    POINTER(event_id_pointer, "Where the device's own id of the reading is; repeated ids are "
                              "stored once."),
    POINTER(weight_pointer, "Where the weight or value is."),
    POINTER(unit_pointer, "Where the unit is."),
    POINTER(state_pointer, "Where the state of the scale is. Without it every weight counts "
                           "as stable."),
    {TEXT(D, stable_word, 0, 64, gw_rule_utf8), CENTRAL, RESTARTS(NOTHING), .initial = "",
     .help = "The value at state_pointer that means stable, for example S or true. Empty = "
             "stable."},
    {CHOICE(D, class, source_classes), CENTRAL, RESTARTS(NOTHING),
     .derived = "business for a scanner or scale, else telemetry",
     .help = "Flow class of its events."},
    {NUMBER(D, max_per_second, 0, 100000), CENTRAL, RESTARTS(NOTHING), .initial = "0",
     .help = "Messages a second that are taken from the device; more are held back. 0 = no "
             "limit."},
};
static const struct gw_config_group device_group = GROUP_OF(device_rows, D);

/* ---- buses ---- */

#define T struct gw_config_point
static const struct gw_config_choice areas[] = {
    {"coil", GW_AREA_COIL},
    {"discrete_input", GW_AREA_DISCRETE_INPUT},
    {"input_register", GW_AREA_INPUT_REGISTER},
    {"holding_register", GW_AREA_HOLDING_REGISTER},
};
static const struct gw_config_choice point_types[] = {
    {"bool", GW_POINT_BOOL},       {"int16", GW_POINT_INT16},     {"uint16", GW_POINT_UINT16},
    {"int32", GW_POINT_INT32},     {"uint32", GW_POINT_UINT32},   {"int64", GW_POINT_INT64},
    {"uint64", GW_POINT_UINT64},   {"float16", GW_POINT_FLOAT16}, {"float32", GW_POINT_FLOAT32},
    {"float64", GW_POINT_FLOAT64}, {"bcd16", GW_POINT_BCD16},     {"bcd32", GW_POINT_BCD32},
    {"string", GW_POINT_STRING},
};
static const struct gw_config_choice word_orders[] = {
    {"ABCD", GW_ORDER_ABCD}, {"CDAB", GW_ORDER_CDAB},         {"BADC", GW_ORDER_BADC},
    {"DCBA", GW_ORDER_DCBA}, {"CDABGHEF", GW_ORDER_CDABGHEF}, {"EFGHABCD", GW_ORDER_EFGHABCD},
};
static const struct gw_config_choice reports[] = {
    {"signal", GW_REPORT_SIGNAL},
    {"counter", GW_REPORT_COUNTER},
    {"metric", GW_REPORT_METRIC},
};
static const struct gw_config_row point_rows[] = {
    {TEXT(T, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(BUS), .example = "gate",
     .help = "Name of the point; its events come from the device <bus>.<point>."},
    {NUMBER(T, unit_id, 0, 255), LOCAL, RESTARTS(BUS), .initial = "1",
     .help = "Modbus unit behind the address of the bus."},
    {CHOICE(T, area, areas), LOCAL, RESTARTS(BUS), .example = "coil",
     .help = "Which of the four areas the point is in."},
    {MEMBER(T, address), .kind = GW_KIND_ADDRESS, .area_offset = offsetof(T, area), LOCAL,
     RESTARTS(BUS), .example = "0",
     .help = "Number = address on the wire, from 0. Text = number in the PLC's manual: "
             "\"40001\" is holding register 0, \"30001\" input register 0, \"10001\" discrete "
             "input 0, \"00001\" coil 0; six digits reach all 65,536."},
    {CHOICE(T, type, point_types), LOCAL, RESTARTS(BUS),
     .derived = "bool for coils, discrete inputs and where bit is given, else uint16",
     .help = "How the bits are read. 32-bit types take two registers, 64-bit types four. bcd16 "
             "and bcd32: four and eight decimal digits of four bits. string: two characters in "
             "each register, see length. What is no number (NaN, infinity, a digit above 9, "
             "unprintable text) is reported with quality bad and without a value."},
    {CHOICE(T, order, word_orders), LOCAL, RESTARTS(BUS), .initial = "ABCD",
     .help =
         "Where the bytes of a value are on the wire, A being the most significant. ABCD "
         "is what the Modbus standard says, CDAB has the words reversed, BADC the two bytes "
         "of each word swapped, DCBA both. The same for four registers: ABCDEFGH, GHEFCDAB, "
         "BADCFEHG, HGFEDCBA. Of those alone, CDABGHEF has the words of each half swapped "
         "and EFGHABCD the halves. One register: BADC and DCBA swap its bytes."},
    {NUMBER(T, bit, 0, 15), LOCAL, RESTARTS(BUS),
     .derived = "the whole register: true unless it is 0",
     .help = "Which bit of the register a bool is; 0 is the least significant, value 1, and 15 "
             "the most significant, value 32768, of the register as it is on the wire. Manuals "
             "that count from 1 or from the left must be translated."},
    {NUMBER(T, length, 0, GW_POINT_TEXT_MAX_BYTES), LOCAL, RESTARTS(BUS), .initial = "0",
     .help = "Characters of a string, two in each register, the first one in the upper byte "
             "(order BADC: in the lower). NUL ends it, spaces at the end are not part of it."},
    {TEXT(T, scale, 1, 32, gw_rule_factor), LOCAL, RESTARTS(BUS), .initial = "1",
     .help = "The value is multiplied by this, exactly: 123 with scale 0.01 is 1.23."},
    {TEXT(T, offset, 1, 32, gw_rule_decimal), LOCAL, RESTARTS(BUS), .initial = "0",
     .help = "Added to the value after the scale, exactly."},
    {TEXT(T, dead_band, 1, 32, gw_rule_dead_band), CENTRAL, RESTARTS(BUS), .initial = "0",
     .help = "A change up to this much against the last reported value is not reported: a "
             "number, after scale and offset, or a share of the last reported value such as "
             "2%."},
    {TEXT(T, invalid, 0, 80, gw_rule_bit_patterns), LOCAL, RESTARTS(BUS), .initial = "",
     .help = "What the registers hold when the device has no value, in hexadecimal as the "
             "manual gives it, four digits for each register: 0x8000, or 0x7fffffff. Several "
             "with commas between them. Reported with quality bad and without a value."},
    {NUMBER(T, period_ms, 10, 86400000), CENTRAL, RESTARTS(BUS), .initial = "1000",
     .help = "How often the point is read."},
    {NUMBER(T, min_interval_ms, 0, 86400000), CENTRAL, RESTARTS(BUS), .initial = "0",
     .help = "Time that passes between two reports at least. The newest change waits and is "
             "reported when the time is over; what came and went in between is not. 0 = every "
             "change at once."},
    {NUMBER(T, max_silence_ms, 0, 604800000), CENTRAL, RESTARTS(BUS), .initial = "0",
     .help = "After this long without a report the point is read, whatever its period, and "
             "reported even without a change. 0 = only on change."},
    {CHOICE(T, report, reports), CENTRAL, RESTARTS(BUS), .initial = "signal",
     .help = "signal: plc.signal_changed; counter: plc.counted with the difference; metric: "
             "metric.sampled."},
    {CHOICE(T, class, source_classes), CENTRAL, RESTARTS(BUS),
     .derived = "state for a signal, else telemetry", .help = "Flow class of its events."},
};
static const struct gw_config_group point_group = GROUP_OF(point_rows, T);

#define W struct gw_config_write
static const struct gw_config_choice writable_areas[] = {
    {"coil", GW_AREA_COIL},
    {"holding_register", GW_AREA_HOLDING_REGISTER},
};
static const struct gw_config_choice write_types[] = {
    {"bool", GW_POINT_BOOL},     {"int16", GW_POINT_INT16},     {"uint16", GW_POINT_UINT16},
    {"int32", GW_POINT_INT32},   {"uint32", GW_POINT_UINT32},   {"int64", GW_POINT_INT64},
    {"uint64", GW_POINT_UINT64}, {"float32", GW_POINT_FLOAT32}, {"float64", GW_POINT_FLOAT64},
};
static const struct gw_config_row write_rows[] = {
    {TEXT(W, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(BUS), .example = "lamp",
     .help = "What a command calls it. The results of its commands come from the device "
             "<bus>.<name>."},
    {NUMBER(W, unit_id, 1, 255), LOCAL, RESTARTS(BUS), .initial = "1",
     .help = "Modbus unit that is written. Never 0: nobody confirms a broadcast."},
    {CHOICE(W, area, writable_areas), LOCAL, RESTARTS(BUS), .example = "coil",
     .help = "The two areas of Modbus that can be written."},
    {MEMBER(W, address), .kind = GW_KIND_ADDRESS, .area_offset = offsetof(W, area), LOCAL,
     RESTARTS(BUS), .example = "0",
     .help = "As of a point: a number is the address on the wire, text is the number in the "
             "PLC's manual."},
    {CHOICE(W, type, write_types), LOCAL, RESTARTS(BUS),
     .derived = "bool for coils, else uint16",
     .help = "How the value is written; 32-bit types take two registers, 64-bit types four."},
    {CHOICE(W, order, word_orders), LOCAL, RESTARTS(BUS), .initial = "ABCD",
     .help = "Order of the bytes of the value."},
    {TEXT(W, scale, 1, 32, gw_rule_factor), LOCAL, RESTARTS(BUS), .initial = "1",
     .help = "As of a point: what is written is the value divided by this, which must come "
             "out even."},
    {TEXT(W, min, 0, 32, gw_rule_optional_decimal), LOCAL, RESTARTS(BUS), .initial = "",
     .help = "Least value that may be written, after scaling."},
    {TEXT(W, max, 0, 32, gw_rule_optional_decimal), LOCAL, RESTARTS(BUS), .initial = "",
     .help = "Greatest value that may be written, after scaling."},
    {TEXTS(W, values, value_count, 1, 64, gw_rule_decimal), LOCAL, RESTARTS(BUS),
     .derived = "none: min and max decide",
     .help = "The only values that may be written, as an alternative to min and max."},
    {NUMBER(W, min_interval_ms, 0, 86400000), CENTRAL, RESTARTS(BUS), .initial = "1000",
     .help = "Time between two writes of it; a command that comes earlier is turned away."},
    {BOOL(W, multiple), LOCAL, RESTARTS(BUS), .initial = "false",
     .help = "Write even one value by function 15 or 16: some devices know no other."},
    {BOOL(W, read_back), LOCAL, RESTARTS(BUS), .initial = "true",
     .help = "Read it back and compare. false for a command register, which shows something "
             "else than was written: then the unit's confirmation counts."},
};
static const struct gw_config_group write_group = GROUP_OF(write_rows, W);

#define Z struct gw_config_scale
static const struct gw_config_row scale_rows[] = {
    {TEXT(Z, id, 1, 128, gw_rule_name), CENTRAL, RESTARTS(BUS), .example = "scale-1",
     .help = "Logical name of the scale: the device of its weights."},
    {TEXT(Z, profile, 1, 255, gw_rule_utf8), CENTRAL, RESTARTS(BUS),
     .example = "modbus-dgt4x-single",
     .help = "Device profile that says which points the scale has and what their bits mean, or "
             "the path of a file of your own. `gwctl profile list` names those that come with "
             "the program."},
    {TEXT(Z, points_prefix, 0, 32, gw_rule_name), CENTRAL, RESTARTS(BUS), .initial = "",
     .help = "What stands before the profile's names of points, where a bus has several "
             "scales: with s1. the point status is s1.status."},
    {CHOICE(Z, class, source_classes), CENTRAL, RESTARTS(BUS), .initial = "business",
     .help = "Flow class of its events."},
};
static const struct gw_config_group scale_group = GROUP_OF(scale_rows, Z);

#define U struct gw_config_bus
static const struct gw_config_choice bus_transports[] = {
    {"tcp", GW_BUS_TCP},
    {"rtu", GW_BUS_RTU},
    {"rtu_over_tcp", GW_BUS_RTU_OVER_TCP},
};
static const struct gw_config_choice parities[] = {
    {"none", GW_BUS_PARITY_NONE},
    {"even", GW_BUS_PARITY_EVEN},
    {"odd", GW_BUS_PARITY_ODD},
};
static const struct gw_config_row bus_rows[] = {
    {TEXT(U, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(BUS), .example = "plc-1",
     .help = "Name of the bus in events, status, issues and logs."},
    {CHOICE(U, transport, bus_transports), LOCAL, RESTARTS(BUS), .initial = "tcp",
     .help = "tcp: Modbus TCP; rtu: a serial line of this box; rtu_over_tcp: RTU frames on a "
             "TCP connection, what serial device servers in raw mode speak."},
    {TEXT(U, host, 0, 253, gw_rule_host), LOCAL, RESTARTS(BUS), .initial = "",
     .example = "192.0.2.10",
     .help = "Address of the PLC, Modbus gateway or serial device server. Not with transport "
             "rtu, needed with the others."},
    {NUMBER(U, port, 1, 65535), LOCAL, RESTARTS(BUS),
     .derived = "502 with transport tcp; must be given with rtu_over_tcp",
     .help = "TCP port of the host."},
    {TEXT(U, line, 0, 200, gw_rule_optional_file), LOCAL, RESTARTS(BUS), .initial = "",
     .help = "Serial line for transport rtu. Name it by /dev/serial/by-id (this very adapter, "
             "in whatever socket) or /dev/serial/by-path (whatever is in this socket): "
             "/dev/ttyUSB0 may be another adapter after the next start."},
    {NUMBER(U, baud, 300, 921600), LOCAL, RESTARTS(BUS), .derived = "19200 with transport rtu",
     .help = "Bits a second on the line: 300, 600, 1200 ... 115200, 230400, 460800, 500000, "
             "576000 or 921600. A character always has 8 data bits."},
    {CHOICE(U, parity, parities), LOCAL, RESTARTS(BUS), .derived = "even with transport rtu",
     .help = "Parity bit; even is what the Modbus standard says, many devices come with none."},
    {NUMBER(U, stop_bits, 1, 2), LOCAL, RESTARTS(BUS), .derived = "1 with transport rtu",
     .help = "Stop bits; the standard says 2 where there is no parity, few devices mind."},
    {BOOL(U, echo), LOCAL, RESTARTS(BUS), .initial = "false",
     .help = "The RS-485 adapter hears its own requests: they are read back and compared."},
    {NUMBER(U, pause_ms, 0, 1000), LOCAL, RESTARTS(BUS), .initial = "0",
     .help = "Rest before each request, for devices that need one. The silence between RTU "
             "frames is kept without it."},
    {NUMBER(U, timeout_ms, 50, 60000), CENTRAL, RESTARTS(BUS), .initial = "1000",
     .help = "How long an answer may take."},
    {NUMBER(U, max_gap, 0, 120), LOCAL, RESTARTS(BUS), .initial = "8",
     .help = "Registers between two points that a block read may fetch for nothing (16 times "
             "as many bits). Where a PLC refuses, the gateway finds out what it must not read "
             "across and remembers it; 0 spares it the search."},
    {NUMBER(U, max_registers, 1, 125), LOCAL, RESTARTS(BUS), .initial = "125",
     .help = "Registers (16 times as many bits, up to 2000) that one request may ask for. 125 "
             "is the limit of Modbus; some devices allow less."},
    {NUMBER(U, dead_share_percent, 1, 50), CENTRAL, RESTARTS(BUS), .initial = "5",
     .help = "Share of the time on the bus that units may cost together that do not answer: "
             "each probe waits for timeout_ms in vain. Less keeps the others more punctual, "
             "more finds a unit sooner that came back."},
    {LIST(U, points, point_count, 1, 1024, point_group), CENTRAL, RESTARTS(BUS),
     .help = "What is read."},
    {LIST(U, writes, write_count, 0, 256, write_group), CENTRAL, RESTARTS(BUS),
     .help = "What commands may write. Nothing else is ever written; empty = nothing."},
    {LIST(U, scales, scale_count, 0, 32, scale_group), CENTRAL, RESTARTS(BUS),
     .help = "Points that together are a scale: its weights are events of their own."},
};
static const struct gw_config_group bus_group = GROUP_OF(bus_rows, U);

/* ---- feeds ---- */

#define F struct gw_config_feed
static const struct gw_config_choice feed_transports[] = {
    {"serial", GW_FEED_SERIAL},
    {"hid", GW_FEED_HID},
    {"tcp_client", GW_FEED_TCP_CLIENT},
    {"tcp_server", GW_FEED_TCP_SERVER},
};
static const struct gw_config_choice feed_lines[] = {
    {"profile", GW_FEED_LINE_PROFILE}, {"8N1", GW_FEED_LINE_8N1}, {"8E1", GW_FEED_LINE_8E1},
    {"8O1", GW_FEED_LINE_8O1},         {"8N2", GW_FEED_LINE_8N2}, {"7N1", GW_FEED_LINE_7N1},
    {"7E1", GW_FEED_LINE_7E1},         {"7O1", GW_FEED_LINE_7O1}, {"7N2", GW_FEED_LINE_7N2},
    {"7E2", GW_FEED_LINE_7E2},         {"7O2", GW_FEED_LINE_7O2},
};
static const struct gw_config_choice feed_flows[] = {
    {"profile", GW_FEED_FLOW_PROFILE},
    {"none", GW_FEED_FLOW_NONE},
    {"rts_cts", GW_FEED_FLOW_RTS_CTS},
    {"xon_xoff", GW_FEED_FLOW_XON_XOFF},
};
static const struct gw_config_row feed_rows[] = {
    {TEXT(F, id, 1, 128, gw_rule_name), CENTRAL, RESTARTS(FEED), .example = "scale-1",
     .help = "Logical name of the device: it stays when the device is replaced."},
    {TEXT(F, profile, 1, 255, gw_rule_utf8), CENTRAL, RESTARTS(FEED), .example = "mt-sics",
     .help = "What its bytes mean: name of a device profile, or the path of a file of your "
             "own. `gwctl profile list` names those that come with the program."},
    {CHOICE(F, transport, feed_transports), LOCAL, RESTARTS(FEED), .example = "serial",
     .help = "serial: a serial line; hid: a USB keyboard, which is what most scanners are; "
             "tcp_client: we connect to the device; tcp_server: the device connects to us."},
    {TEXT(F, path, 0, 255, gw_rule_optional_file), LOCAL, RESTARTS(FEED), .initial = "",
     .example = "/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3-if00-port0",
     .help = "Which serial line or input device, by a path that stays: below "
             "/dev/serial/by-id, /dev/serial/by-path, /dev/input/by-id or "
             "/dev/input/by-path."},
    {TEXT(F, usb_path, 0, 63, gw_rule_usb_path), LOCAL, RESTARTS(FEED), .initial = "",
     .help = "Instead of path: the USB socket it is plugged into, such as 1-1.4, or 1-1.4:1.0 "
             "for one interface of it."},
    {TEXT(F, usb_serial, 0, 127, gw_rule_utf8), LOCAL, RESTARTS(FEED), .initial = "",
     .help = "Instead of path: serial number of the scanner or of the serial adapter."},
    {TEXT(F, usb_product, 0, 9, gw_rule_usb_product), LOCAL, RESTARTS(FEED), .initial = "",
     .help = "Vendor and product, such as 05e0:1200: alone when there is one such device, or "
             "beside usb_path to be sure what is plugged in there."},
    {TEXT(F, usb_name, 0, 127, gw_rule_utf8), LOCAL, RESTARTS(FEED), .initial = "",
     .help = "For hid: the name of the input device, as /proc/bus/input/devices has it."},
    {NUMBER(F, baud, 0, 921600), LOCAL, RESTARTS(FEED), .initial = "0",
     .help = "Bits a second of a serial line. 0 = what the profile says."},
    {CHOICE(F, line, feed_lines), LOCAL, RESTARTS(FEED), .initial = "profile",
     .help = "Data bits, parity (N, E, O) and stop bits of a serial line."},
    {CHOICE(F, flow, feed_flows), LOCAL, RESTARTS(FEED), .initial = "profile",
     .help = "Flow control of a serial line. With it, the device waits while the gateway "
             "cannot take more; without it, what comes then is lost, with a loss record."},
    {TEXT(F, address, 0, 45, gw_rule_optional_address), LOCAL, RESTARTS(FEED), .initial = "",
     .help = "tcp_client: address of the device. tcp_server: address to listen on, 0.0.0.0 or "
             ":: for all."},
    {NUMBER(F, port, 0, 65535), LOCAL, RESTARTS(FEED), .initial = "0",
     .help = "TCP port of the device, or to listen on."},
    {TEXTS(F, peers, peer_count, 1, 32, gw_rule_address), LOCAL, RESTARTS(FEED),
     .derived = "everybody who can reach the port",
     .help = "tcp_server: addresses the device may come from. Feeds may share a port when "
             "their devices have different addresses."},
    {TEXTS(F, commands, command_count, 1, GW_CONFIG_FEED_COMMANDS_MAX, gw_rule_name), LOCAL,
     RESTARTS(FEED), .derived = "none: nothing that changes the device is sent",
     .help = "Commands that may be sent to the device, such as tare, zero and clear_tare, as "
             "its profile has them. Sent by gwctl feed command only, each audited."},
    {CHOICE(F, class, source_classes), CENTRAL, RESTARTS(FEED), .derived = "business",
     .help = "Flow class of its events."},
    {NUMBER(F, max_per_second, 0, 100000), CENTRAL, RESTARTS(FEED), .initial = "100",
     .help = "Observations a second that are taken; a device that can be held back is, of "
             "others the rest is refused with a loss record. 0 = no limit."},
    {NUMBER(F, max_bytes_per_second, 0, 100000000), CENTRAL, RESTARTS(FEED),
     .initial = "100000",
     .help = "Bytes a second that are read from a TCP device; it is slowed down to this. 0 = "
             "no limit."},
};
static const struct gw_config_group feed_group = GROUP_OF(feed_rows, F);

/* ---- personal codes ---- */

#define R struct gw_config_personal_rule
static const struct gw_config_row personal_rule_rows[] = {
    {TEXT(R, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(NOTHING), .example = "badge",
     .help = "Name of the rule; events that carry a hash name it."},
    {TEXT(R, pattern, 1, 128, gw_rule_utf8), CENTRAL, RESTARTS(NOTHING), .example = "EMP#####*",
     .help =
         "Codes it fits, as a whole and without AIM identifier: # is a digit, @ a letter, ? "
         "one character, * any number of characters, \\ takes the next one literally."},
    {TEXTS(R, devices, device_count, 1, 256, gw_rule_name), CENTRAL, RESTARTS(NOTHING),
     .derived = "every device",
     .help = "Devices it holds for. What one of them sends and nobody understands is kept in "
             "quarantine without its content, when it may hold such a code."},
};
static const struct gw_config_group personal_rule_group = GROUP_OF(personal_rule_rows, R);

#define E struct gw_config_personal
static const struct gw_config_row personal_rows[] = {
    {LIST(E, rules, rule_count, 0, 64, personal_rule_group), CENTRAL, RESTARTS(NOTHING),
     .help = "Codes that name a person. Only a keyed hash of them is ever written or sent."},
    {NUMBER(E, rotate_days, 0, 3650), CENTRAL, RESTARTS(NOTHING), .initial = "90",
     .help = "The key is replaced after so many days and the old one destroyed: hashes made "
             "before and after cannot be matched. 0 = never."},
};
static const struct gw_config_group personal_group = GROUP_OF(personal_rows, E);

/* ---- sinks ---- */

#define K struct gw_config_sink
static const struct gw_config_row sink_rows[] = {
    {TEXT(K, name, 1, 63, gw_rule_name), CENTRAL, RESTARTS(SINK), .example = "centre",
     .help = "Name of the sink. Its cursors are kept under it: another name sends everything "
             "that is still stored again."},
    {TEXT(K, url, 9, 512, gw_rule_https), CENTRAL, RESTARTS(SINK),
     .example = "https://ingest.example.com",
     .help = "Base address of the middleware; /v1/events is appended."},
    {BOOL(K, required), CENTRAL, RESTARTS(SINK), .initial = "true",
     .help = "true: events are kept until this sink has acknowledged them; false: best "
             "effort."},
    {BOOL(K, compress), CENTRAL, RESTARTS(SINK), .initial = "true",
     .help = "Compress request bodies with zstd."},
    {TEXT(K, ca_file, 2, 255, gw_rule_file), CENTRAL, RESTARTS(SINK),
     .example = "/etc/gangway/tls/ca.pem",
     .help = "CA certificates the middleware's certificate must come from; no others count."},
    {TEXT(K, cert_file, 2, 255, gw_rule_file), CENTRAL, RESTARTS(SINK),
     .example = "/etc/gangway/tls/gateway.pem",
     .help = "Client certificate; its common name is the serial."},
    {TEXT(K, key_file, 2, 255, gw_rule_file), CENTRAL, RESTARTS(SINK),
     .example = "/etc/gangway/tls/gateway.key", .help = "Key of cert_file."},
    {TEXT(K, token_file, 0, 255, gw_rule_optional_file), CENTRAL, RESTARTS(SINK), .initial = "",
     .help = "File with a bearer token that is sent beside the certificate, empty for none."},
    {TEXT(K, proxy, 0, 255, gw_rule_optional_proxy), LOCAL, RESTARTS(SINK), .initial = "",
     .help =
         "HTTP proxy that is asked to CONNECT to the middleware, as http://host:port; empty "
         "for none. The environment is not looked at."},
    {TEXT(K, pin, 0, 64, gw_rule_optional_pin), CENTRAL, RESTARTS(SINK), .initial = "",
     .help = "SHA-256 of the middleware's public key (SubjectPublicKeyInfo) in hexadecimal: a "
             "certificate with another key is refused, whoever signed it. Empty for none."},
    {NUMBER(K, batch_events, 1, 10000), CENTRAL, RESTARTS(SINK), .initial = "500",
     .help = "Events in one request at rest."},
    {NUMBER(K, batch_events_max, 1, 10000), CENTRAL, RESTARTS(SINK), .initial = "10000",
     .help = "Events in one request while a backlog drains."},
    {NUMBER(K, batch_kib, 64, 4096), CENTRAL, RESTARTS(SINK), .initial = "256",
     .help = "KiB in one request at rest, before compression."},
    {NUMBER(K, batch_kib_max, 64, 4096), CENTRAL, RESTARTS(SINK), .initial = "4096",
     .help = "KiB in one request while a backlog drains, before compression."},
    {NUMBER(K, request_timeout_ms, 1000, 600000), CENTRAL, RESTARTS(SINK), .initial = "30000",
     .help = "How long one request may take."},
    {NUMBER(K, first_jitter_ms, 0, 3600000), CENTRAL, RESTARTS(SINK), .initial = "30000",
     .help = "After a long outage the first attempt waits for a random time up to this, so "
             "that not all gateways come at once."},
    {NUMBER(K, retry_max_ms, 500, 3600000), CENTRAL, RESTARTS(SINK), .initial = "60000",
     .help = "Longest wait between two attempts while the sink cannot be reached. A thousand "
             "gateways at 60000 ask 30 times a second together; a few that must be level at "
             "once may ask each second (1000)."},
    {NUMBER(K, max_events_per_second, 0, 1000000), CENTRAL, RESTARTS(SINK), .initial = "0",
     .help = "Limit while a backlog drains. 0 = none."},
    {NUMBER(K, no_progress_s, 10, 86400), CENTRAL, RESTARTS(SINK), .initial = "300",
     .help = "When nothing was acknowledged for this long although events wait: a new "
             "connection, then a new process."},
    {NUMBER(K, dead_letters_per_hour, 0, 1000000), CENTRAL, RESTARTS(SINK), .initial = "100",
     .help = "More rejected events than this in an hour stop the sink: then the fault is not "
             "in the events."},
};
static const struct gw_config_group sink_group = GROUP_OF(sink_rows, K);

/* ---- the document ---- */

#define X struct gw_config
static const struct gw_config_row top_rows[] = {
    {NUMBER(X, revision, 0, INT64_C(9007199254740991)), CENTRAL, RESTARTS(NOTHING),
     .initial = "0", .help = "Number of the document, raised with each change."},
    {GROUP(X, gateway, gateway_group), CENTRAL, RESTARTS(ALL), .part = GW_PART_GATEWAY,
     .help = "Who this gateway is and where it stands."},
    {GROUP(X, paths, paths_group), LOCAL, RESTARTS(ALL), .part = GW_PART_PATHS,
     .help = "Where things are kept on this machine."},
    {GROUP(X, store, store_group), CENTRAL, RESTARTS(COLLECTD), .part = GW_PART_STORE,
     .help = "The queue store."},
    {GROUP(X, classes, classes_group), CENTRAL, RESTARTS(COLLECTD), .part = GW_PART_CLASSES,
     .help = "What the four flow classes promise."},
    {GROUP(X, ingress, ingress_group), CENTRAL, RESTARTS(INGRESS), .part = GW_PART_INGRESS,
     .help = "The front door: devices that connect to the gateway itself."},
    {LIST(X, brokers, broker_count, 0, 16, broker_group), CENTRAL, RESTARTS(BROKER),
     .part = GW_PART_BROKERS, .help = "MQTT brokers we subscribe to."},
    {LIST(X, devices, device_count, 0, 4096, device_group), CENTRAL, RESTARTS(NOTHING),
     .part = GW_PART_DEVICES,
     .help = "Devices that speak MQTT, through a broker or to the front door."},
    {LIST(X, buses, bus_count, 0, 32, bus_group), CENTRAL, RESTARTS(BUS), .part = GW_PART_BUSES,
     .help = "Modbus connections and lines, and the points read on them."},
    {LIST(X, feeds, feed_count, 0, 256, feed_group), CENTRAL, RESTARTS(FEED),
     .part = GW_PART_FEEDS,
     .help = "Scanners and scales on serial lines, as USB keyboards and over TCP."},
    {GROUP(X, personal, personal_group), CENTRAL, RESTARTS(NOTHING), .part = GW_PART_PERSONAL,
     .help = "Codes that name a person."},
    {LIST(X, sinks, sink_count, 0, 8, sink_group), CENTRAL, RESTARTS(SINK),
     .part = GW_PART_SINKS, .help = "Where the events go."},
};

const struct gw_config_group gw_config_top = GROUP_OF(top_rows, X);
