"""`--trace` and `stmota explain` against a scripted daemon."""

import io
import sys
from pathlib import Path

import pytest

from command_line import Stmota
from sample_answers import job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer, refuse
from stmota_client.trace_text import LineWriter
from stmota_protocol.api import JobKind, JobState, Problem, ProblemCode, StateEvent
from stmota_protocol.trace import (
    TRACE_VERSION,
    Exchange,
    TraceEnd,
    TraceHeader,
    TraceLink,
    TraceNote,
    TraceRecord,
    Wire,
    WireEvent,
    trace_line,
)

PROBLEM = Problem(
    code=ProblemCode.FAILED, message="WRITE MEMORY 0x08000400, 256 bytes: NACK", remedy="try a lower --baud"
)
RECORDS: list[TraceRecord] = [
    TraceHeader(
        at=1000.0, version=TRACE_VERSION, stmota="0.1.0", job="j1", kind="flash", bridge="lab-esp32",
        chip="STM32F103", baud=115200,
    ),
    TraceNote(at=1000.001, text="entering the bootloader"),
    TraceLink(
        at=1000.002, name="lab-esp32", unique_id="00", boot_id="11", firmware="soft-0.1.0", lines=("NRST",)
    ),
    Exchange(
        at=1000.5, command="GET ID", asked="GET ID", came="ACK", brought="product id 0x410",
        answer_us=116, took_us=700,
        wire=(
            WireEvent(0, True, Wire.SENT, "02fd"),
            WireEvent(307, True, Wire.CAME, "79"),
            WireEvent(689, False, Wire.CAME, "01041079"),
        ),
    ),
    Exchange(
        at=1001.0, command="WRITE MEMORY", asked="WRITE MEMORY 0x08000400, 256 bytes",
        came="NACK (0x1F) in answer to the data", took_us=25000, trouble=True,
        wire=(WireEvent(0, True, Wire.SENT, "31ce"), WireEvent(25000, True, Wire.CAME, "1f")),
    ),
    TraceNote(at=1001.1, text="an \x1b[31mevil\x1b[0m note", warning=True),
    TraceEnd(at=1001.2, state="failed", problem=PROBLEM),
]  # fmt: skip
TRACE = b"".join(map(trace_line, RECORDS))
EVENTS = "/v1/jobs/j1/events"
TRACE_PATH = "/v1/jobs/j1/trace"
SHOWN = """\
    0.0010   -- entering the bootloader
    0.0020   -- link to lab-esp32 (00), soft-0.1.0, NRST
    0.5000   GET ID → ACK after 0.1 ms, product id 0x410
    1.0000 ! WRITE MEMORY 0x08000400, 256 bytes → NACK (0x1F) in answer to the data
    1.1000 ! -- an \\x1b[31mevil\\x1b[0m note
    1.2000 ! -- failed: WRITE MEMORY 0x08000400, 256 bytes: NACK
               remedy: try a lower --baud
"""
TOTALS = """\

2 exchanges in 0.525 s: 4 bytes sent, 6 came
  WRITE MEMORY              1 in     0.025 s, longest 25.0 ms, 1 with trouble
  GET ID                    1 in     0.001 s, longest 0.7 ms
slowest:
    1.0000      25.0 ms  WRITE MEMORY 0x08000400, 256 bytes → NACK (0x1F) in answer to the data
    0.5000       0.7 ms  GET ID → ACK after 0.1 ms, product id 0x410
trouble:
    1.0000 ! WRITE MEMORY 0x08000400, 256 bytes → NACK (0x1F) in answer to the data
    1.1000 ! -- an \\x1b[31mevil\\x1b[0m note
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "job.trace"
    path.write_bytes(TRACE)
    return path


@pytest.fixture
def tracing(daemon: ScriptedDaemon) -> ScriptedDaemon:
    """Script a daemon whose info job is done at once, with a trace."""
    done = job(JobState.DONE, JobKind.INFO)
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED, JobKind.INFO), 201))
    daemon.on("GET", EVENTS, EventStream([StateEvent(number=0, at=1.0, job=done)]))
    daemon.on("GET", TRACE_PATH, Answer(TRACE))
    return daemon


def test_trace_asks_for_one_and_writes_it(tracing: ScriptedDaemon, stmota: Stmota, tmp_path: Path) -> None:
    ended = stmota("info", "--trace", tmp_path / "t")

    assert ended.code == 0
    assert (tmp_path / "t").read_bytes() == TRACE
    [request] = tracing.asked("POST", "/v1/jobs")
    assert b'"trace":true' in request.body


def test_a_job_without_trace_asks_for_none(tracing: ScriptedDaemon, stmota: Stmota) -> None:
    assert stmota("info").code == 0
    assert tracing.asked("GET", TRACE_PATH) == []
    [request] = tracing.asked("POST", "/v1/jobs")
    assert b'"trace":false' in request.body


@pytest.mark.parametrize(("state", "code"), [(JobState.FAILED, 1), (JobState.CANCELLED, 130)])
def test_a_job_that_fails_leaves_its_trace_too(
    tracing: ScriptedDaemon, stmota: Stmota, tmp_path: Path, state: JobState, code: int
) -> None:
    failed = job(state, JobKind.INFO, problem=PROBLEM)
    tracing.on("GET", EVENTS, EventStream([StateEvent(number=0, at=1.0, job=failed)]))

    ended = stmota("info", "--trace", tmp_path / "t")

    assert ended.code == code
    assert "WRITE MEMORY 0x08000400" in ended.err
    assert (tmp_path / "t").read_bytes() == TRACE


def test_a_trace_that_cannot_be_had_is_a_warning(
    tracing: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    tracing.on("GET", TRACE_PATH, refuse(Problem(code=ProblemCode.NO_TRACE, message="it made room"), 404))

    ended = stmota("info", "--trace", tmp_path / "t")

    assert (ended.code, ended.err) == (0, "warning: no trace of job j1: it made room\n")


def test_a_file_that_cannot_be_written_is_refused_before_the_job(
    tracing: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    ended = stmota("info", "--trace", tmp_path / "no" / "t")

    assert ended.code == 2
    assert ended.err.startswith(f"error: cannot write the trace to {tmp_path / 'no' / 't'}: No such file")
    assert tracing.asked("POST", "/v1/jobs") == []


def test_explain_shows_each_record_then_totals_slowest_and_trouble(stmota: Stmota, trace: Path) -> None:
    ended = stmota("explain", trace)

    heading, rest = ended.out.split("\n", 1)
    assert heading.startswith("trace of flash job j1 on lab-esp32, STM32F103, 115200 baud; begun 1970-01-01T")
    assert heading.endswith("written by stmota 0.1.0")
    assert (ended.code, rest, ended.err) == (0, SHOWN + TOTALS, "")


def test_explain_shows_every_byte_with_its_direction_and_time(stmota: Stmota, trace: Path) -> None:
    ended = stmota("explain", trace, "--bytes", "--only", "get id")

    assert ended.out.splitlines()[:4] == [
        "    0.5000   GET ID → ACK after 0.1 ms, product id 0x410",
        "             0.500000 > 02 fd",
        "             0.500307 < 79",
        "            ~0.500689 < 01 04 10 79",
    ]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--only", "nack", "--only", "0x410"], [2, 3]),
        (["--trouble"], [3, 4]),
        (["--since", "1.05"], [4, 5, 6]),
        (["--until", "0.01"], [0, 1]),
        (["--since", "0.4", "--until", "1.05", "--trouble"], [3]),
        (["--summary"], []),
    ],
)
def test_explain_filters_what_it_shows_and_its_totals_stay_whole(
    stmota: Stmota, trace: Path, options: list[str], numbers: list[int]
) -> None:
    shown, totals = stmota("explain", trace, *options).out.split("\n2 exchanges", 1)

    lines = SHOWN.splitlines()
    assert [line for line in shown.splitlines() if line and not line.startswith("trace of")] == [
        lines[number] for number in numbers
    ]
    assert ("2 exchanges" + totals).startswith(TOTALS.lstrip("\n"))
    assert ("failed: WRITE MEMORY" in totals) is (6 not in numbers)


def test_explain_names_as_many_of_the_slowest_as_asked(stmota: Stmota, trace: Path) -> None:
    out = stmota("explain", trace, "--summary", "--slowest", "1").out

    assert out.split("slowest:\n")[1].splitlines()[1] == "trouble:"


def test_explain_as_json_is_one_document(stmota: Stmota, trace: Path) -> None:
    document = stmota("explain", trace, "--json", "--trouble").json

    assert [record["type"] for record in document["records"]] == ["exchange", "note"]
    assert document["summary"]["commands"]["GET ID"]["count"] == 1
    assert document["summary"]["end"]["problem"]["code"] == "failed"


def test_explain_reads_stdin(stmota: Stmota, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRACE)))

    assert stmota("explain", "-").out.endswith(SHOWN + TOTALS)


def test_explain_asks_the_daemon_for_a_job_s_trace(tracing: ScriptedDaemon, stmota: Stmota) -> None:
    assert stmota("explain", "--job", "j1").out.endswith(SHOWN + TOTALS)


def test_a_trace_of_a_job_that_has_not_ended_says_so(stmota: Stmota, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"".join(map(trace_line, RECORDS[:4])))

    last = stmota("explain", tmp_path / "t").out.splitlines()[-1]

    assert last == "the trace has no end: the job had not ended when it was fetched, or its daemon died"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF", "line 1: no line of a stmota trace: '\\x7fELF'"),
        (TRACE[:-10], "line 7: the file is cut off in this line"),
        (b"", "line 1: the file is empty"),
    ],
)
def test_a_foreign_or_broken_file_is_refused_with_its_line(
    stmota: Stmota, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "t").write_bytes(content)

    ended = stmota("explain", tmp_path / "t")

    assert ended.code == 2
    assert ended.err.startswith(f"error: {tmp_path / 't'} is no whole trace: {said}")
    assert "remedy: " in ended.err


@pytest.mark.parametrize("arguments", [[], ["t", "--job", "j1"]])
def test_explain_takes_a_file_or_a_job(stmota: Stmota, arguments: list[str]) -> None:
    ended = stmota("explain", *arguments)

    assert (ended.code, ended.err.splitlines()[0]) == (2, "error: explain takes a FILE, or --job ID")


def test_a_file_that_is_not_there_is_named(stmota: Stmota) -> None:
    assert stmota("explain", "/nowhere/t").err.startswith("error: cannot read /nowhere/t: No such file")


def test_a_terminal_gets_colours_and_long_lines_stay_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    LineWriter().write(("x" * 300 + " [red]", "bold red"))

    assert terminal.getvalue() == f"\x1b[1;31m{'x' * 300} [red]\x1b[0m\n"
