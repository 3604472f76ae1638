# SPDX-License-Identifier: Apache-2.0
"""MQTT devices whose messages are decoded by a device profile, through both doors."""
import json
import pathlib
import subprocess
import time

import pytest
from gangway_rig import PROJECT, build_folder
from paho.mqtt import publish
from rig_ipc import Refused
from rig_process import wait_until

PROFILES = PROJECT / "drivers" / "profile" / "profiles"


def device(name, kind, profile):
    return {"id": name, "kind": kind, "topic": f"floor/{name}", "profile": str(profile)}


class Door:
    """Publishes and waits for the PUBACK."""

    def __init__(self, rig, way):
        self.rig = rig
        self.way = way

    def publish(self, name, *payloads):
        at = {"hostname": "127.0.0.1", "port": self.rig.mqtt_port}
        if self.way == "front":
            at = {"hostname": "127.0.0.1", "port": self.rig.front_port, "client_id": name,
                  "auth": {"username": name, "password": self.rig.secret(name)}}
        for payload in payloads:
            message = (f"floor/{name}", payload, 1, False)
            before = self.rig.counter("mqtt.received")
            publish.multiple([message], **at)
            while self.way == "broker" and not self.has_received(before):
                publish.multiple([message], **at)

    def has_received(self, before):
        """Connected is not subscribed yet: what a broker takes before that reaches nobody."""
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if self.rig.counter("mqtt.received") > before:
                return True
            time.sleep(0.05)
        return False


@pytest.fixture(params=["broker", "front"])
def door(request, make_rig):
    """door(devices) -> a started gateway with them."""
    def start(*devices):
        rig = make_rig(door=request.param, devices={entry["id"]: "text" for entry in devices},
                       changes={"devices": list(devices)})
        rig.start()
        return Door(rig, request.param)
    return start


def events_of(rig, name, count):
    """Types and data of a device's events, as stored, once the centre has them."""
    def held():
        return [event for event in rig.events() if event["device"] == name]
    wait_until(lambda: len(held()) >= count, 20, f"{count} events of {name} at the centre")
    listed = subprocess.run([build_folder() / "bin/gwctl", "--config", rig.config_path, "queue",
                             "list", "--json"], capture_output=True, text=True, check=True)
    stored = [json.loads(line) for line in listed.stdout.splitlines()]
    stored = [event for event in stored if event["source"].endswith(f":{name}")]
    assert len(stored) == len(held()) == count
    return stored


def quarantined(rig):
    """Entries of the quarantine, once there is one."""
    def entries():
        return rig.ask_daemon("collectd", "quarantine_list")["entries"]
    wait_until(entries, 10, "the quarantine has it")
    return entries()


def test_several_codes_of_one_message_are_several_events(door):
    it = door(device("reader-1", "scanner", PROFILES / "scanner-multi-code.json"))
    it.publish("reader-1", b"]C100340123450000000017;]E04006381333931;?\r\n", b"NoRead\r\n")
    events = events_of(it.rig, "reader-1", 4)
    scans = [event for event in events if event["type"] == "io.gangway.scan.observed.v1"]
    assert [scan["data"]["raw"] for scan in scans] == ["]C100340123450000000017",
                                                       "]E04006381333931"]
    assert [scan["data"]["part"] for scan in scans] == [1, 2]
    assert scans[0]["subject"] == "https://id.gs1.org/00/340123450000000017"
    assert scans[0]["partitionkey"] == "340123450000000017"
    assert scans[1]["partitionkey"] == "reader-1"
    conditions = [event["data"] for event in events if "condition" in event["type"]]
    assert conditions == [{"condition": "no_read", "raw": "?"},
                          {"condition": "no_read", "raw": "NoRead"}]


def test_a_scale_that_speaks_its_protocol_over_mqtt(door):
    it = door(device("scale-1", "scale", PROFILES / "mt-sics.json"))
    it.publish("scale-1", b"S S     100.00 g\r\n", b"S D     101.00 g\r\n", b"S S     100.00 g",
               b"S +\r\n", b"I4 A \"B021\"\r\n")
    data = [event["data"] for event in events_of(it.rig, "scale-1", 5)]
    weights = [item for item in data if "state" in item]
    assert [(item["state"], item.get("value")) for item in weights] == [
        ("stable", "100.00"), ("dynamic", None), ("stable", "100.00"), ("over", None)]
    assert {"condition": "restarted", "detail": '"B021"', "raw": 'I4 A "B021"'} in data


