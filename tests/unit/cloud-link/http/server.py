# SPDX-License-Identifier: Apache-2.0
"""A TLS server that misbehaves by path, for http_test.c.

server.py PKI_FOLDER CERTIFICATE [tls-only] prints its port, then serves until
standard input ends. The first path element says what happens.
"""
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import zstandard

connections = 0
requests = 0


def read_request(stream):
    line = stream.readline().decode()
    if not line:
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    for raw in iter(stream.readline, b"\r\n"):
        if not raw:
            return None
        name, value = raw.decode().split(":", 1)
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return method, path, headers, body


def answer(status, body, extra=""):
    return (f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/json\r\n{extra}\r\n").encode() + body


def echo(number, method, headers, body):
    plain = body
    if headers.get("content-encoding") == "zstd":
        plain = zstandard.ZstdDecompressor().decompress(body)
    return json.dumps({
        "method": method, "connection": number, "connections": connections,
        "headers": headers, "wire": len(body), "length": len(plain),
        "sha256": hashlib.sha256(plain).hexdigest(),
    }).encode()


def respond(conn, number, request):
    method, path, headers, body = request
    what = path.strip("/").split("/")
    if what[0] == "echo":
        conn.sendall(answer(200, echo(number, method, headers, body)))
    elif what[0] == "status":
        conn.sendall(answer(int(what[1]), b"{}", "Retry-After: 7\r\n"))
    elif what[0] == "redirect":
        conn.sendall(answer(302, b"", "Location: /echo\r\n"))
    elif what[0] == "large":
        conn.sendall(answer(200, b"x" * int(what[1])))
    elif what[0] == "half":
        conn.sendall(answer(200, b"x" * 100)[:-50])
        return False
    elif what[0] == "cut":
        return False
    elif what[0] == "garbage":
        conn.sendall(b"no HTTP at all\r\n\r\n" * 10)
        return False
    elif what[0] == "silence":
        threading.Event().wait(20)
    return True


def serve(raw, context):
    global connections, requests
    conn = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
    try:
        conn.do_handshake()
    except OSError:
        # closing with unread bytes would reset the connection and could take
        # the alert away from the client
        conn.shutdown(socket.SHUT_WR)
        while socket.socket.recv(conn, 4096):
            pass
        conn.close()
        return
    connections += 1
    number = connections
    stream = conn.makefile("rb")
    try:
        while True:
            request = read_request(stream)
            if request is None:
                break
            requests += 1
            if not respond(conn, number, request):
                break
    except OSError:
        pass
    conn.close()


def main():
    folder, certificate = sys.argv[1], sys.argv[2]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{certificate}.crt", f"{folder}/{certificate}.key")
    context.load_verify_locations(f"{folder}/ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    os.write(1, b"%d\n" % listener.getsockname()[1])

    def accept():
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=serve, args=(raw, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os.write(1, b"%d\n" % requests)
    os._exit(0)


main()
