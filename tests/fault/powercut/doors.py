# SPDX-License-Identifier: Apache-2.0
"""The doors through which events reach the gateway, as the power-cut tests need them.

A door says what the gateway's configuration gets (`changes`), what has to run
outside the gateway's disk (`start_outside`), how to know that the gateway is
open (`wait_open`) and where the load goes (`load_options`). Everything else of a
power cut is the same for all doors; a new door is a new class in DOORS.
"""

CLIENTS = 8


class Broker:
    """Devices publish to a Mosquitto; the gateway subscribes to it. Mosquitto runs outside
    the disk and survives: what it acknowledged and has not handed over is its own promise,
    which test_power_cut_broker.py measures."""

    name = "broker"

    def changes(self):
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


DOORS = [Broker()]
