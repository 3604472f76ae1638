# SPDX-License-Identifier: Apache-2.0
"""Properties of version 5: every one in every place, twice, cut, of a wrong value."""
import pytest

import mqtt_wire as wire
from door import code, topic
from mqtt_wire import CONNACK, IDS, V5, Will
from statements import v5

VALUES = {"u8": b"\x01", "u16": b"\0\x05", "u32": b"\0\0\0\x7f", "varint": b"\x05",
          "text": b"\0\3abc", "binary": b"\0\3abc", "pair": b"\0\1a\0\1b"}

# Section 2.2.2.2: what may stand where, as far as clients send it.
ALLOWED = {
    "connect": {"session_expiry", "auth_method", "auth_data", "request_problem",
                "request_response", "receive_maximum", "topic_alias_maximum", "user",
                "maximum_packet"},
    "will": {"payload_format", "message_expiry", "content_type", "response_topic",
             "correlation_data", "will_delay", "user"},
    "publish": {"payload_format", "message_expiry", "content_type", "response_topic",
                "correlation_data", "topic_alias", "user"},
    "puback": {"reason_string", "user"}, "pubrec": {"reason_string", "user"},
    "pubrel": {"reason_string", "user"}, "pubcomp": {"reason_string", "user"},
    "subscribe": {"subscription_id", "user"},
    "unsubscribe": {"user"},
    "disconnect": {"session_expiry", "reason_string", "user", "server_reference"},
}
# Allowed by the format, refused by what this server announced or cannot do.
REFUSED = {("connect", "auth_method"), ("connect", "auth_data"), ("publish", "topic_alias"),
           ("subscribe", "subscription_id"), ("disconnect", "session_expiry"),
           ("disconnect", "server_reference")}


def encoded(name):
    """The property with a value that is right for it."""
    number = IDS[name]
    value = VALUES[wire.PROPERTIES[number][1]]
    if name == "maximum_packet":
        value = b"\0\0\x10\0"
    return bytes([number]) + value


def block(*parts):
    """A property block."""
    data = b"".join(parts)
    return wire.varint(len(data)) + data


def send(door, place, props, name):
    """A packet with these properties in this place; the peer."""
    if place in ("connect", "will"):
        will = Will(topic(), b"x", props=props if place == "will" else None)
        packet = wire.connect(V5, name, will=will, props=props if place == "connect" else None,
                              **door.credentials())
        return door.peer(V5).send(packet)
    peer = door.connect(V5, name)
    kinds = {"puback": wire.PUBACK, "pubrec": wire.PUBREC, "pubrel": wire.PUBREL,
             "pubcomp": wire.PUBCOMP}
    if place in kinds:
        return peer.send(wire.ack(kinds[place], 1, 0, props))
    builders = {
        "publish": lambda: wire.publish(V5, topic(), code(), 1, 1, props=props),
        "subscribe": lambda: wire.subscribe(V5, 1, ("gangway/scanner-1/command", 0), props=props),
        "unsubscribe": lambda: wire.unsubscribe(V5, 1, "x", props=props),
        "disconnect": lambda: wire.disconnect(V5, 0, props),
    }
    return peer.send(builders[place]())


def is_taken(peer, place):
    """Whether the packet was taken; else the connection was ended with a reason."""
    if place == "disconnect":
        return not peer.packets_until_closed()
    peer.send(wire.pingreq())
    for _ in range(3):
        try:
            answer = peer.packet()
        except wire.Closed:
            return False
        if answer.kind == wire.PINGRESP:
            return True
        if answer.kind in (CONNACK, wire.DISCONNECT) and answer.reason >= 0x80:
            peer.packets_until_closed()
            return False
    raise AssertionError(answer)


@v5("3.3.4-6", "4.13.1-1", "3.1.4-1", "3.14.2-1")
@pytest.mark.parametrize("place", ALLOWED)
def test_every_property_in_every_place(door, place, name):
    for number, (prop, _) in wire.PROPERTIES.items():
        taken = is_taken(send(door, place, block(encoded(prop)), f"{name}-{number}"), place)
        wanted = prop in ALLOWED[place] and (place, prop) not in REFUSED
        assert taken == wanted, f"{prop} in {place}: taken {taken}, wanted {wanted}"


