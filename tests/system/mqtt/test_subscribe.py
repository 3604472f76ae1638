# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE and UNSUBSCRIBE: a device's own receipt and command topics, nothing else."""
import json

import pytest

import mqtt_wire as wire
from door import code, topic
from mqtt_wire import PUBACK, PUBLISH, SUBACK, UNSUBACK, V3, V5
from statements import both, v3, v5

RECEIPT = "gangway/scanner-1/receipt"
COMMAND = "gangway/scanner-1/command"


def subscribe(peer, *filters, packet_id=1):
    """SUBSCRIBE with QoS 0 to each; the codes of the answer."""
    pairs = [text if isinstance(text, tuple) else (text, 0) for text in filters]
    peer.send(wire.subscribe(peer.version, packet_id, *pairs))
    return peer.expect(SUBACK, packet_id).codes


def command(door, text):
    """A command for scanner-1; the connections that got it."""
    answer = door.rig.ask_daemon("collectd", "device_command", device="scanner-1", text=text)
    return answer["connections"]


@both("3.8.4-1", "3.8.4-2", "3.8.4-5", "3.9.3-1", "3.9.3-2")
@v3("2.3.1-7", "3.8.3-2", "3.8.4-4")
@v5("2.2.1-6", "3.8.4-6", "3.8.4-7")
def test_each_filter_gets_its_code_in_order(door, version, name):
    peer = door.connect(version, name)
    refused = 0x80 if version == V3 else 0x87
    wild = 0x80 if version == V3 else 0xA2
    shared = 0x80 if version == V3 else 0x9E
    filters = [(RECEIPT, 0), ("gangway/scanner-2/receipt", 0), ("#", 1), (COMMAND, 2), ("a/+", 0),
               ("gangway/scanner-1/#", 0), ("$share/g/" + RECEIPT, 0), (RECEIPT, 1),
               ("gangway/scanner-1/scan", 0), ("gangway/scanner-11/receipt", 0),
               ("\ufeff" + RECEIPT, 0), (RECEIPT + "/", 0)]
    codes = [0, refused, wild, 0, wild, wild, shared, 0, refused, refused, refused, refused]
    peer.send(wire.subscribe(version, 0x1234, *filters))
    answer = peer.expect(SUBACK)
    assert answer.packet_id == 0x1234 and answer.codes == codes


@v3("3.8.4-6", "3.3.1-9", "3.3.2-3", "4.3.1-1", "2.3.1-5")
@v5("3.2.2-10", "3.8.4-8", "3.3.2-3", "2.2.2-1", "4.3.1-1", "2.2.1-2")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_whatever_qos_is_asked_for_messages_come_with_qos_0(door, version, name, qos):
    peer = door.connect(version, name)
    assert subscribe(peer, (RECEIPT, qos)) == [0]
    peer.send(wire.publish(version, topic(), code(), 1, 7, retain=True)).expect(PUBACK, 7)
    receipt = peer.expect(PUBLISH)
    assert receipt.flags == 0 and receipt.topic == RECEIPT and receipt.packet_id is None
    assert receipt.props == {}
    assert json.loads(receipt.payload) == {"packetid": 7, "result": "stored"}


@v3("3.8.3-4")
@v5("3.8.3-5")
@pytest.mark.parametrize("options", [0x03, 0x04, 0x08, 0x10, 0x20, 0x30, 0x40, 0x80, 0xC0])
def test_reserved_bits_of_the_options_end_the_connection(door, version, name, options):
    allowed_in_5 = (0x04, 0x08, 0x10, 0x20)
    peer = door.connect(version, name)
    peer.send(wire.subscribe(version, 1, (RECEIPT, options)))
    if version == V5 and options in allowed_in_5:
        assert peer.expect(SUBACK, 1).codes == [0]
    else:
        peer.expect_closed((0x81, 0x82))


@v5("3.8.3-4")
def test_no_local_on_a_shared_subscription_ends_the_connection(door, name):
    peer = door.connect(V5, name)
    peer.send(wire.subscribe(V5, 1, ("$share/g/" + RECEIPT, 0x04))).expect_closed(0x82)


@v5("4.8.2-1", "4.8.2-2")
def test_shared_subscriptions_are_refused_well_formed_or_not(door, name):
    peer = door.connect(V5, name)
    filters = ("$share/g/" + RECEIPT, "$share//x", "$share/a+/x", "$share/a", "$share", "$share/")
    codes = subscribe(peer, *filters)
    assert codes[0] == 0x9E and all(code >= 0x80 for code in codes)


@both("3.8.1-1", "3.10.1-1")
@v3("2.2.2-1", "2.2.2-2", "4.8.0-1")
@v5("2.1.3-1", "4.13.1-1")
@pytest.mark.parametrize("flags", [0, 1, 3, 6, 0xA, 0xF])
def test_other_flags_end_the_connection(door, version, name, flags):
    peer = door.connect(version, name + "s")
    peer.send(wire.subscribe(version, 1, (RECEIPT, 0), flags=flags)).expect_closed(0x81)
    peer = door.connect(version, name + "u")
    peer.send(wire.unsubscribe(version, 1, RECEIPT, flags=flags)).expect_closed(0x81)


