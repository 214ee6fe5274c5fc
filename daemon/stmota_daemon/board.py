"""The board that a running job sees: its bridge's link as the connector keeps it, and its log."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import trio

from stmota_daemon.connector import Connector
from stmota_daemon.console_log import ConsoleLog
from stmota_daemon.link import Link
from stmota_daemon.tracing import Tracing
from stmota_daemon.work import Board, WorkFailed
from stmota_protocol.api import Job, LogRecord, Problem
from stmota_protocol.chips import Chip
from stmota_protocol.steps import UartSettings

RESUMED_WITHIN_S = 120.0
"""A machine that comes up again after a power cut may be there before its network and the bridge."""


class JobBoard(Board):
    """One bridge, for the time of one job."""

    def __init__(
        self,
        job: Job,
        console: UartSettings,
        known_chip: Chip | None,
        connector: Connector,
        *,
        log: Callable[[], ConsoleLog | None],
        problem: Callable[[], Problem],
        tracing: Tracing | None,
    ) -> None:
        """`job`: one that an earlier daemon had begun waits as one whose link was lost."""
        self.name = job.bridge
        self.console = console
        self.known_chip = known_chip
        self._connector = connector
        self._log = log
        self._problem = problem
        self._tracing = tracing
        self._is_resumed = job.restarts > 0
        self._last: Link | None = None

    async def link(self, within_s: float) -> Link:
        """Return a working link. Raises `WorkFailed` when there is none in time."""
        is_first = self._last is None and not self._is_resumed
        within_s = max(within_s, RESUMED_WITHIN_S) if self._is_resumed else within_s
        link = await self._connector.wait_for_link(within_s, not_this=self._last, gives_up_early=is_first)
        if link is None:
            raise WorkFailed(self._problem())
        self._last = link
        return link if self._tracing is None else self._tracing.link(link)

    def log_mark(self) -> int:
        """A mark in the log: now."""
        log = self._log()
        if log is None:
            return 0
        self._connector.take_console()
        log.flush()
        return log.next_number

    async def log_pieces(self, mark: int) -> AsyncGenerator[LogRecord]:
        """Yield the records logged since the mark; ends at once where there is no log."""
        log = self._log()
        while log is not None:
            await log.wait_beyond(mark)
            records = log.since(mark)
            mark = records[-1].number + 1 if records else log.next_number
            for record in records:
                yield record

    async def log_text_since(self, mark: int, within_s: float) -> str | None:
        """The first non-empty line logged since the mark; None when there was none in time."""
        text = ""
        with trio.move_on_after(within_s):
            async with aclosing(self.log_pieces(mark)) as pieces:
                async for record in pieces:
                    text += record.text
                    if record.complete and text.strip():
                        return text.strip()
        return text.strip() or None
