# SPDX-License-Identifier: Apache-2.0
"""Fault tests run on the rig of the system tests."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from gangway_fixtures import *  # noqa: E402, F401, F403
