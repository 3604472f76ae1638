# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the simulators' tests."""
import pathlib
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(PROJECT / "tools/simulate"))
