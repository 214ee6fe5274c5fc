"""Chips whose ROMs enter or start wrong (protocol.md §6): how they are started; without the host's rule."""

import pytest
from trio.testing import MockClock

from defect_rig import PIN_DECIDES, Without
from flash_rig import failed, flashed
from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, ProblemCode
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.steps import Line
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State


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
    failure = await failed(board, make_image(1000), lines=Line.NRST)
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
    failure = await failed(board, image, lines=Line.NRST)
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
    failure = await failed(board, image, lines=Line.NRST)
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


@pytest.mark.parametrize("chip", ["L476", "H7A3", "F105"])
async def test_a_rom_that_starts_or_answers_late_is_waited_for(chip: str, autojump_clock: MockClock) -> None:
    board = make_board(chip, has_crystal=False)
    image = make_image(3000)
    report = await flashed(board, image)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 0
    assert report.target.flash_size_source == "chip"


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
