# SPDX-License-Identifier: Apache-2.0
"""Devices on TCP that vanish: the link goes down, and nobody says good-bye. They stand in a
network namespace of their own at the other end of a pair of veth(4) devices."""
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess

import pytest
from feeds_rig import profile
from gangway_rig import free_port
from rig_process import wait_until

NEEDS = "dead peers need root and network namespaces"
OURS, THEIRS = "198.51.100.1", "198.51.100.2"  # RFC 5737: of no network
CLONE_NEWNET = 0x40000000
NOTICED_S = 60  # drivers/serial/socket.h promises 25; the machine may be busy


def ip(*words):
    """ip(8); its completed process."""
    return subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20,
                          check=False)


class Floor:
    """The far end of the wire."""

    def __init__(self, name):
        self.name, self.near, self.far = name, f"{name}n", f"{name}f"
        self._libc = ctypes.CDLL(None, use_errno=True)

    def build(self):
        """Namespace, wire, addresses; false where that is not allowed."""
        inside = ["-n", self.name]
        steps = [["netns", "add", self.name],
                 ["link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns",
                  self.name],
                 ["addr", "add", f"{OURS}/30", "dev", self.near],
                 [*inside, "addr", "add", f"{THEIRS}/30", "dev", self.far],
                 ["link", "set", self.near, "up"], [*inside, "link", "set", self.far, "up"]]
        return all(ip(*step).returncode == 0 for step in steps)

    def remove(self):
        """Whatever of it is there."""
        ip("link", "del", self.near)
        ip("netns", "del", self.name)

    def plug(self, state):
        """Put the wire "up" or "down" at the far end."""
        done = ip("-n", self.name, "link", "set", self.far, state)
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are made here are the floor's."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.name}", "rb") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(home)

    def _enter(self, namespace):
        if self._libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture
def floor():
    """Another network, behind one wire."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip(NEEDS)
    place = Floor(f"gw{os.getpid()}")
    try:
        if not place.build():
            pytest.skip(NEEDS)
        yield place
    finally:
        place.remove()


def listen(floor):
    """A device that waits for the gateway."""
    with floor.inside():
        listener = socket.create_server((THEIRS, 0))
    listener.settimeout(20)
    return listener


def states(rig):
    """Of all feeds."""
    return {feed["name"]: feed["state"] for feed in rig.status()["feeds"]}


def down(rig):
    """Feeds with an issue that says so."""
    return {issue["subject"] for issue in rig.status()["issues"] if issue["name"] == "feed_down"}


def test_devices_that_vanish_without_a_word_are_missed_and_come_back(make_rig, floor):
    """One that connects to us, one that we connect to, one that does not acknowledge what it
    is asked."""
    port = free_port()
    called, asked = listen(floor), listen(floor)

    def calls():
        with floor.inside():
            return socket.create_connection((OURS, port), 10)

    rig = make_rig(devices={})
    rig.configure(feeds=[
        {"id": "calls", "profile": profile("scanner-cr"), "transport": "tcp_server",
         "address": OURS, "port": port},
        *({"id": name, "profile": profile(kind), "transport": "tcp_client", "address": THEIRS,
           "port": listener.getsockname()[1]}
          for name, kind, listener in (("called", "scanner-cr", called),
                                       ("asked", "mt-sics", asked)))])
    rig.start()
    everybody = {"calls", "called", "asked"}
    with called, asked, contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(wait_until(lambda: try_call(calls), 20, "the door is open"))
        scale = first.enter_context(asked.accept()[0])
        first.enter_context(called.accept()[0])
        scale.settimeout(20)
        assert scale.recv(100).startswith(b"SI\r\n")
        scale.sendall(b"S S       0.00 kg\r\n")
        wait_until(lambda: set(states(rig).values()) == {"open"}, 20, "all are open")
        floor.plug("down")
        wait_until(lambda: set(states(rig).values()) == {"absent"}, NOTICED_S, "all are missed")
        assert down(rig) == everybody
        floor.plug("up")
        second.enter_context(wait_until(lambda: try_call(calls), 40, "it calls again"))
        called.settimeout(60)
        asked.settimeout(60)
        second.enter_context(called.accept()[0]).sendall(b"BACK\r")
        second.enter_context(asked.accept()[0]).sendall(b"S S       0.00 kg\r\n")
        wait_until(lambda: set(states(rig).values()) == {"open"}, 60, "all are back")
        assert down(rig) == set()
        wait_until(lambda: rig.events("scan.observed"), 30, "and heard")


def try_call(calls):
    """A connection, or None."""
    with contextlib.suppress(OSError):
        return calls()
    return None
