"""STM32G071 (and G070, G081) with 128 KiB, and STM32L476 with 1 MiB: one kind of flash controller."""

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
    Quirk,
    Range,
    RomModel,
)
from stmota_simulator.chips.option_words import NO_AREA, option_area
from stmota_simulator.layout import Layout

_OPTION_BYTES = 0x1FFF_7800
_PAGE = 2 * KIB


G071 = ChipModel(
    name="G071",
    family="G0",
    product_id=0x460,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((_PAGE,) * 64,)),
        program_bytes=8,
        program=Duration(85, 125),
        erase_by_size=((_PAGE, Duration(22_000, 40_000)),),
        mass_erase=Duration(22_000, 40_000),
        rule=ProgramRule.REFUSES_TWICE,
        zero_over_any=True,
    ),
    ram=(Range(0x2000_0000, 0x2000_8FFF),),
    system_memory=Range(0x1FFF_0000, 0x1FFF_6FFF),
    info=Range(0x1FFF_7500, 0x1FFF_77FF),
    flash_size_register=0x1FFF_75E0,
    unique_id_register=0x1FFF_7590,
    options=OptionModel(
        # FLASH_OPTR of production is 0xDFFFE1AA, with nBOOT_SEL = 1 (RM0444 §3.7.8); SECR at 0x70
        areas=(
            (
                _OPTION_BYTES,
                option_area(
                    {0: 0xDFFF_E1AA, 0x18: NO_AREA, 0x20: NO_AREA, 0x70: 0xFFFE_FF00},
                    size=0x78,
                ),
            ),
        ),
        complement_bytes=4,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(((0x1FFF_7818, 0), (0x1FFF_7820, 0)), width=7),
        fields=(
            ("nBOOT_SEL", OptionField(_OPTION_BYTES, 24)),
            ("nBOOT1", OptionField(_OPTION_BYTES, 25)),
            ("nBOOT0", OptionField(_OPTION_BYTES, 26)),
            ("BOOT_LOCK", OptionField(_OPTION_BYTES + 0x70, 16)),
        ),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.NBOOT_SEL,
    roms=tuple(
        RomModel(
            version=version,
            protocol=0x31,
            start_up_us=390,
            start_up_without_crystal_us=390,
            ram_reserved=(Range(0x2000_0000, 0x2000_0000 + 9984 - 1),),
            quirks=frozenset(quirks),
        )
        for version, quirks in (
            ("11.2", (Quirk.NO_OPTION_RELOAD,)),
            ("11.3", (Quirk.ERASES_FIRST_PAGE_ONLY, Quirk.CLEARS_EMPTY_FLAG)),
        )
    ),
    has_empty_check=True,
    resets_after_options=True,
    bootloader_id_register=0x1FFF_6FFE,
    one_time=Range(0x1FFF_7000, 0x1FFF_73FF),
    fastest_baud=2_000_000,
)

_L476_BANK_2_OPTIONS = 0x1FFF_F800


def _l476_rom(version: str, *quirks: Quirk) -> RomModel:
    return RomModel(
        version=version,
        protocol=0x31,
        start_up_us=55_000,
        start_up_without_crystal_us=2_560_000,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + 12_544 - 1),),
        quirks=frozenset(quirks),
    )


L476 = ChipModel(
    name="L476",
    family="L4",
    product_id=0x415,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((_PAGE,) * 256, (_PAGE,) * 256)),
        program_bytes=8,
        program=Duration(81.69, 90.76),
        erase_by_size=((_PAGE, Duration(22_020, 24_470)),),
        mass_erase=Duration(22_130, 24_590),
        bank_erase=Duration(22_130, 24_590),
        rule=ProgramRule.REFUSES_TWICE,
        zero_over_any=True,
    ),
    ram=(Range(0x2000_0000, 0x2001_7FFF), Range(0x1000_0000, 0x1000_7FFF)),
    system_memory=Range(0x1FFF_0000, 0x1FFF_6FFF),
    info=Range(0x1FFF_7500, 0x1FFF_77FF),
    flash_size_register=0x1FFF_75E0,
    unique_id_register=0x1FFF_7590,
    options=OptionModel(
        # FLASH_OPTR of production is 0xFFEFF8AA: BFB2 = 0, DUALBANK = 1, nBOOT1 = 1 (RM0351 §3.7.8)
        areas=(
            (_OPTION_BYTES, option_area({0: 0xFFEF_F8AA, 0x18: NO_AREA, 0x20: NO_AREA}, size=0x28)),
            (_L476_BANK_2_OPTIONS, option_area({0x18: NO_AREA, 0x20: NO_AREA}, size=0x28)),
        ),
        complement_bytes=4,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0xBB,
        rdp_2=0xCC,
        write_protection=ProtectRanges(
            ((0x1FFF_7818, 0), (0x1FFF_7820, 0), (0x1FFF_F818, 1), (0x1FFF_F820, 1)), width=8
        ),
        fields=(
            ("BFB2", OptionField(_OPTION_BYTES, 20)),
            ("DUALBANK", OptionField(_OPTION_BYTES, 21)),
            ("nBOOT1", OptionField(_OPTION_BYTES, 23)),
        ),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.PIN,
    roms=(
        _l476_rom("9.2"),
        _l476_rom("10.1", Quirk.RAM_WRITES_CORRUPTED),
        _l476_rom("9.0", Quirk.RAM_WRITES_CORRUPTED),
    ),
    bootloader_id_register=0x1FFF_6FFE,
    one_time=Range(0x1FFF_7000, 0x1FFF_73FF),
)
