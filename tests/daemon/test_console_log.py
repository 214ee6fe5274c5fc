import os
from pathlib import Path

import pytest
import trio
import trio.testing

from stmota_daemon.console_log import MAX_TAIL, PAGE, QUIET_S, ConsoleLog, ConsoleLogs
from stmota_daemon.link import ClockMap
from stmota_daemon.log_segments import LogSegments
from stmota_protocol.api import LogRecord
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import UartSettings

BOOT = bytes(7) + b"\x01"
OTHER_BOOT = bytes(7) + b"\x02"
CLOCK = ClockMap(offset_s=1000.0, round_trip_s=0.0)
UART = UartSettings(10_000)  # 10 bits a byte: one each ms


def open_log(path: Path, boot: bytes = BOOT) -> ConsoleLog:
    log = ConsoleLog(LogSegments(path))
    log.begin(boot)
    return log


def say(log: ConsoleLog, position: int, data: bytes, at_us: int = 0) -> None:
    log.add([Console(position, at_us, data)], CLOCK, UART)


def texts(log: ConsoleLog, number: int = 0) -> list[str]:
    return [record.text for record in log.since(number)]


def test_whole_lines_are_stored_and_safe_at_once_and_the_rest_is_not(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    say(log, 0, b"one\ntwo\nthr", 2_000_000)
    assert log.safe_position == 8
    assert texts(open_log(tmp_path)) == ["one", "two"]
    assert log.since(0)[1] == LogRecord(number=1, at=1002.004, text="two", complete=True)


def test_a_restarted_daemon_wants_what_it_had_not_stored_and_drops_what_it_had(tmp_path: Path) -> None:
    say(open_log(tmp_path), 0, b"one\ntwo\nthr")
    log = ConsoleLog(LogSegments(tmp_path))
    assert log.resume_position(BOOT) == 8
    log.begin(BOOT)
    say(log, 4, b"two\nthree\n")
    assert texts(log) == ["one", "two", "three"]


def test_a_reconnection_goes_on_behind_the_last_byte_that_came(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    say(log, 0, b"one\nhal")
    assert log.resume_position(BOOT) == 7
    log.begin(BOOT)
    say(log, 7, b"f\n")
    assert texts(log) == ["one", "half"]


def test_another_boot_begins_at_its_first_byte(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    say(log, 0, b"one\nhalf")
    assert log.resume_position(OTHER_BOOT) == 0
    log.begin(OTHER_BOOT)
    assert log.safe_position == 0
    say(log, 0, b"again\n")
    assert [(record.text, record.complete, record.lost) for record in log.since(0)] == [
        ("one", True, 0),
        ("half", False, 0),
        ("again", True, 0),
    ]
    assert log.safe_position == 6


def test_what_a_ring_lost_is_told_but_not_what_came_before_this_log_began(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.add([ConsoleGap(0, 5000)], CLOCK, UART)
    say(log, 5000, b"first\n")
    log.add([ConsoleGap(5006, 10)], CLOCK, UART)
    say(log, 5016, b"later\n")
    assert [(record.text, record.lost) for record in log.since(0)] == [("first", 0), ("later", 10)]


async def test_a_prompt_is_shown_after_a_moment_of_silence(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    log = open_log(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.flush_when_quiet)
        await trio.sleep(5)
        for position in range(3):
            say(log, position, b"login:"[position : position + 1])
            await trio.sleep(QUIET_S * 0.9)
        assert texts(log) == []
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(QUIET_S * 0.1)
    assert log.since(0) == [LogRecord(number=0, at=1000.0, text="log", complete=False)]
    assert log.safe_position == 3


async def test_a_follower_reads_on_while_it_is_written(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    seen: list[str] = []

    async def follow() -> None:
        number = 0
        while len(seen) < 3:
            await log.wait_beyond(number)
            for record in log.since(number):
                seen.append(record.text)
                number = record.number + 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        for position, data in ((0, b"a\nb\n"), (4, b"c\n")):
            await trio.testing.wait_all_tasks_blocked()
            say(log, position, data)
    assert seen == ["a", "b", "c"]


def test_a_follower_that_fell_far_behind_reads_from_the_files(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    position = 0
    for number in range(2 * MAX_TAIL):
        data = b"%d\n" % number
        say(log, position, data)
        position += len(data)
    seen: list[str] = []
    while len(seen) < 2 * MAX_TAIL:
        page = texts(log, len(seen))
        assert 0 < len(page) <= PAGE
        seen += page
    assert seen == [str(number) for number in range(2 * MAX_TAIL)]


def test_what_cannot_be_written_is_not_safe_and_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)

    def full_disk(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_disk)
        say(log, 0, b"one\n")
    assert log.safe_position == 0
    assert texts(log) == []
    say(log, 4, b"two\n")
    assert texts(log) == ["one", "two"]
    assert log.safe_position == 8


def test_logs_are_kept_by_the_bridges_id_and_flushed_at_the_end(tmp_path: Path) -> None:
    logs = ConsoleLogs(tmp_path)
    log = logs.of("00" * 8)
    assert logs.of("00" * 8) is log
    log.begin(BOOT)
    say(log, 0, b"last words")
    logs.close()
    assert texts(ConsoleLogs(tmp_path).of("00" * 8)) == ["last words"]
    with pytest.raises(ValueError, match="hex"):
        logs.of("../etc")
