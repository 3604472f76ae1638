# SPDX-License-Identifier: Apache-2.0
"""What a technician has: scan, read, decode; the same verbs for the page; device maps that
are read from simulated devices end to end."""
import asyncio
import json
import struct
import subprocess
import threading

import pytest
from gangway_rig import PROJECT, build_folder
from gangway_simulate.plc import Memory, Plc
from gangway_simulate.plc_faults import Faults
from modbus_floor import ModbusFloor
from rig_ipc import Refused, ask
from rig_process import wait_until

MAPS = PROJECT / "drivers/modbus/maps"
MAP_NAMES = sorted(path.stem for path in MAPS.glob("*.json"))
UNIT = 5


@pytest.fixture
def floor(make_rig):
    """A floor that runs."""
    return ModbusFloor(make_rig()).start()


# ---- read and decode

def test_read_shows_both_notations(floor):
    floor.control("/set", {"point": "pieces", "value": 70000})
    text = floor.gwctl("modbus", "read", "plc1", "1", "holding", "40011", "2")
    assert "bus plc1, unit 1, holding_register 40011 (wire address 10)" in text
    assert "40011  wire    10  0x0001      1" in text
    assert "40012  wire    11  0x1170   4464" in text
    bits = floor.gwctl("modbus", "read", "plc1", "1", "discrete", "3")
    assert "discrete_input 10004 (wire address 3)" in bits
    answer = json.loads(floor.gwctl("modbus", "read", "plc1", "1", "holding", "0xa", "2",
                                    "--json"))
    assert answer["words"] == [1, 4464] and answer["notation"] == "40011"


@pytest.mark.parametrize("arguments, found", [
    (("plc9", "1", "holding", "0"), "there is: plc1"),
    (("plc1", "300", "holding", "0"), "UNIT"),
    (("plc1", "1", "registers", "0"), "AREA"),
    (("plc1", "1", "holding", "70000"), "ADDRESS"),
    (("plc1", "1", "holding", "30001"), "the area input_register, not holding_register, allowed: "
     "that area with this number, or 0x7531 for wire address 30001"),
    (("plc1", "1", "input", "40001"), "the area holding_register, not input_register"),
    (("plc1", "1", "holding", "0", "126"), "COUNT"),
    (("plc1", "1", "holding", "65535", "2"), "none beyond"),
    (("plc1", "1", "holding", "30"), "exception 2, illegal data address"),
    (("plc1", "77", "holding", "0"), "exception 11"),
])
def test_errors_name_what_was_found_and_what_is_allowed(floor, arguments, found):
    assert found in floor.gwctl("modbus", "read", *arguments, status=1)


def test_scan_refuses_the_number_of_another_area(floor):
    text = floor.gwctl("modbus", "scan", "plc1", "holding", "30001", "--to", "2", status=1)
    assert "ADDRESS: found \"30001\", which is how manuals number the area input_register" in text


def check_places(tmp_path, *arguments, **bus):
    """What `config check` says of a configuration with this bus, and notes of it."""
    document = {"gateway": {"serial": "GW-1", "site": "s"},
                "buses": [{"name": "b", "host": "127.0.0.1", "points": [], **bus}]}
    path = tmp_path / "places.json"
    path.write_text("// as configurations may begin\n" + json.dumps(document))
    return run_gwctl("config", "check", *arguments, path)


