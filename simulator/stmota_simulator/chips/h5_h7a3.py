"""STM32H563 and STM32H7A3 with 2 MiB: two banks of 8 KiB sectors, programmed in 128-bit words."""

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
from stmota_simulator.chips.h7 import H743
from stmota_simulator.layout import Layout

_SECTOR = 8 * KIB
_H5_OPTSR = 0x4002_2050
_H5_WRP = (0x4002_20E8, 0x4002_21E8)
_ERASE = Duration(2_000, 4_000)
_H7A3_RESERVED = (Range(0x2000_0000, 0x2000_0000 + 16_640 - 1), Range(0x2400_0000, 0x2403_3FFF))

_FLASH = FlashModel(
    start=0x0800_0000,
    # sectors numbered through both banks; one bit protects four of them (RM0455 §4.5.1, RM0481 §7.6)
    layout=Layout(((_SECTOR,) * 128, (_SECTOR,) * 128), units_per_bit=4),
    program_bytes=16,
    program=Duration(40, 75),  # DS13195 and DS14258 (faster), from memory
    erase_by_size=((_SECTOR, _ERASE),),
    mass_erase=Duration(10_000, 20_000),
    rule=ProgramRule.SPOILS,
)


def _rom(version: str, start_up_us: int, *reserved: Range) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us,
        ram_reserved=reserved,
    )


H7A3 = replace(
    H743,
    name="H7A3",
    product_id=0x480,
    flash=_FLASH,
    ram=(Range(0x2000_0000, 0x2001_FFFF), Range(0x2400_0000, 0x240F_FFFF)),
    system_memory=Range(0x1FF0_0000, 0x1FF1_3FFF),
    info=Range(0x08FF_F800, 0x08FF_F80F),
    flash_size_register=0x08FF_F80C,
    unique_id_register=0x08FF_F800,
    options=replace(
        H743.options,
        areas=tuple(
            (address, b"\xff" * 4 if address in {0x5200_2038, 0x5200_2138} else content)
            for address, content in H743.options.areas
        ),
        write_protection=ProtectBits(((0x5200_2038, 0, 32), (0x5200_2138, 0, 32)), protects_when=0),
    ),
    roms=(
        _rom("9.2", 545_000, *_H7A3_RESERVED),
        replace(
            _rom("9.1", 545_000, *_H7A3_RESERVED),
            quirks=frozenset({Quirk.WRITE_AFTER_READ_LOSES}),  # "issues fixed in 9.2": taken to be the H723's
        ),
    ),
    bootloader_id_register=0x1FF1_3FFE,
)

H563 = ChipModel(
    name="H563",
    family="H5",
    product_id=0x484,
    flash=_FLASH,
    ram=(Range(0x2000_0000, 0x2009_FFFF),),
    system_memory=Range(0x0BF9_7000, 0x0BF9_FFFF),
    info=Range(0x08FF_F800, 0x08FF_F80F),
    flash_size_register=0x08FF_F80C,
    unique_id_register=0x08FF_F800,
    options=OptionModel(
        # registers: OPTSR_CUR with PRODUCT_STATE open, OPTSR2_CUR with TZEN off, WRP1R, WRP2R (RM0481 §7.11)
        areas=(
            (_H5_OPTSR, bytes.fromhex("F8ED302D")),
            (0x4002_2070, bytes.fromhex("000000C3")),
            *((address, b"\xff" * 4) for address in _H5_WRP),
        ),
        complement_bytes=0,
        rdp=OptionField(_H5_OPTSR, 8, 8),
        rdp_0=0xED,
        rdp_1=0x72,  # closed
        rdp_2=0x5C,  # locked
        write_protection=ProtectBits(tuple((address, 0, 32) for address in _H5_WRP), protects_when=0),
        fields=(
            ("PRODUCT_STATE", OptionField(_H5_OPTSR, 8, 8)),
            ("TZEN", OptionField(0x4002_2070, 24, 8)),
        ),
        loading=OptionLoading.AT_RESET,
        is_writable=False,
    ),
    boot_rule=BootRule.PRODUCT_STATE,
    roms=(
        _rom("14.5", 1_800, Range(0x2000_0000, 0x2000_3FFF)),
        _rom("14.4", 1_800, Range(0x2000_0000, 0x2000_3FFF)),
    ),
    bootloader_id_register=0x0BF9_FAFE,
    fastest_baud=2_000_000,
)
