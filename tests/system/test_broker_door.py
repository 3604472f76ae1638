# SPDX-License-Identifier: Apache-2.0
"""The broker door: durable before PUBACK, redeliveries, sessions, bad answers.

Most tests use a broker under a microscope (mqtt_microscope.py), which shows when a
PUBACK leaves and redelivers at will; the last ones use a real Mosquitto.
"""
import base64
import json
import signal
import subprocess
import time

import pytest
from mqtt_microscope import DISCONNECT, PINGREQ, SUBSCRIBE, Microscope
from paho.mqtt import publish
from rig_ipc import Refused
from rig_process import wait_until

TOPIC = "floor/scanner-1"
QUIET = {"store": {"write_budget_mb_per_day": 0}}


class Door:
    """gw-collectd behind a microscope, without centre and uplink."""

    def __init__(self, rig):
        self.rig = rig
        self.scope = Microscope(rig.mqtt_port)

    def start(self):
        """collectd, subscribed, the gateway's own first events stored."""
        self.rig.configure()
        self.rig.collectd.start()
        self.scope.wait_subscribed()
        wait_until(lambda: self.rig.connected(), 10, "collectd says connected")
        return self

    def stored(self):
        """Business events in the queue."""
        return self.rig.status()["queue"]["classes"]["business"]["last"]

    def count(self, name):
        """A counter of collectd."""
        return self.rig.counter("mqtt." + name)

    def wait_stored(self, count, seconds=10):
        """Until the queue holds so many business events."""
        wait_until(lambda: self.stored() >= count, seconds, f"{count} events are stored")
        assert self.stored() == count

    def reconnect(self, present=True):
        """Drop the connection; returns on the next one."""
        number = self.scope.connections
        self.scope.session_present = present
        self.scope.drop()
        self.scope.wait_connection(number + 1)
        wait_until(lambda: self.rig.connected(), 15, "collectd says connected")

    def kill_and_start(self, present=True):
        """kill -9, start again on the same store."""
        number = self.scope.connections
        self.scope.session_present = present
        self.rig.collectd.kill()
        self.rig.collectd.start()
        self.scope.wait_connection(number + 1)
        wait_until(lambda: self.rig.connected(), 15, "collectd says connected")


@pytest.fixture
def make_door(make_rig):
    """make_door(mqtt5=True, **changes) -> a Door that is not started."""
    doors = []

    def make(mqtt5=True, devices=None, **changes):
        rig = make_rig(devices=devices, changes=changes)
        base = rig.configuration()["brokers"][0]
        rig.configure(brokers=[{**base, "mqtt5": mqtt5}])
        doors.append(Door(rig))
        return doors[-1]

    yield make
    for door in doors:
        door.scope.close()


@pytest.fixture(params=[True, False], ids=["mqtt5", "mqtt311"])
def door(make_door, request):
    """A started door, each version of the protocol."""
    return make_door(mqtt5=request.param).start()


# -- durable before acknowledged


@pytest.mark.parametrize("mqtt5", [True, False], ids=["mqtt5", "mqtt311"])
def test_no_puback_before_the_commit(make_door, mqtt5):
    door = make_door(mqtt5=mqtt5, classes={"business": {"commit_wait_ms": 1500}}, **QUIET).start()
    time.sleep(0.3)
    sent = time.monotonic()
    for number in range(1, 6):
        door.scope.publish(TOPIC, b"code-%d" % number, number)
    door.scope.wait_pubacks(5)
    acked = door.scope.of_kind(4)[0].at
    assert acked - sent >= 1.4, f"PUBACK after {acked - sent:.3f} s, the commit was due at 1.5 s"
    assert door.scope.pubacks() == [1, 2, 3, 4, 5]
    door.wait_stored(5)


