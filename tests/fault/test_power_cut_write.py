# SPDX-License-Identifier: Apache-2.0
"""The power fails while commands are written to a PLC: no command is ever written twice.

The gateway's store lies on the disk of powercut/, which keeps only what was flushed and,
of the rest, a seeded random subset of sectors. The PLC is outside and notes every write;
each command writes a value of its own. After each cut the same ids are asked again,
until each has a result, and

  - the PLC has no value twice,
  - it has none whose intent is not in the store that the cut left: nothing was sent
    before its commit, so an intent that was lost with the power was never sent,
  - a result that was told as stored is stored, and never changes,
  - a result is true by the PLC's own log, and each command has exactly one.

Unlike a kill -9 (test_kill9_write.py), a cut takes what the kernel had not flushed.

GW_POWER_CUTS sets the number of cuts (50 gives this 60), GW_POWER_SEED the first.
"""
import collections
import pathlib
import random
import sys

import pytest
from rig_process import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "powercut"))

from commanders import Crowd, Ledger, Trail, WriteDoor  # noqa: E402
from cut_disk import missing_parts  # noqa: E402
from cut_gateway import CutGateway, Tally, seeds  # noqa: E402

pytestmark = pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())

STORE = {"size_mb": 48, "write_budget_mb_per_day": 0, "quarantine_mb": 1}
HEALTHY_AFTER_MS = 2500  # of five starts in a row one must be, or the store is set aside
NEVER_WRITTEN = ("refused", "expired", "failed")
# Slow enough that a cut finds commands between their intent and their result.
SLOW = {"do": "delay", "seconds": 0.004, "times": 0}
CROWDS = (1, 6, 2)  # one alone finds the wire free, of many some wait for it
# A disk may lose its power a moment before what drives the wire does.
OUTLIVES_DISK_S = 0.04


