# SPDX-License-Identifier: Apache-2.0
"""Scanners and scales on serial lines and over TCP, in front of the whole gateway: what
their own ledgers hold is what the centre holds."""
import datetime
import json
import os
import re
import signal
import socket
import subprocess

import pytest
from feeds_rig import Floor, profile
from gangway_rig import build_folder
from rig_ipc import Refused
from rig_process import wait_until


@pytest.fixture
def floor(make_rig):
    """A floor without MQTT devices; nothing runs yet."""
    return Floor(make_rig(devices={}))


def test_scanners_on_every_kind_of_line(floor):
    for way in ("pty", "listen", "connect"):
        floor.add(f"scanner-{way}", "line-scanner", "scanner-cr", way, "--count", "60",
                  "--rate", "40")
    floor.start()
    floor.wait_finished()
    findings = floor.assert_all_there()
    assert {finding.held for finding in findings.values()} == {60}
    status = {feed["name"]: feed for feed in floor.rig.status()["feeds"]}
    for feed in status.values():
        assert feed["observations"] == feed["stored"] == 60
        assert feed["refused"] == feed["undecodable"] == 0


SCALES = {
    "mt-sics": ("mt-sics", "connect"),
    "sma": ("sma", "pty"),
    "nci": ("nci", "pty"),
    "toledo-8217": ("toledo-8217-kg", "listen"),
    "continuous": ("toledo-continuous", "pty"),
    "continuous-checksum": ("toledo-continuous-checksum", "connect"),
    "sbi": ("sartorius-sbi", "listen"),
}


def add_scales(floor, *options):
    """One scale for each protocol."""
    for protocol, (profile, way) in SCALES.items():
        floor.add(f"scale-{protocol}", "scale", profile, way, "--protocol", protocol, *options)


def test_a_scale_of_each_protocol_settles_and_each_load_is_one_event(floor):
    add_scales(floor, "--cycles", "5")
    floor.start()
    floor.wait_finished()
    findings = floor.assert_all_there()
    for protocol in SCALES:
        assert floor.figures(f"scale-{protocol}")["settled"] == 5, protocol
        assert findings[f"scale-{protocol}"].held == 5, protocol
        assert floor.feed(f"scale-{protocol}")["undecodable"] == 0, protocol


def test_scales_with_every_fault_lose_nothing_and_make_nothing_up(floor):
    faults = ["motion@1", "overload@2", "underload@3", "half_frame@4", "wrong_checksum@5",
              "restart@6", "silence@7", "unplugged@8"]
    add_scales(floor, "--cycles", "9", *[word for fault in faults
                                         for word in ("--fault", fault)])
    floor.start()
    floor.wait_finished(150)
    findings = floor.assert_all_there()
    for protocol in SCALES:
        figures = floor.figures(f"scale-{protocol}")
        assert set(figures["faults"]) == {fault.split("@")[0] for fault in faults}, protocol
        assert figures["settled"] == 7, protocol  # all but motion and overload
        assert findings[f"scale-{protocol}"].held == 7, protocol


def test_a_device_that_is_pulled_out_is_named_and_comes_back_by_itself(floor):
    floor.add("scanner-1", "line-scanner", "scanner-cr", "pty", "--count", "20", "--rate", "20",
              "--fault", "unplugged@10")
    floor.start()
    wait_until(lambda: "feed_down" in floor.issues("scanner-1"), 30, "it is named")
    floor.wait_state("scanner-1", "open")
    assert "feed_down" not in floor.issues("scanner-1")
    floor.wait_finished()
    floor.assert_all_there()


