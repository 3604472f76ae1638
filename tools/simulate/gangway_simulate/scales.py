# SPDX-License-Identifier: Apache-2.0
"""Scales as real peers, one class a protocol, written from the public descriptions and not
from the gateway's decoders:

  mt-sics       Mettler Toledo MT-SICS reference manual 11780711, level 0: S, SI, Z; level 1:
                T, TAC
  sma           SMA SCP-0499, level 1: W
  nci           NCI / Weigh-Tronix SCP-01: W
  toledo-8217   Toledo 8217: W
  continuous    Mettler Toledo continuous output, with checksum or without
  sbi           Sartorius SBI: ESC P

A scale goes through cycles: a load is put on, moves, comes to rest, is taken away. It goes
on by what it has told, not by time: each phase lasts so many frames, so a slow machine
changes nothing. Its ledger holds what came to rest and was told cleanly at least once:
exactly that must reach the centre, once each.

Faults, each in a cycle of its own (`fault@cycle`): see FAULTS.
"""
import time

FAULTS = {
    "motion": "the load never comes to rest: no weight",
    "overload": "the load is too much: no weight",
    "underload": "the pan is lifted before the load is put on",
    "unplugged": "the line is pulled out for two seconds before the load is put on",
    "half_frame": "a frame ends in the middle, the next one is whole",
    "wrong_checksum": "a frame is garbled, in its checksum where there is one",
    "restart": "the scale restarts before the load is put on and says so",
    "silence": "five requests get no answer",
    "tared": "the load rests until the scale is tared (mt-sics)",
}


class MtSics:
    """Commands end with CR LF, so do answers."""

    name = "mt-sics"
    unit = "kg"
    commands = (b"T", b"Z", b"TAC")
    zero_range = 0.5  # a load is no zero

    def __init__(self):
        self._input = b""
        self._offset = 0.0  # what tare or zero took off

    def shown(self, value):
        """A load as the display has it."""
        return f"{float(value) - self._offset:.2f}"

    def obey(self, command, state, value):
        """Tare, zero or clear the tare: the answer, and whether it was done."""
        if command != b"TAC" and state != "stable":
            return command + b" I\r\n", False
        if command == b"Z" and abs(float(value)) > self.zero_range:
            return b"Z +\r\n", False
        self._offset = 0.0 if command == b"TAC" else float(value)
        if command == b"T":
            return f"T S {value:>10} {self.unit}\r\n".encode(), True
        return command + b" A\r\n", True

    def requests(self, data):
        """Commands in what came."""
        self._input += data
        *lines, self._input = self._input.split(b"\n")
        return [line.strip() for line in lines]

    def answer(self, request, state, value):
        """One answer."""
        if request not in (b"S", b"SI"):
            return b"ES\r\n"
        if state == "over":
            return b"S +\r\n"
        if state == "under":
            return b"S -\r\n"
        status = "S" if state == "stable" else "D"
        return f"S {status} {self.shown(value):>10} {self.unit}\r\n".encode()

    def restarted(self):
        """What it says when it was switched on."""
        return b'I4 A "B021002593"\r\n'


class Sma:
    """LF in front, CR behind."""

    name = "sma"
    unit = "kg"

    def requests(self, data):
        """Every W is one."""
        return [b"W"] * data.count(b"W")

    def answer(self, request, state, value):
        """The standard scale response."""
        del request
        status = {"over": "O", "under": "U"}.get(state, " ")
        motion = "M" if state == "moving" else " "
        weight = "----------" if state in ("over", "under") else f"{value:>10}"
        return f"\n{status}1G{motion} {weight}{self.unit:<3}\r".encode()

    def restarted(self):
        """Nothing is said of it: a line of its own making."""
        return b"\r\nSMA SCALE V1.0\r\n"


