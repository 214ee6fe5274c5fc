"""The chip table: all product ids of ST's ROM bootloaders that are known, as reviewable literals.

`chip_by_product_id` finds a row, `layout.units_of` its erase units, `traits.traits` the times and habits
of its ROM, `boot` and `protection` what its option bytes say.
"""

from stmota_protocol.chips import (
    f0,
    f1,
    f2_f4,
    f3,
    f7,
    g0_c0_u0,
    g4_g5,
    h5_c5,
    h7,
    l0_l1,
    l4_l5,
    u3_u5,
    wb0,
    wireless,
)
from stmota_protocol.chips.model import Chip, Dialect, Family, RegisterRead, Units

__all__ = [
    "CHIPS",
    "Chip",
    "Dialect",
    "Family",
    "RegisterRead",
    "Units",
    "chip_by_name",
    "chip_by_product_id",
]

_GROUPS = (f0, f1, f2_f4, f3, f7, g0_c0_u0, g4_g5, h5_c5, h7, l0_l1, l4_l5, u3_u5, wb0, wireless)

CHIPS: dict[int, Chip] = {chip.product_id: chip for group in _GROUPS for chip in group.CHIPS}
"""By product id, as GET ID answers it."""


def chip_by_product_id(product_id: int) -> Chip | None:
    """Return the row of a product id, None if the table has none."""
    return CHIPS.get(product_id)


def chip_by_name(name: str) -> Chip | None:
    """Return the row whose `name` (label and product id) this is, None if the table has none."""
    return next((chip for chip in CHIPS.values() if chip.name == name), None)
