"""The erase job against virtual boards, on the virtual clock."""

import pytest
import trio

from lab import RecordingReport, linked_board
from sample_images import make_image
from simulated_chips import NAMES, board_of
from stmota_daemon.erase_job import erase
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import Phase, ProblemCode
from stmota_protocol.api.chip_work import EraseOptions, EraseResult
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

KIB = 1024
FLASH = 0x0800_0000
OLD = make_image(9000)
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}
UNIT = {"F103xB": KIB, "F042": KIB, "G071": 2 * KIB, "L071": 128, "L476": 2 * KIB}


async def erased(board: VirtualBoard, options: EraseOptions) -> EraseResult:
    async with linked_board(board) as (lab, _):
        outcome = await erase(lab, RecordingReport(), options)
    assert isinstance(outcome.result, EraseResult)
    return outcome.result


@pytest.mark.parametrize("chip", ["F103xB", "F042", "F407", "G071", "L071", "L476", "H743"])
async def test_all_of_the_flash_is_erased(chip: str, autojump_clock: trio.testing.MockClock) -> None:
    board = make_board(chip, image=OLD, option_bits=SELECTABLE.get(chip, {}))
    result = await erased(board, EraseOptions())
    assert board.flash == bytes([board.model.flash.erased]) * len(board.flash)
    assert result.length == len(board.flash)
    assert result.units == len(board.memory.flash.layout.sizes)
    assert result.recoveries == 0
    assert board.counters.mass_erases == (0 if chip == "L071" else 1)


