"""Motorola S-record (S19, S28, S37), after "M68000 Family Programmer's Reference Manual", appendix C.

`S`, type, length, address (big endian), data, checksum: the ones' complement of the sum of all bytes before.
"""

from dataclasses import dataclass, field

from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.formats.pieces import Pieces
from stmota_protocol.formats.records import check_end, lines, no_end, record_bytes
from stmota_protocol.images import Image

_ADDRESS_BYTES = {0: 2, 1: 2, 2: 3, 3: 4, 5: 2, 6: 3, 7: 4, 8: 3, 9: 2}
"""By record type; type 4 is reserved."""
_DATA = (1, 2, 3)
_COUNT = (5, 6)
_END = (7, 8, 9)


@dataclass(slots=True)
class _Reader:
    pieces: Pieces = field(default_factory=lambda: Pieces("line"))
    data_records: int = 0
    ended_at: int | None = None

    def take(self, kind: int, record: bytes, line: int) -> None:
        address_bytes = _checked(kind, record, line)
        address = int.from_bytes(record[1 : 1 + address_bytes], "big")
        if kind in _DATA:
            self.data_records += 1
            self.pieces.add(address, record[1 + address_bytes : -1], line)
        elif kind in _COUNT and address != self.data_records:
            what = f"counts {address} data records, but there are {self.data_records}"
            raise Malformed(where=f"line {line}", what=what)
        elif kind in _END:
            self.ended_at = line


def _checked(kind: int, record: bytes, line: int) -> int:
    where = f"line {line}"
    if kind not in _ADDRESS_BYTES:
        raise Malformed(
            where=where, what=f"is of the unknown record type S{kind}", remedy="what made this file?"
        )
    if len(record) < 2 + _ADDRESS_BYTES[kind] or record[0] != len(record) - 1:
        raise Malformed(where=where, what="is not as long as its length byte says")
    right = ~sum(record[:-1]) & 0xFF
    if record[-1] != right:
        raise Malformed(where=where, what=f"has checksum {record[-1]:02X}, but its bytes give {right:02X}")
    return _ADDRESS_BYTES[kind]


def parse(data: bytes) -> Image:
    """Return the image of an S-record file. Raises `Malformed` with the line."""
    reader = _Reader()
    for line, text in lines(data):
        check_end(reader.ended_at, line)
        if text[:1] != b"S" or not text[1:2].isdigit():
            raise Malformed(where=f"line {line}", what="is no record: it does not start with S and a digit")
        reader.take(int(text[1:2]), record_bytes(text[2:], line), line)
    if reader.ended_at is None:
        raise no_end()
    return reader.pieces.image()
