from itertools import pairwise

import pytest

from stmota_protocol.chips import CHIPS, Chip
from stmota_protocol.chips.layout import (
    EraseUnit,
    LayoutUnknown,
    first_gap,
    largest_units,
    sure_units,
    units_of,
)

KIB = 1024
ALL = tuple(CHIPS.values())


def option_word(address: int, *bits: int) -> dict[int, bytes]:
    return {address: sum(1 << bit for bit in bits).to_bytes(4, "little")}


@pytest.mark.parametrize("chip", ALL, ids=lambda chip: chip.name)
def test_units_of_the_largest_part_are_contiguous_and_count_from_zero(chip: Chip) -> None:
    units = largest_units(chip)
    assert [unit.index for unit in units] == list(range(len(units)))
    assert units[0].address == chip.flash_start
    assert all(lower.end == higher.address for lower, higher in pairwise(units))
    assert units[-1].end == chip.flash_end


@pytest.mark.parametrize(
    "chip", [chip for chip in ALL if chip.bank2_start is not None], ids=lambda chip: chip.name
)
def test_bank_2_of_the_largest_part_starts_where_its_first_unit_is(chip: Chip) -> None:
    units = {unit.index: unit for unit in largest_units(chip)}
    assert chip.bank2_first_unit is not None
    assert units[chip.bank2_first_unit].address == chip.bank2_start


@pytest.mark.parametrize("chip", [chip for chip in ALL if chip.variants], ids=lambda chip: chip.name)
def test_variants_fill_their_flash_or_say_why_not(chip: Chip) -> None:
    for variant in chip.variants:
        total = sum(run.total for bank in variant.banks for run in bank.layout)
        assert total == variant.flash_size or (total < variant.flash_size and "left out" in variant.note)
        for lower, higher in pairwise(variant.banks):
            end = lower.start + sum(run.total for run in lower.layout)
            assert end == higher.start or (end < higher.start and "hole" in variant.note)
            assert lower.first_unit + sum(run.count for run in lower.layout) <= higher.first_unit


def test_a_smaller_part_is_the_larger_ones_beginning() -> None:
    chip = CHIPS[0x410]
    units = units_of(chip, 64 * KIB)
    assert units == largest_units(chip)[:64]
    assert units[-1] == EraseUnit(63, 0x0800_FC00, KIB)


