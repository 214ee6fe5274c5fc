"""Whether an image suits a chip: found before the first erase.

Facts (it does not fit) refuse for good; judgements (this does not look like firmware) can be overridden,
because images for offset bootloaders, data-only files and clones with more flash are legitimate.
"""

from collections.abc import Sequence

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.layout import EraseUnit, first_gap
from stmota_protocol.chips.model import KIB, Chip, Family
from stmota_protocol.images import Image, ImageRefused, Looks, recognise
from stmota_protocol.merging import Part

_TRUSTZONE = frozenset({Family.L5, Family.U3, Family.U5, Family.H5, Family.WBA})
_SECURE_FLASH = 0x0C00_0000
"""Where TrustZone families show the flash to secure code."""
_SECURE_RAM_OFFSET = 0x1000_0000
"""From 0x20000000 to the secure alias 0x30000000."""
_ITCM_FLASH = 0x0020_0000
"""Where F7 shows the flash on the ITCM bus."""
_SRAM_REGION = (0x2000_0000, 0x2000_0000)
"""The Cortex-M SRAM region, (start, size): for a chip whose RAM no source tells."""
_FORCE = (
    "check the file and the board; --force flashes it all the same (data only, or a bootloader of its own)"
)
_MAX_VECTORS_CHECKED = 4


def flash_size_for(image: Image, chip: Chip, size_read: int | None, *, force: bool = False) -> int:
    """Return the flash size to plan with: what the register says, or the table's largest.

    Raises `ImageRefused` if the image reaches beyond it. Where a part often holds more than it says
    (F103x8), that is a judgement: with `force` the table's largest counts, if the image fits that.
    """
    size = min(size_read or chip.flash_size_max, chip.flash_size_max)
    end = _flash_end(chip, size)
    if image.end <= end:
        return size
    over = next(segment for segment in image.segments if segment.end > end)
    if over.address >= chip.flash_end:
        raise ImageRefused(_outside(over.address, chip, chip.flash_start, end))
    clone = chip.may_hold_more and image.end <= chip.flash_end
    if clone and force:
        return chip.flash_size_max
    message = (
        f"the image ends at 0x{image.end:08X}, but the flash of {chip.name} ends at "
        f"0x{end:08X} ({size // KIB} KiB)"
    )
    remedy = (
        f"many of these parts hold {chip.flash_size_max // KIB} KiB whatever they say; --force tries"
        if clone
        else "build for this chip's flash size, or check which chip is on the board"
    )
    raise ImageRefused(_does_not_fit(message, remedy, image.end - 1, overridable=clone))


def _flash_end(chip: Chip, size: int) -> int:
    """Return the first address after a part's flash, were it the variant that reaches furthest."""
    banks = (bank for variant in chip.variants if variant.flash_size == size for bank in variant.banks)
    ends = (bank.start + sum(run.total for run in bank.layout) for bank in banks)
    return max((chip.flash_start + size, *ends))


def check_secure_flash(image: Image, chip: Chip, secure_from: int | None) -> None:
    """Check that the image leaves alone what belongs to a WB's or WL's second core. Raises `ImageRefused`."""
    if secure_from is None or image.end <= secure_from:
        return
    message = (
        f"the image ends at 0x{image.end:08X}, but from 0x{secure_from:08X} on (SFSA) the flash of "
        f"{chip.name} belongs to the second core: its radio stack is there"
    )
    remedy = f"link the image to end below 0x{secure_from:08X}, or move SFSA with ST's tool (a smaller stack)"
    raise ImageRefused(_does_not_fit(message, remedy, max(image.start, secure_from)))


def check_place(image: Image, chip: Chip, units: Sequence[EraseUnit]) -> None:
    """Check that the image lies in the flash, aligned. Raises `ImageRefused`."""
    for segment in image.segments:
        gap = first_gap(segment.address, segment.end, units)
        if gap is not None:
            raise ImageRefused(_outside(gap, chip, units[0].address, units[-1].end))
    if image.start % chip.write_alignment:
        message = (
            f"the image starts at 0x{image.start:08X}, but {chip.name} is programmed in units of "
            f"{chip.write_alignment} bytes"
        )
        remedy = f"give, or link for, an address that is a multiple of {chip.write_alignment}"
        raise ImageRefused(_does_not_fit(message, remedy, image.start))


