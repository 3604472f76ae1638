# SPDX-License-Identifier: Apache-2.0
"""Sessions: what is kept of a device between its connections, also by a gateway that
is started anew or killed."""
import time

import pytest

import mqtt_wire as wire
from door import code, topic
from mqtt_wire import CONNACK, PUBACK, PUBCOMP, PUBLISH, PUBREC, SUBACK, V3, V5
from rig_process import wait_until
from statements import both, v3, v5

RECEIPT = "gangway/scanner-1/receipt"
COMMAND = "gangway/scanner-1/command"


def restart(door):
    """An orderly end and a new start."""
    door.rig.collectd.restart()
    door.rig.wait_connected()


def kill(door):
    """kill -9 and a new start; then so many commits that the store counts as healthy: five
    deaths in a row without that, and it would be set aside."""
    door.rig.collectd.kill()
    door.rig.collectd.start()
    door.rig.wait_connected()
    peer = door.connect(V3, f"healthy-{code()}", device="scanner-2")
    for number in range(1, 18):
        peer.send(wire.publish(V3, topic("scanner-2"), code(), 1, number)).expect(PUBACK, number)
    peer.close()


def reconnect(door):
    """Nothing happens to the gateway."""


def wait_longer_than_a_second():
    """The shortest expiry there is; only waiting shows what it does."""
    time.sleep(1.3)


def subscribed(door, peer, *filters):
    """SUBSCRIBE, answered with success."""
    peer.send(wire.subscribe(peer.version, 1, *[(text, 0) for text in filters]))
    assert peer.expect(SUBACK, 1).codes == [0] * len(filters)


def receives_receipt(door, peer):
    """Whether a publication is followed by a receipt."""
    peer.send(wire.publish(peer.version, topic(), code(), 1, 99))
    peer.expect(PUBACK, 99)
    peer.send(wire.pingreq())
    answer = peer.packet()
    if answer.kind == PUBLISH:
        assert answer.topic == RECEIPT
        peer.expect(wire.PINGRESP)
    return answer.kind == PUBLISH


@v3("3.1.2-4", "3.2.2-2", "3.2.2-3", "4.1.0-1", "3.1.3-2", "3.1.4-3")
@v5("3.1.2-5", "3.1.2-6", "3.2.2-3", "3.1.2-23", "3.1.3-2", "3.1.4-4", "4.1.0-1")
@pytest.mark.parametrize("happening", [reconnect, restart, kill])
def test_a_session_that_is_kept_goes_on(door, version, name, happening):
    peer = door.persistent(version, name)
    assert not peer.connack.session_present
    subscribed(door, peer, RECEIPT)
    peer.close()
    happening(door)
    peer = door.persistent(version, name)
    assert peer.connack.session_present
    assert receives_receipt(door, peer), "its subscription is still there"


@v3("3.1.2-6", "3.2.2-1", "3.2.2-3")
@v5("3.1.2-4", "3.2.2-2", "3.2.2-3")
@pytest.mark.parametrize("happening", [reconnect, restart, kill])
def test_a_clean_start_forgets_the_session(door, version, name, happening):
    peer = door.persistent(version, name)
    subscribed(door, peer, RECEIPT, COMMAND)
    peer.close()
    happening(door)
    clean = door.connect(version, name, clean=True)
    assert not clean.connack.session_present
    assert not receives_receipt(door, clean)
    clean.close()
    happening(door)
    again = door.persistent(version, name)
    assert not again.connack.session_present, "what was clean left nothing behind"
    assert not receives_receipt(door, again)


@v3("3.1.2-6", "3.2.2-3", "4.1.0-2")
@v5("4.1.0-2")
def test_a_clean_session_ends_with_its_connection(door, version, name):
    peer = door.connect(version, name, clean=True)
    subscribed(door, peer, RECEIPT)
    peer.ping()
    assert receives_receipt(door, peer), "and not before"
    door.hang_up()
    peer = door.persistent(version, name)
    assert not peer.connack.session_present
    assert not receives_receipt(door, peer)


