"""`--keep`: what the files do not cover of the erase units that are erased is there again in the end."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from firmware_files import make_hex
from lab import LabBridge, RecordingReport, lab_daemon, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, Job, JobState, Problem
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

KIB = 1024
FLASH = 0x0800_0000
OLD = make_image(6 * KIB, seed=1, heartbeat_ms=0)
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}
MOST_BATCHES = 100


async def flashed(
    board: VirtualBoard,
    image: bytes,
    report: RecordingReport | None = None,
    address: int | None = None,
    **options: bool,
) -> FlashReport | Problem:
    wanted = FlashOptions(
        files=(FlashFile(firmware="", filename="fw.bin", address=address),),
        **options,  # type: ignore[arg-type]
    )
    async with linked_board(board) as (lab, _):
        try:
            return await flash(lab, report or RecordingReport(), [image], wanted)
        except WorkFailed as failure:
            return failure.problem


@pytest.mark.parametrize("full", [True, False], ids=["full", "compared"])
@pytest.mark.parametrize(
    ("chip", "length"),
    [
        *((chip, length) for chip in ("F103xB", "L071", "L476") for length in (300, 1001, 3 * KIB + 2)),
        ("F407", 1000),
        ("G071", 1500),
    ],
)
async def test_the_rest_of_a_unit_is_restored(
    chip: str, length: int, full: bool, autojump_clock: MockClock
) -> None:
    new = make_image(length, seed=2, heartbeat_ms=0)
    board = make_board(chip, image=OLD, option_bits=SELECTABLE.get(chip, {}))
    report = await flashed(board, new, keep=True, full=full)
    assert isinstance(report, FlashReport)
    assert board.flash[: len(OLD)] == new + OLD[len(new) :]
    assert report.verified
    assert report.length == len(new)
    unit = board.memory.flash.model.layout.sizes[0]
    assert report.kept_bytes == min(-(-len(new) // unit) * unit, len(OLD)) - len(new)
    assert board.counters.double_programs == 0
    assert board.boots[-1].state is State.APPLICATION


async def test_gaps_and_what_is_before_a_file_are_kept_too(autojump_clock: MockClock) -> None:
    board = make_board("F103xB", image=OLD)
    await flashed(
        board, make_hex([(FLASH + 0x480, b"first"), (FLASH + 0x600, b"second")]), keep=True, force=True
    )
    expected = bytearray(OLD)
    expected[0x480:0x485], expected[0x600:0x606] = b"first", b"second"
    assert board.flash[: len(OLD)] == expected
    assert board.counters.unit_erases == 1


async def test_a_file_that_starts_inside_a_unit_needs_keep_or_force(autojump_clock: MockClock) -> None:
    board, app = make_board("F407", image=OLD), make_image(1000, flash_start=FLASH + 0x2000)
    problem = await flashed(board, app, address=FLASH + 0x2000)
    assert isinstance(problem, Problem)
    assert problem.remedy is not None
    assert "--keep restores it" in problem.remedy
    assert isinstance(await flashed(board, app, address=FLASH + 0x2000, keep=True), FlashReport)
    assert board.flash[: len(OLD)] == OLD
    assert board.flash[0x2000 : 0x2000 + len(app)] == app


async def test_without_keep_what_is_lost_is_told(autojump_clock: MockClock) -> None:
    board, report = make_board("F103xB", image=OLD), RecordingReport()
    await flashed(board, make_image(3 * KIB - 256, seed=2), report)
    assert (
        "0x08000B00 to 0x08000BFF is not empty and in no file: it is erased with its unit"
        " (--keep restores it)" in report.notes
    )
    assert board.flash[0xB00:0xC00] == b"\xff" * 256


async def test_an_empty_rest_is_neither_told_nor_kept(autojump_clock: MockClock) -> None:
    for keep in (True, False):
        board, report = make_board("F103xB"), RecordingReport()
        done = await flashed(board, make_image(2500, seed=2), report, keep=keep)
        assert isinstance(done, FlashReport)
        assert done.kept_bytes == 0
        assert not [note for note in report.notes if "not empty" in note]


async def test_a_unit_that_holds_its_part_already_needs_no_keeping(autojump_clock: MockClock) -> None:
    board = make_board("F103xB", image=OLD)
    done = await flashed(board, OLD[:3000], keep=True)
    assert isinstance(done, FlashReport)
    assert (done.erased_units, done.kept_bytes) == (0, 0)
    assert board.flash[: len(OLD)] == OLD


@pytest.mark.parametrize("kind", list(ByteFaultKind))
async def test_a_bad_byte_while_reading_is_not_restored(
    kind: ByteFaultKind, autojump_clock: MockClock
) -> None:
    new = make_image(1500, seed=2, heartbeat_ms=0)
    for number in range(200, 1700, 411):
        faults = Faults(bytes=(ByteFault(kind, Direction.TO_HOST, number),))
        board = make_board("F103xB", image=OLD, faults=faults)
        assert isinstance(await flashed(board, new, keep=True, full=True), FlashReport)
        assert board.flash[: len(OLD)] == new + OLD[len(new) :]


NEW = make_image(2500, seed=2, text="new", heartbeat_ms=0)


async def killed_at(board: VirtualBoard, batch: int, state_dir: Path) -> tuple[Job, bool]:
    """Flash with --keep, kill the daemon and the supply after a batch; let a second daemon end the job."""
    killed = trio.Event()
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(board)
        nursery.start_soon(bridge.run)
        bridge.on_batch_ended = kill_at(bridge, batch, killed)
        async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
            job = daemon.flash("lab", NEW, keep=True)
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
        async with lab_daemon(state_dir, {"lab": bridge}) as daemon:
            with trio.fail_after(300):
                job = await daemon.ended(job)
        nursery.cancel_scope.cancel()
    return job, killed.is_set()


def kill_at(bridge: LabBridge, batch: int, killed: trio.Event) -> Callable[[int], None]:
    def on_batch_ended(number: int) -> None:
        if number == batch:
            bridge.cut_connections()
            killed.set()

    return on_batch_ended


async def test_a_daemon_killed_at_a_batch_restores_what_it_kept_all_the_same(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    for batch in range(1, MOST_BATCHES, 2):
        board = make_board("F103xB", image=OLD)
        job, was_killed = await killed_at(board, batch, tmp_path / str(batch))
        assert job.state is JobState.DONE
        assert board.flash[: len(OLD)] == NEW + OLD[len(NEW) :]
        assert board.boots[-1].text == "new"
        if not was_killed:
            assert job.flash is not None
            assert [file.kept for file in job.flash.files] == [False, True]
            return
    pytest.fail("the flash did not end")