@v3("3.8.3-3", "3.10.3-2")
@v5("3.8.3-2", "3.10.3-2")
def test_no_filter_at_all_ends_the_connection(door, version, name):
    door.connect(version, name + "s").send(wire.subscribe(version, 1)).expect_closed((0x82, 0x81))
    door.connect(version, name + "u").send(wire.unsubscribe(version, 1)).expect_closed(
        (0x82, 0x81))


@v3("2.3.1-1")
@v5("2.2.1-3")
def test_packet_identifier_0_ends_the_connection(door, version, name):
    peer = door.connect(version, name + "s")
    peer.send(wire.subscribe(version, 0, (RECEIPT, 0))).expect_closed((0x81, 0x82))
    peer = door.connect(version, name + "u")
    peer.send(wire.unsubscribe(version, 0, RECEIPT)).expect_closed((0x81, 0x82))


@v3("1.5.3-1", "1.5.3-2", "3.8.3-1", "3.10.3-1", "4.7.3-1", "4.7.3-2")
@v5("1.5.4-1", "1.5.4-2", "3.8.3-1", "3.10.3-1", "4.7.3-1", "4.7.3-2")
@pytest.mark.parametrize("bad", [b"", b"a\0", b"\xed\xa0\x80", b"\xc0\x80", b"\xff"])
def test_filters_must_be_utf8_without_nul_and_not_empty(door, version, name, bad):
    for packet in (wire.subscribe(version, 1, (RECEIPT, 0), (bad, 0)),
                   wire.unsubscribe(version, 1, RECEIPT, bad)):
        door.connect(version, name).send(packet).expect_closed((0x81, 0x82, 0x8F))


@v3("3.8.3-1", "3.10.3-1")
@v5("3.8.3-1", "3.10.3-1")
def test_filters_that_are_cut_end_the_connection(door, version, name):
    for build in (lambda: wire.subscribe(version, 1, (RECEIPT, 0)),
                  lambda: wire.unsubscribe(version, 1, RECEIPT)):
        packet = bytearray(build())
        cut = bytes([packet[0], packet[1] - 1]) + bytes(packet[2:-1])
        door.connect(version, name).send(cut).expect_closed((0x81, 0x82))


@v3("4.7.1-2", "4.7.1-3", "3.8.3-2", "4.7.2-1")
@v5("4.7.1-1", "4.7.1-2", "4.7.2-1")
@pytest.mark.parametrize("wild", ["#", "+", "a/#", "a/#/b", "a#", "+a/b", "a/b+", "+/+", "$SYS/#",
                                  "gangway/scanner-1/+", "gangway/+/receipt"])
def test_no_filter_with_a_wildcard_is_taken_right_or_wrong(door, version, name, wild):
    peer = door.connect(version, name)
    assert subscribe(peer, wild)[0] >= 0x80
    for number, where in enumerate((topic(), "$SYS/x", "a/b"), 1):
        peer.send(wire.publish(version, where, code(), 1, number)).expect(PUBACK, number)
    peer.ping()  # and no PUBLISH before its answer


@v5("3.8.3-3")
@pytest.mark.parametrize("options", [0x04, 0x08, 0x10, 0x20, 0x2C],
                         ids=["no-local", "as-published", "retain-handling-1",
                              "retain-handling-2", "several"])
def test_options_of_a_subscription_change_nothing(door, name, options):
    """Nothing is retained and nothing of a client is forwarded: no local, retain as
    published and retain handling have nothing to work on."""
    peer = door.connect(V5, name)
    peer.send(wire.publish(V5, topic(), code(), 1, 1, retain=True)).expect(PUBACK, 1)
    for packet_id in (2, 3):  # a new subscription, then one that is there already
        assert subscribe(peer, (COMMAND, options), packet_id=packet_id) == [0]
        peer.ping()  # nothing was retained
    for number, where in enumerate((topic(), COMMAND), 4):
        peer.send(wire.publish(V5, where, code(), 1, number)).expect(PUBACK, number)
    peer.ping()  # nothing of its own
    assert command(door, "on") == 1
    assert peer.expect(PUBLISH).flags == 0


@v5("3.1.2-26", "3.1.2-27", "3.3.2-11")
@pytest.mark.parametrize("maximum", [None, 0, 1, 65535])
def test_no_topic_alias_is_sent(door, name, maximum):
    props = None if maximum is None else {"topic_alias_maximum": maximum}
    peer = door.connect(V5, name, props=props)
    assert subscribe(peer, RECEIPT, COMMAND) == [0, 0]
    for number in range(1, 4):
        peer.send(wire.publish(V5, topic(), code(), 1, number)).expect(PUBACK, number)
        receipt = peer.expect(PUBLISH)
        assert command(door, "on") == 1
        order = peer.expect(PUBLISH)
        assert (receipt.topic, receipt.props) == (RECEIPT, {})
        assert (order.topic, order.props) == (COMMAND, {})


