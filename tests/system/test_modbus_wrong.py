# SPDX-License-Identifier: Apache-2.0
"""What a technician is told where something else came than an answer."""
import json
import threading

import pytest
from modbus_floor import ModbusFloor
from rig_ipc import Refused
from rig_process import wait_until


@pytest.fixture
def floor(make_rig):
    """A floor that runs, with a short time-out."""
    return ModbusFloor(make_rig(), timeout_ms=300).start()


def fault(what, unit, **more):
    return {"do": what, "unit": unit, "times": 0, **more}


def detail_of(floor, name):
    """Of the open issue of that name, empty if there is none."""
    return next((issue["detail"] for issue in floor.rig.status()["issues"]
                 if issue["name"] == name), "")


FAULTS = {"drop": ("closes", "closed the connection"),
          "wrong_unit": ("wrong_answer", "answered as unit "),
          "wrong_function": ("wrong_answer", "answered function "),
          "wrong_transaction": ("wrong_answer", "answered transaction "),
          "extra": ("wrong_answer", "sent more behind its answer"),
          "truncated": ("wrong_answer", "answered, but broke off ("),
          "silence": ("silent", "does not answer in time")}


@pytest.mark.parametrize("what", FAULTS)
def test_scan_and_read_say_what_came(floor, what):
    state, text = FAULTS[what]
    floor.faults(fault(what, 3))
    found = floor.ask("modbus_scan", bus="plc1", actor="test", **{"from": 3, "to": 3})["units"]
    assert [unit["state"] for unit in found] == [state]
    shown = floor.gwctl("modbus", "scan", "plc1", "--from", "3", "--to", "3")
    if state == "wrong_answer":
        assert text in found[0]["detail"]
        assert "unit   3  wrong answer: " + text in shown
        assert "1 asked: 0 answer, 0 refuse, 0 are silent, 1 answer what does not fit" in shown
    if state == "closes":
        assert "0 are silent, 1 close the connection" in shown
    read = floor.gwctl("modbus", "read", "plc1", "3", "holding", "0", status=1)
    assert f"bus plc1: unit 3 {text}" in read
    assert "modbus_unit_down" not in floor.issues()


def test_issue_and_status_say_why_a_unit_is_down(floor):
    floor.faults(fault("wrong_unit", 1))
    wait_until(lambda: "answered as unit " in detail_of(floor, "modbus_unit_down"), 30, "told")
    bus = floor.rig.status()["buses"][0]
    assert bus["wire"]["wrong"]["unit"] > 0
    assert "answered as unit " in bus["unit_states"][0]["detail"]
    floor.faults(fault("silence", 1))
    wait_until(lambda: detail_of(floor, "modbus_unit_down") == "no answer in time", 60, "anew")
    floor.faults()
    wait_until(lambda: "modbus_unit_down" not in floor.issues(), 60, "it is up again")
    assert "detail" not in floor.rig.status()["buses"][0]["unit_states"][0]


def test_a_unit_that_is_down_is_asked_all_the_same(floor):
    floor.faults(fault("silence", 1))
    wait_until(lambda: "modbus_unit_down" in floor.issues(), 30, "down")
    read = floor.gwctl("modbus", "read", "plc1", "1", "coil", "0", status=1)
    assert "bus plc1: unit 1 does not answer in time" in read
    floor.faults(fault("wrong_unit", 1))
    read = floor.gwctl("modbus", "read", "plc1", "1", "coil", "0", status=1)
    assert "bus plc1: unit 1 answered as unit " in read
    floor.faults()
    assert json.loads(floor.gwctl("modbus", "read", "plc1", "1", "coil", "0", "--json"))["words"]


def test_units_that_are_down_are_asked_one_at_a_time(floor):
    floor.configure(timeout_ms=3000)
    floor.rig.reload()
    floor.wait_polls()
    floor.faults(fault("silence", 1))
    wait_until(lambda: "modbus_unit_down" in floor.issues(), 60, "down")
    answers = []

    def read():
        with pytest.raises(Refused) as refused:
            floor.ask("modbus_read", bus="plc1", unit=1, area="coil", address=0)
        answers.append(str(refused.value))

    askers = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert sum("is being asked on this bus: ask again" in answer for answer in answers) == 3
    assert sum("does not answer in time" in answer for answer in answers) == 1
