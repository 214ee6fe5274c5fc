"""The doctor: walks a board's wiring from supply to bootloader, and says which wire to look at.

It writes nothing into the chip. However it ends, the chip is left reset into its application, where the
bridge's lines allow that.
"""

from contextlib import suppress

import trio

from stmota_daemon.doctor_checks import (
    application_check,
    boot0_check,
    bootloader_check,
    bridge_check,
    echo_check,
    level_checks,
    parity_check,
    reset_check,
)
from stmota_daemon.doctor_examination import Examination
from stmota_daemon.doctor_verdict import Verdict, verdict
from stmota_daemon.link import Link, LinkError, LinkLost
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import DoctorCheck, DoctorReport, Phase, Problem, ProblemCode

LINK_WITHIN_S = 10.0
"""As for any job: the daemon's longest back-off between two attempts."""
CLEAN_UP_WITHIN_S = 5.0
"""For the reset at the end of an examination that was cut short."""


async def doctor(board: Board, report: Report) -> DoctorReport:
    """Examine the board. Raises `WorkFailed` (`UNREACHABLE`, `HELD`) only where the bridge is not there."""
    report.phase(Phase.CONNECT, 0, f"connecting to {board.name}")
    link = await board.link(LINK_WITHIN_S)
    checks = _Checks(report)
    checks.add(bridge_check(link))
    examination = Examination(link, board.console, report)
    try:
        await _walk(examination, checks, report)
        await examination.leave()
    except LinkLost as lost:
        raise WorkFailed(_lost(board.name)) from lost
    except BaseException:
        await _leave_quietly(examination)
        raise
    return _reported(verdict(examination.seen), checks.made, examination, link)


class _Checks:
    """Checks as they are made, each told at once."""

    def __init__(self, report: Report) -> None:
        self.made: list[DoctorCheck] = []
        self._report = report

    def add(self, *checks: DoctorCheck) -> None:
        for check in checks:
            self.made.append(check)
            sign = {True: "right", False: "WRONG", None: "not known"}[check.ok]
            self._report.note(f"{check.name}: {sign}: {check.text}", warning=check.ok is False)


async def _walk(examination: Examination, checks: _Checks, report: Report) -> None:
    """Look, listen, reset, talk: in this order, as each step rests on the one before."""
    seen = examination.seen
    report.phase(Phase.CHECK, 0, "looking at the idle levels, listening to the application")
    await examination.look()
    checks.add(*level_checks(seen))
    report.phase(Phase.CHECK, 0, "resetting the chip with BOOT0 low")
    await examination.hold_and_start()
    checks.add(application_check(seen))
    report.phase(Phase.ENTER, 0, "entering the bootloader")
    await examination.enter()
    checks.add(bootloader_check(seen), echo_check(seen))
    if seen.is_in_rom and not seen.returns:
        report.phase(Phase.IDENTIFY, 0, "asking the bootloader")
        await examination.ask()
        await examination.ask_while_held()
        await examination.try_boot0_low()
    checks.add(parity_check(seen), reset_check(seen), boot0_check(seen))


async def _leave_quietly(examination: Examination) -> None:
    with trio.move_on_after(CLEAN_UP_WITHIN_S, shield=True), suppress(LinkError, WorkFailed):
        examination.abort()
        await examination.leave()


def _reported(
    found: Verdict, checks: list[DoctorCheck], examination: Examination, link: Link
) -> DoctorReport:
    problem = None
    if found.suspects:
        problem = Problem(
            code=ProblemCode.WIRING,
            message=f"look at {', '.join(found.suspects)}: {found.text}",
            remedy="; ".join(found.remedies),
            step="doctor",
        )
    return DoctorReport(
        healthy=not found.suspects,
        verdict=found.text,
        suspects=found.suspects,
        remedies=found.remedies,
        checks=tuple(checks),
        bridge_firmware=link.identity.firmware,
        chip=examination.seen.chip,
        left_running=examination.left_running,
        problem=problem,
    )


def _lost(name: str) -> Problem:
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the link to {name} was lost during the examination",
        remedy="look at the bridge's Wi-Fi and its supply, then ask the doctor again",
        step="doctor",
    )
