"""`make demo` does what it says, and leaves nothing running however it ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample_images import SAMPLE_FIRMWARE

DEMO = Path(__file__).parents[2] / "docs" / "demo.py"
COMMAND = (sys.executable, str(DEMO))
WITHIN_S = 120.0
"""A hang's end; it takes 20 s."""
PROCESSES = Path("/proc")

needs_proc = pytest.mark.skipif(not PROCESSES.is_dir(), reason="finds processes by /proc")


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo keeps its directory: short, for the sockets in it."""
    path = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


def start(place: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def own_network() -> tuple[str, ...]:
    """How to run a command with a loopback of its own, where nobody else announces; nothing if it cannot."""
    prefix = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return ()
    possible = subprocess.run((*prefix, "true"), capture_output=True, timeout=WITHIN_S, check=False)
    return prefix if possible.returncode == 0 else ()


def processes_of(place: Path) -> dict[int, str]:
    """Ids and command lines of all processes whose environment names the place."""
    found: dict[int, str] = {}
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if str(place).encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def read_until(demo: subprocess.Popen[str], text: str) -> None:
    assert demo.stdout is not None
    while text not in demo.stdout.readline():
        assert demo.poll() is None


@needs_proc
@pytest.mark.usefixtures("alone_on_mdns")
def test_the_demo_finds_flashes_and_follows_a_board_and_leaves_nothing_behind(place: Path) -> None:
    name = f"demo-{os.getpid()}"
    with start(place, *own_network(), *COMMAND, name) as demo:
        output, errors = demo.communicate(timeout=WITHIN_S)
    assert demo.returncode == 0, output + errors
    size = SAMPLE_FIRMWARE.stat().st_size
    assert re.search(rf"^{name}: sample_f103xb\.bin: {size} bytes .* verified, started", output, re.MULTILINE)
    assert re.search(r"^flash crc32 0x[0-9a-f]{8}$", output, re.MULTILINE)
    assert re.search(r"^20\S+ up [0-9]+ s$", output, re.MULTILINE)
    assert (processes_of(place), list(place.iterdir())) == ({}, [])


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(place: Path, number: signal.Signals) -> None:
    with start(place, *COMMAND, f"demo-{os.getpid()}") as demo:
        read_until(demo, "stmotad")
        demo.send_signal(number)
        _, errors = demo.communicate(timeout=WITHIN_S)
    assert (demo.returncode, errors) == (130, "demo interrupted\n")
    assert (processes_of(place), list(place.iterdir())) == ({}, [])


@needs_proc
def test_a_demo_whose_bridge_dies_says_so_and_leaves_nothing_behind(place: Path) -> None:
    with start(place, *COMMAND, f"demo-{os.getpid()}") as demo:
        read_until(demo, "stmotad")
        (bridge,) = [pid for pid, command in processes_of(place).items() if " sim bridge " in command]
        os.kill(bridge, signal.SIGKILL)
        _, errors = demo.communicate(timeout=WITHIN_S)
    assert demo.returncode == 1
    assert "demo failed: stmota sim bridge --name demo-" in errors
    assert (processes_of(place), list(place.iterdir())) == ({}, [])
