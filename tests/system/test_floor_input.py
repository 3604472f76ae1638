# SPDX-License-Identifier: Apache-2.0
"""Bad input and bad peers on the floor: kept with a reason, never a gap, never a crash."""
import base64
import json
import urllib.request

import pytest
from gangway_rig import payloads
from rig_process import wait_until


def quarantine(rig):
    """All entries, newest page last."""
    entries, start = [], 0
    while True:
        page = rig.ask_daemon("collectd", "quarantine_list", **{"from": start, "max": 200})
        entries += page["entries"]
        start = page["next"]
        if not start:
            return entries


def test_hostile_payloads_go_to_the_quarantine_and_capture_goes_on(make_rig):
    rig = make_rig(devices={"glove-1": "proglove", "scanner-1": "text"}).start()
    thrown = rig.simulate("hostile", "--broker", f"127.0.0.1:{rig.mqtt_port}", "--topic",
                          "floor/glove-1", "--log", rig.folder / "hostile.jsonl.log",
                          name="hostile")
    wait_until(lambda: not thrown.running, 60, "hostile payloads are sent")
    assert thrown.exit_code == 0
    rig.send(50)
    rig.assert_ledger_matches()
    good = {b'{"scan_code":"a","n":1e999999}'}  # nobody asked for that number
    entries = quarantine(rig)
    raws = {}
    for entry in entries:
        assert entry["reason"], entry
        shown = rig.ask_daemon("collectd", "quarantine_show", number=entry["number"])
        raws[base64.b64decode(shown["raw"])] = entry
    for name, payload in payloads.hostile():
        if payload in good:
            continue
        assert payload[:65536] in raws, f"{name} is not in the quarantine"
        assert raws[payload[:65536]]["bytes"] == len(payload)
    assert "quarantine" in rig.issues("collectd")
    known = {event["raw"] for event in rig.events("scan")}
    assert not known & {"b", "lost?"}


def test_an_unknown_topic_is_kept_and_named(rig):
    rig.simulate("hostile", "--broker", f"127.0.0.1:{rig.mqtt_port}", "--topic",
                 "floor/unheard-of", "--log", rig.folder / "hostile.log", name="hostile")
    wait_until(lambda: "unknown_topic" in rig.issues("collectd"), 20, "the issue is raised")
    wait_until(lambda: any(entry["topic"] == "floor/unheard-of" for entry in quarantine(rig)),
               20, "the bytes are kept")


def plc_command(rig, path, body):
    """The simulated PLC's control port."""
    request = urllib.request.Request(rig.plc["control"] + path, json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=10).close()


def plc_state(rig):
    """What the PLC shows and has served."""
    with urllib.request.urlopen(rig.plc["control"] + "/state", timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("fault", [
    {"do": "silence", "times": 2}, {"do": "exception", "code": 4, "times": 2},
    {"do": "exception", "code": 6, "times": 2}, {"do": "delay", "seconds": 1.2, "times": 2},
    {"do": "drop", "times": 3}, {"do": "wrong_transaction", "times": 2},
    {"do": "wrong_unit", "times": 2}, {"do": "wrong_function", "times": 2},
    {"do": "wrong_count", "times": 2}, {"do": "truncated", "times": 2},
    {"do": "garbage", "times": 2}], ids=lambda fault: f"{fault['do']}-{fault.get('code', '')}")
def test_a_plc_that_misbehaves_is_read_again_and_nothing_wrong_is_reported(make_rig, fault):
    rig = make_rig()
    rig.start_plc(interval=0.2)
    rig.start()
    wait_until(lambda: len(rig.events("plc.counted")) >= 3, 20, "the PLC is read")
    plc_command(rig, "/faults", [fault])
    wait_until(lambda: plc_state(rig)["faults"] == [], 60, "the fault has happened")
    pieces = plc_state(rig)["points"]["pieces"]
    wait_until(lambda: any(float(event["value"]) > pieces for event in rig.events("plc.counted")
                           if event["device"] == "plc1.pieces" and "value" in event), 60,
               "the PLC is read again")
    plc_command(rig, "/pause", {})
    findings = rig.assert_ledger_matches(60)
    assert [finding.unexpected for finding in findings if finding.unexpected] == []


def test_a_plc_that_is_gone_is_an_issue_and_its_return_ends_it(make_rig):
    rig = make_rig()
    rig.start_plc(interval=0.2)
    rig.start()
    wait_until(lambda: rig.events("plc.counted"), 20, "the PLC is read")
    plc_command(rig, "/faults", [{"do": "drop", "times": 0}])
    wait_until(lambda: "modbus_unit_down" in rig.issues("collectd"), 30, "the issue is raised")
    rig.send(50)
    plc_command(rig, "/faults", [])
    wait_until(lambda: "modbus_unit_down" not in rig.issues("collectd"), 60, "the issue ends")
    plc_command(rig, "/pause", {})
    rig.assert_ledger_matches(60)
