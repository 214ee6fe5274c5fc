"""A laboratory on one clock: virtual boards behind soft bridges, and the daemon's parts, in one process.

Import as `from lab import …`. With the `autojump_clock` fixture all of it is exact and takes no time.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_pair

from stmota_daemon.announcements import Announcement
from stmota_daemon.bridge_link import open_bridge_link
from stmota_daemon.bridge_peek import Peeked, peek_at_bridge
from stmota_daemon.bridges import Bridges
from stmota_daemon.config import BridgeConfig
from stmota_daemon.daemon import Services
from stmota_daemon.link import Link
from stmota_daemon.store import Place
from stmota_daemon.work import Board, Report
from stmota_edge.edge import Ticket
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import (
    ENDED,
    FlashFile,
    FlashOptions,
    Job,
    JobEvent,
    JobKind,
    JobRequest,
    LogRecord,
    NetworkPlace,
    NoteEvent,
    Phase,
)
from stmota_protocol.api.chip_work import ChipOptions
from stmota_protocol.steps import EdgeIdentity, Line, Result, UartSettings
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.port import VirtualPort

CONTROLLER_ID = b"controller-0001."
Pipe = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


class LabBridge(SoftBridge):
    """A soft bridge on a virtual board that tells of every batch's end, at the edge and at that moment."""

    def __init__(
        self, board: VirtualBoard, name: str = "lab", credit: int = 32768, lines: Line = LINES
    ) -> None:
        self.board = board
        self.port = VirtualPort(board)
        self.port.lines = lines
        self.batches_ended = 0
        self.on_batch_ended: Callable[[int], None] = lambda _: None
        self.is_cut_off = False
        """New connections break at once."""
        self._pipes: list[Pipe] = []
        unique_id = name.encode().ljust(8, b"-")[:8]
        super().__init__(self.port, name=name, unique_id=unique_id, credit=credit)

    @property
    def id(self) -> str:
        return self.identity.unique_id.hex()

    def batch_ended(self, ticket: Ticket, result: Result) -> None:
        self.batches_ended += 1
        super().batch_ended(ticket, result)
        self.on_batch_ended(self.batches_ended)

    def connect(self, nursery: trio.Nursery) -> trio.abc.Stream:
        """A new connection's other end."""
        near, far = memory_stream_pair()
        self._pipes += [near, far]
        nursery.start_soon(self.serve_stream, far)
        if self.is_cut_off:
            self.cut_connections()
        return near

    def cut_connections(self) -> None:
        """All connections break at this moment, both ways."""
        for pipe in self._pipes:
            pipe.send_stream.close()
            pipe.receive_stream.close()
        self._pipes.clear()

    def power_cycle_board(self) -> None:
        """The board's supply fails for a moment, with BOOT0 low as the bridge's safe level has it."""
        now_us = self.port.now_us()
        self.board.set_lines(LINES, Line.NRST, now_us)
        self.board.power_cycle(now_us)


