"""`stmota go`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command, number
from stmota_client.escape import escape
from stmota_client.jobs import run_options
from stmota_client.quantity import address
from stmota_protocol.api import Job, JobKind
from stmota_protocol.api.chip_work import GoOptions, GoResult


@dataclass(frozen=True, slots=True, kw_only=True)
class GoArguments(OnJob):
    """Where to go."""

    address: Annotated[
        int, typer.Argument(metavar="ADDRESS", parser=number, help="Of a vector table, e.g. 0x08004000.")
    ]
    force: Annotated[bool, typer.Option("--force", help="Start it although no vector table is there.")] = (
        False
    )


def go(arguments: GoArguments) -> None:
    """Start what is at an address, by the bootloader's GO.

    The stack pointer is the address's first word, the entry point its second. "Started" is said only when
    something was seen on the board's log.
    """
    options = GoOptions(address=arguments.address, force=arguments.force)
    job = run_options(arguments, JobKind.GO, options)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, GoResult) and not arguments.quiet:
        screen.data(_closing_line(job, job.result))
        if job.result.note:
            screen.say(f"note: {job.result.note}")


def _closing_line(job: Job, result: GoResult) -> str:
    seen = f'started, seen: "{result.evidence}"' if result.started else "nothing seen that proves a start"
    return escape(f"{job.bridge}: GO {address(result.address)}: {seen}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "go", GoArguments, go, examples=("stmota go 0x08004000",))