def test_a_ping_that_is_due_waits_for_the_commit(make_door):
    door = make_door(classes={"business": {"commit_wait_ms": 9000}}, **QUIET)
    door.rig.configure(brokers=[{**door.rig.configuration()["brokers"][0], "keepalive_s": 5}])
    door.start()
    wait_until(lambda: door.scope.of_kind(PINGREQ), 12, "pings go out at rest")
    pings = len(door.scope.of_kind(PINGREQ))
    sent = time.monotonic()
    door.scope.publish(TOPIC, b"one", 1)
    time.sleep(4.5)  # a ping falls due meanwhile
    assert door.scope.pubacks() == [], "a PINGREQ pushed the PUBACK out"
    assert len(door.scope.of_kind(PINGREQ)) == pings, "written between PUBLISH and commit"
    door.scope.wait_pubacks(1)
    waited = door.scope.of_kind(4)[0].at - sent
    assert 4.5 <= waited < 7.5, "committed early enough for the broker's patience"
    assert door.scope.connections == 1


def test_a_kill_before_the_commit_leaves_the_message_with_the_broker(make_door):
    door = make_door(classes={"business": {"commit_wait_ms": 30000}}, **QUIET).start()
    door.scope.publish(TOPIC, b"not yet", 1)
    wait_until(lambda: door.count("received") == 1, 5, "it is read")
    time.sleep(0.2)
    assert door.scope.pubacks() == []
    door.kill_and_start()
    assert door.stored() == 0
    door.scope.publish(TOPIC, b"not yet", 1, dup=True)
    wait_until(lambda: door.count("stored") == 1, 5, "it is read again")
    assert door.count("possible_duplicates") == 1


def test_groups_are_acknowledged_in_publish_order(door):
    for number in range(1, 2001):
        door.scope.publish(TOPIC, b"n%d" % number, number)
    door.scope.wait_pubacks(2000, 30)
    assert door.scope.pubacks() == list(range(1, 2001))
    door.wait_stored(2000)


# -- redeliveries


def test_a_redelivery_after_a_lost_connection_is_stored_once(door):
    door.scope.publish(TOPIC, b"alpha", 11)
    door.scope.wait_pubacks(1)
    door.reconnect()
    door.scope.publish(TOPIC, b"alpha", 11, dup=True)
    door.scope.wait_pubacks(1)
    assert door.stored() == 1
    assert door.count("redelivered_known") == 1


def test_a_redelivery_after_kill_9_is_stored_once(door):
    for number in range(1, 51):
        door.scope.publish(TOPIC, b"scan %d" % number, number)
    door.scope.wait_pubacks(50)
    door.kill_and_start()
    for number in range(1, 51):
        door.scope.publish(TOPIC, b"scan %d" % number, number, dup=True)
    door.scope.publish(TOPIC, b"new", 51)
    door.scope.wait_pubacks(51)
    assert door.stored() == 51
    assert door.count("redelivered_known") == 50
    assert door.count("possible_duplicates") == 0


def test_a_redelivery_of_something_unknown_is_stored_and_marked(door):
    door.scope.publish(TOPIC, b"one", 1)
    door.scope.wait_pubacks(1)
    door.reconnect()
    door.scope.publish(TOPIC, b"another", 1, dup=True)
    door.scope.publish(TOPIC, b"third", 2, dup=True)
    door.scope.wait_pubacks(2)
    assert door.stored() == 3
    assert door.count("possible_duplicates") == 2


def test_the_same_code_scanned_again_is_no_redelivery(door):
    for number in (1, 2, 3):
        door.scope.publish(TOPIC, b"4006381333931", number)
    door.scope.wait_pubacks(3)
    assert door.stored() == 3


def test_a_broker_that_reuses_packet_ids_loses_nothing(door):
    """Lowest free id first: id 1 twice in a row proves nothing."""
    for _ in range(3):
        door.scope.publish(TOPIC, b"same", 1)
        time.sleep(0.1)
    door.scope.wait_pubacks(3)
    door.reconnect()
    door.scope.publish(TOPIC, b"same", 1, dup=True)
    door.scope.wait_pubacks(1)
    assert door.stored() == 4
    assert door.count("possible_duplicates") == 1


def test_ids_of_a_lost_session_mean_nothing_in_the_next(door):
    door.scope.publish(TOPIC, b"same", 1)
    door.scope.wait_pubacks(1)
    door.reconnect(present=False)
    door.scope.wait_subscribed()
    door.scope.publish(TOPIC, b"same", 1, dup=True)
    door.scope.wait_pubacks(1)
    assert door.stored() == 2
    door.kill_and_start()
    door.scope.publish(TOPIC, b"same", 1, dup=True)
    door.scope.wait_pubacks(1)
    assert door.stored() == 2, "this one is of the session that is still there"


