# SPDX-License-Identifier: Apache-2.0
"""PUBLISH with QoS 0 and 1: topics, identifiers, acknowledgements, order."""
import pytest

import mqtt_wire as wire
from door import code, codes, topic
from mqtt_wire import PINGRESP, PUBACK, PUBREC, V3, V5
from rig_process import wait_until
from statements import both, v3, v5


@v3("3.3.4-1", "4.3.2-2", "2.3.1-6")
@v5("3.3.4-1", "4.3.2-4", "2.2.1-5", "3.4.2-1")
def test_qos_1_is_acknowledged_with_its_identifier_and_stored(door, version, name):
    peer = door.connect(version, name)
    texts = codes(3)
    for packet_id, text in zip((1, 300, 65535), texts):
        answer = peer.send(wire.publish(version, topic(), text, 1, packet_id)).expect(PUBACK)
        assert answer.packet_id == packet_id and answer.reason == 0
    door.assert_each_once(texts)


@v3("3.3.4-1", "2.3.1-5")
@v5("3.3.4-1", "2.2.1-2")
def test_qos_0_has_no_identifier_and_no_answer_and_is_stored(door, version, name):
    peer = door.connect(version, name)
    text = code()
    peer.send(wire.publish(version, topic(), text, 0))
    peer.ping()
    door.assert_each_once([text])


def test_pubacks_come_in_the_order_of_publish(door, version, name):
    peer = door.connect(version, name)
    texts = codes(300)
    ids = [1 + (n * 7919) % 60000 for n in range(300)]
    peer.send(*[wire.publish(version, topic(), text, 1, number)
                for text, number in zip(texts, ids)])
    assert [peer.expect(PUBACK).packet_id for _ in ids] == ids
    door.assert_each_once(texts)


@v5("3.4.2-1")
def test_pubacks_of_known_foreign_and_hostile_messages_keep_the_order(door, version, name):
    peer = door.connect(version, name)
    packets = []
    for number in range(1, 100):
        where = topic() if number % 3 else "somewhere/else"
        payload = code() if number % 5 else b"\xff\xfe\0"
        packets.append(wire.publish(version, where, payload, 1, number))
    peer.send(*packets)
    answers = [peer.expect(PUBACK) for _ in packets]
    assert [answer.packet_id for answer in answers] == list(range(1, 100))
    reasons = [answer.reason for answer in answers]
    assert reasons == [0 if version == V3 else 0x87 if not n % 3 else 0x99 if not n % 5 else 0
                       for n in range(1, 100)]


@v3("2.3.1-1")
@v5("2.2.1-3")
def test_packet_identifier_0_is_refused(door, version, name):
    before = door.counter("stored")
    peer = door.connect(version, name)
    peer.send(wire.publish(version, topic(), code(), 1, 0)).expect_closed((0x81, 0x82))
    assert door.counter("stored") == before


@v3("3.3.1-4", "4.8.0-1")
@v5("3.3.1-4", "4.13.1-1")
def test_qos_3_is_refused(door, version, name):
    peer = door.connect(version, name)
    peer.send(wire.publish(version, topic(), code(), 3, 1)).expect_closed(0x81)


@both("3.3.1-2")
def test_dup_with_qos_0_is_refused(door, version, name):
    peer = door.connect(version, name)
    peer.send(wire.publish(version, topic(), code(), 0, dup=True)).expect_closed((0x81, 0x82))


@v5("3.2.2-11", "3.2.2-9")
def test_version_5_takes_no_qos_2(door, name):
    peer = door.connect(V5, name)
    peer.send(wire.publish(V5, topic(), code(), 2, 1)).expect_closed(0x9B)


# ---- topics ----

@v3("3.3.2-2", "4.7.1-1", "4.7.3-1")
@v5("3.3.2-2", "4.7.0-1", "4.7.3-1")
@pytest.mark.parametrize("bad", ["", "#", "+", "gangway/scanner-1/#", "gangway/+/scan", "a+b",
                                 "a#"])
def test_topic_names_must_not_be_empty_or_wild(door, version, name, bad):
    peer = door.connect(version, name)
    peer.send(wire.publish(version, bad, code(), 1, 1)).expect_closed((0x90, 0x81, 0x82))


@v3("1.5.3-1", "1.5.3-2", "3.3.2-1", "4.7.3-2")
@v5("1.5.4-1", "1.5.4-2", "3.3.2-1", "4.7.3-2")
@pytest.mark.parametrize("bad", [b"a\xed\xa0\x80", b"a\xc0\xaf", b"a\xe2\x82", b"a\x80",
                                 b"a\xf4\x90\x80\x80", b"a\0b", b"\0"])
def test_topic_names_must_be_utf8_without_nul(door, version, name, bad):
    peer = door.connect(version, name)
    where = b"gangway/scanner-1/" + bad
    peer.send(wire.publish(version, where, code(), 1, 1)).expect_closed((0x90, 0x81))


