# SPDX-License-Identifier: Apache-2.0
"""Two receivers behind one gateway's connection changes, on a real PostgreSQL.

The test starts a cluster of its own in a temporary folder (user postgres when
run as root, since the server refuses root) and ends it.
"""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest
from gateway_double import EPOCH, GatewayDouble, event_id, make_event, make_started
from receiver_process import PROJECT, ReceiverProcess


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def demote():
    """For subprocess: a user that is not root, None if we are none already."""
    if os.getuid() != 0:
        return None
    user = pwd.getpwnam("postgres")

    def become():
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    return become


class Cluster:
    """A PostgreSQL server of its own on 127.0.0.1."""

    def __init__(self, binaries, folder):
        self._binaries = binaries
        self._folder = folder
        self.port = free_port()
        self.url = f"postgresql://gangway@127.0.0.1:{self.port}/postgres"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", f"{folder}/data", "-U", "gangway", "-A", "trust", "-N",
                  "--no-locale", "-E", "UTF8")
        self.start()

    def _run(self, program, *arguments):
        done = subprocess.run([f"{self._binaries}/{program}", *arguments], cwd=self._folder,
                              preexec_fn=demote(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode == 0, done.stdout

    def start(self):
        """Start and wait until it answers."""
        self._run("pg_ctl", "-D", f"{self._folder}/data", "-w", "-l", f"{self._folder}/log", "-o",
                  f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder}", "start")

    def stop(self, mode="fast"):
        """Stop; 'immediate' is a crash."""
        self._run("pg_ctl", "-D", f"{self._folder}/data", "-w", "-m", mode, "stop")


@pytest.fixture(scope="module")
def cluster():
    """A running cluster."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    folder = tempfile.mkdtemp(prefix="gw-test-")
    server = Cluster(found[-1], folder)
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture
def pair(cluster, pki, tmp_path):
    """Two receivers on one database with fresh tables, and a connection to each."""
    subprocess.run(["/usr/bin/python3", "-c", "import psycopg2, sys\n"
                    "c = psycopg2.connect(sys.argv[1]); c.autocommit = True\n"
                    "c.cursor().execute('DROP SCHEMA public CASCADE; CREATE SCHEMA public')",
                    cluster.url], check=True)
    receivers = [ReceiverProcess(pki, tmp_path, database=cluster.url) for _ in range(2)]
    doubles = [GatewayDouble(process.port, pki) for process in receivers]
    yield receivers, doubles
    for double in doubles:
        double.close()
    codes = [process.stop() for process in receivers]
    for process in receivers:
        process.process.stdout.close()
    assert codes == [0, 0]


def test_what_one_receiver_took_the_other_knows(pair):
    receivers, (one, two) = pair
    events = [make_event(n) for n in range(1, 101)]
    assert one.post(events)[0] == 200
    assert two.post(events)[0] == 200
    assert two.post([make_event(100, data={"raw": "other"}), make_event(101)])[1]["results"] == [
        {"id": event_id(100), "status": "conflict", "code": "same_id_other_content",
         "detail": "held with another digest"}]
    assert receivers[1].ask("/figures")["counters"]["events_duplicate"] == 100
    assert [item["sequence"] for item in receivers[0].ask("/ids")] == list(range(1, 102))
    business = one.completeness()["epochs"][0]["classes"]["business"]
    assert business["held"] == [[1, 101]] and business["conflicts"] == 1


def test_epoch_statements_are_shared(pair):
    _, (one, two) = pair
    old, new = "1" + "0" * 16, "2" + "0" * 16
    one.post([make_event(1, epoch=old)], epoch=old)
    two.post([make_started(1, new, old, {"business": 1}, False)], "state", new)
    verdicts = {epoch["epoch"]: epoch["verdict"] for epoch in one.completeness()["epochs"]}
    assert verdicts == {old: "tail_unknown", new: "complete"}


def test_the_same_batches_sent_to_both_at_once_count_once(pair):
    receivers, doubles = pair
    batches = [[make_event(n, flow_class) for n in range(at, at + 20)]
               for at in range(1, 401, 20) for flow_class in ("business", "telemetry")]
    failures = []

    def send(double, order):
        for events in order:
            answer = double.post(events, events[0]["flowclass"])
            if answer[0] != 200:
                failures.append(answer)

    threads = [threading.Thread(target=send, args=(double, batches)) for double in doubles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    counters = [process.ask("/figures")["counters"] for process in receivers]
    assert sum(counter["events_accepted"] for counter in counters) == 800
    assert sum(counter["events_duplicate"] for counter in counters) == 800
    held = [(item["class"], item["sequence"]) for item in receivers[0].ask("/ids")]
    assert sorted(held) == sorted((c, n) for c in ("business", "telemetry")
                                  for n in range(1, 401))


def test_a_database_that_is_away_means_retry_later_and_nothing_is_lost(pair, cluster):
    receivers, (one, two) = pair
    assert one.post([make_event(1)])[0] == 200
    cluster.stop("immediate")
    status, answer = one.post([make_event(2)])
    assert status == 503 and answer["code"] == "unavailable"
    assert one.headers["Retry-After"]
    cluster.start()
    assert one.post([make_event(2)])[0] == 200
    assert two.post([make_event(1), make_event(2)])[0] == 200
    assert [item["sequence"] for item in receivers[0].ask("/ids")] == [1, 2]


def test_the_report_reads_the_same_database(pair, cluster):
    _, (one, _) = pair
    one.post([make_event(1), make_event(2)], epoch=EPOCH, heads="business=3")
    done = subprocess.run(["/usr/bin/python3", PROJECT / "tools/receiver/receiver", "report",
                           "--database", cluster.url], capture_output=True, text=True)
    assert done.returncode == 1 and "MISSING 3 (1 events)" in done.stdout
