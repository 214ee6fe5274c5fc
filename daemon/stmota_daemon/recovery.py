"""After trouble on the wire: reset, sync, and go on, up to a bound."""

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.recovery_count import RecoveryCount
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report
from stmota_protocol.api import Phase

AFTER_LOST_LINKS = "look at the bridge's Wi-Fi or supply, then try again"


class Recovery:
    """Brings a chip back into step, for jobs that leave nothing half done on it."""

    def __init__(self, bootloader: Bootloader, report: Report) -> None:
        self._recoveries = RecoveryCount(bootloader, report, job="job", remedy=AFTER_LOST_LINKS)
        self._bootloader = bootloader
        self._report = report

    @property
    def count(self) -> int:
        """Recoveries so far."""
        return self._recoveries.total

    def progressed(self) -> None:
        """Something was done since the last recovery."""
        self._recoveries.progressed()

    async def recover(self, trouble: Trouble | LinkLost) -> None:
        """Reset into the ROM again. Raises `WorkFailed` at the bound, or when the chip does not come back."""
        self._recoveries.add(trouble)
        text = str(trouble) if isinstance(trouble, Trouble) else "the link to the bridge was lost"
        self._report.note(f"{text}; resetting the chip and going on", warning=True)
        self._report.phase(Phase.RECOVER, 0, "resetting the chip")
        await self._bootloader.enter()
