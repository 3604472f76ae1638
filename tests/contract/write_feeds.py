#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write what the captures in feeds/ give now: NAME.out (observations) and NAME.events. What
the tests compare with is what somebody has read: look at the difference before it is
committed. GW_BUILD says which build, as for the tests."""
from test_feeds import CAPTURES, feed


def main():
    for capture in CAPTURES:
        capture.with_suffix(".out").write_text(feed(capture))
        capture.with_suffix(".events").write_text(feed(capture, "--events"))


if __name__ == "__main__":
    main()
