"""`stmota protect` and `stmota unprotect`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command, with_examples
from stmota_client.choose import reference
from stmota_client.confirm import confirm
from stmota_client.escape import escape
from stmota_client.jobs import run_job
from stmota_client.ranges import Units, units
from stmota_client.session import bridge_session
from stmota_protocol.api import Job, JobKind, JobRequest
from stmota_protocol.api.chip_work import (
    ChipOptions,
    Protection,
    ProtectionResult,
    ProtectOptions,
    UnprotectOptions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutArguments(OnJob):
    """Whether to ask."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteArguments(OnJob):
    """What to protect."""

    sectors: Annotated[
        Units | None,
        typer.Option(
            metavar="LIST",
            parser=units,
            help="Pages or sectors by number, e.g. 0-3; those not named are open. [default: all]",
        ),
    ] = None


def protect() -> None:
    """Protect a board's flash against being read or written."""


def unprotect() -> None:
    """Lift the protection of a board's flash."""


def protect_readout(arguments: ReadoutArguments) -> None:
    """Turn on read protection (RDP level 1): the bootloader refuses to read, write and erase.

    Lifting it again erases the whole chip.
    """
    question = "Protect the chip on {} against being read? Lifting that erases the whole chip."
    _run(arguments, JobKind.PROTECT, ProtectOptions(what=Protection.READOUT), question, yes=arguments.yes)


def unprotect_readout(arguments: ReadoutArguments) -> None:
    """Lift read protection, which ERASES THE WHOLE CHIP. Asks first."""
    question = "Lift the read protection on {}? That ERASES THE WHOLE CHIP."
    _run(arguments, JobKind.UNPROTECT, UnprotectOptions(what=Protection.READOUT), question, yes=arguments.yes)


def protect_write(arguments: WriteArguments) -> None:
    """Write-protect the flash, or some of it. Chips protect pages in groups, which are named whole."""
    options = ProtectOptions(
        what=Protection.WRITE, units=arguments.sectors.numbers if arguments.sectors else None
    )
    _run(arguments, JobKind.PROTECT, options, "", yes=True)


def unprotect_write(arguments: OnJob) -> None:
    """Lift the write protection of all of the flash."""
    _run(arguments, JobKind.UNPROTECT, UnprotectOptions(what=Protection.WRITE), "", yes=True)


def _run(arguments: OnJob, kind: JobKind, options: ChipOptions, question: str, *, yes: bool) -> None:
    with bridge_session(arguments) as (client, bridge):
        confirm(question.format(bridge.name), yes=yes)
        request = JobRequest(kind=kind, bridge=reference(bridge), options=options)
        job = run_job(client, bridge, request, arguments)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, ProtectionResult) and not arguments.quiet:
        screen.data(_closing_line(job, job.result))
        if job.result.note:
            screen.say(f"note: {job.result.note}")


def _closing_line(job: Job, result: ProtectionResult) -> str:
    name = {Protection.READOUT: "read protection", Protection.WRITE: "write protection"}[result.what]
    seen = {True: "seen to be so", False: "not in force yet", None: "acknowledged"}[result.confirmed]
    erased = "; the flash is erased" if result.what is Protection.READOUT and not result.on else ""
    return escape(f"{job.bridge}: {name} is {'on' if result.on else 'off'} ({seen}){erased}")


def register(app: typer.Typer) -> None:
    """Add the two groups."""
    on = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    add_command(
        on,
        "readout",
        ReadoutArguments,
        protect_readout,
        examples=("stmota protect readout --bridge lab-esp32",),
    )
    add_command(
        on,
        "write",
        WriteArguments,
        protect_write,
        examples=("stmota protect write", "stmota protect write --sectors 0-3"),
    )
    app.add_typer(on, name="protect", help=with_examples(protect, ("stmota protect write --sectors 0-3",)))
    off = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    add_command(
        off,
        "readout",
        ReadoutArguments,
        unprotect_readout,
        examples=("stmota unprotect readout --bridge lab-esp32",),
    )
    add_command(off, "write", OnJob, unprotect_write, examples=("stmota unprotect write --bridge lab-esp32",))
    app.add_typer(off, name="unprotect", help=with_examples(unprotect, ("stmota unprotect write",)))
