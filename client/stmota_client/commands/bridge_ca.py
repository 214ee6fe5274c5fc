"""`stmota bridge ca`: the daemon's CA, its backup and its rotation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import Common, WithJson, add_command, with_examples
from stmota_client.confirm import confirm
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.output_file import OutputFile
from stmota_client.passphrase import VARIABLE, passphrase
from stmota_client.session import session
from stmota_protocol.api import CertificateAuthority, ImportAuthorities, ProblemCode, SecuredBridge

MAX_BACKUP = 1024 * 1024
"""Bytes that are read of a file; a CA with a thousand bridges has some 30 KiB."""
NO_CA = "no CA yet: the first is made when a bridge is secured"
OLD_BACKUPS = "a backup made before does not hold this CA: stmota bridge ca export FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowArguments(WithJson):
    """Nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateArguments(WithJson):
    """Whether to ask."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportArguments(Common):
    """Where to."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="The backup: a new file, for its owner only.")]
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="Do not encrypt the private keys: for a safe of your own.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportArguments(WithJson):
    """What, and against which refusals."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of `stmota bridge ca export`.")]
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also where bridges are secured by another CA: they get certificates of this one."
        ),
    ] = False


def ca() -> None:
    """Show, back up and rotate the CA by which this daemon's secured bridges know it."""


def show(arguments: ShowArguments) -> None:
    """Show the daemon's CA: fingerprint, when it was made, and whom it secured.

    After a rotation the CA before is there, too, until each of its bridges has a certificate of the new one.
    """
    with session(arguments) as (client, _):
        authorities = client.authorities()
    _show(arguments, authorities)


def rotate(arguments: RotateArguments) -> None:
    """Make a new CA, and give every secured bridge a certificate of it.

    One that cannot be reached keeps the old one, and the daemon goes on with that CA until it is back.
    """
    confirm("Make a new CA, and renew the certificate of every secured bridge?", yes=arguments.yes)
    with session(arguments) as (client, _):
        authorities = client.rotate_authority()
    _show(arguments, authorities)
    if not arguments.quiet:
        screen.say(f"note: {OLD_BACKUPS}")


def export(arguments: ExportArguments) -> None:
    """Write a backup of the CA, with which another daemon can take over the secured bridges.

    Its private keys are encrypted with a passphrase, which is asked for, or read from STMOTA_CA_PASSPHRASE.
    """
    path = Path(arguments.file)
    if path.exists():
        raise ClientError.of(ProblemCode.USAGE, f"{path} is there already", "name a new file")
    secret = None if arguments.no_passphrase else passphrase(is_new=True)
    with session(arguments) as (client, _), OutputFile(path, is_private=True) as output:
        output.write(client.export_authorities(secret))
    if not arguments.quiet:
        how = "not encrypted: whoever reads it" if secret is None else "encrypted: whoever has the passphrase"
        screen.say(f"{path}: the CA and its key, {how} can speak to the secured bridges")


def import_(arguments: ImportArguments) -> None:
    """Bring back a backup: its CA signs from now on, and what it secured is reached."""
    pem = _read(arguments.file)
    secret = passphrase(is_new=False) if "BEGIN ENCRYPTED PRIVATE KEY" in pem else None
    with session(arguments) as (client, _):
        request = ImportAuthorities(pem=pem, passphrase=secret, force=arguments.force)
        authorities = client.import_authorities(request)
    _show(arguments, authorities)


def _show(arguments: WithJson, authorities: Sequence[CertificateAuthority]) -> None:
    if arguments.json:
        screen.document(authorities)
        return
    for authority in authorities:
        made = time.strftime("%Y-%m-%d", time.localtime(authority.made_at))
        role = "signs" if authority.signs else "is kept until these have a certificate of the new one"
        screen.data(f"{authority.fingerprint}  made {made}, {role}")
        for bridge in authority.bridges:
            screen.data(escape(f"  {_line(bridge)}"))
    if not authorities and not arguments.quiet:
        screen.say(NO_CA)


def _line(bridge: SecuredBridge) -> str:
    who = f"{bridge.name} ({bridge.id})" if bridge.name else bridge.id
    return f"{who}: waits, {bridge.waits_for}" if bridge.waits_for else who


def _read(file: str) -> str:
    try:
        with Path(file).open("rb") as backup:
            return backup.read(MAX_BACKUP).decode("ascii")
    except OSError as error:
        raise ClientError.of(ProblemCode.USAGE, f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        message = f"{file} is no file of `stmota bridge ca export`: it is not text"
        raise ClientError.of(ProblemCode.USAGE, message) from error


def register(group: typer.Typer) -> None:
    """Add the group `ca` to the group `bridge`."""
    inner = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    add_command(inner, "show", ShowArguments, show, examples=("stmota bridge ca show --json",))
    add_command(
        inner, "export", ExportArguments, export,
        examples=("stmota bridge ca export lab-ca.pem", f"{VARIABLE}=… stmota bridge ca export lab-ca.pem"),
    )  # fmt: skip
    add_command(inner, "import", ImportArguments, import_, examples=("stmota bridge ca import lab-ca.pem",))
    add_command(inner, "rotate", RotateArguments, rotate, examples=("stmota bridge ca rotate --yes",))
    group.add_typer(inner, name="ca", help=with_examples(ca, ("stmota bridge ca show",)))
