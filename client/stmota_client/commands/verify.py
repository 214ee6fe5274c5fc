"""`stmota verify`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import AtBaud, add_command, number
from stmota_client.escape import escape
from stmota_client.files import given_files
from stmota_client.jobs import run_options
from stmota_client.quantity import address
from stmota_protocol.api import Job, JobKind
from stmota_protocol.api.chip_work import VerifyOptions, VerifyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyArguments(AtBaud):
    """What to compare with."""

    file: Annotated[
        str,
        typer.Argument(metavar="FILE[@ADDRESS]", help="A file as `stmota flash` takes it; - reads stdin."),
    ]
    address: Annotated[
        int | None,
        typer.Option(
            metavar="ADDRESS", parser=number, help="Where a raw binary is. [default: the start of flash]"
        ),
    ] = None


def verify(arguments: VerifyArguments) -> None:
    """Compare what a board holds with a file; nothing is written.

    Ends with exit code 7 where they differ, and says where first. Uses the chip's own checksum where its
    bootloader has GET CHECKSUM. The board is started again.
    """
    [file] = given_files([arguments.file], arguments.address)
    options = VerifyOptions(
        firmware=file.named.firmware,
        filename=file.named.filename,
        address=file.named.address,
        baud=arguments.baud,
    )
    job = run_options(arguments, JobKind.VERIFY, options, file.content)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, VerifyResult) and not arguments.quiet:
        screen.data(_closing_line(job, job.result, file.named.filename))


def _closing_line(job: Job, result: VerifyResult, name: str) -> str:
    summed = f", {result.summed} of them by the chip's checksum" if result.summed else ""
    where = address(result.pieces[0].address)
    held = f"{result.length} bytes at {where} are in the chip{summed}"
    return escape(f"{job.bridge}: {name}: {held}, {result.seconds:.1f} s")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "verify",
        VerifyArguments,
        verify,
        examples=("stmota verify fw.elf", "stmota verify --bridge lab-esp32 app.bin@0x08004000"),
    )
