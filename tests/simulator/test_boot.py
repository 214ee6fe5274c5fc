"""What a board does after a reset: pins, option bytes, empty check, the core's own check of the image."""

import struct

import pytest

from board_rig import ACK, CONSOLE, FLASH, SECOND_US, Rig, state_of
from sample_images import SAMPLE_FIRMWARE, boot_output, make_image
from stmota_protocol.steps import Line
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

IMAGE = make_image(text="it boots", heartbeat_ms=0)


def state_after_reset(chip: str, *, boot0: bool, **options: object) -> State:
    board = make_board(chip, **options)  # type: ignore[arg-type]
    Rig(board).reset(boot0=boot0)
    return board.state


@pytest.mark.parametrize(
    ("chip", "kib", "erased"), [("F103xB", 128, 0xFF), ("L071", 192, 0x00), ("H743", 2048, 0xFF)]
)
def test_the_application_prints_its_text_and_the_crc_of_the_whole_flash(
    chip: str, kib: int, erased: int
) -> None:
    board = make_board(chip, image=IMAGE)

    assert Rig(board).console(SECOND_US) == boot_output(IMAGE, "it boots", kib * 1024, erased)
    assert [(boot.at_us, boot.address, boot.by_go, boot.text) for boot in board.boots] == [
        (0, FLASH, False, "it boots")
    ]


def test_the_sample_firmware_prints_what_the_real_one_does() -> None:
    board = make_board("F103xB", image=SAMPLE_FIRMWARE.read_bytes())

    lines = Rig(board).console(3_500_000).decode().split("\r\n")

    assert lines[0] == "stmota sample 1.0 on STM32F103xB, 8 MHz HSI"
    assert lines[2:] == ["up 1 s", "up 2 s", "up 3 s", ""]


def test_heartbeats_come_on_time_and_end_with_a_reset() -> None:
    image = make_image(text="x", heartbeat_ms=500)
    board = make_board("F103xB", image=image)
    Rig(board, CONSOLE)

    heard = [
        b"".join(one.data for one in board.received(at_us))
        for at_us in (499_000, 500_080, 501_000, 1_000_000, 1_001_000)
    ]

    assert heard == [boot_output(image, "x", 128 * 1024), b"", b"up 0 s\r\n", b"", b"up 1 s\r\n"]
    board.set_lines(Line.NRST, Line(0), 1_100_000)
    assert board.received(5_000_000) == []
    assert state_of(board) is State.RESET


def test_heartbeats_can_be_set_from_outside() -> None:
    board = make_board("F103xB", image=IMAGE, heartbeat_ms=100)

    assert Rig(board).console(1_050_000).decode().splitlines()[2:] == ["up 0 s"] * 9 + ["up 1 s"]


def vectors(stack: int, entry: int) -> bytes:
    return struct.pack("<II", stack, entry) + bytes(56)


@pytest.mark.parametrize(
    ("stack", "entry", "state"),
    [
        (0x2000_5000, FLASH + 0x101, State.APPLICATION),  # one past the end of RAM
        (0x2000_0400, FLASH + 0x101, State.APPLICATION),
        (0x2000_5004, FLASH + 0x101, State.DEAD),
        (0x2000_0402, FLASH + 0x101, State.DEAD),
        (0x2000_0000, FLASH + 0x101, State.DEAD),
        (0x2000_5000, FLASH + 0x100, State.DEAD),  # not Thumb
        (0x2000_5000, 0x0802_0001, State.DEAD),  # behind the flash
        (0xFFFF_FFFF, 0xFFFF_FFFF, State.DEAD),
    ],
)
def test_the_core_starts_only_with_a_stack_in_ram_and_a_thumb_entry(
    stack: int, entry: int, state: State
) -> None:
    board = make_board("F103xB", image=vectors(stack, entry))

    assert state_of(board) is state
    assert [boot.state for boot in board.boots] == [state]


@pytest.mark.parametrize("marker_at", [0, 5])
def test_an_image_without_a_whole_marker_runs_in_silence(marker_at: int) -> None:
    broken = vectors(0x2000_5000, FLASH + 0x101) + b"STMOTA BOOT TEXT"[: 16 - marker_at]
    board = make_board("F103xB", image=broken.ljust(128 * 1024 - 1))

    assert state_of(board) is State.APPLICATION
    assert Rig(board).console(SECOND_US) == b""


