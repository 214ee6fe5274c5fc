"""The HTTP server: hypercorn's connections on sockets of ours, which an end of the daemon really ends."""

import logging
import socket
from collections.abc import Sequence
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState
from starlette.types import ASGIApp

from stmota_daemon.bell import Bell

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1024
"""At once: a busy lab's followers, with room; a client that opens more waits."""
END_WITHIN_S = 1.0
"""For connections to end by themselves at the daemon's end; then they are closed under their readers."""
IDLE_S = 60
"""A kept-alive connection is closed after this much silence between requests."""


class HttpServer:
    """Serves an ASGI application on listening sockets; one `serve`."""

    def __init__(self, app: ASGIApp, listeners: Sequence[socket.socket]) -> None:
        for listener in listeners:
            listener.setblocking(False)
        self._listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in listeners]
        self._config = Config()
        self._config.errorlog = logger
        self._config.include_server_header = False
        self._config.keep_alive_timeout = IDLE_S
        self._app = ASGIWrapper(cast("Any", app))
        self._context = WorkerContext(None)
        self._streams: set[trio.SocketStream] = set()
        self._ended = Bell()
        self._room = trio.CapacityLimiter(MAX_CONNECTIONS)

    async def serve(self) -> None:
        """Until cancelled; then all connections are closed, in bounded time."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._close_at_the_end)
            await trio.serve_listeners(self._connection, self._listeners, handler_nursery=nursery)

    async def _close_at_the_end(self) -> None:
        # hypercorn shields its sending: a client that does not read would hold up the daemon's end.
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(END_WITHIN_S, shield=True):
                await self._context.terminated.set()
                while self._streams:
                    await self._ended.wait()
            for stream in self._streams:
                stream.socket.close()

    async def _connection(self, stream: trio.SocketStream) -> None:
        self._streams.add(stream)
        try:
            async with self._room:
                await self._tcp_server(stream).run()
        except Exception:  # one connection's bug must not end the daemon
            logger.exception("a connection met a bug")
        finally:
            self._streams.discard(stream)
            self._ended.ring()

    def _tcp_server(self, stream: trio.SocketStream) -> TCPServer:
        state = cast("LifespanState", ConnectionState({}))
        # Annotated for TLS only, and written for both.
        return TCPServer(self._app, self._config, self._context, state, cast("Any", stream))
