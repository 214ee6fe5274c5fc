"""Moves one connection's messages over a stream, for either role: a task reads, a task writes.

The reader never waits for the writer, so a peer that sends is always read and nothing can deadlock. What
waits to be sent is bounded by whoever makes it: results by the credit, console by its window; answers to
a peer that asks without ever reading are bounded here.
"""

import logging
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

import trio

from stmota_protocol.connection import CLOSED, NEED_DATA, Connection, RemoteProtocolError, State
from stmota_protocol.connection_states import LIVE
from stmota_protocol.limits import DEAD_PEER_S, KEEP_ALIVE_S, MAX_TEXT_BYTES
from stmota_protocol.messages import CloseReason, Closing, Message, Unknown, Unsupported

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
WRITE_BYTES = 8 * 1024
"""About what one write carries, so that what becomes urgent meanwhile is not behind much."""
MAX_WAITING = 64
"""Messages that wait to be sent besides what `next_message` gives; a peer that causes more does not read."""
LAST_WORDS_S = 1.0
"""For a Closing to reach the peer: a round trip of a bad link; longer is no use to anybody."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended; `closing` is the peer's, if it said why."""

    text: str
    closing: Closing | None = None


class Talker(ABC):
    """Who speaks and listens through a pump. No method may wait."""

    @abstractmethod
    def handle(self, message: Message) -> None:
        """The peer said something."""

    @abstractmethod
    def next_message(self) -> Message | None:
        """What is to be sent once the answers have been; None when there is nothing now."""

    @abstractmethod
    def ended(self) -> None:
        """The connection ends: nothing more is handled. Called once, last words may still follow."""

    @abstractmethod
    def keep_alive(self) -> Message | None:
        """What to send now that `KEEP_ALIVE_S` have passed; None where nothing may be said yet."""


class Pump:
    """One connection over one stream."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        connection: Connection,
        talker: Talker,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.connection = connection
        self._stream = stream
        self._talker = talker
        self._waiting: deque[Message | bytes] = deque()
        self._max_waiting = max_waiting
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self._limit_text = ""
        self._closing: Closing | None = None
        self._ending: Ending | None = None
        self._is_writing = False

    @property
    def ending(self) -> Ending | None:
        """How the connection ends, once it does; nothing may be said any more then."""
        return self._ending

    def say(self, message: Message | bytes) -> None:
        """Queue a message, or one encoded already, before everything that `next_message` gives."""
        self._waiting.append(message)
        if len(self._waiting) > self._max_waiting:
            self.close(CloseReason.TOO_SLOW, "more is asked than read")
        self.wake()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def limit(self, within_s: float, text: str = "") -> None:
        """End the connection in that time from now, telling the peer `text`; infinite: no more."""
        self._scope.deadline = trio.current_time() + within_s
        self._limit_text = text

    def close(self, reason: CloseReason, text: str) -> None:
        """Say a Closing after what is queued, and end. What the peer says from now on is dropped."""
        if self._closing is None:
            self._closing = Closing(reason, text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"))
            self._end(Ending(text))
            self.limit(LAST_WORDS_S)
            self.wake()

    async def run(self) -> Ending:
        """Move messages until the connection ends; return how. The stream is closed then.

        A cancellation tells the peer, if that takes no longer than `LAST_WORDS_S`.
        """
        last_words = Closing(CloseReason.SHUTDOWN, "")
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read_all)
                    nursery.start_soon(self._write_all)
            last_words = Closing(CloseReason.TOO_SLOW, self._limit_text)
        finally:
            await self._part(last_words)
        return self._ending or Ending(self._limit_text)

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self._talker.ended()

    def _stop(self, ending: Ending) -> None:
        self._end(ending)
        self._scope.cancel()

    async def _read_all(self) -> None:
        while True:
            data: bytes | bytearray | None = None
            with trio.CancelScope(deadline=trio.current_time() + DEAD_PEER_S):
                try:
                    data = await self._stream.receive_some(READ_BYTES)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._stop(Ending("the connection broke"))
                    return
            if data is None:
                self.close(CloseReason.TOO_SLOW, f"no sign of life for {DEAD_PEER_S:.0f} s")
                return
            self.connection.receive_data(bytes(data))
            self._handle_all()
            if not data:
                self._stop(Ending("the other side closed the connection"))
                return

    def _handle_all(self) -> None:
        if self._closing is not None:
            return
        try:
            while (event := self.connection.next_event()) is not NEED_DATA:
                if event is CLOSED:
                    return
                if isinstance(event, Closing):
                    self._stop(Ending(f"the other side closed the connection: {event.text}", event))
                    return
                if isinstance(event, Unknown):
                    self.say(Unsupported(event.message_type, event.port))
                else:
                    self._talker.handle(event)
                if self._closing is not None:
                    return
        except RemoteProtocolError as error:
            self.close(error.reason, str(error))

    async def _write_all(self) -> None:
        await self._send(self.connection.preamble())
        next_keep_alive = trio.current_time() + KEEP_ALIVE_S
        while True:
            self._wake = trio.Event()
            if trio.current_time() >= next_keep_alive:
                next_keep_alive = trio.current_time() + KEEP_ALIVE_S
                if (message := self._talker.keep_alive()) is not None:
                    self.say(message)
            data = self._gather()
            if data:
                await self._send(data)
            elif self._closing is not None:
                await self._say_last_words(self._closing)
                return
            else:
                with trio.CancelScope(deadline=next_keep_alive):
                    await self._wake.wait()

    def _gather(self) -> bytes:
        """Encode what is to be sent next, about `WRITE_BYTES` of it."""
        if self.connection.state in (State.CLOSED, State.ERROR):
            self._waiting.clear()
            return b""
        parts: list[bytes] = []
        length = 0
        while length < WRITE_BYTES:
            message = self._waiting.popleft() if self._waiting else self._talker.next_message()
            if message is None:
                break
            parts.append(message if isinstance(message, bytes) else self.connection.send(message))
            length += len(parts[-1])
        return b"".join(parts)

    async def _send(self, data: bytes) -> None:
        self._is_writing = True
        with trio.CancelScope(deadline=trio.current_time() + DEAD_PEER_S) as patience:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._stop(Ending("the connection broke"))
                return
        if patience.cancelled_caught:
            self._stop(Ending(f"the other side did not read for {DEAD_PEER_S:.0f} s"))
            return
        self._is_writing = False

    async def _say_last_words(self, closing: Closing) -> None:
        """Say why, and wait for the peer to close: data unread at a close would make TCP drop it."""
        if self.connection.state is not State.CLOSED:
            await self._send(self.connection.send(closing))
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._scope.cancel()
        # TLS has no half-close: the peer closes on our Closing, or `LAST_WORDS_S` are over.

    async def _part(self, last_words: Closing) -> None:
        """Close the stream; say why where nobody did and no message is half written."""
        if self._ending is None and not self._is_writing and self.connection.state in LIVE:
            with trio.move_on_after(LAST_WORDS_S, shield=True):
                await self._send(self.connection.send(last_words))
        await trio.aclose_forcefully(self._stream)
