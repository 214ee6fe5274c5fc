"""STM32F405/F407/F415/F417 with 1 MiB."""

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
    Quirk,
    Range,
    RomModel,
)
from stmota_simulator.layout import Layout

_OPTION_BYTES = 0x1FFF_C000
_SECTORS = 12


def _rom(version: str, protocol: int, reserved: int, start_up_us: int, *quirks: Quirk) -> RomModel:
    return RomModel(
        version=version,
        protocol=protocol,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us + 96_000,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
        # stm32loader#25 says "some ROMs"; the careful host reads 256 bytes, so all of ours refuse
        quirks=frozenset({Quirk.SHORT_SIZE_READ_REFUSED, *quirks}),
    )


F407 = ChipModel(
    name="F407",
    family="F4",
    product_id=0x413,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((16 * KIB,) * 4 + (64 * KIB,) + (128 * KIB,) * 7,)),
        program_bytes=1,
        program=Duration(16, 100),
        erase_by_size=(
            (16 * KIB, Duration(400_000, 800_000)),
            (64 * KIB, Duration(1_200_000, 2_400_000)),
            (128 * KIB, Duration(2_000_000, 4_000_000)),
        ),
        mass_erase=Duration(16_000_000, 32_000_000),
        rule=ProgramRule.CLEARS_BITS,
        has_parallelism=True,
    ),
    ram=(Range(0x2000_0000, 0x2001_FFFF), Range(0x1000_0000, 0x1000_FFFF)),
    system_memory=Range(0x1FFF_0000, 0x1FFF_77FF),
    info=Range(0x1FFF_7A00, 0x1FFF_7AFF),
    flash_size_register=0x1FFF_7A22,
    unique_id_register=0x1FFF_7A10,
    options=OptionModel(
        # FLASH_OPTCR resets to 0x0FFFAAED (RM0090 §3.9.5): user bits and RDP here, nWRP in the second word,
        # whose unused bits 15 to 12 read 1 (RM0090 Rev 21 table 16): bit 15 is no SPRMOD here
        areas=((_OPTION_BYTES, bytes.fromhex("EDAAFFFFFFFFFFFF FFFFFFFFFFFFFFFF".replace(" ", ""))),),
        complement_bytes=0,
        rdp=OptionField(_OPTION_BYTES, 8, 8),
        rdp_0=0xAA,
        rdp_1=0x55,
        rdp_2=0xCC,
        write_protection=ProtectBits(((0x1FFF_C008, 0, _SECTORS),), protects_when=0),
    ),
    boot_rule=BootRule.PIN,
    roms=(
        _rom("9.1", 0x31, 0x3000, 74_000),
        _rom("9.0", 0x31, 0x3000, 74_000, Quirk.TWO_NACKS_WHEN_PROTECTED),
        _rom("3.1", 0x31, 0x2000, 84_600, Quirk.TWO_NACKS_WHEN_PROTECTED),
        _rom("3.0", 0x30, 0x2000, 84_600, Quirk.NO_NACK_ON_BAD_ADDRESS),
    ),
    resets_after_options=True,
    bootloader_id_register=0x1FFF_77DE,
    one_time=Range(0x1FFF_7800, 0x1FFF_7A0F),
)
