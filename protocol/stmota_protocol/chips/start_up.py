"""From the rise of NRST until the ROM takes its first 0x7F, by product id (AN2606, table 227)."""

from stmota_protocol.chips.model import Chip, Family

UNKNOWN_START_UP_US = 600_000
"""For a chip without a figure: covers all but L47x without an LSE crystal (entry facts)."""

_BY_PRODUCT: dict[int, int] = {
    0x440: 1_600,
    0x444: 1_600,
    0x442: 2_000,
    0x445: 233_000,  # F04x 0.06 ms; F070x6 3 ms + 230 ms HSE time-out
    0x448: 236_000,  # F071 0.06 ms; F070xB 6 ms + 230 ms HSE time-out
    0x412: 1_200,
    0x410: 1_200,
    0x414: 1_200,
    0x420: 1_200,
    0x428: 1_200,
    0x430: 1_200,
    0x418: 525_400,  # 1.4 ms; + 524 ms while PA9 is high
    0x411: 134_000,  # ROM V2; V3 84.6 ms
    0x439: 605_000,  # 45 ms + 560 ms HSE time-out
    0x422: 43_400,
    0x446: 154_500,  # 7.5 ms + 147 ms HSE time-out
    0x438: 160,
    0x432: 43_400,
    0x413: 400_000,  # V9 74 ms + 96 ms HSE time-out; 400 ms reported from the field with V9.1
    0x423: 159_500,  # 74.5 ms + 85 ms HSE time-out, as the next two
    0x433: 159_500,
    0x431: 159_500,
    0x458: 600,
    0x441: 180_600,  # 0.6 ms + 180 ms HSE time-out
    0x463: 165_600,  # 0.6 ms + 165 ms HSE time-out
    0x419: 171_000,  # V9 74 ms + 97 ms HSE time-out
    0x421: 169_600,  # 73.6 ms + 96 ms HSE time-out
    0x434: 303_700,  # 73.7 ms + 230 ms HSE time-out
    0x452: 67_900,  # 17.9 ms + 50 ms HSE time-out
    0x449: 66_600,  # 16.6 ms + 50 ms HSE time-out
    0x474: 1_500,
    0x478: 2_700,
    0x484: 1_800,
    0x47A: 11_700,
    0x450: 54_000,
    0x483: 54_000,
    0x480: 545_000,
    0x464: 860,
    0x435: 100_860,  # 0.86 ms + 100 ms HSE time-out
    0x462: 860,
    0x415: 2_560_000,  # without an LSE crystal; 55 ms with one
    0x461: 177_000,  # 77 ms + 100 ms HSE time-out
    0x471: 9_900,
    0x470: 10_100,
    0x459: 4_500,
    0x489: 5_600,
    0x492: 390,
    0x4B2: 2_300,
    0x4B0: 2_700,
    0x443: 2_100,
    0x453: 2_100,
    0x44C: 2_260,
    0x493: 2_360,
    0x44D: 1_530,
}
_BY_FAMILY: dict[Family, int] = {
    Family.G0: 390,
    Family.G4: 390,
    Family.L5: 390,
    Family.U5: 390,
    Family.WB: 390,
    Family.WL: 390,
    Family.L0: 700,
    Family.L1: 200_700,  # 0.7 ms + 200 ms HSE time-out
    Family.U3: 4_400,
    Family.C5: 4_800,
}


def start_up_us(chip: Chip) -> int:
    """Return the longest start-up of the chip's ROM, with the time-out of an absent HSE."""
    if chip.single_source:
        return UNKNOWN_START_UP_US
    found = _BY_PRODUCT.get(chip.product_id) or _BY_FAMILY.get(chip.family)
    return found or UNKNOWN_START_UP_US
