# SPDX-License-Identifier: Apache-2.0
"""The HTTPS side: mutual TLS, one thread a connection, the routes of the contract."""
import contextlib
import socket
import ssl
import struct
import threading
import time

from . import encoding
from .batch import read_batch
from .completeness import completeness
from .contract import CONTRACT, MAX_BATCH_EVENTS, Refusal
from .database import Unavailable
from .script import Outcome
from .wire import BadRequest, Response, Stream

IDLE_S = 120
HANDSHAKE_S = 20


class Limits:
    """What one request may hold. Changed by the control port."""

    def __init__(self, max_events=MAX_BATCH_EVENTS, max_bytes=16 << 20):
        self.max_events = min(max_events, MAX_BATCH_EVENTS)
        self.max_bytes = max_bytes


class Centre:
    """What the routes need: custody, script, figures, limits."""

    def __init__(self, database, custody, script, figures, limits):
        self.database = database
        self.custody = custody
        self.script = script
        self.figures = figures
        self.limits = limits
        self.base = ""
        self.token = None
        self.results = "exceptions"
        self.stopping = threading.Event()


def tls_context(cert, key, ca):
    """Server side: TLS 1.2 or newer, a client certificate of `ca` required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _common_name(connection):
    for part in connection.getpeercert().get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return value
    return ""


def _bytes_received(sock):
    """Bytes the kernel has received on a TCP socket (struct tcp_info, Linux)."""
    with contextlib.suppress(OSError, struct.error):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        return struct.unpack_from("=Q", info, 128)[0]
    return 0


class Service:
    """The listener. `close` ends it and its connections."""

    def __init__(self, centre, address, context):
        self._centre = centre
        self._context = context
        self._open = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(address, backlog=128)
        self.port = self._listener.getsockname()[1]

    def start(self):
        """Serve in a thread of its own."""
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def close(self):
        """No new connections; the open ones are cut."""
        self._centre.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while not self._centre.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._centre.figures.count("connections")
            if self._centre.script.closes_on_accept():
                sock.close()
                continue
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self._lock:
            self._open.add(sock)
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._handshake(sock)
        finally:
            with self._lock:
                self._open.discard(sock)
            getattr(self._centre.database, "close_thread", lambda: None)()

    def _handshake(self, sock):
        figures = self._centre.figures
        sock.settimeout(HANDSHAKE_S)
        raw = sock.dup()  # wrap_socket closes its argument when the handshake fails
        try:
            connection = self._context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            figures.handshake_failed(getattr(error, "reason", None) or type(error).__name__,
                                     _bytes_received(raw))
            return
        finally:
            raw.close()
        figures.count("handshakes")
        with self._lock:
            self._open.add(connection)
        try:
            with contextlib.suppress(OSError, ssl.SSLError):
                _Connection(self._centre, connection).run()
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


class _Connection:
    """One TLS connection and its requests."""

    def __init__(self, centre, connection):
        self._centre = centre
        self._connection = connection
        self._serial = _common_name(connection)
        connection.settimeout(IDLE_S)

    def run(self):
        centre = self._centre
        stream = Stream(self._connection, centre.limits.max_bytes,
                        lambda count: centre.figures.count("application_bytes", count))
        while not centre.stopping.is_set():
            try:
                request = stream.read_request()
            except BadRequest as error:
                self._send(Outcome(Response.problem(error.status, "bad_request", str(error)),
                                   close=True), False)
                self._drain()
                return
            if request is None:
                return
            outcome = self._answer(request)
            self._send(outcome, request.keep_alive)
            if outcome.close or not request.keep_alive:
                return

    def _drain(self):
        """Read what is on its way: closing over unread bytes would reset the
        connection and take the answer with it."""
        self._connection.settimeout(0.3)
        with contextlib.suppress(OSError):
            for _ in range(64):
                if not self._connection.recv(65536):
                    return

    def _send(self, outcome, keep_alive):
        if outcome.delay_s and self._centre.stopping.wait(outcome.delay_s):
            return
        if outcome.response is None:
            return
        data = outcome.response.encode(keep_alive and not outcome.close
                                       or outcome.share < 1.0)
        if outcome.share < 1.0:
            data = data[:max(1, int(len(data) * outcome.share))]
        self._connection.sendall(data)

    def _answer(self, request):
        """Route a request; every refusal becomes a problem document."""
        entry = {"time": time.time(), "method": request.method, "path": request.path,
                 "bytes": len(request.body), "serial": self._serial}
        try:
            outcome = self._route(request, entry)
        except Refusal as refusal:
            entry["problem"] = refusal.code
            entry["detail"] = refusal.detail
            outcome = Outcome(Response.problem(refusal.status, refusal.code, refusal.detail))
        except Unavailable as error:
            entry["detail"] = str(error)[:200]
            outcome = Outcome(Response.problem(503, "unavailable", "the store is unavailable",
                                               [("Retry-After", "2")]))
        entry["status"] = outcome.response.status if outcome.response else 0
        self._centre.figures.request(entry)
        return outcome

    def _route(self, request, entry):
        centre = self._centre
        if centre.token is not None and \
                request.headers.get("authorization", "") != f"Bearer {centre.token}":
            raise Refusal(401, "token", "the bearer token is missing or wrong")
        if request.path == centre.base + "/v1/events":
            if request.method != "POST":
                raise Refusal(405, "method", f"found {request.method[:16]}, allowed: POST")
            return self._events(request, entry)
        prefix = centre.base + "/v1/gateways/"
        if request.path.startswith(prefix) and request.path.endswith("/completeness"):
            return self._completeness(request.path[len(prefix):-len("/completeness")])
        raise Refusal(404, "not_found", f"no such path: {request.path[:100]}")

    def _completeness(self, serial):
        if serial != self._serial:
            raise Refusal(403, "wrong_serial", "only a gateway itself may ask for its figures")
        with self._centre.database.snapshot() as cursor:
            answer = completeness(cursor, serial)
        if answer is None:
            raise Refusal(404, "unknown_gateway", f"nothing was ever received of {serial}")
        return Outcome(Response.json(200, answer))

    def _events(self, request, entry):
        centre = self._centre
        batch = read_batch(request, self._serial, centre.limits)
        plan = centre.script.plan(batch)
        entry.update({"epoch": batch.epoch, "class": batch.flow_class, "first": batch.first,
                      "last": batch.last, "events": len(batch.events), "replay": batch.replay,
                      "heads": batch.heads, "script": plan.name})
        outcome = plan.before()
        if outcome is not None:
            return outcome
        verdicts = centre.custody.take(batch)
        entry["duplicates"] = verdicts.duplicates
        text = b""
        if centre.figures.wants_text:
            text = encoding.unpack(batch.raw, batch.raw_coding)
        centre.figures.taken(verdicts, text)
        return plan.after(_answer(batch, verdicts, centre.results == "all" or plan.all_results))


def _answer(batch, verdicts, every):
    answer = {"contract": CONTRACT, "epoch": batch.epoch, "class": batch.flow_class,
              "first": batch.first, "last": batch.last}
    results = []
    indices = range(len(batch.events)) if every else sorted(verdicts.status)
    for i in indices:
        status, code, detail = verdicts.status.get(i, ("accepted", "", ""))
        if status == "duplicate" and not every:
            continue
        result = {"id": batch.events[i]["id"], "status": status}
        if code:
            result.update(code=code, detail=detail)
        results.append(result)
    if results:
        answer["results"] = results
    return answer
