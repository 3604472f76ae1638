# SPDX-License-Identifier: Apache-2.0
"""Facts of the contract gangway-ingest v1: names, id layout, digest, limits."""
import hashlib
import re

CONTRACT = 1
CLASSES = ("business", "state", "telemetry", "audit")
CLASS_NUMBER = {name: number for number, name in enumerate(CLASSES)}
SEQUENCE_MAX = (1 << 48) - 1
MAX_EVENT_BYTES = 65536
MAX_BATCH_EVENTS = 20000
MAX_DEPTH = 32
TOMBSTONE = "io.gangway.gateway.tombstone.v1"
STARTED = "io.gangway.gateway.started.v1"
HEARTBEAT = "io.gangway.gateway.heartbeat.v1"
TOMBSTONE_REASONS = ("evicted", "expired", "dead_letter", "corrupt", "capacity")

# Types this centre knows, with the members their data must have. Optional
# members are the gateway's business: a minor version may add some.
TYPES = {
    "io.gangway.scan.observed.v1": {"raw": str},
    "io.gangway.weight.measured.v1": {"raw": str, "state": str},
    "io.gangway.plc.signal_changed.v1": {"area": str, "address": int, "point": str,
                                         "unitid": int, "quality": str},
    "io.gangway.plc.counted.v1": {"area": str, "address": int, "point": str,
                                  "unitid": int, "quality": str},
    "io.gangway.metric.sampled.v1": {"point": str, "quality": str},
    "io.gangway.device.condition.v1": {},
    HEARTBEAT: {},
    STARTED: {"program": str, "version": str, "storeorigin": str},
    "io.gangway.gateway.clock_corrected.v1": {},
    "io.gangway.capture.refused.v1": {},
    "io.gangway.audit.recorded.v1": {},
    "io.gangway.command.result.v1": {},
    TOMBSTONE: {"count": int, "first": int, "last": int, "reason": str},
}

SERIAL = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
EPOCH = re.compile(r"[0-3][0-9a-f]{16}\Z")
DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,14})\Z")
_TIME = (r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
         r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)\.[0-9]{3}Z")
# One pattern over the attributes of an event, joined by LF: cheaper than one
# match an attribute.
_PARTS = (
    r"1\.0",
    _TIME,
    r"application/json",
    r"urn:gangway:schema:[a-z0-9_.]+:[0-9]+\.[0-9]+\.[0-9]+",
    _TIME,
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"(?:un)?synchronised",
    r"[0-9a-f]{32}",
    r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]",
    r"[A-Za-z0-9_+/-]+",
)
ATTRIBUTES = ("specversion", "time", "datacontenttype", "dataschema", "recordedtime",
              "traceparent", "bootid", "clockquality", "digest", "siteoffset", "sitezone")
ATTRIBUTE_PATTERNS = tuple(re.compile(part + r"\Z") for part in _PARTS)
ALL_ATTRIBUTES = re.compile(r"\n".join(_PARTS) + r"\Z")
# Present in some events only; booleans appear only when true.
OPTIONAL_TEXT = ("subject", "owner", "correlationid", "expirytime")
OPTIONAL_FLAGS = ("test", "possibleduplicate", "retained")


def id_tail(flow_class, epoch):
    """The part of every id behind the 48 bits of sequence.

    RFC 9562 version 8: sequence 48 | version 4 | class 8, epoch bits 65..62 |
    variant 2 | epoch bits 61..0.
    """
    bits = int(epoch, 16)
    custom_b = (CLASS_NUMBER[flow_class] << 4) | (bits >> 62)
    low = (0b10 << 62) | (bits & ((1 << 62) - 1))
    text = f"{low:016x}"
    return f"-8{custom_b:03x}-{text[:4]}-{text[4:]}"


def id_of(sequence, tail):
    """Event id of a sequence; `tail` is of id_tail()."""
    text = f"{sequence:012x}"
    return text[:8] + "-" + text[8:] + tail


def digest(event, data_text):
    """Hex digest of the canonical facts; `data_text` is the canonical data."""
    facts = "\n".join((event["id"], event["source"], event["type"], event["time"],
                       event.get("subject", ""), event["partitionkey"], data_text))
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def parse_heads(text):
    """'business=12,state=3' -> {'business': 12, 'state': 3}; ValueError."""
    heads = {}
    for part in text.split(",") if text else ():
        name, _, number = part.strip().partition("=")
        if name not in CLASS_NUMBER or name in heads or not DECIMAL.match(number):
            raise ValueError(f"heads: found {part.strip()!r}, allowed: class=number")
        heads[name] = int(number)
    return heads


class Refusal(Exception):
    """The whole request is refused with an application/problem+json answer."""

    def __init__(self, status, code, detail):
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
