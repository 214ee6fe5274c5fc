"""`erase`, `protect`, `unprotect`, `go` and `option-bytes` against a scripted daemon."""

import io
import sys
from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from scripted_daemon import ScriptedDaemon
from scripted_job import FLASH, READ, asked, script
from stmota_protocol.api import Job, JobKind
from stmota_protocol.api.chip_work import (
    ChipOptions,
    ChipResult,
    EraseOptions,
    EraseResult,
    GoOptions,
    GoResult,
    MemoryBytes,
    OptionBytesOptions,
    OptionBytesResult,
    OptionValue,
    Protection,
    ProtectionResult,
    ProtectOptions,
    UnprotectOptions,
)

ERASED = EraseResult(units=3, length=3072, checked=96, seconds=0.25, recoveries=0)
ERASED_LINE = "lab-esp32: erased 3 units, 3 KiB, in 0.2 s, 96 bytes looked at and found erased\n"


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self) -> bool:
        return True


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
