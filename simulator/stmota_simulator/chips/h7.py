"""STM32H743 (and its like) with 2 MiB."""

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

_SECTOR = 128 * KIB
_OPTSR_CUR = 0x5200_201C
_BOOT_CUR = 0x5200_2040
_OF_9_X = (Quirk.GO_WITHOUT_FIRST_ACK, Quirk.BANK_2_ERASE_EARLY, Quirk.GO_WANTS_LOW_STACK)


def _rom(version: str, *quirks: Quirk) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=54_000,
        start_up_without_crystal_us=54_000,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + 16_640 - 1), Range(0x2400_0000, 0x2400_4FFF)),
        quirks=frozenset(quirks),
    )


H743 = ChipModel(
    name="H743",
    family="H7",
    product_id=0x450,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((_SECTOR,) * 8, (_SECTOR,) * 8)),
        program_bytes=32,
        program=Duration(290, 580),  # DS12110 T53, x8: which width the ROM sets is not documented
        erase_by_size=((_SECTOR, Duration(2_000_000, 4_000_000)),),
        mass_erase=Duration(26_000_000, 52_000_000),  # the banks one after the other
        bank_erase=Duration(13_000_000, 26_000_000),
        rule=ProgramRule.SPOILS,
    ),
    ram=(
        Range(0x2000_0000, 0x2001_FFFF),
        Range(0x2400_0000, 0x2407_FFFF),
        Range(0x3000_0000, 0x3004_7FFF),
    ),
    system_memory=Range(0x1FF0_0000, 0x1FF1_E7FF),
    info=Range(0x1FF1_E800, 0x1FF1_E8FF),
    flash_size_register=0x1FF1_E880,
    unique_id_register=0x1FF1_E800,
    options=OptionModel(
        # registers: OPTSR_CUR, WPSN_CUR1, WPSN_CUR2, BOOT_CUR (RM0433 §4.9)
        areas=(
            (_OPTSR_CUR, bytes.fromhex("F0AAC61B")),
            (0x5200_2038, bytes.fromhex("FF000000")),
            (0x5200_2138, bytes.fromhex("FF000000")),
            (_BOOT_CUR, bytes.fromhex("0008F01F")),
        ),
        complement_bytes=0,
        rdp=OptionField(_OPTSR_CUR, 8, 8),
        rdp_0=0xAA,
        rdp_1=0x55,
        rdp_2=0xCC,
        write_protection=ProtectBits(((0x5200_2038, 0, 8), (0x5200_2138, 0, 8)), protects_when=0),
        fields=(
            ("BOOT_ADD0", OptionField(_BOOT_CUR, 0, 16)),
            ("BOOT_ADD1", OptionField(_BOOT_CUR, 16, 16)),
        ),
        loading=OptionLoading.AT_ONCE,
        is_writable=False,
    ),
    boot_rule=BootRule.BOOT_ADD,
    roms=(
        _rom("9.1", *_OF_9_X),
        _rom("9.0", *_OF_9_X, Quirk.GET_COUNTS_WRONG),
        _rom("13.2", Quirk.GO_NOT_WORKING, Quirk.BANK_ERASE_BROKEN),
        _rom("13.3", Quirk.GO_NOT_WORKING, Quirk.BANK_ERASE_BROKEN),
    ),
    bootloader_id_register=0x1FF1_E7FE,
    fastest_baud=2_000_000,
)
