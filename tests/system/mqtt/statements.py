# SPDX-License-Identifier: Apache-2.0
"""Marks that say which statements of the specifications a test proves."""
import pytest


def v3(*numbers):
    """Statements [MQTT-number] of MQTT 3.1.1."""
    return pytest.mark.v3(*numbers)


def v5(*numbers):
    """Statements [MQTT-number] of MQTT 5.0."""
    return pytest.mark.v5(*numbers)


def both(*numbers):
    """Statements that have the same number in both."""
    def mark(function):
        return pytest.mark.v3(*numbers)(pytest.mark.v5(*numbers)(function))
    return mark
