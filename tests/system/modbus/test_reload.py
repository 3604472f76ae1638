# SPDX-License-Identifier: Apache-2.0
"""A reload that changes one bus: the others do not notice, and nobody waits for it.

Nothing here measures time. A PLC that keeps the answer of a write until it is told keeps
the bus as well; what happens meanwhile happened before the bus was through. Only the two
seconds that a bus has for a write are real: where a machine was too slow for them the
same is tried again.
"""
import threading

import pytest
from gangway_simulate.devices import new_client
from holding_plc import HoldingPlc
from rig_ipc import Refused
from rig_process import wait_until

TRIES = 6
WRITES = [{"name": "setpoint", "unit_id": 1, "area": "holding_register", "address": 40,
           "min": "0", "max": "9999", "min_interval_ms": 0}]


class Site:
    """A gateway with a front door and buses "a" and "b", a PLC each, and one in reserve."""

    def __init__(self, rig):
        self.rig = rig
        self.plcs = {name: HoldingPlc() for name in ("a", "b", "reserve")}
        for name, plc in self.plcs.items():
            plc.show(0, ord(name[0]))
        self.buses = {name: self.bus(name) for name in ("a", "b")}
        self._commands = 0
        self.configure()
        rig.start()
        for name in self.buses:
            self.wait_values(name, [ord(name)])

    def bus(self, name, **changes):
        """A bus of the configuration."""
        return {"name": name, "host": "127.0.0.1", "port": self.plcs[name].port,
                "timeout_ms": 30000, "writes": WRITES,
                "points": [{"name": "x", "unit_id": 1, "area": "holding_register",
                            "address": 0, "period_ms": 50}], **changes}

    def configure(self):
        """Write the configuration."""
        self.rig.configure(buses=list(self.buses.values()))

    def ask(self, verb, **body):
        """gw-collectd."""
        return self.rig.ask_daemon("collectd", verb, actor="test", **body)

    def change(self, name, **changes):
        """Reload with a changed bus; the answer."""
        self.buses[name] = {**self.buses[name], **changes}
        self.configure()
        return self.ask("reload")

    def state(self, name):
        """Of the bus; None if it is not shown."""
        return next((bus["state"] for bus in self.rig.status()["buses"]
                     if bus["name"] == name), None)

    def wait_connected(self, name):
        """Until the bus runs as configured."""
        wait_until(lambda: self.state(name) == "connected", 60, f"bus {name} runs")

    def values(self, name):
        """What the point of a bus showed, in the order of its events at the centre."""
        return [int(event["value"]) for event in self.rig.events("plc.signal_changed")
                if event["device"] == f"{name}.x" and "value" in event]

    def wait_values(self, name, values):
        """Until these were its events, and no others."""
        wait_until(lambda: len(self.values(name)) >= len(values), 60,
                   f"events of bus {name}", every=0.1)
        assert self.values(name) == values

    def results(self, command):
        """Outcomes of the command's events at the centre."""
        return [event["data"]["outcome"] for event in self.rig.events("command.result")
                if event["data"]["commandid"] == command]

    def write(self, name):
        """A thread that writes to the bus, whose PLC has it and keeps the answer; the id of
        the command and the list its outcome is put in."""
        self._commands += 1
        command, outcomes = f"command-{self._commands}", []

        def ask():
            answer = self.ask("modbus_write", bus=name, name="setpoint",
                              value=str(self._commands), id=command, valid_ms=30000)
            outcomes.append(answer["result"]["outcome"])

        self.plcs[name].hold()
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        self.plcs[name].wait_held()
        return command, outcomes, thread

    def close(self):
        """End the PLCs."""
        for plc in self.plcs.values():
            plc.close()


@pytest.fixture
def site(make_rig):
    """A Site that runs."""
    sites = [Site(make_rig(door="front"))]
    yield sites[0]
    sites[0].close()


