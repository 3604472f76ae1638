# SPDX-License-Identifier: Apache-2.0
"""Clients nobody here wrote, each of them also through connections that break.

libmosquitto, paho and MQTT.js publish by a small program each (same arguments), with a
session that is kept and in both versions; mosquitto_pub and mosquitto_sub as they are.
"""
import collections
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

from door import code, topic
from gangway_rig import PYTHON, build_folder
from rig_process import wait_until
from rig_wan import Wan
from statements import v3, v5

HERE = pathlib.Path(__file__).resolve().parent
COUNT = 400
CLIENTS = ("libmosquitto", "paho", "mqttjs")


def offered(lowest=0):
    """Versions with the QoS they offer here, from `lowest` on."""
    pairs = [(version, qos) for version in (4, 5) for qos in range(lowest, 7 - version)]
    return pytest.mark.parametrize("version, qos", pairs,
                                   ids=[f"{'3.1.1' if v == 4 else v}-qos{q}" for v, q in pairs])


@pytest.fixture(scope="module")
def mqttjs():
    """MQTT.js as package-lock.json has it, installed once beside the build."""
    lock = (HERE / "mqttjs/package-lock.json").read_bytes()
    folder = build_folder() / f"mqttjs-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "mqttjs" / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"npm ci: {done.stderr[-2000:]}"
        (folder / "complete").touch()
    shutil.copy(HERE / "mqttjs/publish.mjs", folder)
    return ["node", folder / "publish.mjs"]


@pytest.fixture(scope="module")
def libmosquitto():
    """The program of libmosquitto_publish.c."""
    return [build_folder() / "system/libmosquitto_publish"]


@pytest.fixture
def command(request):
    """command(client): how the program of a client is started."""
    def of(client):
        if client == "paho":
            return [PYTHON, HERE / "paho_publish.py"]
        return request.getfixturevalue(client)
    return of


@pytest.fixture
def wire_(module_door):
    """The way to the door, which can be cut."""
    way = Wan(module_door.rig.front_port)
    yield way
    way.close()


def start(door, client, port, version, qos, prefix):
    """The program of a client, publishing."""
    arguments = [port, version, qos, "scanner-1", f"{prefix}-client", topic(), prefix, COUNT]
    return subprocess.Popen([str(part) for part in [*client, *arguments]],
                            env={**os.environ, "MQTT_SECRET": door.rig.secret("scanner-1")},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, seconds=75):
    """Its exit code, and what it printed."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end: {out} {err}") from None
    return process.returncode, out, err


def assert_all(door, prefix, count=COUNT, exactly=True, ordered=True, has_dup=True):
    """Everything arrives, once but for marked ones; none of those if `exactly`. Without
    DUP on what it sends again a client's second sending is a message of its own."""
    texts = [f"{prefix}-{number}" for number in range(1, count + 1)]
    wait_until(lambda: len(set(event["raw"] for event in door.held(*texts))) == count, 30,
               "everything arrives", every=0.2)
    held = door.held(*texts)
    marked = [event["raw"] for event in held if event.get("possibleduplicate")]
    first = list(dict.fromkeys(event["raw"] for event in held))
    assert first == texts if ordered else sorted(first) == sorted(texts), "in order"
    assert len(held) - count <= len(marked) or not has_dup, "twice, and not marked"
    assert max(collections.Counter(event["raw"] for event in held).values()) <= 3, "and again"
    if exactly:
        assert len(held) == count and not marked, marked


@v3("7.0.0-2", "7.1.1-1")
@v5("4.2.0-1")
@pytest.mark.parametrize("client", CLIENTS)
@offered()
def test_a_client_publishes_and_gets_a_command(door, command, client, version, qos):
    prefix = code()
    process = start(door, command(client), door.rig.front_port, version, qos, prefix)
    wait_until(lambda: door.connections() == 1 or process.poll() is not None, 20, "connected")

    def commanded():
        try:
            return door.rig.ask_daemon("collectd", "device_command", device="scanner-1",
                                       text=f"lamp {prefix}")
        except Exception:  # it has not subscribed yet
            assert process.poll() is None, process.communicate()
            return False
    wait_until(commanded, 10, "the command is taken")
    returned, out, err = finish(process)
    assert returned == 0, (out, err)
    assert f"gangway/scanner-1/command lamp {prefix}" in out
    assert_all(door, prefix)


