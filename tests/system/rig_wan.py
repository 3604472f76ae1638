# SPDX-License-Identifier: Apache-2.0
"""The WAN between linkd and the receiver: a TCP relay that can be cut and stalled.

  pass     bytes flow
  cut      connections are reset, new ones too
  stall    connections stay open and nothing moves, new ones are taken in silence
It counts what passed in each direction, which is how a test knows what left the
gateway before a handshake failed.
"""
import contextlib
import selectors
import socket
import struct
import threading

_CHUNK = 65536


class Wan:
    """A relay from a port of its own to 127.0.0.1:target_port."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.bytes_up = 0
        self.bytes_down = 0
        self.connections = 0
        self._mode = "pass"
        self._lock = threading.Lock()  # one command at a time
        self._applied = threading.Event()
        self._pairs = {}  # socket -> its other side
        self._waiting = {}  # socket -> bytes that did not fit yet
        self._upward = set()
        self._ended = set()  # sockets that will send no more
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="wan", daemon=True)
        self._thread.start()

    # -- commands, from any thread

    def cut(self):
        """Reset every connection, and each new one."""
        self._set("cut")

    def stall(self):
        """Nothing moves any more; connections stay."""
        self._set("stall")

    def resume(self):
        """As if nothing had happened."""
        self._set("pass")

    def close(self):
        """End the relay."""
        if self._thread.is_alive():
            self._set("cut")
            self._stopping = True
            self._wake.send(b"x")
            self._thread.join(timeout=10)

    def _set(self, mode):
        """Returns when the relay's thread has done it."""
        with self._lock:
            self._applied.clear()
            self._mode = mode
            self._wake.send(b"x")
            assert self._applied.wait(10), "the relay does not answer"

    # -- the relay, in its own thread

    def _run(self):
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while not self._stopping:
            for key, mask in self._selector.select(1.0):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(100)
                    self._apply_mode()
                    self._applied.set()
                elif key.fileobj in self._pairs:
                    self._move(key.fileobj, mask)
        for sock in list(self._pairs):
            self._reset(sock)
        for sock in (self._listener, self._wake, self._woken):
            sock.close()
        self._selector.close()

    def _apply_mode(self):
        if self._mode == "cut":
            for sock in list(self._pairs):
                self._reset(sock)
        for sock in list(self._pairs):
            self._watch(sock)

    def _accept(self):
        near, _ = self._listener.accept()
        self.connections += 1
        if self._mode == "cut":
            _abort(near)
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            _abort(near)
            return
        for sock, other in ((near, far), (far, near)):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[sock] = other
            self._waiting[sock] = b""
        self._upward.add(near)
        self._watch(near)
        self._watch(far)

    def _watch(self, sock):
        """Which readiness of `sock` matters in the present mode."""
        if sock not in self._pairs:
            return
        events = 0
        if self._mode == "pass":
            if not self._waiting[self._pairs[sock]] and sock not in self._ended:
                events |= selectors.EVENT_READ
            if self._waiting[sock]:
                events |= selectors.EVENT_WRITE
        registered = sock in self._selector.get_map()
        if events and registered:
            self._selector.modify(sock, events)
        elif events:
            self._selector.register(sock, events)
        elif registered:
            self._selector.unregister(sock)

    def _move(self, sock, mask):
        if self._mode != "pass":
            return
        try:
            if mask & selectors.EVENT_READ:
                self._read(sock)
            self._flush(sock)
            self._flush(self._pairs[sock])
        except BlockingIOError:
            pass
        except OSError:
            self._reset(sock)
            return
        other = self._pairs[sock]
        if sock in self._ended and other in self._ended and not (
                self._waiting[sock] or self._waiting[other]):
            self._forget(sock, socket.socket.close)
            return
        self._watch(sock)
        self._watch(other)

    def _read(self, sock):
        data = sock.recv(_CHUNK)
        if not data:
            self._ended.add(sock)
        elif sock in self._upward:
            self.bytes_up += len(data)
        else:
            self.bytes_down += len(data)
        self._waiting[self._pairs[sock]] += data

    def _flush(self, sock):
        """Hand on what waits for `sock`, then the end of its other side."""
        if self._waiting[sock]:
            with contextlib.suppress(BlockingIOError):
                sent = sock.send(self._waiting[sock])
                self._waiting[sock] = self._waiting[sock][sent:]
        elif self._pairs[sock] in self._ended:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)

    def _reset(self, sock):
        if sock in self._pairs:
            self._forget(sock, _abort)

    def _forget(self, sock, end):
        other = self._pairs[sock]
        for one in (sock, other):
            if one in self._selector.get_map():
                self._selector.unregister(one)
            del self._pairs[one], self._waiting[one]
            self._upward.discard(one)
            self._ended.discard(one)
            end(one)


def _abort(sock):
    """Close with a reset instead of an orderly end."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
