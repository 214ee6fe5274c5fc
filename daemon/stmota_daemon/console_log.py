"""The console log of one board: what its UART said, stored before the bridge may forget it.

Readers keep their own place, by record number, and read from what is stored: a slow one holds up nobody.
"""

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.console_lines import Line, LineSplitter
from stmota_daemon.link import ClockMap
from stmota_daemon.log_segments import LogSegments, StoredLine
from stmota_protocol.api import LogRecord
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import UartSettings

logger = logging.getLogger(__name__)

QUIET_S = 0.25
"""A prompt has no line end: what is pending is shown after this much silence, before a person wonders."""
MAX_TAIL = 1000
"""Newest records kept in memory, so that followers who keep up read no file."""
PAGE = 500
"""Records one read returns at most."""


class ConsoleLog:
    """One board's log; used by one task that adds and any number that read."""

    def __init__(self, segments: LogSegments) -> None:
        self._segments = segments
        self._boot = segments.boot
        self._splitter = LineSplitter(segments.end)
        self._tail: deque[LogRecord] = deque(maxlen=MAX_TAIL)
        self._unwritten: list[Line] = []
        self._bell = Bell()
        self._fed = Bell()

    @property
    def next_number(self) -> int:
        """Number of the next record."""
        return self._segments.next_number

    @property
    def first_number(self) -> int:
        """Number of the oldest record that is still stored."""
        return self._segments.first_number

    @property
    def safe_position(self) -> int:
        """All console bytes of this boot before it are stored."""
        if self._boot != self._segments.boot:
            return 0
        return self._segments.end or 0

    def resume_position(self, boot_id: bytes) -> int:
        """Return the first console position wanted of a bridge that is at this boot."""
        if boot_id.hex() != self._boot:
            return 0
        return self._splitter.next_position or 0

    def begin(self, boot_id: bytes) -> None:
        """A bridge is connected: its positions are those of this boot."""
        boot = boot_id.hex()
        if boot == self._boot:
            return
        self.flush()
        # The very first contact: what the bridge's ring lost before is nothing this log ever promised.
        self._splitter = LineSplitter(None if self._boot is None else 0)
        self._boot = boot
        self._unwritten.clear()  # of the old boot, and refused by the disk a moment ago

    def add(self, messages: Sequence[Console | ConsoleGap], clock: ClockMap, settings: UartSettings) -> None:
        """Take what a link brought; whole lines are written before this returns, in one piece."""
        byte_s = settings.bits_per_byte / settings.baud
        lines: list[Line] = []
        for message in messages:
            if isinstance(message, ConsoleGap):
                lines += self._splitter.gap(message.position, message.length)
            else:
                at_s = clock.unix_s(message.at_us)
                lines += self._splitter.feed(message.position, at_s, byte_s, message.data)
        self._write(lines)
        self._fed.ring()

    def flush(self) -> None:
        """Write what is pending as a part of a line."""
        self._write(self._splitter.flush())

    async def flush_when_quiet(self) -> None:
        """For ever: write what is pending once nothing came for `QUIET_S`; return after each time it did."""
        while not self._splitter.has_pending:
            await self._fed.wait()
        while True:
            with trio.move_on_after(QUIET_S) as quiet:
                await self._fed.wait()
            if quiet.cancelled_caught:
                self.flush()
                return

    def since(self, number: int, limit: int = PAGE) -> list[LogRecord]:
        """Return stored records from `number` on, at most `limit`. Records that are gone are skipped."""
        if self._tail and number >= self._tail[0].number:
            start = number - self._tail[0].number
            return [self._tail[index] for index in range(start, min(start + limit, len(self._tail)))]
        try:
            stored = self._segments.read(number, limit)
        except OSError as error:
            logger.warning("the log cannot be read: %s", error)
            return []
        return [_record(line) for line in stored]

    async def wait_beyond(self, number: int) -> None:
        """Return when record `number` exists."""
        while self.next_number <= number:
            await self._bell.wait()

    def _write(self, lines: list[Line]) -> None:
        """Store lines. What cannot be written now is tried again with the next; the bridge keeps it, too."""
        self._unwritten += lines
        if not self._unwritten or self._boot is None:
            return
        stored = [
            StoredLine(
                n=0, at=line.at_s, text=line.text, end=line.end, part=not line.complete, lost=line.lost
            )
            for line in self._unwritten
        ]
        try:
            written = self._segments.append(self._boot, stored)
        except OSError as error:
            logger.error("the console log cannot be written: %s", error)  # noqa: TRY400  # no bug of ours
            del self._unwritten[:-MAX_TAIL]
            return
        self._unwritten.clear()
        self._tail.extend(_record(line) for line in written)
        self._bell.ring()


class ConsoleLogs:
    """The logs of all boards, by the bridge's id in hex."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, tuple[ConsoleLog, LogSegments]] = {}

    def of(self, bridge_id: str) -> ConsoleLog:
        """Return the log of a bridge; one is begun if there is none. Raises OSError."""
        if bridge_id not in self._open:
            segments = LogSegments(self._directory / bytes.fromhex(bridge_id).hex())
            self._open[bridge_id] = (ConsoleLog(segments), segments)
        return self._open[bridge_id][0]

    def close(self) -> None:
        """Write what is pending and release all files."""
        for log, segments in self._open.values():
            log.flush()
            segments.close()
        self._open.clear()


def _record(line: StoredLine) -> LogRecord:
    return LogRecord(number=line.n, at=line.at, text=line.text, complete=not line.part, lost=line.lost)
