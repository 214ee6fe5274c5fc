"""What the doctor found."""

from stmota_protocol.api.problems import Problem
from stmota_protocol.api.wire import Wire


class DoctorCheck(Wire, frozen=True):
    """One thing that the doctor looked at."""

    name: str
    """`bridge`, `RX level`, `echo`, …"""
    ok: bool | None
    """None: it cannot be told."""
    text: str


class DoctorReport(Wire, frozen=True):
    """What the doctor found."""

    healthy: bool
    """Nothing is wrong, as far as it can be seen."""
    verdict: str
    suspects: tuple[str, ...]
    """The wires to look at, the likeliest first: `TX` and `RX` by the bridge's names; empty when healthy."""
    remedies: tuple[str, ...]
    checks: tuple[DoctorCheck, ...]
    bridge_firmware: str
    chip: str | None
    left_running: bool
    """The application was started again."""
    problem: Problem | None
    """The verdict as a problem (`wiring`), unless healthy."""
