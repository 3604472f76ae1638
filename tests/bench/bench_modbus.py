# SPDX-License-Identifier: Apache-2.0
"""The part modbus of tests/bench/run: collectd alone against many Modbus TCP devices
that cost nearly nothing (modbus_units.c), some of them dead.

Jitter is what the devices see: how far from the period the requests come. Of the
devices that share their connection with a dead unit it is told apart: each probe of the
dead one takes its time-out, which nobody can use meanwhile.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from bench_rig import cpu_seconds
from gangway_rig import Rig, build_folder
from rig_process import die_with_parent

DEVICES, REGISTERS, PERIOD_MS, SECONDS = 32, 125, 100, 30


def bus_of(index, port, dead_unit):
    """One device with all of its registers; maybe a unit beside it that is not there."""
    points = [{"name": f"r{n}", "area": "holding_register", "address": n,
               "period_ms": PERIOD_MS} for n in range(REGISTERS)]
    if dead_unit:
        points.append({"name": "dead", "area": "holding_register", "address": 0, "unit_id": 2,
                       "period_ms": PERIOD_MS})
    return {"name": f"bus{index}", "host": "127.0.0.1", "port": port, "timeout_ms": 1000,
            "points": points}


class Units:
    """The devices; the first `silent` never answer."""

    def __init__(self, silent):
        self._process = subprocess.Popen(
            [str(word) for word in (build_folder() / "bench/modbus_units", "--devices", DEVICES,
                                    "--silent", silent, "--period-ms", PERIOD_MS)],
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


def modbus_once(site, silent, shared):
    """`silent` devices are dead, `shared` others have a dead unit beside the living one."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-bench-"))
    units = Units(silent)
    rig = Rig(folder, site.pki, devices={}, changes={"store": {"size_mb": 64}}, door="front")
    try:
        rig.configure(buses=[bus_of(index, port, silent <= index < silent + shared)
                             for index, port in enumerate(units.ports)])
        rig.collectd.start()
        rig.wait_connected()
        time.sleep(10)
        units.forget()
        cpu, peer, began = cpu_seconds(rig.collectd.pid), cpu_seconds(units.pid), time.time()
        stored = rig.counter("modbus.stored")
        time.sleep(SECONDS)
        passed = time.time() - began
        cpu, peer = cpu_seconds(rig.collectd.pid) - cpu, cpu_seconds(units.pid) - peer
        buses = rig.status()["buses"]
        stored = rig.counter("modbus.stored") - stored
        resident = rig.collectd.anonymous_kib() / 1024
    finally:
        figures = units.finish()
        rig.close()
        shutil.rmtree(folder, ignore_errors=True)
    living = [unit for bus in buses[silent + shared:] for unit in bus["unit_states"]]
    return {"cpu_percent_of_a_core": cpu / passed * 100,
            "peer_cpu_percent_of_a_core": peer / passed * 100,
            "requests_per_s": figures["requests"] / passed, "events_per_s": stored / passed,
            "jitter_p50_ms": figures["jitter"]["p50_us"] / 1000,
            "jitter_p99_ms": figures["jitter"]["p99_us"] / 1000,
            "jitter_p999_ms": figures["jitter"]["p999_us"] / 1000,
            "jitter_max_ms": figures["max_us"] / 1000,
            "jitter_beside_dead_unit_p50_ms": figures["jitter_shared"]["p50_us"] / 1000,
            "jitter_beside_dead_unit_p99_ms": figures["jitter_shared"]["p99_us"] / 1000,
            "status_late_p99_ms_worst": max(unit["late_p99_ms"] for unit in living),
            "living_units_down": sum(unit["state"] != "ok" for unit in living),
            "anonymous_mib": resident}


CASES = {"all_well": (0, 0), "one_dead": (1, 0), "one_dead_and_one_beside": (1, 1)}


def modbus(site, _options):
    """All cases."""
    return {f"{name}_{figure}": value for name, case in CASES.items()
            for figure, value in modbus_once(site, *case).items()}
