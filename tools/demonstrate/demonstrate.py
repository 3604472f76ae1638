# SPDX-License-Identifier: Apache-2.0
"""The demo's run: see tools/demo. Uses the rig of the system tests, so what is
shown here is what is tested there."""
import argparse
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests/system"))

from gangway_rig import Rig, make_pki  # noqa: E402
from gangway_simulate import compare  # noqa: E402

BEHIND_THE_BROKER = {"yard.scanner": "text"}
FLOOR = {"dock-1.scanner": "text", "dock-2.scanner": "gs1", "pallet.scanner": "sscc",
         "glove-17": "proglove", "handheld-3": "zebra", "dock-1.scale": "scale"}
HEAD = f"{'':14}{'floor':>9}{'stored':>9}{'sent':>9}{'acked':>9}{'waiting':>9}{'p50 ms':>8}"


class Ended(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def on_signal(*_):
    raise Ended


class Show:
    """The live line of figures."""

    def __init__(self, rig, fleets):
        self.rig = rig
        self.fleets = fleets
        self.peak = 0

    def floor(self):
        """Events acknowledged to the simulated devices so far."""
        return sum(last_figures(fleet)["acked"] for fleet in self.fleets)

    def figures(self):
        queue = self.rig.status("collectd")["queue"]["classes"].values()
        sink = self.rig.status("linkd")["sinks"][0]
        classes = sink["classes"].values()
        waiting = self.rig.backlog()
        self.peak = max(self.peak, waiting)
        return {"floor": self.floor(), "stored": sum(entry["appended"] for entry in queue),
                "sent": sum(entry["sent"] for entry in classes),
                "acked": sum(entry["acked"] for entry in classes),
                "waiting": waiting, "p50": sink.get("latency_p50_ms")}

    def line(self, phase, last=False):
        f = self.figures()
        p50 = "-" if f["p50"] is None else f["p50"]
        text = (f"{phase:14}{f['floor']:>9}{f['stored']:>9}{f['sent']:>9}{f['acked']:>9}"
                f"{f['waiting']:>9}{p50:>8}")
        live = sys.stdout.isatty() and not last
        print(("\r" if sys.stdout.isatty() else "") + text, end="" if live else "\n", flush=True)

    def run(self, phase, seconds):
        """A line a second."""
        for second in range(max(1, round(seconds))):
            time.sleep(1)
            self.line(phase, second == round(seconds) - 1)

    def drain(self, seconds=60):
        """Until nothing waits."""
        for _ in range(seconds * 2):
            if self.rig.backlog() == 0:
                return True
            time.sleep(0.5)
            self.line("drain")
        return False


def last_figures(fleet):
    """The newest line of figures of a simulator."""
    for line in reversed(fleet.tail(5).splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {"acked": 0}


def addresses(rig):
    print(f"""
  front door  mqtt://127.0.0.1:{rig.front_port}   (user dock-1.scanner, its secret stands in
              {rig.secrets}; publish to floor/dock-1.scanner)
  broker      mqtt://127.0.0.1:{rig.mqtt_port}   (publish to floor/yard.scanner)
  PLC         modbus tcp 127.0.0.1:{rig.plc['port']}, faults on {rig.plc['control']}
  receiver    https://localhost:{rig.receiver_port}, figures and report on {rig.control}/report
  gateway     {PROJECT}/build/demo/bin/gwctl --config {rig.config_path} status
  logs        {rig.folder}/*.log, ledgers {rig.ledgers}
  Ctrl-C ends everything and cleans up.
""", flush=True)


def verdict(rig):
    """Ledger against receiver, and the centre's own word."""
    deadline = time.monotonic() + 30
    while True:
        findings = compare.compare(rig.ledgers, compare.fetch_events(rig.control))
        if all(finding.good for finding in findings) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    print("\nledger of the devices against the receiver:")
    print(compare.report(findings))
    print("the centre says:")
    print(rig.centre("/report").rstrip())
    good = bool(findings) and all(finding.good for finding in findings)
    acked = sum(finding.acked for finding in findings)
    return good and acked > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gangway-demo-"))
    rig = None
    try:
        rig = Rig(folder, make_pki(folder / "pki"), devices={**FLOOR, **BEHIND_THE_BROKER},
                  door="both")
        rig.start_plc(interval=0.2)
        rig.start()
        print("running: 5 scanners and a scale at the front door, a scanner behind Mosquitto, a PLC,\n"
              "         gw-collectd, gw-linkd, receiver (mTLS)\n"
              "floor = acknowledged to scanners and scale; stored counts what the PLC and the gateway\n"
              "        itself report as well")
        fleets = [fleet(rig, FLOOR, "front"), fleet(rig, BEHIND_THE_BROKER, "broker")]
        show = Show(rig, fleets)
        print(HEAD)
        phase = options.seconds / 3
        show.run("WAN up", phase)
        if options.keep:
            addresses(rig)
            while True:
                show.run("running", 10)
        rig.wan.cut()
        show.run("WAN cut", phase)
        rig.wan.resume()
        show.run("WAN up again", phase)
        for each in fleets:
            each.stop()
        stop_plc(rig)
        drained = show.drain()
        show.line("at the end", last=True)
        print(f"largest backlog: {show.peak} events")
        return 0 if verdict(rig) and drained and show.peak > 0 else 1
    except Ended:
        print("\ndemo: ended by hand, cleaning up")
        return 130 if not options.keep else 0
    except AssertionError as error:
        print(f"\ndemo: {error}\n{rig.logs() if rig else ''}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if rig:
            rig.close()
        shutil.rmtree(folder, ignore_errors=True)


def fleet(rig, devices, door):
    """Simulated devices at one door."""
    chosen = [part for name, form in devices.items() for part in ("--device", f"{name}={form}")]
    return rig.simulate("scanners", "--rate", "20", "--figures", *chosen, door=door,
                        name=f"scanners-{door}")


def stop_plc(rig):
    """No further changes, so that the comparison has an end."""
    import urllib.request
    urllib.request.urlopen(rig.plc["control"] + "/pause", data=b"{}", timeout=10).close()


if __name__ == "__main__":
    sys.exit(main())
