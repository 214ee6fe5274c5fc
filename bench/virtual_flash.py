"""One flash on the virtual clock: the daemon's job, a bridge, a board and the network between, exact.

Everything runs in one thread under trio's `MockClock`, so a second of the board costs no second, and the
same flash gives the same times to the microsecond.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import trio
from trio.testing import MockClock

from bench.image import make_image
from bench.limit import Limit, flash_limit
from stmota_daemon.bridge_link import open_bridge_link
from stmota_daemon.flash import flash
from stmota_daemon.link import Link
from stmota_daemon.work import Board, Report
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, LogRecord, Phase
from stmota_protocol.messages import Console
from stmota_protocol.steps import UartSettings
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.link import LinkConditions, OneWayConditions
from stmota_simulator.link_end import simulated_link
from stmota_simulator.port import VirtualPort

CREDIT_BYTES = 32 * 1024
JITTER = 0.2
BENCH_FILES = (FlashFile(firmware="", filename="bench.bin"),)
CONTROLLER_ID = b"stmota-bench-id."
OPTION_BITS = {"G071": {"nBOOT_SEL": 0}}
"""Factory option bytes of a G0 ignore BOOT0 once flash is not empty: such a board is refused."""


@dataclass(frozen=True, slots=True)
class VirtualFlash:
    """What is flashed, over what."""

    chip: str
    baud: int
    rtt_s: float
    length: int
    verify: bool
    jitter: float = JITTER
    """Each way of each piece takes half the RTT, this share more or less."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What it took."""

    limit: Limit
    report: FlashReport
    job_s: float
    """From the job's first step to its last, by the host's clock."""

    @property
    def efficiency(self) -> float:
        """Limit ÷ time from the first erase byte to the last ACK or verified byte, by the edge's clock."""
        return self.limit.seconds / self.report.seconds

    @property
    def image_only_efficiency(self) -> float:
        """The same with the image's bytes only in the limit."""
        return self.limit.image_only_seconds / self.report.seconds

    @property
    def job_efficiency(self) -> float:
        """Limit ÷ time of the whole job."""
        return self.limit.seconds / self.job_s

    @property
    def overhead_s(self) -> float:
        """What the job takes beyond erase, write and verify."""
        return self.job_s - self.report.seconds


def measure(wanted: VirtualFlash) -> Measured:
    """Flash it, in no time. Raises `WorkFailed` or whatever else went wrong."""
    return trio.run(_measure, wanted, clock=MockClock(autojump_threshold=0))


def link_conditions(rtt_s: float, jitter: float) -> LinkConditions:
    """A round trip of `rtt_s` in the mean, evenly spread over ± `jitter` of it."""
    way = OneWayConditions(delay_s=rtt_s / 2 * (1 - jitter), jitter_s=rtt_s * jitter)
    return LinkConditions(way, way)


async def _measure(wanted: VirtualFlash) -> Measured:
    board = make_board(wanted.chip, option_bits=OPTION_BITS.get(wanted.chip, {}))
    image = make_image(wanted.length)
    async with trio.open_nursery() as nursery:
        bridge = SoftBridge(VirtualPort(board), name="bench", unique_id=b"bench-00", credit=CREDIT_BYTES)
        nursery.start_soon(bridge.run)
        near, far = simulated_link(link_conditions(wanted.rtt_s, wanted.jitter))
        nursery.start_soon(bridge.serve_stream, far)
        async with open_bridge_link(near, CONTROLLER_ID, "bench") as link:
            measured = await _flash_over(link, board, image, wanted)
        nursery.cancel_scope.cancel()
    return measured


async def _flash_over(link: Link, board: VirtualBoard, image: bytes, wanted: VirtualFlash) -> Measured:
    began_s = trio.current_time()
    options = FlashOptions(files=BENCH_FILES, baud=wanted.baud, verify=wanted.verify, full=True)
    report = await flash(BenchBoard(link), NoReport(), [image], options)
    job_s = trio.current_time() - began_s
    if board.flash[: len(image)] != image or not report.started:
        message = f"{wanted}: the board does not run what was flashed"
        raise AssertionError(message)
    limit = flash_limit(board, wanted.length, wanted.baud, verify=wanted.verify)
    return Measured(limit, report, job_s)


class BenchBoard(Board):
    """A board over one link: no queue, no store, and a log of one line."""

    name = "bench"
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
        text = b""
        with trio.move_on_after(within_s):
            while b"\n" not in text:
                await self._link.wait_for_console()
                message = self._link.take_console()
                text += message.data if isinstance(message, Console) else b""
        return text.decode(errors="replace").strip() or None


class NoReport(Report):
    """Nobody watches."""

    def phase(self, phase: Phase, total: int, text: str) -> None:
        pass

    def progress(self, done: int, bytes_per_s: float, line_rate_share: float) -> None:
        pass

    def note(self, text: str, *, warning: bool = False) -> None:
        pass
