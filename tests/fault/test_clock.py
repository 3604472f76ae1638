# SPDX-License-Identifier: Apache-2.0
"""Wall time jumps; monotonic time does not. Nothing stops, nothing is lost, and the
jump is a fact of its own at the centre. Wall time of the daemons comes from
libfaketime, which reads the offset from a file."""
import glob
import os

import pytest
from rig_process import wait_until

LIBRARY = (glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") or [None])[0]


def set_offset(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text + "\n")
    os.replace(beside, path)


@pytest.mark.parametrize("jump", ["+3600", "-3600"])
def test_a_clock_jump_changes_times_and_nothing_else(make_rig, jump):
    assert LIBRARY, "package libfaketime is missing: run tools/setup"
    rig = make_rig()
    offset = rig.folder / "offset"
    set_offset(offset, "+0")
    rig.collectd._environment.update(
        LD_PRELOAD=LIBRARY, FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
    rig.start()
    rig.send(100)
    rig.assert_ledger_matches()
    set_offset(offset, jump)
    rig.send(100)
    rig.assert_ledger_matches()
    corrected = wait_until(lambda: rig.events("clock_corrected"), 30, "the jump is reported")
    assert len(corrected) == 1
    assert {epoch["verdict"] for epoch in rig.completeness()["epochs"]} == {"complete"}
