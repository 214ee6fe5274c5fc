"""Chips that are here for what is wrong with their ROMs (protocol.md §6), made from others."""

from dataclasses import replace

from stmota_protocol.steps import Parity
from stmota_simulator.chip_model import KIB, BootRule, ChipModel, ProtectBits, Quirk, Range, RomModel
from stmota_simulator.chips.double_word import double_word_flash, slower_double_word_flash
from stmota_simulator.chips.f0_f1 import F042, F103XB
from stmota_simulator.chips.g0b1_c0_u0 import C031
from stmota_simulator.chips.h7 import H743
from stmota_simulator.chips.l0 import L071
from stmota_simulator.chips.l4 import L432
from stmota_simulator.layout import Layout


def _rom(version: str, start_up_us: int, reserved: int, *quirks: Quirk, protocol: int = 0x31) -> RomModel:
    return RomModel(
        version=version,
        protocol=protocol,
        start_up_us=start_up_us,
        start_up_without_crystal_us=start_up_us,
        ram_reserved=(Range(0x2000_0000, 0x2000_0000 + reserved - 1),),
        quirks=frozenset(quirks),
    )


F051 = replace(
    F042,
    name="F051",
    product_id=0x440,
    flash=replace(F042.flash, layout=Layout(((KIB,) * 64,))),
    ram=(Range(0x2000_0000, 0x2000_1FFF),),
    system_memory=Range(0x1FFF_EC00, 0x1FFF_F7AB),  # the unique id begins at 0x1FFFF7AC
    options=replace(
        F042.options,
        write_protection=ProtectBits(
            ((0x1FFF_F808, 0, 8), (0x1FFF_F808, 16, 8)), protects_when=0, group_bytes=4 * KIB
        ),
        fields=(("nBOOT1", dict(F042.options.fields)["nBOOT1"]),),
    ),
    boot_rule=BootRule.PIN,
    roms=(_rom("2.1", 1_600, 2 * KIB, Quirk.TWO_NACKS_WHEN_PROTECTED),),
    has_empty_check=False,
    bootloader_id_register=0x1FFF_F7A6,
)

F105 = replace(
    F103XB,
    name="F105",
    product_id=0x418,
    flash=replace(
        F103XB.flash,
        layout=Layout(((2 * KIB,) * 128,)),
        erase_by_size=tuple((2 * KIB, duration) for _, duration in F103XB.flash.erase_by_size),
    ),
    ram=(Range(0x2000_0000, 0x2000_FFFF),),
    system_memory=Range(0x1FFF_B000, 0x1FFF_F7DF),
    options=replace(
        F103XB.options,
        write_protection=ProtectBits(
            tuple((word, bit, 8) for word in (0x1FFF_F808, 0x1FFF_F80C) for bit in (0, 16)),
            protects_when=0,
            group_bytes=4 * KIB,  # the last bit protects the rest (PM0075 §2.4)
        ),
    ),
    # with VBUS at PA9: the ROM looks for USB first, and answers late (protocol.md §2 and §8)
    roms=(replace(_rom("2.2", 525_400, 4 * KIB, protocol=0x22), sync_reply_us=105_000),),
)

L412 = replace(
    L432,
    name="L412",
    product_id=0x464,
    flash=double_word_flash(2 * KIB, Layout(((2 * KIB,) * 64,))),
    ram=(Range(0x2000_0000, 0x2000_7FFF),),
    roms=(_rom("13.1", 860, 8_448, Quirk.SYNC_ACKED_TWICE),),
)

L031 = replace(
    L071,
    name="L031",
    product_id=0x425,
    flash=replace(L071.flash, layout=Layout(((128,) * 256,))),
    ram=(Range(0x2000_0000, 0x2000_1FFF),),
    system_memory=Range(0x1FF0_0000, 0x1FF0_0FFF),
    options=replace(
        L071.options,
        write_protection=ProtectBits(((0x1FF8_0008, 0, 8),), protects_when=1, group_bytes=4 * KIB),
        fields=(("nBOOT1", dict(L071.options.fields)["nBOOT1"]),),
    ),
    roms=(_rom("12.0", 700, 4 * KIB, Quirk.RAM_REFUSED),),
    bootloader_id_register=0x1FF0_0FFE,
    eeprom=Range(0x0808_0000, 0x0808_03FF),
)

L053 = replace(
    L031,
    name="L053",
    product_id=0x417,
    flash=replace(L071.flash, layout=Layout(((128,) * 512,))),
    options=replace(
        L031.options,
        write_protection=ProtectBits(((0x1FF8_0008, 0, 16),), protects_when=1, group_bytes=4 * KIB),
    ),
    roms=(_rom("12.0", 700, 4 * KIB, Quirk.SHORT_SIZE_READ_REFUSED),),
    eeprom=Range(0x0808_0000, 0x0808_07FF),
)

C051 = replace(
    C031,
    name="C051",
    product_id=0x44C,
    flash=slower_double_word_flash(2 * KIB, Layout(((2 * KIB,) * 32,))),
    system_memory=Range(0x1FFF_0000, 0x1FFF_2FFF),
    roms=(_rom("11.0", 2_260, 5 * KIB, Quirk.HANGS_WHEN_EMPTY, protocol=0x40),),
    bootloader_id_register=0x1FFF_2FFE,
)

H723 = replace(
    H743,
    name="H723",
    product_id=0x483,
    flash=replace(H743.flash, layout=Layout(((128 * KIB,) * 8,)), bank_erase=None),
    ram=(Range(0x2000_0000, 0x2001_FFFF), Range(0x2400_0000, 0x2404_FFFF)),
    options=replace(
        H743.options,
        areas=tuple(area for area in H743.options.areas if area[0] != 0x5200_2138),
        write_protection=ProtectBits(((0x5200_2038, 0, 8),), protects_when=0),
    ),
    roms=(
        _rom("9.2", 54_000, 16_640, Quirk.WRITE_AFTER_READ_LOSES),
        _rom("9.3", 54_000, 16_640),
    ),
)

_WB05_RAM = Range(0x2000_0000, 0x2000_5FFF)

WB05 = replace(
    F103XB,
    name="WB05",
    family="WB0",
    product_id=0x03B,
    flash=replace(F103XB.flash, start=0x1004_0000, layout=Layout(((2 * KIB,) * 96,)), erase_by_size=()),
    ram=(_WB05_RAM,),
    system_memory=Range(0x1000_0000, 0x1000_17FF),
    info=Range(0x1000_1EF0, 0x1000_1EF7),
    flash_size_register=0x1000_1EF0,
    unique_id_register=0x1000_1EF0,
    # another protocol (AN5471): only that it has no parity and a short product id is simulated. The id stands
    # in the "third byte" (AN2606), taken here as ACK, count, id
    roms=tuple(
        replace(_rom(version, 1_000, 3 * KIB, protocol=0x20), parity=Parity.NONE, id_reply=id_reply)
        for version, id_reply in (("2.0", b"\x00\x3b"), ("2.1", b"\x02\x00\x00\x3b"))
    ),
)
"""PA10, high at a reset, is its BOOT0."""

FLAWED: tuple[ChipModel, ...] = (F051, F105, L412, L031, L053, C051, H723, WB05)
