# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS of the receiver, the token, and what it counts of refused peers."""
import socket
import ssl

import pytest
from gateway_double import GatewayDouble, make_event
from receiver_process import ReceiverProcess


@pytest.mark.parametrize("name", ["bad/gateway-GW-1-expired", "bad/gateway-GW-1-wrong-ca",
                                  "bad/gateway-GW-1-server-eku"])
def test_wrong_client_certificates_are_refused(receiver, pki, name):
    double = GatewayDouble(receiver.port, pki, certificate=pki / name)
    with pytest.raises(OSError):
        double.post([make_event(1)])
    double.close()
    figures = receiver.ask("/figures")
    assert figures["counters"]["handshakes_failed"] == 1
    assert figures["counters"].get("application_bytes", 0) == 0
    assert figures["counters"]["bytes_before_handshake_failed"] > 100


def test_a_client_without_a_certificate_is_refused(receiver, pki):
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as sock:
            with context.wrap_socket(sock, server_hostname="localhost") as connection:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                if connection.recv(10) == b"":
                    raise OSError("closed")
    counters = receiver.ask("/figures")["counters"]
    assert counters["handshakes_failed"] == 1 and "handshakes" not in counters


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(receiver, pki):
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(pki / "gateway-GW-1.crt", pki / "gateway-GW-1.key")
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as sock:
            context.wrap_socket(sock, server_hostname="localhost").close()


@pytest.mark.parametrize("name", ["bad/expired", "bad/not-yet-valid", "bad/wrong-name",
                                  "bad/wrong-ca", "bad/wrong-eku"])
def test_bad_server_certificates_serve_their_purpose(pki, tmp_path, name):
    process = ReceiverProcess(pki, tmp_path, "--cert", f"{pki}/{name}.crt", "--key",
                              f"{pki}/{name}.key")
    try:
        double = GatewayDouble(process.port, pki)
        with pytest.raises(ssl.SSLError):
            double.post([make_event(1)])
        double.close()
    finally:
        assert process.stop() == 0
        process.process.stdout.close()


def test_a_token_is_demanded_where_one_is_set(pki, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    process = ReceiverProcess(pki, tmp_path, "--token-file", str(tmp_path / "token"))
    try:
        double = GatewayDouble(process.port, pki)
        assert double.post([make_event(1)])[0] == 401
        assert double.post([make_event(1)],
                           headers={"Authorization": "Bearer secret"})[0] == 200
        double.close()
    finally:
        assert process.stop() == 0
        process.process.stdout.close()


@pytest.mark.parametrize("text", [
    b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 70000])
def test_broken_requests_are_answered_and_the_connection_ends(receiver, pki, text):
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "gateway-GW-1.crt", pki / "gateway-GW-1.key")
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as sock:
        with context.wrap_socket(sock, server_hostname="localhost") as connection:
            connection.sendall(text)
            answer = b""
            while part := connection.recv(65536):
                answer += part
    assert answer.startswith(b"HTTP/1.1 4") and b"Connection: close" in answer
