# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the gateway's processes under load, many times.

What Mosquitto has acknowledged to a publisher (and Mosquitto stays up) must be at
the centre in the end: nothing missing, nothing twice in effect, order per class
kept. How hard each kill hit is read from collectd's own counters after its next
start: a redelivery it knows fell between commit and PUBACK, one it does not know
was in flight and not committed.

Without a write budget each event waits for the longest commit wait of its class:
the window in which a kill finds uncommitted events is as wide as the product has it.

GW_KILL_CYCLES sets the number of cycles (100).
"""
import os
import random
import time

from rig_process import wait_until

CYCLES = int(os.environ.get("GW_KILL_CYCLES", "100"))
DEATHS_IN_A_ROW = 4
HEALTHY_COMMITS = 20
SCANNERS = {"scanner-1": "text", "scanner-2": "gs1", "glove-1": "proglove", "handheld-1": "zebra"}


NO_BUDGET = {"store": {"size_mb": 512, "write_budget_mb_per_day": 0}}


class Hits:
    """What the kills hit."""

    def __init__(self):
        self.cycles = 0
        self.uncommitted = []
        self.between = []

    def note(self, counters):
        """Counters of a collectd that has worked off what was redelivered to it."""
        self.cycles += 1
        self.between.append(counters.get("mqtt.redelivered_known", 0))
        self.uncommitted.append(counters.get("mqtt.possible_duplicates", 0)
                                + counters.get("mqtt.device_duplicates", 0))

    def with_uncommitted(self):
        """Cycles in which uncommitted events were in flight."""
        return sum(1 for count in self.uncommitted if count)

    def report(self):
        """One line of figures."""
        return (f"kill -9: {self.cycles} cycles, {self.with_uncommitted()} with uncommitted "
                f"events in flight ({sum(self.uncommitted)} events), "
                f"{sum(1 for count in self.between if count)} fell between commit and PUBACK "
                f"({sum(self.between)} events)")


def load(rig, rate=1000):
    """Scanners that send until they are stopped."""
    return rig.simulate("scanners", "--rate", str(rate), "--burst", "3", "--in-flight", "200",
                        "--grace", "30")


def settled_counters(rig):
    """Counters once every redelivery was handled: new messages have come after them."""
    counters = rig.status()["counters"]
    again = counters.get("mqtt.redelivered_known", 0) + counters.get("mqtt.possible_duplicates", 0)
    if counters.get("mqtt.stored", 0) > counters.get("mqtt.possible_duplicates", 0) \
            and counters.get("mqtt.received", 0) > again + 10:
        return counters
    return None


def at_a_random_moment(chance):
    """A kill must not follow the rhythm of commits."""
    time.sleep(chance.uniform(0.0, 0.06))


def stay_below_the_limit_of_deaths(rig, cycle):
    """Every fourth start lives until its store counts as healthy: one whose owner died
    five times in a row before that is set aside, which is another test's business."""
    if cycle % DEATHS_IN_A_ROW == DEATHS_IN_A_ROW - 1:
        wait_until(lambda: rig.status()["queue"]["commits"] > HEALTHY_COMMITS, 30,
                   "the store is healthy")


def assert_all_there(rig, scanners):
    """Stop the load, let it drain, compare."""
    assert scanners.stop(60) == 0, scanners.tail()
    findings = rig.assert_ledger_matches(120)
    assert {finding.device for finding in findings} == set(SCANNERS)
    rig.wait_drained()
    wait_until(lambda: {e["verdict"] for e in rig.completeness()["epochs"]} == {"complete"}, 30,
               "the centre says complete")
    assert rig.centre_counter("events_conflict") == 0
    assert len(rig.completeness()["epochs"]) == 1, "a kill must not cost the store"
    return findings


def test_collectd_killed_under_load_loses_nothing_the_broker_acknowledged(make_rig):
    rig = make_rig(devices=SCANNERS, changes=NO_BUDGET).start()
    chance = random.Random(20261123)
    hits = Hits()
    scanners = load(rig)
    wait_until(lambda: settled_counters(rig), 30, "events arrive")
    for cycle in range(CYCLES):
        at_a_random_moment(chance)
        rig.collectd.kill()
        rig.collectd.start()
        rig.wait_connected()
        hits.note(wait_until(lambda: settled_counters(rig), 30, "redeliveries are handled"))
        stay_below_the_limit_of_deaths(rig, cycle)
    print(hits.report())
    findings = assert_all_there(rig, scanners)
    print(f"{sum(f.acked for f in findings)} acknowledged, {sum(f.marked for f in findings)} "
          f"marked, {sum(f.extra for f in findings)} of them beside another copy")
    assert hits.with_uncommitted() >= 0.95 * CYCLES, hits.report()


def test_linkd_killed_under_load_loses_nothing_and_repeats_nothing(make_rig):
    rig = make_rig(devices=SCANNERS, changes=NO_BUDGET).start()
    chance = random.Random(4711)
    scanners = load(rig)
    for _ in range(max(5, CYCLES // 4)):
        before = rig.centre_counter("requests")
        wait_until(lambda: rig.centre_counter("requests") > before + 3, 30, "linkd sends")
        at_a_random_moment(chance)
        rig.linkd.kill()
        rig.linkd.start()
    print(f"{rig.centre_counter('events_duplicate')} events were sent again and counted once")
    assert_all_there(rig, scanners)


def test_both_killed_at_once_with_a_wan_that_comes_and_goes(make_rig):
    rig = make_rig(devices=SCANNERS, changes=NO_BUDGET).start()
    chance = random.Random(99)
    scanners = load(rig, rate=300)
    wait_until(lambda: settled_counters(rig), 30, "events arrive")
    for cycle in range(max(5, CYCLES // 10)):
        (rig.wan.cut, rig.wan.stall, rig.wan.resume)[cycle % 3]()
        at_a_random_moment(chance)
        rig.linkd.kill()
        rig.collectd.kill()
        rig.linkd.start()
        rig.collectd.start()
        rig.wait_connected()
        wait_until(lambda: settled_counters(rig), 30, "redeliveries are handled")
        stay_below_the_limit_of_deaths(rig, cycle)
    rig.wan.resume()
    assert_all_there(rig, scanners)