@v5("3.1.2-4", "3.1.2-23", "3.2.2-2")
def test_version_5_can_start_clean_and_be_kept(door, name):
    peer = door.persistent(V5, name, clean=True)
    subscribed(door, peer, RECEIPT)
    peer.close()
    kill(door)
    peer = door.persistent(V5, name)
    assert peer.connack.session_present and receives_receipt(door, peer)
    peer.close()
    peer = door.persistent(V5, name, clean=True)
    assert not peer.connack.session_present and not receives_receipt(door, peer)


@v5("4.1.0-2", "3.1.2-23")
def test_a_session_is_discarded_when_its_expiry_has_passed(door, name):
    short, longer = name + "s", name + "l"
    for client_id, expiry in ((short, 1), (longer, 600)):
        peer = door.persistent(V5, client_id, expiry=expiry)
        subscribed(door, peer, RECEIPT)
    before = door.sessions()
    door.hang_up()
    wait_longer_than_a_second()
    wait_until(lambda: door.sessions() < before, 10, "it takes no place any more")
    assert not door.persistent(V5, short).connack.session_present
    assert door.persistent(V5, longer).connack.session_present


@v5("4.1.0-1")
def test_an_expiry_does_not_run_while_the_client_is_connected(door, name):
    peer = door.persistent(V5, name, expiry=1)
    subscribed(door, peer, RECEIPT)
    wait_longer_than_a_second()
    assert receives_receipt(door, peer)
    assert door.persistent(V5, name, expiry=1).connack.session_present, "by take-over"


def test_the_longest_expiry_is_told_to_a_client_that_wants_more(door, name):
    peer = door.persistent(V5, name, expiry=0xFFFFFFFF)
    week = 7 * 86400
    assert peer.connack.props["session_expiry"] == week
    peer = door.persistent(V5, name, expiry=week)
    assert "session_expiry" not in peer.connack.props and peer.connack.session_present


@v5("3.1.2-23")
def test_disconnect_may_change_the_expiry(door, name):
    peer = door.persistent(V5, name, expiry=600)
    peer.send(wire.disconnect(V5, 0, {"session_expiry": 0})).expect_closed()
    assert not door.persistent(V5, name).connack.session_present
    other = name + "b"
    peer = door.persistent(V5, other, expiry=1)
    peer.send(wire.disconnect(V5, 0, {"session_expiry": 600})).expect_closed()
    wait_longer_than_a_second()
    assert door.persistent(V5, other).connack.session_present


@v5("4.13.1-1")
def test_disconnect_may_not_give_an_expiry_to_a_session_without_one(door, name):
    peer = door.connect(V5, name)
    peer.send(wire.disconnect(V5, 0, {"session_expiry": 10})).expect_closed(0x82)


@v3("3.1.2-4", "4.1.0-1")
@pytest.mark.parametrize("happening", [reconnect, restart, kill])
def test_ids_of_qos_2_are_kept_with_the_session(door, name, happening):
    peer = door.persistent(V3, name)
    text = code()
    peer.send(wire.publish(V3, topic(), text, 2, 7)).expect(PUBREC, 7)
    peer.reset()
    happening(door)
    peer = door.persistent(V3, name)
    assert peer.connack.session_present
    peer.send(wire.publish(V3, topic(), text, 2, 7, dup=True)).expect(PUBREC, 7)
    peer.send(wire.ack(wire.PUBREL, 7)).expect(PUBCOMP, 7)
    door.assert_each_once([text])


@both("4.1.0-1")
def test_a_session_is_there_as_soon_as_connack_says_so(door, version, name):
    for number in range(5):
        peer = door.persistent(version, f"{name}-{number}")
        assert not peer.connack.session_present
    kill(door)
    for number in range(5):
        assert door.persistent(version, f"{name}-{number}").connack.session_present


def test_many_sessions_of_one_device_leave_room_for_its_neighbours(make_door):
    """A client with a random id and a session to be kept must not lock anybody out."""
    door = make_door(changes={"ingress": {"max_connections": 16,
                                          "max_connections_per_device": 4}})
    for number in range(80):
        peer = door.persistent(V3 if number % 2 else V5, f"random-{number}")
        peer.send(wire.disconnect(peer.version)).expect_closed()
    for number in range(4):
        door.persistent(V3, f"other-{number}", device="scanner-2").ping()
    last = door.persistent(V3, "random-79")
    assert last.connack.session_present, "the newest ones are those that are kept"
    kill(door)
    assert door.persistent(V3, "other-0", device="scanner-2").connack.session_present
