# SPDX-License-Identifier: Apache-2.0
"""A gateway that reads badges, and the search for what may be left of them.

    rig, lines = start(make_rig, RULES)
    assert lines["line-1"].write(b"EMP4711815\\r")
    publish(rig, "mqtt-1", b"EMP4711815")
    assert files_with(rig, DIGITS) == []
"""
import hashlib
import hmac
import json
import pathlib
import subprocess

from feeds_rig import PROFILES
from gangway_rig import build_folder, free_port
from gangway_simulate.devices import new_client
from gangway_simulate.lines import PtyLine, TcpCallLine
from rig_process import wait_until


def start(make_rig, rules, door="front", more=None):
    """A gateway with a device at each door; `more` TCP lines are {name: profile}."""
    rig = make_rig(door=door, devices={"mqtt-1": "text", "glove-1": "proglove"})
    ports = {name: free_port() for name in ["tcp-1", *(more or {})]}
    profiles = {"tcp-1": "scanner-cr", **(more or {})}
    rig.configure(personal=rules, feeds=[
        {"id": "line-1", "profile": str(PROFILES / "scanner-cr.json"), "transport": "serial",
         "path": f"{rig.folder}/tty", "max_per_second": 0},
        *({"id": name, "profile": str(PROFILES / f"{profiles[name]}.json"),
           "transport": "tcp_server", "address": "127.0.0.1", "port": port, "max_per_second": 0}
          for name, port in ports.items())])
    rig.start()
    lines = {"line-1": PtyLine(rig.folder / "tty"),
             **{name: TcpCallLine("127.0.0.1", port) for name, port in ports.items()}}
    for line in lines.values():
        line.plug()
        wait_until(lambda line=line: line.connected or line.read(0.1) is None, 20, "a line")
    return rig, lines


def connect(rig, device):
    """An MQTT device at the front door that is not connected yet."""
    client = new_client(device, False)
    client.username_pw_set(device, rig.secret(device))
    return client


def publish(rig, device, payload, topic=None):
    """One message of an MQTT device, acknowledged."""
    client = connect(rig, device)
    client.connect("127.0.0.1", rig.front_port)
    client.loop_start()
    client.publish(topic or f"floor/{device}", payload, qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def badge_hash(rig, badge):
    """What the centre must hold, worked out from the key file."""
    text = (rig.folder / "collectd/personal.key").read_text()
    key = dict(line.split(" ", 1) for line in text.splitlines())
    digest = hmac.new(bytes.fromhex(key["secret"]), badge.encode(), hashlib.sha256)
    return f"hmac-sha256:badge:{key['id']}:{digest.hexdigest()}"


def files_with(rig, pattern):
    """Every file of the gateway and of the centre that holds it, store, ring and logs:
    {name: what was found}. What a broker keeps is not ours."""
    found = {}
    for path in pathlib.Path(rig.folder).rglob("*"):
        if path.is_symlink() or not path.is_file() or path.name.startswith("mosquitto"):
            continue
        match = pattern.search(path.read_bytes())
        if match:
            found[str(path.relative_to(rig.folder))] = match.group()
    return found


def gwctl(rig, *arguments):
    """What gwctl says to it."""
    answer = subprocess.run([build_folder() / "bin/gwctl", "--config", rig.config_path,
                             *arguments], capture_output=True, check=False, timeout=30)
    return (answer.stdout + answer.stderr).decode(errors="replace")


def queued(rig, name):
    """Data of the events in the queue whose type contains `name`."""
    lines = gwctl(rig, "queue", "list", "--json", "--max", "10000").splitlines()
    return [event["data"] for event in map(json.loads, lines) if name in event.get("type", "")]


def shown(rig):
    """All that is shown of it: status of both daemons, issues, quarantine, queue."""
    quarantine = rig.ask_daemon("collectd", "quarantine_list", max=100)["entries"]
    entries = [rig.ask_daemon("collectd", "quarantine_show", number=entry["number"])
               for entry in quarantine]
    texts = [json.dumps(rig.status()), json.dumps(rig.status("linkd")),
             json.dumps([*quarantine, *entries])]
    texts += [gwctl(rig, *words.split()) for words in (
        "status", "--json status", "quarantine list", "queue list --json --max 10000")]
    return texts
