# SPDX-License-Identifier: Apache-2.0
"""JSON from strangers: what the contract allows and nothing beside it.

Python's scanner keeps to the grammar but accepts duplicates, NaN, any number
and any depth; the hooks here do not. Numbers are integers within +-(2^53-1).
Canonical text (sorted members, no white space, shortest escapes) is what the
digest is taken over.
"""
import json

INTEGER_MAX = (1 << 53) - 1


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate member {twice[:64]!r}")
    return members


def _integer(text):
    if len(text) > 17 or not -INTEGER_MAX <= int(text) <= INTEGER_MAX or text == "-0":
        raise ValueError(f"number {text[:32]} is no integer within 2^53-1")
    return int(text)


def _no_number(text):
    raise ValueError(f"number {text[:32]}: only integers are allowed")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer,
                            parse_float=_no_number, parse_constant=_no_number)
_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True,
                              check_circular=False, allow_nan=False)
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)

canonical = _CANONICAL.encode
plain = _PLAIN.encode


def loads(body):
    """bytes -> value; ValueError names what was found."""
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"no UTF-8 at byte {error.start}") from None


def depth_within(value, limit):
    """Whether containers nest no deeper than `limit`."""
    level = [value]
    for _ in range(limit):
        below = []
        for item in level:
            children = item.values() if type(item) is dict else item
            below += [child for child in children if type(child) in (dict, list)]
        if not below:
            return True
        level = below
    return False
