"""Firmware files as people name them: `fw.elf`, `boot.bin@0x08000000`, `-` for standard input."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stmota_client.errors import ClientError
from stmota_client.quantity import parse_number
from stmota_protocol.api import FlashFile, ProblemCode

MAX_IMAGE_BYTES = 64 * 1024 * 1024
"""What the daemon takes; more than that is not read (`/dev/zero` has no end)."""
STDIN = "-"


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file's bytes, and how the job names it."""

    content: bytes
    named: FlashFile


def given_files(arguments: Sequence[str], address: int | None = None) -> list[GivenFile]:
    """Read the files that `arguments` name; `address` is for the only one. Raises `ClientError`."""
    split = [_split(argument) for argument in arguments]
    if address is not None and (len(split) > 1 or split[0][1] is not None):
        raise ClientError.of(
            ProblemCode.USAGE,
            "--address is for one file that has no address yet",
            "write FILE@ADDRESS for each raw binary, and leave --address out",
        )
    if [file for file, _ in split].count(STDIN) > 1:
        raise ClientError.of(ProblemCode.USAGE, "standard input (-) can be read only once", "name files")
    return [_read(file, address if own is None else own) for file, own in split]


def _split(argument: str) -> tuple[str, int | None]:
    """Split FILE@ADDRESS; a file whose whole name looks so is that file."""
    file, at, address = argument.rpartition("@")
    if not at or not file or Path(argument).exists():
        return argument, None
    try:
        return file, parse_number(address)
    except ValueError:
        return argument, None


def _read(file: str, address: int | None) -> GivenFile:
    content, name = _content(file)
    sha256 = hashlib.sha256(content).hexdigest()
    return GivenFile(content, FlashFile(firmware=sha256, filename=name, address=address))


def _content(file: str) -> tuple[bytes, str]:
    """Return the file's bytes and its name for people."""
    name = "stdin" if file == STDIN else Path(file).name
    try:
        if file == STDIN:
            content = sys.stdin.buffer.read(MAX_IMAGE_BYTES + 1)
        else:
            with Path(file).open("rb") as source:
                content = source.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise ClientError.of(
            ProblemCode.USAGE, f"cannot read {file}: {error.strerror}", "name the image to flash"
        ) from error
    if len(content) > MAX_IMAGE_BYTES:
        raise ClientError.of(
            ProblemCode.DOES_NOT_FIT,
            f"{name} has more than {MAX_IMAGE_BYTES >> 20} MiB: no STM32 has so much flash",
            "is that the image?",
        )
    return content, name