@v3("1.5.3-3", "4.7.3-4", "4.7.3-3")
@v5("1.5.4-3", "4.7.3-4", "4.7.3-3")
def test_topics_are_compared_and_kept_as_they_are(door, version, name):
    peer = door.connect(version, name)
    text = code()
    allowed = ["gangway/scanner-1/\ufeffx", "gangway/scanner-1/ü", "gangway/scanner-1//"]
    foreign = [f"\ufeffgangway/scanner-1/{text}", f"Gangway/scanner-1/{text}",
               f"/gangway/scanner-1/{text}", f"gangway/scanner-1{text}",
               f"gangway/scanner-11/{text}", f"gangway//scanner-1/{text}",
               f"gangway/scanner-2/{text}", f"$SYS/{text}"]
    stored = door.counter("stored")
    for number, where in enumerate(allowed + foreign, 1):
        peer.send(wire.publish(version, where, code(), 1, number)).expect(PUBACK, number)
    assert door.counter("stored") == stored + len(allowed)
    assert sorted(entry["topic"] for entry in door.quarantined(text)) == sorted(foreign)
    longest = "gangway/scanner-1/" + "x" * (65535 - 18)
    peer.send(wire.publish(version, longest, code(), 1, 99)).expect(PUBACK, 99)


@v3("3.3.5-2")
@v5("3.4.2-1")
def test_a_topic_the_device_may_not_use_is_acknowledged_and_kept_apart(door, version, name):
    peer = door.connect(version, name)
    text = code()
    peer.send(wire.publish(version, f"elsewhere/{text}", b"x", 1, 1))
    answer = peer.expect(PUBACK, 1)
    assert answer.reason == (0 if version == V3 else 0x87)
    peer.send(wire.publish(version, f"elsewhere/{text}", b"y", 0))
    peer.ping()
    assert len(door.quarantined(text)) == 2


@v3("3.3.1-12")
@v5("3.3.1-8")
def test_what_can_be_subscribed_to_cannot_be_published_to(door, version, name):
    """So no message of a device ever matches a subscription."""
    filters = ["gangway/scanner-1/receipt", "gangway/scanner-1/command"]
    listener = door.connect(version, name + "l")
    listener.send(wire.subscribe(version, 1, *[(text, 0) for text in filters]))
    listener.expect(wire.SUBACK)
    stored = door.counter("stored")
    peer = door.connect(version, name)
    for number, where in enumerate(filters * 2, 1):
        payload = code()
        peer.send(wire.publish(version, where, payload, 1, number, retain=number > 2))
        assert peer.expect(PUBACK, number).reason == (0 if version == V3 else 0x87)
    listener.ping()  # and no PUBLISH before its answer
    assert door.counter("stored") == stored
    listener.send(wire.subscribe(version, 2, (filters[0], 0))).expect(wire.SUBACK)
    listener.ping()  # nothing was retained


# ---- redeliveries ----

@v3("4.3.2-2")
@v5("4.3.2-5")
def test_an_identifier_that_was_acknowledged_is_a_new_message_the_next_time(door, version, name):
    peer = door.connect(version, name)
    texts = codes(20)
    for text in texts:
        peer.send(wire.publish(version, topic(), text, 1, 5)).expect(PUBACK, 5)
    door.assert_each_once(texts)


@v3("4.3.2-2")
@v5("4.3.2-5")
def test_the_same_label_scanned_twice_is_two_events(door, version, name):
    peer = door.connect(version, name)
    text = code()
    for number in (1, 2, 2, 1):
        peer.send(wire.publish(version, topic(), text, 1, number)).expect(PUBACK, number)
    wait_until(lambda: len(door.held(text)) == 4, 20, "four events", every=0.1)


@v3("4.3.2-2")
@v5("4.3.2-5")
def test_dup_without_proof_is_stored_and_marked(door, version, name):
    """The identifier proves nothing yet: nobody can know whether it is the same message."""
    peer = door.connect(version, name)
    text = code()
    peer.send(wire.publish(version, topic(), text, 1, 5)).expect(PUBACK, 5)
    peer.send(wire.publish(version, topic(), text, 1, 5, dup=True)).expect(PUBACK, 5)
    wait_until(lambda: len(door.held(text)) == 2, 20, "both", every=0.1)
    assert [event.get("possibleduplicate", False) for event in door.held(text)] == [False, True]


@v3("4.3.2-2")
@v5("4.3.2-4", "4.3.2-5")
def test_a_redelivery_that_is_proven_is_acknowledged_and_stored_once(door, version, name):
    """Deliberately more than the statement asks for: after twenty identifiers that counted
    up, beyond what the client may have in flight, DUP with the same identifier and content
    is the same message, whether or not its PUBACK got through."""
    peer = door.persistent(version, name)
    texts = codes(20)
    for number, text in enumerate(texts, 1001):
        peer.send(wire.publish(version, topic(), text, 1, number)).expect(PUBACK, number)
    peer.reset()
    peer = door.persistent(version, name)
    redelivered = door.counter("redelivered_known")
    for number, text in enumerate(texts[10:], 1011):
        packet = wire.publish(version, topic(), text, 1, number, dup=True)
        peer.send(packet).expect(PUBACK, number)
    assert door.counter("redelivered_known") == redelivered + 10
    door.assert_each_once(texts)


