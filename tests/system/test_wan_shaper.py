# SPDX-License-Identifier: Apache-2.0
"""The WAN of the bench between real sockets. How fast it is is bounded from one side
only (a machine can be slower than a WAN, not faster); its arithmetic is tested with
an injected clock in tests/unit/bench."""
import contextlib
import errno
import json
import os
import pathlib
import random
import socket
import threading
import time

import pytest

from gangway_rig import build_folder, can_connect, free_port
from rig_process import Child, wait_until

LIMIT_S = 60
PLAIN = {"rtt-ms": 0, "kbit-per-s": 1000000, "reset-per-mille": 0, "stall-every-ms": 0}


class Link:
    """A shaper and a listener behind it."""

    def __init__(self, folder, **options):
        self.folder = pathlib.Path(folder)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT_S)
        self.port = free_port()
        self.stats_path = self.folder / "wan.json"
        command = [build_folder() / "bench/wan_shaper", "--listen", self.port, "--target",
                   self.listener.getsockname()[1], "--stats", self.stats_path]
        for name, value in {**PLAIN, **options}.items():
            command += [f"--{name}", value]
        self.child = Child("wan_shaper", command, folder)
        self.child.start()
        # the statistics tell that it listens; a connection would count as one
        wait_until(self.stats_path.exists, 20, "the shaper is up")

    def pair(self):
        """A connection through it: (near, far)."""
        near = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)
        far, _ = self.listener.accept()
        far.settimeout(LIMIT_S)
        return near, far

    def stats(self):
        return json.loads(self.stats_path.read_text())

    def wait_stats(self, condition):
        return wait_until(lambda: condition(self.stats()) and self.stats(), LIMIT_S)

    def close(self):
        self.listener.close()
        assert self.child.stop() == 0, self.child.tail()


@pytest.fixture
def link(tmp_path):
    """Makes a Link of options."""
    with contextlib.ExitStack() as stack:
        def make(**options):
            made = Link(tmp_path, **{name.replace("_", "-"): value
                                     for name, value in options.items()})
            stack.callback(made.close)
            return made
        yield make


def receive(sock, count):
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(min(65536, count - len(data)))
        if not piece:
            break
        data += piece
    return bytes(data)


def send_behind(sock, data):
    def send():
        with contextlib.suppress(OSError):  # the test is over
            sock.sendall(data)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_bytes_arrive_whole_and_in_order_both_ways_at_once(link):
    near, far = link(queue_kib=8, window_kib=16).pair()
    up, down = random.Random(1).randbytes(1_000_000), random.Random(2).randbytes(700_000)
    threads = [send_behind(near, up), send_behind(far, down)]
    reader = threading.Thread(target=lambda: down_read.append(receive(near, len(down))))
    down_read = []
    reader.start()
    assert receive(far, len(up)) == up
    reader.join(LIMIT_S)
    assert down_read == [down]
    for thread in threads:
        thread.join(LIMIT_S)


def test_the_end_of_one_direction_arrives_after_its_bytes_and_leaves_the_other_open(link):
    near, far = link(rtt_ms=40).pair()
    near.sendall(b"question")
    near.shutdown(socket.SHUT_WR)
    assert receive(far, 100) == b"question"
    far.sendall(b"answer")
    far.close()
    assert receive(near, 100) == b"answer"


def test_a_question_and_its_answer_take_the_round_trip_and_so_does_opening(link):
    wan = link(rtt_ms=200)
    start = time.monotonic()
    near, far = wan.pair()
    opened = time.monotonic()
    assert opened - start >= 0.2
    near.sendall(b"?")
    far.sendall(receive(far, 1))
    assert receive(near, 1) == b"?"
    assert time.monotonic() - opened >= 0.2


def test_bytes_are_not_faster_than_the_rate_of_all_connections_together(link):
    wan = link(kbit_per_s=2000, queue_kib=16)
    pairs = [wan.pair() for _ in range(2)]
    start = time.monotonic()
    threads = [send_behind(near, bytes(100_000)) for near, _ in pairs]
    for _, far in pairs:
        assert len(receive(far, 100_000)) == 100_000
    assert time.monotonic() - start >= 200_000 / 250_000
    for thread in threads:
        thread.join(LIMIT_S)
    stats = wan.wait_stats(lambda s: s["up"]["payload_bytes"] == 200_000)
    assert stats["up"]["wire_bytes"] == 200_000 + 52 * stats["up"]["packets"]


def test_who_sends_little_is_not_held_up_by_all_that_another_has_to_send(link):
    wan = link(kbit_per_s=2000, queue_kib=16, window_kib=1024)
    (many, many_far), (few, few_far) = wan.pair(), wan.pair()
    send_behind(many, bytes(3_000_000))  # twelve seconds of the link
    assert receive(many_far, 1)
    few.sendall(b"x" * 100)
    assert receive(few_far, 100) == b"x" * 100
    assert wan.stats()["up"]["payload_bytes"] < 2_500_000


