# SPDX-License-Identifier: Apache-2.0
"""Personal codes that arrive damaged, escaped, or in another place than a payload: not
they, nor the halves that are left of them, are in any file or answer.

The badge is mostly letters, so that four characters in a row are nowhere by accident.
What is left and allowed (firmware/personal/guard.h) is not sent here: a badge that lost
its whole beginning, more than three characters in one place, or half of itself.
"""
import json
import re
import socket

from paho.mqtt import publish as broker_publish
from personal_rig import badge_hash, connect, files_with, publish, queued, shown, start
from rig_process import wait_until

BADGE = "EMPQZXWVKJY4711"
NUMBER = "QZXWVKJY4711"  # of a rule without a beginning
RULES = {"rules": [{"name": "badge", "pattern": "EMP@@@@@@@@####"},
                   {"name": "number", "pattern": "@@@@@@@@####", "devices": ["tcp-1"]}]}
HALVES = [BADGE[at:at + 4] for at in range(len(BADGE) - 3) if not BADGE[at:].isdigit()]
# In clear, in base64 (of a text that begins with it), in UTF-16, and that escaped.
LEFT = re.compile("|".join([*HALVES, "RU1QUVp", "P.Q.Z.X",
                            r"P\\+x00Q\\+x00"]).encode(), re.DOTALL)
DAMAGES = [b"\x00", b"\xff", b"\xc3", b"\xef\xbf\xbd", b"\x01", b"\x7f", b"\x00\xff"]
# Good codes and texts of other character sets; a rule does not take them.
OTHERS = ["]C1010401234567890110ABC123\x1d21XYZ99", "[)>\x1e06\x1dP1234567\x1dQ10\x1e\x04",
          "4006381333931", "EMPF\xe4NGER 12", "Gr\xf6\xdfe 42"]


def damaged(code):
    """The code with each damage at each place: added, in place of one character and in
    place of two; not so that the beginning is lost."""
    for number, damage in enumerate(DAMAGES):
        for at in range(number % 3, len(code), 3):
            for lost in range(3):
                yield code[:at].encode() + damage + code[at + lost:].encode()


def require_nothing_left(rig):
    for text in shown(rig):
        assert not LEFT.search(text.encode()), LEFT.search(text.encode())
    assert files_with(rig, LEFT) == {}
    rig.collectd.stop()
    assert files_with(rig, LEFT) == {}


def test_a_damaged_badge_leaves_no_half_behind(make_rig):
    rig, lines = start(make_rig, RULES)
    sent = {"line-1": list(damaged(BADGE)), "tcp-1": list(damaged(NUMBER))}
    for name, texts in sent.items():
        for text in texts:
            assert lines[name].write(text + b"\r")
        for other in OTHERS:
            assert lines[name].write(other.encode("latin-1") + b"\r")
    assert lines["line-1"].write(b"~S1~EMP\x00QZXWVKJY4711#\r]C0EM\xffQZXWVKJY4711\r")
    assert lines["line-1"].write(BADGE.encode("utf-16-le") + b"\r")
    publish(rig, "mqtt-1", b"EM\x00PQZXWVKJY4711")  # no text: for the quarantine
    publish(rig, "mqtt-1", b"EMP\xffQZXWVKJY4711")
    publish(rig, "mqtt-1", "EM\ufffdPQZXWVKJY4711".encode())
    expected = sum(map(len, sent.values())) + 2 * len(OTHERS) + 3
    wait_until(lambda: len([event for event in rig.events("scan.observed")
                            if event["device"] != "mqtt-1"]) >= expected, 60, "all are there")
    rig.wait_drained()
    for name, texts in sent.items():
        raws = [event["raw"] for event in rig.events("scan.observed")
                if event["device"] == name]
        assert all(raw.startswith("hmac-sha256:") for raw in raws[:len(texts)]), name
        kept = raws[len(texts):len(texts) + len(OTHERS)]
        assert kept == [*OTHERS[:3], "EMPF\\xe4NGER 12", "Gr\\xf6\\xdfe 42"], name
    require_nothing_left(rig)
    for line in lines.values():
        line.close()


def records():
    """Messages of other kinds that hold the badge, escaped."""
    plain = [BADGE, BADGE.replace("E", "\\u0045", 1), BADGE.replace("Q", "\\u0051"),
             "EMPQZXW\\u0000VKJY4711", "EMPQZXW\\ufffdVKJY4711", "EM\\u0000PQZXWVKJY4711",
             "".join(f"\\u{ord(c):04x}" for c in BADGE[:3]) + BADGE[3:],
             "EMPQZXW\\/\\u0056KJY4711 " + BADGE, "\\\\u0045MPQZXWVKJY4711"]
    for text in plain:
        yield f'{{"event_type":"login","user":"{text}"}}'
        yield json.dumps({"event_type": "login", "inner": f'{{"user":"{text}"}}'})


