"""Which option bits decide booting and protection, and where READ MEMORY shows them.

Addresses and bits are those of ST's CubeProgrammer data base (its bootloader view), the positions in
FLASH_OPTR also those of ST's CMSIS headers; names are the reference manuals'.
"""

from dataclasses import dataclass

from stmota_protocol.chips.model import Chip, Family


@dataclass(frozen=True, slots=True)
class OptionField:
    """Some bits of a 32-bit little-endian option word."""

    name: str
    address: int
    bit: int
    width: int = 1
    note: str = ""
    """Why to doubt it, if there is a reason."""


def _at(address: int, **bits: int) -> tuple[OptionField, ...]:
    return tuple(OptionField(name, address, bit) for name, bit in bits.items())


def _like_g0(options: int, secure: int) -> tuple[OptionField, ...]:
    return (*_at(options, nBOOT_SEL=24, nBOOT1=25, nBOOT0=26), *_at(secure, BOOT_LOCK=16))


def _like_trustzone() -> tuple[OptionField, ...]:
    return (
        *_at(0x4002_2040, nSWBOOT0=26, nBOOT0=27, TZEN=31),
        OptionField("NSBOOTADD0", 0x4002_2044, 7, 25),
        OptionField("NSBOOTADD1", 0x4002_2048, 7, 25),
        *_at(0x4002_204C, BOOT_LOCK=0),
    )


_F0_PIN = _at(0x1FFF_F800, nBOOT1=20)
_F0_SELECTABLE = _at(0x1FFF_F800, nBOOT0=19, nBOOT1=20, BOOT_SEL=23)
_F42X = (
    *_at(0x1FFF_C000, BFB2=4),
    OptionField("DB1M", 0x1FFF_C008, 14, note="RM0090; CubeProgrammer's data base says 0x1FFFC000 bit 30"),
)
_F7 = (OptionField("BOOT_ADD0", 0x1FFF_0010, 0, 16), OptionField("BOOT_ADD1", 0x1FFF_0018, 0, 16))
_H7 = (OptionField("BOOT_ADD0", 0x5200_2040, 0, 16), OptionField("BOOT_ADD1", 0x5200_2040, 16, 16))
_G0 = _like_g0(0x1FFF_7800, 0x1FFF_7870)
_U0 = _like_g0(0x4002_2020, 0x4002_2080)
_G4 = (*_at(0x1FFF_7800, nBOOT1=23, nSWBOOT0=26, nBOOT0=27), *_at(0x1FFF_7828, BOOT_LOCK=16))
_L4 = _at(0x1FFF_7800, nBOOT1=23, nSWBOOT0=26, nBOOT0=27)
_L4_PLUS = _at(0x1FF0_0000, BFB2=20, DBANK=22, nBOOT1=23, nSWBOOT0=26, nBOOT0=27)
_L0_PIN = _at(0x1FF8_0004, nBOOT1=15)
_H5 = (
    OptionField("PRODUCT_STATE", 0x4002_2050, 8, 8),
    OptionField("TZEN", 0x4002_2070, 24, 8),
)
_C5 = _at(0x4002_2050, BOOT_SEL=22, BOOT0=23)

