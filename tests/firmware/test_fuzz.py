"""The session fuzzer: its corpus, its finds by name, and a short run with the same executions every time.

To fuzz for longer: bridge_firmware/README.md.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HOST_TEST = Path(__file__).parents[2] / "bridge_firmware" / "host_test"
SOURCES = tuple(
    HOST_TEST / name
    for name in ("fuzz_session.c", "fuzz_messages.c", "bench.c", "fake_keeping.c", "fake_port.c")
)
CORPUS = sorted((HOST_TEST / "corpus").glob("*.bin"))
FINDS = sorted((HOST_TEST / "finds").glob("*.bin"))
EXECUTIONS = 3000
"""Three seconds or so."""


@pytest.fixture
def fuzzer(build: Callable[..., Path]) -> Path:
    return build("fuzz_session", *SOURCES, core_flags=("-fsanitize-coverage=trace-pc",))


def play(fuzzer: Path, folder: Path, *arguments: str | Path) -> list[int]:
    """Run it; return inputs, executions, what reached new code, edges. What it finds stays in the folder."""
    finished = subprocess.run([fuzzer, *arguments], check=False, capture_output=True, text=True, cwd=folder)
    found = folder / "found.bin"
    assert finished.returncode == 0, f"{finished.stderr}\n{found.read_bytes().hex()}"
    return [int(word) for word in finished.stdout.replace(",", "").split() if word.isdigit()]


def test_the_corpus_and_what_comes_of_it_break_nothing(fuzzer: Path, tmp_path: Path) -> None:
    inputs, executions, reached, edges = play(fuzzer, tmp_path, "-n", str(EXECUTIONS), *CORPUS)
    assert (inputs, executions) == (len(CORPUS), EXECUTIONS)
    assert inputs > 40
    assert reached < EXECUTIONS
    assert edges > 1700  # with what settings, updates and secure mode take


@pytest.mark.parametrize("known", [*CORPUS, *FINDS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_known_stays_harmless(known: Path, fuzzer: Path, tmp_path: Path) -> None:
    """One by one; in `finds` each input is named after what it broke once."""
    assert play(fuzzer, tmp_path, known)[0] == 1
