# SPDX-License-Identifier: Apache-2.0
"""The will: an event when a device goes without a word."""
import time

import pytest

import mqtt_wire as wire
from door import code, topic
from mqtt_wire import V3, V5, Will
from rig_process import wait_until
from statements import v3, v5


def willing(door, version, client_id, delay=None, expiry=None, clean=True, **options):
    """A connection with a will."""
    props = {} if delay is None else {"will_delay": delay}
    will = Will(topic(rest="status"), options.pop("payload", code()), props=props, **options)
    connect_props = {} if expiry is None else {"session_expiry": expiry}
    return door.connect(version, client_id, will=will, clean=clean, props=connect_props)


def no_will_follows(door, wills):
    """A later will is the next one: whatever was to come before it has not come."""
    witness = willing(door, V3, f"witness-{code()}")
    witness.close()
    wait_until(lambda: door.counter("wills") > wills, 10, "the will of the witness")
    assert door.counter("wills") == wills + 1


@v3("3.1.2-8")
@v5("3.1.2-7", "3.1.2-8")
@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_connection_that_breaks_fires_the_will_once(door, version, name, way):
    wills = door.counter("wills")
    peer = willing(door, version, name)
    getattr(peer, way)()
    door.wait_counter("wills", wills + 1)
    no_will_follows(door, wills + 1)


@v3("3.1.2-8", "3.1.2-9", "3.1.2-16")
@v5("3.1.2-8", "3.1.2-9", "3.1.2-14")
@pytest.mark.parametrize("retain", [False, True], ids=["", "retain"])
def test_a_will_becomes_an_event_of_its_device(door, version, name, retain):
    """And nothing else: nobody gets it, now or later."""
    held = len(door.rig.events("device.condition"))
    filters = ["gangway/scanner-1/receipt", "gangway/scanner-1/command", topic(rest="status")]
    listeners = [door.connect(version, name + "l")]
    willing(door, version, name, payload="battery dead", qos=1, retain=retain).reset()
    events = wait_until(lambda: door.rig.events("device.condition")[held:], 20,
                        "the centre holds the will", every=0.1)
    assert [event["device"] for event in events] == ["scanner-1"]
    listeners.append(door.connect(version, name + "n"))
    for listener in listeners:
        listener.send(wire.subscribe(version, 1, *[(text, 0) for text in filters]))
        assert listener.expect(wire.SUBACK).codes == [0, 0, 0x80 if version == V3 else 0x87]
        listener.ping()  # and no PUBLISH before its answer


@v3("3.1.2-8", "4.8.0-1")
@v5("3.1.2-8", "4.13.1-1")
def test_a_protocol_error_fires_the_will(door, version, name):
    wills = door.counter("wills")
    willing(door, version, name).send(wire.publish(version, "a/#", b"x")).expect_closed(0x90)
    door.wait_counter("wills", wills + 1)


@v3("3.1.2-8", "3.1.2-24")
@v5("3.1.2-8", "3.1.2-22")
def test_silence_fires_the_will(door, version, name):
    wills = door.counter("wills")
    will = Will(topic(rest="status"), b"gone")
    door.connect(version, name, will=will, keep_alive=1).expect_closed(0x8D)
    door.wait_counter("wills", wills + 1)


@v3("3.1.2-10", "3.14.4-3")
@v5("3.1.2-10", "3.14.4-3", "3.1.2-8")
def test_disconnect_discards_the_will(door, version, name):
    wills = door.counter("wills")
    willing(door, version, name).send(wire.disconnect()).expect_closed()
    if version == V5:
        willing(door, version, name).send(wire.disconnect(V5, 0)).expect_closed()
        willing(door, version, name).send(wire.disconnect(V5, 0, {})).expect_closed()
    no_will_follows(door, wills)


@v5("3.1.2-8", "3.1.2-10")
@pytest.mark.parametrize("reason", [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96,
                                    0x97, 0x98, 0x99])
def test_any_other_reason_of_disconnect_fires_the_will(door, name, reason):
    wills = door.counter("wills")
    willing(door, V5, name).send(wire.disconnect(V5, reason)).expect_closed()
    door.wait_counter("wills", wills + 1)


