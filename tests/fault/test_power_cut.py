# SPDX-License-Identifier: Apache-2.0
"""The power fails while events come in (broker door).

collectd runs on a flash that tells (flash/flash_journal.c): the journal of its
writes and flushes gives the store file that a power cut at the instant of the
kill would have left, with a seeded part of the unflushed sectors lost or torn.
Both daemons are killed, the store is replaced by that image, both start again.
The WAN is down meanwhile, so the store is the only place the events are in;
Mosquitto stays up, so everything it acknowledged must be at the centre in the end.

GW_POWER_CUTS sets the number of cuts (12).
"""
import os
import random
import sys
import pathlib
import time

from rig_process import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "flash"))

import image  # noqa: E402

CUTS = int(os.environ.get("GW_POWER_CUTS", "12"))
KEEPS = (0.0, 0.5, 0.9)


class Flash:
    """The store of a rig, as the flash has it."""

    def __init__(self, rig):
        self.rig = rig
        self.store = rig.folder / "collectd/queue"
        self.journal = rig.folder / "flash.journal"
        self.image = image.Image()
        rig.collectd._environment.update(LD_PRELOAD=str(image.build(rig.folder)),
                                         GW_FLASH_JOURNAL=str(self.journal))

    def cut(self, seed, keep):
        """Power off: the daemons die, the unflushed part of the store is lost."""
        self.rig.linkd.kill()
        self.rig.collectd.kill()
        self.image.replay(self.journal.read_bytes())
        pending = len(self.image.pending)
        lost = self.image.cut(seed, keep)
        self.journal.unlink()
        (self.store / "data.mdb").write_bytes(self.image.content)
        for name in ("lock.mdb",):
            (self.store / name).unlink(missing_ok=True)
        return pending, lost

    def power_on(self):
        """Both daemons start on what is left."""
        self.rig.collectd.start()
        self.rig.wait_connected()
        self.rig.linkd.start()


def test_nothing_the_broker_acknowledged_is_lost_in_power_cuts(make_rig):
    rig = make_rig(devices={"scanner-1": "text", "scanner-2": "gs1"},
                   changes={"store": {"size_mb": 64}})
    flash = Flash(rig)
    rig.start()
    chance = random.Random(5)
    rig.wan.cut()
    scanners = rig.simulate("scanners", "--rate", "1500", "--burst", "15", "--in-flight", "200",
                            "--grace", "30")
    hit = 0
    for seed in range(CUTS):
        target = rig.acked_to_devices() + 200
        wait_until(lambda: rig.acked_to_devices() > target, 30, "the devices go on")
        time.sleep(chance.uniform(0, 0.05))
        pending, lost = flash.cut(seed, KEEPS[seed % len(KEEPS)])
        hit += lost > 0
        assert flash.image.flushes > 0, "a store that never flushes keeps nothing"
        flash.power_on()
        assert rig.status()["queue"]["origin"] == "reopened", "a cut must not cost the store"
    assert scanners.stop(60) == 0, scanners.tail()
    rig.wan.resume()
    rig.assert_ledger_matches(120)
    print(f"power cuts: {CUTS}, {hit} of them with unflushed sectors lost")
    assert {epoch["verdict"] for epoch in rig.completeness()["epochs"]} == {"complete"}
    assert len(rig.completeness()["epochs"]) == 1


def test_a_power_cut_while_the_store_is_made_leaves_a_gateway_that_starts(make_rig):
    rig = make_rig(changes={"store": {"size_mb": 16, "quarantine_mb": 1}})
    flash = Flash(rig)
    rig.start_broker()
    rig.start_receiver()
    rig.configure()
    for seed in range(4):
        rig.collectd.start()
        wait_until(lambda: flash.journal.exists() and flash.journal.stat().st_size > 100 * seed, 20,
                   "the store is being made", every=0.001)
        flash.cut(seed, KEEPS[seed % len(KEEPS)])
    flash.power_on()
    rig.send(100)
    rig.assert_ledger_matches()
