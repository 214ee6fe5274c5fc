"""Where a chip's erase units lie and how the ROM's erase command numbers them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from stmota_protocol.chips.model import Bank, BitIs, Chip, Variant
from stmota_protocol.chips.option_bytes import option_bit
from stmota_protocol.chips.secure_flash import SecureFlashUnknown, secure_flash_start


@dataclass(frozen=True, slots=True)
class EraseUnit:
    """One page or sector: the smallest that can be erased."""

    index: int
    """Its number in the ROM's erase command."""
    address: int
    size: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + self.size


class LayoutUnknown(Exception):
    """The erase units of this part cannot be told, and a guess could erase the wrong flash."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)


def units_of(
    chip: Chip, flash_size: int | None, option_bytes: Mapping[int, bytes] | None = None
) -> tuple[EraseUnit, ...]:
    """Return the erase units of a part with `flash_size` bytes, by rising address; no secure ones of WB, WL.

    `option_bytes` is what `option_bytes.option_reads` named, read from the chip: address to bytes. None
    for a size that the chip would not tell gives those of the largest part, where smaller ones are but
    shorter. Raises `LayoutUnknown` if no layout has this size, or if the layout depends on an option bit
    or a size that was not read; `sure_units` tells what is certain then.
    """
    units = _all_units_of(chip, flash_size, option_bytes or {})
    try:
        ours = _not_secure(units, chip, option_bytes or {})
    except SecureFlashUnknown as unknown:
        raise LayoutUnknown(unknown.message, unknown.remedy) from unknown
    if not ours:
        message = f"all of the flash of {chip.name} belongs to its second core (SFSA is 0)"
        raise LayoutUnknown(message, "install the radio stack again, with ST's tool")
    return ours


def _not_secure(
    units: tuple[EraseUnit, ...], chip: Chip, option_bytes: Mapping[int, bytes]
) -> tuple[EraseUnit, ...]:
    secure_from = secure_flash_start(chip, option_bytes)
    return units if secure_from is None else tuple(unit for unit in units if unit.end <= secure_from)


def _all_units_of(
    chip: Chip, flash_size: int | None, option_bytes: Mapping[int, bytes]
) -> tuple[EraseUnit, ...]:
    if flash_size is None:
        return _units_of_any_size(chip, option_bytes)
    if not 0 < flash_size <= chip.flash_size_max:
        message = f"{chip.name} has at most {chip.flash_size_max} bytes of flash, not {flash_size}"
        raise LayoutUnknown(message, "is the chip what it says it is? Please report it")
    variant = _variant(chip, flash_size, option_bytes)
    if variant is not None:
        return tuple(unit for bank in variant.banks for unit in _bank_units(bank))
    units = tuple(unit for unit in largest_units(chip) if unit.end <= chip.flash_start + flash_size)
    if sum(unit.size for unit in units) != flash_size:
        message = f"{flash_size} bytes of flash do not end with an erase unit of {chip.name}"
        raise LayoutUnknown(message, "is this chip sold with so much flash? Please report it")
    return units


def _units_of_any_size(chip: Chip, option_bytes: Mapping[int, bytes]) -> tuple[EraseUnit, ...]:
    units = largest_units(chip)
    sure = _agreed_units(chip, None, option_bytes)
    if sure == units:
        return units
    message = (
        f"{chip.name} would not tell its flash size, on which the erase units from "
        f"0x{units[len(sure)].address:08X} on depend"
    )
    raise LayoutUnknown(message, "an image that ends before that address can be flashed")


def sure_units(
    chip: Chip, flash_size: int | None, option_bytes: Mapping[int, bytes]
) -> tuple[EraseUnit, ...]:
    """Return the flash's first erase units, as far as they are the same in every layout it may have.

    That is, whatever it did not tell: its size (None), or option bits that are not in `option_bytes`. None
    are where part of the flash is a second core's and the chip does not say from where on.
    """
    try:
        return _not_secure(_agreed_units(chip, flash_size, option_bytes), chip, option_bytes)
    except SecureFlashUnknown:
        return ()


def _agreed_units(
    chip: Chip, flash_size: int | None, option_bytes: Mapping[int, bytes]
) -> tuple[EraseUnit, ...]:
    layouts = [
        tuple(unit for bank in variant.banks for unit in _bank_units(bank))
        for variant in chip.variants
        if flash_size in {None, variant.flash_size} and _may_hold(variant, option_bytes)
    ]
    end = chip.flash_start + (chip.flash_size_max if flash_size is None else flash_size)
    units = (unit for unit in largest_units(chip) if unit.end <= end)
    return tuple(takewhile(lambda unit: all(_agrees(unit, layout) for layout in layouts), units))


def _may_hold(variant: Variant, option_bytes: Mapping[int, bytes]) -> bool:
    if variant.when is None:
        return True
    value = option_bit(option_bytes, variant.when.address, variant.when.bit)
    return value in {None, variant.when.value}


def _agrees(unit: EraseUnit, layout: Iterable[EraseUnit]) -> bool:
    """Whether no other unit of a layout has its number or any of its flash."""
    return all(
        other == unit
        or (other.index != unit.index and (other.end <= unit.address or unit.end <= other.address))
        for other in layout
    )


def largest_units(chip: Chip) -> tuple[EraseUnit, ...]:
    """Return the erase units of the largest part, in the table's plain view."""
    return tuple(_bank_units(Bank(chip.flash_start, 0, chip.layout)))


def first_gap(start: int, end: int, units: Iterable[EraseUnit]) -> int | None:
    """Return the first address from `start` up to `end` that no unit has; None: all of it lies in `units`."""
    at = start
    for unit in units:
        if unit.address <= at < unit.end:
            at = unit.end
        if at >= end:
            return None
    return at


def _variant(chip: Chip, flash_size: int, option_bytes: Mapping[int, bytes]) -> Variant | None:
    for variant in chip.variants:
        if variant.flash_size == flash_size and _holds(chip, variant, option_bytes):
            return variant
    return None


def _holds(chip: Chip, variant: Variant, option_bytes: Mapping[int, bytes]) -> bool:
    condition: BitIs | None = variant.when
    if condition is None:
        return True
    value = option_bit(option_bytes, condition.address, condition.bit)
    if value is None:
        message = (
            f"the erase units of {chip.name} with {variant.flash_size // 1024} KiB depend on option bit "
            f"{condition.name} (0x{condition.address:08X} bit {condition.bit}), which could not be read"
        )
        raise LayoutUnknown(message, "is the chip read-protected? Remove the protection, then try again")
    return value == condition.value


def _bank_units(bank: Bank) -> Iterator[EraseUnit]:
    address = bank.start
    sizes = (run.size for run in bank.layout for _ in range(run.count))
    for index, size in enumerate(sizes, start=bank.first_unit):
        yield EraseUnit(index, address, size)
        address += size
