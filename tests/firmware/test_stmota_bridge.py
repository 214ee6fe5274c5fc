"""`stmota-bridge`, the C core as a program: a board is flashed through it, and what it says to people."""

import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from real_lab import RealLab, real_lab
from sample_images import boot_output, make_image

HOST = Path(__file__).parents[2] / "bridge_firmware" / "host"
F103_FLASH = 128 * 1024
IMAGE = make_image(2048, text="through C")
BOOT_LINES = boot_output(IMAGE, "through C", F103_FLASH).decode().splitlines()


@pytest.fixture
def program(build: Callable[..., Path]) -> Path:
    return build("stmota-bridge", *sorted(HOST.glob("*.c")))


@pytest.fixture
def lab() -> Generator[RealLab, None, None]:
    with real_lab() as lab:
        yield lab


@contextmanager
def serving(program: Path, pty: str) -> Generator[int, None, None]:
    """Run it; yield its TCP port. It has to end in order, and to say nothing else."""
    command = [str(program), "--name", "lab", "--port", pty, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("lab listening on 127.0.0.1:")
            yield int(line.rpartition(":")[2])
            process.terminate()
            assert (process.stderr.read(), process.wait()) == ("", 0)
        finally:
            process.kill()


def test_a_board_is_flashed_through_the_c_bridge_like_through_any_other(program: Path, lab: RealLab) -> None:
    pty = lab.pty_board("board")
    lab.daemon()
    with serving(program, pty) as port:
        lab.add("lab", port)
        ended = lab.stmota("flash", "-b", "lab", lab.file("fw.bin", IMAGE))
        assert ended.code == 0, ended.err
        assert "lab: fw.bin: 2048 bytes at 0x08000000 in " in ended.out
        assert "verified, started, seen: " in ended.out
        follower = lab.start("logs", "-b", "lab", "-f")
        follower.wait_for_out(f"{BOOT_LINES[1]}\n")


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
    assert usage(program)[1].startswith("usage: stmota-bridge --name NAME --port PATH")
