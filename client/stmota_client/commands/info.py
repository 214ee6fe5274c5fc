"""`stmota info`."""

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command
from stmota_client.jobs import run_kind
from stmota_client.report import target_lines
from stmota_protocol.api import JobKind


def info(arguments: OnJob) -> None:
    """Show what a board's chip says of itself.

    Chip, bootloader version, commands, flash size, unique id, protection and the option bits that
    decide booting. The board is reset into its bootloader for it, and started again.
    """
    job = run_kind(arguments, JobKind.INFO)
    if arguments.json:
        screen.document(job.target)
    elif job.target is not None:
        for line in target_lines(job.target):
            screen.data(line)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "info", OnJob, info, examples=("stmota info --bridge lab-esp32",))
