"""STM32WB55 with 1 MiB, the top of which belongs to the wireless core, and STM32WLE5 with 256 KiB."""

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
from stmota_simulator.chips.option_words import NO_AREA, option_area
from stmota_simulator.layout import Layout

_WB_OPTION_BYTES = 0x1FFF_8000
_WL_OPTION_BYTES = 0x1FFF_7800
_SFSA = OptionField(_WB_OPTION_BYTES + 0x70, 0, 8)


def _boot_fields(options: int) -> tuple[tuple[str, OptionField], ...]:
    return (
        ("nBOOT1", OptionField(options, 23)),
        ("nSWBOOT0", OptionField(options, 26)),
        ("nBOOT0", OptionField(options, 27)),
    )


def _options(base: int, words: dict[int, int], size: int, width: int) -> OptionModel:
    return OptionModel(
        areas=((base, option_area({0x18: NO_AREA, 0x20: NO_AREA, **words}, size=size)),),
        complement_bytes=4,
        rdp=OptionField(base, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(((base + 0x18, 0), (base + 0x20, 0)), width=width),
        fields=_boot_fields(base),
        loading=OptionLoading.AT_POWER_ON,
    )


def _rom(version: str, protocol: int, reserved: int) -> RomModel:
    return RomModel(
        version=version,
        protocol=protocol,
        start_up_us=390,
        start_up_without_crystal_us=390,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
    )


# FLASH_OPTR of production 0x3DFFF1AA (RM0434 §3.10.8); SFR: the FUS alone from page 0xF4 on (from memory)
_WB_OPTIONS = _options(_WB_OPTION_BYTES, {0x00: 0x3DFF_F1AA, 0x70: 0xFFFF_FEF4}, size=0x80, width=8)

WB55 = ChipModel(
    name="WB55",
    family="WB",
    product_id=0x495,
    flash=double_word_flash(4 * KIB, Layout(((4 * KIB,) * 256,))),
    ram=(Range(0x2000_0000, 0x2002_FFFF), Range(0x2003_0000, 0x2003_FFFF)),
    system_memory=Range(0x1FFF_0000, 0x1FFF_6FFF),
    info=Range(0x1FFF_7500, 0x1FFF_77FF),
    flash_size_register=0x1FFF_75E0,
    unique_id_register=0x1FFF_7590,
    options=replace(_WB_OPTIONS, secure_from=_SFSA, fields=(*_WB_OPTIONS.fields, ("SFSA", _SFSA))),
    boot_rule=BootRule.NSWBOOT0,
    roms=(_rom("13.5", 0x32, 16 * KIB),),
    bootloader_id_register=0x1FFF_6FFE,
    one_time=Range(0x1FFF_7000, 0x1FFF_73FF),
    fastest_baud=2_000_000,
)

_WL_OPTIONS = _options(_WL_OPTION_BYTES, {0x00: 0x3FFF_F0AA}, size=0x70, width=7)
_WL_BOOT_LOCK = ("BOOT_LOCK", OptionField(_WL_OPTION_BYTES, 30))

WLE5 = replace(
    WB55,
    name="WLE5",
    family="WL",
    product_id=0x497,
    flash=double_word_flash(2 * KIB, Layout(((2 * KIB,) * 128,))),
    ram=(Range(0x2000_0000, 0x2000_FFFF),),
    system_memory=Range(0x1FFF_0000, 0x1FFF_3FFF),
    options=replace(_WL_OPTIONS, fields=(*_WL_OPTIONS.fields, _WL_BOOT_LOCK)),
    roms=(_rom("12.2", 0x31, 8 * KIB),),  # version from memory
    bootloader_id_register=0x1FFF_3EFE,
)
