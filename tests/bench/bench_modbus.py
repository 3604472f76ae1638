# SPDX-License-Identifier: Apache-2.0
"""The part modbus of tests/bench/run: collectd alone against many Modbus TCP units that
cost nearly nothing (modbus_units.c), some of them dead.

Jitter is what the devices see: how far from the period the requests for each living unit
come. Units that share their connection with a dead one are told apart: nobody is asked
while a probe of the dead one waits. Most of those waits are short, one each five minutes is
as long as the time-out (drivers/modbus/poller_probe.c): MODBUS_SECONDS=330 in the environment
measures long enough to have one in it.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

from bench_rig import cpu_seconds
from gangway_rig import Rig, build_folder
from rig_process import die_with_parent

UNITS, REGISTERS, PERIOD_MS = 32, 125, 100
SECONDS = int(os.environ.get("MODBUS_SECONDS", "30"))
SAMPLE_S = 10  # the window of the gateway's own figures
LIMITS = {"jitter_p99_ms": 20, "cpu_percent_of_a_core": 5}  # of every case


@dataclass(frozen=True)
class Case:
    """32 living units, or so: each at an address of its own, or all behind one."""
    silent: int = 0            # dead devices
    shared: int = 0            # others have a dead unit beside the living one
    one_gateway: bool = False  # 32 units behind one address, the last one is dead

    def buses(self, ports):
        """The entries of the configuration."""
        if self.one_gateway:
            return [bus_of(0, ports[0], range(1, UNITS), UNITS, every=4)]
        return [bus_of(index, port, (1,), 2 if index - self.silent in range(self.shared) else None)
                for index, port in enumerate(ports)]


CASES = {"all_well": Case(), "one_dead": Case(silent=1),
         "one_dead_and_one_beside": Case(silent=1, shared=1),
         "one_gateway_one_dead": Case(one_gateway=True)}


def bus_of(index, port, units, dead_unit, every=1):
    """All registers of the units, each of them or every so many a point (a bus has room for
    1024); maybe one of a unit that is not there."""
    points = [{"name": f"u{unit}-r{n}", "area": "holding_register", "address": n,
               "unit_id": unit, "period_ms": PERIOD_MS}
              for unit in units for n in range(0, REGISTERS, every)]
    if dead_unit:
        points.append({"name": "dead", "area": "holding_register", "address": 0,
                       "unit_id": dead_unit, "period_ms": PERIOD_MS})
    return {"name": f"bus{index}", "host": "127.0.0.1", "port": port, "timeout_ms": 1000,
            "max_gap": every - 1, "points": points}


class Units:
    """The devices of a case."""

    def __init__(self, case):
        devices, units = (1, UNITS - 1) if case.one_gateway else (UNITS, 1)
        self._process = subprocess.Popen(
            [str(word) for word in (build_folder() / "bench/modbus_units", "--devices", devices,
                                    "--units", units, "--silent", case.silent,
                                    "--period-ms", PERIOD_MS)],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.ports = json.loads(self._process.stdout.readline())["ports"]

    @property
    def pid(self):
        """Of the peer."""
        return self._process.pid

    def forget(self):
        """Measure from now on."""
        self._process.send_signal(signal.SIGUSR1)

    def finish(self):
        """End it; its figures."""
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=20)
        return json.loads(out)


def overruns(buses):
    """Reads that were later than a period, so far."""
    return sum(bus["overruns"] for bus in buses)


def watch(rig):
    """The buses after SECONDS, and the largest share of the dead in ten of them."""
    dead_percent, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(min(SAMPLE_S, max(0, end - time.monotonic())))
        buses = rig.status()["buses"]
        dead_percent = max(dead_percent, *(bus["dead_percent"] for bus in buses))
    return buses, dead_percent


def jitter(prefix, figures):
    """As the devices saw it, milliseconds."""
    return {f"{prefix}_{name}_ms": figures[f"{name}_us"] / 1000
            for name in ("p50", "p99", "p999", "max")}


def modbus_once(site, case):
    """One case."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-bench-"))
    units = Units(case)
    rig = Rig(folder, site.pki, devices={}, changes={"store": {"size_mb": 64}}, door="front")
    try:
        rig.configure(buses=case.buses(units.ports))
        rig.collectd.start()
        rig.wait_connected()
        time.sleep(10)
        units.forget()
        cpu, peer, began = cpu_seconds(rig.collectd.pid), cpu_seconds(units.pid), time.time()
        stored, late = rig.counter("modbus.stored"), overruns(rig.status()["buses"])
        buses, dead_percent = watch(rig)
        passed = time.time() - began
        cpu, peer = cpu_seconds(rig.collectd.pid) - cpu, cpu_seconds(units.pid) - peer
        stored = rig.counter("modbus.stored") - stored
        resident = rig.collectd.anonymous_kib() / 1024
    finally:
        figures = units.finish()
        rig.close()
        shutil.rmtree(folder, ignore_errors=True)
    beside = figures["jitter_shared"]
    own = beside if case.one_gateway else figures["jitter"]
    living = [unit for bus in buses[case.silent:] for unit in bus["unit_states"]
              if unit["unit"] < (UNITS if case.one_gateway else 2)]
    return {"cpu_percent_of_a_core": cpu / passed * 100,
            "peer_cpu_percent_of_a_core": peer / passed * 100,
            "requests_per_s": figures["requests"] / passed, "events_per_s": stored / passed,
            **jitter("jitter", own),
            **(jitter("jitter_beside_dead_unit", beside) if case.shared else {}),
            "status_late_p99_ms_worst": max(unit["late_p99_ms"] for unit in living),
            "overruns": overruns(buses) - late, "dead_percent_worst": dead_percent,
            "dead_units_asked": figures["unanswered"],
            "living_units_down": sum(unit["state"] != "ok" for unit in living),
            "anonymous_mib": resident}


def modbus(site, _options):
    """All cases."""
    result = {}
    for name, case in CASES.items():
        figures = modbus_once(site, case)
        for figure, limit in LIMITS.items():
            word = "kept" if figures[figure] <= limit else "missed"
            print(f"  limit {name} {figure} {figures[figure]:.2f} <= {limit}: {word}", flush=True)
        result.update({f"{name}_{figure}": value for figure, value in figures.items()})
    return result
