"""`read` and `verify` against a scripted daemon."""

from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from scripted_daemon import Answer, ScriptedDaemon
from scripted_job import CONTENT, FLASH, READ, SHA256, asked, script
from stmota_client import main
from stmota_protocol.api import FlashFile, JobKind, Problem, ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece, ReadOptions, VerifyOptions, VerifyResult

READ_LINE = "40 bytes from 0x08000000 in 0.5 s, 80 B/s, 87 % of line rate\n"


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
