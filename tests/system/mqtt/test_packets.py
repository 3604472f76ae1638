# SPDX-License-Identifier: Apache-2.0
"""Bytes: lengths, flags, cuts, packets in pieces and many in one piece."""
import socket
import time

import pytest

import mqtt_wire as wire
from door import code, codes, topic
from mqtt_wire import CONNACK, PINGRESP, PUBACK, V3, V5
from statements import both, v3, v5


# ---- fixed header ----

@v3("2.2.2-1", "2.2.2-2", "3.14.1-1", "4.8.0-1")
@v5("2.1.3-1", "3.14.1-1", "4.13.1-1")
@pytest.mark.parametrize("kind", [wire.PUBACK, wire.PUBREC, wire.PUBCOMP, wire.PINGREQ,
                                  wire.DISCONNECT])
@pytest.mark.parametrize("flags", [1, 2, 4, 8, 15])
def test_reserved_flags_end_the_connection(door, version, name, kind, flags):
    body = b"\0\1" if kind in (wire.PUBACK, wire.PUBREC, wire.PUBCOMP) else b""
    door.connect(version, name).send(wire.packet(kind, body, flags)).expect_closed(0x81)


@v3("2.2.2-2", "3.1.4-1")
@v5("2.1.3-1", "3.1.4-1")
@pytest.mark.parametrize("flags", [1, 2, 4, 8, 15])
def test_reserved_flags_of_connect_end_the_connection(door, version, name, flags):
    packet = bytearray(wire.connect(version, name, **door.credentials()))
    packet[0] |= flags
    peer = door.peer(version).send(bytes(packet))
    assert all(answer.kind == CONNACK and answer.reason == 0x81
               for answer in peer.packets_until_closed())


@v3("4.8.0-1")
@v5("4.13.1-1")
@pytest.mark.parametrize("kind", [0, wire.CONNACK, wire.SUBACK, wire.UNSUBACK, wire.PINGRESP, 15])
def test_packets_a_client_may_not_send_end_the_connection(door, version, name, kind):
    for body in (b"", b"\0\1", b"\0\1\0"):
        door.connect(version, name).send(wire.packet(kind, body)).expect_closed((0x81, 0x82))


@pytest.mark.parametrize("length", [b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f",
                                    b"\x80\x80\x80\x80\x80"])
def test_a_remaining_length_of_five_bytes_ends_the_connection(door, version, name, length):
    door.connect(version, name).send(b"\x30" + length).expect_closed(0x81)


@v5("1.5.5-1")
@pytest.mark.parametrize("pad", [1, 2])
def test_a_padded_remaining_length(door, version, name, pad):
    """Version 5 forbids it. 3.1.1 does not, and small devices do it."""
    peer = door.connect(version, name)
    body = wire.binary(topic()) + b"\0\1" + wire.properties(version, None) + b"x"
    length = bytes([len(body) | 0x80]) + b"\x80" * (pad - 1) + b"\0"
    peer.send(b"\x32" + length + body)
    if version == V5:
        peer.expect_closed(0x81)
    else:
        peer.expect(PUBACK, 1)


@v3("4.8.0-1", "3.12.4-1")
@v5("4.13.1-1", "3.12.4-1")
def test_ping(door, version, name):
    peer = door.connect(version, name)
    peer.send(wire.pingreq() * 50)
    for _ in range(50):
        peer.expect(PINGRESP)
    peer.send(wire.packet(wire.PINGREQ, b"x")).expect_closed(0x81)


def test_websocket_is_not_spoken(door, version):
    """Closed at once; not even a hint that this could be spoken to in another way."""
    stored = door.counter("stored")
    lines = ["GET /mqtt HTTP/1.1", f"Host: 127.0.0.1:{door.rig.front_port}", "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Version: 13", "", ""]
    for count in (1, len(lines)):
        peer = door.peer(version).send("\r\n".join(lines[:count]).encode())
        assert not peer.packets_until_closed()
    assert door.counter("stored") == stored


# ---- packets that are cut or too long ----

@v3("4.8.0-1")
@v5("4.13.1-1")
def test_every_cut_of_a_publish_inside_its_header_ends_the_connection(door, version, name):
    body = wire.binary(topic()) + b"\0\1" + wire.properties(version, {"content_type": "x"})
    for length in range(len(body)):
        peer = door.connect(version, name)
        peer.send(wire.packet(wire.PUBLISH, body[:length], 2)).expect_closed((0x81, 0x82, 0x90))


@v3("4.8.0-1")
@v5("4.13.1-1")
@pytest.mark.parametrize("kind", [wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP])
def test_acknowledgements_of_a_wrong_length_end_the_connection(door, version, name, kind):
    bodies = [b"", b"\0", b"\0\0"]
    bodies += [b"\0\1\0"] if version == V3 else [b"\0\1\0\0x", b"\0\1\0\2\x1f\0", b"\0\1\0\x7f"]
    for body in bodies:
        door.connect(version, name).send(wire.packet(kind, body)).expect_closed((0x81, 0x82))


@v3("3.14.4-1", "3.14.4-2", "4.8.0-1")
@v5("3.14.4-1", "3.14.4-2", "4.13.1-1")
def test_disconnect_ends_everything_at_once(door, version, name):
    peer = door.connect(version, name)
    before = door.counter("received")
    end = wire.disconnect(version)
    peer.send(end, wire.publish(version, topic(), code(), 1, 1), wire.pingreq())
    assert not peer.packets_until_closed(), "nothing is answered, also not by DISCONNECT"
    assert door.counter("received") == before


