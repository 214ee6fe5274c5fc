"""STM32L552, STM32U575 and STM32WBA52, with TrustZone off: option bytes are registers, boot has addresses."""

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
    ProtectRanges,
    Range,
    RomModel,
)
from stmota_simulator.chips.double_word import double_word_flash
from stmota_simulator.chips.option_words import option_area
from stmota_simulator.layout import Layout, LayoutByOption

_OPTR = 0x4002_2040
_NO_AREA = 0xFF00_FFFF | 0x0080_0000
"""WRP1A and its like from the factory: first page 0x7F, last page 0 (RM0438 §6.9)."""


def _options(optr: int, rom: int, *banks: int, fields: tuple[tuple[str, OptionField], ...]) -> OptionModel:
    """FLASH_OPTR up to WRP2BR (RM0438 §6.9, RM0456 §7.9, RM0493 §7.9); the ROM takes them as one block."""
    words = {
        0x00: optr,
        0x04: 0x0800_007F,  # NSBOOTADD0R
        0x08: rom | 0x7F,  # NSBOOTADD1R
        0x0C: 0x0C00_007C,  # SECBOOTADD0R, BOOT_LOCK in bit 0
        **dict.fromkeys((0x18, 0x1C, 0x28, 0x2C), _NO_AREA),
    }
    return OptionModel(
        areas=((_OPTR, option_area(words, size=0x30)),),
        complement_bytes=0,
        rdp=OptionField(_OPTR, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(
            tuple((_OPTR + 0x18 + 0x10 * bank + 4 * area, bank) for bank in banks for area in (0, 1)), width=7
        ),
        fields=(
            ("nSWBOOT0", OptionField(_OPTR, 26)),
            ("nBOOT0", OptionField(_OPTR, 27)),
            ("TZEN", OptionField(_OPTR, 31)),
            ("NSBOOTADD0", OptionField(_OPTR + 0x04, 7, 25)),
            ("NSBOOTADD1", OptionField(_OPTR + 0x08, 7, 25)),
            ("BOOT_LOCK", OptionField(_OPTR + 0x0C, 0)),
            *fields,
        ),
        loading=OptionLoading.AT_POWER_ON,
    )


def _rom(version: str, start_up_us: int, reserved: int) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
    )


L552 = ChipModel(
    name="L552",
    family="L5",
    product_id=0x472,
    flash=double_word_flash(
        2 * KIB,
        # bank 2 goes on with page 128, as in ST's OpenBL for L5
        Layout(((2 * KIB,) * 128, (2 * KIB,) * 128)),
        LayoutByOption("DBANK", 0, Layout(((4 * KIB,) * 128,))),
    ),
    ram=(Range(0x2000_0000, 0x2003_FFFF),),
    system_memory=Range(0x0BF9_0000, 0x0BF9_7FFF),
    info=Range(0x0BFA_0500, 0x0BFA_05FF),
    flash_size_register=0x0BFA_05E0,
    unique_id_register=0x0BFA_0590,
    options=_options(
        0x7FEF_F8AA, 0x0BF9_0000, 0, 1, fields=(("DBANK", OptionField(_OPTR, 22)),)
    ),  # production value, RM0438 §6.9.8
    boot_rule=BootRule.NSBOOTADD,
    roms=(_rom("9.0", 390, 16 * KIB),),
    bootloader_id_register=0x0BF9_7FFE,
    fastest_baud=2_000_000,
)

_QUAD_WORD_FLASH = FlashModel(
    start=0x0800_0000,
    layout=Layout(((8 * KIB,) * 128, (8 * KIB,) * 128)),
    program_bytes=16,
    program=Duration(118, 180),  # DS13086, from memory
    erase_by_size=((8 * KIB, Duration(1_500, 3_400)),),
    mass_erase=Duration(200_000, 430_000),
    rule=ProgramRule.REFUSES_TWICE,  # PROGERR: not all 1 before, unless all 0 is written (U5's SVD)
    zero_over_any=True,
    bank_erase=Duration(100_000, 215_000),  # half of it: our guess
)

U575 = replace(
    L552,
    name="U575",
    family="U5",
    product_id=0x482,
    flash=replace(
        _QUAD_WORD_FLASH, layouts_by_option=(LayoutByOption("DUALBANK", 0, Layout(((8 * KIB,) * 256,))),)
    ),
    ram=(Range(0x2000_0000, 0x200B_FFFF),),
    system_memory=Range(0x0BF9_0000, 0x0BF9_FFFF),
    info=Range(0x0BFA_0700, 0x0BFA_07FF),
    flash_size_register=0x0BFA_07A0,
    unique_id_register=0x0BFA_0700,
    options=_options(
        0x1FEF_F8AA, 0x0BF9_0000, 0, 1, fields=(("DUALBANK", OptionField(_OPTR, 21)),)
    ),  # production value, RM0456 §7.9.13
    roms=(_rom("9.2", 390, 16 * KIB),),  # version from memory
    bootloader_id_register=0x0BF9_9EFE,
)

WBA52 = replace(
    L552,
    name="WBA52",
    family="WBA",
    product_id=0x492,
    flash=replace(_QUAD_WORD_FLASH, layout=Layout(((8 * KIB,) * 128,))),
    ram=(Range(0x2000_0000, 0x2001_FFFF),),
    system_memory=Range(0x0BF8_8000, 0x0BF8_FFFF),
    info=Range(0x0BF9_0700, 0x0BF9_07FF),
    flash_size_register=0x0BF9_07A0,
    unique_id_register=0x0BF9_0700,
    options=_options(0x1FEF_F8AA, 0x0BF8_8000, 0, fields=()),  # bits from memory
    roms=(_rom("11.0", 390, 16 * KIB),),  # version from memory
    bootloader_id_register=0x0BF8_FEFE,
)
