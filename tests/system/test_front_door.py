# SPDX-License-Identifier: Apache-2.0
"""The front door: devices connect to gw-collectd itself, and their PUBACK means on flash."""
import json
import socket
import time

import pytest

from gangway_rig import wait_until
from gangway_simulate import payloads
from gangway_simulate.devices import new_client


@pytest.mark.parametrize("mqtt5", [False, True], ids=["3.1.1", "5"])
def test_every_acknowledged_scan_arrives_once_and_in_order(make_rig, mqtt5):
    rig = make_rig(door="front", devices={"scanner-1": "text", "glove-1": "proglove",
                                          "scale-1": "scale"}).start()
    rig.simulate_options = ["--mqtt5"] if mqtt5 else []
    rig.send(500)
    rig.assert_ledger_matches()


def test_what_was_in_flight_when_the_connection_broke_is_one_event_each(make_rig):
    rig = make_rig(door="front").start()
    child = rig.simulate("scanners", "--count", "3000", "--rate", "3000", "--burst", "50",
                         "--in-flight", "100", "--drop-every", "200")
    wait_until(lambda: not child.running, 60, "the device has sent")
    findings = rig.assert_ledger_matches()
    # Up to id 512 (receive_maximum) ids prove nothing: what was stored and not acknowledged
    # when the connection broke is kept again, marked. That is the first three breaks of 15,
    # a window each: in the third it begins below 513, and a copy that is kept ends the run
    # of ids that would prove those behind it.
    assert sum(finding.marked for finding in findings) <= 3 * 100


def test_gateway_killed_under_load(make_rig):
    rig = make_rig(door="front").start()
    child = rig.simulate("scanners", "--count", "6000", "--rate", "3000", "--burst", "50",
                         "--in-flight", "100", "--grace", "20")
    for _ in range(4):
        time.sleep(0.3)
        rig.collectd.kill()
        rig.collectd.start()
        rig.wait_connected()
    wait_until(lambda: not child.running, 60, "the device has sent")
    assert child.exit_code == 0, child.tail()
    rig.assert_ledger_matches()
    assert rig.counter("front.connects") > 0


def connect(rig, name="scanner-1", client_id=None, secret=None, mqtt5=False):
    """A connected paho client of a device; its reason code."""
    client = new_client(client_id or name, mqtt5)
    client.username_pw_set(name, rig.secret(name) if secret is None else secret)
    codes = []
    client.on_connect = lambda c, u, f, reason, *rest: codes.append(reason)
    client.connect("127.0.0.1", rig.front_port)
    client.loop_start()
    wait_until(lambda: codes, 10, "CONNACK")
    return client, codes[0]


def test_a_wrong_secret_and_an_unknown_device_are_refused_and_named(make_rig):
    rig = make_rig(door="front").start()
    for name, secret in (("scanner-1", "0" * 32), ("nobody", "x")):
        client, code = connect(rig, name, secret=secret)
        assert code != 0
        client.loop_stop()
        client.disconnect()
    assert "device_refused" in rig.issues("collectd")
    assert rig.counter("front.refused_connects") >= 2


def test_hostile_payloads_are_kept_in_the_quarantine(make_rig):
    rig = make_rig(door="front", devices={"glove-1": "proglove"}).start()
    client, code = connect(rig, "glove-1")
    assert code == 0
    sent = list(payloads.hostile())
    for name, payload in sent:
        client.publish("floor/glove-1", payload, qos=1).wait_for_publish(10)
    client.publish("floor/somebody-else", b"lost?", qos=1).wait_for_publish(10)
    entries = rig.ask_daemon("collectd", "quarantine_list", max=200)["entries"]
    good = 1  # a number nobody asked for harms nobody
    assert len(entries) == len(sent) - good + 1
    assert all(entry["reason"] and entry["device"] == "glove-1" for entry in entries)
    assert any("may not publish" in entry["reason"] for entry in entries)
    client.disconnect()
    client.loop_stop()


