"""Fakes around the daemon's bridge tasks: an edge that answers every batch, and work that a test directs."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from stmota_daemon.bridge_peek import Peeked
from stmota_daemon.link import ClockMap, Link, LinkError, LinkHeld, LinkLost, Run
from stmota_daemon.store import Place
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Job, SerialPlace
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, EdgeIdentity, Line, Outcome, Result, UartSettings, Unclaimed


def identity(name: str = "lab", number: int = 1, boot: int = 1) -> EdgeIdentity:
    return EdgeIdentity(
        name=name,
        unique_id=number.to_bytes(8, "big"),
        boot_id=boot.to_bytes(8, "big"),
        firmware="soft-0.1.0",
        lines=Line.NRST | Line.BOOT0,
        credit=8192,
        max_batch=4096,
        supported_steps=frozenset(range(1, 11)),
    )


class FakeRun(Run):
    """Every batch is done."""

    def __init__(self, link: "FakeLink") -> None:
        self._link = link
        self._results: deque[Result] = deque()

    def has_room_for(self, batch: Batch) -> bool:
        del batch
        return True

    def submit(self, batch: Batch) -> None:
        self._link.check()
        self._link.batches.append(batch)
        self._results.append(Result(Outcome.DONE))

    async def result(self) -> Result:
        await trio.lowlevel.checkpoint()
        self._link.check()
        return self._results.popleft()

    def abort(self) -> None:
        pass

    def end(self) -> None:
        pass

    @property
    def under_way(self) -> int:
        return len(self._results)


class FakeLink(Link):
    """A link that lives until its edge loses it."""

    def __init__(self, edge_identity: EdgeIdentity) -> None:
        self.identity = edge_identity
        self.clock = ClockMap(offset_s=1000.0, round_trip_s=0.002)
        self.batches: list[Batch] = []
        self.acknowledged: list[int] = []
        self.lost: LinkError | None = None
        self._messages: deque[Console | ConsoleGap] = deque()
        self._news = trio.Event()

    @property
    def has_ended(self) -> bool:
        return self.lost is not None

    def check(self) -> None:
        if self.lost is not None:
            raise self.lost

    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Run:
        del unclaimed
        self.check()
        return FakeRun(self)

    def take_console(self) -> Console | ConsoleGap | None:
        return self._messages.popleft() if self._messages else None

    async def wait_for_console(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._messages:
            self.check()
            await self._news.wait()

    def acknowledge_console(self, position: int) -> None:
        self.acknowledged.append(position)

    def say(self, message: Console | ConsoleGap) -> None:
        self._messages.append(message)
        self._ring()

    def lose(self, error: LinkError) -> None:
        self.lost = error
        self._ring()

    def _ring(self) -> None:
        self._news.set()
        self._news = trio.Event()


@dataclass
class FakeEdge:
    """What stands at each place, who may have it, and every attempt to open it."""

    identities: dict[str, EdgeIdentity] = field(default_factory=lambda: {"host:1": identity()})
    refusal: LinkError | None = None
    attempts: list[float] = field(default_factory=list[float])
    wanted_positions: list[int] = field(default_factory=list[int])
    peeks: list[float] = field(default_factory=list[float])
    links: dict[str, FakeLink] = field(default_factory=dict[str, FakeLink])
    opened: trio.Event = field(default_factory=trio.Event)

    @property
    def link(self) -> FakeLink:
        return self.links["host:1"]

    @property
    def is_held(self) -> bool:
        """Whether the daemon under test has a link to host:1."""
        return "host:1" in self.links and self.link.lost is None

    async def peek(self, place: Place, _id: str | None = None) -> Peeked:
        await trio.lowlevel.checkpoint()
        assert not isinstance(place, SerialPlace)
        self.peeks.append(trio.current_time())
        holder = self.refusal.holder_name if isinstance(self.refusal, LinkHeld) else ""
        if self.refusal is not None and not holder:
            raise self.refusal
        where = f"{place.host}:{place.port}"
        if where not in self.identities:
            message = f"{where}: nobody is there"
            raise LinkLost(message)
        return Peeked(self.identities[where], holder, "1.0", round_trip_s=0.003)

    @asynccontextmanager
    async def open(
        self,
        place: Place,
        _id: str | None,
        console_from: Callable[[EdgeIdentity], int],
        _console: UartSettings,
    ) -> AsyncGenerator[Link]:
        await trio.lowlevel.checkpoint()
        where = place.url if isinstance(place, SerialPlace) else f"{place.host}:{place.port}"
        self.attempts.append(trio.current_time())
        if self.refusal is not None:
            raise self.refusal
        if where not in self.identities:
            message = f"{where}: nobody is there"
            raise LinkLost(message)
        self.wanted_positions.append(console_from(self.identities[where]))
        link = self.links[where] = FakeLink(self.identities[where])
        self.opened.set()
        self.opened = trio.Event()
        try:
            # As real openers do: with tasks of their own, whose nursery groups errors that pass through.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                yield link
                nursery.cancel_scope.cancel()
        finally:
            link.lose(LinkLost("closed"))


Behaviour = Callable[[Board, Report, Job], Awaitable[WorkOutcome]]


async def ask_for_the_link(board: Board, report: Report, job: Job) -> WorkOutcome:
    del report, job
    await board.link(10)
    return WorkOutcome()


@dataclass
class FakeWork:
    """Work that does as a test says; knows what it has begun, and what it has cleaned up when cancelled."""

    behaviour: Behaviour = ask_for_the_link
    begun: list[str] = field(default_factory=list[str])
    cleaned_up: list[str] = field(default_factory=list[str])

    async def work(self, board: Board, report: Report, job: Job) -> WorkOutcome:
        self.begun.append(job.id)
        try:
            return await self.behaviour(board, report, job)
        except trio.Cancelled:
            with trio.move_on_after(2, shield=True):
                await trio.sleep(1)
            self.cleaned_up.append(job.id)
            raise
