"""`--supply-mv`: an F4 that knows its supply erases and programs faster; who does not take it is refused."""

import pytest
from trio.testing import MockClock

from flash_rig import flashed, refused
from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_protocol.api import FlashFile, FlashOptions, ProblemCode
from stmota_protocol.chips import CHIPS
from stmota_protocol.chips.supply import SupplyRefused, supply_range
from stmota_protocol.steps import Line
from stmota_simulator.board import LINES
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

IMAGE = make_image(20_000)
FW = (FlashFile(firmware="", filename="fw.bin"),)


@pytest.mark.parametrize(
    ("supply_mv", "code", "bits"),
    [
        (1800, 0, 8),
        (2100, 0, 8),
        (2101, 1, 16),
        (2400, 1, 16),
        (2401, 2, 16),
        (2700, 2, 16),
        (2701, 3, 32),
        (3600, 3, 32),
    ],
)
def test_the_range_is_that_of_the_reference_manual_and_the_safer_one_on_a_boundary(
    supply_mv: int, code: int, bits: int
) -> None:
    found = supply_range(CHIPS[0x413], supply_mv)
    assert (found.code, found.width_bits) == (code, bits)


@pytest.mark.parametrize("product_id", [0x411, 0x413, 0x419, 0x423, 0x433, 0x431, 0x421, 0x434, 0x463])
def test_f2_and_f4_take_their_supply(product_id: int) -> None:
    assert supply_range(CHIPS[product_id], 3300).code == 3


@pytest.mark.parametrize("product_id", [0x458, 0x441, 0x449, 0x410, 0x450])
def test_chips_that_stay_byte_wise_or_do_not_ask_are_refused_by_name(product_id: int) -> None:
    with pytest.raises(SupplyRefused, match="does not take a supply voltage") as refused:
        supply_range(CHIPS[product_id], 3300)
    assert CHIPS[product_id].name in refused.value.message
    assert refused.value.remedy == "flash without --supply-mv"


@pytest.mark.parametrize("supply_mv", [0, 1799, 3601, 5000])
async def test_a_supply_that_no_chip_has_is_refused_before_the_chip_is_touched(
    supply_mv: int, autojump_clock: MockClock
) -> None:
    board = make_board("F407")
    failure = await refused(board, IMAGE, supply_mv=supply_mv)
    assert failure.problem.code is ProblemCode.USAGE
    assert f"{supply_mv} mV is outside of 1800 to 3600 mV" in failure.problem.message
    assert board.chip.resets == 1


async def test_a_family_without_it_is_refused_before_the_first_erase(autojump_clock: MockClock) -> None:
    board = make_board("F103xB")
    failure = await refused(board, IMAGE, supply_mv=3300)
    assert failure.problem.code is ProblemCode.USAGE
    assert "STM32F103 medium density (0x410)" in failure.problem.message
    assert board.counters.unit_erases == 0


async def test_an_f4_at_3300_mv_erases_in_half_the_time_and_writes_faster(autojump_clock: MockClock) -> None:
    slow, fast = make_board("F407"), make_board("F407")
    plain = await flashed(slow, IMAGE)
    told = await flashed(fast, IMAGE, supply_mv=3300)
    assert fast.flash == slow.flash
    # two sectors of 16 KiB: 0.4 s each byte by byte, half of it with 32 bits at once
    assert plain.phase_seconds["erase"] - told.phase_seconds["erase"] == pytest.approx(0.4, abs=0.01)
    # 20,000 bytes of 16 us each, against 5000 words of 16 us each
    assert plain.phase_seconds["write"] - told.phase_seconds["write"] == pytest.approx(0.24, abs=0.01)
    assert fast.boots[-1].state is State.APPLICATION


async def test_the_supply_is_told_again_after_a_reset_amid_the_flash(autojump_clock: MockClock) -> None:
    board = make_board("F407", faults=Faults(bytes=(ByteFault(ByteFaultKind.DROP, Direction.TO_CHIP, 9000),)))
    widths: list[int] = []
    options = FlashOptions(files=FW, supply_mv=3300)
    async with linked_board(board) as (lab, bridge):
        bridge.on_batch_ended = lambda _: widths.append(board.memory.flash.width_bytes)
        report = await flash(lab, RecordingReport(), [make_image(20_000)], options)
    assert report.recoveries == 1
    changes = [now for before, now in zip([0, *widths], widths, strict=False) if now != before]
    assert changes == [1, 4, 1, 4, 1]  # reset, told, reset, told again, started


@pytest.mark.parametrize(("start", "lines"), [(False, LINES), (True, Line.NRST), (True, Line.BOOT0)])
async def test_a_chip_left_without_a_reset_is_set_back_to_byte_by_byte(
    *, start: bool, lines: Line, autojump_clock: MockClock
) -> None:
    board = make_board("F407", boot0=lines is not LINES)
    widths: list[int] = []
    options = FlashOptions(files=FW, supply_mv=3300, start=start)
    async with linked_board(board, lines=lines) as (lab, bridge):
        bridge.on_batch_ended = lambda _: widths.append(board.memory.flash.width_bytes)
        await flash(lab, RecordingReport(), [make_image(3000)], options)
    assert 4 in widths
    assert board.memory.flash.width_bytes == 1


async def test_the_report_tells_what_the_supply_gives(autojump_clock: MockClock) -> None:
    report = RecordingReport()
    await flashed(make_board("F407"), IMAGE, supply_mv=2500, report=report)
    assert "supply 2500 mV: the chip erases and programs 16 bits at once" in report.notes
