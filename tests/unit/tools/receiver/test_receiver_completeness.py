# SPDX-License-Identifier: Apache-2.0
"""The centre's word: complete, missing A..B, tail unknown since T, conflict."""
import subprocess

from gateway_double import EPOCH, make_event, make_started
from receiver_process import PROJECT

OLD, NEW, NEWEST = "1" + "0" * 16, "2" + "0" * 16, "3" + "0" * 16


def of_epoch(answer, name):
    return next(epoch for epoch in answer["epochs"] if epoch["epoch"] == name)


def send(gateway, numbers, epoch, heads):
    assert gateway.post([make_event(n, epoch=epoch) for n in numbers], epoch=epoch,
                        heads=heads)[0] == 200


def start(gateway, epoch, previous=None, heads=None, exact=None):
    if heads is not None:
        heads = {"business": 0, "state": 0, "telemetry": 0, "audit": 0, **heads}
    event = make_started(1, epoch, previous, heads, exact)
    assert gateway.post([event], "state", epoch, heads="state=1")[0] == 200


def test_complete_up_to_the_announced_head(gateway):
    send(gateway, range(1, 11), EPOCH, "business=10,state=0,telemetry=0,audit=0")
    answer = gateway.completeness()
    epoch = answer["epochs"][0]
    assert answer["contract"] == 1 and answer["gateway"] == "GW-1"
    assert epoch["verdict"] == "complete" and "superseded_by" not in epoch
    assert epoch["classes"]["business"]["held"] == [[1, 10]]
    assert epoch["classes"]["audit"] == {"head": 0, "held": [], "tombstones": [], "rejected": [],
                                         "missing": [], "conflicts": 0, "verdict": "complete"}


def test_missing_in_the_middle_and_at_the_end(gateway):
    send(gateway, range(1, 4), EPOCH, "business=3")
    send(gateway, range(6, 9), EPOCH, "business=12,state=2")
    classes = gateway.completeness()["epochs"][0]["classes"]
    assert classes["business"]["missing"] == [[4, 5], [9, 12]]
    assert classes["business"]["verdict"] == "missing"
    assert classes["state"]["missing"] == [[1, 2]]


def test_an_older_head_takes_nothing_back(gateway):
    send(gateway, range(1, 4), EPOCH, "business=12")
    send(gateway, range(4, 6), EPOCH, "business=5")
    assert gateway.completeness()["epochs"][0]["classes"]["business"]["head"] == 12


def test_an_exact_predecessor_keeps_the_old_epoch_complete(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEW, OLD, {"business": 5, "state": 0}, exact=True)
    old = of_epoch(gateway.completeness(), OLD)
    assert old["verdict"] == "complete" and old["superseded_by"] == NEW


def test_exact_without_a_head_for_every_class_is_no_statement(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    event = make_started(1, NEW, OLD, {"business": 5, "state": 0}, True)
    assert gateway.post([event], "state", NEW, heads="state=1")[0] == 200
    assert of_epoch(gateway.completeness(), OLD)["verdict"] == "tail_unknown"


def test_exact_heads_show_a_missing_tail(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEW, OLD, {"business": 9}, exact=True)
    old = of_epoch(gateway.completeness(), OLD)
    assert old["verdict"] == "missing"
    assert old["classes"]["business"]["missing"] == [[6, 9]]


def test_an_inexact_predecessor_leaves_the_tail_unknown(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEW, OLD, {"business": 5}, exact=False)
    old = of_epoch(gateway.completeness(), OLD)
    assert old["verdict"] == "tail_unknown"
    business = old["classes"]["business"]
    assert business["verdict"] == "tail_unknown" and business["missing"] == []
    assert business["tail_unknown_since"].endswith("Z")
    assert of_epoch(gateway.completeness(), NEW)["verdict"] == "complete"


def test_a_new_epoch_without_a_statement_leaves_the_tail_unknown(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEW)
    old = of_epoch(gateway.completeness(), OLD)
    assert old["verdict"] == "tail_unknown" and old["superseded_by"] == NEW


def test_an_epoch_never_heard_of_is_known_from_its_successor(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEWEST, NEW, {"business": 3}, exact=True)
    answer = gateway.completeness()
    assert of_epoch(answer, NEW)["classes"]["business"]["missing"] == [[1, 3]]
    assert of_epoch(answer, NEW)["verdict"] == "missing"
    assert of_epoch(answer, OLD)["verdict"] == "tail_unknown"


def test_a_restart_on_the_same_epoch_takes_no_statement_back(gateway):
    send(gateway, range(1, 6), OLD, "business=5")
    start(gateway, NEW, OLD, {"business": 5}, exact=True)
    again = make_started(2, NEW)
    again["data"]["storeorigin"] = "reopened"
    from gateway_double import sealed
    assert gateway.post([sealed(again)], "state", NEW)[0] == 200
    assert of_epoch(gateway.completeness(), OLD)["verdict"] == "complete"


def test_missing_is_worse_than_an_unknown_tail(gateway):
    send(gateway, range(2, 6), OLD, "business=5")
    start(gateway, NEW, OLD, {"business": 5}, exact=False)
    old = of_epoch(gateway.completeness(), OLD)
    assert old["verdict"] == "missing" and "tail_unknown_since" in old["classes"]["business"]


def test_heartbeats_announce_heads(gateway):
    beat = make_event(1, "state", type="io.gangway.gateway.heartbeat.v1",
                      source="urn:gangway:GW-1:gateway", partitionkey="gateway",
                      data={"heads": {"business": "7", "state": "1"}})
    assert gateway.post([beat], "state", heads="state=1")[0] == 200
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["head"] == 7 and business["missing"] == [[1, 7]]


def test_the_report_says_it_in_words(gateway, receiver, tmp_path):
    send(gateway, [1, 2], EPOCH, "business=5")
    send(gateway, [5], EPOCH, "business=5")
    done = subprocess.run(["/usr/bin/python3", PROJECT / "tools/receiver/receiver", "report",
                           "--database", tmp_path / "receiver.db"],
                          capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "gateway GW-1: missing" in done.stdout
    assert "MISSING 3..4 (2 events); 3 held of 5" in done.stdout
    assert receiver.ask("/report") == done.stdout
    send(gateway, [3, 4], EPOCH, "business=5")
    done = subprocess.run(["/usr/bin/python3", PROJECT / "tools/receiver/receiver", "report",
                           "--database", tmp_path / "receiver.db"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "GW-1: complete" in done.stdout
