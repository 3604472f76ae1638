# SPDX-License-Identifier: Apache-2.0
"""paho_publish.py PORT VERSION QOS USER CLIENT_ID TOPIC PREFIX COUNT; secret in MQTT_SECRET.

Publishes PREFIX-1 .. PREFIX-COUNT by paho's own thread, reconnecting by itself; prints
the commands it gets. Exit code 0 when every message was acknowledged.
"""
import os
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

port, version, qos, user, client_id, topic, prefix, count = sys.argv[1:]
OLD = not hasattr(mqtt, "CallbackAPIVersion")


def new_client():
    """For paho 1.6 and 2.x."""
    options = {"protocol": mqtt.MQTTv5} if version == "5" else {"clean_session": False}
    if OLD:
        return mqtt.Client(client_id=client_id, **options)
    return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, client_id=client_id, **options)


client = new_client()
client.username_pw_set(user, os.environ["MQTT_SECRET"])
client.reconnect_delay_set(1, 1)
published, subscribed = set(), threading.Event()
client.on_publish = lambda c, u, mid: published.add(mid)
client.on_connect = lambda c, *rest: c.subscribe(f"gangway/{user}/command", 0)
client.on_subscribe = lambda *rest: subscribed.set()
client.on_message = lambda c, u, message: print(message.topic, message.payload.decode(),
                                                flush=True)
session = {}
if version == "5":
    session = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
    session["properties"].SessionExpiryInterval = 3600
client.connect("127.0.0.1", int(port), **session)
client.loop_start()
assert subscribed.wait(20)
sent = set()
for number in range(1, int(count) + 1):
    # Without a connection it says so and keeps the message nevertheless (QoS 1 and 2).
    sent.add(client.publish(topic, f"{prefix}-{number}", qos=int(qos)).mid)
    if number % 10 == 0:
        time.sleep(0.005)  # a device has a pace
deadline = time.monotonic() + 60
while not sent <= published:
    assert time.monotonic() < deadline, "not everything was acknowledged"
    time.sleep(0.01)
client.disconnect()
client.loop_stop()
