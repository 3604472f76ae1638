# SPDX-License-Identifier: Apache-2.0
"""A PLC as Modbus server, in plain asyncio: independent of libmodbus and of our own.

Frames: plc_frames.py; functions 1-6, 15, 16 of the Application Protocol V1.1b3. The
ledger of each point says which values were served.
"""
import asyncio
import functools
import struct
import time

from .plc_faults import spoil
from .plc_frames import FrameError, RtuFraming, TcpFraming

AREAS = {1: "coil", 2: "discrete_input", 3: "holding_register", 4: "input_register"}
MAX_BITS, MAX_REGISTERS = 2000, 125


class ModbusException(Exception):
    """An exception answer."""

    def __init__(self, code):
        super().__init__(f"exception {code}")
        self.code = code


class Memory:
    """The four areas of one unit; addresses in `holes` answer exception 2."""

    def __init__(self, size=10000, holes=()):
        self.areas = {name: [0] * size for name in AREAS.values()}
        self.holes = set(holes)
        self._size = size

    def check(self, area, address, count):
        """ModbusException 2 unless every address is there."""
        if address + count > self._size or any(
                (area, at) in self.holes for at in range(address, address + count)):
            raise ModbusException(2)

    def read(self, area, address, count):
        """Values of a range."""
        self.check(area, address, count)
        return self.areas[area][address:address + count]

    def write(self, area, address, values):
        """Set a range."""
        self.check(area, address, len(values))
        self.areas[area][address:address + len(values)] = values


class Point:
    """A value the ledger follows: registers or a bit of a unit."""

    KINDS = {"bool": (1, None), "uint16": (1, ">H"), "int16": (1, ">h"), "uint32": (2, ">I"),
             "int32": (2, ">i"), "float32": (2, ">f")}

    def __init__(self, name, unit, area, address, kind):
        self.name = name
        self.unit = unit
        self.area = area
        self.address = address
        self.kind = kind
        self.width, self._format = self.KINDS[kind]
        self.last_served = None  # at all,
        self.last_clean = None   # and without a fault
        self.n = 0

    def registers(self, value):
        """Register (or bit) values of a number, big-endian words."""
        if self._format is None:
            return [1 if value else 0]
        packed = struct.pack(self._format, value)
        return list(struct.unpack(f">{self.width}H", packed))

    def number(self, registers):
        """The number in registers."""
        if self._format is None:
            return registers[0]
        return struct.unpack(self._format, struct.pack(f">{self.width}H", *registers))[0]


