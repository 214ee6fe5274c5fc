"""One edge: an executor with its queue of batches, runs, and console. The same inside a bridge and a daemon.

One owner gives the orders, with verbs that neither wait nor fail; one task executes them in order. What
becomes of them is told to the owner's `EdgeOwner`, in that task, between two batches.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import trio

from stmota_edge.console_ring import ConsoleRing
from stmota_edge.effects import Received
from stmota_edge.errors import EdgeError, PortFailed, PortUnsupported
from stmota_edge.executor import Executor
from stmota_edge.port import SAFE_LEVELS
from stmota_protocol.steps import (
    MAX_RESIDUE,
    Batch,
    Cause,
    Configure,
    Line,
    Outcome,
    Result,
    SetLines,
    UartSettings,
    Unclaimed,
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which batch it is: run and number as its owner counts them, and for whom it is executed.

    `origin` is the owner's own mark, compared by identity: a connection that is gone gets no results.
    """

    run: int
    number: int
    origin: object = None


class EdgeOwner(ABC):
    """Whom an edge tells. Neither method may wait or call the edge back with something that fails."""

    @abstractmethod
    def batch_ended(self, ticket: Ticket, result: Result) -> None:
        """A batch ended, in order."""

    @abstractmethod
    def console_grew(self) -> None:
        """There is more in the ring."""


@dataclass(frozen=True, slots=True)
class _Begin:
    unclaimed: Unclaimed


@dataclass(frozen=True, slots=True)
class _Execute:
    ticket: Ticket
    batch: Batch
    era: int


@dataclass(frozen=True, slots=True)
class _MakeSafe:
    is_wanted: Callable[[], bool]


_Order: TypeAlias = _Begin | _Execute | _MakeSafe


class Edge:
    """An executor, its queue and its console."""

    def __init__(
        self,
        executor: Executor,
        owner: EdgeOwner,
        *,
        console: UartSettings | None = None,
        ring_bytes: int | None = None,
    ) -> None:
        self.lines = executor.lines
        self.ring = ConsoleRing() if ring_bytes is None else ConsoleRing(ring_bytes)
        self._executor = executor
        self._owner = owner
        self._console = console or UartSettings()
        self._orders: deque[_Order] = deque()
        self._idle: trio.CancelScope | None = None
        self._era = 0
        """Counts what ends a run; batches of an earlier era are skipped."""
        self._is_stopped = True
        """Whether the newest run takes no batches any more: failed, aborted, or none was begun."""
        self._in_hand_era: int | None = None
        self._unclaimed = Unclaimed.CONSOLE
        self._residue = bytearray()
        self._residue_lost = 0

    def now_us(self) -> int:
        """The edge's clock."""
        return self._executor.now_us()

    def begin_run(self, unclaimed: Unclaimed) -> None:
        """Begin a run. The batch in hand is aborted, what is queued is skipped; their results still come."""
        self._stop()
        self._abort_in_hand()
        self._is_stopped = False
        self._put(_Begin(unclaimed))

    def submit(self, ticket: Ticket, batch: Batch) -> None:
        """Queue a batch of the newest run."""
        self._put(_Execute(ticket, batch, self._era))

    def abort(self) -> None:
        """End the batch in hand between two bytes, skip what is queued and what still comes of its run."""
        self._stop()
        self._abort_in_hand()

    def leave(self) -> None:
        """The owner is gone: the batch in hand ends by itself, the rest is skipped, the run is over."""
        self._stop()
        self.end_run()

    def end_run(self) -> None:
        """Once what is queued has ended, what the UART receives is console again."""
        self._put(_Begin(Unclaimed.CONSOLE))

    def make_safe(self, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Drive the lines to their safe levels, after what is queued, if that is still wanted then."""
        self._put(_MakeSafe(is_wanted))

    async def run(self) -> None:
        """Execute orders for ever.

        Raises `PortUnsupported` when the port cannot be set for the console, `PortFailed` when it is gone;
        every queued batch is answered first. A cancellation ends the batch in hand. The executor stays
        open: it belongs to the caller.
        """
        try:
            await self._configure()
            while True:
                if self._orders:
                    await self._follow(self._orders.popleft())
                else:
                    await self._listen()
        except EdgeError:
            self._skip_all()
            raise

    async def _configure(self) -> None:
        result = await self._executor.execute(Batch((Configure(self._console),)))
        self._route(self._executor.take_unclaimed())
        if result.cause is Cause.UNSUPPORTED:
            message = f"this port cannot be set to {self._console}"
            raise PortUnsupported(message)
        if not result.is_done:
            message = f"the port failed when it was set to {self._console}"
            raise PortFailed(message)

    def _skip_all(self) -> None:
        while self._orders:
            order = self._orders.popleft()
            if isinstance(order, _Execute):
                self._owner.batch_ended(order.ticket, Result(Outcome.SKIPPED))

    def _put(self, order: _Order) -> None:
        self._orders.append(order)
        if self._idle is not None:
            self._idle.cancel()

    def _stop(self) -> None:
        self._era += 1
        self._is_stopped = True

    def _abort_in_hand(self) -> None:
        if self._in_hand_era is not None:
            self._executor.abort()

    async def _listen(self) -> None:
        """Receive what belongs to no batch, until there is an order."""
        try:
            with trio.CancelScope() as self._idle:
                self._route([await self._executor.receive(None)])
        finally:
            self._idle = None

    async def _follow(self, order: _Order) -> None:
        match order:
            case _Begin():
                self._route([await self._executor.receive(0)])  # what came before belongs to before
                self._unclaimed = order.unclaimed
                self._residue.clear()
                self._residue_lost = 0
            case _Execute():
                await self._execute(order)
            case _MakeSafe() if order.is_wanted():
                lines = (Line.NRST | Line.BOOT0) & self.lines
                await self._executor.execute(Batch((SetLines(lines, SAFE_LEVELS & lines),)))
                self._route(self._executor.take_unclaimed())
            case _MakeSafe():
                pass

    async def _execute(self, order: _Execute) -> None:
        if self._is_stopped or order.era != self._era:
            self._owner.batch_ended(order.ticket, Result(Outcome.SKIPPED))
            return
        self._in_hand_era = order.era
        result = await self._executor.execute(order.batch)
        self._in_hand_era = None
        self._route(self._executor.take_unclaimed())
        if not result.is_done and order.era == self._era:
            self._is_stopped = True
        self._owner.batch_ended(order.ticket, self._with_residue(result))

    def _with_residue(self, result: Result) -> Result:
        if not self._residue:
            return result
        result = replace(result, residue=bytes(self._residue), residue_lost=self._residue_lost)
        self._residue.clear()
        self._residue_lost = 0
        return result

    def _route(self, chunks: list[Received]) -> None:
        """Give bytes that no step consumed to the console or to the next result."""
        for chunk in chunks:
            if self._unclaimed is Unclaimed.CONSOLE:
                self.ring.append(chunk)
            else:
                kept = chunk.data[: MAX_RESIDUE - len(self._residue)]
                self._residue += kept
                self._residue_lost += len(chunk.data) - len(kept)
        if self._unclaimed is Unclaimed.CONSOLE and any(chunk.data for chunk in chunks):
            self._owner.console_grew()
