"""The flash job: parse, enter, identify, check, erase, write, verify, leave, and watch it start.

A straight-line coroutine. Whatever ends it early, cancellation included, the chip is taken out of the
middle of a command: reset with BOOT0 low. Until the very end the first block is missing, so that what is
left then boots nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from stmota_daemon.bootloader import ATTEMPTS, Bootloader
from stmota_daemon.checks import check_flash
from stmota_daemon.ending import end_flash
from stmota_daemon.expectation import Expectation, ExpectationMissed
from stmota_daemon.flash_changes import FlashChanges
from stmota_daemon.given_files import read_files
from stmota_daemon.link import LinkError, LinkLost
from stmota_daemon.memory import NO_MEMORY, Memory
from stmota_daemon.supply import check_supply_option, tell_supply
from stmota_daemon.target import Target, identify
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.an3155 import BadReply
from stmota_protocol.api import FlashOptions, FlashReport, Phase, Problem, ProblemCode

CLEAN_UP_WITHIN_S = 5.0
"""For the reset at the end of a job that failed or was cancelled: the batch takes 10 ms and a round trip."""


async def flash(
    board: Board,
    report: Report,
    contents: Sequence[bytes],
    options: FlashOptions,
    before_erase: Callable[[Target], None] = lambda _: None,
    memory: Memory = NO_MEMORY,
) -> FlashReport:
    """Flash the files that `options` names, whose bytes are `contents`.

    `before_erase` is told the chip once all other checks are done, and may raise `WorkFailed`.

    Raises `WorkFailed`; cancelled or failed, the chip is left reset.
    """
    files = read_files(contents, options.files)
    check_supply_option(options.supply_mv)
    expectation = Expectation.of(options)
    report.phase(Phase.CONNECT, 0, f"connecting to {board.name}")
    bootloader = Bootloader(board, report, options.baud)
    try:
        target = await recognise(bootloader, report)
        report.phase(Phase.CHECK, 0, "checking the image against the chip")
        checked = check_flash(target, files, options, report)
        before_erase(target)
        await tell_supply(bootloader, report, target, options.supply_mv)
        flashed = await FlashChanges(bootloader, report, target, checked, options, memory).bring()
        first_block = checked.plan.last_block
        ending = await end_flash(
            board, bootloader, report, target, first_block, start=options.start, expectation=expectation
        )
    except ExpectationMissed:  # the chip runs, which may be the wrong image's way of running
        raise
    except BaseException:
        await reset_quietly(bootloader)
        raise
    return flashed.report(ending)


async def recognise(bootloader: Bootloader, report: Report) -> Target:
    """Enter the ROM and identify the chip; once more from the start after trouble. Raises `WorkFailed`."""
    attempt = 1
    while True:
        report.phase(Phase.ENTER, 0, "entering the bootloader")
        await bootloader.enter()
        report.phase(Phase.IDENTIFY, 0, "identifying the chip")
        try:
            return await identify(bootloader)
        except LinkLost:
            report.note("the link to the bridge was lost; waiting for it", warning=True)
        except (Trouble, BadReply) as trouble:
            if attempt == ATTEMPTS and bootloader.step_down():
                attempt = 0
            elif attempt == ATTEMPTS:
                raise WorkFailed(_unidentified(trouble)) from trouble
            report.note(f"{trouble}; once more", warning=True)
            attempt += 1


def _unidentified(trouble: Trouble | BadReply) -> Problem:
    if isinstance(trouble, Trouble):
        return trouble.problem()
    remedy = "check ground and the length of the wires, or try a lower --baud"
    return Problem(code=ProblemCode.FAILED, message=str(trouble), remedy=remedy, step="identify")


async def reset_quietly(bootloader: Bootloader) -> None:
    """Take the chip out of whatever it is in: abort, then reset with BOOT0 low, if the link is there."""
    with trio.move_on_after(CLEAN_UP_WITHIN_S, shield=True), suppress(LinkError, WorkFailed, Trouble):
        bootloader.abort()
        if bootloader.is_attached:
            await bootloader.attach()
            await bootloader.leave()
