# SPDX-License-Identifier: Apache-2.0
"""kill -9 of gw-collectd while commands are under way: no command is ever written twice, each
gets exactly one result, and what the result says is what the PLC's own log says.

The PLC is slow, so that a kill often falls between the intent and the result. Each command
writes a value of its own: the log tells which command a write belongs to.

GW_WRITE_KILL_CYCLES sets the number of cycles (25).
"""
import contextlib
import os
import random
import threading
import time

from modbus_floor import ModbusFloor
from rig_ipc import Refused
from rig_process import wait_until

CYCLES = int(os.environ.get("GW_WRITE_KILL_CYCLES", "25"))
WRITES = [{"name": "marker", "area": "holding_register", "address": 90, "type": "uint32",
           "min": "0", "max": "4294967295", "min_interval_ms": 0}]
DEATHS_IN_A_ROW = 4
BUSY = 5  # firmware/base/err.h


class Asker(threading.Thread):
    """Asks once, whatever comes of it."""

    def __init__(self, floor, number):
        super().__init__(daemon=True)
        self._floor, self._number = floor, number
        self.answer = None

    def run(self):
        with contextlib.suppress(OSError, Refused, ConnectionError):
            self.answer = ask_once(self._floor, self._number)


def ask_once(floor, number):
    """The command of that number."""
    return floor.write("marker", str(number), id=f"kill-{number}")


def settle(floor, number):
    """Ask with the same id until there is a stored result."""
    def try_once():
        try:
            answer = ask_once(floor, number)
        except Refused as refused:
            assert refused.status == BUSY, refused
            return None
        return answer if answer["stored"] else None
    return wait_until(try_once, 60, f"command {number} has a result", every=0.2)


def start_again(floor):
    """The next process."""
    floor.rig.collectd.start()
    floor.rig.wait_connected()


def written_numbers(floor):
    """How often each number was written, by the PLC's own log."""
    counts = {}
    for write in floor.written():
        number = write["values"][0] << 16 | write["values"][1]
        counts[number] = counts.get(number, 0) + 1
    return counts


def assert_told_the_truth(number, answer, count):
    """A result and the PLC's log."""
    outcome = answer["result"]["outcome"]
    assert count <= 1, f"command {number} was written {count} times: {answer}"
    if outcome == "done":
        assert count == 1, answer
    elif outcome in ("refused", "expired", "failed"):
        assert count == 0, answer
    else:
        assert outcome in ("interrupted", "unknown"), answer


def test_a_kill_at_any_moment_never_writes_twice(make_rig):
    floor = ModbusFloor(make_rig(), writes=WRITES).start()
    chance = random.Random(20261123)
    floor.faults({"do": "delay", "seconds": 0.02, "times": 0})
    outcomes, answers = {}, {}
    for cycle in range(CYCLES):
        number = 1000 + cycle
        asker = Asker(floor, number)
        asker.start()
        time.sleep(chance.uniform(0.0, 0.12))
        floor.rig.collectd.kill()
        asker.join(30)
        start_again(floor)
        answers[number] = settle(floor, number)
        outcome = answers[number]["result"]["outcome"]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if cycle % DEATHS_IN_A_ROW == DEATHS_IN_A_ROW - 1:
            time.sleep(2.5)  # until the store counts as healthy
    print(f"kill -9 around writes: {CYCLES} cycles: {outcomes}")
    counts = written_numbers(floor)
    for number, answer in answers.items():
        assert_told_the_truth(number, answer, counts.get(number, 0))
        again = settle(floor, number)
        assert again["repeated"] and again["result"] == answer["result"]
    assert written_numbers(floor) == counts
    results = floor.stored("command.result")
    ids = [event["correlationid"] for event in results]
    assert sorted(ids) == sorted(f"kill-{number}" for number in answers)
    assert outcomes.get("interrupted", 0) > 0, "no kill fell between intent and result"