def test_a_babbling_device_is_named_and_slows_nobody(floor):
    for number in (1, 2, 3):
        faults = [f"babble@{at}" for at in (5, 6, 7)] if number == 1 else []
        floor.add(f"scanner-{number}", "line-scanner", "scanner-cr", "listen", "--count", "60",
                  "--rate", "30", *[word for fault in faults for word in ("--fault", fault)])
    floor.start()
    wait_until(lambda: floor.feed("scanner-1")["undecodable"] > 0, 30, "it babbles")
    floor.wait_finished()
    floor.assert_all_there()
    quarantine = floor.rig.ask_daemon("collectd", "quarantine_list")["entries"]
    assert {entry["device"] for entry in quarantine} == {"scanner-1"}


def test_a_reload_of_other_parts_leaves_the_lines_alone(floor):
    floor.add("scanner-1", "line-scanner", "scanner-cr", "connect", "--count", "100", "--rate",
              "30")
    floor.start()
    floor.wait_state("scanner-1", "open")
    since = floor.feed("scanner-1")["since"]
    floor.rig.configure(gateway={"site": "another-site"})
    answer = floor.rig.ask_daemon("collectd", "reload", actor="test")
    assert answer["changed"] == ["gateway"]
    assert floor.feed("scanner-1")["since"] == since
    floor.wait_finished()
    floor.assert_all_there()


def test_what_a_line_may_not_send_is_lost_with_a_record_that_counts_it(floor):
    floor.add("scanner-1", "line-scanner", "scanner-cr", "pty", "--count", "300", "--rate",
              "1000", max_per_second=1)
    floor.start()
    floor.wait_finished()
    floor.rig.wait_drained()
    wait_until(lambda: floor.feed("scanner-1")["observations"] == 300, 20, "all were read")
    feed = floor.feed("scanner-1")
    held = floor.events("scanner-1", "scan.observed")
    assert len(held) + feed["refused"] == 300
    # One a second and a second's worth at once, however long the scanner took.
    times = [datetime.datetime.fromisoformat(event["time"]) for event in held]
    assert 0 < len(held) <= 2 + (max(times) - min(times)).total_seconds() < 300
    wait_until(lambda: floor.events("scanner-1", "capture.refused"), 20, "a loss record")
    assert "device_rate_limited" in floor.issues("scanner-1")
    text = subprocess.run([build_folder() / "bin/gwctl", "--config", floor.rig.config_path,
                           "status"], capture_output=True, check=False, timeout=30).stdout
    assert re.search(rb"feed scanner-1: (open|absent)", text)


def test_tcp_is_slowed_down_instead_and_nothing_is_lost(floor):
    floor.add("scanner-1", "line-scanner", "scanner-cr", "listen", "--count", "100", "--rate",
              "1000", max_per_second=40)
    floor.start()
    floor.wait_finished()
    floor.assert_all_there()
    assert floor.feed("scanner-1")["refused"] == 0


def test_the_gateway_stopped_and_started_between_codes_loses_none(floor):
    count = 300
    floor.add("scanner-1", "line-scanner", "scanner-cr", "pty", "--count", count, "--rate", "60")
    floor.start()
    ledger = floor.rig.ledgers / "scanner-1.jsonl"
    scanner = floor.peers["scanner-1"].pid
    before = 0
    for _ in range(3):
        wait_until(lambda: floor.feed("scanner-1")["observations"] > 10, 20, "codes come")
        os.kill(scanner, signal.SIGSTOP)
        left = len(ledger.read_text(encoding="utf-8").splitlines())
        wait_until(lambda: before + floor.feed("scanner-1")["observations"] >= left, 20,
                   "what left the scanner is read")
        for _ in range(2):  # and what had left before it was asked
            observed = floor.feed("scanner-1")["observations"]
        before += observed
        assert floor.rig.collectd.stop() == 0
        floor.rig.collectd.start()
        floor.rig.wait_connected()
        os.kill(scanner, signal.SIGCONT)
    floor.wait_finished()
    findings = floor.assert_all_there()
    assert findings["scanner-1"].held == count  # it waits while nobody has the line open


