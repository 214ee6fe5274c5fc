"""A trace: what crossed a board's UART during one job, as lines of JSON (docs/trace.md).

The first line is a `TraceHeader`, each one below it another record. What a record says is in words already,
so that whoever shows a trace needs to know no protocol.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, unique
from typing import TypeAlias

import msgspec

from stmota_protocol.api import Problem

TRACE_VERSION = 1
"""Counts up with a change that older readers would misread. Fields and kinds of wire events may be added."""
SHOWN_LINE = 60
"""Characters of a foreign line that an error quotes."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of all records. `at` is seconds since the epoch by the host's clock."""

    at: float


class TraceHeader(_Record, frozen=True, tag="trace"):
    """Of which job; always the first line."""

    version: int
    stmota: str
    """Version of the daemon that wrote it."""
    job: str
    kind: str
    bridge: str
    bridge_id: str | None = None
    chip: str | None = None
    """What was known of the board's chip when the job began."""
    baud: int | None = None
    """What the job was asked to talk at; a `configure` in the trace says what it did talk at."""


class TraceLink(_Record, frozen=True, tag="link"):
    """The edge that what follows was done at: once for each connection."""

    name: str
    unique_id: str
    boot_id: str
    """Another one than before: the edge was restarted."""
    firmware: str
    lines: tuple[str, ...]
    """`NRST`, `BOOT0`: those that are there."""


class TraceNote(_Record, frozen=True, tag="note"):
    """What the job told people: a phase it entered, or a note."""

    text: str
    warning: bool = False


@unique
class Wire(Enum):
    """What happened at the edge."""

    SENT = ">"
    """Bytes left; timed where the first start bit begins."""
    CAME = "<"
    """Bytes came; timed where the last one was complete."""
    UNCLAIMED = "?"
    """Bytes came that no step waited for; when is not known."""
    LINES = "="
    """Lines were driven or read, the UART set, or time was left to pass: in words."""


class WireEvent(msgspec.Struct, frozen=True, array_like=True):
    """One thing at the edge: `[1234, true, ">", "31ce"]`."""

    after_us: int
    """From the exchange's `at`."""
    is_timed: bool
    """By the edge; else reckoned from the line rate."""
    kind: Wire
    data: str
    """Hex; words for `LINES`."""


class Exchange(_Record, frozen=True, tag="exchange"):
    """One command and its answer, or what else was done at once."""

    command: str
    """What kind it is: `WRITE MEMORY`, `sync`, `lines`."""
    asked: str
    """`WRITE MEMORY 0x08000400, 256 bytes`."""
    came: str
    """`ACK`, or what came instead; empty where nothing was to come."""
    brought: str = ""
    """What the answer's data say."""
    answer_us: int | None = None
    """From the end of what was sent last to the answer to it."""
    took_us: int = 0
    trouble: bool = False
    wire: tuple[WireEvent, ...] = ()

    @property
    def text(self) -> str:
        """`WRITE MEMORY 0x08000400, 256 bytes → ACK after 7.1 ms`."""
        after = "" if self.answer_us is None else f" after {self.answer_us / 1000:.1f} ms"
        answer = ", ".join(filter(None, (f"{self.came}{after}" if self.came else "", self.brought)))
        return f"{self.asked} → {answer}" if answer else self.asked

    def count(self, kind: Wire) -> int:
        """Bytes of that kind."""
        return sum(len(event.data) // 2 for event in self.wire if event.kind is kind)


class TraceEnd(_Record, frozen=True, tag="end"):
    """How the job ended; a trace without it is of one that has not, or whose daemon died."""

    state: str
    problem: Problem | None = None


class TraceFull(_Record, frozen=True, tag="full"):
    """The file reached its bound: exchanges from here on are missing."""


TraceRecord: TypeAlias = TraceHeader | TraceLink | TraceNote | Exchange | TraceEnd | TraceFull
_decoder: msgspec.json.Decoder[TraceRecord] = msgspec.json.Decoder(TraceRecord)
_encoder = msgspec.json.Encoder()


class BadTrace(ValueError):
    """A file that is no trace, or a broken one: says the line."""


def trace_line(record: TraceRecord) -> bytes:
    """Return a record's line, its end included."""
    return _encoder.encode(record) + b"\n"


def read_trace(lines: Iterable[bytes]) -> Iterator[TraceRecord]:
    """Read a trace line by line. Raises `BadTrace` where it comes to a line that is none."""
    number = 0
    for number, line in enumerate(lines, 1):
        record = _record(line, number)
        is_header = isinstance(record, TraceHeader)
        if is_header is not (number == 1):
            what = "a trace begins again here" if is_header else "a trace begins with a line of type trace"
            message = f"line {number}: {what}"
            raise BadTrace(message)
        if isinstance(record, TraceHeader) and record.version > TRACE_VERSION:
            message = f"line 1: a trace of version {record.version}; this stmota reads up to {TRACE_VERSION}"
            raise BadTrace(message)
        yield record
    if not number:
        message = "line 1: the file is empty"
        raise BadTrace(message)


def _record(line: bytes, number: int) -> TraceRecord:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if number > 1 and not line.endswith(b"\n"):
            message = f"line {number}: the file is cut off in this line"
        else:
            shown = line[:SHOWN_LINE].decode("utf-8", "backslashreplace").rstrip("\n")
            message = f"line {number}: no line of a stmota trace: {shown!r} ({error})"
        raise BadTrace(message) from error
