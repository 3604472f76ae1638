# SPDX-License-Identifier: Apache-2.0
"""QoS 2 of MQTT 3.1.1: exactly one event, whatever breaks where."""
import pytest

import mqtt_wire as wire
from door import code, codes, topic
from mqtt_wire import PUBCOMP, PUBREC, PUBREL, V3, V5
from rig_process import wait_until
from statements import v3, v5
from test_session import kill, reconnect, restart


def send(peer, text, number, dup=False):
    """PUBLISH with QoS 2."""
    return peer.send(wire.publish(V3, topic(), text, 2, number, dup=dup))


def release(peer, number):
    """PUBREL and its answer."""
    peer.send(wire.ack(PUBREL, number)).expect(PUBCOMP, number)


@v3("3.3.4-1", "4.3.3-2", "2.3.1-6")
def test_the_four_packets_of_one_message(door, name):
    peer = door.persistent(V3, name)
    texts = codes(3)
    for number, text in zip((1, 4660, 65535), texts):
        send(peer, text, number).expect(PUBREC, number)
        release(peer, number)
    door.assert_each_once(texts)


@v3("4.3.3-2")
@pytest.mark.parametrize("clean", [False, True], ids=["kept", "clean"])
def test_until_pubrel_the_same_identifier_is_the_same_message(door, name, clean):
    peer = door.connect(V3, name, clean=clean)
    text = code()
    send(peer, text, 1)
    send(peer, text, 1, dup=True)
    send(peer, text, 1, dup=True)
    for _ in range(3):
        peer.expect(PUBREC, 1)
    send(peer, text, 1, dup=True).expect(PUBREC, 1)
    release(peer, 1)
    door.assert_each_once([text])


@v3("4.3.3-2")
def test_after_pubcomp_the_same_identifier_is_a_new_message(door, name):
    peer = door.persistent(V3, name)
    texts = codes(5)
    for text in texts:
        send(peer, text, 9).expect(PUBREC, 9)
        release(peer, 9)
    door.assert_each_once(texts)


@v3("4.3.3-2")
@pytest.mark.parametrize("happening", [reconnect, restart, kill])
@pytest.mark.parametrize("answered", [False, True], ids=["before-pubrec", "after-pubrec"])
def test_a_message_sent_again_after_a_break_is_one_event(door, name, happening, answered):
    peer = door.persistent(V3, name)
    text, last = codes(2)
    stored = door.counter("stored")
    send(peer, text, 1)
    if answered:
        peer.expect(PUBREC, 1)
    else:
        # It is stored before its PUBREC leaves, which this client never sees.
        wait_until(lambda: door.counter("stored") > stored, 20, "it is stored")
    peer.reset()
    happening(door)
    peer = door.persistent(V3, name)
    send(peer, text, 1, dup=True).expect(PUBREC, 1)
    release(peer, 1)
    send(peer, last, 1).expect(PUBREC, 1)
    release(peer, 1)
    door.assert_each_once([text, last])


@v3("4.3.3-2")
@pytest.mark.parametrize("happening", [reconnect, restart, kill])
@pytest.mark.parametrize("answered", [False, True], ids=["before-pubcomp", "after-pubcomp"])
def test_a_pubrel_sent_again_after_a_break_is_answered(door, name, happening, answered):
    peer = door.persistent(V3, name)
    texts = codes(2)
    send(peer, texts[0], 1).expect(PUBREC, 1)
    peer.send(wire.ack(PUBREL, 1))
    if answered:
        peer.expect(PUBCOMP, 1)
    peer.reset()
    happening(door)
    peer = door.persistent(V3, name)
    release(peer, 1)
    send(peer, texts[1], 1).expect(PUBREC, 1)
    release(peer, 1)
    door.assert_each_once(texts)


@v3("4.3.3-2")
@v5("3.7.2-1", "4.3.3-11", "2.2.1-5")
def test_a_pubrel_for_nothing_is_answered(door, version, name):
    peer = door.connect(version, name)
    peer.send(wire.ack(PUBREL, 4321))
    assert peer.expect(PUBCOMP, 4321).reason == (0 if version == V3 else 0x92)
    if version == V5:
        peer.send(wire.ack(PUBREL, 1, 0x92, {"reason_string": "x"}))
        assert peer.expect(PUBCOMP, 1).reason == 0x92


