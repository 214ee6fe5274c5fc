"""Firmware images: bytes with addresses, and what a file looks like before anybody believes it.

Files become images in `image_files.py`. Whether an image suits a chip is judged in `image_checks.py`.
"""

import re
from dataclasses import dataclass
from enum import Enum, unique

from stmota_protocol.api import Problem
from stmota_protocol.chips.model import Family


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of bytes with the address of the first; never empty."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """What is to stand in flash: segments by rising address that do not overlap, at least one."""

    segments: tuple[Segment, ...]
    built_for: Family | None = None
    """The family that the file says it is for; None: it says nothing."""

    def __post_init__(self) -> None:
        if not self.segments or not all(segment.data for segment in self.segments):
            message = "an image has at least one segment, and no empty one"
            raise ValueError(message)
        for lower, higher in zip(self.segments, self.segments[1:], strict=False):
            if lower.end > higher.address:
                message = f"segments overlap or are out of order at 0x{higher.address:08X}"
                raise ValueError(message)

    @property
    def start(self) -> int:
        """Lowest address."""
        return self.segments[0].address

    @property
    def end(self) -> int:
        """First address after the highest byte."""
        return self.segments[-1].end

    @property
    def size(self) -> int:
        """Bytes in all segments, without the gaps."""
        return sum(len(segment.data) for segment in self.segments)

    def size_within(self, start: int, end: int) -> int:
        """Bytes at addresses from `start` on, before `end`."""
        spans = (min(segment.end, end) - max(segment.address, start) for segment in self.segments)
        return sum(span for span in spans if span > 0)

    def holds(self, address: int) -> bool:
        """Whether the image has a byte at `address`."""
        return any(segment.address <= address < segment.end for segment in self.segments)

    def first_words(self, count: int) -> tuple[int, ...]:
        """Return up to `count` 32-bit little-endian words from the image's first byte on."""
        data = self.segments[0].data
        usable = min(count, len(data) // 4)
        return tuple(int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(usable))


class ImageRefused(Exception):
    """The image cannot be flashed, or should not: `problem` says why, and whether force overrides it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


@unique
class Looks(Enum):
    """What the bytes of a file look like; the value is how to call it in a sentence."""

    EMPTY = "an empty file"
    ELF = "an ELF file"
    INTEL_HEX = "an Intel HEX file"
    S_RECORD = "a Motorola S-record file"
    UF2 = "a UF2 file"
    DFUSE = "a DfuSe file"
    ARCHIVE = "a compressed archive"
    HTML = "a web page"
    TEXT = "a text file"
    ERASED = "erased flash: one value throughout"
    BINARY = "binary data"


_MAGICS: tuple[tuple[bytes, Looks], ...] = (
    (b"\x7fELF", Looks.ELF),
    (b"UF2\n", Looks.UF2),
    (b"DfuSe", Looks.DFUSE),
    (b"PK\x03\x04", Looks.ARCHIVE),
    (b"\x1f\x8b\x08", Looks.ARCHIVE),  # gzip
    (b"\xfd7zXZ\x00", Looks.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Looks.ARCHIVE),
    (b"BZh", Looks.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Looks.ARCHIVE),  # Zstandard
)
_INTEL_HEX = re.compile(rb":[0-9A-Fa-f]{10,}(?:\s|\Z)")
_S_RECORD = re.compile(rb"S[0-9][0-9A-Fa-f]{6,}(?:\s|\Z)")
_HTML = re.compile(rb"<(!doctype html|html|head|\?xml)", re.IGNORECASE)
_SAMPLE = 4096
"""Bytes looked at; enough for a first line or a vector table."""
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")
_SPACE = 0x20
_DELETE = 0x7F


def recognise(data: bytes) -> Looks:
    """Say what a file's bytes look like, by its magic numbers and its first bytes."""
    if not data:
        return Looks.EMPTY
    for magic, looks in _MAGICS:
        if data.startswith(magic):
            return looks
    start = data[:_SAMPLE].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    for pattern, looks in (
        (_INTEL_HEX, Looks.INTEL_HEX),
        (_S_RECORD, Looks.S_RECORD),
        (_HTML, Looks.HTML),
    ):
        if pattern.match(start):
            return looks
    if data in (b"\xff" * len(data), b"\x00" * len(data)):
        return Looks.ERASED
    return Looks.TEXT if _is_text(data[:_SAMPLE]) else Looks.BINARY


def _is_text(sample: bytes) -> bool:
    return all(
        byte in _TEXT_CONTROLS or (byte >= _SPACE and byte != _DELETE) for byte in sample
    ) and _is_utf8(sample)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample[:-3].decode()  # the sample may end within a character
    except UnicodeDecodeError:
        return False
    return True
