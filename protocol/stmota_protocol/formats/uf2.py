"""UF2, after Microsoft's specification: blocks of 512 bytes, each with address, number and family id."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntFlag

from stmota_protocol.chips.model import Family
from stmota_protocol.formats.malformed import Malformed
from stmota_protocol.formats.pieces import Pieces
from stmota_protocol.formats.uf2_families import OTHERS, STM32
from stmota_protocol.images import Image

_BLOCK_BYTES = 512
_HEAD = struct.Struct("<8I")
_PAYLOAD_MAX = 476
_MAGICS = (0x0A32_4655, 0x9E5D_5157)
_MAGIC_END = 0x0AB1_6F30
_STM32_ONLY = "give the UF2 file of the build for this chip"


class _Flag(IntFlag):
    NOT_MAIN_FLASH = 0x0001
    FILE_CONTAINER = 0x1000
    FAMILY_ID = 0x2000


@dataclass(frozen=True, slots=True)
class _Block:
    offset: int
    flags: int
    address: int
    data: bytes
    number: int
    blocks: int
    family_id: int

    @property
    def where(self) -> str:
        return f"offset {self.offset}"


def parse(data: bytes) -> Image:
    """Return the image of a UF2 file, with the family it is built for. Raises `Malformed` with the offset."""
    pieces = Pieces("offset")
    numbers: set[int] = set()
    family: Family | None = None
    blocks = 0
    for block in _blocks(data):
        if numbers and block.blocks != blocks:
            what = f"says {block.blocks} blocks, the ones before it said {blocks}: two files in one?"
            raise Malformed(where=block.where, what=what, remedy="give one of them")
        blocks = block.blocks
        if block.number >= blocks:
            raise Malformed(where=block.where, what=f"is block {block.number} of {blocks}, counted from 0")
        if block.number in numbers:
            raise Malformed(where=block.where, what=f"is block {block.number} a second time")
        numbers.add(block.number)
        if block.flags & _Flag.NOT_MAIN_FLASH:
            continue  # sources or debug information: the specification has them skipped
        found = _family(block)
        if family not in (None, found):
            raise Malformed(
                where=block.where,
                what=f"is for {found.value}, blocks before it for another chip",
                remedy=_STM32_ONLY,
            )
        family = found
        pieces.add(block.address, block.data, block.offset)
    _check_complete(numbers, blocks)
    return replace(pieces.image(), built_for=family)


def _blocks(data: bytes) -> Iterator[_Block]:
    for offset in range(0, len(data), _BLOCK_BYTES):
        where = f"offset {offset}"
        if len(data) - offset < _BLOCK_BYTES:
            raise Malformed(where=where, what=f"is a block of only {len(data) - offset} bytes")
        *magics, flags, address, size, number, blocks, family_id = _HEAD.unpack_from(data, offset)
        end = int.from_bytes(data[offset + _BLOCK_BYTES - 4 : offset + _BLOCK_BYTES], "little")
        if tuple(magics) != _MAGICS or end != _MAGIC_END:
            raise Malformed(where=where, what="is where a UF2 block should be, and none is")
        if size > _PAYLOAD_MAX:
            raise Malformed(where=where, what=f"says {size} bytes, and a block holds at most {_PAYLOAD_MAX}")
        start = offset + _HEAD.size
        yield _Block(offset, flags, address, data[start : start + size], number, blocks, family_id)


def _family(block: _Block) -> Family:
    if block.flags & _Flag.FILE_CONTAINER:
        raise Malformed(
            where=block.where, what="is a block of a file container, not of flash", remedy=_STM32_ONLY
        )
    if not block.flags & _Flag.FAMILY_ID:
        what = "has no family id, so that it may be for any chip"
        raise Malformed(where=block.where, what=what, remedy="make it with a family id, or give the raw .bin")
    family = STM32.get(block.family_id)
    if family is None:
        name = OTHERS.get(block.family_id, "an unknown family")
        raise Malformed(
            where=block.where,
            what=f"is for {name} (family id 0x{block.family_id:08X}), no STM32",
            remedy=_STM32_ONLY,
        )
    return family


def _check_complete(numbers: set[int], blocks: int) -> None:
    missing = next(number for number in range(len(numbers) + 1) if number not in numbers)
    if missing != blocks:
        raise Malformed(what=f"says that it has {blocks} blocks, but block {missing} is not there")