def test_a_full_store_refuses_what_a_line_goes_on_sending_and_counts_it(make_rig):
    floor = Floor(make_rig(devices={}))
    floor.add("scanner-1", "line-scanner", "scanner-cr", "pty", "--count", "6000", "--rate",
              "3000", "--width", "800", max_per_second=0)
    floor.add("scanner-2", "line-scanner", "scanner-cr", "listen", "--count", "500", "--rate",
              "3000", max_per_second=0)
    floor.rig.wan.cut()
    floor.start(store={"size_mb": 4, "ring_percent": 0, "quarantine_mb": 1})
    wait_until(lambda: floor.feed("scanner-1")["refused"] > 0, 120, "the store is full")
    assert "capture_refused" in floor.rig.issues("collectd")
    floor.rig.wan.resume()
    floor.wait_finished()
    for name in floor.peers:
        wait_until(lambda name=name: floor.feed(name)["waiting"] == 0, 60, "the backlog is stored")
    floor.rig.wait_drained()
    feed = floor.feed("scanner-1")
    held = len(floor.events("scanner-1", "scan.observed"))
    assert held + feed["refused"] == feed["observations"] == 6000
    assert floor.feed("scanner-2")["refused"] == 0
    assert len(floor.events("scanner-2", "scan.observed")) == 500


def test_a_scale_that_is_there_and_says_nothing_is_named(make_rig):
    rig = make_rig(devices={})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        rig.configure(feeds=[{"id": "scale-1", "profile": profile("mt-sics"),
                              "transport": "tcp_client", "address": "127.0.0.1",
                              "port": listener.getsockname()[1]}])
        rig.start()
        peer, _ = listener.accept()
        peer.settimeout(10)
        with peer:
            assert peer.recv(4) == b"SI\r\n"  # it is asked
            wait_until(lambda: "feed_silent" in rig.issues("collectd"), 30, "it is named")
            assert rig.status()["feeds"][0]["state"] == "silent"
            wait_until(lambda: b"SI\r\n" in peer.recv(100), 10, "it is asked still")
            peer.sendall(b"S S       0.00 kg\r\n")
            wait_until(lambda: "feed_silent" not in rig.issues("collectd"), 10, "it speaks")
            assert rig.status()["feeds"][0]["state"] == "open"
    conditions = [event["device"] for event in rig.events("device.condition")]
    assert set(conditions) <= {"scale-1"}


def test_what_was_not_understood_can_be_tried_again_with_a_better_profile(make_rig):
    rig = make_rig(devices={})
    path = rig.folder / "site.json"

    def configure(port, code, size):
        path.write_text(json.dumps({
            "name": "site", "title": "t", "kind": "scanner", "decode": "json",
            "sources": ["none"], "json": {"code": code}, "framing": {"max_bytes": size}}))
        rig.configure(feeds=[
            {"id": "scanner-1", "profile": str(path), "transport": "tcp_client",
             "address": "127.0.0.1", "port": port}])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        configure(listener.getsockname()[1], "/wrong", 64)
        rig.start()
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b'{"code":"4006381333931"}\n' + b"x" * 100 + b"\n")
            wait_until(lambda: len(rig.ask_daemon("collectd", "quarantine_list")["entries"]) == 2,
                       20, "both are kept")
        first, second = rig.ask_daemon("collectd", "quarantine_list")["entries"]
        assert (first["device"], first["topic"]) == ("scanner-1", "tcp_client:scanner-1")
        with pytest.raises(Refused, match="/wrong"):
            rig.ask_daemon("collectd", "quarantine_retry", number=first["number"], actor="t")
        configure(listener.getsockname()[1], "/code", 64)
        rig.ask_daemon("collectd", "reload", actor="t")
        assert rig.status()["feeds"][0]["undecodable"] == 0  # opened anew, with that profile
        answer = rig.ask_daemon("collectd", "quarantine_retry", number=first["number"], actor="t")
        assert answer["events"] == 1
        with pytest.raises(Refused, match="bytes were kept"):
            rig.ask_daemon("collectd", "quarantine_retry", number=second["number"], actor="t")
    wait_until(lambda: rig.events("scan.observed"), 20, "it is at the centre")
    assert [event["raw"] for event in rig.events("scan.observed")] == ["4006381333931"]


