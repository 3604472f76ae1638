# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the receiver's tests: a PKI, a receiver process, a control client."""
import pathlib
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[3]
sys.path.insert(0, str(PROJECT / "tools/receiver"))
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def pki():
    """Folder of a throw-away PKI with two gateways."""
    with tempfile.TemporaryDirectory(prefix="gw-test-") as folder:
        subprocess.run([PROJECT / "tools/pki/make-test-pki", folder, "GW-1", "GW-2"], check=True)
        yield pathlib.Path(folder)


@pytest.fixture
def receiver(pki, tmp_path):
    """A running receiver on SQLite."""
    from receiver_process import ReceiverProcess
    process = ReceiverProcess(pki, tmp_path)
    yield process
    if process.process.poll() is None:
        process.kill()
    process.process.stdout.close()


@pytest.fixture
def gateway(receiver, pki):
    """A connected gateway double with serial GW-1."""
    from gateway_double import GatewayDouble
    double = GatewayDouble(receiver.port, pki)
    yield double
    double.close()
