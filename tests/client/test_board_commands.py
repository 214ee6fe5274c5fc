"""The commands for reading, erasing, protecting and starting a board, against a scripted daemon."""

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB, job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer
from stmota_client import main
from stmota_protocol.api import (
    FlashFile,
    Job,
    JobKind,
    JobOptions,
    JobRequest,
    JobState,
    Problem,
    ProblemCode,
    StateEvent,
)
from stmota_protocol.api.chip_work import (
    ChipOptions,
    ChipResult,
    EraseOptions,
    EraseResult,
    GoOptions,
    GoResult,
    MemoryBytes,
    MemoryPiece,
    OptionBytesOptions,
    OptionBytesResult,
    OptionValue,
    Protection,
    ProtectionResult,
    ProtectOptions,
    ReadOptions,
    ReadResult,
    UnprotectOptions,
    VerifyOptions,
    VerifyResult,
)

FLASH = 0x0800_0000
CONTENT = bytes(range(40))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
READ = ReadResult(
    firmware=SHA256,
    pieces=(MemoryPiece(address=FLASH, length=40),),
    erased_value=0xFF,
    seconds=0.5,
    bytes_per_s=80.0,
    line_rate_share=0.876,
    recoveries=0,
)
READ_LINE = "40 bytes from 0x08000000 in 0.5 s, 80 B/s, 87 % of line rate\n"
ERASED = EraseResult(units=3, length=3072, checked=96, seconds=0.25, recoveries=0)
ERASED_LINE = "lab-esp32: erased 3 units, 3 KiB, in 0.2 s, 96 bytes looked at and found erased\n"


def script(daemon: ScriptedDaemon, kind: JobKind, result: ChipResult | None, **more: Any) -> None:
    """Let a job of a kind be done at once."""
    state = JobState.FAILED if "problem" in more else JobState.DONE
    done: Job = job(state, kind, result=result, **more)
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED, kind), 201))
    daemon.on("GET", "/v1/jobs/j1/events", EventStream([StateEvent(number=1, at=1.0, job=done)]))
    daemon.on("GET", f"/v1/firmware/{SHA256}", Answer(CONTENT))
    daemon.on("HEAD", f"/v1/firmware/{SHA256}", Answer())


def asked(daemon: ScriptedDaemon) -> JobOptions | None:
    """The options of the one job that was asked for."""
    [request] = daemon.asked("POST", "/v1/jobs")
    decoded = msgspec.json.decode(request.body, type=JobRequest)
    assert decoded.bridge == LAB.id
    return decoded.options


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self) -> bool:
        return True


