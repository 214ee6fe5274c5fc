"""STM32F746 with 1 MiB, and STM32F767 with 2 MiB in one bank or two."""

from dataclasses import replace

from stmota_simulator.chip_model import (
    KIB,
    BootRule,
    ChipModel,
    Duration,
    FlashModel,
    OptionField,
    OptionModel,
    ProgramRule,
    ProtectBits,
    Range,
    RomModel,
)
from stmota_simulator.layout import Layout, LayoutByOption

_OPTION_BYTES = 0x1FFF_0000
_WRITE_PROTECTION = _OPTION_BYTES + 8
_BOOT_ADD0 = _OPTION_BYTES + 0x10
_BOOT_ADD1 = _OPTION_BYTES + 0x18


def _rom(version: str, start_up_us: int) -> RomModel:
    return RomModel(
        version=version,  # from memory
        protocol=0x31,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us + 50_000,
        ram_reserved=(Range(0x2000_0000, 0x2000_3FFF),),
    )


def _options(user: int, size: int, sectors: int, *fields: tuple[str, OptionField]) -> OptionModel:
    """The words of FLASH_OPTCR and OPTCR1, 8 bytes apart, upper halves unused (RM0385 §3.4.1).

    Where they end the sources disagree, 0x1F or 0x2B; one of our chips has the one, one the other.
    """
    area = bytearray(b"\xff" * size)
    area[0:2] = b"\xfd\xaa"
    area[8:10] = user.to_bytes(2, "little")
    area[0x10:0x12] = 0x0080.to_bytes(2, "little")  # 0x00200000: flash in the ITCM bus's view
    area[0x18:0x1A] = 0x0040.to_bytes(2, "little")  # 0x00100000: the ROM in that view
    return OptionModel(
        areas=((_OPTION_BYTES, bytes(area)),),
        complement_bytes=0,
        rdp=OptionField(_OPTION_BYTES, 8, 8),
        rdp_0=0xAA,
        rdp_1=0x55,
        rdp_2=0xCC,
        write_protection=ProtectBits(((_WRITE_PROTECTION, 0, sectors),), protects_when=0),
        fields=(
            ("BOOT_ADD0", OptionField(_BOOT_ADD0, 0, 16)),
            ("BOOT_ADD1", OptionField(_BOOT_ADD1, 0, 16)),
            *fields,
        ),
    )


F746 = ChipModel(
    name="F746",
    family="F7",
    product_id=0x449,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((32 * KIB,) * 4 + (128 * KIB,) + (256 * KIB,) * 3,)),
        program_bytes=1,
        program=Duration(16, 100),
        # maxima: constants of a tool (timing.tsv); typical times: half of them, as the F4's are
        erase_by_size=(
            (32 * KIB, Duration(400_000, 800_000)),
            (128 * KIB, Duration(1_200_000, 2_400_000)),
            (256 * KIB, Duration(2_000_000, 4_000_000)),
        ),
        mass_erase=Duration(16_000_000, 32_000_000),
        rule=ProgramRule.CLEARS_BITS,
    ),
    ram=(Range(0x2000_0000, 0x2004_FFFF), Range(0x0000_0000, 0x0000_3FFF)),
    system_memory=Range(0x1FF0_0000, 0x1FF0_EDBF),
    info=Range(0x1FF0_F400, 0x1FF0_F4FF),
    flash_size_register=0x1FF0_F442,
    unique_id_register=0x1FF0_F420,
    options=_options(0xC0FF, size=0x20, sectors=8),  # OPTCR resets to 0xC0FFAAFD (RM0385 §3.7.5)
    boot_rule=BootRule.BOOT_ADD_F7,
    roms=(_rom("9.0", 16_600), _rom("7.0", 16_600)),
    resets_after_options=True,
    bootloader_id_register=0x1FF0_EDBE,
    one_time=Range(0x1FF0_F000, 0x1FF0_F3FF),
)

_F4_MIB = (16 * KIB,) * 4 + (64 * KIB,) + (128 * KIB,) * 7

F767 = replace(
    F746,
    name="F767",
    product_id=0x451,
    flash=replace(
        F746.flash,
        layout=Layout(((32 * KIB,) * 4 + (128 * KIB,) + (256 * KIB,) * 7,)),
        layouts_by_option=(
            # RM0410 §3.3.2; with two banks one nWRP bit protects two sectors (§3.7.4)
            LayoutByOption("nDBANK", 0, Layout((_F4_MIB, _F4_MIB), units_per_bit=2)),
        ),
        erase_by_size=(
            (16 * KIB, Duration(400_000, 800_000)),
            (64 * KIB, Duration(1_200_000, 2_400_000)),
            *F746.flash.erase_by_size,
        ),
    ),
    ram=(Range(0x2000_0000, 0x2007_FFFF), Range(0x0000_0000, 0x0000_3FFF)),
    options=_options(
        0xFFFF,
        0x2C,
        12,
        ("nDBOOT", OptionField(_WRITE_PROTECTION, 12)),
        ("nDBANK", OptionField(_WRITE_PROTECTION, 13)),
    ),
    roms=(_rom("9.3", 16_600),),
)
