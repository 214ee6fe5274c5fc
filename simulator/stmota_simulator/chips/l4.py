"""STM32L432 with 256 KiB, STM32L476xE with 512 KiB in one bank or two, STM32L4R5 with 2 MiB."""

from dataclasses import replace

from stmota_simulator.chip_model import (
    KIB,
    BootRule,
    ChipModel,
    OptionField,
    OptionLoading,
    OptionModel,
    ProtectRanges,
    Range,
    RomModel,
)
from stmota_simulator.chips.double_word import double_word_flash
from stmota_simulator.chips.g0_l4 import L476
from stmota_simulator.chips.option_words import NO_AREA, option_area
from stmota_simulator.layout import Layout, LayoutByOption

_OPTION_BYTES = 0x1FFF_7800
_L4R_OPTION_BYTES = 0x1FF0_0000
_L4R_BANK_2_OPTION_BYTES = 0x1FF0_1008
_OPTR = 0xFFEF_F8AA
"""FLASH_OPTR of production (RM0351, RM0394, RM0432 §3.7.8): BFB2 = 0, all bits named below 1."""


def _boot_fields(options: int) -> tuple[tuple[str, OptionField], ...]:
    return (
        ("nBOOT1", OptionField(options, 23)),
        ("nSWBOOT0", OptionField(options, 26)),
        ("nBOOT0", OptionField(options, 27)),
    )


L432 = ChipModel(
    name="L432",
    family="L4",
    product_id=0x435,
    flash=double_word_flash(2 * KIB, Layout(((2 * KIB,) * 128,))),
    ram=(Range(0x2000_0000, 0x2000_FFFF), Range(0x1000_0000, 0x1000_3FFF)),
    system_memory=Range(0x1FFF_0000, 0x1FFF_6FFF),
    info=Range(0x1FFF_7500, 0x1FFF_77FF),
    flash_size_register=0x1FFF_75E0,
    unique_id_register=0x1FFF_7590,
    options=OptionModel(
        areas=((_OPTION_BYTES, option_area({0: _OPTR, 0x18: NO_AREA, 0x20: NO_AREA}, size=0x28)),),
        complement_bytes=4,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(((_OPTION_BYTES + 0x18, 0), (_OPTION_BYTES + 0x20, 0)), width=8),
        fields=_boot_fields(_OPTION_BYTES),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.NSWBOOT0,
    roms=(
        RomModel(
            version="9.1",
            protocol=0x31,
            start_up_us=860,
            start_up_without_crystal_us=100_860,
            ram_reserved=(Range(0x2000_0000, 0x2000_0000 + 12_544 - 1),),
        ),
    ),
    has_empty_check=True,
    resets_after_options=True,
    bootloader_id_register=0x1FFF_6FFE,
    one_time=Range(0x1FFF_7000, 0x1FFF_73FF),
)

_QUARTER_MIB = (2 * KIB,) * 128

L476XE = replace(
    L476,
    name="L476xE",
    flash=double_word_flash(
        2 * KIB,
        # the pages of bank 2 are numbered from 256 whatever its size (RM0351 table 5)
        Layout((_QUARTER_MIB, _QUARTER_MIB), bank_2_from=256),
        LayoutByOption("DUALBANK", 0, Layout(((2 * KIB,) * 256,))),
    ),
)

L4R5 = replace(
    L432,
    name="L4R5",
    product_id=0x470,
    flash=double_word_flash(
        4 * KIB,
        Layout(((4 * KIB,) * 256, (4 * KIB,) * 256)),
        LayoutByOption("DBANK", 0, Layout(((8 * KIB,) * 256,))),
    ),
    ram=(Range(0x2000_0000, 0x2009_FFFF), Range(0x1000_0000, 0x1000_FFFF)),
    options=replace(
        L432.options,
        areas=(
            (_L4R_OPTION_BYTES, option_area({0: _OPTR, 0x18: NO_AREA, 0x20: NO_AREA}, size=0x28)),
            (_L4R_BANK_2_OPTION_BYTES, option_area({0x10: NO_AREA, 0x18: NO_AREA}, size=0x20)),
        ),
        rdp=OptionField(_L4R_OPTION_BYTES, 0, 8),
        write_protection=ProtectRanges(
            ((0x1FF0_0018, 0), (0x1FF0_0020, 0), (0x1FF0_1018, 1), (0x1FF0_1020, 1)), width=8
        ),
        fields=(
            *_boot_fields(_L4R_OPTION_BYTES),
            ("BFB2", OptionField(_L4R_OPTION_BYTES, 20)),
            ("DBANK", OptionField(_L4R_OPTION_BYTES, 22)),
        ),
    ),
    roms=(
        RomModel(
            version="9.5",  # from memory
            protocol=0x31,
            start_up_us=10_100,
            start_up_without_crystal_us=10_100,
            ram_reserved=(Range(0x2000_0000, 0x2000_31FF),),
        ),
    ),
    resets_after_options=False,
)
