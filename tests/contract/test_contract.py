# SPDX-License-Identifier: Apache-2.0
"""The contract gangway-ingest v1: schemas, golden messages, OpenAPI document and
development receiver, each held against the others."""
import json
import pathlib
import re
import sys

import jsonschema
import pytest
import yaml

import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "cloud-link" / "contract"
GOLDEN = ROOT / "tests" / "contract" / "v1"
sys.path.insert(0, str(ROOT / "tools" / "receiver"))


def cases(folder):
    found = sorted((GOLDEN / folder).glob("*.json"))
    assert found, f"no golden {folder}"
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in found]


def strict(text):
    """Parse JSON, refusing repeated members."""
    def no_repeats(pairs):
        assert len(dict(pairs)) == len(pairs), "repeated member"
        return dict(pairs)
    return json.loads(text, object_pairs_hook=no_repeats)


SCHEMAS = {path.name: json.loads(path.read_text())
           for path in sorted((CONTRACT / "schemas").glob("*.json"))}
OPENAPI = yaml.safe_load((CONTRACT / "gangway-ingest-v1.yaml").read_text())
BASE = "https://contract.example/gangway-ingest-v1.yaml"


def validator(schema):
    """A validator that knows the OpenAPI document and the schema files."""
    store = {BASE: OPENAPI}
    store.update({f"https://contract.example/schemas/{name}": of for name, of in SCHEMAS.items()})
    resolver = jsonschema.RefResolver(BASE, OPENAPI, store=store)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def envelope_of(event):
    jsonschema.Draft202012Validator(SCHEMAS["envelope.json"]).validate(event)


def schema_of(event):
    match = re.fullmatch(r"urn:gangway:schema:([a-z._]+:[0-9.]+)", event["dataschema"])
    return SCHEMAS[match.group(1).replace(":", "-") + ".json"]


def data_of(event):
    jsonschema.Draft202012Validator(schema_of(event)).validate(event["data"])


# ---- schemas ----------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_a_schema_and_named_by_its_file(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    expected = "envelope:1.0.0" if name == "envelope.json" else \
        name.removesuffix(".json").replace("-", ":")
    assert SCHEMAS[name]["$id"] == "urn:gangway:schema:" + expected
    assert SCHEMAS[name].get("additionalProperties", True) is True, \
        "an unknown optional member passes"


def test_every_event_type_of_the_gateway_has_a_schema_and_a_golden_message():
    source = (ROOT / "firmware" / "event" / "event_type.c").read_text()
    types = set(re.findall(r'TYPE\(GW_EVENT_\w+, "([a-z._]+)"', source))
    assert len(types) == 13
    assert {f"{name}-1.0.0.json" for name in types} == set(SCHEMAS) - {"envelope.json"}
    golden = {strict(case.values[0]["rendered"])["type"] for case in cases("events")}
    assert golden == {f"io.gangway.{name}.v1" for name in types}


# ---- golden events ----------------------------------------------------------


@pytest.mark.parametrize("case", cases("events"))
def test_a_golden_event_is_what_the_description_says(case):
    assert case["rendered"] == reference.render(case)


@pytest.mark.parametrize("case", cases("events"))
def test_a_golden_event_is_valid(case):
    event = strict(case["rendered"])
    envelope_of(event)
    data_of(event)
    undeclared = set(event["data"]) - set(schema_of(event)["properties"])
    assert not undeclared, "golden data has members its schema does not name"
    assert not set(event) - set(SCHEMAS["envelope.json"]["properties"])
    assert len(case["rendered"].encode()) <= 65536


@pytest.mark.parametrize("case", cases("events"))
def test_a_golden_event_is_canonical_and_its_digest_right(case):
    event = strict(case["rendered"])
    data = case["rendered"].split(',"data":', 1)[1].removesuffix("}")
    assert list(event)[-1] == "data"
    assert data == json.dumps(event["data"], sort_keys=True, separators=(",", ":"),
                              ensure_ascii=False)
    assert event["digest"] == reference.digest(event)
    assert event["id"] == reference.event_id(event["flowclass"], int(event["sequence"]),
                                             event["epoch"])


