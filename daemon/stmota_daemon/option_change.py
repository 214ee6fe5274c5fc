"""A change of option bytes or of protection: sent once, then the chip is asked what has become of it."""

import msgspec

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.flash import recognise
from stmota_daemon.link import LinkLost
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.an3155 import Command
from stmota_protocol.api import Phase, Problem, ProblemCode

NOT_YET = (
    "acknowledged, but the chip does not show it yet: some load their option bytes only when their supply"
    " comes. Power-cycle the board, and look with `stmota info`"
)


class Change:
    """One change, and whether the chip acknowledged it."""

    def __init__(self, bootloader: Bootloader, report: Report) -> None:
        self._bootloader = bootloader
        self._report = report
        self._failure: WorkFailed | None = None

    async def make(self, command: Command, text: str) -> Target:
        """Send the command, enter the ROM again (the chip may have reset itself), and identify the chip.

        Raises `WorkFailed` for a refusal. An ACK that did not come is noted: see `settle`.
        """
        self._report.phase(Phase.PROTECT, 0, text)
        try:
            await self._bootloader.execute(command)
        except (Trouble, LinkLost) as trouble:
            failure = WorkFailed(_problem(trouble, command))
            if isinstance(trouble, Trouble) and trouble.was_refused:
                raise failure from trouble
            self._failure = failure
            self._report.note(f"{failure.problem.message}; looking at what has become of it", warning=True)
        try:
            return await recognise(self._bootloader, self._report)
        except WorkFailed as failed:
            raise WorkFailed(_gone(failed.problem, command)) from failed

    def settle(self, *, in_force: bool | None) -> str | None:
        """Say what the user must know, now that the chip showed whether the change is in force.

        Raises `WorkFailed` if it is not, and the chip had not acknowledged it either.
        """
        if in_force:
            return None
        if self._failure is not None:
            raise self._failure
        return NOT_YET if in_force is False else None


def _gone(problem: Problem, command: Command) -> Problem:
    """The change may well be made, but the chip does not come back to its bootloader."""
    return msgspec.structs.replace(
        problem,
        message=f"after {command} the bootloader does not answer any more: {problem.message}",
        remedy="power-cycle the board and look with `stmota info`: some chips load their option bytes, or see"
        " whether their flash is empty, only then; and one that turns BOOT0 off takes the bootloader away",
    )


def _problem(trouble: Trouble | LinkLost, command: Command) -> Problem:
    if isinstance(trouble, Trouble):
        return trouble.problem("is the chip protected? `stmota info` tells; else try again")
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"{command}: the link to the bridge was lost",
        remedy="try again once `stmota discover` shows the bridge",
        step=command.code.title,
    )
