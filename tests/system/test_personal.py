# SPDX-License-Identifier: Apache-2.0
"""Personal codes: whatever door a badge is read at, only its keyed hash is anywhere."""
import hashlib
import hmac
import json
import os
import re
import signal
import stat
import time

import pytest
from feeds_rig import PROFILES
from gangway_simulate import compare
from gangway_simulate.lines import PtyLine
from personal_rig import badge_hash, files_with, publish, shown, start
from rig_ipc import Refused
from rig_process import wait_until

BADGES = ["EMP4711815", "EMP1230987"]
DIGITS = re.compile(rb"4711815|1230987")  # even without their beginning
RULES = {"rules": [{"name": "badge", "pattern": "EMP#######"}]}


def memory_of_store(rig):
    """The store through a map, free pages and all: what is in the page cache counts."""
    return (rig.folder / "collectd/queue/data.mdb").read_bytes()


def test_a_badge_is_nowhere_but_its_hash_is_at_the_centre(make_rig):
    rig, lines = start(make_rig, RULES)
    for line in lines.values():
        assert line.write(f"{BADGES[0]}\r]A0{BADGES[1]}\r4006381333931\r".encode())
    publish(rig, "mqtt-1", BADGES[0])
    publish(rig, "mqtt-1", f"]C0{BADGES[1]}\r\n")
    publish(rig, "glove-1", json.dumps({"scan_code": BADGES[0], "event_id": "e1",
                                        "symbology": "CODE128",
                                        "time_created": 1795418040000}))
    # What cannot be taken apart holds one as well.
    publish(rig, "glove-1", f'{{"scan_code": "{BADGES[0]}", "half'.encode())
    publish(rig, "glove-1", json.dumps({"scan_code": {"x": BADGES[1]}}))
    publish(rig, "mqtt-1", b"\xff\xfe" + BADGES[0].encode())
    assert lines["line-1"].write(b"x" * 5000 + BADGES[0].encode() + b"\r")
    assert lines["tcp-1"].write(BADGES[1][:7].encode())  # and is cut off by the end of the line
    lines["tcp-1"].close()
    wait_until(lambda: len(rig.events("scan.observed")) >= 9, 30, "the scans are at the centre")
    rig.wait_drained()

    hashes = [badge_hash(rig, badge) for badge in BADGES]
    events = rig.events("scan.observed")
    for device in ("line-1", "tcp-1", "mqtt-1"):
        raws = [event["raw"] for event in events if event["device"] == device]
        assert raws[:2] == hashes, device
    assert [event["raw"] for event in events if event["device"] == "glove-1"] == hashes[:1]
    assert sum(event["raw"] == "4006381333931" for event in events) == 2

    quarantine = rig.ask_daemon("collectd", "quarantine_list", max=100)["entries"]
    assert len(quarantine) >= 4
    assert {entry["reason"] for entry in quarantine} == {
        "withheld: it may hold a personal code", "longer than framing.max_bytes"}
    for entry in quarantine:  # nothing is left to be tried again
        with pytest.raises(Refused, match="bytes were kept|unknown topic"):
            rig.ask_daemon("collectd", "quarantine_retry", number=entry["number"], actor="test")
    for text in shown(rig):
        assert not DIGITS.search(text.encode())
    assert files_with(rig, DIGITS) == {}
    rig.collectd.stop()
    assert files_with(rig, DIGITS) == {}
    assert b"hmac-sha256:badge:" in memory_of_store(rig)
    mode = os.stat(rig.folder / "collectd/personal.key").st_mode
    assert stat.S_IMODE(mode) == 0o600
    for line in lines.values():
        line.close()


def test_a_kill_in_the_middle_leaves_no_badge_behind(make_rig):
    rig, lines = start(make_rig, RULES)
    for number in range(5):
        for at in range(40):
            lines["line-1"].write(f"EMP471181{at % 10}\r".encode())
        time.sleep(0.05 * number)
        rig.collectd.kill()
        assert not re.search(rb"EMP471181", memory_of_store(rig))
        rig.collectd.start()
        rig.wait_connected()
        wait_until(lambda: lines["line-1"].connected, 20, "the line is open again")
    rig.wait_drained()
    assert not re.search(rb"EMP471181", memory_of_store(rig))
    for line in lines.values():
        line.close()


