"""What differs from family to family: layouts, numbers of erase units, registers, boot, start-up.

Each expectation is a fact of the devices table, AN2606 or a reference manual.
"""

import struct
from pathlib import Path

import pytest

from board_rig import ACK, FLASH, NACK, SECOND_US, Rig, address, packet, state_of
from sample_images import make_image
from simulated_chips import NAMES, board_of
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.chips import ALL_CHIPS, CHIPS, find_chip

IMAGE = make_image(heartbeat_ms=0)
KIB = 1024


def filled(chip: str, bits: dict[str, int] | None = None) -> Rig:
    """A board whose flash holds 0x5A throughout."""
    size = find_chip(chip).flash.size
    return Rig.synced(board_of(chip, bits, image=b"\x5a" * size))


def erase(rig: Rig, *units: int) -> list[bytes]:
    """EXTENDED ERASE: the answers to the command and to the list."""
    numbers = b"".join(unit.to_bytes(2, "big") for unit in units)
    return rig.command(b"\x44\xbb", packet(*(len(units) - 1).to_bytes(2, "big"), *numbers))


def erased_span(rig: Rig) -> tuple[int, int]:
    """Where the flash reads as erased: first offset, and how many bytes."""
    erased = rig.board.model.flash.erased
    count = rig.board.flash.count(erased)
    return rig.board.flash.find(erased), count


def test_every_family_of_the_issue_has_a_chip() -> None:
    wanted = "F0 F1 F2 F3 F4 F7 G0 G4 H7 L0 L1 L4 L5 U5 WB WL C0 H5 U0 WBA"
    assert {chip.family for chip in CHIPS} == set(wanted.split())


def test_the_document_on_families_names_every_chip() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "families.md").read_text().split("\n## ")[0]
    named = {word.strip(",|()") for word in rows.split()}
    assert {chip.name for chip in ALL_CHIPS} - named == set()


@pytest.mark.parametrize(
    ("chip", "bits", "unit", "offset", "size"),
    [
        ("F429", {}, 12, 1024 * KIB, 16 * KIB),
        ("F429", {}, 23, 1920 * KIB, 128 * KIB),
        ("F429xG", {"DB1M": 0}, 8, 512 * KIB, 128 * KIB),
        ("F429xG", {"DB1M": 1}, 12, 512 * KIB, 16 * KIB),
        ("F429xG", {"DB1M": 1}, 19, 896 * KIB, 128 * KIB),
        ("F767", {"nDBANK": 1}, 4, 128 * KIB, 128 * KIB),
        ("F767", {"nDBANK": 0}, 4, 64 * KIB, 64 * KIB),
        ("F767", {"nDBANK": 0}, 12, 1024 * KIB, 16 * KIB),
        ("G0B1", {"DUAL_BANK": 1}, 128, 256 * KIB, 2 * KIB),
        ("G0B1", {"DUAL_BANK": 0}, 255, 510 * KIB, 2 * KIB),
        ("G474", {"DBANK": 1}, 128, 256 * KIB, 2 * KIB),
        ("G474", {"DBANK": 0}, 127, 508 * KIB, 4 * KIB),
        ("H563", {}, 255, 2040 * KIB, 8 * KIB),
        ("L152xE", {}, 1024, 256 * KIB, 256),
        ("L476xE", {"DUALBANK": 1}, 256, 256 * KIB, 2 * KIB),
        ("L476xE", {"DUALBANK": 0}, 128, 256 * KIB, 2 * KIB),
        ("L4R5", {"DBANK": 1}, 256, 1024 * KIB, 4 * KIB),
        ("L4R5", {"DBANK": 0}, 255, 2040 * KIB, 8 * KIB),
        ("L552", {"DBANK": 1}, 1, 2 * KIB, 2 * KIB),
        ("L552", {"DBANK": 0}, 1, 4 * KIB, 4 * KIB),
        ("U575", {"DUALBANK": 0}, 128, 1024 * KIB, 8 * KIB),
    ],
)
def test_an_erase_unit_lies_where_the_option_bits_say(
    chip: str, bits: dict[str, int], unit: int, offset: int, size: int
) -> None:
    rig = filled(chip, bits)

    assert erase(rig, unit) == [ACK, ACK]

    assert erased_span(rig) == (offset, size)