@v5("4.13.1-1")
@pytest.mark.parametrize("place", ALLOWED)
def test_no_property_but_the_user_property_twice(door, place, name):
    for prop in sorted(ALLOWED[place]):
        if (place, prop) in REFUSED:
            continue
        peer = send(door, place, block(encoded(prop), encoded(prop)), f"{name}-{prop}")
        assert is_taken(peer, place) == (prop == "user"), prop


@v5("4.13.1-1")
@pytest.mark.parametrize("place", ALLOWED)
def test_unknown_identifiers_are_refused(door, place, name):
    for number in (0, 4, 7, 27, 43, 127):
        props = block(bytes([number]), b"\0\0\0\0")
        assert not is_taken(send(door, place, props, f"{name}-{number}"), place)
    for padded in (b"\x81\x00\x01", b"\xa6\x00\0\0\0\0", b"\xff\xff\xff\xff\x7f", b"\xff\xff"):
        assert not is_taken(send(door, place, block(padded), name), place)


@v5("1.5.5-1", "2.2.2-1", "4.13.1-1")
@pytest.mark.parametrize("place", ALLOWED)
def test_property_lengths_that_do_not_fit(door, place, name):
    user = encoded("user")
    for props in (b"\x7f" + user, bytes([len(user) - 1]) + user, b"\x80\x80\x80\x80\x01" + user,
                  b"\xff", bytes([len(user) | 0x80, 0]) + user):
        if place == "publish" and props[:1] == bytes([len(user) - 1]):
            continue  # its last byte becomes payload: cut value
        assert not is_taken(send(door, place, props, name), place), props


@v5("1.5.4-1", "1.5.4-2", "1.5.7-1", "3.3.2-13", "3.3.2-19")
@pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"a\0", b"\xc0\x80"])
def test_texts_of_properties_must_be_utf8_without_nul(door, bad, name):
    text = wire.binary(bad)
    good = wire.binary("a")
    for place, prop, value in (("publish", "content_type", text),
                               ("publish", "response_topic", text),
                               ("publish", "user", text + good), ("publish", "user", good + text),
                               ("connect", "user", good + text), ("will", "content_type", text),
                               ("puback", "reason_string", text),
                               ("subscribe", "user", text + good),
                               ("disconnect", "reason_string", text)):
        props = block(bytes([IDS[prop]]), value)
        assert not is_taken(send(door, place, props, name), place), (place, prop)


@v5("3.3.2-14", "4.13.1-1")
@pytest.mark.parametrize("place, prop, value", [
    ("publish", "response_topic", b"\0\1#"), ("publish", "response_topic", b"\0\3a/+"),
    ("will", "response_topic", b"\0\1#"), ("publish", "payload_format", b"\2"),
    ("will", "payload_format", b"\xff"), ("connect", "receive_maximum", b"\0\0"),
    ("connect", "maximum_packet", b"\0\0\0\0"), ("connect", "request_problem", b"\2"),
    ("connect", "request_response", b"\2"), ("subscribe", "subscription_id", b"\0"),
    ("subscribe", "subscription_id", b"\x85\0")])
def test_values_that_are_not_allowed(door, place, prop, value, name):
    props = block(bytes([IDS[prop]]), value)
    assert not is_taken(send(door, place, props, name), place)


def test_every_cut_of_every_property(door, name):
    for prop in sorted(ALLOWED["publish"] - {"topic_alias"}):
        whole = encoded(prop)
        for length in range(1, len(whole)):
            peer = send(door, "publish", block(whole[:length]), name)
            assert not is_taken(peer, "publish"), (prop, length)


def test_values_at_their_limits(door, name):
    taken = [("connect", "session_expiry", b"\xff\xff\xff\xff"),
             ("connect", "receive_maximum", b"\xff\xff"),
             ("connect", "topic_alias_maximum", b"\xff\xff"),
             ("connect", "maximum_packet", b"\xff\xff\xff\xff"),
             ("publish", "message_expiry", b"\xff\xff\xff\xff"),
             ("publish", "message_expiry", b"\0\0\0\0"),
             ("publish", "content_type", b"\0\0"), ("publish", "correlation_data", b"\0\0"),
             ("publish", "user", b"\0\0\0\0"), ("will", "will_delay", b"\xff\xff\xff\xff")]
    for place, prop, value in taken:
        props = block(bytes([IDS[prop]]), value)
        assert is_taken(send(door, place, props, f"{name}-{prop}"), place), (place, prop)
    many = block(*[encoded("user")] * 1000)
    assert is_taken(send(door, "publish", many, name), "publish")
