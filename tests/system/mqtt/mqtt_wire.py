# SPDX-License-Identifier: Apache-2.0
"""MQTT 3.1.1 and 5 by hand: packets as bytes, right ones and wrong ones.

A library refuses to send what a server must survive, so nothing here checks
anything. Names follow the specifications.
"""
import socket
import struct
import time

V3, V5 = 4, 5

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)

# Identifier -> (name, form); section 2.2.2.2 of version 5.
PROPERTIES = {
    1: ("payload_format", "u8"), 2: ("message_expiry", "u32"), 3: ("content_type", "text"),
    8: ("response_topic", "text"), 9: ("correlation_data", "binary"),
    11: ("subscription_id", "varint"), 17: ("session_expiry", "u32"),
    18: ("assigned_client_id", "text"), 19: ("server_keep_alive", "u16"),
    21: ("auth_method", "text"), 22: ("auth_data", "binary"),
    23: ("request_problem", "u8"), 24: ("will_delay", "u32"), 25: ("request_response", "u8"),
    26: ("response_information", "text"), 28: ("server_reference", "text"),
    31: ("reason_string", "text"), 33: ("receive_maximum", "u16"),
    34: ("topic_alias_maximum", "u16"), 35: ("topic_alias", "u16"), 36: ("maximum_qos", "u8"),
    37: ("retain_available", "u8"), 38: ("user", "pair"), 39: ("maximum_packet", "u32"),
    40: ("wildcard_available", "u8"), 41: ("subscription_id_available", "u8"),
    42: ("shared_available", "u8"),
}
IDS = {name: number for number, (name, _) in PROPERTIES.items()}
# Codes a server may send, of the tables of both versions.
CODES_V3 = {CONNACK: range(6), SUBACK: (0, 1, 2, 0x80)}
CODES_V5 = {
    CONNACK: (0, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F),
    PUBACK: (0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99),
    PUBREL: (0, 0x92), PUBCOMP: (0, 0x92),
    SUBACK: (0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2),
    UNSUBACK: (0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91),
    DISCONNECT: (0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90,
                 *range(0x93, 0xA3)),
}
CODES_V5[PUBREC] = CODES_V5[PUBACK]
_FIXED = {"u8": ">B", "u16": ">H", "u32": ">I"}


class Closed(Exception):
    """The server closed the connection."""


# ---- encoding ----

def varint(value):
    """Variable byte integer, shortest form."""
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def raw_bytes(value):
    """Text as UTF-8; bytes as they are."""
    return value.encode() if isinstance(value, str) else bytes(value)


def binary(value):
    """With a length of two bytes before it."""
    data = raw_bytes(value)
    return struct.pack(">H", len(data)) + data


def one_property(name, value):
    """Identifier and value. `name` may be a number, `value` then bytes."""
    if isinstance(name, int):
        return varint(name) + raw_bytes(value)
    number = IDS[name]
    form = PROPERTIES[number][1]
    if form in _FIXED:
        data = struct.pack(_FIXED[form], value)
    elif form == "varint":
        data = varint(value)
    elif form == "pair":
        data = binary(value[0]) + binary(value[1])
    else:
        data = binary(value)
    return varint(number) + data


def properties(version, given):
    """The property block: nothing in 3.1.1. `given`: pairs, a dict, or ready bytes."""
    if version != V5:
        return b""
    if isinstance(given, bytes):
        return given
    pairs = given.items() if isinstance(given, dict) else given or ()
    data = b"".join(one_property(name, value) for name, value in pairs)
    return varint(len(data)) + data


def packet(kind, body=b"", flags=None):
    """A packet with its fixed header."""
    if flags is None:
        flags = 2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


class Will:
    """What CONNECT says about a will."""

    def __init__(self, topic, payload, qos=0, retain=False, props=None):
        self.topic, self.payload, self.qos, self.retain = topic, payload, qos, retain
        self.props = props


def connect_flags(clean, will, username, password):
    """The byte that says what follows."""
    flags = (0x02 if clean else 0) | (0x80 if username is not None else 0)
    flags |= 0x40 if password is not None else 0
    if will:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
    return flags


def connect(version=V3, client_id="", clean=True, keep_alive=60, will=None, username=None,
            password=None, props=None, name="MQTT", level=None, flags=None, tail=b""):
    """CONNECT; `flags`, `level` and `tail` override what would be right."""
    if flags is None:
        flags = connect_flags(clean, will, username, password)
    body = binary(name) + bytes([version if level is None else level, flags])
    body += struct.pack(">H", keep_alive) + properties(version, props) + binary(client_id)
    if will:
        body += properties(version, will.props) + binary(will.topic) + binary(will.payload)
    if username is not None:
        body += binary(username)
    if password is not None:
        body += binary(password)
    return packet(CONNECT, body + tail)


