# SPDX-License-Identifier: Apache-2.0
"""What a Modbus TCP peer can do wrong, on command.

A fault is a JSON object {"do": NAME, "times": N (1; 0 = for ever), "unit"?: only
this unit id, ...}:

  silence            no answer
  exception          "code" (4)
  delay              "seconds" (1) before the right answer
  drop               the connection is closed instead of an answer
  wrong_transaction  the answer carries another transaction id
  wrong_unit         the answer carries another unit id
  wrong_function     the answer carries another function
  wrong_count        one byte of data is missing, the lengths agree with that
  truncated          half the frame, then nothing
  garbage            bytes that are no frame
"""
import struct

NAMES = ("silence", "exception", "delay", "drop", "wrong_transaction", "wrong_unit",
         "wrong_function", "wrong_count", "truncated", "garbage")


class Faults:
    """The faults left to happen."""

    def __init__(self):
        self._left = []
        self.happened = {}

    def replace(self, faults):
        """Only these from now on; ValueError."""
        for fault in faults:
            if type(fault) is not dict or fault.get("do") not in NAMES:
                raise ValueError(f"unknown fault {fault!r}"[:200])
        self._left = [dict(fault) for fault in faults]

    def left(self):
        """The faults not used up."""
        return self._left

    def take(self, unit):
        """The fault for a request of `unit`, or None."""
        for fault in self._left:
            if fault.get("unit", unit) != unit:
                continue
            times = fault.get("times", 1)
            if times == 1:
                self._left.remove(fault)
            elif times > 1:
                fault["times"] = times - 1
            self.happened[fault["do"]] = self.happened.get(fault["do"], 0) + 1
            return fault
        return None


def spoil(fault, frame):
    """The bytes that go out instead of `frame` (MBAP header and PDU)."""
    name = fault["do"]
    if name == "wrong_transaction":
        (transaction,) = struct.unpack_from(">H", frame)
        return struct.pack(">H", transaction ^ 0x5555) + frame[2:]
    if name == "wrong_unit":
        return frame[:6] + bytes([frame[6] ^ 0x0f]) + frame[7:]
    if name == "wrong_function":
        return frame[:7] + bytes([frame[7] ^ 0x04]) + frame[8:]
    if name == "wrong_count":
        pdu = bytes([frame[7], max(0, frame[8] - 1)]) + frame[9:-1]
        return frame[:4] + struct.pack(">H", len(pdu) + 1) + frame[6:7] + pdu
    if name == "truncated":
        return frame[:len(frame) // 2]
    if name == "garbage":
        return b"\xde\xad\xbe\xef" * 5
    return frame
