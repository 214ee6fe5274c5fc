"""What the jobs read, verify, erase, go, protect, unprotect and option-bytes are asked for, and bring back.

Part of the daemon's API: `JobRequest.options` and `Job.result` are one of these, told apart by
`kind`. Addresses are the target's, lengths are bytes.
"""

from enum import Enum, unique
from typing import TypeAlias

import msgspec

from stmota_protocol.api.flash import FlashFile
from stmota_protocol.api.wire import Wire

DEFAULT_BAUD = 115_200
"""The highest rate that ST tests on all families (AN3155)."""


@unique
class Protection(Enum):
    """What the ROM's protection commands are about."""

    READOUT = "readout"
    WRITE = "write"


class ReadOptions(Wire, frozen=True, tag="read", tag_field="kind"):
    """Read memory: a range, or all of the flash where both are None."""

    address: int | None = None
    length: int | None = None
    baud: int | None = DEFAULT_BAUD


class VerifyOptions(Wire, frozen=True, tag="verify", tag_field="kind"):
    """Compare what the chip holds with files."""

    files: tuple[FlashFile, ...]
    """As those of a flash."""
    baud: int | None = DEFAULT_BAUD


class EraseOptions(Wire, frozen=True, tag="erase", tag_field="kind"):
    """Erase a range of whole erase units, units by number, or all of the flash where all are None."""

    address: int | None = None
    length: int | None = None
    units: tuple[int, ...] | None = None
    """Numbers of pages or sectors, as the ROM's erase command and `stmota info` have them."""
    check_all: bool = False
    """Read every byte back. Else a few of each unit, or all where the chip has GET CHECKSUM."""
    baud: int | None = DEFAULT_BAUD


class GoOptions(Wire, frozen=True, tag="go", tag_field="kind"):
    """Start what is at an address (its vector table), by the ROM's GO."""

    address: int
    force: bool = False


class ProtectOptions(Wire, frozen=True, tag="protect", tag_field="kind"):
    """Turn a protection on."""

    what: Protection
    units: tuple[int, ...] | None = None
    """Erase units, for WRITE; None: all."""


class UnprotectOptions(Wire, frozen=True, tag="unprotect", tag_field="kind"):
    """Turn a protection off. READOUT erases the whole chip."""

    what: Protection


class MemoryBytes(Wire, frozen=True):
    """Bytes at an address."""

    address: int
    data: str
    """In hex."""


class OptionBytesOptions(Wire, frozen=True, tag="option-bytes", tag_field="kind"):
    """Read the option bytes; first write some, if `fields` or `raw` name any."""

    fields: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    """By the reference manual's name."""
    raw: tuple[MemoryBytes, ...] = ()
    """The chip's complements are filled in."""
    force: bool = False
    """Overrides a refusal that is a matter of judgement."""
    permanent: bool = False
    """Allow what can never be undone: read protection level 2."""


class MemoryPiece(Wire, frozen=True):
    """A run of memory."""

    address: int
    length: int


class ReadResult(Wire, frozen=True, tag="read", tag_field="kind"):
    """What was read; the bytes are in the firmware store."""

    firmware: str
    """SHA-256 in hex of the pieces' bytes, one piece behind the other: `GET /v1/firmware/{sha256}`."""
    pieces: tuple[MemoryPiece, ...]
    """One, or one for each bank where there is a gap between them."""
    erased_value: int
    """What erased flash reads as: fills gaps in a binary file."""
    seconds: float
    bytes_per_s: float
    line_rate_share: float
    recoveries: int


class VerifyResult(Wire, frozen=True, tag="verify", tag_field="kind"):
    """The chip holds what the files say."""

    pieces: tuple[MemoryPiece, ...]
    length: int
    summed: int
    """Bytes compared by the chip's own GET CHECKSUM; the others were read back."""
    seconds: float
    recoveries: int


class EraseResult(Wire, frozen=True, tag="erase", tag_field="kind"):
    """What was erased."""

    units: int
    length: int
    checked: int
    """Bytes that were looked at afterwards, all found erased."""
    seconds: float
    recoveries: int


class GoResult(Wire, frozen=True, tag="go", tag_field="kind"):
    """What was started; `started` and `evidence` as in a flash's report."""

    address: int
    started: bool | None
    evidence: str | None
    note: str | None = None


class ProtectionResult(Wire, frozen=True, tag="protection", tag_field="kind"):
    """A protection was turned on or off."""

    what: Protection
    on: bool
    confirmed: bool | None
    """True: seen after a reset. None: the ROM acknowledged it, and nothing shows whether it is in force."""
    note: str | None = None


class OptionValue(Wire, frozen=True):
    """A named field of the option bytes, and where it stands."""

    name: str
    value: int
    address: int
    bit: int
    width: int


class OptionBytesResult(Wire, frozen=True, tag="option-bytes", tag_field="kind"):
    """The option bytes as READ MEMORY shows them."""

    fields: tuple[OptionValue, ...]
    blocks: tuple[MemoryBytes, ...]
    written: bool
    note: str | None = None


ChipOptions: TypeAlias = (
    ReadOptions
    | VerifyOptions
    | EraseOptions
    | GoOptions
    | ProtectOptions
    | UnprotectOptions
    | OptionBytesOptions
)
ChipResult: TypeAlias = (
    ReadResult | VerifyResult | EraseResult | GoResult | ProtectionResult | OptionBytesResult
)
