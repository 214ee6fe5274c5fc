import pytest

from stmota_protocol.chips import CHIPS
from stmota_protocol.chips.boot import boot_lockout, boot_options
from stmota_protocol.chips.option_bytes import option_reads

G071, F042, L432, G431, F746, H743, U575 = 0x460, 0x445, 0x435, 0x468, 0x449, 0x450, 0x482


def words(*pairs: tuple[int, int]) -> dict[int, bytes]:
    return {address: value.to_bytes(4, "little") for address, value in pairs}


def bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


G071_FACTORY = words((0x1FFF_7800, 0xFFFF_FEAA), (0x1FFF_7870, 0))
"""nBOOT_SEL, nBOOT1 and nBOOT0 all 1: the pin is ignored once the flash is not empty."""


@pytest.mark.parametrize(
    ("product_id", "option_bytes", "option"),
    [
        (G071, G071_FACTORY, "nBOOT_SEL"),
        (G071, words((0x1FFF_7800, bits(25, 26)), (0x1FFF_7870, 1 << 16)), "BOOT_LOCK"),
        (G071, words((0x1FFF_7800, bits(26)), (0x1FFF_7870, 0)), "nBOOT1"),
        (0x443, words((0x1FFF_7800, bits(24, 25, 26)), (0x1FFF_7870, 0)), "nBOOT_SEL"),
        (0x489, words((0x4002_2020, bits(24, 25, 26)), (0x4002_2080, 0)), "nBOOT_SEL"),
        (F042, words((0x1FFF_F800, bits(19, 20))), "BOOT_SEL"),
        (L432, words((0x1FFF_7800, bits(23, 27))), "nSWBOOT0"),
        (G431, words((0x1FFF_7800, bits(23, 26, 27)), (0x1FFF_7828, 1 << 16)), "BOOT_LOCK"),
        (F746, words((0x1FFF_0010, 0x0080), (0x1FFF_0018, 0x0080)), "BOOT_ADD1"),
        (H743, words((0x5200_2040, 0x0800_0800)), "BOOT_ADD1"),
        (U575, words((0x4002_2040, bits(27)), (0x4002_2048, 0x0BF9_0000), (0x4002_204C, 0)), "nSWBOOT0"),
        (U575, words((0x4002_2040, bits(26, 27)), (0x4002_2048, 0x0800_0000)), "NSBOOTADD1"),
        (0x497, words((0x1FFF_7800, bits(23, 26, 27, 30))), "BOOT_LOCK"),
        (0x44E, words((0x4002_2050, 0)), "BOOT_SEL"),
    ],
)
def test_a_first_flash_that_would_make_the_chip_ignore_boot0_is_seen(
    product_id: int, option_bytes: dict[int, bytes], option: str
) -> None:
    lock_out = boot_lockout(CHIPS[product_id], option_bytes)
    assert lock_out is not None
    assert lock_out.option == option
    assert option in lock_out.reason
    assert option in lock_out.remedy


@pytest.mark.parametrize(
    ("product_id", "option_bytes"),
    [
        (G071, words((0x1FFF_7800, bits(25, 26)), (0x1FFF_7870, 0))),  # nBOOT_SEL = 0: the pin
        (G071, words((0x1FFF_7800, bits(24, 25)), (0x1FFF_7870, 0))),  # nBOOT0 = 0: always the ROM
        (F042, words((0x1FFF_F800, 0x00FF_55AA))),  # factory
        (L432, words((0x1FFF_7800, 0xFFEF_F8AA))),  # factory
        (F746, words((0x1FFF_0010, 0x0080), (0x1FFF_0018, 0x0040))),
        (H743, words((0x5200_2040, 0x1FF0_0800))),
        (U575, words((0x4002_2040, bits(26, 27)), (0x4002_2048, 0x0BF9_0000), (0x4002_204C, 0))),
        (0x44E, words((0x4002_2050, bits(22)))),
        (0x410, words((0x1FFF_F800, 0))),
        (0x413, words((0x1FFF_C000, 0))),
        (G071, {}),
    ],
)
def test_a_chip_that_obeys_boot0_is_let_through(product_id: int, option_bytes: dict[int, bytes]) -> None:
    assert boot_lockout(CHIPS[product_id], option_bytes) is None


def test_boot_options_are_shown_by_the_manuals_names() -> None:
    assert boot_options(CHIPS[G071], G071_FACTORY) == {
        "nBOOT_SEL": "1",
        "nBOOT1": "1",
        "nBOOT0": "1",
        "BOOT_LOCK": "0",
    }
    assert boot_options(CHIPS[H743], words((0x5200_2040, 0x1FF0_0800))) == {
        "BOOT_ADD0": "0x0800",
        "BOOT_ADD1": "0x1FF0",
    }


def test_boot_options_that_were_not_read_are_left_out() -> None:
    assert boot_options(CHIPS[G071], {}) == {}


def test_option_words_are_found_in_the_middle_of_what_was_read() -> None:
    (read,) = option_reads(CHIPS[G071])
    assert (read.address, read.length) == (0x1FFF_7800, 0x74)
    data = bytearray(read.length)
    data[0x72] = 1
    lock_out = boot_lockout(CHIPS[G071], {read.address: bytes(data)})
    assert lock_out is not None
    assert lock_out.option == "BOOT_LOCK"
