# SPDX-License-Identifier: Apache-2.0
"""The store itself is hit: full, corrupt, truncated, deleted, copied. The gateway
always starts, capture goes on, and the centre is told exactly what is not known.
"""
import json
import random
import shutil
import subprocess

import pytest
from gangway_rig import build_folder
from rig_process import wait_until

BACKLOG = 3000


def gwctl(rig, *arguments):
    """Run gwctl on the rig's gateway; its completed process."""
    return subprocess.run([build_folder() / "bin/gwctl", "--config", rig.config_path, *arguments],
                          capture_output=True, text=True, timeout=60)


def store(rig):
    return rig.folder / "collectd/queue"


def with_backlog(rig):
    """A gateway that delivered 200 events and holds BACKLOG more; both daemons down."""
    rig.send(200)
    rig.assert_ledger_matches()
    rig.wait_drained()
    rig.wan.cut()
    rig.send(BACKLOG, rate=5000, burst=100)
    wait_until(lambda: rig.backlog() >= BACKLOG, 30, "a backlog")
    wait_until(lambda: rig.status("linkd")["sinks"][0]["classes"]["business"]["head"] >= BACKLOG,
               30, "linkd has seen the heads")
    rig.linkd.stop()
    rig.collectd.kill()


def start_again(rig):
    rig.collectd.start()
    rig.wait_connected()
    rig.linkd.start()
    rig.wan.resume()


def set_aside(rig):
    """The one folder a store was set aside under."""
    found = [path for path in store(rig).parent.iterdir() if ".aside-" in path.name]
    assert len(found) == 1, found
    return found[0]


def epochs(rig):
    return rig.completeness()["epochs"]


def old_verdict(rig):
    """Verdict of the epoch that was given up, once a second one is known."""
    wait_until(lambda: len(epochs(rig)) == 2, 30, "the centre knows the new epoch", every=0.2)
    return next(epoch["verdict"] for epoch in epochs(rig) if epoch.get("superseded_by"))


def raws(rig):
    return [event["raw"] for event in rig.events("scan")]


def test_a_full_store_refuses_holds_back_and_recovers(make_rig):
    rig = make_rig(changes={"store": {"size_mb": 4, "ring_percent": 10, "quarantine_mb": 1}}).start()
    for _ in range(2):
        rig.wan.cut()
        scanners = rig.simulate("scanners", "--rate", "5000", "--burst", "100", "--in-flight",
                                "500", "--grace", "60", "--start-at", str(rig._sent_so_far() + 1))
        wait_until(lambda: "store_full" in rig.issues("collectd"), 90, "the store is full")
        assert rig.collectd.running
        assert scanners.stop(90) == 0, scanners.tail()
        rig.wan.resume()
        rig.assert_ledger_matches(90)
        rig.wait_drained()
        wait_until(lambda: "store_full" not in rig.issues("collectd"), 30, "the issue is over")
    rig.send(100)
    rig.assert_ledger_matches()
    assert {epoch["verdict"] for epoch in epochs(rig)} == {"complete"}


def test_a_deleted_store_means_tail_unknown_and_capture_goes_on(make_rig):
    rig = make_rig().start()
    with_backlog(rig)
    shutil.rmtree(store(rig))
    start_again(rig)
    rig.send(100)
    wait_until(lambda: len(raws(rig)) >= 300, 30, "new events arrive")
    assert old_verdict(rig) in ("missing", "tail_unknown")
    report = rig.centre("/report")
    assert "tail unknown since" in report or "missing" in report, report
    old = next(epoch for epoch in epochs(rig) if epoch.get("superseded_by"))
    assert old["classes"]["business"].get("tail_unknown_since"), json.dumps(old)


