# SPDX-License-Identifier: Apache-2.0
"""Safe writes: what the configuration allows, once, read back, recorded; told by the PLC's
own log of what was written to it."""
import datetime
import threading
import uuid

import pytest
from modbus_floor import ModbusFloor
from rig_ipc import Refused
from rig_process import wait_until

BUSY, DENIED, DUPLICATE, SCHEMA = "BUSY", "DENIED", "DUPLICATE", "SCHEMA"


@pytest.fixture
def floor(make_rig):
    """A floor that runs."""
    return ModbusFloor(make_rig()).start()


def outcome(answer):
    """What became of it."""
    return answer["result"]["outcome"]


def test_a_value_is_written_once_and_read_back(floor):
    answer = floor.write("setpoint", "12.5")
    assert answer["stored"] and not answer["repeated"]
    result = answer["result"]
    assert result["outcome"] == "done" and result["readback"] == "12.5"
    assert (result["unitid"], result["area"], result["address"]) == (1, "holding_register", 40)
    assert (result["actor"], result["via"]) == ("test:anna", "control")
    assert [(w["function"], w["address"], w["values"]) for w in floor.written()] == [
        (6, 40, [125])]


@pytest.mark.parametrize("name, value, function, values", [
    ("recipe", "70000", 16, [1, 4464]),
    ("real", "3.14", 16, [0xf5c3, 0x4048]),
    ("real", "-0.5", 16, [0x0000, 0xbf00]),
    ("lamp", "1", 5, [1]),
    ("lamp", "0", 5, [0]),
    ("order", "3", 16, [3]),
])
def test_each_type_takes_its_own_function(floor, name, value, function, values):
    assert outcome(floor.write(name, value)) == "done"
    assert [(w["function"], w["values"]) for w in floor.written()] == [(function, values)]


def test_a_place_says_the_same_as_a_name(floor):
    answer = floor.write(name=None, unit=1, area="holding_register", address="40041")
    assert answer["result"]["name"] == "setpoint" and outcome(answer) == "done"
    assert len(floor.written()) == 1


def test_the_same_id_again_writes_nothing_and_another_content_is_a_conflict(floor):
    first = floor.write(id="once")
    for _ in range(3):
        again = floor.write(id="once")
        assert again["repeated"] and again["result"] == first["result"]
    with pytest.raises(Refused, match="conflict"):
        floor.write(id="once", value="13")
    floor.rig.collectd.kill()
    floor.rig.collectd.start()
    floor.rig.wait_connected()
    floor.wait_polls()
    assert floor.write(id="once")["repeated"]
    assert len(floor.written()) == 1


@pytest.mark.parametrize("change, detail", [
    ({"name": "pieces"}, "setpoint, recipe, real"),
    ({"bus": "plc7"}, "plc1"),
    ({"value": "100.1"}, "0 to 100"),
    ({"value": "12.55"}, "exactly"),
    ({"name": "recipe", "value": "3"}, "1, 2, 70000"),
    ({"name": "lamp", "value": "2"}, "0 or 1"),
    ({"name": None, "unit": 1, "area": "holding_register", "address": 10}, "writes of the bus"),
    ({"name": None, "unit": 9, "area": "coil", "address": 7}, "writes of the bus"),
])
def test_what_is_not_allowed_is_refused_and_nothing_is_sent(floor, change, detail):
    answer = floor.write(**change)
    assert outcome(answer) == "refused" and detail in answer["result"]["detail"]
    assert floor.written() == []


def test_without_a_list_nothing_may_be_written(make_rig):
    floor = ModbusFloor(make_rig(), writes=[]).start()
    answer = floor.write()
    assert outcome(answer) == "refused" and "none" in answer["result"]["detail"]
    assert floor.written() == []


@pytest.mark.parametrize("change", [
    {"id": "a b"}, {"id": ""}, {"valid_ms": None}, {"valid_ms": 3600001}, {"actor": None},
    {"value": 12}, {"name": None}, {"expires": "tomorrow", "valid_ms": None},
    {"name": None, "unit": 1, "area": "holding_register"}, {"unit": 0, "area": "coil",
                                                            "address": 1},
])
def test_what_is_no_command_is_turned_away(floor, change):
    with pytest.raises(Refused):
        floor.write(**change)
    assert floor.written() == []
    assert floor.rig.counter("modbus.writes_not_done") == 0