class Nci:
    """Two lines: the display, the status bytes."""

    name = "nci"
    unit = "kg"

    def requests(self, data):
        """Every W is one."""
        return [b"W"] * data.count(b"W")

    def answer(self, request, state, value):
        """Weight and status."""
        del request
        first = 0x30 | (1 if state == "moving" else 0)
        second = 0x30 | (1 if state == "under" else 0) | (2 if state == "over" else 0)
        if state in ("over", "under"):
            field = ("^" if state == "over" else "_") * 7
        else:
            field = f"{value:>7}"
        return (f"\n{field}{self.unit.upper()}\r\n".encode() + bytes((first, second))
                + b"\r\x03")

    def restarted(self):
        """A prompt."""
        return b"\n?\r\x03"


class Toledo8217:
    """STX in front, CR behind; no unit."""

    name = "toledo-8217"
    unit = ""

    def requests(self, data):
        """Every W is one."""
        return [b"W"] * data.count(b"W")

    def answer(self, request, state, value):
        """Weight, or why there is none."""
        del request
        status = {"moving": 0x41, "over": 0x42, "under": 0x44}.get(state)
        if status is not None:
            return b"\x02?" + bytes((status,)) + b"\r"
        return b"\x02" + self.shown(value).encode() + b"\r"

    def shown(self, value):
        """Five characters, zeros in front."""
        return value.rjust(5, "0")

    def restarted(self):
        """Noise of a line that comes up."""
        return b"\x00\x00"


class Continuous:
    """Sends by itself, several frames a second."""

    name = "continuous"
    unit = "kg"
    pushes = 0.1  # seconds from frame to frame

    def __init__(self, checksum=True):
        self._checksum = checksum

    def requests(self, data):
        """It is not asked."""
        del data
        return []

    def answer(self, request, state, value):
        """STX, three status bytes, weight, tare, CR, checksum."""
        del request
        digits = value.replace(".", "").rjust(6)
        status_b = 0x20 | 0x10 | (8 if state == "moving" else 0)
        if state in ("over", "under"):
            status_b |= 4 | (2 if state == "under" else 0)
        frame = (b"\x02" + bytes((0x20 | 0x08 | 4, status_b, 0x20)) + digits.encode()
                 + b"     0\r")
        if self._checksum:
            frame += bytes(((-sum(frame)) & 0x7F,))
        return frame

    def restarted(self):
        """It begins anew in the middle of a frame."""
        return b"  0\r"


class Sbi:
    """Lines of 16 characters; without unit while it moves."""

    name = "sbi"
    unit = "kg"

    def __init__(self):
        self._input = b""

    def requests(self, data):
        """ESC P, line end or not."""
        self._input += data
        count = self._input.count(b"\x1bP")
        self._input = self._input[-1:]
        return [b"P"] * count

    def answer(self, request, state, value):
        """A line."""
        del request
        if state == "over":
            return b"      High    \r\n"
        if state == "under":
            return b"      Low     \r\n"
        unit = self.unit if state == "stable" else ""
        return f"+{value:>9} {unit:<3}".encode() + b"\r\n"

    def restarted(self):
        """A line of its own making."""
        return b"Err  50       \r\n"


PROTOCOLS = {
    "mt-sics": MtSics, "sma": Sma, "nci": Nci, "toledo-8217": Toledo8217,
    "continuous": lambda: Continuous(False), "continuous-checksum": Continuous, "sbi": Sbi,
}

# Phases of a cycle and how many frames each lasts.
CYCLE = (("empty", 2), ("moving", 2), ("stable", 3), ("moving", 1), ("empty", 2))


