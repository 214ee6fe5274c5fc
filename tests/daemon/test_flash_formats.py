"""Flashing every file format, on the virtual clock: flash then holds what the raw binary gives."""

import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

import flash_rig
from firmware_files import (
    MAKERS,
    STM32F1,
    STM32F4,
    dfuse_target,
    make_dfuse,
    make_elf,
    make_hex,
    make_srec,
    make_uf2,
)
from flash_rig import flashed
from lab import RecordingReport, linked_board
from sample_images import SAMPLE_FIRMWARE, make_image
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, Problem, ProblemCode
from stmota_protocol.chips import CHIPS
from stmota_protocol.image_checks import flash_size_for
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import ImageRefused, Segment
from stmota_protocol.merging import Part, merged
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

FLASH = 0x0800_0000
KIB = 1024
F103 = CHIPS[0x410]
SAMPLE = SAMPLE_FIRMWARE.read_bytes()
OBJCOPY_FORMATS = {"hex": "ihex", "srec": "srec"}


async def refused(file: bytes, address: int | None = None) -> Problem:
    board = make_board("F103xB", image=make_image(1000))
    return (await flash_rig.refused(board, file, address=address, filename="fw.any")).problem


def run(*command: str | Path) -> None:
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, foreign_tool: Callable[[str], Path]) -> dict[str, bytes]:
    """The sample firmware as gcc's linker leaves it, and what objcopy makes of that."""
    foreign_tool("arm-none-eabi-gcc")
    objcopy = foreign_tool("arm-none-eabi-objcopy")
    folder = tmp_path_factory.mktemp("sample")
    run("make", "-s", "-C", SAMPLE_FIRMWARE.parent, f"BUILD={folder}", f"IMAGE={folder / 'sample.bin'}")
    for kind, target in OBJCOPY_FORMATS.items():
        run(objcopy, "-O", target, folder / "sample.elf", folder / f"sample.{kind}")
    return {kind: (folder / f"sample.{kind}").read_bytes() for kind in ("bin", "elf", *OBJCOPY_FORMATS)}


@pytest.mark.foreign("arm-none-eabi-gcc")
@pytest.mark.parametrize("kind", ["elf", "hex", "srec"])
async def test_what_gcc_and_objcopy_make_of_the_sample_ends_in_the_flash_that_its_binary_gives(
    kind: str, built: dict[str, bytes], autojump_clock: trio.testing.MockClock
) -> None:
    by_binary, by_file = make_board("F103xB"), make_board("F103xB")
    await flashed(by_binary, built["bin"])
    report = await flashed(by_file, built[kind])
    assert by_file.flash == by_binary.flash
    assert by_file.flash[: report.length] == built["bin"]
    assert by_file.boots[-1].state is State.APPLICATION


