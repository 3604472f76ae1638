# SPDX-License-Identifier: Apache-2.0
"""The plain control port on 127.0.0.1, for tests, benches and the demo.

  GET    /figures              counters, latency, events per second
  POST   /figures/reset
  GET    /requests?newest=N    the newest requests and their answers
  GET    /script               steps left
  POST   /script               replace the steps (a JSON list)
  POST   /script/add           append steps
  POST   /limits               {"max_events": N, "max_bytes": N}
  GET    /gateways             serials known
  GET    /completeness?gateway=SERIAL
  GET    /report               the report as text
  GET    /ids?gateway=&class=  one JSON line an event held, in epoch, class and
                               sequence order: what ledgers are compared with
"""
import contextlib
import json
import socket
import threading

from . import listing
from .completeness import completeness, gateways, report
from .wire import BadRequest, Response, Stream


class Control:
    """The control listener of a Centre."""

    def __init__(self, centre, port):
        self._centre = centre
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._routes = {
            ("GET", "/figures"): lambda request: Response.json(200, centre.figures.summary()),
            ("POST", "/figures/reset"): self._reset,
            ("GET", "/requests"): self._requests,
            ("GET", "/script"): lambda request: Response.json(200, centre.script.left()),
            ("POST", "/script"): self._script,
            ("POST", "/script/add"): self._script,
            ("POST", "/limits"): self._limits,
            ("GET", "/gateways"): self._gateways,
            ("GET", "/completeness"): self._completeness,
            ("GET", "/report"): self._report,
        }

    def start(self):
        """Serve in a thread of its own."""
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self):
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            stream = Stream(sock, 1 << 20)
            while True:
                try:
                    request = stream.read_request()
                except BadRequest as error:
                    sock.sendall(Response.problem(error.status, "bad_request",
                                                  str(error)).encode(False))
                    return
                if request is None:
                    return
                if (request.method, request.path) == ("GET", "/ids"):
                    self._stream_ids(sock, request)
                    return
                sock.sendall(self._answer(request).encode(request.keep_alive))
                if not request.keep_alive:
                    return

    def _answer(self, request):
        route = self._routes.get((request.method, request.path))
        if route is None:
            return Response.problem(404, "not_found", request.path[:100])
        try:
            return route(request)
        except ValueError as error:
            return Response.problem(400, "bad_request", str(error)[:300])

    def _reset(self, request):
        self._centre.figures.reset()
        return Response(204)

    def _requests(self, request):
        return Response.json(200, self._centre.figures.requests(
            int(request.parameter("newest", "100"))))

    def _script(self, request):
        steps = json.loads(request.body or b"[]")
        if type(steps) is not list:
            raise ValueError("the body is no list of steps")
        change = self._centre.script.add if request.path.endswith("/add") \
            else self._centre.script.replace
        change(steps)
        return Response(204)

    def _limits(self, request):
        limits = json.loads(request.body)
        for name in ("max_events", "max_bytes"):
            if name in limits:
                setattr(self._centre.limits, name, int(limits[name]))
        return Response(204)

    def _gateways(self, request):
        with self._centre.database.snapshot() as cursor:
            return Response.json(200, gateways(cursor))

    def _completeness(self, request):
        with self._centre.database.snapshot() as cursor:
            answer = completeness(cursor, request.parameter("gateway", ""))
        if answer is None:
            return Response.problem(404, "unknown_gateway", "nothing was received of it")
        return Response.json(200, answer)

    def _report(self, request):
        with self._centre.database.snapshot() as cursor:
            lines = [report(completeness(cursor, serial)) for serial in gateways(cursor)]
        return Response(200, ("\n".join(lines) + "\n").encode(), "text/plain")

    def _stream_ids(self, sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                     b"Connection: close\r\n\r\n")
        with self._centre.database.snapshot() as cursor:
            lines = []
            found = listing.events(cursor, request.parameter("gateway"),
                                   request.parameter("class"))
            for order, item in enumerate(found):
                lines.append(json.dumps(listing.line(item, order), separators=(",", ":")))
                if len(lines) == 1000:
                    sock.sendall(("\n".join(lines) + "\n").encode())
                    lines = []
            if lines:
                sock.sendall(("\n".join(lines) + "\n").encode())