def test_records_of_one_batch_do_not_take_each_other_into_the_quarantine(door):
    it = door(device("sled-1", "scanner", PROFILES / "zebra-rfd-barcode.json"))
    it.publish("sled-1", json.dumps({"data": [
        {"eventNum": 1, "decodedBarcode": "A"}, {"eventNum": 2},
        {"eventNum": 3, "decodedBarcode": "B"}]}), json.dumps({"data": []}))
    events = events_of(it.rig, "sled-1", 4)
    scans = [event["data"] for event in events if "scan" in event["type"]]
    assert scans == [{"deviceeventid": "1", "raw": "A"}, {"deviceeventid": "3", "raw": "B"}]
    assert [event["data"]["condition"] for event in events if "condition" in event["type"]] == [
        "undecodable", "no_reading"]
    it.publish("sled-1", b"not JSON")
    assert [entry["reason"] for entry in quarantined(it.rig)] == [
        "not JSON at byte 0: not an object"]


def tags(*numbers):
    return json.dumps({"tags": [{"data": {"eventNum": number, "idHex": f"E{number}"}}
                                for number in numbers]}).encode()


def test_records_are_known_one_by_one_over_a_restart(door):
    it = door(device("gate-1", "scanner", PROFILES / "rfid-reader.json"))
    it.publish("gate-1", tags(5, 6), tags(5, 6), tags(6, 7))
    events_of(it.rig, "gate-1", 3)
    it.rig.collectd.kill()
    it.rig.collectd.start()
    it.rig.wait_connected()
    it.publish("gate-1", tags(5, 8, 7), tags(6).replace(b"E6", b"XX"))
    events = events_of(it.rig, "gate-1", 5)
    assert [event["data"]["raw"] for event in events] == ["E5", "E6", "E7", "E8", "XX"]
    assert [event.get("possibleduplicate", False) for event in events] == [False] * 4 + [True]


def test_a_list_from_the_quarantine_brings_what_is_new(door, tmp_path):
    path = pathlib.Path(tmp_path) / "reader.json"
    good = (PROFILES / "rfid-reader.json").read_text()
    path.write_text(good.replace('"lf"', '"lift"'))
    it = door(device("gate-1", "scanner", path))
    it.publish("gate-1", tags(5, 6, 7))
    number = quarantined(it.rig)[0]["number"]
    path.write_text(good)
    it.rig.ask_daemon("collectd", "reload", actor="gwctl:root")
    it.publish("gate-1", tags(6))
    body = {"number": number, "actor": "gwctl:root"}
    assert it.rig.ask_daemon("collectd", "quarantine_retry", **body)["events"] == 2
    it.publish("gate-1", tags(7, 5))
    events = events_of(it.rig, "gate-1", 3)
    assert [event["data"]["raw"] for event in events] == ["E6", "E5", "E7"]


def test_a_profile_that_cannot_be_used_keeps_its_messages_for_later(door, tmp_path):
    path = pathlib.Path(tmp_path) / "reader.json"
    path.write_text((PROFILES / "scanner-cr.json").read_text().replace('"mode": "cr"',
                                                                       '"mode": "cry"'))
    it = door(device("reader-1", "scanner", path))
    it.publish("reader-1", b"4006381333931\r")
    entry = quarantined(it.rig)[0]
    assert "cannot be used: framing.mode: found text \"cry\"" in entry["reason"]
    body = {"number": entry["number"], "actor": "gwctl:root"}
    with pytest.raises(Refused):
        it.rig.ask_daemon("collectd", "quarantine_retry", **body)
    path.write_text((PROFILES / "scanner-cr.json").read_text())
    it.rig.ask_daemon("collectd", "reload", actor="gwctl:root")
    assert it.rig.ask_daemon("collectd", "quarantine_retry", **body)["events"] == 1
    assert events_of(it.rig, "reader-1", 1)[0]["data"] == {"raw": "4006381333931"}
