# SPDX-License-Identifier: Apache-2.0
"""A broker under a microscope: one connection at a time, every byte by hand.

Real brokers cannot be asked to redeliver at will or to show when a PUBACK left.
This one speaks just enough MQTT 3.1.1 and 5 for a subscriber, keeps nothing by
itself and notes the time of each packet that arrives.
"""
import socket
import struct
import threading
import time

from rig_process import wait_until

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14


def _varint(number):
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


class Packet:
    """One packet that arrived."""

    def __init__(self, kind, flags, body):
        self.kind, self.flags, self.body = kind, flags, body
        self.at = time.monotonic()

    @property
    def packet_id(self):
        """Of PUBACK, SUBSCRIBE, UNSUBSCRIBE."""
        return struct.unpack_from(">H", self.body)[0]


class Microscope:
    """Listens on `port`; answers CONNECT, SUBSCRIBE and PINGREQ by itself.

    session_present: what the next CONNACK says. answer_pings, connack_code,
    granted_qos: misbehaviour.
    """

    def __init__(self, port):
        self.session_present = False
        self.connack_code = 0
        self.granted_qos = 1
        self.answer_pings = True
        self.packets = []  # of the present connection
        self.connections = 0
        self.filters = []
        self.unsubscribed = []
        self._version = 4
        self._sock = None
        self._server = socket.create_server(("127.0.0.1", port))
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        """Stop listening and drop the connection."""
        self._closing = True
        self._server.close()
        self.drop()
        self._thread.join(5)

    def drop(self):
        """Close the connection as if the network had."""
        if self._sock is not None:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # -- what arrived

    def of_kind(self, kind):
        """Packets of a kind, in order."""
        return [packet for packet in self.packets if packet.kind == kind]

    def pubacks(self):
        """Packet ids acknowledged on this connection, in order."""
        return [packet.packet_id for packet in self.of_kind(PUBACK)]

    def wait_subscribed(self, seconds=15):
        """Until SUBSCRIBE came on this connection."""
        wait_until(lambda: self.of_kind(SUBSCRIBE), seconds, "SUBSCRIBE arrives")

    def wait_connection(self, number, seconds=15):
        """Until connection `number` (from 1) has sent CONNECT."""
        wait_until(lambda: self.connections >= number and self.of_kind(CONNECT), seconds,
                   f"connection {number}")

    def wait_pubacks(self, count, seconds=10):
        """Until so many PUBACKs came."""
        wait_until(lambda: len(self.pubacks()) >= count, seconds, f"{count} PUBACKs")

    # -- what is sent

    def publish(self, topic, payload, packet_id=0, dup=False, retain=False):
        """QoS 1 with a packet id, else QoS 0."""
        head = (PUBLISH << 4) | (8 if dup else 0) | (2 if packet_id else 0) | bool(retain)
        body = struct.pack(">H", len(topic.encode())) + topic.encode()
        if packet_id:
            body += struct.pack(">H", packet_id)
        if self._version == 5:
            body += b"\0"
        body += payload
        self._sock.sendall(bytes([head]) + _varint(len(body)) + body)

    def say_disconnect(self, reason):
        """MQTT 5: the broker's own DISCONNECT."""
        self._sock.sendall(bytes([DISCONNECT << 4, 2, reason, 0]))

    # -- inside

    def _serve(self):
        while not self._closing:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.packets = []
            self._sock = sock
            self.connections += 1
            try:
                self._read_all(sock)
            except OSError:
                pass
            sock.close()

    def _read_all(self, sock):
        buffer = b""
        while True:
            data = sock.recv(65536)
            if not data:
                return
            buffer += data
            while True:
                packet, used = self._parse(buffer)
                if packet is None:
                    break
                buffer = buffer[used:]
                self._handle(sock, packet)

    @staticmethod
    def _parse(buffer):
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(buffer):
                return None, 0
            length |= (buffer[at] & 127) << shift
            shift += 7
            at += 1
            if not buffer[at - 1] & 128:
                break
        if len(buffer) < at + length:
            return None, 0
        return Packet(buffer[0] >> 4, buffer[0] & 15, buffer[at:at + length]), at + length

    def _handle(self, sock, packet):
        if packet.kind == CONNECT:
            self._version = packet.body[6]
            present = bool(self.session_present and not self.connack_code)
            body = bytes([present, self.connack_code]) + (b"\0" if self._version == 5 else b"")
            sock.sendall(bytes([CONNACK << 4, len(body)]) + body)
        elif packet.kind in (SUBSCRIBE, UNSUBSCRIBE):
            self._acknowledge(sock, packet)
        elif packet.kind == PINGREQ and self.answer_pings:
            sock.sendall(bytes([PINGRESP << 4, 0]))
        self.packets.append(packet)

    def _acknowledge(self, sock, packet):
        at, names = 2 + (1 if self._version == 5 else 0), []
        while at < len(packet.body):
            length = struct.unpack_from(">H", packet.body, at)[0]
            names.append(packet.body[at + 2:at + 2 + length].decode())
            at += 2 + length + (1 if packet.kind == SUBSCRIBE else 0)
        body = struct.pack(">H", packet.packet_id) + (b"\0" if self._version == 5 else b"")
        if packet.kind == SUBSCRIBE:
            self.filters = names
            body += bytes([self.granted_qos] * len(names))
            sock.sendall(bytes([SUBACK << 4, len(body)]) + body)
            return
        self.unsubscribed += names
        body += b"\0" * len(names) if self._version == 5 else b""
        sock.sendall(bytes([UNSUBACK << 4, len(body)]) + body)
