"""What a job's coroutine is given, and how it fails.

The work itself (`flash.py`, `inspect.py`) is straight-line code over these; queue, store, events and
the API are the caller's. Nothing here knows HTTP, SQLite or the network.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

from stmota_daemon.link import Link
from stmota_protocol.api import LogRecord, Phase, Problem
from stmota_protocol.chips import Chip
from stmota_protocol.steps import UartSettings


class WorkFailed(Exception):
    """A job failed: the problem as the user is to see it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Report(ABC):
    """Where a job tells what it is at. Never blocks, never raises."""

    @abstractmethod
    def phase(self, phase: Phase, total: int, text: str) -> None:
        """Enter a phase with `total` bytes of progress to come (0: none)."""

    @abstractmethod
    def progress(self, done: int, bytes_per_s: float, line_rate_share: float) -> None:
        """`done` bytes of the current phase's total."""

    @abstractmethod
    def note(self, text: str, *, warning: bool = False) -> None:
        """Tell people something."""


class Board(ABC):
    """One bridge with its target, as the job that owns it for now sees it."""

    name: str
    console: UartSettings
    """How the target's application talks: set again when a job leaves the bootloader."""
    known_chip: Chip | None = None
    """What an earlier job found there: a hint, no more."""

    @abstractmethod
    async def link(self, within_s: float) -> Link:
        """Return a working link, waiting for a reconnection if need be.

        Raises `WorkFailed` (`UNREACHABLE` or `HELD`) when there is none in time.
        """

    @abstractmethod
    def log_mark(self) -> int:
        """A mark in the board's log: now."""

    @abstractmethod
    def log_pieces(self, mark: int) -> AsyncGenerator[LogRecord]:
        """Yield the records logged since the mark, for ever: lines, and parts of lines."""

    @abstractmethod
    async def log_text_since(self, mark: int, within_s: float) -> str | None:
        """The first non-empty line logged since the mark; None when there was none in time."""
