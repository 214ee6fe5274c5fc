"""`stmota bridge add` and `stmota bridge remove`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import Common, WithJson, add_command, with_examples
from stmota_client.commands import bridge_ca, bridge_upkeep
from stmota_client.commands.bridge_secure import (
    ForgetArguments,
    SecureArguments,
    forget_security,
    secure,
)
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.parts import BridgeParts
from stmota_client.session import session
from stmota_protocol.api import AddBridge, NetworkPlace, ProblemCode, SerialPlace

DEFAULT_TCP_PORT = 7820
"""`stmota_protocol.messages.DEFAULT_TCP_PORT`; that module takes 0.05 s to import. A test compares them."""
LINES = ("rts", "dtr", "!rts", "!dtr")
"""Modem lines of a serial port that can drive NRST or BOOT0; `!` inverts."""

GIVE_ONE = "a bridge is either at HOST[:PORT] or at --serial URL: give one of them"
ONLY_SERIAL = "--reset and --boot0 name lines of a serial port: they go with --serial"


def _modem_line(text: str) -> str:
    if text not in LINES:
        message = f"{text!r} is no line; name one of {', '.join(LINES)}"
        raise typer.BadParameter(message)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class AddArguments(WithJson):
    """A bridge's name, and where it is."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the bridge.")]
    host: Annotated[
        str | None,
        typer.Argument(metavar="HOST[:PORT]", help=f"Where it listens. [default port: {DEFAULT_TCP_PORT}]"),
    ] = None
    serial: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Instead of a host, a serial port of the daemon's machine: /dev/ttyUSB0,"
            " rfc2217://host:port or socket://host:port.",
        ),
    ] = None
    reset: Annotated[
        str | None,
        typer.Option(metavar="LINE", parser=_modem_line, help="Line wired to NRST: rts, dtr, !rts or !dtr."),
    ] = None
    boot0: Annotated[
        str | None,
        typer.Option(metavar="LINE", parser=_modem_line, help="Line wired to BOOT0: rts, dtr, !rts or !dtr."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveArguments(Common):
    """Which bridge."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The bridge's name or id.")]


def bridge() -> None:
    """Add and remove bridges, set, update and secure them; serve a serial port as one."""


def add(arguments: AddArguments) -> None:
    """Add a bridge that mDNS does not find, or a serial port, to the daemon's configuration."""
    request = AddBridge(name=arguments.name, place=place(arguments))
    with session(arguments) as (client, _):
        added = client.add_bridge(request)
    if arguments.json:
        screen.document(added)
    elif not arguments.quiet:
        screen.data(escape(f"{added.name}: added at {added.address}, {added.state.value}"))


def remove(arguments: RemoveArguments) -> None:
    """Remove a bridge from the daemon's configuration; one found by mDNS stays while it is announced."""
    with session(arguments) as (client, _):
        client.remove_bridge(arguments.name)
    if not arguments.quiet:
        screen.data(escape(f"{arguments.name}: removed"))


def place(arguments: AddArguments) -> NetworkPlace | SerialPlace:
    """Return where the bridge is. Raises `ClientError` (USAGE) unless it is said just once."""
    if (arguments.host is None) == (arguments.serial is None):
        raise _usage(GIVE_ONE)
    if arguments.serial is not None:
        return SerialPlace(url=arguments.serial, reset=arguments.reset, boot0=arguments.boot0)
    if arguments.reset or arguments.boot0:
        raise _usage(ONLY_SERIAL)
    return network_place(arguments.host or "")


def network_place(text: str) -> NetworkPlace:
    """Parse `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. Raises `ClientError` (USAGE)."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest.startswith(":") else rest and "?"
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        message = f"{text!r} is no address: give HOST, HOST:PORT or [IPV6]:PORT"
        raise _usage(message)
    return NetworkPlace(host=host, port=int(port) if port else DEFAULT_TCP_PORT)


def _usage(message: str) -> ClientError:
    return ClientError.of(ProblemCode.USAGE, message, "see `stmota bridge add --help`")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(cls=BridgeParts, rich_markup_mode=None, no_args_is_help=True)
    add_command(
        group,
        "add",
        AddArguments,
        add,
        examples=(
            "stmota bridge add lab-esp32 192.168.1.20",
            "stmota bridge add desk --serial /dev/ttyUSB0 --reset rts --boot0 dtr",
        ),
    )
    add_command(group, "remove", RemoveArguments, remove, examples=("stmota bridge remove lab-esp32",))
    bridge_upkeep.register(group)
    add_command(group, "secure", SecureArguments, secure, examples=("stmota bridge secure lab-esp32",))
    add_command(
        group,
        "forget-security",
        ForgetArguments,
        forget_security,
        examples=("stmota bridge forget-security lab-esp32",),
    )
    bridge_ca.register(group)
    app.add_typer(
        group, name="bridge", help=with_examples(bridge, ("stmota bridge add lab-esp32 192.168.1.20",))
    )
