"""STM32F303xC with 256 KiB: the F1's flash controller with 2 KiB pages, and EXTENDED ERASE."""

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
_ERASE = Duration(20_000, 40_000)  # DS9118, from memory

F303XC = ChipModel(
    name="F303xC",
    family="F3",
    product_id=0x422,
    flash=FlashModel(
        start=0x0800_0000,
        layout=Layout(((2 * KIB,) * 128,)),
        program_bytes=2,
        program=Duration(53.5, 60),  # DS9118, from memory
        erase_by_size=((2 * KIB, _ERASE),),
        mass_erase=_ERASE,
        rule=ProgramRule.REFUSES,
        zero_over_any=True,  # RM0316 §4.2.3: 0x0000 is the exception to PGERR
    ),
    ram=(Range(0x2000_0000, 0x2000_9FFF), Range(0x1000_0000, 0x1000_1FFF)),
    system_memory=Range(0x1FFF_D800, 0x1FFF_F7FF),
    info=Range(0x1FFF_F7AC, 0x1FFF_F7CD),
    flash_size_register=0x1FFF_F7CC,
    unique_id_register=0x1FFF_F7AC,
    options=OptionModel(
        # RDP, USER, DATA0, DATA1, WRP0..3, each with its complement (RM0316 §5)
        areas=((_OPTION_BYTES, bytes.fromhex("AAFF" + "FF00" * 7)),),
        complement_bytes=1,
        rdp=OptionField(_OPTION_BYTES, 0, 8),
        rdp_0=0xAA,
        rdp_1=0x00,
        rdp_2=0xCC,
        write_protection=ProtectBits(
            ((0x1FFF_F808, 0, 8), (0x1FFF_F808, 16, 8), (0x1FFF_F80C, 0, 8), (0x1FFF_F80C, 16, 8)),
            protects_when=0,
            group_bytes=4 * KIB,  # the last bit protects all that is left (RM0316 §4.3.2)
        ),
        fields=(("nBOOT1", OptionField(_OPTION_BYTES, 20)),),
        loading=OptionLoading.AT_POWER_ON,
    ),
    boot_rule=BootRule.PIN,
    roms=(
        RomModel(
            version="4.1",  # from memory
            protocol=0x31,
            start_up_us=43_400,
            start_up_without_crystal_us=43_400,
            ram_reserved=(Range(0x2000_0000, 0x2000_13FF),),
        ),
    ),
    bootloader_id_register=0x1FFF_F796,
)
