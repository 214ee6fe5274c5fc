"""Who controls a bridge: one controller at a time, and what it left behind.

The same controller id replaces its own dead connection at once; another one is told who holds the seat, and
takes over only when it says so. Connections without a seat never hold it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import trio

from stmota_protocol.messages import BatchResult, Busy, CloseReason, Hello, LastBatch, Welcome
from stmota_protocol.steps import Outcome


class Sitter(ABC):
    """A connection, as the seat sees it."""

    controller_id: bytes
    name: str

    @abstractmethod
    def displace(self, reason: CloseReason, text: str) -> None:
        """This connection controls nothing any more."""


class ControllerSeat:
    """The one place for a controller. `vacated` is called whenever a sitter is gone from it."""

    def __init__(self, now_us: Callable[[], int], vacated: Callable[[], None]) -> None:
        self.sitter: Sitter | None = None
        self.last_batch: LastBatch | None = None
        self._now_us = now_us
        self._vacated = vacated
        self._since_us = 0
        self._last_result: BatchResult | None = None
        self._last_result_for = b""
        self._changed = trio.Event()

    @property
    def holder(self) -> str:
        """Name of the sitter, as Greeting tells it: empty when there is none, `?` for one without a name."""
        return "" if self.sitter is None else self.sitter.name or "?"

    def claim(self, sitter: Sitter, hello: Hello) -> Welcome | Busy:
        """Take the seat, if it is free, one's own, or to be taken over."""
        held = self.sitter
        if held is not None:
            if held.controller_id == hello.controller_id:
                self._unseat(held, CloseReason.REPLACED, "this controller has a newer connection")
            elif hello.take_over:
                self._unseat(held, CloseReason.TAKEN_OVER, hello.name)
            else:
                return Busy(held.name, held.controller_id, self._now_us() - self._since_us)
        self._set(sitter)
        self._since_us = self._now_us()
        return Welcome(self._last_result if self._last_result_for == hello.controller_id else None)

    def leave(self, sitter: Sitter) -> None:
        """That connection is gone; nothing if it has no seat (any more)."""
        if self.sitter is sitter:
            self._set(None)
            self._vacated()

    def note_result(self, controller_id: bytes, result: BatchResult) -> None:
        """Keep the newest result of a batch that was begun, for its controller may miss it."""
        if result.result.outcome is not Outcome.SKIPPED:
            self.last_batch = LastBatch(result.run, result.number, result.result.outcome)
            self._last_result = result
            self._last_result_for = controller_id

    async def wait_changed(self) -> None:
        """Return when somebody sat down or left."""
        await self._changed.wait()

    def _unseat(self, held: Sitter, reason: CloseReason, text: str) -> None:
        self.leave(held)
        held.displace(reason, text)

    def _set(self, sitter: Sitter | None) -> None:
        self.sitter = sitter
        self._changed.set()
        self._changed = trio.Event()
