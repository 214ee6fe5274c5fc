"""The supply voltage that F2 and F4 ROMs want to know, to erase and program more than a byte at once.

Ranges: RM0090 §3.6.2 and RM0033 §2.6.2, "Program/erase parallelism"; the byte that tells them: AN2606.
"""

from dataclasses import dataclass

from stmota_protocol.chips.model import Chip, Family

REGISTER = 0xFFFF_0000
"""Virtual address: WRITE MEMORY of one byte there sets the range until the next reset (AN2606)."""
DEFAULT_RANGE = 0
"""What the ROM takes for granted after a reset: byte by byte (AN2606)."""


@dataclass(frozen=True, slots=True)
class SupplyRange:
    """One voltage range of the reference manual."""

    code: int
    """The byte that tells it."""
    lowest_mv: int
    highest_mv: int
    width_bits: int
    """Programmed at once."""


RANGES = (
    SupplyRange(0, 1800, 2100, 8),
    SupplyRange(1, 2100, 2400, 16),
    SupplyRange(2, 2400, 2700, 16),
    SupplyRange(3, 2700, 3600, 32),
)
"""Range 4 is left out: 64 bits want a second supply of 8 to 9 V at the VPP pin."""

_BYTE_WISE = frozenset({0x458, 0x441})
"""F410 and F412 stay byte-wise whatever they are told (AN2606), as does F7."""


class SupplyRefused(ValueError):
    """The supply cannot be told: no such voltage, or this chip does not ask for it."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)


def check_supply(supply_mv: int) -> None:
    """Raise `SupplyRefused` for a voltage that no F2 or F4 works at."""
    lowest, highest = RANGES[0].lowest_mv, RANGES[-1].highest_mv
    if not lowest <= supply_mv <= highest:
        message = f"a supply of {supply_mv} mV is outside of {lowest} to {highest} mV (RM0090 §3.6.2)"
        raise SupplyRefused(message, "give the chip's VDD in millivolts: --supply-mv 3300")


def supply_range(chip: Chip, supply_mv: int) -> SupplyRange:
    """Return the range to tell; on a boundary the lower, safer one. Raises `SupplyRefused`."""
    check_supply(supply_mv)
    if chip.family not in {Family.F2, Family.F4} or chip.product_id in _BYTE_WISE:
        message = (
            f"the bootloader of {chip.name} does not take a supply voltage: --supply-mv is for F2 and F4"
        )
        raise SupplyRefused(message + " (but F410 and F412)", "flash without --supply-mv")
    return next(one for one in RANGES if supply_mv <= one.highest_mv)