@pytest.mark.parametrize("client", CLIENTS)
@offered(lowest=1)
def test_a_client_publishes_through_connections_that_break(door, command, wire_, client, version,
                                                           qos):
    prefix, stored = code(), door.counter("stored")
    process = start(door, command(client), wire_.port, version, qos, prefix)
    for part in (COUNT // 8, COUNT // 2):
        wait_until(lambda: door.counter("stored") >= stored + part or process.poll() is not None,
                   30, f"{part} are stored")
        wire_.cut()
        wire_.resume()
    returned, out, err = finish(process)
    assert returned == 0, (out, err)
    assert wire_.connections >= 2
    # What MQTT.js had in no store when the connection closed it hands back: sent later. And
    # it never sets DUP (5.10.4).
    assert_all(door, prefix, exactly=qos == 2, ordered=client != "mqttjs",
               has_dup=client != "mqttjs")


@pytest.mark.parametrize("client", CLIENTS)
@offered(lowest=1)
def test_a_client_publishes_through_kill_9(door, command, client, version, qos):
    prefix, stored = code(), door.counter("stored")
    process = start(door, command(client), door.rig.front_port, version, qos, prefix)
    wait_until(lambda: door.counter("stored") >= stored + COUNT // 8
               or process.poll() is not None, 30, "some are stored")
    door.rig.collectd.kill()
    door.rig.collectd.start()
    door.rig.wait_connected()
    returned, out, err = finish(process)
    assert returned == 0, (out, err)
    assert_all(door, prefix, exactly=qos == 2, ordered=client != "mqttjs",
               has_dup=client != "mqttjs")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_wants_qos_2_of_version_5_is_told_so(door, command, client):
    """Each library in its own way: an error of its own, or the connection ends. Nothing
    of it is taken for a message."""
    prefix, stored = code(), door.counter("stored")
    errors = door.counter("protocol_errors")

    def is_refused():
        return door.counter("protocol_errors") > errors

    process = start(door, command(client), door.rig.front_port, 5, 2, prefix)
    wait_until(lambda: process.poll() is not None or is_refused(), 30,
               "an error of the library, or of the protocol")
    process.kill()
    returned, out, err = finish(process)
    assert is_refused() or (returned > 0 and err), (returned, out, err)
    assert door.counter("stored") == stored


# ---- mosquitto_pub and mosquitto_sub ----

def mosquitto(program, door, port, version, name, *arguments):
    """The command line of one of the two."""
    return [program, "-h", "127.0.0.1", "-p", str(port), "-i", name, "-u", "scanner-1", "-P",
            door.rig.secret("scanner-1"), "-V", "5" if version == 5 else "311", *arguments]


@offered()
def test_mosquitto_pub(door, version, name, qos):
    prefix = code()
    lines = "".join(f"{prefix}-{number}\n" for number in range(1, COUNT + 1))
    subprocess.run(mosquitto("mosquitto_pub", door, door.rig.front_port, version, name, "-q",
                             str(qos), "-t", topic(), "-l"),
                   input=lines, text=True, check=True, timeout=60)
    subprocess.run(mosquitto("mosquitto_pub", door, door.rig.front_port, version, name, "-q",
                             str(qos), "-t", topic(), "-r", "-m", f"{prefix}-{COUNT + 1}"),
                   check=True, timeout=30)
    assert_all(door, prefix, COUNT + 1)


@offered(lowest=1)
def test_mosquitto_pub_through_a_connection_that_breaks(door, version, name, wire_, qos):
    prefix, stored = code(), door.counter("stored")
    kept = ["-c"] if version == 4 else ["-c", "-x", "3600"]
    process = subprocess.Popen(
        mosquitto("mosquitto_pub", door, wire_.port, version, name, "-q", str(qos), "-t", topic(),
                  "-l", *kept),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for number in range(1, COUNT + 1):
        process.stdin.write(f"{prefix}-{number}\n")
        process.stdin.flush()
        if number == COUNT // 2:
            wait_until(lambda: door.counter("stored") >= stored + COUNT // 8, 20, "some stored")
            wire_.cut()
            wire_.resume()
    returned, out, err = finish(process)
    assert returned == 0, (out, err)
    assert_all(door, prefix, exactly=qos == 2)


def test_mosquitto_sub_gets_commands_before_and_after_a_break(door, version, name, wire_):
    process = subprocess.Popen(
        mosquitto("mosquitto_sub", door, wire_.port, version, name, "-t",
                  "gangway/scanner-1/command", "-C", "2", "-q", "1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def commanded(text):
        try:
            return door.rig.ask_daemon("collectd", "device_command", device="scanner-1",
                                       text=text)["connections"]
        except Exception:  # it has not subscribed yet
            assert process.poll() is None, process.communicate()
            return False

    assert wait_until(lambda: commanded("one"), 10, "subscribed") == 1
    assert process.stdout.readline() == "one\n"
    wire_.cut()
    wait_until(lambda: door.connections() == 0, 5, "it has gone")
    wire_.resume()
    wait_until(lambda: commanded("two"), 20, "subscribed again")
    returned, out, err = finish(process, 20)
    assert returned == 0 and out.split() == ["two"], (out, err)


def test_mosquitto_sub_is_told_what_it_may_not_have(door, version, name):
    done = subprocess.run(
        mosquitto("mosquitto_sub", door, door.rig.front_port, version, name, "-t", "#", "-W", "3"),
        capture_output=True, text=True, timeout=20)
    assert "denied" in done.stderr, done.stderr


@pytest.mark.parametrize("version_", ["mqttv31", "31"])
def test_a_client_of_version_3_1_is_refused(door, name, version_):
    done = subprocess.run(
        mosquitto("mosquitto_pub", door, door.rig.front_port, 4, name, "-V", version_, "-t",
                  topic(), "-m", "x"), capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "protocol version" in done.stderr, done.stderr


def test_a_will_of_mosquitto_sub_fires(door, version, name):
    wills = door.counter("wills")
    process = subprocess.Popen(
        mosquitto("mosquitto_sub", door, door.rig.front_port, version, name, "-t",
                  "gangway/scanner-1/command", "--will-topic", topic(rest="status"),
                  "--will-payload", "gone", "--will-qos", "1", "--will-retain"))
    wait_until(lambda: door.connections() == 1, 10, "connected")
    process.kill()
    process.wait()
    door.wait_counter("wills", wills + 1)
