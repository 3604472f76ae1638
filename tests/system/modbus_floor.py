# SPDX-License-Identifier: Apache-2.0
"""gw-collectd with the simulated PLC, for tests of writes and of the technician's tools."""
import json
import subprocess
import urllib.request
import uuid

from gangway_rig import build_folder, plc_bus
from rig_ipc import ask
from rig_process import wait_until

WRITES = [
    {"name": "setpoint", "area": "holding_register", "address": "40041", "scale": "0.1",
     "min": "0", "max": "100", "min_interval_ms": 0},
    {"name": "recipe", "area": "holding_register", "address": 50, "type": "uint32",
     "values": ["1", "2", "70000"], "min_interval_ms": 0},
    {"name": "real", "area": "holding_register", "address": 60, "type": "float32",
     "order": "CDAB", "min": "-10", "max": "10", "min_interval_ms": 0},
    {"name": "lamp", "area": "coil", "address": 7, "min_interval_ms": 0},
    {"name": "order", "area": "holding_register", "address": 70, "min": "0", "max": "9",
     "multiple": True, "read_back": False, "min_interval_ms": 0},
    {"name": "slow", "area": "holding_register", "address": 80, "min": "0", "max": "9",
     "min_interval_ms": 60000},
    {"name": "hole", "area": "holding_register", "address": 30, "min": "0", "max": "9",
     "min_interval_ms": 0},
]


class ModbusFloor:
    """A rig without centre whose PLC can be written."""

    def __init__(self, rig, **bus_changes):
        self.rig = rig
        rig.start_broker()
        rig.start_plc(interval=0.05)
        self.control("/pause", {})
        self.bus = {**plc_bus(rig.plc["port"]), "writes": WRITES, **bus_changes}
        self.configure()

    def configure(self, **changes):
        """Write the configuration."""
        self.bus.update(changes)
        self.rig.configure(buses=[self.bus])

    def start(self):
        """collectd, its PLC being read."""
        self.rig.collectd.start()
        self.rig.wait_connected()
        self.wait_polls()
        return self

    def wait_polls(self):
        """Until the bus is read."""
        wait_until(lambda: self.rig.status()["buses"][0]["polls"] > 0, 20, "the bus is read")

    # -- the PLC

    def control(self, path, body=None):
        """The PLC's control port."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.rig.plc["control"] + path, data=data,
                                    timeout=10) as answer:
            return json.load(answer)

    def faults(self, *faults):
        """What the PLC does wrong next."""
        self.control("/faults", list(faults))

    def written(self):
        """The PLC's own log of what was written to it."""
        return self.control("/state")["writes"]

    # -- the gateway

    def write(self, name="setpoint", value="12.5", socket="control", **changes):
        """One command; the answer."""
        body = {"id": str(uuid.uuid4()), "bus": "plc1", "name": name, "value": value,
                "valid_ms": 5000, "actor": "test:anna", **changes}
        body = {key: value for key, value in body.items() if value is not None}
        return ask(self.rig.folder / "run/collectd" / f"{socket}.sock", "modbus_write", body,
                   seconds=60)

    def ask(self, verb, **body):
        """Any verb on the control socket, with patience."""
        return ask(self.rig.folder / "run/collectd/control.sock", verb, body, seconds=120)

    def gwctl(self, *arguments, status=0, config=True):
        """Run gwctl; its output. On a refusal standard error."""
        command = [build_folder() / "bin/gwctl"]
        if config:
            command += ["--config", self.rig.config_path]
        done = subprocess.run([str(part) for part in (*command, *arguments)],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stdout + done.stderr

    def stored(self, kind):
        """Events of a type as they are sent, from the store."""
        lines = self.gwctl("queue", "list", "--json", "--max", "5000").splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if kind in event["type"]]

    def issues(self):
        """Open issues: name -> subjects."""
        found = {}
        for issue in self.rig.status()["issues"]:
            found.setdefault(issue["name"], []).append(issue["subject"])
        return found
