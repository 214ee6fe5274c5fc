"""Text files of records, a line each: what Intel HEX and Motorola S-record have in common."""

import re
from binascii import Error, unhexlify
from collections.abc import Iterator

from stmota_protocol.formats.malformed import Malformed

_LINE = re.compile(rb"[^\r\n]+|\r\n|\r|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DOS_END_OF_FILE = b"\x1a"
MAX_LINES = 600_000
"""4 MiB of flash in records of 8 bytes are 524,288. Bounds what a file can cost: some seconds."""
LONGEST = 2 * 260
"""Hex digits of a record: 255 bytes of data and up to 5 of head and checksum, in either format."""


def lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, text without blanks at its ends) of each line that has any text."""
    number = 1
    for found in _LINE.finditer(data.removeprefix(_BYTE_ORDER_MARK)):
        text = found[0]
        if text in (b"\r\n", b"\r", b"\n"):
            number += 1
            if number > MAX_LINES:
                what = f"has more than {MAX_LINES} lines, which no firmware needs"
                raise Malformed(what=what, remedy="make the file with longer records")
        elif stripped := text.strip(b" \t" + _DOS_END_OF_FILE):
            yield number, stripped


def record_bytes(digits: bytes, line: int) -> bytes:
    """Return what a record's hex digits say. Raises `Malformed` if they are none, odd, or too many."""
    if len(digits) > LONGEST:
        raise Malformed(where=f"line {line}", what="is longer than any record")
    try:
        return unhexlify(digits)
    except Error as error:
        what = "is no record: not all of it is pairs of hex digits"
        raise Malformed(where=f"line {line}", what=what) from error


def check_end(ended_at: int | None, line: int) -> None:
    """Refuse a record behind the end record. Raises `Malformed`."""
    if ended_at is None:
        return
    what = f"goes on after the end record of line {ended_at}: two files in one?"
    raise Malformed(
        where=f"line {line}",
        what=what,
        remedy="merge them with a tool that knows the format (srec_cat, hexmerge)",
    )


def no_end() -> Malformed:
    """What to raise where the end record is missing."""
    return Malformed(what="ends without its end record")
