"""The two ends of a simulated link, as trio streams; and a real stream led through such a link."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from operator import index

import trio

from stmota_simulator.link import LinkConditions, OneWay

PUMP_BYTES = 65_536
"""Read from a real socket at a time; the link's window bounds what is under way."""
LOST = "the simulated link lost the connection"


class _OneTask:
    """Lets one task in at a time. Raises `trio.BusyResourceError` for a second one."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._is_busy = False

    def __enter__(self) -> None:
        if self._is_busy:
            message = f"another task is {self._doing} this end of the link"
            raise trio.BusyResourceError(message)
        self._is_busy = True

    def __exit__(self, *_: object) -> None:
        self._is_busy = False


class LinkEnd(trio.abc.HalfCloseableStream):
    """One end of a link. Raises what a socket stream raises when the connection is lost or closed."""

    def __init__(self, outgoing: OneWay, incoming: OneWay) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._is_closed = False
        self._sending = _OneTask("sending to")
        self._receiving = _OneTask("receiving from")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; waits while the window is full."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            is_sent = await self._outgoing.send(bytes(data))
            self._check_open()
            if not is_sent:
                self._lose()
                raise trio.BrokenResourceError(LOST)

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there is room in the window."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            await self._outgoing.wait_for_room()
            self._check_open()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, at least one byte, or empty bytes at the end."""
        most = PUMP_BYTES if max_bytes is None else index(max_bytes)
        if most < 1:
            message = "max_bytes must be 1 or more"
            raise ValueError(message)
        with self._receiving:
            await trio.lowlevel.checkpoint()
            self._check_open()
            received = await self._incoming.receive(most)
            self._check_open()
            if received is None:
                raise trio.BrokenResourceError(LOST)
            return received

    async def send_eof(self) -> None:
        """Nothing more is sent; the peer learns it after what is under way."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_open()
            self._end_outgoing()

    async def aclose(self) -> None:
        """Close both ways; what is under way still arrives."""
        if not self._is_closed:
            self._is_closed = True
            self._end_outgoing()
            self._incoming.is_abandoned = True
            self._incoming.changed()
        await trio.lowlevel.checkpoint()

    def _end_outgoing(self) -> None:
        self._outgoing.is_ended = True
        self._outgoing.changed()

    def _check_sending(self) -> None:
        self._check_open()
        if self._outgoing.is_ended:
            message = "the sending side of this end is closed"
            raise trio.ClosedResourceError(message)

    def _lose(self) -> None:
        """This end sent the byte at which the connection is lost: nothing comes back any more either."""
        self._incoming.lose()

    def _check_open(self) -> None:
        if self._is_closed:
            message = "this end of the link is closed"
            raise trio.ClosedResourceError(message)


def simulated_link(conditions: LinkConditions) -> tuple[LinkEnd, LinkEnd]:
    """Return the two ends of a link."""
    there = OneWay(conditions.there, f"{conditions.seed} there")
    back = OneWay(conditions.back, f"{conditions.seed} back")
    return LinkEnd(there, back), LinkEnd(back, there)


async def through_link(
    stream: trio.abc.Stream, conditions: LinkConditions, serve: Callable[[LinkEnd], Awaitable[None]]
) -> None:
    """Serve a stream as if it came over a link: `serve` gets the far end, and ends when that ends.

    The stream is closed once what was sent to it has left the link, or the link has lost it.
    """
    near, far = simulated_link(conditions)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_lead_in, stream, near)
        nursery.start_soon(_serve, serve, far)
        await _lead_out(near, stream)


async def _serve(serve: Callable[[LinkEnd], Awaitable[None]], far: LinkEnd) -> None:
    async with far:
        await serve(far)


async def _lead_in(stream: trio.abc.Stream, near: LinkEnd) -> None:
    """Carry what the stream brings to the link, until either ends."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await stream.receive_some(PUMP_BYTES):
            await near.send_all(data)
        await near.send_eof()


async def _lead_out(near: LinkEnd, stream: trio.abc.Stream) -> None:
    """Carry what comes out of the link to the stream, until either ends; then close both."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await near.receive_some():
            await stream.send_all(data)
    await near.aclose()
    await trio.aclose_forcefully(stream)
