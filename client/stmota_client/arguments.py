"""A command's arguments as a frozen dataclass, so that options shared by commands are written once.

Each field is a typer option or argument (`Annotated`); `Command` shows them to typer as the parameters
of a function.
"""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import typer

from stmota_client import screen
from stmota_client.errors import ClientError
from stmota_client.interruption import termination_as_interrupt
from stmota_client.quantity import parse_number
from stmota_protocol.api import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes, before or behind its name."""

    daemon: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The daemon to talk to: unix:///path or http://host:port; none is started then."
            " [env: STMOTA_DAEMON; default: your own daemon]",
        ),
    ] = None
    no_autostart: Annotated[
        bool, typer.Option("--no-autostart", help="Fail (exit 3) instead of starting a daemon.")
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only data and errors: no progress, no notes.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WithJson(Common):
    """A command that prints for people, or JSON for programs."""

    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBridge(WithJson):
    """A command for one board."""

    bridge: Annotated[
        str | None,
        typer.Option(
            "--bridge",
            "-b",
            metavar="NAME",
            help="The board's bridge, by name or id. [env: STMOTA_BRIDGE; default: the only one known]",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnJob(OnBridge):
    """A command that is done by a job of the daemon's."""

    trace: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write every byte on the board's UART with its time; `stmota explain FILE` shows it.",
        ),
    ] = None


AUTO = "auto"


def number(text: str | int) -> int:
    """Parse a number option. Raises `typer.BadParameter`."""
    try:
        return text if isinstance(text, int) else parse_number(text)  # typer parses defaults, too
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def speed(text: str | int) -> int | None:
    """Parse a speed, or `auto`, which is None. Raises `typer.BadParameter`."""
    return None if text == AUTO else number(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBaud(OnJob):
    """A job that moves so many bytes that the bootloader's speed matters."""

    baud: Annotated[
        int | None,
        typer.Option(
            metavar="BAUD",
            parser=speed,
            help="Speed of the bootloader; auto: the fastest at which the chip answers right.",
        ),
    ] = 115200


A = TypeVar("A", bound=Common)


class Command(Generic[A]):
    """Calls `function(arguments)` with what typer parsed, and ends as the exit codes promise."""

    def __init__(self, arguments: type[A], function: Callable[[A], None]) -> None:
        self._arguments = arguments
        self._function = function
        hints = typing.get_type_hints(arguments, include_extras=True)
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        self.__name__ = function.__name__
        self.__annotations__ = {"context": typer.Context, **hints}
        self.__signature__ = inspect.Signature(
            [context, *(_parameter(field, hints[field.name]) for field in _own_first(arguments))]
        )

    def __call__(self, *, context: typer.Context, **given: Any) -> None:
        """Run the command. Raises `ClientError` for the main program to show."""
        arguments = inherited(self._arguments(**given), context.find_root().obj)
        try:
            with termination_as_interrupt():
                self._function(arguments)
                sys.stdout.flush()
        except ClientError as error:
            if isinstance(arguments, WithJson) and arguments.json:
                screen.document(error.document)
            raise
        except BrokenPipeError as error:
            screen.silence_stdout()
            raise typer.Exit(ExitCode.FAILED) from error


def inherited(arguments: A, root: Common | None) -> A:
    """Return `arguments` with what only stood before the command's name."""
    if root is None:
        return arguments
    return dataclasses.replace(
        arguments,
        daemon=arguments.daemon or root.daemon,
        no_autostart=arguments.no_autostart or root.no_autostart,
        quiet=arguments.quiet or root.quiet,
    )


def add_command(
    app: typer.Typer,
    name: str,
    arguments: type[A],
    function: Callable[[A], None],
    *,
    examples: tuple[str, ...],
) -> None:
    """Add a command to `app`; its help is `function`'s docstring and the examples."""
    app.command(name, help=with_examples(function, examples))(Command(arguments, function))


def with_examples(documented: Callable[..., object], examples: tuple[str, ...]) -> str:
    r"""Return help for typer; the `\b` keeps the examples' lines as they are."""
    heading = "Example:" if len(examples) == 1 else "Examples:"
    return "\n".join(
        [inspect.getdoc(documented) or "", "", "\b", heading, *(f"  {line}" for line in examples)]
    )


def _own_first(arguments: type[Common]) -> list["dataclasses.Field[Any]"]:
    """Return the fields in the order of the help: a command's own ones, then the shared ones."""
    fields = {field.name: field for field in dataclasses.fields(arguments)}
    return [fields[name] for kind in arguments.__mro__ for name in vars(kind).get("__annotations__", {})]


def _parameter(field: "dataclasses.Field[Any]", annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
