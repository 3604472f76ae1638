# SPDX-License-Identifier: Apache-2.0
"""A request of POST {base}/v1/events -> a checked batch.

Two levels of refusal. What is wrong with the request as a whole (headers, JSON,
holes, another gateway's serial) raises Refusal: nothing of it is taken. What is
wrong with one event marks that event as rejected, and its neighbours pass.

The loop over the events is the hot path of the receiver: it is written for few
Python steps an event, and remembers sources and shapes it has checked before.
"""
import hashlib
import operator
import re

from . import encoding, strictjson
from .contract import (ALL_ATTRIBUTES, ATTRIBUTE_PATTERNS, ATTRIBUTES, CLASS_NUMBER, CONTRACT,
                       DECIMAL, EPOCH, MAX_DEPTH, MAX_EVENT_BYTES, OPTIONAL_FLAGS,
                       OPTIONAL_TEXT, SEQUENCE_MAX, SERIAL, TOMBSTONE, TOMBSTONE_REASONS, TYPES,
                       Refusal, digest, id_of, id_tail, parse_heads)

MEDIA_TYPE = "application/cloudevents-batch+json"
_NAME = re.compile(r"[a-z0-9]{1,20}\Z")
_DEVICE = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
_attributes_of = operator.itemgetter(*ATTRIBUTES)
_LOOKED_AT = frozenset(ATTRIBUTES + (
    "id", "source", "type", "epoch", "sequence", "partitionkey", "flowclass", "site", "data"))
_LONG_DATA = 40000  # above this an event is measured; the rest of it is far smaller


class Batch:
    """What a request says, checked. Lists run in parallel to `events`."""

    def __init__(self, serial, epoch, flow_class, first, last):
        self.serial = serial
        self.epoch = epoch
        self.flow_class = flow_class
        self.first = first
        self.last = last
        self.heads = {}
        self.replay = False
        self.raw = b""          # the body as it came,
        self.raw_coding = ""    # in this content coding
        self.events = []
        self.sequences = []
        self.digests = []       # 16 bytes each, b"" of a rejected event
        self.marks = {}         # index -> (status, code, detail): not to be taken
        self.tombstones = {}    # index -> last sequence covered


def read_batch(request, certified_serial, limits):
    """Headers and body of `request` -> Batch; Refusal."""
    batch = _read_headers(request.headers, certified_serial)
    coding = request.headers.get("content-encoding", "").lower()
    text = encoding.decode(request.body, coding, limits.max_bytes)
    _check_key(request.headers.get("idempotency-key"), batch, text)
    try:
        events = strictjson.loads(text)
    except ValueError as error:
        raise Refusal(422, "invalid_json", str(error)[:200]) from None
    if type(events) is not list or not events:
        raise Refusal(400, "no_batch", "the body is no JSON array of at least one event")
    if len(events) > limits.max_events:
        raise Refusal(413, "too_many_events",
                      f"found {len(events)} events, allowed {limits.max_events}")
    batch.events = events
    batch.raw = request.body
    batch.raw_coding = coding
    _check_events(batch)
    return batch


def _header(headers, name, pattern):
    value = headers.get(name, "")
    if not pattern.match(value):
        raise Refusal(400, "bad_header", f"{name}: found {value[:80]!r}")
    return value


def _read_headers(headers, certified_serial):
    if headers.get("gangway-contract") != str(CONTRACT):
        raise Refusal(400, "unknown_contract",
                      f"found {headers.get('gangway-contract', '')[:16]!r}, allowed: {CONTRACT}")
    if headers.get("content-type", "").split(";")[0].strip().lower() != MEDIA_TYPE:
        raise Refusal(415, "content_type",
                      f"found {headers.get('content-type', '')[:80]!r}, allowed: {MEDIA_TYPE}")
    serial = _header(headers, "gangway-gateway", SERIAL)
    if serial != certified_serial:
        raise Refusal(403, "wrong_serial",
                      f"header says {serial}, the certificate says {certified_serial[:64]}")
    epoch = _header(headers, "gangway-epoch", EPOCH)
    flow_class = headers.get("gangway-class", "")
    if flow_class not in CLASS_NUMBER:
        raise Refusal(400, "bad_header", f"gangway-class: found {flow_class[:32]!r}")
    first = int(_header(headers, "gangway-first", DECIMAL))
    last = int(_header(headers, "gangway-last", DECIMAL))
    if not 1 <= first <= last <= SEQUENCE_MAX:
        raise Refusal(400, "bad_header", f"range {first}..{last}")
    batch = Batch(serial, epoch, flow_class, first, last)
    replay = headers.get("gangway-replay", "")
    if replay not in ("", "true"):
        raise Refusal(400, "bad_header", f"gangway-replay: found {replay[:16]!r}")
    batch.replay = replay == "true"
    try:
        batch.heads = parse_heads(headers.get("gangway-heads", ""))
    except ValueError as error:
        raise Refusal(400, "bad_header", str(error)[:200]) from None
    if not batch.heads:
        raise Refusal(400, "bad_header", "gangway-heads is missing")
    return batch


def _check_key(key, batch, text):
    if key is None:
        return
    content = hashlib.sha256(text).hexdigest()[:16]
    right = (f"{batch.serial}-{batch.epoch}-{batch.flow_class}-{batch.first}-{batch.last}"
             f"-{content}")
    if key.strip('"') != right:
        raise Refusal(400, "idempotency_key", f"found {key[:160]!r}, should be {right!r}")


