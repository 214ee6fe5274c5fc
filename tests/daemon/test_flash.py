"""The flash job against virtual boards, on the virtual clock: a link, a bridge, a board, nothing else."""

import pytest
import trio

from flash_rig import flashed, refused
from lab import RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.inspect import info
from stmota_protocol.api import FlashFile, FlashOptions, Phase, ProblemCode
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import Faults


def options(**changed: bool | int | str | None) -> FlashOptions:
    files = (FlashFile(firmware="", filename="fw.bin"),)
    return FlashOptions(files=files, **changed)  # type: ignore[arg-type]


async def test_what_stands_behind_the_image_in_its_last_page_is_erased_and_the_next_page_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    old, new = make_image(9000, seed=1), make_image(3000, seed=2)
    board = make_board("F103xB", image=old)
    await flashed(board, new)
    assert board.flash[3000:3072] == b"\xff" * 72
    assert board.flash[3072:9000] == old[3072:]


async def test_a_flash_knows_its_phases_in_order(autojump_clock: trio.testing.MockClock) -> None:
    report = RecordingReport()
    async with linked_board(make_board("F103xB")) as (lab, _):
        await flash(lab, report, [make_image(5000)], options())
    assert report.phases == [
        Phase.CONNECT,
        Phase.ENTER,
        Phase.IDENTIFY,
        Phase.CHECK,
        Phase.COMPARE,
        Phase.ERASE,
        Phase.WRITE,
        Phase.VERIFY,
        Phase.START,
    ]
    assert report.notes == []


async def test_the_unit_with_the_vector_table_is_erased_first_and_its_first_block_written_last(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F103xB", image=make_image(9000, seed=1))
    image = make_image(9000, seed=2)
    starts: list[bytes] = []
    async with linked_board(board) as (lab, bridge):
        bridge.on_batch_ended = lambda _: starts.append(board.flash)
        await flash(lab, RecordingReport(), [image], options())
    first_change = next(flash for flash in starts if flash != starts[0])
    assert first_change[:1024] == b"\xff" * 1024
    assert first_change[1024:] == starts[0][1024:]
    before_last = next(flash for flash in reversed(starts) if flash[:256] != image[:256])
    assert before_last[:256] == b"\xff" * 256
    assert before_last[256 : len(image)] == image[256:]


@pytest.mark.parametrize(
    ("image", "code", "word"),
    [
        (b"", ProblemCode.NOT_FIRMWARE, "empty"),
        (b"\x7fELF" + bytes(2000), ProblemCode.NOT_FIRMWARE, "is broken (read as an ELF file)"),
        (b":020000040800F2\r\n:10000000", ProblemCode.NOT_FIRMWARE, "fw.bin: line 2 is not as long as"),
        (bytes(range(256)) * 8, ProblemCode.NOT_FIRMWARE, "stack pointer"),
        (make_image(200_000), ProblemCode.DOES_NOT_FIT, "128 KiB"),
    ],
)
async def test_a_file_that_is_no_firmware_is_refused_before_the_first_erase(
    image: bytes, code: ProblemCode, word: str, autojump_clock: trio.testing.MockClock
) -> None:
    failure = await refused(make_board("F103xB", image=make_image(1000)), image)
    assert failure.problem.code is code
    assert word in failure.problem.message


async def test_force_flashes_data_that_is_no_firmware(autojump_clock: trio.testing.MockClock) -> None:
    board = make_board("F103xB")
    data = bytes(range(256)) * 8
    report = await flashed(board, data, force=True)
    assert board.flash[: len(data)] == data
    assert report.started is None


async def test_a_chip_with_more_flash_than_it_says_takes_it_only_by_force(
    autojump_clock: trio.testing.MockClock,
) -> None:
    image = make_image(70_000)
    failure = await refused(make_board("F103x8", flash_bytes=128 * 1024), image)
    assert failure.problem.overridable
    board = make_board("F103x8", flash_bytes=128 * 1024)
    await flashed(board, image, force=True)
    assert board.flash[: len(image)] == image


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L476", "F042"])
async def test_a_read_protected_chip_is_refused(chip: str, autojump_clock: trio.testing.MockClock) -> None:
    failure = await refused(make_board(chip, rdp=1), make_image(1000))
    assert failure.problem.code is ProblemCode.PROTECTED


async def test_write_protected_flash_is_refused_where_the_image_touches_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    failure = await refused(make_board("F103xB", write_protected=frozenset({0})), make_image(1000))
    assert failure.problem.code is ProblemCode.PROTECTED
    board = make_board("F103xB", write_protected=frozenset({20}))
    await flashed(board, make_image(1000))
    assert board.boots[-1].state is State.APPLICATION


async def test_a_first_flash_that_would_lock_the_bridge_out_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    failure = await refused(make_board("G071", bootloader_version="11.2"), make_image(1000))
    assert failure.problem.code is ProblemCode.WOULD_LOCK_OUT
    assert failure.problem.overridable
    assert "nBOOT_SEL" in failure.problem.message


@pytest.mark.parametrize(
    ("faults", "code", "word"),
    [
        (Faults(is_unpowered=True), ProblemCode.SILENT, "nothing came back"),
        (Faults(rx_tx_swapped=True), ProblemCode.SILENT, "nothing came back"),
        (Faults(mute_from=1), ProblemCode.SILENT, "nothing came back"),
        (
            Faults(nrst_unwired=True),
            ProblemCode.GARBAGE,
            'the application runs instead of the bootloader: it said "',
        ),
        (
            Faults(boot0_unwired=True),
            ProblemCode.GARBAGE,
            'the application runs instead of the bootloader: it said "made image',
        ),
    ],
)
async def test_a_chip_that_does_not_answer_is_named_after_what_was_seen(
    faults: Faults, code: ProblemCode, word: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103xB", image=make_image(1000), faults=faults)
    failure = await refused(board, make_image(1000))
    assert failure.problem.code is code
    assert word in failure.problem.message


async def test_info_tells_the_chip_and_leaves_it_running(autojump_clock: trio.testing.MockClock) -> None:
    board = make_board("F103xB", image=make_image(1000))
    async with linked_board(board) as (lab, _):
        found = await info(lab, RecordingReport())
    assert found.product_id == 0x410
    assert found.flash_size == 128 * 1024
    assert found.flash_size_source == "chip"
    assert found.read_protected is False
    assert found.unique_id is not None
    assert len(found.unique_id) == 24
    assert found.commands == (0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x43, 0x63, 0x73, 0x82, 0x92)
    assert board.boots[-1].state is State.APPLICATION


async def test_without_start_the_chip_stays_in_its_bootloader(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F103xB")
    report = await flashed(board, make_image(1000), start=False)
    assert report.started is False
    assert board.state is State.BOOTLOADER
