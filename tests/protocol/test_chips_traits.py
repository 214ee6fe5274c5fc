import pytest

from stmota_protocol.chips import CHIPS, Chip, Dialect
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.start_up import UNKNOWN_START_UP_US, start_up_us
from stmota_protocol.chips.timing import Figure, erase_max_us, flash_timing
from stmota_protocol.chips.traits import OverUnerased, traits

KIB = 1024
ALL = tuple(CHIPS.values())


@pytest.mark.parametrize("chip", ALL, ids=lambda chip: chip.name)
def test_times_of_every_chip_are_sane(chip: Chip) -> None:
    found = traits(chip, None)
    assert 0 < found.start_up_us < 3_000_000
    assert 0 < found.program_block_max_us < 1_000_000
    sizes = [run.size for run in chip.layout]
    assert all(1_000 < erase_max_us(chip, size) < 30_000_000 for size in sizes)
    assert erase_max_us(chip, max(sizes)) >= erase_max_us(chip, min(sizes))
    if found.mass_erase_max_us is not None:
        assert chip.mass_erase
    assert 1 <= found.max_units_per_erase <= 511


def test_an_unverified_figure_gets_twice_the_margin_of_a_verified_one() -> None:
    assert Figure(1000, "data sheet", verified=True).allow_us == 1500
    assert Figure(1000, "memory").allow_us == 3000


def test_verified_figures_are_those_that_were_read() -> None:
    verified = {
        chip.product_id
        for chip in ALL
        if chip.dialect is Dialect.AN3155 and flash_timing(chip).unit(chip.layout[-1].size).verified
    }
    f1 = {0x412, 0x410, 0x414, 0x420, 0x428, 0x418, 0x430, 0x641}
    assert verified == f1 | {0x450, 0x483}


def test_erase_times_follow_the_unit_size() -> None:
    f4 = CHIPS[0x413]
    assert [erase_max_us(f4, size * KIB) for size in (16, 64, 128)] == [2_400_000, 7_200_000, 12_000_000]
    assert erase_max_us(CHIPS[0x410], KIB) == 60_000
    assert erase_max_us(CHIPS[0x450], 128 * KIB) == 6_000_000


def test_a_unit_larger_than_any_listed_scales() -> None:
    assert flash_timing(CHIPS[0x410]).unit(8 * KIB).max_us == 4 * 40_000


def test_start_up_counts_the_time_out_of_an_absent_crystal() -> None:
    assert start_up_us(CHIPS[0x410]) == 1_200
    assert start_up_us(CHIPS[0x415]) == 2_560_000
    assert start_up_us(CHIPS[0x460]) == 390
    assert start_up_us(CHIPS[0x47C]) == UNKNOWN_START_UP_US


@pytest.mark.parametrize(
    ("product_id", "expected"),
    [
        (0x410, OverUnerased.REFUSES),
        (0x447, OverUnerased.REFUSES),
        (0x460, OverUnerased.REFUSES),
        (0x413, OverUnerased.CLEARS_BITS),
        (0x449, OverUnerased.CLEARS_BITS),
        (0x450, OverUnerased.NEVER_TWICE),
    ],
)
def test_programming_over_flash_that_is_not_erased_is_told_by_family(
    product_id: int, expected: OverUnerased
) -> None:
    assert traits(CHIPS[product_id], None).over_unerased is expected


def test_erase_commands_hold_255_or_511_units() -> None:
    assert traits(CHIPS[0x410], None).max_units_per_erase == 255
    assert traits(CHIPS[0x415], 0xA2).max_units_per_erase == 511


@pytest.mark.parametrize(
    ("version", "at_once", "pause_us"), [(0xB3, 1, 40_000), (0xB2, 511, 0), (None, 1, 40_000)]
)
def test_g071_with_rom_11_3_is_erased_page_by_page(version: int | None, at_once: int, pause_us: int) -> None:
    found = traits(CHIPS[0x460], version)
    assert (found.max_units_per_erase, found.pause_after_erase_us) == (at_once, pause_us)


@pytest.mark.parametrize(("version", "at_once"), [(0xD0, 1), (0x92, 1), (0x93, 511), (None, 1)])
def test_g0b1_with_an_old_rom_is_erased_page_by_page(version: int | None, at_once: int) -> None:
    assert traits(CHIPS[0x467], version).max_units_per_erase == at_once


def test_h743_with_an_old_rom_needs_a_pause_in_bank_2_only() -> None:
    found = traits(CHIPS[0x450], 0x90)
    assert (found.pause_after_erase_us, found.pause_from_address) == (6_000_000, 0x0810_0000)
    assert traits(CHIPS[0x450], 0xD4).pause_after_erase_us == 0


def test_empty_flash_decides_booting_on_these_products() -> None:
    assert [
        product_id
        for product_id in (0x445, 0x460, 0x443, 0x459)
        if not traits(CHIPS[product_id], None).empty_check
    ] == []
    assert not any(
        traits(CHIPS[product_id], None).empty_check for product_id in (0x410, 0x413, 0x447, 0x415, 0x450)
    )


def test_defects_are_told_only_for_roms_that_have_them() -> None:
    assert traits(CHIPS[0x464], 0xD2).defects == ()
    found = traits(CHIPS[0x464], 0xD1)
    assert [defect.text for defect in found.defects] == ["bootloader V13.1 acknowledges 0x7F twice"]
    assert found.has(DefectKind.SECOND_ACK)
    assert not found.has(DefectKind.SECOND_NACK)


def test_a_rom_whose_bank_erase_does_not_work_is_given_no_mass_erase() -> None:
    assert traits(CHIPS[0x450], 0xD2).mass_erase_max_us is None
    assert traits(CHIPS[0x450], 0xD4).mass_erase_max_us is not None


@pytest.mark.parametrize(
    ("product_id", "mass_s"),
    [
        (0x410, 0.06),
        (0x413, 96.0),  # 32 s from memory: three times that
        (0x419, 192.0),
        (0x451, 192.0),
        (0x450, 156.0),
        (0x480, 0.06),
        (0x415, 0.15),
        (0x482, 1.29),
        (0x481, 2.58),
        (0x447, None),
    ],
)
def test_a_mass_erase_is_waited_for_as_the_largest_part_needs(product_id: int, mass_s: float | None) -> None:
    allowed_us = traits(CHIPS[product_id], 0xFF).mass_erase_max_us
    assert allowed_us == (None if mass_s is None else round(mass_s * 1e6))
