# SPDX-License-Identifier: Apache-2.0
"""Somebody who changes the gateway's configuration again and again, and the keeping of
the last good one, whose answers are promises."""
import hashlib
import json
import os
import signal
import subprocess
import time

from gangway_rig import build_folder
from rig_process import die_with_parent

SEAL = "\n// sha256 of the above: "


class Technician:
    """Writes revisions of `document` to `path`. `careful`: aside, flushed, renamed; otherwise
    as a copy over a slow line does: over the old file, piece by piece, and no flush."""

    def __init__(self, path, document, careful):
        self.path = path
        self.revision = document["revision"]
        self.kept = 0  # newest revision of which keep_good said "ok"
        self._document = document
        self._careful = careful
        self._keeper = subprocess.Popen(
            [build_folder() / "fault/keep_good", path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def write(self):
        """The next revision."""
        self.revision += 1
        text = json.dumps({**self._document, "revision": self.revision}, indent=1)
        if self._careful:
            self._replace(text)
        else:
            self._copy_slowly(text)

    def _replace(self, text):
        aside = self.path.with_suffix(".edited")
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, self.path)
        flush_folder(self.path.parent)

    def _copy_slowly(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            for part in (text[:700], text[700:]):
                time.sleep(0.005)
                file.write(part)
                file.flush()

    def keep(self):
        """What gw-collectd does with a configuration that has proved itself."""
        self._keeper.stdin.write("keep\n")
        self._keeper.stdin.flush()
        if self._keeper.stdout.readline().strip() == "ok":
            self.kept = self.revision

    def work_until(self, is_over, collectd):
        """Write, keep, and let gw-collectd read it, until the power is off."""
        deadline = time.monotonic() + 10
        while not is_over():
            assert time.monotonic() < deadline, "the power did not fail"
            try:
                self.write()
            except OSError:
                return
            if self.revision % 4 == 0:
                self.keep()
            if self.revision % 8 == 0 and collectd.running:
                collectd.signal(signal.SIGHUP)

    def leave(self):
        """End the keeper; it has no file open."""
        self._keeper.kill()
        self._keeper.wait(10)
        self._keeper.stdin.close()
        self._keeper.stdout.close()


def flush_folder(folder):
    """So that a rename in it is durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def revision_of(path):
    """Of the document at `path`; None if there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["revision"]
    except (OSError, ValueError, KeyError):
        return None


def sealed_revision_of(path):
    """Of the last good document, whose seal must be right."""
    document, seal = path.read_text(encoding="utf-8").rsplit(SEAL, 1)
    assert hashlib.sha256(document.encode()).hexdigest() == seal.strip(), "the seal is broken"
    return json.loads(document)["revision"]
