from collections import Counter

import pytest

from stmota_protocol.chips import CHIPS, Chip, Dialect, Family, Units, chip_by_product_id
from stmota_protocol.chips.option_bytes import option_reads
from stmota_protocol.chips.registers import flash_size_from, unique_id_from

ALL = tuple(CHIPS.values())


def test_the_table_has_all_101_product_ids_once() -> None:
    assert len(CHIPS) == 101
    assert all(product_id == chip.product_id for product_id, chip in CHIPS.items())


def test_an_unknown_product_id_has_no_row() -> None:
    assert chip_by_product_id(0xFFF) is None
    assert chip_by_product_id(0x410) is CHIPS[0x410]


def test_names_of_chips_are_unique_and_carry_the_product_id() -> None:
    assert Counter(chip.name for chip in ALL).most_common(1)[0][1] == 1
    assert CHIPS[0x410].name == "STM32F103 medium density (0x410)"
    assert CHIPS[0x006].name == "STM32WB09 (0x006)"


@pytest.mark.parametrize("chip", ALL, ids=lambda chip: chip.name)
def test_figures_of_a_chip_agree_with_each_other(chip: Chip) -> None:
    assert sum(run.total for run in chip.layout) == chip.flash_size_max
    assert 256 % chip.write_alignment == 0
    assert all(run.size % chip.write_alignment == 0 for run in chip.layout)
    assert chip.erase_command in (0x43, 0x44)
    assert chip.erased_value in (0x00, 0xFF)
    assert (chip.erased_value == 0x00) == (chip.family in (Family.L0, Family.L1)) == (not chip.mass_erase)
    assert (chip.dialect is Dialect.BLUENRG) == (chip.family is Family.WB0)
    assert all(first < last for first, last in chip.option_bytes + chip.system_memory)
    assert chip.sources


@pytest.mark.parametrize("chip", ALL, ids=lambda chip: chip.name)
def test_registers_lie_in_the_bytes_that_are_read_for_them(chip: Chip) -> None:
    for register, read, length in (
        (chip.flash_size_register, chip.size_read, 2),
        (chip.unique_id, chip.uid_read, chip.uid_words[-1] + 4),
    ):
        if read is not None:
            assert register == read.address + read.offset
            assert 0 < read.length <= 256
            assert read.offset + length <= read.length


@pytest.mark.parametrize("chip", ALL, ids=lambda chip: chip.name)
def test_option_bytes_are_read_in_pieces_the_rom_can_give(chip: Chip) -> None:
    reads = option_reads(chip)
    assert all(0 < read.length <= 256 for read in reads)
    assert all(read.length == 4 and read.address % 4 == 0 for read in reads if read.address >= 0x4000_0000)
    assert len({read.address for read in reads}) == len(reads)


def test_rows_with_one_source_are_marked() -> None:
    marked = {chip.product_id for chip in ALL if chip.single_source}
    assert marked == {
        *(0x641, 0x9A8, 0x9B0),  # only in stm32flash and its kin
        *(0x44A, 0x44B, 0x47B, 0x47C, 0x42B, 0x42C, 0x49A),  # only in CubeProgrammer's data base
        *(0x003, 0x02F),  # only in AN2606
    }
    assert all(chip.single_source for chip in ALL if ", " not in chip.sources)


F407_SECTORS = (Units(4, 16 * 1024), Units(1, 64 * 1024), Units(7, 128 * 1024))


@pytest.mark.parametrize(
    ("product_id", "layout", "programming", "size_register", "unique_id", "ram_kib"),
    [
        (0x410, (Units(128, 1024),), (4, 0x43, 0xFF), 0x1FFF_F7E0, 0x1FFF_F7E8, 20),
        (0x413, F407_SECTORS, (4, 0x44, 0xFF), 0x1FFF_7A22, 0x1FFF_7A10, 128),
        (0x445, (Units(32, 1024),), (4, 0x44, 0xFF), 0x1FFF_F7CC, 0x1FFF_F7AC, 6),
        (0x460, (Units(64, 2048),), (8, 0x44, 0xFF), 0x1FFF_75E0, 0x1FFF_7590, 36),
        (0x447, (Units(1536, 128),), (8, 0x44, 0x00), 0x1FF8_007C, 0x1FF8_0050, 20),
        (0x415, (Units(512, 2048),), (8, 0x44, 0xFF), 0x1FFF_75E0, 0x1FFF_7590, 96),
        (0x450, (Units(16, 128 * 1024),), (32, 0x44, 0xFF), 0x1FF1_E880, 0x1FF1_E800, 128),
    ],
)
def test_well_known_chips_have_the_figures_of_their_data_sheets(
    product_id: int,
    layout: tuple[Units, ...],
    programming: tuple[int, int, int],
    size_register: int,
    unique_id: int,
    ram_kib: int,
) -> None:
    chip = CHIPS[product_id]
    assert (chip.flash_start, chip.layout) == (0x0800_0000, layout)
    assert (chip.write_alignment, chip.erase_command, chip.erased_value) == programming
    assert (chip.flash_size_register, chip.unique_id) == (size_register, unique_id)
    assert chip.ram_size == ram_kib * 1024


def test_flash_size_is_kib_in_the_register() -> None:
    f4 = bytearray(256)
    f4[0x22:0x24] = (512).to_bytes(2, "little")
    assert flash_size_from(CHIPS[0x413], bytes(f4)) == 512 * 1024
    assert flash_size_from(CHIPS[0x410], b"\x40\x00") == 64 * 1024


@pytest.mark.parametrize("data", [b"", b"\x40", b"\x00\x00", b"\xff\xff"])
def test_a_blank_or_short_size_register_says_nothing(data: bytes) -> None:
    assert flash_size_from(CHIPS[0x410], data) is None


def test_the_size_register_of_l1_category_4_holds_a_code() -> None:
    chip = CHIPS[0x436]
    assert flash_size_from(chip, b"\x00\x00") == 384 * 1024
    assert flash_size_from(chip, b"\x01\x00") == 256 * 1024


def test_unique_ids_are_three_words_which_l0_and_l1_hold_apart() -> None:
    whole = bytes(range(24))
    assert unique_id_from(CHIPS[0x447], whole) == bytes((0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23))
    assert unique_id_from(CHIPS[0x410], whole[:12]) == whole[:12]
    assert unique_id_from(CHIPS[0x410], whole[:11]) is None
    assert unique_id_from(CHIPS[0x9A8], whole) is None