def publish(version, topic, payload, qos=0, packet_id=None, dup=False, retain=False, props=None):
    """PUBLISH; the packet identifier stands there if it is given."""
    body = binary(topic) + (b"" if packet_id is None else struct.pack(">H", packet_id))
    body += properties(version, props) + raw_bytes(payload)
    return packet(PUBLISH, body, (8 if dup else 0) | qos << 1 | (1 if retain else 0))


def ack(kind, packet_id, reason=None, props=None, flags=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; with a reason in the form of version 5."""
    body = struct.pack(">H", packet_id) + (b"" if reason is None else bytes([reason]))
    return packet(kind, body + (properties(V5, props) if props is not None else b""), flags)


def subscribe(version, packet_id, *filters, props=None, flags=None):
    """SUBSCRIBE to (filter, options) pairs."""
    body = struct.pack(">H", packet_id) + properties(version, props)
    body += b"".join(binary(text) + bytes([options]) for text, options in filters)
    return packet(SUBSCRIBE, body, flags)


def unsubscribe(version, packet_id, *filters, props=None, flags=None):
    """UNSUBSCRIBE."""
    body = struct.pack(">H", packet_id) + properties(version, props)
    return packet(UNSUBSCRIBE, body + b"".join(binary(text) for text in filters), flags)


def disconnect(version=V3, reason=None, props=None, flags=None):
    """DISCONNECT."""
    body = b"" if reason is None else bytes([reason])
    return packet(DISCONNECT, body + (properties(version, props) if props is not None else b""),
                  flags)


def pingreq():
    """PINGREQ."""
    return packet(PINGREQ)


# ---- decoding ----

def _take_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _take_binary(data, at):
    end = at + 2 + struct.unpack_from(">H", data, at)[0]
    assert end <= len(data), "a string beyond the end of its packet"
    return data[at + 2:end], end


def _take_value(form, data, at):
    if form in _FIXED:
        return struct.unpack_from(_FIXED[form], data, at)[0], at + struct.calcsize(_FIXED[form])
    if form == "varint":
        return _take_varint(data, at)
    value, at = _take_binary(data, at)
    if form == "pair":
        second, at = _take_binary(data, at)
        return (value.decode(), second.decode()), at
    return (value.decode() if form == "text" else value), at


def take_properties(data, at):
    """The property block at `at` -> (dict, behind it); twice the same is an error."""
    length, at = _take_varint(data, at)
    end, found = at + length, {}
    assert end <= len(data), "properties beyond the end of their packet"
    while at < end:
        number, at = _take_varint(data, at)
        name, form = PROPERTIES[number]
        value, at = _take_value(form, data, at)
        assert name not in found or name == "user", f"{name} twice"
        found[name] = value
    assert at == end, "properties beyond their length"
    return found, at


class Packet:
    """What the server sent, taken apart; a wrong form is an AssertionError."""

    def __init__(self, version, first, body, size):
        self.kind, self.flags, self.body, self.size = first >> 4, first & 15, body, size
        self.packet_id = self.reason = self.session_present = None
        self.props, self.codes, self.topic, self.payload = {}, [], None, None
        takers = {CONNACK: self._connack, PUBLISH: self._publish, SUBACK: self._suback,
                  UNSUBACK: self._suback, PINGRESP: self._empty, DISCONNECT: self._disconnect}
        takers.get(self.kind, self._ack)(version)
        assert self.flags == (2 if self.kind == PUBREL else self.flags
                              if self.kind == PUBLISH else 0), "reserved flags"
        allowed = (CODES_V5 if version == V5 else CODES_V3).get(self.kind)
        for code in self.codes + ([] if self.reason is None else [self.reason]):
            assert allowed is None or code in allowed, f"0x{code:02x} in a packet {self.kind}"

    def _connack(self, version):
        assert self.body[0] in (0, 1), "reserved bits of the acknowledge flags"
        self.session_present, self.reason = self.body[0] == 1, self.body[1]
        at = 2
        if version == V5:
            self.props, at = take_properties(self.body, 2)
        assert at == len(self.body)

    def _publish(self, version):
        topic, at = _take_binary(self.body, 0)
        self.topic = topic.decode()
        if self.flags >> 1 & 3:
            self.packet_id, at = struct.unpack_from(">H", self.body, at)[0], at + 2
        if version == V5:
            self.props, at = take_properties(self.body, at)
        self.payload = self.body[at:]

    def _suback(self, version):
        self.packet_id = struct.unpack_from(">H", self.body)[0]
        at = 2
        if version == V5:
            self.props, at = take_properties(self.body, 2)
        self.codes = list(self.body[at:])

    def _disconnect(self, version):
        assert version == V5, "a server sends no DISCONNECT in 3.1.1"
        self.reason = self.body[0] if self.body else 0
        if len(self.body) > 1:
            self.props, _ = take_properties(self.body, 1)

    def _empty(self, version):
        assert not self.body

    def _ack(self, version):
        assert self.kind in (PUBACK, PUBREC, PUBREL, PUBCOMP), f"a packet of type {self.kind}"
        self.packet_id = struct.unpack_from(">H", self.body)[0]
        self.reason = self.body[2] if len(self.body) > 2 else 0
        assert version == V5 or len(self.body) == 2
        if len(self.body) > 3:
            self.props, _ = take_properties(self.body, 3)

    def __repr__(self):
        return f"<packet {self.kind} id {self.packet_id} reason {self.reason} {self.body[:40]!r}>"


# ---- a connection ----

class Peer:
    """A connection of a client that may do anything."""

    def __init__(self, port, version=V3, context=None, seconds=30.0, address="127.0.0.1"):
        self.version, self.seconds = version, seconds
        self.received = bytearray()
        self.connack = None
        self._sock = socket.create_connection((address, port), timeout=seconds)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self._sock = context.wrap_socket(self._sock, server_hostname="localhost")

    @property
    def sock(self):
        """The socket itself, for what is rude."""
        return self._sock

    def send(self, *packets):
        """All of it in one write. A server that closed meanwhile is no error here."""
        try:
            self._sock.sendall(b"".join(packets))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def _more(self, deadline):
        left = deadline - time.monotonic()
        assert left > 0, "the server said nothing in time"
        self._sock.settimeout(left)
        try:
            data = self._sock.recv(65536)
        except socket.timeout:
            raise AssertionError("the server said nothing in time") from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(f"the server closed the connection; unread: {bytes(self.received)!r}")
        self.received += data

    def _whole(self):
        """Length of the packet at the front of what was received, 0 if it is not whole."""
        for at in range(1, min(5, len(self.received))):
            if not self.received[at] & 0x80:
                length, behind = _take_varint(self.received, 1)
                return behind + length if len(self.received) >= behind + length else 0
        return 0

    def packet(self, seconds=None):
        """The next packet; Closed if there is none any more."""
        deadline = time.monotonic() + (seconds or self.seconds)
        while not (size := self._whole()):
            self._more(deadline)
        first = self.received[0]
        _, behind = _take_varint(self.received, 1)
        body = bytes(self.received[behind:size])
        del self.received[:size]
        return Packet(self.version, first, body, size)

    def expect(self, kind, packet_id=None, seconds=None):
        """The next packet, which is of this kind (and about this identifier)."""
        got = self.packet(seconds)
        assert got.kind == kind, f"expected type {kind}, got {got}"
        assert packet_id is None or got.packet_id == packet_id, f"expected {packet_id}: {got}"
        return got

    def packets_until_closed(self, seconds=None):
        """Everything that still comes; AssertionError if it is not closed in time."""
        found = []
        try:
            while True:
                found.append(self.packet(seconds))
        except Closed:
            return found

    def expect_closed(self, reason=None, seconds=None):
        """Closed, after nothing but (version 5) a DISCONNECT with one of these reasons."""
        last = self.packets_until_closed(seconds)
        if self.version == V3:
            assert not last, f"3.1.1: closed without a word; got {last}"
        else:
            assert [each.kind for each in last] in ([DISCONNECT], []), last
            reasons = (reason,) if isinstance(reason, int) else reason
            if reasons is not None:
                assert last and last[0].reason in reasons, f"{last}, allowed: {reasons}"
        return last

    def ping(self, seconds=None):
        """PINGREQ and its answer: everything sent before has been looked at."""
        self.send(pingreq())
        return self.expect(PINGRESP, seconds=seconds)

    def close(self):
        """The connection goes without a word (FIN)."""
        self._sock.close()

    def reset(self):
        """The connection goes as when the cable is cut (RST)."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
