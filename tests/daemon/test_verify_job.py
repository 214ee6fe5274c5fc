"""The verify job against virtual boards, on the virtual clock."""

import pytest
import trio

from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.verify_job import verify
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, ProblemCode
from stmota_protocol.api.chip_work import VerifyOptions, VerifyResult
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

KIB = 1024
FLASH = 0x0800_0000
IMAGE = make_image(9001)
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}


def options(address: int | None = None) -> VerifyOptions:
    return VerifyOptions(files=(FlashFile(firmware="", filename="fw.bin", address=address),))


async def verified(board: VirtualBoard, image: bytes, address: int | None = None) -> VerifyResult:
    async with linked_board(board) as (lab, _):
        outcome = await verify(lab, RecordingReport(), [image], options(address))
    assert isinstance(outcome.result, VerifyResult)
    return outcome.result


async def failed(board: VirtualBoard, image: bytes) -> WorkFailed:
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await verify(lab, RecordingReport(), [image], options())
    assert failure.value.problem.remedy
    return failure.value


@pytest.mark.parametrize("chip", ["F103xB", "F042", "F407", "G071", "L071", "L476", "H743"])
async def test_what_the_chip_holds_is_found_equal(chip: str, autojump_clock: trio.testing.MockClock) -> None:
    board = make_board(chip, image=IMAGE, option_bits=SELECTABLE.get(chip, {}))
    result = await verified(board, IMAGE)
    assert (result.length, result.summed, result.recoveries) == (9001, 0, 0)
    assert board.boots[-1].state is State.APPLICATION


async def test_the_chips_own_checksum_is_used_where_get_lists_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    image = make_image(64 * KIB + 1)
    by_sum = await verified(make_board("F103xB", image=image, has_checksum=True), image)
    by_reading = await verified(make_board("F103xB", image=image), image)
    assert by_sum.summed == 64 * KIB
    assert by_sum.seconds < by_reading.seconds / 10


@pytest.mark.parametrize("has_checksum", [False, True])
async def test_a_difference_is_named_by_its_first_byte(
    has_checksum: bool, autojump_clock: trio.testing.MockClock
) -> None:
    held = bytearray(IMAGE)
    held[5000] ^= 0xFF
    held[8000] ^= 0xFF
    board = make_board("F103xB", image=bytes(held), has_checksum=has_checksum)
    failure = await failed(board, IMAGE)
    assert failure.problem.code is ProblemCode.VERIFY_FAILED
    assert failure.problem.message == (
        "the chip holds something else than fw.bin: 2 bytes differ, the first at 0x08001388"
    )
    assert failure.problem.address == FLASH + 5000
    assert (failure.problem.expected, failure.problem.got) == (f"0x{IMAGE[5000]:02X}", f"0x{held[5000]:02X}")
    assert board.boots[-1].state is State.APPLICATION


@pytest.mark.parametrize("has_checksum", [False, True])
async def test_only_what_the_file_gives_is_compared(
    has_checksum: bool, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103xB", image=IMAGE, has_checksum=has_checksum)
    piece = IMAGE[1003:3002]
    result = await verified(board, piece, FLASH + 1003)
    assert result.length == 1999


async def test_a_checksum_that_is_not_what_we_expect_is_settled_by_reading(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_sum(_content: bytes, _polynomial: int, _initial: int) -> int:
        return 0x12345678

    monkeypatch.setattr("stmota_simulator.rom_checksum.crc_unit", another_sum)
    report = RecordingReport()
    board = make_board("F103xB", image=IMAGE, has_checksum=True)
    async with linked_board(board) as (lab, _):
        outcome = await verify(lab, report, [IMAGE], options())
    assert isinstance(outcome.result, VerifyResult)
    assert outcome.result.summed == 0
    assert report.notes == ["the chip's checksum is not what was expected, but what it holds is right"]


async def test_a_read_protected_chip_and_a_file_that_is_none_are_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert (await failed(make_board("F407", rdp=1), IMAGE)).problem.code is ProblemCode.PROTECTED
    assert (await failed(make_board("F407"), b"")).problem.code is ProblemCode.NOT_FIRMWARE


TWO = VerifyOptions(
    files=(
        FlashFile(firmware="", filename="boot.bin"),
        FlashFile(firmware="", filename="app.bin", address=FLASH + 5000),
    )
)


async def test_several_files_are_compared_as_one_image_and_a_difference_names_its_file(
    autojump_clock: trio.testing.MockClock,
) -> None:
    held = bytearray(IMAGE)
    held[6000] ^= 0xFF
    async with linked_board(make_board("F103xB", image=IMAGE)) as (lab, _):
        outcome = await verify(lab, RecordingReport(), [IMAGE[:4000], IMAGE[5000:]], TWO)
    assert isinstance(outcome.result, VerifyResult)
    assert [(piece.address - FLASH, piece.length) for piece in outcome.result.pieces] == [
        (0, 4000),
        (5000, 4001),
    ]
    async with linked_board(make_board("F103xB", image=bytes(held))) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await verify(lab, RecordingReport(), [IMAGE[:4000], IMAGE[5000:]], TWO)
    assert failure.value.problem.message == (
        "the chip holds something else than boot.bin, app.bin, the first at 0x08001770, of app.bin"
    )


async def test_files_that_overlap_are_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with linked_board(make_board("F103xB", image=IMAGE)) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await verify(lab, RecordingReport(), [IMAGE, IMAGE], TWO)
    assert failure.value.problem.code is ProblemCode.DOES_NOT_FIT
    assert failure.value.problem.message.startswith("boot.bin and app.bin overlap")
