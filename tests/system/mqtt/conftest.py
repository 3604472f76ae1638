# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the conformance tests: one gateway a module, connections by hand."""
import itertools
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from door import Door  # noqa: E402
from mqtt_wire import V3, V5  # noqa: E402

_numbers = itertools.count(1)


def pytest_configure(config):
    """The marks that tie a test to the table."""
    for version in ("v3", "v5"):
        config.addinivalue_line("markers", f"{version}(*numbers): statements this test proves")


@pytest.fixture(params=[V3, V5], ids=["3.1.1", "5"])
def version(request):
    """Both versions of the protocol."""
    return request.param


@pytest.fixture(scope="module")
def make_door(pki, request):
    """make_door(**options of Rig) -> a started Door; all are closed after the module."""
    doors = []

    def make(**options):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-test-"))
        doors.append(Door(folder, pki, **options))
        return doors[-1].start()

    failed_before = request.session.testsfailed
    yield make
    bad = []
    for each in doors:
        bad += each.close()
    if bad or request.session.testsfailed > failed_before:
        for each in doors:
            print(each.rig.logs())
    for each in doors:
        shutil.rmtree(each.rig.folder, ignore_errors=True)
    assert not bad, bad


@pytest.fixture(scope="module")
def module_door(make_door):
    """The gateway of the module."""
    return make_door()


@pytest.fixture
def door(module_door):
    """The gateway of the module; connections of this test are closed after it."""
    yield module_door
    module_door.hang_up()


@pytest.fixture
def name(request):
    """A client id nobody had before."""
    return f"c{next(_numbers)}"
