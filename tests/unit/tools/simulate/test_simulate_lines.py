# SPDX-License-Identifier: Apache-2.0
"""Simulated scales and scanners by themselves: frames as the manuals print them, lines that
are pulled out, ledgers that hold what was told."""
import fcntl
import json
import os
import select
import socket
import threading

import pytest
from gangway_simulate import lines, scales, serial_scanner
from gangway_simulate.ledger import Ledger, read_ledgers

FRAMES = [
    ("mt-sics", "stable", "100.00", b"S S     100.00 kg\r\n"),
    ("mt-sics", "moving", "99.10", b"S D      99.10 kg\r\n"),
    ("mt-sics", "over", "", b"S +\r\n"),
    ("sma", "stable", "12.34", b"\n 1G       12.34kg \r"),
    ("sma", "moving", "12.34", b"\n 1GM      12.34kg \r"),
    ("nci", "stable", "1.01", b"\n   1.01KG\r\n00\r\x03"),
    ("nci", "moving", "1.01", b"\n   1.01KG\r\n10\r\x03"),
    ("nci", "over", "", b"\n^^^^^^^KG\r\n02\r\x03"),
    ("toledo-8217", "stable", "1.01", b"\x0201.01\r"),
    ("toledo-8217", "moving", "1.01", b"\x02?A\r"),
    ("continuous", "stable", "1.01", b"\x02,0    101     0\r"),
    ("sbi", "stable", "123.56", b"+   123.56 kg \r\n"),
    ("sbi", "moving", "123.56", b"+   123.56    \r\n"),
]


@pytest.mark.parametrize("protocol,state,value,frame", FRAMES)
def test_frames_are_those_of_the_manuals(protocol, state, value, frame):
    request = b"SI" if protocol == "mt-sics" else b"W"
    answer = scales.PROTOCOLS[protocol]().answer(request, state, value)
    assert answer == frame


def test_the_checksum_makes_the_sum_zero():
    frame = scales.PROTOCOLS["continuous-checksum"]().answer(b"", "stable", "5.05")
    assert sum(frame) & 0x7F == 0 and len(frame) == 18


def test_an_unknown_command_is_an_error():
    assert scales.MtSics().answer(b"XYZ", "stable", "1") == b"ES\r\n"
    assert scales.MtSics().requests(b"S\r\nSI\r") == [b"S"]


def test_a_tare_changes_what_is_shown_and_motion_refuses_it():
    scale = scales.MtSics()
    assert scale.obey(b"T", "moving", "1.50") == (b"T I\r\n", False)
    assert scale.obey(b"T", "stable", "1.50") == (b"T S       1.50 kg\r\n", True)
    assert scale.answer(b"SI", "stable", "2.00") == b"S S       0.50 kg\r\n"
    assert scale.obey(b"TAC", "moving", "2.00") == (b"TAC A\r\n", True)
    assert scale.answer(b"SI", "stable", "2.00") == b"S S       2.00 kg\r\n"
    assert scale.obey(b"Z", "stable", "0.02") == (b"Z A\r\n", True)


class Host:
    """Asks a scale on a terminal, as a gateway does."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def ask(self, request):
        os.write(self.fd, request)
        return os.read(self.fd, 100) if select.select([self.fd], [], [], 0.5)[0] else b""


def test_a_scale_on_a_terminal_goes_through_its_cycles(tmp_path):
    line = lines.PtyLine(tmp_path / "tty")
    scale = scales.Scale(scales.MtSics(), line, Ledger(tmp_path, "scale"), 2, {1: "overload"})
    line.plug()
    host = Host(line.path)
    runner = threading.Thread(target=scale.run)
    runner.start()
    answers = []
    while runner.is_alive() and len(answers) < 60:
        answers.append(host.ask(b"SI\r\n") if not scale.finished else b"")
        runner.join(0.05)
    assert b"S +\r\n" in answers and b"S S       2.02 kg\r\n" in answers
    assert [entry["value"] for entry in read_ledgers(tmp_path)["scale"]] == ["2.02"]
    assert scale.figures["faults"] == {"overload": 1} and scale.finished
    os.close(host.fd)
    line.close()
    assert not line.path.exists()


def test_nothing_is_written_on_a_line_nobody_has_open(tmp_path):
    line = lines.PtyLine(tmp_path / "tty")
    assert not line.connected and not line.write(b"x")
    line.plug()
    assert not line.connected and not line.write(b"x")
    line.close()


def test_a_scanner_counts_what_left_whole_and_what_a_fault_took(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = lines.TcpCallLine(*listener.getsockname())
        scanner = serial_scanner.LineScanner(line, Ledger(tmp_path, "s"), 4, 1000,
                                             faults={2: "no_read", 3: "lost_terminator"})
        runner = threading.Thread(target=scanner.run)
        runner.start()
        peer, _ = listener.accept()
        runner.join(20)
        assert not runner.is_alive()
        line.close()
        received = b""
        while data := peer.recv(4096):
            received += data
        peer.close()
    assert received == b"s-000001\rNOREAD\rs-000002\rs-000003s-000004\r"
    assert [entry["raw"] for entry in read_ledgers(tmp_path)["s"]] == [
        "s-000001", "s-000002", "s-000004"]
    assert json.dumps(scanner.figures) == json.dumps(
        {"sent": 3, "faults": {"no_read": 1, "lost_terminator": 1}})
