# SPDX-License-Identifier: Apache-2.0
"""Lines a simulated scanner or scale hangs on: a pseudo-terminal, a TCP port of its own,
a TCP connection to the gateway. A line can be pulled out and plugged in again.

    line.plug(); line.write(b"..."); line.read(0.1); line.unplug(); line.close()

read() gives what came within the time, b"" for nothing; write() says whether the bytes
left whole. Nothing waits longer than it was told to.
"""
import contextlib
import fcntl
import os
import pathlib
import select
import socket
import time
import tty

OPENED_S = 0.3  # from locking a line to reading it


class PtyLine:
    """A serial line: `path` becomes a link to the terminal while it is plugged in. A
    terminal takes bytes whether or not somebody reads: the gateway's lock (flock) tells."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._master = self._slave = None
        self._opened_at = None

    @property
    def place(self):
        """What the gateway is told."""
        return {"path": str(self.path)}

    @property
    def connected(self):
        """Whether the gateway has it open."""
        if self._master is None or not self._is_locked():
            self._opened_at = None
            return False
        self._opened_at = self._opened_at or time.monotonic()
        return time.monotonic() - self._opened_at >= OPENED_S

    def _is_locked(self):
        try:
            fcntl.flock(self._slave, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._slave, fcntl.LOCK_UN)
        return False

    def plug(self):
        """A new terminal under the old name, as a device that is plugged in again."""
        if self._master is not None:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        aside = self.path.with_suffix(".new")
        aside.symlink_to(os.ttyname(self._slave))
        aside.rename(self.path)

    def unplug(self):
        """The name goes, then the line hangs up."""
        if self._master is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    def read(self, seconds):
        """See above."""
        if self._master is None or not select.select([self._master], [], [], seconds)[0]:
            return b""
        with contextlib.suppress(OSError):
            return os.read(self._master, 4096)
        return b""

    def write(self, data):
        """See above."""
        if not self.connected:
            return False
        try:
            return os.write(self._master, data) == len(data)
        except OSError:
            return False

    def close(self):
        """The end."""
        self.unplug()


class _SocketLine:
    """What both TCP lines have."""

    def __init__(self):
        self._peer = None

    @property
    def connected(self):
        """Whether bytes can go."""
        return self._peer is not None

    def _drop(self):
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def _connect(self, seconds):
        raise NotImplementedError

    def read(self, seconds):
        """See above."""
        if self._peer is None:
            self._connect(seconds)
            return b""
        if not select.select([self._peer], [], [], seconds)[0]:
            return b""
        with contextlib.suppress(OSError):
            data = self._peer.recv(4096)
            if data:
                return data
        self._drop()
        return b""

    def write(self, data):
        """See above."""
        if self._peer is None:
            return False
        try:
            self._peer.sendall(data)
            return True
        except OSError:
            self._drop()
            return False


class TcpListenLine(_SocketLine):
    """The device listens; the gateway's transport is tcp_client."""

    def __init__(self, host, port):
        super().__init__()
        self._address = (host, port)
        self._listener = None
        self.plug()
        self._address = self._listener.getsockname()

    @property
    def place(self):
        """What the gateway is told."""
        return {"address": self._address[0], "port": self._address[1]}

    def plug(self):
        """Listen."""
        if self._listener is None:
            self._listener = socket.create_server(self._address, reuse_port=False)

    def unplug(self):
        """Nobody answers any more."""
        self._drop()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _connect(self, seconds):
        if self._listener is None or not select.select([self._listener], [], [], seconds)[0]:
            return
        self._peer, _ = self._listener.accept()
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        """The end."""
        self.unplug()


class TcpCallLine(_SocketLine):
    """The device connects; the gateway's transport is tcp_server."""

    def __init__(self, host, port, source=None):
        super().__init__()
        self._address = (host, port)
        self._source = (source, 0) if source else None
        self._plugged = False

    @property
    def place(self):
        """What the gateway is told."""
        return {"address": self._address[0], "port": self._address[1]}

    def plug(self):
        """Connect as soon as somebody listens."""
        self._plugged = True

    def unplug(self):
        """The connection ends."""
        self._plugged = False
        self._drop()

    def _connect(self, seconds):
        if not self._plugged:
            return
        try:
            self._peer = socket.create_connection(self._address, timeout=max(seconds, 0.1),
                                                  source_address=self._source)
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            select.select([], [], [], seconds)

    def close(self):
        """The end."""
        self.unplug()
