# SPDX-License-Identifier: Apache-2.0
"""A gateway on a disk whose power can fail, devices with a ledger, and the comparison.

The state directories of gw-collectd and gw-linkd lie on the disk. The run folder
is gone after a cut, as a tmpfs is. The devices (tests/bench/mqtt_load.c) note the
id of every event that was acknowledged to them; they, the WAN and the receiver
are outside and survive.
"""
import json
import os
import random
import shutil
import time

from cut_disk import CutDisk
from doors import CLIENTS
from gangway_rig import build_folder
from rig_process import Child, wait_until

KEEPS = (20, 0, 50, 90)  # per cent of the pending sectors that survive
QUIET_S = 3.0  # nothing waits in the gateway and nothing came: nothing will come


class Findings:
    """Ledger of the devices against the events at the centre."""

    def __init__(self, acked, events):
        self.acked = len(acked)
        self.marked = self.extra = 0
        self.disorder = []
        unmarked, newest = {}, {}
        for event in events:
            if "raw" not in event:
                continue
            name, marked = event["raw"], bool(event.get("possibleduplicate"))
            self.marked += marked
            self.extra += marked and name in unmarked
            if name not in unmarked:
                self._note_order(name, newest)
            unmarked[name] = unmarked.get(name, 0) + (not marked)
        self.held = len(unmarked)
        self.missing = sorted(acked - unmarked.keys())
        self.twice = sorted(name for name, count in unmarked.items() if count > 1)

    def _note_order(self, name, newest):
        """First copies of one device must come in the order in which it sent."""
        device, counter = name.rsplit("-", 1)
        if int(counter) < newest.get(device, 0):
            self.disorder.append(name)
        newest[device] = int(counter)

    @property
    def good(self):
        """Everything acknowledged is there, once in effect, in order."""
        return not (self.missing or self.twice or self.disorder)

    def __str__(self):
        def some(names):
            return f"{len(names)}" + (f" ({', '.join(names[:3])} ...)" if names else "")
        return (f"{self.acked} acknowledged, {self.held} at the centre, missing "
                f"{some(self.missing)}, twice {some(self.twice)}, out of order "
                f"{some(self.disorder)}, marked {self.marked} ({self.extra} beside another copy)")