def run_gwctl(*arguments, status=0):
    """Standard output and error of gwctl without a gateway."""
    command = [build_folder() / "bin/gwctl", *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def holding(name, address, **more):
    return {"name": name, "area": "holding_register", "address": address, **more}


def test_config_check_notes_numbers_that_look_like_those_of_a_manual(tmp_path):
    points = [holding("a", 40001), holding("b", "40001"), holding("c", 30001),
              holding("d", "440002"), holding("e", 20001), holding("f", 9999)]
    _, notes = check_places(tmp_path, points=points, writes=[
        holding("w", 40011, values=["1"])])
    assert notes.splitlines() == [
        "note: buses[0].points[0].address: wire address 40001 of holding_register; if the manual "
        "means 40001, write it as text: \"40001\" is wire address 0",
        "note: buses[0].points[2].address: wire address 30001 of holding_register; if the manual "
        "means 30001, the area is input_register and the address the text \"30001\": "
        "wire address 0",
        "note: buses[0].writes[0].address: wire address 40011 of holding_register; if the manual "
        "means 40011, write it as text: \"40011\" is wire address 10"]
    _, many = check_places(tmp_path, points=[
        holding(f"p{number}", 40001 + number) for number in range(20)])
    assert many.count("note: ") == 9 and "so do 12 more" in many


def test_config_check_lists_every_wire_address(tmp_path):
    bus = {"points": [holding("a", "40011", type="uint32"), holding("b", 7)],
           "writes": [{"name": "w", "area": "coil", "address": "00003"}]}
    lines = [line.split() for line in check_places(tmp_path, "--all", **bus)[0].splitlines()]
    assert ["reads", "a", "unit", "1", "holding_register", "40011", "wire", "10", "uint32"] in lines
    assert ["writes", "w", "unit", "1", "coil", "00003", "wire", "2", "bool"] in lines
    places = json.loads(check_places(tmp_path, "--all", "--json", **bus)[0])["places"]
    assert [(place["name"], place["notation"], place["address"]) for place in places] == [
        ("a", "40011", 10), ("b", "40008", 7), ("w", "00003", 2)]


def test_decode_shows_every_type_and_order(floor):
    text = floor.gwctl("modbus", "decode", "0x4048", "0xf5c3", config=False)
    first = text[:text.index("register +1")]
    assert "float32         3.14   197391.83" in first
    assert "uint16         16456       18496" in first
    floor.control("/set", {"point": "temperature", "value": -12.5})
    values = json.loads(floor.gwctl("modbus", "decode", "plc1", "1", "input", "20", "2",
                                    "--json"))["values"]
    assert {"at": 0, "type": "float32", "order": "ABCD", "value": "-12.5"} in values
    assert "allowed: registers" in floor.gwctl("modbus", "decode", "0x1", "17", status=1,
                                               config=False)


def test_decode_of_bits_shows_bits_and_nothing_else(floor):
    for area, count in (("coil", 2), ("discrete", 4)):
        lines = floor.gwctl("modbus", "decode", "plc1", "1", area, "0", str(count)).splitlines()
        assert len(lines) == 1 + count and lines[0].startswith("bus plc1, unit 1, ")
        assert all(line in (f"bit +{number}: 0", f"bit +{number}: 1")
                   for number, line in enumerate(lines[1:]))
    answer = json.loads(floor.gwctl("modbus", "decode", "plc1", "1", "coil", "0", "2", "--json"))
    assert len(answer["bits"]) == 2 and {value["type"] for value in answer["values"]} == {"bool"}


def test_a_request_on_demand_costs_the_polls_little(floor):
    polls = floor.rig.status()["buses"][0]["polls"]
    for _ in range(30):
        floor.ask("modbus_read", bus="plc1", unit=1, area="holding_register", address=0)
    wait_until(lambda: floor.rig.status()["buses"][0]["polls"] > polls, 10, "polls go on")
    assert "modbus_unit_down" not in floor.issues()


def test_the_page_may_read_and_the_centre_may_not(floor):
    run = floor.rig.folder / "run/collectd"
    body = {"bus": "plc1", "unit": 1, "area": "coil", "address": "00001"}
    assert ask(run / "status.sock", "modbus_read", body)["words"] in ([0], [1])
    with pytest.raises(Refused, match="may not be asked"):
        ask(run / "link.sock", "modbus_read", body)


def test_a_reload_while_somebody_asks_answers_everybody(floor):
    floor.configure(timeout_ms=1000)
    floor.faults({"do": "delay", "seconds": 0.3, "times": 0})
    answers = []

    def read():
        try:
            answers.append(floor.ask("modbus_read", bus="plc1", unit=1, area="coil", address=0))
        except Refused as refused:
            answers.append(str(refused))

    askers = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for asker in askers:
        asker.start()
    floor.configure(max_gap=3)
    floor.ask("reload", actor="test")
    for asker in askers:
        asker.join(30)
    assert len(answers) == 4, answers


# ---- scan

def test_scan_tells_who_answers_who_refuses_and_who_is_silent(floor):
    floor.configure(timeout_ms=200)
    floor.rig.reload()
    floor.wait_polls()
    floor.faults({"do": "silence", "unit": 3, "times": 0},
                 {"do": "exception", "unit": 4, "code": 2, "times": 0})
    text = floor.gwctl("modbus", "scan", "plc1", "--from", "1", "--to", "6")
    assert "asks units 1 to 6 one after the other" in text
    assert "unit   1  answers" in text
    assert "unit   4  is there, but refuses this address: exception 2" in text
    assert "6 asked: 1 answer, 1 refuse, 1 are silent, 3 are not there" in text
    assert "unit   3" not in text


def test_scan_of_every_unit_comes_in_parts(floor):
    seen, following = [], 1
    while following:
        part = floor.ask("modbus_scan", bus="plc1", actor="test", **{"from": following})
        seen += [unit["unit"] for unit in part["units"]]
        following = part["next"]
        assert len(part["units"]) <= 32
    assert seen == list(range(1, 248))


def test_scan_of_an_unknown_bus_lists_the_buses(floor):
    assert "there is: plc1" in floor.gwctl("modbus", "scan", "plc7", status=1)


# ---- device maps

class Device:
    """A unit that shows the examples of a map, in a thread of its own."""

    def __init__(self, points):
        memory = Memory(size=65536)
        for point in points:
            address = wire_address(point)
            words = [int(word, 16) for word in point["example"]["words"]]
            memory.write(point["area"], address, words)
        self._plc = Plc({UNIT: memory}, [], Faults(), {})
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(self._plc.serve("127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self):
        """End it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self):
        self._server.close()
        self._plc.drop_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(tasks, timeout=5) if tasks else None


def wire_address(point):
    """Of a number, or of the manual's notation."""
    address = point["address"]
    return address if isinstance(address, int) else int(address[1:]) - 1


def read_map(name):
    """The map's document."""
    return json.loads((MAPS / f"{name}.json").read_text())


def expand(floor, name, *options):
    """Points for the configuration."""
    return json.loads(floor.gwctl("modbus", "map", "expand", name, "--unit", str(UNIT), "--maps",
                                  str(MAPS), *options, config=False))


@pytest.mark.parametrize("name", MAP_NAMES)
def test_a_map_reads_its_device_end_to_end(make_rig, name):
    document = read_map(name)
    device = Device(document["points"])
    floor = ModbusFloor(make_rig())
    bus = {"name": "dev", "host": "127.0.0.1", "port": device.port,
           "points": expand(floor, name)}
    if "max_registers" in document:
        bus["max_registers"] = document["max_registers"]
    floor.rig.configure(buses=[bus])
    assert floor.gwctl("config", "check", floor.rig.config_path, config=False)
    floor.rig.collectd.start()
    floor.rig.wait_connected()
    wanted = {f"dev.u{UNIT}.{point['name']}": point["example"]["value"]
              for point in document["points"]}

    def seen():
        values = {event["source"].rsplit(":", 1)[1]: event["data"].get("value")
                  for kind in ("plc.signal", "plc.counted", "metric.sampled")
                  for event in floor.stored(kind)}
        return values if values.keys() >= wanted.keys() else None

    values = wait_until(seen, 30, "every point is read", every=0.3)
    assert {name: values[name] for name in wanted} == wanted
    assert floor.rig.collectd.stop() == 0
    device.close()


def test_maps_cite_where_their_facts_are_from():
    assert len(MAP_NAMES) >= 3
    for name in MAP_NAMES:
        document = read_map(name)
        assert document["name"] == name
        for source in document["sources"]:
            assert source["document"] and source["revision"] and source["section"]
        bits = [point for point in document["points"] if "bit" in point]
        assert all(point["zero"] and point["one"] for point in bits), name


def test_maps_are_listed_shown_and_chosen_from(make_rig):
    floor = ModbusFloor(make_rig())
    listed = floor.gwctl("modbus", "maps", "--maps", str(MAPS), config=False)
    assert all(name in listed for name in MAP_NAMES)
    shown = floor.gwctl("modbus", "map", "show", "laumas-lcb", "--maps", str(MAPS), config=False)
    assert "bit 11" in shown and "0 = moving; 1 = stable" in shown and "from: " in shown
    points = expand(floor, "eastron-sdm630", "--points", "power,energy_import", "--prefix", "m1")
    assert [point["name"] for point in points] == ["m1.power", "m1.energy_import"]
    assert all(point["unit_id"] == UNIT for point in points)
    assert "there is no map" in floor.gwctl("modbus", "map", "show", "nothing", "--maps",
                                            str(MAPS), status=1, config=False)


def expand_by_hand(*arguments, status=0):
    return run_gwctl("modbus", "map", "expand", *arguments, "--maps", MAPS, status=status)


def test_an_expansion_is_what_a_bus_takes_or_it_is_refused():
    out, err = expand_by_hand("abb-a43", "--unit", "1", "--points", "powr,power,energi", status=1)
    assert out == "" and '--points: found "powr", allowed: names of points of the map' in err
    assert 'found "energi"' in err and 'found "power"' not in err
    for prefix in ("line 1", "halle/1", "x" * 70):
        out, err = expand_by_hand("abb-a43", "--unit", "1", "--prefix", prefix, status=1)
        assert out == "" and f'--prefix "{prefix}"' in err, err
        assert f'points[0].name: found text "{prefix[:50]}' in err and "allowed: " in err
    out, err = expand_by_hand("abb-a43", "--unit", "1", "--prefix", "")
    assert json.loads(out)[0]["name"] == read_map("abb-a43")["points"][0]["name"]


def test_max_registers_of_a_map_is_told_beside_the_points(tmp_path):
    document = {**read_map("abb-a43"), "name": "x", "max_registers": 60}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    out, err = expand_by_hand(path, "--unit", "1")
    assert len(json.loads(out)) == len(document["points"])
    assert err.startswith('note: give the bus "max_registers": 60')
    assert "max_registers: 60" in run_gwctl("modbus", "map", "show", path)[0]
    del document["max_registers"]
    path.write_text(json.dumps(document))
    assert expand_by_hand(path, "--unit", "1")[1] == ""


@pytest.mark.parametrize("change, finding", [
    ({"points": []}, "points: allowed"),
    ({"sources": []}, "sources: allowed"),
    ({"colour": "red"}, "colour: unknown"),
    ({"sources": [{"document": "d", "section": "1"}]}, "sources[0].revision: found none"),
    ({"sources": [{"document": "d", "revision": "1"}]}, "sources[0].section: found none"),
    ({"max_registers": "many"}, 'max_registers: found text "many", allowed: '),
    ({"max_registers": 126}, "max_registers: found number 126"),
    ({"points": [{"name": "a", "area": "holding", "address": 1}]}, "points[0].area"),
    ({"points": [{"name": "a", "area": "coil", "address": 1, "typ": "bool"}]}, "typ"),
    ({"points": [{"name": "a", "area": "input_register", "address": 0, "type": "float32",
                  "example": {"words": ["0x4048", "0xf5c3"], "value": "3.15"}}]},
     'the example reads "3.14"'),
])
def test_a_wrong_map_is_named(make_rig, tmp_path, change, finding):
    floor = ModbusFloor(make_rig())
    document = {"name": "x", "title": "x", "sources": [
        {"document": "d", "revision": "1", "section": "1"}],
        "points": [{"name": "a", "area": "coil", "address": 1}], **change}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    assert finding in floor.gwctl("modbus", "map", "check", path, status=1, config=False)


def test_examples_of_floats_are_what_python_says():
    for point in read_map("eastron-sdm630")["points"]:
        words = [int(word, 16) for word in point["example"]["words"]]
        (value,) = struct.unpack(">f", struct.pack(">2H", *words))
        assert abs(value - float(point["example"]["value"])) < 1e-4
