# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the gateway: builds requests of gangway-ingest v1 by the contract's
text, with code of its own, and posts them over mutual TLS."""
import hashlib
import http.client
import json
import ssl

import zstandard

EPOCH = "1a2b3c4d5e6f70819"
CLASS_NUMBERS = {"business": 0, "state": 1, "telemetry": 2, "audit": 3}


def event_id(sequence, flow_class="business", epoch=EPOCH):
    """UUID version 8 of the layout in the contract, by arithmetic on 128 bits."""
    epoch_bits = int(epoch, 16)
    number = sequence << 80 | 8 << 76 | CLASS_NUMBERS[flow_class] << 68
    number |= (epoch_bits >> 62) << 64 | 2 << 62 | epoch_bits & (2 ** 62 - 1)
    text = "%032x" % number
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def sealed(event):
    """Put the digest of its facts into the event."""
    data = json.dumps(event["data"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    facts = [event[name] for name in ("id", "source", "type", "time")]
    facts += [event.get("subject", ""), event["partitionkey"], data]
    event["digest"] = hashlib.sha256("\n".join(facts).encode()).digest()[:16].hex()
    return event


def make_event(sequence, flow_class="business", epoch=EPOCH, serial="GW-1", **changes):
    """A scan; `changes` replace attributes before the digest is taken."""
    event = {
        "specversion": "1.0", "id": event_id(sequence, flow_class, epoch),
        "source": f"urn:gangway:{serial}:scanner-1", "type": "io.gangway.scan.observed.v1",
        "time": "2026-11-23T07:14:00.123Z", "datacontenttype": "application/json",
        "dataschema": "urn:gangway:schema:scan.observed:1.0.0",
        "recordedtime": "2026-11-23T07:14:00.125Z", "epoch": epoch,
        "sequence": "%020d" % sequence, "partitionkey": "scanner-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "flowclass": flow_class, "bootid": "6c84fb90-12c4-11e1-840d-7b25c5ee775a",
        "clockquality": "synchronised", "digest": "", "site": "berlin-1",
        "sitezone": "Europe/Berlin", "siteoffset": "+01:00",
        "data": {"raw": f"]C101095011015300{sequence:05d}", "symbology": "code128"}}
    event.update(changes)
    data = event.pop("data")
    event["data"] = data
    return sealed(event)


def make_tombstone(first, last, reason="evicted", count=None, **changes):
    """A tombstone for [first, last]."""
    return make_event(first, type="io.gangway.gateway.tombstone.v1",
                      source="urn:gangway:%s:gateway" % changes.pop("serial", "GW-1"),
                      dataschema="urn:gangway:schema:gateway.tombstone:1.0.0",
                      partitionkey="gateway",
                      data={"count": count or last - first + 1, "first": first, "last": last,
                            "reason": reason}, **changes)


def make_started(sequence, epoch, previous=None, heads=None, exact=None, serial="GW-1"):
    """gateway.started of class state."""
    data = {"program": "gw-collectd", "version": "0.1.0", "storeorigin": "created"}
    if previous:
        data.update(previousepoch=previous, previousexact=bool(exact),
                    previousheads={name: str(number) for name, number in heads.items()})
    return make_event(sequence, "state", epoch, serial, type="io.gangway.gateway.started.v1",
                      source=f"urn:gangway:{serial}:gateway", partitionkey="gateway",
                      dataschema="urn:gangway:schema:gateway.started:1.0.0", data=data)


def make_request(events, flow_class="business", epoch=EPOCH, serial="GW-1", **more):
    """(headers, body) of a request with these events."""
    body = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
    first = int(events[0]["sequence"])
    last = int(events[-1]["sequence"])
    if events[-1]["type"] == "io.gangway.gateway.tombstone.v1":
        last = events[-1]["data"]["last"]
    headers = {
        "Content-Type": "application/cloudevents-batch+json", "Gangway-Contract": "1",
        "Gangway-Gateway": serial, "Gangway-Epoch": epoch, "Gangway-Class": flow_class,
        "Gangway-First": str(first), "Gangway-Last": str(last),
        "Gangway-Heads": more.get("heads", f"{flow_class}={last}"),
        "Idempotency-Key": "-".join((serial, epoch, flow_class, str(first), str(last),
                                     hashlib.sha256(body).hexdigest()[:16]))}
    if more.get("replay"):
        headers["Gangway-Replay"] = "true"
    headers.update(more.get("headers", {}))
    if more.get("compress", True):
        headers["Content-Encoding"] = "zstd"
        body = zstandard.ZstdCompressor(level=1).compress(body)
    return headers, body


class GatewayDouble:
    """A keep-alive mTLS connection to a receiver."""

    def __init__(self, port, pki, serial="GW-1", certificate=None, timeout=20):
        certificate = certificate or pki / f"gateway-{serial}"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
        self.serial = serial
        self.connection = http.client.HTTPSConnection("localhost", port, timeout=timeout,
                                                      context=context)

    def post(self, events, flow_class="business", epoch=EPOCH, **more):
        """POST a batch -> (status, JSON or bytes)."""
        headers, body = make_request(events, flow_class, epoch,
                                     more.pop("serial", self.serial), **more)
        return self.post_raw(headers, body)

    def post_raw(self, headers, body, path="/v1/events"):
        """POST anything -> (status, JSON or bytes)."""
        self.connection.request("POST", path, body, headers)
        return self._answer()

    def get(self, path):
        """GET -> (status, JSON or bytes)."""
        self.connection.request("GET", path)
        return self._answer()

    def _answer(self):
        answer = self.connection.getresponse()
        self.headers = answer.headers
        body = answer.read()
        if "json" in answer.headers.get("Content-Type", ""):
            return answer.status, json.loads(body)
        return answer.status, body

    def completeness(self):
        """The centre's word on this gateway."""
        status, answer = self.get(f"/v1/gateways/{self.serial}/completeness")
        assert status == 200, answer
        return answer

    def close(self):
        """End the connection."""
        self.connection.close()