MUTATIONS = {
    "scan-plain": [("data", {}), ("data", {"raw": 4006381333931}), ("data", {"raw": ""}),
                   ("data", {"raw": "x", "aim": "C1"}), ("id", "00000000-0001-4006-a3f5-c7e9b2d4f608"),
                   ("sequence", "1"), ("source", "urn:gangway:GW-0001"), ("flowclass", "urgent"),
                   ("time", "2026-11-23T07:14:00Z"), ("time", "2026-11-23T08:14:00.123+01:00"),
                   ("expirytime", "2026-11-23T07:14:00.123Z"), ("test", False), ("digest", "0"),
                   ("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01"), ("subject", "")],
    "weight-stable": [("data", {"raw": "x", "state": "stable"}),
                      ("data", {"raw": "x", "state": "stable", "value": 12.34}),
                      ("data", {"raw": "x", "state": "stable", "value": "1e3"}),
                      ("data", {"raw": "x", "state": "dynamic", "value": "0"}),
                      ("data", {"raw": "x", "state": "resting"})],
    "signal-changed": [("data", {"point": "p", "area": "coil", "address": 0, "unitid": 1,
                                 "quality": "good"}),
                       ("data", {"point": "p", "area": "coil", "address": 0, "unitid": 1,
                                 "quality": "bad", "value": "0"}),
                       ("data", {"point": "p", "area": "coil", "address": 65536, "unitid": 1,
                                 "quality": "bad"}),
                       ("data", {"point": "p", "area": "coil", "address": 0, "unitid": 1,
                                 "quality": "good", "value": "on"}),
                       ("data", {"point": "p", "area": "coil", "address": 0, "unitid": 1,
                                 "quality": "good", "value": "1", "previous": "off"})],
    "signal-text": [("data", {"point": "p", "area": "holding_register", "address": 0,
                              "unitid": 1, "quality": "good", "value": "1",
                              "valuetype": "number"}),
                    ("data", {"point": "p", "area": "holding_register", "address": 0,
                              "unitid": 1, "quality": "good", "value": "x" * 65,
                              "valuetype": "text"})],
    "started-created": [("data", {"program": "p", "version": "1", "storeorigin": "found"}),
                        ("data", {"program": "p", "version": "1", "storeorigin": "created",
                                  "previousexact": True})],
    "tombstone-evicted": [("data", {"first": 1, "last": 2, "count": 0, "reason": "evicted"}),
                          ("data", {"first": 1, "last": 2, "count": 1, "reason": "lost"})],
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_schemas_refuse_what_is_wrong(name):
    good = strict(json.loads((GOLDEN / "events" / f"{name}.json").read_text())["rendered"])
    envelope_of(good)
    data_of(good)
    for member, value in MUTATIONS[name]:
        bad = {**good, member: value}
        with pytest.raises(jsonschema.ValidationError):
            envelope_of(bad)
            data_of(bad)
    for member in SCHEMAS["envelope.json"]["required"]:
        bad = {key: value for key, value in good.items() if key != member}
        with pytest.raises(jsonschema.ValidationError):
            envelope_of(bad)


def test_members_and_attributes_of_a_later_minor_version_pass():
    good = strict(json.loads((GOLDEN / "events" / "scan-plain.json").read_text())["rendered"])
    good["later"] = "x"
    good["data"]["later"] = [1]
    envelope_of(good)
    data_of(good)


# ---- golden requests --------------------------------------------------------


@pytest.mark.parametrize("case", cases("requests"))
def test_a_golden_request_is_what_the_description_says(case):
    made = reference.request(case["events"], case["class"], case["heads"], case["replay"])
    assert {"headers": case["headers"], "body": case["body"]} == made
    validator(OPENAPI["components"]["schemas"]["Batch"]).validate(strict(case["body"]))
    for event in strict(case["body"]):
        data_of(event)


@pytest.mark.parametrize("case", cases("requests"))
def test_the_headers_of_a_golden_request_are_those_of_the_document(case):
    known = {}
    for parameter in OPENAPI["paths"]["/v1/events"]["post"]["parameters"]:
        of = OPENAPI["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        known[of["name"]] = of
        if of["required"]:
            assert of["name"] in case["headers"]
        if of["name"] in case["headers"]:
            validator(of["schema"]).validate(case["headers"][of["name"]])
    assert set(case["headers"]) - {"Content-Type"} <= set(known)
    assert case["headers"]["Content-Type"] in \
        OPENAPI["paths"]["/v1/events"]["post"]["requestBody"]["content"]


class _Limits:
    max_bytes = 4 << 20
    max_events = 10000


class _Request:
    def __init__(self, headers, body):
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body.encode()


@pytest.mark.parametrize("case", cases("requests"))
def test_the_receiver_takes_a_golden_request_whole(case):
    from gangway_receiver.batch import read_batch
    batch = read_batch(_Request(case["headers"], case["body"]), "GW-0001", _Limits)
    assert batch.marks == {}
    assert len(batch.events) == len(case["events"])
    assert batch.last == int(case["headers"]["Gangway-Last"])
    assert batch.heads == case["heads"]
    assert batch.replay == case["replay"]


@pytest.mark.parametrize("case", cases("events"))
def test_the_receiver_takes_each_golden_event(case):
    from gangway_receiver.batch import read_batch
    event = strict(case["rendered"])
    heads = {name: 0 for name in reference.CLASSES}
    made = reference.request([case], event["flowclass"], heads, False)
    batch = read_batch(_Request(made["headers"], made["body"]), case["context"]["serial"],
                       _Limits)
    assert batch.marks == {}


def test_the_receiver_refuses_a_golden_request_that_was_touched():
    from gangway_receiver.batch import read_batch
    from gangway_receiver.contract import Refusal
    case = json.loads((GOLDEN / "requests" / "three-scans.json").read_text())
    for header, value in (("Gangway-Last", "4"), ("Gangway-Gateway", "GW-0002"),
                          ("Gangway-Class", "state"), ("Gangway-Contract", "2"),
                          ("Gangway-Heads", "business=x")):
        with pytest.raises(Refusal):
            read_batch(_Request({**case["headers"], header: value}, case["body"]), "GW-0001",
                       _Limits)
    del case["headers"]["Idempotency-Key"]
    touched = case["body"].replace('"raw":"B"', '"raw":"b"')
    assert touched != case["body"]
    batch = read_batch(_Request(case["headers"], touched), "GW-0001", _Limits)
    assert [batch.marks[index][1] for index in batch.marks] == ["digest_mismatch"]


# ---- golden answers ---------------------------------------------------------


def facts_of(case):
    """What of an answer decides, as the contract's description says."""
    answer, asked = case["answer"], case["request"]
    kind = answer["headers"].get("Content-Type", "").split(";")[0].strip()
    try:
        body = strict(answer["body"])
    except (ValueError, AssertionError):
        body = None
    facts = {"content": "other", "echoes": False, "results": "none", "already_stored": False}
    if not isinstance(body, dict):
        return facts, {}
    if kind == "application/json" and body.get("contract") == 1:
        facts["content"] = "contract"
    elif kind == "application/problem+json" and \
            str(body.get("type", "")).startswith("urn:gangway:problem:"):
        facts["content"] = "problem"
    else:
        return facts, {}
    facts["echoes"] = all(body.get(name) == asked[name] for name in ("epoch", "class", "last"))
    facts["already_stored"] = body.get("code") == "already_stored"
    said = {result["id"]: result["status"] for result in body.get("results", ())}
    assert set(said) <= set(asked["ids"])
    if said:
        facts["results"] = "all" if set(said) == set(asked["ids"]) else "some"
    return facts, said


@pytest.mark.parametrize("case", cases("answers"))
def test_a_golden_answer_says_what_it_is_for(case):
    facts, said = facts_of(case)
    assert facts == case["facts"]
    expected = case["expected"]
    taken = expected["action"] in ("accept", "per_event", "already_stored")
    assert ("dispositions" in expected) == taken == ("taken_up_to" in expected)
    if not taken:
        return
    known = ("accepted", "duplicate", "conflict", "rejected", "retry")
    asked = case["request"]
    words = [said.get(event_id, "accepted") for event_id in asked["ids"]]
    words = [word if word in known else "retry" for word in words]
    assert expected["dispositions"] == dict(zip(asked["ids"], words))
    prefix = words.index("retry") if "retry" in words else len(words)
    assert expected["taken_up_to"] == asked["first"] + prefix - 1


@pytest.mark.parametrize("case", cases("answers"))
def test_a_golden_answer_of_the_contract_is_valid(case):
    schemas = OPENAPI["components"]["schemas"]
    if case["facts"]["content"] == "problem":
        validator(schemas["Problem"]).validate(strict(case["answer"]["body"]))
    credit = case["expected"].get("credit")
    if credit:
        validator(schemas["Credit"]).validate(credit)
        assert strict(case["answer"]["body"])["credit"] == credit
    if case["expected"]["action"] in ("accept", "per_event") and case["ack_mode"] == "contract":
        body = strict(case["answer"]["body"])
        later_word = any(result["status"] not in schemas["Result"]["properties"]["status"]["enum"]
                         for result in body.get("results", ()))
        assert validator(schemas["Answer"]).is_valid(body) != later_word


# ---- the OpenAPI document ---------------------------------------------------


def media_types():
    """(where, media type object) of every body in the document, references followed."""
    for path, item in OPENAPI["paths"].items():
        for method, operation in item.items():
            for kind, of in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{method} {path} {kind}", of
            for status, response in operation["responses"].items():
                if "$ref" in response:
                    response = OPENAPI["components"]["responses"][
                        response["$ref"].rsplit("/", 1)[1]]
                for kind, of in response.get("content", {}).items():
                    yield f"{method} {path} {status} {kind}", of


EXAMPLES = [pytest.param(of["schema"], example["value"], id=f"{where} {name}")
            for where, of in media_types() for name, example in of["examples"].items()]


@pytest.mark.parametrize("schema, value", EXAMPLES)
def test_each_example_of_the_document_fits_its_schema(schema, value):
    validator(schema).validate(value)


def test_the_document_can_refuse():
    schemas = OPENAPI["components"]["schemas"]
    for name, bad in (("Answer", {"contract": 1}), ("Answer", {"epoch": "0" * 17}),
                      ("Answer", {"contract": 2, "results": []}),
                      ("Problem", {"type": "about:blank", "title": "x", "status": 400, "code": "x"}),
                      ("Range", [1]), ("Range", [1, 2, 3]), ("Credit", {"pause_class": "state"}),
                      ("Batch", []), ("Batch", [{}]), ("Epoch", "4" + "0" * 16)):
        assert not validator(schemas[name]).is_valid(bad), (name, bad)


def test_every_reference_of_the_document_leads_somewhere():
    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "$ref":
                    yield inner
                else:
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    references = set(walk(OPENAPI))
    assert len(references) > 20
    for target in references:
        if target.startswith("#/"):
            value = OPENAPI
            for part in target[2:].split("/"):
                value = value[part]
        else:
            assert target.removeprefix("schemas/") in SCHEMAS, target


def test_the_events_of_the_examples_are_real():
    body = OPENAPI["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    examples = body["application/cloudevents-batch+json"]["examples"]
    for example in examples.values():
        for event in example["value"]:
            envelope_of(event)
            data_of(event)
            assert event["digest"] == reference.digest(event)
            assert event["id"] == reference.event_id(event["flowclass"], int(event["sequence"]),
                                                     event["epoch"])


def test_the_examples_of_completeness_add_up():
    responses = OPENAPI["paths"]["/v1/gateways/{serial}/completeness"]["get"]["responses"]
    example = responses["200"]["content"]["application/json"]["examples"]["one_missing"]["value"]
    for epoch in example["epochs"]:
        for entry in epoch["classes"].values():
            ranges = entry["held"] + entry["rejected"] + entry["missing"]
            ranges += [[stone["first"], stone["last"]] for stone in entry["tombstones"]]
            covered = [number for first, last in ranges for number in range(first, last + 1)]
            assert sorted(covered) == list(range(1, entry["head"] + 1))


def test_the_document_names_every_word_the_gateway_knows():
    verdicts = (ROOT / "firmware" / "policy" / "verdict.c").read_text()
    words = set(re.findall(r'GW_DISPOSITION_\w+\] = \{"([a-z]+)"', verdicts))
    assert words == set(OPENAPI["components"]["schemas"]["Result"]["properties"]["status"]["enum"])
    record = (ROOT / "firmware" / "event" / "record.c").read_text()
    reasons = SCHEMAS["gateway.tombstone-1.0.0.json"]["properties"]["reason"]["enum"]
    assert all(f'"{reason}"' in record for reason in reasons)


# ---- the development receiver speaks it -------------------------------------


def test_the_receiver_knows_the_same_types_and_needs_no_more_than_the_schemas():
    from gangway_receiver import contract
    assert contract.CONTRACT == 1
    assert {name.split(".", 2)[2].rsplit(".", 1)[0] + "-1.0.0.json" for name in contract.TYPES} \
        == set(SCHEMAS) - {"envelope.json"}
    for name, needed in contract.TYPES.items():
        schema = SCHEMAS[name.split(".", 2)[2].rsplit(".", 1)[0] + "-1.0.0.json"]
        assert set(needed) <= set(schema["required"]), name


def test_the_receivers_problems_are_those_of_the_document():
    from gangway_receiver.wire import Response
    response = Response.problem(422, "schema", "found x, allowed: y")
    assert ("Content-Type", "application/problem+json") in response.headers
    validator(OPENAPI["components"]["schemas"]["Problem"]).validate(json.loads(response.body))
