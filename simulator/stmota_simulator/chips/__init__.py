"""The chips that can be simulated.

Numbers: reference/stm32/devices.tsv (AN2606, CMSIS headers), timing.tsv (data sheets; which rows are from
memory stands there), protocol.md §6 and §8; option bytes: the family's reference manual, section FLASH.
"""

from stmota_simulator.chip_model import ChipModel
from stmota_simulator.chips.f0_f1 import F042, F103X8, F103XB
from stmota_simulator.chips.f4 import F407
from stmota_simulator.chips.g0_l4 import G071, L476
from stmota_simulator.chips.h7 import H743
from stmota_simulator.chips.l0 import L071
from stmota_simulator.errors import UnknownChip

CHIPS: tuple[ChipModel, ...] = (F103XB, F103X8, F042, F407, G071, H743, L071, L476)


def find_chip(name: str) -> ChipModel:
    """Return the chip of a name, in any case, with or without `STM32`. Raises `UnknownChip`."""
    wanted = name.upper().removeprefix("STM32")
    for chip in CHIPS:
        if chip.name.upper() == wanted:
            return chip
    raise UnknownChip(name, [chip.name for chip in CHIPS])
