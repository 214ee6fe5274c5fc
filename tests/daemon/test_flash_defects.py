"""A flash of chips whose ROMs are wrong in the ways that protocol.md §6 lists; without the host's rule."""

from dataclasses import replace

import pytest
from trio.testing import MockClock

from defect_rig import PIN_DECIDES, Without
from flash_rig import failed, flashed
from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.bootloader import Bootloader
from stmota_daemon.flash import flash, recognise
from stmota_daemon.inspect import info
from stmota_daemon.target import read_several
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import FlashFile, FlashOptions, ProblemCode
from stmota_protocol.chips import CHIPS, RegisterRead
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.steps import UartSettings, Wait
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board

KIB = 1024
FLASH = 0x0800_0000
BANK_2_OF_G0B1 = 0x0804_0000
BANK_2_OF_H743 = 0x0810_0000


@pytest.mark.parametrize(
    ("chip", "version"),
    [("F051", "2.1"), ("F207", "3.3"), ("F407", "3.1"), ("F407", "9.0"), ("L152xE", "4.0")],
)
async def test_a_chip_that_refuses_twice_is_told_to_be_read_protected(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version, rdp=1)
    failure = await failed(board, make_image(1000))
    assert failure.problem.code is ProblemCode.PROTECTED
    assert board.chip.resets == 4  # power-on, entry, once more to be sure of the refusal, and the end


async def test_without_the_drain_a_second_nack_would_answer_the_next_command(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Bootloader) -> None:
        pass

    refused_place = [RegisterRead(0x0800_0000, 8)]
    async with linked_board(make_board("F051", rdp=1)) as (lab, _):
        bootloader = Bootloader(lab, RecordingReport(), 115200)
        await recognise(bootloader, RecordingReport())
        await read_several(bootloader, refused_place)
        assert an3155.parse_get_id(await bootloader.execute(an3155.get_id())) == 0x440

        monkeypatch.setattr(Bootloader, "settle", nothing)
        await read_several(bootloader, refused_place)
        with pytest.raises(Trouble, match=r"GET ID: NACK"):
            await bootloader.execute(an3155.get_id())


@pytest.mark.parametrize(
    ("chip", "version"), [("F207", "2.0"), ("F207", "3.2"), ("F407", "3.0"), ("L152xB", "2.0")]
)
async def test_a_bad_address_that_is_not_refused_is_asked_twice_and_left_out(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version)
    bad, good = RegisterRead(0x3000_0000, 4), RegisterRead(0x0800_0000, 8)
    async with linked_board(board) as (lab, _):
        bootloader = Bootloader(lab, RecordingReport(), 115200)
        await recognise(bootloader, RecordingReport())
        resets = board.chip.resets
        held = await read_several(bootloader, [bad, good])
    assert list(held) == [good]
    assert board.chip.resets == resets + 2


async def test_without_the_rule_a_bad_address_costs_three_resets(
    autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.SILENT_ADDRESS)
    board = make_board("F207", bootloader_version="2.0")
    async with linked_board(board) as (lab, _):
        bootloader = Bootloader(lab, RecordingReport(), 115200)
        await recognise(bootloader, RecordingReport())
        resets = board.chip.resets
        await read_several(bootloader, [RegisterRead(0x3000_0000, 4)])
    assert board.chip.resets == resets + 3


@pytest.mark.parametrize(
    ("chip", "version"), [("F207", "2.0"), ("F207", "3.2"), ("F407", "3.0"), ("L152xB", "2.0")]
)
async def test_a_chip_that_refuses_no_address_is_flashed(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version)
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 0


async def test_a_second_ack_of_the_sync_is_dropped(autojump_clock: MockClock) -> None:
    board = make_board("L412")
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.target.bootloader_version == "protocol 3.1, ROM 13.1"
    assert board.chip.resets == 2  # power-on and entry: it is left by GO


async def test_without_the_drain_a_second_ack_would_shift_the_reply_to_get(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_settings: UartSettings, _quiet_us: int) -> Wait:
        return Wait(0)

    monkeypatch.setattr(an3155, "settled", nothing)
    failure = await failed(make_board("L412"), make_image(1000))
    assert failure.problem.step == "sync"


async def test_a_get_that_counts_wrong_is_read_by_its_end(autojump_clock: MockClock) -> None:
    board = make_board("H743", bootloader_version="9.0")
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.target.commands == (0, 1, 2, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82, 0x92)
    assert board.chip.resets == 3


async def test_without_the_row_a_list_with_a_wrong_count_is_one_with_lost_bytes(
    autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.MISCOUNTED_GET)
    board = make_board("H743", bootloader_version="9.0")
    failure = await failed(board, make_image(1000))
    assert "GET announced two bytes more than came" in failure.problem.message
    assert board.counters.unit_erases == 0


