"""The link cut at any byte, the bridge gone in any phase: the job goes on by itself to a verified end.

At some bytes by default; `pytest tests/daemon/test_cuts.py --every-byte` does all of them.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from lab import LabBridge, LabDaemon, lab_daemon
from sample_images import make_image
from stmota_protocol.api import Job, JobState, Phase, PhaseEvent, ProgressEvent
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.link import LinkConditions, OneWayConditions
from stmota_simulator.link_end import LinkEnd, simulated_link

KIB = 1024
OLD = make_image(6 * KIB, seed=1, text="old", heartbeat_ms=0)
NEW = make_image(4 * KIB, seed=2, text="new", heartbeat_ms=0)
SOME = 1013
"""Every so-manieth byte by default: prime, so that it falls everywhere into the messages."""


class CountedLink:
    """The first connection, cut at a byte; and how many bytes each way it carried."""

    def __init__(self, first: LinkConditions) -> None:
        self._next = [first]
        self.carried = [0, 0]

    def connect(self, bridge: LabBridge, nursery: trio.Nursery) -> trio.abc.Stream:
        conditions = self._next.pop() if self._next else LinkConditions.of(rtt_ms=4)
        near, far = simulated_link(conditions)
        self._count(near, 0)
        self._count(far, 1)
        nursery.start_soon(bridge.serve_stream, far)
        return near

    def _count(self, end: LinkEnd, way: int) -> None:
        send_all = end.send_all

        async def counted(data: bytes | bytearray | memoryview) -> None:
            self.carried[way] += len(data)
            await send_all(data)

        end.send_all = counted  # type: ignore[method-assign]


@asynccontextmanager
async def flashing(
    board: VirtualBoard, link: CountedLink, state_dir: Path
) -> AsyncGenerator[tuple[LabDaemon, LabBridge, Job]]:
    """A daemon whose job flashes NEW onto a board over such a link."""
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)
        nursery.start_soon(bridge.run)
        async with lab_daemon(state_dir, {"lab": bridge}, link.connect) as daemon:
            with trio.fail_after(600):
                yield daemon, bridge, daemon.flash("lab", NEW)
        nursery.cancel_scope.cancel()


def check_done(board: VirtualBoard, job: Job) -> None:
    assert job.state is JobState.DONE, job.problem
    assert job.report is not None
    assert job.report.verified
    assert board.flash[: len(NEW)] == NEW
    assert board.counters.double_programs == 0
    assert board.counters.mass_erases == 0
    assert board.state is State.APPLICATION


@pytest.mark.parametrize("way", [0, 1], ids=["to-bridge", "to-daemon"])
@pytest.mark.parametrize("stalls", [False, True], ids=["cut", "stalled"])
async def test_a_link_that_ends_at_any_byte_ends_no_job(
    way: int, stalls: bool, every_byte: bool, autojump_clock: MockClock, tmp_path: Path
) -> None:
    whole = CountedLink(LinkConditions.of(rtt_ms=4))
    board = make_board("F103xB", image=OLD)
    async with flashing(board, whole, tmp_path / "whole") as (daemon, _, job):
        check_done(board, await daemon.ended(job))
    assert whole.carried[way] > 4 * KIB
    for at in range(1, whole.carried[way] + 1, 1 if every_byte else SOME * (1 + 2 * stalls)):
        bad = OneWayConditions(0.002, stalls_at=at) if stalls else OneWayConditions(0.002, lost_at=at)
        ways = [OneWayConditions(0.002), OneWayConditions(0.002)]
        ways[way] = bad
        board = make_board("F103xB", image=OLD)
        link = CountedLink(LinkConditions(ways[0], ways[1]))
        async with flashing(board, link, tmp_path / str(at)) as (daemon, _, job):
            check_done(board, await daemon.ended(job))


def lose_the_link(bridge: LabBridge) -> None:
    bridge.cut_connections()


def lose_supply(bridge: LabBridge) -> None:
    """The bridge and its board have one supply."""
    bridge.cut_connections()
    bridge.power_cycle_board()


PHASES = [(Phase.ERASE, 0), (Phase.WRITE, 0), (Phase.WRITE, KIB), (Phase.VERIFY, 0), (Phase.VERIFY, 2 * KIB)]


@pytest.mark.parametrize("away_s", [0.0, 40.0])
@pytest.mark.parametrize("loss", [lose_the_link, lose_supply], ids=["bridge", "bridge-and-board"])
@pytest.mark.parametrize(("phase", "done"), PHASES)
async def test_a_bridge_that_is_gone_for_a_while_in_any_phase_is_waited_for_and_the_job_goes_on(
    phase: Phase,
    done: int,
    loss: Callable[[LabBridge], None],
    away_s: float,
    autojump_clock: MockClock,
    tmp_path: Path,
) -> None:
    board = make_board("F103xB", image=OLD)
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)
        nursery.start_soon(bridge.run)
        async with lab_daemon(tmp_path, {"lab": bridge}) as daemon:
            with trio.fail_after(600):
                job = daemon.flash("lab", NEW)
                await reached(daemon, job, phase, done)
                bridge.is_cut_off = True
                loss(bridge)
                await trio.sleep(away_s)
                bridge.is_cut_off = False
                ended = await daemon.ended(job)
        nursery.cancel_scope.cancel()
    check_done(board, ended)
    assert any("waiting for it" in text for text in await daemon.notes(job))


async def reached(daemon: LabDaemon, job: Job, phase: Phase, done: int) -> None:
    """Wait until a job is in a phase with so many bytes done."""
    feed = daemon.services.jobs.feed(job.id)
    assert feed is not None
    number = 0
    while True:
        for event in await feed.wait_since(number):
            number = event.number + 1
            is_there = isinstance(event, PhaseEvent) and not done and event.phase is phase
            if is_there or (isinstance(event, ProgressEvent) and event.phase is phase and event.done >= done):
                return
