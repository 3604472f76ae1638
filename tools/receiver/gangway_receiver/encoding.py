# SPDX-License-Identifier: Apache-2.0
"""Content codings of request bodies, each with a limit on what comes out."""
import zlib

import zstandard

from .contract import Refusal


def decode(body, coding, limit):
    """The body before compression; Refusal 415 (coding), 413 (too much), 400."""
    if coding in ("", "identity"):
        plain = body
    elif coding == "zstd":
        plain = _zstd(body, limit)
    elif coding == "gzip":
        plain = _gzip(body, limit)
    else:
        raise Refusal(415, "content_encoding", f"found {coding[:32]!r}, allowed: zstd, gzip, none")
    if len(plain) > limit:
        raise Refusal(413, "too_large", f"more than {limit} bytes decompressed")
    return plain


def _zstd(body, limit):
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 23)
    try:
        reader = decompressor.stream_reader(body, read_across_frames=False)
        plain = reader.read(limit + 1)
        if len(plain) <= limit and reader.read(1):
            return b"\0" * (limit + 1)
    except zstandard.ZstdError as error:
        raise Refusal(400, "bad_zstd", str(error)[:200]) from None
    # A frame that is cut short makes the reader stop early without an error.
    declared = zstandard.frame_content_size(body)
    if len(plain) <= limit and declared >= 0 and declared != len(plain):
        raise Refusal(400, "bad_zstd", f"frame says {declared} bytes, found {len(plain)}")
    return plain


def _gzip(body, limit):
    inflater = zlib.decompressobj(31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refusal(400, "bad_gzip", str(error)[:200]) from None
    if len(plain) <= limit and (not inflater.eof or inflater.unused_data):
        raise Refusal(400, "bad_gzip", "the stream is cut short or has something behind it")
    return plain


def pack(text):
    """bytes -> zstd frame, for the store."""
    return zstandard.ZstdCompressor(level=1).compress(text)


def unpack(body, coding):
    """Back from the store: what decode() accepted once."""
    return decode(body, coding, 1 << 30)
