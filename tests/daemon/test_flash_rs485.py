"""A flash over RS-485: one line for both ways, a direction line that the bridge drives, and its own echo."""

from dataclasses import replace

import pytest
from trio.testing import MockClock

from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.inspect import info
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, ProblemCode
from stmota_protocol.steps import Rs485, UartSettings
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults
from stmota_simulator.half_duplex import HalfDuplex

OPTIONS = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
BY_ITSELF = HalfDuplex()
HIGH = HalfDuplex(Rs485.DRIVE_HIGH)
LOW = HalfDuplex(Rs485.DRIVE_LOW)
DEAF = HalfDuplex(Rs485.DRIVE_HIGH, echoes=False)


async def flashed(
    board: VirtualBoard, image: bytes, rs485: Rs485, *, echo: bool, report: RecordingReport | None = None
) -> FlashReport:
    async with linked_board(board) as (lab, _):
        lab.console = UartSettings(rs485=rs485, echo=echo)
        return await flash(lab, report or RecordingReport(), [image], OPTIONS)


async def refused(board: VirtualBoard, rs485: Rs485, *, echo: bool) -> WorkFailed:
    async with linked_board(board) as (lab, _):
        lab.console = UartSettings(rs485=rs485, echo=echo)
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [make_image(1000)], OPTIONS)
    assert board.counters.unit_erases == 0
    return failure.value


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L476"])
@pytest.mark.parametrize(
    ("line", "rs485", "echo"),
    [
        (HIGH, Rs485.DRIVE_HIGH, True),
        (LOW, Rs485.DRIVE_LOW, True),
        (DEAF, Rs485.DRIVE_HIGH, False),
        (BY_ITSELF, Rs485.OFF, True),
    ],
    ids=["high", "low", "receiver off while sending", "turns by itself"],
)
async def test_an_image_is_flashed_verified_and_started_over_one_line(
    chip: str, line: HalfDuplex, rs485: Rs485, *, echo: bool, autojump_clock: MockClock
) -> None:
    board = make_board(chip, half_duplex=line)
    image = make_image(5000)
    report = await flashed(board, image, rs485, echo=echo)
    assert board.flash[: len(image)] == image
    assert report.verified
    assert report.recoveries == 0
    assert board.boots[-1].state is State.APPLICATION


async def test_the_echo_costs_no_time(autojump_clock: MockClock) -> None:
    image = make_image(5000)
    plain = make_board("F103xB")
    async with linked_board(plain) as (lab, _):
        without = await flash(lab, RecordingReport(), [image], OPTIONS)
    over_one_line = await flashed(make_board("F103xB", half_duplex=HIGH), image, Rs485.DRIVE_HIGH, echo=True)
    assert over_one_line.seconds == pytest.approx(without.seconds, rel=0.01)


async def test_a_byte_that_is_spoilt_on_the_line_is_recovered_from(autojump_clock: MockClock) -> None:
    faults = Faults(bytes=(ByteFault(ByteFaultKind.CORRUPT, Direction.TO_CHIP, 3000),))
    board = make_board("F103xB", half_duplex=HIGH, faults=faults)
    image = make_image(5000)
    report = await flashed(board, image, Rs485.DRIVE_HIGH, echo=True)
    assert board.flash[: len(image)] == image
    assert report.recoveries == 1


async def test_without_the_direction_line_nothing_reaches_the_chip(autojump_clock: MockClock) -> None:
    failure = await refused(make_board("F103xB", half_duplex=HIGH), Rs485.OFF, echo=False)
    assert failure.problem.code is ProblemCode.SILENT


async def test_an_echo_that_does_not_come_is_named(autojump_clock: MockClock) -> None:
    failure = await refused(make_board("F103xB", half_duplex=DEAF), Rs485.DRIVE_HIGH, echo=True)
    assert "the line did not return what was sent" in failure.problem.message
    assert "echo = true" in (failure.problem.remedy or "")


async def test_an_echo_that_was_not_told_of_is_named(autojump_clock: MockClock) -> None:
    failure = await refused(make_board("F103xB", half_duplex=HIGH), Rs485.DRIVE_HIGH, echo=False)
    assert failure.problem.code is ProblemCode.GARBAGE
    assert "what was sent came back" in failure.problem.message
    assert "echo = true" in (failure.problem.remedy or "")


async def test_a_direction_line_of_the_wrong_polarity_fails_before_the_first_erase(
    autojump_clock: MockClock,
) -> None:
    failure = await refused(make_board("F103xB", half_duplex=HIGH), Rs485.DRIVE_LOW, echo=False)
    assert failure.problem.step == "sync"


async def test_a_line_that_is_let_go_too_late_spoils_the_chips_answers(autojump_clock: MockClock) -> None:
    late = replace(HIGH, released_late_us=2000)
    failure = await refused(make_board("F103xB", half_duplex=late), Rs485.DRIVE_HIGH, echo=True)
    assert failure.problem.step == "sync"


async def test_the_chip_is_identified_over_one_line(autojump_clock: MockClock) -> None:
    board = make_board("F103xB", half_duplex=HIGH, image=make_image(1000))
    async with linked_board(board) as (lab, _):
        lab.console = UartSettings(rs485=Rs485.DRIVE_HIGH, echo=True)
        found = await info(lab, RecordingReport())
    assert found.product_id == 0x410
    assert board.boots[-1].state is State.APPLICATION
