# SPDX-License-Identifier: Apache-2.0
"""System tests: the daemons against real peers. See gangway_rig.py."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gangway_fixtures import *  # noqa: E402, F401, F403
