"""STM32L071/L072/L073 with 192 KiB."""

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

_OPTION_BYTES = 0x1FF8_0000
_PAGE = 128
_PAGES_PER_BANK = 768
_ONE = Duration(3_200, 3_940)
"""Erase of a page; programming of a word or of a half page."""


def _rom(version: str, reserved: int) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=700,
        start_up_without_crystal_us=700,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
    )


L071 = ChipModel(
    name="L071",
    family="L0",
    product_id=0x447,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((_PAGE,) * _PAGES_PER_BANK, (_PAGE,) * _PAGES_PER_BANK)),
        program_bytes=4,
        program=_ONE,
        erase_by_size=((_PAGE, _ONE),),
        mass_erase=None,
        rule=ProgramRule.REFUSES,
        erased=0x00,
        row_bytes=64,
    ),
    ram=(Range(0x2000_0000, 0x2000_4FFF),),
    system_memory=Range(0x1FF0_0000, 0x1FF0_1FFF),
    info=Range(0x1FF8_0014, 0x1FF8_007F),
    flash_size_register=0x1FF8_007C,
    unique_id_register=0x1FF8_0050,
    options=OptionModel(
        # FLASH_OPTR of category 5 is 0x807000AA (RM0367 §3.7.8), each half word with its complement
        areas=(
            (_OPTION_BYTES, bytes.fromhex("AA000000 70800000 00000000 00000000 00000000".replace(" ", ""))),
        ),
        complement_bytes=2,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectBits(
            tuple((_OPTION_BYTES + offset, 0, 16) for offset in (8, 0x0C, 0x10)),
            protects_when=1,
            group_bytes=4 * KIB,
        ),
        fields=(
            ("BFB2", OptionField(_OPTION_BYTES + 4, 7)),
            ("nBOOT1", OptionField(_OPTION_BYTES + 4, 15)),
        ),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.PIN,
    roms=(_rom("4.1", 0x1000), _rom("11.2", 0x1400)),
    unique_id_offsets=(0x00, 0x04, 0x14),  # RM0367 §33.2
    bootloader_id_register=0x1FF0_1FFE,
    eeprom=Range(0x0808_0000, 0x0808_17FF),
    has_special_erase=False,
)
