# SPDX-License-Identifier: Apache-2.0
"""The two frames around a Modbus request or answer (PDU), in plain Python.

TCP: transaction u16, protocol u16 (0), length u16, unit u8, PDU
(Modbus Messaging on TCP/IP V1.0b). RTU: unit u8, PDU, CRC-16 low byte first
(MODBUS over Serial Line V1.02); where a request ends follows from its function.
"""
import asyncio
import os
import pty
import struct
import tty


class FrameError(Exception):
    """Bytes that are no request."""


def crc16(data):
    """CRC-16 of MODBUS over Serial Line V1.02, 6.2.2."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class TcpFraming:
    """Modbus TCP."""

    @staticmethod
    async def read(reader):
        """(transaction, unit, PDU) of the next request."""
        transaction, protocol, length, unit = struct.unpack(">HHHB",
                                                            await reader.readexactly(7))
        if protocol != 0 or not 2 <= length <= 254:
            raise FrameError("no MBAP header")
        return transaction, unit, await reader.readexactly(length - 1)

    @staticmethod
    def frame(transaction, unit, pdu):
        """The bytes of an answer."""
        return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class RtuFraming:
    """RTU, on a line or on a TCP connection."""

    @staticmethod
    async def read(reader):
        """(None, unit, PDU) of the next request."""
        data = await reader.readexactly(2)
        if data[1] in (15, 16):
            data += await reader.readexactly(5)
            data += await reader.readexactly(data[6] + 2)
        else:
            data += await reader.readexactly(6)
        if crc16(data[:-2]) != struct.unpack("<H", data[-2:])[0]:
            raise FrameError("wrong CRC")
        return None, data[0], data[1:-2]

    @staticmethod
    def frame(_, unit, pdu):
        """The bytes of an answer."""
        data = bytes([unit]) + pdu
        return data + struct.pack("<H", crc16(data))


class LineWriter:
    """What a StreamWriter does, for a descriptor."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def write(self, data):
        """All of it; the few bytes of an answer always fit."""
        os.write(self._descriptor, data)

    async def drain(self):
        """Nothing waits."""

    def close(self):
        """The line stays."""


class Line:
    """A serial line: a pseudo terminal whose other end is `path`."""

    def __init__(self, path):
        self.path = path
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        if os.path.islink(path):
            os.unlink(path)
        os.symlink(os.ttyname(self._slave), path)

    async def open(self):
        """(reader, writer) of our end."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(self._master), "rb",
                                                                    buffering=0))
        return reader, LineWriter(self._master)

    def close(self):
        """Hang up; the name goes."""
        os.unlink(self.path)
        os.close(self._slave)
        os.close(self._master)
