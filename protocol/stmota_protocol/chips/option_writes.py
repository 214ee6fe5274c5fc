"""New contents for a chip's option bytes, in whole blocks: WRITE MEMORY erases a block first (AN3155 §3.6).

Only for families whose option bytes are memory, and whose complements are where they are known to be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_fields import OptionField, boot_fields, read_protection_field

REGISTERS_FROM = 0x4000_0000
"""From here on option "bytes" are registers of the flash interface."""
LARGEST_BLOCK = 256
"""One WRITE MEMORY (AN3155 §3.6)."""
_COMPLEMENT_STEP: dict[Family, int] = {
    **dict.fromkeys((Family.F0, Family.F1, Family.F3), 1),  # PM0075 §2.4, RM0091 §4, RM0316 §5
    **dict.fromkeys((Family.L0, Family.L1), 2),  # RM0367 §3.7.8, RM0038 §3.7
    **dict.fromkeys((Family.G0, Family.C0, Family.G4, Family.L4, Family.WB, Family.WL), 4),  # RM0444 §3.4 …
    **dict.fromkeys((Family.F2, Family.F4, Family.F7), 0),  # RM0090 §3.9, RM0385 §3.4
}
"""So many bytes are followed by as many of their complement; 0: none. RM0038, G4, WB, WL, F7 from memory."""
_RELOADING_FAMILIES = frozenset({Family.F0, Family.F2, Family.F4, Family.F7})
_RELOADING_PRODUCTS = frozenset({0x464, 0x435, 0x462})
"""L41x, L43x, L45x: with the families above those whose ROM resets the chip after a change (AN3155)."""


class BadOptionWrite(Exception):
    """The option bytes cannot be written so; the text says why."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class OptionBlock:
    """One block of option bytes: read and written whole."""

    address: int
    data: bytes


def named_fields(chip: Chip) -> dict[str, OptionField]:
    """Return the fields that have a name here: those that decide booting, and the read protection."""
    protection = read_protection_field(chip)
    fields = (*boot_fields(chip), *(() if protection is None else (protection,)))
    return {field.name: field for field in fields}


def is_writable(chip: Chip) -> bool:
    """Whether this module knows how the chip's ROM takes writes to its option bytes."""
    return chip.family in _COMPLEMENT_STEP and bool(option_blocks(chip))


def reloads_by_itself(chip: Chip) -> bool:
    """Whether the ROM resets the chip after a change, so that it goes by the new option bytes."""
    return chip.family in _RELOADING_FAMILIES or chip.product_id in _RELOADING_PRODUCTS


def option_blocks(chip: Chip) -> tuple[tuple[int, int], ...]:
    """Return address and length of each block that can be written."""
    return tuple(
        (first, last + 1 - first)
        for first, last in chip.option_bytes
        if first < REGISTERS_FROM and last + 1 - first <= LARGEST_BLOCK
    )


def changed_blocks(
    chip: Chip, blocks: tuple[OptionBlock, ...], fields: Mapping[str, int], raw: Mapping[int, bytes]
) -> tuple[OptionBlock, ...]:
    """Return the blocks that change, with their new contents and complements. Raises `BadOptionWrite`."""
    known = {name.upper(): field for name, field in named_fields(chip).items()}
    step = _COMPLEMENT_STEP.get(chip.family)
    if step is None:
        message = f"how the ROM of {chip.name} takes writes to its option bytes is in no source of stmota's"
        raise BadOptionWrite(message, "set them with a debugger or ST's own tool")
    new = {block.address: bytearray(block.data) for block in blocks}
    for name, value in fields.items():
        field = known.get(name.upper())
        if field is None or not 0 <= value < 1 << field.width:
            message = f"{chip.name} has no option {name} = {value}"
            raise BadOptionWrite(message, _names(known.values()))
        _set_field(new, field, value)
    for address, data in raw.items():
        _set_bytes(new, address, data, chip)
    return tuple(
        OptionBlock(block.address, _completed(block, new[block.address], step))
        for block in blocks
        if bytes(new[block.address]) != block.data
    )


def _names(fields: Iterable[OptionField]) -> str:
    texts = [f"{one.name} ({one.width} bit{'s' if one.width > 1 else ''})" for one in fields]
    return "known here: " + ", ".join(texts) if texts else "none is known here by name: give ADDRESS=HEX"


def _set_field(new: Mapping[int, bytearray], field: OptionField, value: int) -> None:
    for start, data in new.items():
        offset = field.address - start
        if offset >= 0 and offset + 4 <= len(data):
            mask = ((1 << field.width) - 1) << field.bit
            word = int.from_bytes(data[offset : offset + 4], "little")
            data[offset : offset + 4] = (word & ~mask | value << field.bit).to_bytes(4, "little")
            return
    message = f"{field.name} at 0x{field.address:08X} is in no block of option bytes that was read"
    raise BadOptionWrite(message, "is the chip read-protected?")


def _set_bytes(new: Mapping[int, bytearray], address: int, wanted: bytes, chip: Chip) -> None:
    for start, data in new.items():
        offset = address - start
        if offset >= 0 and offset + len(wanted) <= len(data):
            data[offset : offset + len(wanted)] = wanted
            return
    places = ", ".join(f"0x{first:08X} to 0x{last:08X}" for first, last in chip.option_bytes)
    message = f"0x{address:08X} is not in the option bytes of {chip.name}"
    raise BadOptionWrite(message, f"they are at {places}")


def _completed(block: OptionBlock, new: bytearray, step: int) -> bytes:
    """Fill in the complements of what changed, where the old bytes had them as expected."""
    if not step:
        return bytes(new)
    for offset, (before, after) in enumerate(zip(block.data, bytes(new), strict=True)):
        if before == after or offset // step % 2:
            continue
        twin = offset + step
        if twin >= len(new):  # G0's table ends before the last complement, which is the hardware's work
            continue
        if block.data[twin] != before ^ 0xFF:
            message = (
                f"the byte at 0x{block.address + offset:08X} has no complement at {step} bytes behind it"
            )
            raise BadOptionWrite(message, "this chip's option bytes are not as expected: please report it")
        new[twin] = after ^ 0xFF
    for offset in range(len(new)):  # complements follow from their bytes alone
        if offset // step % 2 and new[offset - step] == block.data[offset - step]:
            new[offset] = block.data[offset]
    return bytes(new)
