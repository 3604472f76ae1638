# SPDX-License-Identifier: Apache-2.0
"""A unit that says nothing at all when a read touches a register it does not have, where
others answer with exception 2, beside a unit that has them all. One block across its points
is never answered: what can be read is found out and kept, and nobody else waits for that.
"""
import pathlib

import pytest
from bus_floor import HOLDING, LinePair, has_open
from gangway_rig import PYTHON, can_connect, free_port
from rig_process import Child, wait_until

HERE = pathlib.Path(__file__).resolve().parent
KINDS = ("tcp", "rtu", "rtu_over_tcp")
MUTE, HEALTHY = 1, 2
POINTS = range(4)
TIMEOUT_MS = 400
PERIOD_MS = 1000  # a probe that is not answered fits between two reads
ABSENT = 2  # the point whose registers are not there, where one is absent


class MuteSite:
    """A gateway and two units on one bus: uint32 points at 0, 10, 20 ... of both, near enough
    to each other for one block. `has` says which registers unit 1 has."""

    def __init__(self, rig, kind, has):
        self.rig = rig
        self.kind = kind
        self.lines = []
        self.log = rig.folder / "peer.log"
        where = free_port()
        if kind == "rtu":
            self.lines = [LinePair(rig.folder, "line")]
            where = self.lines[0].b
        ranges = ",".join(f"{first}-{last}" for first, last in has)
        self.peer = Child("peer", [PYTHON, HERE / "pymodbus_peer.py", "--log", self.log, "--mute",
                                   f"{MUTE}={ranges}", kind, where, MUTE, HEALTHY], rig.folder)
        self.peer.start()
        wait_until(lambda: has_open(self.peer.pid, where) if kind == "rtu"
                   else can_connect(where), 30, "the peer listens")
        points = [{"name": f"u{unit}-{n}", "unit_id": unit, "area": "holding_register",
                   "address": 10 * n, "type": "uint32", "period_ms": PERIOD_MS}
                  for unit in (MUTE, HEALTHY) for n in POINTS]
        place = {"line": str(self.lines[0].a), "baud": 115200, "parity": "none"} \
            if kind == "rtu" else {"host": "127.0.0.1", "port": where}
        rig.configure(buses=[{"name": "bus", "transport": kind, "timeout_ms": TIMEOUT_MS,
                              "max_gap": 16, "dead_share_percent": 50, "points": points, **place}])
        rig.start()

    def requests(self):
        """(unit, address, count, is answered) of each, as the peer has seen them."""
        lines = self.log.read_text().splitlines()
        return [(*map(int, line.split()[:3]), line.endswith("yes")) for line in lines]

    def values(self):
        """{(unit, n): numbers of the reads that its values at the centre are of}"""
        found = {}
        for event in self.rig.events("plc.signal_changed"):
            if "value" not in event["data"]:
                continue
            unit, n = (int(part) for part in event["data"]["point"][1:].split("-"))
            value = int(event["data"]["value"])
            assert value >> 16 == HOLDING << 12 | unit << 8 | n, (
                f"{event['data']['point']} shows {value:#x}, which is of another register")
            found.setdefault((unit, n), []).append(value & 0xFFFF)
        return found

    def bus(self):
        """The bus in the status."""
        return self.rig.status()["buses"][0]

    def holes(self):
        """What is known of unit 1, by address; of unit 2 there must be nothing."""
        holes = self.bus()["holes"]
        assert all(hole["unit"] == MUTE and hole["area"] == "holding_register" for hole in holes)
        return sorted((hole["first"], hole["last"], hole["gap"]) for hole in holes)

    def states(self):
        """{n: state of the point of unit 1}"""
        return {n: device["state"] for device in self.rig.status()["devices"] for n in POINTS
                if device["id"] == f"bus.u{MUTE}-{n}"}

    def wait_news(self, points, seconds=60):
        """Until each of the points has at the centre what was said after now."""
        newest = {point: max(numbers) for point, numbers in self.values().items()}
        wait_until(lambda: all(max(self.values().get(point, [0])) > newest.get(point, 0)
                               for point in points), seconds, "news of all points", every=0.2)

    def wait_answers(self, unit, more, seconds=60):
        """Until the peer has answered so many more requests of the unit."""
        def answers():
            return sum(asked[0] == unit and asked[3] for asked in self.requests())
        wanted = answers() + more
        wait_until(lambda: answers() >= wanted, seconds, f"unit {unit} is read", every=0.1)

    def unanswered(self, since):
        """(address, count) of what unit 1 was silent about since so many requests."""
        return {asked[1:3] for asked in self.requests()[since:] if not asked[3]}

    def wait_search(self):
        """Until unit 1 was silent, and what unit 2 said after that is at the centre."""
        wait_until(lambda: self.unanswered(0), 30, "it is asked for what it does not have")
        self.wait_news([(HEALTHY, n) for n in POINTS])

    def longest_wait(self):
        """Requests in a row without an answer, between two answers of unit 2: of a bus whose
        share for probes is a half, two fit into its period, and a regular read before them."""
        longest = in_a_row = 0
        for unit, _, _, is_answered in self.requests():
            in_a_row = 0 if unit == HEALTHY and is_answered else in_a_row + (not is_answered)
            longest = max(longest, in_a_row)
        return longest

    def close(self):
        """End the peer."""
        self.peer.kill()
        for line in self.lines:
            line.socat.kill()


