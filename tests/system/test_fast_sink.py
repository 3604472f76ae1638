# SPDX-License-Identifier: Apache-2.0
"""What the bench's receiver says about loss, doubles and order must itself be
trusted: it is told things by hand here, right and wrong ones."""
import contextlib
import http.client
import json
import os
import signal
import ssl
import time

import pytest

from gangway_rig import SERIAL, build_folder, can_connect, free_port
from rig_process import Child, wait_until

LIMIT_S = 30


class Sink:
    """fast_sink and a client of it."""

    def __init__(self, folder, pki, *options):
        self.port = free_port()
        self.pki = pki
        self.path = folder / "sink.json"
        self.child = Child("fast_sink", [
            build_folder() / "bench/fast_sink", "--port", self.port, "--cert",
            pki / "server.crt", "--key", pki / "server.key", "--ca", pki / "ca.crt",
            "--stats", self.path, *options], folder)
        self.child.start()
        wait_until(self.path.exists, LIMIT_S, "the sink is up")
        self.connection = None

    def connect(self):
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        context.load_cert_chain(self.pki / f"gateway-{SERIAL}.crt",
                                self.pki / f"gateway-{SERIAL}.key")
        self.connection = http.client.HTTPSConnection("localhost", self.port, timeout=LIMIT_S,
                                                      context=context)

    def post(self, events, first=None, flow="business", epoch="e" * 17):
        """events: (sequence, id, age in seconds)."""
        if self.connection is None:
            self.connect()
        now = time.time_ns()
        body = json.dumps([
            {"sequence": f"{sequence:020}", "data": {
                "raw": name, "symbology": str(now - int(age * 1e9))}}
            for sequence, name, age in events], separators=(",", ":"))
        first = events[0][0] if first is None else first
        self.connection.request("POST", "/v1/events", body, {
            "Gangway-Epoch": epoch, "Gangway-Class": flow, "Gangway-First": str(first),
            "Gangway-Last": str(first + len(events) - 1)})
        answer = json.loads(self.connection.getresponse().read())
        assert (answer["epoch"], answer["class"], answer["last"]) == (
            epoch, flow, first + len(events) - 1)

    def stats(self, condition=lambda stats: True):
        """The figures after all that was posted."""
        since = time.time_ns()

        def fresh():
            stats = json.loads(self.path.read_text())
            return stats["time_ns"] > since and condition(stats) and stats

        return wait_until(fresh, LIMIT_S, "fresh figures of the sink")

    def run(self, name="run"):
        return self.stats()["streams"][name]


@pytest.fixture
def sink(tmp_path, pki):
    """Makes a Sink."""
    with contextlib.ExitStack() as stack:
        def make(*options):
            made = Sink(tmp_path, pki, *options)
            stack.callback(lambda: made.child.stop() == 0 or pytest.fail(made.child.tail()))
            return made
        yield make


def batch(first, last, name="run", client=0, age=0.01):
    return [(number, f"{name}-{client}-{number}", age) for number in range(first, last + 1)]


def test_all_is_well(sink):
    it = sink()
    it.post(batch(1, 500))
    it.post(batch(501, 600))
    stats = it.stats()
    assert stats["events"] == 600 and stats["requests"] == 2 and stats["last"][0] == 600
    assert stats["gaps"] == stats["repeated"] == stats["unreadable"] == 0
    run = stats["streams"]["run"]
    assert run["unique"] == run["latencies"] == 600
    assert run["holes"] == run["stored_twice"] == run["repeated"] == run["order_errors"] == 0
    assert run["p50_us"] >= 9000


def test_a_batch_that_comes_again_is_repeated_and_nothing_else(sink):
    it = sink()
    it.post(batch(1, 10))
    it.post(batch(6, 15))
    stats = it.stats()
    assert stats["last"][0] == 15 and stats["repeated"] == 5 and stats["gaps"] == 0
    run = stats["streams"]["run"]
    assert (run["unique"], run["repeated"], run["stored_twice"]) == (15, 5, 0)
    assert run["latencies"] == 15 and run["order_errors"] == 0


def test_a_message_with_two_sequences_was_stored_twice(sink):
    it = sink()
    it.post(batch(1, 10))
    it.post([(11, "run-0-10", 0.01)])
    run = it.run()
    assert (run["unique"], run["repeated"], run["stored_twice"]) == (10, 0, 1)


def test_a_sequence_left_out_is_a_gap_and_its_id_a_hole(sink):
    it = sink()
    it.post(batch(1, 10))
    it.post(batch(12, 20))
    stats = it.stats()
    assert stats["gaps"] == 1 and stats["streams"]["run"]["holes"] == 1


def test_a_body_that_does_not_hold_what_its_head_says_is_a_gap(sink):
    it = sink()
    it.post(batch(2, 10), first=1)
    assert it.stats()["gaps"] > 0


def test_the_first_sequence_of_an_epoch_is_one(sink):
    it = sink()
    it.post(batch(2, 10))
    assert it.stats()["gaps"] == 1
    it.post([(1, "run-0-11", 0.01)], epoch="f" * 17)
    stats = it.stats()
    assert stats["gaps"] == 1 and stats["repeated"] == 0 and stats["last"][0] == 1


def test_order_is_told_by_device(sink):
    it = sink()
    it.post([(1, "run-0-1", 0), (2, "run-1-1", 0), (3, "run-1-3", 0), (4, "run-1-2", 0),
             (5, "run-0-2", 0)])
    run = it.run()
    assert run["order_errors"] == 1 and run["holes"] == 0


def test_classes_have_their_own_sequences_and_runs_their_own_ids(sink):
    it = sink()
    it.post(batch(1, 5))
    it.post(batch(1, 7, "old"), flow="telemetry")
    stats = it.stats()
    assert stats["last"] == [5, 0, 7, 0] and stats["gaps"] == stats["repeated"] == 0
    assert stats["streams"]["run"]["unique"] == 5 and stats["streams"]["old"]["unique"] == 7


def test_a_stream_is_level_when_something_young_arrives(sink):
    it = sink("--level-ms", "1000")
    it.post(batch(1, 5, age=3600))
    run = it.run()
    assert run["level_ns"] == 0 and run["first_ns"] > 0
    it.post(batch(6, 6, age=0))
    run = it.run()
    assert run["level_ns"] == run["last_ns"] > run["first_ns"]


def test_samples_are_those_of_one_run(sink, tmp_path):
    it = sink("--samples", tmp_path / "samples", "--samples-run", "live")
    it.post(batch(1, 5, "old"))
    it.post(batch(6, 8, "live", age=2))
    it.stats()
    lines = [line.split() for line in (tmp_path / "samples").read_text().splitlines()]
    assert len(lines) == 3
    assert all(2e9 <= int(arrived) - int(sent) < 60e9 for sent, arrived in lines)


def test_away_it_takes_nothing_and_forgets_nothing(sink):
    it = sink()
    it.post(batch(1, 5))
    before = it.stats()["back_ns"]
    os.kill(it.child.pid, signal.SIGUSR1)
    wait_until(lambda: not can_connect(it.port), LIMIT_S, "the sink is away")
    with pytest.raises((OSError, http.client.HTTPException)):
        it.post(batch(6, 7))
    os.kill(it.child.pid, signal.SIGUSR2)
    wait_until(lambda: can_connect(it.port), LIMIT_S, "the sink is back")
    it.connect()
    it.post(batch(4, 9))
    stats = it.stats()
    assert stats["back_ns"] > before and stats["gaps"] == 0
    run = stats["streams"]["run"]
    assert (run["unique"], run["repeated"], run["holes"]) == (9, 2, 0)
