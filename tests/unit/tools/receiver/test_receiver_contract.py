# SPDX-License-Identifier: Apache-2.0
"""The receiver takes every golden message of gangway-ingest v1, and answers in its form."""
import json
import pathlib

import pytest

from gangway_receiver import database, listing
from gangway_receiver.batch import read_batch
from gangway_receiver.completeness import completeness
from gangway_receiver.contract import Refusal
from gangway_receiver.custody import Custody
from gangway_receiver.service import Limits, _answer
from gangway_receiver.wire import Request

GOLDEN = pathlib.Path(__file__).resolve().parents[4] / "tests/contract/v1"
EVENTS = sorted((GOLDEN / "events").glob("*.json"))
REQUESTS = sorted((GOLDEN / "requests").glob("*.json"))


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def as_request(headers, body):
    request = Request("POST", "/v1/events", {name.lower(): text for name, text in headers.items()})
    request.body = body.encode()
    return request


def request_of_event(case):
    """A request that holds just this golden event."""
    event = json.loads(case["rendered"])
    sequence = int(event["sequence"])
    last = case["tombstone"]["last"] if "tombstone" in case else sequence
    return as_request({
        "Content-Type": "application/cloudevents-batch+json", "Gangway-Contract": "1",
        "Gangway-Gateway": case["context"]["serial"], "Gangway-Epoch": event["epoch"],
        "Gangway-Class": event["flowclass"], "Gangway-First": str(sequence),
        "Gangway-Last": str(last), "Gangway-Heads": f"{event['flowclass']}={last}",
    }, f"[{case['rendered']}]")


@pytest.fixture
def base(tmp_path):
    """A database of its own."""
    opened = database.connect(str(tmp_path / "receiver.db"))
    yield opened
    opened.close()


def test_there_are_golden_messages():
    assert len(EVENTS) > 20 and len(REQUESTS) >= 4


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_golden_event_is_accepted_and_kept_as_it_came(path, base):
    case = load(path)
    batch = read_batch(request_of_event(case), case["context"]["serial"], Limits())
    assert batch.marks == {}
    verdicts = Custody(base).take(batch)
    stone = "tombstone" in case
    assert (verdicts.accepted, verdicts.tombstones) == ((0, 1) if stone else (1, 0))
    with base.snapshot() as cursor:
        kept = [item[-1] for item in listing.events(cursor)]
    assert kept == ([] if stone else [json.loads(case["rendered"])])
    again = Custody(base).take(read_batch(request_of_event(case), case["context"]["serial"],
                                          Limits()))
    assert again.accepted == 0 and again.conflicts == 0


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_golden_event_with_one_fact_changed_is_not_accepted(path):
    case = load(path)
    event = json.loads(case["rendered"])
    event["data"] = {**event["data"], "unheard": "of"}
    changed = {**case, "rendered": json.dumps(event, ensure_ascii=False)}
    try:
        batch = read_batch(request_of_event(changed), case["context"]["serial"], Limits())
    except Refusal as refusal:
        assert "tombstone" in case and refusal.code == "digest_mismatch"
    else:
        assert batch.marks[0][:2] == ("rejected", "digest_mismatch")


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_every_golden_request_is_taken_whole_and_echoed(path, base):
    case = load(path)
    serial = case["headers"]["Gangway-Gateway"]
    batch = read_batch(as_request(case["headers"], case["body"]), serial, Limits())
    answer = _answer(batch, Custody(base).take(batch), every=False)
    assert answer == {"contract": 1, "epoch": case["headers"]["Gangway-Epoch"],
                      "class": case["class"], "first": int(case["headers"]["Gangway-First"]),
                      "last": int(case["headers"]["Gangway-Last"])}
    assert batch.replay == case.get("replay", False) and batch.heads == case["heads"]
    with base.snapshot() as cursor:
        stream = completeness(cursor, serial)["epochs"][0]["classes"][case["class"]]
    covered = stream["held"] + [[s["first"], s["last"]] for s in stream["tombstones"]]
    assert min(first for first, _ in covered) == answer["first"]
    assert max(last for _, last in covered) == answer["last"]


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_a_golden_request_cut_anywhere_is_refused(path):
    case = load(path)
    body = case["body"]
    for end in range(0, len(body), max(1, len(body) // 50)):
        with pytest.raises(Refusal):
            read_batch(as_request(case["headers"], body[:end]),
                       case["headers"]["Gangway-Gateway"], Limits())
