"""`stmota logs`."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnBridge, add_command
from stmota_client.choose import reference
from stmota_client.escape import escape_line
from stmota_client.session import bridge_session
from stmota_protocol.api import LogRecord, MissedEvent

DEFAULT_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsArguments(OnBridge):
    """Which part of a board's log."""

    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = (
        False
    )
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="LINES", min=0, help="So many of the last lines first.")
    ] = DEFAULT_LINES
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Begin each line with the time its first byte came.")
    ] = False


def logs(arguments: LogsArguments) -> None:
    """Show what a board's UART said, also while nobody watched.

    Control characters are shown escaped. With --json, each record is an object on a line of its own.
    """
    with bridge_session(arguments) as (client, bridge):
        log = LogWriter(timestamps=arguments.timestamps)
        try:
            for record in client.log(reference(bridge), lines=arguments.lines, follow=arguments.follow):
                if arguments.json:
                    screen.object_line(record)
                else:
                    log.write(record)
                if arguments.follow:
                    sys.stdout.flush()
        finally:
            log.end_line()


class LogWriter:
    """Writes records to stdout: parts of one line on one line, losses to stderr."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._is_within_line = False

    def write(self, record: LogRecord | MissedEvent) -> None:
        """Write one record."""
        if isinstance(record, MissedEvent):
            self._warn(f"{record.count} records are missing here: the daemon no longer has them")
            return
        if record.lost:
            self._warn(f"{record.lost} bytes were lost here: the bridge was out of reach for too long")
        if self._timestamps and not self._is_within_line:
            sys.stdout.write(f"{timestamp(record.at)} ")
        sys.stdout.write(escape_line(record.text) + ("\n" if record.complete else ""))
        self._is_within_line = not record.complete

    def _warn(self, text: str) -> None:
        self.end_line()
        sys.stdout.flush()  # or the order on a terminal would be wrong
        screen.warn(text)

    def end_line(self) -> None:
        """End a line whose rest has not come."""
        if self._is_within_line:
            sys.stdout.write("\n")
            self._is_within_line = False


def timestamp(at: float) -> str:
    """Return a time in this machine's zone: `2026-11-22T15:33:01.123+00:00`."""
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(timespec="milliseconds")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "logs",
        LogsArguments,
        logs,
        examples=("stmota logs --bridge lab-esp32 -f", "stmota logs -b lab-esp32 -n 20 --timestamps"),
    )
