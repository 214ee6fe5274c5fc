"""Followed logs on the virtual clock: at once after silence, in pieces while they flow, nothing lost."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import trio
from trio.testing import MockClock

from stmota_daemon.api_events import LogReader
from stmota_daemon.console_log import ConsoleLog, ConsoleLogs
from stmota_daemon.link import ClockMap
from stmota_daemon.log_pieces import LEAST_EVERY_S, PIECES_PER_S, FollowedLogs
from stmota_protocol.messages import Console
from stmota_protocol.steps import UartSettings

BOOT = bytes(8)
LINE = b"a line of sixteen bytes\r\n"
LINES = 1000
LINE_EVERY_S = 0.002


class Task:
    """As much of a bridge's task as a reader of its log asks for."""

    def __init__(self, log: ConsoleLog) -> None:
        self.log = log


class Board:
    """A board's log, and readers of it."""

    def __init__(self, directory: Path) -> None:
        self.logs = ConsoleLogs(directory)
        self.log = self.logs.of("00" * 8)
        self.log.begin(BOOT)
        self.followed = FollowedLogs()
        self.is_over = trio.Event()

    def reader(self, number: int = 0) -> LogReader:
        task = cast("Any", Task(self.log))
        return LogReader(task, self.logs, self.followed, 0, follow=True, number=number)

    def add_line(self, number: int) -> None:
        self.log.add([Console(number * len(LINE), 0, LINE)], ClockMap(0.0, 0.0), UartSettings())

    async def talk(self) -> None:
        for number in range(LINES):
            self.add_line(number)
            await trio.sleep(LINE_EVERY_S)

    async def read_all(self, first: int = 0) -> list[bytes]:
        """The pieces up to the last line."""
        reader, pieces = self.reader(first), list[bytes]()
        while not pieces or numbers_in(pieces)[-1] < LINES - 1:
            piece = await reader.pull()
            assert piece
            pieces.append(piece)
        return pieces


def numbers_in(pieces: list[bytes]) -> list[int]:
    return [int(number) for piece in pieces for number in re.findall(rb"id: (\d+)\n", piece)]


async def test_a_stream_of_lines_comes_in_few_pieces_a_second_and_none_is_lost(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    board = Board(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.talk)
        pieces = await board.read_all()
    assert numbers_in(pieces) == list(range(LINES))
    assert len(pieces) <= LINES * LINE_EVERY_S / LEAST_EVERY_S + 1


async def test_followers_that_keep_up_are_sent_the_very_same_pieces(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    board = Board(tmp_path)
    read: list[list[bytes]] = []

    async def follow(first: int) -> None:
        read.append(await board.read_all(first))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(follow, 0)
        nursery.start_soon(board.talk)
    assert all(numbers_in(pieces) == list(range(LINES)) for pieces in read)
    assert len({id(piece) for pieces in read for piece in pieces}) == len(read[0])


async def test_many_followers_share_a_budget_of_pieces(autojump_clock: MockClock, tmp_path: Path) -> None:
    board = Board(tmp_path)
    every_s = 0.5
    with ExitStack() as followers:
        for _ in range(int(every_s * PIECES_PER_S)):
            followers.enter_context(board.followed.one_more())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(board.talk)
            pieces = await board.read_all()
    assert numbers_in(pieces) == list(range(LINES))
    assert len(pieces) <= LINES * LINE_EVERY_S / every_s + 2


async def test_a_follower_far_behind_reads_what_is_stored_and_catches_up(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    board = Board(tmp_path)
    await board.talk()
    assert numbers_in(await board.read_all()) == list(range(LINES))


async def test_a_line_after_silence_comes_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    board = Board(tmp_path)
    reader = board.reader()
    for number in range(3):
        board.add_line(number)
        before_s = trio.current_time()
        assert await reader.pull()
        assert trio.current_time() == before_s
        await trio.sleep(LEAST_EVERY_S)