@v3("4.8.0-1")
@v5("4.13.1-1", "3.14.4-2")
def test_a_disconnect_of_a_wrong_form(door, version, name):
    bodies = [b"\0"] if version == V3 else [b"\0\0x", b"\0\x7f", b"\0\5\x11\0\0\0"]
    for body in bodies:
        peer = door.connect(version, name)
        peer.send(wire.packet(wire.DISCONNECT, body)).expect_closed((0x81, 0x82))


def test_a_packet_larger_than_anything_but_publish_may_be_ends_the_connection(door, version,
                                                                                name):
    door.connect(version, name).send(wire.packet(wire.SUBSCRIBE, b"x" * 3000)).expect_closed(0x95)
    peer = door.peer(version)
    peer.send(wire.packet(wire.CONNECT, b"x" * 3000))
    assert not peer.packets_until_closed()


# ---- pieces ----

def test_one_byte_at_a_time(door, version, name):
    peer = door.peer(version)
    text, device = code(), door.credentials()
    stream = wire.connect(version, name, keep_alive=0, **device)
    stream += wire.subscribe(version, 1, ("gangway/scanner-1/command", 0))
    stream += wire.publish(version, topic(), text, 1, 2) + wire.pingreq()
    stream += wire.unsubscribe(version, 3, "gangway/scanner-1/command")
    for at in range(len(stream)):
        peer.send(stream[at:at + 1])
    kinds = [peer.packet().kind for _ in range(5)]
    assert kinds[0] == CONNACK and sorted(kinds[1:]) == sorted(
        [wire.SUBACK, PUBACK, PINGRESP, wire.UNSUBACK])
    door.assert_each_once([text])


@pytest.mark.parametrize("piece", [2, 3, 5, 7, 64, 2047, 2048, 2049, 65535])
def test_any_split_gives_the_same_answers(door, version, name, piece):
    peer = door.connect(version, name)
    texts = codes(30)
    stream = b"".join(wire.publish(version, topic(), text, 1, number)
                      for number, text in enumerate(texts, 1))
    stream += wire.publish(version, topic(), b"y" * 5000, 1, 31) + wire.pingreq()
    for at in range(0, len(stream), piece):
        peer.send(stream[at:at + piece])
    answers = [peer.packet() for _ in range(32)]
    assert [a.packet_id for a in answers if a.kind == PUBACK] == list(range(1, 32))
    door.assert_each_once(texts)


def test_many_packets_in_one_write(door, version, name):
    """CONNECT, 400 messages, SUBSCRIBE, pings and DISCONNECT; all of it counts."""
    texts = codes(400)
    peer = door.peer(version)
    peer.send(wire.connect(version, name, **door.credentials()),
              *[wire.publish(version, topic(), text, 0) for text in texts],
              wire.subscribe(version, 1, ("gangway/scanner-1/command", 0)), wire.pingreq(),
              wire.disconnect(version))
    peer.packets_until_closed()
    door.assert_each_once(texts)


def test_a_connection_that_breaks_in_the_middle_of_a_packet_leaves_nothing(door, version, name):
    before = door.counter("stored")
    packet = wire.publish(version, topic(), b"z" * 3000, 1, 1)
    for at in (1, 2, 3, 20, 1000, 2048, 2049, len(packet) - 1):
        peer = door.connect(version, f"{name}-{at}")
        peer.send(packet[:at])
        peer.close()
    door.hang_up()
    assert door.counter("stored") == before


# ---- slow ones (these take as long as the limits are) ----

def test_slow_loris(door):
    """Nobody who says nothing, or half of something, keeps a place: 10 s for CONNECT,
    20 s for a packet. All of them at once, so that it takes 20 s in all."""
    silent = door.peer()
    half_connect = door.peer().send(wire.connect(V3, "half", **door.credentials())[:10])
    drip = door.peer()
    half_publish = [door.connect(v, f"half-{v}", keep_alive=0) for v in (V3, V5)]
    for peer in half_publish:
        peer.send(wire.publish(peer.version, topic(), b"x" * 5000, 1, 1)[:3000])
    idle = door.connect(V3, "idle", keep_alive=0)
    started = time.monotonic()
    ended = {}
    watched = {"silent": silent, "half": half_connect, "drip": drip,
               "publish-3": half_publish[0], "publish-5": half_publish[1]}
    connect = wire.connect(V3, "drip" * 25, **door.credentials())
    sent = 0
    while len(ended) < len(watched) and time.monotonic() < started + 40:
        drip.send(connect[sent:sent + 1])
        sent = min(sent + 1, len(connect) - 2)
        for who, peer in watched.items():
            if who in ended:
                continue
            try:
                peer.packet(0.05)
            except wire.Closed:
                ended[who] = time.monotonic() - started
            except AssertionError:
                pass
    assert sorted(ended) == sorted(watched)
    assert all(ended[who] >= 9.5 for who in ("silent", "half", "drip")), ended
    assert all(ended[who] >= 19 for who in ("publish-3", "publish-5")), ended
    idle.ping()


def test_a_crowd_that_says_nothing_keeps_nobody_out(make_door):
    door = make_door(changes={"ingress": {"max_connections": 40}})
    crowd = [socket.create_connection(("127.0.0.1", door.rig.front_port)) for _ in range(120)]
    peers = [door.connect(V3, f"in-{number}") for number in range(20)]
    for peer in peers:
        peer.ping()
    for sock in crowd:
        sock.close()
