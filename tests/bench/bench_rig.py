# SPDX-License-Identifier: Apache-2.0
"""What the parts of tests/bench/run measure with: a gateway, a generator, a sink that
knows each id, a WAN if one is wanted, and readings of the processes."""
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading

from gangway_rig import Rig, build_folder, free_port
from rig_process import Child, die_with_parent, wait_until

JSON_SCAN = {"kind": "scanner", "payload": "json", "code_pointer": "/id",
             "symbology_pointer": "/sent_ns"}
# The same messages in two flow classes: the class is a matter of configuration.
DEVICES = {"load": {"id": "load", "topic": "scan/+", **JSON_SCAN},
           "sensor": {"id": "sensor", "topic": "sensor/+", "class": "telemetry", **JSON_SCAN}}
TOPICS = {"load": "scan/%d", "sensor": "sensor/%d"}
TICK = os.sysconf("SC_CLK_TCK")
# A verdict on what arrived; of several runs the worst counts, not the median.
VERDICT = ("lost", "stored_twice", "order_errors", "gaps", "repeated")


class Load:
    """A generator that runs."""

    def __init__(self, name, command):
        self.name = name
        self._process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=die_with_parent)
        self.figures = None

    def end_sending(self):
        """Nothing new is sent; the last PUBACKs are waited for."""
        self._process.send_signal(signal.SIGTERM)

    def finish(self):
        """Wait for its end; its figures."""
        out, err = self._process.communicate()
        assert self._process.returncode == 0, err + out
        self.figures = json.loads(out.strip().splitlines()[-1])
        return self.figures

    def kill(self):
        """If it is still there."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Bench:
    """A rig whose receiver is fast_sink. `wan`: options of the shaper between the two,
    which is not started here; without, linkd reaches the sink directly."""

    def __init__(self, site, sink_options=(), sink_changes=None, wan=None, **store):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-bench-"))
        pki, door = site.pki, site.door
        self.stats_path = self.folder / "sink.json"
        self.samples_path = self.folder / "samples"
        self.wan_path = self.folder / "wan.json"
        changes = {"store": {"size_mb": 256, **store}, "devices": list(DEVICES.values()),
                   "ingress": {"max_connections_per_device": 64}}
        self.rig = Rig(self.folder, pki, devices={}, changes=changes, in_flight=0, door=door)
        self.secrets = {}
        self.loads = []
        sink_port = free_port()
        document = self.rig.configuration()
        wan_port = free_port()
        sink = {**document["sinks"][0], "first_jitter_ms": 0, "retry_max_ms": 1000,
                "url": f"https://localhost:{sink_port if wan is None else wan_port}",
                **(sink_changes or {})}
        brokers = [{**broker, "topics": ["scan/#", "sensor/#"]}
                   for broker in document["brokers"]]
        self.rig._changes.update({"sinks": [sink], "brokers": brokers})
        self.sink = Child("fast_sink", [
            build_folder() / "bench/fast_sink", "--port", sink_port, "--cert",
            f"{pki}/server.crt", "--key", f"{pki}/server.key", "--ca", f"{pki}/ca.crt",
            "--stats", self.stats_path, "--samples", self.samples_path, *sink_options],
            self.folder)
        self.wan = Child("wan_shaper", [
            build_folder() / "bench/wan_shaper", "--listen", wan_port, "--target", sink_port,
            "--stats", self.wan_path, *flags(wan or {})], self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.kill()
        self.wan.stop()
        self.sink.stop()
        self.rig.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, sink=True):
        """All but the WAN."""
        if sink:
            self.sink.start()
        if self.rig.door == "broker":
            self.rig.start_broker()
        self.rig.start_gateway()
        if self.rig.door == "front":
            for name in DEVICES:
                answer = self.rig.ask_daemon("collectd", "device_add", device=name)
                self.secrets[name] = answer["secret"]
        return self

    # -- load

    def begin_load(self, run, device="load", clients=16, window=64, **options):
        """Start the generator; `run` names its events at the sink."""
        port = self.rig.mqtt_port if self.rig.door == "broker" else self.rig.front_port
        command = [build_folder() / "bench/mqtt_load", "--port", port, "--clients", clients,
                   "--window", window, "--topic-format", TOPICS[device], "--run", run,
                   "--client-prefix", f"{run}-", *flags(options)]
        if self.secrets:
            command += ["--username", device, "--password", self.secrets[device]]
        self.loads.append(Load(run, command))
        return self.loads[-1]

    def load(self, run, **options):
        """Run the generator to its end; its figures."""
        return self.begin_load(run, **options).finish()

    def warm_up(self, count=1000):
        """Connections are open, code is in memory."""
        self.load("warm", count=count)
        self.wait_arrived("warm", count)

    # -- the receiving end

    def stats(self):
        """The sink's."""
        try:
            return json.loads(self.stats_path.read_text())
        except (OSError, ValueError):
            return {"streams": {}}

    def stream(self, run):
        """What the sink knows of a run."""
        return self.stats()["streams"].get(run, {"unique": 0, "level_ns": 0, "latencies": 0})

    def wait_arrived(self, run, count, seconds=120):
        """Until so many different events of the run have arrived."""
        wait_until(lambda: self.stream(run)["unique"] >= count, seconds,
                   f"{count} events of {run} arrive", every=0.05)
        return self.stream(run)

    def verdict(self):
        """Of all finished loads against what the sink has: zero is good, except that
        `repeated` records (the same event sent again, removable by its id) are no fault."""
        stats = self.stats()
        streams = [stats["streams"].get(load.name, {}) for load in self.loads]
        result = {name: sum(stream.get(name, 0) for stream in streams)
                  for name in ("stored_twice", "order_errors", "repeated")}
        arrived = sum(stream.get("unique", 0) for stream in streams)
        result["lost"] = sum(load.figures["acked"] for load in self.loads) - arrived
        result["gaps"] = stats["gaps"]
        return result

    def sink_away(self):
        """Connections to it end and are refused; it forgets nothing."""
        self.sink.signal(signal.SIGUSR1)

    def sink_back(self):
        """There again."""
        self.sink.signal(signal.SIGUSR2)

    # -- the WAN

    def wan_stats(self):
        """The shaper's."""
        return json.loads(self.wan_path.read_text())

    def samples(self):
        """(sent, arrived) in seconds of wall time, of the run that is sampled."""
        lines = self.samples_path.read_text().splitlines()
        return [tuple(int(word) / 1e9 for word in line.split()) for line in lines]

    # -- the gateway's processes

    @property
    def daemons(self):
        """collectd, linkd"""
        return self.rig.collectd, self.rig.linkd

    def cpu_seconds(self):
        """By process, Mosquitto too if it runs."""
        return {child.name: cpu_seconds(child.pid) for child in (*self.daemons, self.rig.broker)
                if child.running}

    def written(self):
        """{short name: {wchar, write_bytes}}"""
        return {short(child): written(child.pid) for child in self.daemons}


