"""Memory of a chip as a file: raw binary, or Intel HEX."""

from pathlib import Path

from stmota_client import screen
from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.chip_work import ReadResult

HEX_ENDINGS = frozenset({".hex", ".ihex", ".ihx"})
FORMATS = ("bin", "hex")


def wants_hex(file: str, wanted: str | None) -> bool:
    """Return whether Intel HEX is wanted: by option, else by the file's ending. Raises `ClientError`."""
    if wanted is None:
        return Path(file).suffix.lower() in HEX_ENDINGS
    if wanted not in FORMATS:
        message = f"{wanted!r} is no format of `stmota read`"
        raise ClientError.of(ProblemCode.USAGE, message, f"name one of {', '.join(FORMATS)}")
    return wanted == "hex"


def file_of(result: ReadResult, content: bytes, *, is_hex: bool) -> bytes:
    """Return the file's bytes; `content` is the pieces' bytes, one behind the other.

    In a binary a gap between pieces is filled with what erased flash reads as, and a warning tells of it.
    """
    if is_hex:
        return _hex_of(result, content)
    start = result.pieces[0].address
    end = result.pieces[-1].address + result.pieces[-1].length
    if end - start == len(content):
        return content
    screen.warn(f"{end - start - len(content)} bytes between the banks are no flash: filled; .hex has gaps")
    filled = bytearray([result.erased_value]) * (end - start)
    at = 0
    for piece in result.pieces:
        offset = piece.address - start
        filled[offset : offset + piece.length] = content[at : at + piece.length]
        at += piece.length
    return bytes(filled)


def _hex_of(result: ReadResult, content: bytes) -> bytes:
    from stmota_protocol.formats.intel_hex_writer import intel_hex  # noqa: PLC0415 - only for .hex files
    from stmota_protocol.images import Segment  # noqa: PLC0415

    segments: list[Segment] = []
    at = 0
    for piece in result.pieces:
        segments.append(Segment(piece.address, content[at : at + piece.length]))
        at += piece.length
    return intel_hex(segments)
