# SPDX-License-Identifier: Apache-2.0
"""CONNECT and CONNACK: who may in, and what is said to those who may not."""
import struct
import time

import pytest

import mqtt_wire as wire
from door import code, topic
from mqtt_wire import CONNACK, DISCONNECT, PINGRESP, PUBACK, V3, V5, Will
from rig_process import wait_until
from statements import both, v3, v5

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def refused(door, version, packet):
    """The answer to a CONNECT that is refused, if there is one; the connection is closed."""
    answers = door.peer(version).send(packet).packets_until_closed()
    assert [each.kind for each in answers] in ([CONNACK], []), answers
    if not answers:
        return None
    assert answers[0].reason != 0 and not answers[0].session_present
    return answers[0].reason


@both("3.1.0-1", "3.2.0-1")
@v5("3.14.0-1")
@pytest.mark.parametrize("first", [
    wire.pingreq(), wire.publish(V3, topic(), b"x"), wire.disconnect(),
    wire.subscribe(V3, 1, ("gangway/scanner-1/receipt", 0)), wire.ack(wire.PUBREL, 1),
    wire.packet(wire.AUTH), wire.packet(CONNACK, b"\0\0"), wire.packet(wire.PUBACK, b"\0\1")])
def test_the_first_packet_must_be_connect(door, version, first):
    stored = door.counter("stored")
    assert not door.peer(version).send(first).packets_until_closed(), "not even a DISCONNECT"
    assert door.counter("stored") == stored


@both("3.1.0-2")
@v3("4.8.0-1")
@v5("3.2.0-2")
def test_a_second_connect_ends_the_connection(door, version, name):
    peer = door.connect(version, name)
    peer.send(wire.connect(version, name, **door.credentials()))
    peer.expect_closed(0x82)


@both("3.1.2-1")
@pytest.mark.parametrize("protocol", ["MQTt", "mqtt", "MQIsdp", "HTTP", "", "MQTTT"])
def test_another_protocol_name_is_refused(door, version, name, protocol):
    answer = refused(door, V3, wire.connect(version, name, name=protocol, **door.credentials()))
    assert answer in (None, 0x01, 0x84)


@both("3.1.2-2")
@pytest.mark.parametrize("level", [0, 1, 2, 3, 6, 7, 0x84, 0xFF])
def test_another_protocol_level_is_answered_and_closed(door, name, level):
    packet = wire.connect(V3, name, level=level, **door.credentials())
    assert refused(door, V3, packet) == 0x01


@both("3.1.2-3", "3.1.4-1")
def test_the_reserved_connect_flag_is_refused(door, version, name):
    packet = wire.connect(version, name, flags=0xC3, **door.credentials())
    assert refused(door, version, packet) == (None if version == V3 else 0x81)


# Flags, then what of the payload is there: will and so on as the flags say.
@v3("3.1.2-11", "3.1.2-13", "3.1.2-14", "3.1.2-15", "3.1.4-1", "3.2.2-6")
@v5("3.1.2-11", "3.1.2-12", "3.1.2-13", "3.1.4-1")
@pytest.mark.parametrize("flags", [0xDE, 0xCA, 0xD2, 0xDA, 0xE2, 0xF2, 0xFA],
                         ids=["qos3", "qos1-no-will", "qos2-no-will", "qos3-no-will",
                              "retain-no-will", "retain-qos2-no-will", "all-no-will"])
def test_impossible_will_flags_are_refused(door, version, name, flags):
    will = Will(topic(), b"x") if flags & 4 else None
    packet = wire.connect(version, name, flags=flags, will=will, **door.credentials())
    assert refused(door, version, packet) == (None if version == V3 else 0x81)


@v3("3.1.2-22", "3.1.4-1")
def test_a_password_without_a_user_name_is_refused(door, name):
    packet = wire.connect(V3, name, flags=0x42, password="x")
    assert refused(door, V3, packet) is None


def test_version_5_allows_a_password_alone_but_here_it_proves_nobody(door, name):
    assert refused(door, V5, wire.connect(V5, name, password="x")) == 0x86


@v3("3.1.2-9", "3.1.2-11", "3.1.2-18", "3.1.2-19", "3.1.2-20", "3.1.2-21", "3.1.3-1", "3.1.3-3",
    "3.1.4-1")