def test_killed_it_loses_what_no_commit_held_and_nothing_else(floor):
    """No device waits on these lines: a kill may cost what was read in the last moment."""
    count, kills, stored = 600, 3, 0
    floor.add("scanner-1", "line-scanner", "scanner-cr", "connect", "--count", count, "--rate",
              "80")
    floor.start()
    for _ in range(kills):
        wait_until(lambda: floor.feed("scanner-1")["stored"] > 20, 20, "codes come")
        stored += floor.feed("scanner-1")["stored"]
        floor.rig.collectd.kill()
        floor.rig.collectd.start()
        floor.rig.wait_connected()
    floor.wait_finished()
    floor.rig.wait_drained()
    finding, = floor.rig.compare()
    # In the sockets, being decoded, or in the open group: the last ones before each kill,
    # and none that was stored.
    missing = sorted(int(code.rsplit("-", 1)[1]) for code in finding.missing)
    runs = sum(number - 1 not in missing for number in missing)
    assert runs <= kills, missing
    assert (finding.twice, finding.disorder, finding.unexpected) == ([], [], [])
    assert finding.held + len(missing) == count and finding.held >= stored


def gwctl(floor, *arguments):
    """Run gwctl on the rig's configuration; its completed process."""
    return subprocess.run([build_folder() / "bin/gwctl", *arguments, "--config",
                           floor.rig.config_path], capture_output=True, text=True, timeout=60,
                          check=False)


def test_a_scale_is_tared_and_the_command_is_audited(floor):
    floor.add("scale-1", "scale", "mt-sics", "listen", "--protocol", "mt-sics", "--cycles", "3",
              "--fault", "tared@1", commands=["tare", "zero", "no_such"])
    floor.start()
    wait_until(lambda: floor.events("scale-1", "weight"), 30, "the load is weighed")
    for name, words in (("clear_tare", "tare, zero, no_such"),
                        ("no_such", "tare, zero, clear_tare"),
                        ("zero", "the device refuses it: Z +")):
        refused = gwctl(floor, "feed", "command", "scale-1", name)
        assert refused.returncode == 1 and words in refused.stderr, refused.stderr
    tared = gwctl(floor, "feed", "command", "scale-1", "tare")
    assert (tared.returncode, tared.stdout) == (0, "done\n"), tared.stderr
    floor.wait_finished()
    assert floor.figures("scale-1")["commands"] == ["Z", "T"]
    ledger = [json.loads(line)["value"] for line in
              (floor.rig.ledgers / "scale-1.jsonl").read_text(encoding="utf-8").splitlines()]
    assert ledger == ["1.01", "1.01", "2.02"]  # the second and third without the tare
    wait_until(lambda: len(floor.events("scale-1", "weight")) == 3, 30, "all are at the centre")
    assert [event["value"] for event in floor.events("scale-1", "weight")] == ledger
    assert floor.feed("scale-1")["undecodable"] == 0
    assert gwctl(floor, "audit", "verify").returncode == 0
    listed = gwctl(floor, "queue", "list", "--json", "--class", "audit").stdout
    entries = [json.loads(line)["data"] for line in listed.splitlines()]
    commands = [(entry["outcome"], entry["target"], entry["detail"].split(":")[0])
                for entry in entries if entry["action"] == "feed.command"]
    assert commands == [("refused", "scale-1", "clear_tare via control"),
                        ("refused", "scale-1", "no_such via control"),
                        ("sent", "scale-1", "zero via control"),
                        ("failed", "scale-1", "zero via control"),
                        ("sent", "scale-1", "tare via control")]
    told = [(event["data"]["condition"], event["data"]["detail"])
            for event in floor.events("scale-1", "device.condition")]
    assert told == [("command_refused", "Z +"), ("command_done", "T S       1.01 kg")]
