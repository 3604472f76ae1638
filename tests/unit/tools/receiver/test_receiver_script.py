# SPDX-License-Identifier: Apache-2.0
"""Misbehaviour on request, as a gateway sees it."""
import http.client
import time
import urllib.error

import pytest
from gateway_double import EPOCH, GatewayDouble, event_id, make_event

ECHO = {"contract": 1, "epoch": EPOCH, "class": "business", "first": 1, "last": 3}


def three():
    return [make_event(n) for n in (1, 2, 3)]


def held(receiver):
    return [item["sequence"] for item in receiver.ask("/ids")]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 410, 415, 425, 429, 500, 502, 503])
def test_a_status_comes_as_often_as_asked_and_nothing_is_taken(gateway, receiver, status):
    receiver.script({"do": "status", "status": status, "retry_after": 3, "times": 2})
    for _ in range(2):
        answer = gateway.post(three())
        assert answer[0] == status and answer[1]["code"] == "scripted"
        assert gateway.headers["Retry-After"] == "3"
    assert held(receiver) == []
    assert gateway.post(three()) == (200, ECHO)


@pytest.mark.parametrize("step, status, media", [
    ("proxy_400", 400, "text/html"), ("portal", 200, "text/html"),
    ("bare_200", 200, None), ("bare_204", 204, None)])
def test_answers_that_are_no_acknowledgement(gateway, receiver, step, status, media):
    receiver.script({"do": step})
    assert gateway.post(three())[0] == status
    assert gateway.headers["Content-Type"] == media
    assert held(receiver) == []


def test_413_above_a_number_of_events(gateway, receiver):
    receiver.script({"do": "too_large", "max_events": 2, "times": 0})
    assert gateway.post(three())[0] == 413
    assert gateway.post(three()[:2])[0] == 200


def test_a_batch_with_a_matching_event_is_refused_whole(gateway, receiver):
    receiver.script({"do": "problem_if", "status": 400, "contains": "00002", "times": 0})
    status, answer = gateway.post(three())
    assert status == 400 and answer["code"] == "schema"
    assert gateway.headers["Content-Type"] == "application/problem+json"
    assert gateway.post(three()[:1])[0] == 200


def test_verdicts_for_matching_events(gateway, receiver):
    receiver.script({"do": "reject", "contains": "00001", "code": "no_such_order"},
                    {"do": "retry", "contains": "00002"},
                    {"do": "conflict", "contains": "00003"})
    status, answer = gateway.post([make_event(n) for n in (1, 2, 3, 4)])
    assert status == 200
    assert [(r["id"], r["status"]) for r in answer["results"]] == [
        (event_id(1), "rejected"), (event_id(2), "retry"), (event_id(3), "conflict")]
    assert answer["results"][0]["code"] == "no_such_order"
    assert held(receiver) == [4]
    assert gateway.post([make_event(2), make_event(3)])[0] == 200
    assert held(receiver) == [2, 3, 4]


@pytest.mark.parametrize("step", [{"do": "cut"}, {"do": "no_answer_after", "seconds": 0.1},
                                  {"do": "half"}])
def test_taken_but_the_answer_never_arrives_whole(gateway, receiver, pki, step):
    receiver.script(step)
    with pytest.raises((http.client.HTTPException, OSError, ValueError)):
        gateway.post(three())
    gateway.close()
    assert held(receiver) == [1, 2, 3]
    again = GatewayDouble(receiver.port, pki)
    assert again.post(three()) == (200, ECHO)
    assert receiver.ask("/figures")["counters"]["events_duplicate"] == 3
    again.close()


@pytest.mark.parametrize("step", [{"do": "no_answer", "seconds": 0.1}, {"do": "close"}])
def test_neither_taken_nor_answered(gateway, receiver, step):
    receiver.script(step)
    with pytest.raises((http.client.HTTPException, OSError)):
        gateway.post(three())
    assert held(receiver) == []


def test_status_after_commit(gateway, receiver):
    receiver.script({"do": "status_after", "status": 500})
    assert gateway.post(three())[0] == 500
    assert held(receiver) == [1, 2, 3]


def test_a_slow_answer_is_late_and_right(gateway, receiver):
    receiver.script({"do": "slow", "seconds": 0.3})
    start = time.monotonic()
    assert gateway.post(three()) == (200, ECHO)
    assert time.monotonic() - start >= 0.3


def test_wrong_echoes(gateway, receiver):
    receiver.script({"do": "wrong_echo", "epoch": "0" * 17}, {"do": "wrong_echo"})
    assert gateway.post(three()) == (200, dict(ECHO, epoch="0" * 17))
    assert gateway.post(three()) == (200, dict(ECHO, last=4))


def test_409_in_both_meanings(gateway, receiver):
    receiver.script({"do": "already_stored"}, {"do": "other_409"})
    status, answer = gateway.post(three())
    assert status == 409 and answer["code"] == "already_stored"
    assert {name: answer[name] for name in ECHO} == ECHO
    status, answer = gateway.post(three())
    assert status == 409 and answer["code"] == "in_use" and "epoch" not in answer


def test_credit_rides_along(gateway, receiver):
    receiver.script({"do": "credit", "max_events": 7, "pause_class": "telemetry", "pause_s": 1})
    assert gateway.post(three()) == (200, dict(ECHO, credit={
        "max_events": 7, "pause_class": "telemetry", "pause_s": 1}))


def test_results_without_echo_whole_and_short(gateway, receiver):
    receiver.script({"do": "results_only"}, {"do": "results_only", "skip": 1})
    status, answer = gateway.post(three())
    assert status == 200 and "epoch" not in answer and len(answer["results"]) == 3
    assert len(gateway.post(three())[1]["results"]) == 2


def test_steps_can_be_narrowed_to_a_class_and_to_replays(gateway, receiver):
    receiver.script({"do": "status", "status": 500, "class": "audit"},
                    {"do": "status", "status": 503, "replay": True})
    assert gateway.post(three())[0] == 200
    assert gateway.post(three(), replay=True)[0] == 503
    assert [step["do"] for step in receiver.ask("/script")] == ["status"]
    assert gateway.post([make_event(1, "audit")], "audit")[0] == 500
    assert receiver.ask("/script") == []


def test_close_on_accept(receiver, pki):
    receiver.script({"do": "close_on_accept"})
    double = GatewayDouble(receiver.port, pki)
    with pytest.raises(OSError):
        double.post(three())
    double.close()
    double = GatewayDouble(receiver.port, pki)
    assert double.post(three())[0] == 200
    double.close()


@pytest.mark.parametrize("steps", [[{"do": "dance"}], [{"do": "cut", "times": -1}],
                                   [{"do": "reject"}], [7]])
def test_wrong_steps_are_refused(receiver, steps):
    with pytest.raises(urllib.error.HTTPError):
        receiver.ask("/script", steps)
    assert receiver.ask("/script") == []
