"""The small jobs: ask the chip who it is, and reset it."""

from stmota_daemon.bootloader import LINK_WITHIN_S, Bootloader
from stmota_daemon.entry import into_application
from stmota_daemon.flash import recognise, reset_quietly
from stmota_daemon.link import LinkLost
from stmota_daemon.target import describe
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import Phase, Problem, ProblemCode, TargetInfo
from stmota_protocol.steps import Line, Unclaimed

ASK_BAUD = 115_200
"""The highest rate that ST tests on all families (AN3155)."""


async def info(board: Board, report: Report) -> TargetInfo:
    """Enter the ROM, read what the chip says of itself, and reset it into its application."""
    report.phase(Phase.CONNECT, 0, f"connecting to {board.name}")
    bootloader = Bootloader(board, report, ASK_BAUD)
    try:
        return describe(await recognise(bootloader, report))
    finally:
        await reset_quietly(bootloader)


async def reset(board: Board, report: Report) -> None:
    """Reset the chip into its application. Raises `WorkFailed`."""
    report.phase(Phase.CONNECT, 0, f"connecting to {board.name}")
    link = await board.link(LINK_WITHIN_S)
    lines = link.identity.lines
    if not lines & Line.NRST:
        raise WorkFailed(_no_reset_line(board.name))
    report.phase(Phase.START, 0, "resetting")
    try:
        run = link.begin_run(Unclaimed.CONSOLE)
        result = await run.execute(into_application(lines, board.console))
        run.end()
    except LinkLost as lost:
        raise WorkFailed(_lost(board.name)) from lost
    if not result.is_done:
        raise WorkFailed(_not_done(board.name))


def _no_reset_line(name: str) -> Problem:
    return Problem(
        code=ProblemCode.NOT_STARTED,
        message=f"the bridge {name} has no NRST line",
        remedy="reset the board by hand, or wire NRST to the bridge",
        step="reset",
    )


def _lost(name: str) -> Problem:
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the link to {name} was lost during the reset; whether the chip was reset is not known",
        remedy="try again once `stmota discover` shows the bridge",
        step="reset",
    )


def _not_done(name: str) -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message=f"the bridge {name} could not drive its lines or set its UART",
        remedy="does its port support the console's UART settings?",
        step="reset",
    )
