# SPDX-License-Identifier: Apache-2.0
"""The cursor of linkd stands behind acknowledgements, never behind sending."""
from rig_process import wait_until


def test_what_the_centre_refused_is_sent_by_the_next_linkd(rig):
    rig.send(50)
    rig.assert_ledger_matches()
    rig.script({"do": "status", "status": 503, "class": "business", "times": 1000})
    rig.send(500)
    progress = rig.folder / "linkd/progress"

    def refused_and_written():
        tried = rig.centre("/requests?newest=20")
        return (sum(entry["status"] == 503 for entry in tried) >= 3
                and "heads 550 " in progress.read_text())

    wait_until(refused_and_written, 30, "linkd tries, and writes down how far it is", every=0.1)
    rig.linkd.kill()
    rig.script()
    rig.linkd.start()
    rig.assert_ledger_matches()
    rig.wait_drained()