def test_a_device_event_id_is_taken_once(make_door):
    door = make_door(devices={"glove-1": "proglove"}).start()
    first = door.rig.configuration()["devices"][0]

    def scan(event_id, code):
        body = {}
        for pointer, value in ((first["event_id_pointer"], event_id),
                               (first["code_pointer"], code)):
            body[pointer.strip("/")] = value
        return json.dumps(body).encode()

    door.scope.publish("floor/glove-1", scan("e1", "A"), 1)
    door.scope.publish("floor/glove-1", scan("e1", "A"), 2)
    door.scope.publish("floor/glove-1", scan("e1", "B"), 3)
    door.scope.publish("floor/glove-1", scan("e2", "A"), 4)
    door.scope.wait_pubacks(4)
    assert door.stored() == 3
    assert door.count("device_duplicates") == 1
    assert door.count("possible_duplicates") == 1
    door.kill_and_start()
    door.scope.publish("floor/glove-1", scan("e2", "A"), 9)
    door.scope.wait_pubacks(1)
    assert door.stored() == 3, "the window outlives a restart"


def test_retained_messages_are_stored_once(door):
    door.scope.publish(TOPIC, b"old news", 1, retain=True)
    door.scope.publish(TOPIC, b"old news", 2, retain=True)
    door.scope.publish(TOPIC, b"old news", 3)
    door.scope.publish(TOPIC, b"other news", 4, retain=True)
    door.scope.wait_pubacks(4)
    assert door.stored() == 3
    assert door.count("retained_repeats") == 1


# -- sessions and subscriptions


def test_an_old_session_is_not_subscribed_again(door):
    door.scope.publish(TOPIC, b"x", 1)
    door.scope.wait_pubacks(1)
    door.reconnect()
    time.sleep(0.5)
    assert door.scope.of_kind(SUBSCRIBE) == []
    door.kill_and_start()
    time.sleep(0.5)
    assert door.scope.of_kind(SUBSCRIBE) == []


def test_a_lost_session_is_an_issue_and_subscribed_again(door):
    door.reconnect(present=False)
    door.scope.wait_subscribed()
    assert door.scope.filters == ["floor/#"]
    assert "broker_session_lost" in door.rig.issues("collectd")
    door.scope.publish(TOPIC, b"x", 1)
    door.scope.wait_pubacks(1)
    door.reconnect()
    wait_until(lambda: "broker_session_lost" not in door.rig.issues("collectd"), 5, "it is over")


def test_changed_topics_change_the_subscription_of_the_session(make_door):
    door = make_door().start()
    base = door.rig.configuration()["brokers"][0]
    door.rig.configure(brokers=[{**base, "topics": ["floor/+", "yard/#"]}])
    door.scope.session_present = True
    number = door.scope.connections
    door.rig.collectd.signal(signal.SIGHUP)
    door.scope.wait_connection(number + 1)
    door.scope.wait_subscribed()
    wait_until(lambda: door.scope.unsubscribed == ["floor/#"], 5, "the old filter goes")
    assert door.scope.filters == ["floor/+", "yard/#"]


def test_a_refused_subscription_is_an_issue(make_door):
    door = make_door()
    door.scope.granted_qos = 128
    door.start()
    wait_until(lambda: "broker_refused" in door.rig.issues("collectd"), 5, "the issue is raised")


def test_a_refused_connection_is_an_issue_and_tried_again(make_door):
    door = make_door(mqtt5=False)
    door.scope.connack_code = 5
    door.rig.configure()
    door.rig.collectd.start()
    door.scope.wait_connection(1)
    wait_until(lambda: "broker_refused" in door.rig.issues("collectd"), 10, "the issue is raised")
    door.scope.connack_code = 0
    door.scope.wait_connection(2, 30)
    door.scope.wait_subscribed()
    wait_until(lambda: "broker_refused" not in door.rig.issues("collectd"), 5, "it is over")


