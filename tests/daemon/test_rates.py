"""Which baud a flash is done at: asked for, found, or stepped down to; on the virtual clock."""

import pytest
from trio.testing import MockClock

from lab import LabBridge, RecordingReport, linked_board
from sample_images import make_image
from simulated_chips import board_of
from stmota_daemon.flash import flash
from stmota_daemon.rates import RATES, Rates
from stmota_daemon.work import WorkFailed
from stmota_edge.errors import PortUnsupported
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, Problem, ProblemCode
from stmota_protocol.chips import chip_by_product_id
from stmota_protocol.chips.autobaud import fastest_baud
from stmota_protocol.steps import UartSettings
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.chips import CHIPS
from stmota_simulator.faults import Faults

F103, G071 = 0x410, 0x460
IMAGE = make_image(3000)


def options(baud: int | None) -> FlashOptions:
    return FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),), baud=baud)


async def flashed(
    board: VirtualBoard, baud: int | None, bridge_limit: int | None = None, known_chip: int | None = None
) -> tuple[FlashReport, RecordingReport]:
    report = RecordingReport()
    async with linked_board(board) as (lab, bridge):
        if bridge_limit is not None:
            refuse_above(bridge, bridge_limit)
        if known_chip is not None:
            lab.known_chip = chip_by_product_id(known_chip)
        done = await flash(lab, report, [IMAGE], options(baud))
    assert board.flash[: len(IMAGE)] == IMAGE
    return done, report


def refuse_above(bridge: LabBridge, limit: int) -> None:
    """A UART that cannot be set to more."""
    configure = bridge.port.configure

    async def limited(settings: UartSettings) -> None:
        if settings.baud > limit:
            message = f"{settings.baud} baud is too much"
            raise PortUnsupported(message)
        await configure(settings)

    bridge.port.configure = limited  # type: ignore[method-assign]


def garble_above(bridge: LabBridge, limit: int, every: int, first: int = 0) -> None:
    """A cable that is too long for rates above `limit`: from chunk `first` on, one in `every` is wrong."""
    configure, read = bridge.port.configure, bridge.port.read
    baud = reads = 0

    async def seen(settings: UartSettings) -> None:
        nonlocal baud
        baud = settings.baud
        await configure(settings)

    async def garbled(until_us: int | None) -> tuple[int, bytes]:
        nonlocal reads
        at_us, data = await read(until_us)
        reads += bool(data)
        if data and baud > limit and reads >= first and not reads % every:
            data = bytes([data[0] ^ 0x40]) + data[1:]
        return at_us, data

    bridge.port.configure, bridge.port.read = seen, garbled  # type: ignore[method-assign]


@pytest.mark.parametrize("chip", ["F103xB", "F407", "G071", "H743", "L071", "L476", "WB55"])
async def test_auto_finds_the_fastest_rate_of_a_chip_by_itself(chip: str, autojump_clock: MockClock) -> None:
    board = board_of(chip)
    done, _ = await flashed(board, None)
    fastest = next(model.fastest_baud for model in CHIPS if model.name == chip)
    assert done.baud == max(rate for rate in RATES if rate <= fastest)
    assert done.recoveries == 0
    assert board.state is State.APPLICATION


@pytest.mark.parametrize(("known_chip", "baud"), [(None, 115_200), (0x415, 460_800)])
async def test_a_slow_starter_is_waited_for_at_a_guess_only_where_it_is_known_to_be_one(
    known_chip: int | None, baud: int, autojump_clock: MockClock
) -> None:
    done, _ = await flashed(make_board("L476", has_crystal=False), None, known_chip=known_chip)
    assert done.baud == baud


async def test_what_is_known_of_the_board_spares_rates_that_its_chip_cannot_do(
    autojump_clock: MockClock,
) -> None:
    done, report = await flashed(make_board("F103xB"), None, known_chip=F103)
    assert done.baud == 460_800
    assert report.notes == ["the bootloader answers at 460800 baud"]


