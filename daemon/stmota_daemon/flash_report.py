"""What a finished flash says of itself."""

from collections.abc import Collection
from dataclasses import dataclass

from stmota_daemon.ending import Ending
from stmota_daemon.pace import Pace
from stmota_daemon.target import Target, describe
from stmota_protocol.api import FlashReport
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.images import Image
from stmota_protocol.plan import FlashPlan
from stmota_protocol.steps import UartSettings


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was done to a chip."""

    target: Target
    image: Image
    """What the user's files hold."""
    settings: UartSettings
    unchanged: Collection[EraseUnit]
    compared_bytes: int
    """Read to find them."""
    kept_bytes: int
    done: FlashPlan | None
    """What was erased and written; None: nothing had to be."""
    verified: bool
    pace: Pace
    recoveries: int

    @property
    def unchanged_bytes(self) -> int:
        """Bytes of the image in the units that were left alone."""
        return sum(self.image.size_within(unit.address, unit.end) for unit in self.unchanged)

    def report(self, ending: Ending) -> FlashReport:
        """Return the report of a flash that ended so."""
        image, done, seconds = self.image, self.done, max(self.pace.seconds, 1e-6)
        changed_bytes = image.size - self.unchanged_bytes if done else 0
        moved_bytes = self.compared_bytes + changed_bytes * (2 if self.verified else 1)
        return FlashReport(
            target=describe(self.target),
            address=image.start,
            length=image.size,
            written=done.written_bytes if done else 0,
            erased_units=len(done.units) if done else 0,
            verified=self.verified,
            started=ending.started,
            started_evidence=ending.evidence,
            seconds=seconds,
            phase_seconds=self.pace.phase_seconds,
            bytes_per_s=image.size / seconds,
            line_rate_share=self.settings.wire_time_us(moved_bytes) / 1e6 / seconds,
            baud=self.settings.baud,
            unchanged_units=len(self.unchanged),
            unchanged_bytes=self.unchanged_bytes,
            recoveries=self.recoveries,
            kept_bytes=self.kept_bytes,
            note=ending.note,
        )
