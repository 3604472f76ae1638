# SPDX-License-Identifier: Apache-2.0
"""The contract gangway-ingest v1 written a second time, from its description.

Plain Python without speed in mind, sharing nothing with the gateway: what the
gateway renders and what this renders must be the same bytes.
"""
import hashlib
import json
import uuid

CLASSES = ("business", "state", "telemetry", "audit")
FLAGS = {"test": "test", "possible_duplicate": "possibleduplicate", "retained": "retained"}


def canonical(value):
    """Canonical JSON text of `value`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def event_id(flow_class, sequence, epoch):
    """UUID version 8: sequence 48 | 8 | class 8, epoch 65..62 | 10 | epoch 61..0."""
    bits = int(epoch, 16)
    number = sequence << 80 | 8 << 76 | CLASSES.index(flow_class) << 68 | (bits >> 62) << 64
    number |= 0b10 << 62 | bits & (1 << 62) - 1
    return str(uuid.UUID(int=number))


def digest(event):
    """Digest of a parsed event's facts."""
    facts = [event["id"], event["source"], event["type"], event["time"],
             event.get("subject", ""), event["partitionkey"], canonical(event["data"])]
    return hashlib.sha256("\n".join(facts).encode()).digest()[:16].hex()


def _offset(minutes):
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _draft(case):
    """The draft, or for a tombstone what stands for one."""
    if "draft" in case:
        return case["draft"]
    stone = {"first": case["stamp"]["sequence"], **case["tombstone"]}
    return {"type": "io.gangway.gateway.tombstone.v1", "class": case["class"],
            "time": case["stamp"]["recorded"], "device": "gateway", "data": canonical(stone)}


def event(case):
    """Attributes of a golden case in the order of the wire."""
    draft, stamp, context = _draft(case), case["stamp"], case["context"]
    noun_verb = draft["type"].split(".", 2)[2].rsplit(".", 1)[0]
    made = {
        "specversion": "1.0",
        "id": event_id(draft["class"], stamp["sequence"], context["epoch"]),
        "source": f"urn:gangway:{context['serial']}:{draft['device']}",
        "type": draft["type"],
        "subject": draft.get("subject", ""),
        "time": draft["time"],
        "datacontenttype": "application/json",
        "dataschema": f"urn:gangway:schema:{noun_verb}:1.0.0",
        "recordedtime": stamp["recorded"],
        "epoch": context["epoch"],
        "sequence": f"{stamp['sequence']:020d}",
        "partitionkey": draft.get("partition_key") or draft["device"],
        "traceparent": f"00-{case['trace']['trace_id']}-{case['trace']['span_id']}-01",
        "flowclass": draft["class"],
        "bootid": context["boot_id"],
        "clockquality": stamp["clock_quality"],
        "digest": "",
        "site": context["site"],
        "sitezone": context["zone"],
        "siteoffset": _offset(stamp["zone_offset_min"]),
        "owner": context["owner"],
        "correlationid": draft.get("correlation_id", ""),
        "expirytime": draft.get("expiry", ""),
    }
    for name in ("subject", "owner", "correlationid", "expirytime"):
        if not made[name]:
            del made[name]
    made.update({FLAGS[flag]: True for flag in FLAGS if flag in draft.get("flags", ())})
    made["data"] = json.loads(draft["data"])
    made["digest"] = digest(made)
    return made


def render(case):
    """The exact text of a golden case."""
    made = event(case)
    parts = [f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}"
             for name, value in made.items() if name != "data"]
    return "{" + ",".join(parts) + ',"data":' + canonical(made["data"]) + "}"


def request(cases, flow_class, heads, replay):
    """Headers and body of a POST of the events of `cases`."""
    body = "[" + ",".join(render(case) for case in cases) + "]"
    context = cases[0]["context"]
    first = cases[0]["stamp"]["sequence"]
    tail = cases[-1]
    last = tail["tombstone"]["last"] if "tombstone" in tail else tail["stamp"]["sequence"]
    content = hashlib.sha256(body.encode()).hexdigest()[:16]
    headers = {
        "Content-Type": "application/cloudevents-batch+json",
        "Gangway-Contract": "1",
        "Gangway-Gateway": context["serial"],
        "Gangway-Epoch": context["epoch"],
        "Gangway-Class": flow_class,
        "Gangway-First": str(first),
        "Gangway-Last": str(last),
        "Gangway-Heads": ",".join(f"{name}={heads[name]}" for name in CLASSES),
        "Idempotency-Key": f"{context['serial']}-{context['epoch']}-{flow_class}-{first}-{last}"
                           f"-{content}",
    }
    if replay:
        headers["Gangway-Replay"] = "true"
    return {"headers": headers, "body": body}
