# SPDX-License-Identifier: Apache-2.0
"""Scanners and scales that speak bytes, in front of a whole gateway.

    floor = Floor(make_rig(devices={}))
    floor.add("scale-1", "scale", "mt-sics", "pty", "--protocol", "mt-sics", "--cycles", "5")
    floor.start(); floor.wait_finished(); floor.assert_all_there()
"""
import json

from gangway_rig import PROJECT, PYTHON, free_port
from rig_process import Child, wait_until

PROFILES = PROJECT / "drivers/profile/profiles"
SIMULATE = PROJECT / "tools/simulate/simulate"


def profile(name):
    """Path of a profile that comes with the program."""
    return str(PROFILES / f"{name}.json")


def patient_profile(folder, name):
    """Path of a copy that waits for a lost terminator for ever: for a test that pauses inside
    of a code."""
    document = json.loads((PROFILES / f"{name}.json").read_text())
    document["framing"]["idle_ms"] = 0
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return str(path)


class Floor:
    """Simulated devices and the feeds of the configuration that hear them."""

    def __init__(self, rig):
        self.rig = rig
        self.feeds = []
        self.peers = {}

    def add(self, name, kind, profile_name, way, *options, **feed):
        """A device: `kind` of simulator, `way` pty, listen or connect. Starts it."""
        command = [PYTHON, SIMULATE, kind, "--device", name, "--ledgers", self.rig.ledgers]
        entry = {"id": name, "profile": profile(profile_name)}
        if way == "pty":
            path = str(self.rig.folder / f"tty-{name}")
            command += ["--pty", path]
            entry |= {"transport": "serial", "path": path}
        else:
            port = free_port()
            command += [f"--{way}", f"127.0.0.1:{port}"]
            entry |= {"transport": "tcp_client" if way == "listen" else "tcp_server",
                      "address": "127.0.0.1", "port": port}
        self.feeds.append({**entry, **feed})
        child = Child(f"device-{name}", [*command, *options], self.rig.folder)
        self.peers[name] = child
        self.rig._peers.append(child)  # pylint: disable=protected-access
        return child

    def start(self, **changes):
        """Gateway and centre, then the devices."""
        self.rig.configure(feeds=self.feeds, **changes)
        self.rig.start()
        for child in self.peers.values():
            child.start()

    def feed(self, name):
        """The feed's line of the status."""
        return next(feed for feed in self.rig.status()["feeds"] if feed["name"] == name)

    def wait_state(self, name, state, seconds=30):
        """Until the feed is in that state."""
        wait_until(lambda: self.feed(name)["state"] == state, seconds, f"{name} is {state}")

    def wait_finished(self, seconds=90):
        """Until all devices have done what they were told."""
        for name, child in self.peers.items():
            wait_until(lambda child=child: not child.running, seconds, f"{name} has finished")
            assert child.exit_code == 0, child.tail()

    def figures(self, name):
        """What the device says of itself at its end."""
        return json.loads(self.peers[name].tail(1))

    def issues(self, name):
        """Names of open issues of a device."""
        return {issue["name"] for issue in self.rig.status()["issues"]
                if issue["subject"] == name}

    def assert_all_there(self):
        """Nothing missing, twice, out of order, or made up."""
        findings = self.rig.assert_ledger_matches()
        for finding in findings:
            assert finding.unexpected == [], (finding.device, finding.unexpected)
        return {finding.device: finding for finding in findings}

    def events(self, name, kind):
        """Events of a device at the centre."""
        return [event for event in self.rig.events(kind) if event["device"] == name]
