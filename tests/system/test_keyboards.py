# SPDX-License-Identifier: Apache-2.0
"""Scanners that play keyboard, made with uinput(4): grabbed, read by their layout, two at
once, gone and back. On machines without /dev/uinput only the unit tests play keyboards."""
import contextlib
import fcntl
import os
import pathlib
import struct
import time

import pytest
from feeds_rig import PROFILES
from rig_process import wait_until

NEEDS = "keyboards need root and /dev/uinput"
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not os.path.exists("/dev/uinput"), reason=NEEDS)

# linux/uinput.h, linux/input-event-codes.h
UI_DEV_CREATE, UI_DEV_DESTROY = 0x5501, 0x5502
UI_SET_EVBIT, UI_SET_KEYBIT = 0x40045564, 0x40045565
UI_DEV_SETUP = 0x405C5503
EV_SYN, EV_KEY = 0, 1
EVIOCGRAB = 0x40044590
KEYS = {**{str((i + 1) % 10): 2 + i for i in range(10)}, "\r": 28, "-": 12,
        **dict(zip("qwertyuiop", range(16, 26))), **dict(zip("asdfghjkl", range(30, 39))),
        **dict(zip("zxcvbnm", range(44, 51)))}
CTRL, SHIFT, RIGHT_BRACE = 29, 42, 27


class Keyboard:
    """A USB keyboard as the kernel shows one."""

    def __init__(self, name, product):
        self.name, self.product = name, product
        self._fd = None

    def plug(self):
        """It appears."""
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
        fcntl.ioctl(self._fd, UI_SET_EVBIT, EV_KEY)
        for key in range(1, 128):
            fcntl.ioctl(self._fd, UI_SET_KEYBIT, key)
        setup = struct.pack("HHHH80sI", 3, 0x05E0, self.product, 1, self.name.encode(), 0)
        fcntl.ioctl(self._fd, UI_DEV_SETUP, setup)
        fcntl.ioctl(self._fd, UI_DEV_CREATE)
        return self

    def unplug(self):
        """It is gone."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._fd, UI_DEV_DESTROY)
            os.close(self._fd)
            self._fd = None

    def _emit(self, kind, code, value):
        os.write(self._fd, struct.pack("llHHi", 0, 0, kind, code, value))

    def key(self, code, *held):
        """Press and release, with others held."""
        for modifier in held:
            self._emit(EV_KEY, modifier, 1)
        for value in (1, 0):
            self._emit(EV_KEY, code, value)
            self._emit(EV_SYN, 0, 0)
        for modifier in held:
            self._emit(EV_KEY, modifier, 0)
        self._emit(EV_SYN, 0, 0)

    def type(self, text):
        """As a scanner with a US layout does."""
        for char in text:
            if char == "\x1d":
                self.key(RIGHT_BRACE, CTRL)
            elif char.isupper():
                self.key(KEYS[char.lower()], SHIFT)
            else:
                self.key(KEYS[char])
            time.sleep(0.001)

    def node(self):
        """Its event device."""
        for path in pathlib.Path("/sys/class/input").glob("event*"):
            if (path / "device/name").read_text().strip() == self.name:
                return f"/dev/input/{path.name}"
        return None


@pytest.fixture
def keyboards():
    """Two of one make, plugged in."""
    pair = [Keyboard(f"Gangway test scanner {n}", 0x1200 + n).plug() for n in (1, 2)]
    for keyboard in pair:
        wait_until(keyboard.node, 10, "the kernel shows it")
    yield pair
    for keyboard in pair:
        keyboard.unplug()


@pytest.fixture
def rig(make_rig, keyboards):
    """A gateway that hears both."""
    rig = make_rig(devices={})
    rig.configure(feeds=[
        {"id": f"hid-{n}", "profile": str(PROFILES / "keyboard-us.json"), "transport": "hid",
         "usb_name": keyboard.name} for n, keyboard in enumerate(keyboards, 1)])
    rig.start()
    wait_until(lambda: all(feed["state"] == "open" for feed in rig.status()["feeds"]), 20,
               "both are open")
    return rig


def raws(rig, device):
    """Codes of a device at the centre."""
    return [event["raw"] for event in rig.events("scan.observed") if event["device"] == device]


def test_two_scanners_at_once_and_every_code_is_whole(rig, keyboards):
    first = [f"]C101{n:014d}\x1d21A" for n in range(20)]
    first = [code.replace("]", "").replace("C", "c") for code in first]
    for typed, code in enumerate(first, 1):
        keyboards[0].type(code[:9])
        keyboards[1].type(f"X-{code[-6:-4]}"[:4])
        keyboards[0].type(code[9:] + "\r")
        keyboards[1].type("-END\r")
        # The kernel keeps a few dozen keys for a reader and drops all beyond.
        wait_until(lambda typed=typed: all(feed["observations"] >= typed
                                           for feed in rig.status()["feeds"]), 20, "it is read")
    wait_until(lambda: len(raws(rig, "hid-1")) == 20 and len(raws(rig, "hid-2")) == 20, 30,
               "all codes are there")
    assert raws(rig, "hid-1") == first


def test_the_keys_reach_nobody_else(rig, keyboards):
    node = keyboards[0].node()
    with open(node, "rb", buffering=0) as other:
        os.set_blocking(other.fileno(), False)
        with pytest.raises(OSError):
            fcntl.ioctl(other, EVIOCGRAB, 1)
        keyboards[0].type("SECRET1\r")
        wait_until(lambda: raws(rig, "hid-1") == ["SECRET1"], 20, "we have it")
        assert other.read(24) is None


def test_a_scanner_that_is_pulled_out_is_named_and_comes_back(rig, keyboards):
    keyboards[0].unplug()
    wait_until(lambda: "feed_down" in rig.issues("collectd"), 20, "it is named")
    keyboards[0].plug()
    wait_until(lambda: "feed_down" not in rig.issues("collectd"), 20, "it is back")
    keyboards[0].type("AGAIN\r")
    wait_until(lambda: raws(rig, "hid-1") == ["AGAIN"], 20, "and is heard")


def test_a_keyboard_somebody_else_has_is_an_issue(rig, keyboards):
    rig.collectd.stop()
    with open(keyboards[0].node(), "rb", buffering=0) as other:
        fcntl.ioctl(other, EVIOCGRAB, 1)
        rig.collectd.start()
        wait_until(lambda: rig.connected() and "feed_denied" in rig.issues("collectd"), 20,
                   "it is named")
    wait_until(lambda: "feed_denied" not in rig.issues("collectd"), 20, "it is ours again")