def test_a_twin_with_our_client_id_is_named(make_door):
    door = make_door().start()
    door.scope.session_present = True
    door.scope.say_disconnect(0x8E)
    wait_until(lambda: "broker_refused" in door.rig.issues("collectd"), 5, "the issue is raised")
    detail = next(issue["detail"] for issue in door.rig.status()["issues"]
                  if issue["name"] == "broker_refused")
    assert "another client uses our client id" in detail
    door.scope.wait_connection(2, 20)
    wait_until(lambda: door.rig.connected(), 10, "connected again")
    assert "broker_refused" in door.rig.issues("collectd"), "not over with the next CONNACK"
    wait_until(lambda: "broker_refused" not in door.rig.issues("collectd"), 20, "it is over")


def test_a_silent_broker_is_left_and_tried_again(make_door):
    door = make_door()
    door.rig.configure(brokers=[{**door.rig.configuration()["brokers"][0], "keepalive_s": 5}])
    door.scope.answer_pings = False
    door.start()
    door.scope.session_present = True
    door.scope.wait_connection(2, 30)


def test_an_orderly_end_acknowledges_and_says_goodbye(make_door):
    door = make_door(classes={"business": {"commit_wait_ms": 20000}}, **QUIET).start()
    door.scope.publish(TOPIC, b"last words", 1)
    wait_until(lambda: door.count("received") == 1, 5, "it is read")
    packets = door.scope
    assert door.rig.collectd.stop() == 0
    wait_until(lambda: packets.of_kind(DISCONNECT), 5, "DISCONNECT arrives")
    assert packets.pubacks() == [1]
    door.scope.session_present = True
    door.rig.collectd.start()
    wait_until(lambda: door.rig.connected(), 10, "connected")
    assert door.stored() == 1


# -- what cannot be held back


def test_qos_0_is_stored_too(door):
    door.scope.publish(TOPIC, b"fire and forget")
    door.wait_stored(1)
    assert door.scope.pubacks() == []


def test_a_flood_is_kept_and_named(make_door):
    door = make_door()
    door.rig.configure(devices=[{**door.rig.configuration()["devices"][0],
                                 "max_per_second": 20}])
    door.start()
    for number in range(1, 201):
        door.scope.publish(TOPIC, b"f%d" % number, number)
    door.scope.wait_pubacks(200)
    assert door.stored() == 200
    assert "device_rate_limited" in door.rig.issues("collectd")
    assert door.count("over_rate") >= 150


def test_qos_0_that_finds_no_room_leaves_a_loss_record(make_door):
    door = make_door(store={"size_mb": 4, "quarantine_mb": 1, "ring_percent": 5})
    door.start()
    packet = 0
    filler = b"x" * 20000
    while door.count("withheld") == 0:
        assert packet < 1000, "the store is never full"
        acked = len(door.scope.pubacks())
        packet += 1
        door.scope.publish(TOPIC, b"%d " % packet + filler, packet)
        wait_until(lambda: len(door.scope.pubacks()) > acked or door.count("withheld"), 10,
                   "acknowledged or withheld")
    door.scope.session_present = True
    wait_until(lambda: door.rig.connected(), 15, "collectd is back")
    stored = door.stored()
    door.scope.publish(TOPIC, b"lost " + filler)
    wait_until(lambda: door.count("refused_qos0") == 1, 5, "it is refused")
    assert "capture_refused" in door.rig.issues("collectd")
    assert door.stored() == stored
    assert door.rig.connected(), "QoS 0 is no reason to drop the connection"


# -- the quarantine


