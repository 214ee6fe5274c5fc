"""The chips that can be simulated.

Numbers: reference/stm32/devices.tsv (AN2606, CMSIS headers), timing.tsv (data sheets; which rows are from
memory stands there), protocol.md §6 and §8; option bytes: the family's reference manual, section FLASH.
"""

from stmota_simulator.chip_model import ChipModel
from stmota_simulator.chips.f0_f1 import F042, F103X8, F103XB
from stmota_simulator.chips.f2 import F207
from stmota_simulator.chips.f3 import F303XC
from stmota_simulator.chips.f4 import F407
from stmota_simulator.chips.f7 import F746, F767
from stmota_simulator.chips.f42x import F429, F429XG
from stmota_simulator.chips.flawed import FLAWED
from stmota_simulator.chips.g0_l4 import G071, L476
from stmota_simulator.chips.g0b1_c0_u0 import C031, G0B1, U073
from stmota_simulator.chips.g4 import G431, G474
from stmota_simulator.chips.h5_h7a3 import H7A3, H563
from stmota_simulator.chips.h7 import H743
from stmota_simulator.chips.l0 import L071
from stmota_simulator.chips.l1 import L152XB, L152XE
from stmota_simulator.chips.l4 import L4R5, L432, L476XE
from stmota_simulator.chips.trustzone import L552, U575, WBA52
from stmota_simulator.chips.wb_wl import WB55, WLE5
from stmota_simulator.errors import UnknownChip

CHIPS: tuple[ChipModel, ...] = (
    *(F103XB, F103X8, F042, F207, F303XC, F407, F429, F429XG, F746, F767),
    *(G071, G0B1, G431, G474, H563, H743, H7A3, L071, L152XB, L152XE),
    *(L432, L476, L476XE, L4R5, L552, C031, U073, U575, WB55, WBA52, WLE5),
)
ALL_CHIPS = (*CHIPS, *FLAWED)
"""With those that are there only for what is wrong with their ROMs."""


def find_chip(name: str) -> ChipModel:
    """Return the chip of a name, in any case, with or without `STM32`. Raises `UnknownChip`."""
    wanted = name.upper().removeprefix("STM32")
    for chip in ALL_CHIPS:
        if chip.name.upper() == wanted:
            return chip
    raise UnknownChip(name, [chip.name for chip in ALL_CHIPS])
