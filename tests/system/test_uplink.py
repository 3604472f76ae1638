# SPDX-License-Identifier: Apache-2.0
"""gw-linkd alone: a queue that feed_queue fills, the receiver behind a WAN, no collectd."""
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest
from gangway_rig import Rig, build_folder
from rig_ipc import Refused
from rig_process import die_with_parent, wait_until


class Feeder:
    """feed_queue as a child: append(), trim()."""

    def __init__(self, rig):
        folder = rig.folder
        self._process = subprocess.Popen(
            [build_folder() / "bench/feed_queue", "--store", folder / "collectd/queue",
             "--doorbell", folder / "run/linkd/doorbell", "--progress", folder / "linkd/progress"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def append(self, count, flow_class="business", rate=0):
        """The class's last sequence after it."""
        answer = self.ask(f"{flow_class} {count} {rate}")
        assert answer.startswith(flow_class), answer
        return int(answer.split()[1])

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            assert self._process.wait(timeout=20) == 0
            self._process.stdout.close()


class Cloud:
    """A Rig without its floor."""

    def __init__(self, rig):
        self.rig = rig
        (rig.folder / "collectd").mkdir(exist_ok=True)
        self.feeder = None
        rig.configure(brokers=[], devices=[])

    def sink(self, **changes):
        return {**self.rig.configuration()["sinks"][0], "first_jitter_ms": 0, **changes}

    def start(self, **sink):
        self.rig.configure(sinks=[self.sink(**sink)])
        self.rig.start_receiver()
        self.start_linkd()
        return self

    def start_linkd(self):
        self.rig.linkd.start()
        wait_until(self.answers, 20, "gw-linkd answers")

    def answers(self):
        assert self.rig.linkd.running, self.rig.linkd.tail()
        try:
            return self.status()
        except OSError:
            return None

    def feed(self):
        self.feeder = Feeder(self.rig)
        return self.feeder

    def status(self):
        return self.rig.status("linkd")

    def sink_status(self):
        return self.status()["sinks"][0]

    def acked(self, flow_class="business"):
        return self.sink_status()["classes"][flow_class]["acked"]

    def wait_acked(self, sequence, flow_class="business", seconds=30):
        wait_until(lambda: self.acked(flow_class) >= sequence, seconds,
                   f"{flow_class} {sequence} is acknowledged")

    def ask(self, verb, **body):
        return self.rig.ask_daemon("linkd", verb, **body)

    def issues(self):
        return self.rig.issues("linkd")

    def held(self, flow_class="business"):
        """Ranges of the newest epoch at the centre."""
        return self.rig.completeness()["epochs"][-1]["classes"][flow_class]["held"]

    def verdicts(self):
        return {epoch["verdict"] for epoch in self.rig.completeness()["epochs"]}

    def close(self):
        if self.feeder:
            self.feeder.close()


class ConnectProxy:
    """An HTTP proxy that knows CONNECT only; `asked` is what it was asked for."""

    def __init__(self):
        self.asked = []
        self.refuses = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with near:
            head = b""
            while b"\r\n\r\n" not in head:
                part = near.recv(4096)
                if not part:
                    return
                head += part
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.asked.append((method, target))
            if self.refuses:
                near.sendall(b"HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", int(target.split(":")[1]))) as far:
                near.sendall(b"HTTP/1.1 200 go on\r\nRetry-After: 3000\r\n\r\n")
                back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
                back.start()
                self._copy(near, far)
                back.join(30)

    @staticmethod
    def _copy(source, target):
        try:
            while part := source.recv(65536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.close()


@pytest.fixture
def cloud(make_rig):
    """Not started."""
    cloud = Cloud(make_rig())
    yield cloud
    cloud.close()


def test_what_is_in_the_queue_is_at_the_centre(cloud):
    cloud.feed().append(3000)
    cloud.feeder.append(20, "telemetry")
    cloud.start()
    cloud.wait_acked(3000)
    cloud.wait_acked(20, "telemetry")
    assert cloud.held() == [[1, 3000]]
    assert cloud.verdicts() == {"complete"}
    cloud.feeder.append(1)
    cloud.wait_acked(3001)
    assert cloud.rig.centre_counter("events_duplicate") == 0


def test_it_waits_for_a_queue_that_is_not_there_yet(cloud):
    cloud.start()
    assert cloud.status()["queue"] == {"open": False, "epochs": 0}
    cloud.feed().append(10)
    cloud.wait_acked(10)


def test_a_queue_that_is_replaced_is_followed(cloud):
    cloud.feed().append(10)
    cloud.start()
    cloud.wait_acked(10)
    first = cloud.sink_status()["epoch"]
    cloud.feeder.close()
    shutil.rmtree(cloud.rig.folder / "collectd/queue")
    cloud.feed().append(5)
    wait_until(lambda: cloud.sink_status()["epoch"] not in ("", first), 20, "the new epoch")
    cloud.wait_acked(5)
    assert cloud.held() == [[1, 5]]


def test_an_orderly_restart_sends_nothing_twice(cloud):
    cloud.feed().append(500)
    cloud.start()
    cloud.wait_acked(500)
    assert cloud.rig.linkd.stop() == 0
    cloud.feeder.append(500)
    cloud.start_linkd()
    cloud.wait_acked(1000)
    assert cloud.rig.centre_counter("events_duplicate") == 0


def test_a_kill_only_sends_again(cloud):
    cloud.feed().append(500)
    cloud.start()
    cloud.wait_acked(500)
    cloud.rig.linkd.kill()
    cloud.feeder.append(500)
    cloud.start_linkd()
    cloud.wait_acked(1000)
    assert cloud.held() == [[1, 1000]]
    assert cloud.rig.centre_counter("events_conflict") == 0


def test_progress_reaches_the_writer(cloud):
    cloud.feed().append(2000)
    cloud.start()
    cloud.wait_acked(2000)
    wait_until(lambda: cloud.feeder.ask("trim") == "trimmed 2000", 20, "the progress file says so",
               every=0.2)


def test_the_snapshot_says_what_the_status_says(cloud):
    cloud.feed().append(10)
    cloud.start()
    cloud.wait_acked(10)
    path = cloud.rig.folder / "run/linkd/status.json"

    def is_written():
        try:
            snapshot = json.loads(path.read_text())
        except (OSError, ValueError):
            return False
        return snapshot["sinks"][0]["classes"]["business"]["acked"] == 10
    wait_until(is_written, 10, "the snapshot shows the cursor")
    status = cloud.status()
    assert status["program"] == "gw-linkd"
    assert status["certificates"][0]["cn"] == "GW-1" and status["certificates"][0]["days"] > 700
    assert status["sinks"][0]["state"] == "up"
    assert status["sinks"][0]["latency_p50_ms"] < 60000


def test_a_poisonous_event_becomes_a_dead_letter_and_no_hole(cloud):
    cloud.feed().append(300)
    cloud.rig.start_receiver()
    cloud.rig.script({"do": "problem_if", "contains": '-00000123"', "times": 0})
    cloud.rig.configure(sinks=[cloud.sink()])
    cloud.start_linkd()
    cloud.wait_acked(300)
    entries = cloud.ask("dead_letter_list")["entries"]
    assert [(e["class"], e["sequence"], e["code"]) for e in entries] == [
        ("business", 123, "schema")]
    assert "dead_letters" in cloud.issues()
    classes = cloud.rig.completeness()["epochs"][-1]["classes"]["business"]
    assert classes["missing"] == [] and classes["tombstones"][0]["reason"] == "dead_letter"
    letter = entries[0]
    shown = cloud.ask("dead_letter_show", **{k: letter[k] for k in
                                             ("sink", "epoch", "class", "sequence")})
    assert shown["event"]["data"]["raw"].endswith("-00000123")
    assert shown["event"]["id"] == letter["id"]
    # after a fix at the centre it is sent again and replaces its tombstone
    cloud.rig.script()
    cloud.ask("dead_letter_retry", epoch=letter["epoch"], sequence=123, actor="test",
              **{"class": "business"})
    wait_until(lambda: cloud.ask("dead_letter_list")["entries"] == [], 20, "the letter is taken")
    assert cloud.held() == [[1, 300]]
    assert "dead_letters" not in cloud.issues()


def reject_ten(cloud):
    cloud.feed().append(100)
    cloud.rig.start_receiver()
    cloud.rig.script({"do": "reject", "contains": '-0000001[0-9]"', "times": 0,
                      "code": "unknown_code"})
    cloud.rig.configure(sinks=[cloud.sink()])
    cloud.start_linkd()
    cloud.wait_acked(100)


def test_dead_letters_are_listed_in_pages(cloud):
    reject_ten(cloud)
    seen, page, position = [], None, ""
    while page is None or position:
        page = cloud.ask("dead_letter_list", max=3, **{"from": position})
        seen += [entry["sequence"] for entry in page["entries"]]
        position = page["next"]
    assert seen == list(range(10, 20))
    with pytest.raises(Refused):
        cloud.ask("dead_letter_list", **{"from": "nonsense"})
    with pytest.raises(Refused):
        cloud.ask("dead_letter_list", sink="nobody")
    with pytest.raises(Refused):
        cloud.ask("dead_letter_show", epoch="0" * 17, sequence=1, **{"class": "business"})


def test_a_drop_is_refused_while_nobody_records_it(cloud):
    reject_ten(cloud)
    letter = cloud.ask("dead_letter_list")["entries"][0]
    with pytest.raises(Refused) as refused:
        cloud.ask("dead_letter_drop", epoch=letter["epoch"], sequence=letter["sequence"],
                  actor="test", **{"class": "business"})
    assert "record" in str(refused.value)
    with pytest.raises(Refused):
        cloud.ask("dead_letter_drop", epoch=letter["epoch"], sequence=letter["sequence"],
                  **{"class": "business"})
    assert len(cloud.ask("dead_letter_list")["entries"]) == 10


def test_a_drop_is_recorded_by_collectd_first(make_rig):
    rig = make_rig().start()
    rig.script({"do": "reject", "contains": "scan.observed", "times": 1, "code": "unknown_code"})
    rig.send(1)
    wait_until(lambda: rig.ask_daemon("linkd", "dead_letter_list")["entries"], 20, "a dead letter")
    letter = rig.ask_daemon("linkd", "dead_letter_list")["entries"][0]
    dropped = rig.ask_daemon("linkd", "dead_letter_drop", epoch=letter["epoch"],
                             sequence=letter["sequence"], actor="gwctl:test",
                             **{"class": letter["class"]})
    assert dropped["id"] == letter["id"]
    assert rig.ask_daemon("linkd", "dead_letter_list")["entries"] == []
    audited = wait_until(lambda: rig.events("audit.recorded"), 20, "the audit event arrives")
    text = json.dumps(audited)
    assert "dead_letter.drop" in text or letter["epoch"] in text, text


def test_a_range_is_replayed_on_request(cloud):
    cloud.feed().append(1000)
    cloud.start()
    cloud.wait_acked(1000)
    answer = cloud.ask("replay", to=700, actor="test", **{"class": "business", "from": 101})
    assert answer["events"] == 600
    wait_until(lambda: cloud.rig.centre_counter("events_duplicate") == 600, 20, "sent again")
    assert [r for r in cloud.rig.centre("/requests?newest=3") if r.get("replay")]
    assert cloud.acked() == 1000
    with pytest.raises(Refused):
        cloud.ask("replay", to=1, actor="test", **{"class": "business", "from": 5})


def test_the_centre_is_asked_what_it_holds(cloud):
    cloud.feed().append(10)
    cloud.start()
    cloud.wait_acked(10)
    answer = cloud.ask("completeness")
    assert answer["sink"] == "centre"
    assert answer["answer"]["epochs"][0]["classes"]["business"]["held"] == [[1, 10]]
    cloud.rig.wan.cut()
    with pytest.raises(Refused):
        cloud.ask("completeness")


def test_verbs_of_others_are_refused(cloud):
    cloud.start()
    for verb in ("submit", "quarantine_list"):
        with pytest.raises(Refused):
            cloud.ask(verb)
    assert cloud.ask("hello")["program"] == "gw-linkd"


def test_a_reload_takes_the_new_document_or_keeps_the_old(cloud):
    cloud.feed().append(10)
    cloud.start()
    cloud.wait_acked(10)
    cloud.rig.configure(revision=2, sinks=[cloud.sink(batch_events=100)])
    answer = cloud.ask("reload", actor="test")
    assert answer["revision"] == 2 and answer["changed"] == ["sinks"]
    cloud.feeder.append(250)
    cloud.wait_acked(260)
    cloud.rig.config_path.write_text("{")
    with pytest.raises(Refused):
        cloud.ask("reload", actor="test")
    assert "config_rejected" in cloud.issues()
    cloud.rig.configure(paths={"run": str(cloud.rig.folder / "elsewhere")})
    with pytest.raises(Refused):
        cloud.ask("reload", actor="test")
    cloud.feeder.append(10)
    cloud.wait_acked(270)


def test_a_second_process_does_not_start(cloud):
    cloud.feed().append(10)
    cloud.start()
    second = subprocess.run([build_folder() / "bin/gw-linkd", "--config", cloud.rig.config_path],
                            capture_output=True, text=True, timeout=30)
    assert second.returncode == 1 and "busy" in second.stderr
    cloud.feeder.append(10)
    cloud.wait_acked(20)


def test_a_sink_goes_through_its_proxy_and_says_when_that_refuses(cloud):
    proxy = ConnectProxy()
    try:
        proxy.refuses = True
        last = cloud.feed().append(20)
        cloud.start(proxy=f"http://127.0.0.1:{proxy.port}")
        wait_until(lambda: "uplink_unreachable" in cloud.issues(), 30, "the issue is raised")
        assert "403" in cloud.sink_status()["error"]
        assert cloud.rig.wan.bytes_up == 0
        proxy.refuses = False
        cloud.wait_acked(last)
        assert set(proxy.asked) == {("CONNECT", f"localhost:{cloud.rig.wan.port}")}
    finally:
        proxy.close()


def test_no_progress_costs_a_connection_then_the_process_once(cloud):
    cloud.feed().append(10)
    cloud.start(no_progress_s=10, request_timeout_ms=9000)
    cloud.wait_acked(10)
    cloud.rig.wan.stall()
    cloud.feeder.append(10)
    before = cloud.rig.wan.connections
    wait_until(lambda: cloud.rig.wan.connections > before, 20, "a new connection is tried")
    wait_until(lambda: not cloud.rig.linkd.running, 30, "the process ends")
    assert cloud.rig.linkd.exit_code == 75
    cloud.start_linkd()
    assert "uplink_no_progress" in cloud.issues()
    cloud.rig.wan.resume()
    cloud.rig.wan.cut()
    cloud.rig.wan.resume()
    cloud.wait_acked(20)
    wait_until(lambda: "uplink_no_progress" not in cloud.issues(), 10, "the issue ends")


def test_a_lost_link_store_begins_where_the_progress_file_says(cloud):
    cloud.feed().append(2000)
    cloud.start()
    cloud.wait_acked(2000)
    assert cloud.rig.linkd.stop() == 0
    shutil.rmtree(cloud.rig.folder / "linkd/link")
    cloud.feeder.append(5)
    cloud.start_linkd()
    cloud.wait_acked(2005)
    assert cloud.rig.centre_counter("events_duplicate") == 0


def test_a_corrupt_link_store_is_set_aside(cloud):
    cloud.feed().append(100)
    cloud.start()
    cloud.wait_acked(100)
    assert cloud.rig.linkd.stop() == 0
    (cloud.rig.folder / "linkd/link/data.mdb").write_bytes(b"\0" * 100000)
    cloud.feeder.append(5)
    cloud.start_linkd()
    cloud.wait_acked(105)
    assert "store_set_aside" in cloud.issues()
    assert list((cloud.rig.folder / "linkd").glob("link.aside-*"))


def test_an_event_leaves_at_once_at_a_low_rate(cloud):
    cloud.feed().append(1)
    cloud.start()
    cloud.wait_acked(1)
    cloud.feeder.append(200, rate=100)
    cloud.wait_acked(201)
    sink = cloud.sink_status()
    # a debug build with sanitizers, Python at the other end; the bench has the figure
    assert sink["latency_p50_ms"] <= 50, sink


def test_two_sinks_drain_one_queue_and_the_slower_required_one_holds_it(cloud):
    other = Rig(cloud.rig.folder / "other", cloud.rig.pki)
    try:
        other.start_receiver()
        cloud.feed().append(1000)
        second = cloud.sink(name="second", url=f"https://localhost:{other.wan.port}")
        other.wan.cut()
        cloud.rig.configure(sinks=[cloud.sink(), second])
        cloud.rig.start_receiver()
        cloud.start_linkd()
        cloud.wait_acked(1000)
        time.sleep(2.5)
        assert cloud.feeder.ask("trim") in ("trimmed 0", "trimmed none: noent")
        other.wan.resume()
        wait_until(lambda: cloud.feeder.ask("trim") == "trimmed 1000", 90, "both have it",
                   every=0.5)
        assert other.completeness()["epochs"][-1]["classes"]["business"]["held"] == [[1, 1000]]
        with pytest.raises(Refused):
            cloud.ask("dead_letter_list")
    finally:
        assert other.close() == []
