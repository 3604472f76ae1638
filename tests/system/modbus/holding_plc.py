# SPDX-License-Identifier: Apache-2.0
"""A Modbus TCP server in a thread that counts who comes, and keeps the answer of a write to
itself until it is told to give it.

    plc = HoldingPlc()
    plc.show(0, 47)
    plc.hold()              from now on
    plc.wait_held()         until somebody waits for the answer of a write
    plc.release()
    plc.connections, plc.written
    plc.close()
"""
import socket
import struct
import threading

from rig_process import wait_until

READS, WRITE_ONE = (3, 4), 6


class HoldingPlc:
    """See above."""

    def __init__(self):
        self.connections = 0
        self.written = []  # (address, word) of each request to write
        self._held = 0
        self._words = {}
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._open = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def show(self, address, word):
        """What the register reads from now on."""
        self._words[address] = word

    def hold(self):
        """Let whoever writes wait for the answer."""
        self._held = 0
        self._may_answer.clear()

    def wait_held(self):
        """Until a write waits for its answer."""
        wait_until(lambda: self._held > 0, 30, "the PLC has the write")

    def release(self):
        """Give the answers that were kept."""
        self._may_answer.set()

    def close(self):
        """End it, and every connection."""
        self.release()
        self._listener.close()
        with self._lock:
            for client in self._open:
                client.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, client.makefile("rb") as stream:
                while self._answer(client, stream):
                    pass
        except OSError:
            pass
        with self._lock:
            self._open.discard(client)

    def _answer(self, client, stream):
        request = stream.read(12)
        if len(request) < 12:
            return False
        transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", request)
        if function in READS:
            words = [self._words.get(address + i, 0) for i in range(count)]
            data = struct.pack(f">B{count}H", 2 * count, *words)
        elif function == WRITE_ONE:
            self.written.append((address, count))
            self.show(address, count)
            data = request[8:]
            self._held += 1
            self._may_answer.wait(60)
        else:
            function, data = function | 0x80, b"\1"
        client.sendall(struct.pack(">HHHBB", transaction, 0, len(data) + 2, unit, function)
                       + data)
        return True
