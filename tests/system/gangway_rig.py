# SPDX-License-Identifier: Apache-2.0
"""A whole gateway on a desk: Mosquitto, gw-collectd, gw-linkd, a WAN and the receiver.

    rig = Rig(folder, pki)
    rig.start()                         everything
    rig.simulate("scanners", ...)       peers with ledgers in rig.ledgers
    rig.wan.cut(), rig.collectd.kill()  and so on
    rig.assert_ledger_matches()         0 missing, 0 twice, in order
    rig.close()

The programs come from $GW_BUILD/bin (default build/debug). Every wait has a
deadline; every process ends with the rig.
"""
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

from rig_ipc import ask
from rig_process import Child, die_with_parent, wait_until
from rig_wan import Wan

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tools/simulate"))

from gangway_simulate import compare, payloads, plc_program  # noqa: E402

PYTHON = "/usr/bin/python3"
SERIAL = "GW-1"
QUIET_S = 10.0  # nothing waits and nothing arrived for so long: nothing more will come


def build_folder():
    """Where the programs are."""
    return (PROJECT / os.environ.get("GW_BUILD", "build/debug")).resolve()


def make_pki(folder):
    """The session's PKI."""
    subprocess.run([PROJECT / "tools/pki/make-test-pki", folder, SERIAL, "GW-2"], check=True)
    return pathlib.Path(folder)


# Below the ports that the system gives to connections by itself, and each process of a
# parallel run takes its own, so that nobody comes in between until the server listens.
PORTS_EACH = 1500
_slot = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid() % 14}").removeprefix("gw"))
_ports = itertools.cycle(range(10000 + PORTS_EACH * _slot, 10000 + PORTS_EACH * (_slot + 1)))


def free_port():
    """A port nobody listens on now."""
    for port in itertools.islice(_ports, PORTS_EACH):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def device(name, form):
    """A device entry of the configuration for a simulated form."""
    return {"id": name, "topic": f"floor/{name}", **payloads.POINTERS[form]}


def plc_bus(port, name="plc1", period_ms=50):
    """A bus entry for the simulated PLC with all of its points."""
    points = []
    for point, area, address, kind in plc_program.POINTS:
        points.append({"name": point, "area": area, "address": address, "type": kind,
                       "period_ms": period_ms,
                       "report": plc_program.REPORTS.get(point, "signal")})
    return {"name": name, "host": "127.0.0.1", "port": port, "timeout_ms": 500,
            "points": points}


