"""`stmota explain`."""

import io
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from stmota_client import screen
from stmota_client.arguments import WithJson, add_command
from stmota_client.errors import ClientError
from stmota_client.session import session
from stmota_client.trace_text import LineWriter, record_lines, summary_lines
from stmota_protocol.api import ProblemCode
from stmota_protocol.trace import BadTrace, Exchange, TraceNote, TraceRecord, read_trace
from stmota_protocol.trace_summary import TraceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainArguments(WithJson):
    """Which trace, and what of it."""

    file: Annotated[str | None, typer.Argument(metavar="FILE", help="What --trace wrote; - reads stdin.")] = (
        None
    )
    job: Annotated[
        str | None, typer.Option(metavar="ID", help="Ask the daemon for this job's trace instead of a file.")
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="Only exchanges with this word (write, 0x08000400, NACK …); may be repeated."
        ),
    ] = None
    trouble: Annotated[bool, typer.Option("--trouble", help="Only what went wrong.")] = False
    since: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Leave out what was before this time.")
    ] = 0.0
    until: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Leave out what was after this time.")
    ] = None
    bytes: Annotated[
        bool, typer.Option("--bytes", "-x", help="Every byte with its direction and time, too.")
    ] = False
    summary: Annotated[bool, typer.Option("--summary", help="Only the totals.")] = False
    slowest: Annotated[int, typer.Option(metavar="N", min=0, help="How many of the slowest to name.")] = 5


def explain(arguments: ExplainArguments) -> None:
    """Show a trace that --trace wrote: each command and its answer, then totals, the slowest and all trouble.

    Times are seconds since the trace began; `~` marks one that is reckoned, not measured by the bridge, `!`
    trouble. The totals are of the whole trace, whatever is left out above. --json prints the records that are
    shown as one JSON document, with the totals.
    """
    with _lines(arguments) as lines:
        try:
            _show(read_trace(lines), arguments)
        except BadTrace as bad:
            sys.stdout.flush()
            raise ClientError.of(
                ProblemCode.USAGE,
                f"{arguments.file or arguments.job} is no whole trace: {bad}",
                "a trace is what --trace FILE of this stmota, or of an older one, wrote",
            ) from bad


@contextmanager
def _lines(arguments: ExplainArguments) -> Generator[BinaryIO]:
    """Open what is to be shown. Raises `ClientError`."""
    if (arguments.file is None) is (arguments.job is None):
        raise ClientError.of(ProblemCode.USAGE, "explain takes a FILE, or --job ID", "name one of them")
    if arguments.job is not None:
        with session(arguments) as (client, _):
            yield io.BytesIO(client.job_trace(arguments.job))
    elif arguments.file == "-":
        yield sys.stdin.buffer
    else:
        with _opened(arguments.file or "") as file:
            yield file


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise ClientError.of(
            ProblemCode.USAGE, f"cannot read {name}: {error.strerror}", "name a file that --trace wrote"
        ) from error


def _show(records: Iterator[TraceRecord], arguments: ExplainArguments) -> None:
    summary = TraceSummary()
    if arguments.json:
        shown = [
            record for record in _added(records, summary, arguments) if _is_shown(record, arguments, summary)
        ]
        screen.document({"records": shown, "summary": msgspec.to_builtins(summary)})
        return
    writer = LineWriter()
    for record in _added(records, summary, arguments):
        if _is_shown(record, arguments, summary):
            for line in record_lines(record, _begin(summary), with_bytes=arguments.bytes):
                writer.write(line)
    with_end = summary.end is not None and not _is_shown(summary.end, arguments, summary)
    for line in summary_lines(summary, with_end=with_end):
        writer.write(line)


def _added(
    records: Iterator[TraceRecord], summary: TraceSummary, arguments: ExplainArguments
) -> Iterator[TraceRecord]:
    for record in records:
        summary.add(record, arguments.slowest)
        yield record


def _begin(summary: TraceSummary) -> float:
    return summary.header.at if summary.header else 0.0


def _is_shown(record: TraceRecord, arguments: ExplainArguments, summary: TraceSummary) -> bool:
    """Whether the filters leave a record in."""
    after_s = record.at - _begin(summary)
    if arguments.summary or after_s < arguments.since:
        return False
    if arguments.until is not None and after_s > arguments.until:
        return False
    is_trouble = (isinstance(record, Exchange) and record.trouble) or (
        isinstance(record, TraceNote) and record.warning
    )
    if arguments.trouble and not is_trouble:
        return False
    if not arguments.only:
        return True
    text = record.text.casefold() if isinstance(record, Exchange) else ""
    return any(word.casefold() in text for word in arguments.only)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "explain",
        ExplainArguments,
        explain,
        examples=(
            "stmota flash --bridge lab-esp32 fw.bin --trace flash.trace",
            "stmota explain flash.trace",
            "stmota explain flash.trace --trouble",
            "stmota explain flash.trace --only write --bytes | less",
            "stmota explain --job 79bb673dde3c --summary",
        ),
    )
