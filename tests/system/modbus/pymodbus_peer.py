#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Modbus server by pymodbus (3.0 of Debian 12 and 3.8 of Debian 13).

    pymodbus_peer.py [--mute UNIT=FIRST-LAST,...] [--log FILE]
                     tcp PORT | rtu_over_tcp PORT | rtu LINE   UNIT...

Every answer says what it is: the register 10 * n of a unit holds area, unit and n, the
one behind it the number of the read. So a value that reached the centre can be traced to
the very answer that carried it:

    10 n      area (1 = holding, 0 = input) << 12 | unit << 8 | n
    10 n + 1  number of the read, from 1, the same in all of its registers
    others    0

With --mute the unit has these registers alone, and says nothing at all when it is asked for
another one, as cheap slaves do. --log gets a line "UNIT ADDRESS COUNT yes|no" for each
request: whether it is answered.
"""
import argparse
import asyncio
import logging

from pymodbus.datastore import ModbusServerContext
from pymodbus.exceptions import NoSuchSlaveException

try:  # 3.8
    from pymodbus import FramerType
    SOCKET, RTU = FramerType.SOCKET, FramerType.RTU
except ImportError:  # 3.0
    from pymodbus.framer.rtu_framer import ModbusRtuFramer as RTU
    from pymodbus.framer.socket_framer import ModbusSocketFramer as SOCKET
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

SIZE = 1000


class Unit:
    """What pymodbus wants of a unit, both versions."""

    reads = 0  # of all units

    def __init__(self, unit, has=None, log=None):
        self._unit = unit
        self._has = has
        self._log = log
        self._written = {}

    def reset(self):
        """Part of the interface."""
        self._written = {}

    def validate(self, _function, address, count=1):
        """Whether the addresses are there."""
        is_mute = self._has is not None and not self._has.issuperset(
            range(address, address + count))
        if self._log:
            self._log.write(f"{self._unit} {address} {count} {'no' if is_mute else 'yes'}\n")
        if is_mute:
            raise NoSuchSlaveException  # and those are not answered: see below
        return 0 <= address and address + count <= SIZE

    def getValues(self, function, address, count=1):  # pylint: disable=invalid-name
        """Values of a range."""
        Unit.reads += 1
        return [self._value(function, at) for at in range(address, address + count)]

    def _value(self, function, address):
        if function in (1, 2):
            return bool(self._written.get((function, address), address % 3 == 0))
        if (function, address) in self._written:
            return self._written[function, address]
        if address % 10 == 0:
            return (function == 3) << 12 | self._unit << 8 | address // 10
        return Unit.reads % 65536 if address % 10 == 1 else 0

    def setValues(self, function, address, values):  # pylint: disable=invalid-name
        """Keep what was written."""
        area = {5: 1, 15: 1, 6: 3, 16: 3, 22: 3, 23: 3}[function]
        for at, value in enumerate(values, address):
            self._written[area, at] = value

    async def async_getValues(self, function, address, count=1):  # pylint: disable=invalid-name
        """The same for 3.8."""
        return self.getValues(function, address, count)

    async def async_setValues(self, function, address, values):  # pylint: disable=invalid-name
        """The same for 3.8."""
        self.setValues(function, address, values)


def mute_unit(text):
    """(unit, the registers it has)"""
    unit, _, ranges = text.partition("=")
    pairs = [map(int, part.split("-")) for part in ranges.split(",")]
    return int(unit), {at for first, last in pairs for at in range(first, last + 1)}


def main():
    """Serve until killed."""
    logging.disable(logging.ERROR)  # 3.0 logs each connection that ends as one
    parser = argparse.ArgumentParser()
    parser.add_argument("--mute", type=mute_unit, action="append", default=[])
    parser.add_argument("--log", type=lambda path: open(path, "a", encoding="ascii",
                                                        buffering=1))
    parser.add_argument("kind", choices=("tcp", "rtu_over_tcp", "rtu"))
    parser.add_argument("where")
    parser.add_argument("units", type=int, nargs="+")
    options = parser.parse_args()
    has = dict(options.mute)
    context = ModbusServerContext(slaves={unit: Unit(unit, has.get(unit), options.log)
                                          for unit in options.units}, single=False)
    if options.kind == "rtu":
        server = StartAsyncSerialServer(context=context, framer=RTU, port=options.where,
                                        baudrate=115200, bytesize=8, parity="N", stopbits=1,
                                        ignore_missing_slaves=True)
    else:
        server = StartAsyncTcpServer(context=context,
                                     framer=RTU if options.kind != "tcp" else SOCKET,
                                     address=("127.0.0.1", int(options.where)),
                                     ignore_missing_slaves=True)
    asyncio.run(server)


main()
