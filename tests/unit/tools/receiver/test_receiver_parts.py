# SPDX-License-Identifier: Apache-2.0
"""Pure parts of the receiver: interval sets, strict JSON, ids, codings."""
import gzip
import random

import pytest
import zstandard
from gateway_double import EPOCH, event_id

from gangway_receiver import contract, encoding, intervals, strictjson
from gangway_receiver.contract import Refusal


def as_numbers(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


def test_interval_sets_agree_with_plain_sets_of_numbers():
    chance = random.Random(7)
    for _ in range(500):
        pieces = [(a, a + chance.randrange(6)) for a in
                  (chance.randrange(1, 60) for _ in range(chance.randrange(8)))]
        taken = [(a, a + chance.randrange(6)) for a in
                 (chance.randrange(1, 60) for _ in range(chance.randrange(8)))]
        one, two = intervals.normalise(pieces), intervals.normalise(taken)
        assert as_numbers(one) == as_numbers(pieces)
        assert all(b[0] > a[1] + 1 for a, b in zip(one, one[1:]))
        assert as_numbers(intervals.subtract(one, two)) == as_numbers(one) - as_numbers(two)
        assert intervals.size(one) == len(as_numbers(one))
        assert intervals.of_numbers(sorted(as_numbers(one))) == one
        for number in range(70):
            assert intervals.contains(one, number) == (number in as_numbers(one))


@pytest.mark.parametrize("text", [
    b'{"a":1,"a":2}', b'[{"x":{"a":1,"a":1}}]', b"[1.0]", b"[1e3]", b"[NaN]", b"[Infinity]",
    b"[-0]", b"[9007199254740992]", b"[01]", b"[1,]", b"[1] x", b"", b'"\x01"', b"'a'",
    b"\xef\xbb\xbf[]", b'["\xff"]', b'["\xc0\x80"]', b"[" * 100000, b'{"a":1 "b":2}',
    b"[1] // no", b"nul", b'["\\x41"]', b"[123456789012345678901234567890]"])
def test_strict_json_refuses(text):
    with pytest.raises(ValueError):
        strictjson.loads(text)


def test_strict_json_takes_what_is_right_and_prints_it_canonically():
    value = strictjson.loads(b' {"b" : [1, -9007199254740991, true, null], "a":"\\u00e4\\u001d\\/"} ')
    assert strictjson.canonical(value) == \
        '{"a":"\u00e4\\u001d/","b":[1,-9007199254740991,true,null]}'


def test_depth_is_counted_in_containers():
    assert strictjson.depth_within({"a": [1]}, 2)
    assert not strictjson.depth_within({"a": [[1]]}, 2)


def test_ids_follow_the_layout_computed_another_way():
    for flow_class in contract.CLASSES:
        for sequence in (1, 42, 1 << 20, contract.SEQUENCE_MAX):
            for epoch in (EPOCH, "3" + "f" * 16, "0" * 17):
                tail = contract.id_tail(flow_class, epoch)
                assert contract.id_of(sequence, tail) == event_id(sequence, flow_class, epoch)


def test_heads_are_parsed_strictly():
    assert contract.parse_heads("business=12,state=0") == {"business": 12, "state": 0}
    for text in ("business", "business=-1", "business=1,business=2", "cargo=1", "state=01"):
        with pytest.raises(ValueError):
            contract.parse_heads(text)


def test_codings_give_back_the_body_within_the_limit():
    body = b"abc" * 1000
    assert encoding.decode(body, "", 3000) == body
    assert encoding.decode(gzip.compress(body), "gzip", 3000) == body
    assert encoding.decode(zstandard.compress(body), "zstd", 3000) == body
    assert encoding.unpack(encoding.pack(body), "zstd") == body


@pytest.mark.parametrize("coding, body, status", [
    ("zstd", zstandard.compress(b"a" * 3001), 413),
    ("gzip", gzip.compress(b"a" * 3001, mtime=0), 413),
    ("", b"a" * 3001, 413), ("zstd", zstandard.compress(b"a" * 100)[:-1], 400),
    ("zstd", b"no frame", 400), ("gzip", b"no stream", 400),
    ("gzip", gzip.compress(b"a" * 100, mtime=0)[:-9], 400),
    ("gzip", gzip.compress(b"a", mtime=0) + b"x", 400),
    ("br", b"", 415)])
def test_codings_refuse(coding, body, status):
    with pytest.raises(Refusal) as refusal:
        encoding.decode(body, coding, 3000)
    assert refusal.value.status == status