@pytest.mark.parametrize(
    ("chip", "version", "address"),
    [("G071", "11.3", FLASH), ("G0B1", "9.2", BANK_2_OF_G0B1), ("G0B1", "13.0", BANK_2_OF_G0B1)],
)
async def test_pages_are_erased_one_by_one_where_a_list_of_them_goes_wrong(
    chip: str, version: str, address: int, autojump_clock: MockClock
) -> None:
    board, new = board_with_old_pages(chip, version, address)
    report = await flashed(board, new, address=address)
    assert board.flash[address - FLASH :][: len(new)] == new
    assert report.recoveries == 0
    assert board.counters.programs_refused == 0


@pytest.mark.parametrize(
    ("chip", "version", "address"), [("G071", "11.3", FLASH), ("G0B1", "9.2", BANK_2_OF_G0B1)]
)
async def test_without_the_rule_pages_would_keep_what_they_held(
    chip: str, version: str, address: int, autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.ONE_UNIT_ERASES)
    board, new = board_with_old_pages(chip, version, address)
    report = RecordingReport()
    await flashed(board, new, address=address, report=report)
    assert any("erasing and writing the unit" in note for note in report.notes)
    assert board.counters.programs_refused > 0


def board_with_old_pages(chip: str, version: str, address: int) -> tuple[VirtualBoard, bytes]:
    """A board that holds an old image there, and a new one."""
    old = make_image(9000, seed=1, flash_start=address)
    held = b"\xff" * (address - FLASH) + old
    board = make_board(chip, bootloader_version=version, image=held, option_bits=PIN_DECIDES)
    return board, make_image(9000, seed=2, flash_start=address)


async def test_an_erase_in_bank_2_that_is_acknowledged_too_early_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    board = make_board("H743", bootloader_version="9.1")
    image = make_image(3000, flash_start=BANK_2_OF_H743)
    report = await flashed(board, image, address=BANK_2_OF_H743)
    assert board.flash[BANK_2_OF_H743 - FLASH :][:3000] == image
    assert report.recoveries == 0
    assert board.counters.programs_refused == 0


async def test_without_the_rule_writes_to_bank_2_would_be_lost(
    autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.EARLY_ERASE_ACK)
    board = make_board("H743", bootloader_version="9.1")
    image = make_image(3000, flash_start=BANK_2_OF_H743)
    failure = await failed(board, image, address=BANK_2_OF_H743)
    assert "after writing it twice" in failure.problem.message
    assert board.counters.programs_refused > 0


@pytest.mark.parametrize(("chip", "version"), [("H723", "9.2"), ("H7A3", "9.1")])
async def test_a_chip_whose_writes_after_reads_lose_bytes_is_reset_between_them(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version)
    image = make_image(5000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 0
    assert report.verified
    assert board.chip.resets == 5  # power-on; entry; before the writes; before the last block; the start


@pytest.mark.parametrize(("chip", "version"), [("H723", "9.2"), ("H7A3", "9.1")])
async def test_without_the_rule_such_a_flash_would_fail(
    chip: str, version: str, autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.WRITE_AFTER_READ)
    board = make_board(chip, bootloader_version=version)
    failure = await failed(board, make_image(5000))
    assert failure.problem.code is ProblemCode.VERIFY_FAILED


async def test_a_sound_rom_is_not_reset_between_reads_and_writes(autojump_clock: MockClock) -> None:
    board = make_board("H723", bootloader_version="9.3")
    await flashed(board, make_image(5000))
    assert board.chip.resets == 3


@pytest.mark.parametrize(("chip", "version"), [("L031", "12.0"), ("L476", "10.1"), ("L476", "9.0")])
async def test_a_chip_whose_ram_cannot_be_used_is_flashed_without_it(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version)
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 0


@pytest.mark.parametrize(("chip", "flash_kib"), [("F407", 1024), ("L053", 64)])
async def test_the_flash_size_is_read_with_what_surrounds_it(
    chip: str, flash_kib: int, autojump_clock: MockClock
) -> None:
    async with linked_board(make_board(chip)) as (lab, _):
        found = await info(lab, RecordingReport())
    assert (found.flash_size, found.flash_size_source) == (flash_kib * KIB, "chip")


@pytest.mark.parametrize(("chip", "register"), [("F407", 0x1FFF_7A22), ("L053", 0x1FF8_007C)])
async def test_read_alone_the_flash_size_would_be_refused(
    chip: str, register: int, autojump_clock: MockClock
) -> None:
    async with linked_board(make_board(chip)) as (lab, _):
        bootloader = Bootloader(lab, RecordingReport(), 115200)
        await recognise(bootloader, RecordingReport())
        assert await read_several(bootloader, [RegisterRead(register, 2)]) == {}


async def test_a_rom_that_jitters_is_flashed_at_57600_and_the_remedy_says_so(
    autojump_clock: MockClock,
) -> None:
    board = make_board("F746")
    board.chip.model = replace(board.chip.model, fastest_baud=57_600)
    image = make_image(3000)
    slow = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),), baud=57_600)
    async with linked_board(board) as (lab, _):
        await flash(lab, RecordingReport(), [image], slow)
        assert board.flash[: len(image)] == image
        lab.known_chip = CHIPS[0x449]  # the daemon remembers what this board had
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [image], FlashOptions(files=slow.files))
    assert (failure.value.problem.remedy or "").startswith("try --baud 57600 (115200 baud may fail by jitter")
