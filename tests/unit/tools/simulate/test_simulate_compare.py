# SPDX-License-Identifier: Apache-2.0
"""Ledger against receiver: every kind of loss must be found."""
import json

import pytest

from gangway_simulate import compare


def entry(n, **more):
    return {"device": "s1", "n": n, "raw": f"code-{n}", "t_sent": n, "t_acked": n + 0.5,
            "sends": 1, **more}


def event(n, sequence, **more):
    return {"device": "s1", "raw": f"code-{n}", "sequence": sequence, **more}


def found(entries, events):
    finding = compare.compare_messages("s1", entries, events)
    return finding.missing, finding.twice, finding.disorder, finding.unexpected


def test_everything_there_once_and_in_order_is_good():
    assert found([entry(1), entry(2)], [event(1, 1), event(2, 2)]) == ([], [], [], [])


def test_an_acknowledged_scan_that_is_not_held_is_missing():
    assert found([entry(1), entry(2)], [event(1, 1)])[0] == ["code-2"]


def test_an_unacknowledged_scan_may_be_there_or_not():
    late = entry(2, t_acked=None)
    assert found([entry(1), late], [event(1, 1)]) == ([], [], [], [])
    assert found([entry(1), late], [event(1, 1), event(2, 2)]) == ([], [], [], [])


def test_two_copies_of_one_sent_scan_are_twice_in_effect():
    events = [event(1, 1), event(1, 2)]
    assert found([entry(1)], events)[1] == ["code-1"]
    assert found([entry(1, sends=2)], events)[1] == []


def test_a_device_that_names_its_events_allows_one_copy_only():
    assert found([entry(1, sends=2, deviceeventid="e")], [event(1, 1), event(1, 2)])[1] == \
        ["code-1"]


def test_a_copy_marked_as_possible_duplicate_has_no_second_effect():
    events = [event(1, 1), event(1, 2, possibleduplicate=True)]
    assert found([entry(1)], events) == ([], [], [], [])
    assert found([entry(1)], events[1:]) == ([], [], [], [])


def test_a_marked_copy_that_is_the_only_one_keeps_the_order_too():
    marked = event(1, 2, possibleduplicate=True)
    assert found([entry(1), entry(2)], [event(2, 1), marked])[2] == ["code-1"]


def test_a_scan_that_overtook_another_is_out_of_order():
    assert found([entry(1), entry(2), entry(3)],
                 [event(2, 1), event(1, 2), event(3, 3)])[2] == ["code-1"]


def test_a_scan_nobody_sent_is_unexpected():
    assert found([entry(1)], [event(1, 1), event(9, 2)])[3] == ["code-9"]


@pytest.mark.parametrize("served, reported, missing, wrong", [
    ([1, 2, 3], [1, 2, 3], [], []), ([1, 2, 3], [1, 3], [2], []), ([1, 2, 3], [1, 2], [3], []),
    ([1, 2], [1, 2, 9], [], [9]), ([0, 1, 0], ["false", "true", "false"], [], []),
    ([20.25], ["20.25"], [], []), ([1, 2], [2, 1], [1], [1]), ([1, 2], [1, 1, 2, 2], [], [])])
def test_points_of_a_plc(served, reported, missing, wrong):
    entries = [{"device": "p.x", "n": i, "kind": "uint16", "value": value, "clean": True,
                "t_acked": i} for i, value in enumerate(served, 1)]
    events = [{"device": "p.x", "value": str(value)} for value in reported]
    finding = compare.compare_point("p.x", entries, events)
    assert (finding.missing, finding.disorder) == (missing, wrong)


def test_values_served_beside_a_fault_may_be_missing():
    entries = [{"device": "p.x", "n": 1, "kind": "uint16", "value": 5, "clean": False,
                "t_acked": 1}]
    assert compare.compare_point("p.x", entries, []).good


def test_the_report_counts_and_names(tmp_path):
    lines = [entry(1), entry(2), entry(3)]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "s1.jsonl").write_text(text + '\n{"device": "s1", "n": 4, "ra')
    (tmp_path / "scale.jsonl").write_text(json.dumps(
        {"device": "scale", "n": 1, "value": "0.001", "t_sent": 1, "t_acked": 1, "sends": 1}))
    findings = compare.compare(tmp_path, [event(1, 1), event(3, 2),
                                          {"device": "scale", "raw": "{}", "state": "dynamic"},
                                          {"device": "scale", "raw": "{}", "value": "0.001"}])
    text = compare.report(findings)
    assert "ledger against receiver: 4 acknowledged, 1 missing, 0 twice in effect, " \
           "0 out of order" in text
    assert "s1: missing: 'code-2'" in text
    assert {finding.device: finding.good for finding in findings} == {"s1": False, "scale": True}
