# SPDX-License-Identifier: Apache-2.0
"""Fixtures of system and fault tests: the session's PKI, rigs, logs on failure."""
import pathlib
import shutil
import tempfile

import pytest
from gangway_rig import Rig, build_folder, make_pki


@pytest.fixture(scope="session")
def pki():
    """One throw-away PKI for the whole run."""
    folder = tempfile.mkdtemp(prefix="gw-test-")
    yield make_pki(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def programs():
    """The gateway's programs must be there: nothing is skipped quietly."""
    for name in ("gw-collectd", "gw-linkd"):
        path = build_folder() / "bin" / name
        assert path.exists(), f"{path} is missing: build it, or set GW_BUILD"


@pytest.fixture
def make_rig(pki, request):
    """make_rig(**options) -> a Rig that is not started; closed after the test."""
    rigs = []

    def make(**options):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-test-"))
        rigs.append(Rig(folder, pki, **options))
        return rigs[-1]

    yield make
    bad = []
    for rig in rigs:
        bad += rig.close()
    report = getattr(request.node, "gangway_report", None)
    failed = bad or (report is not None and report.failed)
    for rig in rigs:
        if failed:
            print(rig.logs())
        shutil.rmtree(rig.folder, ignore_errors=True)
    assert not bad, bad


@pytest.fixture
def rig(make_rig):
    """A started rig with one text scanner."""
    return make_rig().start()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures know how the test itself ended."""
    outcome = yield
    if call.when == "call":
        item.gangway_report = outcome.get_result()