def test_the_page_and_the_centre_use_the_same_door(floor):
    assert floor.write(socket="status")["result"]["via"] == "status"
    assert floor.write(socket="link", value="13")["result"]["via"] == "link"
    assert len(floor.written()) == 2


def test_a_wall_time_in_the_past_is_expired_or_asks_for_a_clock(floor):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    try:
        answer = floor.write(valid_ms=None, expires=past.strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert outcome(answer) == "expired"
    except Refused as refused:  # a machine whose clock nobody disciplines
        assert "valid_ms" in str(refused)
    assert floor.written() == []


def test_the_interval_of_a_thing_is_kept(floor):
    assert outcome(floor.write("slow", "1")) == "done"
    with pytest.raises(Refused, match="60000 ms"):
        floor.write("slow", "2")
    assert len(floor.written()) == 1


def test_an_exception_is_a_failure_with_its_name(floor):
    answer = floor.write("hole", "1")
    assert outcome(answer) == "failed" and answer["result"]["exception"] == 2
    assert "illegal data address" in answer["result"]["detail"]


def test_a_write_nobody_confirms_is_settled_by_reading_back(floor):
    floor.configure(timeout_ms=300)
    floor.rig.reload()
    floor.wait_polls()
    for fault, wanted in (("mute", "done"), ("silence", "unknown")):
        value = "20" if fault == "mute" else "30"
        answer = None
        for _ in range(20):  # the next request may be a poll
            floor.faults({"do": fault})
            answer = floor.write("setpoint", value)
            if answer["result"]["detail"] != "confirmed":
                break
            value = str(float(value) + 1)
        assert outcome(answer) == wanted, answer
        assert "no answer in time" in answer["result"]["detail"]
    assert floor.issues()["modbus_write_uncertain"] == ["plc1.setpoint"]
    assert outcome(floor.write("setpoint", "1")) == "done"
    assert "modbus_write_uncertain" not in floor.issues()


def restart(floor):
    """kill -9, and the next start."""
    floor.rig.collectd.kill()
    floor.rig.collectd.start()
    floor.rig.wait_connected()
    floor.wait_polls()


def test_an_uncertain_write_is_an_issue_over_restarts_until_one_is_done(floor):
    floor.configure(timeout_ms=300)
    floor.rig.reload()
    floor.wait_polls()
    for value in range(20, 40):  # the next request may be a poll
        floor.faults({"do": "silence"})
        if outcome(floor.write("setpoint", str(value))) == "unknown":
            break
    assert floor.issues()["modbus_write_uncertain"] == ["plc1.setpoint"]
    for _ in range(2):
        restart(floor)
        assert floor.issues()["modbus_write_uncertain"] == ["plc1.setpoint"]
    assert outcome(floor.write("setpoint", "1")) == "done"
    assert "modbus_write_uncertain" not in floor.issues()
    restart(floor)
    assert "modbus_write_uncertain" not in floor.issues()


def test_the_interval_of_a_thing_is_kept_over_a_restart(floor):
    assert outcome(floor.write("slow", "1")) == "done"
    restart(floor)
    with pytest.raises(Refused, match="60000 ms"):
        floor.write("slow", "2")
    assert len(floor.written()) == 1


def test_many_at_once_are_each_written_once_or_turned_away(floor):
    floor.faults({"do": "delay", "seconds": 0.05, "times": 0})
    done, busy = [], []

    def ask(number):
        try:
            done.append(floor.write(value=str(number), id=f"many-{number}", valid_ms=20000))
        except (Refused, OSError) as refused:  # a socket takes eight connections
            busy.append(str(refused))

    askers = [threading.Thread(target=ask, args=(number,), daemon=True)
              for number in range(1, 17)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert len(done) + len(busy) == 16 and len(done) >= 8, (done, busy)
    assert all(outcome(answer) == "done" for answer in done)
    assert sorted(w["values"][0] for w in floor.written()) == sorted(
        10 * int(answer["result"]["value"]) for answer in done)


def write_under_way(floor, answers, **fault):
    """A thread that asks for a write; the PLC has it and does not answer yet."""
    def happened():
        return floor.control("/state")["happened"].get(fault["do"], 0)

    before = happened()
    floor.faults({"function": 6, **fault})
    asker = threading.Thread(daemon=True, target=lambda: answers.append(floor.write()))
    asker.start()
    wait_until(lambda: happened() > before, 20, "the PLC has the write")
    return asker


def test_a_reload_and_a_stop_let_the_write_under_way_end(floor):
    floor.configure(timeout_ms=5000)
    floor.rig.reload()
    floor.wait_polls()
    answers = []
    for number, ending in enumerate(("reload", "stop"), 1):
        asker = write_under_way(floor, answers, do="delay", seconds=0.8)
        floor.configure(max_gap=6 + number)
        if ending == "reload":
            answer = floor.ask("reload", actor="test")
            assert (answer["changed"], answer["stopping"]) == (["buses"], ["plc1"])
        else:
            assert floor.rig.collectd.stop() == 0
        asker.join(20)
        assert len(floor.written()) == number
        if ending == "reload":
            floor.rig.reload()
            floor.wait_polls()
    assert [outcome(answer) for answer in answers] == ["done", "done"]
    assert len(floor.written()) == 2


def test_a_unit_that_is_silent_keeps_its_bus_for_two_seconds_and_no_longer(floor):
    floor.configure(timeout_ms=30000)
    floor.rig.reload()
    floor.wait_polls()
    answers = []
    asker = write_under_way(floor, answers, do="mute")
    floor.configure(max_gap=7)
    assert floor.ask("reload", actor="test")["changed"] == ["buses"]
    asker.join(20)
    assert [outcome(answer) for answer in answers] == ["unknown"]
    assert "the connection was lost" in answers[0]["result"]["detail"]
    floor.rig.reload()
    floor.wait_polls()
    assert len(floor.written()) == 1


def test_a_bus_that_is_away_fails_the_command_and_says_so(make_rig):
    floor = ModbusFloor(make_rig())
    floor.configure(port=1)
    floor.rig.collectd.start()
    floor.rig.wait_connected()
    answer = floor.write(valid_ms=1500)
    assert outcome(answer) in ("failed", "expired")
    assert "not sent" in answer["result"]["detail"]


def test_results_and_the_chain_of_audit_reach_the_centre(make_rig):
    floor = ModbusFloor(make_rig())
    rig = floor.rig
    rig.start_receiver()
    floor.start()
    rig.linkd.start()
    done, refused = str(uuid.uuid4()), str(uuid.uuid4())
    floor.write(id=done)
    floor.write(id=refused, value="1000")
    floor.write(id=done)
    wait_until(lambda: len(rig.events("command.result")) == 2, 30, "both results arrive")
    rig.wait_drained()
    events = {event["correlationid"]: event for event in floor.stored("command.result")}
    assert events.keys() == {done, refused}
    assert events[done]["data"]["outcome"] == "done"
    assert events[refused]["data"]["outcome"] == "refused"
    assert events[done]["source"].endswith(":plc1.setpoint")
    audits = [event["data"] for event in floor.stored("audit.recorded")
              if event["data"]["action"] == "modbus.write"]
    assert [entry["outcome"] for entry in audits] == ["intent", "done", "refused"]
    assert [entry["detail"] for entry in audits] == [
        f"command {done} value 12.5 via control", f"command {done} value 12.5 via control",
        f"command {refused} value 1000 via control"]
    assert floor.gwctl("audit", "verify")


def test_gwctl_writes_and_tells_the_outcome(floor):
    text = floor.gwctl("modbus", "write", "plc1", "setpoint", "42", "--id", "by-hand")
    assert text.startswith("done: plc1.setpoint = 42 ") and "reads back: 42.0" in text
    text = floor.gwctl("modbus", "write", "plc1", "setpoint", "42", "--id", "by-hand")
    assert "nothing was written now" in text
    text = floor.gwctl("modbus", "write", "plc1", "1", "holding", "40041", "43",
                       "--expires", "5")
    assert "done: plc1.setpoint = 43" in text
    text = floor.gwctl("modbus", "write", "plc1", "setpoint", "420", status=1)
    assert "refused" in text and "0 to 100" in text
    text = floor.gwctl("modbus", "write", "plc1", "1", "holding", "40099", "3", status=1)
    assert text.startswith("refused: plc1 = 3 (unit 1, holding_register, wire address 98)")
    text = floor.gwctl("modbus", "write", "plc1", "setpoint", "44", "--id", "by-hand", status=1)
    assert "conflict" in text
    assert [w["values"] for w in floor.written()] == [[420], [430]]
    listed = floor.gwctl("modbus", "list")
    assert "setpoint" in listed and "0 to 100" in listed and "1, 2, 70000" in listed
