"""A daemon played from a script: a real HTTP server on a real Unix socket, in a thread."""

import http.server
import socketserver
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from stmota_protocol.api import Problem


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200


@dataclass(frozen=True)
class EventStream:
    """Server-sent events, numbered from `first`; with `broken` the connection is cut behind them."""

    events: list[Any]
    first: int = 0
    broken: bool = False
    before_event: Callable[[int], object] = lambda _: None


Reply = Answer | EventStream
Route = Callable[[Request], Reply]


def answer(value: object, status: int = 200) -> Answer:
    return Answer(msgspec.json.encode(value), status)


def refuse(problem: Problem, status: int = 409) -> Answer:
    return answer(problem, status)


@dataclass
class ScriptedDaemon:
    """What the daemon answers, by method and path; and what it was asked."""

    path: Path
    routes: dict[tuple[str, str], Route] = field(default_factory=dict[tuple[str, str], Route])
    requests: list[Request] = field(default_factory=list[Request])
    version_header: bool = True

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def on(self, method: str, path: str, *replies: Reply | Route) -> None:
        """Answer with the replies in turn, the last one for ever."""
        left = list(replies)

        def route(request: Request) -> Reply:
            reply = left.pop(0) if len(left) > 1 else left[0]
            return reply(request) if callable(reply) else reply

        self.routes[method, path] = route

    def asked(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *connection: Any, script: ScriptedDaemon) -> None:
        self.script = script
        super().__init__(*connection)

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(parts.query))
        request = Request(self.command, parts.path, query, dict(self.headers.items()), body)
        self.script.requests.append(request)
        route = self.script.routes.get((self.command, parts.path))
        reply = route(request) if route else Answer(b"no such route", 404)
        if isinstance(reply, EventStream):
            self._stream(reply)
        else:
            self._head(reply.status, {"Content-Length": str(len(reply.body))})
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        if self.script.version_header:
            self.send_header("Stmota-Version", "0.1.0")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _stream(self, reply: EventStream) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        self._chunk(b": keep-alive\n\n")
        for number, event in enumerate(reply.events, reply.first):
            reply.before_event(number)
            self._chunk(b"id: %d\ndata: %s\n\n" % (number, msgspec.json.encode(event)))
        if reply.broken:
            self.close_connection = True
        else:
            self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # a client that left: part of the tests

    def address_string(self) -> str:
        return "unix"


@contextmanager
def serving(script: ScriptedDaemon) -> Generator[ScriptedDaemon]:
    """Serve a script on its socket until the block ends."""
    with _Server(str(script.path), partial(_Handler, script=script)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