class _Checker:
    """Per-batch state of the loop over the events."""

    def __init__(self, batch):
        self.batch = batch
        self.prefix = f"urn:gangway:{batch.serial}:"
        self.sources = set()
        self.shapes = {}  # order of members -> those to look at one by one

    def reason(self, event, right_id):
        """None if the event is good, else (code, detail)."""
        data = event.get("data")
        try:
            attributes = _attributes_of(event)
            if not ALL_ATTRIBUTES.match("\n".join(attributes)):
                return "attribute", _wrong_attribute(attributes)
        except (KeyError, TypeError) as error:
            return "attribute", f"missing or no text: {error}"[:200]
        if event.get("id") != right_id:
            return "id_layout", f"found {str(event.get('id'))[:64]!r}, should be {right_id!r}"
        batch = self.batch
        if event.get("epoch") != batch.epoch or event.get("flowclass") != batch.flow_class:
            return "attribute", "epoch or flowclass is not the one of the request"
        shape = tuple(event)
        to_look_at = self.shapes.get(shape)
        if to_look_at is None:
            to_look_at = [name for name in shape if name not in _LOOKED_AT]
            self.shapes[shape] = to_look_at
        for name in to_look_at:
            wrong = _wrong_value(name, event[name])
            if wrong:
                return "attribute", wrong
        if type(event.get("partitionkey")) is not str or type(event.get("site")) is not str:
            return "attribute", "partitionkey or site is missing or no text"
        return self.wrong_data(event, data)

    def wrong_data(self, event, data):
        """None if type and data are good, else (code, detail)."""
        name = event.get("type")
        required = TYPES.get(name) if type(name) is str else None
        if required is None:
            return "unknown_type", f"type {str(name)[:100]!r} is not known here"
        if type(data) is not dict:
            return "data", "data is no object"
        for name, kind in required.items():
            if type(data.get(name)) is not kind:
                return "data", f"member {name!r} is missing or no {kind.__name__}"
        return None

    def check_source(self, source):
        """Refusal 403 unless the source is of this gateway."""
        if source in self.sources:
            return
        if type(source) is not str or not source.startswith(self.prefix):
            raise Refusal(403, "wrong_serial", f"source {str(source)[:160]!r} is not of "
                                               f"{self.batch.serial}")
        if not _DEVICE.match(source, len(self.prefix)):
            raise Refusal(422, "source", f"source {source[:160]!r} names no device")
        self.sources.add(source)


def _wrong_attribute(attributes):
    for name, value, pattern in zip(ATTRIBUTES, attributes, ATTRIBUTE_PATTERNS):
        if not pattern.match(value):
            return f"{name}: found {value[:80]!r}"
    return "an attribute holds a line feed"


def _wrong_value(name, value):
    """None if an optional or unknown attribute is as CloudEvents allows."""
    if name in OPTIONAL_FLAGS:
        return None if value is True else f"{name}: present only when true"
    if name in OPTIONAL_TEXT:
        fits = type(value) is str and 0 < len(value) <= 512
        return None if fits else f"{name}: no text of 1 to 512 characters"
    if not _NAME.match(name):
        return f"attribute name {name[:40]!r}"
    if type(value) not in (str, int, bool) or len(str(value)) > 1024:
        return f"{name}: no attribute value of at most 1024 characters"
    return None


def _check_events(batch):
    checker = _Checker(batch)
    tail = id_tail(batch.flow_class, batch.epoch)
    expected = batch.first
    for index, event in enumerate(batch.events):
        if type(event) is not dict:
            raise Refusal(422, "no_object", f"element {index} is no object")
        if event.get("sequence") != "%020d" % expected:
            raise Refusal(400, "not_contiguous",
                          f"element {index}: found sequence {str(event.get('sequence'))[:32]!r}, "
                          f"should be {expected}")
        checker.check_source(event.get("source"))
        batch.sequences.append(expected)
        wrong = checker.reason(event, id_of(expected, tail))
        covers = expected
        if wrong is None and event["type"] == TOMBSTONE:
            covers = _covered(event["data"], expected)
            batch.tombstones[index] = covers
        wrong = wrong or _take_digest(batch, event)
        if wrong:
            if index in batch.tombstones or event.get("type") == TOMBSTONE:
                raise Refusal(422, wrong[0], f"tombstone {expected}: {wrong[1]}")
            batch.marks[index] = ("rejected",) + wrong
            batch.digests.append(b"")
        expected = covers + 1
    if expected - 1 != batch.last:
        raise Refusal(400, "not_contiguous",
                      f"the events end at {expected - 1}, gangway-last says {batch.last}")


def _take_digest(batch, event):
    """Append the recomputed digest; (code, detail) if it is not the event's."""
    data = event["data"]
    for value in data.values():
        if (type(value) is dict or type(value) is list) and not \
                strictjson.depth_within(value, MAX_DEPTH):
            return "data", f"nested deeper than {MAX_DEPTH}"
    try:
        text = strictjson.canonical(data)
        right = digest(event, text)
    except UnicodeEncodeError:
        return "data", "a lone surrogate is no text"
    if event["digest"] != right:
        return "digest_mismatch", f"found {event['digest']}, the facts give {right}"
    if len(text) > _LONG_DATA and len(strictjson.plain(event).encode()) > MAX_EVENT_BYTES:
        return "too_large", f"an event of more than {MAX_EVENT_BYTES} bytes"
    batch.digests.append(bytes.fromhex(right))
    return None


def _covered(data, first):
    """Last sequence a tombstone stands for; Refusal 422."""
    count, last = data["count"], data["last"]
    if data["first"] != first or not first <= last <= SEQUENCE_MAX:
        raise Refusal(422, "tombstone", f"tombstone {first}: range {data['first']}..{last}")
    if not 1 <= count <= last - first + 1 or data["reason"] not in TOMBSTONE_REASONS:
        raise Refusal(422, "tombstone", f"tombstone {first}: count {count}, "
                                        f"reason {data['reason'][:32]!r}")
    return last
