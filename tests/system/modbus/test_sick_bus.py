# SPDX-License-Identifier: Apache-2.0
"""A bus on which a unit, or the wire, does everything wrong that it can.

After each fault both units are read again, and in the end every value at the centre is
one that was really said, for that register, by an answer that came whole and in time.
"""
import collections

import pytest
from bus_floor import HEALTHY, SICK
from bus_proxy import FAULTS
from rig_process import wait_until

KINDS = ("tcp", "rtu", "rtu_over_tcp")
TIMES = {"late": 2, "behind": 3}  # in a row


@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_makes_a_value_that_was_not_there(make_floor, kind):
    floor = make_floor(kind)
    for name, offered in FAULTS.items():
        if not offered[kind != "tcp"]:
            continue
        times = TIMES.get(name, 1)
        floor.proxy.arm(name, SICK, times)
        wait_until(lambda name=name, times=times: floor.proxy.happened[name] >= times, 120,
                   f"{name} happened {times} times")
        floor.wait_good(HEALTHY, 3)
        floor.wait_good(SICK, 3)
    for unit in (SICK, HEALTHY):
        floor.wait_published(unit)
    values = floor.assert_true()
    assert {(unit, n) for unit, n, _ in values} == {(unit, n) for unit in (SICK, HEALTHY)
                                                    for n in range(3)}
    assert "bad" in floor.proxy.fates.values()
    wire = floor.rig.status()["buses"][0]["wire"]
    assert wire["given_up"] > 0
    if kind == "tcp":
        assert wire["connects"] > 1
    else:
        assert wire["fences"] > 0 and wire["late"] > 0


@pytest.mark.parametrize("fault", ("silence", "behind", "garbage"))
@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_that_stays_sick_is_named_and_the_other_goes_on(make_floor, kind, fault):
    floor = make_floor(kind)
    floor.proxy.arm(fault, SICK, 0)
    wait_until(lambda: any(issue["name"] == "modbus_unit_down" and issue["subject"] == "bus/1"
                           for issue in floor.rig.status()["issues"]), 60, "it is named")
    floor.wait_good(HEALTHY, 30)
    assert not any(issue["subject"] == "bus/2" for issue in floor.rig.status()["issues"]
                   if issue["name"] == "modbus_unit_down")
    floor.proxy.disarm()
    floor.wait_good(SICK, 6, seconds=120)
    wait_until(lambda: "modbus_unit_down" not in floor.rig.issues("collectd"), 60, "it ends")
    floor.wait_published(SICK)
    floor.wait_published(HEALTHY)
    floor.assert_true()


def scan(floor, first, last):
    """The units that were asked, all of them in vain."""
    asked = set()
    while first:
        body = {"bus": "bus", "from": first, "to": last}
        answer = floor.rig.ask_daemon("collectd", "modbus_scan", **body)
        assert "answers" not in {found["state"] for found in answer["units"]}
        asked |= {found["unit"] for found in answer["units"]}
        first = answer["next"]
    return asked


def bad_events(floor):
    """How often each point was said to be bad, at the centre."""
    return collections.Counter(event["point"] for event in floor.rig.events("plc.signal_changed")
                               if "value" not in event)


def test_units_that_are_asked_on_demand_and_hang_up_cost_the_polled_nothing(make_floor):
    floor = make_floor("tcp")
    floor.proxy.arm("hang_up", range(10, 60), 0)
    before = floor.proxy.good(HEALTHY)
    for _ in range(5):
        assert scan(floor, 10, 59) == set(range(10, 60))
    assert floor.proxy.happened["hang_up"] >= 250
    assert floor.proxy.good(HEALTHY) - before >= 5
    assert "modbus_unit_down" not in floor.rig.issues("collectd")
    floor.wait_published(SICK)
    floor.wait_published(HEALTHY)
    assert not bad_events(floor)
    floor.assert_true()


def test_a_peer_that_hangs_up_on_everybody_is_reported_once(make_floor):
    floor = make_floor("tcp")
    floor.proxy.arm("hang_up", (SICK, HEALTHY), 0)
    wait_until(lambda: floor.proxy.happened["hang_up"] >= 6, 120, "it was tried again and again")
    wait_until(lambda: len(bad_events(floor)) == 6, 60, "all points are bad")
    assert set(bad_events(floor).values()) == {1}
    floor.proxy.disarm()
    floor.wait_good(SICK, 3, seconds=150)
    floor.wait_good(HEALTHY, 3, seconds=150)
    floor.wait_published(SICK)
    assert set(bad_events(floor).values()) == {1}
    floor.assert_true()


def test_a_block_that_is_busy_for_ever_is_named_and_the_others_of_its_unit_go_on(make_floor):
    floor = make_floor("tcp")
    floor.proxy.arm("busy", SICK, 0, address=10)

    def faults():
        return {issue["subject"]: issue["detail"] for issue in floor.rig.status()["issues"]
                if issue["name"] == "modbus_device_fault"}

    wait_until(lambda: faults() == {"bus/1": "holding_register from wire address 10 on: "
                                             "exception 6, server device busy"}, 60, "it is named")
    sick, healthy = floor.proxy.good(SICK), floor.proxy.good(HEALTHY)
    floor.wait_good(HEALTHY, 120)
    # Two of three blocks, each at the period of the other unit's.
    assert floor.proxy.good(SICK) - sick >= (floor.proxy.good(HEALTHY) - healthy) / 2
    wait_until(lambda: bad_events(floor) == {"u1-1": 1}, 30, "it is bad, once")
    assert "modbus_unit_down" not in floor.rig.issues("collectd")
    floor.proxy.disarm()
    wait_until(lambda: not faults(), 60, "it ends")
    newest = max(floor.proxy.fates)
    wait_until(lambda: any((unit, n) == (SICK, 1) and number > newest
                           for unit, n, number in floor.values()), 30, "it has values again")
    floor.assert_true()


def test_an_adapter_that_is_unplugged_comes_back(make_floor):
    floor = make_floor("rtu")
    near = floor.lines[0]
    near.unplug()
    wait_until(lambda: any(issue["name"] == "modbus_unit_down"
                           and issue["detail"] == "the serial line is not there"
                           for issue in floor.rig.status()["issues"]), 60, "it is named")
    near.plug()
    floor.connect()
    floor.wait_good(SICK, 5, seconds=120)
    floor.wait_good(HEALTHY, 5)
    wait_until(lambda: "modbus_unit_down" not in floor.rig.issues("collectd"), 60, "it ends")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bus_stops_at_once_in_the_middle_of_a_request(make_floor, kind):
    floor = make_floor(kind)
    # An RTU line is quiet for a time-out or more before the first request.
    floor.rig.configure(buses=[{**floor.bus(), "timeout_ms": 20000}])
    assert floor.rig.reload()["changed"] == ["buses"]
    floor.wait_good(SICK, 3)
    floor.proxy.arm("silence", SICK, 0)
    wait_until(lambda: floor.proxy.happened["silence"] > 0, 30, "a request is under way")
    assert floor.rig.collectd.stop(seconds=15) == 0