def test_read_writes_a_file_and_tells_what_it_read(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    script(daemon, JobKind.READ, READ)
    file = tmp_path / "back.bin"
    ended = stmota("read", "-b", "lab-esp32", file)
    assert (ended.code, ended.out, ended.err) == (0, f"lab-esp32: back.bin: {READ_LINE}", "")
    assert file.read_bytes() == CONTENT
    assert asked(daemon) == ReadOptions()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--range", "0x08000000..0x08000028"),
        ("--address", "0x08000000", "--length", "40"),
    ],
)
def test_a_range_to_read_is_said_in_two_ways(
    arguments: tuple[str, ...], daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    script(daemon, JobKind.READ, READ)
    assert stmota("read", tmp_path / "x.bin", "--baud", "auto", *arguments).code == 0
    assert asked(daemon) == ReadOptions(address=FLASH, length=40, baud=None)


@pytest.mark.parametrize(("name", "option"), [("a.hex", ()), ("a.IHEX", ()), ("a.txt", ("--format", "hex"))])
def test_a_hex_file_has_addresses(
    name: str, option: tuple[str, ...], daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    script(daemon, JobKind.READ, READ)
    assert stmota("read", tmp_path / name, *option).code == 0
    assert (tmp_path / name).read_text().splitlines() == [
        ":020000040800F2",
        ":10000000000102030405060708090A0B0C0D0E0F78",
        ":10001000101112131415161718191A1B1C1D1E1F68",
        ":080020002021222324252627BC",
        ":00000001FF",
    ]


def test_a_gap_is_filled_in_a_binary_with_a_warning(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    pieces = (MemoryPiece(address=FLASH, length=16), MemoryPiece(address=FLASH + 20, length=24))
    script(daemon, JobKind.READ, msgspec.structs.replace(READ, pieces=pieces))
    ended = stmota("read", tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT[:16] + b"\xff" * 4 + CONTENT[16:]
    assert "4 bytes between the banks are no flash" in ended.err


def test_a_dash_writes_raw_binary_to_stdout_and_the_rest_to_stderr(
    daemon: ScriptedDaemon, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    script(daemon, JobKind.READ, READ)
    assert main.run(["read", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == CONTENT
    assert captured.err == f"lab-esp32: standard output: {READ_LINE}".encode()


def test_a_failed_read_leaves_an_old_file_alone_and_no_half_one(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    problem = Problem(code=ProblemCode.PROTECTED, message="it is read-protected", remedy="lift that")
    script(daemon, JobKind.READ, None, problem=problem)
    old = tmp_path / "old.bin"
    old.write_bytes(b"old")
    assert stmota("read", old).code == 8
    assert stmota("read", tmp_path / "new.bin").code == 8
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_bytes() == b"old"


def test_a_firmware_that_comes_damaged_leaves_nothing(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    script(daemon, JobKind.READ, READ)
    daemon.on("GET", f"/v1/firmware/{SHA256}", Answer(CONTENT[:20]))
    ended = stmota("read", tmp_path / "x.bin")
    assert ended.code == 1
    assert "came damaged or cut short" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("read", "no/such/place.bin"), "cannot write no/such/place.bin: No such file"),
        (("read", "."), "it is a directory"),
        (("read", "x.bin", "--range", "0x10"), "is no range"),
        (("read", "x.bin", "--range", "16..16"), "is empty"),
        (("read", "x.bin", "--address", "16"), "give --range, or --address with --length"),
        (("read", "x.bin", "--range", "0..4", "--address", "1", "--length", "2"), "give --range, or"),
        (("read", "x.bin", "--format", "elf"), "'elf' is no format"),
        (("read", "-", "--json"), "both mean standard output"),
        (("erase",), "say what to erase: --all, a range, or --sectors"),
        (("erase", "--all", "--sectors", "1"), "say what to erase"),
        (("erase", "--sectors", "5-3"), "runs backwards"),
        (("erase", "--sectors", "x"), "names no erase units"),
        (("go", "somewhere"), "is no number"),
        (("option-bytes", "write", "nBOOT_SEL"), "is no change of option bytes"),
        (("option-bytes", "write", "0x1FFFF804=XY"), "is no change of option bytes"),
    ],
)
def test_wrong_arguments_are_told_before_the_daemon_is_asked(
    arguments: tuple[str, ...],
    said: str,
    daemon: ScriptedDaemon,
    stmota: Stmota,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = stmota(*arguments)
    assert ended.code == 2
    assert said in ended.err + ended.out
    assert daemon.asked("POST", "/v1/jobs") == []
    assert list(tmp_path.iterdir()) == []


def test_verify_tells_how_much_is_equal(daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path) -> None:
    piece = MemoryPiece(address=FLASH, length=40)
    script(
        daemon,
        JobKind.VERIFY,
        VerifyResult(pieces=(piece,), length=40, summed=36, seconds=0.25, recoveries=0),
    )
    (tmp_path / "fw.bin").write_bytes(CONTENT)
    ended = stmota("verify", f"{tmp_path}/fw.bin@0x08000000", "--baud", "57600")
    assert ended.out == (
        "lab-esp32: fw.bin: 40 bytes at 0x08000000 are in the chip,"
        " 36 of them by the chip's checksum, 0.2 s\n"
    )
    assert asked(daemon) == VerifyOptions(
        files=(FlashFile(firmware=SHA256, filename="fw.bin", address=FLASH),), baud=57600
    )


def test_several_files_are_verified_by_one_job(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path
) -> None:
    pieces = (MemoryPiece(address=FLASH, length=40), MemoryPiece(address=FLASH + 0x4000, length=40))
    script(
        daemon, JobKind.VERIFY, VerifyResult(pieces=pieces, length=80, summed=0, seconds=0.25, recoveries=0)
    )
    for name in ("boot.bin", "app.bin"):
        (tmp_path / name).write_bytes(CONTENT)
    ended = stmota("verify", tmp_path / "boot.bin", f"{tmp_path}/app.bin@0x08004000")
    assert ended.out == "lab-esp32: boot.bin, app.bin: 80 bytes at 0x08000000 are in the chip, 0.2 s\n"
    assert asked(daemon) == VerifyOptions(
        files=(
            FlashFile(firmware=SHA256, filename="boot.bin"),
            FlashFile(firmware=SHA256, filename="app.bin", address=FLASH + 0x4000),
        )
    )


def test_a_difference_is_exit_code_7(daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path) -> None:
    problem = Problem(code=ProblemCode.VERIFY_FAILED, message="the chip holds something else")
    script(daemon, JobKind.VERIFY, None, problem=problem)
    (tmp_path / "fw.bin").write_bytes(CONTENT)
    assert stmota("verify", tmp_path / "fw.bin").code == 7


@pytest.mark.parametrize(
    ("arguments", "options", "question"),
    [
        (("--all",), EraseOptions(), "Erase all of the flash on lab-esp32? [y/N] "),
        (
            ("--range", "0x08000000..0x08000c00", "--check-all"),
            EraseOptions(address=FLASH, length=3072, check_all=True),
            "Erase 0x08000000..0x08000C00 on lab-esp32? [y/N] ",
        ),
        (("--sectors", "0,3-4"), EraseOptions(units=(0, 3, 4)), "Erase 3 erase units on lab-esp32? [y/N] "),
    ],
)
def test_erase_asks_and_does_what_was_said(
    arguments: tuple[str, ...],
    options: EraseOptions,
    question: str,
    daemon: ScriptedDaemon,
    stmota: Stmota,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(daemon, JobKind.ERASE, ERASED)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    ended = stmota("erase", *arguments)
    assert (ended.code, ended.out, ended.err) == (0, ERASED_LINE, question)
    assert asked(daemon) == options


ASKING = [("erase", "--all"), ("protect", "readout"), ("unprotect", "readout")]


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_nothing_is_done_unless_it_is_confirmed(
    command: tuple[str, ...],
    typed: str,
    daemon: ScriptedDaemon,
    stmota: Stmota,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    ended = stmota(*command)
    assert ended.code == 130
    assert "not confirmed: nothing was done" in ended.err
    assert daemon.asked("POST", "/v1/jobs") == []


@pytest.mark.parametrize("command", ASKING)
def test_without_a_terminal_and_without_yes_nothing_is_done(
    command: tuple[str, ...], daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    ended = stmota(*command)
    assert ended.code == 2
    assert "There is no terminal to ask on: nothing was done" in ended.err
    assert "--yes does it without asking" in ended.err
    assert daemon.asked("POST", "/v1/jobs") == []


def test_lifting_read_protection_says_that_it_erases_the_whole_chip(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ProtectionResult(what=Protection.READOUT, on=False, confirmed=True)
    script(daemon, JobKind.UNPROTECT, result)
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    ended = stmota("unprotect", "readout")
    assert ended.err == "Lift the read protection on lab-esp32? That ERASES THE WHOLE CHIP. [y/N] "
    assert ended.out == "lab-esp32: read protection is off (seen to be so); the flash is erased\n"
    assert asked(daemon) == UnprotectOptions(what=Protection.READOUT)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("protect", "readout", "--yes"), ProtectOptions(what=Protection.READOUT)),
        (("protect", "write"), ProtectOptions(what=Protection.WRITE)),
        (("protect", "write", "--sectors", "0-3"), ProtectOptions(what=Protection.WRITE, units=(0, 1, 2, 3))),
        (("unprotect", "write"), UnprotectOptions(what=Protection.WRITE)),
    ],
)
def test_protection_reaches_the_job_and_a_note_the_user(
    arguments: tuple[str, ...], options: ChipOptions, daemon: ScriptedDaemon, stmota: Stmota
) -> None:
    result = ProtectionResult(what=Protection.WRITE, on=True, confirmed=False, note="power-cycle it")
    script(daemon, JobKind.PROTECT, result)
    ended = stmota(*arguments)
    assert ended.out == "lab-esp32: write protection is on (not in force yet)\n"
    assert ended.err == "note: power-cycle it\n"
    assert asked(daemon) == options


def test_go_says_started_only_when_something_was_seen(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    script(daemon, JobKind.GO, GoResult(address=FLASH + 0x4000, started=True, evidence="hello"))
    assert stmota("go", "0x08004000", "--force").out == ('lab-esp32: GO 0x08004000: started, seen: "hello"\n')
    assert asked(daemon) == GoOptions(address=FLASH + 0x4000, force=True)
    script(daemon, JobKind.GO, GoResult(address=FLASH, started=None, evidence=None))
    assert stmota("go", "0x08000000").out == ("lab-esp32: GO 0x08000000: nothing seen that proves a start\n")


OPTIONS = OptionBytesResult(
    fields=(
        OptionValue(name="nBOOT_SEL", value=1, address=0x1FFF_7800, bit=24, width=1),
        OptionValue(name="RDP", value=0xAA, address=0x1FFF_7800, bit=0, width=8),
    ),
    blocks=(MemoryBytes(address=0x1FFF_7800, data=bytes(range(18)).hex()),),
    written=False,
)


def test_option_bytes_are_shown_by_name_and_in_hex(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    script(daemon, JobKind.OPTION_BYTES, OPTIONS)
    assert stmota("option-bytes", "read").out.splitlines() == [
        "nBOOT_SEL = 1",
        "RDP = 0xAA",
        "0x1FFF7800: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f",
        "0x1FFF7810: 10 11",
    ]
    assert asked(daemon) == OptionBytesOptions()


def test_option_bytes_are_written_by_name_and_by_address(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    script(daemon, JobKind.OPTION_BYTES, OPTIONS)
    stmota("option-bytes", "write", "nBOOT_SEL=0", "0x1FFF7818=0A0b", "--force", "--permanent")
    assert asked(daemon) == OptionBytesOptions(
        fields={"nBOOT_SEL": 0},
        raw=(MemoryBytes(address=0x1FFF_7818, data="0a0b"),),
        force=True,
        permanent=True,
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "result"),
    [
        (("read", "x.bin"), JobKind.READ, READ),
        (("erase", "--all", "--yes"), JobKind.ERASE, ERASED),
        (("option-bytes", "read"), JobKind.OPTION_BYTES, OPTIONS),
    ],
)
def test_json_is_the_job(
    arguments: tuple[str, ...],
    kind: JobKind,
    result: ChipResult,
    daemon: ScriptedDaemon,
    stmota: Stmota,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    script(daemon, kind, result)
    printed = stmota(*arguments, "--json").json
    assert msgspec.convert(printed, Job).result == result
