#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Modbus TCP server by pymodbus whose unit 1 has just the registers it is told.

    pymodbus_map.py PORT FILE

FILE is {"registers": {"<address>": word}, "max_count": N}: holding and input registers,
and coils (true where the word is not 0). Others are illegal data addresses, and so is a
read of more than max_count. It is read again when it changes. FILE.log gets a line
"address count" for each request that was refused.
"""
import asyncio
import json
import logging
import pathlib
import sys

from pymodbus.datastore import ModbusServerContext
from pymodbus.server import StartAsyncTcpServer


class Map:
    """What pymodbus wants of a unit, versions 3.0 and 3.8."""

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._log = open(f"{path}.log", "a", encoding="ascii", buffering=1)
        self._stamp = None
        self._registers, self._most = {}, 2000

    def _read(self):
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            document = json.loads(self._path.read_text())
            self._registers = {int(at): word for at, word in document["registers"].items()}
            self._most = document.get("max_count", 2000)
            self._stamp = stamp

    def reset(self):
        """Part of the interface."""

    def validate(self, _function, address, count=1):
        """Whether the range is there."""
        self._read()
        good = count <= self._most and all(at in self._registers
                                           for at in range(address, address + count))
        if not good:
            self._log.write(f"{address} {count}\n")
        return good

    def getValues(self, function, address, count=1):  # pylint: disable=invalid-name
        """Values of a range."""
        words = [self._registers[at] for at in range(address, address + count)]
        return [word != 0 for word in words] if function in (1, 2) else words

    async def async_getValues(self, function, address, count=1):  # pylint: disable=invalid-name
        """The same for 3.8."""
        return self.getValues(function, address, count)


logging.disable(logging.ERROR)
asyncio.run(StartAsyncTcpServer(
    context=ModbusServerContext(slaves={1: Map(sys.argv[2])}, single=False),
    address=("127.0.0.1", int(sys.argv[1]))))
