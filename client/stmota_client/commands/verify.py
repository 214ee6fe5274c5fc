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

    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[@ADDRESS]...", help="Files as `stmota flash` takes them; - reads stdin."
        ),
    ]
    address: Annotated[
        int | None,
        typer.Option(
            metavar="ADDRESS",
            parser=number,
            help="Where the one raw binary is, as FILE@ADDRESS. [default: the start of flash]",
        ),
    ] = None


def verify(arguments: VerifyArguments) -> None:
    """Compare what a board holds with one or more files; nothing is written.

    Ends with exit code 7 where they differ, and says where first. Uses the chip's own checksum where its
    bootloader has GET CHECKSUM. The board is started again.
    """
    files = given_files(arguments.files, arguments.address)
    options = VerifyOptions(files=tuple(file.named for file in files), baud=arguments.baud)
    job = run_options(arguments, JobKind.VERIFY, options, *(file.content for file in files))
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, VerifyResult) and not arguments.quiet:
        screen.data(_closing_line(job, job.result, options))


def _closing_line(job: Job, result: VerifyResult, options: VerifyOptions) -> str:
    name = ", ".join(file.filename for file in options.files)
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
        examples=("stmota verify fw.elf", "stmota verify --bridge lab-esp32 boot.bin app.bin@0x08004000"),
    )
