"""The flash at the top of WB and WL that belongs to the second core: nothing from SFSA on is ever touched.

On a WB the radio's stack and its updater lie there, and whoever erased them would have no radio any more.
Word and bits: RM0453 Rev 5 table 13 (WL); RM0434 (WB), whose field is a bit wider, from memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_bytes import option_bit, option_word

_ESE_BIT = 8
"""In FLASH_OPTR: 0 means that there is no secure flash (CMSIS headers of WB and WL, from memory)."""


@dataclass(frozen=True, slots=True)
class _Where:
    """The option words of one product id."""

    optr: int
    sfr: int
    """SFSA, the number of the first secure page, from bit 0 on; FSD, which turns it off, just above it."""
    width: int


_BY_PRODUCT = {
    0x495: _Where(0x1FFF_8000, 0x1FFF_8070, 8),
    0x494: _Where(0x1FFF_7800, 0x1FFF_7870, 8),
    0x497: _Where(0x1FFF_7800, 0x1FFF_7870, 7),
}


class SecureFlashUnknown(Exception):
    """The chip has secure flash, and does not say where it begins."""

    def __init__(self, chip: Chip) -> None:
        self.message = (
            f"part of the flash of {chip.name} belongs to its second core, and the chip does not tell"
            " from where on (option word FLASH_SFR cannot be read)"
        )
        self.remedy = "flash it with a debugger (SWD), or with ST's tool"
        super().__init__(self.message)


def secure_flash_start(chip: Chip, option_bytes: Mapping[int, bytes]) -> int | None:
    """Return the first address that belongs to the second core, None if none does.

    Raises `SecureFlashUnknown` where the option bytes were not read that tell. A WL's ROM cannot read
    FLASH_SFR (AN2606): there ESE says at least whether there is any secure flash.
    """
    where = _BY_PRODUCT.get(chip.product_id)
    if where is None:
        if chip.family is Family.WL:  # unreleased parts: nobody knows where their words are
            raise SecureFlashUnknown(chip)
        return None
    word = option_word(option_bytes, where.sfr)
    if word is not None:
        is_off = bool(word >> where.width & 1)
        page = word & ((1 << where.width) - 1)
        return None if is_off else chip.flash_start + page * chip.layout[0].size
    if option_bit(option_bytes, where.optr, _ESE_BIT) == 0:
        return None
    raise SecureFlashUnknown(chip)
