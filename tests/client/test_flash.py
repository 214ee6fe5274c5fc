"""`stmota flash` against a scripted daemon."""

import hashlib
import io
import sys
from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB, REPORT, job
from scripted_daemon import Answer, EventStream, Reply, Request, ScriptedDaemon, answer, refuse
from stmota_client import streams
from stmota_protocol.api import (
    EXIT_CODES,
    BridgeState,
    ExitCode,
    FlashFile,
    FlashOptions,
    Job,
    JobEvent,
    JobKind,
    JobRequest,
    JobState,
    NoteEvent,
    Phase,
    PhaseEvent,
    Problem,
    ProblemCode,
    ProgressEvent,
    StateEvent,
)

IMAGE = b"\x00\x50\x00\x20\x01\x01\x00\x08" + bytes(range(256))
SHA256 = hashlib.sha256(IMAGE).hexdigest()
FW_BIN = FlashFile(firmware=SHA256, filename="fw.bin")
EVENTS = "/v1/jobs/j1/events"
DONE = job(JobState.DONE, report=REPORT)
CLOSING = (
    "lab-esp32: fw.bin: 65536 bytes at 0x08000000 in 14.2 s, 4599 B/s, 87 % of line rate, "
    'verified, started, seen: "hello from F103"\n'
)


def ending(ended: Job, at: float = 14.3) -> JobEvent:
    return StateEvent(number=9, at=at, job=ended)


def progress(number: int, at: float, done: int, phase: Phase = Phase.WRITE) -> ProgressEvent:
    return ProgressEvent(
        number=number, at=at, phase=phase, done=done, total=65536, bytes_per_s=8192.0, line_rate_share=0.811
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "fw.bin"
    path.write_bytes(IMAGE)
    return path


@pytest.fixture
def flashing(daemon: ScriptedDaemon) -> ScriptedDaemon:
    """Script a daemon that has not seen the image, and whose job is done at once."""
    daemon.on("HEAD", f"/v1/firmware/{SHA256}", Answer(status=404))
    daemon.on("PUT", f"/v1/firmware/{SHA256}", Answer(status=201))
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED), 201))
    daemon.on("GET", EVENTS, EventStream([ending(DONE)]))
    return daemon


def requested(daemon: ScriptedDaemon) -> JobRequest:
    [request] = daemon.asked("POST", "/v1/jobs")
    return msgspec.json.decode(request.body, type=JobRequest)


