# SPDX-License-Identifier: Apache-2.0
"""RTU units that owe answers: to the gateway before it was restarted, from before they
stalled, or one too many. Every request and every answer here has the same shape, nothing
in a frame tells them apart, and the bus never rests."""
import os
import queue
import socket
import struct
import threading
import time
import tty

import pytest
from bus_floor import LinePair
from rig_process import wait_until

PLACES = range(0, 60, 10)
ANSWER_S = 0.08
KINDS = ("rtu", "rtu_over_tcp")


def crc(frame):
    """As Modbus over Serial Line V1.02 has it in 6.2.2."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


class SlowUnit:
    """Answers what it was asked in order, each after its time; register n holds 1000 + n.
    What the other end is does not matter to it: a device server's serial side."""

    def __init__(self, folder, kind):
        self.stall_s = 0.0
        self.answers_twice = False
        self.asked = 0
        self._requests = queue.Queue()
        self._line = self._socket = None
        self._descriptor = None
        if kind == "rtu":
            self._line = LinePair(folder, "line")
            self._descriptor = os.open(self._line.b, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self._descriptor)
            self.place = {"line": str(self._line.a), "baud": 115200, "parity": "none"}
            self._start(self._hear_line)
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.place = {"host": "127.0.0.1", "port": self._listener.getsockname()[1]}
            self._start(self._hear_connections)
        self._start(self._answer)

    @staticmethod
    def _start(work):
        threading.Thread(target=work, daemon=True).start()

    def _hear(self, receive):
        heard = b""
        while True:
            more = receive()
            if not more:
                return
            heard += more
            while len(heard) >= 8:
                self._requests.put(heard[:8])
                heard = heard[8:]

    def _hear_line(self):
        try:
            self._hear(lambda: os.read(self._descriptor, 64))
        except OSError:
            pass

    def _hear_connections(self):
        while True:
            try:
                self._socket, _ = self._listener.accept()
                self._hear(lambda: self._socket.recv(64))
            except OSError:
                if self._listener.fileno() < 0:
                    return

    def _say(self, frame):
        try:
            if self._line:
                os.write(self._descriptor, frame)
            elif self._socket:
                self._socket.sendall(frame)
        except OSError:
            pass

    def _answer(self):
        while True:
            request = self._requests.get()
            if request is None:
                return
            stall_s, self.stall_s = self.stall_s, 0.0
            time.sleep(stall_s + ANSWER_S)
            address, count = struct.unpack(">HH", request[2:6])
            words = b"".join(struct.pack(">H", 1000 + address + n) for n in range(count))
            frame = request[:2] + bytes([len(words)]) + words
            frame += crc(frame)
            self._say(frame)
            self.asked += 1
            if self.answers_twice:
                self.answers_twice = False
                time.sleep(ANSWER_S / 2)
                self._say(frame)

    def close(self):
        """End it."""
        self._requests.put(None)
        if self._line:
            os.close(self._descriptor)
            self._line.socat.kill()
        else:
            self._listener.close()


class Site:
    """A gateway that reads single registers from it all the time."""

    def __init__(self, rig, kind):
        self.rig = rig
        self.unit = SlowUnit(rig.folder, kind)
        self.points = [{"name": f"r{at}", "area": "holding_register", "address": at,
                        "period_ms": 100} for at in PLACES]
        self.bus = {"name": "bus", "transport": kind, "timeout_ms": 500, "max_gap": 0,
                    "points": self.points, **self.unit.place}

    def configure(self, **changes):
        """Write the document."""
        self.rig.configure(buses=[{**self.bus, **changes}])

    def wait_asked(self, more):
        """Until the unit has answered so many requests more."""
        wanted = self.unit.asked + more
        wait_until(lambda: self.unit.asked >= wanted, 60, "the unit is asked")

    def wrong(self):
        """Values at the centre that are those of other registers."""
        return [(event["point"], event["value"]) for event in self.values()
                if int(event["value"]) != 1000 + int(event["point"][1:])]

    def values(self):
        """All that is published."""
        return [event for event in self.rig.events("plc.signal_changed") if "value" in event]

    def newest(self):
        """Of each point."""
        return {event["point"]: event["value"] for event in self.values()}

    def wire(self):
        """Figures of the bus."""
        return self.rig.status()["buses"][0]["wire"]


@pytest.fixture
def make_site(make_rig):
    """make_site(kind): a started Site whose points all have values."""
    sites = []

    def make(kind):
        site = Site(make_rig(door="front", devices={}), kind)
        sites.append(site)
        site.configure()
        site.rig.start()
        wait_until(lambda: len(site.newest()) == len(PLACES), 60, "all are read")
        return site

    yield make
    for site in sites:
        site.unit.close()


def reload(site):
    """The bus is opened anew."""
    site.configure(max_gap=1)
    assert site.rig.reload()["changed"] == ["buses"]


def stop(site):
    """An orderly end."""
    assert site.rig.collectd.stop() == 0
    site.rig.collectd.start()
    site.rig.wait_connected()


def kill(site):
    """None."""
    site.rig.collectd.kill()
    site.rig.collectd.start()
    site.rig.wait_connected()


@pytest.mark.parametrize("begin_anew", (reload, stop, kill))
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_before_is_not_taken_for_an_answer(make_site, kind, begin_anew):
    site = make_site(kind)
    for _ in range(3):
        before = len(site.values())
        begin_anew(site)
        wait_until(lambda before=before: len(site.values()) >= before + len(PLACES), 60,
                   "all are read anew")
        site.wait_asked(2 * len(PLACES))
        if begin_anew is reload:
            break
    assert site.wrong() == []


@pytest.mark.parametrize("stall_s", (1.2, 4))
@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_that_stalls_owes_answers_that_nobody_takes(make_site, kind, stall_s):
    site = make_site(kind)
    given_up = site.wire()["given_up"]
    site.unit.stall_s = stall_s
    wait_until(lambda: site.wire()["given_up"] > given_up, 30, "it stalls")
    wait_until(lambda: site.rig.status()["buses"][0]["unit_states"][0]["state"] == "ok"
               and site.unit.stall_s == 0, 60, "it answers again")
    site.wait_asked(5 * len(PLACES))
    wait_until(lambda: site.newest() == {f"r{at}": str(1000 + at) for at in PLACES}, 30,
               "all are right")
    assert site.wrong() == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_too_many_is_found_when_the_line_rests(make_site, kind):
    site = make_site(kind)
    site.unit.answers_twice = True
    wait_until(lambda: site.wire()["slips"] == 1, 60, "the line rests")
    wait_until(lambda: site.newest() == {f"r{at}": str(1000 + at) for at in PLACES}, 30,
               "all are right")
    before = len(site.values())
    site.wait_asked(5 * len(PLACES))
    assert len(site.values()) == before
    assert "modbus_shifted" in site.rig.issues("collectd")
