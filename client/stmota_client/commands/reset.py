"""`stmota reset`."""

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command
from stmota_client.escape import escape
from stmota_client.jobs import run_kind
from stmota_protocol.api import JobKind


def reset(arguments: OnJob) -> None:
    """Reset a board, so that it starts its firmware anew."""
    job = run_kind(arguments, JobKind.RESET)
    if arguments.json:
        screen.document(job)
    elif not arguments.quiet:
        screen.data(escape(f"{job.bridge}: reset"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "reset", OnJob, reset, examples=("stmota reset --bridge lab-esp32",))
