# SPDX-License-Identifier: Apache-2.0
"""What the devices say. Each maker gives (payload bytes, ledger entry).

Every code is unique per device and number, so that a ledger can be compared
event by event. Check digits are right: a receiver may look.
"""
import json
import time
import uuid

GS = "\x1d"


def check_digit(digits):
    """GS1 General Specifications 7.9: weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1)
                for place, digit in enumerate(reversed(digits)))
    return str((10 - total % 10) % 10)


def sscc(device_number, n):
    """A serial shipping container code, 18 digits."""
    body = f"3{4012345:07d}{device_number % 100:02d}{n % 10000000:07d}"
    return body + check_digit(body)


def text(device, number, n):
    """A scanner that sends the bare code."""
    code = f"{device}-{n:08d}"
    return code.encode(), {"raw": code}


def gs1(device, number, n):
    """AIM-prefixed GS1-128: GTIN, lot of variable length (ended by GS), serial."""
    gtin_body = f"0401234567{number % 100:02d}0"
    gtin = gtin_body + check_digit(gtin_body)
    code = f"]C101{gtin}10LOT{n % 97}{GS}21{device[-4:]}{n:08d}"
    return code.encode(), {"raw": code}


def gs1_sscc(device, number, n):
    """AIM-prefixed GS1-128 of a pallet label."""
    code = f"]C100{sscc(number, n)}"
    return code.encode(), {"raw": code}


def proglove(device, number, n):
    """JSON as ProGlove gateways send it: an event id of its own."""
    code = f"]C100{sscc(number, n)}"
    event = str(uuid.uuid4())
    message = {"api_version": "1.0", "event_type": "scan", "event_id": event,
               "time_created": int(time.time() * 1000), "scan_code": code,
               "symbology": "CODE128", "device_serial": device, "gateway_serial": "PG-SIM"}
    return json.dumps(message).encode(), {"raw": code, "deviceeventid": event}


def zebra(device, number, n):
    """JSON like a DataWedge relay: code, label type, no event id."""
    code = f"{device}-Z{n:08d}"
    message = {"device": device, "com.symbol.datawedge.data_string": code,
               "com.symbol.datawedge.label_type": "LABEL-TYPE-CODE128",
               "com.symbol.datawedge.source": "scanner"}
    return json.dumps(message).encode(), {"raw": code}


def weight_text(n):
    """A weight no other number has: kg with three decimals, 0.000 to 9999.999."""
    return f"{n // 1000}.{n % 1000:03d}"


def scale_stable(device, number, n):
    """A settled weight. The number keeps its digits: 12.340, not 12.34."""
    value = weight_text(n)
    payload = '{"weight":%s,"unit":"kg","state":"stable","scale":"%s"}' % (value, device)
    return payload.encode(), {"value": value}


def scale_moving(device, number, n):
    """Values on the way to a settled one: no weight is to come of these."""
    return [('{"weight":%s,"unit":"kg","state":"dynamic","scale":"%s"}'
             % (weight_text(n * part // 3 + 7), device)).encode() for part in (1, 2)]


FORMS = {"text": text, "gs1": gs1, "sscc": gs1_sscc, "proglove": proglove, "zebra": zebra,
         "scale": scale_stable}

# Where the forms keep things, in the words of the gateway's configuration.
POINTERS = {
    "text": {"kind": "scanner", "payload": "text"},
    "gs1": {"kind": "scanner", "payload": "text"},
    "sscc": {"kind": "scanner", "payload": "text"},
    "proglove": {"kind": "scanner", "payload": "json", "code_pointer": "/scan_code",
                 "symbology_pointer": "/symbology", "time_pointer": "/time_created",
                 "event_id_pointer": "/event_id"},
    "zebra": {"kind": "scanner", "payload": "json",
              "code_pointer": "/com.symbol.datawedge.data_string",
              "symbology_pointer": "/com.symbol.datawedge.label_type"},
    "scale": {"kind": "scale", "payload": "json", "weight_pointer": "/weight",
              "unit_pointer": "/unit", "state_pointer": "/state", "stable_word": "stable"},
}


def hostile():
    """(name, payload) of everything a floor can throw; for a JSON device."""
    good = '{"scan_code":"x","event_id":"e"}'
    return [
        ("zero bytes", b""),
        ("only NUL", b"\0"),
        ("70 KiB of text", b"A" * 70 * 1024),
        ("70 KiB of JSON", b'{"scan_code":"' + b"B" * 70 * 1024 + b'"}'),
        ("invalid UTF-8", b'{"scan_code":"\xff\xfe\xc0\x80"}'),
        ("UTF-8 surrogate", b'{"scan_code":"\xed\xa0\x80"}'),
        ("deep JSON", b'{"scan_code":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        ("deep JSON, never closed", b"[" * 60000),
        ("malformed JSON", b'{"scan_code":"x"'),
        ("trailing garbage", good.encode() + b" x"),
        ("two documents", (good * 2).encode()),
        ("duplicate keys", b'{"scan_code":"a","scan_code":"b"}'),
        ("comment", b'{"scan_code":"a"/* c */}'),
        ("leading zero", b'{"scan_code":"a","n":01}'),
        ("raw control character", b'{"scan_code":"a\x01b"}'),
        ("code is a number", b'{"scan_code":17}'),
        ("code is null", b'{"scan_code":null}'),
        ("code is an object", b'{"scan_code":{"a":1}}'),
        ("code is empty", b'{"scan_code":""}'),
        ("code is missing", b'{"event_id":"e"}'),
        ("NUL in the code", b'{"scan_code":"a\\u0000b","event_id":"nul"}'),
        ("lone surrogate escape", b'{"scan_code":"\\ud800"}'),
        ("huge number", b'{"scan_code":"a","n":1e999999}'),
        ("byte order mark", b"\xef\xbb\xbf" + good.encode()),
        ("not JSON at all", b"\x00\x01\x02\x03\x7f\x80\xff"),
    ]
