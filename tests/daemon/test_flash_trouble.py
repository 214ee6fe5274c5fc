"""The flash job through trouble, on the virtual clock: cuts at every batch, cancellations at every await."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.abc import Instrument
from trio.lowlevel import Task
from trio.testing import MockClock

from lab import LabBridge, RecordingReport, lab_daemon, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, JobState, ProblemCode
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults, RateFault

OLD = make_image(6000, seed=1, text="old", heartbeat_ms=0)
NEW = make_image(5000, seed=2, text="new", heartbeat_ms=0)
FLASH = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
MOST_BATCHES = 100
"""A flash of NEW has about 16; more than this in a test means that it does not end."""


def assert_boots_old_new_or_nothing(board: VirtualBoard) -> None:
    """Right after a boot: what started is whole."""
    text = board.boots[-1].text if board.boots[-1].state is State.APPLICATION else None
    if text == "old":
        assert board.flash[: len(OLD)] == OLD
    if text == "new":
        assert board.flash[: len(NEW)] == NEW
    assert text in {None, "old", "new"}


async def with_cut_at(
    batch: int, cut: Callable[[LabBridge], None], state_dir: Path, *, verify: bool
) -> tuple[VirtualBoard, int, JobState]:
    """Flash NEW over OLD with one cut after the given batch's end; return how it ended."""
    board = make_board("F103xB", image=OLD)
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)

        def on_batch_ended(number: int) -> None:
            if number == batch:
                cut(bridge)

        bridge.on_batch_ended = on_batch_ended
        nursery.start_soon(bridge.run)
        async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
            with trio.fail_after(300):
                job = await daemon.ended(daemon.flash("lab", NEW, verify=verify))
        nursery.cancel_scope.cancel()
    return board, bridge.batches_ended, job.state


def cut_supply(bridge: LabBridge) -> None:
    bridge.power_cycle_board()
    assert_boots_old_new_or_nothing(bridge.board)


@pytest.mark.parametrize("verify", [True, False], ids=["verify", "no-verify"])
@pytest.mark.parametrize("cut", [cut_supply, LabBridge.cut_connections], ids=["supply", "link"])
async def test_a_flash_cut_at_any_batch_goes_on_by_itself_and_boots_nothing_half(
    cut: Callable[[LabBridge], None],
    verify: bool,
    autojump_clock: MockClock,
    tmp_path: Path,
) -> None:
    for batch in range(1, MOST_BATCHES):
        board, batches, state = await with_cut_at(batch, cut, tmp_path / str(batch), verify=verify)
        assert state is JobState.DONE
        assert board.flash[: len(NEW)] == NEW
        assert board.boots[-1].text == "new"
        if batches < batch:
            return
    pytest.fail("the flash did not end")


async def test_a_daemon_killed_at_any_batch_leaves_nothing_half_and_its_successor_ends_the_job(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    for batch in range(1, MOST_BATCHES):
        board = make_board("F103xB", image=OLD)
        killed = await flash_with_a_daemon_killed(board, batch, tmp_path / str(batch))
        assert board.flash[: len(NEW)] == NEW
        assert board.boots[-1].text == "new"
        if not killed:
            return
    pytest.fail("the flash did not end")


async def flash_with_a_daemon_killed(board: VirtualBoard, batch: int, state_dir: Path) -> bool:
    """Kill the first daemon after a batch, boot the board, and let a second daemon on the same state work."""
    killed = trio.Event()
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)
        nursery.start_soon(bridge.run)

        def on_batch_ended(number: int) -> None:
            if number == batch:
                bridge.cut_connections()
                killed.set()

        bridge.on_batch_ended = on_batch_ended
        async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
            job = daemon.flash("lab", NEW)
            async with trio.open_nursery() as waiting:

                async def job_ends() -> None:
                    await daemon.ended(job)
                    waiting.cancel_scope.cancel()

                waiting.start_soon(job_ends)
                await killed.wait()
                waiting.cancel_scope.cancel()
            bridge.is_cut_off = killed.is_set()
        bridge.is_cut_off = False
        bridge.power_cycle_board()
        await trio.sleep(0.1)
        assert_boots_old_new_or_nothing(board)
        async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
            with trio.fail_after(300):
                assert (await daemon.ended(job)).state is JobState.DONE
        nursery.cancel_scope.cancel()
    return killed.is_set()


