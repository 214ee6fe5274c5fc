"""`stmota bridge settings` and `stmota bridge update`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, WithJson, add_command
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.jobs import run_options
from stmota_protocol.api import Job, JobKind, ProblemCode
from stmota_protocol.api.bridge_work import (
    BridgeSettingsOptions,
    BridgeSettingsResult,
    BridgeUpdateOptions,
    BridgeUpdateResult,
)

NAME_HELP = "The bridge's name or id."
MAX_IMAGE = 16 * 1024 * 1024
"""The largest flash of an ESP32 module; a slot for firmware is smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsArguments(WithJson):
    """Which bridge, and what to change."""

    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)]
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Change these, all or none; else only show."),
    ] = None
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart the bridge in the end, and wait until it is back.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateArguments(WithJson):
    """Which bridge, and which firmware."""

    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)]
    file: Annotated[str, typer.Argument(metavar="FILE", help="The image idf.py made: stmota_bridge.bin.")]
    force: Annotated[
        bool, typer.Option("--force", help="Write it although the bridge runs that version or a later one.")
    ] = False


def settings(arguments: SettingsArguments) -> None:
    """Show and change a bridge's own settings, over the network.

    Over plain TCP a bridge allows it only where provisioning did (its setting net_settings). The Wi-Fi
    password is neither shown nor set: `stmota bridge provision` does that over USB.
    """
    changes = parse_changes(arguments.changes or [])
    options = BridgeSettingsOptions(changes=changes, restart=arguments.restart)
    job = run_options(_on(arguments, arguments.name), JobKind.BRIDGE_SETTINGS, options)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, BridgeSettingsResult):
        _show(job, job.result, quiet=arguments.quiet)


def update(arguments: UpdateArguments) -> None:
    """Update a bridge's own firmware, over the network.

    The image's project, chip and version are checked first. The bridge restarts with the new firmware, and
    goes back to the one before if that does not reach the daemon. Over plain TCP a bridge allows it only
    where provisioning did (its setting net_update).
    """
    image = _read(arguments.file)
    options = BridgeUpdateOptions(
        firmware=hashlib.sha256(image).hexdigest(), filename=Path(arguments.file).name, force=arguments.force
    )
    job = run_options(_on(arguments, arguments.name), JobKind.BRIDGE_UPDATE, options, image)
    if arguments.json:
        screen.document(job)
    elif isinstance(job.result, BridgeUpdateResult) and not arguments.quiet:
        done = job.result
        screen.data(
            escape(
                f"{job.bridge}: runs {done.version} and keeps it (before: {done.version_before}),"
                f" {done.seconds:.1f} s"
            )
        )


def parse_changes(texts: list[str]) -> dict[str, str]:
    """Parse `key=value` each. Raises `ClientError` (USAGE)."""
    changes: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or key in changes:
            why = "is there twice" if key in changes else "is no KEY=VALUE"
            message = f"{text!r} {why}" if key != "password" else "password is there twice"
            raise ClientError.of(
                ProblemCode.USAGE, message, "for example: stmota bridge settings lab nrst=19"
            )
        changes[key] = value
    return changes


def _show(job: Job, result: BridgeSettingsResult, *, quiet: bool) -> None:
    width = max((len(setting.key) for setting in result.settings), default=0)
    for setting in result.settings:
        mark = "   (after a restart)" if setting.pending else ""
        screen.data(escape(f"{setting.key:<{width}}  {setting.value}{mark}").rstrip())
    if result.needs_restart and not quiet:
        screen.say(f"to work by it: stmota bridge settings {escape(job.bridge)} --restart")


def _on(arguments: WithJson, name: str) -> OnJob:
    return OnJob(
        daemon=arguments.daemon,
        no_autostart=arguments.no_autostart,
        quiet=arguments.quiet,
        json=arguments.json,
        bridge=name,
    )


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as image:
            content = image.read(MAX_IMAGE + 1)
    except OSError as error:
        raise ClientError.of(ProblemCode.USAGE, f"{file}: {error.strerror}") from error
    if len(content) > MAX_IMAGE:
        raise ClientError.of(
            ProblemCode.NOT_FIRMWARE, f"{file}: more than {MAX_IMAGE >> 20} MiB: no bridge's image"
        )
    return content


def register(group: typer.Typer) -> None:
    """Add the commands to the group `bridge`."""
    add_command(
        group,
        "settings",
        SettingsArguments,
        settings,
        examples=("stmota bridge settings lab-esp32", "stmota bridge settings lab-esp32 nrst=19 --restart"),
    )
    add_command(
        group,
        "update",
        UpdateArguments,
        update,
        examples=("stmota bridge update lab-esp32 build/stmota_bridge.bin",),
    )