@pytest.fixture
def publish(site):
    """publish() -> a scan is acknowledged."""
    client = new_client("scanner-1", False)
    client.username_pw_set("scanner-1", site.rig.secret("scanner-1"))
    client.connect("127.0.0.1", site.rig.front_port)
    client.loop_start()
    wait_until(client.is_connected, 30, "the scanner is connected")

    def publish_one():
        message = client.publish("floor/scanner-1", b"4006381333931", qos=1)
        message.wait_for_publish(60)
        assert message.is_published()

    yield publish_one
    client.disconnect()
    client.loop_stop()


def test_the_other_bus_does_not_notice(site):
    before = next(bus for bus in site.rig.status()["buses"] if bus["name"] == "b")
    site.buses = {"b": site.buses["b"], "a": site.buses["a"]}  # another order, too
    answer = site.change("a", max_gap=7)
    assert (answer["changed"], answer["stopping"]) == (["buses"], ["a"])
    site.wait_values("a", [ord("a"), ord("a")])
    site.plcs["b"].show(0, 4711)
    site.wait_values("b", [ord("b"), 4711])
    assert site.plcs["b"].connections == 1 and site.plcs["a"].connections == 2
    after = next(bus for bus in site.rig.status()["buses"] if bus["name"] == "b")
    assert after["since"] == before["since"] and after["polls"] > before["polls"]


def test_a_scan_is_acknowledged_while_a_bus_ends_its_write(site, publish):
    done = []
    for number in range(TRIES):
        command, outcomes, thread = site.write("a")
        assert site.change("a", max_gap=number + 1)["stopping"] == ["a"]
        refused = ""
        try:
            site.ask("modbus_read", bus="a", unit=1, area="coil", address=0)
        except Refused as refusal:
            refused = str(refusal)
        publish()
        site.plcs["a"].release()  # had the scan waited for the bus, it would wait still
        thread.join(60)
        site.wait_connected("a")
        wait_until(lambda command=command: site.results(command), 60, "the result", every=0.1)
        assert site.results(command) == outcomes
        assert outcomes[0] in ("done", "unknown")
        if outcomes == ["done"]:
            assert "bus a is being reopened: ask again" in refused
            done.append(command)
            break
    assert done, f"each of {TRIES} writes was cut before the scan was acknowledged"
    assert len(site.plcs["a"].written) == number + 1
    assert site.plcs["b"].connections == 1
    assert site.values("b") == [ord("b")]


def test_of_two_reloads_in_a_row_the_second_counts(site):
    command, outcomes, thread = site.write("a")
    site.change("a", max_gap=7)
    site.change("a", port=site.plcs["reserve"].port)
    assert site.plcs["reserve"].connections == 0
    site.plcs["a"].release()
    thread.join(60)
    site.wait_values("a", [ord("a"), ord("r")])
    assert site.plcs["a"].connections == 1 and site.plcs["reserve"].connections == 1
    assert len(site.plcs["a"].written) == 1
    wait_until(lambda: site.results(command), 60, "the result", every=0.1)
    assert site.results(command) == outcomes
    assert site.plcs["b"].connections == 1


def test_a_bus_that_is_taken_out_leaves(site):
    command, outcomes, thread = site.write("a")
    del site.buses["a"]
    site.configure()
    answer = site.ask("reload")
    assert (answer["changed"], answer["stopping"]) == (["buses"], ["a"])
    with pytest.raises(Refused, match='found "a", there is: b'):
        site.ask("modbus_read", bus="a", unit=1, area="coil", address=0)
    site.plcs["a"].release()
    thread.join(60)
    wait_until(lambda: site.state("a") is None, 60, "it is gone")
    wait_until(lambda: site.results(command), 60, "the result", every=0.1)
    assert site.results(command) == outcomes
    site.plcs["b"].show(0, 4711)
    site.wait_values("b", [ord("b"), 4711])
    assert site.plcs["a"].connections == 1 and site.plcs["b"].connections == 1


def test_the_end_of_the_process_waits_for_a_bus_that_leaves(site):
    command, outcomes, thread = site.write("a")
    site.change("a", max_gap=7)
    assert site.rig.collectd.stop(seconds=60) == 0
    site.plcs["a"].release()
    thread.join(60)
    assert outcomes == ["unknown"]
    wait_until(lambda: site.results(command), 60, "the result", every=0.1)
    assert site.results(command) == ["unknown"]
