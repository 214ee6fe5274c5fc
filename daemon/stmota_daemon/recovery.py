"""After trouble on the wire: reset, sync, and go on, up to a bound."""

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.programming import FRUITLESS_RECOVERIES, MOST_RECOVERIES
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.api import Phase, Problem, ProblemCode


class Recovery:
    """Brings a chip back into step; counts, so that a line too bad ends the job."""

    def __init__(self, bootloader: Bootloader, report: Report) -> None:
        self.count = 0
        self._fruitless = 0
        self._at_this_rate = 0
        self._bootloader = bootloader
        self._report = report

    def progressed(self) -> None:
        """Something was done since the last recovery."""
        self._fruitless = 0

    async def recover(self, trouble: Trouble | LinkLost) -> None:
        """Reset into the ROM again. Raises `WorkFailed` at the bound, or when the chip does not come back."""
        self._count(trouble)
        text = str(trouble) if isinstance(trouble, Trouble) else "the link to the bridge was lost"
        self._report.note(f"{text}; resetting the chip and going on", warning=True)
        self._report.phase(Phase.RECOVER, 0, "resetting the chip")
        await self._bootloader.enter()

    def _count(self, trouble: Trouble | LinkLost) -> None:
        """At the bound go down to a lower baud, or raise `WorkFailed` where there is none."""
        self.count += 1
        self._at_this_rate += 1
        self._fruitless += isinstance(trouble, Trouble)
        if self._fruitless <= FRUITLESS_RECOVERIES and self._at_this_rate <= MOST_RECOVERIES:
            return
        if isinstance(trouble, LinkLost) or not self._bootloader.step_down():
            raise WorkFailed(_given_up(trouble, self.count)) from trouble
        baud = self._bootloader.settings.baud
        self._report.note(f"{trouble}, too often: going on at {baud} baud", warning=True)
        self._fruitless = self._at_this_rate = 0


def _given_up(trouble: Trouble | LinkLost, count: int) -> Problem:
    if isinstance(trouble, Trouble):
        return trouble.problem()
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the link to the bridge was lost {count} times in this job",
        remedy="look at the bridge's Wi-Fi or supply, then try again",
    )
