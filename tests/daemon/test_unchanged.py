"""Units that hold already what they should are found, left alone, and never taken for it when they do not."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from lab import LabBridge, RecordingReport, lab_daemon, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.memory import NO_MEMORY, Memory
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, JobState
from stmota_protocol.images import Segment
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

KIB = 1024
FILES = (FlashFile(firmware="", filename="fw.bin"),)
OLD = make_image(16 * KIB, seed=1, heartbeat_ms=0)
SELECTABLE = {"G071": {"nBOOT_SEL": 0}}
CHIPS = ["F103xB", "F407", "L071", "L476", "G071", "H743"]


def changed(image: bytes, *at: int) -> bytes:
    """The image with these bytes inverted."""
    new = bytearray(image)
    for position in at:
        new[position] ^= 0xFF
    return bytes(new)


def board_with(image: bytes, chip: str = "F103xB", *, checksum: bool = False) -> VirtualBoard:
    return make_board(chip, image=image, option_bits=SELECTABLE.get(chip, {}), has_checksum=checksum)


async def flashed(
    board: VirtualBoard,
    image: bytes,
    report: RecordingReport | None = None,
    memory: Memory = NO_MEMORY,
    **options: bool | int,
) -> FlashReport:
    wanted = FlashOptions(files=FILES, **options)  # type: ignore[arg-type]
    async with linked_board(board) as (lab, _):
        done = await flash(lab, report or RecordingReport(), [image], wanted, memory=memory)
    assert board.flash[: len(image)] == image
    assert board.counters.double_programs == 0
    return done


class DictMemory(Memory):
    """Remembers in a dictionary."""

    def __init__(self) -> None:
        self.units: dict[str | None, dict[int, str]] = {}

    def held(self, chip: str | None) -> Mapping[int, str]:
        return self.units.get(chip, {})

    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        self.units.setdefault(chip, {}).update(units)

    def keep(self, segments: Sequence[Segment]) -> None:
        self.kept = tuple(segments)


@pytest.mark.parametrize("verify", [True, False], ids=["verify", "no-verify"])
@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "read-back"])
@pytest.mark.parametrize("chip", CHIPS)
async def test_where_nothing_changed_nothing_is_erased_and_the_firmware_is_started_all_the_same(
    chip: str, checksum: bool, verify: bool, autojump_clock: MockClock
) -> None:
    board, report = board_with(OLD, chip, checksum=checksum), RecordingReport()
    boots, before = len(board.boots), board.flash
    done = await flashed(board, OLD, report, verify=verify)
    assert board.counters.unit_erases == 0
    assert board.flash == before
    assert (done.erased_units, done.written, done.unchanged_bytes) == (0, 0, len(OLD))
    assert done.verified
    assert "the flash holds the image already: nothing is erased or written" in report.notes
    assert board.boots[-1].state is State.APPLICATION
    assert len(board.boots) > boots


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "read-back"])
async def test_a_changed_page_is_written_with_the_vector_tables_and_no_other(
    checksum: bool, autojump_clock: MockClock
) -> None:
    board, report = board_with(OLD, checksum=checksum), RecordingReport()
    done = await flashed(board, changed(OLD, 5000), report)
    assert board.counters.unit_erases == 2
    assert (done.erased_units, done.unchanged_units) == (2, 14)
    assert (done.written, done.unchanged_bytes) == (2 * KIB, 14 * KIB)
    assert done.verified
    assert "14 of 16 erase units hold already what they should" in report.notes


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "read-back"])
async def test_where_only_the_vector_tables_unit_changed_only_that_is_written(
    checksum: bool, autojump_clock: MockClock
) -> None:
    board = board_with(OLD, checksum=checksum)
    done = await flashed(board, changed(OLD, 900))
    assert (board.counters.unit_erases, done.erased_units, done.unchanged_units) == (1, 1, 15)


async def test_full_writes_everything(autojump_clock: MockClock) -> None:
    board, report = board_with(OLD), RecordingReport()
    done = await flashed(board, OLD, report, full=True)
    assert (done.erased_units, done.unchanged_units, done.written) == (16, 0, len(OLD))
    assert board.counters.unit_erases == 16


async def test_what_a_shorter_image_leaves_in_its_last_unit_does_not_count_as_a_change(
    autojump_clock: MockClock,
) -> None:
    board = board_with(OLD)
    done = await flashed(board, OLD[: 9 * KIB + 12])
    assert done.erased_units == 0
    assert board.flash[: len(OLD)] == OLD


async def test_the_comparison_stops_at_a_units_first_difference(autojump_clock: MockClock) -> None:
    image = make_image(48 * KIB, seed=1)
    at_start, at_end = [
        (await flashed(board_with(image, "F407"), changed(image, at))).phase_seconds["compare"]
        for at in (16 * KIB + 300, 32 * KIB - 1)
    ]
    assert at_end - at_start > 13 * KIB * 11 / 115200
    assert at_end - at_start < 16 * KIB * 12 / 115200


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_the_flash_holds_it_holds_the_image_in_the_end(
    seed: int, autojump_clock: MockClock
) -> None:
    rng = random.Random(seed)  # noqa: S311 the same every time
    chip = rng.choice(["F103xB", "L071", "G071", "L476"])
    new = bytearray(OLD[: rng.choice([6000, 12 * KIB, len(OLD)])])
    for _ in range(rng.randrange(5)):
        start = rng.randrange(400, len(new) - 1)
        end = min(len(new), start + rng.choice([1, 100, 3000]))
        new[start:end] = rng.choice([rng.randbytes(end - start), b"\xff" * (end - start), bytes(end - start)])
    board = board_with(OLD, chip, checksum=rng.random() < 0.5)
    await flashed(board, bytes(new), verify=rng.random() < 0.8)
    assert board.boots[-1].state is State.APPLICATION


async def test_an_interrupted_flash_goes_on_with_what_is_not_there_yet(autojump_clock: MockClock) -> None:
    board, new = board_with(b"", "G071"), make_image(64 * KIB, seed=2)
    async with linked_board(board) as (lab, _):
        with trio.move_on_after(8):
            await flash(lab, RecordingReport(), [new], FlashOptions(files=FILES))
    assert board.flash[: 2 * KIB] != new[: 2 * KIB]
    done = await flashed(board, new)
    assert done.unchanged_units > 10
    assert done.unchanged_units + done.erased_units == 32


async def test_what_is_remembered_of_a_chip_saves_questions(autojump_clock: MockClock) -> None:
    memory, board = DictMemory(), board_with(b"", "F407")
    image = make_image(40 * KIB, seed=1)
    await flashed(board, image, memory=memory)
    newer = changed(image, 32 * KIB - 1)
    knowing = await flashed(board, newer, memory=memory)
    asking = await flashed(board_with(image, "F407"), newer)
    assert (knowing.unchanged_units, asking.unchanged_units) == (1, 1)
    assert knowing.phase_seconds["compare"] < asking.phase_seconds["compare"] - 16 * KIB * 11 / 115200
    assert (await flashed(board, newer, memory=memory)).erased_units == 0


@pytest.mark.parametrize("at", [700, 5000, len(OLD) - 1])
async def test_what_is_remembered_wrongly_is_not_believed(at: int, autojump_clock: MockClock) -> None:
    memory, board = DictMemory(), board_with(b"")
    await flashed(board, OLD, memory=memory)
    other = board_with(changed(OLD, at))
    [units] = memory.units.values()
    liar = DictMemory()
    liar.units = dict.fromkeys([*memory.units, None], units)
    assert (await flashed(other, OLD, memory=liar)).erased_units in {1, 2}


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "read-back"])
async def test_a_bad_byte_in_a_comparison_costs_time_and_nothing_else(
    checksum: bool, autojump_clock: MockClock
) -> None:
    for number in range(5, 700, 101):
        for kind in ByteFaultKind:
            way = Direction.TO_HOST if number % 2 else Direction.TO_CHIP
            faults = Faults(bytes=(ByteFault(kind, way, number),))
            board = make_board("F103xB", image=OLD[: 8 * KIB], has_checksum=checksum, faults=faults)
            await flashed(board, changed(OLD[: 8 * KIB], 5000))
            assert board.boots[-1].state is State.APPLICATION


def cutter(bridge: LabBridge, batch: int) -> Callable[[int], None]:
    """Cut the bridge's connections at a batch's end."""

    def on_batch_ended(number: int) -> None:
        if number == batch:
            bridge.cut_connections()

    return on_batch_ended


async def test_a_link_cut_in_a_comparison_is_survived(autojump_clock: MockClock, tmp_path: Path) -> None:
    old = OLD[: 8 * KIB]
    for batch in range(1, 60):
        board = board_with(old)
        bridge = LabBridge(board)
        bridge.on_batch_ended = cutter(bridge, batch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.run)
            async with lab_daemon(tmp_path / str(batch), {"lab": bridge}) as daemon:
                job = await daemon.ended(daemon.flash("lab", changed(old, 5000)))
            nursery.cancel_scope.cancel()
        assert job.state is JobState.DONE
        assert board.flash[: len(old)] == changed(old, 5000)
        if bridge.batches_ended < batch:
            return
    pytest.fail("the flash did not end")


async def test_the_daemon_remembers_what_a_chip_holds_beyond_its_own_end(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bridge = LabBridge(board_with(b"", "F407"))
    reports: list[FlashReport] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        image = make_image(40 * KIB, seed=1, heartbeat_ms=0)
        for change in (0, 32 * KIB - 1, 32 * KIB - 1):
            async with lab_daemon(tmp_path, {"lab": bridge}) as daemon:
                job = await daemon.ended(daemon.flash("lab", changed(image, change) if change else image))
            assert job.report is not None
            reports.append(job.report)
        nursery.cancel_scope.cancel()
    assert [report.unchanged_units for report in reports] == [0, 1, 3]
    assert reports[1].phase_seconds["compare"] < 12 * KIB * 11 / 115200