def test_receipts_and_commands_reach_the_device(make_rig):
    rig = make_rig(door="front").start()
    client, code = connect(rig)
    assert code == 0
    got = []
    client.on_message = lambda c, u, message: got.append((message.topic, message.payload))
    subscribed = []
    client.on_subscribe = lambda *rest: subscribed.append(rest)
    client.subscribe([("gangway/scanner-1/receipt", 1), ("gangway/scanner-1/command", 1)])
    wait_until(lambda: subscribed, 10, "SUBACK")
    client.publish("gangway/scanner-1/scan", b"4012345678901", qos=1).wait_for_publish(10)
    wait_until(lambda: got, 10, "the receipt")
    topic, payload = got.pop()
    assert topic == "gangway/scanner-1/receipt"
    assert json.loads(payload)["result"] == "stored"
    answer = rig.ask_daemon("collectd", "device_command", device="scanner-1", text="lamp green")
    assert answer["connections"] == 1
    wait_until(lambda: got, 10, "the command")
    assert got.pop() == ("gangway/scanner-1/command", b"lamp green")
    client.disconnect()
    client.loop_stop()


def test_a_revoked_device_is_out_at_once_and_a_rotated_one_stays(make_rig):
    rig = make_rig(door="front").start()
    old = rig.secret("scanner-1")
    client, code = connect(rig)
    assert code == 0
    new = rig.ask_daemon("collectd", "device_rotate", device="scanner-1")["secret"]
    assert new != old and client.is_connected()
    second, code = connect(rig, client_id="b", secret=old)
    assert code == 0, "the old secret holds until the new one is used"
    third, code = connect(rig, client_id="c", secret=new)
    assert code == 0
    fourth, code = connect(rig, client_id="d", secret=old)
    assert code != 0, "and no longer"
    rig.ask_daemon("collectd", "device_revoke", device="scanner-1")
    wait_until(lambda: rig.status()["front_door"]["connections"] == 0, 10, "all are out")
    for each in (client, second, third, fourth):
        each.loop_stop()


def test_a_will_becomes_an_event(make_rig):
    rig = make_rig(door="front").start()
    client = new_client("scanner-1")
    client.username_pw_set("scanner-1", rig.secret("scanner-1"))
    client.will_set("floor/scanner-1/status", b"battery dead", qos=1)
    client.connect("127.0.0.1", rig.front_port)
    client.loop_start()
    wait_until(lambda: rig.status()["front_door"]["connections"] == 1, 10, "connected")
    client.socket().shutdown(socket.SHUT_RDWR)
    client.loop_stop()
    wait_until(lambda: rig.events("device.condition"), 20, "the will", every=0.1)


def test_what_comes_in_by_the_front_door_is_published_on_the_broker_and_stored_once(make_rig):
    rig = make_rig(door="both")
    broker = {**rig.configuration()["brokers"][0], "republish": True}
    rig._changes["brokers"] = [broker]
    rig.start()
    got = []
    listener = new_client("a-flow-that-exists")
    listener.on_message = lambda c, u, message: got.append((message.topic, message.payload))
    subscribed = []
    listener.on_subscribe = lambda *rest: subscribed.append(rest)
    listener.on_connect = lambda c, *rest: c.subscribe("floor/#")
    listener.connect("127.0.0.1", rig.mqtt_port)
    listener.loop_start()
    wait_until(lambda: subscribed, 10, "SUBACK")
    rig.send(200)
    rig.assert_ledger_matches()
    wait_until(lambda: len(got) >= 200, 10, "the existing flow has them")
    assert {topic for topic, _ in got} == {"floor/scanner-1"}
    assert rig.counter("mqtt.republished") == 200
    assert rig.counter("mqtt.received") == 0, "nothing came back to us"
    listener.disconnect()
    listener.loop_stop()
