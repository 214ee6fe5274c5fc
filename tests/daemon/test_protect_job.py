"""The protect and unprotect jobs against virtual boards, on the virtual clock."""

import pytest
import trio

from lab import LinkBoard, RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.protect_job import protect, unprotect
from stmota_daemon.work import WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Phase, ProblemCode
from stmota_protocol.api.chip_work import Protection, ProtectionResult, ProtectOptions, UnprotectOptions
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

IMAGE = make_image(9000)
CHIPS = ["F103xB", "F042", "F407", "G071"]
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}
RELOADING = {"G071": "11.3"}
"""Its other ROM, 11.2, does not reload option bytes over USART."""
READOUT, WRITE = Protection.READOUT, Protection.WRITE


def board_of(chip: str, rdp: int = 0, faults: Faults | None = None) -> VirtualBoard:
    bits = SELECTABLE.get(chip, {})
    rom = RELOADING.get(chip)
    return make_board(
        chip, image=IMAGE, option_bits=bits, bootloader_version=rom, rdp=rdp, faults=faults or Faults()
    )


def protected_now(board: VirtualBoard) -> frozenset[int]:
    return board.options.protected_units(board.memory.flash.layout)


async def work(
    lab: LinkBoard, report: RecordingReport, options: ProtectOptions | UnprotectOptions
) -> WorkOutcome:
    if isinstance(options, ProtectOptions):
        return await protect(lab, report, options)
    return await unprotect(lab, report, options)


async def done(
    board: VirtualBoard, options: ProtectOptions | UnprotectOptions, report: RecordingReport | None = None
) -> ProtectionResult:
    async with linked_board(board) as (lab, _):
        outcome = await work(lab, report or RecordingReport(), options)
    assert isinstance(outcome.result, ProtectionResult)
    return outcome.result


async def refused(board: VirtualBoard, options: ProtectOptions | UnprotectOptions) -> WorkFailed:
    before = board.flash
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await work(lab, RecordingReport(), options)
    assert board.flash == before
    return failure.value


@pytest.mark.parametrize("chip", CHIPS)
async def test_read_protection_is_turned_on_and_seen_to_be_in_force(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    result = await done(board, ProtectOptions(what=READOUT))
    assert result == ProtectionResult(what=READOUT, on=True, confirmed=True)
    assert board.options.rdp_level == 1
    assert board.flash[: len(IMAGE)] == IMAGE
    assert board.boots[-1].state is State.APPLICATION


async def test_read_protection_that_is_on_already_is_left_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    report = RecordingReport()
    result = await done(board_of("F407", rdp=1), ProtectOptions(what=READOUT), report)
    assert result.confirmed is True
    assert Phase.PROTECT not in report.phases


@pytest.mark.parametrize("chip", CHIPS)
async def test_lifting_read_protection_erases_the_chip_and_opens_it(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, rdp=1)
    result = await done(board, UnprotectOptions(what=READOUT))
    assert result == ProtectionResult(what=READOUT, on=False, confirmed=True)
    assert board.options.rdp_level == 0
    assert board.flash == b"\xff" * len(board.flash)


async def test_a_chip_that_loads_its_option_bytes_at_power_on_only_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = board_of("L476")
    result = await done(board, ProtectOptions(what=READOUT))
    assert result.confirmed is False
    assert "Power-cycle the board" in (result.note or "")
    assert board.options.rdp_level == 0


@pytest.mark.parametrize(
    ("chip", "units"), [("F103xB", (0, 1, 2, 3)), ("F407", (2, 3)), ("L071", tuple(range(32)))]
)
async def test_units_are_write_protected_and_the_protection_lifted(
    chip: str, units: tuple[int, ...], autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    on = await done(board, ProtectOptions(what=WRITE, units=units))
    assert on == ProtectionResult(what=WRITE, on=True, confirmed=True)
    board.power_cycle(10**9)
    assert protected_now(board) == set(units)
    off = await done(board, UnprotectOptions(what=WRITE))
    assert off == ProtectionResult(what=WRITE, on=False, confirmed=True)
    board.power_cycle(2 * 10**9)
    assert protected_now(board) == set()
    assert board.flash[: len(IMAGE)] == IMAGE


@pytest.mark.parametrize("chip", ["F103xB", "F407", "G071"])
async def test_all_of_the_flash_is_write_protected_when_no_units_are_named(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip)
    assert (await done(board, ProtectOptions(what=WRITE))).confirmed is True
    board.power_cycle(10**9)
    assert len(protected_now(board)) == len(board.memory.flash.layout.sizes)


async def test_part_of_a_group_is_refused_with_the_whole_group_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    failure = await refused(board_of("F103xB"), ProtectOptions(what=WRITE, units=(4, 5)))
    assert failure.problem.code is ProblemCode.DOES_NOT_FIT
    assert failure.problem.remedy == "name all of the units 4-7, or none"


async def test_more_numbers_than_the_command_has_room_for_are_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    failure = await refused(board_of("L476"), ProtectOptions(what=WRITE))
    assert failure.problem.code is ProblemCode.DOES_NOT_FIT
    assert "255 numbers up to 255" in failure.problem.message


@pytest.mark.parametrize("options", [ProtectOptions(what=WRITE), UnprotectOptions(what=WRITE)])
async def test_a_read_protected_chip_refuses_write_protection(
    options: ProtectOptions | UnprotectOptions, autojump_clock: trio.testing.MockClock
) -> None:
    failure = await refused(board_of("F407", rdp=1), options)
    assert failure.problem.code is ProblemCode.PROTECTED


async def test_a_lost_acknowledgement_does_not_hide_what_became_of_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whatever byte of the chip's is lost, the job says what is true."""
    lost = 0
    for number in range(80, 200):  # the two ACKs are among them
        faults = Faults(bytes=(ByteFault(ByteFaultKind.DROP, Direction.TO_HOST, number),))
        board = board_of("F103xB", faults=faults)
        report = RecordingReport()
        result = await done(board, ProtectOptions(what=READOUT), report)
        assert result.confirmed is (board.options.rdp_level == 1)
        lost += any("looking at what has become of it" in note for note in report.notes)
        if lost == 2:
            return
    pytest.fail("no acknowledgement was lost")
