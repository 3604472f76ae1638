# SPDX-License-Identifier: Apache-2.0
"""A scale behind Modbus: status word and weight of the simulated PLC become weights."""
import json

import pytest
from gangway_rig import PROJECT
from modbus_floor import ModbusFloor
from rig_process import wait_until

# The multi-scale block of a DGT4X, on the registers that the simulated PLC lets us set.
PROFILE = json.loads(
    (PROJECT / "drivers/profile/profiles/modbus-dgt4x-multi.json").read_text())
STABLE, OVER = 1 << 1, 1 << 3
POINTS = [{"name": "s1.status", "area": "holding_register", "address": 0, "type": "uint16",
           "period_ms": 50},
          {"name": "s1.gross", "area": "holding_register", "address": 10, "type": "uint32",
           "scale": "0.001", "period_ms": 50}]


class Scale:
    """The PLC, seen as a scale."""

    def __init__(self, floor):
        self.floor = floor

    def show(self, status, gross=None):
        if gross is not None:
            self.floor.control("/set", {"point": "pieces", "value": gross})
        self.floor.control("/set", {"point": "state", "value": status})
        before = self.floor.rig.status()["buses"][0]["polls"]
        wait_until(lambda: self.floor.rig.status()["buses"][0]["polls"] > before + 2, 10,
                   "it was read")

    def weigh(self, grams):
        self.show(0)
        self.show(0, grams)
        self.show(STABLE)
        self.show(0)
        self.show(0, 0)
        self.show(STABLE)

    def weights(self):
        return [event["data"] for event in self.floor.stored("weight.measured")]


@pytest.fixture
def floor(make_rig, tmp_path):
    path = tmp_path / "modbus-dgt4x-multi.json"
    path.write_text(json.dumps(PROFILE))
    return ModbusFloor(make_rig(devices={}), points=POINTS, writes=[], max_gap=20,
                       scales=[{"id": "scale-1", "profile": str(path), "points_prefix": "s1."}])


def test_each_load_is_one_weight_with_unit_and_mode(floor):
    scale = Scale(floor)
    floor.control("/set", {"point": "state", "value": STABLE})
    floor.control("/set", {"point": "pieces", "value": 0})
    floor.start()
    for grams in (12340, 500, 12340):
        scale.weigh(grams)
    wait_until(lambda: len(scale.weights()) >= 3, 10, "three weights")
    weights = scale.weights()
    assert [weight["value"] for weight in weights] == ["12.340", "0.500", "12.340"]
    assert all(weight["unit"] == "kg" and weight["unitcode"] == "KGM" and weight["mode"] == "gross"
               for weight in weights)
    scale.show(STABLE | OVER)
    wait_until(lambda: len(scale.weights()) == 4, 10, "it is over")
    assert scale.weights()[3]["state"] == "over" and "value" not in scale.weights()[3]
    device = [entry for entry in floor.rig.status()["devices"] if "scale-1" in (entry.get("device"), entry.get("id"))]
    assert device and device[0]["events"] == 4
    assert floor.stored("weight.measured")[0]["source"].endswith(":scale-1")


def test_a_scale_whose_points_the_bus_does_not_have_is_named(floor):
    floor.configure(points=POINTS[:1])
    floor.start()
    assert floor.issues()["feed_profile"] == ["scale-1"]
    issue = [each for each in floor.rig.status()["issues"] if each["name"] == "feed_profile"][0]
    assert 'the bus has no point "s1.gross"' in issue["detail"]
    floor.configure(points=POINTS)
    floor.rig.reload()
    assert "feed_profile" not in floor.issues()