class RecordingReport(Report):
    """Keeps what a job told."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.notes: list[str] = []
        self.done: list[int] = []

    def phase(self, phase: Phase, total: int, text: str) -> None:
        self.phases.append(phase)

    def progress(self, done: int, bytes_per_s: float, line_rate_share: float) -> None:
        self.done.append(done)

    def note(self, text: str, *, warning: bool = False) -> None:
        self.notes.append(text)


class LinkBoard(Board):
    """A board over one link, without queue, store or log."""

    name = "lab"
    console = UartSettings()

    def __init__(self, link: Link) -> None:
        self._link = link

    async def link(self, within_s: float) -> Link:
        await trio.lowlevel.checkpoint()
        return self._link

    def log_mark(self) -> int:
        return 0

    async def log_pieces(self, mark: int) -> AsyncGenerator[LogRecord]:
        nothing: list[LogRecord] = []
        for record in nothing:
            yield record

    async def log_text_since(self, mark: int, within_s: float) -> str | None:
        await trio.sleep(within_s)
        return None


@asynccontextmanager
async def linked_board(
    board: VirtualBoard, credit: int = 32768, lines: Line = LINES
) -> AsyncGenerator[tuple[LinkBoard, LabBridge]]:
    """A virtual board behind a bridge, and the link to it."""
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board, credit=credit, lines=lines)
        nursery.start_soon(bridge.run)
        async with open_bridge_link(bridge.connect(nursery), CONTROLLER_ID, "lab") as link:
            yield LinkBoard(link), bridge
        nursery.cancel_scope.cancel()


class LabDaemon:
    """What a daemon does, without its API and discovery: bridges with their tasks, jobs, store and logs."""

    def __init__(self, services: Services, bridges: Bridges) -> None:
        self.services = services
        self.bridges = bridges

    def flash(self, bridge: str, image: bytes, **options: bool | int | str | None) -> Job:
        """Put a flash job into a bridge's queue."""
        files = (FlashFile(firmware=self.services.firmware.put(image), filename="fw.bin"),)
        flash = FlashOptions(files=files, **options)  # type: ignore[arg-type]
        return self.bridges.submit(JobRequest(kind=JobKind.FLASH, bridge=bridge, flash=flash))

    def start(self, kind: JobKind, bridge: str, options: ChipOptions | None = None) -> Job:
        """Put another job into a bridge's queue."""
        return self.bridges.submit(JobRequest(kind=kind, bridge=bridge, options=options))

    async def ended(self, job: Job) -> Job:
        """Wait for a job's end."""
        events = await self.events(job)
        assert events
        ended = self.services.jobs.job(job.id)
        assert ended is not None
        assert ended.state in ENDED
        return ended

    async def events(self, job: Job) -> list[JobEvent]:
        """All events of a job, once it has ended."""
        feed = self.services.jobs.feed(job.id)
        assert feed is not None
        events = feed.since(0)
        while not feed.is_ended:
            await feed.wait_since(events[-1].number + 1)
            events = feed.since(0)
        return events

    async def notes(self, job: Job) -> list[str]:
        """The notes of a job that has ended."""
        return [event.text for event in await self.events(job) if isinstance(event, NoteEvent)]


def _services(state_dir: Path) -> Services:
    state_dir.mkdir(parents=True, exist_ok=True)
    return Services(state_dir)


@asynccontextmanager
async def lab_daemon(
    state_dir: Path,
    bridges: dict[str, LabBridge],
    connect: Callable[[LabBridge, trio.Nursery], trio.abc.Stream] = LabBridge.connect,
    *,
    owner: str = "lab",
    announced: bool = False,
) -> AsyncGenerator[LabDaemon]:
    """A daemon that knows these bridges, which run already: they are configured, or announced by mDNS."""
    controller_id = f"controller-{owner}".encode().ljust(16, b".")[:16]
    services = _services(state_dir)
    by_port = dict(enumerate(bridges.values(), 1))
    async with trio.open_nursery() as nursery:

        def open_link(
            place: Place, _id: str | None, console_from: Callable[[EdgeIdentity], int], _console: UartSettings
        ) -> AbstractAsyncContextManager[Link]:
            assert isinstance(place, NetworkPlace)
            stream = connect(by_port[place.port], nursery)
            return open_bridge_link(stream, controller_id, owner, console_from=console_from)

        async def peek(place: Place, _id: str | None) -> Peeked:
            assert isinstance(place, NetworkPlace)
            return await peek_at_bridge(connect(by_port[place.port], nursery))

        known = Bridges(services.for_bridges(open_link, peek), services.events, nursery)
        for port, (name, bridge) in enumerate(bridges.items(), 1):
            if announced:
                known.announced(Announcement(name, bridge.id, name, ("lab",), port, None, None))
            else:
                known.add(BridgeConfig(name=name, place=NetworkPlace(host="lab", port=port)))
        known.take_up(services.jobs.take_up())
        yield LabDaemon(services, known)
        nursery.cancel_scope.cancel()
    services.close()