@v3("4.3.2-2")
def test_dup_of_what_never_arrived_is_stored(door, version, name):
    peer = door.connect(version, name)
    texts = codes(3)
    for number, text in enumerate(texts, 1):
        peer.send(wire.publish(version, topic(), text, 1, number, dup=True))
        peer.expect(PUBACK, number)
    door.assert_each_once(texts)


# ---- retain, flow ----

@v3("3.3.1-10", "3.3.1-11")
@v5("3.3.1-6", "3.3.1-7")
def test_retain_changes_nothing_for_the_event_and_nothing_is_sent_to_anybody(door, version, name):
    listener = door.persistent(version, name + "l")
    own = [f"gangway/scanner-1/{last}" for last in ("receipt", "command")]
    listener.send(wire.subscribe(version, 1, *[(text, 0) for text in own]))
    assert listener.expect(wire.SUBACK).codes == [0, 0]
    peer = door.connect(version, name)
    texts = codes(2)
    peer.send(wire.publish(version, topic(), texts[0], 1, 1, retain=True)).expect(PUBACK, 1)
    peer.send(wire.publish(version, topic(), texts[1], 0, retain=True))
    peer.send(wire.publish(version, topic(), b"", 1, 2, retain=True)).expect(PUBACK, 2)
    peer.ping()
    listener.ping()  # and no PUBLISH before its answer
    door.assert_each_once(texts)
    # Nor for those who subscribe later: to what exists, and to what would match.
    filters = own + [topic(), "gangway/#", "#"]
    for late in (listener, door.connect(version, name + "n")):
        late.send(wire.subscribe(version, 2, *[(text, 0) for text in filters]))
        codes_ = late.expect(wire.SUBACK).codes
        assert codes_[:2] == [0, 0] and all(each >= 0x80 for each in codes_[2:])
        late.ping()
    listener.close()
    listener = door.persistent(version, name + "l")
    listener.ping()


@v5("3.3.4-7", "4.13.1-1")
def test_more_than_receive_maximum_in_flight_ends_the_connection(door, name):
    """In one write, so that none of them can be answered before the last one is there."""
    peer = door.connect(V5, name)
    most = peer.connack.props["receive_maximum"]
    burst = b"".join(wire.publish(V5, topic(), b"x", 1, n) for n in range(1, 3 * most))
    peer.send(burst)
    answers = peer.packets_until_closed()
    assert answers[-1].kind == wire.DISCONNECT and answers[-1].reason == 0x93
    numbers = [answer.packet_id for answer in answers[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))


@v5("4.9.0-3")
def test_receive_maximum_in_flight_is_fine(door, name):
    peer = door.connect(V5, name)
    most = peer.connack.props["receive_maximum"]
    packets = [wire.publish(V5, topic(), b"x", 1, n) for n in range(1, most + 1)]
    peer.send(*packets, wire.pingreq(), wire.publish(V5, topic(), b"y", 0))
    kinds = [peer.packet().kind for _ in range(most + 1)]
    assert kinds.count(PUBACK) == most and kinds.count(PINGRESP) == 1


def test_version_3_has_no_receive_maximum_and_is_slowed_instead(door, name):
    peer = door.connect(V3, name)
    count = 5000
    peer.send(*[wire.publish(V3, topic(), b"x", 1, n) for n in range(1, count + 1)])
    assert [peer.expect(PUBACK).packet_id for _ in range(count)] == list(range(1, count + 1))


@v5("3.2.2-17", "3.2.2-18", "3.3.2-8", "3.3.2-9", "3.3.2-7", "4.13.1-1")
@pytest.mark.parametrize("alias", [0, 1, 65535])
@pytest.mark.parametrize("where", ["", "gangway/scanner-1/scan"])
def test_topic_aliases_are_refused(door, name, alias, where):
    peer = door.connect(V5, name)
    peer.send(wire.publish(V5, where, b"x", 1, 1, props={"topic_alias": alias}))
    peer.expect_closed((0x94, 0x82))


@v5("3.3.4-6")
def test_a_subscription_identifier_in_publish_is_refused(door, name):
    peer = door.connect(V5, name)
    peer.send(wire.publish(V5, topic(), b"x", 1, 1, props={"subscription_id": 1}))
    peer.expect_closed(0x82)


@v5("3.3.2-13", "3.3.2-19")
def test_properties_of_a_message_are_taken(door, name):
    peer = door.connect(V5, name)
    text = code()
    props = [("payload_format", 1), ("message_expiry", 1), ("content_type", "text/plain"),
             ("response_topic", "a/b"), ("correlation_data", b"order-1"), ("user", ("a", "1")),
             ("user", ("a", "2")),
             ("user", ("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"))]
    peer.send(wire.publish(V5, topic(), text, 1, 1, props=props)).expect(PUBACK, 1)
    door.assert_each_once([text])


def test_acknowledgements_of_nothing_are_ignored(door, version, name):
    peer = door.connect(version, name)
    for kind in (PUBACK, PUBREC, wire.PUBCOMP):
        peer.send(wire.ack(kind, 77))
    peer.ping()