class CancelAtStep(Instrument):
    """Cancels a scope when a task is about to run for the n-th time: at its n-th await that waits."""

    def __init__(self, scope: trio.CancelScope, task: Task, step: int) -> None:
        self.scope = scope
        self.task = task
        self.left = step

    def before_task_step(self, task: Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def test_a_flash_cancelled_at_any_await_leaves_the_chip_reset(autojump_clock: MockClock) -> None:
    for step in range(1, 400):
        board = make_board("F103xB", image=OLD)
        async with linked_board(board) as (lab, _):
            with trio.CancelScope() as scope:
                instrument = CancelAtStep(scope, trio.lowlevel.current_task(), step)
                trio.lowlevel.add_instrument(instrument)
                try:
                    await flash(lab, RecordingReport(), [NEW], FLASH)
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            board.advance(round(trio.current_time() * 1e6) + 100_000_000)
            assert board.state in {State.APPLICATION, State.DEAD}
            assert_boots_old_new_or_nothing(board)
        if not scope.cancelled_caught:
            return
    pytest.fail("the flash did not end")


async def test_a_cancelled_flash_can_be_repeated(autojump_clock: MockClock) -> None:
    board = make_board("F407", image=OLD)
    async with linked_board(board) as (lab, _):
        with trio.move_on_after(0.3):
            await flash(lab, RecordingReport(), [NEW], FLASH)
        assert board.boots[-1].state is State.DEAD
        await flash(lab, RecordingReport(), [NEW], FLASH)
    assert board.boots[-1].text == "new"


async def test_a_long_erase_is_aborted_when_the_job_is_cancelled(autojump_clock: MockClock) -> None:
    board = make_board("F407", image=make_image(300_000))
    async with linked_board(board) as (lab, _):
        began_s = trio.current_time()
        with trio.move_on_after(1.0):
            await flash(lab, RecordingReport(), [make_image(300_000, seed=3)], FLASH)
        assert trio.current_time() - began_s < 1.1
        assert board.state is State.DEAD


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("kind", list(ByteFaultKind))
async def test_a_bad_byte_anywhere_costs_a_recovery_and_nothing_else(
    kind: ByteFaultKind, direction: Direction, autojump_clock: MockClock
) -> None:
    for number in range(1, 1600, 97):
        faults = Faults(bytes=(ByteFault(kind, direction, number),))
        board = make_board("F103xB", image=OLD, faults=faults)
        async with linked_board(board) as (lab, _):
            await flash(lab, RecordingReport(), [NEW], FLASH)
        assert board.flash[: len(NEW)] == NEW
        assert board.boots[-1].text == "new"
        assert board.counters.double_programs == 0


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L071", "L476", "H743"])
async def test_a_bad_line_is_survived_and_nothing_programmed_over(
    chip: str, autojump_clock: MockClock
) -> None:
    rates = tuple(RateFault(kind, way, 0.00004) for kind in ByteFaultKind for way in Direction)
    board = make_board(chip, image=OLD, faults=Faults(rates=rates, seed=1))
    report = RecordingReport()
    async with linked_board(board) as (lab, _):
        done = await flash(lab, report, [NEW], FLASH)
    assert done.recoveries > 0
    assert len(report.notes) >= done.recoveries
    assert board.flash[: len(NEW)] == NEW
    assert board.counters.double_programs == 0


async def test_a_chip_that_falls_silent_for_good_fails_the_job_with_its_place(
    autojump_clock: MockClock,
) -> None:
    board = make_board("F103xB", image=OLD, faults=Faults(mute_from=60))
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [NEW], FLASH)
    assert failure.value.problem.code is ProblemCode.SILENT
    assert_boots_old_new_or_nothing(board)
