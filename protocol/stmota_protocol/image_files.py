"""Firmware files, told apart by their content and read into images. The name of a file decides nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.formats import dfuse, intel_hex, s_record, uf2
from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.images import Image, ImageRefused, Looks, Segment, recognise


def _parse_elf(data: bytes) -> Image:
    from stmota_protocol.formats import elf  # noqa: PLC0415 its library takes 0.1 s of every daemon's start

    return elf.parse(data)


_PARSERS: dict[Looks, Callable[[bytes], Image]] = {
    Looks.ELF: _parse_elf,
    Looks.INTEL_HEX: intel_hex.parse,
    Looks.S_RECORD: s_record.parse,
    Looks.UF2: uf2.parse,
    Looks.DFUSE: dfuse.parse,
}
_NO_FIRMWARE: dict[Looks, str] = {
    Looks.EMPTY: "build the firmware again, and check the path",
    Looks.ARCHIVE: "unpack it, and give the firmware inside",
}
"""What certainly is none, and what to do. Text is not here: it may be data on purpose."""


@dataclass(frozen=True, slots=True)
class FirmwareFile:
    """A file that was read: an image with addresses of its own, or raw bytes for any address."""

    content: Image | bytes

    def image(self, address: int) -> Image:
        """Return the image; raw bytes go to `address`."""
        if isinstance(self.content, Image):
            return self.content
        return Image((Segment(address, self.content),))


def parse_file(data: bytes, address: int | None = None, filename: str = "the file") -> FirmwareFile:
    """Read a firmware file of any format known; `address` is where a person wants a raw binary, if anywhere.

    Raises `ImageRefused` (not overridable) for a file that is broken, certainly no firmware, or has
    addresses of its own although `address` is given.
    """
    looks = recognise(data)
    if looks in _NO_FIRMWARE:
        message = f"{filename} is {looks.value}, no firmware"
        raise ImageRefused(_problem(ProblemCode.NOT_FIRMWARE, message, _NO_FIRMWARE[looks]))
    parse = _PARSERS.get(looks)
    if parse is None:
        return FirmwareFile(dfuse.without_suffix(data) if dfuse.has_suffix(data) else data)
    try:
        image = parse(data)
    except Malformed as malformed:
        raise ImageRefused(_malformed(malformed, looks, filename)) from malformed
    if address is not None:
        raise ImageRefused(_has_addresses(image, looks, address, filename))
    return FirmwareFile(image)


def _malformed(malformed: Malformed, looks: Looks, filename: str) -> Problem:
    start = f"{filename}: {malformed.where}" if malformed.where else filename
    message = f"{start} {malformed.what} (read as {looks.value})"
    return _problem(ProblemCode.NOT_FIRMWARE, message, malformed.remedy)


def _has_addresses(image: Image, looks: Looks, address: int, filename: str) -> Problem:
    message = (
        f"the address 0x{address:08X} is for a raw binary, but {filename} is {looks.value} with addresses of "
        f"its own, from 0x{image.start:08X} to 0x{image.end:08X}"
    )
    remedy = "leave the address out; code that was linked for another address would not run there anyway"
    return _problem(ProblemCode.DOES_NOT_FIT, message, remedy)


def _problem(code: ProblemCode, message: str, remedy: str) -> Problem:
    return Problem(code=code, message=message, remedy=remedy, step="check")
