# SPDX-License-Identifier: Apache-2.0
"""What the centre has taken: durable before it is answered, once in effect.

One transaction a batch. Its first statement updates the row of the epoch, which
locks it until the commit: two receivers on one database take batches of one
gateway and epoch one after the other, and each sees the other's work.

    held ranges of the stream -> which events are new
    digests of those held     -> duplicate, or conflict (same id, other content)
    new events                -> chunks (contiguous runs) and the held ranges
    tombstones, rejected      -> ranges of their own; a fact always wins
    heads, epoch statements   -> what `completeness` reasons from
    commit                    -> only then does the caller answer
"""
import datetime

from . import encoding, intervals, strictjson
from .contract import CLASSES, DECIMAL, EPOCH, HEARTBEAT, MAX_BATCH_EVENTS, STARTED


def now_text():
    """Now, RFC 3339 UTC with milliseconds."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Verdicts:
    """Outcome of a batch: counts, and the status of every event not simply accepted."""

    def __init__(self):
        self.status = {}      # index -> (status, code, detail)
        self.accepted = 0
        self.duplicates = 0
        self.conflicts = 0
        self.tombstones = 0
        self.tests = 0


class Custody:
    """The store of one centre."""

    def __init__(self, database, keep_bodies=True):
        self._database = database
        self._keep_bodies = keep_bodies

    def take(self, batch):
        """Batch -> Verdicts, durable when this returns; database.Unavailable."""
        with self._database.transaction() as cursor:
            return _Taking(cursor, batch, self._keep_bodies).run()


class _Taking:
    """One transaction."""

    def __init__(self, cursor, batch, keep_bodies):
        self._cursor = cursor
        self._batch = batch
        self._keep_bodies = keep_bodies
        self._now = now_text()
        self._verdicts = Verdicts()
        self._stream = None

    def run(self):
        batch, verdicts = self._batch, self._verdicts
        self._stream = self._find_stream()
        verdicts.status.update(batch.marks)
        held = self._overlap("held")
        fresh = self._sort_out(held)
        self._store(fresh)
        self._add_ranges("held", intervals.of_numbers([batch.sequences[i] for i in fresh]))
        self._take_tombstones(held)
        self._take_rejected()
        self._remember_heads(batch.epoch, batch.heads)
        self._remember_statements(fresh)
        verdicts.accepted = len(fresh)
        verdicts.tests = sum(1 for i in fresh if batch.events[i].get("test"))
        return verdicts

    def _find_stream(self):
        batch, run = self._batch, self._cursor.execute
        key = (batch.serial, batch.epoch, batch.flow_class)
        self._touch_epoch(batch.epoch)
        select = "SELECT id FROM streams WHERE gateway = ? AND epoch = ? AND class = ?"
        row = run(select, key).fetchone()
        if row is None:
            run("INSERT INTO streams(gateway, epoch, class) VALUES(?, ?, ?)"
                " ON CONFLICT DO NOTHING", key)
            row = run(select, key).fetchone()
        return row[0]

    def _touch_epoch(self, epoch):
        """First and last contact; on PostgreSQL also the lock of this transaction."""
        self._cursor.execute(
            "INSERT INTO epochs(gateway, epoch, first_seen, last_seen) VALUES(?, ?, ?, ?)"
            " ON CONFLICT(gateway, epoch) DO UPDATE SET last_seen = excluded.last_seen",
            (self._batch.serial, epoch, self._now, self._now))

    def _overlap(self, kind):
        return self._cursor.execute(
            "SELECT first, last FROM ranges WHERE stream = ? AND kind = ? AND first <= ?"
            " AND last >= ? ORDER BY first",
            (self._stream, kind, self._batch.last, self._batch.first)).fetchall()

    def _sort_out(self, held):
        """Indices of new events; the others get their verdict here."""
        batch = self._batch
        skip = batch.marks.keys() | batch.tombstones.keys()
        if not held:
            return [i for i in range(len(batch.events)) if i not in skip] if skip \
                else range(len(batch.events))
        known = self._known_digests()
        fresh = []
        for i, sequence in enumerate(batch.sequences):
            if i in skip:
                continue
            if not intervals.contains(held, sequence):
                fresh.append(i)
            elif known.get(sequence) == batch.digests[i]:
                self._verdicts.duplicates += 1
                self._verdicts.status[i] = ("duplicate", "", "")
            else:
                self._conflict(i)
        return fresh

    def _known_digests(self):
        rows = self._cursor.execute(
            "SELECT first, last, digests FROM chunks WHERE stream = ? AND first >= ?"
            " AND first <= ? AND last >= ?",
            (self._stream, self._batch.first - MAX_BATCH_EVENTS, self._batch.last,
             self._batch.first)).fetchall()
        known = {}
        for first, last, digests in rows:
            for offset in range(last - first + 1):
                known[first + offset] = digests[16 * offset:16 * offset + 16]
        return known

    def _conflict(self, index):
        batch = self._batch
        self._verdicts.conflicts += 1
        self._verdicts.status[index] = (
            "conflict", "same_id_other_content", "held with another digest")
        self._cursor.execute(
            "INSERT INTO conflicts(stream, sequence, digest, taken_at, body)"
            " VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self._stream, batch.sequences[index], batch.digests[index], self._now,
             strictjson.plain(batch.events[index])))

    def _store(self, fresh):
        """Chunks: runs of new events without a hole."""
        batch = self._batch
        run = []
        for i in fresh:
            if run and batch.sequences[i] != batch.sequences[run[-1]] + 1:
                self._store_chunk(run)
                run = []
            run.append(i)
        if run:
            self._store_chunk(run)

    def _store_chunk(self, run):
        batch = self._batch
        body, coding = None, None
        if self._keep_bodies:
            if len(run) == len(batch.events) and batch.raw_coding in ("zstd", "gzip"):
                body, coding = batch.raw, batch.raw_coding
            else:
                text = strictjson.plain([batch.events[i] for i in run])
                body, coding = encoding.pack(text.encode()), "zstd"
        self._cursor.execute(
            "INSERT INTO chunks(stream, first, last, taken_at, digests, coding, body)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            (self._stream, batch.sequences[run[0]], batch.sequences[run[-1]], self._now,
             b"".join(batch.digests[run[0]:run[-1] + 1]), coding, body))

    def _add_ranges(self, kind, new):
        if not new:
            return
        low, high = new[0][0], new[-1][1]
        near = self._cursor.execute(
            "SELECT first, last FROM ranges WHERE stream = ? AND kind = ? AND first <= ?"
            " AND last >= ?", (self._stream, kind, high + 1, low - 1)).fetchall()
        merged = intervals.normalise(list(near) + list(new))
        for first, _ in near:
            self._cursor.execute("DELETE FROM ranges WHERE stream = ? AND kind = ?"
                                 " AND first = ?", (self._stream, kind, first))
        self._cursor.executemany(
            "INSERT INTO ranges(stream, kind, first, last) VALUES(?, ?, ?, ?)",
            [(self._stream, kind, first, last) for first, last in merged])

    def _take_tombstones(self, held):
        batch = self._batch
        covered = self._overlap("tombstone") if batch.tombstones else []
        for i, last in batch.tombstones.items():
            first = batch.sequences[i]
            self._verdicts.tombstones += 1
            if not intervals.subtract([(first, last)],
                                      intervals.normalise(list(held) + list(covered))):
                self._verdicts.status[i] = ("duplicate", "", "")
            data = batch.events[i]["data"]
            self._cursor.execute(
                "INSERT INTO tombstones(stream, first, last, count, reason, taken_at)"
                " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (self._stream, first, last, data["count"], data["reason"], self._now))
            self._add_ranges("tombstone", [(first, last)])

    def _take_rejected(self):
        numbers = [self._batch.sequences[i] for i, mark in sorted(self._batch.marks.items())
                   if mark[0] == "rejected"]
        self._add_ranges("rejected", intervals.of_numbers(numbers))

    def _remember_heads(self, epoch, heads):
        for name in CLASSES:  # always in this order: two receivers cannot wait in a ring
            if name in heads:
                self._cursor.execute(
                    "INSERT INTO heads(gateway, epoch, class, head, told_at)"
                    " VALUES(?, ?, ?, ?, ?) ON CONFLICT(gateway, epoch, class) DO UPDATE"
                    " SET head = excluded.head, told_at = excluded.told_at"
                    " WHERE excluded.head >= heads.head",
                    (self._batch.serial, epoch, name, heads[name], self._now))

    def _remember_statements(self, fresh):
        """What gateway.started and gateway.heartbeat say of epochs and heads."""
        batch = self._batch
        if batch.flow_class != "state":
            return
        for i in fresh:
            event = batch.events[i]
            if event["type"] == HEARTBEAT:
                self._remember_heads(batch.epoch, _heads_of(event["data"].get("heads")))
            elif event["type"] == STARTED:
                self._started(event["data"])

    def _started(self, data):
        previous = data.get("previousepoch")
        if type(previous) is not str or not EPOCH.match(previous) \
                or previous == self._batch.epoch:
            previous = None
        heads = _heads_of(data.get("previousheads"))
        # Exact is a statement on every class, or it is none.
        exact = 1 if previous and data.get("previousexact") is True \
            and set(heads) == set(CLASSES) else 0
        # A restart on the same epoch names no predecessor: it takes nothing back.
        self._cursor.execute(
            "UPDATE epochs SET store_origin = COALESCE(store_origin, ?),"
            " previous_exact = CASE WHEN previous_epoch IS NULL THEN ? ELSE previous_exact END,"
            " previous_epoch = COALESCE(previous_epoch, ?) WHERE gateway = ? AND epoch = ?",
            (data["storeorigin"], exact, previous, self._batch.serial, self._batch.epoch))
        if previous:
            self._cursor.execute(
                "INSERT INTO epochs(gateway, epoch, first_seen, last_seen) VALUES(?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING", (self._batch.serial, previous, self._now, self._now))
            self._remember_heads(previous, heads)


def _heads_of(value):
    """{"business": "12"} or {"business": 12} -> numbers; what is neither is left out."""
    if type(value) is not dict:
        return {}
    return {name: int(text) for name, text in value.items()
            if name in CLASSES and DECIMAL.match(str(text))}