@pytest.mark.parametrize(
    ("chip", "bits", "unit"),
    [
        ("F429xG", {"DB1M": 0}, 12),
        ("F429xG", {"DB1M": 1}, 8),
        ("F429xG", {"DB1M": 1}, 20),
        ("F767", {"nDBANK": 1}, 12),
        ("G474", {"DBANK": 0}, 128),
        ("L476xE", {"DUALBANK": 1}, 128),
        ("L552", {"DBANK": 0}, 128),
        ("C031", {}, 16),
    ],
)
def test_a_unit_that_the_layout_has_not_is_refused(chip: str, bits: dict[str, int], unit: int) -> None:
    rig = filled(chip, bits)

    assert erase(rig, 0, unit) == [ACK, NACK]

    assert erased_span(rig) == (-1, 0)


def test_new_option_bytes_divide_the_flash_anew_at_the_next_power_on() -> None:
    rig = filled("G474")
    (start, content) = rig.board.model.options.areas[0]
    word = int.from_bytes(content[:4], "little") & ~(1 << 22)

    rig.write(start, word.to_bytes(4, "little") + content[4:])
    rig.board.power_cycle(rig.now_us)
    again = Rig.synced(rig.board)
    assert erase(again, 1) == [ACK, ACK]

    assert erased_span(again) == (4 * KIB, 4 * KIB)


@pytest.mark.parametrize(("count", "answer"), [(511, ACK), (512, NACK)])
def test_the_l1_takes_lists_of_511_pages_at_most(count: int, answer: bytes) -> None:
    rig = filled("L152xB")

    assert erase(rig, *range(count)) == [ACK, answer]


@pytest.mark.parametrize("chip", ["L071", "L152xB", "L152xE"])
@pytest.mark.parametrize("code", [b"\xff\xff\x00", b"\xff\xfe\x01", b"\xff\xfd\x02"])
def test_l0_and_l1_know_no_mass_erase(chip: str, code: bytes) -> None:
    rig = filled(chip)

    assert rig.command(b"\x44\xbb", code) == [ACK, NACK]

    assert rig.board.counters.unit_erases == 0


@pytest.mark.parametrize(
    ("chip", "code", "is_known"),
    [
        ("F429", b"\xff\xfd\x02", True),
        ("F407", b"\xff\xfd\x02", False),
        ("G474", b"\xff\xfe\x01", True),
        ("C031", b"\xff\xfe\x01", False),
        ("C031", b"\xff\xff\x00", True),
    ],
)
def test_bank_erase_is_for_chips_with_two_banks(chip: str, code: bytes, is_known: bool) -> None:
    rig = filled(chip)

    assert rig.command(b"\x44\xbb", code) == [ACK, ACK if is_known else NACK]


@pytest.mark.parametrize(
    ("chip", "slow", "erase_us"),
    [
        ("F407", False, 16_000_000),
        ("F407", True, 32_000_000),
        ("F746", True, 32_000_000),
        ("G474", True, 24_590),
        ("U575", True, 430_000),
        ("H7A3", True, 20_000),
        ("C031", True, 40_000),
    ],
)
def test_a_mass_erase_takes_the_data_sheets_time(chip: str, slow: bool, erase_us: int) -> None:
    rig = Rig.synced(board_of(chip, is_slow=slow))
    rig.command(b"\x44\xbb")

    answer, waited_us = rig.ask_timed(b"\xff\xff\x00", 60 * SECOND_US)

    assert answer == ACK
    assert 0 <= waited_us - erase_us < 1_000


