"""`stmota erase`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import AtBaud, add_command, number
from stmota_client.choose import reference
from stmota_client.confirm import confirm
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.jobs import run_job
from stmota_client.quantity import address, size
from stmota_client.ranges import Units, memory_range, one_range, units
from stmota_client.session import bridge_session
from stmota_protocol.api import Job, JobKind, JobRequest, ProblemCode
from stmota_protocol.api.chip_work import EraseOptions, EraseResult, MemoryPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseArguments(AtBaud):
    """What to erase."""

    all: Annotated[bool, typer.Option("--all", help="All of the flash.")] = False
    range: Annotated[
        MemoryPiece | None,
        typer.Option(
            metavar="A..B",
            parser=memory_range,
            help="Whole erase units from address A up to B, B not included.",
        ),
    ] = None
    address: Annotated[
        int | None, typer.Option(metavar="ADDRESS", parser=number, help="Instead of --range: from here …")
    ] = None
    length: Annotated[
        int | None, typer.Option(metavar="BYTES", parser=number, help="… so many bytes, e.g. 64k.")
    ] = None
    sectors: Annotated[
        Units | None,
        typer.Option(metavar="LIST", parser=units, help="Pages or sectors by number, e.g. 0,3-5."),
    ] = None
    check_all: Annotated[
        bool, typer.Option("--check-all", help="Read every byte back, not only some of each unit.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False


def erase(arguments: EraseArguments) -> None:
    """Erase a board's flash: all of it, a range, or pages and sectors by number.

    Asks before it does. Afterwards looks whether the flash is erased: at some bytes of each unit, or at all
    of them where the chip has GET CHECKSUM. The board is left reset.
    """
    wanted = one_range(arguments.range, arguments.address, arguments.length)
    if [arguments.all, wanted is not None, arguments.sectors is not None].count(True) != 1:
        message = "say what to erase: --all, a range, or --sectors"
        raise ClientError.of(ProblemCode.USAGE, message, "see `stmota erase --help`")
    options = EraseOptions(
        address=wanted.address if wanted else None,
        length=wanted.length if wanted else None,
        units=arguments.sectors.numbers if arguments.sectors else None,
        check_all=arguments.check_all,
        baud=arguments.baud,
    )
    with bridge_session(arguments) as (client, bridge):
        confirm(f"Erase {_what(options)} on {bridge.name}?", yes=arguments.yes)
        request = JobRequest(kind=JobKind.ERASE, bridge=reference(bridge), options=options)
        job = run_job(client, bridge, request, arguments)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, EraseResult) and not arguments.quiet:
        screen.data(_closing_line(job, job.result))


def _what(options: EraseOptions) -> str:
    if options.address is not None and options.length is not None:
        return f"{address(options.address)}..{address(options.address + options.length)}"
    if options.units is not None:
        return f"{len(options.units)} erase unit{'s' if len(options.units) != 1 else ''}"
    return "all of the flash"


def _closing_line(job: Job, result: EraseResult) -> str:
    checked = "all" if result.checked >= result.length else f"{result.checked} bytes"
    return escape(
        f"{job.bridge}: erased {result.units} unit{'s' if result.units != 1 else ''},"
        f" {size(result.length)}, in {result.seconds:.1f} s, {checked} looked at and found erased"
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "erase",
        EraseArguments,
        erase,
        examples=(
            "stmota erase --all",
            "stmota erase --range 0x08004000..0x08008000 --yes",
            "stmota erase --sectors 0,3-5",
        ),
    )