def test_sectors_of_f407_grow() -> None:
    units = units_of(CHIPS[0x413], 512 * KIB)
    assert [unit.size // KIB for unit in units] == [16, 16, 16, 16, 64, 128, 128, 128]
    assert units[5] == EraseUnit(5, 0x0802_0000, 128 * KIB)


def test_g0b1_pages_run_on_through_bank_2() -> None:
    assert units_of(CHIPS[0x467], 512 * KIB)[128] == EraseUnit(128, 0x0804_0000, 2 * KIB)
    assert units_of(CHIPS[0x467], 256 * KIB)[64] == EraseUnit(64, 0x0802_0000, 2 * KIB)


def test_h743_of_1_mib_has_a_hole_and_its_bank_2_counts_from_8() -> None:
    units = units_of(CHIPS[0x450], 1024 * KIB)
    assert [unit.index for unit in units] == [0, 1, 2, 3, 8, 9, 10, 11]
    assert units[3].end == 0x0808_0000
    assert units[4].address == 0x0810_0000
    assert [unit.index for unit in units_of(CHIPS[0x450], 128 * KIB)] == [0]


@pytest.mark.parametrize(
    ("bits", "count", "bank_2"),
    [((), 12, None), ((14,), 16, EraseUnit(12, 0x0808_0000, 16 * KIB))],
)
def test_f429_of_1_mib_has_one_or_two_banks_by_db1m(
    bits: tuple[int, ...], count: int, bank_2: EraseUnit | None
) -> None:
    units = units_of(CHIPS[0x419], 1024 * KIB, option_word(0x1FFF_C008, *bits))
    assert len(units) == count
    assert next((unit for unit in units if unit.index == 12), None) == bank_2
    assert sum(unit.size for unit in units) == 1024 * KIB


def test_f429_of_2_mib_needs_no_option_bytes() -> None:
    assert units_of(CHIPS[0x419], 2048 * KIB)[12] == EraseUnit(12, 0x0810_0000, 16 * KIB)


def test_f767_has_small_sectors_with_two_banks() -> None:
    chip = CHIPS[0x451]
    single = units_of(chip, 2048 * KIB, option_word(0x1FFF_0008, 13))
    dual = units_of(chip, 2048 * KIB, option_word(0x1FFF_0008))
    assert (single[0].size, len(single)) == (32 * KIB, 12)
    assert (dual[0].size, len(dual)) == (16 * KIB, 24)
    assert dual[12].address == 0x0810_0000


def test_g474_has_pages_twice_as_large_with_one_bank() -> None:
    chip = CHIPS[0x469]
    assert units_of(chip, 512 * KIB, option_word(0x1FFF_7800, 22))[1].size == 2 * KIB
    assert units_of(chip, 512 * KIB, option_word(0x1FFF_7800))[1].size == 4 * KIB


def test_g474_of_256_kib_leaves_out_the_bank_whose_numbers_are_not_certain() -> None:
    units = units_of(CHIPS[0x469], 256 * KIB, option_word(0x1FFF_7800, 22))
    assert (len(units), units[-1].end) == (64, 0x0802_0000)


def test_l476_of_512_kib_numbers_bank_2_from_256() -> None:
    chip = CHIPS[0x415]
    dual = units_of(chip, 512 * KIB, option_word(0x1FFF_7800, 21))
    assert dual[128] == EraseUnit(256, 0x0804_0000, 2 * KIB)
    assert units_of(chip, 512 * KIB, option_word(0x1FFF_7800))[128].index == 128


def test_a_layout_that_hangs_on_an_unread_option_bit_is_refused() -> None:
    with pytest.raises(LayoutUnknown, match=r"DBANK .*could not be read") as caught:
        units_of(CHIPS[0x469], 512 * KIB)
    assert "protected" in caught.value.remedy


@pytest.mark.parametrize("size", [0, -1, 129 * KIB, 128 * KIB + 1, 1000])
def test_a_flash_size_that_no_part_has_is_refused(size: int) -> None:
    with pytest.raises(LayoutUnknown, match="STM32F103 medium density"):
        units_of(CHIPS[0x410], size)


def test_without_a_size_the_largest_part_is_taken_where_smaller_ones_are_but_shorter() -> None:
    assert units_of(CHIPS[0x410], None) == largest_units(CHIPS[0x410])
    assert units_of(CHIPS[0x419], None, option_word(0x1FFF_C008)) == largest_units(CHIPS[0x419])


def test_without_a_size_a_layout_that_hangs_on_it_is_refused() -> None:
    with pytest.raises(LayoutUnknown, match=r"would not tell its flash size.* from 0x08020000 on") as caught:
        units_of(CHIPS[0x415], None, option_word(0x1FFF_7800, 21))
    assert "before that address" in caught.value.remedy


@pytest.mark.parametrize(
    ("product_id", "flash_size", "option_bytes", "count"),
    [
        (0x410, None, {}, 128),
        (0x419, 1024 * KIB, {}, 8),  # sectors 8 on are others with DB1M
        (0x419, None, option_word(0x1FFF_C008, 14), 8),
        (0x451, 2048 * KIB, {}, 0),
        (0x469, 512 * KIB, {}, 0),
        (0x469, 512 * KIB, option_word(0x1FFF_7800, 22), 256),
        (0x415, None, option_word(0x1FFF_7800, 21), 64),
        (0x415, 512 * KIB, {}, 128),
        (0x450, None, {}, 16),  # a part with 1 MiB has the same sectors, and lacks some
    ],
)
def test_sure_units_are_those_that_no_possible_layout_contradicts(
    product_id: int, flash_size: int | None, option_bytes: dict[int, bytes], count: int
) -> None:
    chip = CHIPS[product_id]
    assert sure_units(chip, flash_size, option_bytes) == largest_units(chip)[:count]


def test_a_gap_is_where_no_unit_is() -> None:
    units = units_of(CHIPS[0x450], 1024 * KIB)
    assert first_gap(0x0800_0000, 0x0808_0000, units) is None
    assert first_gap(0x0807_FFFF, 0x0808_0001, units) == 0x0808_0000
    assert first_gap(0x0810_0000, 0x0818_0000, units) is None
    assert first_gap(0x0817_FFFF, 0x0818_0001, units) == 0x0818_0000
