# SPDX-License-Identifier: Apache-2.0
"""The centre's word on one gateway: complete, missing A..B, tail unknown, conflict.

Per stream (epoch, class): everything from 1 to the last announced head must be
held, stood for by a tombstone, or rejected; the rest is missing. An epoch that
was superseded had a tail nobody announced, unless its successor's
gateway.started says that it knows the last heads exactly.
"""
from . import intervals
from .contract import CLASSES
from .custody import now_text

SEVERITY = ("complete", "tail_unknown", "missing", "conflict")


def worst(verdicts):
    """The most severe of some verdicts; 'complete' of none."""
    return max(verdicts, key=SEVERITY.index, default="complete")


class _Epoch:
    """A row of `epochs` and what follows from the others."""

    def __init__(self, row):
        (self.number, self.name, self.first_seen, self.last_seen, self.store_origin,
         self.previous, exact) = row
        self.previous_exact = bool(exact)
        self.superseded_by = None
        self.tail_known = True


def _epochs(cursor, serial):
    rows = cursor.execute(
        "SELECT id, epoch, first_seen, last_seen, store_origin, previous_epoch, previous_exact"
        " FROM epochs WHERE gateway = ? ORDER BY id", (serial,)).fetchall()
    epochs = [_Epoch(row) for row in rows]
    by_name = {epoch.name: epoch for epoch in epochs}
    for epoch in epochs:
        if epoch.previous in by_name:
            before = by_name[epoch.previous]
            before.superseded_by = epoch.name
            before.tail_known = before.tail_known and epoch.previous_exact
    heads_of_chains = [epoch for epoch in epochs if epoch.superseded_by is None]
    for epoch in heads_of_chains[:-1]:  # nobody speaks of it, and there is a newer one
        epoch.superseded_by = heads_of_chains[-1].name
        epoch.tail_known = False
    return epochs


def gateways(cursor):
    """Serials known here, in order."""
    rows = cursor.execute("SELECT DISTINCT gateway FROM epochs ORDER BY gateway").fetchall()
    return [row[0] for row in rows]


def completeness(cursor, serial):
    """The answer of GET {base}/v1/gateways/{serial}/completeness, None if unknown."""
    epochs = _epochs(cursor, serial)
    if not epochs:
        return None
    answer = {"contract": 1, "gateway": serial, "time": now_text(), "epochs": []}
    for epoch in epochs:
        classes = {}
        for name in CLASSES:
            of_class = _stream(cursor, serial, epoch, name)
            if of_class is not None:
                classes[name] = of_class
        item = {"epoch": epoch.name,
                "verdict": worst([entry["verdict"] for entry in classes.values()])}
        if not classes and not epoch.tail_known:
            item["verdict"] = "tail_unknown"
        if epoch.superseded_by:
            item["superseded_by"] = epoch.superseded_by
        item["classes"] = classes
        answer["epochs"].append(item)
    return answer


def _ranges(cursor, stream, kind):
    rows = cursor.execute("SELECT first, last FROM ranges WHERE stream = ? AND kind = ?"
                          " ORDER BY first", (stream, kind)).fetchall()
    return [tuple(row) for row in rows]


def _stream(cursor, serial, epoch, flow_class):
    """One class of an epoch; None if it was never heard of."""
    key = (serial, epoch.name, flow_class)
    told = cursor.execute("SELECT head, told_at FROM heads WHERE gateway = ? AND epoch = ?"
                          " AND class = ?", key).fetchone()
    row = cursor.execute("SELECT id FROM streams WHERE gateway = ? AND epoch = ?"
                         " AND class = ?", key).fetchone()
    if told is None and row is None:
        return None
    stream = row[0] if row else -1
    held = _ranges(cursor, stream, "held")
    covered = _ranges(cursor, stream, "tombstone")
    rejected = intervals.subtract(_ranges(cursor, stream, "rejected"), held)
    known = intervals.normalise(held + covered + rejected)
    head = max([told[0] if told else 0] + [last for _, last in known])
    missing = intervals.subtract([(1, head)] if head else [], known)
    tombstones = cursor.execute("SELECT first, last, count, reason FROM tombstones"
                                " WHERE stream = ? ORDER BY first, taken_at",
                                (stream,)).fetchall()
    conflicts = cursor.execute("SELECT COUNT(*) FROM conflicts WHERE stream = ?",
                               (stream,)).fetchone()[0]
    result = {"head": head, "held": [list(pair) for pair in held],
              "tombstones": [{"first": first, "last": last, "count": count, "reason": reason}
                             for first, last, count, reason in tombstones],
              "rejected": [list(pair) for pair in rejected],
              "missing": [list(pair) for pair in missing], "conflicts": conflicts}
    verdicts = ["conflict"] * bool(conflicts) + ["missing"] * bool(missing)
    if not epoch.tail_known:
        verdicts.append("tail_unknown")
        result["tail_unknown_since"] = told[1] if told else epoch.last_seen
    result["verdict"] = worst(verdicts)
    return result


def _counted(ranges, limit=5):
    shown = ", ".join(str(a) if a == b else f"{a}..{b}" for a, b in ranges[:limit])
    more = f" and {len(ranges) - limit} more ranges" if len(ranges) > limit else ""
    return f"{shown}{more} ({intervals.size(ranges)} events)"


def explain(entry):
    """One line for a person: what is said of a stream."""
    parts = []
    if entry["conflicts"]:
        parts.append(f"CONFLICT: {entry['conflicts']} ids came with other content")
    if entry["missing"]:
        parts.append("MISSING " + _counted(entry["missing"]))
    if "tail_unknown_since" in entry:
        parts.append(f"tail unknown since {entry['tail_unknown_since']}")
    if not parts:
        parts.append("complete")
    parts.append(f"{intervals.size(entry['held'])} held of {entry['head']}")
    for stone in entry["tombstones"][:3]:
        parts.append(f"{stone['count']} gone at {stone['first']}..{stone['last']}"
                     f" ({stone['reason']})")
    if entry["rejected"]:
        parts.append("rejected " + _counted(entry["rejected"]))
    return "; ".join(parts)


def report(answer):
    """The report as text, one line per epoch and class."""
    overall = worst([epoch["verdict"] for epoch in answer["epochs"]])
    lines = [f"gateway {answer['gateway']}: {overall.replace('_', ' ')}"]
    for epoch in answer["epochs"]:
        after = f", superseded by {epoch['superseded_by']}" if "superseded_by" in epoch else ""
        lines.append(f"  epoch {epoch['epoch']}: {epoch['verdict'].replace('_', ' ')}{after}")
        for name, entry in epoch["classes"].items():
            lines.append(f"    {name:<10} {explain(entry)}")
    return "\n".join(lines)
