# SPDX-License-Identifier: Apache-2.0
"""MQTT devices at QoS 1, any number of them in one select loop.

One thread on purpose: paho's threaded loop calls on_publish under a lock that
publish() needs, and a ledger written from two threads has no order. Works with
paho 1.6 (Debian 12) and 2.x (Debian 13).
"""
import selectors
import socket
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from . import payloads
from .ledger import Ledger

RECONNECT_S = 0.25


SESSION_EXPIRY_S = 3600


def new_client(client_id, mqtt5=False):
    """A client of either paho API; with MQTT 3.1.1 its session is persistent, with
    MQTT 5 connect() says so (session_options)."""
    options = ({"protocol": mqtt.MQTTv5} if mqtt5 else {"clean_session": False})
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, **options)
    return mqtt.Client(client_id=client_id, **options)


def session_options(mqtt5):
    """Further arguments of connect() for a session that outlives the connection."""
    if not mqtt5:
        return {}
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    return {"clean_start": False, "properties": properties}


class Plan:
    """How a device behaves: events a second, how many at once, how many in all (0 =
    no end), messages in flight, connection dropped after every so many."""

    def __init__(self, rate=10.0, burst=1, count=0, in_flight=20, drop_every=0):
        self.rate = rate
        self.burst = burst
        self.count = count
        self.in_flight = in_flight
        self.drop_every = drop_every


class Device:
    """One publisher. Driven by Fleet; nothing here blocks but a connect to localhost."""

    def __init__(self, name, number, form, broker, folder, plan, topic=None, start_at=1,
                 secret=None, mqtt5=False):
        self.name = name
        self._number = number
        self._form = form
        self._make = payloads.FORMS[form]
        self._broker = broker
        self._plan = plan
        self.topic = topic or f"floor/{name}"
        self._ledger = Ledger(folder, name)
        self._client = new_client(f"sim-{name}", mqtt5)
        self._session = session_options(mqtt5)
        if secret:
            self._client.username_pw_set(name, secret)
        self._client.max_inflight_messages_set(plan.in_flight)
        self._client.on_publish = self._acked
        self._client.on_connect = self._connected
        self._pending = {}
        self._extras = set()
        self._next = start_at
        self._sent = 0
        self._online = False
        # Devices do not beat in time: each starts at another part of its period.
        self._due = time.monotonic() + (number % 8 / 8 * plan.burst / plan.rate
                                        if plan.rate else 0.0)
        self._retry_at = 0.0
        self.stopped = False
        self.acked = 0
        self.reconnects = 0

    # -- connection

    def _connected(self, client, userdata, flags, reason, *rest):
        self._online = reason == 0

    def connect(self):
        """Try to connect when it is time to; the socket or None."""
        now = time.monotonic()
        if self._client.socket() is None and now >= self._retry_at:
            self._retry_at = now + RECONNECT_S
            try:
                self._client.connect(*self._broker, keepalive=30, **self._session)
            except OSError:
                pass
        return self._client.socket()

    def _forget_connection(self):
        if self._online:
            self._online = False
            self.reconnects += 1
            for entry in self._pending.values():
                entry["sends"] += 1

    def drop(self):
        """Cut the connection without a DISCONNECT."""
        sock = self._client.socket()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._client.loop_read()
        self._forget_connection()

    # -- messages

    @property
    def idle(self):
        """Everything planned was sent and acknowledged."""
        return not self._pending and (self.stopped or self._finished)

    @property
    def _finished(self):
        return 0 < self._plan.count <= self._sent

    def _acked(self, client, userdata, mid, *rest):
        if mid in self._extras:
            self._extras.discard(mid)
            return
        entry = self._pending.pop(mid, None)
        if entry:
            self.acked += 1
            self._ledger.write(**entry, t_acked=time.time())

    def publish_due(self):
        """Publish what is due now; seconds until the next one, None = nothing to do."""
        if not self._online or self.stopped or self._finished:
            return None
        now = time.monotonic()
        if now < self._due:
            return self._due - now
        room = self._plan.in_flight - len(self._pending)
        for _ in range(min(self._plan.burst, room)):
            if self._finished:
                break
            self._publish_one()
        if self._plan.rate:
            self._due = max(self._due + self._plan.burst / self._plan.rate, now - 0.5)
        return 0.0 if room > 0 else 0.05

    def _publish_one(self):
        n = self._next
        payload, entry = self._make(self.name, self._number, n)
        if self._form == "scale":
            for moving in payloads.scale_moving(self.name, self._number, n):
                self._extras.add(self._client.publish(self.topic, moving, qos=1).mid)
        entry.update(n=n, t_sent=time.time(), sends=1)
        self._pending[self._client.publish(self.topic, payload, qos=1).mid] = entry
        self._next += 1
        self._sent += 1
        if self._plan.drop_every and self._sent % self._plan.drop_every == 0:
            self.drop()

    def pump(self, readable, writable):
        """Let paho read, write and keep alive."""
        failed = readable and self._client.loop_read() != mqtt.MQTT_ERR_SUCCESS
        if self._client.socket() is not None and (writable or self._client.want_write()):
            failed |= self._client.loop_write() != mqtt.MQTT_ERR_SUCCESS
        failed |= self._client.loop_misc() != mqtt.MQTT_ERR_SUCCESS
        if failed or self._client.socket() is None:
            self._forget_connection()

    def wants_write(self):
        """Whether bytes wait for the socket."""
        return self._client.want_write()

    def close(self):
        """Note what was never acknowledged and leave."""
        for _, entry in sorted(self._pending.items(), key=lambda item: item[1]["n"]):
            self._ledger.write(**entry, t_acked=None)
        self._ledger.close()
        self._client.disconnect()


class Fleet:
    """Devices in one loop."""

    def __init__(self, devices):
        self.devices = devices
        self.stopping = False

    def stop(self):
        """Publish nothing more; run() ends when the rest is acknowledged or late."""
        self.stopping = True

    def run(self, grace_s=10.0, on_tick=lambda fleet: None):
        """Until every device is idle, or stop() and the grace have passed."""
        give_up = None
        while True:
            if self.stopping and give_up is None:
                give_up = time.monotonic() + grace_s
                for device in self.devices:
                    device.stopped = True
            if all(device.idle for device in self.devices) or \
                    (give_up is not None and time.monotonic() > give_up):
                break
            self._turn()
            on_tick(self)
        for device in self.devices:
            device.close()

    def _turn(self):
        selector = selectors.DefaultSelector()
        wait = 0.1
        with selector:
            for device in self.devices:
                sock = device.connect()
                due = device.publish_due()
                sock = sock and device.connect()
                if due is not None:
                    wait = min(wait, due)
                if sock is None:
                    continue
                events = selectors.EVENT_READ
                if device.wants_write():
                    events |= selectors.EVENT_WRITE
                selector.register(sock, events, device)
            if not selector.get_map():
                time.sleep(wait)
                return
            ready = {key.data: mask for key, mask in selector.select(wait)}
        for device in self.devices:
            mask = ready.get(device, 0)
            device.pump(bool(mask & selectors.EVENT_READ), bool(mask & selectors.EVENT_WRITE))