class Plc:
    """Units, points and the server that shows them."""

    def __init__(self, units, points, faults, ledgers):
        self.units = units
        self.points = points
        self.faults = faults
        self.figures = {"connections": 0, "requests": 0, "exceptions": 0, "writes": 0}
        self.write_log = []  # what was written, in order; never cut
        self._ledgers = ledgers
        self._by_unit = {}
        for point in points:
            self._by_unit.setdefault((point.unit, point.area), []).append(point)
        self._writers = set()

    def set(self, point, value):
        """Change a point's value."""
        self.units[point.unit].write(point.area, point.address, point.registers(value))

    def get(self, point):
        """A point's value now."""
        return point.number(self.units[point.unit].read(point.area, point.address, point.width))

    # -- serving

    async def serve(self, host, port, framing=TcpFraming):
        """Listen; the asyncio server."""
        return await asyncio.start_server(functools.partial(self._client, framing), host, port)

    async def serve_line(self, line):
        """Answer on a serial line until it hangs up."""
        reader, writer = await line.open()
        while not reader.at_eof():
            await self._client(RtuFraming, reader, writer, is_line=True)

    async def _client(self, framing, reader, writer, is_line=False):
        self.figures["connections"] += 1
        self._writers.add(writer)
        try:
            while True:
                transaction, unit, pdu = await framing.read(reader)
                frame = functools.partial(framing.frame, transaction)
                # On a line a unit that is not there is silent, not "no path" (11).
                if is_line and unit not in self.units:
                    continue
                if not await self._request(writer, frame, unit, pdu):
                    break
        except FrameError:
            if is_line:
                await _skip_frame(reader)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def drop_all(self):
        """Close every connection."""
        for writer in list(self._writers):
            writer.close()

    async def _request(self, writer, frame, unit, pdu):
        """Answer one request; False ends the connection."""
        self.figures["requests"] += 1
        fault = self.faults.take(unit, pdu[0])
        name = fault["do"] if fault else ""
        if name == "drop":
            return False
        if name == "silence":
            return True
        if name == "delay":
            await asyncio.sleep(fault.get("seconds", 1))
        served = []
        try:
            if name == "exception":
                raise ModbusException(fault.get("code", 4))
            answer = self._answer(unit, pdu, served)
        except ModbusException as exception:
            self.figures["exceptions"] += 1
            answer = bytes([pdu[0] | 0x80, exception.code])
        if name == "mute":
            return True
        if fault and name not in ("exception", "delay"):
            writer.write(spoil(fault, frame, unit, answer))
        else:
            writer.write(frame(unit, answer))
            self._note(served, clean=fault is None)
        await writer.drain()
        return True

    def _answer(self, unit, pdu, served):
        if unit not in self.units:
            raise ModbusException(11)
        memory = self.units[unit]
        function = pdu[0]
        if function in AREAS and len(pdu) == 5:
            return self._read(memory, unit, function, pdu, served)
        if function in (5, 6, 15, 16):
            self.figures["writes"] += 1
            area, address, values, answer = _write(memory, function, pdu)
            self.write_log.append({"unit": unit, "function": function, "area": area,
                                   "address": address, "values": values, "time": time.time()})
            return answer
        raise ModbusException(1)

    def _read(self, memory, unit, function, pdu, served):
        area = AREAS[function]
        address, count = struct.unpack_from(">HH", pdu, 1)
        if not 1 <= count <= (MAX_BITS if function <= 2 else MAX_REGISTERS):
            raise ModbusException(3)
        values = memory.read(area, address, count)
        for point in self._by_unit.get((unit, area), ()):
            at = point.address - address
            if 0 <= at and at + point.width <= count:
                served.append((point, point.number(values[at:at + point.width])))
        if function > 2:
            return struct.pack(f">BB{count}H", function, 2 * count, *values)
        packed = bytearray((count + 7) // 8)
        for i, bit in enumerate(values):
            packed[i // 8] |= (1 if bit else 0) << (i % 8)
        return bytes([function, len(packed)]) + bytes(packed)

    def _note(self, served, clean):
        """A ledger line for each point whose served value is a new one.

        "clean" = a poller must have seen this change. What was served beside a
        fault may have been lost, and so may the way back to the value before it.
        """
        for point, value in served:
            is_change = value != point.last_clean
            if clean:
                point.last_clean = value
            if value == point.last_served:
                continue
            point.last_served = value
            ledger = self._ledgers.get(point.name)
            if ledger is not None:
                point.n += 1
                ledger.write(n=point.n, value=value, kind=point.kind,
                             clean=clean and is_change, t_acked=time.time())


async def _skip_frame(reader):
    """Whatever still comes of what was no frame, up to the next silence."""
    try:
        while await asyncio.wait_for(reader.read(256), 0.05):
            pass
    except asyncio.TimeoutError:
        pass


def _write(memory, function, pdu):
    """Do it; area, address, values and the answer."""
    try:
        address, value = struct.unpack_from(">HH", pdu, 1)
        if function == 5:
            if value not in (0, 0xFF00):
                raise ModbusException(3)
            memory.write("coil", address, [1 if value else 0])
            return "coil", address, [1 if value else 0], pdu[:5]
        if function == 6:
            memory.write("holding_register", address, [value])
            return "holding_register", address, [value], pdu[:5]
        count, size = value, pdu[5]
        if function == 16:
            if not 1 <= count <= 123 or size != 2 * count:
                raise ModbusException(3)
            values = list(struct.unpack_from(f">{count}H", pdu, 6))
            memory.write("holding_register", address, values)
            return "holding_register", address, values, pdu[:5]
        else:
            if not 1 <= count <= 1968 or size != (count + 7) // 8 or len(pdu) < 6 + size:
                raise ModbusException(3)
            values = [pdu[6 + i // 8] >> (i % 8) & 1 for i in range(count)]
            memory.write("coil", address, values)
            return "coil", address, values, pdu[:5]
    except (struct.error, IndexError):
        raise ModbusException(3) from None