async def test_a_bridge_that_refuses_a_rate_is_its_limit(autojump_clock: MockClock) -> None:
    board = make_board("G071", option_bits={"nBOOT_SEL": 0})
    done, report = await flashed(board, None, bridge_limit=250_000)
    assert done.baud == 230_400
    assert report.notes == [
        "the bridge cannot do step 1 of this batch at 921600 baud; trying 460800 baud",
        "the bridge cannot do step 1 of this batch at 460800 baud; trying 230400 baud",
        "the bootloader answers at 230400 baud",
    ]


async def test_a_rate_that_was_asked_for_is_not_replaced_when_the_bridge_refuses_it(
    autojump_clock: MockClock,
) -> None:
    async with linked_board(make_board("F103xB")) as (lab, bridge):
        refuse_above(bridge, 250_000)
        with pytest.raises(WorkFailed, match="cannot do step 1 of this batch at 921600 baud"):
            await flash(lab, RecordingReport(), [IMAGE], options(921_600))


async def test_auto_passes_a_rate_at_which_get_is_answered_wrong_now_and_then(
    autojump_clock: MockClock,
) -> None:
    board = make_board("G071", option_bits={"nBOOT_SEL": 0})
    async with linked_board(board) as (lab, bridge):
        garble_above(bridge, 200_000, every=5)
        done = await flash(lab, RecordingReport(), [IMAGE], options(None))
    assert done.baud == 115_200
    assert done.recoveries == 0


@pytest.mark.parametrize(("baud", "ends_at"), [(230_400, 115_200), (None, 115_200)])
async def test_a_line_that_is_too_bad_at_one_rate_is_flashed_over_at_a_lower_one(
    baud: int | None, ends_at: int, autojump_clock: MockClock
) -> None:
    board = make_board("F103xB")
    report = RecordingReport()
    async with linked_board(board) as (lab, bridge):
        garble_above(bridge, 200_000, every=2, first=60)
        done = await flash(lab, report, [IMAGE], options(baud))
    assert board.flash[: len(IMAGE)] == IMAGE
    assert board.counters.double_programs == 0
    assert done.baud == ends_at
    assert any(f"going on at {ends_at} baud" in note or f"trying {ends_at}" in note for note in report.notes)


async def test_after_one_rate_less_the_job_fails_with_what_happened(autojump_clock: MockClock) -> None:
    board = make_board("F103xB")
    async with linked_board(board) as (lab, bridge):
        garble_above(bridge, 9_600, every=2, first=60)
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [IMAGE], options(115_200))
    assert failure.value.problem.message.startswith("sync: 0x7F at 57600 8E1")


async def test_a_board_that_says_nothing_is_given_up_at_the_rate_that_every_chip_knows(
    autojump_clock: MockClock,
) -> None:
    async with linked_board(make_board("F103xB", faults=Faults(is_unpowered=True))) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await flash(lab, RecordingReport(), [IMAGE], options(None))
    problem = failure.value.problem
    assert problem.code is ProblemCode.SILENT
    assert problem.message.startswith("sync: 0x7F at 115200 8E1 for 6.")


def test_rates_go_down_step_by_step_and_one_that_was_asked_for_goes_down_once() -> None:
    search, asked = Rates(None, None), Rates(115_200, None)
    assert [search.baud, *(search.baud for _ in iter(search.step_down, False))] == list(RATES)
    assert [asked.baud, *(asked.baud for _ in iter(asked.step_down, False))] == [115_200, 57_600]


def test_a_found_rate_is_blamed_for_garbage_and_not_for_silence() -> None:
    rates = Rates(115_200, None)
    garbage = Problem(code=ProblemCode.GARBAGE, message="", step="sync")
    silence = Problem(code=ProblemCode.SILENT, message="", step="sync")
    assert not rates.may_be_to_blame(garbage)
    rates.worked()
    assert rates.may_be_to_blame(garbage)
    assert not rates.may_be_to_blame(silence)


def test_only_roms_with_hardware_autobaud_are_tried_at_the_fastest_rate() -> None:
    f103, g071 = chip_by_product_id(F103), chip_by_product_id(G071)
    assert f103 is not None
    assert g071 is not None
    assert (fastest_baud(f103), fastest_baud(g071)) == (460_800, 921_600)
