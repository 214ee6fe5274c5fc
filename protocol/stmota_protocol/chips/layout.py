"""Where a chip's erase units lie and how the ROM's erase command numbers them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stmota_protocol.chips.model import Bank, BitIs, Chip, Units, Variant
from stmota_protocol.chips.option_bytes import option_bit


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
    chip: Chip, flash_size: int, option_bytes: Mapping[int, bytes] | None = None
) -> tuple[EraseUnit, ...]:
    """Return the erase units of a part with `flash_size` bytes, by rising address.

    `option_bytes` is what `option_bytes.option_reads` named, read from the chip: address to bytes.
    Raises `LayoutUnknown` if no layout has this size, or if the layout depends on an option bit that
    was not read.
    """
    if not 0 < flash_size <= chip.flash_size_max:
        message = f"{chip.name} has at most {chip.flash_size_max} bytes of flash, not {flash_size}"
        raise LayoutUnknown(message, "check the chip, or give the flash size by hand")
    banks = _banks(chip, flash_size, option_bytes or {})
    share = flash_size // len(banks)
    return tuple(unit for bank in banks for unit in _bank_units(chip, bank, share))


def largest_units(chip: Chip) -> tuple[EraseUnit, ...]:
    """Return the erase units of the largest part, in the table's plain view."""
    bank = Bank(chip.flash_start, 0, chip.layout)
    return tuple(_bank_units(chip, bank, chip.flash_size_max))


def _banks(chip: Chip, flash_size: int, option_bytes: Mapping[int, bytes]) -> tuple[Bank, ...]:
    for variant in chip.variants:
        if variant.flash_size == flash_size and _holds(chip, variant, option_bytes):
            return variant.banks
    return (Bank(chip.flash_start, 0, chip.layout),)


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


def _bank_units(chip: Chip, bank: Bank, size: int) -> list[EraseUnit]:
    units: list[EraseUnit] = []
    address = bank.start
    for unit_size in _sizes(bank.layout):
        if address - bank.start >= size:
            break
        units.append(EraseUnit(bank.first_unit + len(units), address, unit_size))
        address += unit_size
    if address - bank.start != size:
        message = f"{size} bytes of flash do not end with an erase unit of {chip.name}"
        raise LayoutUnknown(message, "is the flash size register right? Give the flash size by hand")
    return units


def _sizes(layout: Sequence[Units]) -> list[int]:
    return [run.size for run in layout for _ in range(run.count)]