class Load:
    """Devices that send; `stop` lets them wait for their last acknowledgements."""

    def __init__(self, gateway, run, **options):
        rig = gateway.rig
        gateway.acked_before_load = gateway.acked_count()
        command = [build_folder() / "bench/mqtt_load", *gateway.door.load_options(rig),
                   "--clients", CLIENTS, "--run", run, "--ledger", gateway.ledger, "--seconds", 60,
                   "--drain", 30, "--deadline", 120, "--reconnect"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", value]
        self.child = Child(f"load-{run}", command, rig.folder).start()

    def finish(self):
        """Until it has sent its --count."""
        wait_until(lambda: not self.child.running, 60, "the devices have sent")
        assert self.child.exit_code == 0, self.child.tail()

    def stop(self):
        """No new events; every event sent gets its acknowledgement, or this fails."""
        code = self.child.stop(60)
        assert code == 0, f"devices without acknowledgement: {self.child.tail()}"
        return json.loads(self.child.tail(1))


class CutGateway:
    """See above. `rig` is not started; `changes` is merged into its configuration."""

    def __init__(self, rig, door, disk_mb=128, config_on_disk=False):
        self.rig = rig
        self.door = door
        self.disk = CutDisk(rig.folder / "disk", disk_mb)
        self.ledger = rig.folder / "ledger"
        self.ledger.touch()
        if config_on_disk:
            rig.config_path = self.disk.mount / "config.json"
            for daemon in (rig.collectd, rig.linkd):
                daemon.command[-1] = str(rig.config_path)
        paths = {"collect_state": f"{self.disk.mount}/collectd",
                 "link_state": f"{self.disk.mount}/linkd", "run": f"{rig.folder}/run"}
        self._fixed = {"paths": paths, **door.changes(rig)}
        self._is_configured = False
        self.acked_before_load = 0
        self._forgiven = set()

    def start_outside(self):
        """What stands outside the gateway."""
        self.door.start_outside(self.rig)
        self.rig.start_receiver()

    def power_on(self, seed):
        """The disk as the last cut left it, and the gateway on it."""
        self.power_on_disk(seed)
        self.rig.collectd.start()
        self.door.wait_open(self.rig)
        self.rig.linkd.start()

    def power_on_disk(self, seed):
        """The disk alone. The seed is that of the next cut."""
        self.disk.power_on(seed, KEEPS[seed % len(KEEPS)])
        if not self._is_configured:
            self._is_configured = True
            self.rig.configure(**self._fixed)
            os.sync()

    def cut(self, seed, armed_within=None, between=(0.0, 0.3), outlives_disk=0.0):
        """Power off at an instant drawn from `seed`: every fourth one at a random time, the
        others inside one of the next `armed_within` requests to the disk, because a clock
        seldom hits what lasts a millisecond; then up to `outlives_disk` seconds go by until
        the daemons have no power either. The disk's report."""
        chance = random.Random(seed)
        if armed_within and seed % 4:
            self.disk.arm(chance.randint(1, armed_within))
            self.disk.wait_for_cut(2.5)
            time.sleep(chance.uniform(0.0, outlives_disk))
        else:
            time.sleep(chance.uniform(*between))
        return self.power_off()

    def power_off(self):
        """Now, or later than that if the power has failed already."""
        report = self.disk.cut()
        for daemon in (self.rig.linkd, self.rig.collectd):
            assert not daemon.starts or daemon.running or daemon.exit_code in (0, 1), \
                f"{daemon.name} died of {daemon.exit_code}: {daemon.tail()}"
            daemon.kill()
        self.disk.unmount()
        shutil.rmtree(self.rig.folder / "run", ignore_errors=True)
        return report

    def acked(self):
        """Ids of the events acknowledged to the devices so far."""
        lines = self.ledger.read_bytes().split(b"\n")
        return {line.decode() for line in lines[:-1]}  # the last may be half written

    def acked_count(self):
        """How many, cheaply."""
        return self.ledger.read_bytes().count(b"\n")

    def acked_since_load(self):
        """How many since the last Load began."""
        return self.acked_count() - self.acked_before_load

    def compare(self):
        """Findings now."""
        return Findings(self.acked() - self._forgiven, self.rig.centre("/ids"))

    def wait_matches(self, seconds=60):
        """Until everything acknowledged is at the centre, once in effect; fails when it is
        not and nothing has come for a while."""
        findings = self._wait_for(lambda found: found.good, seconds)
        assert findings.good, str(findings)
        return findings

    def wait_matches_but(self, excused, seconds=60):
        """The same where only what is not in `excused` must come, and copies do not matter.
        What is missing in the end is said."""
        findings = self._wait_for(lambda found: not found.missing, seconds)
        assert set(findings.missing) <= excused, str(findings)
        return findings

    def forgive(self, names):
        """Known to be lost: looked for no more."""
        self._forgiven.update(names)

    def _wait_for(self, is_enough, seconds):
        """Findings that are enough, or those after which nothing came for a while."""
        deadline = time.monotonic() + seconds
        held, since = -1, time.monotonic()
        while True:
            self._wait_drained(deadline)  # cheap; the comparison reads all events there are
            findings = self.compare()
            for daemon in (self.rig.collectd, self.rig.linkd):
                assert daemon.running, f"{daemon.name} ended: {daemon.exit_code} {daemon.tail()}"
            now = time.monotonic()
            if findings.held != held:
                held, since = findings.held, now
            if is_enough(findings) or now > deadline or now - since > QUIET_S:
                return findings
            time.sleep(0.1)

    def _wait_drained(self, deadline):
        """Until nothing waits in the gateway, or it has ended, or the time is up."""
        while time.monotonic() < deadline and self.rig.collectd.running \
                and self.rig.linkd.running and not self.rig._is_drained():
            time.sleep(0.05)

    def close(self):
        """Orderly end of the gateway, and the disk away whatever happens."""
        bad = []
        try:
            for daemon in (self.rig.linkd, self.rig.collectd):
                if daemon.running and daemon.stop() != 0:
                    bad.append(f"{daemon.name} ended with {daemon.exit_code}")
        finally:
            for daemon in (self.rig.linkd, self.rig.collectd):
                daemon.kill()
            self.disk.close()
        assert not bad, bad


class Tally:
    """Figures of the cuts of one scenario, printed as they come."""

    def __init__(self, name):
        self.name = name
        self.cuts = 0
        self.sums = dict.fromkeys(("pending", "lost", "torn", "acked", "uncommitted"), 0)
        self.cuts_with_loss = 0
        self._start = time.monotonic()
        self._last = self._start

    def note(self, seed, report, acked=0, uncommitted=0, remark=""):
        """One cut."""
        self.cuts += 1
        figures = {"pending": report["pending_sectors"], "lost": report["lost_sectors"],
                   "torn": report["torn_writes"], "acked": acked, "uncommitted": uncommitted}
        for name, value in figures.items():
            self.sums[name] += value
        self.cuts_with_loss += report["lost_sectors"] > 0
        now = time.monotonic()
        print(f"power cut: {self.name} seed {seed:>4} keep {report['keep']:>3} % "
              f"{'in a request' if report['in_request'] else 'by the clock':<12} "
              f"sectors pending {figures['pending']:>5} lost {figures['lost']:>5} "
              f"torn writes {figures['torn']:>4}  events acknowledged {acked:>6} "
              f"uncommitted {uncommitted:>5}  {now - self._last:.1f} s {remark}", flush=True)
        self._last = now

    def finish(self):
        """The sum; a scenario in which no sector was ever lost has proved nothing."""
        sums = self.sums
        seconds = time.monotonic() - self._start
        print(f"power cuts: {self.name}: {self.cuts} cuts, {self.cuts_with_loss} of them "
              f"lost sectors ({sums['lost']} of {sums['pending']} pending, {sums['torn']} writes "
              f"torn), {sums['acked']} events acknowledged, {sums['uncommitted']} uncommitted at "
              f"the cuts, {seconds / max(1, self.cuts):.1f} s a cut")
        assert sums["lost"] > 0, f"{self.name}: no cut ever lost a sector: proved nothing"


def seeds(share):
    """Seeds of a scenario that gets `share` of 50 cuts. GW_POWER_CUTS sets the number of
    all, GW_POWER_SEED where they begin."""
    count = max(1, round(share * int(os.environ.get("GW_POWER_CUTS", "50")) / 50))
    first = int(os.environ.get("GW_POWER_SEED", "1"))
    return range(first, first + count)
