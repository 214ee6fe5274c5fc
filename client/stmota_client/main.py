"""The command `stmota`: parses, calls one command, and turns every end into an exit code."""

import io
import os
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer

from stmota_client import screen
from stmota_client.arguments import Common, with_examples
from stmota_client.commands import (
    bridge,
    discover,
    doctor,
    erase,
    explain,
    flash,
    go,
    info,
    logs,
    option_bytes,
    protect,
    read,
    reset,
    verify,
)
from stmota_client.errors import ClientError
from stmota_client.exit_codes import EPILOG
from stmota_client.jobs import Left
from stmota_client.parts import RootParts
from stmota_protocol.api import ExitCode, Problem, ProblemCode

TRACEBACK = "STMOTA_TRACEBACK"
"""Set it to 1 to see where an unforeseen error came from."""
EXAMPLES = ("stmota discover", "stmota flash --bridge lab-esp32 fw.bin", "stmota logs --bridge lab-esp32 -f")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # noqa: PLC0415 - takes 0.05 s, and only --version needs it

        screen.data(f"stmota {metadata.version('stmota')}")
        raise typer.Exit


def root(
    context: typer.Context,
    daemon: Annotated[str | None, typer.Option(metavar="URL", help="The daemon to talk to.")] = None,
    no_autostart: Annotated[bool, typer.Option("--no-autostart", help="Start no daemon.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only data and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Flash STM32 boards over the air, and follow their logs."""
    context.obj = Common(daemon=daemon, no_autostart=no_autostart, quiet=quiet)


def new_app() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        cls=RootParts,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=with_examples(root, EXAMPLES), epilog=EPILOG)(root)
    board = (flash, read, verify, erase, go, protect, option_bytes, info, reset, doctor)
    for command in (discover, *board, logs, explain, bridge):
        command.register(app)
    return app


def main() -> NoReturn:
    """Run `stmota`; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets \\uNNNN
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code. No exception leaves, and no traceback is shown."""
    try:
        return int(_run(arguments))
    except BrokenPipeError:
        screen.silence_stdout()
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        return _unforeseen(error)


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(new_app())
    try:
        result = command.main(args=arguments, prog_name="stmota", standalone_mode=False)
        sys.stdout.flush()
    except ClientError as error:
        screen.problem(error.problem)
        return error.exit_code
    except Left as left:
        screen.say(str(left))
        return ExitCode.INTERRUPTED
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        shown: Any = error  # usage errors show themselves, with the command's usage line
        shown.show()
        return error.exit_code
    return result if isinstance(result, int) else ExitCode.DONE


def _unforeseen(error: Exception) -> ExitCode:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    screen.problem(
        Problem(
            code=ProblemCode.FAILED,
            message=f"unforeseen: {type(error).__name__}: {error}",
            remedy=f"please report it with what {TRACEBACK}=1 shows",
        )
    )
    return ExitCode.FAILED
