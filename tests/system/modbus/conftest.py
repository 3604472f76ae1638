# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the Modbus tests: a gateway, a wire that does wrong, and pymodbus."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bus_floor import BusFloor  # noqa: E402


@pytest.fixture
def make_floor(make_rig):
    """make_floor(kind, server) -> a started BusFloor."""
    floors = []

    def make(kind, server=None):
        floors.append(BusFloor(make_rig(door="front", devices={}), kind, server))
        return floors[-1].start()

    yield make
    for floor in floors:
        floor.close()
