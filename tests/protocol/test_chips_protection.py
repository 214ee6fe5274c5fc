import pytest

from stmota_protocol.chips import CHIPS
from stmota_protocol.chips.layout import units_of
from stmota_protocol.chips.protection import read_protection, write_protected_units, write_protection

KIB = 1024


def words(*pairs: tuple[int, int]) -> dict[int, bytes]:
    return {address: value.to_bytes(4, "little") for address, value in pairs}


@pytest.mark.parametrize(
    ("product_id", "address", "word", "expected"),
    [
        (0x410, 0x1FFF_F800, 0x00FF_5AA5, ""),
        (0x410, 0x1FFF_F800, 0x00FF_FF00, "RDP level 1"),
        (0x445, 0x1FFF_F800, 0x00FF_55AA, ""),
        (0x445, 0x1FFF_F800, 0x00FF_33CC, "RDP level 2"),
        (0x413, 0x1FFF_C000, 0x0000_AAEF, ""),
        (0x413, 0x1FFF_C000, 0x0000_00EF, "RDP level 1"),
        (0x460, 0x1FFF_7800, 0xFFFF_FEBB, "RDP level 1"),
        (0x447, 0x1FF8_0000, 0x00AA, ""),
        (0x450, 0x5200_201C, 0x0000_AA00, ""),
        (0x482, 0x4002_2040, 0x0000_0055, "RDP level 0.5"),
        (0x484, 0x4002_2050, 0x0000_ED00, ""),
        (0x484, 0x4002_2050, 0x0000_7200, "product state closed"),
        (0x484, 0x4002_2050, 0x0000_0100, "product state 0x01"),
    ],
)
def test_read_protection_in_words(product_id: int, address: int, word: int, expected: str) -> None:
    assert read_protection(CHIPS[product_id], words((address, word))) == expected


def test_protection_that_could_not_be_read_is_unknown() -> None:
    assert read_protection(CHIPS[0x410], {}) is None
    assert write_protection(CHIPS[0x410], {}) is None
    assert write_protected_units(CHIPS[0x410], {}, units_of(CHIPS[0x410], 64 * KIB)) == ()
    assert write_protection(CHIPS[0x485], {}) is None


@pytest.mark.parametrize(
    ("product_id", "option_bytes", "expected"),
    [
        (0x410, words((0x1FFF_F808, 0x00FF_00FF), (0x1FFF_F80C, 0x00FF_00FF)), ""),
        (0x410, words((0x1FFF_F808, 0x00FF_00FE), (0x1FFF_F80C, 0x00FF_00FF)), "erase units 0 to 3"),
        (0x410, words((0x1FFF_F808, 0x00FF_00FF), (0x1FFF_F80C, 0x007F_00FF)), "erase units 124 to 127"),
        (0x414, words((0x1FFF_F808, 0x00FF_00FF), (0x1FFF_F80C, 0x007F_00FF)), "erase units 62 to 255"),
        (0x413, words((0x1FFF_C008, 0x0FFF)), ""),
        (0x413, words((0x1FFF_C008, 0x0FFA)), "erase units 0, 2"),
        (0x419, words((0x1FFF_C008, 0x0FFF), (0x1FFE_C008, 0x0FFE)), "erase units 12"),
        (0x419, words((0x1FFF_C008, 0x8001), (0x1FFE_C008, 0x0000)), "erase units 0"),
        (0x463, words((0x1FFF_C008, 0x3FFF)), "erase units 14 to 15"),
        (0x451, words((0x1FFF_0008, 0x2FFE)), "erase units 0"),
        (0x451, words((0x1FFF_0008, 0x0FFE)), "erase units 0 to 1"),
        (0x460, words((0x1FFF_7818, 0x0000_007F), (0x1FFF_7820, 0x0000_007F)), ""),
        (0x460, words((0x1FFF_7818, 0x0003_0001), (0x1FFF_7820, 0x0007_0007)), "erase units 1 to 3, 7"),
        (
            0x415,
            words(
                (0x1FFF_7818, 0xFF00_FFFF),
                (0x1FFF_7820, 0xFF00_FFFF),
                (0x1FFF_F818, 0xFF02_FF01),
                (0x1FFF_F820, 0xFF00_FFFF),
            ),
            "erase units 257 to 258",
        ),
        (0x447, words((0x1FF8_0000, 0xAA), (0x1FF8_0008, 0), (0x1FF8_000C, 0), (0x1FF8_0010, 0)), ""),
        (
            0x447,
            words((0x1FF8_0000, 0xAA), (0x1FF8_0008, 1), (0x1FF8_000C, 0), (0x1FF8_0010, 0)),
            "erase units 0 to 31",
        ),
        (0x450, words((0x5200_2038, 0xFE), (0x5200_2138, 0x7F)), "erase units 0, 15"),
        (0x480, words((0x5200_2038, 0xFFFF_FFFF), (0x5200_2138, 0xFFFF_FFFE)), "erase units 128 to 131"),
    ],
)
def test_write_protection_in_words(product_id: int, option_bytes: dict[int, bytes], expected: str) -> None:
    assert write_protection(CHIPS[product_id], option_bytes) == expected


def test_only_units_of_the_part_are_told() -> None:
    chip = CHIPS[0x414]
    protected = words((0x1FFF_F808, 0x00FF_00FF), (0x1FFF_F80C, 0x007F_00FF))
    found = write_protected_units(chip, protected, units_of(chip, 256 * KIB))
    assert [unit.index for unit in found] == list(range(62, 128))