@v5("4.13.1-1")
def test_subscription_identifiers_are_refused_as_announced(door, name):
    for number in (1, 127, 128, 268435455, 0):
        peer = door.connect(V5, name)
        peer.send(wire.subscribe(V5, 1, (RECEIPT, 0), props={"subscription_id": number}))
        peer.expect_closed((0xA1,) if number else (0x82,))


@v3("3.8.4-3")
@v5("3.8.4-3")
def test_subscribing_twice_is_one_subscription(door, version, name):
    peer = door.connect(version, name)
    assert subscribe(peer, COMMAND, COMMAND) == [0, 0]
    assert subscribe(peer, (COMMAND, 1), packet_id=2) == [0]
    assert command(door, "once") == 1
    assert peer.expect(PUBLISH).payload == b"once"
    peer.ping()  # and no second one before its answer


@v3("3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5", "3.10.4-6", "2.3.1-7")
@v5("3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5", "3.10.4-6", "3.11.3-1", "3.11.3-2", "2.2.1-6")
def test_unsubscribe_ends_exactly_what_it_names(door, version, name):
    peer = door.connect(version, name)
    assert subscribe(peer, RECEIPT, COMMAND) == [0, 0]
    peer.send(wire.unsubscribe(version, 0x4321, "gangway/scanner-1/#", "x", RECEIPT + "/",
                               RECEIPT, RECEIPT))
    answer = peer.expect(UNSUBACK)
    assert answer.packet_id == 0x4321
    assert answer.codes == ([] if version == V3 else [0x11, 0x11, 0x11, 0, 0x11])
    peer.send(wire.publish(version, topic(), code(), 1, 1)).expect(PUBACK, 1)
    peer.ping()  # no receipt before its answer
    assert command(door, "still") == 1
    assert peer.expect(PUBLISH).payload == b"still"


def test_the_most_filters_at_once_and_one_more(door, version, name):
    peer = door.connect(version, name)
    assert len(subscribe(peer, *["x"] * 16)) == 16
    peer.send(wire.subscribe(version, 2, *[("x", 0)] * 17)).expect_closed(0x97)


@v5("3.1.2-24", "3.1.2-25")
def test_a_message_larger_than_the_client_takes_is_left_out(door, name):
    peer = door.connect(V5, name, props={"maximum_packet": 64})
    assert subscribe(peer, RECEIPT, COMMAND) == [0, 0]
    peer.send(wire.publish(V5, topic(), code(), 1, 60009)).expect(PUBACK, 60009)
    peer.ping()  # the receipt of 65 bytes was left out
    peer.send(wire.publish(V5, topic(), code(), 1, 9)).expect(PUBACK, 9)
    assert peer.expect(PUBLISH).size <= 64
    small = "x" * 30
    assert command(door, small) == 1
    got = peer.expect(PUBLISH)
    assert got.payload == small.encode() and got.size <= 64
    with pytest.raises(Exception, match="status"):
        command(door, "x" * 64)
    peer.ping()


@v5("3.1.2-29", "3.4.2-2", "3.4.2-3", "3.7.2-2", "3.7.2-3", "3.9.2-1", "3.9.2-2", "3.11.2-1",
    "3.11.2-2", "3.14.2-2", "3.14.2-3", "3.14.2-4")
@pytest.mark.parametrize("props", [{"request_problem": 0}, {}, {"maximum_packet": 64},
                                   {"session_expiry": 600, "maximum_packet": 1 << 20}],
                         ids=["not-wanted", "wanted", "small", "large"])
def test_no_reason_strings_and_user_properties_for_anybody(door, name, props):
    """So they never make a packet larger than its client takes."""
    peer = door.connect(V5, name, props=props)
    peer.send(wire.subscribe(V5, 1, ("#", 0)))
    assert peer.expect(SUBACK).props == {}
    peer.send(wire.unsubscribe(V5, 1, "#"))
    assert peer.expect(UNSUBACK).props == {}
    peer.send(wire.publish(V5, "foreign", b"x", 1, 1))
    assert peer.expect(PUBACK).props == {}
    peer.send(wire.ack(wire.PUBREL, 5))
    assert peer.expect(wire.PUBCOMP).props == {}
    last = peer.send(wire.publish(V5, "#", b"x", 1, 1)).expect_closed(0x90)
    assert last[0].props == {}


@v5("3.3.4-10", "3.3.4-9")
def test_receive_maximum_of_the_client_holds_nothing_up(door, name):
    """Everything sent to a client has QoS 0, which it does not count."""
    peer = door.connect(V5, name, props={"receive_maximum": 1})
    subscribe(peer, COMMAND)
    for number in range(5):
        assert command(door, f"c{number}") == 1
    got = [peer.expect(PUBLISH) for _ in range(5)]
    assert [(each.payload, each.flags) for each in got] == [(b"c%d" % n, 0) for n in range(5)]


def test_commands_go_to_the_device_that_is_meant(door, version, name):
    first = door.connect(version, name)
    subscribe(first, COMMAND)
    second = door.connect(version, name, device="scanner-2")
    second.send(wire.subscribe(version, 1, ("gangway/scanner-2/command", 0))).expect(SUBACK)
    assert command(door, "yours") == 1
    assert first.expect(PUBLISH).topic == COMMAND
    second.ping()
