"""`stmota flash` against a scripted daemon: what it asks for, and what it refuses."""

import hashlib
import io
import sys
from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from flash_answers import CLOSING, EVENTS, FW_BIN, IMAGE, SHA256
from sample_answers import LAB
from scripted_daemon import Answer, ScriptedDaemon, refuse
from stmota_protocol.api import (
    EXIT_CODES,
    FlashFile,
    FlashOptions,
    JobKind,
    JobRequest,
    Problem,
    ProblemCode,
)


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


@pytest.mark.parametrize("code", ProblemCode)
def test_a_request_that_is_refused_exits_with_its_problems_code(
    flashing: ScriptedDaemon, stmota: Stmota, image: Path, code: ProblemCode
) -> None:
    flashing.on("POST", "/v1/jobs", refuse(Problem(code=code, message="no", overridable=True)))

    ended = stmota("flash", "--json", image)

    assert ended.code == EXIT_CODES[code].value
    assert ended.err == "error: no\n  --force overrides this\n"
    assert ended.json == {"problem": msgspec.to_builtins(Problem(code=code, message="no", overridable=True))}


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
