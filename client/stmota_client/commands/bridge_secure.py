"""`stmota bridge secure` and `stmota bridge forget-security`."""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import Common, WithJson
from stmota_client.confirm import confirm
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.session import session
from stmota_protocol.api import ProblemCode


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureArguments(WithJson):
    """Which bridge, and the fingerprint that its console shows."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The bridge's name or id.")]
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", help="For scripts: the fingerprint as read at the bridge; none is asked for."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetArguments(Common):
    """Which bridge."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The bridge's name or id.")]
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False


def secure(arguments: SecureArguments) -> None:
    """Put a bridge into secure mode: from then on it speaks TLS, to this daemon only.

    Within 5 minutes of the bridge's start. Compare the fingerprint that its console shows with the one here.
    """
    with session(arguments) as (client, _):
        fingerprint = _plain_hex(arguments.fingerprint)
        if fingerprint is None:
            if not sys.stdin.isatty():
                message = "there is no terminal to compare the fingerprint on: nothing was done"
                raise ClientError.of(
                    ProblemCode.USAGE, message, "give --fingerprint as the bridge's console shows it"
                )
            fingerprint = client.bridge_fingerprint(arguments.name).fingerprint
            screen.say(f"the bridge's key has the fingerprint {fingerprint}")
            confirm("Does the bridge's own console show the same?", yes=False)
        done = client.secure_bridge(arguments.name, fingerprint)
    if arguments.json:
        screen.document(done)
    elif not arguments.quiet:
        screen.data(escape(f"{arguments.name}: in secure mode; only this daemon can speak to it"))


def forget_security(arguments: ForgetArguments) -> None:
    """Let a bridge that was reset at its console (`bridge serve --insecure`) be spoken to plain again."""
    confirm(f"Speak to {escape(arguments.name)} without TLS from now on?", yes=arguments.yes)
    with session(arguments) as (client, _):
        client.forget_bridge_security(arguments.name)
    if not arguments.quiet:
        screen.data(escape(f"{arguments.name}: not secured any more, as far as this daemon is concerned"))


def _plain_hex(text: str | None) -> str | None:
    return None if text is None else text.replace(":", "").replace(" ", "").lower()
