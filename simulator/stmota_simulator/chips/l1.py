"""STM32L152xB (category 1) with 128 KiB, and STM32L152xE (category 5) with 512 KiB: pages of 256 bytes."""

from dataclasses import replace

from stmota_simulator.chip_model import (
    KIB,
    BootRule,
    ChipModel,
    Duration,
    FlashModel,
    OptionField,
    OptionLoading,
    OptionModel,
    ProgramRule,
    ProtectBits,
    Quirk,
    Range,
    RomModel,
)
from stmota_simulator.layout import Layout

_OPTION_BYTES = 0x1FF8_0000
_MORE_OPTION_BYTES = 0x1FF8_0080
_PAGE = 256
_ONE = Duration(3_280, 3_940)
"""Erase of a page; programming of a word or of a half page (DS, from memory)."""


def _options(protected_by: int, size: int) -> OptionModel:
    """RDP, USER (0x00F8: nRST_STDBY, nRST_STOP, IWDG_SW, BOR off), WRP of 16 bits a word (RM0038 §3.7)."""
    area = bytearray(size)
    area[0] = 0xAA
    area[4] = 0xF8
    words = [_OPTION_BYTES + 8 + 4 * index for index in range(min(protected_by, 6))]
    words += [_MORE_OPTION_BYTES + 4 * index for index in range(protected_by - len(words))]
    areas = ((_OPTION_BYTES, bytes(area)),)
    return OptionModel(
        areas=areas if protected_by <= 6 else (*areas, (_MORE_OPTION_BYTES, bytes(8))),
        complement_bytes=2,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectBits(
            tuple((word, 0, 16) for word in words), protects_when=1, group_bytes=4 * KIB
        ),
        loading=OptionLoading.AT_POWER_ON,
    )


L152XB = ChipModel(
    name="L152xB",
    family="L1",
    product_id=0x416,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((_PAGE,) * 512,)),
        program_bytes=4,
        program=_ONE,
        erase_by_size=((_PAGE, _ONE),),
        mass_erase=None,
        rule=ProgramRule.SPOILS,  # no error is flagged: bits and ECC mix (RM0038 §3.3.4, from memory)
        erased=0x00,
        row_bytes=128,
    ),
    ram=(Range(0x2000_0000, 0x2000_3FFF),),
    system_memory=Range(0x1FF0_0000, 0x1FF0_0FFF),
    info=Range(0x1FF8_0040, 0x1FF8_007F),
    flash_size_register=0x1FF8_004C,
    unique_id_register=0x1FF8_0050,
    options=_options(protected_by=2, size=0x10),
    boot_rule=BootRule.PIN,
    roms=(
        RomModel(
            version="2.0",
            protocol=0x30,
            start_up_us=700,
            start_up_without_crystal_us=80_700,
            ram_reserved=(Range(0x2000_0000, 0x2000_07FF),),
            quirks=frozenset({Quirk.NO_NACK_ON_BAD_ADDRESS}),
        ),
    ),
    unique_id_offsets=(0x00, 0x04, 0x14),  # RM0038 §31.2
    bootloader_id_register=0x1FF0_0FFE,
    eeprom=Range(0x0808_0000, 0x0808_0FFF),
    has_special_erase=False,
)

L152XE = replace(
    L152XB,
    name="L152xE",
    product_id=0x437,
    flash=replace(L152XB.flash, layout=Layout(((_PAGE,) * 1024, (_PAGE,) * 1024))),
    ram=(Range(0x2000_0000, 0x2001_3FFF),),
    system_memory=Range(0x1FF0_0000, 0x1FF0_1FFF),
    info=Range(0x1FF8_00C0, 0x1FF8_00FF),
    flash_size_register=0x1FF8_00CC,
    unique_id_register=0x1FF8_00D0,
    options=_options(protected_by=8, size=0x20),
    roms=(
        RomModel(
            version="4.0",
            protocol=0x31,
            start_up_us=700,
            start_up_without_crystal_us=200_700,
            ram_reserved=(Range(0x2000_0000, 0x2000_0FFF),),
            quirks=frozenset({Quirk.TWO_NACKS_WHEN_PROTECTED}),
        ),
    ),
    bootloader_id_register=0x1FF0_1FFE,
    eeprom=Range(0x0808_0000, 0x0808_3FFF),
)
