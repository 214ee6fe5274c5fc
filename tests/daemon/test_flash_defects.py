"""A flash of chips whose ROMs are wrong in each way that protocol.md §6 lists, and what it comes to without
the host's rule."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from trio.testing import MockClock

from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.bootloader import Bootloader
from stmota_daemon.flash import flash, recognise
from stmota_daemon.inspect import info
from stmota_daemon.target import read_several
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, ProblemCode
from stmota_protocol.chips import CHIPS, RegisterRead, defect_table
from stmota_protocol.chips.defects import Defect, DefectKind
from stmota_protocol.steps import Line, UartSettings, Wait
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

KIB = 1024
FLASH = 0x0800_0000
BANK_2_OF_G0B1 = 0x0804_0000
BANK_2_OF_H743 = 0x0810_0000
PIN_DECIDES = {"nBOOT_SEL": 0}
Without = Callable[[DefectKind], None]


async def flashed(
    board: VirtualBoard,
    image: bytes,
    *,
    address: int | None = None,
    lines: Line = LINES,
    report: RecordingReport | None = None,
) -> FlashReport:
    options = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin", address=address),))
    async with linked_board(board, lines=lines) as (lab, _):
        return await flash(lab, report or RecordingReport(), [image], options)


async def refused(
    board: VirtualBoard, image: bytes, *, address: int | None = None, lines: Line = LINES
) -> WorkFailed:
    options = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin", address=address),))
    async with linked_board(board, lines=lines) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [image], options)
    return failure.value


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Take all defects of a kind out of the host's table."""

    def take_out(kind: DefectKind) -> None:
        left: tuple[Defect, ...] = tuple(one for one in defect_table.DEFECTS if one.kind is not kind)
        monkeypatch.setattr(defect_table, "DEFECTS", left)

    return take_out


# Refusals: two NACKs, none


@pytest.mark.parametrize(
    ("chip", "version"),
    [("F051", "2.1"), ("F207", "3.3"), ("F407", "3.1"), ("F407", "9.0"), ("L152xE", "4.0")],
)
async def test_a_chip_that_refuses_twice_is_told_to_be_read_protected(
    chip: str, version: str, autojump_clock: MockClock
) -> None:
    board = make_board(chip, bootloader_version=version, rdp=1)
    failure = await refused(board, make_image(1000))
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


# Sync and GET


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
    failure = await refused(make_board("L412"), make_image(1000))
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
    failure = await refused(board, make_image(1000))
    assert "GET announced two bytes more than came" in failure.problem.message
    assert board.counters.unit_erases == 0


# Erasing


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
    failure = await refused(board, image, address=BANK_2_OF_H743)
    assert "after writing it twice" in failure.problem.message
    assert board.counters.programs_refused > 0


# GO


async def test_go_without_its_first_ack_starts_the_application(autojump_clock: MockClock) -> None:
    board = make_board("H743", bootloader_version="9.1", boot0=True)
    report = await flashed(board, make_image(1000), lines=Line.NRST)
    assert board.boots[-1].by_go
    assert board.boots[-1].state is State.APPLICATION
    assert report.note == "this bridge has no BOOT0 line: set BOOT0 low before the next reset"


async def test_without_the_rule_a_missing_first_ack_would_fail_the_start(
    autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.GO_FIRST_ACK)
    board = make_board("H743", bootloader_version="9.1", boot0=True)
    failure = await refused(board, make_image(1000), lines=Line.NRST)
    assert failure.problem.code is ProblemCode.NOT_STARTED


@pytest.mark.parametrize("version", ["13.2", "13.3"])
async def test_a_rom_whose_go_does_not_work_is_left_by_a_reset(
    version: str, autojump_clock: MockClock
) -> None:
    board = make_board("H743", bootloader_version=version)
    await flashed(board, make_image(1000))
    assert board.boots[-1].state is State.APPLICATION
    assert not board.boots[-1].by_go