def check_start(part: Part, image: Image, units: Sequence[EraseUnit]) -> Problem | None:
    """Judge where a file starts, all files together being `image`; None: nothing before it would be lost."""
    start = part.image.start
    unit = next(unit for unit in units if unit.address <= start < unit.end)
    before = (segment for segment in image.segments if segment.address < start)
    if unit.address == start or any(segment.end > unit.address for segment in before):
        return None
    message = (
        f"{part.name} starts at 0x{start:08X}, inside erase unit {unit.index} (0x{unit.address:08X}): "
        "what stands before it there would be erased"
    )
    remedy = f"--keep restores it; --force erases it; or start at 0x{unit.address:08X} or another erase unit"
    return _does_not_fit(message, remedy, start, overridable=True)


def _outside(address: int, chip: Chip, first: int, end: int) -> Problem:
    message = f"the image covers 0x{address:08X}, where {chip.name} has no flash"
    remedy = (
        f"flash starts at 0x{first:08X} and ends at 0x{end:08X}; check the image's addresses and the chip"
    )
    if any(low <= address <= high for low, high in chip.option_bytes):
        message += ": option bytes are there"
        remedy = "build the file without its option bytes"
    return _does_not_fit(message, remedy, address)


def _does_not_fit(message: str, remedy: str, address: int, *, overridable: bool = False) -> Problem:
    return Problem(
        code=ProblemCode.DOES_NOT_FIT,
        message=message,
        remedy=remedy,
        step="check",
        address=address,
        overridable=overridable,
    )


def check_family(image: Image, chip: Chip) -> Problem | None:
    """Judge whether the file is built for this chip's family, where it says one; None: nothing against it."""
    if image.built_for in (None, chip.family):
        return None
    return Problem(
        code=ProblemCode.NOT_FIRMWARE,
        message=f"the file says that it is for {image.built_for.value}, and the chip is {chip.name}",
        remedy=_FORCE,
        step="check",
        overridable=True,
    )


def check_vector_table(image: Image, chip: Chip) -> Problem | None:
    """Judge whether the image's first words can be this chip's vector table; None: they can.

    Looks at the initial stack pointer, the reset, NMI and HardFault vectors (entry facts, "Image sanity").
    """
    words = image.first_words(_MAX_VECTORS_CHECKED)
    doubt = _vector_doubt(words, image, chip)
    if doubt is None:
        return None
    looks = recognise(image.segments[0].data)
    seen = f" (it looks like {looks.value})" if looks is not Looks.BINARY else ""
    return Problem(
        code=ProblemCode.NOT_FIRMWARE,
        message=f"the image is no firmware for {chip.name}{seen}: {doubt}",
        remedy=_FORCE,
        step="check",
        address=image.start,
        overridable=True,
    )


def _vector_doubt(words: tuple[int, ...], image: Image, chip: Chip) -> str | None:
    if len(words) < 2:
        return f"with {image.size} bytes it is too short for a vector table"
    stack, reset = words[:2]
    rams = ram_ranges(chip)
    if stack % 4 or not any(start < stack <= end for start, end in rams):
        return f"its first word 0x{stack:08X} is no stack pointer into RAM ({_ranges_text(rams)})"
    flash = _flash_address(reset & ~1, chip)
    if not reset & 1 or flash is None:
        return f"its reset vector 0x{reset:08X} is no Thumb address in flash"
    if not image.holds(flash):
        return f"its reset vector 0x{reset:08X} points outside the image"
    for name, vector in zip(("NMI", "HardFault"), words[2:], strict=False):
        if vector and not (vector & 1 and _is_code(vector & ~1, chip)):
            return f"its {name} vector 0x{vector:08X} is no Thumb address in flash or RAM"
    return None


def ram_ranges(chip: Chip) -> tuple[tuple[int, int], ...]:
    """Return the chip's RAM as (start, end), the end exclusive: where a stack may lie."""
    start, size = (chip.ram_start, chip.ram_size) if chip.ram_size else _SRAM_REGION
    ranges = [(start, start + size), *((first, first + length) for first, length in chip.more_ram)]
    if chip.family in _TRUSTZONE:
        ranges.append((start + _SECURE_RAM_OFFSET, start + size + _SECURE_RAM_OFFSET))
    return tuple(ranges)


def _flash_address(address: int, chip: Chip) -> int | None:
    """Return where in flash `address` is, through the families' aliases; None if it is not flash."""
    bases = [chip.flash_start]
    if chip.family in _TRUSTZONE:
        bases.append(_SECURE_FLASH)
    if chip.family is Family.F7:
        bases.append(_ITCM_FLASH)
    for base in bases:
        if base <= address < base + chip.flash_size_max:
            return chip.flash_start + address - base
    return None


def _is_code(address: int, chip: Chip) -> bool:
    in_ram = any(start <= address < end for start, end in ram_ranges(chip))
    return in_ram or _flash_address(address, chip) is not None


def _ranges_text(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"0x{start:08X} to 0x{end:08X}" for start, end in ranges)
