"""A flash: what is asked for, and what became of it."""

from stmota_protocol.api.target import TargetInfo
from stmota_protocol.api.wire import Wire


class FlashFile(Wire, frozen=True):
    """One of the files of a flash, or of what is verified."""

    firmware: str
    """SHA-256 in hex of a firmware in the store (`PUT /v1/firmware/{sha256}`)."""
    filename: str
    address: int | None = None
    """Where a raw binary goes; None is the chip's flash start."""
    kept: bool = False
    """Not given by a user: raw bytes that `keep` read from the chip, to be restored. The daemon adds it."""


class FlashOptions(Wire, frozen=True):
    """What to flash and how."""

    files: tuple[FlashFile, ...]
    """At least one; no two may give the same byte."""
    baud: int | None = 115200
    """None: the fastest at which the chip answers right, and a lower one after trouble."""
    verify: bool = True
    start: bool = True
    force: bool = False
    full: bool = False
    """Erase and write also what is in the flash already."""
    keep: bool = False
    """Read and restore what the files do not cover of the units that are erased."""
    supply_mv: int | None = None
    """The chip's VDD, for F2 and F4: they erase and program faster when they know it. None: byte by byte."""
    expect: str | None = None
    """A regular expression (Python's) that a line of the board's log must match after the start."""
    within_s: float = 10.0
    """Seconds that `expect` has, from the start on."""
    rollback: bool = False
    """If `expect` is not met, put back the image last verified on this chip; the job fails all the same."""


class FlashReport(Wire, frozen=True):
    """What a finished flash did. Only what was seen is claimed."""

    target: TargetInfo
    address: int
    length: int
    """Bytes of the image."""
    written: int
    erased_units: int
    verified: bool
    started: bool | None
    """True: seen running. None: reset, but nothing was seen that proves it. False: not asked for."""
    started_evidence: str | None
    """What was seen, e.g. the first line of the log."""
    seconds: float
    """First comparison or erase to last check, by the edge's clock where it was one connection."""
    phase_seconds: dict[str, float]
    bytes_per_s: float
    line_rate_share: float
    """Wire time of the image's own bytes, as often as they were written or read, as a share of `seconds`."""
    recoveries: int
    """Times that trouble on the wire had to be mended."""
    baud: int | None = None
    """Of the bootloader, at the job's end."""
    unchanged_units: int = 0
    """Erase units that held already what they should: neither erased nor written."""
    unchanged_bytes: int = 0
    """Bytes of the image in them."""
    kept_bytes: int = 0
    """Read before the erase and restored, as `keep` asks; what was empty does not count."""
    note: str | None = None
    """What the user should know or still do, e.g. power-cycle the board."""
