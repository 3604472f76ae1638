# SPDX-License-Identifier: Apache-2.0
"""What a Modbus peer can do wrong, on command.

A fault is a JSON object {"do": NAME, "times": N (1; 0 = for ever), "unit"?: only
this unit id, "function"?: only this function code, ...}:

  silence            no answer, nothing is done
  mute               what is asked is done, and not answered
  exception          "code" (4)
  delay              "seconds" (1) before the right answer
  drop               the connection is closed instead of an answer
  wrong_transaction  the answer carries another transaction id (TCP)
  wrong_crc          the last byte of the answer is another one (RTU: of its CRC)
  wrong_unit         the answer carries another unit id
  wrong_function     the answer carries another function
  wrong_count        one byte of data is missing, the lengths agree with that
  truncated          half the frame, then nothing
  extra              one byte follows the answer
  garbage            bytes that are no frame
"""

NAMES = ("silence", "mute", "exception", "delay", "drop", "wrong_transaction", "wrong_unit",
         "wrong_function", "wrong_count", "wrong_crc", "truncated", "extra", "garbage")


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

    def take(self, unit, function=None):
        """The fault for a request of `unit` with that function code, or None."""
        for fault in self._left:
            if (fault.get("unit", unit) != unit
                    or fault.get("function", function) != function):
                continue
            times = fault.get("times", 1)
            if times == 1:
                self._left.remove(fault)
            elif times > 1:
                fault["times"] = times - 1
            self.happened[fault["do"]] = self.happened.get(fault["do"], 0) + 1
            return fault
        return None


def spoil(fault, frame, unit, pdu):
    """The bytes that go out instead of frame(unit, pdu)."""
    name = fault["do"]
    right = frame(unit, pdu)
    if name == "wrong_transaction":
        return bytes([right[0] ^ 0x55, right[1] ^ 0x55]) + right[2:]
    if name == "wrong_unit":
        return frame(unit ^ 0x0f, pdu)
    if name == "wrong_function":
        return frame(unit, bytes([pdu[0] ^ 0x04]) + pdu[1:])
    if name == "wrong_count":
        return frame(unit, bytes([pdu[0], max(0, pdu[1] - 1)]) + pdu[2:-1])
    if name == "wrong_crc":
        return right[:-1] + bytes([right[-1] ^ 0x10])
    if name == "truncated":
        return right[:len(right) // 2]
    if name == "extra":
        return right + b"\0"
    if name == "garbage":
        return b"\xde\xad\xbe\xef" * 5
    return right
