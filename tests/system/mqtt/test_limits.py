# SPDX-License-Identifier: Apache-2.0
"""Limits: of the gateway, of a device, of a packet, of the store, of patience."""
import resource
import select
import socket
import time

import pytest

import mqtt_wire as wire
from door import code, codes, topic
from gangway_rig import device
from mqtt_wire import PUBACK, V3, V5
from rig_process import wait_until
from statements import v3, v5

KIB = 1024


# ---- connections ----

def test_connections_of_one_device_are_limited_and_take_over_is_not_one_more(make_door, version):
    door = make_door(changes={"ingress": {"max_connections_per_device": 3}})
    peers = [door.connect(version, f"c{number}") for number in range(3)]
    over = door.greeted(version, "c3")
    assert over.connack.reason == (3 if version == V3 else 0x97)
    over.expect_closed()
    door.connect(version, "c0").ping()
    peers[0].expect_closed(0x8E)
    door.connect(version, "other", device="scanner-2").ping()
    peers[1].close()
    wait_until(lambda: door.connections() == 3, 5, "one has gone")
    door.connect(version, "c3").ping()


def test_connections_in_total_are_limited_and_said_to_be(make_door):
    door = make_door(changes={"ingress": {"max_connections": 20}})
    peers = [door.connect(V3, f"c{number}") for number in range(20)]
    refused = door.peer(V3)
    refused.send(wire.connect(V3, "over", **door.credentials()))
    assert not refused.packets_until_closed()
    assert "front_door_full" in door.rig.issues("collectd")
    for peer in peers:
        peer.ping()
    peers.pop().close()
    wait_until(lambda: door.connections() == 19, 5, "one has gone")
    door.connect(V3, "over").ping()
    peers.pop().close()
    wait_until(lambda: "front_door_full" not in door.rig.issues("collectd"), 5, "room again")


