"""A reverse proxy on the loopback interface, in this process, in front of one of the lab's APIs."""

import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lab.recording.message import Handler, Headers, Request, Response

_SECONDS = 120.0
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_NO_BODY = {204, 304}
_PIECE = 65536
# The API server closes a connection that is idle for 90 s; one that it closes meanwhile would lose a request.
_IDLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """The API behind the proxy.

    Attributes:
        url: Such as ``https://127.0.0.1:6443``.
        trust: How to check its certificate; None for plain HTTP.
    """

    url: str
    trust: ssl.SSLContext | None
    _idle: list[tuple[float, http.client.HTTPConnection]] = field(default_factory=list)

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if self.trust:
            return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=self.trust)
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)

    def take(self) -> http.client.HTTPConnection:
        """Return a connection that has just been used, or a new one: agreeing on keys takes longer than an answer."""
        while self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS and connection.sock and not _is_readable(connection.sock):
                return connection
            connection.close()
        return self.connect()

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection for the next request, unless the API has closed it."""
        if connection.sock:
            self._idle.append((time.monotonic(), connection))

    def close(self) -> None:
        """Close the connections that wait."""
        while self._idle:
            self._idle.pop()[1].close()


def _is_readable(connected: socket.socket) -> bool:
    """Return whether something has come, which between two requests is the end of the connection."""
    return bool(select.select([connected], [], [], 0)[0])


@contextmanager
def proxied(upstream: Upstream, handler: Handler, identity: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve a proxy for the length of a block, and yield its URL.

    Args:
        upstream: Where requests go.
        handler: What handles them.
        identity: The proxy's own certificate; None for plain HTTP.
    """
    serving = type("Serving", (_Serving,), {"upstream": upstream, "answer": staticmethod(handler)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), serving)
    server.daemon_threads = True
    server.block_on_close = False
    if identity:
        server.socket = identity.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if identity else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        upstream.close()


class _Serving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream
    answer: Handler

    def handle(self) -> None:
        # This proxy exists for killed engines and for servers that end in the middle of an answer.
        with suppress(OSError, http.client.HTTPException):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Log nothing: the journal does."""

    def _serve(self) -> None:
        request = Request(self.command, self.path, tuple(self.headers.items()), self._body())
        if "watch=" in urlsplit(self.path).query:
            self._stream(request)
            return
        response = self.answer(request, partial(_forwarded, self.upstream, request))
        if response is None:
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status not in _NO_BODY and self.command != "HEAD":
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _stream(self, request: Request) -> None:
        """Pass a watch on as it arrives; it writes nothing."""
        connection = self.upstream.connect()
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while piece := answer.read1(_PIECE):
                self.wfile.write(piece)
                self.wfile.flush()
        finally:
            connection.close()


def _forwarded(upstream: Upstream, request: Request) -> Response:
    connection = upstream.take()
    answered = False
    try:
        headers = {name: value for name, value in request.headers if name.lower() not in _HOP_BY_HOP}
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        answered = True
        kept: Headers = tuple(
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in _HOP_BY_HOP or (request.method == "HEAD" and name.lower() == "content-length")
        )
        return Response(answer.status, kept, body)
    finally:
        if answered:
            upstream.give_back(connection)
        else:
            connection.close()
