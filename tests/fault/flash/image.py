# SPDX-License-Identifier: Apache-2.0
"""What a power cut leaves of a store file, from the journal of flash_journal.c.

Flushed writes stay. Of the writes after the last flush each 512-byte sector
survives with probability `keep`, chosen by `seed`: lost, kept or torn, and
repeatable."""
import pathlib
import random
import struct
import subprocess

ENTRY = struct.Struct("=IIQ")
WRITE, FLUSH, WRITE_THROUGH, SIZE = 1, 2, 3, 4
SECTOR = 512
HERE = pathlib.Path(__file__).resolve().parent


def build(folder):
    """Compile the preload library into `folder`; its path."""
    library = pathlib.Path(folder) / "flash_journal.so"
    if not library.exists():
        subprocess.run(["cc", "-std=gnu2x", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-shared",
                        "-fPIC", HERE / "flash_journal.c", "-o", library, "-ldl"], check=True)
    return library


class Image:
    """The durable content and what is still on its way, entry by entry."""

    def __init__(self, base=b""):
        self.content = bytearray(base)
        self.pending = []
        self.flushes = 0

    def resize(self, size):
        if size > len(self.content):
            self.content.extend(bytes(size - len(self.content)))

    def put(self, offset, data):
        self.resize(offset + len(data))
        self.content[offset:offset + len(data)] = data

    def apply(self, kind, offset, data):
        if kind == WRITE:
            self.pending.append((offset, data))
        elif kind == WRITE_THROUGH:
            self.put(offset, data)
        elif kind == SIZE:
            self.resize(offset)
        elif kind == FLUSH:
            for at, flushed in self.pending:
                self.put(at, flushed)
            self.pending.clear()
            self.flushes += 1

    def replay(self, journal):
        """Apply a journal's bytes; an entry cut off at the end was never made."""
        at = 0
        while at + ENTRY.size <= len(journal):
            kind, length, offset = ENTRY.unpack_from(journal, at)
            if at + ENTRY.size + length > len(journal):
                break
            at += ENTRY.size
            self.apply(kind, offset, journal[at:at + length])
            at += length
        return self

    def cut(self, seed, keep):
        """Power fails now. Returns the number of sectors lost."""
        chance, lost = random.Random(seed), 0
        for offset, data in self.pending:
            for at in range(0, len(data), SECTOR):
                if chance.random() < keep:
                    self.put(offset + at, data[at:at + SECTOR])
                else:
                    lost += 1
        self.pending.clear()
        return lost
