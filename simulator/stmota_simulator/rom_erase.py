"""What the ROM's erase commands do to the flash."""

from collections.abc import Callable, Generator
from typing import ClassVar

from stmota_simulator.chip_model import ChipModel, Quirk, RomModel
from stmota_simulator.cpu import Effect, Work
from stmota_simulator.flash import Flash

Erasing = Generator[Effect, bytes, None]


class RomErase:
    """Page lists, mass erase and bank erase."""

    FIRST_SPECIAL: ClassVar = 0xFFF0  # AN3155 §3.8: 0xFFF0 to 0xFFFC are reserved
    MASS: ClassVar = 0xFFFF
    BANKS: ClassVar = {0xFFFE: 0, 0xFFFD: 1}
    MOST_UNITS: ClassVar = 511
    """Of one command: 512 fail on L152, 511 work on L082 (protocol.md §3)."""

    def __init__(self, chip: ChipModel, rom: RomModel, flash: Flash, now_us: Callable[[], int]) -> None:
        self._chip = chip
        self._rom = rom
        self._flash = flash
        self._now_us = now_us
        self._busy_until_us = 0
        """Until then bank 2 erases, although the ROM has acknowledged (`BANK_2_ERASE_EARLY`)."""

    def knows(self, units: list[int]) -> bool:
        """Whether a list is one that the ROM takes."""
        return len(units) <= self.MOST_UNITS and set(units) <= set(self._flash.units)

    def has_special(self, code: int) -> bool:
        """Whether the chip knows this code of mass or bank erase."""
        if not self._chip.has_special_erase:
            return False
        return code == self.MASS or (code in self.BANKS and len(self._flash.layout.banks) > 1)

    def is_busy(self, offset: int) -> bool:
        """Whether the bank of an offset still erases."""
        is_bank_2 = self._flash.bank_of(self._flash.unit_at(offset)) == 1
        return is_bank_2 and self._now_us() < self._busy_until_us

    def everything(self) -> Work:
        """Mass erase."""
        return Work(self._flash.mass_erase_us(), self._flash.erase_all)

    def regression(self) -> Work:
        """The mass erase with which read protection is lifted: write protection does not stop it."""
        return Work(self._flash.mass_erase_us(), self._flash.wipe)

    def special(self, code: int) -> Erasing:
        """Mass or bank erase."""
        if code == self.MASS:
            yield self.everything()
        elif Quirk.BANK_ERASE_BROKEN not in self._rom.quirks:
            bank = self.BANKS[code]
            yield from self._bank(bank)

    def units(self, units: list[int]) -> Erasing:
        """Erase unit after unit."""
        if Quirk.ERASES_FIRST_PAGE_ONLY in self._rom.quirks:
            units = units[:1]
        if Quirk.BANK_2_LISTS_FAIL in self._rom.quirks and len(units) > 1:
            units = [unit for unit in units if self._flash.bank_of(unit) == 0]
        for unit in units:
            yield from self._unit(unit)

    def _unit(self, unit: int) -> Erasing:
        if unit in self._flash.protected:
            self._flash.erase(unit)
            return
        time_us = self._flash.erase_us(unit)
        if self._is_early(self._flash.bank_of(unit)):
            self._flash.erase(unit)
            self._busy_until_us = max(self._busy_until_us, self._now_us()) + time_us
            return
        yield Work(time_us, lambda share: self._flash.erase(unit, share))

    def _bank(self, bank: int) -> Erasing:
        units = self._flash.layout.numbers_of(bank)
        time_us = self._flash.bank_erase_us(bank)

        def conclude(share: float) -> None:
            for unit in units:
                self._flash.erase(unit, share)

        if self._is_early(bank):
            conclude(1.0)
            self._busy_until_us = max(self._busy_until_us, self._now_us()) + time_us
            return
        yield Work(time_us, conclude)

    def _is_early(self, bank: int) -> bool:
        return bank == 1 and Quirk.BANK_2_ERASE_EARLY in self._rom.quirks
