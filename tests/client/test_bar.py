"""The progress bar, drawn for a terminal that is not there and for one that is."""

import io
import os
import pty
import re
import subprocess
import sys

from rich.console import Console

from sample_answers import LAB, REPORT, job
from scripted_daemon import EventStream, ScriptedDaemon, answer
from stmota_client.bar import ECHO_COLUMNS, BarView
from stmota_protocol.api import (
    JobEvent,
    JobKind,
    JobState,
    NoteEvent,
    Phase,
    PhaseEvent,
    ProgressEvent,
    StateEvent,
)

WIDTH = 80
HOSTILE = "back\x1b[5m [red]home[/red] :smile:\u202e"
ESCAPE_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
EVENTS: list[JobEvent] = [
    StateEvent(number=0, at=0.0, job=job(JobState.QUEUED)),
    PhaseEvent(number=1, at=0.1, phase=Phase.ENTER, total=0, text=HOSTILE),
    PhaseEvent(number=2, at=0.5, phase=Phase.WRITE, total=1000, text="writing"),
    ProgressEvent(
        number=3, at=1.0, phase=Phase.WRITE, done=250, total=1000, bytes_per_s=250.0, line_rate_share=0.875
    ),
    NoteEvent(number=4, at=1.5, text=HOSTILE, warning=True),
]


def drawn(events: list[JobEvent]) -> str:
    """Return what a terminal of `WIDTH` columns is sent."""
    console = Console(
        file=io.StringIO(), force_terminal=True, width=WIDTH, color_system=None, markup=False, emoji=False
    )
    with BarView(console) as view:
        for event in events:
            view.show(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows(text: str) -> list[str]:
    return [row.strip() for row in re.split(r"[\r\n]+", ESCAPE_SEQUENCES.sub("", text)) if row.strip()]


def test_the_last_picture_has_a_row_for_the_phase_with_share_rate_and_time_left() -> None:
    row = rows(drawn(EVENTS))[-1]

    assert re.fullmatch(r". write [━╸╺]+ +25 % 250 B/s · 87 % of line rate · 3 s left", row), row
    assert len(row) <= WIDTH - ECHO_COLUMNS


def test_what_a_board_says_is_escaped_and_no_markup() -> None:
    text = drawn(EVENTS)

    assert r"warning: back\x1b[5m [red]home[/red] :smile:\u202e" in rows(text)
    assert "\x1b[5m" not in text
    assert "\u202e" not in text


def test_a_phase_that_comes_again_begins_its_row_again() -> None:
    text = rows(drawn([*EVENTS, PhaseEvent(number=5, at=2.0, phase=Phase.WRITE, total=500, text="again")]))

    assert re.fullmatch(r". write +0 %", text[-1]), text[-1]


def test_in_a_terminal_the_bar_is_on_stderr_and_the_data_on_stdout(daemon: ScriptedDaemon) -> None:
    daemon.on("POST", "/v1/jobs", answer(job(), 201))
    done = StateEvent(number=5, at=2.0, job=job(JobState.DONE, JobKind.RESET, report=REPORT))
    daemon.on("GET", "/v1/jobs/j1/events", EventStream([*EVENTS, done]))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "stmota_client", "reset"]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs)
    finally:
        os.close(theirs)
    seen = read_all(ours)
    out, _ = process.communicate(timeout=120)

    assert (process.returncode, out) == (0, f"{LAB.name}: reset\n".encode())
    assert "write" in seen
    assert "25 %" in seen


def read_all(terminal: int) -> str:
    """Read what is written to a terminal until its last writer has gone (EIO on Linux)."""
    with os.fdopen(terminal, "rb", buffering=0) as reader:
        text = b""
        while True:
            try:
                part = reader.read(4096)
            except OSError:
                part = b""
            if not part:
                return text.decode()
            text += part


def test_what_is_left_to_write_within_verify_has_no_time_left_and_is_full_when_the_job_is_done() -> None:
    verifying: list[JobEvent] = [
        *EVENTS[:4],
        PhaseEvent(number=4, at=2.0, phase=Phase.VERIFY, total=1000, text="verifying"),
    ]
    done = StateEvent(number=5, at=3.0, job=job(JobState.DONE, report=REPORT))

    write, _ = rows(drawn(verifying))[-2:]
    assert re.fullmatch(r". write +[━╸╺]+ +25 % 250 B/s · 87 % of line rate", write), write
    write, verify = rows(drawn([*verifying, done]))[-2:]
    assert re.fullmatch(r"✓ write +━+ 100 % 250 B/s · 87 % of line rate", write), write
    assert re.fullmatch(r"✓ verify +━+ 100 %", verify), verify
