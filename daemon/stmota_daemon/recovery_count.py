"""How often trouble on the wire is mended before a lower baud is tried, and before the job is given up."""

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.api import Problem, ProblemCode

FRUITLESS_RECOVERIES = 3
"""Recoveries in a row that bring nothing done: the fourth trouble asks for a lower baud, or ends the job."""
MOST_RECOVERIES = 100
"""At one baud; a line so bad at the lowest needs a person."""


class RecoveryCount:
    """Counts the recoveries of one job, so that a line too bad ends it."""

    def __init__(self, bootloader: Bootloader, report: Report, *, job: str, remedy: str) -> None:
        """`job` and `remedy`: what it is called, and what to do, when the link is lost too often."""
        self.total = 0
        self._fruitless = 0
        self._at_this_rate = 0
        self._bootloader = bootloader
        self._report = report
        self._job = job
        self._remedy = remedy

    def progressed(self) -> None:
        """Something was done since the last recovery."""
        self._fruitless = 0

    def add(self, trouble: Trouble | LinkLost) -> None:
        """Count one more; at the bound go down to a lower baud. Raises `WorkFailed` where there is none."""
        self.total += 1
        self._at_this_rate += 1
        self._fruitless += isinstance(trouble, Trouble)
        if self._fruitless <= FRUITLESS_RECOVERIES and self._at_this_rate <= MOST_RECOVERIES:
            return
        if isinstance(trouble, LinkLost) or not self._bootloader.step_down():
            raise WorkFailed(self._given_up(trouble)) from trouble
        baud = self._bootloader.settings.baud
        self._report.note(f"{trouble}, too often: going on at {baud} baud", warning=True)
        self._fruitless = self._at_this_rate = 0

    def _given_up(self, trouble: Trouble | LinkLost) -> Problem:
        if isinstance(trouble, Trouble):
            return trouble.problem()
        return Problem(
            code=ProblemCode.UNREACHABLE,
            message=f"the link to the bridge was lost {self.total} times in this {self._job}",
            remedy=self._remedy,
        )
