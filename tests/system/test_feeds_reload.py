# SPDX-License-Identifier: Apache-2.0
"""A reload that changes some feeds: the others notice nothing, not even in the middle of a
code."""
import socket

import pytest
from feeds_rig import patient_profile, profile
from gangway_rig import free_port
from rig_process import wait_until


def listening(name, **more):
    """A feed whose device connects to us."""
    return {"id": name, "profile": profile("scanner-cr"), "transport": "tcp_server",
            "address": "127.0.0.1", "port": free_port(), **more}


class Feeds:
    """A gateway and what its status says of its feeds."""

    def __init__(self, rig):
        self.rig = rig

    def change(self, *feeds):
        """Another list, and what the gateway says has changed."""
        self.rig.configure(feeds=list(feeds))
        return self.rig.ask_daemon("collectd", "reload", actor="test")["changed"]

    def look(self, name):
        """The feed's line of the status, None if there is none."""
        return next((feed for feed in self.rig.status()["feeds"] if feed["name"] == name), None)

    def names(self):
        """Of all feeds, in the order of the status."""
        return [feed["name"] for feed in self.rig.status()["feeds"]]

    def connect(self, feed):
        """The device of a feed, heard by it."""
        wait_until(lambda: self.look(feed["id"])["state"] == "absent"
                   and "waits" in self.look(feed["id"])["detail"], 20, "the door is open")
        device = socket.create_connection((feed["address"], feed["port"]), 10)
        device.settimeout(10)
        wait_until(lambda: self.look(feed["id"])["state"] == "open", 20, "it is heard")
        return device

    def patient(self, name):
        """A feed of that kind for a code that is sent in halves."""
        return listening(name) | {"profile": patient_profile(self.rig.folder, "scanner-cr")}

    def half(self, device, name, text):
        """Send what is no whole code yet; returns when the gateway has it."""
        device.sendall(text)
        wait_until(lambda: self.look(name)["bytes"] == len(text), 20, "half a code was read")
        return self.look(name)

    def codes(self, name):
        """What the centre has of a device."""
        return [event["raw"] for event in self.rig.events("scan.observed")
                if event["device"] == name]


@pytest.fixture
def feeds(make_rig):
    """A gateway without devices; nothing runs yet."""
    return Feeds(make_rig(devices={}))


def test_half_a_code_survives_the_change_of_another_feed(feeds):
    kept, changed, gone = feeds.patient("kept"), listening("changed"), listening("gone")
    feeds.rig.configure(feeds=[changed, gone, kept])
    feeds.rig.start()
    devices = {feed["id"]: feeds.connect(feed) for feed in (kept, changed, gone)}
    before = feeds.half(devices["kept"], "kept", b"40063")
    changed["max_per_second"] = 9
    assert feeds.change(kept, changed, listening("new")) == ["feeds"]
    assert feeds.names() == ["kept", "changed", "new"]
    assert devices["changed"].recv(1) == devices["gone"].recv(1) == b""
    after = feeds.look("kept")
    assert (after["since"], after["bytes"], after["state"]) == (before["since"], 5, "open")
    devices["kept"].sendall(b"81333931\r")
    feeds.connect(changed).sendall(b"CHANGED\r")
    wait_until(lambda: feeds.codes("kept") and feeds.codes("changed"), 30, "they are there")
    assert feeds.codes("kept") == ["4006381333931"]
    assert feeds.codes("changed") == ["CHANGED"]
    assert feeds.look("kept")["undecodable"] == 0


def test_feeds_come_from_none_and_go_to_none_and_nothing_decoded_is_lost(feeds):
    first, second = feeds.patient("first"), listening("second")
    feeds.rig.start()
    assert feeds.names() == []
    assert feeds.change(first) == ["feeds"]
    device = feeds.connect(first)
    device.sendall(b"FIRST\rSEC")
    wait_until(lambda: feeds.look("first")["observations"] == 1, 20, "it is read")
    assert feeds.change(second, first) == ["feeds"]
    device.sendall(b"OND\r")
    wait_until(lambda: feeds.look("first")["observations"] == 2, 20, "it is read")
    assert feeds.change() == ["feeds"]
    assert device.recv(1) == b""
    assert feeds.names() == []
    wait_until(lambda: len(feeds.codes("first")) == 2, 30, "they are there")
    assert feeds.codes("first") == ["FIRST", "SECOND"]
    assert feeds.change(first) == ["feeds"]
    feeds.connect(first).sendall(b"THIRD\r")
    wait_until(lambda: len(feeds.codes("first")) == 3, 30, "it is back")


def test_a_port_moves_from_a_feed_to_the_front_door_and_back(feeds):
    """What takes it over must not fail, and so close everything else."""
    feed, kept = listening("feed"), feeds.patient("kept")
    door = {"listeners": [{"name": "front", "address": "127.0.0.1", "port": feed["port"]}]}
    feeds.rig.configure(feeds=[feed, kept])
    feeds.rig.start()
    feeds.connect(feed)
    device = feeds.connect(kept)
    feeds.half(device, "kept", b"HA")
    feeds.rig.configure(ingress=door)
    assert set(feeds.change(kept)) == {"feeds", "ingress"}
    assert feeds.rig.status()["front_door"]["listening"] == 1
    feeds.rig.configure(ingress={"listeners": []})
    assert set(feeds.change(kept, feed)) == {"feeds", "ingress"}
    feeds.connect(feed)
    device.sendall(b"LF\r")
    wait_until(lambda: feeds.codes("kept") == ["HALF"], 30, "it is there, and whole")