@pytest.mark.parametrize("damage", ["truncated", "meta"])
def test_an_unusable_store_is_set_aside_and_the_gateway_starts(make_rig, damage):
    rig = make_rig().start()
    with_backlog(rig)
    data = store(rig) / "data.mdb"
    content = bytearray(data.read_bytes())
    if damage == "truncated":
        used = len(bytes(content).rstrip(b"\0"))
        data.write_bytes(content[:used // 2])
    else:
        content[0:8192] = random.Random(1).randbytes(8192)
        data.write_bytes(content)
    start_again(rig)
    assert "store_set_aside" in rig.issues("collectd")
    set_aside(rig)
    rig.send(100)
    wait_until(lambda: len(raws(rig)) >= 300, 30, "new events arrive")
    assert old_verdict(rig) in ("missing", "tail_unknown")


def test_salvage_brings_back_what_is_readable_of_a_corrupt_store(make_rig):
    rig = make_rig().start()
    with_backlog(rig)
    data = store(rig) / "data.mdb"
    content = bytearray(data.read_bytes())
    used = len(bytes(content).rstrip(b"\0"))
    chance = random.Random(3)
    for _ in range(10):
        page = chance.randrange(2, used // 4096) * 4096
        content[page:page + 16] = chance.randbytes(16)
    data.write_bytes(content)
    start_again(rig)
    rig.send(50)
    if not [p for p in store(rig).parent.iterdir() if ".aside-" in p.name]:
        # The pages hit hold records only: the store was good enough to go on with; each broken
        # record has become a tombstone, nothing is silently wrong.
        rig.wait_drained(90)
        assert rig.centre_counter("events_conflict") == 0
        return
    done = gwctl(rig, "queue", "salvage", str(set_aside(rig)))
    assert done.returncode == 0, done.stderr + done.stdout
    rig.wait_drained(90)
    wait_until(lambda: len(raws(rig)) > 250 + BACKLOG // 2, 60, "salvaged events arrive")
    ours = set(raws(rig))
    assert len(ours) == len(raws(rig)), "nothing twice"
    assert rig.centre_counter("events_conflict") == 0
    assert old_verdict(rig) in ("complete", "tail_unknown", "missing")


def test_a_store_that_went_back_in_time_starts_a_new_epoch_without_conflicts(make_rig):
    rig = make_rig().start()
    rig.send(200)
    rig.assert_ledger_matches()
    rig.wait_drained()
    rig.collectd.stop()
    copy = rig.folder / "copy"
    shutil.copytree(store(rig), copy)
    rig.collectd.start()
    rig.wait_connected()
    rig.send(200)
    rig.assert_ledger_matches()
    rig.wait_drained()
    rig.collectd.stop()
    shutil.rmtree(store(rig))
    shutil.copytree(copy, store(rig))
    rig.collectd.start()
    rig.wait_connected()
    rig.send(200)
    rig.assert_ledger_matches()
    assert len(epochs(rig)) == 2
    assert rig.centre_counter("events_conflict") == 0


def test_salvage_sends_what_a_store_set_aside_still_held_and_names_the_rest(make_rig):
    rig = make_rig().start()
    rig.send(200)
    rig.assert_ledger_matches()
    rig.wait_drained()
    rig.wan.cut()
    rig.send(1000, rate=5000, burst=100)
    rig.collectd.stop()
    copy = rig.folder / "copy"
    shutil.copytree(store(rig), copy)
    rig.collectd.start()
    rig.wait_connected()
    rig.send(500, rate=5000, burst=100)
    wait_until(lambda: "heads 1700 " in (rig.folder / "linkd/progress").read_text(), 30,
               "linkd has written the heads down")
    rig.linkd.stop()
    rig.collectd.kill()
    shutil.rmtree(store(rig))
    shutil.copytree(copy, store(rig))
    start_again(rig)
    assert "set aside (not salvaged" in gwctl(rig, "status").stdout
    done = gwctl(rig, "queue", "salvage", str(set_aside(rig)))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "quarantine: 0 recovered" in done.stdout and "state" in done.stdout
    wait_until(lambda: "set aside (salvaged" in gwctl(rig, "status").stdout, 10, "it is marked")
    wait_until(lambda: len(raws(rig)) >= 1200, 60, "salvaged events arrive", every=0.2)
    assert len(set(raws(rig))) == len(raws(rig)) == 1200
    assert rig.centre_counter("events_conflict") == 0

    def named():
        old = next(epoch for epoch in epochs(rig) if epoch.get("superseded_by"))
        return [(t["first"], t["last"], t["reason"]) for t in old["classes"]["business"]["tombstones"]]

    wait_until(named, 30, "the lost range is named", every=0.2)
    assert named() == [(1201, 1700, "corrupt")]


def test_a_store_of_another_gateway_is_not_sent_as_ours(make_rig):
    first = make_rig().start()
    first.wan.cut()
    first.send(100)
    first.linkd.stop()
    first.collectd.stop()
    second = make_rig(changes={"gateway": {"serial": "GW-2"}})
    second._changes["sinks"] = [{**second.configuration()["sinks"][0],
                                 "cert_file": f"{second.pki}/gateway-GW-2.crt",
                                 "key_file": f"{second.pki}/gateway-GW-2.key"}]
    store(second).parent.mkdir(parents=True)
    shutil.copytree(store(first), store(second))
    second.start()
    assert "store_set_aside" in second.issues("collectd")
    second.send(50)
    second.assert_ledger_matches()
    assert len(raws(second)) == 50


def test_nothing_is_trimmed_before_the_centre_has_it(make_rig):
    """No retention ring: what is trimmed is gone, so trimming early would show."""
    rig = make_rig(changes={"store": {"ring_percent": 0, "ring_hours": 0}}).start()
    rig.send(300)
    rig.assert_ledger_matches()
    rig.script({"do": "status", "status": 503, "class": "business", "times": 1000})
    for _ in range(4):
        rig.send(500)
        rig.wan.cut()
        rig.send(500)
        rig.wan.resume()
    rig.script()
    rig.assert_ledger_matches()
    rig.wait_drained()
    assert {epoch["verdict"] for epoch in epochs(rig)} == {"complete"}
