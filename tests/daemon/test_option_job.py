"""The option-bytes job against virtual boards, on the virtual clock."""

import pytest
import trio

from lab import RecordingReport, linked_board
from simulated_chips import board_of
from stmota_daemon.option_job import option_bytes
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.chip_work import MemoryBytes, OptionBytesOptions, OptionBytesResult, OptionValue
from stmota_protocol.chips import CHIPS as PRODUCTS
from stmota_protocol.chips.option_writes import is_writable, named_fields
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chips import CHIPS

F042 = 0x1FFF_F800
G071 = 0x1FFF_7800


async def done(
    board: VirtualBoard, options: OptionBytesOptions, report: RecordingReport | None = None
) -> OptionBytesResult:
    async with linked_board(board) as (lab, _):
        outcome = await option_bytes(lab, report or RecordingReport(), options)
    assert isinstance(outcome.result, OptionBytesResult)
    return outcome.result


async def refused(board: VirtualBoard, options: OptionBytesOptions) -> WorkFailed:
    before = stored(board)
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await option_bytes(lab, RecordingReport(), options)
    assert stored(board) == before
    assert failure.value.problem.remedy
    return failure.value


def stored(board: VirtualBoard) -> list[bytes]:
    return [board.options.read(start, len(content)) for start, content in board.model.options.areas]


def values(result: OptionBytesResult) -> dict[str, int]:
    return {field.name: field.value for field in result.fields}


async def test_the_option_bytes_are_read_whole_and_by_name(autojump_clock: trio.testing.MockClock) -> None:
    result = await done(make_board("G071"), OptionBytesOptions())
    assert values(result) == {"nBOOT_SEL": 1, "nBOOT1": 1, "nBOOT0": 1, "BOOT_LOCK": 0, "RDP": 0xAA}
    assert result.fields[0] == OptionValue(name="nBOOT_SEL", value=1, address=G071, bit=24, width=1)
    assert [block.address for block in result.blocks] == [G071]
    assert result.blocks[0].data.startswith("aae1ffdf551e0020")
    assert not result.written


LOCK_OUT = {"nBOOT_SEL", "nBOOT1", "BOOT_LOCK"}
"""Turned round, they keep a chip that loads them at once from its bootloader."""
WRITABLE = [
    (model.name, name)
    for model in CHIPS
    for name, field in model.options.fields
    if field.width == 1 and name not in LOCK_OUT and is_writable(PRODUCTS[model.product_id])
    if name in named_fields(PRODUCTS[model.product_id])
]


@pytest.mark.parametrize(("chip", "name"), WRITABLE)
async def test_a_named_bit_is_written_and_nothing_else(
    chip: str, name: str, autojump_clock: trio.testing.MockClock
) -> None:
    board, untouched = board_of(chip), board_of(chip)
    value = 1 - board.options.bit(name)
    result = await done(board, OptionBytesOptions(fields={name.lower(): value}, force=True))
    assert result.written
    assert values(result)[name] == value
    untouched.options.set_named({name: value})
    assert stored(board) == stored(untouched)


async def test_a_chip_that_does_not_come_back_is_told_as_such(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F042")
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await option_bytes(lab, RecordingReport(), named("nBOOT1", 0, force=True))
    assert failure.value.problem.message.startswith("after WRITE MEMORY 0x1FFFF800, 16 bytes the bootloader")
    assert "power-cycle the board" in (failure.value.problem.remedy or "")
    assert board.options.bit("nBOOT1") == 0


async def test_what_flash_refuses_is_mended_by_the_remedy_that_it_names(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("G071")
    result = await done(board, OptionBytesOptions(fields={"nBOOT_SEL": 0}))
    assert values(result)["nBOOT_SEL"] == 0
    assert "power-cycle" in (result.note or "")
    board.power_cycle(10**9)
    assert board.options.bit("nBOOT_SEL") == 0


async def test_a_chip_that_reloads_them_by_itself_needs_no_power_cycle(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F042")
    result = await done(board, OptionBytesOptions(fields={"nBOOT0": 0}, force=True))
    assert result.note is None
    assert board.options.bit("nBOOT0") == 0


async def test_bytes_are_written_by_address_with_their_complements(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F103xB")
    data = MemoryBytes(address=F042 + 4, data="12")
    result = await done(board, OptionBytesOptions(raw=(data,)))
    assert result.blocks[0].data[:16] == "a55aff0012edff00"


async def test_what_stands_there_already_is_not_written(autojump_clock: trio.testing.MockClock) -> None:
    result = await done(make_board("G071"), OptionBytesOptions(fields={"nBOOT_SEL": 1}))
    assert not result.written
    assert result.note == "they were so already: nothing was written"


def named(name: str, value: int, *, force: bool = False) -> OptionBytesOptions:
    return OptionBytesOptions(fields={name: value}, force=force)


def at(address: int, data: str, *, force: bool = False) -> OptionBytesOptions:
    return OptionBytesOptions(raw=(MemoryBytes(address=address, data=data),), force=force)


@pytest.mark.parametrize(
    ("chip", "options", "code", "word"),
    [
        ("G071", named("nSWBOOT0", 0), ProblemCode.USAGE, "no option nSWBOOT0 = 0"),
        ("G071", named("nBOOT0", 2), ProblemCode.USAGE, "no option nBOOT0 = 2"),
        ("F103xB", at(0x0800_0000, "00"), ProblemCode.USAGE, "0x08000000 is not in the option bytes"),
        ("H743", named("BOOT_ADD0", 0), ProblemCode.USAGE, "is in no source of stmota's"),
        ("F042", named("RDP", 0xCC), ProblemCode.PERMANENT, "level 2"),
        ("F042", named("RDP", 0xCC, force=True), ProblemCode.PERMANENT, "level 2"),
        ("F042", at(F042, "CC", force=True), ProblemCode.PERMANENT, "level 2"),
        ("F042", named("RDP", 0), ProblemCode.WOULD_LOCK_OUT, "turns on read protection"),
        ("F042", named("BOOT_SEL", 0), ProblemCode.WOULD_LOCK_OUT, "ignore BOOT0"),
        ("G071", named("BOOT_LOCK", 1), ProblemCode.WOULD_LOCK_OUT, "always starts its flash"),
    ],
)
async def test_what_cannot_be_or_would_do_harm_is_refused(
    chip: str,
    options: OptionBytesOptions,
    code: ProblemCode,
    word: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    failure = await refused(make_board(chip), options)
    assert failure.problem.code is code
    assert word in failure.problem.message
    assert failure.problem.overridable is (code is ProblemCode.WOULD_LOCK_OUT)


async def test_level_2_takes_a_flag_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    report = RecordingReport()
    board = make_board("F042")
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:  # there is no bootloader any more that could tell
            await option_bytes(lab, report, OptionBytesOptions(fields={"RDP": 0xCC}, permanent=True))
    assert board.options.rdp_level == 2
    assert "does not answer any more" in failure.value.problem.message
    assert any("allowed by --permanent" in note for note in report.notes)


async def test_a_read_protected_chip_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    failure = await refused(make_board("F407", rdp=1), OptionBytesOptions())
    assert failure.problem.code is ProblemCode.PROTECTED
