# SPDX-License-Identifier: Apache-2.0
"""Ledgers against the receiver: nothing missing, nothing twice in effect, in order.

Scanners and scales: every acknowledged entry must be held by the centre. A copy
more than the device sent, not marked `possibleduplicate`, is "twice in effect"
(a marked one starts nothing); a device that names its events (deviceeventid)
allows one copy however often it sent. First copies must stand in the order in
which the device sent them.

PLC points: a poller sees what was served, not every change. Each cleanly served
change must be reported, in order; nothing else may be.
"""
import json
import urllib.request

from .ledger import read_ledgers


def fetch_events(control):
    """Lines of the receiver's /ids, in (epoch, class, sequence) order."""
    with urllib.request.urlopen(f"{control}/ids", timeout=600) as answer:
        return [json.loads(line) for line in answer]


class Finding:
    """What the comparison of one device found."""

    def __init__(self, device):
        self.device = device
        self.acked = 0
        self.unacked = 0
        self.held = 0
        self.missing = []
        self.twice = []
        self.disorder = []
        self.unexpected = []
        self.marked = 0  # possibleduplicate: redelivered, the first copy not provable
        self.extra = 0   # marked copies beside another copy

    @property
    def good(self):
        """Nothing is wrong with this device."""
        return not (self.missing or self.twice or self.disorder)

    def line(self):
        """One line of the table."""
        return (f"{self.device:<24} acked {self.acked:>8}  held {self.held:>8}"
                f"  missing {len(self.missing):>5}  twice {len(self.twice):>4}"
                f"  out of order {len(self.disorder):>4}  unexpected {len(self.unexpected):>4}"
                f"  marked {self.marked:>4} ({self.extra} extra)")


def _key(entry):
    if "raw" in entry and entry.get("value") is None:
        return entry["raw"]
    return str(entry.get("value", entry.get("raw")))


def compare_messages(device, entries, events):
    """A scanner or scale."""
    finding = Finding(device)
    by_key = {}
    for entry in entries:
        by_key[_key(entry)] = entry
        if entry["t_acked"] is None:
            finding.unacked += 1
        else:
            finding.acked += 1
    effects = {}  # key -> copies that are not marked
    newest = 0
    for event in events:
        finding.held += 1
        key = _key(event)
        entry = by_key.get(key)
        marked = bool(event.get("possibleduplicate"))
        finding.marked += marked
        if entry is None:
            finding.unexpected += [] if marked else [key]
            continue
        if key not in effects:  # the first copy gives the order, marked or not
            if entry["n"] < newest:
                finding.disorder.append(key)
            newest = max(newest, entry["n"])
        elif marked:
            finding.extra += 1
        effects[key] = effects.get(key, 0) + (not marked)
    for key, entry in by_key.items():
        allowed = 1 if "deviceeventid" in entry else entry.get("sends", 1)
        if effects.get(key, 0) > allowed:
            finding.twice.append(key)
        if entry["t_acked"] is not None and key not in effects:
            finding.missing.append(key)
    return finding


def _number(value):
    text = str(value).lower()
    return float({"true": 1, "false": 0}.get(text, text))


def compare_point(device, entries, events):
    """A point of a PLC: served changes against reported values."""
    finding = Finding(device)
    reported = [_number(event["value"]) for event in events if event.get("value") is not None]
    finding.held = len(reported)
    finding.acked = len(entries)
    served = [(_number(entry["value"]), entry.get("clean", True)) for entry in entries]
    changes = [value for i, value in enumerate(reported) if i == 0 or value != reported[i - 1]]
    at = 0
    for value in changes:  # reported must be a subsequence of served
        seek = at
        while seek < len(served) and not _near(served[seek][0], value):
            seek += 1
        if seek == len(served):
            finding.unexpected.append(value)
            finding.disorder.append(value)
            continue
        finding.missing += [value for value, clean in served[at:seek] if clean]
        at = seek + 1
    finding.missing += [value for value, clean in served[at:] if clean]
    return finding


def _near(one, other):
    return abs(one - other) <= 1e-4 * max(1.0, abs(one))


def compare(ledger_folder, events):
    """Findings per device, in the order of their names."""
    ledgers = read_ledgers(ledger_folder)
    by_device = {}
    for event in events:
        if "raw" in event or "value" in event:
            by_device.setdefault(event["device"], []).append(event)
    findings = []
    for device, entries in sorted(ledgers.items()):
        of_device = by_device.get(device, [])
        if "kind" in entries[0]:
            findings.append(compare_point(device, entries, of_device))
        elif "raw" in entries[0]:
            findings.append(compare_messages(device, entries, of_device))
        else:
            weights = [event for event in of_device if event.get("value") is not None]
            findings.append(compare_messages(device, entries, weights))
    return findings


def report(findings):
    """Table and sum as text."""
    lines = [finding.line() for finding in findings]
    for finding in findings:
        for name in ("missing", "twice", "disorder"):
            found = getattr(finding, name)
            if found:
                shown = ", ".join(repr(key) for key in found[:5])
                lines.append(f"  {finding.device}: {name}: {shown}"
                             + (f" and {len(found) - 5} more" if len(found) > 5 else ""))
    total = sum(finding.acked for finding in findings)
    lines.append(f"ledger against receiver: {total} acknowledged, "
                 f"{sum(len(f.missing) for f in findings)} missing, "
                 f"{sum(len(f.twice) for f in findings)} twice in effect, "
                 f"{sum(len(f.disorder) for f in findings)} out of order")
    return "\n".join(lines)