@v5("3.1.2-9", "3.1.2-16", "3.1.2-17", "3.1.2-18", "3.1.2-19", "3.1.3-1", "3.1.3-3", "3.1.4-1")
@pytest.mark.parametrize("case", ["no-client-id", "will-missing", "will-unannounced",
                                  "user-missing", "user-unannounced", "password-missing",
                                  "password-unannounced", "tail"])
def test_a_payload_that_does_not_fit_its_flags_is_refused(door, version, name, case):
    name_, password = door.credentials().values()
    build = {
        "will-missing": {"flags": 0xC6, "username": name_, "password": password},
        "will-unannounced": {"flags": 0xC2, "will": Will(topic(), b"x"), "username": name_,
                             "password": password},
        "user-missing": {"flags": 0xC2, "password": password},
        "user-unannounced": {"flags": 0x02, "username": name_},
        "password-missing": {"flags": 0xC2, "username": name_},
        "password-unannounced": {"flags": 0x82, "username": name_, "password": password},
        "tail": {"username": name_, "password": password, "tail": b"\0"},
    }
    if case == "no-client-id":
        body = wire.binary("MQTT") + bytes([version, 2, 0, 60]) + wire.properties(version, None)
        packet = wire.packet(wire.CONNECT, body)
    else:
        packet = wire.connect(version, name, **build[case])
    # What ends too soon may also look like wrong credentials: refused it is.
    answer = refused(door, version, packet)
    assert answer in ((None, 4) if version == V3 else (0x81, 0x86))


BAD_TEXTS = {"surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf", "cut": b"a\xe2\x82",
             "continuation": b"\x80a", "beyond": b"\xf4\x90\x80\x80", "five": b"\xf8\x88\x80\x80\x80",
             "nul": b"a\0b"}


