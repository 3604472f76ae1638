# SPDX-License-Identifier: Apache-2.0
"""Events over real mutual TLS: verdicts, refusals, durable de-duplication."""
import gzip
import json

import pytest
from gateway_double import (EPOCH, GatewayDouble, event_id, make_event, make_request,
                            make_tombstone, sealed)

OTHER_EPOCH = "0fedcba9876543210"


def echo(first, last, flow_class="business", epoch=EPOCH):
    return {"contract": 1, "epoch": epoch, "class": flow_class, "first": first, "last": last}


def problem(answer, status, code):
    assert answer[0] == status, answer
    assert answer[1]["code"] == code and answer[1]["status"] == status, answer
    assert answer[1]["type"] == f"urn:gangway:problem:{code}"


def statuses(answer):
    return {result["id"]: (result["status"], result.get("code"))
            for result in answer[1].get("results", ())}


def test_a_batch_is_taken_and_echoed(gateway, receiver):
    assert gateway.post([make_event(n) for n in range(1, 51)]) == (200, echo(1, 50))
    held = receiver.ask("/ids")
    assert [item["sequence"] for item in held] == list(range(1, 51))
    assert held[0]["raw"] == make_event(1)["data"]["raw"] and held[0]["device"] == "scanner-1"


@pytest.mark.parametrize("coding", ["gzip", None])
def test_other_codings_are_taken_too(gateway, receiver, coding):
    headers, body = make_request([make_event(1), make_event(2)], compress=False)
    if coding:
        headers["Content-Encoding"] = coding
        body = gzip.compress(body)
    assert gateway.post_raw(headers, body) == (200, echo(1, 2))
    assert len(receiver.ask("/ids")) == 2


def test_a_repeated_batch_is_a_duplicate_and_has_no_second_effect(gateway, receiver):
    events = [make_event(n) for n in range(1, 11)]
    gateway.post(events)
    assert gateway.post(events) == (200, echo(1, 10))
    assert gateway.post([make_event(n) for n in range(6, 16)]) == (200, echo(6, 15))
    counters = receiver.ask("/figures")["counters"]
    assert counters["events_accepted"] == 15 and counters["events_duplicate"] == 15
    assert [item["sequence"] for item in receiver.ask("/ids")] == list(range(1, 16))


def test_deduplication_survives_kill_and_restart(gateway, receiver, pki):
    gateway.post([make_event(n) for n in range(1, 11)])
    receiver.kill()
    receiver.start()
    again = GatewayDouble(receiver.port, pki)
    assert again.post([make_event(n) for n in range(1, 12)]) == (200, echo(1, 11))
    counters = receiver.ask("/figures")["counters"]
    assert counters["events_accepted"] == 1 and counters["events_duplicate"] == 10
    again.close()


def test_intervals_not_a_high_water_mark_decide(gateway, receiver):
    gateway.post([make_event(n) for n in range(11, 21)])
    gateway.post([make_event(n) for n in range(1, 6)])
    gateway.post([make_event(n) for n in range(1, 21)])
    counters = receiver.ask("/figures")["counters"]
    assert counters["events_accepted"] == 20 and counters["events_duplicate"] == 15
    assert [item["sequence"] for item in receiver.ask("/ids")] == list(range(1, 21))


def test_the_same_id_with_other_content_is_a_conflict(gateway, receiver):
    gateway.post([make_event(1), make_event(2)])
    other = make_event(2, data={"raw": "something else"})
    answer = gateway.post([make_event(1), other, make_event(3)])
    assert answer[0] == 200
    assert statuses(answer) == {event_id(2): ("conflict", "same_id_other_content")}
    gateway.post([other])
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["conflicts"] == 1 and business["verdict"] == "conflict"
    assert receiver.ask("/ids")[1]["raw"] == make_event(2)["data"]["raw"]


def test_epochs_and_classes_are_kept_apart(gateway, receiver):
    gateway.post([make_event(1)])
    gateway.post([make_event(1, epoch=OTHER_EPOCH)], epoch=OTHER_EPOCH)
    gateway.post([make_event(1, "audit")], "audit")
    assert receiver.ask("/figures")["counters"]["events_accepted"] == 3


