"""DfuSe (`.dfu`), after ST's UM0391; the suffix also after USB DFU 1.1, appendix B.

UM0391 calls its numbers big endian; ST's own tools, and all others, write them little endian.
"""

import struct
import zlib
from dataclasses import dataclass

from stmota_protocol.formats.malformed import BROKEN, Malformed
from stmota_protocol.formats.pieces import Pieces
from stmota_protocol.images import Image

_PREFIX = struct.Struct("<5sBIB")  # UM0391 2.1: "DfuSe", version, size without the suffix, targets
_TARGET = struct.Struct("<6sBI255sII")  # 2.3.2: "Target", alternate setting, is named, name, size, elements
_ELEMENT = struct.Struct("<II")  # 2.3.3: address, size
_SUFFIX = struct.Struct("<HHHH3sBI")  # 2.2: device, product, vendor, DFU version, "UFD", length, CRC
_VERSION = 1
_DFUSE = 0x011A
_INTERNAL_FLASH = 0
"""The alternate setting of internal flash in ST's ROM; 1 and up are option bytes, OTP, external memory."""
_NAME_SHOWN = 40
MAX_ELEMENTS = 65536
"""Of a target; tools make one for each run of bytes. Bounds what a file of empty ones can cost."""


def has_suffix(data: bytes) -> bool:
    """Whether the file ends in a DFU suffix whose CRC is right, DfuSe or not."""
    if len(data) < _SUFFIX.size:
        return False
    *_, signature, length, crc = _SUFFIX.unpack(data[-_SUFFIX.size :])
    return bool(signature == b"UFD" and length == _SUFFIX.size and crc == _crc(data))


def without_suffix(data: bytes) -> bytes:
    """Return what stands before a DFU suffix."""
    return data[: -_SUFFIX.size]


def parse(data: bytes) -> Image:
    """Return the image of a DfuSe file. Raises `Malformed` with the offset."""
    targets = _check_frame(data)
    reader = _Reader(data, _PREFIX.size, len(data) - _SUFFIX.size, Pieces("offset"))
    for _ in range(targets):
        reader.take_target()
    if reader.at != reader.end:
        what = f"is left over after the last of {targets} targets"
        raise Malformed(where=f"offset {reader.at}", what=what)
    return reader.pieces.image()


def _crc(data: bytes) -> int:
    """The suffix's CRC: CRC-32 over all bytes before it, without the final inversion (DFU 1.1, B)."""
    return ~zlib.crc32(memoryview(data)[:-4]) & 0xFFFF_FFFF


def _check_frame(data: bytes) -> int:
    """Check prefix and suffix; return the number of targets."""
    if len(data) < _PREFIX.size + _SUFFIX.size:
        raise Malformed(what="is too short for a DfuSe file")
    _, version, size, targets = _PREFIX.unpack_from(data)
    if version != _VERSION:
        what = f"has DfuSe version {version}, and only version {_VERSION} is known"
        raise Malformed(where="offset 5", what=what, remedy="make the file with another tool")
    at = len(data) - _SUFFIX.size
    _, _, _, dfu, signature, length, crc = _SUFFIX.unpack_from(data, at)
    if signature != b"UFD" or length != _SUFFIX.size or dfu != _DFUSE:
        raise Malformed(where=f"offset {at}", what="is no DfuSe suffix")
    if crc != _crc(data):
        what = f"has CRC {crc:08X}, but the file's bytes give {_crc(data):08X}"
        raise Malformed(where=f"offset {len(data) - 4}", what=what)
    if size != at:
        raise Malformed(where="offset 6", what=f"says that the image ends at {size}, but it ends at {at}")
    return int(targets)


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int
    end: int
    pieces: Pieces

    def take_target(self) -> None:
        start = self.at
        self._need(_TARGET.size, self.end, "a target's head")
        signature, setting, is_named, raw_name, size, elements = _TARGET.unpack_from(self.data, self.at)
        if signature != b"Target":
            raise Malformed(where=f"offset {start}", what="is where a target should start, and none does")
        if setting != _INTERNAL_FLASH:
            raise _not_flash(start, setting, raw_name if is_named else b"")
        if elements > MAX_ELEMENTS:
            raise Malformed(where=f"offset {start}", what=f"is a target of {elements} elements, too many")
        self.at += _TARGET.size
        self._need(size, self.end, "a target")
        target_end = self.at + size
        while elements and self.at < target_end:
            self._take_element(target_end)
            elements -= 1
        if elements or self.at != target_end:
            raise Malformed(
                where=f"offset {start}", what="is a target whose elements do not add up to its size"
            )

    def _take_element(self, target_end: int) -> None:
        self._need(_ELEMENT.size, target_end, "an element's head")
        address, size = _ELEMENT.unpack_from(self.data, self.at)
        self.at += _ELEMENT.size
        self._need(size, target_end, f"{size} bytes for 0x{address:08X}")
        self.pieces.add(address, self.data[self.at : self.at + size], self.at)
        self.at += size

    def _need(self, count: int, end: int, what: str) -> None:
        if self.at + count > end:
            raise Malformed(
                where=f"offset {self.at}",
                what=f"should hold {what}, but only {end - self.at} bytes do",
                remedy=BROKEN,
            )


def _not_flash(offset: int, setting: int, raw_name: bytes) -> Malformed:
    name = raw_name.partition(b"\0")[0].decode("ascii", "replace")[:_NAME_SHOWN]
    shown = f' ("{"".join(one if one.isprintable() else "?" for one in name)}")' if name else ""
    what = f"is a target for alternate setting {setting}{shown}, which is not internal flash"
    return Malformed(
        where=f"offset {offset}", what=what, remedy="make a file with only the target of alternate setting 0"
    )
