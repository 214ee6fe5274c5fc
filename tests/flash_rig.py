"""A flash of a virtual board over a link, without queue or store: its report, or why it failed."""

from typing import Any

from lab import RecordingReport, linked_board
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport
from stmota_protocol.steps import Line
from stmota_simulator.board import LINES, VirtualBoard


async def tried(
    board: VirtualBoard,
    file: bytes,
    *,
    address: int | None = None,
    filename: str = "fw.bin",
    lines: Line = LINES,
    report: RecordingReport | None = None,
    **options: Any,
) -> FlashReport | WorkFailed:
    """Flash one file; `options` as `FlashOptions` has them."""
    wanted = FlashOptions(files=(FlashFile(firmware="", filename=filename, address=address),), **options)
    async with linked_board(board, lines=lines) as (lab, _):
        try:
            return await flash(lab, report or RecordingReport(), [file], wanted)
        except WorkFailed as failure:
            return failure


async def flashed(board: VirtualBoard, file: bytes, **how: Any) -> FlashReport:
    """Flash what is to succeed; `how` as `tried` has it."""
    done = await tried(board, file, **how)
    if isinstance(done, WorkFailed):
        raise done
    return done


async def failed(board: VirtualBoard, file: bytes, **how: Any) -> WorkFailed:
    """Flash what cannot succeed."""
    failure = await tried(board, file, **how)
    assert isinstance(failure, WorkFailed)
    assert failure.problem.message
    return failure


async def refused(board: VirtualBoard, file: bytes, **how: Any) -> WorkFailed:
    """Flash what is to be refused before the chip's flash is touched, with what to do about it."""
    before = board.flash
    failure = await failed(board, file, **how)
    assert board.flash == before
    assert (board.counters.unit_erases, board.counters.mass_erases) == (0, 0)
    assert failure.problem.remedy
    return failure
