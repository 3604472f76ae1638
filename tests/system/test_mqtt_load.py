# SPDX-License-Identifier: Apache-2.0
"""The publisher behind benchmarks and fault tests must itself be trusted:
against a scripted server that sees every byte, and against a real Mosquitto."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = (PROJECT / os.environ.get("GW_BUILD", "build/debug") / "bench" / "mqtt_load").resolve()
LIMIT_S = 30


class Connection:
    """One accepted connection, read packet by packet."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(LIMIT_S)
        self.data = b""

    def _need(self, count):
        while len(self.data) < count:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError
            self.data += piece

    def packet(self):
        """(first byte, body)"""
        self._need(2)
        length, shift, at = 0, 0, 1
        while True:
            self._need(at + 1)
            byte = self.data[at]
            length |= (byte & 127) << shift
            shift += 7
            at += 1
            if byte < 128:
                break
        self._need(at + length)
        first, body = self.data[0], self.data[at:at + length]
        self.data = self.data[at + length:]
        return first, body

    def publish(self):
        """(dup, topic, packet id, payload)"""
        first, body = self.packet()
        assert first & 0xF7 == 0x32, f"not a QoS 1 PUBLISH: {first:#x}"
        size = int.from_bytes(body[:2], "big")
        topic = body[2:2 + size].decode()
        packet_id = int.from_bytes(body[2 + size:4 + size], "big")
        assert packet_id > 0
        return bool(first & 8), topic, packet_id, body[4 + size:]

    def greet(self, code=0, session_present=0):
        first, body = self.packet()
        assert first == 0x10
        self.sock.sendall(bytes([0x20, 2, session_present, code]))
        return body

    def acknowledge(self, packet_id):
        self.sock.sendall(b"\x40\x02" + packet_id.to_bytes(2, "big"))

    def close(self):
        self.sock.close()


@pytest.fixture
def server():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT_S)
    yield listener
    listener.close()


