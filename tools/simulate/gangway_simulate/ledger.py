# SPDX-License-Identifier: Apache-2.0
"""The ledger of a device: what it was told is safe, in its own words.

JSON lines, one flush a line, so that a ledger outlives its writer:

  {"device": ..., "n": order of sending, "raw": ... or "value": ..., "deviceeventid"?,
   "t_sent": s, "t_acked": s or null, "sends": how often it left the device}

t_acked null = never acknowledged: may or may not arrive. sends > 1 = sent again
on a new connection: a plain code may then arrive twice through no fault of the
gateway.
"""
import json
import pathlib


class Ledger:
    """Append-only; one per device."""

    def __init__(self, folder, device):
        self.device = device
        self._file = open(pathlib.Path(folder) / f"{device}.jsonl", "a", encoding="utf-8")

    def write(self, **entry):
        """One line, flushed."""
        self._file.write(json.dumps({"device": self.device, **entry}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self):
        """End the file."""
        self._file.close()


def read_ledgers(folder):
    """{device: [entries]} of every *.jsonl in the folder; a cut last line is left out."""
    ledgers = {}
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the writer was killed inside this line
            ledgers.setdefault(entry["device"], []).append(entry)
    return ledgers