@pytest.mark.parametrize("chip", NAMES)
def test_the_size_register_says_kib_and_the_unique_id_has_three_words(chip: str) -> None:
    rig = Rig.synced(board_of(chip, serial="one"))
    model = rig.board.model
    held = rig.read(model.info.first, min(model.info.size, 256))
    at = model.flash_size_register - model.info.first

    assert held[at : at + 2] == (model.flash.size // KIB).to_bytes(2, "little")
    start = model.unique_id_register - model.info.first
    words = [held[start + offset : start + offset + 4] for offset in model.unique_id_offsets]
    assert b"".join(words) == rig.board.memory.unique_id
    assert len(set(words)) == 3


def test_l0_and_l1_hold_the_third_word_of_the_unique_id_apart() -> None:
    apart = {chip.name for chip in CHIPS if chip.unique_id_offsets == (0x00, 0x04, 0x14)}
    assert apart == {"L071", "L152xB", "L152xE"}


def is_refused(rig: Rig, start: int, length: int) -> bool:
    replies = rig.command(b"\x11\xee", address(start), bytes([length - 1, length - 1 ^ 0xFF]))
    return NACK in replies[1:]


@pytest.mark.parametrize(
    ("chip", "start", "length", "refused"),
    [
        ("F429", 0x1FFF_7A22, 2, True),
        ("F429", 0x1FFF_7A00, 256, False),
        ("F746", 0x1FFF_0000, 0x20, False),
        ("F746", 0x1FFF_0000, 0x2C, True),
        ("F767", 0x1FFF_0000, 0x2C, False),
        ("L552", 0x4002_2040, 4, False),
        ("L552", 0x4002_2000, 4, True),
        ("WLE5", 0x1FFF_7800, 0x6C, False),
    ],
)
def test_which_option_bytes_and_registers_can_be_read(
    chip: str, start: int, length: int, refused: bool
) -> None:
    assert is_refused(Rig.synced(board_of(chip)), start, length) is refused


def test_unused_bits_beside_nwrp_read_1_on_the_f407_and_sprmod_and_db1m_0_on_the_f429() -> None:
    assert Rig.synced(board_of("F407")).read(0x1FFF_C008, 2) == b"\xff\xff"
    assert Rig.synced(board_of("F429")).read(0x1FFF_C008, 2) == b"\xff\x3f"


@pytest.mark.parametrize(
    ("chip", "bits", "groups", "units"),
    [
        ("F429xG", {"DB1M": 1}, {12}, {12}),
        ("F767", {"nDBANK": 1}, {1}, {1}),
        ("F767", {"nDBANK": 0}, {1}, {2, 3}),
        ("H7A3", {}, {1}, {4, 5, 6, 7}),
        ("H563", {}, {32}, {128, 129, 130, 131}),
        ("F303xC", {}, {1}, {2, 3}),
        ("F303xC", {}, {31}, set(range(62, 128))),
        ("G474", {"DBANK": 1}, {129, 130}, {129, 130}),
        ("G474", {"DBANK": 0}, {3}, {3}),
        ("L476xE", {"DUALBANK": 1}, {256}, {256}),
        ("L152xE", {}, {0}, set(range(16))),
        ("U575", {}, {128}, {128}),
    ],
)
def test_write_protection_counts_as_the_family_does(
    chip: str, bits: dict[str, int], groups: set[int], units: set[int]
) -> None:
    board = board_of(chip, bits, write_protected=frozenset(groups))
    layout = board.options.layout()

    assert board.options.protected_units(layout) & {number for number, _, _ in layout.bounds()} == units


def test_flash_from_sfsa_on_is_out_of_the_wb55s_reach() -> None:
    rig = filled("WB55", {"SFSA": 0xC8})

    assert erase(rig, 0xC7, 0xC8, 0xFF) == [ACK, ACK]

    assert erased_span(rig) == (0xC7 * 4 * KIB, 4 * KIB)


@pytest.mark.parametrize(
    ("chip", "bits", "when_low", "when_high"),
    [
        ("F207", {}, State.APPLICATION, State.BOOTLOADER),
        ("F303xC", {"nBOOT1": 0}, State.APPLICATION, State.DEAD),
        ("F746", {}, State.APPLICATION, State.BOOTLOADER),
        ("F746", {"BOOT_ADD1": 0x2000}, State.APPLICATION, State.APPLICATION),  # 0x08000000
        ("F746", {"BOOT_ADD1": 0x0080}, State.APPLICATION, State.APPLICATION),  # 0x00200000
        ("F746", {"BOOT_ADD1": 0x7FC0}, State.APPLICATION, State.BOOTLOADER),  # 0x1FF00000
        ("F767", {"BOOT_ADD0": 0x0040}, State.BOOTLOADER, State.BOOTLOADER),
        ("C031", {"nBOOT_SEL": 1}, State.APPLICATION, State.APPLICATION),
        ("U073", {"BOOT_LOCK": 1}, State.APPLICATION, State.APPLICATION),
        ("L432", {"nSWBOOT0": 0}, State.APPLICATION, State.APPLICATION),
        ("L432", {"nSWBOOT0": 0, "nBOOT0": 0}, State.BOOTLOADER, State.BOOTLOADER),
        ("G431", {"BOOT_LOCK": 1}, State.APPLICATION, State.APPLICATION),
        ("WB55", {"nBOOT1": 0}, State.APPLICATION, State.DEAD),
        ("WLE5", {"BOOT_LOCK": 1}, State.APPLICATION, State.APPLICATION),
        ("L552", {}, State.APPLICATION, State.BOOTLOADER),
        ("L552", {"nSWBOOT0": 0, "nBOOT0": 0}, State.BOOTLOADER, State.BOOTLOADER),
        ("L552", {"TZEN": 1}, State.APPLICATION, State.DEAD),
        ("U575", {"NSBOOTADD1": 0x0800_0000 >> 7}, State.APPLICATION, State.APPLICATION),
        ("U575", {"BOOT_LOCK": 1}, State.APPLICATION, State.APPLICATION),
        ("H563", {}, State.APPLICATION, State.BOOTLOADER),
        ("H563", {"PRODUCT_STATE": 0x72}, State.APPLICATION, State.APPLICATION),
    ],
)
def test_what_decides_between_flash_and_bootloader(
    chip: str, bits: dict[str, int], when_low: State, when_high: State
) -> None:
    found: list[State] = []
    for boot0 in (False, True):
        board = board_of(chip, bits, image=IMAGE)
        Rig(board).reset(boot0=boot0)
        found.append(state_of(board))
    assert found == [when_low, when_high]


@pytest.mark.parametrize("chip", ["G0B1", "C031", "U073", "L432", "L4R5"])
def test_an_empty_chip_of_these_starts_its_bootloader(chip: str) -> None:
    assert make_board(chip).state is State.BOOTLOADER


@pytest.mark.parametrize("chip", ["F207", "F303xC", "G431", "L152xB", "U575", "WB55", "WLE5", "H563"])
def test_an_empty_chip_of_those_does_not(chip: str) -> None:
    assert make_board(chip).state is State.DEAD


@pytest.mark.parametrize(
    ("chip", "has_crystal", "start_up_us"),
    [
        ("H7A3", True, 545_000),
        ("L476xE", True, 55_000),
        ("L476xE", False, 2_560_000),
        ("F207", True, 84_600),
        ("F429", False, 171_000),
        ("U073", True, 5_600),
        ("L152xE", False, 200_700),
    ],
)
def test_a_rom_hears_nothing_before_it_has_started(chip: str, has_crystal: bool, start_up_us: int) -> None:
    rig = Rig(board_of(chip, has_crystal=has_crystal))
    rig.reset(boot0=True)
    rig.wait(start_up_us - 1_000)
    assert rig.ask(b"\x7f", 900) == b""
    rig.wait(1_000)
    assert rig.ask(b"\x7f") == ACK


WITH_A_PLAIN_GO = [
    chip.name for chip in CHIPS if not chip.roms[0].quirks and chip.options.secure_from is None
]
"""Not those with defects, which are `test_rom_quirks`' business, nor the WB55, whose top is not its own."""


@pytest.mark.parametrize("chip", WITH_A_PLAIN_GO)
def test_the_core_starts_an_image_in_the_last_erase_unit_by_go(chip: str) -> None:
    flash = find_chip(chip).flash
    start = FLASH + flash.size - flash.layout.sizes[-1]
    rig = Rig.synced(board_of(chip))

    rig.write(start, struct.pack("<II", 0x2000_1000, start + 0x11) + bytes(56))
    rig.command(b"\x21\xde", address(start))

    assert [(boot.address, boot.state) for boot in rig.board.boots[-1:]] == [(start, State.APPLICATION)]