def test_what_comes_back_from_the_quarantine_is_stored_once(make_door):
    door = make_door(devices={"glove-1": "proglove"}).start()
    first = door.rig.configuration()["devices"][0]
    long_topic = "floor/" + "/".join(["x" * 60] * 6)

    def scan(code):
        body = {first["event_id_pointer"].strip("/"): "e1", first["code_pointer"].strip("/"): code}
        return json.dumps(body).encode()

    for number, code in enumerate(["A", "A", "B", "A"], 1):
        door.scope.publish(long_topic, scan(code), number)
    door.scope.wait_pubacks(4)
    rig = door.rig
    rig.configure(devices=[first, {**first, "id": "glove-9", "topic": "floor/x/#".replace("x", "x" * 60)}])
    rig.ask_daemon("collectd", "reload", actor="gwctl:root")
    entries = rig.ask_daemon("collectd", "quarantine_list")["entries"]
    assert [entry["topic"] for entry in entries] == [long_topic] * 4
    events = []
    for entry in entries[:3]:
        answer = rig.ask_daemon("collectd", "quarantine_retry", number=entry["number"],
                                actor="gwctl:root")
        events.append(answer["events"])
    assert events == [1, 0, 1], "the same once; the same id with other content, marked"
    assert door.stored() == 2
    door.kill_and_start()
    door.scope.publish(long_topic, scan("B"), 9)
    door.scope.wait_pubacks(1)
    assert door.stored() == 2, "its device id is known after a restart too"


def test_what_was_unknown_can_be_stored_after_the_configuration_was_corrected(make_door):
    door = make_door().start()
    door.scope.publish("floor/new-one", b"4006381333931", 1)
    door.scope.wait_pubacks(1)
    rig = door.rig
    entry = rig.ask_daemon("collectd", "quarantine_list")["entries"][0]
    assert entry["topic"] == "floor/new-one" and "unknown topic" in entry["reason"]
    body = {"number": entry["number"], "actor": "gwctl:root"}
    with pytest.raises(Refused) as refused:
        rig.ask_daemon("collectd", "quarantine_retry", **body)
    assert "unknown topic" in str(refused.value)
    devices = rig.configuration()["devices"]
    rig.configure(devices=devices + [{"id": "new-one", "kind": "scanner",
                                      "topic": "floor/new-one"}])
    rig.ask_daemon("collectd", "reload", actor="gwctl:root")
    assert door.scope.connections == 1, "new devices are no reason to reconnect"
    assert rig.ask_daemon("collectd", "quarantine_retry", **body) == {
        "number": entry["number"], "events": 1}
    assert door.stored() == 1
    assert rig.ask_daemon("collectd", "quarantine_list")["entries"] == []
    with pytest.raises(Refused):
        rig.ask_daemon("collectd", "quarantine_retry", **body)
    assert door.stored() == 1
    assert rig.status()["queue"]["classes"]["audit"]["last"] == 2


def test_quarantine_entries_are_shown_in_pages_and_dropped_with_an_audit_entry(make_door):
    door = make_door().start()
    for number in range(1, 8):
        door.scope.publish("floor/unheard-of", b"\xff%d" % number, number)
    door.scope.wait_pubacks(7)
    rig = door.rig
    first = rig.ask_daemon("collectd", "quarantine_list", max=5)
    second = rig.ask_daemon("collectd", "quarantine_list", **{"from": first["next"], "max": 5})
    assert (len(first["entries"]), len(second["entries"]), second["next"]) == (5, 2, 0)
    number = first["entries"][3]["number"]
    shown = rig.ask_daemon("collectd", "quarantine_show", number=number)
    assert base64.b64decode(shown["raw"]) == b"\xff4"
    rig.ask_daemon("collectd", "quarantine_drop", number=number, actor="gwctl:root")
    with pytest.raises(Refused):
        rig.ask_daemon("collectd", "quarantine_show", number=number)
    assert rig.status()["queue"]["quarantine"]["count"] == 6
    assert rig.status()["queue"]["classes"]["audit"]["last"] == 1


# -- a broker with TLS and passwords


def secure_broker(rig, pki, certificate="server"):
    """Mosquitto with a server certificate, a password file and nobody anonymous."""
    (rig.folder / "passwords").write_text("gateway:secret\n")
    subprocess.run(["mosquitto_passwd", "-U", rig.folder / "passwords"], check=True)
    config = rig.folder / "mosquitto.conf"
    text = config.read_text().replace("allow_anonymous true", "allow_anonymous false")
    config.write_text(text + f"password_file {rig.folder}/passwords\n"
                      f"certfile {pki}/{certificate}.crt\nkeyfile {pki}/{certificate}.key\n")
    rig.start_broker()


