# SPDX-License-Identifier: Apache-2.0
"""The doors through which events reach the gateway, as the power-cut tests need them.

A door says what the gateway's configuration gets (`changes`), what has to run
outside the gateway's disk (`start_outside`), how to know that the gateway is
open (`wait_open`) and where the load goes (`load_options`). Everything else of a
power cut is the same for all doors; a new door is a new class in DOORS.
"""

import contextlib

from rig_ipc import Refused

CLIENTS = 8


class Broker:
    """Devices publish to a Mosquitto; the gateway subscribes to it. Mosquitto runs outside
    the disk and survives: what it acknowledged and has not handed over is its own promise,
    which test_power_cut_broker.py measures."""

    name = "broker"

    def changes(self, rig):
        """Part of the gateway's document."""
        return {"devices": [{"id": f"load-{i}", "kind": "scanner", "topic": f"floor/{i}",
                             "payload": "json", "code_pointer": "/id"} for i in range(CLIENTS)]}

    def start_outside(self, rig):
        """What the power cut does not reach."""
        rig.start_broker()

    def wait_open(self, rig):
        """Until events can come in."""
        rig.wait_connected()

    def load_options(self, rig):
        """Options of mqtt_load: where and as whom."""
        return ["--port", rig.mqtt_port, "--topic-format", "floor/%d"]

    def uncommitted(self, counters):
        """Events the gateway had taken and not committed at the cut, as their return tells."""
        return counters.get("mqtt.possible_duplicates", 0) \
            + counters.get("mqtt.device_duplicates", 0)

    def unacknowledged(self, counters):
        """Events committed whose acknowledgement had not left at the cut."""
        return counters.get("mqtt.redelivered_known", 0)


class Front:
    """Devices connect to the gateway itself: their PUBACK means on flash, and nothing but
    the gateway stands between them and the disk."""

    name = "front"
    device = "load"

    def changes(self, rig):
        """Part of the gateway's document."""
        return {"brokers": [],
                "ingress": {"max_connections": 100, "max_connections_per_device": 2 * CLIENTS,
                            "listeners": [{"name": "front", "address": "127.0.0.1",
                                           "port": rig.front_port}]},
                "devices": [{"id": self.device, "kind": "scanner", "topic": "floor/+",
                             "payload": "json", "code_pointer": "/id"}]}

    def start_outside(self, rig):
        """Nothing: there is no broker."""

    def wait_open(self, rig):
        """Until the device may come in. A secret that was told once holds from then on,
        whatever the power does; a fresh disk has none."""
        rig.wait_connected()
        with contextlib.suppress(Refused):
            answer = rig.ask_daemon("collectd", "device_add", device=self.device)
            rig.secrets.write_text(answer["secret"])

    def load_options(self, rig):
        """Options of mqtt_load: where and as whom."""
        return ["--port", rig.front_port, "--topic-format", "floor/%d", "--username",
                self.device, "--password", rig.secrets.read_text()]

    def uncommitted(self, counters):
        """Events the gateway may have taken and had not committed at the cut."""
        return counters.get("front.redelivered_new", 0) \
            + counters.get("front.possible_duplicates", 0)

    def unacknowledged(self, counters):
        """Events committed whose acknowledgement had not left at the cut."""
        return counters.get("front.redelivered_known", 0)


DOORS = [Broker(), Front()]
