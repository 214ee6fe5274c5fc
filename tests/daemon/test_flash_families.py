"""The flash job over every simulated chip, on the virtual clock; the flash is compared whole."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from firmware_files import make_hex
from flash_rig import flashed, refused
from lab import RecordingReport, linked_board
from sample_images import make_image
from simulated_chips import NAMES, board_of
from stmota_daemon.inspect import info
from stmota_protocol.api import ProblemCode, TargetInfo
from stmota_simulator import boards
from stmota_simulator.board import VirtualBoard
from stmota_simulator.chip import State
from stmota_simulator.chip_model import ChipModel, Range
from stmota_simulator.chips import CHIPS, find_chip
from stmota_simulator.fault_syntax import parse_faults
from stmota_simulator.options import OptionBytes

FLASH = 0x0800_0000
KIB = 1024
OLD_BYTE = b"\x5a"
NO_BITS: dict[str, int] = {}
TWO_BANKS = [
    *((chip, NO_BITS) for chip in ("F429", "H563", "H743", "H7A3", "L071", "L152xE", "L476")),
    *(("F429xG", {"DB1M": bit}) for bit in (0, 1)),
    *(("F767", {"nDBANK": bit}) for bit in (0, 1)),
    *(("G0B1", {"DUAL_BANK": bit}) for bit in (0, 1)),
    *((chip, {"DBANK": bit}) for chip in ("G474", "L4R5", "L552") for bit in (0, 1)),
    *((chip, {"DUALBANK": bit}) for chip in ("L476xE", "U575") for bit in (0, 1)),
]
"""Chips that have two banks, or can have them, with the option bit both ways."""


async def told(board: VirtualBoard) -> TargetInfo:
    async with linked_board(board) as (lab, _):
        return await info(lab, RecordingReport())


def expected(board: VirtualBoard, old: bytes, image: bytes, offset: int = 0) -> bytes:
    """The whole flash, once the erase units that the image touches were erased and the image written."""
    found = bytearray(old)
    for _, start, end in board.options.layout().bounds():
        if start < offset + len(image) and offset < end:
            found[start:end] = bytes([board.model.flash.erased]) * (end - start)
    found[offset : offset + len(image)] = image
    return bytes(found)


def own_end(board: VirtualBoard) -> int:
    """Where the flash ends that is the image's: on the WB55 the rest is the wireless core's."""
    if board.options.has("SFSA"):
        return board.options.bit("SFSA") * 4 * KIB
    return board.model.flash.size


@pytest.mark.parametrize("chip", NAMES)
async def test_two_images_are_flashed_one_over_the_other_verified_and_started(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    content = board.flash
    for image in (make_image(6000, seed=1), make_image(3000, seed=2)):
        report = await flashed(board, image)
        content = expected(board, content, image)
        assert board.flash == content
        assert (report.verified, report.length, report.recoveries) == (True, len(image), 0)
        assert board.boots[-1].state is State.APPLICATION
        assert board.boots[-1].text == "made image"
    assert board.counters.double_programs == board.counters.programs_refused == 0


@pytest.mark.parametrize("chip", NAMES)
async def test_an_image_at_the_very_end_of_the_flash_spares_what_is_before_it(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    old = OLD_BYTE * board.model.flash.size
    board.memory.flash.preload(old)
    offset = own_end(board) - 2 * KIB
    image = make_image(2 * KIB, flash_start=FLASH + offset)
    await flashed(board, image, address=FLASH + offset, force=True)
    assert board.flash == expected(board, old, image, offset)


@pytest.mark.parametrize(("chip", "bits"), TWO_BANKS)
async def test_an_image_across_the_middle_of_the_flash_reaches_into_bank_2(
    chip: str, bits: dict[str, int], autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, bits)
    old = OLD_BYTE * board.model.flash.size
    board.memory.flash.preload(old)
    offset = len(old) // 2 - KIB
    image = make_image(3 * KIB, flash_start=FLASH + offset)
    report = await flashed(board, image, address=FLASH + offset, force=True)
    assert board.flash == expected(board, old, image, offset)
    assert report.recoveries == 0


@pytest.mark.parametrize("chip", ["C031", "L152xB"])
async def test_a_flash_is_filled_to_its_last_byte(chip: str, autojump_clock: trio.testing.MockClock) -> None:
    board = board_of(chip)
    image = make_image(board.model.flash.size)
    report = await flashed(board, image)
    assert board.flash == image
    assert report.erased_units == len(board.model.flash.layout.sizes)


@pytest.mark.parametrize("chip", NAMES)
async def test_a_slow_flash_and_no_crystal_are_no_trouble(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, is_slow=True, has_crystal=False)
    image = make_image(1500)
    report = await flashed(board, image)
    assert board.flash == expected(board, bytes([board.model.flash.erased]) * len(board.flash), image)
    assert report.recoveries == 0


@pytest.mark.parametrize(
    ("chip", "erase_s"), [("F407", 33.6), ("F207", 33.6), ("F746", 17.6), ("F429", 68.0), ("H743", 64.0)]
)
async def test_the_erase_of_all_sectors_takes_its_time_and_is_no_timeout(
    chip: str, erase_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, is_slow=True)
    image = make_image(1024)
    starts = [FLASH + start for _, start, _ in board.options.layout().bounds()]
    began_s = trio.current_time()
    report = await flashed(board, make_hex([(FLASH, image), *((start, bytes(32)) for start in starts[1:])]))
    assert trio.current_time() - began_s > erase_s
    assert report.erased_units == board.counters.unit_erases == len(starts)
    assert report.recoveries == 0
    assert board.boots[-1].state is State.APPLICATION


@pytest.mark.parametrize("chip", NAMES)
async def test_a_chip_tells_its_size_unique_id_and_option_bits(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, serial="one")
    found = await told(board)
    assert (found.product_id, found.family) == (board.model.product_id, f"STM32{board.model.family}")
    assert (found.flash_size, found.flash_size_source) == (board.model.flash.size, "chip")
    assert found.unique_id == board.memory.unique_id.hex().upper()
    named = {name for name, _ in board.model.options.fields} - {"SFSA"}
    assert named <= set(found.boot_options)
    for name in named:
        assert int(found.boot_options[name], 0) == board.options.bit(name)


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[ChipModel], ChipModel]], None]:
    """Make boards with a changed model of a chip."""

    def change(chip: str, how: Callable[[ChipModel], ChipModel]) -> None:
        model = how(find_chip(chip))

        def find(name: str) -> ChipModel:
            return model

        monkeypatch.setattr(boards, "find_chip", find)

    return change


Change = Callable[[str, Callable[[ChipModel], ChipModel]], None]


def without_registers(model: ChipModel) -> ChipModel:
    """A chip whose ROM refuses to read the size register and the unique id."""
    return replace(model, info=Range(0xFFFF_F000, 0xFFFF_F0FF))


@pytest.mark.parametrize("chip", ["F407", "F429xG", "L476xE", "G0B1", "U575", "H563"])
async def test_an_image_for_the_beginning_is_flashed_though_the_size_cannot_be_read(
    chip: str, changed: Change, autojump_clock: trio.testing.MockClock
) -> None:
    changed(chip, without_registers)
    board = board_of(chip)
    image = make_image(9000)
    await flashed(board, image)
    assert board.flash == expected(board, b"\xff" * len(board.flash), image)
    found = await told(board)
    assert (found.flash_size_source, found.unique_id) == ("table", None)


@pytest.mark.parametrize(
    ("chip", "bits", "at", "doubtful"),
    [
        ("F429xG", {"DB1M": 1}, 0x0808_0000, "0x08080000"),
        ("L476xE", {"DUALBANK": 1}, 0x0804_0000, "0x08020000"),
    ],
)
async def test_an_image_for_where_the_size_matters_is_refused_if_it_cannot_be_read(
    chip: str,
    bits: dict[str, int],
    at: int,
    doubtful: str,
    changed: Change,
    autojump_clock: trio.testing.MockClock,
) -> None:
    changed(chip, without_registers)
    problem = (
        await refused(board_of(chip, bits), make_image(1000, flash_start=at), address=at, force=True)
    ).problem
    assert problem.code is ProblemCode.WRONG_CHIP
    assert f"flash size, on which the erase units from {doubtful} on depend" in problem.message
    assert problem.remedy is not None
    assert "ends before that address" in problem.remedy


@pytest.fixture
def no_option_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """ROMs that refuse to read any option bytes."""

    def area_at(options: OptionBytes, address: int, length: int) -> None:
        return None

    monkeypatch.setattr(OptionBytes, "area_at", area_at)


@pytest.mark.parametrize(
    ("chip", "at", "option"),
    [
        ("G474", FLASH, "DBANK"),
        ("F767", FLASH, "nDBANK"),
        ("L552", FLASH, "DBANK"),
        ("F429xG", FLASH + 512 * KIB, "DB1M"),
        ("L476xE", FLASH + 256 * KIB, "DUALBANK"),
    ],
)
@pytest.mark.usefixtures("no_option_bytes")
async def test_erase_units_that_hang_on_an_option_bit_that_cannot_be_read_are_not_guessed(
    chip: str, at: int, option: str, autojump_clock: trio.testing.MockClock
) -> None:
    problem = (
        await refused(board_of(chip), make_image(1000, flash_start=at), address=at, force=True)
    ).problem
    assert problem.code is ProblemCode.WRONG_CHIP
    assert f"depend on option bit {option} (" in problem.message
    assert "could not be read" in problem.message


@pytest.mark.parametrize("chip", ["F429xG", "L476xE", "G431"])
@pytest.mark.usefixtures("no_option_bytes")
async def test_units_that_are_the_same_either_way_need_no_option_bytes(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    image = make_image(9000)
    await flashed(board, image)
    assert board.flash == expected(board, b"\xff" * len(board.flash), image)


async def test_option_words_are_asked_for_one_by_one_where_the_whole_range_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await told(board_of("F746"))  # its option bytes end at 0x1F, our table's at 0x2B
    assert found.boot_options == {"BOOT_ADD0": "0x0080", "BOOT_ADD1": "0x0040"}
    assert found.write_protected == ""


@pytest.mark.parametrize(
    ("chip", "bits", "option"),
    [
        *((chip, {"nBOOT_SEL": 1}, "nBOOT_SEL") for chip in ("G071", "C031", "U073")),
        *((chip, {"nSWBOOT0": 0, "nBOOT0": 1}, "nSWBOOT0") for chip in ("L432", "L4R5")),
    ],
)
async def test_an_empty_chip_that_would_ignore_boot0_afterwards_is_refused(
    chip: str, bits: dict[str, int], option: str, autojump_clock: trio.testing.MockClock
) -> None:
    problem = (await refused(board_of(chip, bits), make_image(1000))).problem
    assert problem.code is ProblemCode.WOULD_LOCK_OUT
    assert option in problem.message


def test_every_chip_with_a_choice_of_layouts_is_flashed_with_both() -> None:
    assert {chip.name for chip in CHIPS if chip.flash.layouts_by_option} == {
        chip for chip, bits in TWO_BANKS if bits
    }


@pytest.mark.parametrize("byte", range(20, 320, 20))
async def test_a_stray_byte_that_shifts_what_was_read_changes_no_option_bit(
    byte: int, autojump_clock: trio.testing.MockClock
) -> None:
    faults = parse_faults([f"extra-to-host={byte}"])
    found = await told(board_of("G474", faults=faults))
    assert found == await told(board_of("G474"))
