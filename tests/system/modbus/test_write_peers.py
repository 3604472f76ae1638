# SPDX-License-Identifier: Apache-2.0
"""Safe writes to a server nobody here wrote (pymodbus), over TCP, a serial line and RTU over
TCP; what it holds afterwards is asked by mbpoll where it can be."""
import re
import uuid

import pytest
from bus_floor import SICK, run

WRITES = [
    {"name": "speed", "unit_id": SICK, "area": "holding_register", "address": 5, "scale": "0.1",
     "min": "0", "max": "100", "min_interval_ms": 0},
    {"name": "total", "unit_id": SICK, "area": "holding_register", "address": 6,
     "type": "uint32", "order": "CDAB", "min": "0", "max": "4294967295", "min_interval_ms": 0},
    {"name": "real", "unit_id": SICK, "area": "holding_register", "address": 14,
     "type": "float64", "min": "-1000", "max": "1000", "min_interval_ms": 0},
    {"name": "lamp", "unit_id": SICK, "area": "coil", "address": 4, "min_interval_ms": 0},
    {"name": "away", "unit_id": SICK, "area": "holding_register", "address": 5000, "min": "0",
     "max": "9", "min_interval_ms": 0},
]
VALUES = [("speed", "99.9", {5: 999}), ("speed", "0", {5: 0}), ("total", "70000", {6: 4464, 7: 1}),
          ("real", "-0.1", {14: 0xbfb9, 15: 0x9999, 16: 0x9999, 17: 0x999a})]


def write(floor, name, value):
    """The outcome's result."""
    return floor.rig.ask_daemon("collectd", "modbus_write", id=str(uuid.uuid4()), bus="bus",
                                name=name, value=value, valid_ms=8000,
                                actor="test")["result"]


def with_writes(floor):
    """The gateway may write."""
    floor.rig.configure(buses=[{**floor.bus(), "writes": WRITES}])
    floor.rig.reload()
    floor.wait_good(SICK, 2)
    return floor


@pytest.mark.parametrize("kind", ("tcp", "rtu", "rtu_over_tcp"))
def test_what_is_written_is_what_the_unit_holds(make_floor, kind):
    floor = with_writes(make_floor(kind))
    for name, value, words in VALUES:
        result = write(floor, name, value)
        assert result["outcome"] == "done", result
        read = floor.rig.ask_daemon("collectd", "modbus_read", bus="bus", unit=SICK,
                                    area="holding_register", address=min(words),
                                    count=len(words))
        assert read["words"] == list(words.values())
    for value in ("1", "0"):
        assert write(floor, "lamp", value)["outcome"] == "done"
    refused = write(floor, "away", "1")
    assert refused["outcome"] == "failed" and refused["exception"] == 2


def test_mbpoll_sees_what_was_written(make_floor):
    floor = with_writes(make_floor("tcp"))
    for name, value, words in VALUES:
        assert write(floor, name, value)["outcome"] == "done"
        text = run(["mbpoll", "-1", "-0", "-a", str(SICK), "-t", "4:hex", "-r",
                    str(min(words)), "-c", str(len(words)), "-p", str(floor._where),
                    "127.0.0.1"])
        seen = {int(at): int(word, 16)
                for at, word in re.findall(r"\[(\d+)\]:\s+0x([0-9A-Fa-f]+)", text)}
        assert seen == words, text

