# SPDX-License-Identifier: Apache-2.0
"""A wire between the gateway and a Modbus server that does wrong what it is told to.

    proxy = BusProxy("rtu_over_tcp", server_port)      listens on proxy.port
    proxy = BusProxy("tcp", server_port)
    proxy = BusProxy("rtu", line, of_server=line)      two ends of serial lines
    proxy.arm("late", unit=1, times=3)                 0 = until disarmed
    proxy.arm("hang_up", range(10, 60), times=0)       several units
    proxy.arm("busy", unit=1, times=0, address=10)     only what is asked from there on
    proxy.good(1)                                      right answers delivered to unit 1
    proxy.close()

"late" keeps an answer and sends it before the next one, of whatever unit. "behind" sends it
instead of the next one of that unit, which is kept in turn: every request gets the answer of
the one before. "hang_up" ends the connection and does not ask the server at all.

It works on bytes and knows nothing of the server but where a frame ends. What each
answer carried is noted by the number of its read (pymodbus_peer.py) *before* it goes
out: `fates[number]` is "good", "bad" (it must never be published) or "either".
"""
import os
import select
import socket
import struct
import sys
import threading
import time
import tty

ANSWER_S = 2.0  # a server that says nothing for so long will not any more

FAULTS = {
    # name: on TCP, on RTU
    "silence": (True, True), "late": (True, True), "behind": (True, True),
    "exception": (True, True),
    "busy": (True, True), "wrong_transaction": (True, False), "wrong_protocol": (True, False),
    "wrong_length": (True, False), "wrong_unit": (True, True), "wrong_function": (True, True),
    "wrong_count": (True, True), "wrong_crc": (False, True), "truncated": (True, True),
    "extra": (True, True), "twice": (True, True), "garbage": (True, True),
    "pieces": (True, True), "delay": (True, True), "drop": (True, False),
    "hang_up": (True, False),
}