@pytest.fixture
def make_site(make_rig):
    """make_site(kind, has) -> a started MuteSite."""
    sites = []

    def make(kind, has):
        sites.append(MuteSite(make_rig(door="front", devices={}), kind, has))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_that_are_met_with_silence_cost_no_point(make_site, kind):
    site = make_site(kind, [(10 * n, 10 * n + 1) for n in POINTS])
    gaps = [(10 * n + 2, 10 * n + 9, True) for n in POINTS[:-1]]
    both = [(unit, n) for unit in (MUTE, HEALTHY) for n in POINTS]
    site.wait_search()
    wait_until(lambda: site.holes() == gaps and set(site.states().values()) == {"ok"}, 180,
               "the gaps are known and all points good", every=0.2)
    wait_until(lambda: "modbus_unit_down" not in site.rig.issues("collectd"), 30, "it is up")
    site.wait_news(both)
    assert site.longest_wait() <= 3, "unit 2 did not have its turns"

    before = len(site.requests())
    site.wait_answers(MUTE, 16)
    site.wait_answers(HEALTHY, 4)
    assert site.unanswered(before) == set(), "nothing is asked that it is silent about"
    assert site.bus()["units_down"] == 0

    assert site.rig.collectd.stop() == 0
    before = len(site.requests())
    site.rig.collectd.start()
    site.rig.wait_connected()
    site.wait_answers(MUTE, 16)
    assert site.unanswered(before) == set(), "it was kept over the restart"
    assert site.holes() == gaps
    site.wait_news(both)


@pytest.mark.parametrize("kind", KINDS)
def test_a_point_that_is_not_there_is_named_and_costs_no_other(make_site, kind):
    site = make_site(kind, [(0, 10 * ABSENT - 1), (10 * ABSENT + 2, 999)])
    hole = [(10 * ABSENT, 10 * ABSENT + 1, False)]
    expected = {n: "faulty" if n == ABSENT else "ok" for n in POINTS}
    others = [(unit, n) for unit in (MUTE, HEALTHY) for n in POINTS if (unit, n) != (MUTE, ABSENT)]
    site.wait_search()
    wait_until(lambda: site.holes() == hole and site.states() == expected, 180,
               "it is known which is not there", every=0.2)
    wait_until(lambda: "modbus_unit_down" not in site.rig.issues("collectd"), 30, "it is up")
    wait_until(lambda: ["modbus_config"] == [
        issue["name"] for issue in site.rig.status()["issues"]
        if issue["subject"] == f"bus.u{MUTE}-{ABSENT}"], 30, "it is named")
    site.wait_news(others)
    assert site.longest_wait() <= 3, "unit 2 did not have its turns"
    before = len(site.requests())
    site.wait_answers(MUTE, 16)
    assert site.unanswered(before) <= {(10 * ABSENT, 2)}, "that point alone is asked again"
    assert (MUTE, ABSENT) not in site.values()
