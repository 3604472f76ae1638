# SPDX-License-Identifier: Apache-2.0
"""A scanner on a line: codes with a terminator, faults by number of the code.

Nobody acknowledges on such a line. The ledger holds every code that left whole on a line
somebody had open; what a fault spoiled is not in it.
"""
import time

FAULTS = {
    "half_frame": "the code ends in the middle, without terminator; then a pause",
    "lost_terminator": "the terminator is missing; then a pause",
    "no_read": "nothing was read, and the scanner says so",
    "garbage": "bytes that are no text",
    "unplugged": "the line is pulled out for two seconds before the code",
    "babble": "a hundred thousand bytes without a terminator",
}
PAUSE_S = 1.0


class LineScanner:
    """Sends `count` codes, `rate` a second."""

    def __init__(self, line, ledger, count, rate=10.0, terminator=b"\r", faults=(),
                 make_code=None):
        self.line = line
        self.figures = {"sent": 0, "faults": {}}
        self._ledger = ledger
        self._count = count
        self._rate = rate
        self._terminator = terminator
        self._faults = dict(faults)
        self._make = make_code or (lambda n: f"{ledger.device}-{n:06d}")
        self._stopped = False

    def stop(self):
        """Leave run()."""
        self._stopped = True

    def _spoil(self, fault, code):
        """Do what the fault says; True if the code itself is sent afterwards."""
        self.figures["faults"][fault] = self.figures["faults"].get(fault, 0) + 1
        if fault == "unplugged":
            self.line.unplug()
            time.sleep(2)
            self.line.plug()
            return True
        wrong = {"half_frame": code[:len(code) // 2], "lost_terminator": code,
                 "no_read": b"NOREAD" + self._terminator,
                 "garbage": b"\xff\xfe\x80" + self._terminator, "babble": b"x" * 100000}
        for at in range(0, len(wrong[fault]), 1000):
            self.line.write(wrong[fault][at:at + 1000])
        time.sleep(PAUSE_S)
        if fault == "babble":
            self.line.write(self._terminator)
        return fault != "lost_terminator"

    def _wait_connected(self, give_up):
        while not self.line.connected and not self._stopped:
            self.line.read(0.1)
            if give_up is not None and time.monotonic() > give_up:
                break

    def run(self, give_up=None):
        """True when all codes were sent."""
        self.line.plug()
        for n in range(1, self._count + 1):
            code = self._make(n)
            fault = self._faults.get(n)
            self._wait_connected(give_up)
            if self._stopped or (give_up is not None and time.monotonic() > give_up):
                return False
            if fault and not self._spoil(fault, code.encode()):
                continue
            self._wait_connected(give_up)
            while not self.line.write(code.encode() + self._terminator):
                self._wait_connected(give_up)
                if self._stopped or (give_up is not None and time.monotonic() > give_up):
                    return False
            now = time.time()
            self._ledger.write(n=n, raw=code, t_sent=now, t_acked=now, sends=1)
            self.figures["sent"] += 1
            self.line.read(1 / self._rate)
        return True
