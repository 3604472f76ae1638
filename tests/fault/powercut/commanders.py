# SPDX-License-Identifier: Apache-2.0
"""People who command writes to a PLC while the power fails, and what they know in the end.

Command `n` writes the value n, so that a write the PLC has noted tells which command it
belongs to. What was told is kept beside what the store says of it after a cut (its audit
entries and results, which only a committed command has).
"""
import collections
import contextlib
import json
import threading
import time

from modbus_floor import ModbusFloor
from rig_ipc import Refused
from rig_process import wait_until

PLACE = "marker"
WRITES = [{"name": PLACE, "area": "holding_register", "address": 90, "type": "uint32",
           "min": "0", "max": "4294967295", "min_interval_ms": 0}]
FIRST = 70000  # both registers of a value matter
AT_ONCE = 6    # collectd takes 8 commands at once and 8 connections to a socket
BUSY = 5       # firmware/base/err.h


def id_of(number):
    """Of the command that writes `number`."""
    return f"cut-{number}"


def number_of(command_id):
    """The other way."""
    return int(command_id.removeprefix("cut-"))


class WriteDoor:
    """What a CutGateway asks of a door, for a gateway whose only peer is a PLC."""

    name = "writes"

    def __init__(self, floor):
        self._floor = floor

    def changes(self, _rig):
        """Part of the gateway's document."""
        return {"brokers": [], "devices": [], "buses": [self._floor.bus]}

    def wait_open(self, rig):
        """Until commands can be sent."""
        rig.wait_connected()
        self._floor.wait_polls()


class Ledger:
    """What was asked and what was told, and the PLC's own word."""

    def __init__(self, rig):
        self.floor = ModbusFloor(rig, writes=WRITES)
        self.asked = []      # numbers, in order
        self.told = {}       # number -> every answer with an outcome
        self._lock = threading.Lock()

    def fresh(self):
        """The number of a command nobody has given yet."""
        with self._lock:
            self.asked.append(FIRST + len(self.asked))
            return self.asked[-1]

    def ask(self, number):
        """The command of that number, once; whether it has a stored result now. OSError,
        Refused."""
        try:
            answer = self.floor.write(PLACE, str(number), id=id_of(number))
        except Refused as refused:
            if refused.status != BUSY:
                raise
            return False
        with self._lock:
            self.told.setdefault(number, []).append(answer)
        return answer["stored"]

    def settle(self, number):
        """Ask with the same id until there is a stored result."""
        wait_until(lambda: self.ask(number), 60, f"command {number} has a result", every=0.05)

    def stored_answer(self, number):
        """The result that was told as stored; None if there was none. It never changes."""
        stored = [answer["result"] for answer in self.told.get(number, ()) if answer["stored"]]
        assert all(result == stored[0] for result in stored), stored
        return stored[0] if stored else None

    def settled(self):
        """Numbers whose result was told as stored."""
        return [number for number in self.asked if self.stored_answer(number)]

    def unsettled(self):
        """The others, in the order in which they were given."""
        return [number for number in self.asked if not self.stored_answer(number)]

    def written(self):
        """number -> how often the PLC has received it, by its own log."""
        return collections.Counter(write["values"][0] << 16 | write["values"][1]
                                   for write in self.floor.written())


class Crowd:
    """Up to AT_ONCE people who ask again for what has no result and give new commands in turn,
    until the power is off (`has_failed`). Nobody waits for anybody else."""

    def __init__(self, ledger, has_failed, count):
        assert count <= AT_ONCE
        self._ledger = ledger
        self._has_failed = has_failed
        self._again = collections.deque(ledger.unsettled())
        self._over = threading.Event()
        self._failures = []
        self._people = [threading.Thread(target=self._live, daemon=True)
                        for _ in range(count)]
        for person in self._people:
            person.start()

    def _live(self):
        try:
            with contextlib.suppress(OSError):  # the power is off
                while not self._over.is_set():
                    self._work()
        except BaseException as failure:  # to be seen by the test, not by the thread
            self._failures.append(failure)

    def _work(self):
        numbers = []
        with contextlib.suppress(IndexError):  # nobody waits for a result
            numbers.append(self._again.popleft())
        if len(self._again) < AT_ONCE:
            numbers.append(self._ledger.fresh())
        for number in numbers:
            if not self._is_settled(number):
                self._again.append(number)
                time.sleep(0.01)

    def _is_settled(self, number):
        try:
            return self._ledger.ask(number)
        except Refused as refused:
            # Without power collectd may still be there to say that its store fails.
            wait_until(self._has_failed, 10, f"the power is off: {refused}")
            return False

    def leave(self):
        """No new commands; until everybody has an answer, or none will come any more."""
        self._over.set()
        for person in self._people:
            person.join(70)
            assert not person.is_alive(), "a command has no answer"
        if self._failures:
            raise self._failures[0]


class Trail:
    """What the store says of each command, read on from where it was read last: only what
    was committed is there."""

    def __init__(self, ledger):
        self._ledger = ledger
        self._next = 1
        self.entries = {}  # number -> outcomes of its audit entries, in order: "intent", ...
        self.results = {}  # number -> the data of its command.result events

    def read(self):
        """What came since the last time."""
        lines = self._ledger.floor.gwctl("queue", "list", "--json", "--class", "audit", "--from",
                                         self._next, "--max", "100000").splitlines()
        for line in lines:
            event = json.loads(line)
            assert int(event["sequence"]) == self._next, "an event is missing in the trail"
            self._next += 1
            self._take(event)

    def _take(self, event):
        data = event["data"]
        if data.get("action") != "modbus.write":
            return
        if "command.result" in event["type"]:
            self.results.setdefault(number_of(event["correlationid"]), []).append(data)
        else:
            number = number_of(data["detail"].split()[1])
            self.entries.setdefault(number, []).append(data["outcome"])

    def intents(self):
        """Numbers of the commands whose intent is stored."""
        return {number for number, outcomes in self.entries.items() if "intent" in outcomes}
