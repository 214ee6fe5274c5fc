"""A chip in its bootloader for the time of a job, and out of it however the job ends."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.flash import recognise, reset_quietly
from stmota_daemon.target import Target
from stmota_daemon.work import Board, Report
from stmota_protocol.api import Phase


@asynccontextmanager
async def in_rom(
    board: Board, report: Report, baud: int | None, *, resets: bool = True
) -> AsyncGenerator[tuple[Bootloader, Target]]:
    """Enter the ROM and identify the chip; at the end reset it with BOOT0 low.

    Without `resets` only a failure or a cancellation does that. Raises `WorkFailed`.
    """
    report.phase(Phase.CONNECT, 0, f"connecting to {board.name}")
    bootloader = Bootloader(board, report, baud)
    try:
        yield bootloader, await recognise(bootloader, report)
    except BaseException:
        await reset_quietly(bootloader)
        raise
    if resets:
        await reset_quietly(bootloader)
