# SPDX-License-Identifier: Apache-2.0
"""The events held, one after the other: for ledgers, orders and curious people."""
from . import encoding, strictjson


def events(cursor, serial=None, flow_class=None):
    """Yield (serial, epoch number, epoch, class, sequence, taken_at, event) by epoch,
    class and sequence. Chunks stored without bodies are left out."""
    streams = cursor.execute(
        "SELECT s.id, s.gateway, e.id, s.epoch, s.class FROM streams s JOIN epochs e"
        " ON e.gateway = s.gateway AND e.epoch = s.epoch ORDER BY s.gateway, e.id, s.class"
    ).fetchall()
    for stream, gateway, number, epoch, name in streams:
        if (serial and gateway != serial) or (flow_class and name != flow_class):
            continue
        numbers = cursor.execute("SELECT id FROM chunks WHERE stream = ? AND body IS NOT NULL"
                                 " ORDER BY first", (stream,)).fetchall()
        for (chunk,) in numbers:
            taken_at, coding, body = cursor.execute(
                "SELECT taken_at, coding, body FROM chunks WHERE id = ?", (chunk,)).fetchone()
            for event in strictjson.loads(encoding.unpack(body, coding)):
                yield gateway, number, epoch, name, int(event["sequence"]), taken_at, event


def line(item, order):
    """What a ledger is compared with: one event, flat, and its data as they are."""
    gateway, _, epoch, name, sequence, taken_at, event = item
    data = event["data"]
    entry = {"order": order, "gateway": gateway, "epoch": epoch, "class": name,
             "sequence": sequence, "id": event["id"], "type": event["type"],
             "device": event["source"].rsplit(":", 1)[1], "time": event["time"],
             "recordedtime": event["recordedtime"], "taken_at": taken_at,
             "data": data}
    for member in ("raw", "value", "deviceeventid", "point", "unit", "state", "delta"):
        if member in data:
            entry[member] = data[member]
    for flag in ("test", "possibleduplicate", "retained"):
        if event.get(flag):
            entry[flag] = True
    return entry