async def test_where_go_does_not_work_and_a_reset_is_not_wired_the_start_is_said_to_be_the_users(
    autojump_clock: MockClock,
) -> None:
    board = make_board("H743", bootloader_version="13.2", boot0=True)
    image = make_image(1000)
    failure = await refused(board, image, lines=Line.NRST)
    assert failure.problem.code is ProblemCode.NOT_STARTED
    assert "GO does not work" in failure.problem.message
    assert failure.problem.remedy == "reset or power-cycle the board with BOOT0 low"
    assert board.flash[: len(image)] == image


async def test_without_the_rule_a_dead_go_would_be_taken_for_a_start(
    autojump_clock: MockClock, without: Without
) -> None:
    without(DefectKind.GO_DEAD)
    board = make_board("H743", bootloader_version="13.2", boot0=True)
    await flashed(board, make_image(1000), lines=Line.NRST)
    assert board.state is State.BOOTLOADER
    assert board.boots == []


async def test_an_image_whose_stack_go_does_not_bear_is_not_started_by_it(
    autojump_clock: MockClock, without: Without
) -> None:
    image = make_image(1000, stack_top=0x2002_0000)
    board = make_board("H743", bootloader_version="9.1", boot0=True)
    failure = await refused(board, image, lines=Line.NRST)
    assert failure.problem.code is ProblemCode.NOT_STARTED
    assert "the image's is 0x20020000" in failure.problem.message

    await flashed(make_board("H743", bootloader_version="9.1"), image)  # by reset: nothing against it

    without(DefectKind.GO_STACK)
    board = make_board("H743", bootloader_version="9.1", boot0=True)
    await flashed(board, image, lines=Line.NRST)
    assert board.state is State.BOOTLOADER


async def test_what_go_leaves_behind_is_told_where_a_board_is_started_by_it(
    autojump_clock: MockClock,
) -> None:
    by_go = await flashed(
        make_board("F407", bootloader_version="9.0", boot0=True), make_image(1000), lines=Line.NRST
    )
    by_reset = await flashed(make_board("F407", bootloader_version="9.0"), make_image(1000))
    assert by_go.note is not None
    assert "GO leaves the CCM's clock off" in by_go.note
    assert by_reset.note is None


# Reading and writing


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
    failure = await refused(board, make_image(5000))
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


# Starting


@pytest.mark.parametrize("chip", ["L476", "H7A3", "F105"])
async def test_a_rom_that_starts_or_answers_late_is_waited_for(chip: str, autojump_clock: MockClock) -> None:
    board = make_board(chip, has_crystal=False)
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 0
    assert report.target.flash_size_source == "chip"


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


async def test_a_chip_that_hangs_on_a_reset_with_empty_flash_is_flashed_without_one(
    autojump_clock: MockClock,
) -> None:
    board = make_board("C051", image=make_image(2000, seed=1), option_bits=PIN_DECIDES)
    image = make_image(5000, seed=2)
    await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert board.boots[-1].state is State.APPLICATION


async def test_trouble_after_the_erase_of_such_a_chip_ends_with_the_advice_to_power_cycle_it(
    autojump_clock: MockClock,
) -> None:
    board = make_board("C051", image=make_image(2000, seed=1), option_bits=PIN_DECIDES)
    options = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
    async with linked_board(board) as (lab, bridge):

        def reset_amid_the_writes(count: int) -> None:
            if count == 12:
                now_us = bridge.port.now_us()
                board.set_lines(Line.NRST, Line(0), now_us)
                board.set_lines(Line.NRST, Line.NRST, now_us)

        bridge.on_batch_ended = reset_amid_the_writes
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [make_image(20_000, seed=2)], options)
        assert failure.value.problem.code is ProblemCode.SILENT
        assert (failure.value.problem.remedy or "").startswith("power-cycle the board, then flash again")


async def test_a_rom_that_clears_the_empty_flag_is_left_by_go(autojump_clock: MockClock) -> None:
    board = make_board("G071", bootloader_version="11.3", option_bits=PIN_DECIDES)
    await flashed(board, make_image(3000))
    assert board.boots[-1].by_go
    assert board.boots[-1].state is State.APPLICATION