@pytest.mark.foreign("arm-none-eabi-objcopy")
@pytest.mark.parametrize("kind", ["hex", "srec"])
def test_gaps_are_read_as_objcopy_writes_them(
    kind: str, tmp_path: Path, foreign_tool: Callable[[str], Path]
) -> None:
    objcopy = foreign_tool("arm-none-eabi-objcopy")
    source, copy = tmp_path / "source", tmp_path / "copy"
    segments = [(FLASH + 0xFFF0, bytes(range(99))), (FLASH + 0x3_0000, b"second")]
    source.write_bytes({"hex": make_hex, "srec": make_srec}[kind](segments))
    other = {"hex": "srec", "srec": "ihex"}[kind]
    run(objcopy, "-I", OBJCOPY_FORMATS[kind], "-O", other, source, copy)
    expected = tuple(Segment(*segment) for segment in segments)
    assert parse_file(copy.read_bytes()).image(0).segments == expected
    assert parse_file(source.read_bytes()).image(0).segments == expected


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
async def test_every_format_ends_in_the_flash_that_the_binary_gives(
    make: Callable[[list[tuple[int, bytes]]], bytes], autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board("F103xB", image=make_image(60_000))
    report = await flashed(board, make([(FLASH, SAMPLE)]))
    expected = make_board("F103xB", image=make_image(60_000))
    await flashed(expected, SAMPLE)
    assert board.flash == expected.flash
    assert report.length == len(SAMPLE)
    assert report.verified
    assert board.boots[-1].state is State.APPLICATION


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
async def test_pages_in_a_gap_are_kept_and_what_lies_in_no_segment_of_a_page_is_erased(
    make: Callable[[list[tuple[int, bytes]]], bytes], autojump_clock: trio.testing.MockClock
) -> None:
    old, image = make_image(20_000, seed=1), make_image(1500)
    board = make_board("F103xB", image=old)
    report = await flashed(board, make([(FLASH, image), (FLASH + 5 * KIB, b"config")]))
    expected = bytearray(old.ljust(128 * KIB, b"\xff"))
    expected[: 2 * KIB] = image.ljust(2 * KIB, b"\xff")
    expected[5 * KIB : 6 * KIB] = b"config".ljust(KIB, b"\xff")
    assert board.flash == expected
    assert report.length == len(image) + len(b"config")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
async def test_a_span_of_4_gib_is_refused_before_the_chip_is_touched(
    make: Callable[[list[tuple[int, bytes]]], bytes], autojump_clock: trio.testing.MockClock
) -> None:
    problem = await refused(make([(FLASH, make_image(1000)), (0xFFFF_FF00, b"far")]))
    assert problem.code is ProblemCode.DOES_NOT_FIT
    assert problem.message.startswith("the image covers 0xFFFFFF00, where STM32F103 medium density")
    assert problem.address == 0xFFFF_FF00


async def test_an_address_with_a_file_that_has_its_own_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    problem = await refused(make_hex([(FLASH, SAMPLE)]), 0x0800_2000)
    assert problem.code is ProblemCode.DOES_NOT_FIT
    assert "fw.any is an Intel HEX file with addresses of its own" in problem.message


async def test_an_image_for_ram_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    assert "is built to run in RAM" in (await refused(make_elf([(0x2000_0000, SAMPLE)]))).message
    problem = await refused(make_hex([(0x2000_0000, SAMPLE)]))
    assert problem.message.startswith("the image covers 0x20000000, where")


async def test_a_uf2_file_of_another_stm32_family_is_a_judgement(
    autojump_clock: trio.testing.MockClock,
) -> None:
    problem = await refused(make_uf2([(FLASH, SAMPLE)], STM32F4))
    assert problem.code is ProblemCode.NOT_FIRMWARE
    assert "for STM32F4" in problem.message
    board = make_board("F103xB")
    await flashed(board, make_uf2([(FLASH, SAMPLE)], STM32F4), force=True)
    assert board.flash[: len(SAMPLE)] == SAMPLE
    await flashed(make_board("F103xB"), make_uf2([(FLASH, SAMPLE)], STM32F1))


BOOT = make_image(5000)
Named = tuple[str, bytes, int | None]


async def flashed_together(board: VirtualBoard, *files: Named) -> FlashReport | Problem:
    """Flash files of these names, contents and addresses; return the report or why it was refused."""
    named = tuple(FlashFile(firmware="", filename=name, address=address) for name, _, address in files)
    contents = [content for _, content, _ in files]
    async with linked_board(board) as (lab, _):
        try:
            return await flash(lab, RecordingReport(), contents, FlashOptions(files=named))
        except WorkFailed as failure:
            return failure.problem


async def test_several_files_are_flashed_as_one_image(autojump_clock: trio.testing.MockClock) -> None:
    board, app, config = make_board("F103xB"), b"application" * 500, b"config" * 10
    report = await flashed_together(
        board,
        ("app.hex", make_hex([(FLASH + 0x4000, app)]), None),
        ("config.bin", config, FLASH + 0x8000),
        ("boot.bin", BOOT, None),
    )
    expected = bytearray(b"\xff" * 128 * KIB)
    for at, data in ((0, BOOT), (0x4000, app), (0x8000, config)):
        expected[at : at + len(data)] = data
    assert board.flash == expected
    assert isinstance(report, FlashReport)
    assert (report.address, report.length) == (FLASH, len(BOOT) + len(app) + len(config))
    assert board.boots[-1].state is State.APPLICATION


async def test_files_that_overlap_are_refused_before_the_first_erase(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = make_board("F103xB", image=make_image(1000))
    before = board.flash
    problem = await flashed_together(board, ("boot.bin", BOOT, None), ("app.bin", BOOT, FLASH + 0x100))
    assert isinstance(problem, Problem)
    assert problem.message == (
        f"boot.bin and app.bin overlap: both give what goes to 0x08000100 to 0x{FLASH + len(BOOT) - 1:08X}"
    )
    assert board.flash == before
    assert board.counters.unit_erases == 0


async def test_a_file_that_starts_within_an_erase_unit_needs_one_that_fills_it_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    boot, config = ("boot.bin", BOOT, None), ("config.bin", b"config", FLASH + 0x4100)
    problem = await flashed_together(make_board("F103xB"), boot, config)
    assert isinstance(problem, Problem)
    assert problem.message.startswith("config.bin starts at 0x08004100, inside erase unit 16 (0x08004000)")
    board = make_board("F103xB")
    await flashed_together(board, boot, ("first.hex", make_hex([(FLASH + 0x4000, b"first")]), None), config)
    assert board.flash[0x4000:0x4106] == b"first".ljust(256, b"\xff") + b"config"


def test_a_span_of_4_gib_costs_neither_memory_nor_time_to_be_refused() -> None:
    ends = [(0, b"first"), (0xFFFF_FFFB, b"last.")]
    files = [make(ends) for make in MAKERS.values()]
    tracemalloc.start()
    for file in files:
        image = parse_file(file).image(0)
        with pytest.raises(ImageRefused):
            flash_size_for(merged([Part("sparse", image)]), F103, None)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 1024 * KIB


@pytest.mark.foreign("dfu-suffix")
def test_a_dfuse_file_whose_suffix_another_tool_made_is_read(
    tmp_path: Path, foreign_tool: Callable[[str], Path]
) -> None:
    path = tmp_path / "fw.dfu"
    whole = make_dfuse(dfuse_target([(FLASH, b"code"), (FLASH + 0x1000, b"more")]))
    path.write_bytes(whole[:-16])
    run(foreign_tool("dfu-suffix"), "-S", "0x011A", "-v", "0x0483", "-p", "0xDF11", "-a", path)
    assert parse_file(path.read_bytes()).image(0) == parse_file(whole).image(0)
    assert path.read_bytes()[:-16] == whole[:-16]


@pytest.mark.foreign("dfu-suffix")
def test_another_tool_takes_the_suffix_of_the_dfuse_files_made_here(
    tmp_path: Path, foreign_tool: Callable[[str], Path]
) -> None:
    path = tmp_path / "fw.dfu"
    path.write_bytes(make_dfuse(dfuse_target([(FLASH, b"code")])))
    run(foreign_tool("dfu-suffix"), "-c", path)


@pytest.mark.foreign("srec_cat")
@pytest.mark.parametrize("option", ["--address-length=2", "--address-length=3", "--address-length=4"])
@pytest.mark.parametrize("kind", ["-Intel", "-Motorola"])
def test_hex_and_s_records_of_every_address_length_are_read_as_srec_cat_writes_them(
    kind: str, option: str, tmp_path: Path, foreign_tool: Callable[[str], Path]
) -> None:
    binary, made = tmp_path / "fw.bin", tmp_path / "fw.txt"
    data = bytes(range(256)) * 5
    binary.write_bytes(data)
    start = 0x1000 if "=2" in option else 0xF_F000
    srec_cat = foreign_tool("srec_cat")
    moved = (binary, "-Binary", "-offset", hex(start))
    entry = ("-Execution_Start_Address", hex(start))  # Intel HEX records 03 and 05, S7 to S9
    run(srec_cat, *moved, *entry, "-o", made, kind, option)
    assert parse_file(made.read_bytes()).image(0).segments == (Segment(start, data),)
