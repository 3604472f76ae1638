# SPDX-License-Identifier: Apache-2.0
"""What the broker door cannot promise, measured: Mosquitto's own state lies on the disk
that is cut, and Mosquitto dies with the gateway.

Mosquitto acknowledges a device before anybody has stored the event, so what it had not
handed over (or had, and the gateway had not committed) is gone. If its state did not have
the gateway's subscription yet, it acknowledges and drops whatever devices send until the
gateway is back. After a restart from an old state things come a second time. All of that
is counted and printed, never a verdict. The verdict: the gateway starts, and what is sent
once it is back arrives.
"""
import pathlib
import sys
import time

import pytest
from rig_process import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "powercut"))

from cut_disk import missing_parts  # noqa: E402
from cut_gateway import CutGateway, Load, seeds  # noqa: E402
from doors import Broker  # noqa: E402
from gangway_rig import can_connect  # noqa: E402

pytestmark = pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())

SAVES = {"as Mosquitto comes": [], "saved each second": ["autosave_interval 1"],
         "saved at each change": ["autosave_interval 1", "autosave_on_changes true"]}


class BrokerOnDisk(Broker):
    """Mosquitto with its persistence on the gateway's disk."""

    def start_outside(self, rig):
        """Nothing of it is outside."""


@pytest.fixture
def gateway(make_rig):
    """On an empty disk, power on, its Mosquitto not started."""
    one = CutGateway(make_rig(devices={}, changes={"store": {"size_mb": 48}}), BrokerOnDisk())
    one.disk.format()
    one.start_outside()
    one.power_on_disk(seeds(2)[0])
    yield one
    one.rig.broker.kill()
    one.close()


def configure_broker(gateway, lines):
    """Its configuration, with the persistence on the disk."""
    config = gateway.rig.folder / "mosquitto.conf"
    state = gateway.disk.mount / "mosquitto"
    state.mkdir()
    config.write_text("\n".join([
        f"listener {gateway.rig.mqtt_port} 127.0.0.1", "allow_anonymous true", "user root",
        "persistence true", f"persistence_location {state}/", "max_queued_messages 0",
        "max_inflight_messages 0", *lines]) + "\n")
    return state


def start(gateway, state):
    """Mosquitto and both daemons. Whether Mosquitto could use what it found."""
    usable = True
    broker = gateway.rig.broker
    broker.start()
    wait_until(lambda: not broker.running or can_connect(gateway.rig.mqtt_port), 10, "mosquitto")
    if not broker.running:
        usable = False
        for path in state.iterdir():
            path.unlink()
        gateway.rig.start_broker()
    gateway.rig.collectd.start()
    gateway.rig.wait_connected()
    gateway.rig.linkd.start()
    return usable


@pytest.mark.parametrize("how", SAVES)
def test_what_mosquitto_acknowledged_and_lost_is_counted(gateway, how):
    state = configure_broker(gateway, SAVES[how])
    start(gateway, state)
    lost_before = lost_after = acked = unusable = 0
    for seed in seeds(2):
        gateway.rig.wan.cut()
        load = Load(gateway, f"seed{seed}", rate=4000)
        target = gateway.acked_count() + 4000
        wait_until(lambda: gateway.acked_count() > target, 120, "the devices send")
        gateway.disk.arm(1 + seed % 7)
        gateway.disk.wait_for_cut(2)
        gateway.rig.broker.kill()
        gateway.power_off()
        before = gateway.acked()
        gateway.power_on_disk(seed + 1)
        gateway.rig.wan.resume()
        unusable += not start(gateway, state)
        time.sleep(0.2)  # the ledger is written every 50 ms
        back = gateway.acked()
        load.stop()
        findings = gateway.wait_matches_but(back)
        acked += gateway.acked_since_load()
        lost_before += len(before.intersection(findings.missing))
        lost_after += len(set(findings.missing) - before)
        gateway.forgive(findings.missing)
    cuts = len(seeds(2))
    print(f"power cuts: Mosquitto, {how}: of {acked} events it acknowledged {lost_before} are "
          f"lost by the cut ({lost_before / cuts:.0f} a cut) and {lost_after} until the gateway "
          f"had subscribed again, {len(findings.twice)} came twice unmarked, {findings.marked} "
          f"marked; its file was unusable after {unusable} of {cuts} cuts")
