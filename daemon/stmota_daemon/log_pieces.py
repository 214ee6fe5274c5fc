"""A board's log as it is sent to all who follow it: in few pieces a second, each encoded once."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import trio

from stmota_daemon.console_log import PAGE, ConsoleLog
from stmota_daemon.event_stream import events_bytes

LEAST_EVERY_S = 0.125
"""Between two pieces of one board's log: nobody reads faster."""
PIECES_PER_S = 1250
"""To all followers of all boards together: each costs some 0.2 ms whatever its length, and a daemon that
sends logs has flashes to do as well. Up to 156 followers see eight pieces a second, 640 one every 0.51 s."""


class LogPieces:
    """One board's log in pieces. Readers keep their own place; those that keep up share the newest piece."""

    def __init__(self, log: ConsoleLog, every_s: Callable[[], float]) -> None:
        self.log = log
        self._every_s = every_s
        self._next_s = float("-inf")
        self._first = self._next = -1
        self._piece = b""

    def take(self, number: int) -> tuple[bytes, int]:
        """Return stored records from `number` on as events, and the number to go on with."""
        if number == self._first:
            return self._piece, self._next
        is_behind = number < self._next  # and is brought to where the others are, to go on with them
        records = self.log.since(number, min(PAGE, self._next - number) if is_behind else PAGE)
        piece = events_bytes((record.number, record) for record in records)
        following = records[-1].number + 1 if records else max(number, self.log.next_number)
        if records and not is_behind and following == self.log.next_number:
            self._first, self._next, self._piece = number, following, piece
            self._next_s = trio.current_time() + self._every_s()
        return piece, following

    async def wait_for_turn(self, number: int) -> None:
        """Return when a reader at `number` may be given more: at once where it is behind the newest piece."""
        if number >= self._next:
            await trio.sleep_until(self._next_s)


class FollowedLogs:
    """The pieces of all boards' logs, and how many readers follow."""

    def __init__(self) -> None:
        self._followers = 0
        self._pieces: WeakKeyDictionary[ConsoleLog, LogPieces] = WeakKeyDictionary()

    @contextmanager
    def one_more(self) -> Generator[None]:
        """While the body runs one more reader follows."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    def of(self, log: ConsoleLog) -> LogPieces:
        """Return the pieces of a board's log."""
        if log not in self._pieces:
            self._pieces[log] = LogPieces(log, self._every_s)
        return self._pieces[log]

    def _every_s(self) -> float:
        return max(LEAST_EVERY_S, self._followers / PIECES_PER_S)
