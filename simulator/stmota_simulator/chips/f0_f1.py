"""STM32F103 medium density and STM32F042."""

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
    Range,
    RomModel,
)
from stmota_simulator.layout import Layout

_OPTION_BYTES = 0x1FFF_F800
# RDP, USER, DATA0, DATA1, WRP0..3, each with its complement (PM0075 §2.4, RM0091 §4); RDP of level 0 aside
_FACTORY = bytes.fromhex("00FF FF00 FF00 FF00 FF00 FF00 FF00 FF00".replace(" ", ""))
_GROUP_BYTES = 4 * KIB
"""One WRP bit protects four 1 KiB pages (PM0075 §2.4; RM0091 §3.3)."""


def _flash(pages: int, program: Duration, erase: Duration) -> FlashModel:
    return FlashModel(
        start=0x0800_0000,
        layout=Layout(((KIB,) * pages,)),
        program_bytes=2,
        program=program,
        erase_by_size=((KIB, erase),),
        mass_erase=erase,
        rule=ProgramRule.REFUSES,
        zero_over_any=True,  # PM0075 §2.3.3: 0x0000 is the exception to PGERR
    )


def _options(rdp_0: int, rdp_2: int | None, groups: int) -> OptionModel:
    words = ((0x1FFF_F808, 0, 8), (0x1FFF_F808, 16, 8), (0x1FFF_F80C, 0, 8), (0x1FFF_F80C, 16, 8))
    return OptionModel(
        areas=((_OPTION_BYTES, bytes([rdp_0]) + _FACTORY[1:]),),
        complement_bytes=1,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=rdp_0,
        rdp_1=0x00,
        rdp_2=rdp_2,
        write_protection=ProtectBits(words[: groups // 8], protects_when=0, group_bytes=_GROUP_BYTES),
    )


F103XB = ChipModel(
    name="F103xB",
    family="F1",
    product_id=0x410,
    flash=_flash(128, program=Duration(52.5, 70), erase=Duration(20_000, 40_000)),  # DS5319 T28
    ram=(Range(0x2000_0000, 0x2000_4FFF),),
    system_memory=Range(0x1FFF_F000, 0x1FFF_F7FF),
    info=Range(0x1FFF_F7E0, 0x1FFF_F7F3),
    flash_size_register=0x1FFF_F7E0,
    unique_id_register=0x1FFF_F7E8,
    options=_options(rdp_0=0xA5, rdp_2=None, groups=32),
    boot_rule=BootRule.PIN,
    roms=(
        RomModel(
            version="2.2",
            protocol=0x22,
            start_up_us=1_200,
            start_up_without_crystal_us=1_200,
            ram_reserved=(Range(0x2000_0000, 0x2000_01FF),),
        ),
    ),
)

F103X8 = replace(
    F103XB,
    name="F103x8",
    flash=_flash(64, program=Duration(52.5, 70), erase=Duration(20_000, 40_000)),
    options=_options(rdp_0=0xA5, rdp_2=None, groups=16),
)

_F042_USER = (
    ("nBOOT0", OptionField(_OPTION_BYTES, 19)),
    ("nBOOT1", OptionField(_OPTION_BYTES, 20)),
    ("BOOT_SEL", OptionField(_OPTION_BYTES, 23)),
)  # RM0091 §4.1.1

F042 = ChipModel(
    name="F042",
    family="F0",
    product_id=0x445,
    flash=_flash(32, program=Duration(53.5, 60), erase=Duration(30_000, 40_000)),
    ram=(Range(0x2000_0000, 0x2000_17FF),),
    system_memory=Range(0x1FFF_C400, 0x1FFF_F7FF),
    info=Range(0x1FFF_F7AC, 0x1FFF_F7CD),
    flash_size_register=0x1FFF_F7CC,
    unique_id_register=0x1FFF_F7AC,
    options=replace(
        _options(rdp_0=0xAA, rdp_2=0xCC, groups=8), fields=_F042_USER, loading=OptionLoading.AT_POWER_ON
    ),
    boot_rule=BootRule.BOOT_SEL,
    roms=(
        RomModel(
            version="10.1",
            protocol=0x31,
            start_up_us=60,
            start_up_without_crystal_us=60,
            ram_reserved=(Range(0x2000_0000, 0x2000_17FF),),
        ),
    ),
    has_empty_check=True,
    resets_after_options=True,
    bootloader_id_register=0x1FFF_F6A6,
)
