# SPDX-License-Identifier: Apache-2.0
"""Statistics of one receiver process, kept in memory, for tests and benches."""
import collections
import re
import threading
import time

LATENCY_BUCKETS_PER_DECADE = 20


class Latencies:
    """A histogram in logarithmic steps of 12 %: percentiles without keeping samples."""

    def __init__(self):
        self._counts = collections.Counter()
        self._total = 0
        self._highest = 0.0

    def add(self, microseconds):
        """One measured latency."""
        import math
        value = max(1.0, microseconds)
        self._counts[round(math.log10(value) * LATENCY_BUCKETS_PER_DECADE)] += 1
        self._total += 1
        self._highest = max(self._highest, value)

    def _percentile(self, share):
        left = share * self._total
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return round(10 ** (bucket / LATENCY_BUCKETS_PER_DECADE) / 1000, 3)
        return None

    def summary(self):
        """Count, p50, p90, p99 and the highest, in ms."""
        if not self._total:
            return {"count": 0}
        return {"count": self._total, "p50_ms": self._percentile(0.5),
                "p90_ms": self._percentile(0.9), "p99_ms": self._percentile(0.99),
                "max_ms": round(self._highest / 1000, 3)}


class Figures:
    """Counters under one lock, the newest requests, and latencies.

    `latency_pattern` finds the send time in the body: a regular expression with
    one group, microseconds since 1970 (UTC). None = not measured.
    """

    def __init__(self, latency_pattern=None, keep_requests=2000):
        self._lock = threading.Lock()
        self._pattern = re.compile(latency_pattern.encode()) if latency_pattern else None
        self._keep = keep_requests
        self.reset()

    def reset(self):
        """Forget everything."""
        with self._lock:
            self._counters = collections.Counter()
            self._reasons = collections.Counter()
            self._requests = collections.deque(maxlen=self._keep)
            self._latencies = Latencies()
            self._per_second = collections.deque(maxlen=600)
            self._first = self._last = None

    def count(self, name, amount=1):
        """Add to a counter."""
        with self._lock:
            self._counters[name] += amount

    def handshake_failed(self, reason, raw_bytes):
        """A connection that ended before TLS was there."""
        with self._lock:
            self._counters["handshakes_failed"] += 1
            self._counters["bytes_before_handshake_failed"] += raw_bytes
            self._reasons[reason] += 1

    def request(self, entry):
        """Remember one request (a dict) and how it was answered."""
        with self._lock:
            self._counters["requests"] += 1
            self._counters[f"answers_{entry['status']}"] += 1
            self._requests.append(entry)

    def taken(self, verdicts, text):
        """Count what a batch brought; `text` is its body before compression."""
        now = time.time()
        with self._lock:
            counters = self._counters
            counters["events_accepted"] += verdicts.accepted
            counters["events_duplicate"] += verdicts.duplicates
            counters["events_conflict"] += verdicts.conflicts
            counters["tombstones"] += verdicts.tombstones
            counters["events_test"] += verdicts.tests
            counters["events_forwarded"] += verdicts.accepted - verdicts.tests
            for status, _, _ in verdicts.status.values():
                if status in ("rejected", "retry"):
                    counters[f"events_{status}"] += 1
            if verdicts.accepted:
                self._first = self._first or now
                self._last = now
                self._add_rate(int(now), verdicts.accepted)
        if self._pattern:
            self._measure(text, now * 1e6)

    def _add_rate(self, second, count):
        if self._per_second and self._per_second[-1][0] == second:
            self._per_second[-1][1] += count
        else:
            self._per_second.append([second, count])

    def _measure(self, text, now_us):
        found = self._pattern.findall(text)
        with self._lock:
            for sent in found:
                self._latencies.add(now_us - int(sent))

    @property
    def wants_text(self):
        """Whether taken() looks at the text."""
        return self._pattern is not None

    def summary(self):
        """Everything, as one JSON object."""
        with self._lock:
            result = {"counters": dict(self._counters),
                      "handshake_failures": dict(self._reasons),
                      "latency": self._latencies.summary(),
                      "per_second": [list(pair) for pair in self._per_second]}
            if self._first:
                result["first_accepted"] = self._first
                result["last_accepted"] = self._last
            return result

    def requests(self, newest):
        """The newest requests, oldest of them first."""
        with self._lock:
            return list(self._requests)[-newest:] if newest else []
