"""How the ESP32's port feeds its UART: never far ahead, never dry."""

import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
FIFO_BYTES = 128
LATE_US = 100  # what else may run before the engine: interrupts
Ask = Callable[[str], list[int]]


@pytest.fixture(scope="module")
def program(build: Callable[..., Path]) -> Path:
    return build(
        "pace_tool",
        FIRMWARE / "components" / "bridge_port" / "port_pace.c",
        FIRMWARE / "host_test" / "pace_tool.c",
    )


@contextmanager
def asking(program: Path) -> Generator[Ask]:
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        given, told = process.stdin, process.stdout
        assert given is not None
        assert told is not None

        def ask(line: str) -> list[int]:
            given.write(line + "\n")
            return [int(word) for word in told.readline().split()]

        yield ask
        given.close()


@pytest.mark.parametrize(
    ("uart", "burst", "silence_us", "most_waiting"),
    [
        ("1200 8 1 1", 1, 9166, 2),
        ("115200 8 0 1", 1, 86, 4),
        ("115200 8 1 1", 1, 95, 4),
        ("230400 8 1 1", 7, 47, 8),
        ("921600 8 1 1", 29, 11, 33),
        ("3000000 8 0 1", 64, 3, 119),
    ],
)
def test_what_raises_an_interrupt_and_how_much_waits_follow_from_the_baud(
    program: Path, uart: str, burst: int, silence_us: int, most_waiting: int
) -> None:
    with asking(program) as ask:
        assert ask(f"set {uart}") == [burst, silence_us, most_waiting]


@pytest.mark.parametrize("baud", [9600, 115200, 460800, 921600, 3000000])
def test_a_page_leaves_at_the_lines_pace_and_never_more_than_400_us_ahead(program: Path, baud: int) -> None:
    """2 KiB, 8E1, by an engine that wakes up late."""
    byte_us = Fraction(11 * 1_000_000, baud)
    left, now_us, empty_at_us = 2048, 1_000_000, Fraction(1_000_000)
    with asking(program) as ask:
        [_burst, _silence, most_waiting] = ask(f"set {baud} 8 1 1")
        while left > 0:
            [room] = ask(f"room {now_us}")
            written = min(room, left)
            if left < 2048:
                assert empty_at_us > now_us, "the FIFO ran dry"
            empty_at_us = max(empty_at_us, Fraction(now_us)) + written * byte_us
            waiting = (empty_at_us - now_us) / byte_us
            assert waiting <= most_waiting + 1 <= FIFO_BYTES
            ask(f"wrote {now_us} {written} {left}")
            left -= written
            [due_us] = ask(f"due {now_us}")
            assert (due_us == -1) == (left == 0)
            if left > 0:
                now_us = max(due_us, now_us + 1) + LATE_US
        [sent_us] = ask(f"wrote {now_us} 0 0")
    assert 0 <= sent_us - empty_at_us < 4  # a nanosecond a byte, and a microsecond


def test_what_is_due_is_told_once(program: Path) -> None:
    with asking(program) as ask:
        ask("set 115200 8 1 1")
        ask("wrote 1000 10 256")
        [due_us] = ask("due 1000")
        assert due_us == 1000 + 8 * 95_487 // 1000
        assert ask(f"due {due_us}") == [due_us]
        assert ask(f"due {due_us + 1}") == [-1]
