# SPDX-License-Identifier: Apache-2.0
"""The control sockets of the daemons, as firmware/ipc/ipc.h describes them."""
import json
import socket
import struct

VERBS = {"hello": 1, "status": 2, "submit": 3, "reload": 4, "quarantine_list": 10,
         "quarantine_show": 11, "quarantine_retry": 12, "quarantine_drop": 13,
         "queue_salvage": 14, "device_add": 15, "device_rotate": 16, "device_revoke": 17,
         "device_command": 18, "feed_command": 19, "dead_letter_list": 20, "dead_letter_show": 21,
         "dead_letter_retry": 22, "dead_letter_drop": 23, "replay": 24, "completeness": 25,
         "modbus_list": 30, "modbus_read": 31, "modbus_scan": 32, "modbus_write": 33}
_HEADER = struct.Struct("<IBBBBQ")
_MAGIC = 0x31505747


class Refused(Exception):
    """The daemon answered with an error: its number and text."""

    def __init__(self, status, body):
        super().__init__(f"status {status}: {body.get('error')}")
        self.status = status


def ask(path, verb, body=None, seconds=10.0):
    """One request, one answer -> dict; Refused, OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(seconds)
        sock.connect(str(path))
        text = json.dumps(body or {}).encode()
        sock.send(_HEADER.pack(_MAGIC, 1, VERBS[verb], 0, 0, 7) + text)
        datagram = sock.recv(262144)
    if not datagram:
        raise OSError("the daemon closed the control connection")
    magic, version, _, status, _, number = _HEADER.unpack_from(datagram)
    assert (magic, version, number) == (_MAGIC, 1, 7), datagram[:16]
    answer = json.loads(datagram[_HEADER.size:] or b"{}")
    if status:
        raise Refused(status, answer)
    return answer
