"""Out of the bootloader after a flash, and what can honestly be said of the application then."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stmota_daemon.bootloader import ATTEMPTS, Bootloader
from stmota_daemon.expectation import Expectation
from stmota_daemon.link import LinkLost
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.plan import Block
from stmota_protocol.steps import Line

BOOT_LINE_WITHIN_S = 1.0
"""How long to watch the log for a sign of life: applications that print at all do so within it."""
GO_STACK_MARGIN = 16
"""The stack must begin below the end of RAM less this, for GO of the H74x's ROM 9.x (AN2606)."""
BOTH_LINES = Line.NRST | Line.BOOT0


@dataclass(frozen=True, slots=True)
class Ending:
    """What was seen of the start; `started` as in `FlashReport`."""

    started: bool | None
    evidence: str | None
    note: str | None


async def end_flash(
    board: Board,
    bootloader: Bootloader,
    report: Report,
    target: Target,
    first_block: Block,
    *,
    start: bool,
    expectation: Expectation | None = None,
) -> Ending:
    """Start the application that `first_block` begins and watch for it, or stay in the ROM.

    By GO where a reset would lead back to the ROM: chips with an empty check that look only at power-on
    (protocol.md, extra family facts), and boards whose lines are not all wired. Raises `WorkFailed`
    (`NOT_STARTED`) when the chip could not even be told, or this ROM's GO cannot start it, and
    `ExpectationMissed` when it does not say what it should.
    """
    lines = bootloader.link.identity.lines
    by_go = target.traits.empty_check or lines & BOTH_LINES != BOTH_LINES
    obstacle = go_obstacle(target, first_block) if by_go else None
    if not start:
        await _insist(bootloader, report, bootloader.stay)
        return Ending(False, None, "left in its bootloader, as asked: `stmota reset` starts the application")
    if obstacle is not None:
        await _insist(bootloader, report, bootloader.stay)
        raise WorkFailed(_not_started(f"{obstacle}, and a reset needs both NRST and BOOT0 wired"))
    report.phase(Phase.START, 0, f"starting the application by {'GO' if by_go else 'reset'}")
    go_address = first_block.address if by_go else None
    return await start_and_watch(board, bootloader, report, target, go_address, expectation)


async def start_and_watch(
    board: Board,
    bootloader: Bootloader,
    report: Report,
    target: Target,
    go_address: int | None,
    expectation: Expectation | None = None,
) -> Ending:
    """Start by GO, or by a reset where there is no address, and watch the log for a sign of life."""
    mark = board.log_mark()
    await _insist(bootloader, report, lambda: bootloader.leave(go_address))
    if expectation is None:
        evidence = await board.log_text_since(mark, BOOT_LINE_WITHIN_S)
    else:
        report.phase(Phase.START, 0, f"waiting for {expectation.pattern!r}")
        evidence = await expectation.met(board, mark)
    note = _note(target, bootloader.link.identity.lines, by_go=go_address is not None)
    return Ending(True if evidence else None, evidence, note)


def go_obstacle(target: Target, first_block: Block) -> str | None:
    """Why this ROM's GO cannot start the image that `first_block` begins; None: it can."""
    if target.traits.has(DefectKind.GO_DEAD):
        return target.traits.texts(DefectKind.GO_DEAD)
    if target.traits.has(DefectKind.GO_STACK):
        chip = target.chip
        stack = int.from_bytes(first_block.data[:4], "little")
        banks = ((chip.ram_start, chip.ram_size or 0), *chip.more_ram)
        if any(0 <= start + size - stack <= GO_STACK_MARGIN for start, size in banks):
            return f"{target.traits.texts(DefectKind.GO_STACK)}; the image's is 0x{stack:08X}"
    return None


def _note(target: Target, lines: Line, *, by_go: bool) -> str | None:
    notes: list[str] = []
    if by_go and target.traits.has(DefectKind.GO_LEAVES):
        notes.append(f"started by GO: {target.traits.texts(DefectKind.GO_LEAVES)}")
    if Line.BOOT0 not in lines:
        notes.append("this bridge has no BOOT0 line: set BOOT0 low before the next reset")
    return "; ".join(notes) or None


async def _insist(bootloader: Bootloader, report: Report, leave: Callable[[], Awaitable[None]]) -> None:
    """Leave; after trouble enter again and leave once more, so that the chip's state is known."""
    text = ""
    for attempt in range(ATTEMPTS):
        try:
            if attempt:
                await bootloader.enter()
            await leave()
        except (Trouble, LinkLost) as error:
            text = str(error) or "the link to the bridge was lost"
            report.note(f"{text}; once more", warning=True)
        except WorkFailed as failed:
            raise WorkFailed(_not_started(failed.problem.message)) from failed
        else:
            return
    raise WorkFailed(_not_started(text))


def _not_started(why: str) -> Problem:
    return Problem(
        code=ProblemCode.NOT_STARTED,
        message=f"the image is in the flash, but its start failed: {why}",
        remedy="reset or power-cycle the board with BOOT0 low",
        step="start",
    )
