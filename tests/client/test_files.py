"""Files as people name them, with and without an address."""

import io
import sys
from pathlib import Path

import pytest

from stmota_client.errors import ClientError
from stmota_client.files import given_files
from stmota_protocol.api import ProblemCode


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a few files, and stand in their folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("boot.bin", "app.hex", "odd@0x10", "me@home.bin"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("boot.bin", "boot.bin", None),
        ("boot.bin@0x08000000", "boot.bin", 0x0800_0000),
        ("boot.bin@16k", "boot.bin", 16 * 1024),
        ("./boot.bin@0x08000000", "boot.bin", 0x0800_0000),
        ("odd@0x10", "odd@0x10", None),
        ("odd@0x10@0x20", "odd@0x10", 0x20),
        ("me@home.bin", "me@home.bin", None),
        ("me@home.bin@0x20", "me@home.bin", 0x20),
    ],
)
def test_a_file_may_be_given_its_address(folder: Path, given: str, name: str, address: int | None) -> None:
    [file] = given_files([given])
    assert (file.named.filename, file.named.address, file.content) == (name, address, name.encode())


def test_stdin_may_have_an_address_and_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    [piped, app] = given_files(["-@0x08004000", "app.hex"])
    assert (piped.content, piped.named.filename, piped.named.address) == (b"piped", "stdin", 0x0800_4000)
    assert app.named.filename == "app.hex"
    with pytest.raises(ClientError, match="only once"):
        given_files(["-", "-@0x10"])


def test_address_is_for_one_file_without_one(folder: Path) -> None:
    assert given_files(["boot.bin"], 0x10)[0].named.address == 0x10
    for several in (["boot.bin", "app.hex"], ["boot.bin@0x20"]):
        with pytest.raises(ClientError, match="--address is for one file") as refused:
            given_files(several, 0x10)
        assert refused.value.problem.code is ProblemCode.USAGE
