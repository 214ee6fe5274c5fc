"""How a flash array is divided into erase units, and how the ROM's erase commands number them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Layout:
    """Banks of erase units, one behind the other."""

    banks: tuple[tuple[int, ...], ...]
    """Sizes of the erase units of each bank, in address order."""
    bank_2_from: int | None = None
    """Number of bank 2's first unit; None: the units are numbered through."""
    units_per_bit: int = 1
    """Erase units that one bit of a `ProtectBits` without `group_bytes` protects."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of all erase units."""
        return tuple(size for bank in self.banks for size in bank)

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(self.sizes)

    def first_of(self, bank: int) -> int:
        """Number of a bank's first unit; of bank 1's where there is no such bank."""
        if not 0 < bank < len(self.banks):
            return 0
        return len(self.banks[0]) if self.bank_2_from is None else self.bank_2_from

    def numbers_of(self, bank: int) -> range:
        """Numbers of a bank's units."""
        first = self.first_of(bank)
        return range(first, first + len(self.banks[bank]))

    def bounds(self) -> Iterator[tuple[int, int, int]]:
        """Number, start and end offset of each unit, in address order."""
        numbers = (number for bank in range(len(self.banks)) for number in self.numbers_of(bank))
        ends = accumulate(self.sizes)
        for number, size, end in zip(numbers, self.sizes, ends, strict=True):
            yield number, end - size, end


@dataclass(frozen=True, slots=True)
class LayoutByOption:
    """A layout that holds when an option bit has a value."""

    option: str
    """By the reference manual's name, one of `OptionModel.fields`."""
    value: int
    layout: Layout
