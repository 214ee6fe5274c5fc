"""An independent tool, stm32flash, at simulated boards over a pty, in real time."""

import os
import re
import select
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sample_images import make_image

pytestmark = pytest.mark.foreign("stm32flash")

IMAGE = make_image(2048, text="flashed by another tool", heartbeat_ms=100)
RUN_WITHIN_S = 60.0
MOST_BYTES = 4096
"""Many heartbeats; garbage never ends."""


@pytest.fixture
def stm32flash(foreign_tool: Callable[[str], Path]) -> Callable[..., str]:
    """Run stm32flash at a pty; returns what it printed."""
    tool = foreign_tool("stm32flash")

    def run(*arguments: object, code: int = 0) -> str:
        command = [str(tool), "-m", "8n1", "-b", "115200", *map(str, arguments)]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False)
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    return run


def read_until(path: Path, wanted: re.Pattern[bytes]) -> None:
    """Read what the pty brings until `wanted` is there; fails when nothing or something else comes."""
    fd = os.open(path, os.O_RDONLY | os.O_NOCTTY)
    got = b""
    try:
        while not wanted.search(got):
            readable, _, _ = select.select([fd], [], [], RUN_WITHIN_S)
            assert readable, f"only {got!r} came"
            got += os.read(fd, 4096)
            assert len(got) < MOST_BYTES, f"only {got!r} came"
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("chip", "kib", "erased", "device"),
    [
        ("F103xB", 128, 0xFF, "Device ID    : 0x0410 (STM32F10xxx Medium-density)"),
        ("F407", 1024, 0xFF, "Device ID    : 0x0413 (STM32F40xxx/41xxx)"),
        ("L071", 192, 0x00, "Device ID    : 0x0447 (STM32L07xxx/08xxx)"),
        ("F207", 1024, 0xFF, "Device ID    : 0x0411"),
        ("F303xC", 256, 0xFF, "Device ID    : 0x0422"),
        ("F746", 1024, 0xFF, "Device ID    : 0x0449"),
        ("G071", 128, 0xFF, "Device ID    : 0x0460"),
        ("G431", 128, 0xFF, "Device ID    : 0x0468"),
        ("L152xB", 128, 0x00, "Device ID    : 0x0416"),
        ("L432", 256, 0xFF, "Device ID    : 0x0435"),
    ],
)
def test_stm32flash_writes_verifies_reads_back_and_starts(
    chip: str,
    kib: int,
    erased: int,
    device: str,
    tmp_path: Path,
    sim: Callable[..., Any],
    stm32flash: Callable[..., str],
) -> None:
    image, back, board = tmp_path / "fw.bin", tmp_path / "back.bin", tmp_path / "board"
    image.write_bytes(IMAGE)
    running = sim("board", "--pty", str(board), "--chip", chip)
    assert running.line() == f"STM32{chip} in its bootloader on {board}"

    printed = stm32flash("-w", image, "-v", board)
    assert device in printed
    assert "Wrote and verified address 0x08000800 (100.00%)" in printed
    stm32flash("-c", "-r", back, "-S", f"0x08000000:{len(IMAGE)}", board)
    assert back.read_bytes() == IMAGE
    stm32flash("-c", "-g", "0", board)

    crc = zlib.crc32(IMAGE.ljust(kib * 1024, bytes([erased])))
    assert running.line() == f"application at 0x08000000 by GO: flash crc32 0x{crc:08x}"
    read_until(
        board, re.compile(rb"up \d+ s\r\n")
    )  # the boot text may be flushed away when the tool closes the pty
    assert running.end() == (0, "", "")
    assert not os.path.lexists(board)


def test_stm32flash_turns_protection_on_and_off(
    tmp_path: Path, sim: Callable[..., Any], stm32flash: Callable[..., str]
) -> None:
    """On an F042, whose ROM resets the chip after each change and is there again 60 us later."""
    image, back, board = tmp_path / "fw.bin", tmp_path / "back.bin", tmp_path / "board"
    image.write_bytes(IMAGE)
    running = sim("board", "--pty", str(board), "--chip", "F042", "--flash", str(image))
    assert running.line() == f"STM32F042 in its bootloader on {board}"
    reading = ("-r", back, "-S", f"0x08000000:{len(IMAGE)}", board)

    stm32flash(*reading)
    assert back.read_bytes() == IMAGE
    assert "Read-Protecting flash\nDone." in stm32flash("-j", board)
    assert "Failed to read memory at address 0x08000000" in stm32flash(*reading, code=1)
    assert "Read-UnProtecting flash\nDone." in stm32flash("-k", board)
    stm32flash(*reading)
    assert back.read_bytes() == b"\xff" * len(IMAGE)
    assert "Write-unprotecting flash\nDone." in stm32flash("-u", board)
    assert running.end() == (0, "", "")
