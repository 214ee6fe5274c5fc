"""`stmota discover`."""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import WithJson, add_command
from stmota_client.discovery import Discovery
from stmota_client.session import session


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverArguments(WithJson):
    """How long to look."""

    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Look for so long. [default: until there was no news for 2 s, 10 s at most]",
        ),
    ] = None


def discover(arguments: DiscoverArguments) -> None:
    """List the bridges: those announced by mDNS and those added to the configuration.

    In a terminal the table is live while it looks.
    """
    from stmota_client.table import LiveTable, print_table  # noqa: PLC0415 - rich takes 0.1 s: not for --help

    with session(arguments) as (client, _):
        discovery = Discovery(client, arguments.timeout)
        if arguments.json or arguments.quiet or not sys.stdout.isatty():
            bridges = discovery.run(lambda _: None)
        else:
            with LiveTable() as table:
                bridges = discovery.run(table.show)
    if arguments.json:
        screen.document(bridges)
        return
    if bridges:
        print_table(bridges)
    for bridge in bridges:
        if bridge.problem is not None and not arguments.quiet:
            screen.warn(bridge.problem.message)
    if not bridges and not arguments.quiet:
        screen.say("no bridge found; is it on? one that mDNS does not reach: stmota bridge add NAME HOST")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "discover",
        DiscoverArguments,
        discover,
        examples=("stmota discover", "stmota discover --timeout 10 --json"),
    )