def test_rejected_events_are_named_and_their_neighbours_pass(gateway, receiver):
    wrong = [
        (make_event(2, type="io.gangway.scan.observed.v9"), "unknown_type"),
        (make_event(3, type="io.gangway.cargo.cult.v1"), "unknown_type"),
        (dict(make_event(4), digest="0" * 32), "digest_mismatch"),
        (make_event(5, data={"symbology": "x"}), "data"),
        (make_event(6, id=event_id(7)), "id_layout"),
        (make_event(7, time="2026-11-23 07:14:00Z"), "attribute"),
        (make_event(8, epoch=OTHER_EPOCH, id=event_id(8)), "attribute"),
        (make_event(9, traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01"), "attribute"),
        (make_event(10, test=False), "attribute"),
        (make_event(11, data={"raw": "x", "more": [[[]]] * 2}), None),
        (make_event(12, BadName="x"), "attribute"),
        (make_event(13, sitezone="Europe/\nBerlin"), "attribute"),
        (make_event(14, clockquality=7), "attribute"),
        (make_event(15, owner=""), "attribute"),
    ]
    wrong.append((make_event(16), "attribute"))
    del wrong[-1][0]["bootid"]
    nested = {"raw": "x", "deep": "y"}
    for _ in range(40):
        nested["deep"] = [nested["deep"]]
    wrong.append((make_event(17, data=nested), "data"))
    wrong.append((make_event(18, data={"raw": "x" * 66000}), "too_large"))
    events = [make_event(1)] + [event for event, _ in wrong] + [make_event(19)]
    answer = gateway.post(events)
    assert answer[0] == 200
    expected = {event["id"]: ("rejected", code) for event, code in wrong if code}
    assert statuses(answer) == expected
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["held"] == [[1, 1], [11, 11], [19, 19]]
    assert business["rejected"] == [[2, 10], [12, 18]]
    assert business["missing"] == [] and business["verdict"] == "complete"


def test_a_rejected_event_can_be_taken_later(gateway):
    gateway.post([dict(make_event(1), digest="0" * 32), make_event(2)])
    assert gateway.post([make_event(1)], replay=True) == (200, echo(1, 1))
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["held"] == [[1, 2]] and business["rejected"] == []


def test_attributes_in_another_order_and_unknown_ones_pass(gateway):
    event = make_event(1, vendorhint="x", number=7)
    turned = {name: event[name] for name in reversed(event)}
    data = {name: turned["data"][name] for name in reversed(turned["data"])}
    turned["data"] = data
    assert gateway.post([turned]) == (200, echo(1, 1))


def test_test_events_are_taken_but_never_forwarded(gateway, receiver):
    gateway.post([make_event(1, test=True), make_event(2)])
    counters = receiver.ask("/figures")["counters"]
    assert counters["events_accepted"] == 2 and counters["events_forwarded"] == 1
    assert receiver.ask("/ids")[0]["test"] is True


def test_text_with_escapes_and_umlauts_keeps_its_digest(gateway, receiver):
    raw = 'gr\u00fcn "\\\x1d\t\u2028\U0001f600'
    gateway.post([make_event(1, subject="https://id.gs1.org/00/1?x=\u00e4",
                             partitionkey='a"b', data={"raw": raw})])
    assert receiver.ask("/ids")[0]["raw"] == raw


@pytest.mark.parametrize("change, status, code", [
    ({"Gangway-Contract": "2"}, 400, "unknown_contract"),
    ({"Gangway-Gateway": "GW-2"}, 403, "wrong_serial"),
    ({"Gangway-Epoch": "xyz"}, 400, "bad_header"),
    ({"Gangway-Class": "cargo"}, 400, "bad_header"),
    ({"Gangway-First": "0"}, 400, "bad_header"),
    ({"Gangway-Last": "9"}, 400, "not_contiguous"),
    ({"Gangway-Heads": ""}, 400, "bad_header"),
    ({"Gangway-Heads": "business"}, 400, "bad_header"),
    ({"Gangway-Replay": "yes"}, 400, "bad_header"),
    ({"Content-Type": "application/json"}, 415, "content_type"),
    ({"Content-Encoding": "br"}, 415, "content_encoding"),
    ({"Idempotency-Key": "GW-1-x"}, 400, "idempotency_key")])
def test_wrong_headers_refuse_the_request(gateway, receiver, change, status, code):
    headers, body = make_request([make_event(1), make_event(2)])
    if "Idempotency-Key" not in change:
        del headers["Idempotency-Key"]
    problem(gateway.post_raw({**headers, **change}, body), status, code)
    assert receiver.ask("/ids") == []


@pytest.mark.parametrize("text, status, code", [
    (b"{}", 400, "no_batch"), (b"[]", 400, "no_batch"), (b"[1]", 422, "no_object"),
    (b'[{"a":1,"a":1}]', 422, "invalid_json"), (b"[", 422, "invalid_json"),
    (b"[1.5]", 422, "invalid_json"), (b"\xff", 422, "invalid_json")])
def test_bodies_that_are_no_batch_are_refused(gateway, text, status, code):
    headers, _ = make_request([make_event(1)], compress=False)
    del headers["Idempotency-Key"]
    problem(gateway.post_raw(headers, text), status, code)


def test_a_hole_inside_a_batch_is_refused(gateway):
    problem(gateway.post([make_event(1), make_event(3)]), 400, "not_contiguous")
    problem(gateway.post([make_event(1), make_event(1)], heads="business=1"),
            400, "not_contiguous")


def test_an_event_of_another_gateway_refuses_the_batch(gateway, receiver):
    answer = gateway.post([make_event(1), make_event(2, serial="GW-2")])
    problem(answer, 403, "wrong_serial")
    assert receiver.ask("/ids") == []


def test_a_certificate_speaks_for_its_own_serial_only(gateway, receiver):
    answer = gateway.post([make_event(1, serial="GW-2")], serial="GW-2")
    problem(answer, 403, "wrong_serial")
    assert receiver.ask("/gateways") == []


def test_limits_answer_413(gateway, receiver):
    receiver.ask("/limits", {"max_events": 3})
    problem(gateway.post([make_event(n) for n in range(1, 5)]), 413, "too_many_events")
    receiver.ask("/limits", {"max_events": 9, "max_bytes": 2000})
    problem(gateway.post([make_event(n) for n in range(1, 5)]), 413, "too_large")


def test_a_tombstone_covers_its_range(gateway):
    events = [make_event(1), make_tombstone(2, 9), make_event(10)]
    assert gateway.post(events) == (200, echo(1, 10))
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["held"] == [[1, 1], [10, 10]] and business["missing"] == []
    assert business["tombstones"] == [{"first": 2, "last": 9, "count": 8, "reason": "evicted"}]
    assert business["verdict"] == "complete"


def test_a_tombstone_at_the_end_ends_the_batch_at_its_last(gateway):
    assert gateway.post([make_event(1), make_tombstone(2, 9)]) == (200, echo(1, 9))


def test_facts_win_over_tombstones(gateway, receiver):
    gateway.post([make_event(n) for n in range(1, 6)])
    assert gateway.post([make_tombstone(4, 8)], heads="business=8") == (200, echo(4, 8))
    assert gateway.post([make_event(7)], replay=True, heads="business=8") == (200, echo(7, 7))
    assert [item["sequence"] for item in receiver.ask("/ids")] == [1, 2, 3, 4, 5, 7]
    business = gateway.completeness()["epochs"][0]["classes"]["business"]
    assert business["conflicts"] == 0 and business["missing"] == []


@pytest.mark.parametrize("data", [
    {"count": 9, "first": 1, "last": 8, "reason": "evicted"},
    {"count": 8, "first": 2, "last": 9, "reason": "evicted"},
    {"count": 8, "first": 1, "last": 8, "reason": "boredom"},
    {"count": 0, "first": 1, "last": 8, "reason": "evicted"}])
def test_wrong_tombstones_are_refused(gateway, data):
    stone = make_tombstone(1, 8)
    stone["data"] = data
    headers, body = make_request([sealed(stone)])
    del headers["Idempotency-Key"]
    problem(gateway.post_raw(headers, body), 422, "tombstone")


def test_other_paths_and_methods(gateway):
    headers, body = make_request([make_event(1)])
    problem(gateway.post_raw(headers, body, "/v2/events"), 404, "not_found")
    problem(gateway.get("/v1/events"), 405, "method")
    problem(gateway.get("/v1/gateways/GW-2/completeness"), 403, "wrong_serial")
    problem(gateway.get("/v1/gateways/GW-1/completeness"), 404, "unknown_gateway")


def test_results_of_every_event_on_request(pki, tmp_path):
    from receiver_process import ReceiverProcess
    process = ReceiverProcess(pki, tmp_path, "--results", "all", "--base", "/ingest",
                              "--no-store-bodies")
    try:
        double = GatewayDouble(process.port, pki)
        headers, body = make_request([make_event(1), make_event(2)])
        status, answer = double.post_raw(headers, body, "/ingest/v1/events")
        assert status == 200
        assert [r["status"] for r in answer["results"]] == ["accepted", "accepted"]
        status, answer = double.post_raw(headers, body, "/ingest/v1/events")
        assert [r["status"] for r in answer["results"]] == ["duplicate", "duplicate"]
        headers, body = make_request([make_event(2, data={"raw": "other"})])
        status, answer = double.post_raw(headers, body, "/ingest/v1/events")
        assert [r["status"] for r in answer["results"]] == ["conflict"]
        assert process.ask("/ids") == []
        double.close()
    finally:
        assert process.stop() == 0
        process.process.stdout.close()


def test_large_bodies_with_expect_continue_and_chunks(gateway):
    events = [make_event(n) for n in range(1, 3001)]
    headers, body = make_request(events, compress=False)
    headers["Expect"] = "100-continue"
    assert gateway.post_raw(headers, body)[0] == 200
    headers, body = make_request(events)
    chunks = [body[at:at + 1000] for at in range(0, len(body), 1000)]
    gateway.connection.request("POST", "/v1/events", iter(chunks), headers, encode_chunked=True)
    answer = gateway.connection.getresponse()
    assert json.loads(answer.read()) == echo(1, 3000)
