# SPDX-License-Identifier: Apache-2.0
"""A gateway with one bus behind a proxy that tampers, and two units of a server on it.

The points are uint32 at 0, 10, 20 ... of the holding registers of both units: their values
say which answer of the server carried them (pymodbus_peer.py). None are merged, so
answers look alike and a swapped or late one would fit.
"""
import os
import pathlib
import subprocess

from bus_proxy import BusProxy
from gangway_rig import PYTHON, can_connect, free_port
from rig_process import Child, wait_until

HERE = pathlib.Path(__file__).resolve().parent
SICK, HEALTHY = 1, 2
POINTS = 3
HOLDING = 1
TIMEOUT_MS = 400


class LinePair:
    """Two pseudo terminals connected by socat: `a` and `b` are the ends of one line."""

    def __init__(self, folder, name):
        self.a = folder / f"{name}.a"
        self.b = folder / f"{name}.b"
        ends = [f"pty,raw,echo=0,link={end}" for end in (self.a, self.b)]
        self.socat = Child(f"socat-{name}", ["socat", *ends], folder)
        self.plug()

    def plug(self):
        """The adapter is there."""
        self.socat.start()
        wait_until(lambda: self.a.is_symlink() and self.b.is_symlink(), 10, "socat's lines")

    def unplug(self):
        """The adapter is gone, and so is its name."""
        self.socat.stop()
        wait_until(lambda: not self.a.is_symlink(), 10, "socat took its names along")


class BusFloor:
    """See above. `rig` is not started; `server` is the program that is given the kind of
    wire and the port or line, and the units, if it is not pymodbus."""

    def __init__(self, rig, kind, server=None):
        self.rig = rig
        self.kind = kind
        self.lines = []
        if kind == "rtu":
            self.lines = [LinePair(rig.folder, "near"), LinePair(rig.folder, "far")]
            where = self.lines[1].b
        else:
            where = free_port()
        server = server or [PYTHON, HERE / "pymodbus_peer.py"]
        self.server = Child("server", [*server, kind, where, SICK, HEALTHY], rig.folder)
        self.server.start()
        wait_until(lambda: has_open(self.server.pid, where) if kind == "rtu"
                   else can_connect(where), 30, "the server listens")
        self._where = where
        self.proxy = None
        self.connect()

    def connect(self):
        """The wire between the gateway and the server, a new one if there was one."""
        if self.proxy:
            self.proxy.close()
        if self.kind == "rtu":
            self.proxy = BusProxy(self.kind, self.lines[0].b, of_server=self.lines[1].a)
        else:
            self.proxy = BusProxy(self.kind, self._where)

    def bus(self):
        """The bus's entry of the configuration."""
        points = [{"name": f"u{unit}-{n}", "unit_id": unit, "area": "holding_register",
                   "address": 10 * n, "type": "uint32", "period_ms": 100}
                  for unit in (SICK, HEALTHY) for n in range(POINTS)]
        bus = {"name": "bus", "transport": self.kind, "timeout_ms": TIMEOUT_MS, "max_gap": 0,
               "dead_share_percent": 50,
               "points": points}
        if self.kind == "rtu":
            return {**bus, "line": str(self.lines[0].a), "baud": 115200, "parity": "none"}
        return {**bus, "host": "127.0.0.1", "port": self.proxy.port}

    def start(self):
        """The gateway, reading from both."""
        self.rig.configure(buses=[self.bus()])
        self.rig.start()
        self.wait_good(SICK, 3)
        self.wait_good(HEALTHY, 3)
        return self

    def wait_good(self, unit, more, seconds=90):
        """Until so many more right answers of the unit went out."""
        wanted = self.proxy.good(unit) + more
        wait_until(lambda: self.proxy.good(unit) >= wanted or self.proxy.broken, seconds,
                   f"unit {unit} is read")
        assert not self.proxy.broken, self.proxy.broken

    def values(self):
        """(unit, n of the point, number of the read) of each good value at the centre, in the
        order of its events."""
        found = []
        for event in self.rig.events("plc.signal_changed"):
            if "value" not in event:
                continue
            unit, n = (int(part) for part in event["point"][1:].split("-"))
            value = int(event["value"])
            assert value >> 16 == HOLDING << 12 | unit << 8 | n, (
                f"{event['point']} shows {value:#x}, which is of another register")
            found.append((unit, n, value & 0xFFFF))
        return found

    def assert_true(self):
        """Every value that was published is one that the unit said, in an answer that was
        delivered as it was, for that register; and none is published again later."""
        values = self.values()
        fates = dict(self.proxy.fates)
        last = {}
        for unit, n, number in values:
            assert fates.get(number) in ("good", "either"), (
                f"unit {unit} point {n} shows read {number}, which was {fates.get(number)}")
            assert number > last.get((unit, n), 0), "an older value came after a newer one"
            last[unit, n] = number
        return values

    def wait_published(self, unit, seconds=60):
        """Until the centre has something that the unit said after now."""
        newest = max(self.proxy.fates)
        wait_until(lambda: any(at == unit and number > newest
                               for at, _, number in self.values()), seconds,
                   f"news of unit {unit} are at the centre", every=0.2)

    def close(self):
        """End the peers."""
        self.proxy.close()
        self.server.kill()
        for line in self.lines:
            line.socat.kill()


def has_open(pid, path):
    """Whether the process has the device open."""
    device = os.path.realpath(path)
    try:
        return any(os.path.realpath(entry) == device
                   for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def run(command, seconds=60):
    """Its output; AssertionError unless it ends well."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=seconds, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-800:]} {done.stderr[-800:]}"
    return done.stdout
