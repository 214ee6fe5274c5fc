"""STM32G0B1 with 512 KiB in one bank or two, STM32C031, STM32U073: the boot pin is an option."""

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
from stmota_simulator.chips.double_word import slower_double_word_flash
from stmota_simulator.chips.g0_l4 import G071
from stmota_simulator.chips.option_words import NO_AREA, option_area
from stmota_simulator.layout import Layout, LayoutByOption

_PAGE = 2 * KIB
_OPTION_BYTES = 0x1FFF_7800
_U0_OPTION_REGISTERS = 0x4002_2020
_NOT_LOCKED = 0xFFFE_FF00
"""FLASH_SECR without BOOT_LOCK."""


def _boot_fields(options: int, secure: int) -> tuple[tuple[str, OptionField], ...]:
    return (
        ("nBOOT_SEL", OptionField(options, 24)),
        ("nBOOT1", OptionField(options, 25)),
        ("nBOOT0", OptionField(options, 26)),
        ("BOOT_LOCK", OptionField(secure, 16)),
    )


def _rom(version: str, protocol: int, start_up_us: int, reserved: int) -> RomModel:
    return RomModel(
        version=version,
        protocol=protocol,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
    )


G0B1 = replace(
    G071,
    name="G0B1",
    product_id=0x467,
    # bank 2 goes on with page 128: stm32flash's table; the manual's own table numbers it from 256
    flash=slower_double_word_flash(
        _PAGE,
        Layout(((_PAGE,) * 128, (_PAGE,) * 128)),
        LayoutByOption("DUAL_BANK", 0, Layout(((_PAGE,) * 256,))),
    ),
    ram=(Range(0x2000_0000, 0x2002_3FFF),),
    system_memory=Range(0x1FFF_8000, 0x1FFF_EFFF),  # the second of two parts: it holds the id byte
    options=replace(
        G071.options,
        areas=(
            (
                _OPTION_BYTES,
                option_area(
                    {
                        0: 0xFFFF_FEAA,  # reset value, RM0444
                        0x18: NO_AREA,
                        0x20: NO_AREA,
                        0x48: NO_AREA,
                        0x50: NO_AREA,
                        0x70: _NOT_LOCKED,
                    },
                    size=0x78,
                ),
            ),
        ),
        write_protection=ProtectRanges(
            tuple(
                (_OPTION_BYTES + offset, bank)
                for offset, bank in ((0x18, 0), (0x20, 0), (0x48, 1), (0x50, 1))
            ),
            width=7,
        ),
        fields=(*G071.options.fields, ("DUAL_BANK", OptionField(_OPTION_BYTES, 21))),
    ),
    roms=tuple(
        replace(
            _rom(version, 0x31, 390, 16 * KIB),
            quirks=frozenset({Quirk.BANK_2_LISTS_FAIL, Quirk.CLEARS_EMPTY_FLAG}),
        )
        for version in ("9.2", "13.0")  # G0B1, G0B0
    ),
    bootloader_id_register=0x1FFF_9FFE,
)

C031 = ChipModel(
    name="C031",
    family="C0",
    product_id=0x453,
    flash=slower_double_word_flash(_PAGE, Layout(((_PAGE,) * 16,))),
    ram=(Range(0x2000_0000, 0x2000_2FFF),),
    system_memory=Range(0x1FFF_0000, 0x1FFF_17FF),
    info=Range(0x1FFF_7500, 0x1FFF_75FF),
    flash_size_register=0x1FFF_75A0,
    unique_id_register=0x1FFF_7550,
    options=replace(
        G071.options,
        # as the G0's; nBOOT_SEL is 1 from the factory (entry.md), the other bits are from memory
        areas=(
            (
                _OPTION_BYTES,
                option_area({0: 0xFFFF_FEAA, 0x18: NO_AREA, 0x20: NO_AREA, 0x70: _NOT_LOCKED}, size=0x78),
            ),
        ),
        write_protection=ProtectRanges(((_OPTION_BYTES + 0x18, 0), (_OPTION_BYTES + 0x20, 0)), width=4),
        fields=_boot_fields(_OPTION_BYTES, _OPTION_BYTES + 0x70),
    ),
    boot_rule=BootRule.NBOOT_SEL,
    roms=(_rom("5.1", 0x31, 2_100, 3_584),),  # "V5.x", devices.tsv
    has_empty_check=True,
    bootloader_id_register=0x1FFF_17FE,
    fastest_baud=2_000_000,
)

U073 = ChipModel(
    name="U073",
    family="U0",
    product_id=0x489,
    flash=slower_double_word_flash(_PAGE, Layout(((_PAGE,) * 128,))),
    ram=(Range(0x2000_0000, 0x2000_9FFF),),
    system_memory=Range(0x1FFF_0000, 0x1FFF_67FF),
    info=Range(0x1FFF_6E00, 0x1FFF_6EFF),
    flash_size_register=0x1FFF_6EA0,
    unique_id_register=0x1FFF_6E50,
    options=OptionModel(
        # registers of the flash interface: OPTR, WRP1AR, WRP1BR, SECR (RM0503 §3.7)
        areas=(
            (
                _U0_OPTION_REGISTERS,
                option_area({0: 0xFFFF_FEAA, 0x0C: NO_AREA, 0x10: NO_AREA, 0x60: _NOT_LOCKED}, size=0x64),
            ),
        ),
        complement_bytes=0,
        rdp=OptionField(_U0_OPTION_REGISTERS, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(
            ((_U0_OPTION_REGISTERS + 0x0C, 0), (_U0_OPTION_REGISTERS + 0x10, 0)), width=7
        ),
        fields=_boot_fields(_U0_OPTION_REGISTERS, _U0_OPTION_REGISTERS + 0x60),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.NBOOT_SEL,
    roms=(_rom("8.0", 0x31, 5_600, 8_560),),  # version from memory
    has_empty_check=True,
    bootloader_id_register=0x1FFF_67FE,
    fastest_baud=2_000_000,
)
