"""ELF, as linkers leave it: what is loaded (PT_LOAD), by physical address, where flash is to hold it."""

from io import BytesIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.formats.pieces import Pieces
from stmota_protocol.images import Image

MAX_PROGRAM_HEADERS = 256
"""Linkers make a handful; a count in a broken file can be in the millions."""
_SRAM_REGION = range(0x2000_0000, 0x4000_0000)  # ARMv7-M ARM, B3.1: the SRAM region of every Cortex-M
_TYPES = {
    "ET_REL": "is an object file that was not linked",
    "ET_DYN": "is a shared object",
    "ET_CORE": "is a core dump",
}
_LINK = "give the ELF file that the linker made for this chip"


def parse(data: bytes) -> Image:
    """Return the image of an ELF file. Raises `Malformed` with the offset or the reason."""
    try:
        file = ELFFile(BytesIO(data))
        _check_header(file)
        loaded = _loaded(file)
    except ELFError as error:
        raise Malformed(what="is broken") from error
    pieces = Pieces("offset")
    for address, offset, size in loaded:
        if offset + size > len(data):
            what = f"should hold {size} bytes for 0x{address:08X}, but the file ends at {len(data)}"
            raise Malformed(where=f"offset {offset}", what=what)
        pieces.add(address, data[offset : offset + size], offset)
    _check_not_ram(loaded)
    return pieces.image()


def _check_header(file: ELFFile) -> None:
    machine = file.get_machine_arch()
    named = "an unknown machine" if machine == "<unknown>" else f"{machine} ({file.elfclass} bit)"
    if machine != "ARM" or file.elfclass != 32:
        raise Malformed(what=f"is for {named}, and an STM32 is a 32-bit ARM", remedy=_LINK)
    if not file.little_endian:
        raise Malformed(what="is for a big-endian ARM, and an STM32 is little-endian", remedy=_LINK)
    kind = file["e_type"]
    if kind != "ET_EXEC":
        raise Malformed(what=_TYPES.get(kind, f"is no program: its type is {kind}"), remedy=_LINK)


def _loaded(file: ELFFile) -> list[tuple[int, int, int]]:
    """Return (physical address, offset, bytes) of all that the file loads; what is zeroed at start is not."""
    count = file.num_segments()
    if count > MAX_PROGRAM_HEADERS:
        raise Malformed(what=f"says that it has {count} program headers, which no linker makes")
    headers = [segment.header for segment in file.iter_segments("PT_LOAD")]
    found = [(one["p_paddr"], one["p_offset"], one["p_filesz"]) for one in headers if one["p_filesz"]]
    if not found:
        raise Malformed(what="loads nothing: it has no PT_LOAD segment with bytes", remedy=_LINK)
    return found


def _check_not_ram(loaded: list[tuple[int, int, int]]) -> None:
    in_ram = [address for address, _, _ in loaded if address in _SRAM_REGION]
    if len(in_ram) == len(loaded):
        what = f"is built to run in RAM (0x{in_ram[0]:08X}), and there is nothing for flash in it"
        raise Malformed(what=what, remedy="link it with the linker script for flash")
    if in_ram:
        what = f"loads a segment to RAM (0x{in_ram[0]:08X}), which no flash can hold"
        remedy = "initialised data needs a load address in flash: AT> FLASH in the linker script"
        raise Malformed(what=what, remedy=remedy)