def test_1000_idle_connections_stay_answered(make_door):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    door = make_door(changes={"ingress": {"max_connections": 1000,
                                          "max_connections_per_device": 1000}})
    peers = [door.peer(V3 if number % 2 else V5) for number in range(1000)]
    for number, peer in enumerate(peers):
        peer.send(wire.connect(peer.version, f"idle-{number}", keep_alive=0,
                               **door.credentials()))
    for peer in peers:
        assert peer.expect(wire.CONNACK).reason == 0
    assert door.connections() == 1000
    before = door.rig.collectd.anonymous_kib()
    for peer in peers:
        peer.send(wire.pingreq())
    for peer in peers:
        peer.expect(wire.PINGRESP)
    texts = codes(1000)
    for peer, text in zip(peers, texts):
        peer.send(wire.publish(peer.version, topic(), text, 1, 1))
    for peer in peers:
        peer.expect(PUBACK, 1)
    poll = select.poll()
    for peer in peers:
        poll.register(peer.sock, select.POLLIN)
    assert not poll.poll(0), "nothing else was said"
    # The packets of 1,000 connections cost nothing that grows: their places were taken
    # at the start; what the store and the group use comes on top.
    assert door.rig.collectd.anonymous_kib() - before < 16 * KIB
    wait_until(lambda: len(door.held(*texts)) == 1000, 30, "all arrive", every=0.2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- sizes ----

@pytest.fixture(scope="module")
def sizes(make_door):
    """A gateway that takes packets of 128 KiB."""
    return make_door(changes={"ingress": {"max_packet_kib": 128}})


@v5("3.2.2-15")
@pytest.mark.parametrize("size", [64 * KIB + 1, 65 * KIB, 68 * KIB - 100, 68 * KIB, 68 * KIB + 1,
                                  69 * KIB, 100 * KIB])
def test_a_large_payload_goes_to_the_quarantine_with_its_true_length(sizes, version, name, size):
    peer = sizes.connect(version, name)
    where, after = topic(rest=name), code()
    peer.send(wire.publish(version, where, b"L" * size, 1, 1),
              wire.publish(version, topic(), after, 1, 2))
    answer = peer.expect(PUBACK, 1)
    assert version == V3 or answer.reason >= 0x80
    peer.expect(PUBACK, 2)
    entries = sizes.quarantined(f"/{name}")
    assert [(entry["topic"], entry["bytes"]) for entry in entries] == [(where, size)]
    sizes.assert_each_once([after])
    sizes.hang_up()


def test_64_kib_of_payload_are_looked_at_whole(sizes, version, name):
    peer = sizes.connect(version, name)
    where = topic(rest=name)
    peer.send(wire.publish(version, where, b"L" * 64 * KIB, 1, 1)).expect(PUBACK, 1)
    reasons = [entry["reason"] for entry in sizes.quarantined(f"/{name}")]
    assert not any("allowed: up to 65536" in reason for reason in reasons), reasons
    sizes.hang_up()


@v3("4.8.0-2")
@v5("3.2.2-15", "4.13.1-1")
def test_a_packet_above_the_limit_ends_the_connection_at_once(sizes, version, name):
    body = wire.binary(topic()) + b"\0\1" + wire.properties(version, None)
    exact = body + b"x" * (128 * KIB - len(body) - 4)
    peer = sizes.connect(version, name)
    peer.send(wire.packet(wire.PUBLISH, exact, 2)).expect(PUBACK, 1)
    before = sizes.counter("received")
    peer.send(b"\x32" + wire.varint(len(exact) + 1))  # its head is enough
    peer.expect_closed(0x95)
    peer = sizes.connect(version, name)
    peer.send(b"\x32\xff\xff\xff\x7f").expect_closed(0x95)
    assert sizes.counter("received") == before
    sizes.hang_up()


def test_many_large_packets_at_once_all_arrive(sizes, version, name):
    """More connections in the middle of a large packet than there is shared room for."""
    peers = [sizes.connect(version, f"{name}-{n}", device=d)
             for n in range(50) for d in ("scanner-1", "scanner-2")]
    packet = wire.publish(version, "nowhere/" + name, b"L" * 60000, 1, 1)
    for peer in peers:
        peer.send(packet[:30000])
    small = sizes.connect(version, name)
    small.send(wire.publish(version, topic(), code(), 1, 1)).expect(PUBACK, 1)
    for peer in peers[:60]:
        peer.send(packet[30000:])
    for peer in peers[:60]:
        peer.expect(PUBACK, 1)
    for peer in peers[60:]:
        peer.send(packet[30000:])
    for peer in peers[60:]:
        peer.expect(PUBACK, 1)
    sizes.hang_up()


# ---- rate ----

def test_a_flood_slows_its_sender_and_nobody_else(make_door):
    """By order, not by time: while the flood is read slowly, a neighbour gets through
    hundreds of messages one by one."""
    door = make_door(devices={"scanner-1": "text", "scanner-2": "text"}, changes={"devices": [
        {**device("scanner-1", "text"), "max_per_second": 25}, device("scanner-2", "text")]})
    flood, neighbour = door.connect(V3, "flood"), door.connect(V3, "calm", device="scanner-2")
    flooded = codes(200)
    flood.send(*[wire.publish(V3, topic(), text, 1, number)
                 for number, text in enumerate(flooded, 1)], wire.pingreq())
    texts = codes(150)
    for number, text in enumerate(texts, 1):
        neighbour.send(wire.publish(V3, topic("scanner-2"), text, 1, number))
        neighbour.expect(PUBACK, number)
    status = door.rig.status()["counters"]
    assert status["front.over_rate"] > 0
    assert status["front.received"] < 350, "the flood was not taken as fast as it came"
    assert "device_rate_limited" in door.rig.issues("collectd")
    answers = [flood.packet(seconds=15) for _ in range(201)]
    assert sum(answer.kind == wire.PINGRESP for answer in answers) == 1
    numbers = [answer.packet_id for answer in answers if answer.kind == PUBACK]
    assert numbers == list(range(1, 201)), "nothing of it is dropped"
    door.assert_each_once(flooded)
    door.assert_each_once(texts)


# ---- a full store ----

def answered(door, peer, number):
    """Whether the PUBACK came; if not, the gateway says that it withholds it."""
    for _ in range(300):
        try:
            peer.expect(PUBACK, number, seconds=0.1)
            return True
        except AssertionError:
            if door.counter("withheld") > 0:
                return False
    raise AssertionError("neither answered nor withheld")


@v3("4.8.0-2", "4.3.2-2", "3.12.4-1")
@v5("4.3.2-4", "4.9.0-3")
def test_a_full_store_withholds_pubacks_answers_pings_and_loses_nothing(make_door, version):
    door = make_door(changes={"store": {"size_mb": 4, "quarantine_mb": 1, "ring_percent": 5}})
    door.rig.wan.cut()
    acked, waiting = [], {}
    peer = door.persistent(version, "scanner")
    number = 0
    padding = "x" * 20000
    while not waiting:
        number += 1
        text = f"{code()}-{padding}"
        peer.send(wire.publish(version, topic(), text, 1, number))
        if answered(door, peer, number):
            acked.append(text)
        else:
            waiting[number] = text
    assert len(acked) > 20, "the store was filled"
    for _ in range(3):
        number += 1
        waiting[number] = f"{code()}-{padding}"
        peer.send(wire.publish(version, topic(), waiting[number], 1, number))
        peer.ping()  # answered, and no PUBACK before it
    peer.expect_closed((0x97, 0x93))  # so that the device sends it again
    door.rig.wan.resume()
    deadline = time.monotonic() + 60
    while waiting:
        assert time.monotonic() < deadline
        peer = door.persistent(version, "scanner")
        assert peer.connack.session_present
        for packet_id, text in waiting.items():
            peer.send(wire.publish(version, topic(), text, 1, packet_id, dup=True))
        try:
            while waiting:
                answer = peer.packet()
                if answer.kind == PUBACK:
                    acked.append(waiting.pop(answer.packet_id))
        except wire.Closed:
            continue
    wait_until(lambda: len(door.held(*acked)) >= len(acked), 60, "all arrive", every=0.5)
    assert [event["raw"] for event in door.held(*acked)] == acked


# ---- a client that does not read ----

def test_a_slow_reader_holds_up_nobody_and_is_ended(make_door):
    door = make_door()
    slow = door.peer(V3)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.send(wire.connect(V3, "slow", keep_alive=0, **door.credentials()))
    slow.expect(wire.CONNACK)
    slow.sock.setblocking(False)
    burst = b"".join(wire.publish(V3, topic(), b"s", 1, n) for n in range(1, 60001))
    sent, still_since = 0, time.monotonic()
    calm = door.connect(V3, "calm")
    number = 0
    while time.monotonic() - still_since < 1.0 or number <= 10:
        try:
            done = slow.sock.send(burst[sent % len(burst):][:65536])
            sent, still_since = sent + done, time.monotonic()
        except BlockingIOError:
            pass
        number += 1
        calm.send(wire.publish(V3, topic(), code(), 1, number)).expect(PUBACK, number)
    assert sent > 0
    wait_until(lambda: door.connections() == 1, 40, "it is ended", every=0.2)
    calm.ping()


def test_a_client_that_pings_and_never_reads_is_ended(make_door):
    door = make_door()
    slow = door.peer(V3)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.send(wire.connect(V3, "slow", keep_alive=0, **door.credentials()))
    slow.expect(wire.CONNACK)
    slow.sock.setblocking(False)
    deadline = time.monotonic() + 40
    while door.connections() == 1:
        assert time.monotonic() < deadline
        try:
            for _ in range(100):
                slow.sock.send(wire.pingreq() * 4096)
        except BlockingIOError:
            time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            break
    wait_until(lambda: door.connections() == 0, 10, "it is ended")