def test_flash_stores_the_image_then_asks_for_the_job_then_tells_what_was_done(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    ended = stmota("flash", "--bridge", "lab-esp32", image)

    assert (ended.code, ended.out, ended.err) == (0, CLOSING, "")
    assert [(request.method, request.path) for request in flashing.requests] == [
        ("GET", "/v1/greeting"),
        ("GET", "/v1/bridges/lab-esp32"),
        ("HEAD", f"/v1/firmware/{SHA256}"),
        ("PUT", f"/v1/firmware/{SHA256}"),
        ("POST", "/v1/jobs"),
        ("GET", EVENTS),
    ]
    assert flashing.asked("PUT", f"/v1/firmware/{SHA256}")[0].body == IMAGE
    assert requested(flashing) == JobRequest(
        kind=JobKind.FLASH, bridge=LAB.id, flash=FlashOptions(files=(FW_BIN,))
    )


def test_an_image_that_the_daemon_has_is_not_sent_again(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    flashing.on("HEAD", f"/v1/firmware/{SHA256}", Answer())

    assert stmota("flash", image).code == 0
    assert flashing.asked("PUT", f"/v1/firmware/{SHA256}") == []


def test_every_option_reaches_the_job(flashing: ScriptedDaemon, stmota: Stmota, image: Path) -> None:
    stmota(
        *("flash", "-b", "lab-esp32", "--address", "0x08004000", "--baud", "230400"),
        *("--no-verify", "--no-start", "--force", "--full", image),
    )

    assert requested(flashing).flash == FlashOptions(
        files=(FlashFile(firmware=SHA256, filename="fw.bin", address=0x0800_4000),),
        baud=230400,
        verify=False,
        start=False,
        force=True,
        full=True,
    )


def test_baud_auto_leaves_the_rate_to_the_daemon(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    stmota("flash", "--baud", "auto", image)

    options = requested(flashing).flash
    assert options is not None
    assert options.baud is None


def test_what_the_board_is_to_say_reaches_the_job(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path
) -> None:
    stmota("flash", image, "--expect", "ready$", "--within", "2.5", "--rollback")

    options = requested(flashing).flash
    assert options is not None
    assert (options.expect, options.within_s, options.rollback) == ("ready$", 2.5, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--expect", "("],
            "error: --expect: '(' is no regular expression: missing ), unterminated subpattern",
        ),
        (["--expect", "x", "--no-start"], "error: --expect with --no-start: a board in its bootloader says"),
        (["--rollback"], "error: --rollback needs --expect"),
    ],
)
def test_what_cannot_be_expected_is_refused_before_anything_is_sent(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, arguments: list[str], said: str
) -> None:
    ended = stmota("flash", image, *arguments)

    assert ended.code == 2
    assert ended.err.startswith(said)
    assert flashing.requests == []


def test_a_dash_reads_the_image_from_stdin(
    flashing: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(IMAGE)))

    assert stmota("flash", "-").code == 0
    assert requested(flashing).flash == FlashOptions(files=(FlashFile(firmware=SHA256, filename="stdin"),))


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


@pytest.mark.parametrize("code", ProblemCode)
def test_a_request_that_is_refused_exits_with_its_problems_code(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, code: ProblemCode
) -> None:
    flashing.on("POST", "/v1/jobs", refuse(Problem(code=code, message="no", overridable=True)))

    ended = stmota("flash", "--json", image)

    assert ended.code == EXIT_CODES[code].value
    assert ended.err == "error: no\n  --force overrides this\n"
    assert ended.json == {"problem": msgspec.to_builtins(Problem(code=code, message="no", overridable=True))}


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


@pytest.mark.parametrize(
    ("file", "said"),
    [("absent.bin", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_wrong_usage_and_asks_no_daemon(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path, file: str, said: str
) -> None:
    ended = stmota("flash", tmp_path / file)

    assert ended.code == 2
    assert said in ended.err
    assert daemon.requests == []


def test_a_file_without_end_is_refused(daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path) -> None:
    endless = tmp_path / "endless.bin"
    with endless.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)

    ended = stmota("flash", endless)

    assert ended.code == 8
    assert ended.err.startswith("error: endless.bin has more than 64 MiB")
    assert daemon.requests == []


@pytest.mark.parametrize(
    "option", [("--address", "eight"), ("--baud", "fast"), ("--address", "-1"), ("--bauds", "1")]
)
def test_an_option_that_makes_no_sense_is_wrong_usage(
    daemon: ScriptedDaemon, stmota: Stmota, image: Path, option: tuple[str, str]
) -> None:
    ended = stmota("flash", *option, image)

    assert ended.code == 2
    assert option[0] in ended.err
    assert daemon.requests == []


def test_several_files_are_stored_and_flashed_by_one_job_with_their_addresses(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, tmp_path: Path
) -> None:
    app = tmp_path / "app.hex"
    app.write_bytes(b"app")
    sha256 = hashlib.sha256(b"app").hexdigest()
    flashing.on("HEAD", f"/v1/firmware/{sha256}", Answer(status=404))
    flashing.on("PUT", f"/v1/firmware/{sha256}", Answer(status=201))

    assert stmota("flash", f"{image}@0x08000000", app).code == 0
    assert requested(flashing).flash == FlashOptions(
        files=(
            FlashFile(firmware=SHA256, filename="fw.bin", address=0x0800_0000),
            FlashFile(firmware=sha256, filename="app.hex"),
        )
    )
    assert flashing.asked("PUT", f"/v1/firmware/{sha256}")[0].body == b"app"


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
