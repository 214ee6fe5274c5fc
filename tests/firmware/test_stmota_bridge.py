"""`stmota-bridge`, the C core as a program: a board is flashed through it, and what it says to people."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from real_lab import RealLab, real_lab
from sample_images import SAMPLE_FIRMWARE, boot_output, make_image
from stmota_simulator.board_file import board_lines
from stmota_simulator.boards import make_board

DEMO = Path(__file__).parents[2] / "docs" / "demo.py"
F103_FLASH = 128 * 1024
IMAGE = make_image(2048, text="through C")
BOOT_LINES = boot_output(IMAGE, "through C", F103_FLASH).decode().splitlines()


@pytest.fixture
def program(stmota_bridge: Path) -> Path:
    return stmota_bridge


@pytest.fixture
def lab() -> Generator[RealLab, None, None]:
    with real_lab() as lab:
        yield lab


@contextmanager
def serving(program: Path, *uarts: str, count: int = 1) -> Generator[list[int], None, None]:
    """Run it; yield its TCP ports. It has to end in order, and to say nothing else."""
    command = [str(program), "--name", "lab", *uarts, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            lines = [process.stdout.readline() for _ in range(count)]
            names = [f"lab-{number}" for number in range(1, count + 1)] if count > 1 else ["lab"]
            assert [line.rpartition(" listening on 127.0.0.1:")[0] for line in lines] == names
            yield [int(line.rpartition(":")[2]) for line in lines]
            process.terminate()
            assert (process.stderr.read(), process.wait()) == ("", 0)
        finally:
            process.kill()


def test_a_board_is_flashed_through_the_c_bridge_like_through_any_other(program: Path, lab: RealLab) -> None:
    pty = lab.pty_board("board")
    lab.daemon()
    with serving(program, "--port", pty) as ports:
        lab.add("lab", *ports)
        ended = lab.stmota("flash", "-b", "lab", lab.file("fw.bin", IMAGE))
        assert ended.code == 0, ended.err
        assert "lab: fw.bin: 2048 bytes at 0x08000000 in " in ended.out
        assert "verified, started, seen: " in ended.out
        follower = lab.start("logs", "-b", "lab", "-f")
        follower.wait_for_out(f"{BOOT_LINES[1]}\n")


def test_the_whole_of_the_demo_goes_through_the_c_bridge(stmota_bridge: Path) -> None:
    """As docs/demo.py plays it: a real image, verified, started, and what the board says of it followed."""
    with tempfile.TemporaryDirectory(prefix="demo-") as place:  # a short name, for the sockets in it
        ended = subprocess.run(
            [sys.executable, DEMO, "demo-c", "--through", str(stmota_bridge)],
            env=os.environ | {"TMPDIR": place},
            check=False,
            capture_output=True,
            text=True,
        )
        assert list(Path(place).iterdir()) == []
    assert ended.returncode == 0, ended.stdout + ended.stderr
    size = SAMPLE_FIRMWARE.stat().st_size
    flashed = rf"^demo-c: sample_f103xb\.bin: {size} bytes .* verified, started"
    assert re.search(flashed, ended.stdout, re.MULTILINE)
    assert re.search(r"^20\S+ up [0-9]+ s$", ended.stdout, re.MULTILINE)
    assert "The board holds what was sent: CRC-32 0x" in ended.stdout


@pytest.mark.parametrize(("chip", "baud"), [("G431", 921_600), ("F103xB", 115_200)])
def test_virtual_boards_of_one_process_are_flashed_at_once(
    chip: str, baud: int, program: Path, lab: RealLab
) -> None:
    described = lab.file("board.txt", "\n".join(board_lines(make_board(chip))).encode())
    lab.daemon()
    with serving(program, "--board", described, "--count", "2", count=2) as ports:
        image = lab.file("fw.bin", IMAGE)
        for number, port in enumerate(ports, 1):
            lab.add(f"lab-{number}", port)
        flashes = [
            lab.start("flash", "-b", f"lab-{number}", "--baud", str(baud), image)
            for number in range(1, len(ports) + 1)
        ]
        for flash in flashes:
            ended = flash.wait()
            assert ended.code == 0, ended.err
            assert 'verified, started, seen: "through C"' in ended.out


def usage(program: Path, *options: str) -> tuple[int, str]:
    ended = subprocess.run([program, *options], check=False, capture_output=True, text=True)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_what_cannot_be_served_is_said(program: Path) -> None:
    at = ("--name", "lab", "--port", "/dev/no-such-port")
    assert usage(program, *at) == (
        1,
        "error: /dev/no-such-port: no such port; is the adapter plugged in?\n",
    )
    assert usage(program, *at, "--reset", "cts") == (
        2,
        "error: --reset and --boot0 can be rts, dtr, !rts or !dtr\n",
    )
    assert usage(program, *at, "--reset", "rts", "--boot0", "!rts")[0] == 2
    assert usage(program, *at, "--console", "fast")[0] == 2
    assert usage(program)[1].startswith("usage: stmota-bridge --name NAME (--port PATH | --board FILE")
