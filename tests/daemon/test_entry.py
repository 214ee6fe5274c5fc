"""Into the bootloader and out with few lines or none, and what is said when the chip does not answer."""

import pytest
from trio.testing import MockClock

from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.entry import Heard
from stmota_daemon.flash import flash
from stmota_daemon.inspect import reset
from stmota_daemon.work import WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import FlashFile, FlashOptions, ProblemCode
from stmota_protocol.chips import chip_by_product_id
from stmota_protocol.steps import Cause, Line, LineErrors, Outcome, Result
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

FLASH = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
BOTH = Line.NRST | Line.BOOT0


def attempt(got: int | None, residue: bytes = b"", errors: LineErrors | None = None) -> Result:
    return Result(
        Outcome.FAILED,
        failed_step=1,
        cause=Cause.SILENCE if got is None else Cause.WRONG_BYTE,
        got=got,
        ended_us=3_000_000,
        residue=residue,
        errors=errors or LineErrors(),
    )


@pytest.mark.parametrize(
    ("attempts", "lines", "code", "words"),
    [
        ([attempt(None)] * 2, BOTH, ProblemCode.SILENT, ["for 6.0 s", "nothing came back", "PA10"]),
        ([attempt(None)], Line.BOOT0, ProblemCode.SILENT, ["no NRST line"]),
        ([attempt(0x1F)], BOTH, ProblemCode.NACKED, ["only 0x1F", "NRST"]),
        ([attempt(0xE3, b"\x18")], BOTH, ProblemCode.GARBAGE, ["18 e3", "8E1", "parity"]),
        (
            [attempt(0xE3, errors=LineErrors(parity=2, overrun=1))],
            Line.NRST,
            ProblemCode.GARBAGE,
            ["(2 parity errors, 1 overrun)", "BOOT0 (this bridge does not drive it)"],
        ),
    ],
)
def test_a_chip_that_does_not_sync_is_named_after_what_was_heard(
    attempts: list[Result], lines: Line, code: ProblemCode, words: list[str]
) -> None:
    heard = Heard(an3155.rom_uart(115200))
    for result in attempts:
        heard.add_attempt(result)
    problem = heard.problem(lines)
    assert problem.code is code
    for word in ["sync: 0x7F at 115200 8E1", *words]:
        assert word in f"{problem.message} {problem.remedy}"


def test_text_of_an_application_is_told_and_noise_is_not() -> None:
    heard = Heard(an3155.rom_uart(115200))
    heard.add_attempt(attempt(0xE3))
    heard.add_application(b"\xe3\x00\x81\x92\xa3")
    assert "application" not in heard.problem(BOTH).message
    heard.add_application(b"\r\nboot v1.2\r\n\x1b[0m\r\n")
    assert 'it said "boot v1.2 .[0m"' in heard.problem(BOTH).message


@pytest.mark.parametrize("lines", [Line.NRST, Line.BOOT0, Line(0)])
async def test_a_board_in_its_bootloader_is_flashed_with_few_lines_or_none_and_started_by_go(
    lines: Line, autojump_clock: MockClock
) -> None:
    board = make_board("F103xB", boot0=True)
    image = make_image(3000)
    async with linked_board(board, lines=lines) as (lab, _):
        done = await flash(lab, RecordingReport(), [image], FLASH)
    assert board.flash[: len(image)] == image
    assert board.boots[-1].by_go
    assert board.boots[-1].state is State.APPLICATION
    assert (done.note is not None) is (Line.BOOT0 not in lines)


async def test_a_board_that_is_in_step_already_is_taken_as_it_is(autojump_clock: MockClock) -> None:
    board = make_board("F103xB", boot0=True)
    async with linked_board(board, lines=Line(0)) as (lab, _):
        await flash(lab, RecordingReport(), [make_image(3000)], FlashOptions(files=FLASH.files, start=False))
        await flash(lab, RecordingReport(), [make_image(3000, seed=1)], FLASH)
    assert board.boots[-1].state is State.APPLICATION


async def test_without_nrst_the_person_is_asked_to_reset_the_board(autojump_clock: MockClock) -> None:
    board = make_board("F103xB")
    report = RecordingReport()
    async with linked_board(board, lines=Line.BOOT0) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, report, [make_image(3000)], FLASH)
    assert "reset the board now, with BOOT0 high" in report.notes[0]
    assert failure.value.problem.code is ProblemCode.SILENT


async def test_reset_starts_the_application_and_needs_its_line(autojump_clock: MockClock) -> None:
    board = make_board("F103xB", image=make_image(1000))
    async with linked_board(board) as (lab, _):
        await reset(lab, RecordingReport())
    assert len(board.boots) == 2
    async with linked_board(make_board("F103xB"), lines=Line.BOOT0) as (lab, _):
        with pytest.raises(WorkFailed, match="has no NRST line"):
            await reset(lab, RecordingReport())


async def test_a_chip_known_to_have_option_bits_that_ignore_boot0_is_suspected_by_name(
    autojump_clock: MockClock,
) -> None:
    board = make_board("G071", image=make_image(1000))  # nBOOT_SEL is 1, as from the factory
    async with linked_board(board) as (lab, _):
        lab.known_chip = chip_by_product_id(0x460)
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [make_image(3000)], FLASH)
    assert "the application runs instead of the bootloader" in failure.value.problem.message
    assert "nBOOT_SEL is 1" in (failure.value.problem.remedy or "")
