"""The link to a serial port of this machine: an edge in this process."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.beside import beside
from stmota_daemon.link import ClockMap, Link, LinkError, LinkLost, Run
from stmota_daemon.owed_results import OwedResults
from stmota_edge.edge import Edge, EdgeOwner, Ticket
from stmota_edge.errors import EdgeError
from stmota_edge.executor import AsyncExecutor, Executor
from stmota_edge.identity import edge_identity
from stmota_edge.open_port import PortAddress, open_executor, unique_id_of
from stmota_edge.port import AsyncPort
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, EdgeIdentity, Result, UartSettings, Unclaimed

MOST_BATCHES_AHEAD = 16
"""Batches queued at the edge. They cost nothing to send; a bound so that a job plans in steps."""
CLOSE_WITHIN_S = 2.0
"""For the port to be released: a URL port's threads notice within half a second."""


@asynccontextmanager
async def open_serial_link(
    port: PortAddress | AsyncPort | Executor,
    *,
    name: str,
    console: UartSettings | None = None,
    console_from: Callable[[EdgeIdentity], int] = lambda _: 0,
    unix_s: Callable[[], float] = time.time,
) -> AsyncGenerator["SerialLink", None]:
    """Open a serial port, or use one that is open, and hold the link to it while the body runs.

    `console_from` is as for a bridge, though every opening is a new boot. Raises `LinkLost` when the port
    cannot be opened. Leaving ends the batch in hand, and closes what was opened here, its lines at their
    safe levels.
    """
    unique_id = unique_id_of(port.url if isinstance(port, PortAddress) else name)
    executor = await _executor(port)
    try:
        link = SerialLink(executor, name, unique_id, console, unix_s)
        async with beside(link.run):
            link.start_console(console_from(link.identity))
            yield link
    finally:
        if isinstance(port, PortAddress):
            with trio.move_on_after(CLOSE_WITHIN_S, shield=True):
                await executor.aclose()


async def _executor(port: PortAddress | AsyncPort | Executor) -> Executor:
    if isinstance(port, Executor):
        return port
    if isinstance(port, AsyncPort):
        return AsyncExecutor(port)
    try:
        return await open_executor(port)
    except EdgeError as error:
        raise LinkLost(str(error)) from error


class SerialLink(Link, EdgeOwner):
    """An edge in this process, as jobs see it. Made by `open_serial_link`."""

    def __init__(
        self,
        executor: Executor,
        name: str,
        unique_id: bytes,
        console: UartSettings | None,
        unix_s: Callable[[], float],
    ) -> None:
        self._edge = Edge(executor, self, console=console)
        self._name = name
        self._bell = Bell()
        self._lost: LinkError | None = None
        self._runs = 0
        self._run: SerialRun | None = None
        self._console_next = 0
        self.identity = edge_identity(
            name=name,
            unique_id=unique_id,
            lines=executor.lines,
            console_ring=self._edge.ring.size_bytes,
        )
        self.clock = ClockMap(unix_s() - executor.now_us() / 1e6, 0.0)
        self._executor = executor

    @property
    def answer_delay_us(self) -> int:
        """As the port measures it."""
        return self._executor.answer_delay_us

    @property
    def has_ended(self) -> bool:
        """Whether the port has failed, or was closed."""
        return self._lost is not None

    async def run(self) -> None:
        """Execute batches and collect console until the port fails."""
        try:
            await self._edge.run()
        except EdgeError as error:
            self._lose(LinkLost(f"{self._name}: {error}"))
        finally:
            self._lose(LinkLost(f"{self._name}: closed"))

    def start_console(self, position: int) -> None:
        """Give console from `position` on."""
        self._console_next = min(position, self._edge.ring.next)

    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> "SerialRun":
        """Begin a run; an earlier one is over with it. Raises `LinkLost`."""
        self._check()
        if self._run is not None:
            self._run.supersede()
        self._runs += 1
        self._edge.begin_run(unclaimed)
        self._run = SerialRun(self._edge, self._runs, self._check)
        return self._run

    async def wait_for_console(self) -> None:
        """Return when console bytes are there, which may be after the link's end."""
        await trio.lowlevel.checkpoint()
        while self._edge.ring.read(self._console_next) is None:
            self._check()
            await self._bell.wait()

    def take_console(self) -> Console | ConsoleGap | None:
        """The next console bytes, if they are there."""
        message = self._edge.ring.read(self._console_next)
        if message is not None:
            self._console_next += len(message.data) if isinstance(message, Console) else message.length
        return message

    def acknowledge_console(self, position: int) -> None:
        """All bytes before `position` are stored."""
        self._edge.ring.acknowledge(min(position, self._console_next))

    def batch_ended(self, ticket: Ticket, result: Result) -> None:
        """Give the result to its run."""
        if isinstance(ticket.origin, SerialRun):
            ticket.origin.put_result(result)

    def console_grew(self) -> None:
        """Wake whoever waits for console."""
        self._bell.ring()

    def _check(self) -> None:
        """Raise the link's end."""
        if self._lost is not None:
            raise self._lost.with_traceback(None)

    def _lose(self, error: LinkError) -> None:
        if self._lost is None:
            self._lost = error
            if self._run is not None:
                self._run.lose(error)
            self._bell.ring()


class SerialRun(Run):
    """One run of batches at an edge in this process. `check` raises the link's end."""

    def __init__(self, edge: Edge, number: int, check: Callable[[], None]) -> None:
        self._edge = edge
        self._number = number
        self._check = check
        self._submitted = 0
        self._results = OwedResults()
        self._is_newest = True

    @property
    def under_way(self) -> int:
        """Batches submitted whose results were not yet taken."""
        return self._results.owed

    def has_room_for(self, batch: Batch) -> bool:
        """Whether few enough are under way."""
        return self.under_way < MOST_BATCHES_AHEAD

    def submit(self, batch: Batch) -> None:
        """Queue a batch."""
        self._check()
        if not self._is_newest:
            message = "the run is over"
            raise ValueError(message)
        self._results.expect_one()
        self._edge.submit(Ticket(self._number, self._submitted, self), batch)
        self._submitted += 1

    async def result(self) -> Result:
        """Wait for the oldest result not yet taken."""
        return await self._results.take()

    def put_result(self, result: Result) -> None:
        """The edge answered the oldest batch."""
        self._results.put(result)

    def abort(self) -> None:
        """End the batch in hand, skip the rest."""
        if self._is_newest:
            self._edge.abort()

    def end(self) -> None:
        """No more batches."""
        if self._is_newest:
            self._edge.end_run()

    def supersede(self) -> None:
        """A later run begins."""
        self._is_newest = False

    def lose(self, error: LinkError) -> None:
        """The link is gone."""
        self._results.lose(error)