def test_boot0_counts_only_when_nrst_rises() -> None:
    board = make_board("F103xB", image=IMAGE)

    board.set_lines(Line.BOOT0, Line.BOOT0, 1_000)
    assert state_of(board) is State.APPLICATION
    board.set_lines(Line.NRST, Line(0), 2_000)
    assert state_of(board) is State.RESET
    board.set_lines(Line.NRST, Line.NRST, 3_000)
    assert state_of(board) is State.BOOTLOADER
    board.set_lines(Line.BOOT0, Line(0), 4_000)
    assert state_of(board) is State.BOOTLOADER


@pytest.mark.parametrize(
    ("chip", "options", "when_low", "when_high"),
    [
        ("F103xB", {}, State.APPLICATION, State.BOOTLOADER),
        ("F407", {}, State.APPLICATION, State.BOOTLOADER),
        ("F407", {"rdp": 2}, State.APPLICATION, State.APPLICATION),
        ("L476", {}, State.APPLICATION, State.BOOTLOADER),
        ("L476", {"option_bits": {"nBOOT1": 0}}, State.APPLICATION, State.DEAD),
        ("L071", {}, State.APPLICATION, State.BOOTLOADER),
        ("F042", {}, State.APPLICATION, State.BOOTLOADER),
        ("F042", {"option_bits": {"BOOT_SEL": 0}}, State.APPLICATION, State.APPLICATION),
        ("F042", {"option_bits": {"BOOT_SEL": 0, "nBOOT0": 0}}, State.BOOTLOADER, State.BOOTLOADER),
        ("G071", {}, State.APPLICATION, State.APPLICATION),
        ("G071", {"option_bits": {"nBOOT_SEL": 0}}, State.APPLICATION, State.BOOTLOADER),
        ("G071", {"option_bits": {"nBOOT0": 0}}, State.BOOTLOADER, State.BOOTLOADER),
        (
            "G071",
            {"option_bits": {"nBOOT_SEL": 0, "BOOT_LOCK": 1}},
            State.APPLICATION,
            State.APPLICATION,
        ),
        ("H743", {}, State.APPLICATION, State.BOOTLOADER),
        ("H743", {"option_bits": {"BOOT_ADD1": 0x0800}}, State.APPLICATION, State.APPLICATION),
        ("H743", {"option_bits": {"BOOT_ADD0": 0x1FF0}}, State.BOOTLOADER, State.BOOTLOADER),
        ("H743", {"option_bits": {"BOOT_ADD1": 0x2400}}, State.APPLICATION, State.DEAD),
    ],
)
def test_what_starts_is_decided_by_boot0_and_the_option_bytes(
    chip: str, options: dict[str, object], when_low: State, when_high: State
) -> None:
    assert state_after_reset(chip, boot0=False, image=IMAGE, **options) is when_low
    assert state_after_reset(chip, boot0=True, image=IMAGE, **options) is when_high


@pytest.mark.parametrize("chip", ["F042", "G071"])
def test_an_empty_chip_starts_its_bootloader_until_the_flag_is_refreshed(chip: str) -> None:
    board = make_board(chip)
    assert state_of(board) is State.BOOTLOADER  # BOOT0 is low, G071's nBOOT_SEL is 1
    rig = Rig(board)
    rig.wait(10_000)
    assert rig.ask(b"\x7f") == ACK
    for at in range(0, len(IMAGE), 256):
        rig.write(FLASH + at, IMAGE[at : at + 256])

    rig.reset(boot0=False)
    assert state_of(board) is State.BOOTLOADER

    board.power_cycle(rig.now_us)
    assert state_of(board) is State.APPLICATION


@pytest.mark.parametrize("chip", ["F103xB", "F407", "L071", "L476", "H743"])
def test_an_empty_chip_without_empty_check_is_dead(chip: str) -> None:
    assert make_board(chip).state is State.DEAD


def test_power_off_loses_ram_and_stops_everything() -> None:
    rig = Rig.synced(make_board("F103xB"))
    rig.write(0x2000_1000, b"abcd")

    rig.board.power_off(rig.now_us)
    assert state_of(rig.board) is State.OFF
    assert rig.ask(b"\x00\xff") == b""

    rig.board.power_on(rig.now_us)
    assert Rig.synced(rig.board).read(0x2000_1000, 4) == bytes(4)


def test_the_lines_can_be_sensed() -> None:
    board = make_board("F103xB", image=IMAGE)
    idle = Line.NRST | Line.TX | Line.RX

    assert board.sense(900) == idle
    assert board.sense(1_005) == idle & ~Line.RX  # the first start bit of the text
    board.set_lines(Line.BOOT0, Line.BOOT0, 500_000)
    assert board.sense(500_000) == idle | Line.BOOT0
    board.power_off(600_000)
    assert board.sense(600_000) == Line.BOOT0 | Line.TX
