"""What is named as the likely cause when BOOT0 does not bring the bootloader."""

import pytest

from stmota_protocol.chips import CHIPS, Family, chip_by_name, chip_by_product_id
from stmota_protocol.chips.boot_suspects import boot0_suspects
from stmota_protocol.chips.option_bytes import option_reads
from stmota_protocol.chips.option_fields import boot_fields
from stmota_protocol.chips.traits import has_empty_check


@pytest.mark.parametrize(
    ("product_id", "words"),
    [
        (0x460, ["STM32G07", "once its flash is not empty", "nBOOT_SEL is 1", "BOOT_LOCK is 1", "level 2"]),
        (0x443, ["once its flash is not empty", "nBOOT_SEL is 1", "BOOT_LOCK is 1"]),
        (0x445, ["once its flash is not empty", "BOOT_SEL is 0"]),
        (0x435, ["once its flash is not empty", "nSWBOOT0 is 0"]),
        (0x468, ["nSWBOOT0 is 0", "BOOT_LOCK is 1"]),
        (0x472, ["nSWBOOT0 is 0", "TZEN is set", "BOOT_LOCK is 1", "NSBOOTADD1"]),
        (0x482, ["nSWBOOT0 is 0", "TZEN is set", "BOOT_LOCK is 1"]),
        (0x497, ["nSWBOOT0 is 0", "BOOT_LOCK is 1"]),
        (0x484, ["PRODUCT_STATE", "TZEN is set"]),
        (0x450, ["BOOT_ADD1"]),
        (0x413, ["RDP is at level 2"]),
    ],
)
def test_a_chip_seen_before_is_named_with_its_own_option_bits(product_id: int, words: list[str]) -> None:
    chip = chip_by_product_id(product_id)
    assert chip is not None
    text = boot0_suspects(chip)
    for word in words:
        assert word in text


def test_a_chip_that_only_its_pins_decide_about_is_not_suspected() -> None:
    assert boot0_suspects(chip_by_product_id(0x410)) == ""


def test_of_an_unknown_chip_the_families_are_named() -> None:
    for word in ("nBOOT_SEL on G0, C0, U0", "nSWBOOT0", "BOOT_LOCK", "TZEN", "RDP level 2"):
        assert word in boot0_suspects(None)


def test_every_chip_of_a_family_with_an_ignorable_boot0_names_a_bit() -> None:
    ignorable = {Family.G0, Family.C0, Family.U0, Family.G4, Family.L4, Family.L5, Family.U5, Family.WB}
    for chip in CHIPS.values():
        if chip.family in ignorable:
            assert " is " in boot0_suspects(chip).partition("where ")[2].removesuffix("RDP is at level 2")


def test_whatever_decides_about_boot0_is_read_and_every_empty_check_has_its_selector() -> None:
    for chip in CHIPS.values():
        fields = boot_fields(chip)
        ranges = [range(read.address, read.address + read.length) for read in option_reads(chip)]
        assert all(any(field.address in read for read in ranges) for field in fields), chip.name
        if has_empty_check(chip):
            assert {field.name for field in fields} & {"nBOOT_SEL", "BOOT_SEL", "nSWBOOT0"}, chip.name


def test_a_chip_is_found_by_the_name_that_people_see() -> None:
    assert all(chip_by_name(chip.name) is chip for chip in CHIPS.values())
    assert chip_by_name("STM32F103") is None