@v3("3.1.2-12")
@v5("3.1.2-8")
def test_without_a_will_nothing_fires_even_if_there_was_one_before(door, version, name):
    wills = door.counter("wills")
    willing(door, version, name, clean=False).send(wire.disconnect()).expect_closed()
    door.persistent(version, name).reset()
    no_will_follows(door, wills)


@v3("3.1.4-2", "3.1.2-8")
@v5("3.1.2-8", "3.1.4-3")
def test_take_over_fires_the_will_of_the_one_that_had_to_go(door, version, name):
    wills = door.counter("wills")
    first = willing(door, version, name)
    second = door.connect(version, name)
    first.expect_closed(0x8E)
    door.wait_counter("wills", wills + 1)
    second.close()
    no_will_follows(door, wills + 1)


@v5("3.1.2-8")
def test_a_delayed_will_fires_after_its_delay(door, name):
    wills = door.counter("wills")
    peer = willing(door, V5, name, delay=2, expiry=600)
    closed = time.monotonic()
    peer.reset()
    wait_until(lambda: door.counter("wills") > wills, 10, "the will")
    assert time.monotonic() - closed >= 2.0


@v5("3.1.3-9", "3.1.2-8")
def test_a_delayed_will_does_not_fire_if_the_device_comes_back(door, name):
    wills = door.counter("wills")
    willing(door, V5, name, delay=3, expiry=600).reset()
    wait_until(lambda: door.connections() == 0, 5, "it has gone")
    peer = door.persistent(V5, name)
    assert peer.connack.session_present
    time.sleep(3.5)  # longer than its delay: only waiting shows that nothing happens
    no_will_follows(door, wills)


@v5("3.1.3-9")
def test_a_delayed_will_does_not_fire_at_a_take_over_that_goes_on(door, name):
    wills = door.counter("wills")
    first = willing(door, V5, name, delay=600, expiry=600)
    second = door.persistent(V5, name)
    first.expect_closed(0x8E)
    assert second.connack.session_present
    no_will_follows(door, wills)


@v5("3.1.2-8")
@pytest.mark.parametrize("expiry", [None, 0, 1])
def test_a_delayed_will_fires_when_its_session_ends(door, name, expiry):
    wills = door.counter("wills")
    willing(door, V5, name, delay=600, expiry=expiry).reset()
    door.wait_counter("wills", wills + 1)


@v5("3.1.2-8", "3.1.2-4")
def test_a_clean_start_ends_the_session_and_fires_its_waiting_will(door, name):
    wills = door.counter("wills")
    willing(door, V5, name, delay=600, expiry=600).reset()
    wait_until(lambda: door.connections() == 0, 5, "it has gone")
    assert door.counter("wills") == wills
    door.connect(V5, name, clean=True)
    door.wait_counter("wills", wills + 1)


@v3("3.1.2-14")
@v5("3.1.2-12", "3.2.2-12")
def test_the_qos_of_a_will(door, version, name):
    for qos in (0, 1, 2):
        will = Will(topic(rest="status"), b"x", qos=qos)
        peer = door.greeted(version, f"{name}-{qos}", will=will)
        if version == V5 and qos == 2:
            assert peer.connack.reason == 0x9B
            peer.expect_closed()
        else:
            assert peer.connack.reason == 0
            peer.send(wire.disconnect()).expect_closed()


def test_a_will_beyond_its_limits_is_refused_and_one_at_them_is_kept(door, version, name):
    wills = door.counter("wills")
    too_long = "gangway/scanner-1/" + "t" * 239
    for will in (Will(too_long, b"x"), Will(topic(), b"x" * 1025)):
        peer = door.greeted(version, name, will=will)
        assert peer.connack.reason == (3 if version == V3 else 0x95)
        peer.expect_closed()
    door.connect(version, name, will=Will(too_long[:256], bytes(range(256)) * 4)).reset()
    door.wait_counter("wills", wills + 1)


@v3("3.1.2-8")
@v5("3.1.2-7")
def test_an_empty_will_is_a_will(door, version, name):
    wills = door.counter("wills")
    willing(door, version, name, payload=b"").reset()
    door.wait_counter("wills", wills + 1)
