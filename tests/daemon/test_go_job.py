"""The go job against virtual boards, on the virtual clock."""

from pathlib import Path

import pytest
import trio

from lab import LabBridge, RecordingReport, lab_daemon, linked_board
from sample_images import make_image
from stmota_daemon.go_job import go
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import JobKind, JobState, ProblemCode
from stmota_protocol.api.chip_work import GoOptions, GoResult
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

FLASH = 0x0800_0000
SECOND = FLASH + 0x4000
TWO_IMAGES = make_image(0x4000, text="first") + make_image(
    2000, text="second", flash_start=SECOND, heartbeat_ms=0
)


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L476"])
async def test_what_is_at_the_address_is_started(chip: str, autojump_clock: trio.testing.MockClock) -> None:
    board = make_board(chip, image=TWO_IMAGES)
    async with linked_board(board) as (lab, _):
        outcome = await go(lab, RecordingReport(), GoOptions(address=SECOND))
    assert isinstance(outcome.result, GoResult)
    assert (outcome.result.address, outcome.result.started) == (SECOND, None)  # this lab has no log
    boot = board.boots[-1]
    assert (boot.address, boot.by_go, boot.text, boot.state) == (SECOND, True, "second", State.APPLICATION)


async def test_a_start_that_shows_in_the_log_is_told(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = LabBridge(make_board("F103xB", image=TWO_IMAGES))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        async with lab_daemon(tmp_path, {"lab": bridge}) as daemon:
            job = await daemon.ended(daemon.start(JobKind.GO, "lab", GoOptions(address=SECOND)))
        nursery.cancel_scope.cancel()
    assert job.state is JobState.DONE
    assert job.result == GoResult(address=SECOND, started=True, evidence="second")


async def refused(board: VirtualBoard, options: GoOptions) -> WorkFailed:
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await go(lab, RecordingReport(), options)
    assert board.boots[-1].address == FLASH  # left reset
    return failure.value


@pytest.mark.parametrize(
    ("address", "word", "overridable"),
    [
        (FLASH + 2, "no multiple of 4", False),
        (0x0900_0000, "there is no memory", False),
        (FLASH + 0x1_0000, "begins with 0xFFFFFFFF: no stack pointer", True),
        (FLASH + 0x100, "no stack pointer", True),
    ],
)
async def test_where_no_vector_table_is_nothing_is_started(
    address: int, word: str, overridable: bool, autojump_clock: trio.testing.MockClock
) -> None:
    failure = await refused(make_board("F103xB", image=TWO_IMAGES), GoOptions(address=address))
    assert failure.problem.code is ProblemCode.NOT_FIRMWARE
    assert word in failure.problem.message
    assert failure.problem.overridable is overridable


async def test_force_jumps_all_the_same(autojump_clock: trio.testing.MockClock) -> None:
    board = make_board("F103xB", image=TWO_IMAGES)
    async with linked_board(board) as (lab, _):
        await go(lab, RecordingReport(), GoOptions(address=FLASH + 0x1_0000, force=True))
    assert (board.boots[-1].address, board.boots[-1].state) == (FLASH + 0x1_0000, State.DEAD)


async def test_a_read_protected_chip_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    failure = await refused(make_board("F407", image=TWO_IMAGES, rdp=1), GoOptions(address=SECOND))
    assert failure.problem.code is ProblemCode.PROTECTED


async def test_a_rom_whose_go_does_not_work_is_told(autojump_clock: trio.testing.MockClock) -> None:
    board = make_board("H743", image=TWO_IMAGES, bootloader_version="13.2")
    failure = await refused(board, GoOptions(address=SECOND))
    assert "GO cannot start it" in failure.problem.message
