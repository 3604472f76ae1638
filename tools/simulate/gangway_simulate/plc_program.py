# SPDX-License-Identifier: Apache-2.0
"""The machine behind the PLC: a small packing line, and the control port to break it.

Points of unit 1 (wire addresses):
  running      coil 0               toggles now and then
  gate         discrete_input 3     toggles with every piece
  state        holding_register 0   1 idle, 2 running, 3 fault: walks on
  pieces       holding_register 10  uint32 ABCD, counts up
  rejects      input_register 5     uint16, counts up more slowly
  temperature  input_register 20    float32 ABCD, a slow wave
Holding register 30 is a hole: reading it answers "illegal data address".

Control (plain HTTP on 127.0.0.1): GET /state, POST /faults [..], POST /drop,
POST /set {"point": name, "value": v}, POST /pause, POST /resume.
"""
import asyncio
import contextlib
import json
import math

from .ledger import Ledger
from .plc import Memory, Plc, Point
from .plc_faults import Faults
from .plc_frames import Line as SerialLine
from .plc_frames import RtuFraming

POINTS = (
    ("running", "coil", 0, "bool"), ("gate", "discrete_input", 3, "bool"),
    ("state", "holding_register", 0, "uint16"), ("pieces", "holding_register", 10, "uint32"),
    ("rejects", "input_register", 5, "uint16"), ("temperature", "input_register", 20, "float32"),
)
HOLES = (("holding_register", 30),)
REPORTS = {"pieces": "counter", "rejects": "counter", "temperature": "metric"}


def make_plc(bus, folder):
    """The line's PLC; ledgers are <folder>/<bus>.<point>.jsonl."""
    points = [Point(name, 1, area, address, kind) for name, area, address, kind in POINTS]
    ledgers = {}
    if folder is not None:
        ledgers = {point.name: Ledger(folder, f"{bus}.{point.name}") for point in points}
    plc = Plc({1: Memory(holes=HOLES)}, points, Faults(), ledgers)
    plc.set(_point(plc, "state"), 1)
    plc.set(_point(plc, "temperature"), 20.0)
    return plc


def _point(plc, name):
    for point in plc.points:
        if point.name == name:
            return point
    raise ValueError(f"no point called {name!r}")


class Line:
    """Changes the values, one step an interval."""

    def __init__(self, plc, interval_s):
        self._plc = plc
        self._interval_s = interval_s
        self._step = 0
        self.paused = False

    async def run(self):
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            if not self.paused:
                self.step()

    def step(self):
        """One piece passes."""
        self._step += 1
        plc, n = self._plc, self._step
        plc.set(_point(plc, "pieces"), n)
        plc.set(_point(plc, "gate"), n % 2)
        if n % 5 == 0:
            plc.set(_point(plc, "rejects"), n // 5 % 65536)
        if n % 7 == 0:
            plc.set(_point(plc, "running"), n // 7 % 2)
            plc.set(_point(plc, "state"), 1 + n // 7 % 3)
        plc.set(_point(plc, "temperature"), 20.0 + round(math.sin(n / 30) * 8) / 4)


class Control:
    """The control port."""

    def __init__(self, plc, line):
        self._plc = plc
        self._line = line

    async def serve(self, port):
        """Listen on 127.0.0.1; the asyncio server."""
        return await asyncio.start_server(self._client, "127.0.0.1", port)

    async def _client(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split("\r\n")[0].split(" ")
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            body = await reader.readexactly(min(length, 1 << 20))
            status, answer = self._answer(method, path, body)
            text = json.dumps(answer).encode()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                         f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
                         .encode() + text)
            await writer.drain()
        except (ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, method, path, body):
        plc = self._plc
        try:
            if (method, path) == ("GET", "/state"):
                return 200, {"points": {point.name: plc.get(point) for point in plc.points},
                             "served": {point.name: point.last_served for point in plc.points},
                             "figures": plc.figures, "writes": plc.write_log, "faults": plc.faults.left(),
                             "happened": plc.faults.happened}
            if (method, path) == ("POST", "/faults"):
                plc.faults.replace(json.loads(body))
            elif (method, path) == ("POST", "/set"):
                change = json.loads(body)
                plc.set(_point(plc, change["point"]), change["value"])
            elif (method, path) == ("POST", "/drop"):
                plc.drop_all()
            elif (method, path) in (("POST", "/pause"), ("POST", "/resume")):
                self._line.paused = path == "/pause"
            else:
                return 404, {"error": "not found"}
        except (ValueError, KeyError, TypeError) as error:
            return 400, {"error": str(error)}
        return 200, {}


class Doors:
    """Where the PLC is reached: Modbus TCP, and RTU on TCP and on a line if wanted."""

    def __init__(self, host, port, rtu_port=None, rtu_line=None):
        self.host = host
        self.port = port
        self.rtu_port = rtu_port
        self.rtu_line = rtu_line

    async def open(self, plc):
        """The servers, what says where they are, and the line."""
        servers = [await plc.serve(self.host, self.port)]
        places = {"port": servers[0].sockets[0].getsockname()[1]}
        if self.rtu_port is not None:
            servers.append(await plc.serve(self.host, self.rtu_port, RtuFraming))
            places["rtu_port"] = servers[1].sockets[0].getsockname()[1]
        line = None
        if self.rtu_line is not None:
            line = SerialLine(self.rtu_line)
            places["rtu_line"] = self.rtu_line
        return servers, places, line


async def run(bus, doors, control_port, folder, interval_s, ready):
    """Serve until cancelled; `ready` is called with where."""
    plc = make_plc(bus, folder)
    machine = Line(plc, interval_s)
    servers, places, line = await doors.open(plc)
    control = await Control(plc, machine).serve(control_port)
    places["control"] = f"http://127.0.0.1:{control.sockets[0].getsockname()[1]}"
    async with contextlib.AsyncExitStack() as stack:
        for server in (*servers, control):
            await stack.enter_async_context(server)
        tasks = [machine.run()] + ([plc.serve_line(line)] if line else [])
        ready(places)
        try:
            await asyncio.gather(*tasks)
        finally:
            if line:
                line.close()
            plc.drop_all()  # since Python 3.12 closing waits for every connection
