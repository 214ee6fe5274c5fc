"""STM32F427/F429/F437/F439: two banks with 2 MiB, one or two with 1 MiB."""

from dataclasses import replace

from stmota_simulator.chip_model import (
    KIB,
    OptionField,
    OptionModel,
    ProtectBits,
    Quirk,
    Range,
    RomModel,
)
from stmota_simulator.chips.f4 import F407
from stmota_simulator.layout import Layout, LayoutByOption

_OPTION_BYTES = 0x1FFF_C000
_BANK_2_OPTION_BYTES = 0x1FFE_C008
_MIB = (16 * KIB,) * 4 + (64 * KIB,) + (128 * KIB,) * 7
_HALF_A_MIB = (16 * KIB,) * 4 + (64 * KIB,) + (128 * KIB,) * 3


def _rom(version: str, reserved: int, start_up_us: int) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us + 97_000,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
        quirks=frozenset({Quirk.SHORT_SIZE_READ_REFUSED}),  # as F407
    )


_OPTIONS = OptionModel(
    # RM0090 Rev 21 table 17: BFB2, SPRMOD and DB1M are 0 from the factory, unused bits read 1
    areas=(
        (_OPTION_BYTES, bytes.fromhex("EDAAFFFFFFFFFFFF FF3FFFFFFFFFFFFF".replace(" ", ""))),
        (_BANK_2_OPTION_BYTES, b"\xff" * 8),
    ),
    complement_bytes=0,
    rdp=OptionField(_OPTION_BYTES, 8, 8),
    rdp_0=0xAA,
    rdp_1=0x55,
    rdp_2=0xCC,
    write_protection=ProtectBits(
        ((_OPTION_BYTES + 8, 0, 12), (_BANK_2_OPTION_BYTES, 0, 12)), protects_when=0
    ),
    fields=(("BFB2", OptionField(_OPTION_BYTES, 4)), ("DB1M", OptionField(_OPTION_BYTES + 8, 14))),
)

F429 = replace(
    F407,
    name="F429",
    product_id=0x419,
    flash=replace(
        F407.flash,
        layout=Layout((_MIB, _MIB)),
        bank_erase=F407.flash.mass_erase,
        mass_erase=F407.flash.mass_erase,  # both banks at once (RM0090 §3.6.3: MER and MER1)
    ),
    ram=(Range(0x2000_0000, 0x2002_FFFF), Range(0x1000_0000, 0x1000_FFFF)),
    options=_OPTIONS,
    roms=(_rom("9.1", 0x3000, 74_000), _rom("9.0", 0x3000, 74_000), _rom("7.0", 0x2000, 82_000)),
    bootloader_id_register=0x1FFF_76DE,
)

F429XG = replace(
    F429,
    name="F429xG",
    flash=replace(
        F407.flash,
        layout=Layout((_MIB,)),
        layouts_by_option=(
            # the sectors of bank 2 keep the numbers that they have on 2 MiB parts (RM0090 table 9)
            LayoutByOption("DB1M", 1, Layout((_HALF_A_MIB, _HALF_A_MIB), bank_2_from=12)),
        ),
    ),
)
