/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/cleanup.h"
#include "firmware/health/health.h"

/* Read by a technician at the rack or over the phone: what is wrong, then what
 * to do next. The numbers are read out, so none is ever used again. */
static const struct gw_issue_info issues[] = {
    {GW_ISSUE_STORE_SET_ASIDE, "store_set_aside", GW_SEVERITY_CRITICAL,
     "The event store could not be used and was set aside; a new one was started.",
     "Run `gwctl queue salvage` on the folder named here, then have the flash checked."},
    {GW_ISSUE_STORE_FULL, "store_full", GW_SEVERITY_CRITICAL,
     "The event store is full: business events are refused until the centre takes some.",
     "Bring the uplink back; devices with a buffer of their own keep what they have."},
    {GW_ISSUE_STORE_HIGH_WATER, "store_high_water", GW_SEVERITY_WARNING,
     "The event store is filling up.",
     "Check why the uplink does not keep up, before business events are refused."},
    {GW_ISSUE_STORE_EVICTING, "store_evicting", GW_SEVERITY_WARNING,
     "The oldest telemetry or state events are being dropped to make room.",
     "Bring the uplink back or give the store more space."},
    {GW_ISSUE_STORE_WRITE_FAILED, "store_write_failed", GW_SEVERITY_CRITICAL,
     "The event store cannot be written: nothing is acknowledged to devices.",
     "Check free space and the health of the flash, then restart gw-collectd."},
    {GW_ISSUE_STORE_READER_STUCK, "store_reader_stuck", GW_SEVERITY_WARNING,
     "A reader holds an old view of the event store, which keeps space from being used again.",
     "Restart gw-linkd, and end any long-running gwctl."},
    {GW_ISSUE_STORE_RECORD_CORRUPT, "store_record_corrupt", GW_SEVERITY_CRITICAL,
     "A stored event does not fit its checksum; it was replaced by a tombstone.",
     "Have the flash checked and plan to replace the gateway."},
    {GW_ISSUE_STORE_RECORD_NEWER, "store_record_newer", GW_SEVERITY_CRITICAL,
     "A newer release wrote events that this one cannot read; they are kept and wait.",
     "Install the release that wrote them, or a newer one: sending then goes on by itself."},
    {GW_ISSUE_QUARANTINE, "quarantine", GW_SEVERITY_WARNING,
     "Something a device sent could not be understood and was put into quarantine.",
     "Look at it with `gwctl quarantine list`, correct the device or its configuration, then "
     "retry."},
    {GW_ISSUE_CAPTURE_REFUSED, "capture_refused", GW_SEVERITY_CRITICAL,
     "Something that cannot be held back was refused and is lost; a loss record was made.",
     "Make room in the store: bring the uplink back."},
    {GW_ISSUE_DEVICE_RATE_LIMITED, "device_rate_limited", GW_SEVERITY_WARNING,
     "The device sends more than it may and is held back.",
     "Check the device for a stuck trigger, or raise max_per_second."},
    {GW_ISSUE_BROKER_DOWN, "broker_down", GW_SEVERITY_WARNING,
     "There is no connection to the broker: its devices are not heard.",
     "Check that the broker runs and that its address and port are right."},
    {GW_ISSUE_BROKER_REFUSED, "broker_refused", GW_SEVERITY_CRITICAL, "The broker refuses us.",
     "Check user name, password, client id and the access rules of the broker."},
    {GW_ISSUE_BROKER_SESSION_LOST, "broker_session_lost", GW_SEVERITY_WARNING,
     "The broker has forgotten our session: what it held for us may be lost there.",
     "Switch on persistence at the broker and let sessions live longer than an outage."},
    {GW_ISSUE_UNKNOWN_TOPIC, "unknown_topic", GW_SEVERITY_NOTICE,
     "Messages arrive on a topic that belongs to no configured device.",
     "Add the device, or subscribe to less."},
    {GW_ISSUE_INGRESS_DOWN, "front_door_down", GW_SEVERITY_CRITICAL,
     "The front door cannot be opened: devices cannot connect to it.",
     "Check address and port of the listener, whether another program has the port, and its "
     "certificate and key files."},
    {GW_ISSUE_INGRESS_CREDENTIALS, "front_door_credentials", GW_SEVERITY_CRITICAL,
     "The file of the devices' secrets cannot be used: no device gets in by secret.",
     "Move the file away, restart gw-collectd and give each device a new secret with "
     "`gwctl device add`."},
    {GW_ISSUE_INGRESS_FULL, "front_door_full", GW_SEVERITY_WARNING,
     "All connections of the front door are in use: another device was turned away.",
     "Raise ingress.max_connections, or find out who holds so many connections."},
    {GW_ISSUE_DEVICE_REFUSED, "device_refused", GW_SEVERITY_WARNING,
     "A device was refused at the front door, or broke the rules of MQTT.",
     "Compare its user name, secret or certificate, client id and topics with the "
     "configuration; `gwctl device rotate` makes a new secret."},
    {GW_ISSUE_SOURCE_NOT_OPEN, "source_not_open", GW_SEVERITY_CRITICAL,
     "Brokers, buses, the front door or feeds could not be opened: their devices are not "
     "heard.",
     "nomem and full: free memory, or lower the limits of the configuration; io: look at the "
     "flash; invalid: correct what `gwctl config check` names. The others run, and it is tried "
     "again each second."},
    {GW_ISSUE_FEED_DOWN, "feed_down", GW_SEVERITY_WARNING,
     "The scanner or scale is not there: its line, keyboard or connection is not open.",
     "Check power and cable of the device; it is opened by itself when it is back."},
    {GW_ISSUE_FEED_DENIED, "feed_denied", GW_SEVERITY_CRITICAL,
     "The scanner or scale is there, but cannot be had for the gateway alone.",
     "End the program that uses the line or keyboard, or correct the rights of the device "
     "node; it is tried again by itself."},
    {GW_ISSUE_FEED_AMBIGUOUS, "feed_ambiguous", GW_SEVERITY_CRITICAL,
     "Several devices fit what the configuration says of this one: none is used.",
     "Name the USB socket (usb_path) or the serial number (usb_serial) of the right one."},
    {GW_ISSUE_FEED_SILENT, "feed_silent", GW_SEVERITY_WARNING,
     "The scanner or scale is connected, but does not say anything.",
     "Check that it is switched on and set up as the page of its profile says: speed, parity, "
     "output mode."},
    {GW_ISSUE_FEED_BABBLING, "feed_babbling", GW_SEVERITY_WARNING,
     "Most of what the scanner or scale sends is not understood.",
     "Compare speed, parity and framing with the device and its profile, and look at "
     "`gwctl quarantine list`; a loose cable looks the same."},
    {GW_ISSUE_FEED_TURNED_AWAY, "feed_turned_away", GW_SEVERITY_WARNING,
     "Somebody connected to the port of a device who may not, and was turned away.",
     "If it was the device, add its address to peers of the feed; if not, find out who it "
     "was."},
    {GW_ISSUE_FEED_PROFILE, "feed_profile", GW_SEVERITY_CRITICAL,
     "The profile of the device, or how it is connected, cannot be used: it is not heard.",
     "Run `gwctl profile check` and `gwctl config check` and correct what the detail names, "
     "then reload."},
    {GW_ISSUE_FEED_SHARED, "feed_shared", GW_SEVERITY_WARNING,
     "Several connections send to the feed of one device at the same time: they take turns.",
     "Give each device a feed of its own, on its own port or with its address in peers."},
    {GW_ISSUE_PERSONAL_KEY, "personal_key", GW_SEVERITY_CRITICAL,
     "The key for personal codes cannot be read or written: such codes are blotted out.",
     "Check the folder of gw-collectd for space and rights; move a damaged personal.key away, "
     "a new one is made."},
    {GW_ISSUE_MODBUS_UNIT_DOWN, "modbus_unit_down", GW_SEVERITY_WARNING,
     "The PLC does not answer.", "Check power, cable, address and unit id of the PLC."},
    {GW_ISSUE_MODBUS_CONFIG, "modbus_config", GW_SEVERITY_WARNING,
     "A point cannot be read as it is configured: the PLC refuses its address, or what it "
     "shows there is too large for a value.",
     "Compare the point with the manual of the PLC: area, wire address, type. It is asked "
     "again each minute."},
    {GW_ISSUE_MODBUS_DEVICE_FAULT, "modbus_device_fault", GW_SEVERITY_WARNING,
     "The PLC answers that it is faulty, or for long that it is busy.",
     "Look at the diagnosis of the PLC and of what is connected to it. Busy (exception 5, 6): "
     "give it more time or fewer masters: longer periods, pause_ms. It is asked again."},
    {GW_ISSUE_MODBUS_SHIFTED, "modbus_shifted", GW_SEVERITY_WARNING,
     "An answer more than was asked for came on the line: values of the last seconds before "
     "may be "
     "those of other registers.",
     "Look for a second master, a repeater or radio that sends twice, or a unit that needs a "
     "longer timeout_ms. The line was cleared, later values are right."},
    {GW_ISSUE_MODBUS_WRITE_UNCERTAIN, "modbus_write_uncertain", GW_SEVERITY_WARNING,
     "A command was sent to a unit, and whether it took effect is not certain.",
     "Look at the machine or read the place with `gwctl modbus read`; then write again under a "
     "new id if need be. The next write that is done ends this."},
    {GW_ISSUE_UPLINK_UNREACHABLE, "uplink_unreachable", GW_SEVERITY_WARNING,
     "The centre cannot be reached; events are kept here until it can.",
     "Check the WAN link, name resolution and the proxy."},
    {GW_ISSUE_UPLINK_TLS, "uplink_tls", GW_SEVERITY_CRITICAL,
     "The centre's certificate, or ours, was refused; nothing is sent.",
     "Compare the reason with the configured CA; check our certificate and the clock."},
    {GW_ISSUE_UPLINK_STOPPED, "uplink_stopped", GW_SEVERITY_CRITICAL,
     "The centre refuses this gateway or does not know the address; the sink is stopped.",
     "Check the registration of this serial at the centre, the url and the token."},
    {GW_ISSUE_UPLINK_CONFIG, "uplink_config", GW_SEVERITY_CRITICAL,
     "Something before the centre refuses our requests.",
     "Check client certificate, proxy and url with whoever runs the centre's front end."},
    {GW_ISSUE_UPLINK_NO_PROGRESS, "uplink_no_progress", GW_SEVERITY_CRITICAL,
     "Events wait, but the centre has acknowledged nothing for too long.",
     "Ask whoever runs the centre; the gateway goes on trying with new connections."},
    {GW_ISSUE_UPLINK_CONFLICT, "uplink_conflict", GW_SEVERITY_CRITICAL,
     "The centre holds another event under the same id.",
     "Keep this gateway running and call support: a cloned disk or a fault of the centre."},
    {GW_ISSUE_DEAD_LETTERS, "dead_letters", GW_SEVERITY_WARNING,
     "The centre has rejected events; they are kept as dead letters.",
     "Look at them with `gwctl dead-letter list`, have the cause corrected, then retry."},
    {GW_ISSUE_UPLINK_BAD_ANSWER, "uplink_bad_answer", GW_SEVERITY_WARNING,
     "Something answers in place of the centre; its answers do not count.",
     "Look for a captive portal or a proxy, and check the url."},
    {GW_ISSUE_DEAD_LETTERS_FULL, "dead_letters_full", GW_SEVERITY_CRITICAL,
     "There is no room for another dead letter: a class the centre refuses events of stands "
     "still.",
     "Look at them with `gwctl dead-letter list`, then retry or drop some: sending goes on by "
     "itself."},
    {GW_ISSUE_CERTIFICATE_EXPIRES, "certificate_expires", GW_SEVERITY_WARNING,
     "A certificate expires soon; after that nothing can be sent.", "Renew it."},
    {GW_ISSUE_CLOCK_UNSYNCHRONISED, "clock_unsynchronised", GW_SEVERITY_NOTICE,
     "Nobody vouches for the clock; events are marked so.", "Check the time server."},
    {GW_ISSUE_CLOCK_JUMPED, "clock_jumped", GW_SEVERITY_NOTICE,
     "The clock was set; an event tells by how much.",
     "Nothing, unless it happens again: then check the time server and the battery."},
    {GW_ISSUE_CONFIG_REJECTED, "config_rejected", GW_SEVERITY_WARNING,
     "The configuration has faults; the last good one runs.",
     "Run `gwctl config check` on it and correct what it names."},
    {GW_ISSUE_AUDIT_CHAIN, "audit_chain", GW_SEVERITY_CRITICAL,
     "The audit trail does not fit its hashes.",
     "Secure a copy of the store and find out who had access to the gateway."},
};

const struct gw_issue_info *gw_issue_at(size_t index) {
    return index < GW_ARRAY_LEN(issues) ? &issues[index] : NULL;
}

const struct gw_issue_info *gw_issue_find(enum gw_issue_code code) {
    for (size_t i = 0; i < GW_ARRAY_LEN(issues); i++) {
        if (issues[i].code == code) {
            return &issues[i];
        }
    }
    return NULL;
}
