"""`stmota flash` against a scripted daemon: what it shows, and how it ends."""

from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from flash_answers import CLOSING, DONE, EVENTS, SHA256, ending, progress
from sample_answers import LAB, REPORT, job
from scripted_daemon import EventStream, Reply, Request, ScriptedDaemon, answer
from stmota_client import streams
from stmota_protocol.api import (
    EXIT_CODES,
    BridgeState,
    ExitCode,
    FlashFile,
    FlashOptions,
    Job,
    JobEvent,
    JobState,
    NoteEvent,
    Phase,
    PhaseEvent,
    Problem,
    ProblemCode,
    StateEvent,
)


def test_without_a_terminal_there_is_a_line_at_each_phase_and_about_every_five_seconds(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    events: list[JobEvent] = [
        StateEvent(number=0, at=0.0, job=job(JobState.QUEUED)),
        StateEvent(number=1, at=0.0, job=job(JobState.RUNNING)),
        PhaseEvent(number=2, at=0.1, phase=Phase.ENTER, total=0, text="entering the bootloader"),
        PhaseEvent(number=3, at=0.5, phase=Phase.WRITE, total=65536, text="writing 64 KiB"),
        progress(4, 1.0, 8192),
        progress(5, 5.5, 32768),
        progress(6, 7.0, 49152),
        NoteEvent(number=7, at=7.5, text="the link came back", warning=False),
        NoteEvent(number=8, at=7.6, text="an x8 clone?", warning=True),
        ending(DONE),
    ]
    flashing.on("GET", EVENTS, EventStream(events))

    ended = stmota("flash", image)

    assert ended.err.splitlines() == [
        "entering the bootloader",
        "writing 64 KiB",
        "write: 32768 of 65536 bytes (50 %), 8192 B/s, 81 % of line rate, 4 s left",
        "the link came back",
        "warning: an x8 clone?",
    ]
    assert ended.out == CLOSING


def test_quiet_shows_warnings_and_nothing_else(flashing: ScriptedDaemon, stmota: Stmota, image: Path) -> None:
    events = [
        PhaseEvent(number=0, at=0.1, phase=Phase.ENTER, total=0, text="entering"),
        NoteEvent(number=1, at=0.2, text="doubt", warning=True),
        ending(DONE),
    ]
    flashing.on("GET", EVENTS, EventStream(events))

    ended = stmota("flash", "-q", image)

    assert (ended.code, ended.out, ended.err) == (0, "", "warning: doubt\n")


def test_json_is_the_job_and_nothing_else_on_stdout(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    ended = stmota("flash", "--json", image)

    assert ended.code == 0
    assert msgspec.convert(ended.json, Job) == DONE


@pytest.mark.parametrize("code", ProblemCode)
def test_a_job_that_fails_exits_with_its_problems_code_and_names_the_remedy(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, code: ProblemCode
) -> None:
    problem = Problem(code=code, message="erase page 12: no answer in 0.5 s", remedy="is BOOT0 wired?")
    flashing.on("GET", EVENTS, EventStream([ending(job(JobState.FAILED, problem=problem))]))

    ended = stmota("flash", "--json", image)

    assert ended.code == EXIT_CODES[code].value
    assert ended.err == "error: erase page 12: no answer in 0.5 s\n  remedy: is BOOT0 wired?\n"
    assert ended.json["problem"]["code"] == code.value


def test_a_problem_says_where_with_step_address_expected_and_got(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    problem = Problem(
        code=ProblemCode.VERIFY_FAILED,
        message="the flash differs",
        step="verify",
        address=0x0800_0123,
        expected="0x12",
        got="0xff",
    )
    flashing.on("GET", EVENTS, EventStream([ending(job(JobState.FAILED, problem=problem))]))

    ended = stmota("flash", image)

    assert ended.code == 7
    assert ended.err == (
        "error: the flash differs\n  where: verify, at 0x08000123, expected 0x12, got 0xff\n"
    )


def test_a_job_cancelled_by_somebody_else_exits_as_interrupted(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    problem = Problem(code=ProblemCode.FAILED, message="cancelled by alice")
    flashing.on("GET", EVENTS, EventStream([ending(job(JobState.CANCELLED, problem=problem))]))

    ended = stmota("flash", image)

    assert (ended.code, ended.err) == (130, "error: cancelled by alice\n")


def test_a_busy_bridge_is_named_with_the_job_waited_for(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    busy = msgspec.structs.replace(LAB, state=BridgeState.FLASHING, job="j0")
    flashing.on("GET", "/v1/bridges", answer([busy]))

    assert stmota("flash", image).err == "lab-esp32 is flashing: waiting for job j0 to end\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"started": None, "started_evidence": None}, "verified, reset, nothing seen that proves a start"),
        ({"started": False, "started_evidence": None}, "verified, not started, as asked"),
        ({"started": True, "started_evidence": None}, "verified, started"),
        ({"verified": False, "recoveries": 1}, 'not verified, started, seen: "hello from F103", 1 recovery'),
        (
            {"written": 2048, "erased_units": 2, "unchanged_units": 62, "unchanged_bytes": 63488},
            "63488 bytes (62 of 64 erase units) were there already, 2048 written, verified, started",
        ),
        (
            {"written": 0, "erased_units": 0, "unchanged_units": 64, "unchanged_bytes": 65536},
            "all of it was there already, nothing erased or written, verified, started, seen:",
        ),
    ],
)
def test_the_closing_line_claims_only_what_the_report_claims(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, change: dict[str, object], said: str
) -> None:
    report = msgspec.structs.replace(REPORT, **change)
    flashing.on("GET", EVENTS, EventStream([ending(job(JobState.DONE, report=report))]))

    assert f"87 % of line rate, {said}" in stmota("flash", image).out


def test_the_reports_note_goes_to_stderr(flashing: ScriptedDaemon, stmota: Stmota, image: Path) -> None:
    report = msgspec.structs.replace(REPORT, note="power-cycle the board")
    flashing.on("GET", EVENTS, EventStream([ending(job(JobState.DONE, report=report))]))

    assert stmota("flash", image).err == "note: power-cycle the board\n"


def test_the_closing_line_names_all_files(flashing: ScriptedDaemon, stmota: Stmota, image: Path) -> None:
    files = (FlashFile(firmware=SHA256, filename="boot.bin"), FlashFile(firmware=SHA256, filename="app.hex"))
    done = msgspec.structs.replace(DONE, flash=FlashOptions(files=files))
    flashing.on("GET", EVENTS, EventStream([ending(done)]))

    assert stmota("flash", image).out.startswith("lab-esp32: boot.bin, app.hex: 65536 bytes at 0x08000000")


def test_a_daemon_that_goes_away_and_comes_back_is_waited_for_and_the_job_followed_to_its_end(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    early = NoteEvent(number=0, at=0.0, text="early", warning=True)
    late = EventStream([ending(DONE)], first=1)
    flashing.on("GET", EVENTS, EventStream([early], broken=True), late)

    ended = stmota("flash", image)

    assert (ended.code, ended.out) == (0, CLOSING)
    assert "early\n" in ended.err
    assert "the daemon went away: waiting for it up to 30 s; job j1 goes on when it is back" in ended.err


def test_a_daemon_that_stays_away_is_told_with_what_becomes_of_the_job(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RESUME_FOR_S", 0.2)

    def gone(_: Request) -> Reply:
        flashing.path.unlink(missing_ok=True)
        return EventStream([], broken=True)

    flashing.on("GET", EVENTS, gone)

    ended = stmota("flash", image)

    assert ended.code == ExitCode.NO_DAEMON
    assert "; job j1 on lab-esp32 goes on when it runs again\n" in ended.err
    assert "stmota daemon start" in ended.err
