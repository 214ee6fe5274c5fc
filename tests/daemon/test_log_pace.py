"""A followed log on the virtual clock: at once after silence, in pieces while it flows, nothing lost."""

from pathlib import Path
from typing import Any, cast

import trio
from trio.testing import MockClock

from stmota_daemon.api_events import FOLLOWED_EVERY_S, LogReader
from stmota_daemon.console_log import ConsoleLog, ConsoleLogs
from stmota_daemon.link import ClockMap
from stmota_protocol.messages import Console
from stmota_protocol.steps import UartSettings

BOOT = bytes(8)
LINE = b"a line of sixteen bytes\r\n"


class Task:
    """As much of a bridge's task as a reader of its log asks for."""

    def __init__(self, log: ConsoleLog) -> None:
        self.log = log


def log_and_reader(directory: Path) -> tuple[ConsoleLog, LogReader]:
    logs = ConsoleLogs(directory)
    log = logs.of("00" * 8)
    log.begin(BOOT)
    return log, LogReader(cast("Any", Task(log)), logs, 0, follow=True, number=0)


def add_line(log: ConsoleLog, number: int) -> None:
    log.add(Console(number * len(LINE), 0, LINE), ClockMap(0.0, 0.0), UartSettings())


async def test_a_stream_of_lines_comes_in_few_pieces_a_second_and_none_is_lost(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    log, reader = log_and_reader(tmp_path)
    numbers: list[int] = []
    pieces = 0
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + 60

        async def talk() -> None:
            for number in range(1000):
                add_line(log, number)
                await trio.sleep(0.002)

        nursery.start_soon(talk)
        while len(numbers) < 1000:
            records = await reader.pull()
            assert records is not None
            numbers += [number for number, _ in records]
            pieces += 1
    assert numbers == list(range(1000))
    assert pieces <= 2.0 / FOLLOWED_EVERY_S + 1


async def test_a_line_after_silence_comes_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    log, reader = log_and_reader(tmp_path)
    for number in range(3):
        add_line(log, number)
        before_s = trio.current_time()
        assert await reader.pull()
        assert trio.current_time() == before_s
        await trio.sleep(FOLLOWED_EVERY_S)
