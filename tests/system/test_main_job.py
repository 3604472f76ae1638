# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: what was acknowledged on the floor is at the centre, once
and in order, whatever happens to the WAN, the middleware and the gateway's processes.

Every test ends with the ledgers of the simulated devices against the receiver.
"""
import random
import subprocess

import pytest
from gangway_rig import PROJECT, PYTHON, SERIAL
from rig_process import wait_until

FLOOR = {"scanner-1": "text", "scanner-2": "gs1", "dock-1.scanner": "sscc",
         "glove-17": "proglove", "handheld-3": "zebra", "dock-1.scale": "scale"}


def verdicts(rig):
    return {epoch["epoch"]: epoch["verdict"] for epoch in rig.completeness()["epochs"]}


def wait_complete(rig, seconds=30):
    """The centre says complete for every epoch."""
    wait_until(lambda: set(verdicts(rig).values()) == {"complete"}, seconds,
               "the centre says complete", every=0.2)


def test_everything_on_the_floor_reaches_the_centre_once_and_in_order(make_rig):
    rig = make_rig(devices=FLOOR)
    rig.start_plc(interval=0.3)
    rig.start()
    rig.send(100, rate=500, burst=10)
    rig.centre("/figures")
    wait_until(lambda: rig.events("plc.counted"), 20, "the PLC's counters arrive")
    _ask_plc(rig, "/pause")
    findings = rig.assert_ledger_matches()
    assert sum(finding.acked for finding in findings if "plc1" not in finding.device) == 600
    assert [f.unexpected for f in findings if f.unexpected] == []
    wait_complete(rig)
    started = rig.events("gateway.started")
    assert started and started[0]["sequence"] == 1 and started[0]["class"] == "state"
    done = subprocess.run([PYTHON, PROJECT / "tools/receiver/receiver", "report", "--database",
                           rig.folder / "receiver.db"], capture_output=True, text=True)
    assert done.returncode == 0 and f"gateway {SERIAL}: complete" in done.stdout, done.stdout
    rig.wait_drained()


def _ask_plc(rig, path, body=b"{}"):
    import urllib.request
    urllib.request.urlopen(rig.plc["control"] + path, data=body, timeout=10).close()


def test_facts_arrive_as_the_devices_sent_them(make_rig):
    rig = make_rig(devices=FLOOR).start()
    rig.send(3)
    rig.assert_ledger_matches()
    first = {event["device"]: event for event in reversed(rig.events("scan", "weight"))
             if event.get("state") != "dynamic"}
    assert first["scanner-2"]["raw"].startswith("]C101") and "\x1d" in first["scanner-2"]["raw"]
    assert first["glove-17"]["deviceeventid"]
    assert (first["dock-1.scale"]["value"], first["dock-1.scale"]["unit"]) == ("0.001", "kg")
    assert not [event for event in rig.events("weight") if event.get("state") != "stable"
                and event.get("value") is not None]


def test_a_cut_wan_builds_a_backlog_that_drains_in_order(rig):
    rig.send(500)
    rig.assert_ledger_matches()
    rig.wan.cut()
    rig.send(5000, rate=5000, burst=100)
    wait_until(lambda: rig.backlog() >= 5000, 20, "the backlog holds what was sent")
    assert len(rig.events("scan")) == 500
    rig.wan.resume()
    rig.assert_ledger_matches()
    rig.wait_drained()
    wait_complete(rig)


def test_a_wan_that_stalls_in_the_middle_of_requests_loses_nothing(rig):
    scanners = rig.simulate("scanners", "--rate", "1000", "--burst", "10")
    for _ in range(3):
        before = rig.centre_counter("events_accepted")
        wait_until(lambda: rig.centre_counter("events_accepted") > before + 200, 30,
                   "events arrive")
        rig.wan.stall()
        target = rig.acked_to_devices() + 500
        wait_until(lambda: rig.acked_to_devices() > target, 20, "capture goes on")
        rig.wan.resume()
        rig.wan.cut()
        rig.wan.resume()
    assert scanners.stop() == 0
    rig.assert_ledger_matches()
    wait_complete(rig)


def test_the_gateway_starts_without_a_wan_and_without_a_receiver(make_rig):
    rig = make_rig()
    rig.wan.cut()
    rig.start_broker()
    rig.start_gateway()
    rig.send(300)
    rig.start_receiver()
    rig.wan.resume()
    rig.assert_ledger_matches()


@pytest.mark.parametrize("victim", ["collectd", "linkd", "receiver"])
def test_kill_9_of_one_process_under_load_loses_nothing(rig, victim):
    chance = random.Random(victim)
    scanners = rig.simulate("scanners", "--rate", "3000", "--burst", "30")
    child = getattr(rig, victim)
    for _ in range(4):
        target = rig.acked_to_devices() + chance.randrange(300, 2000)
        wait_until(lambda: rig.acked_to_devices() > target, 30, "the devices go on")
        child.kill()
        if victim == "receiver":
            rig.start_receiver()
        else:
            child.start()
            if victim == "collectd":
                rig.wait_connected()
    assert scanners.stop() == 0, scanners.tail()
    findings = rig.assert_ledger_matches(90)
    assert findings[0].acked > 1500
    wait_complete(rig)


def test_orderly_restarts_of_everything_lose_nothing_and_repeat_nothing(rig):
    for part in (rig.collectd, rig.linkd, rig.broker):
        rig.send(200)
        part.restart()
        if part is not rig.linkd:
            rig.wait_connected()
    rig.send(200)
    findings = rig.assert_ledger_matches()
    assert findings[0].marked == 0 and findings[0].acked == 800
    wait_complete(rig)
    assert len(verdicts(rig)) == 1


def test_a_broker_that_goes_away_under_load_comes_back_to_its_session(make_rig):
    """The broker may have handed over what it did not acknowledge to the device any more; the
    device sends it again, and only its own event id tells that."""
    rig = make_rig(devices={"scanner-1": "proglove"})
    rig.start()
    scanners = rig.simulate("scanners", "--rate", "500", "--burst", "5")
    wait_until(lambda: rig.acked_to_devices() > 200, 20, "the devices send")
    rig.broker.stop()
    wait_until(lambda: not rig.connected(), 20, "collectd notices")
    rig.broker.start()
    rig.wait_connected()
    target = rig.acked_to_devices() + 200
    wait_until(lambda: rig.acked_to_devices() > target, 20, "the devices go on")
    assert scanners.stop() == 0
    rig.assert_ledger_matches()


RETRIED = [
    {"do": "status", "status": 429, "retry_after": 1, "times": 2},
    {"do": "status", "status": 408}, {"do": "status", "status": 425},
    {"do": "status", "status": 500, "times": 3},
    {"do": "status", "status": 503, "body": "html", "times": 2},
    {"do": "too_large", "max_events": 50, "times": 2},
    {"do": "bare_200"}, {"do": "bare_204"}, {"do": "portal", "times": 2},
    {"do": "cut", "times": 3}, {"do": "half", "times": 2}, {"do": "close", "times": 2},
    {"do": "close_on_accept"}, {"do": "slow", "seconds": 1},
    {"do": "no_answer_after", "seconds": 7}, {"do": "status_after", "times": 3},
    {"do": "wrong_echo", "times": 2}, {"do": "wrong_echo", "epoch": "0" * 17},
    {"do": "already_stored", "times": 3}, {"do": "other_409"},
    {"do": "credit", "max_events": 20, "times": 5}, {"do": "results_only", "times": 2},
    {"do": "results_only", "skip": 1}, {"do": "retry", "contains": "000[0-9]5\"", "times": 2},
]


@pytest.mark.parametrize("step", RETRIED, ids=lambda step: "-".join(
    str(step[name]) for name in ("do", "status", "skip", "epoch") if name in step))
def test_a_middleware_that_misbehaves_for_a_while_changes_nothing(rig, step):
    rig.send(20)
    rig.assert_ledger_matches()
    rig.script({**step, "class": "business"} if step["do"] != "close_on_accept" else step)
    if step["do"] == "close_on_accept":
        rig.wan.cut()
        rig.wan.resume()
    rig.send(300, rate=3000, burst=50)
    findings = rig.assert_ledger_matches()
    assert findings[0].acked == 320 and findings[0].marked == 0
    rig.wait_drained()
    left = [entry["do"] for entry in rig.centre("/script")]
    assert left == [] or step["do"] in ("too_large", "retry", "credit"), left
    assert rig.centre_counter("events_conflict") == 0


def test_a_request_in_flight_when_linkd_dies_is_sent_again_and_counted_once(rig):
    rig.script({"do": "no_answer_after", "seconds": 30, "class": "business"})
    rig.send(100)
    wait_until(lambda: rig.centre_counter("events_accepted") >= 100, 20, "the centre has them")
    rig.linkd.kill()
    rig.linkd.start()
    wait_until(lambda: rig.centre_counter("events_duplicate") >= 1, 30, "they come again")
    rig.assert_ledger_matches()
    rig.wait_drained()