@pytest.fixture
def load(tmp_path):
    """Starts the program; every one is ended with the test."""
    started = []

    def start(port, *options):
        process = subprocess.Popen(
            [PROGRAM, "--port", str(port), "--ledger", tmp_path / "ledger", "--deadline",
             str(LIMIT_S), *map(str, options)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def summary(process):
    out, _ = process.communicate(timeout=LIMIT_S)
    return json.loads(out.splitlines()[-1])


def accept(server):
    return Connection(server.accept()[0])


def test_payloads_are_json_of_the_wanted_size_with_unique_ids(server, load, tmp_path):
    process = load(server.getsockname()[1], "--clients", 2, "--count", 100, "--window", 7,
                   "--topic-format", "hall/%d/scan", "--client-prefix", "x-")
    ids, topics = [], set()
    connections = [accept(server) for _ in range(2)]
    for number, connection in enumerate(connections):
        body = connection.greet()
        assert body[:7] == b"\x00\x04MQTT\x04" and body[7] & 2, "clean session without --reconnect"
        assert body[10:].endswith(b"x-%d" % number)

    def serve(connection):
        try:
            while True:
                dup, topic, packet_id, payload = connection.publish()
                assert not dup
                event = json.loads(payload)
                assert len(payload) == 200 and len(event) == 11
                assert abs(event["sent_ns"] - time.time_ns()) < LIMIT_S * 10**9
                assert topic == f"hall/{event['client']}/scan"
                topics.add(topic)
                ids.append(event["id"])
                connection.acknowledge(packet_id)
        except (EOFError, AssertionError, OSError):
            pass

    threads = [threading.Thread(target=serve, args=(c,)) for c in connections]
    for thread in threads:
        thread.start()
    result = summary(process)
    for thread in threads:
        thread.join()
    assert result["sent"] == result["acked"] == 100 and process.returncode == 0
    assert len(set(ids)) == 100 and topics == {"hall/0/scan", "hall/1/scan"}
    assert sorted((tmp_path / "ledger").read_text().split()) == sorted(ids)


def test_the_window_is_kept(server, load):
    process = load(server.getsockname()[1], "--count", 50, "--window", 5,
                   "--drain", 0)
    connection = accept(server)
    connection.greet()
    under_way = [connection.publish()[2] for _ in range(5)]
    assert len(set(under_way)) == 5
    connection.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        connection.publish()
    connection.sock.settimeout(LIMIT_S)
    # Out of order: the freed place is used, the taken packet ids are not.
    connection.acknowledge(under_way[3])
    assert connection.publish()[2] not in under_way
    process.send_signal(signal.SIGTERM)
    result = summary(process)
    assert (result["sent"], result["acked"]) == (6, 1) and process.returncode == 1


def test_only_acknowledged_events_are_in_the_ledger(server, load, tmp_path):
    process = load(server.getsockname()[1], "--count", 10, "--window", 10, "--drain", 1)
    connection = accept(server)
    connection.greet()
    seen = [connection.publish() for _ in range(10)]
    for _, _, packet_id, _ in seen[:4]:
        connection.acknowledge(packet_id)
    connection.acknowledge(60000)
    result = summary(process)
    assert process.returncode == 1
    assert (result["sent"], result["acked"], result["stray_acks"]) == (10, 4, 1)
    assert (tmp_path / "ledger").read_text().split() == [json.loads(p)["id"] for *_, p in seen[:4]]


def test_after_a_lost_connection_the_rest_comes_again_as_it_was(server, load, tmp_path):
    process = load(server.getsockname()[1], "--count", 20, "--window", 8, "--reconnect")
    connection = accept(server)
    body = connection.greet()
    assert body[7] & 2 == 0, "the session must be kept"
    first = [connection.publish() for _ in range(8)]
    connection.acknowledge(first[0][2])
    connection.acknowledge(first[2][2])
    more = [connection.publish() for _ in range(2)]
    connection.close()
    lost = [first[1], *first[3:], *more]

    connection = accept(server)
    connection.close()  # not even a greeting this time

    connection = accept(server)
    connection.greet(session_present=1)
    again = [connection.publish() for _ in range(8)]
    assert all(dup for dup, *_ in again)
    assert [p[1:] for p in again] == [p[1:] for p in lost]
    for _, _, packet_id, _ in again:
        connection.acknowledge(packet_id)
    fresh = []
    while len(fresh) < 10:
        fresh.append(connection.publish())
        connection.acknowledge(fresh[-1][2])
    assert not any(dup for dup, *_ in fresh)
    result = summary(process)
    assert process.returncode == 0
    assert (result["sent"], result["acked"], result["resent"]) == (20, 20, 8)
    assert result["reconnects"] == 2
    lines = (tmp_path / "ledger").read_text().split()
    assert len(lines) == len(set(lines)) == 20


def test_without_reconnect_a_lost_connection_is_the_end(server, load):
    process = load(server.getsockname()[1], "--count", 20, "--window", 8)
    connection = accept(server)
    connection.greet()
    connection.publish()
    connection.close()
    result = summary(process)
    assert process.returncode == 1 and result["acked"] == 0 and result["reconnects"] == 0


def test_a_refused_client_does_not_start(server, load):
    process = load(server.getsockname()[1], "--count", 1, "--username", "u", "--password", "p")
    connection = accept(server)
    body = connection.greet(code=5)
    assert body[7] == 0xC2 and body.endswith(b"\x00\x01u\x00\x01p")
    result = summary(process)
    assert process.returncode == 2 and (result["sent"], result["refused"]) == (0, 1)


def test_the_rate_is_kept(server, load):
    rate, count = 200, 400
    started = time.monotonic()
    process = load(server.getsockname()[1], "--rate", rate, "--count", count, "--window", 100)
    connection = accept(server)
    connection.greet()
    moments = []
    try:
        while True:
            packet_id = connection.publish()[2]
            moments.append(time.monotonic())
            connection.acknowledge(packet_id)
    except (EOFError, AssertionError):
        pass
    result = summary(process)
    assert result["acked"] == len(moments) == count
    # The first one goes at once; none of the others is early.
    early = [n for n, moment in enumerate(moments) if moment - started < n / rate]
    assert not early


def test_flat_out_against_mosquitto_that_is_killed_on_the_way(load, tmp_path):
    mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "broker.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")

    def start_broker():
        broker = subprocess.Popen([mosquitto, "-c", tmp_path / "broker.conf"],
                                  stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return broker
            except ConnectionRefusedError:
                assert time.monotonic() < deadline and broker.poll() is None
                time.sleep(0.02)

    broker = start_broker()
    try:
        process = load(port, "--clients", 4, "--rate", 2000, "--seconds", 4, "--reconnect")
        deadline = time.monotonic() + LIMIT_S
        for _ in range(2):
            time.sleep(0.7)
            assert process.poll() is None and time.monotonic() < deadline
            broker.kill()
            broker.wait()
            broker = start_broker()
        result = summary(process)
    finally:
        broker.kill()
        broker.wait()
    assert process.returncode == 0
    assert result["sent"] == result["acked"] > 5000 and result["reconnects"] >= 8
    lines = (tmp_path / "ledger").read_text().split()
    assert len(lines) == len(set(lines)) == result["acked"]
