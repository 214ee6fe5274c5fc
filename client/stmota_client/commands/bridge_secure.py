"""`stmota bridge secure` and `stmota bridge forget-security`."""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import Common, WithJson
from stmota_client.client import Client
from stmota_client.confirm import confirm
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.session import session
from stmota_protocol.api import BridgeKey, ProblemCode, SecureState


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

    Within 5 minutes of the bridge's start, or of `secure` at its console. Compare the fingerprint that its
    console shows with the one here. A bridge that is secured already gets a new certificate.
    """
    with session(arguments) as (client, _):
        done = None if arguments.fingerprint else _renewed(client, arguments.name)
        what = "has a new certificate" if done else "in secure mode; only this daemon can speak to it"
        if done is None:
            fingerprint = _plain_hex(arguments.fingerprint) or _compared(client, arguments.name)
            done = client.secure_bridge(arguments.name, fingerprint)
    if arguments.json:
        screen.document(done)
    elif not arguments.quiet:
        screen.data(escape(f"{arguments.name}: {what}"))


def forget_security(arguments: ForgetArguments) -> None:
    """Let a bridge that was reset at its console (`bridge serve --insecure`) be spoken to plain again."""
    confirm(f"Speak to {escape(arguments.name)} without TLS from now on?", yes=arguments.yes)
    with session(arguments) as (client, _):
        client.forget_bridge_security(arguments.name)
    if not arguments.quiet:
        screen.data(escape(f"{arguments.name}: not secured any more, as far as this daemon is concerned"))


def _renewed(client: Client, name: str) -> BridgeKey | None:
    """Renew the certificate of a secured bridge. None: it is not secured, or was reset."""
    if client.bridge(name).secure is not SecureState.OURS:
        return None
    try:
        return client.secure_bridge(name)
    except ClientError as error:
        if error.problem.code is not ProblemCode.NOT_SECURE:
            raise
        screen.warn(error.problem.message)
        return None


def _compared(client: Client, name: str) -> str:
    """Return the fingerprint that a person has compared. Raises `ClientError`."""
    if not sys.stdin.isatty():
        message = "there is no terminal to compare the fingerprint on: nothing was done"
        raise ClientError.of(
            ProblemCode.USAGE, message, "give --fingerprint as the bridge's console shows it"
        )
    fingerprint = client.bridge_fingerprint(name).fingerprint
    screen.say(f"the bridge's key has the fingerprint {fingerprint}")
    confirm("Does the bridge's own console show the same?", yes=False)
    return fingerprint


def _plain_hex(text: str | None) -> str | None:
    return None if text is None else text.replace(":", "").replace(" ", "").lower()
