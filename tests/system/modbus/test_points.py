# SPDX-License-Identifier: Apache-2.0
"""Points of every type and order against pymodbus: fixed vectors, encoded here by struct,
arrive at the centre as exact text. And a map with holes: found, kept, forgotten."""
import json
import pathlib
import struct

import pytest
from gangway_rig import PYTHON, can_connect, free_port
from rig_process import Child, wait_until

HERE = pathlib.Path(__file__).resolve().parent
# The letters are the bytes of the value, A being the most significant, as they come.
ORDERS = {2: {"ABCD": "AB", "BADC": "BA", "CDAB": "AB", "DCBA": "BA"},
          4: {"ABCD": "ABCD", "CDAB": "CDAB", "BADC": "BADC", "DCBA": "DCBA"},
          8: {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA",
              "CDABGHEF": "CDABGHEF", "EFGHABCD": "EFGHABCD"}}
VECTORS = [("int16", ">h", -12345, "-12345"), ("uint16", ">H", 54321, "54321"),
           ("int32", ">i", -1234567890, "-1234567890"),
           ("uint32", ">I", 4000000001, "4000000001"),
           ("int64", ">q", -1234567890123456789, "-1234567890123456789"),
           ("uint64", ">Q", 18446744073709551557, "18446744073709551557"),
           ("float16", ">e", -0.1, "-0.1"), ("float32", ">f", 1234.56, "1234.56"),
           ("float64", ">d", 0.1 + 0.2, "0.30000000000000004"),
           ("bcd16", ">H", 0x9076, "9076"), ("bcd32", ">I", 0x12345678, "12345678")]


def words(data):
    """Registers of bytes."""
    return list(struct.unpack(f">{len(data) // 2}H", data))


def on_the_wire(form, value, order):
    """Registers of a value in an order."""
    data = struct.pack(form, value)
    return words(bytes(data[ord(letter) - ord("A")] for letter in ORDERS[len(data)][order]))


class Site:
    """A gateway with one bus and a pymodbus map on it."""

    def __init__(self, rig):
        self.rig = rig
        self.port = free_port()
        self.map = rig.folder / "map.json"
        self.show({})
        self.peer = Child("pymodbus", [PYTHON, HERE / "pymodbus_map.py", self.port, self.map],
                          rig.folder)
        self.peer.start()
        wait_until(lambda: can_connect(self.port), 30, "pymodbus listens")

    def show(self, registers, **limits):
        """What the device has; it never reads half of it."""
        new = self.map.with_suffix(".new")
        new.write_text(json.dumps({"registers": registers, **limits}))
        new.replace(self.map)

    def configure(self, points, **bus):
        """Read these."""
        self.rig.configure(buses=[{"name": "bus", "host": "127.0.0.1", "port": self.port,
                                   "timeout_ms": 1000, **bus, "points": points}])

    def refused(self):
        """(address, count) of what was refused so far."""
        lines = pathlib.Path(f"{self.map}.log").read_text().splitlines()
        return [tuple(map(int, line.split())) for line in lines]

    def data(self):
        """{point: data of its last event}"""
        return {event["data"]["point"]: event["data"]
                for event in self.rig.events("plc.signal_changed")}

    def bus(self):
        """The bus in the status."""
        return self.rig.status()["buses"][0]

    def device(self, point):
        """State of a point."""
        return next(device["state"] for device in self.rig.status()["devices"]
                    if device["id"] == f"bus.{point}")


@pytest.fixture
def site(make_rig):
    """A Site that is not started."""
    made = Site(make_rig(door="front", devices={}))
    yield made
    made.peer.kill()


def place(registers, at, values):
    """Put registers; the next free address."""
    registers.update({at + i: word for i, word in enumerate(values)})
    return at + len(values)


def test_every_type_in_every_order_is_exact(site):
    registers, points, expected, at = {}, [], {}, 0
    for kind, form, value, text in VECTORS:
        for order in ORDERS[struct.calcsize(form)]:
            name = f"{kind}-{order}"
            points.append({"name": name, "area": "holding_register", "address": at,
                           "type": kind, "order": order, "period_ms": 200})
            expected[name] = text
            at = place(registers, at, on_the_wire(form, value, order))
    site.show(registers)
    site.configure(points)
    site.rig.start()
    wait_until(lambda: set(site.data()) == set(expected), 40, "all are at the centre", every=0.3)
    data = site.data()
    assert {name: data[name].get("value") for name in expected} == expected
    assert all("valuetype" not in of_point for of_point in data.values())
    assert not site.refused()


