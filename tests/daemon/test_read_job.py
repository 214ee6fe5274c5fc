"""The read job against virtual boards, on the virtual clock."""

import hashlib
from pathlib import Path

import pytest
import trio

from lab import LabBridge, LinkBoard, RecordingReport, lab_daemon, linked_board
from sample_images import make_image
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.read_job import read
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import JobKind, JobState, Phase, ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece, ReadOptions, ReadResult
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

KIB = 1024
FLASH = 0x0800_0000
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}


@pytest.fixture
def store(tmp_path: Path) -> FirmwareStore:
    return FirmwareStore(tmp_path / "firmware")


async def read_on(
    lab: LinkBoard, store: FirmwareStore, address: int | None = None, length: int | None = None
) -> tuple[ReadResult, bytes]:
    outcome = await read(lab, RecordingReport(), store, ReadOptions(address=address, length=length))
    assert isinstance(outcome.result, ReadResult)
    held = store.read(outcome.result.firmware)
    assert held is not None
    assert hashlib.sha256(held).hexdigest() == outcome.result.firmware
    return outcome.result, held


async def read_all(board: VirtualBoard, store: FirmwareStore) -> tuple[ReadResult, bytes]:
    async with linked_board(board) as (lab, _):
        return await read_on(lab, store)


@pytest.mark.parametrize("chip", ["F103xB", "F042", "G071", "L071"])
async def test_all_of_the_flash_is_read(
    chip: str, store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board(chip, image=make_image(5000), option_bits=SELECTABLE.get(chip, {}))
    result, held = await read_all(board, store)
    assert held == board.flash
    assert result.pieces == (MemoryPiece(address=FLASH, length=len(board.flash)),)
    assert result.erased_value == (0x00 if chip == "L071" else 0xFF)
    assert result.recoveries == 0
    assert board.boots[-1].state is State.APPLICATION


@pytest.mark.parametrize(
    ("chip", "address", "length"),
    [
        ("F103xB", FLASH + 5, 1000),
        ("F407", FLASH + 0x2_0000, 4 * KIB),
        ("H743", 0x0810_0000, 300),
        ("L476", FLASH, 1),
    ],
)
async def test_a_range_is_read_to_the_byte(
    chip: str, address: int, length: int, store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board(chip, image=make_image(200_000) if chip == "F407" else make_image(2000))
    async with linked_board(board) as (lab, _):
        _, held = await read_on(lab, store, address, length)
    assert held == board.flash[address - FLASH : address - FLASH + length]


@pytest.mark.parametrize(
    ("chip", "address", "length"),
    [
        ("F103xB", 0x1FFF_F000, 2 * KIB),  # system memory
        ("F103xB", 0x2000_1000, 64),  # RAM
        ("F103xB", 0x1FFF_F800, 16),  # option bytes
        ("F407", 0x1FFF_7800, 16),  # OTP
        ("L071", 0x0808_0000, 64),  # data EEPROM
    ],
)
async def test_memory_beyond_flash_is_read_when_it_is_named(
    chip: str, address: int, length: int, store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board(chip)
    async with linked_board(board) as (lab, _):
        _, held = await read_on(lab, store, address, length)
    assert held == board.memory.read(address, length)


async def failed(board: VirtualBoard, store: FirmwareStore, address: int, length: int) -> WorkFailed:
    async with linked_board(board) as (lab, _):
        with pytest.raises(WorkFailed) as failure:
            await read_on(lab, store, address, length)
    assert failure.value.problem.remedy
    return failure.value


async def test_where_there_is_no_memory_the_address_is_named(
    store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103xB", image=make_image(1000))
    failure = await failed(board, store, FLASH + 127 * KIB, 2 * KIB)
    assert failure.problem.code is ProblemCode.DOES_NOT_FIT
    assert (
        failure.problem.message
        == "READ MEMORY 0x08020000, 256 bytes: NACK (0x1F) in answer to the address or count"
    )
    assert failure.problem.address == 0x0802_0000
    assert board.boots[-1].state is State.APPLICATION


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L476"])
async def test_a_read_protected_chip_says_how_to_lift_that(
    chip: str, store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    failure = await failed(make_board(chip, rdp=1), store, FLASH, 16)
    assert failure.problem.code is ProblemCode.PROTECTED
    assert "`stmota unprotect readout`" in (failure.problem.remedy or "")


@pytest.mark.parametrize("kind", [ByteFaultKind.DROP, ByteFaultKind.CORRUPT])
async def test_bytes_that_the_line_spoils_are_read_again(
    kind: ByteFaultKind, store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    faults = Faults(bytes=(ByteFault(kind, Direction.TO_HOST, 9000), ByteFault(kind, Direction.TO_CHIP, 500)))
    board = make_board("F103x8", image=make_image(30_000), faults=faults)
    result, held = await read_all(board, store)
    assert held == board.flash
    assert result.recoveries in {1, 2}  # a flipped bit that the chip takes for nothing is no trouble


async def test_a_job_of_the_daemon_reads_on_after_its_link_was_cut(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103x8", image=make_image(30_000))
    bridge = LabBridge(board)
    bridge.on_batch_ended = lambda number: bridge.cut_connections() if number == 12 else None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        async with lab_daemon(tmp_path, {"lab": bridge}) as daemon:
            job = await daemon.ended(daemon.start(JobKind.READ, "lab", ReadOptions()))
            assert job.state is JobState.DONE
            assert isinstance(job.result, ReadResult)
            assert job.result.recoveries == 1
            assert daemon.services.firmware.read(job.result.firmware) == board.flash
            assert job.target is not None
            assert job.target.product_id == 0x410
        nursery.cancel_scope.cancel()


async def test_a_read_tells_its_phases(store: FirmwareStore, autojump_clock: trio.testing.MockClock) -> None:
    report = RecordingReport()
    async with linked_board(make_board("F103x8")) as (lab, _):
        await read(lab, report, store, ReadOptions())
    assert report.phases == [Phase.CONNECT, Phase.ENTER, Phase.IDENTIFY, Phase.READ]
    assert report.done[-1] == 64 * KIB
    assert report.notes == []


async def test_a_cancelled_read_leaves_the_chip_running(
    store: FirmwareStore, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103xB", image=make_image(1000))
    async with linked_board(board) as (lab, _):
        with trio.move_on_after(3) as scope:
            await read_on(lab, store)
        assert scope.cancelled_caught
    assert board.boots[-1].state is State.APPLICATION
