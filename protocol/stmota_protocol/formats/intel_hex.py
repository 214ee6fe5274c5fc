"""Intel HEX, after Intel's "Hexadecimal Object File Format Specification", revision A (1988).

`:` length, 16-bit address (big endian), type, data, checksum: all bytes of a record add up to 0 modulo 256.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.formats.pieces import Pieces
from stmota_protocol.formats.records import check_end, lines, no_end, record_bytes
from stmota_protocol.images import Image

_HEAD_AND_SUM = 5
_SEGMENT_BYTES = 0x10000


class _Type(IntEnum):
    DATA = 0
    END = 1
    SEGMENT_BASE = 2
    """Bits 4 to 19 of the addresses that follow."""
    SEGMENT_START = 3
    """CS and IP to start at: means nothing to a Cortex-M."""
    LINEAR_BASE = 4
    """Bits 16 to 31 of the addresses that follow."""
    LINEAR_START = 5
    """Where to start: the vector table says so to a Cortex-M, and this is for debuggers."""


_TYPES = frozenset(kind.value for kind in _Type)
_ARGUMENT_BYTES = {
    _Type.END: 0,
    _Type.SEGMENT_BASE: 2,
    _Type.SEGMENT_START: 4,
    _Type.LINEAR_BASE: 2,
    _Type.LINEAR_START: 4,
}


@dataclass(slots=True)
class _Reader:
    pieces: Pieces = field(default_factory=lambda: Pieces("line"))
    base: int = 0
    is_segmented: bool = False
    ended_at: int | None = None

    def take(self, record: bytes, line: int) -> None:
        kind, payload = self._checked(record, line)
        if kind is _Type.DATA:
            self._take_data(int.from_bytes(record[1:3], "big"), payload, line)
        elif kind is _Type.END:
            self.ended_at = line
        elif kind in (_Type.SEGMENT_BASE, _Type.LINEAR_BASE):
            self.is_segmented = kind is _Type.SEGMENT_BASE
            self.base = int.from_bytes(payload, "big") << (4 if self.is_segmented else 16)

    def _checked(self, record: bytes, line: int) -> tuple[_Type, bytes]:
        where = f"line {line}"
        if len(record) < _HEAD_AND_SUM or record[0] != len(record) - _HEAD_AND_SUM:
            raise Malformed(where=where, what="is not as long as its length byte says")
        if sum(record) % 256:
            right = -sum(record[:-1]) % 256
            raise Malformed(
                where=where, what=f"has checksum {record[-1]:02X}, but its bytes give {right:02X}"
            )
        if record[3] not in _TYPES:
            remedy = "types 00 to 05 are known; what made this file?"
            raise Malformed(where=where, what=f"is of the unknown record type {record[3]:02X}", remedy=remedy)
        kind, payload = _Type(record[3]), record[4:-1]
        if len(payload) != _ARGUMENT_BYTES.get(kind, len(payload)):
            raise Malformed(where=where, what=f"has {len(payload)} bytes, wrong for record type {kind:02X}")
        return kind, payload

    def _take_data(self, offset: int, payload: bytes, line: int) -> None:
        if self.is_segmented and offset + len(payload) > _SEGMENT_BYTES:
            what = "crosses the end of its 64 KiB segment, where tools disagree how to go on"
            raise Malformed(
                where=f"line {line}",
                what=what,
                remedy="make the file with linear addresses (type 04 records)",
            )
        self.pieces.add(self.base + offset, payload, line)


def parse(data: bytes) -> Image:
    """Return the image of an Intel HEX file. Raises `Malformed` with the line."""
    reader = _Reader()
    for line, text in lines(data):
        check_end(reader.ended_at, line)
        if not text.startswith(b":"):
            raise Malformed(where=f"line {line}", what="is no record: it does not start with a colon")
        reader.take(record_bytes(text[1:], line), line)
    if reader.ended_at is None:
        raise no_end()
    return reader.pieces.image()
