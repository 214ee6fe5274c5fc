"""Commands of other parts, listed without importing them, loaded when they are called.

A part registers in the entry points' group `stmota.commands`; `bridge.serve` is `serve` in the group
`bridge`. One whose dependencies are not installed says how to install them.
"""

from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode

ENTRY_POINTS = "stmota.commands"
COMPLETION = ("install_completion", "show_completion")
"""Options that typer adds to every app: here they are the top's alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """A command of another part: its entry point's name, its one line, and what brings it."""

    entry_point: str
    summary: str
    extra: str

    @property
    def group(self) -> str:
        """The group it is in; empty at the top."""
        return self.entry_point.rpartition(".")[0]

    @property
    def command(self) -> str:
        """The name it is called by."""
        return self.entry_point.rpartition(".")[2]


PARTS = (
    Part("daemon", "Run, start, stop and look at the daemon.", "daemon"),
    Part("bridge.serve", "Make a serial port a bridge on the network.", "bridge"),
    Part("bridge.install", "Write the firmware into an ESP32 over USB, with esptool.", "bridge"),
    Part("bridge.provision", "Set up an ESP32 bridge over USB: Wi-Fi, name, pins.", "bridge"),
    Part("sim", "Simulate boards and bridges, to try things without hardware.", "sim"),
)


class PartsGroup(TyperGroup):
    """A group of commands in which some are loaded late."""

    group = ""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return our own commands, then the parts'."""
        return [*super().list_commands(ctx), *self._parts()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; a part's is a stand-in that knows its one line of help."""
        part = self._parts().get(cmd_name)
        if part is None:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(part.command, short_help=part.summary, help=part.summary, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to call; here a part is loaded. Raises `ClientError` if it cannot be."""
        name, command, rest = super().resolve_command(ctx, args)
        part = self._parts().get(name or "")
        return name, load(part) if part else command, rest

    def _parts(self) -> dict[str, Part]:
        return {part.command: part for part in PARTS if part.group == self.group}


class RootParts(PartsGroup):
    """The top: `daemon`, `sim`."""


class BridgeParts(PartsGroup):
    """The group `bridge`: `serve`, `install`, `provision`."""

    group = "bridge"


def load(part: Part) -> Any:
    """Return a part's command, ready to be called. Raises `ClientError` (USAGE) if it is not installed."""
    from importlib import metadata  # noqa: PLC0415 - takes 0.05 s, and --help does without

    found = metadata.entry_points(group=ENTRY_POINTS, name=part.entry_point)
    if not found:
        raise _missing(part, "its entry point is not there")
    try:
        loaded = next(iter(found)).load()
    except (ImportError, AttributeError) as error:
        raise _missing(part, error) from error
    return _plain(_command(loaded, part))


def _missing(part: Part, why: object) -> ClientError:
    name = part.entry_point.replace(".", " ")
    return ClientError.of(
        ProblemCode.USAGE,
        f"`stmota {name}` is not installed here: {why}",
        f"pip install 'stmota[{part.extra}]'",
    )


def _command(loaded: Any, part: Part) -> Any:
    """Return a click command of a typer app or of a plain function."""
    if not isinstance(loaded, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(part.command)(loaded)
        loaded = app
    loaded.pretty_exceptions_enable = False
    command = typer.main.get_command(loaded)
    command.name = part.command
    command.params = [parameter for parameter in command.params if parameter.name not in COMPLETION]
    return command


def _plain(command: Any) -> Any:
    """Give a command and those in it the same look as ours."""
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        _plain(inner)
    return command
