"""Flash plans: which units to erase, which blocks to write, in which order. Pure arithmetic.

The order is the promise that a half image never boots: the unit with the vector table is erased first,
in a command of its own, and its first block is written last, after all else has been verified. No block
crosses an erase unit, and none is planned twice, so that nothing is programmed over what is programmed.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.model import Chip
from stmota_protocol.chips.timing import BLOCK
from stmota_protocol.chips.traits import Traits
from stmota_protocol.image_checks import check_place
from stmota_protocol.images import Image, Segment


@dataclass(frozen=True, slots=True)
class Block:
    """Up to 256 bytes for one WRITE MEMORY, or expected of one READ MEMORY; aligned and padded."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class FlashPlan:
    """What to do, in this order: `first_unit`, `other_erases`, `body`, verify, `last_block`, verify that."""

    first_unit: EraseUnit
    """Holds the image's first byte, the vector table: erased first and alone."""
    other_erases: tuple[tuple[EraseUnit, ...], ...]
    """One erase command each."""
    body: tuple[Block, ...]
    """All blocks to write but the last one, by rising address. Blocks of nothing but the erased value are
    left out: their unit is erased already."""
    last_block: Block
    """Starts with the image's first byte; written even if it holds nothing but the erased value."""
    verify: tuple[Block, ...]
    """What must be read back before `last_block` is written: all of the image but that block, by rising
    address, also what needed no writing."""
    image_bytes: int
    erased_bytes: int

    @property
    def units(self) -> tuple[EraseUnit, ...]:
        """All units that are erased, by rising address."""
        return (self.first_unit, *(unit for command in self.other_erases for unit in command))

    @property
    def written_bytes(self) -> int:
        """Bytes of all blocks written, padding included."""
        return sum(len(block.data) for block in self.body) + len(self.last_block.data)

    @property
    def verified_bytes(self) -> int:
        """Bytes of all blocks read back, the last one included."""
        return sum(len(block.data) for block in self.verify) + len(self.last_block.data)

    def unit_of(self, block: Block) -> EraseUnit:
        """Return the erase unit that holds `block`. Raises `LookupError` for a block of no unit here."""
        return _unit_of(block, self.units)

    def contents(self) -> tuple[tuple[EraseUnit, tuple[Block, ...]], ...]:
        """Return each unit with all blocks that it is to hold, the last and the erased ones too."""
        groups: dict[EraseUnit, list[Block]] = {}
        units = self.units
        for block in (self.last_block, *self.verify):
            groups.setdefault(_unit_of(block, units), []).append(block)
        return tuple((unit, tuple(blocks)) for unit, blocks in groups.items())

    def without(self, unchanged: Collection[EraseUnit], rom: Traits) -> "FlashPlan":
        """Return the plan for the other units; `first_unit` must be one of them: a half image never boots."""
        if self.first_unit in unchanged:
            message = "the unit with the vector table is erased first whatever it holds"
            raise ValueError(message)
        others = [unit for command in self.other_erases for unit in command if unit not in unchanged]
        left = (self.first_unit, *others)
        return replace(
            self,
            other_erases=tuple(_commands(others, rom.max_units_per_erase)),
            body=tuple(block for block in self.body if _is_within(block, left)),
            verify=tuple(block for block in self.verify if _is_within(block, left)),
            erased_bytes=sum(unit.size for unit in left),
        )


def plan(image: Image, units: Sequence[EraseUnit], chip: Chip, rom: Traits) -> FlashPlan:
    """Plan to flash `image` into `units` (all of the flash, by rising address, from `units_of`).

    Raises `ImageRefused` if the image does not lie in the units, aligned to what the chip can program.
    """
    check_place(image, chip, units)
    touched = tuple(unit for unit in units if any(_overlap(segment, unit) for segment in image.segments))
    blocks = tuple(block for unit in touched for block in _blocks(image, unit, chip))
    first_unit, *others = touched
    last_block, *rest = blocks
    return FlashPlan(
        first_unit=first_unit,
        other_erases=tuple(_commands(others, rom.max_units_per_erase)),
        body=tuple(block for block in rest if not _is_erased(block, chip)),
        last_block=last_block,
        verify=tuple(rest),
        image_bytes=image.size,
        erased_bytes=sum(unit.size for unit in touched),
    )


def _unit_of(block: Block, units: Sequence[EraseUnit]) -> EraseUnit:
    if not _is_within(block, units):
        message = f"block 0x{block.address:08X} is in no unit of this plan"
        raise LookupError(message)
    return units[bisect_right(units, block.address, key=lambda unit: unit.address) - 1]


def _is_within(block: Block, units: Sequence[EraseUnit]) -> bool:
    position = bisect_right(units, block.address, key=lambda unit: unit.address) - 1
    return position >= 0 and block.end <= units[position].end


def _overlap(segment: Segment, unit: EraseUnit) -> bool:
    return segment.address < unit.end and unit.address < segment.end


def _is_erased(block: Block, chip: Chip) -> bool:
    return block.data == bytes([chip.erased_value]) * len(block.data)


def _commands(units: Sequence[EraseUnit], largest: int) -> Iterator[tuple[EraseUnit, ...]]:
    for start in range(0, len(units), largest):
        yield tuple(units[start : start + largest])


def _blocks(image: Image, unit: EraseUnit, chip: Chip) -> Iterator[Block]:
    """Yield the unit's blocks: cut every 256 bytes from its start, trimmed to what the image covers."""
    parts = tuple(segment for segment in image.segments if _overlap(segment, unit))
    for address in range(unit.address, unit.end, BLOCK):
        end = min(address + BLOCK, unit.end)
        block = _block(parts, address, end, chip)
        if block is not None:
            yield block


def _block(segments: Iterable[Segment], start: int, end: int, chip: Chip) -> Block | None:
    covering = [segment for segment in segments if segment.address < end and start < segment.end]
    if not covering:
        return None
    align = chip.write_alignment
    low = max(start, covering[0].address) // align * align
    high = -(-min(end, covering[-1].end) // align) * align
    data = bytearray([chip.erased_value]) * (high - low)
    for segment in covering:
        first, last = max(low, segment.address), min(high, segment.end)
        data[first - low : last - low] = segment.data[first - segment.address : last - segment.address]
    return Block(low, bytes(data))