def test_bits_texts_scales_and_what_is_no_number(site):
    registers = {}
    place(registers, 0, [0b1000_0000_0000_0001, 655, 0x7fc0, 0, 0x9a00])
    place(registers, 10, words("Gangway 2\0..".encode()))
    place(registers, 20, words(b"aGgnaw y\x002"))
    place(registers, 30, words(b"\xff\xff\xff\xff"))
    area = {"area": "holding_register", "period_ms": 100}
    points = [{"name": "bit0", "address": "40001", "bit": 0, **area},
              {"name": "bit1", "address": 0, "bit": 1, **area},
              {"name": "bit15", "address": 0, "bit": 15, **area},
              {"name": "scaled", "address": 1, "scale": "0.1", "offset": "-40", **area},
              {"name": "nan", "address": 2, "type": "float32", **area},
              {"name": "bcd", "address": 4, "type": "bcd16", **area},
              {"name": "text", "address": 10, "type": "string", "length": 12, **area},
              {"name": "swapped", "address": 20, "type": "string", "length": 10,
               "order": "BADC", **area},
              {"name": "garbage", "address": 30, "type": "string", "length": 4, **area}]
    site.show(registers)
    site.configure(points)
    site.rig.start()
    wait_until(lambda: len(site.data()) == len(points), 40, "all are at the centre", every=0.3)
    data = site.data()
    assert {name: of_point.get("value") for name, of_point in data.items()} == {
        "bit0": "1", "bit1": "0", "bit15": "1", "scaled": "25.5", "nan": None, "bcd": None,
        "text": "Gangway 2", "swapped": "Gangway 2", "garbage": None}
    assert all((of_point["quality"] == "good") == ("value" in of_point)
               for of_point in data.values())
    assert data["text"]["valuetype"] == "text"
    assert data["bit0"]["address"] == 0
    place(registers, 10, words(b"0815"))
    site.show(registers)
    wait_until(lambda: site.data()["text"].get("value", "").startswith("0815"), 20, "a new text")
    assert site.data()["text"]["previous"] == "Gangway 2"


def test_holes_are_found_kept_over_a_restart_and_forgotten_with_the_configuration(site):
    points = [{"name": f"p{at}", "area": "holding_register", "address": at, "period_ms": 100}
              for at in range(0, 60, 3)]
    registers = {at: at for at in range(60)}
    del registers[31], registers[45]
    site.show(registers)
    site.configure(points)
    site.rig.start()
    wait_until(lambda: site.device("p57") == "ok" and site.device("p45") == "faulty"
               and len(site.bus()["holes"]) == 2, 40, "it is found what can be read")
    hole = {"unit": 1, "area": "holding_register"}
    assert sorted(site.bus()["holes"], key=lambda hole: hole["first"]) == [
        {**hole, "first": 31, "last": 32, "gap": True},
        {**hole, "first": 45, "last": 45, "gap": False}]
    issues = [issue for issue in site.rig.status()["issues"] if issue["name"] == "modbus_config"]
    assert [issue["subject"] for issue in issues] == ["bus.p45"]
    assert "holding_register 45: exception 2" in issues[0]["detail"]
    assert site.rig.collectd.stop() == 0

    before = len(site.refused())
    site.rig.collectd.start()
    site.rig.wait_connected()
    wait_until(lambda: site.bus()["polls"] > 100, 30, "it reads")
    assert set(site.refused()[before:]) == {(45, 1)}, "nothing was searched again"
    assert len(site.bus()["holes"]) == 2

    registers.update({31: 31, 45: 45})
    site.show(registers)
    before = len(site.refused())
    site.configure(points, max_gap=9)
    site.rig.reload()
    wait_until(lambda: site.device("p45") == "ok", 30, "it is read")
    assert site.bus()["holes"] == []
    assert site.refused()[before:] == []


def test_a_device_that_answers_short_reads_only_is_found_out(site):
    points = [{"name": f"p{at}", "area": "input_register", "address": at, "period_ms": 100}
              for at in range(100)]
    site.show({at: at for at in range(100)}, max_count=30)
    site.configure(points)
    site.rig.start()
    wait_until(lambda: all(site.device(f"p{at}") == "ok" for at in range(100)), 40, "all are read")
    before, polls = len(site.refused()), site.bus()["polls"]
    wait_until(lambda: site.bus()["polls"] > polls + 60, 30, "it goes on")
    assert len(site.refused()) == before
    site.configure(points, max_registers=30)
    site.rig.reload()
    wait_until(lambda: site.bus()["polls"] > 30, 30, "it reads")
    assert len(site.refused()) == before and site.bus()["holes"] == []


def test_reports_keep_their_distance_and_silence_has_an_end(site):
    area = {"area": "holding_register", "address": 0}
    points = [{"name": "calm", "min_interval_ms": 1500, "period_ms": 50, **area},
              {"name": "coarse", "dead_band": "10%", "period_ms": 50, **area},
              {"name": "alive", "dead_band": "1000", "period_ms": 2000, "max_silence_ms": 2500,
               **area}]
    site.show({0: 100})
    site.configure(points)
    site.rig.start()
    wait_until(lambda: len(site.data()) == 3, 30, "first values", every=0.3)
    for value in range(101, 111):
        site.show({0: value})
    wait_until(lambda: site.data()["calm"]["value"] == "110", 20, "the last change", every=0.1)
    assert site.data()["coarse"]["value"] == "100"
    wait_until(lambda: site.data()["alive"]["value"] == "110", 20, "a fresh value", every=0.1)
    site.show({0: 111})
    wait_until(lambda: site.data()["coarse"]["value"] == "111", 20, "11 %", every=0.1)
    calm = sorted(event["time"] for event in site.rig.events("plc.signal_changed")
                  if event["data"]["point"] == "calm")
    assert len(calm) <= 6