class Rig:
    """See above. `devices` is {name: form}; `changes` is merged into the configuration."""

    def __init__(self, folder, pki, devices=None, changes=None, receiver_options=(),
                 in_flight=0, door="broker"):
        assert door in ("broker", "front", "both")
        self.door = door
        self.folder = pathlib.Path(folder)
        self.pki = pki
        self.devices = {"scanner-1": "text"} if devices is None else devices
        self.ledgers = self.folder / "ledgers"
        self.ledgers.mkdir(parents=True, exist_ok=True)
        self.config_path = self.folder / "config.json"
        self.receiver_options = list(receiver_options)
        self.server_certificate = "server"
        self.plc = None
        self.control = None
        self._peers = []
        self._changes = changes or {}
        self._in_flight = in_flight
        self.mqtt_port = free_port()
        self.front_port = free_port()
        self.secrets = self.folder / "secrets.json"
        self.simulate_options = []
        self.wan = Wan(0)
        self.broker = self._make_broker()
        self.receiver = None
        self.receiver_port = 0
        self.collectd = self._daemon("gw-collectd")
        self.linkd = self._daemon("gw-linkd")

    # -- parts

    def _daemon(self, name):
        return Child(name, [build_folder() / "bin" / name, "--config", self.config_path],
                     self.folder, {"ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1",
                                   "UBSAN_OPTIONS": "print_stacktrace=1"})

    def _make_broker(self):
        config = self.folder / "mosquitto.conf"
        lines = [f"listener {self.mqtt_port} 127.0.0.1", "allow_anonymous true",
                 "persistence true", f"persistence_location {self.folder}/",
                 "autosave_interval 1", "max_queued_messages 0",
                 f"max_inflight_messages {self._in_flight}", "set_tcp_nodelay true"]
        if os.getuid() == 0:
            lines.append("user root")
        config.write_text("\n".join(lines) + "\n")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        return Child("mosquitto", [program, "-c", config], self.folder)

    def configuration(self):
        """The gateway's document."""
        pki = self.pki
        document = {
            "revision": 1,
            "gateway": {"serial": SERIAL, "site": "test-site", "zone": "Europe/Berlin"},
            "paths": {"collect_state": f"{self.folder}/collectd",
                      "link_state": f"{self.folder}/linkd", "run": f"{self.folder}/run"},
            "store": {"size_mb": 256, "ring_percent": 20},
            "classes": {"state": {"commit_wait_ms": 20, "linger_ms": 50},
                        "telemetry": {"commit_wait_ms": 50, "linger_ms": 100},
                        "audit": {"linger_ms": 100}},
            "brokers": [{"name": "floor", "host": "127.0.0.1", "port": self.mqtt_port,
                         "topics": ["floor/#"]}],
            "devices": [device(name, form) for name, form in self.devices.items()],
            "sinks": [{"name": "centre", "url": f"https://localhost:{self.wan.port}",
                       "ca_file": f"{pki}/ca.crt", "cert_file": f"{pki}/gateway-{SERIAL}.crt",
                       "key_file": f"{pki}/gateway-{SERIAL}.key", "first_jitter_ms": 200,
                       "request_timeout_ms": 5000}],
        }
        if self.door == "front":
            document["brokers"] = []
        if self.door != "broker":
            document["ingress"] = {"listeners": [{"name": "front", "address": "127.0.0.1",
                                                  "port": self.front_port}]}
        if self.plc:
            document["buses"] = [plc_bus(self.plc["port"])]
        return merge(document, self._changes)

    def configure(self, **changes):
        """Merge further changes (lists replace) and write the document."""
        self._changes = merge(self._changes, changes)
        fresh = self.config_path.with_suffix(".new")
        fresh.write_text(json.dumps(self.configuration(), indent=1))
        fresh.replace(self.config_path)  # a daemon may be about to read it

    # -- starting

    def start(self):
        """Everything, the gateway last; returns when devices can publish."""
        if self.door != "front":
            self.start_broker()
        self.start_receiver()
        self.start_gateway()
        return self

    def start_broker(self):
        """Mosquitto, listening."""
        self.broker.start()
        wait_until(lambda: can_connect(self.mqtt_port), 10, "mosquitto listens")

    def start_receiver(self):
        """The receiver on the database of this rig; a new port behind the same WAN."""
        self.receiver = self.receiver or Child("receiver", [], self.folder)
        certificate = f"{self.pki}/{self.server_certificate}"
        port = self.receiver_port or free_port()
        control = free_port() if self.control is None else int(self.control.rsplit(":", 1)[1])
        self.receiver.command = [
            PYTHON, str(PROJECT / "tools/receiver/receiver"), "serve", "--listen",
            f"127.0.0.1:{port}", "--control-port", str(control), "--cert",
            f"{certificate}.crt", "--key", f"{certificate}.key", "--ca", f"{self.pki}/ca.crt",
            "--database", f"{self.folder}/receiver.db", *self.receiver_options]
        self.receiver_port = self.wan.target_port = port
        self.control = f"http://127.0.0.1:{control}"
        self.receiver.start()
        wait_until(lambda: can_connect(control), 15, "the receiver listens")

    def start_gateway(self):
        """collectd and linkd on the present configuration."""
        self.configure()
        self.collectd.start()
        self.wait_connected()
        if self.door != "broker":
            self.add_devices()
        self.linkd.start()

    def add_devices(self):
        """A secret for each device that has none yet, for the simulators."""
        secrets = json.loads(self.secrets.read_text()) if self.secrets.exists() else {}
        for name in self.devices:
            if name not in secrets:
                secrets[name] = self.ask_daemon("collectd", "device_add", device=name)["secret"]
        self.secrets.write_text(json.dumps(secrets))

    def secret(self, name):
        """The secret of a device of the front door."""
        return json.loads(self.secrets.read_text())[name]

    def start_plc(self, interval=0.05, options=()):
        """The simulated PLC; before start_gateway."""
        peer = subprocess.Popen(
            [PYTHON, str(PROJECT / "tools/simulate/simulate"), "plc", "--listen", "127.0.0.1:0",
             "--ledgers", str(self.ledgers), "--interval", str(interval), *options],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self._peers.append(peer)
        self.plc = json.loads(peer.stdout.readline())
        self.plc["peer"] = peer

    # -- asking

    def status(self, daemon="collectd"):
        """The daemon's own status."""
        return ask(self.folder / "run" / daemon / "control.sock", "status")

    def ask_daemon(self, daemon, verb, **body):
        """Any verb of a daemon's control socket."""
        return ask(self.folder / "run" / daemon / "control.sock", verb, body)

    def reload(self):
        """Have gw-collectd take the configuration; until its buses run as it says."""
        answer = self.ask_daemon("collectd", "reload", actor="test")
        wait_until(lambda: all(bus["state"] not in ("stopping", "waiting")
                               for bus in self.status()["buses"]), 60, "the buses run")
        return answer

    def counter(self, name, daemon="collectd"):
        """A counter of a daemon."""
        return self.status(daemon)["counters"].get(name, 0)

    def issues(self, daemon):
        """Names of the issues open at a daemon."""
        return {issue["name"] for issue in self.status(daemon)["issues"]}

    def backlog(self):
        """Events stored and not acknowledged by the centre, all classes: what linkd
        knows, or while it is down what it told collectd last (that is seconds old)."""
        queue = self.status()["queue"]
        acked = {name: entry["acked"] for name, entry in queue["classes"].items()}
        with contextlib.suppress(OSError):
            sink = self.status("linkd")["sinks"][0]
            if sink["epoch"] == queue["epoch"]:
                acked = {name: entry["acked"] for name, entry in sink["classes"].items()}
        return sum(entry["last"] - acked[name] for name, entry in queue["classes"].items())

    def connected(self):
        """Whether collectd has its subscription."""
        try:
            status = self.status()
            return (all(broker["state"] == "connected" for broker in status["brokers"])
                    and status["front_door"]["listening"] == status["front_door"]["listeners"]
                    and (self.door == "broker" or status["front_door"]["listening"] > 0))
        except (OSError, KeyError):
            assert self.collectd.running, f"gw-collectd ended: {self.collectd.exit_code}"
            return False

    def wait_connected(self, seconds=20):
        """Until collectd has its subscription, or listens."""
        wait_until(self.connected, seconds, "gw-collectd is connected to the broker")

    def centre(self, path, body=None):
        """The receiver's control port."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.control + path, data=data, timeout=60) as answer:
            text = answer.read()
        kind = answer.headers.get("Content-Type") or ""
        if "ndjson" in kind:
            return [json.loads(line) for line in text.splitlines()]
        return json.loads(text) if "json" in kind else text.decode()

    def centre_counter(self, name):
        """A counter of the receiver process."""
        return self.centre("/figures")["counters"].get(name, 0)

    def script(self, *steps):
        """Replace the receiver's misbehaviour."""
        self.centre("/script", list(steps))

    def events(self, *types):
        """Events the centre holds, of types whose name contains one of `types`."""
        return [event for event in self.centre("/ids")
                if not types or any(name in event["type"] for name in types)]

    def completeness(self):
        """The centre's word on this gateway."""
        return self.centre(f"/completeness?gateway={SERIAL}")

    # -- peers and ledgers

    def simulate(self, *arguments, name="simulate", door=None):
        """A simulator in the background; `scanners` gets address, ledgers and devices.
        With both doors, those that are not told otherwise use the front door."""
        door = door or ("broker" if self.door == "broker" else "front")
        command = [PYTHON, PROJECT / "tools/simulate/simulate", *arguments]
        if arguments[0] == "scanners":
            port = self.mqtt_port if door == "broker" else self.front_port
            command += ["--broker", f"127.0.0.1:{port}", "--ledgers", self.ledgers]
            if door == "front":
                command += ["--secrets", self.secrets, *self.simulate_options]
            if "--device" not in arguments:
                for device_name, form in self.devices.items():
                    command += ["--device", f"{device_name}={form}"]
        child = Child(name, command, self.folder)
        self._peers.append(child)
        return child.start()

    def send(self, count, rate=2000, burst=20):
        """Every device sends `count` events; returns when all are acknowledged."""
        start = self._sent_so_far() + 1
        child = self.simulate("scanners", "--count", str(count), "--rate", str(rate), "--burst",
                              str(burst), "--start-at", str(start))
        wait_until(lambda: not child.running, 120, "the simulated devices have sent")
        assert child.exit_code == 0, child.tail()

    def _sent_so_far(self):
        ledgers = compare.read_ledgers(self.ledgers)
        return max((entry["n"] for name in self.devices for entry in ledgers.get(name, ())),
                   default=0)

    def acked_to_devices(self):
        """Entries of all scanner and scale ledgers that were acknowledged."""
        ledgers = compare.read_ledgers(self.ledgers)
        return sum(1 for name in self.devices for entry in ledgers.get(name, ())
                   if entry["t_acked"] is not None)

    def compare(self):
        """Findings of ledgers against the receiver."""
        return compare.compare(self.ledgers, compare.fetch_events(self.control))

    def wait_drained(self, seconds=60):
        """Until collectd has stored everything and the centre has acknowledged it."""
        wait_until(lambda: self.backlog() == 0, seconds, "the backlog is empty", every=0.1)

    def assert_ledger_matches(self, seconds=60):
        """0 missing, 0 twice in effect, in order; waits while something is under way."""
        deadline = time.monotonic() + seconds
        held, since = -1, time.monotonic()
        while True:
            findings = self.compare()
            if all(finding.good for finding in findings):
                break
            now = time.monotonic()
            if sum(finding.held for finding in findings) != held:
                held, since = sum(finding.held for finding in findings), now
            if now > deadline or (now - since > QUIET_S and self._is_drained()):
                raise AssertionError("\n" + compare.report(findings))
            time.sleep(0.3)
        print(compare.report(findings))
        assert findings and sum(finding.acked for finding in findings) > 0
        return findings

    def _is_drained(self):
        try:
            return self.backlog() == 0
        except (OSError, KeyError):
            return False

    # -- ending

    def close(self):
        """End everything; exit codes that are no orderly end are returned."""
        bad = []
        for peer in reversed(self._peers):
            if isinstance(peer, Child):
                peer.kill()
            elif peer.poll() is None:
                peer.terminate()
                peer.wait(timeout=10)
                peer.stdout.close()
        for child in (self.linkd, self.collectd, self.receiver, self.broker):
            if child is None or not child.running:
                continue
            try:
                code = child.stop()
            except AssertionError as error:
                bad.append(str(error))
                continue
            if code != 0:
                bad.append(f"{child.name} ended with {code}")
        self.wan.close()
        return bad

    def logs(self):
        """The ends of all logs."""
        parts = []
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-60:]
            parts.append(f"---- {path.name} ----\n" + "\n".join(lines))
        return "\n".join(parts)


def can_connect(port):
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def merge(base, changes):
    """`changes` over `base`: objects are merged, everything else is replaced."""
    result = dict(base)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merge(result[name], value)
        else:
            result[name] = value
    return result
