"""How each family's option words mark write-protected erase units.

Two forms: a map with one bit for each group of units, and areas from a first to a last page. Addresses,
widths and polarities are those of ST's CubeProgrammer data base (its bootloader view).
"""

from dataclasses import dataclass
from typing import TypeAlias

from stmota_protocol.chips.model import KIB, Chip, Family


@dataclass(frozen=True, slots=True)
class BitMap:
    """Bit i protects group i of erase units."""

    words: tuple[tuple[int, int, int], ...]
    """(address, first bit, bits) of each run of bits; they are counted through."""
    protects_when: int = 0
    group_bytes: int = 0
    """Each bit protects so many bytes of flash; 0: see `group_units`."""
    group_units: int = 1
    """Each bit protects so many erase units."""
    last_covers_rest: bool = False
    inverted_by: tuple[int, int] | None = None
    """(address, bit) that, when 1, turns the meaning round (SPRMOD: the bits then mark secret code)."""


@dataclass(frozen=True, slots=True)
class Areas:
    """Each word holds an area: first page from bit 0, last page from bit 16; first > last is no area."""

    bank_1: tuple[int, ...]
    bank_2: tuple[int, ...] = ()
    width: int = 8


WriteProtectRule: TypeAlias = BitMap | Areas

_F0_F1_F3 = BitMap(
    words=((0x1FFF_F808, 0, 8), (0x1FFF_F808, 16, 8), (0x1FFF_F80C, 0, 8), (0x1FFF_F80C, 16, 8)),
    group_bytes=4 * KIB,
    last_covers_rest=True,
)
_SPRMOD_F4 = (0x1FFF_C008, 15)
_SPRMOD_L = (0x1FF8_0000, 8)
_L_WORDS = (
    0x1FF8_0008,
    0x1FF8_000C,
    0x1FF8_0010,
    0x1FF8_0014,
    0x1FF8_0018,
    0x1FF8_001C,
    0x1FF8_0080,
    0x1FF8_0084,
)


def _f4(sectors: int) -> BitMap:
    words = ((0x1FFF_C008, 0, sectors),)
    return BitMap(words=words, inverted_by=_SPRMOD_F4, last_covers_rest=True)


def _f4_dual() -> BitMap:
    return BitMap(words=((0x1FFF_C008, 0, 12), (0x1FFE_C008, 0, 12)), inverted_by=_SPRMOD_F4)


def _l0_l1(words: int, bits: int = 16, *, sprmod: bool) -> BitMap:
    return BitMap(
        words=tuple((address, 0, bits) for address in _L_WORDS[:words]),
        protects_when=1,
        group_bytes=4 * KIB,
        inverted_by=_SPRMOD_L if sprmod else None,
    )


def _areas(width: int) -> Areas:
    return Areas(bank_1=(0x1FFF_7818, 0x1FFF_7820), width=width)


def _register_areas(width: int, *, dual: bool = True) -> Areas:
    return Areas(
        bank_1=(0x4002_2058, 0x4002_205C), bank_2=(0x4002_2068, 0x4002_206C) if dual else (), width=width
    )


_BY_PRODUCT: dict[int, WriteProtectRule] = {
    0x411: BitMap(words=((0x1FFF_C008, 0, 12),)),
    0x413: BitMap(words=((0x1FFF_C008, 0, 12),)),
    0x419: _f4_dual(),
    0x434: _f4_dual(),
    0x423: _f4(6),
    0x433: _f4(8),
    0x431: _f4(8),
    0x421: _f4(8),
    0x458: _f4(5),
    0x441: _f4(12),
    0x463: _f4(15),  # bit 14 protects sectors 14 and 15
    0x452: BitMap(words=((0x1FFF_0008, 0, 8),)),
    0x449: BitMap(words=((0x1FFF_0008, 0, 8),)),
    0x451: BitMap(words=((0x1FFF_0008, 0, 12),)),  # with nDBANK = 0 a bit protects two sectors
    0x450: BitMap(words=((0x5200_2038, 0, 8), (0x5200_2138, 0, 8))),
    0x483: BitMap(words=((0x5200_2038, 0, 8),)),
    0x480: BitMap(words=((0x5200_2038, 0, 32), (0x5200_2138, 0, 32)), group_units=4),
    0x457: _l0_l1(1, 4, sprmod=True),
    0x425: _l0_l1(1, 8, sprmod=True),
    0x417: _l0_l1(1, sprmod=False),
    0x447: _l0_l1(3, sprmod=True),
    0x416: _l0_l1(2, sprmod=False),
    0x429: _l0_l1(2, sprmod=True),
    0x427: _l0_l1(4, sprmod=True),
    0x436: _l0_l1(6, sprmod=False),
    0x437: _l0_l1(8, sprmod=False),
    **dict.fromkeys((0x466, 0x456, 0x493, 0x468, 0x464), _areas(6)),
    **dict.fromkeys((0x460, 0x44D, 0x497), _areas(7)),
    **dict.fromkeys((0x443, 0x453), _areas(4)),
    0x44C: _areas(5),
    **dict.fromkeys((0x479, 0x435, 0x462, 0x494), _areas(8)),
    0x495: Areas(bank_1=(0x1FFF_8018, 0x1FFF_8020), width=8),
    0x467: Areas(bank_1=(0x1FFF_7818, 0x1FFF_7820), bank_2=(0x1FFF_7848, 0x1FFF_7850), width=7),
    0x469: Areas(bank_1=(0x1FFF_7818, 0x1FFF_7820), bank_2=(0x1FFF_F818, 0x1FFF_F820), width=7),
    **dict.fromkeys(
        (0x415, 0x461), Areas(bank_1=(0x1FFF_7818, 0x1FFF_7820), bank_2=(0x1FFF_F818, 0x1FFF_F820))
    ),
    0x470: Areas(bank_1=(0x1FF0_0018, 0x1FF0_0020), bank_2=(0x1FF0_1018, 0x1FF0_1020)),
    0x471: Areas(bank_1=(0x1FF0_0018, 0x1FF0_0020), bank_2=(0x1FF0_1018, 0x1FF0_1020), width=7),
    **dict.fromkeys((0x459, 0x489), Areas(bank_1=(0x4002_202C, 0x4002_2030), width=7)),
    **dict.fromkeys((0x472, 0x454, 0x482, 0x4B0), _register_areas(7)),
    **dict.fromkeys((0x42A, 0x481, 0x476), _register_areas(8)),
    0x42B: _register_areas(6),
    **dict.fromkeys((0x42C, 0x455), _register_areas(5)),
    **dict.fromkeys((0x492, 0x4B2), _register_areas(7, dual=False)),
}
_BY_FAMILY: dict[Family, WriteProtectRule] = dict.fromkeys((Family.F0, Family.F1, Family.F3), _F0_F1_F3)


def write_protect_rule(chip: Chip) -> WriteProtectRule | None:
    """Return how this chip marks write-protected units, None if no source tells."""
    return _BY_PRODUCT.get(chip.product_id) or _BY_FAMILY.get(chip.family)


def write_protect_words(chip: Chip) -> tuple[int, ...]:
    """Return the addresses of the option words that the chip's rule looks at."""
    rule = write_protect_rule(chip)
    if rule is None:
        return ()
    if isinstance(rule, Areas):
        return rule.bank_1 + rule.bank_2
    mode = () if rule.inverted_by is None else (rule.inverted_by[0],)
    return tuple(dict.fromkeys((*(address for address, _, _ in rule.words), *mode)))
