# SPDX-License-Identifier: Apache-2.0
"""gw-collectd and a PLC: what is wrong in the configuration or on the bus is named, costs
nothing else, and ends when it is put right. Faults of single answers: test_floor_input.py.
"""
import json
import urllib.request

import pytest
from gangway_rig import free_port, plc_bus
from rig_process import wait_until


def plc_state(rig):
    """What the PLC shows and has served."""
    with urllib.request.urlopen(rig.plc["control"] + "/state", timeout=10) as answer:
        return json.load(answer)


def plc_set(rig, point, value):
    """Change a value of the PLC."""
    body = json.dumps({"point": point, "value": value}).encode()
    urllib.request.urlopen(rig.plc["control"] + "/set", data=body, timeout=10).close()


def plc_pause(rig):
    """The line stands still."""
    urllib.request.urlopen(rig.plc["control"] + "/pause", data=b"{}", timeout=10).close()


class Floor:
    """collectd with a PLC and a broker, without centre."""

    def __init__(self, rig, **bus_changes):
        self.rig = rig
        rig.start_broker()
        rig.start_plc(interval=0.05)
        plc_pause(rig)
        self.bus = {**plc_bus(rig.plc["port"]), **bus_changes}

    def start(self, extra_points=()):
        """collectd, with further points on the bus."""
        self.configure(extra_points)
        self.rig.collectd.start()
        self.rig.wait_connected()
        return self

    def configure(self, extra_points=()):
        """Write the configuration."""
        self.rig.configure(buses=[{**self.bus,
                                   "points": self.bus["points"] + list(extra_points)}])

    def issue(self, name):
        """Details of the open issues of that name, by subject."""
        return {issue["subject"]: issue["detail"] for issue in self.rig.status()["issues"]
                if issue["name"] == name}

    def device(self, name):
        """The device's line of the status."""
        return next(device for device in self.rig.status()["devices"]
                    if device["id"] == f"plc1.{name}")

    def wait_good(self, name="pieces", seconds=15):
        """Until the point was read well."""
        wait_until(lambda: self.device(name)["state"] == "ok", seconds, f"{name} is read")


@pytest.fixture
def make_floor(make_rig):
    """make_floor(**bus) -> a Floor that is not started."""
    def make(**bus_changes):
        return Floor(make_rig(), **bus_changes)
    return make


def holding(name, address, **changes):
    """A point of the PLC's holding registers."""
    return {"name": name, "area": "holding_register", "address": address, "period_ms": 50,
            **changes}


def test_a_hole_in_the_map_is_named_and_costs_no_other_point(make_floor):
    floor = make_floor(max_gap=50).start([holding("hole", 30), holding("behind", 40)])
    wait_until(lambda: "plc1.hole" in floor.issue("modbus_config"), 15, "the hole is named")
    assert floor.issue("modbus_config") == {
        "plc1.hole": "unit 1 refuses holding_register 30: exception 2, illegal data address"}
    for name in ("pieces", "state", "behind", "running", "temperature"):
        floor.wait_good(name)
    assert floor.device("hole")["state"] == "faulty"
    assert floor.issue("modbus_unit_down") == {}
    floor.configure()
    floor.rig.reload()
    wait_until(lambda: floor.issue("modbus_config") == {}, 10, "a corrected table ends it")


def test_changes_are_reported_and_nothing_else(make_floor):
    floor = make_floor().start()
    for name in ("pieces", "state", "gate", "rejects", "temperature", "running"):
        floor.wait_good(name)
    before = floor.rig.counter("modbus.stored")
    polls = floor.rig.status()["buses"][0]["polls"]
    wait_until(lambda: floor.rig.status()["buses"][0]["polls"] > polls + 40, 20, "it goes on")
    assert floor.rig.counter("modbus.stored") == before
    plc_set(floor.rig, "state", 3)
    wait_until(lambda: floor.rig.counter("modbus.stored") == before + 1, 10, "one change")


def test_dead_band_and_silence(make_floor):
    floor = make_floor().start([
        holding("coarse", 0, dead_band="10"),
        holding("alive", 0, dead_band="10", max_silence_ms=1000)])
    floor.wait_good("coarse")
    coarse = floor.device("coarse")["events"]
    plc_set(floor.rig, "state", 5)
    wait_until(lambda: floor.device("alive")["events"] >= 3, 15, "silence ends each second")
    assert floor.device("coarse")["events"] == coarse
    plc_set(floor.rig, "state", 50)
    wait_until(lambda: floor.device("coarse")["events"] == coarse + 1, 10, "outside the band")


def test_a_dead_unit_does_not_slow_the_living(make_floor):
    floor = make_floor(timeout_ms=300).start([holding("ghost", 0, unit_id=9)])
    floor.wait_good()
    wait_until(lambda: "plc1/9" in floor.issue("modbus_unit_down")
               or "plc1.ghost" in floor.issue("modbus_config"), 20, "the ghost is named")
    assert "plc1/1" not in floor.issue("modbus_unit_down")
    bus = floor.rig.status()["buses"][0]
    wait_until(lambda: floor.rig.status()["buses"][0]["polls"] > bus["polls"] + 100, 20,
               "the living are polled")


def test_a_bus_nobody_answers_on_is_an_issue_and_capture_goes_on(make_floor):
    floor = make_floor()
    floor.bus["port"] = free_port()
    floor.start()
    wait_until(lambda: "plc1/1" in floor.issue("modbus_unit_down"), 20, "the issue is raised")
    assert floor.device("pieces")["state"] == "faulty"
    floor.rig.send(20)
    wait_until(lambda: floor.rig.counter("mqtt.stored") == 20, 20, "scans are stored")
    assert floor.rig.collectd.stop() == 0


def test_a_reload_of_the_bus_leaves_the_broker_alone(make_floor):
    floor = make_floor().start()
    floor.wait_good()
    connects = floor.rig.counter("mqtt.connects")
    floor.configure([holding("another", 2)])
    answer = floor.rig.reload()
    assert answer["changed"] == ["buses"]
    floor.wait_good("another")
    assert floor.rig.counter("mqtt.connects") == connects
    assert plc_state(floor.rig)["faults"] == []
