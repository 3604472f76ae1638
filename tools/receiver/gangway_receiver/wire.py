# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over one socket: as much as the contract needs, with limits.

Written by hand because the misbehaving answers (half of one, none, a cut) need
the socket itself.
"""
import json

MAX_HEADER_BYTES = 16384
MAX_HEADERS = 64
REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
           413: "Content Too Large", 415: "Unsupported Media Type",
           422: "Unprocessable Content", 425: "Too Early", 429: "Too Many Requests",
           431: "Request Header Fields Too Large", 500: "Internal Server Error",
           502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class BadRequest(Exception):
    """The bytes are no request we serve; the connection ends."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status


class Request:
    """One request: method, path, query, headers (lower-case names) and body."""

    def __init__(self, method, target, headers):
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = b""
        self.keep_alive = headers.get("connection", "").lower() != "close"

    def parameter(self, name, default=None):
        """Value of a query parameter, not decoded (names and numbers only)."""
        for part in self.query.split("&"):
            key, _, value = part.partition("=")
            if key == name:
                return value
        return default


class Response:
    """Status, body and headers of an answer."""

    def __init__(self, status, body=b"", content_type=None, headers=()):
        self.status = status
        self.body = body
        self.headers = list(headers)
        if content_type:
            self.headers.append(("Content-Type", content_type))

    @classmethod
    def json(cls, status, value, content_type="application/json", headers=()):
        """An answer with a JSON body."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(status, body, content_type, headers)

    @classmethod
    def problem(cls, status, code, detail, headers=()):
        """An RFC 9457 problem of this contract."""
        value = {"type": f"urn:gangway:problem:{code}", "title": code.replace("_", " "),
                 "status": status, "code": code, "detail": detail}
        return cls.json(status, value, "application/problem+json", headers)

    def encode(self, keep_alive=True):
        """The bytes on the wire."""
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Stream:
    """Buffered reading of requests from a connected socket."""

    def __init__(self, sock, max_body, on_bytes=lambda count: None):
        self._sock = sock
        self._max_body = max_body
        self._on_bytes = on_bytes
        self._buffer = b""

    def _more(self):
        part = self._sock.recv(65536)
        self._on_bytes(len(part))
        self._buffer += part
        return bool(part)

    def read_request(self):
        """The next request, None at the end of the connection."""
        head = self._read_head()
        if head is None:
            return None
        request = _parse_head(head)
        if "transfer-encoding" in request.headers:
            if request.headers["transfer-encoding"].lower() != "chunked":
                raise BadRequest(400, "transfer-encoding is not chunked")
            if "content-length" in request.headers:
                raise BadRequest(400, "both content-length and transfer-encoding")
            self._continue(request)
            request.body = self._read_chunks()
        else:
            length = request.headers.get("content-length", "0")
            if not length.isdigit() or len(length) > 12:
                raise BadRequest(400, "content-length is no number")
            if int(length) > self._max_body:
                raise BadRequest(413, f"body of {length} bytes, allowed {self._max_body}")
            if int(length):
                self._continue(request)
            request.body = self._read_exactly(int(length))
        return request

    def _read_head(self):
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                head, self._buffer = self._buffer[:end], self._buffer[end + 4:]
                return head
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise BadRequest(431, "headers too large")
            if not self._more():
                if self._buffer:
                    raise BadRequest(400, "connection ended inside the headers")
                return None

    def _continue(self, request):
        if request.headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_exactly(self, length):
        body = bytearray(length)
        have = min(length, len(self._buffer))
        body[:have] = self._buffer[:have]
        self._buffer = self._buffer[have:]
        view = memoryview(body)
        while have < length:
            count = self._sock.recv_into(view[have:])
            if count == 0:
                raise BadRequest(400, "connection ended inside the body")
            self._on_bytes(count)
            have += count
        return bytes(body)

    def _read_line(self):
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEADER_BYTES or not self._more():
                raise BadRequest(400, "bad chunk")
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read_chunks(self):
        parts, total = [], 0
        while True:
            text = self._read_line().split(b";")[0].strip()
            try:
                length = int(text, 16)
            except ValueError:
                raise BadRequest(400, "bad chunk length") from None
            total += length
            if length < 0 or total > self._max_body:
                raise BadRequest(413, f"body above {self._max_body} bytes")
            if length == 0:
                while self._read_line():
                    pass
                return b"".join(parts)
            parts.append(self._read_exactly(length))
            if self._read_exactly(2) != b"\r\n":
                raise BadRequest(400, "bad chunk end")


def _parse_head(head):
    lines = head.split(b"\r\n")
    start = lines[0].decode("latin-1").split(" ")
    if len(start) != 3 or not start[2].startswith("HTTP/1."):
        raise BadRequest(400, "bad request line")
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, "too many headers")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or name in headers:
            raise BadRequest(400, f"bad or repeated header {name[:64]!r}")
        headers[name] = value.strip()
    return Request(start[0], start[1], headers)
