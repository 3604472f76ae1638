#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Modbus server by pymodbus (3.0 of Debian 12 and 3.8 of Debian 13).

    pymodbus_peer.py tcp PORT | rtu_over_tcp PORT | rtu LINE   UNIT...

Every answer says what it is: the register 10 * n of a unit holds area, unit and n, the
one behind it the number of the read. So a value that reached the centre can be traced to
the very answer that carried it:

    10 n      area (1 = holding, 0 = input) << 12 | unit << 8 | n
    10 n + 1  number of the read, from 1, the same in all of its registers
    others    0
"""
import asyncio
import logging
import sys

from pymodbus.datastore import ModbusServerContext

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

    def __init__(self, unit):
        self._unit = unit
        self._written = {}

    def reset(self):
        """Part of the interface."""
        self._written = {}

    def validate(self, _function, address, count=1):
        """Whether the addresses are there."""
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


def main():
    """Serve until killed."""
    logging.disable(logging.ERROR)  # 3.0 logs each connection that ends as one
    kind, where, *units = sys.argv[1:]
    context = ModbusServerContext(slaves={int(unit): Unit(int(unit)) for unit in units},
                                  single=False)
    if kind == "rtu":
        server = StartAsyncSerialServer(context=context, framer=RTU, port=where, baudrate=115200,
                                        bytesize=8, parity="N", stopbits=1)
    else:
        server = StartAsyncTcpServer(context=context, framer=RTU if kind != "tcp" else SOCKET,
                                     address=("127.0.0.1", int(where)))
    asyncio.run(server)


main()
