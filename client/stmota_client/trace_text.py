"""A trace as lines for people: coloured in a terminal, plain and one record a line in a pipe."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from stmota_client.escape import escape
from stmota_client.screen import problem_details
from stmota_protocol.trace import (
    Exchange,
    TraceEnd,
    TraceFull,
    TraceHeader,
    TraceLink,
    TraceNote,
    TraceRecord,
    Wire,
    WireEvent,
)
from stmota_protocol.trace_summary import TraceSummary

BYTES_A_LINE = 32
INDENT = " " * 12
MARK = "!"
"""In the second column of every line that tells of trouble: `grep '^.\\{11\\}!'` finds them."""

Line = tuple[str, str]
"""Text that is safe to show, and rich's style for it."""


def record_lines(record: TraceRecord, begin_at: float, *, with_bytes: bool) -> Iterator[Line]:
    """Yield a record's lines; times are seconds since `begin_at`."""
    match record:
        case Exchange():
            style = "bold red" if record.trouble else _STYLES.get(record.command, "")
            yield _line(record.at - begin_at, record.text, style, is_trouble=record.trouble)
            if with_bytes:
                for event in record.wire:
                    yield from _wire_lines(event, record.at - begin_at)
        case TraceNote():
            style = "yellow" if record.warning else "cyan"
            yield _line(record.at - begin_at, f"-- {record.text}", style, is_trouble=record.warning)
        case TraceLink():
            lines = ", ".join(record.lines) or "no lines"
            text = f"-- link to {record.name} ({record.unique_id}), {record.firmware}, {lines}"
            yield _line(record.at - begin_at, text, "cyan")
        case TraceEnd():
            yield from _end_lines(record, begin_at)
        case TraceFull():
            yield _line(record.at - begin_at, "-- the trace was full: the rest is missing", "yellow")
        case TraceHeader():
            yield from header_lines(record)


def header_lines(header: TraceHeader) -> Iterator[Line]:
    """Yield what a trace is of."""
    at = datetime.fromtimestamp(header.at, UTC).astimezone().isoformat(timespec="milliseconds")
    parts = [f"{header.kind} job {header.job} on {header.bridge}"]
    parts += [part for part in (header.chip, f"{header.baud} baud" if header.baud else None) if part]
    yield escape(f"trace of {', '.join(parts)}; begun {at}, written by stmota {header.stmota}"), "bold"


def summary_lines(summary: TraceSummary, *, with_end: bool) -> Iterator[Line]:
    """Yield totals, the slowest exchanges, all trouble, and with `with_end` how the job ended."""
    begin_at = summary.header.at if summary.header else 0.0
    unclaimed = f", {summary.unclaimed_bytes} that nothing waited for" if summary.unclaimed_bytes else ""
    yield "", ""
    yield (
        (
            f"{summary.exchanges} exchanges in {summary.seconds:.3f} s: {summary.sent_bytes} bytes sent,"
            f" {summary.came_bytes} came{unclaimed}"
        ),
        "bold",
    )
    for command, total in sorted(summary.commands.items(), key=lambda item: -item[1].took_us):
        trouble = f", {total.trouble} with trouble" if total.trouble else ""
        text = (
            f"{command:<20} {total.count:>6} in {total.took_us / 1e6:>9.3f} s,"
            f" longest {total.longest_us / 1000:.1f} ms{trouble}"
        )
        yield f"  {escape(text)}", "red" if total.trouble else ""
    if summary.slowest:
        yield "slowest:", "bold"
        for exchange in summary.slowest:
            took = f"{exchange.took_us / 1000:.1f} ms"
            yield _line(exchange.at - begin_at, f"{took:>10}  {exchange.text}", "")
    if summary.trouble:
        yield "trouble:", "bold red"
        for record in summary.trouble:
            yield from record_lines(record, begin_at, with_bytes=False)
    if summary.end is None:
        yield "the trace has no end: the job had not ended when it was fetched, or its daemon died", "yellow"
    elif with_end:
        yield from _end_lines(summary.end, begin_at)


def _end_lines(end: TraceEnd, begin_at: float) -> Iterator[Line]:
    style = "bold green" if end.problem is None else "bold red"
    problem = end.problem
    said = f": {problem.message}" if problem else ""
    yield _line(end.at - begin_at, f"-- {end.state}{said}", style, is_trouble=problem is not None)
    for detail in problem_details(problem) if problem else ():
        yield f"{INDENT}   {detail}", ""


def _line(at_s: float, text: str, style: str, *, is_trouble: bool = False) -> Line:
    return f"{at_s:10.4f} {MARK if is_trouble else ' '} {escape(text)}", style


def _wire_lines(event: WireEvent, at_s: float) -> Iterator[Line]:
    """`0.0003 < 79`; `~` where the time is reckoned."""
    reckoned = " " if event.is_timed else "~"
    begin = f"{INDENT}{reckoned}{at_s + event.after_us / 1e6:.6f} {event.kind.value} "
    if event.kind is Wire.LINES:
        yield begin + escape(event.data), "dim"
        return
    for at in range(0, max(len(event.data), 1), 2 * BYTES_A_LINE):
        piece = event.data[at : at + 2 * BYTES_A_LINE]
        spaced = " ".join(piece[index : index + 2] for index in range(0, len(piece), 2))
        yield (begin if not at else " " * len(begin)) + escape(spaced), _WIRE_STYLES[event.kind]


_STYLES = {"lines": "dim", "sync": "magenta", "ERASE": "yellow", "EXTENDED ERASE": "yellow", "GO": "green"}
_WIRE_STYLES = {Wire.SENT: "blue", Wire.CAME: "green", Wire.UNCLAIMED: "red"}


class LineWriter:
    """Writes lines to stdout; colours only for a terminal that wants them (https://no-color.org)."""

    def __init__(self) -> None:
        self._console: Any = None
        if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
            from rich.console import Console  # noqa: PLC0415 - rich takes 0.1 s, and no pipe needs it

            self._console = Console(highlight=False, soft_wrap=True)

    def write(self, line: Line) -> None:
        """Write one line."""
        text, style = line
        if self._console is None:
            sys.stdout.write(text + "\n")
            return
        from rich.text import Text  # noqa: PLC0415 - as above

        self._console.print(Text(text, style=style))