def test_escapes_in_raw_records_hide_no_badge(make_rig):
    rig, lines = start(make_rig, RULES, more={"json-1": "proglove-mqtt",
                                              "scale-1": "json-scale"})
    texts = list(records())
    for text in texts:
        assert lines["json-1"].write(text.encode() + b"\n")
        reading = text.replace('"event_type":"login"',
                               '"state":"stable","weight":{"value":1.5,"unit":"kg"}')
        reading = reading.replace('"event_type": "login"',
                                  '"state":"stable","weight":{"value":1.5,"unit":"kg"}')
        assert lines["scale-1"].write(reading.encode() + b"\n")
        assert lines["json-1"].write(text.encode()[:-1] + b",\n")  # for the quarantine
        publish(rig, "glove-1", text[:-1])
    scan = '{"event_type":"scan","scan_code":"4006381333931","event_id":"%s"}\n'
    assert lines["json-1"].write((scan % "\\u0045MPQZXWVKJY4711").encode())
    assert lines["json-1"].write((scan % "EMP\\u0000QZXWVKJY4711").encode())
    assert lines["json-1"].write(b'{"event_type":"login","user":"Gr\\u00f6\\u00dfe"}\n')
    wait_until(lambda: len(rig.events("device.condition")) >= len(texts) + 1
               and len(rig.events("weight.measured")) >= len(texts)
               and len(rig.events("scan.observed")) >= 2, 60, "all are there")
    rig.wait_drained()
    conditions = [event["raw"] for event in rig.events("device.condition")
                  if event["device"] == "json-1"]
    assert all(raw.startswith("hmac-sha256:badge:") for raw in conditions[:-1])
    assert conditions[-1] == '{"event_type":"login","user":"Gr\\u00f6\\u00dfe"}'
    for event in rig.events("weight.measured"):
        assert event["raw"].startswith("hmac-sha256:badge:") and event["value"] == "1.5"
    assert {event["raw"] for event in rig.events("scan.observed")} == {"4006381333931"}
    quarantine = rig.ask_daemon("collectd", "quarantine_list", max=100)["entries"]
    assert len(quarantine) >= len(texts)  # of a line only so many a minute
    assert {entry["reason"] for entry in quarantine} == {
        "withheld: it may hold a personal code"}
    require_nothing_left(rig)
    for line in lines.values():
        line.close()


def send_will(rig, topic, payload):
    """A device that is cut off."""
    client = connect(rig, "mqtt-1")
    client.will_set(topic, payload, qos=1)
    client.connect("127.0.0.1", rig.front_port)
    client.loop_start()
    wait_until(client.is_connected, 10, "it is connected")
    client.loop_stop()
    client.socket().shutdown(socket.SHUT_RDWR)


def wills(rig):
    """Data of the events that tell of one."""
    return [data for data in queued(rig, "device.condition") if data["condition"] == "will"]


def test_a_topic_gives_no_badge_away(make_rig):
    rig, lines = start(make_rig, RULES, door="both")
    topics = [f"floor/glove-1/{BADGE}", f"{BADGE}/floor", "floor/x/EMPQZXWV",
              f"floor/{BADGE[:2]}\ufffd{BADGE[3:]}/x"]
    for topic in topics:
        publish(rig, "glove-1", b"{bad", topic)  # the device may not publish there
        broker_publish.single(topic, b"{bad", qos=1, port=rig.mqtt_port)
    publish(rig, "glove-1", b"{bad")
    send_will(rig, "floor/mqtt-1", BADGE.encode() + b"\xff")
    send_will(rig, f"floor/{BADGE}", b"gone")
    wait_until(lambda: len(wills(rig)) == 2, 30, "the wills are told")
    wait_until(lambda: len(rig.ask_daemon("collectd", "quarantine_list", max=100)["entries"])
               >= len(topics) + 1, 30, "all are in the quarantine")
    rig.wait_drained()
    entries = rig.ask_daemon("collectd", "quarantine_list", max=100)["entries"]
    shown_topics = [entry["topic"] for entry in entries if entry["device"] == "glove-1"]
    assert shown_topics == ["(withheld)"] * len(topics) + ["floor/glove-1"]
    assert all(data["detail"].startswith("hmac-sha256:badge:") for data in wills(rig))
    require_nothing_left(rig)
    for line in lines.values():
        line.close()


def test_a_badge_that_arrives_whole_has_the_same_hash_as_ever(make_rig):
    rig, lines = start(make_rig, RULES)
    assert lines["line-1"].write(f"{BADGE}\r]C0{BADGE}\r".encode())
    wait_until(lambda: len(rig.events("scan.observed")) == 2, 20, "both are there")
    assert {event["raw"] for event in rig.events("scan.observed")} == {badge_hash(rig, BADGE)}
    require_nothing_left(rig)
    for line in lines.values():
        line.close()
