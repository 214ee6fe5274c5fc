"""STM32F205/F207/F215/F217 with 1 MiB: the F4's flash, and a ROM of its own."""

from dataclasses import replace

from stmota_simulator.chip_model import Quirk, Range, RomModel
from stmota_simulator.chips.f4 import F407


def _rom(version: str, protocol: int, start_up_us: int, quirk: Quirk) -> RomModel:
    return RomModel(
        version=version,
        protocol=protocol,  # which version has which is from memory
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us,
        ram_reserved=(Range(0x2000_0000, 0x2000_1FFF),),
        quirks=frozenset({quirk}),
    )


F207 = replace(
    F407,
    name="F207",
    family="F2",
    product_id=0x411,
    ram=(Range(0x2000_0000, 0x2001_FFFF),),
    roms=(
        _rom("3.3", 0x31, 84_600, Quirk.TWO_NACKS_WHEN_PROTECTED),
        _rom("3.2", 0x31, 84_600, Quirk.NO_NACK_ON_BAD_ADDRESS),
        _rom("2.0", 0x30, 134_000, Quirk.NO_NACK_ON_BAD_ADDRESS),
    ),
)
"""Times: DS6329 is like DS8626 (timing.tsv, from memory); option words as F407 (PM0059 §2, from memory)."""