def start_by_profile(make_rig, profile, pattern):
    device = {"id": "reader-1", "kind": "scanner", "topic": "floor/reader-1",
              "profile": str(PROFILES / f"{profile}.json")}
    rig = make_rig(door="front", devices={"reader-1": "text"}, changes={
        "devices": [device], "personal": {"rules": [{"name": "badge", "pattern": pattern}]}})
    rig.configure(feeds=[{"id": "line-1", "profile": device["profile"], "transport": "serial",
                          "path": f"{rig.folder}/tty"}])
    rig.start()
    return rig


def test_a_badge_among_as_many_codes_as_a_message_may_have_loses_none(make_rig):
    rig = start_by_profile(make_rig, "scanner-multi-code", "EMP#######")
    codes = [f"CODE{number:04d}" for number in range(63)]
    publish(rig, "reader-1", ";".join([*codes, BADGES[0]]).encode() + b"\r\n")
    wait_until(lambda: len(rig.events("scan.observed")) == 64, 20, "all are at the centre")
    raws = [event["raw"] for event in rig.events("scan.observed")]
    assert sorted(raws) == sorted([*codes, badge_hash(rig, BADGES[0])])


def test_a_badge_without_a_beginning_is_found_behind_prefix_and_suffix(make_rig):
    rig = start_by_profile(make_rig, "scanner-prefix-suffix", "########")
    line = PtyLine(rig.folder / "tty")
    line.plug()
    wait_until(lambda: line.connected or line.read(0.1) is None, 20, "the line")
    sent = [b"~S1~04711815#\r", b"04711815\r", b"S1~04711815#\r", b"~S1~04711815\xff#\r"]
    for number, frame in enumerate([*sent, b"~S1~4006381333931#\r"]):
        publish(rig, "reader-1", frame)
        assert line.write(frame), number
    wait_until(lambda: len(rig.events("scan.observed")) == 10, 20, "all are at the centre")
    for device in ("reader-1", "line-1"):
        raws = [event["raw"] for event in rig.events("scan.observed")
                if event["device"] == device]
        assert raws[:2] == [badge_hash(rig, "04711815")] * 2, device
        assert all(raw.startswith("hmac-sha256:badge:") for raw in raws[:4]), device
        assert raws[4] == "~S1~4006381333931#"
    rig.collectd.stop()
    line.close()
    assert files_with(rig, DIGITS) == {}


@pytest.mark.parametrize("word", ["rules", "no rules"])
def test_rules_hold_from_the_reload_on(make_rig, word):
    rig = make_rig(door="front", devices={"mqtt-1": "text"})
    if word == "rules":
        rig.configure(personal=RULES)
    rig.start()
    publish(rig, "mqtt-1", BADGES[0])
    wait_until(lambda: rig.events("scan.observed"), 20, "it is at the centre")
    before = rig.events("scan.observed")[0]["raw"]
    rig.configure(personal={"rules": []} if word == "rules" else RULES)
    rig.collectd.signal(signal.SIGHUP)
    wait_until(lambda: "configuration applied" in rig.collectd.tail(), 20, "it is reloaded")
    publish(rig, "mqtt-1", BADGES[0])
    wait_until(lambda: len(rig.events("scan.observed")) == 2, 20, "it is at the centre")
    after = rig.events("scan.observed")[1]["raw"]
    expected = [badge_hash(rig, BADGES[0]), BADGES[0]]
    assert [before, after] == (expected if word == "rules" else expected[::-1])


def test_acknowledged_badges_survive_kills_and_none_is_doubled_unmarked(make_rig):
    rig = make_rig(door="front")
    rig.configure(personal={"rules": [{"name": "all", "pattern": "*"}]})
    rig.start()
    child = rig.simulate("scanners", "--count", "3000", "--rate", "1500", "--burst", "20",
                         "--in-flight", "50", "--grace", "20")
    for _ in range(3):
        time.sleep(0.4)
        rig.collectd.kill()
        rig.collectd.start()
        rig.wait_connected()
    wait_until(lambda: not child.running, 60, "the device has sent")
    rig.wait_drained()
    key = dict(line.split(" ", 1) for line in
               (rig.folder / "collectd/personal.key").read_text().splitlines())

    def hashed(raw):
        digest = hmac.new(bytes.fromhex(key["secret"]), raw.encode(), hashlib.sha256)
        return f"hmac-sha256:all:{key['id']}:{digest.hexdigest()}"

    entries = [{**entry, "raw": hashed(entry["raw"])}
               for entry in compare.read_ledgers(rig.ledgers)["scanner-1"]]
    finding = compare.compare_messages("scanner-1", entries, [
        event for event in rig.events("scan.observed") if event["device"] == "scanner-1"])
    assert finding.good and finding.acked > 1000 and finding.unexpected == [], finding.line()