@pytest.mark.parametrize("chip", ["F103xB", "F042", "G071", "L071", "L476"])
async def test_a_range_of_whole_units_is_erased_and_the_rest_kept(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    unit = UNIT[chip]
    board = make_board(chip, image=OLD, option_bits=SELECTABLE.get(chip, {}))
    before = board.flash
    result = await erased(board, EraseOptions(address=FLASH + unit, length=2 * unit))
    blank = bytes([board.model.flash.erased]) * 2 * unit
    assert board.flash == before[:unit] + blank + before[3 * unit :]
    assert (result.units, result.length) == (2, 2 * unit)


@pytest.mark.parametrize("chip", NAMES)
async def test_two_units_of_every_chip_are_erased_by_number(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_of(chip, image=make_image(2000))
    layout = board.memory.flash.layout
    (first, _, _), (second, _, end) = list(layout.bounds())[:2]
    before = board.flash
    result = await erased(board, EraseOptions(units=(first, second)))
    assert board.flash == bytes([board.model.flash.erased]) * end + before[end:]
    assert (result.units, result.length) == (2, end)


async def test_the_second_cores_flash_is_not_erased(autojump_clock: trio.testing.MockClock) -> None:
    board = board_of("WB55", image=make_image(2000))
    secure = board.options.protected_units(board.memory.flash.layout)
    result = await erased(board, EraseOptions())
    assert result.units == len(board.memory.flash.layout.sizes) - len(secure)
    assert board.counters.protected_attempts == 0
    assert board.counters.mass_erases == 0


@pytest.mark.parametrize(
    ("chip", "units", "holes"),
    [
        ("F103xB", (0, 3, 4), ((0, KIB), (3 * KIB, 5 * KIB))),
        ("F407", (1, 4), ((16 * KIB, 32 * KIB), (64 * KIB, 128 * KIB))),
    ],
)
async def test_units_are_erased_by_number(
    chip: str,
    units: tuple[int, ...],
    holes: tuple[tuple[int, int], ...],
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board(chip, image=make_image(100_000))
    wanted = bytearray(board.flash)
    for start, end in holes:
        wanted[start:end] = b"\xff" * (end - start)
    await erased(board, EraseOptions(units=units))
    assert board.flash == bytes(wanted)


async def test_what_was_erased_is_looked_at(autojump_clock: trio.testing.MockClock) -> None:
    samples = await erased(make_board("F103xB", image=OLD), EraseOptions())
    assert samples.checked == 128 * 32
    everything = await erased(make_board("F103xB", image=OLD), EraseOptions(check_all=True))
    assert everything.checked == 128 * KIB
    summed = await erased(make_board("F103xB", image=OLD, has_checksum=True), EraseOptions())
    assert summed.checked == 128 * KIB
    assert summed.seconds < everything.seconds / 10


async def refused(board: VirtualBoard, options: EraseOptions) -> WorkFailed:
    before = board.flash
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await erase(lab, RecordingReport(), options)
    assert board.flash == before
    assert board.counters.unit_erases == 0
    assert failure.value.problem.remedy
    return failure.value


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (EraseOptions(address=FLASH + 100, length=KIB), ProblemCode.DOES_NOT_FIT, "inside an erase unit"),
        (EraseOptions(address=FLASH, length=129 * KIB), ProblemCode.DOES_NOT_FIT, "is not all flash"),
        (EraseOptions(address=0x2000_0000, length=KIB), ProblemCode.DOES_NOT_FIT, "is not all flash"),
        (
            EraseOptions(units=(0, 128)),
            ProblemCode.USAGE,
            "no erase unit 128: this chip has the units 0 to 127",
        ),
        (EraseOptions(units=()), ProblemCode.USAGE, "no erase unit is named"),
    ],
)
async def test_what_is_no_whole_unit_of_the_flash_is_refused(
    options: EraseOptions, code: ProblemCode, word: str, autojump_clock: trio.testing.MockClock
) -> None:
    failure = await refused(make_board("F103xB", image=OLD), options)
    assert failure.problem.code is code
    assert word in failure.problem.message


async def test_the_range_that_would_do_is_named(autojump_clock: trio.testing.MockClock) -> None:
    failure = await refused(make_board("F103xB"), EraseOptions(address=FLASH + 100, length=KIB))
    assert failure.problem.remedy == "the units that it touches are --range 0x08000000..0x08000800"


async def test_protected_flash_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    read = await refused(make_board("F407", image=OLD, rdp=1), EraseOptions())
    assert read.problem.code is ProblemCode.PROTECTED
    written = await refused(make_board("F103xB", image=OLD, write_protected=frozenset({2})), EraseOptions())
    assert written.problem.code is ProblemCode.PROTECTED
    assert written.problem.message.startswith(
        "the range to erase covers write-protected flash: 4 erase units"
    )
    assert "`stmota unprotect write`" in (written.problem.remedy or "")


async def test_an_erase_whose_answer_is_lost_is_done_again(autojump_clock: trio.testing.MockClock) -> None:
    for number in range(10, 400, 23):
        faults = Faults(bytes=(ByteFault(ByteFaultKind.DROP, Direction.TO_HOST, number),))
        board = make_board("F103xB", image=OLD, faults=faults)
        async with linked_board(board) as (lab, _):
            await erase(lab, RecordingReport(), EraseOptions(units=(0, 1)))
        assert board.flash[: 2 * KIB] == b"\xff" * 2 * KIB
        assert board.flash[2 * KIB : 9000] == OLD[2 * KIB :]


async def test_an_erase_tells_its_phases(autojump_clock: trio.testing.MockClock) -> None:
    report = RecordingReport()
    async with linked_board(make_board("F103xB", image=OLD)) as (lab, _):
        await erase(lab, report, EraseOptions(units=(0, 1, 2)))
    assert report.phases == [Phase.CONNECT, Phase.ENTER, Phase.IDENTIFY, Phase.ERASE, Phase.VERIFY]
    assert report.notes == []


async def test_a_mass_erase_of_an_f4_that_takes_half_a_minute_is_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    result = await erased(make_board("F407", image=OLD, is_slow=True), EraseOptions())
    assert result.seconds > 16
    assert result.recoveries == 0