def secure_entry(rig, pki, **changes):
    """The broker's entry in the configuration."""
    (rig.folder / "password").write_text("secret\n")
    base = rig.configuration()["brokers"][0]
    return {**base, "host": "localhost", "ca_file": f"{pki}/ca.crt", "username": "gateway",
            "password_file": f"{rig.folder}/password", **changes}


def raised(rig, issue):
    """Whether collectd, which may just be starting, has the issue."""
    try:
        return issue in rig.issues("collectd")
    except OSError:
        return False


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS")  # paho 1 on Debian 12
@pytest.mark.parametrize("mqtt5", [True, False], ids=["mqtt5", "mqtt311"])
def test_tls_and_password(make_rig, pki, mqtt5):
    rig = make_rig()
    secure_broker(rig, pki)
    rig.configure(brokers=[secure_entry(rig, pki, mqtt5=mqtt5)])
    rig.collectd.start()
    rig.wait_connected()
    publish.single("floor/scanner-1", "over TLS", qos=1, hostname="localhost",
                   port=rig.mqtt_port, tls={"ca_certs": f"{pki}/ca.crt"},
                   auth={"username": "gateway", "password": "secret"})
    wait_until(lambda: rig.counter("mqtt.stored") == 1, 10, "it is stored")
    rig.broker.restart()
    wait_until(lambda: rig.counter("mqtt.connects") >= 2, 20, "it tries again")
    rig.wait_connected()
    assert rig.counter("mqtt.sessions_lost") == 0


@pytest.mark.parametrize("certificate, wrong, issue", [
    ("bad/wrong-ca", {}, "broker_down"), ("bad/expired", {}, "broker_down"),
    ("bad/wrong-name", {}, "broker_down"), ("server", {"username": "nobody"}, "broker_refused")],
    ids=["ca", "expired", "name", "user"])
def test_a_broker_that_cannot_be_trusted_or_does_not_trust_us(make_rig, pki, certificate, wrong,
                                                              issue):
    rig = make_rig()
    secure_broker(rig, pki, certificate)
    rig.configure(brokers=[secure_entry(rig, pki, **wrong)])
    rig.collectd.start()
    wait_until(lambda: raised(rig, issue), 20, "the issue is raised")
    assert not rig.connected()


# -- a real Mosquitto


def test_kill_9_between_reading_and_acknowledging_under_load(make_rig):
    rig = make_rig(devices={"scanner-1": "text", "scanner-2": "gs1"})
    rig.start_broker()
    rig.configure()
    rig.collectd.start()
    rig.wait_connected()
    scanners = rig.simulate("scanners", "--rate", "2000", "--burst", "20")
    for _ in range(4):  # five starts that end early would cost the store
        target = rig.acked_to_devices() + 400
        wait_until(lambda: rig.acked_to_devices() > target, 30, "the devices go on")
        rig.collectd.kill()
        rig.collectd.start()
        rig.wait_connected()
    assert scanners.stop() == 0
    acked = rig.acked_to_devices()

    def stored_once():
        counters = rig.status()["counters"]
        stored = rig.status()["queue"]["classes"]["business"]["last"]
        return stored - counters["mqtt.possible_duplicates"] >= 0 and stored >= acked

    wait_until(stored_once, 20, "everything the broker took is stored")


def test_a_full_store_withholds_and_loses_nothing(make_rig):
    """4 MiB and a cut WAN: what does not fit stays at the broker, unacknowledged."""
    rig = make_rig(changes={"store": {"size_mb": 4, "ring_percent": 5, "quarantine_mb": 1}}).start()
    rig.wan.cut()
    scanners = rig.simulate("scanners", "--rate", "5000", "--burst", "100")
    wait_until(lambda: rig.counter("mqtt.withheld") > 0, 60, "messages are withheld")
    wait_until(lambda: "store_full" in rig.issues("collectd"), 10, "the issue is raised")
    assert scanners.stop() == 0
    rig.wan.resume()
    findings = rig.assert_ledger_matches(120)
    assert findings[0].acked > 5000
    wait_until(lambda: "store_full" not in rig.issues("collectd"), 60, "the issue ends")
