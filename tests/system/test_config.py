# SPDX-License-Identifier: Apache-2.0
"""gwctl config: the schema it prints against an independent validator, and both
against the same documents."""
import copy
import json
import re
import subprocess

import jsonschema
import pytest
from gangway_rig import PROJECT, build_folder

EXAMPLE = PROJECT / "firmware/config/example.json"


def gwctl(*arguments):
    """Run gwctl; its completed process."""
    return subprocess.run([build_folder() / "bin/gwctl", *arguments], text=True,
                          capture_output=True, timeout=30, check=False)


def without_comments(text):
    """The document as plain JSON: its comments stand on lines of their own or in /* */."""
    return json.loads(re.sub(r"^\s*//.*$|/\*[\s\S]*?\*/", "", text, flags=re.M))


@pytest.fixture(scope="module")
def validator():
    """A validator of the printed schema, which must be a schema itself."""
    schema = json.loads(gwctl("config", "schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def example():
    return without_comments(EXAMPLE.read_text())


def is_taken(document, folder):
    """Whether gwctl finds the document good."""
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    done = gwctl("config", "check", str(path))
    assert done.returncode in (0, 1), done
    assert (done.returncode == 0) == (done.stderr == ""), done
    return done.returncode == 0


def test_example_passes_schema_and_check(validator, example, tmp_path):
    validator.validate(example)
    assert is_taken(example, tmp_path)
    assert gwctl("config", "check", str(EXAMPLE)).returncode == 0


def test_printed_defaults_pass_schema_and_check(validator, tmp_path):
    text = gwctl("config", "defaults").stdout
    path = tmp_path / "defaults.json"
    path.write_text(text)
    assert gwctl("config", "check", str(path)).returncode == 0
    validator.validate(without_comments(text))


def put(document, path, value):
    """Set or (value is ...) delete the member at a path such as "sinks.0.url"."""
    *above, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in above:
        document = document[name]
    if value is ...:
        del document[last]
    else:
        document[last] = value


WRONG = [
    ("gateway", ...), ("gateway.serial", "GW 1"), ("gateway.serial", 5), ("gateway.site", ""),
    ("gateway.zone", "/etc/passwd"), ("paths", {"run": "relative"}), ("paths", {"rum": "/r"}),
    ("store.size_mb", 0), ("store.size_mb", "2048"), ("store.size_mb", 1.5),
    ("classes.telemetry.on_full", "refuse"), ("classes.cargo", {}),
    ("brokers", {}), ("brokers.0.topics", []), ("brokers.0.topics", ["a/#/b"]),
    ("brokers.0.topics", ["floor/#", "floor/#"]), ("brokers.0.mqtt5", 1),
    ("brokers.0.port", 65536), ("devices.0.kind", "camera"), ("devices.0.topic", "a#"),
    ("devices.1.code_pointer", "code"), ("devices.1.code_pointer", "/a~2"),
    ("devices.0.class", "audit"), ("buses.0.points", []), ("buses.0.points.0.area", ...),
    ("buses.0.points.1.address", -1), ("buses.0.points.1.address", 65536),
    ("buses.0.points.0.address", "1"), ("buses.0.points.2.scale", "1e3"),
    ("buses.0.points.2.scale", 0.1), ("buses.0.points.2.dead_band", "-1"),
    ("sinks.0.url", "http://h"), ("sinks.0.url", "https://user@h"), ("sinks.0.url", "https://h/"),
    ("sinks.0.ca_file", ...), ("sinks.0.key_file", "key"), ("extra", 1),
]


@pytest.mark.parametrize("path,value", WRONG, ids=[f"{p}={v}" for p, v in WRONG])
def test_what_the_schema_refuses_is_refused_by_check_too(validator, example, tmp_path, path,
                                                        value):
    document = copy.deepcopy(example)
    put(document, path, value)
    assert not validator.is_valid(document)
    assert not is_taken(document, tmp_path)


RIGHT = [
    ("gateway.site", "Lager Köln / Halle 3"), ("brokers.0.topics", ["#"]),
    ("brokers.0.host", "::1"), ("devices.1.code_pointer", "/a~1b/~0/0"),
    ("buses.0.points.3.address", "465535"), ("sinks.0.url", "https://[2001:db8::1]:8443/a/b"),
    ("sinks", []), ("buses.0.points.2.scale", "-0.001"),
]


@pytest.mark.parametrize("path,value", RIGHT, ids=[f"{p}={v}" for p, v in RIGHT])
def test_what_the_check_takes_the_schema_takes_too(validator, example, tmp_path, path, value):
    document = copy.deepcopy(example)
    put(document, path, value)
    validator.validate(document)
    assert is_taken(document, tmp_path)


def test_every_finding_is_told_with_its_path(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"gateway": {"serial": "GW 1"}, "brokrs": []}')
    done = gwctl("config", "check", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    for start in ("  gateway.serial: found text \"GW 1\"", "  gateway.site: found nothing",
                  "  brokrs: unknown key, did you mean \"brokers\"?"):
        assert any(line.startswith(start) for line in done.stderr.splitlines()), done.stderr


def test_exit_status_tells_wrong_use_from_failure():
    assert gwctl("--help").returncode == 0
    assert gwctl("config", "check", "--help").returncode == 0
    assert gwctl().returncode == 2
    assert gwctl("config", "explain", "a", "b").returncode == 2
    assert gwctl("config", "explain", "no.such.key").returncode == 1
    assert gwctl("config", "explain", "sinks.url").returncode == 0
