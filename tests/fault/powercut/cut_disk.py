# SPDX-License-Identifier: Apache-2.0
"""A real file system on a disk whose power can fail.

    disk = CutDisk(folder)
    disk.format()
    disk.power_on(seed=1, keep=50)      ext4 is mounted at disk.mount
    report = disk.cut()                 or disk.arm(17) and disk.wait_for_cut()
    (end whoever uses the files)
    disk.power_on(seed=2, keep=0)       the journal is replayed by the kernel
    disk.close()

The chain is cut_disk.c in nbdkit -> nbdfuse -> loop device -> ext4, so that what
the gateway, the kernel's page cache and the journal of ext4 do is real; only the
device below is ours. No NBD module of the kernel is needed.

Nothing of it outlives a test run that is killed: the mounts are made in a mount
namespace of the test run's own, the loop device detaches itself with its mount,
and the processes end with their parent. Names are unique for each disk.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from rig_process import die_with_parent, wait_until

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_S = 30
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)
_own_mounts = []


def missing_parts():
    """Why there can be no such disk on this machine; empty if there can."""
    done = subprocess.run([HERE / "parts"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode else ""


def keep_mounts_to_ourselves():
    """From here on mounts of this process and its children are seen by them alone, and
    end with the last of them."""
    if _own_mounts:
        return
    if _LIBC.unshare(_CLONE_NEWNS) or _LIBC.mount(b"none", b"/", None, _MS_REC_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace of our own")
    _own_mounts.append(True)


def build_plugin(folder):
    """Compile the plug-in into `folder`; its path."""
    plugin = pathlib.Path(folder) / "cut_disk.so"
    if not plugin.exists():
        run("cc", "-std=gnu2x", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wconversion",
            "-Wshadow", "-Werror", "-shared", "-fPIC", HERE / "cut_disk.c", "-o", plugin)
    return plugin


def run(*command, check=True):
    """A program that ends soon; its output."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class CutDisk:
    """See above. `folder` must be the disk's own; it is made and removed."""

    def __init__(self, folder, size_mb=256):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.base = self.folder / "base"
        self.mount = self.folder / "mounted"
        self._bridge = self.folder / "bridge"  # where nbdfuse shows the disk as a file
        self.shown = self._bridge / "disk"
        self._socket = self.folder / "nbd.sock"
        self._report = self.folder / "report"
        self._arm = self.folder / "arm"
        self._log = self.folder / "log"
        self._size = size_mb << 20
        self._server = self._fuse = None
        self._loop = None
        for path in (self.mount, self._bridge):
            path.mkdir()
        keep_mounts_to_ourselves()
        self._plugin = build_plugin(self.folder)

    # -- on

    def format(self):
        """An empty ext4, as a fresh appliance has it."""
        with contextlib.suppress(FileNotFoundError):
            self.base.unlink()
        with open(self.base, "wb") as file:
            file.truncate(self._size)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-E",
            "nodiscard,lazy_itable_init=0,lazy_journal_init=0", self.base)

    def power_on(self, seed=0, keep=0):
        """Serve and mount what the file has. `seed` and `keep` (per cent) say what the
        next cut leaves of what is pending then."""
        self.serve(seed, keep)
        self._loop = run("losetup", "--find", "--show", self.shown)
        self._mount()
        # Still in use by the mount: the loop device goes when the mount goes.
        run("losetup", "--detach", self._loop)

    def serve(self, seed=0, keep=0):
        """The same without a file system: the disk is the file `shown`."""
        assert self._server is None, "the power is on"
        for path in (self._report, self._arm, self._socket):
            path.unlink(missing_ok=True)
        self._server = self._start(
            "nbdkit", "--foreground", "--unix", self._socket, self._plugin,
            f"base={self.base}", f"report={self._report}", f"arm={self._arm}",
            f"seed={seed}", f"keep={keep}")
        self._wait(self._socket.exists, "nbdkit listens")
        self._fuse = self._start("nbdfuse", self.shown, "--unix", self._socket)
        self._wait(self.shown.exists, "nbdfuse shows the disk")

    def _mount(self):
        try:
            run("mount", "-t", "ext4", self._loop, self.mount)
        except AssertionError:
            run("e2fsck", "-p", self._loop, check=False)
            run("mount", "-t", "ext4", self._loop, self.mount)

    def _start(self, *command):
        with open(self._log, "ab") as log:
            return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, preexec_fn=die_with_parent)

    def _wait(self, condition, what):
        def or_dead():
            for process in (self._server, self._fuse):
                assert process is None or process.poll() is None, self._log.read_text()
            return condition()
        wait_until(or_dead, LIMIT_S, what, every=0.005)

    # -- off

    def arm(self, requests):
        """The power fails with the disk's `requests`-th write or flush from now."""
        aside = self._arm.with_suffix(".new")
        aside.write_text(str(requests))
        os.replace(aside, self._arm)

    def has_failed(self):
        """Whether an armed cut has come."""
        return self._report.exists()

    def wait_for_cut(self, seconds):
        """The same within that time."""
        deadline = time.monotonic() + seconds
        while not self.has_failed() and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.has_failed()

    def cut(self):
        """Power off now, if it has not failed yet. The disk's own word on what was lost.
        Whoever has files open below `mount` gets errors and is to be ended next."""
        self._fuse.kill()
        self._fuse.wait(LIMIT_S)
        self._server.send_signal(signal.SIGTERM)
        self._server.wait(LIMIT_S)
        self._server = self._fuse = None
        return json.loads(self._report.read_text())

    def unmount(self):
        """After cut, when nobody has files open any more."""
        for path in (self.mount, self._bridge):
            while os.path.ismount(path) or _is_dead_mount(path):
                run("umount", path, check=False)
                if os.path.ismount(path) or _is_dead_mount(path):
                    run("umount", "--lazy", path)
        if self._loop:
            self._wait_detached()
            self._loop = None

    def _wait_detached(self):
        backing = pathlib.Path("/sys/block", pathlib.Path(self._loop).name, "loop/backing_file")

        def is_free():
            with contextlib.suppress(OSError):
                return str(self._bridge) not in backing.read_text()
            return True
        wait_until(is_free, LIMIT_S, f"{self._loop} is free", every=0.005)

    def close(self):
        """Undo everything, from any state."""
        for process in (self._fuse, self._server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(LIMIT_S)
        self._server = self._fuse = None
        if self._loop:
            run("losetup", "--detach", self._loop, check=False)
        self.unmount()
        shutil.rmtree(self.folder)

    def check(self):
        """e2fsck of the disk as it is (power off); raises if it is not clean after replay."""
        run("e2fsck", "-fp", self.base, check=False)
        run("e2fsck", "-fn", self.base)


def _is_dead_mount(path):
    """A FUSE mount whose server is gone answers nothing but this."""
    try:
        os.stat(path)
    except OSError:
        return True
    return False