def test_a_consumer_that_does_not_read_holds_its_producer_and_no_more_than_the_window(link):
    wan = link(window_kib=64)
    near, far = wan.pair()
    near.settimeout(2)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 200_000_000:  # more than the kernel's own buffers
            sent += near.send(bytes(1_000_000))
    assert sent < 200_000_000, "it took everything although nobody read"
    assert wan.wait_stats(lambda s: s["held_max_bytes"] > 0)["held_max_bytes"] <= 64 * 1024
    near.shutdown(socket.SHUT_WR)
    assert len(receive(far, sent + 1)) == sent, "what was taken arrives, and then the end"


def test_one_that_does_not_read_is_no_hindrance_to_another(link):
    wan = link(window_kib=64)
    (stuck, _stuck_far), (live, live_far) = wan.pair(), wan.pair()
    stuck.settimeout(1)
    with contextlib.suppress(TimeoutError):
        for _ in range(2000):
            stuck.send(bytes(10000))
    live.sendall(b"still here")
    assert receive(live_far, 10) == b"still here"


def is_reset(sock):
    try:
        return sock.recv(1) is None
    except OSError as error:
        return error.errno == errno.ECONNRESET


def test_a_reset_by_the_link_is_seen_at_both_ends_and_counted(link):
    wan = link(reset_per_mille=1000)
    near, far = wan.pair()
    assert is_reset(near) and is_reset(far)
    stats = wan.wait_stats(lambda s: s["resets"] == 1)
    assert stats["peer_resets"] == 0 and stats["connections"] == 1
    assert wan.pair(), "the link is there again"


def test_what_is_under_way_at_a_reset_is_lost(link):
    wan = link(reset_per_mille=1000, rtt_ms=1000)  # the connection lives as long as it opens
    near = socket.create_connection(("127.0.0.1", wan.port), timeout=LIMIT_S)
    near.sendall(b"never")
    assert is_reset(near)
    assert wan.wait_stats(lambda s: s["resets"] == 1)["up"]["payload_bytes"] == 0


def test_a_reset_by_one_end_reaches_the_other(link):
    wan = link()
    near, far = wan.pair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    far.close()
    assert is_reset(near)
    assert wan.wait_stats(lambda s: s["peer_resets"] == 1)["resets"] == 0


def test_without_anybody_behind_it_a_connection_is_refused_late(link):
    wan = link(rtt_ms=50)
    wan.listener.close()
    near = socket.create_connection(("127.0.0.1", wan.port), timeout=LIMIT_S)
    assert is_reset(near)
    assert wan.wait_stats(lambda s: s["refused"] + s["peer_resets"] == 1)


def test_in_a_stall_nothing_moves_and_after_it_nothing_is_missing(link):
    wan = link(stall_ms=1000, stall_every_ms=800, rtt_ms=20)
    near, far = wan.pair()
    stop = threading.Event()
    arrivals, sent = [], []

    def send():
        while not stop.is_set():
            near.sendall(b".")
            sent.append(1)
            time.sleep(0.01)

    def take():
        while far.recv(4096):
            arrivals.append(time.time())

    taker, sender = threading.Thread(target=take), threading.Thread(target=send)
    taker.start()
    sender.start()
    wan.wait_stats(lambda s: s["stalls"] >= 4)
    stop.set()
    sender.join(LIMIT_S)
    near.shutdown(socket.SHUT_WR)
    taker.join(LIMIT_S)
    stats = wan.wait_stats(lambda s: s["up"]["payload_bytes"] == len(sent))
    assert stats["resets"] == stats["peer_resets"] == 0
    # a gap of a stall's length each, wherever this machine noticed it
    gaps = [after - before for before, after in zip(arrivals, arrivals[1:])]
    assert sum(gap >= 0.9 for gap in gaps) >= 2


def test_the_same_seed_stalls_at_the_same_times(tmp_path):
    def distances(seed):
        wan = Link(tmp_path, **{"stall-ms": 50, "stall-every-ms": 100, "seed": seed})
        times = wan.wait_stats(lambda s: s["stalls"] >= 6)["stall_times_ns"][:6]
        wan.close()
        wan.stats_path.unlink()
        return [later[0] - earlier[0] for earlier, later in zip(times, times[1:])]

    first, again, other = distances(5), distances(5), distances(6)
    assert first == again != other


def test_it_ends_with_resets_and_is_refused_then(link):
    wan = link()
    near, far = wan.pair()
    assert wan.child.stop() == 0
    assert is_reset(near) and is_reset(far)
    assert not can_connect(wan.port)


def test_bad_options_are_refused(tmp_path):
    for arguments in ([], ["--listen", "1"], ["--listen", "1", "--target", "70000"],
                      ["--listen", "1", "--target", "2", "--kbit-per-s", "0"]):
        child = Child("wan_shaper", [build_folder() / "bench/wan_shaper", *arguments], tmp_path)
        child.start()
        wait_until(lambda child=child: not child.running, 20)
        assert child.exit_code == 2
    assert os.path.getsize(child.log) > 0
