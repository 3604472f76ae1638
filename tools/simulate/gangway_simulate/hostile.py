# SPDX-License-Identifier: Apache-2.0
"""Hostile payloads to a device's topic, and good ones to unknown topics."""
import json
import os
import time

from . import payloads
from .devices import new_client

UNKNOWN_TOPICS = ("floor/nobody-knows-me", "floor/x/" + "y" * 200, "floor/\u00e4/\u20ac")


def throw(broker, topic, log, retain=True, timeout_s=30.0, user=None):
    """Publish every hostile payload once at QoS 1; number of messages acknowledged.

    `log` is a path: one JSON line a message with its name, topic and size. It is
    no ledger: nothing of it is to become an event, all of it is to be kept in
    the quarantine.
    """
    client = new_client("sim-hostile")
    if user:
        client.username_pw_set(user, os.environ.get("GW_SECRET"))
    acked = set()
    client.on_publish = lambda client, userdata, mid, *rest: acked.add(mid)
    client.connect(*broker, keepalive=30)
    client.loop_start()
    sent = []
    for name, payload in payloads.hostile():
        sent.append((client.publish(topic, payload, qos=1).mid, name, topic, len(payload)))
    for unknown in UNKNOWN_TOPICS:
        sent.append((client.publish(unknown, b"lost?", qos=1).mid, "unknown topic", unknown, 5))
    if retain:
        info = client.publish(topic, b'{"scan_code":"retained","event_id":"r"}', qos=1,
                              retain=True)
        sent.append((info.mid, "retained", topic, 0))
    deadline = time.monotonic() + timeout_s
    while len(acked) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.02)
    if retain:  # leave nothing behind in the broker
        client.publish(topic, b"", qos=1, retain=True).wait_for_publish(timeout_s)
    client.disconnect()
    client.loop_stop()
    with open(log, "w", encoding="utf-8") as file:
        for mid, name, where, size in sent:
            file.write(json.dumps({"name": name, "topic": where, "bytes": size,
                                   "acked": mid in acked}) + "\n")
    return len(acked)
