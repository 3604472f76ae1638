# SPDX-License-Identifier: Apache-2.0
"""Modbus programs that nobody here wrote, besides pymodbus (test_sick_bus.py): modbus-serial
of npm as a server for the gateway, mbpoll as a client of the simulated PLC that the gateway
reads at the same time.
"""
import hashlib
import pathlib
import re
import shutil
import subprocess

import pytest
from bus_floor import HEALTHY, SICK, run
from gangway_rig import build_folder
from rig_process import wait_until

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def modbus_serial():
    """modbus-serial as package-lock.json has it, installed once beside the build."""
    lock = (HERE / "modbus-serial/package-lock.json").read_bytes()
    folder = build_folder() / f"modbus-serial-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "modbus-serial" / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=folder, capture_output=True, text=True, timeout=300,
                              check=False)
        assert done.returncode == 0, f"npm ci: {done.stderr[-2000:]}"
        (folder / "complete").touch()
    shutil.copy(HERE / "modbus-serial/serve.mjs", folder)
    return ["node", folder / "serve.mjs"]


@pytest.mark.parametrize("kind", ("tcp", "rtu"))
def test_modbus_serial_is_read_well_and_badly(make_floor, modbus_serial, kind):
    floor = make_floor(kind, modbus_serial)
    for name in ("late", "wrong_unit", "truncated", "delay", "exception"):
        floor.proxy.arm(name, SICK)
        wait_until(lambda name=name: floor.proxy.happened[name] > 0, 60, f"{name} happened")
        floor.wait_good(HEALTHY, 3)
        floor.wait_good(SICK, 3)
    for unit in (SICK, HEALTHY):
        floor.wait_published(unit)
    values = floor.assert_true()
    assert {(unit, n) for unit, n, _ in values} == {(unit, n) for unit in (SICK, HEALTHY)
                                                    for n in range(3)}


def mbpoll(*arguments):
    """Values by address that mbpoll prints."""
    text = run(["mbpoll", "-1", "-0", *arguments])
    return {int(at): int(value) for at, value in re.findall(r"\[(\d+)\]:\s+(-?\d+)", text)}


def held(rig, device):
    """Values of a point at the centre, oldest first."""
    return [int(event["value"]) for event in rig.events("plc.signal_changed")
            if event["device"] == device and "value" in event]


@pytest.fixture
def plc_rig(make_rig):
    """A gateway that reads holding registers 100 to 103 of the simulated PLC by RTU over
    TCP; plc_rig.plc says where it is reached otherwise."""
    rig = make_rig(door="front", devices={})
    rig.start_plc(interval=0.2, options=["--rtu-listen", "0", "--rtu-line",
                                         str(rig.folder / "line")])
    points = [{"name": f"r{at}", "area": "holding_register", "address": at, "period_ms": 100}
              for at in range(100, 104)]
    rig.configure(buses=[{"name": "plc", "transport": "rtu_over_tcp", "host": "127.0.0.1",
                          "port": rig.plc["rtu_port"], "points": points}])
    return rig.start()


def test_mbpoll_and_the_gateway_see_the_same_plc(plc_rig):
    rig = plc_rig
    tcp = ["-m", "tcp", "-p", rig.plc["port"], "127.0.0.1"]
    line = ["-m", "rtu", "-b", "115200", "-P", "none", rig.plc["rtu_line"]]
    wait_until(lambda: held(rig, "plc.r100"), 30, "the PLC is read")
    run(["mbpoll", "-1", "-0", "-a", "1", "-t", "4", "-r", "100", *tcp, "4711"])
    assert mbpoll("-a", "1", "-t", "4", "-r", "100", "-c", "1", *line) == {100: 4711}
    run(["mbpoll", "-1", "-0", "-a", "1", "-t", "4", "-r", "101", *line, "1", "2", "3"])
    assert mbpoll("-a", "1", "-t", "4", "-r", "100", "-c", "4", *tcp) == {
        100: 4711, 101: 1, 102: 2, 103: 3}
    for at, value in ((100, 4711), (101, 1), (102, 2), (103, 3)):
        wait_until(lambda at=at, value=value: held(rig, f"plc.r{at}")[-1:] == [value], 30,
                   f"{value} of register {at} is at the centre")
    assert held(rig, "plc.r100") == [0, 4711]


def test_a_line_that_another_program_has_is_left_alone(plc_rig):
    rig = plc_rig
    point = {"name": "r100", "area": "holding_register", "address": 100, "period_ms": 100}
    bus = {"name": "line", "transport": "rtu", "line": rig.plc["rtu_line"], "parity": "none",
           "points": [point]}
    other = subprocess.Popen(["flock", rig.plc["rtu_line"], "-c", "echo taken; read end"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "taken\n"
        rig.configure(buses=[bus])
        rig.reload()
        wait_until(lambda: any(
            issue["name"] == "modbus_unit_down"
            and issue["detail"] == "another bus or program has the serial line"
            for issue in rig.status()["issues"]), 60, "it is named")
        assert held(rig, "line.r100") == []
    finally:
        other.stdin.close()
        other.wait(timeout=10)
        other.stdout.close()
    wait_until(lambda: "modbus_unit_down" not in rig.issues("collectd"), 90, "it is free")