_BOOT_BY_PRODUCT: dict[int, tuple[OptionField, ...]] = {
    0x442: _F0_SELECTABLE,
    0x445: _F0_SELECTABLE,
    0x430: _at(0x1FFF_F800, BFB2=19),
    0x419: _F42X,
    0x434: _F42X,
    0x451: (*_at(0x1FFF_0008, nDBOOT=12, nDBANK=13), *_F7),
    0x467: (*_at(0x1FFF_7800, nSWAP_BANK=20, DUAL_BANK=21), *_G0),
    0x469: (*_at(0x1FFF_7800, BFB2=20, DBANK=22), *_G4),
    0x485: (),  # the data base has no boot option of H7R/S
    0x47B: (),
    0x457: _at(0x1FF8_0004, nBOOT_SEL=13, nBOOT0=14, nBOOT1=15),
    0x447: (*_at(0x1FF8_0004, BFB2=7), *_L0_PIN),
    0x415: _at(0x1FFF_7800, BFB2=20, DUALBANK=21, nBOOT1=23),
    0x461: (*_at(0x1FFF_7800, BFB2=20, DUALBANK=21), *_L4),
    0x470: _L4_PLUS,
    0x471: _L4_PLUS,
    0x495: _at(0x1FFF_8000, nBOOT1=23, nSWBOOT0=26, nBOOT0=27),
    0x497: _at(0x1FFF_7800, nBOOT1=23, nSWBOOT0=26, nBOOT0=27, BOOT_LOCK=30, C2BOOT_LOCK=31),
    0x49A: (),
    0x474: _H5[:1],
}
_BOOT_BY_FAMILY: dict[Family, tuple[OptionField, ...]] = {
    Family.F0: _F0_PIN,
    Family.F3: _F0_PIN,
    Family.F7: _F7,
    Family.H7: _H7,
    Family.G0: _G0,
    Family.C0: _G0,
    Family.U0: _U0,
    Family.G4: _G4,
    Family.L0: _L0_PIN,
    Family.L4: _L4,
    Family.L5: (*_at(0x4002_2040, DBANK=22), *_like_trustzone()),
    Family.U3: _like_trustzone(),
    Family.U5: (*_at(0x4002_2040, DUALBANK=21), *_like_trustzone()),
    Family.WBA: _like_trustzone(),
    Family.WB: _L4,
    Family.H5: _H5,
    Family.C5: _C5,
}

_RDP_BY_PRODUCT: dict[int, OptionField] = {
    0x470: OptionField("RDP", 0x1FF0_0000, 0, 8),
    0x471: OptionField("RDP", 0x1FF0_0000, 0, 8),
    0x495: OptionField("RDP", 0x1FFF_8000, 0, 8),
}
_RDP_BY_FAMILY: dict[Family, OptionField] = {
    **dict.fromkeys((Family.F0, Family.F1, Family.F3), OptionField("RDP", 0x1FFF_F800, 0, 8)),
    **dict.fromkeys((Family.F2, Family.F4), OptionField("RDP", 0x1FFF_C000, 8, 8)),
    Family.F7: OptionField("RDP", 0x1FFF_0000, 8, 8),
    Family.H7: OptionField("RDP", 0x5200_201C, 8, 8),
    **dict.fromkeys((Family.L0, Family.L1), OptionField("RDP", 0x1FF8_0000, 0, 8)),
    **dict.fromkeys(
        (Family.G0, Family.C0, Family.G4, Family.L4, Family.WB, Family.WL),
        OptionField("RDP", 0x1FFF_7800, 0, 8),
    ),
    Family.U0: OptionField("RDP", 0x4002_2020, 0, 8),
    **dict.fromkeys((Family.L5, Family.U3, Family.U5, Family.WBA), OptionField("RDP", 0x4002_2040, 0, 8)),
    Family.H5: OptionField("PRODUCT_STATE", 0x4002_2050, 8, 8),
}
_NO_RDP = frozenset({0x47B, 0x49A})
"""Unreleased parts of families whose option words lie elsewhere."""


def boot_fields(chip: Chip) -> tuple[OptionField, ...]:
    """Return the option bits that decide booting; none where only pins do, or nothing is known."""
    found = _BOOT_BY_PRODUCT.get(chip.product_id)
    return _BOOT_BY_FAMILY.get(chip.family, ()) if found is None else found


def read_protection_field(chip: Chip) -> OptionField | None:
    """Return where the read protection stands, None if no source tells."""
    if chip.product_id in _NO_RDP:
        return None
    return _RDP_BY_PRODUCT.get(chip.product_id) or _RDP_BY_FAMILY.get(chip.family)