def crc16(data):
    """CRC-16 of MODBUS over Serial Line V1.02, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class Gone(Exception):
    """The other side hung up, or did not answer."""


class Port:
    """Bytes of a descriptor, until told to stop."""

    def __init__(self, descriptor, stop):
        self._descriptor = descriptor
        self._stop = stop

    def read(self, count, seconds=None):
        """Exactly so many bytes; Gone."""
        data = b""
        deadline = None if seconds is None else time.monotonic() + seconds
        while len(data) < count:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._descriptor, self._stop], [], [], left)
            if self._descriptor not in ready:
                raise Gone
            try:
                more = os.read(self._descriptor, count - len(data))
            except OSError:
                raise Gone from None
            if not more:
                raise Gone
            data += more
        return data

    def write(self, data):
        """All of it; Gone."""
        try:
            while data:
                data = data[os.write(self._descriptor, data):]
        except OSError:
            raise Gone from None


class TcpFrames:
    """Modbus TCP."""

    @staticmethod
    def request(port):
        """(unit, PDU, frame) of the next request."""
        head = port.read(7)
        rest = port.read(struct.unpack(">H", head[4:6])[0] - 1)
        return head[6], rest, head + rest

    @staticmethod
    def answer(port):
        """The frame that answers."""
        head = port.read(7, ANSWER_S)
        return head + port.read(struct.unpack(">H", head[4:6])[0] - 1, ANSWER_S)

    @staticmethod
    def pdu(frame):
        """Function and data of a frame."""
        return frame[7:]

    @staticmethod
    def frame(like, unit, pdu):
        """A frame as `like`, with another unit and PDU."""
        return like[:4] + struct.pack(">HB", len(pdu) + 1, unit) + pdu


class RtuFrames:
    """RTU, on a line or on TCP."""

    @staticmethod
    def request(port):
        """See TcpFrames."""
        data = port.read(2)
        if data[1] in (15, 16):
            data += port.read(5)
            data += port.read(data[6] + 2)
        else:
            data += port.read(6)
        assert crc16(data[:-2]) == data[-2:], "the gateway's CRC is wrong"
        return data[0], data[1:-2], data

    @staticmethod
    def answer(port):
        """See TcpFrames."""
        data = port.read(3, ANSWER_S)
        if data[1] & 0x80:
            return data + port.read(2, ANSWER_S)
        return data + port.read(data[2] + 2 if data[1] <= 4 else 5, ANSWER_S)

    @staticmethod
    def pdu(frame):
        """See TcpFrames."""
        return frame[1:-2]

    @staticmethod
    def frame(_, unit, pdu):
        """See TcpFrames."""
        data = bytes([unit]) + pdu
        return data + crc16(data)


def spoil(name, frames, frame, unit):
    """What goes out instead of a right answer."""
    pdu = frames.pdu(frame)
    if name == "exception":
        return frames.frame(frame, unit, bytes([pdu[0] | 0x80, 4]))
    if name == "busy":
        return frames.frame(frame, unit, bytes([pdu[0] | 0x80, 6]))
    if name == "wrong_transaction":
        return bytes([frame[0] ^ 1]) + frame[1:]
    if name == "wrong_protocol":
        return frame[:3] + b"\1" + frame[4:]
    if name == "wrong_length":
        return frame[:5] + bytes([frame[5] + 1]) + frame[6:]
    if name == "wrong_unit":
        return frames.frame(frame, unit ^ 3, pdu)
    if name == "wrong_function":
        return frames.frame(frame, unit, bytes([pdu[0] ^ 7]) + pdu[1:])
    if name == "wrong_count":
        return frames.frame(frame, unit, bytes([pdu[0], pdu[1] - 2]) + pdu[2:-2])
    if name == "wrong_crc":
        return frame[:-1] + bytes([frame[-1] ^ 0x10])
    return {"truncated": frame[:len(frame) // 2], "extra": frame + b"\x55",
            "twice": frame + frame, "garbage": b"\xde\xad\xbe\xef" * 8}.get(name, frame)


class BusProxy:
    """See above."""

    def __init__(self, kind, where, of_server=None):
        self.kind = kind
        self.port = None
        self.fates = {}      # number of the read -> fate
        self.happened = {}   # fault -> times
        self.broken = []     # what must not happen in here
        self._frames = TcpFrames if kind == "tcp" else RtuFrames
        self._where = where
        self._of_server = of_server
        self._lock = threading.Lock()
        self._fault = None
        self._address = None # of requests that the fault is for, None = all
        self._held = b""     # a late answer
        self._behind = {}    # unit -> the answer that its next request gets
        self._good = {}
        self._stop, self._stopping = os.pipe()
        if kind != "rtu":
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        run = self._serve_line if kind == "rtu" else self._serve_tcp
        self._thread = threading.Thread(target=self._guard, args=(run,), daemon=True)
        self._thread.start()

    # -- what it does

    def arm(self, name, unit, times=1, address=None):
        """Do that with the answers of a unit or of several, so many times."""
        assert FAULTS[name][self.kind != "tcp"], name
        with self._lock:
            self._fault = [name, {unit} if isinstance(unit, int) else set(unit), times]
            self._address = address
            self.happened[name] = 0

    def disarm(self):
        """Nothing wrong from now on."""
        with self._lock:
            self._fault = None

    def good(self, unit):
        """Right answers of a unit that went out."""
        return self._good.get(unit, 0)

    def _take(self, unit, address):
        with self._lock:
            if self._fault is None or unit not in self._fault[1]:
                return None
            if self._address not in (None, address):
                return None
            name, _, times = self._fault
            self.happened[name] += 1
            if times == 1:
                self._fault = None
            elif times > 1:
                self._fault[2] -= 1
            return name

    def _note(self, frame, fate):
        pdu = self._frames.pdu(frame)
        if pdu[0] in (3, 4) and pdu[1] >= 4:
            self.fates[struct.unpack(">H", pdu[4:6])[0]] = fate

    def _exchange(self, client, server):
        unit, asked, request = self._frames.request(client)
        name = self._take(unit, struct.unpack(">H", asked[1:3])[0])
        if name == "hang_up":
            raise Gone
        server.write(request)
        frame = self._frames.answer(server)
        if name in ("silence", "late"):
            self._note(frame, "bad")
            if name == "late":
                self._held = frame
            return
        if name == "drop":
            self._note(frame, "bad")
            raise Gone
        if name == "behind":
            self._note(frame, "bad")
            data, self._behind[unit] = self._behind.get(unit, b""), frame
            client.write(data)
            return
        harmless = name in (None, "delay", "pieces")
        # A right answer with something behind it may be used or not.
        self._note(frame, "good" if harmless else "either" if name in ("extra", "twice")
                   else "bad")
        if name == "delay":
            time.sleep(0.1)
        data = (self._held + self._behind.pop(unit, b"")
                + spoil(name, self._frames, frame, unit))
        self._held = b""
        if name == "pieces":
            for byte in data:
                client.write(bytes([byte]))
                time.sleep(0.001)
        else:
            client.write(data)
        if harmless:
            self._good[unit] = self._good.get(unit, 0) + 1

    # -- the two ends

    def _guard(self, run):
        try:
            run()
        except Exception as error:  # pylint: disable=broad-except
            self.broken.append(repr(error))
            print(f"the proxy broke: {error!r}", file=sys.stderr)
            raise

    def _until_gone(self, client, server):
        try:
            while True:
                self._exchange(client, server)
        except Gone:
            pass

    def _serve_tcp(self):
        while True:
            ready, _, _ = select.select([self._listener, self._stop], [], [])
            if self._stop in ready:
                return
            client, _ = self._listener.accept()
            with client, socket.create_connection(("127.0.0.1", self._where)) as server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._until_gone(Port(client.fileno(), self._stop),
                                 Port(server.fileno(), self._stop))

    def _serve_line(self):
        ends = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in (self._where,
                                                                   self._of_server)]
        for end in ends:
            tty.setraw(end)
        try:
            while not select.select([self._stop], [], [], 0)[0]:
                self._until_gone(*(Port(end, self._stop) for end in ends))
        finally:
            for end in ends:
                os.close(end)

    def close(self):
        """End it."""
        os.close(self._stopping)
        self._thread.join(timeout=ANSWER_S + 5)
        os.close(self._stop)
        if self.port is not None:
            self._listener.close()
