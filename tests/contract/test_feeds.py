# SPDX-License-Identifier: Apache-2.0
"""Captured feeds: bytes in, observations out (.out) and events out (.events), through
`gwctl profile feed`; and that each profile has its capture and its page. write_feeds.py writes
both anew."""
import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEEDS = ROOT / "tests" / "contract" / "feeds"
PROFILES = ROOT / "drivers" / "profile" / "profiles"
GWCTL = (ROOT / os.environ.get("GW_BUILD", "build/debug") / "bin" / "gwctl").resolve()

NAMES = sorted(path.stem for path in PROFILES.glob("*.json"))
CAPTURES = sorted(path for path in FEEDS.iterdir() if path.suffix in (".in", ".timed"))


def gwctl(*arguments, stdin=b""):
    assert GWCTL.exists(), f"{GWCTL} is missing: build it, or set GW_BUILD"
    return subprocess.run([GWCTL, *arguments], input=stdin, capture_output=True, timeout=60,
                          env={"PATH": "/nowhere"})


def profile_of(capture):
    """scanner-cr.in, scanner-cr.lost.timed: a profile may have several."""
    return capture.name.split(".")[0]


def feed(capture, *options):
    timed = ["--timed"] if capture.suffix == ".timed" else []
    done = gwctl("profile", "feed", profile_of(capture), "--profiles", PROFILES, *timed, *options,
                 stdin=capture.read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_gives_the_observations_that_are_written_down(capture):
    assert feed(capture) == capture.with_suffix(".out").read_text()


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_becomes_the_events_that_are_written_down(capture):
    """Type, subject, partition key, the device's time and data, byte for byte; what cannot be
    decoded is for the quarantine and stands there as it is."""
    assert feed(capture, "--events") == capture.with_suffix(".events").read_text()


@pytest.mark.parametrize("capture", [c for c in CAPTURES if c.suffix == ".in"],
                         ids=lambda path: path.stem)
@pytest.mark.parametrize("split", [1, 3])
def test_a_capture_in_pieces_gives_the_same(capture, split):
    pieces = ["--split", str(split)]
    assert feed(capture, *pieces) == capture.with_suffix(".out").read_text()
    assert feed(capture, "--events", *pieces) == capture.with_suffix(".events").read_text()


def observations():
    for capture in CAPTURES:
        for line in capture.with_suffix(".out").read_text().splitlines():
            yield profile_of(capture), json.loads(line)


def test_every_event_says_what_it_is_filed_under():
    """A valid GS1 scan has a subject, the Digital Link that its data holds; an SSCC orders its
    events by itself. Nothing else has either."""
    links = keys = 0
    for capture in CAPTURES:
        for line in capture.with_suffix(".events").read_text().splitlines():
            event = json.loads(line)
            gs1 = event.get("data", {}).get("gs1", {})
            sscc = [e["value"] for e in gs1.get("elements", []) if e["ai"] == "00"]
            link = event.get("data", {}).get("digitallink", "").split("?")[0]
            assert event.get("subject", "") == link, (capture.stem, event)
            assert event.get("partitionkey") == (sscc[0] if sscc and gs1["ok"] else None)
            links += bool(link)
            keys += bool(sscc)
    assert links >= 10 and keys >= 5


def test_the_events_of_every_capture_obey_their_schemas():
    schemas = {}
    for path in (ROOT / "cloud-link" / "contract" / "schemas").glob("*-1.0.0.json"):
        schema = json.loads(path.read_text())
        schema["additionalProperties"] = False  # what we send is described
        schemas[f"io.gangway.{path.name.removesuffix('-1.0.0.json')}.v1"] = schema
    seen = set()
    for capture in CAPTURES:
        for line in feed(capture, "--events").splitlines():
            event = json.loads(line)
            if "type" in event:
                jsonschema.Draft202012Validator(schemas[event["type"]]).validate(event["data"])
                seen.add(event["type"])
            else:
                assert event["kind"] == "undecodable", event
    assert {name.split(".")[2] for name in seen} == {"scan", "weight", "device"}


def test_only_a_stable_weight_has_a_number():
    weights = [item for _, item in observations() if item["kind"] == "weight"]
    assert {item["state"] for item in weights} >= {"stable", "over", "under", "error"}
    for item in weights:
        assert ("value" in item) == (item["state"] == "stable"), item
        assert ("unit" in item) == (item["state"] == "stable"), item


def test_every_scale_protocol_is_captured_with_its_faults():
    for name in NAMES:
        profile = json.loads((PROFILES / f"{name}.json").read_text())
        if profile["kind"] != "scale" or profile["decode"] in ("json", "modbus"):
            continue
        if profile["weight"].get("report", "cycle") != "cycle":
            continue
        seen = [item for stem, item in observations() if stem == name]
        states = {item.get("state") for item in seen}
        assert {"stable", "over", "under"} <= states, (name, states)
        assert any(item["kind"] == "undecodable" for item in seen), name
        every = feed(FEEDS / f"{name}.in", "--all")
        assert '"state":"dynamic"' in every, name


def test_an_unescaped_raw_is_the_bytes_that_were_sent():
    """Every scan's raw, its escapes undone, stands in the capture."""
    for capture in CAPTURES:
        if capture.suffix != ".in" or "json" in capture.stem:
            continue
        sent = capture.read_bytes()
        for line in capture.with_suffix(".out").read_text().splitlines():
            item = json.loads(line)
            raw = item.get("raw", "")
            if item.get("rawencoding") == "escaped":
                raw = raw.encode().decode("unicode_escape").encode("latin-1")
            elif item["kind"] != "scan" or "deviceeventid" not in item:
                raw = raw.encode()
            else:
                raw = raw.encode().replace(b"\x1d", b"\\u001d").replace(b'"', b'\\"')
            assert raw in sent, (capture.stem, item)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_good_and_has_a_capture_and_a_page(name):
    done = gwctl("profile", "check", PROFILES / f"{name}.json")
    assert done.returncode == 0, done.stderr.decode()
    assert any(profile_of(capture) == name for capture in CAPTURES), "no capture"
    page = (PROFILES / f"{name}.md").read_text()
    assert page.startswith("# ") and len(page.splitlines()) >= 8, "no page worth the name"
    assert f"`{name}`" in page


def test_captures_and_pages_belong_to_profiles():
    assert {profile_of(capture) for capture in CAPTURES} <= set(NAMES)
    assert {page.stem for page in PROFILES.glob("*.md")} == set(NAMES)


def test_the_list_names_every_profile():
    done = gwctl("profile", "list", "--profiles", PROFILES, "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == NAMES


def test_a_faulty_profile_names_every_fault_and_what_is_allowed(tmp_path):
    path = tmp_path / "dock.json"
    path.write_text('{"name":"dock","title":"x","kind":"scale","decode":"sms","sources":["y"],'
                    '"weight":{"rearm_belo":"1"},"serial":{"baud":"fast"}}')
    done = gwctl("profile", "check", path)
    assert done.returncode == 1
    told = done.stderr.decode()
    assert 'decode: found text "sms", allowed: one of "text", "json", "mt_sics"' in told
    assert 'weight.rearm_belo: unknown key, did you mean "rearm_below"?' in told
    assert len(told.splitlines()) == 4, told
    assert 'serial.baud: found text "fast", allowed: a whole number from 300' in told


def test_every_key_of_every_profile_is_explained():
    told = gwctl("profile", "explain").stdout.decode()
    for name in NAMES:
        profile = json.loads((PROFILES / f"{name}.json").read_text())
        for key, value in profile.items():
            assert f"\n{key}\n" in f"\n{told}", key
            for member in value if isinstance(value, dict) else ():
                assert re.search(rf"^{key}\.{member}(\[\])?$", told, re.M), (key, member)
    one = gwctl("profile", "explain", "weight.rearm_below").stdout.decode()
    assert "nothing lies on it" in one and 'default: "20d"' in one and "scope" not in one
    assert gwctl("profile", "explain", "weight.rearm").returncode == 1


@pytest.mark.parametrize("name, of", [("modbus-dgt4x-single", "dini-argeo-dgt4x"),
                                      ("modbus-laumas", "laumas-lcb")])
def test_a_profile_names_the_points_of_its_modbus_map(name, of):
    profile = json.loads((PROFILES / f"{name}.json").read_text())["modbus"]
    points = json.loads((ROOT / "drivers/modbus/maps" / f"{of}.json").read_text())["points"]
    wanted = {profile["weight"], *(bit["point"] for bit in profile["bits"])}
    assert wanted <= {point["name"] for point in points}
    assert f"expand {of} --unit 1" in (PROFILES / f"{name}.md").read_text()


def test_a_live_device_is_seen_line_by_line():
    child = subprocess.Popen([GWCTL, "profile", "feed", "scanner-cr", "--profiles", PROFILES],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(b"4006381333931\r")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["code"] == "4006381333931"
    child.communicate(timeout=20)
    assert child.returncode == 0


def test_a_profile_that_does_not_exist_is_a_sentence():
    done = gwctl("profile", "feed", "nosuch", "--profiles", PROFILES)
    assert done.returncode == 1
    assert "nosuch" in done.stderr.decode()
