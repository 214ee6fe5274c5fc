"""`stmota flash`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import AtBaud, add_command, number
from stmota_client.errors import ClientError
from stmota_client.files import given_files
from stmota_client.jobs import run_flash
from stmota_client.report import closing_line
from stmota_protocol.api import FlashOptions, Job, ProblemCode
from stmota_protocol.expectation import BadPattern, compile_pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashArguments(AtBaud):
    """What to flash, where and how."""

    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[@ADDRESS]...",
            help="ELF, Intel HEX, S-record, DfuSe, UF2, or raw binary (which may have an address);"
            " - reads stdin.",
        ),
    ]
    address: Annotated[
        int | None,
        typer.Option(
            metavar="ADDRESS",
            parser=number,
            help="Where the one raw binary goes, as FILE@ADDRESS. [default: the start of flash]",
        ),
    ] = None
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read back and compare.")] = False
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start the firmware.")] = False
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Restore what the files do not cover of the erase units they touch."),
    ] = False
    full: Annotated[
        bool, typer.Option("--full", help="Erase and write also what the flash holds already.")
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Override a refusal that is a matter of judgement, none of fact.")
    ] = False
    supply_mv: Annotated[
        int | None,
        typer.Option(
            metavar="MV",
            parser=number,
            help="The chip's VDD in millivolts, 1800 to 3600: F2 and F4 then erase and program faster.",
        ),
    ] = None
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Good only if a line of the board's log matches this after the start."
        ),
    ] = None
    within: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=3600, help="How long --expect waits.")
    ] = 10.0
    rollback: Annotated[
        bool,
        typer.Option("--rollback", help="If --expect is not met, put back the image verified before."),
    ] = False


def flash(arguments: FlashArguments) -> None:
    """Flash one or more files onto a board, verify them and start the firmware.

    Shows a progress bar in a terminal, a line now and then elsewhere; ends with a line of what was done.
    Ctrl-C cancels the job and waits for its end; a second Ctrl-C leaves at once and the job goes on.
    """
    _check_expectation(arguments)
    files = given_files(arguments.files, arguments.address)
    options = FlashOptions(
        files=tuple(file.named for file in files),
        baud=arguments.baud,
        verify=not arguments.no_verify,
        start=not arguments.no_start,
        force=arguments.force,
        full=arguments.full,
        keep=arguments.keep,
        supply_mv=arguments.supply_mv,
        expect=arguments.expect,
        within_s=arguments.within,
        rollback=arguments.rollback,
    )
    show_result(run_flash(arguments, [file.content for file in files], options), arguments)


def _check_expectation(arguments: FlashArguments) -> None:
    """Refuse, before anything is sent, what cannot be expected. Raises `ClientError` (USAGE)."""
    if arguments.expect is None:
        if arguments.rollback:
            raise ClientError.of(
                ProblemCode.USAGE, "--rollback needs --expect", "say what the board is to say"
            )
        return
    if arguments.no_start:
        raise ClientError.of(
            ProblemCode.USAGE,
            "--expect with --no-start: a board in its bootloader says nothing",
            "leave one out",
        )
    try:
        compile_pattern(arguments.expect)
    except BadPattern as bad:
        raise ClientError.of(
            ProblemCode.USAGE, f"--expect: {bad}", "write it as Python's re takes it"
        ) from bad


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
            "stmota flash boot.bin@0x08000000 app.hex",
            "stmota flash fw.bin --address 0x08004000 --baud 230400 --json",
            "stmota flash f407.bin --supply-mv 3300",
            "stmota flash fw.bin --expect 'ready, version 1\\.4' --within 5 --rollback",
            "stmota flash fw.hex --baud auto",
        ),
    )
