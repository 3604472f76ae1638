# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the receiver's tests: a PKI, a receiver process, a control client."""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(PROJECT / "tools/receiver"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def pki():
    """Folder of a throw-away PKI with two gateways."""
    with tempfile.TemporaryDirectory(prefix="gw-test-") as folder:
        subprocess.run([PROJECT / "tools/pki/make-test-pki", folder, "GW-1", "GW-2"], check=True)
        yield pathlib.Path(folder)


class ReceiverProcess:
    """A receiver of its own process."""

    def __init__(self, pki, folder, *options, database="receiver.db"):
        self.command = [
            "/usr/bin/python3", str(PROJECT / "tools/receiver/receiver"), "serve",
            "--listen", "127.0.0.1:0", "--cert", f"{pki}/server.crt",
            "--key", f"{pki}/server.key", "--ca", f"{pki}/ca.crt", "--database",
            database if ":" in database else f"{folder}/{database}", *options]
        self.start()

    def start(self):
        """Start and wait for the line that says where it listens."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        assert ready, "the receiver did not start"
        ready = json.loads(ready)
        self.port = ready["port"]
        self.control = ready["control"]

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=20)

    def ask(self, path, body=None):
        """Control port: JSON (or text) of the answer."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.control + path, data=data, timeout=20) as answer:
            text = answer.read().decode()
        if "ndjson" in answer.headers.get("Content-Type", ""):
            return [json.loads(line) for line in text.splitlines()]
        return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def script(self, *steps):
        """Replace the misbehaviour."""
        self.ask("/script", list(steps))


@pytest.fixture
def receiver(pki, tmp_path):
    """A running receiver on SQLite."""
    process = ReceiverProcess(pki, tmp_path)
    yield process
    if process.process.poll() is None:
        process.kill()
    process.process.stdout.close()


@pytest.fixture
def gateway(receiver, pki):
    """A connected gateway double with serial GW-1."""
    from gateway_double import GatewayDouble
    double = GatewayDouble(receiver.port, pki)
    yield double
    double.close()
