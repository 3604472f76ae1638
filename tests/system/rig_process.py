# SPDX-License-Identifier: Apache-2.0
"""Child processes of a rig: started with a log, ended with the test run.

The kernel ends them too (PR_SET_PDEATHSIG), so that nothing is left behind when
the test run itself is killed.
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent():
    """For preexec_fn: the kernel kills the child when its parent thread ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, seconds=20.0, what="", every=0.02):
    """The first true value of condition(); AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"gave up after {seconds} s: {what or condition}"
        time.sleep(every)


class Child:
    """A program that may be stopped, killed and started again under one name."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = pathlib.Path(folder) / f"{name}.log"
        self._environment = {**os.environ, **(environment or {})}
        self._process = None
        self.starts = 0

    def start(self):
        """Start it; its output is appended to the log."""
        assert not self.running, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, preexec_fn=die_with_parent)
        self.starts += 1
        return self

    @property
    def running(self):
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self):
        """As of Popen; None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    def kill(self):
        """SIGKILL, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds=30.0):
        """SIGTERM and wait; the exit code. Killed if it does not end in time."""
        if not self.running:
            return self.exit_code
        self._process.terminate()
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s") from None

    def signal(self, number):
        """Any signal."""
        self._process.send_signal(number)

    def restart(self):
        """Orderly stop and a new start."""
        self.stop()
        self.start()

    def tail(self, lines=60):
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def anonymous_kib(self):
        """Anonymous resident memory now."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines()
                    if line.startswith("RssAnon:"))
