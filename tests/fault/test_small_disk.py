# SPDX-License-Identifier: Apache-2.0
"""A store that was configured larger than its disk."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "powercut"))

from cut_disk import CutDisk, missing_parts  # noqa: E402

pytestmark = pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())
LEAST_LEFT = 4 << 20


def free_bytes(path):
    """What others may still write there."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def test_a_store_larger_than_its_disk_leaves_room_and_the_gateway_goes_on(make_rig):
    rig = make_rig(changes={"store": {"size_mb": 24, "quarantine_mb": 1}})
    disk = CutDisk(rig.folder / "disk", size_mb=112)
    try:
        disk.format()
        disk.power_on()
        state = {"collect_state": f"{disk.mount}/collectd", "link_state": f"{disk.mount}/linkd",
                 "run": f"{rig.folder}/run"}
        rig.configure(paths=state)
        rig.start()
        rig.send(100)
        rig.assert_ledger_matches()
        rig.linkd.stop()
        rig.collectd.stop()
        rig.configure(store={"size_mb": 512})
        for _ in range(2):
            rig.collectd.start()
            rig.wait_connected()
            rig.linkd.start()
            rig.send(100)
            rig.assert_ledger_matches()
            assert free_bytes(disk.mount) > LEAST_LEFT
            rig.linkd.stop()
            rig.collectd.stop()
    finally:
        for daemon in (rig.linkd, rig.collectd):
            daemon.kill()
        disk.close()