class Scene:
    """A gateway with a PLC, what was asked of it, and what its store says."""

    def __init__(self, rig):
        self.ledger = Ledger(rig)
        self.gateway = CutGateway(rig, WriteDoor(self.ledger.floor))
        self.gateway.disk.format()
        self.trail = Trail(self.ledger)
        self.lost = set()  # asked, and not in the store that a cut left
        self.epoch = None
        self.tally = Tally("writes")

    def power_on(self, seed):
        """What the cut left, and collectd on it; nobody asks for anything yet."""
        self.gateway.power_on_disk(seed)
        self.gateway.rig.collectd.start()
        self.gateway.door.wait_open(self.gateway.rig)
        epoch = self.gateway.rig.status()["queue"]["epoch"]
        self.epoch = self.epoch or epoch
        assert epoch == self.epoch, "a cut must not cost the store"
        self.check_store()

    def check_store(self):
        """Nothing was sent whose intent is not stored."""
        self.trail.read()
        stored = self.trail.intents()
        written = self.ledger.written()
        assert not written.keys() - stored, \
            f"sent without a stored intent: {sorted(written.keys() - stored)}"
        assert_once(written)
        self.lost |= set(self.ledger.asked) - stored
        for number in self.ledger.settled():
            assert number in self.trail.results, f"told as stored, and lost: {number}"

    def cut(self, seed):
        """The power fails while commands are given and, with every fourth seed, again while
        the gateway starts and closes what was interrupted."""
        self.upset_plc(seed)
        crowd = Crowd(self.ledger, self.gateway.disk.has_failed, CROWDS[seed % len(CROWDS)])
        told = len(self.ledger.settled())
        try:
            report = self.gateway.cut(seed, armed_within=120, outlives_disk=OUTLIVES_DISK_S)
        finally:
            crowd.leave()
        lost = len(self.lost)
        if seed % 4 == 1:
            self.cut_start(seed)
        self.power_on(seed + 1)
        self.tally.note(seed, report, len(self.ledger.settled()) - told, len(self.lost) - lost)

    def cut_start(self, seed):
        """The power fails while the gateway comes up."""
        self.gateway.power_on_disk(seed // 4)
        self.gateway.disk.arm(random.Random(seed).randint(1, 50))
        self.gateway.rig.collectd.start()
        self.gateway.disk.wait_for_cut(2)
        self.gateway.power_off()

    def upset_plc(self, seed):
        """What the PLC does wrong until the next cut: now and then it does not do what it is
        asked, or does it and does not say so."""
        wrong = {0: [{"do": "drop", "function": 16}], 1: [{"do": "mute", "function": 16}]}
        self.ledger.floor.faults(*wrong.get(seed % 5, []), SLOW)

    def settle(self):
        """Every id is asked until it has a result, and the store is healthy."""
        self.ledger.floor.faults(SLOW)
        for number in self.ledger.unsettled():
            self.ledger.settle(number)
        wait_until(lambda: self.gateway.rig.status()["uptime_ms"] > HEALTHY_AFTER_MS, 60,
                   "the store is healthy")
        self.check_told()

    def check_told(self):
        """All that was told so far, by the PLC's own log."""
        written = self.ledger.written()
        assert_once(written)
        for number, answers in self.ledger.told.items():
            for answer in answers:
                assert_true(answer["result"], written[number])


def assert_once(written):
    """No value came twice."""
    twice = {number: count for number, count in written.items() if count > 1}
    assert not twice, f"written more than once: {twice}"


def assert_true(result, count):
    """A result, and how often the PLC has the value."""
    outcome = result["outcome"]
    if outcome == "done":
        assert count == 1, result
    elif outcome in NEVER_WRITTEN:
        assert count == 0, result
    else:
        assert outcome in ("interrupted", "unknown"), result


def assert_one_result_each(scene):
    """In the store: of each command an intent, then one outcome, which is the one told."""
    scene.trail.read()
    outcomes = collections.Counter()
    for number in scene.ledger.asked:
        result = scene.ledger.stored_answer(number)
        outcomes[result["outcome"]] += 1
        assert scene.trail.results[number] == [result]
        assert scene.trail.entries[number] == ["intent", result["outcome"]]
    assert scene.trail.results.keys() == set(scene.ledger.asked)
    return outcomes


def assert_nothing_is_done_again(scene):
    """The same ids once more, in a new process."""
    written = scene.ledger.written()
    scene.gateway.rig.collectd.restart()
    scene.gateway.door.wait_open(scene.gateway.rig)
    for number in scene.ledger.asked:
        assert scene.ledger.ask(number)
        assert scene.ledger.told[number][-1]["repeated"]
        assert scene.ledger.stored_answer(number)
    assert scene.ledger.written() == written
    assert "is whole" in scene.ledger.floor.gwctl("audit", "verify")


@pytest.fixture
def scene(make_rig):
    """On an empty disk, power on."""
    one = Scene(make_rig(devices={}, changes={"store": STORE}))
    try:
        one.power_on(seeds(60)[0])
        one.settle()
        yield one
    finally:
        one.gateway.close()


def test_a_power_cut_never_repeats_a_write(scene):
    for seed in seeds(60):
        scene.cut(seed)
        if seed % 4 == 0:
            scene.settle()
    scene.settle()
    outcomes = assert_one_result_each(scene)
    assert_nothing_is_done_again(scene)
    scene.tally.finish()
    reached = sum(scene.ledger.stored_answer(number)["outcome"] == "interrupted"
                  for number in scene.ledger.written())
    print(f"power cuts: writes: {len(scene.ledger.asked)} commands, none written twice: "
          f"{dict(outcomes)}; of the interrupted ones {reached} had been written; "
          f"{len(scene.lost)} had been asked for when a cut left no intent of them, and "
          f"none of these was sent before")
    assert 0 < reached, "no cut came between write and result"
    assert reached < outcomes["interrupted"], "no cut came between intent and write"
    assert scene.lost, "no cut came before an intent was stored"