@v3("3.6.1-1", "2.2.2-2")
@v5("3.6.1-1", "2.1.3-1")
@pytest.mark.parametrize("flags", [0, 1, 3, 4, 6, 8, 0xA, 0xF])
def test_pubrel_with_other_flags_ends_the_connection(door, version, name, flags):
    peer = door.connect(version, name)
    peer.send(wire.ack(PUBREL, 1, flags=flags)).expect_closed(0x81)


def test_answers_come_in_the_order_of_what_they_answer(door, name):
    peer = door.persistent(V3, name)
    texts = codes(60)
    peer.send(*[wire.publish(V3, topic(), text, 2, number)
                for number, text in enumerate(texts, 1)])
    assert [peer.expect(PUBREC).packet_id for _ in texts] == list(range(1, 61))
    peer.send(*[wire.ack(PUBREL, number) for number in range(60, 0, -1)])
    assert [peer.expect(PUBCOMP).packet_id for _ in texts] == list(range(60, 0, -1))
    door.assert_each_once(texts)


def test_qos_1_and_2_are_answered_in_one_order(door, name):
    peer = door.persistent(V3, name)
    texts = codes(40)
    peer.send(*[wire.publish(V3, topic(), text, 1 + number % 2, number)
                for number, text in enumerate(texts, 1)])
    assert [peer.packet().packet_id for _ in texts] == list(range(1, 41))
    for number in range(1, 41, 2):
        release(peer, number)
    door.assert_each_once(texts)


@v3("4.3.3-2")
@pytest.mark.parametrize("clean", [False, True], ids=["kept", "clean"])
def test_more_messages_at_once_than_identifiers_are_kept_get_through(door, name, clean):
    """A client without a limit of its own sends 300; 128 identifiers are kept. What is
    not answered is sent again on the next connection, and nothing goes round in circles."""
    texts = codes(300)
    waiting = {number: text for number, text in enumerate(texts, 1)}
    released = []
    for attempt in range(6):
        peer = door.connect(V3, name, clean=clean)
        peer.send(*[wire.ack(PUBREL, number) for number in released],
                  *[wire.publish(V3, topic(), text, 2, number, dup=attempt > 0)
                    for number, text in waiting.items()])
        try:
            while waiting or released:
                answer = peer.packet(seconds=15)
                if answer.kind == PUBREC:
                    assert waiting.pop(answer.packet_id)
                    released.append(answer.packet_id)
                    peer.send(wire.ack(PUBREL, answer.packet_id))
                else:
                    released.remove(answer.packet_id)
            break
        except wire.Closed:
            continue
    assert not waiting and not released, f"{len(waiting)} never got through"
    door.assert_each_once(texts)


def test_a_second_sending_in_a_new_session_is_stored_and_marked(door, name):
    """Nothing is known of the first one any more: nobody can tell."""
    text = code()
    peer = door.connect(V3, name, clean=True)
    send(peer, text, 1).expect(PUBREC, 1)
    peer.reset()
    peer = door.connect(V3, name, clean=True)
    send(peer, text, 1, dup=True).expect(PUBREC, 1)
    release(peer, 1)
    wait_until(lambda: len(door.held(text)) == 2, 20, "both", every=0.1)
    assert [event.get("possibleduplicate", False) for event in door.held(text)] == [False, True]


def test_what_a_kept_session_does_not_know_was_never_stored(door, name):
    """So its second sending is the first one here, and no possible duplicate."""
    door.persistent(V3, name).close()
    text = code()
    peer = door.persistent(V3, name)
    send(peer, text, 1, dup=True).expect(PUBREC, 1)
    release(peer, 1)
    door.assert_each_once([text])
    assert "possibleduplicate" not in door.held(text)[0]


@v3("2.3.1-1")
def test_identifier_0_is_refused(door, name):
    peer = door.persistent(V3, name)
    send(peer, code(), 0).expect_closed()
    peer = door.persistent(V3, name)
    peer.send(wire.ack(PUBREL, 0)).expect_closed()