class Wear:
    """Bytes written by the daemons between two moments, for each event. wchar is what
    they handed to write(2) and its like, files and pipes (and, for libmosquitto, its
    socket); write_bytes is what went dirty in the page cache and has to reach the
    device, in whole folios (ext4: 4 KiB and often more), so it is larger where
    little is written at a time."""

    def __init__(self, bench):
        self._bench = bench
        self._before = bench.written()

    def per_event(self, count):
        """Figures."""
        return {f"{name}_{kind}_per_event": (value - self._before[name][kind]) / count
                for name, kinds in self._bench.written().items() for kind, value in kinds.items()}


class Peak:
    """Highest anonymous memory of the daemons while in a with statement, read ten times
    a second; and highest resident set of all (the kernel's own mark, mapped pages of the
    store counted)."""

    def __init__(self, bench):
        self._bench = bench
        self._highest = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._read()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        while not self._stopped.wait(0.1):
            try:
                self._read()
            except OSError:
                return

    def _read(self):
        now = {short(child): child.anonymous_kib() for child in self._bench.daemons}
        now["both"] = sum(now.values())
        for name, value in now.items():
            self._highest[name] = max(value, self._highest.get(name, 0))

    def figures(self):
        """MiB."""
        result = {f"{name}_peak_anonymous_mib": value / 1024
                  for name, value in self._highest.items()}
        for child in self._bench.daemons:
            status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
            mark = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
            result[f"{short(child)}_peak_resident_mib"] = int(mark.split()[1]) / 1024
        return result


def flags(options):
    """{"a_b": 1} -> ["--a-b", 1]"""
    return [word for name, value in options.items()
            for word in (f"--{name.replace('_', '-')}", value)]


def short(child):
    """gw-collectd -> collectd"""
    return child.name.removeprefix("gw-")


def cpu_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written(pid):
    """{wchar, write_bytes} of a process."""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
    values = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return {name: values[name] for name in ("wchar", "write_bytes")}


def percentile(values, share):
    """Of a list, in order or not; NaN of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def middle(runs):
    """Medians of figures; of a verdict the worst."""
    return {name: (max if name in VERDICT else statistics.median)(run[name] for run in runs)
            for name in runs[0]}
