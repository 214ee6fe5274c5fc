"""`stmota read`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import AtBaud, add_command, number
from stmota_client.choose import reference
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.jobs import run_job
from stmota_client.memory_file import file_of, wants_hex
from stmota_client.output_file import OutputFile
from stmota_client.quantity import address, percent
from stmota_client.ranges import memory_range, one_range
from stmota_client.session import bridge_session
from stmota_protocol.api import Job, JobKind, JobRequest, ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece, ReadOptions, ReadResult

STDOUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadArguments(AtBaud):
    """What to read, and where to put it."""

    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Where to: .hex is Intel HEX, else raw binary; - is stdout."),
    ]
    range: Annotated[
        MemoryPiece | None,
        typer.Option(
            metavar="A..B",
            parser=memory_range,
            help="From address A up to B, B not included. [default: all of the flash]",
        ),
    ] = None
    address: Annotated[
        int | None, typer.Option(metavar="ADDRESS", parser=number, help="Instead of --range: from here …")
    ] = None
    length: Annotated[
        int | None, typer.Option(metavar="BYTES", parser=number, help="… so many bytes, e.g. 64k.")
    ] = None
    format: Annotated[
        str | None, typer.Option(metavar="bin|hex", help="Whatever the file's name ends in.")
    ] = None


def read(arguments: ReadArguments) -> None:
    """Read a board's flash, or any memory that its bootloader shows, into a file.

    The file is there whole or not at all. Addresses outside the flash (RAM, option bytes, OTP, the ROM) are
    read when they are named. The board is started again.
    """
    is_hex = wants_hex(arguments.file, arguments.format)
    wanted = one_range(arguments.range, arguments.address, arguments.length)
    options = ReadOptions(
        address=wanted.address if wanted else None,
        length=wanted.length if wanted else None,
        baud=arguments.baud,
    )
    if arguments.file == STDOUT:
        _to_stdout(arguments, options, is_hex=is_hex)
        return
    with OutputFile(Path(arguments.file)) as output:
        job, result, content = _read(arguments, options)
        output.write(file_of(result, content, is_hex=is_hex))
    if arguments.json:
        screen.document(job)
    elif not arguments.quiet:
        screen.data(_closing_line(job, result, Path(arguments.file).name))


def _to_stdout(arguments: ReadArguments, options: ReadOptions, *, is_hex: bool) -> None:
    if arguments.json:
        raise ClientError.of(
            ProblemCode.USAGE, "--json and - both mean standard output", "name a file, or leave --json out"
        )
    if sys.stdout.isatty() and not is_hex:
        raise ClientError.of(
            ProblemCode.USAGE, "a terminal is no place for raw binary", "name a file, or --format hex"
        )
    job, result, content = _read(arguments, options)
    sys.stdout.buffer.write(file_of(result, content, is_hex=is_hex))
    sys.stdout.buffer.flush()
    if not arguments.quiet:
        screen.say(_closing_line(job, result, "standard output"))


def _read(arguments: ReadArguments, options: ReadOptions) -> tuple[Job, ReadResult, bytes]:
    with bridge_session(arguments) as (client, bridge):
        request = JobRequest(kind=JobKind.READ, bridge=reference(bridge), options=options)
        job = run_job(client, bridge, request, arguments)
        if not isinstance(job.result, ReadResult):
            raise ClientError.of(ProblemCode.FAILED, f"job {job.id} is done, but says not what it read")
        return job, job.result, client.download_firmware(job.result.firmware)


def _closing_line(job: Job, result: ReadResult, name: str) -> str:
    length = sum(piece.length for piece in result.pieces)
    recoveries = f", {result.recoveries} recoveries" if result.recoveries else ""
    return escape(
        f"{job.bridge}: {name}: {length} bytes from {address(result.pieces[0].address)} in"
        f" {result.seconds:.1f} s, {result.bytes_per_s:.0f} B/s,"
        f" {percent(result.line_rate_share)} of line rate{recoveries}"
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "read",
        ReadArguments,
        read,
        examples=(
            "stmota read backup.bin",
            "stmota read boot.hex --range 0x08000000..0x08004000",
            "stmota read - --address 0x1FFF7A10 --length 12 | xxd",
        ),
    )
