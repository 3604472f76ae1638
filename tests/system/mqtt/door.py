# SPDX-License-Identifier: Apache-2.0
"""A gateway with the front door open, and clients by hand."""
import itertools

import mqtt_wire as wire
from gangway_rig import Rig, merge
from rig_process import wait_until

DEVICES = {"scanner-1": "text", "scanner-2": "text", "glove-1": "proglove"}
CHANGES = {"ingress": {"max_connections_per_device": 64}}
_codes = itertools.count(1)


class Door:
    """A rig whose devices come by hand. Options are those of Rig."""

    def __init__(self, folder, pki, devices=None, changes=None, **options):
        self.rig = Rig(folder, pki, devices=devices or DEVICES,
                       changes=merge(CHANGES, changes or {}), door="front", **options)
        self._peers = []

    def start(self):
        """Everything."""
        self.rig.start()
        return self

    def close(self):
        """The rig's verdict."""
        self.hang_up()
        return self.rig.close()

    def hang_up(self):
        """Close every connection made here, and wait until the gateway knows."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()
        if self.rig.collectd.running:
            wait_until(lambda: self.connections() == 0, 30, "the connections are gone")

    # -- clients

    def peer(self, version=wire.V3, port=None, **options):
        """A connection on which nothing was said yet."""
        self._peers.append(wire.Peer(port or self.rig.front_port, version, **options))
        return self._peers[-1]

    def credentials(self, device="scanner-1"):
        """User name and secret for CONNECT."""
        return {"username": device, "password": self.rig.secret(device)}

    def greeted(self, version, client_id, device="scanner-1", **options):
        """A connection after CONNECT; the answer is its `connack`, whatever it says."""
        peer = self.peer(version)
        peer.send(wire.connect(version, client_id, **{**self.credentials(device), **options}))
        peer.connack = peer.expect(wire.CONNACK)
        return peer

    def connect(self, version, client_id, device="scanner-1", **options):
        """A connection that was accepted."""
        peer = self.greeted(version, client_id, device, **options)
        assert peer.connack.reason == 0, peer.connack
        return peer

    def persistent(self, version, client_id, clean=False, expiry=3600, props=None, **options):
        """A connection whose session is kept."""
        if version == wire.V5:
            props = [("session_expiry", expiry), *(props or ())]
        return self.connect(version, client_id, clean=clean, props=props, **options)

    # -- what the gateway knows

    def counter(self, name):
        """One of the front door's counters."""
        return self.rig.counter(f"front.{name}")

    def connections(self):
        """Connections that were accepted."""
        return self.rig.status()["front_door"]["connections"]

    def sessions(self):
        """Sessions kept or in use."""
        return self.rig.status()["front_door"]["sessions"]

    def held(self, *texts):
        """Events with one of these codes that the centre holds, in its order."""
        return [event for event in self.rig.events("scan.observed") if event["raw"] in texts]

    def assert_each_once(self, texts):
        """The centre comes to hold each of the codes, once, in this order."""
        wanted = list(texts)
        wait_until(lambda: len(self.held(*wanted)) >= len(wanted), 30,
                   f"the centre holds {len(wanted)} codes", every=0.1)
        assert [event["raw"] for event in self.held(*wanted)] == wanted

    def quarantined(self, text):
        """Entries of the quarantine whose reason or topic has the text."""
        entries = self.rig.ask_daemon("collectd", "quarantine_list", max=200)["entries"]
        return [entry for entry in entries if text in entry["reason"] + entry["topic"]]

    def wait_counter(self, name, value):
        """Until a counter has got there; it may not pass it."""
        wait_until(lambda: self.counter(name) >= value, 30, f"front.{name} reaches {value}")
        assert self.counter(name) == value


def code():
    """A code nobody scanned before."""
    return f"code-{next(_codes):06d}"


def codes(count):
    """That many of them."""
    return [code() for _ in range(count)]


def topic(device="scanner-1", rest="scan"):
    """A topic a device may publish to."""
    return f"gangway/{device}/{rest}"
