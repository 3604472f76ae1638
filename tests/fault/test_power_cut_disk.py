# SPDX-License-Identifier: Apache-2.0
"""The disk of the power-cut tests must itself be trusted: what was flushed stays, the
rest goes as the seed says, and nothing of it outlives a test run that was killed."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
from rig_process import wait_until

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "powercut"))

from cut_disk import CutDisk, missing_parts  # noqa: E402

pytestmark = pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())

SECTOR = 512
SIZE = 64 * SECTOR


@pytest.fixture
def disk():
    """A small disk without a file system, all zero, power off."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-test-"))
    one = CutDisk(folder / "disk", 16)
    one.base.write_bytes(bytes(1 << 20))
    yield one
    one.close()
    folder.rmdir()


def write(disk, letter, flush=False, offset=0, length=SIZE):
    """Through the served file; `flush` as fsync does it."""
    fd = os.open(disk.shown, os.O_RDWR)
    try:
        assert os.pwrite(fd, letter * length, offset) == length
        if flush:
            os.fsync(fd)
    finally:
        os.close(fd)


def letters(disk):
    """First byte of each sector the file has; each sector must be of one piece."""
    content = disk.base.read_bytes()[:SIZE]
    sectors = [content[at:at + SECTOR] for at in range(0, SIZE, SECTOR)]
    assert all(sector == sector[:1] * SECTOR for sector in sectors)
    return b"".join(sector[:1] for sector in sectors)


def test_what_was_flushed_survives_and_the_rest_does_not(disk):
    disk.serve(seed=1, keep=0)
    write(disk, b"a", flush=True)
    write(disk, b"b")
    assert disk.shown.read_bytes()[:SIZE] == b"b" * SIZE, "reads see what is pending"
    assert letters(disk) == b"a" * 64, "the file has only what was flushed"
    report = disk.cut()
    assert letters(disk) == b"a" * 64
    assert (report["pending_sectors"], report["lost_sectors"]) == (64, 64)


def test_what_is_pending_may_survive_whole(disk):
    disk.serve(seed=1, keep=100)
    write(disk, b"b")
    assert disk.cut()["lost_sectors"] == 0
    assert letters(disk) == b"b" * 64


def test_the_same_seed_leaves_the_same_disk_and_another_one_another(disk):
    left = []
    for seed in (7, 7, 8):
        disk.base.write_bytes(bytes(1 << 20))
        disk.serve(seed=seed, keep=50)
        write(disk, b"a", flush=True)
        write(disk, b"b")
        write(disk, b"c", offset=SIZE // 2, length=SIZE // 2)
        report = disk.cut()
        left.append(letters(disk))
        assert report["kept_sectors"] + report["lost_sectors"] == 96
        assert report["torn_writes"] == 2
        disk.unmount()
    assert left[0] == left[1] != left[2]
    assert set(left[0][:32]) == set(b"ab"), "lost and kept side by side"
    assert set(left[0][32:]) == set(b"abc"), "and the older form where the newer is lost"


def test_an_armed_cut_comes_inside_that_request_and_no_flush_after_it_counts(disk):
    disk.serve(seed=1, keep=0)
    write(disk, b"a", flush=True)
    disk.arm(3)
    write(disk, b"b", flush=True)
    with pytest.raises(OSError):
        write(disk, b"c", flush=True)
    assert disk.wait_for_cut(5)
    with pytest.raises(OSError):
        write(disk, b"d", flush=True)
    assert disk.cut()["in_request"]
    assert letters(disk) == b"b" * 64


def test_a_file_system_on_it_keeps_what_was_synced_over_many_cuts(disk):
    disk.format()
    for seed in range(10):
        disk.power_on(seed, keep=(0, 50, 90)[seed % 3])
        for earlier in range(seed):
            assert (disk.mount / f"kept-{earlier}").read_bytes() == b"k" * 5000
        with open(disk.mount / f"kept-{seed}", "wb") as file:
            file.write(b"k" * 5000)
            file.flush()
            os.fsync(file.fileno())
        if seed % 2:
            disk.arm(1 + seed)
        with pytest.raises(OSError) if seed % 2 else open(os.devnull):
            for number in range(200):
                with open(disk.mount / f"loose-{seed}", "wb") as file:
                    file.write(bytes([number]) * 20000)
                    file.flush()
                    if seed % 2:
                        os.fsync(file.fileno())
        disk.cut()
        disk.unmount()
        disk.check()


def test_nothing_outlives_a_test_run_that_was_killed(tmp_path):
    script = (f"import sys, time; sys.path[:0] = {sys.path!r}\n"
              "from cut_disk import CutDisk\n"
              f"disk = CutDisk({str(tmp_path / 'disk')!r}, 16)\n"
              "disk.format(); disk.power_on(1); print(disk._loop, flush=True); time.sleep(60)\n")
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    loop = pathlib.Path(run.stdout.readline().strip())
    backing = pathlib.Path("/sys/block", loop.name, "loop/backing_file")

    def is_ours():
        return backing.exists() and str(tmp_path) in backing.read_text()

    assert is_ours(), "the disk of the other run is there"
    assert str(tmp_path) not in pathlib.Path("/proc/mounts").read_text(), "its mounts are its own"
    run.send_signal(signal.SIGKILL)
    run.wait(10)
    run.stdout.close()
    wait_until(lambda: not is_ours(), 10, "the loop device is free")
