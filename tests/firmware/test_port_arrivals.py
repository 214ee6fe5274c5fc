"""When received bytes came: the ESP32 port's bookkeeping of its UART's interrupts."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
BYTE_NS = 10_850  # 8N1 at 921600 baud
Answers = Callable[..., list[str]]


@pytest.fixture(scope="module")
def answers(build: Callable[..., Path]) -> Answers:
    sources = (
        FIRMWARE / "components" / "bridge_port" / "port_arrivals.c",
        FIRMWARE / "host_test" / "arrivals_tool.c",
    )
    program = build("arrivals_tool", *sources)

    def ask(*lines: str) -> list[str]:
        given = "\n".join([str(BYTE_NS), *lines])
        return subprocess.check_output([program], input=given, text=True).splitlines()

    return ask


def test_a_byte_that_raised_the_interrupt_came_then(answers: Answers) -> None:
    assert answers("add 1000 1 0", "take 256") == ["1 1000"]


def test_the_first_of_a_full_fifo_is_reckoned_back(answers: Answers) -> None:
    assert answers("add 10000 32 0", "take 256") == [f"32 {10000 - 31 * BYTE_NS // 1000}"]


def test_the_silence_that_raised_the_interrupt_is_reckoned_back_too(answers: Answers) -> None:
    assert answers("add 10000 5 10", "take 256") == [f"5 {10000 - 4 * BYTE_NS // 1000 - 10}"]


def test_bytes_at_the_pace_of_the_line_are_one_burst(answers: Answers) -> None:
    assert answers("add 10000 32 0", "add 10347 32 0", "take 256", "take 256") == ["64 9664", "0"]


def test_bytes_after_a_pause_are_a_burst_of_their_own(answers: Answers) -> None:
    assert answers("add 1000 1 0", "add 2200 1 0", "take 256", "take 256", "take 256") == [
        "1 1000",
        "1 2200",
        "0",
    ]


def test_small_pauses_do_not_add_up_to_a_wrong_time(answers: Answers) -> None:
    # Each byte is 100 µs later than the pace: the third is 300 µs off the first's.
    lines = [f"add {1000 + 111 * n} 1 0" for n in range(4)]
    assert answers(*lines, "take 256", "take 256") == ["2 1000", "2 1222"]


def test_what_is_left_of_a_burst_keeps_its_time(answers: Answers) -> None:
    first = 10000 - 31 * BYTE_NS // 1000
    assert answers("add 10000 32 0", "take 10", "take 256") == [
        f"10 {first}",
        f"22 {first + 10 * BYTE_NS // 1000}",
    ]


def test_more_bursts_than_there_is_room_for_lose_their_time_and_no_bytes(answers: Answers) -> None:
    lines = [f"add {1000 + 5000 * n} 1 0" for n in range(40)]
    taken = answers(*lines, *["take 256"] * 33)
    assert taken[-1] == "0"
    assert sum(int(line.split()[0]) for line in taken) == 40
    assert taken[31] == f"9 {1000 + 5000 * 31}"


def test_an_interrupt_without_bytes_is_none(answers: Answers) -> None:
    assert answers("add 1000 0 0", "take 256") == ["0"]
