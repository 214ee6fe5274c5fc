"""Collects a file's bytes in the order they stand in it, and makes the image: gaps stay gaps.

Nothing is ever filled, so that a file that spans 4 GiB costs what its bytes cost.
"""

from dataclasses import dataclass

from stmota_protocol.chips.model import KIB
from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.images import Image, Segment

MAX_BYTES = 16 * KIB * KIB
"""The largest STM32 has 4 MiB of flash. Bounds what a file can cost."""
MAX_SEGMENTS = 1024
"""Linkers make a handful. Bounds what planning can cost, which looks at segments by erase units."""
_ADDRESS_END = 1 << 32


@dataclass(slots=True)
class _Run:
    """Bytes that follow each other both in the file and in memory."""

    address: int
    data: bytearray
    place: int

    @property
    def end(self) -> int:
        return self.address + len(self.data)


class Pieces:
    """Bytes with addresses, added in any order; `unit` is what a place in this file counts (line, offset)."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._runs: list[_Run] = []
        self._bytes = 0

    def add(self, address: int, data: bytes, place: int) -> None:
        """Add bytes, none included. Raises `Malformed` beyond 4 GiB, and for more than `MAX_BYTES`."""
        if not data:
            return
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            what = f"holds more than {MAX_BYTES // KIB // KIB} MiB, and no STM32 has so much flash"
            raise Malformed(what=what, remedy="is that the firmware?")
        if address + len(data) > _ADDRESS_END:
            what = f"{len(data)} bytes at 0x{address:08X} go beyond the last 32-bit address"
            raise Malformed(where=self.where(place), what=what)
        if self._runs and self._runs[-1].end == address:
            self._runs[-1].data += data
        else:
            self._runs.append(_Run(address, bytearray(data), place))

    def where(self, place: int) -> str:
        """Name a place for people."""
        return f"{self._unit} {place}"

    def image(self) -> Image:
        """Return all bytes as an image. Raises `Malformed` if there are none, or one is given twice."""
        merged: list[_Run] = []
        for run in sorted(self._runs, key=lambda run: run.address):
            if merged and merged[-1].end > run.address:
                raise self._given_twice(merged[-1], run)
            if merged and merged[-1].end == run.address:
                merged[-1].data += run.data
            else:
                merged.append(_Run(run.address, bytearray(run.data), run.place))
        if not merged:
            raise Malformed(what="holds no data", remedy="build the firmware again, and check the path")
        if len(merged) > MAX_SEGMENTS:
            what = f"is in {len(merged)} separate pieces, which no linker makes"
            raise Malformed(what=what, remedy=f"give a file of at most {MAX_SEGMENTS} pieces")
        return Image(tuple(Segment(run.address, bytes(run.data)) for run in merged))

    def _given_twice(self, one: _Run, other: _Run) -> Malformed:
        places = f"what starts at {self.where(one.place)}"
        what = f"gives the bytes at 0x{other.address:08X} a second time: {places} holds them, too"
        remedy = "which of the two is meant? Build or merge the file again without the overlap"
        return Malformed(where=self.where(other.place), what=what, remedy=remedy)
