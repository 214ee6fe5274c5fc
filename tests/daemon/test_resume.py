"""A job that another daemon takes up goes on from what the chip holds, and does not begin again."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from lab import LabBridge, LabDaemon, lab_daemon
from sample_images import make_image
from stmota_protocol.api import Job, JobState, Phase, ProgressEvent
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

KIB = 1024
PAGES = 32
OLD = make_image(PAGES * KIB, seed=1, text="old", heartbeat_ms=0)
NEW = make_image(PAGES * KIB, seed=2, text="new", heartbeat_ms=0)


async def killed_at(board: VirtualBoard, phase: Phase, done: int, state_dir: Path) -> tuple[Job, int]:
    """Kill a daemon at a point of its flash, let another end the job; return it and the erases it took."""
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)
        nursery.start_soon(bridge.run)
        with trio.fail_after(600):
            async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
                job = daemon.flash("lab", NEW)
                await reached(daemon, job, phase, done)
                bridge.cut_connections()  # a killed daemon resets nothing
                bridge.is_cut_off = True
            bridge.is_cut_off = False
            erases = board.counters.unit_erases
            async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
                ended = await daemon.ended(job)
        nursery.cancel_scope.cancel()
    return ended, board.counters.unit_erases - erases


async def reached(daemon: LabDaemon, job: Job, phase: Phase, done: int) -> None:
    feed = daemon.services.jobs.feed(job.id)
    assert feed is not None
    number = 0
    while True:
        for event in await feed.wait_since(number):
            number = event.number + 1
            if isinstance(event, ProgressEvent) and event.phase is phase and event.done >= done:
                return


@pytest.mark.parametrize(
    ("phase", "done", "most_erases"),
    [(Phase.WRITE, 8 * KIB, 26), (Phase.WRITE, 24 * KIB, 10), (Phase.VERIFY, 16 * KIB, 1)],
)
async def test_what_was_written_before_the_daemon_was_killed_is_not_written_again(
    phase: Phase, done: int, most_erases: int, autojump_clock: MockClock, tmp_path: Path
) -> None:
    board = make_board("F103xB", image=OLD)
    job, erases = await killed_at(board, phase, done, tmp_path)
    assert job.state is JobState.DONE
    assert job.restarts == 1
    assert job.report is not None
    assert job.report.verified
    assert board.flash[: len(NEW)] == NEW
    assert board.state is State.APPLICATION
    assert board.counters.double_programs == 0
    assert erases <= most_erases
