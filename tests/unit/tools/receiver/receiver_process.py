# SPDX-License-Identifier: Apache-2.0
"""A receiver as a process of its own, and its control port."""
import json
import pathlib
import subprocess
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[4]


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
