# SPDX-License-Identifier: Apache-2.0
"""Scanners and scales against a real Mosquitto: the ledger says what was acknowledged."""
import json
import pathlib
import shutil
import socket
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

from gangway_simulate import payloads
from gangway_simulate.devices import new_client
from gangway_simulate.ledger import read_ledgers

PROJECT = pathlib.Path(__file__).resolve().parents[4]


class Broker:
    """A Mosquitto of its own that can be killed and started again."""

    def __init__(self, folder):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                                "max_queued_messages 0\nmax_inflight_messages 0\n")
        self.start()

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen([program, "-c", self._config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "mosquitto did not start"
                time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def broker(tmp_path):
    """A running broker."""
    server = Broker(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def heard(broker):
    """What a subscriber hears, in order."""
    messages = []
    client = new_client("listener")
    client.on_message = lambda client, userdata, message: messages.append(message)
    subscribed = []
    client.on_subscribe = lambda *rest: subscribed.append(True)
    client.connect("127.0.0.1", broker.port)
    client.subscribe("floor/#", qos=1)
    client.loop_start()
    wait_until(lambda: subscribed)
    yield messages
    client.loop_stop()
    client.disconnect()


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.01)


def simulate(*arguments, **more):
    return subprocess.Popen(["/usr/bin/python3", PROJECT / "tools/simulate/simulate",
                             *map(str, arguments)], stdout=subprocess.PIPE, text=True, **more)


def test_every_form_is_sent_and_noted(broker, heard, tmp_path):
    ledgers = tmp_path / "ledgers"
    devices = [f"d-{form}={form}" for form in payloads.FORMS]
    process = simulate("scanners", "--broker", f"127.0.0.1:{broker.port}", "--ledgers", ledgers,
                       "--rate", 500, "--burst", 5, "--count", 50,
                       *sum((["--device", device] for device in devices), []))
    figures = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    assert process.returncode == 0 and figures["acked"] == 50 * len(devices)
    wait_until(lambda: len(heard) >= 50 * len(devices) + 100)  # the scale moves twice each
    entries = read_ledgers(ledgers)
    for form in payloads.FORMS:
        of_device = [m.payload.decode() for m in heard if m.topic == f"floor/d-{form}"]
        ledger = entries[f"d-{form}"]
        assert [entry["n"] for entry in ledger] == list(range(1, 51))
        keys = {entry.get("raw", entry.get("value")) for entry in ledger}
        assert len(keys) == 50 and all(entry["t_acked"] >= entry["t_sent"] for entry in ledger)
        if form in ("text", "gs1", "sscc"):
            assert of_device == [entry["raw"] for entry in ledger]
        pointers = payloads.POINTERS[form]
        if "event_id_pointer" in pointers:
            ids = [json.loads(text)[pointers["event_id_pointer"][1:]] for text in of_device]
            assert ids == [entry["deviceeventid"] for entry in ledger]
        if form == "scale":
            assert sum('"state":"stable"' in text for text in of_device) == 50


def test_dropped_connections_are_noted_as_sent_again(broker, heard, tmp_path):
    process = simulate("scanners", "--broker", f"127.0.0.1:{broker.port}", "--ledgers",
                       tmp_path / "l", "--device", "s=text", "--rate", 1000, "--burst", 10,
                       "--count", 300, "--drop-every", 95)
    figures = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    assert figures["reconnects"] == 3
    ledger = read_ledgers(tmp_path / "l")["s"]
    assert len(ledger) == 300 and any(entry["sends"] > 1 for entry in ledger)
    wait_until(lambda: {m.payload.decode() for m in heard} == {e["raw"] for e in ledger})


def test_a_broker_that_dies_and_returns_leaves_unacknowledged_ones_out(broker, tmp_path):
    process = simulate("scanners", "--broker", f"127.0.0.1:{broker.port}", "--ledgers",
                       tmp_path / "l", "--device", "s=text", "--rate", 500, "--grace", 1)
    wait_until(lambda: len(read_ledgers(tmp_path / "l").get("s", ())) > 50)
    broker.kill()
    process.terminate()
    process.communicate(timeout=30)
    ledger = read_ledgers(tmp_path / "l")["s"]
    assert all(entry["t_acked"] is None or entry["t_acked"] > 0 for entry in ledger)
    assert [entry["n"] for entry in ledger] == list(range(1, len(ledger) + 1))


def test_hostile_payloads_reach_the_broker(broker, heard, tmp_path):
    process = simulate("hostile", "--broker", f"127.0.0.1:{broker.port}", "--topic", "floor/x",
                       "--log", tmp_path / "log")
    process.communicate(timeout=60)
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all(entry["acked"] for entry in log)
    wait_until(lambda: len(heard) >= len(log))
    payload_set = {message.payload for message in heard}
    assert {payload for _, payload in payloads.hostile()} <= payload_set


def test_the_paho_of_this_machine_is_spoken_to_by_the_right_api():
    client = new_client("x")
    assert isinstance(client, mqtt.Client)


def test_check_digits_are_those_of_the_standard():
    assert payloads.check_digit("629104150021") == "3"       # GS1's own example, GTIN-13
    assert payloads.sscc(1, 1)[-1] == payloads.check_digit(payloads.sscc(1, 1)[:-1])
