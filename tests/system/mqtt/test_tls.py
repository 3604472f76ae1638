# SPDX-License-Identifier: Apache-2.0
"""TLS: a client certificate says which device it is; or a secret does."""
import shutil
import socket
import ssl
import subprocess
import tempfile

import pytest

import mqtt_wire as wire
from door import code, codes, topic
from gangway_rig import PROJECT, free_port
from mqtt_wire import PUBACK, V3, V5
from statements import v3, v5


@pytest.fixture(scope="module")
def device_pki():
    """Certificates whose CN is a device (and one that is none)."""
    folder = tempfile.mkdtemp(prefix="gw-test-")
    subprocess.run([PROJECT / "tools/pki/make-test-pki", folder, "scanner-1", "nobody"],
                   check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ports():
    """Of the listener that wants a certificate, and of the one that wants a secret."""
    return {"certificate": free_port(), "secret": free_port()}


@pytest.fixture(scope="module")
def module_door(make_door, device_pki, ports):
    """Three listeners on one gateway: plain, TLS with client certificates, TLS with secrets."""
    server = {"address": "127.0.0.1", "cert_file": f"{device_pki}/server.crt",
              "key_file": f"{device_pki}/server.key"}
    plain = free_port()
    door = make_door(changes={"ingress": {"listeners": [
        {"name": "front", "address": "127.0.0.1", "port": plain},
        {"name": "certificate", "port": ports["certificate"], "ca_file": f"{device_pki}/ca.crt",
         **server},
        {"name": "secret", "port": ports["secret"], **server}]}})
    door.rig.front_port = plain
    return door


def context(pki, client=None):
    """A client's side; `client`: whose certificate it shows."""
    tls = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    if client:
        tls.load_cert_chain(f"{pki}/{client}.crt", f"{pki}/{client}.key")
    return tls


def over_tls(door, ports, pki, version, listener, client=None):
    """A connection over TLS."""
    return door.peer(version, port=ports[listener], context=context(pki, client))


@v3("7.1.1-1")
@v5("4.2.0-1")
def test_a_client_certificate_says_which_device_it_is(door, ports, device_pki, version, name):
    peer = over_tls(door, ports, device_pki, version, "certificate", "gateway-scanner-1")
    peer.send(wire.connect(version, name))
    assert peer.expect(wire.CONNACK).reason == 0
    texts = codes(50)
    peer.send(*[wire.publish(version, topic(), text, 1, number)
                for number, text in enumerate(texts, 1)])
    for number in range(1, 51):
        peer.expect(PUBACK, number)
    door.assert_each_once(texts)
    assert {event["device"] for event in door.held(*texts)} == {"scanner-1"}


def test_a_user_name_beside_a_certificate_changes_nothing(door, ports, device_pki, version, name):
    peer = over_tls(door, ports, device_pki, version, "certificate", "gateway-scanner-1")
    peer.send(wire.connect(version, name, username="scanner-2", password="whatever"))
    assert peer.expect(wire.CONNACK).reason == 0
    text = code()
    peer.send(wire.publish(version, topic(), text, 1, 1)).expect(PUBACK, 1)
    door.assert_each_once([text])
    assert door.held(text)[0]["device"] == "scanner-1"


def test_a_certificate_of_no_device_is_refused(door, ports, device_pki, version, name):
    peer = over_tls(door, ports, device_pki, version, "certificate", "gateway-nobody")
    peer.send(wire.connect(version, name, **door.credentials()))
    assert peer.expect(wire.CONNACK).reason == (5 if version == V3 else 0x87)
    peer.expect_closed()


@pytest.mark.parametrize("client", [None, "bad/gateway-scanner-1-expired",
                                    "bad/gateway-scanner-1-wrong-ca",
                                    "bad/gateway-scanner-1-server-eku"])
def test_no_certificate_or_a_bad_one_gets_no_further_than_the_handshake(door, ports, device_pki,
                                                                        name, client):
    before = door.counter("connects")
    try:
        peer = over_tls(door, ports, device_pki, V3, "certificate", client)
        peer.send(wire.connect(V3, name, **door.credentials()))
        assert not peer.packets_until_closed()
    except (ssl.SSLError, ConnectionError):
        pass  # TLS 1.2 says it in the handshake already
    assert door.counter("connects") == before


@v3("7.1.1-1")
@v5("4.2.0-1")
def test_a_secret_over_tls(door, ports, device_pki, version, name):
    peer = over_tls(door, ports, device_pki, version, "secret")
    peer.send(wire.connect(version, name, **door.credentials()))
    assert peer.expect(wire.CONNACK).reason == 0
    texts = codes(3)
    for number, text in enumerate(texts, 1):
        peer.send(wire.publish(version, topic(), text, 1, number)).expect(PUBACK, number)
    peer = over_tls(door, ports, device_pki, version, "secret")
    peer.send(wire.connect(version, name, username="scanner-1", password="wrong"))
    assert peer.expect(wire.CONNACK).reason == (4 if version == V3 else 0x86)
    peer.expect_closed()
    door.assert_each_once(texts)


def test_large_packets_and_many_small_ones_over_tls(door, ports, device_pki, version, name):
    """Records are 16 KiB, packets are not."""
    peer = over_tls(door, ports, device_pki, version, "secret")
    peer.send(wire.connect(version, name, **door.credentials()))
    peer.expect(wire.CONNACK)
    large = [wire.publish(version, "nowhere", b"z" * size, 1, 1)
             for size in (16384, 40000, 65536, 100000)]
    for packet in large:
        peer.send(packet).expect(PUBACK, 1)
    texts = codes(400)
    stream = b"".join(wire.publish(version, topic(), text, 1, number)
                      for number, text in enumerate(texts, 1))
    for at in range(0, len(stream), 1999):
        peer.send(stream[at:at + 1999])
    assert [peer.expect(PUBACK).packet_id for _ in texts] == list(range(1, 401))
    door.assert_each_once(texts)


def test_plain_bytes_on_a_tls_port_and_tls_on_a_plain_one(door, ports, device_pki, version, name):
    peer = door.peer(version, port=ports["secret"])
    peer.send(wire.connect(version, name, **door.credentials()))
    with pytest.raises((wire.Closed, AssertionError)):
        while True:  # an alert may come, no CONNACK
            peer.packet(5)
    with pytest.raises((ssl.SSLError, ConnectionError, socket.timeout)):
        door.peer(version, context=context(device_pki))


def test_a_take_over_between_listeners(door, ports, device_pki, version, name):
    first = over_tls(door, ports, device_pki, version, "certificate", "gateway-scanner-1")
    first.send(wire.connect(version, name))
    assert first.expect(wire.CONNACK).reason == 0
    second = door.connect(version, name)
    first.expect_closed(0x8E)
    second.ping()