class Scale:
    """A protocol on a line, going through cycles."""

    def __init__(self, protocol, line, ledger, cycles, faults=()):
        self.protocol = protocol
        self.line = line
        self.figures = {"settled": 0, "frames": 0, "faults": {}, "commands": []}
        self._ledger = ledger
        self._cycles = cycles
        self._faults = dict(faults)  # cycle -> fault
        self._cycle = 1
        self._phase = 0
        self._left = CYCLE[0][1]
        self._told = None  # what was first told cleanly of this cycle's rest
        self._tared = False  # in this cycle
        self._silent = 0
        self._stopped = False

    @property
    def finished(self):
        """All cycles are over."""
        return self._cycle > self._cycles or self._stopped

    def stop(self):
        """Leave run()."""
        self._stopped = True

    def _fault(self):
        return self._faults.get(self._cycle)

    def _value(self):
        return f"{self._cycle + self._cycle / 100:.2f}"

    def _state(self):
        """What lies on the scale now: state and value."""
        phase = CYCLE[self._phase][0]
        fault = self._fault()
        if phase == "stable" and fault in ("motion", "overload"):
            return ("over", "") if fault == "overload" else ("moving", self._value())
        if phase == "empty":
            return ("under", "") if fault == "underload" and self._phase == 0 else (
                "stable", "0.00")
        if phase == "moving":
            return "moving", f"{self._cycle / 3:.2f}"
        return "stable", self._value()

    def _count(self, fault):
        self.figures["faults"][fault] = self.figures["faults"].get(fault, 0) + 1

    def _begin_cycle(self):
        fault = self._fault()
        if fault == "unplugged":
            self._count(fault)
            self.line.unplug()
            time.sleep(2)
            self.line.plug()
        elif fault == "restart":
            self._count(fault)
            self.line.write(self.protocol.restarted())
        elif fault in ("motion", "overload", "underload"):
            self._count(fault)
        elif fault == "silence":
            self._silent = 5

    def _spoil(self, frame):
        """The first frame of a rest, as a fault has it; the second value: it is clean."""
        fault = self._fault()
        is_first = CYCLE[self._phase] == ("stable", 3) and self._left == 3
        if fault not in ("half_frame", "wrong_checksum") or not is_first:
            return frame, True
        self._count(fault)
        if fault == "half_frame":
            return frame[:len(frame) // 2], False
        return frame[:-1] + bytes((frame[-1] ^ 1,)), False

    def _tell(self, request):
        """Answer once and go on."""
        if self._silent > 0:
            self._silent -= 1
            self._count("silence")
            return
        state, value = self._state()
        frame, clean = self._spoil(self.protocol.answer(request, state, value))
        if not self.line.write(frame):
            return
        self.figures["frames"] += 1
        if CYCLE[self._phase][0] == "stable" and state == "stable" and clean:
            self._told = self._told or getattr(self.protocol, "shown", str)(value)
        self._left -= 1
        if self._left == 0 and self._phase == 2 and self._awaits_tare():
            self._left = 1
        if self._left == 0:
            self._next_phase()

    def _awaits_tare(self):
        return self._fault() == "tared" and not self._tared

    def _obey(self, command):
        """Do what changes the scale; no phase goes on by it."""
        answer, is_done = self.protocol.obey(command, *self._state())
        self.figures["commands"].append(command.decode())
        self.line.write(answer)
        if is_done and command == b"T" and self._awaits_tare():
            self._tared = True
            self._count("tared")

    def _next_phase(self):
        self._phase += 1
        if self._phase == len(CYCLE):
            if self._told is not None:
                self.figures["settled"] += 1
                now = time.time()
                self._ledger.write(n=self._cycle, value=self._told, t_sent=now, t_acked=now,
                                   sends=1)
            self._phase, self._told, self._tared = 0, None, False
            self._cycle += 1
            if not self.finished:
                self._begin_cycle()
        self._left = CYCLE[self._phase][1]

    def run(self, give_up=None):
        """Until all cycles are over, or time.monotonic() is beyond give_up."""
        self.line.plug()
        self._begin_cycle()
        pushes = getattr(self.protocol, "pushes", None)
        while not self.finished and (give_up is None or time.monotonic() < give_up):
            if pushes is not None:
                self.line.read(pushes)
                if self.line.connected:
                    self._tell(b"")
                continue
            for request in self.protocol.requests(self.line.read(0.1)):
                if request in getattr(self.protocol, "commands", ()):
                    self._obey(request)
                elif not self.finished:
                    self._tell(request)
        return self.finished
