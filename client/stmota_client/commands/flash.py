"""`stmota flash`."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnBridge, add_command
from stmota_client.errors import ClientError
from stmota_client.jobs import run_flash
from stmota_client.quantity import parse_number
from stmota_client.report import closing_line
from stmota_protocol.api import FlashOptions, Job, ProblemCode

MAX_IMAGE_BYTES = 64 * 1024 * 1024
"""What the daemon takes; more than that is not read (`/dev/zero` has no end)."""


def _number(text: str | int) -> int:
    try:
        return text if isinstance(text, int) else parse_number(text)  # typer parses defaults, too
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashArguments(OnBridge):
    """What to flash, where and how."""

    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="ELF, Intel HEX, S-record, DfuSe, UF2 or raw binary; - reads stdin."
        ),
    ]
    address: Annotated[
        int | None,
        typer.Option(
            metavar="ADDRESS",
            parser=_number,
            help="Where a raw binary goes, e.g. 0x08004000. [default: the start of flash]",
        ),
    ] = None
    baud: Annotated[int, typer.Option(metavar="BAUD", parser=_number, help="Speed of the bootloader.")] = (
        115200
    )
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read back and compare.")] = False
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start the firmware.")] = False
    force: Annotated[
        bool, typer.Option("--force", help="Override a refusal that is a matter of judgement, none of fact.")
    ] = False


def flash(arguments: FlashArguments) -> None:
    """Flash an image onto a board, verify it and start it.

    Shows a progress bar in a terminal, a line now and then elsewhere; ends with a line of what was done.
    Ctrl-C cancels the job and waits for its end; a second Ctrl-C leaves at once and the job goes on.
    """
    image, name = read_image(arguments.file)
    options = FlashOptions(
        firmware=hashlib.sha256(image).hexdigest(),
        filename=name,
        address=arguments.address,
        baud=arguments.baud,
        verify=not arguments.no_verify,
        start=not arguments.no_start,
        force=arguments.force,
    )
    show_result(run_flash(arguments, image, options), arguments)


def read_image(file: str) -> tuple[bytes, str]:
    """Return the image's bytes and its name for people. Raises `ClientError` (USAGE, DOES_NOT_FIT)."""
    name = "stdin" if file == "-" else Path(file).name
    try:
        if file == "-":
            image = sys.stdin.buffer.read(MAX_IMAGE_BYTES + 1)
        else:
            with Path(file).open("rb") as source:
                image = source.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise ClientError.of(
            ProblemCode.USAGE, f"cannot read {file}: {error.strerror}", "name the image to flash"
        ) from error
    if len(image) > MAX_IMAGE_BYTES:
        raise ClientError.of(
            ProblemCode.DOES_NOT_FIT,
            f"{name} has more than {MAX_IMAGE_BYTES >> 20} MiB: no STM32 has so much flash",
            "is that the image?",
        )
    return image, name


def show_result(job: Job, arguments: FlashArguments) -> None:
    """Print the job as JSON, or the closing line."""
    if arguments.json:
        screen.document(job)
    elif job.report is not None and not arguments.quiet:
        screen.data(closing_line(job, job.report))
        if job.report.note:
            screen.say(f"note: {job.report.note}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "flash",
        FlashArguments,
        flash,
        examples=(
            "stmota flash --bridge lab-esp32 fw.elf",
            "stmota flash fw.bin --address 0x08004000 --baud 230400 --json",
        ),
    )
