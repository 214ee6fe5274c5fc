"""Server-sent events: messages with numbers, as an HTTP answer that ends with its source."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from typing import TypeAlias

import msgspec
import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stmota_protocol.api.wire import Wire

KEEP_ALIVE_S = 10.0
"""A comment after this much silence: both ends notice a dead connection, and proxies keep a live one."""
KEEP_ALIVE = b": keep-alive\n\n"

Numbered: TypeAlias = tuple[int, Wire]
Pull: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""Waits for the next events, encoded; None at the end. A cancellation loses none."""

_NOTHING_YET = {"type": "http.response.body", "body": b"", "more_body": True}
"""Makes hypercorn send the head now: who follows a silent board knows at once that it is being followed."""

_encode = msgspec.json.Encoder().encode


def event_bytes(number: int, message: Wire) -> bytes:
    """Return one event. JSON has no line breaks outside strings and escapes them inside."""
    return b"id: %d\ndata: %s\n\n" % (number, _encode(message))


def events_bytes(messages: Iterable[Numbered]) -> bytes:
    """Return several events, one behind the other."""
    return b"".join(event_bytes(number, message) for number, message in messages)


class EventStream(Response):
    """A stream of events; `cleanup` is closed with it, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, pull: Pull, cleanup: ExitStack | None = None) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._pull = pull
        self._cleanup = cleanup or ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the source or the client ends it."""
        del scope
        with self._cleanup:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
                await self._stream(send)
                nursery.cancel_scope.cancel()

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send(_NOTHING_YET)
        while True:
            events: bytes | None = KEEP_ALIVE
            with trio.move_on_after(KEEP_ALIVE_S):
                events = await self._pull()
            if events is None:
                break
            await send({"type": "http.response.body", "body": events, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