@v3("1.5.3-1", "1.5.3-2", "3.1.3-4", "3.1.3-10", "3.1.3-11")
@v5("1.5.4-1", "1.5.4-2", "3.1.3-4", "3.1.3-11", "3.1.3-12")
@pytest.mark.parametrize("place", ["client_id", "will", "username"])
@pytest.mark.parametrize("bad", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_connect_strings_must_be_utf8_without_nul(door, version, name, place, bad):
    options = {"client_id": name, "will": Will(topic(), b"x"), **door.credentials()}
    options[place] = Will(bad, b"x") if place == "will" else bad
    assert refused(door, version, wire.connect(version, **options)) in (
        (None,) if version == V3 else (0x81,))


@both("3.1.3-5")
@v3("3.1.4-4")
@v5("3.1.4-5")
def test_client_ids_of_1_to_23_letters_and_digits_are_allowed(door, version):
    for client_id in ("a", "Z9", ALPHABET[:23], ALPHABET[23:46], ALPHABET[-23:]):
        peer = door.connect(version, client_id)
        assert not peer.connack.session_present
        peer.ping()


def test_longer_client_ids_and_any_characters_are_allowed(door, version):
    for client_id in ("x" * 120, "Lager-Süd/4 #+ 🚚", "\ufeffbom"):
        door.connect(version, client_id).ping()


@v3("3.1.3-9")
@v5("3.1.3-8")
def test_a_client_id_that_is_not_taken_is_answered_so(door, version):
    for client_id in ("x" * 121, "two\nlines"):
        packet = wire.connect(version, client_id, **door.credentials())
        assert refused(door, version, packet) == (2 if version == V3 else 0x85)


@both("3.1.3-6")
@v5("3.1.3-7", "3.2.2-16")
def test_an_empty_client_id_gets_one_of_its_own(door, version):
    first = door.connect(version, "")
    second = door.connect(version, "")
    first.ping()
    second.ping()
    if version == V5:
        ids = [peer.connack.props["assigned_client_id"] for peer in (first, second)]
        assert len(set(ids)) == 2 and all(ids)
        # It is as if the client had given it: the next one with it takes over.
        door.connect(version, ids[0])
        first.expect_closed(0x8E)


@v3("3.1.3-7", "3.1.3-8", "3.2.2-4", "3.2.2-5")
def test_an_empty_client_id_without_clean_session_is_refused(door):
    assert refused(door, V3, wire.connect(V3, "", clean=False, **door.credentials())) == 2


def test_version_5_assigns_a_client_id_also_without_clean_start(door):
    peer = door.connect(V5, "", clean=False)
    assert peer.connack.props["assigned_client_id"] and not peer.connack.session_present


@v3("3.2.2-4", "3.2.2-5")
@v5("3.1.4-2", "3.2.2-6", "3.2.2-7", "3.2.2-8", "4.13.2-1")
@pytest.mark.parametrize("who", ["stranger", "secret", "nobody", "no-password"])
def test_wrong_credentials_are_refused(door, version, name, who):
    options = {"stranger": {"username": "nobody", "password": "x"},
               "secret": {"username": "scanner-1", "password": "0" * 32},
               "nobody": {}, "no-password": {"username": "scanner-1"}}[who]
    before = door.counter("refused_connects")
    answer = refused(door, version, wire.connect(version, name, **options))
    assert answer in ((4, 5) if version == V3 else (0x86, 0x87))
    assert door.counter("refused_connects") == before + 1


@v3("3.1.4-5")
@v5("3.1.4-6")
def test_nothing_behind_a_refused_connect_is_looked_at(door, version, name):
    before = door.counter("received")
    peer = door.peer(version)
    peer.send(wire.connect(version, name, username="scanner-1", password="wrong"),
              *[wire.publish(version, topic(), code(), 1, n) for n in range(1, 10)])
    answers = peer.packets_until_closed()
    assert [each.kind for each in answers] in ([CONNACK], []), "a reset may eat the answer"
    assert door.counter("received") == before


@v3("3.1.4-2")
@v5("3.1.4-3")
def test_the_same_client_id_takes_over(door, version, name):
    first = door.connect(version, name)
    second = door.connect(version, name)
    first.expect_closed(0x8E)
    second.ping()
    wait_until(lambda: door.connections() == 1, 5, "one of them is left")


@both("3.1.3-2")
def test_two_devices_with_one_client_id_do_not_meet(door, version, name):
    first = door.connect(version, name)
    second = door.connect(version, name, device="scanner-2")
    first.ping()
    second.ping()


def test_take_over_by_the_other_version(door, name):
    first = door.connect(V5, name)
    second = door.connect(V3, name)
    first.expect_closed(0x8E)
    third = door.connect(V5, name)
    second.expect_closed()
    third.ping()


def test_take_over_before_connack_says_nothing_that_connack_does_not_know(door, version, name):
    allowed = {0, 0x80, 0x88, 0x89, 3}
    peers = [door.peer(version) for _ in range(8)]
    for peer in peers:
        peer.send(wire.connect(version, name, clean=False, **door.credentials()))
    for peer in peers[:-1]:
        answers = peer.packets_until_closed()
        for answer in answers:
            assert answer.kind in (CONNACK, DISCONNECT)
            if answer.kind == CONNACK:
                assert answer.reason in allowed, answer
    assert peers[-1].expect(CONNACK).reason == 0
    peers[-1].ping()


@v3("3.2.0-1", "3.1.4-4")
@v5("3.2.0-1", "3.2.0-2", "3.1.4-5")
def test_what_a_client_sends_before_connack_is_answered_behind_it(door, version, name):
    peer = door.peer(version)
    peer.send(wire.connect(version, name, clean=False, **door.credentials()),
              wire.publish(version, topic(), code(), 1, 1), wire.pingreq())
    kinds = [peer.packet().kind for _ in range(3)]
    assert kinds[0] == CONNACK and sorted(kinds[1:]) == sorted([PUBACK, PINGRESP])


@v5("3.2.2-1", "3.2.2-8", "3.2.2-9", "3.2.2-22", "3.1.2-28", "4.12.0-6")
def test_connack_of_version_5_tells_what_this_server_does_not_do(door, name):
    peer = door.connect(V5, name, props={"request_response": 0})
    props = peer.connack.props
    assert props["maximum_qos"] == 1
    assert props["receive_maximum"] == 512
    assert props["maximum_packet"] == 1024 * 1024
    assert not props["wildcard_available"] and not props["shared_available"]
    assert not props["subscription_id_available"]
    assert props.get("topic_alias_maximum", 0) == 0
    for absent in ("response_information", "auth_method", "reason_string", "user",
                   "server_keep_alive", "assigned_client_id", "session_expiry",
                   "retain_available"):
        assert absent not in props


@v5("3.1.2-28")
def test_response_information_is_not_given_even_if_asked_for(door, name):
    peer = door.connect(V5, name, props={"request_response": 1, "request_problem": 0})
    assert "response_information" not in peer.connack.props


@v5("3.1.2-24", "3.2.2-19", "3.2.2-20")
@pytest.mark.parametrize("size", [1, 4, 5, 20, 63])
def test_a_client_that_cannot_take_a_connack_is_refused_within_its_limit(door, name, size):
    packet = wire.connect(V5, name, props={"maximum_packet": size}, **door.credentials())
    answers = door.peer(V5).send(packet).packets_until_closed()
    assert all(answer.size <= size and answer.reason == 0x95 for answer in answers)
    assert len(answers) == (1 if size > 5 else 0)


@v5("3.1.2-24")
def test_every_packet_keeps_to_the_size_a_client_takes(door, name):
    peer = door.connect(V5, "", props={"maximum_packet": 64, "session_expiry": 0xFFFFFFFF})
    assert peer.connack.size <= 64
    filters = [("gangway/scanner-1/receipt", 0)] * 16
    assert peer.send(wire.subscribe(V5, 1, *filters)).expect(wire.SUBACK).size <= 64


@v5("4.12.0-1")
def test_authentication_methods_are_refused(door, name):
    for props in ([("auth_method", "SCRAM-SHA-256")],
                  [("auth_method", "SCRAM-SHA-256"), ("auth_data", b"n,,n=x")]):
        packet = wire.connect(V5, name, props=props, **door.credentials())
        assert refused(door, V5, packet) in (0x8C, 0x87)
    packet = wire.connect(V5, name, props=[("auth_data", b"x")], **door.credentials())
    assert refused(door, V5, packet) == 0x82


@v5("3.15.1-1", "4.12.0-7", "4.12.1-2")
def test_an_auth_packet_ends_the_connection(door, version, name):
    for flags in (0, 1):
        peer = door.connect(version, name)
        peer.send(wire.packet(wire.AUTH, b"\x19\x00", flags))
        peer.expect_closed((0x82, 0x81))


# ---- keep alive ----

@v3("3.1.2-24")
@v5("3.1.2-22", "3.2.2-22")
def test_silence_of_one_and_a_half_keep_alives_ends_the_connection(door, version, name):
    silent = door.connect(version, name, keep_alive=2)
    started = time.monotonic()
    forever = door.connect(version, name + "0", keep_alive=0)
    pinging = door.connect(version, name + "p", keep_alive=2)
    publishing = door.connect(version, name + "q", keep_alive=2)
    ended = None
    while ended is None and time.monotonic() < started + 20:
        pinging.ping()
        publishing.send(wire.publish(version, topic(), code(), 0))
        try:
            silent.packet(0.2)  # DISCONNECT of version 5
        except wire.Closed:
            ended = time.monotonic() - started
        except AssertionError:
            pass
    assert ended is not None and ended >= 2.9
    for peer in (pinging, publishing, forever):
        peer.ping()


@v3("3.1.2-24")
@v5("3.1.2-22")
def test_half_a_packet_is_not_heard_as_a_packet(door, version, name):
    peer = door.connect(version, name, keep_alive=1)
    packet = wire.publish(version, topic(), b"x" * 200)
    for at in range(100):
        peer.send(packet[at:at + 1])
        try:
            peer.packet(0.05)
        except wire.Closed:
            return
        except AssertionError:
            continue
    raise AssertionError("bytes that never became a packet kept the connection alive for 5 s")


def test_a_keep_alive_of_zero_in_connect_bytes(door, version, name):
    """The field is two bytes, big-endian: 256 s is not 1 s."""
    packet = wire.connect(version, name, keep_alive=256, **door.credentials())
    assert struct.pack(">H", 256) in packet
    peer = door.peer(version).send(packet)
    peer.expect(CONNACK)
    time.sleep(2.0)  # longer than 1.5 s: only waiting shows that nothing happens
    peer.ping()
