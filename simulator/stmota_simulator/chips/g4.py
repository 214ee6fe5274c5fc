"""STM32G431 with 128 KiB, and STM32G474 with 512 KiB in two banks of 2 KiB pages or one of 4 KiB pages."""

from dataclasses import replace

from stmota_simulator.chip_model import (
    KIB,
    BootRule,
    ChipModel,
    OptionField,
    OptionLoading,
    OptionModel,
    ProtectRanges,
    Quirk,
    Range,
    RomModel,
)
from stmota_simulator.chips.double_word import double_word_flash
from stmota_simulator.chips.option_words import NO_AREA, option_area
from stmota_simulator.layout import Layout, LayoutByOption

_OPTION_BYTES = 0x1FFF_7800
_BANK_2_OPTION_BYTES = 0x1FFF_F808
_WORDS = {0: 0xFFEF_F8AA, 0x18: NO_AREA, 0x20: NO_AREA, 0x28: 0xFFFE_FF00}
"""FLASH_OPTR of production (RM0440 §3.7.8): BFB2 = 0, DBANK = nBOOT1 = nSWBOOT0 = nBOOT0 = 1; SEC1R."""
_FIELDS = (
    ("nBOOT1", OptionField(_OPTION_BYTES, 23)),
    ("nSWBOOT0", OptionField(_OPTION_BYTES, 26)),
    ("nBOOT0", OptionField(_OPTION_BYTES, 27)),
    ("BOOT_LOCK", OptionField(_OPTION_BYTES + 0x28, 16)),
)


def _rom(version: str, *quirks: Quirk) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=390,
        start_up_without_crystal_us=390,
        ram_reserved=(Range(0x2000_0000, 0x2000_3FFF),),
        quirks=frozenset(quirks),
    )


G431 = ChipModel(
    name="G431",
    family="G4",
    product_id=0x468,
    flash=double_word_flash(2 * KIB, Layout(((2 * KIB,) * 64,))),
    ram=(Range(0x2000_0000, 0x2000_57FF), Range(0x1000_0000, 0x1000_27FF)),
    system_memory=Range(0x1FFF_0000, 0x1FFF_6FFF),
    info=Range(0x1FFF_7500, 0x1FFF_77FF),
    flash_size_register=0x1FFF_75E0,
    unique_id_register=0x1FFF_7590,
    options=OptionModel(
        areas=((_OPTION_BYTES, option_area(_WORDS, size=0x30)),),
        complement_bytes=4,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(((_OPTION_BYTES + 0x18, 0), (_OPTION_BYTES + 0x20, 0)), width=6),
        fields=_FIELDS,
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.NSWBOOT0,
    roms=(_rom("13.4"),),  # from memory
    bootloader_id_register=0x1FFF_6FFE,
    one_time=Range(0x1FFF_7000, 0x1FFF_73FF),
    fastest_baud=2_000_000,
)

G474 = replace(
    G431,
    name="G474",
    product_id=0x469,
    flash=double_word_flash(
        2 * KIB,
        # bank 2 goes on with page 128, as in ST's OpenBL for G4
        Layout(((2 * KIB,) * 128, (2 * KIB,) * 128)),
        LayoutByOption("DBANK", 0, Layout(((4 * KIB,) * 128,))),
    ),
    ram=(Range(0x2000_0000, 0x2001_FFFF), Range(0x1000_0000, 0x1000_7FFF)),
    options=replace(
        G431.options,
        areas=(
            (_OPTION_BYTES, option_area(_WORDS, size=0x30)),
            (_BANK_2_OPTION_BYTES, option_area({0x10: NO_AREA, 0x18: NO_AREA}, size=0x28)),
        ),
        write_protection=ProtectRanges(
            ((_OPTION_BYTES + 0x18, 0), (_OPTION_BYTES + 0x20, 0), (0x1FFF_F818, 1), (0x1FFF_F820, 1)),
            width=7,
        ),
        fields=(*_FIELDS, ("DBANK", OptionField(_OPTION_BYTES, 22))),
    ),
    roms=(_rom("13.4"), _rom("13.3")),
)
