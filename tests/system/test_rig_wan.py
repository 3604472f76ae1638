# SPDX-License-Identifier: Apache-2.0
"""The WAN of the rig itself: what it claims to do to connections, it does."""
import contextlib
import socket
import threading

import pytest
from rig_wan import Wan


class Echo:
    """Sends back what it gets."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _serve(sock):
        with sock, contextlib.suppress(ConnectionError):
            while data := sock.recv(65536):
                sock.sendall(data)
            sock.sendall(b"bye")

    def close(self):
        self._listener.close()


@pytest.fixture
def wan():
    echo = Echo()
    relay = Wan(echo.port)
    yield relay
    relay.close()
    echo.close()


def connect(wan):
    return socket.create_connection(("127.0.0.1", wan.port), timeout=5)


def exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part
        data += part
    return data


def test_bytes_pass_and_are_counted(wan):
    with connect(wan) as sock:
        big = bytes(range(256)) * 8192
        threading.Thread(target=sock.sendall, args=(big,)).start()
        assert exactly(sock, len(big)) == big
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(10) == b"bye"
    assert (wan.bytes_up, wan.bytes_down) == (len(big), len(big) + 3)


def test_cut_resets_old_and_new_connections_until_resumed(wan):
    with connect(wan) as sock:
        sock.sendall(b"a")
        assert sock.recv(1) == b"a"
        wan.cut()
        with pytest.raises(ConnectionError):
            sock.recv(1)
    with pytest.raises(ConnectionError), connect(wan) as sock:
        sock.sendall(b"a")
        if sock.recv(1) == b"":
            raise ConnectionError
    wan.resume()
    with connect(wan) as sock:
        sock.sendall(b"b")
        assert sock.recv(1) == b"b"


def test_stall_moves_nothing_and_resume_moves_it_later(wan):
    with connect(wan) as sock:
        sock.sendall(b"a")
        assert sock.recv(1) == b"a"
        wan.stall()
        sock.sendall(b"b")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        wan.resume()
        sock.settimeout(5)
        assert sock.recv(1) == b"b"
