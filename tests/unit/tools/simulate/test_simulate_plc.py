# SPDX-License-Identifier: Apache-2.0
"""The PLC as a Modbus client sees it, byte by byte, with every fault."""
import json
import pathlib
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from gangway_simulate.ledger import read_ledgers

PROJECT = pathlib.Path(__file__).resolve().parents[4]


class Plc:
    """A running simulator and a raw connection to it."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", PROJECT / "tools/simulate/simulate", "plc", "--listen",
             "127.0.0.1:0", "--ledgers", str(folder), "--interval", "0.01"],
            stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.control = ready["control"]
        self.address = ("127.0.0.1", ready["port"])
        self.sock = socket.create_connection(self.address, timeout=10)

    def reconnect(self):
        self.sock.close()
        self.sock = socket.create_connection(self.address, timeout=10)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.control + path, data=data, timeout=10) as answer:
            return json.load(answer)

    def send(self, pdu, unit=1, transaction=7):
        self.sock.sendall(struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu)

    def receive(self):
        """(transaction, unit, pdu)."""
        header = self._exactly(7)
        transaction, protocol, length, unit = struct.unpack(">HHHB", header)
        assert protocol == 0
        return transaction, unit, self._exactly(length - 1)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def call(self, pdu, unit=1):
        self.send(pdu, unit)
        return self.receive()[2]

    def close(self):
        self.sock.close()
        self.process.terminate()
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        return code


def read(function, address, count):
    return struct.pack(">BHH", function, address, count)


@pytest.fixture
def plc(tmp_path):
    simulator = Plc(tmp_path)
    simulator.ask("/pause", {})
    yield simulator
    assert simulator.close() == 0


def test_the_four_areas_are_read(plc):
    plc.ask("/set", {"point": "running", "value": 1})
    plc.ask("/set", {"point": "gate", "value": 1})
    plc.ask("/set", {"point": "pieces", "value": 0x12345678})
    plc.ask("/set", {"point": "temperature", "value": 20.25})
    assert plc.call(read(1, 0, 10)) == b"\x01\x02\x01\x00"
    assert plc.call(read(2, 0, 8)) == b"\x02\x01\x08"
    assert plc.call(read(3, 10, 2)) == b"\x03\x04\x12\x34\x56\x78"
    assert plc.call(read(4, 20, 2)) == b"\x04\x04" + struct.pack(">f", 20.25)


def test_writes_change_what_is_read(plc):
    assert plc.call(b"\x05\x00\x64\xff\x00") == b"\x05\x00\x64\xff\x00"
    assert plc.call(b"\x06\x00\x64\x12\x34") == b"\x06\x00\x64\x12\x34"
    assert plc.call(b"\x0f\x00\x65\x00\x03\x01\x05") == b"\x0f\x00\x65\x00\x03"
    assert plc.call(b"\x10\x00\x65\x00\x02\x04\x00\x01\x00\x02") == b"\x10\x00\x65\x00\x02"
    assert plc.call(read(1, 100, 4)) == b"\x01\x01\x0b"
    assert plc.call(read(3, 100, 3)) == b"\x03\x06\x12\x34\x00\x01\x00\x02"


@pytest.mark.parametrize("pdu, unit, code", [
    (read(3, 30, 1), 1, 2), (read(3, 25, 10), 1, 2), (read(3, 65535, 2), 1, 2),
    (read(3, 0, 126), 1, 3), (read(1, 0, 0), 1, 3), (b"\x2b\x0e\x01\x00", 1, 1),
    (b"\x05\x00\x00\x12\x34", 1, 3), (read(3, 0, 1), 9, 11)])
def test_wrong_requests_get_exceptions(plc, pdu, unit, code):
    assert plc.call(pdu, unit) == bytes([pdu[0] | 0x80, code])


def test_the_ledger_follows_what_was_served(plc, tmp_path):
    for value in (1, 1, 5, 9):
        plc.ask("/set", {"point": "pieces", "value": value})
        plc.call(read(3, 10, 2))
    plc.ask("/set", {"point": "pieces", "value": 10})
    served = read_ledgers(tmp_path)["plc1.pieces"]
    assert [entry["value"] for entry in served] == [1, 5, 9]
    assert all(entry["clean"] for entry in served)


def test_the_line_runs(plc):
    plc.ask("/resume", {})
    before = plc.ask("/state")["points"]
    deadline = time.monotonic() + 10
    while plc.ask("/state")["points"]["rejects"] < before["rejects"] + 2:
        assert time.monotonic() < deadline


def test_silence_and_then_an_answer(plc):
    plc.ask("/faults", [{"do": "silence"}])
    plc.send(read(3, 0, 1), transaction=1)
    plc.send(read(3, 0, 1), transaction=2)
    assert plc.receive()[0] == 2


def test_exception_delay_and_drop(plc):
    plc.ask("/faults", [{"do": "exception", "code": 6, "times": 2}])
    assert plc.call(read(3, 0, 1)) == plc.call(read(3, 0, 1)) == b"\x83\x06"
    plc.ask("/faults", [{"do": "delay", "seconds": 0.2}])
    start = time.monotonic()
    assert plc.call(read(3, 0, 1))[0] == 3 and time.monotonic() - start >= 0.2
    plc.ask("/faults", [{"do": "drop"}])
    with pytest.raises(ConnectionError):
        plc.call(read(3, 0, 1))
    plc.reconnect()
    assert plc.call(read(3, 0, 1))[0] == 3
    plc.ask("/drop", {})
    with pytest.raises(ConnectionError):
        plc.call(read(3, 0, 1))


def test_frames_that_lie(plc, tmp_path):
    plc.ask("/faults", [{"do": "wrong_transaction"}])
    plc.send(read(3, 0, 1))
    assert plc.receive()[0] == 7 ^ 0x5555
    plc.ask("/faults", [{"do": "wrong_unit"}])
    plc.send(read(3, 0, 1))
    assert plc.receive()[1] != 1
    plc.ask("/faults", [{"do": "wrong_function"}])
    assert plc.call(read(3, 0, 1))[0] == 7
    plc.ask("/faults", [{"do": "wrong_count"}])
    assert len(plc.call(read(3, 0, 2))) == 5
    plc.ask("/faults", [{"do": "truncated"}])
    plc.send(read(3, 0, 2))
    assert len(plc._exactly(6)) == 6
    plc.reconnect()
    plc.ask("/faults", [{"do": "garbage", "unit": 1}])
    plc.send(read(3, 0, 2))
    assert plc._exactly(20) == b"\xde\xad\xbe\xef" * 5
    happened = plc.ask("/state")["happened"]
    assert sum(happened.values()) == 6
    assert "plc1.state" not in read_ledgers(tmp_path)


def test_wrong_commands_are_refused(plc):
    for path, body in (("/faults", [{"do": "dance"}]), ("/set", {"point": "x", "value": 1})):
        with pytest.raises(urllib.error.HTTPError):
            plc.ask(path, body)
